"""The geometric renderer: lift a photo onto a 3D head, deform it by a motion vector, translate it into frames."""

from .deform import deform
from .fusion import Picture, fused
from .lift import Volume, lift
from .matte import DRAWN, ROUGH
from .posed import Posed, draw, draw_mesh, pose
from .translate import render, translate

__all__ = [
    "DRAWN",
    "ROUGH",
    "Picture",
    "Posed",
    "Volume",
    "deform",
    "draw",
    "draw_mesh",
    "fused",
    "lift",
    "pose",
    "render",
    "translate",
]
