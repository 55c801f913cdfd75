"""Training one network against the clock: a schedule planned for its minutes, an exponential moving average, a log.

Also used where time, not data, is the limit: each step draws a fresh random batch.
"""

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How long and how fast. Time is the process's own: a busy machine takes longer and learns as much."""

    minutes: float
    rate: float = 2.5e-3
    warm_up: int = 150  # steps
    decay: float = 0.02  # weight decay, matrices only
    average: float = 0.998  # of the moving average, reached gradually
    report: float = 60.0  # seconds between reports


def fit(
    net: nn.Module, loss: Callable[[nn.Module], Tensor], plan: Plan, report: Callable[[nn.Module], str]
) -> nn.Module:
    """Minimise `loss(net)` until the time is up; returns the averaged network.

    `report(average)` is called now and then: it may save, and returns what to log.
    """
    net.train()
    average = copy.deepcopy(net).eval()
    optimiser = torch.optim.AdamW(_groups(net, plan.decay), lr=plan.rate, betas=(0.9, 0.98))
    start = said = time.process_time()
    step, total = 0, 0.0
    while (progress := (time.process_time() - start) / (60 * plan.minutes)) < 1 or step == 0:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(plan, step, progress)
        value = loss(net)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        step += 1
        total += float(value.detach())
        follow(average, net, min(plan.average, (1 + step) / (20 + step)))
        if time.process_time() - said > plan.report:
            said = time.process_time()
            pace = (said - start) / step
            log.info("step %d, %.2f s each, mean loss %.4f, %s", step, pace, total / step, report(average))
    log.info("finished after %d steps, %s", step, report(average))
    return average


def learning_rate(plan: Plan, step: int, progress: float) -> float:
    """Linear warm-up by steps, cosine to one hundredth by time."""
    cosine = 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * min(progress, 1.0)))))
    return plan.rate * min(1.0, (step + 1) / plan.warm_up) * (0.99 * cosine + 0.01)


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """average <- keep average + (1 - keep) net, buffers included."""
    own = net.state_dict()
    for name, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(own[name], 1 - keep)
        else:
            value.copy_(own[name])


def _groups(net: nn.Module, decay: float) -> list[dict]:
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
