"""How unlike two faces look to a network that reads faces: distances of features at several scales, as LPIPS measures
them (arXiv 1801.03924, eq. 1), by the encoder of our own landmark network and without learned weights."""

import torch.nn.functional as F
from torch import Tensor, nn

from ..nn.conv2d import centred
from ..pictar.analysis import Analyser


class FeatureDistance(nn.Module):
    """Frozen; gradients go through it to the pictures."""

    def __init__(self, analyser: Analyser) -> None:
        super().__init__()
        self.size = analyser.config.landmarks.size
        self.encoder = analyser.landmarks.encoder
        self.requires_grad_(False).eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Faces that fill their pictures, [B, 3, H, H] in 0..1 -> [B], 0 for equal ones."""
        size = {"size": (self.size, self.size), "mode": "bilinear", "antialias": True, "align_corners": False}
        pair = [centred(F.interpolate(x.float(), **size)) for x in (first, second)]
        total = first.new_zeros(len(first))
        for layer in self.encoder:
            pair = [layer(x) for x in pair]
            unit = [F.normalize(x.float(), dim=1, eps=1e-3) for x in pair]
            total = total + (unit[0] - unit[1]).square().sum(1).mean((1, 2))
        return total / len(self.encoder)
