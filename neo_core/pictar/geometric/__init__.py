"""The geometric renderer: lift a photo onto a 3D head, deform it by a motion vector, translate it into frames."""

from .deform import deform
from .lift import Volume, lift
from .translate import render, translate

__all__ = ["Volume", "deform", "lift", "render", "translate"]
