"""The volumetric renderer: lift a picture into a volume of features, deform it by keypoints, translate it into frames.

Public checkpoints of this architecture (LivePortrait, arXiv 2407.03168) give the pixels they give elsewhere.
"""

from .checkpoints import load_renderer
from .deform import deform
from .family import FAMILY, Renderer, RendererConfig
from .keypoints import FaceMotion, place
from .lift import Volume, lift
from .translate import render, translate

__all__ = [
    "FAMILY",
    "FaceMotion",
    "Renderer",
    "RendererConfig",
    "Volume",
    "deform",
    "lift",
    "load_renderer",
    "place",
    "render",
    "translate",
]
