"""A portrait that the mini renders: lifted as for the geometric renderer, drawn by a small network in its place."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..pictar.mini.face import lift_mini
from ..pictar.mini.network import Mini, load_mini
from .talking_head import Avatar


@dataclass(frozen=True)
class MiniRenderer:
    """Which mini renders."""

    weights: Path | None = None  # a file of `train volumetric`; the embedded one without

    def files(self) -> list[Path]:
        """What is read."""
        return [self.weights] if self.weights else []

    def load(self) -> Mini:
        """Raises InputError where there is none."""
        return load_mini(self.weights)


def drawn_by(avatar: Avatar, mini: Mini) -> Avatar:
    """The same portrait, drawn by a mini."""
    return replace(avatar, volume=lift_mini(avatar.volume, mini))
