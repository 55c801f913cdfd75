"""Flow matching for networks that predict the data: the losses, the random times, and the loop against the clock.

x_t = (1 - t) x_0 + t e,   the loss is on the velocity the prediction stands for (arXiv 2511.13720), plus the first
and second frame differences of the prediction itself, weighted (1 - t)^2 because near the noise they mean nothing.
"""

import argparse
import copy
import hashlib
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data_types import InputError
from ..flow.path import velocity_from_data
from .fitting import follow

MOST_LEFT_OUT = 20  # steps in a row
STEP_SEED = 1_000_003  # between the dice of two seeds

log = logging.getLogger(__name__)


def velocity_error(x: Tensor, predicted: Tensor, data: Tensor, t: Tensor) -> Tensor:
    """Squared error of the velocity, elementwise: [B, T, ...]."""
    return (velocity_from_data(x, predicted, t) - velocity_from_data(x, data, t)).square()


def difference_error(predicted: Tensor, data: Tensor, before: Tensor, order: int) -> Tensor:
    """Squared error of the frame differences of `order`, the seam to the frames `before` included: [B, T, ...]."""
    joined = (torch.cat((before[:, -order:], motion), dim=1) for motion in (predicted, data))
    first, second = (motion.diff(n=order, dim=1) for motion in joined)
    return (first - second).square()


@dataclass(frozen=True)
class Plan:
    """How long and how fast. Time is the process's own: a busy machine takes longer and learns as much; where a GPU
    does the work, it is the clock's. A run ends with its minutes or its steps, whichever is first; runs of equal steps
    compare architectures."""

    minutes: float = math.inf
    rate: float = 1.5e-3
    warm_up: int = 100  # steps
    weight_decay: float = 0.02  # matrices only
    average: float = 0.998  # of the moving average, reached gradually
    clip: float = 1.0  # gradient norm
    report: float = 60.0  # seconds between reports, which also save
    steps: float = math.inf
    by_the_clock: bool = False


@dataclass
class Run:
    """A training run that can be put down and taken up again."""

    net: nn.Module
    plan: Plan
    options: Mapping[str, float | str] = field(default_factory=dict)  # what else decides what is learned: sizes, seed
    average: nn.Module = field(init=False)
    optimiser: torch.optim.Optimizer = field(init=False)
    step: int = 0
    seconds: float = 0.0  # spent so far, over all sittings

    @property
    def progress(self) -> float:
        """How much of the plan is done. 0..1"""
        return min(1.0, max(self.seconds / (60 * self.plan.minutes), self.step / self.plan.steps))

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.net).eval()
        self.optimiser = torch.optim.AdamW(parameter_groups(self.net, self.plan), betas=(0.9, 0.98), fused=True)

    @property
    def story(self) -> dict[str, float | str]:
        """What a run that goes on has to agree with: all but how often it reports, and whose time it counts."""
        told = {**asdict(self.plan), **self.options}
        return {name: value for name, value in told.items() if name not in ("report", "by_the_clock")}

    def save(self, path: Path) -> None:
        state = {name: getattr(self, name).state_dict() for name in ("net", "average", "optimiser")}
        part = path.with_suffix(".part")
        torch.save({**state, "step": self.step, "seconds": self.seconds, "story": self.story}, part)
        os.replace(part, path)

    def load(self, path: Path) -> None:
        """Go on from a file. Raises InputError where there is none, and where its run was another one; files from
        before 21 November 2026 do not say which theirs was."""
        if not path.is_file():
            raise InputError(f"{path} does not exist; expected the file that a run which was put down has left")
        state = torch.load(path, map_location="cpu", weights_only=True)
        then, now = state.get("story", self.story), self.story
        if then != now:
            apart = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
            found, wanted = (", ".join(f"{name} {story.get(name)}" for name in apart) for story in (then, now))
            raise InputError(f"{path} is of a run with {found}; expected one with {wanted}")
        for name in ("net", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]


def fingerprint(net: nn.Module, but: str | tuple[str, ...] = ()) -> str:
    """A name for the weights of a network, but for those whose names begin so: a run that goes on needs the same."""
    state = hashlib.sha256()
    for name, value in net.state_dict().items():
        if not name.startswith(but):
            state.update(name.encode())
            state.update(value.detach().cpu().float().numpy().tobytes())
    return state.hexdigest()


def add_run_arguments(parser: argparse.ArgumentParser, out: Path) -> None:
    """Options of every recipe that trains a network of its own here: where it runs, where it lands."""
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from OUT.resume")


def resume_path(out: Path) -> Path:
    """Where a run that makes `out` is put down."""
    return out.with_suffix(".resume")


def step_dice(seed: int, step: int) -> torch.Generator:
    """Dice of one step, whatever was drawn before it: a run that was put down goes on as it would have."""
    return torch.Generator().manual_seed(STEP_SEED * seed + step)


def train(run: Run, loss: Callable[[nn.Module], Tensor], report: Callable[[Run], str]) -> nn.Module:
    """Minimise `loss(net)` until the plan is done; returns the moving average. Raises FloatingPointError for a
    loss that is no number, and after many gradients that are none: what was saved before is still good."""
    run.net.train()
    now = time.monotonic if run.plan.by_the_clock else time.process_time
    begin = said = now()
    begun, recent, since, left_out = run.seconds, 0.0, 0, 0
    while run.progress < 1 or run.step == 0:
        for group in run.optimiser.param_groups:
            group["lr"] = learning_rate(run)
        value = loss(run.net)
        if not value.isfinite():
            raise FloatingPointError(f"the loss of step {run.step} is {float(value.detach())}; expected a number")
        run.optimiser.zero_grad(set_to_none=True)
        value.backward()
        if nn.utils.clip_grad_norm_(run.net.parameters(), run.plan.clip).isfinite():
            run.optimiser.step()
            left_out = 0
        elif (left_out := left_out + 1) > MOST_LEFT_OUT:
            raise FloatingPointError(f"{left_out} steps in a row had gradients that are no numbers")
        else:  # bfloat16 kernels of some machines err once in a while: one step is not worth the run
            log.warning("step %d had gradients that are no numbers and was left out", run.step)
        run.step += 1
        follow(run.average, run.net, min(run.plan.average, (1 + run.step) / (20 + run.step)))
        recent, since = recent + float(value.detach()), since + 1
        run.seconds = begun + now() - begin
        if now() - said > run.plan.report:
            said = now()
            log.info("step %d, %.1f min, loss %.4f, %s", run.step, run.seconds / 60, recent / since, report(run))
            recent, since = 0.0, 0
    log.info("finished after %d steps, %s", run.step, report(run))
    return run.average


def learning_rate(run: Run) -> float:
    """Linear warm-up by steps, cosine to one hundredth over the plan."""
    cosine = 0.5 * (1 + math.cos(math.pi * run.progress))
    return run.plan.rate * min(1.0, (run.step + 1) / run.plan.warm_up) * (0.99 * cosine + 0.01)


def parameter_groups(net: nn.Module, plan: Plan) -> list[dict]:
    """Weight decay on the weights of linear maps only: not on biases, norms, tokens or the queries over depth."""
    linear = {id(module.weight) for module in net.modules() if isinstance(module, nn.Linear)}
    maps = [p for p in net.parameters() if id(p) in linear]
    others = [p for p in net.parameters() if id(p) not in linear]
    return [
        {"params": maps, "lr": plan.rate, "weight_decay": plan.weight_decay},
        {"params": others, "lr": plan.rate, "weight_decay": 0.0},
    ]
