"""The per-token refine step of a transformer block."""

import torch.nn.functional as F
from torch import Tensor, nn


class FeedForward(nn.Module):
    """Linear, GELU, Linear. [..., D] -> [..., D]"""

    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        hidden = round(ratio * width)
        self.rise = nn.Linear(width, hidden)
        self.fall = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fall(F.gelu(self.rise(x), approximate="tanh"))
