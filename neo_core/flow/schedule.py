"""Where on the path the solver stops, and where training looks."""

import torch
from torch import Tensor


def shifted(t: Tensor, shift: float) -> Tensor:
    """t -> shift t / (1 + (shift - 1) t): above 1 the path lingers near the noise (arXiv 2403.03206, eq. 23)."""
    return shift * t / (1 + (shift - 1) * t)


def timesteps(steps: int, shift: float = 1.0) -> Tensor:
    """The stops of a solver, from 1 (noise) down to 0 (data): [steps + 1]."""
    if steps < 1:
        raise ValueError(f"found {steps} sampling steps, expected 1 or more")
    return shifted(torch.linspace(1, 0, steps + 1, dtype=torch.float64), shift).float()


def logit_normal(
    count: int, mean: float = 0.0, deviation: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Training times: sigmoid of a normal (arXiv 2403.03206); a mean above 0 leans towards the noise. [count]"""
    return torch.sigmoid(mean + deviation * torch.randn(count, generator=generator))
