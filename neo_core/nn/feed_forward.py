"""The per-token refine step of a transformer block."""

import torch.nn.functional as F
from torch import Tensor, nn


class FeedForward(nn.Module):
    """Linear, GELU, Linear. [..., D] -> [..., D]"""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.rise = nn.Linear(width, ratio * width)
        self.fall = nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fall(F.gelu(self.rise(x), approximate="tanh"))
