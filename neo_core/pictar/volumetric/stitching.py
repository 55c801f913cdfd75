"""S: small networks on keypoints. One fits the moved face to the still shoulders, two open and close lips and eyes.

Public layout: `reference/pictar.md` 2.5. Letters: B faces, K keypoints.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LIP_RATIOS, EYE_RATIOS = 2, 3


@dataclass(frozen=True)
class StitchingConfig:
    keypoints: int
    stitch: tuple[int, ...]  # widths of the hidden layers
    lip: tuple[int, ...]
    eye: tuple[int, ...]


class Mlp(nn.Module):
    """Linear layers with ReLUs in between."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((inputs, *hidden[:-1]), hidden, strict=True):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class Stitching(nn.Module):
    """Keypoints [B, K, 3] of the source and of a frame -> what to add to the frame's. Always in float32."""

    def __init__(self, config: StitchingConfig) -> None:
        super().__init__()
        self.config = config
        numbers = 3 * config.keypoints
        self.shoulder = Mlp(2 * numbers, config.stitch, numbers + 2)
        self.mouth = Mlp(numbers + LIP_RATIOS, config.lip, numbers)
        self.eye = Mlp(numbers + EYE_RATIOS, config.eye, numbers)

    def silent(self, part: str) -> bool:
        """Whether the network for "eyes" or "lips" says nothing, whatever it is asked: it was never trained."""
        network = self.eye if part == "eyes" else self.mouth
        return not any(bool(parameter.any()) for parameter in network.parameters())

    def stitch(self, source: Tensor, driving: Tensor) -> Tensor:
        """The frame's keypoints, moved so that neck and shoulders stay where the picture has them. [B, K, 3]"""
        change = self.shoulder(torch.cat([source.flatten(1), driving.flatten(1)], 1))
        moved = driving + change[:, :-2].view_as(driving)
        return torch.cat([moved[..., :2] + change[:, None, -2:], moved[..., 2:]], -1)

    def lip_change(self, source: Tensor, ratios: Tensor) -> Tensor:
        """What brings lips that are open by ratios[:, 0] to ratios[:, 1]. [B, K, 3], [B, 2] -> [B, K, 3]"""
        return self.mouth(torch.cat([source.flatten(1), ratios], 1)).view_as(source)

    def eye_change(self, source: Tensor, ratios: Tensor) -> Tensor:
        """What brings eyes that are open by ratios[:, :2], left and right, to ratios[:, 2]. [B, 3] -> [B, K, 3]"""
        return self.eye(torch.cat([source.flatten(1), ratios], 1)).view_as(source)
