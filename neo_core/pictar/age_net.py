"""Is this the face of a child? Judged by its proportions: the shape that the landmarks draw, and nothing else.

Skin, hair and beard do not count. The network learned from the factory's people, whose skin is painted, and a smooth
chin would soon mean "child" to it; shapes look the same in photos, paintings and stone. It runs on the CPU, and callers
cannot put another one in its place.

Letters: B faces, K landmarks.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..weights import safetensors_io
from ..weights.manifest import embedded
from .analysis import Face
from .squares import frame_face, to_crop

YEARS_UNIT = 20.0  # the scale on which ages are regressed


@dataclass(frozen=True)
class AgeConfig:
    landmarks: int
    hidden: int = 128
    dropout: float = 0.1  # of landmarks and features, in training
    refused: float = 0.0  # the logit from which on a face is taken for a child's, set on held-out people


class AgeReading(NamedTuple):
    child: Tensor  # [B] logit
    years: Tensor  # [B] apparent age


class AgeNet(nn.Module):
    """A shape in, one reading out."""

    def __init__(self, config: AgeConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(2 * config.landmarks),
            nn.Dropout(config.dropout),
            nn.Linear(2 * config.landmarks, config.hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, 2),
        )
        self.register_buffer("mirror", torch.arange(config.landmarks))  # partner on the other half of the face

    def forward(self, shape: Tensor) -> AgeReading:
        """shape [B, K, 2] in crop coordinates of the face, as `face_shape` gives it."""
        child, years = self.layers(shape).unbind(1)
        return AgeReading(child, YEARS_UNIT * years)


@lru_cache
def load_age_net(path: str | Path | None = None) -> AgeNet:
    """The embedded network, or the one in a file that `save_age_net` wrote."""
    path = path or embedded("age.safetensors")
    net = AgeNet(AgeConfig(**safetensors_io.load_config_for(path, AgeConfig)))
    safetensors_io.load_into(net, path)
    return net.eval()


def save_age_net(path: str | Path, net: AgeNet, made: dict) -> None:
    """In half precision, with its config and the story of its making."""
    safetensors_io.save(path, net.state_dict(), asdict(net.config), made=made, dtype=torch.float16)


@torch.no_grad()
def read_age(net: AgeNet, landmarks: Tensor) -> AgeReading:
    """Faces with landmarks [B, K, 2] in pixels: the mean of what each says as it is and mirrored."""
    shape = to_crop(frame_face(landmarks), landmarks)
    return AgeReading(*((a + b) / 2 for a, b in zip(net(shape), net(mirrored(shape, net.mirror)), strict=True)))


def looks_like_a_child(face: Face) -> bool:
    """The verdict of the embedded network."""
    net = load_age_net()
    return bool(read_age(net, face.landmarks[None]).child > net.config.refused)


def mirrored(shape: Tensor, partner: Tensor) -> Tensor:
    """The shape in the mirror; partner [K] is the landmarks' left-right permutation. [B, K, 2]"""
    return shape[:, partner] * shape.new_tensor([-1.0, 1.0])
