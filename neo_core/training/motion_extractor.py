"""Train the motion extractor of the small renderer: a picture of a factory head to the keypoints that it has.

    python -m neo_core train motion-extractor --pairs PAIRS --held-out HELD --minutes 60 --out DIR

Pairs are those of `keypoint_renderer.py`, which the other networks learn from. Everything that the extractor says is
known of every picture, so it is plain regression; it begins by saying what heads have in common. In float32: what
tells one head from another is at first a few thousandths of what they share, less than bfloat16 can hold. The bridge
from our motion to these keypoints is the head model's own, kept beside the file as a calibration is.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from functools import partial
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry.head_model import load_head_model
from ..pictar.volumetric.calibration import save_bridge
from ..pictar.volumetric.checkpoints import FILES, save_checkpoint
from ..pictar.volumetric.keypoints import FaceMotion, place
from ..pictar.volumetric.motion_extractor import MotionExtractor
from ..runtime.threads import in_order
from .flow_matching import Plan, Run, add_run_arguments, resume_path, train
from .head_keypoints import head_bridge
from .keypoint_renderer import (
    MOMENTS,
    NAMES,
    PEOPLE,
    SIDE,
    Batch,
    begun,
    cut_out,
    draw_batch,
    heads_of,
    joined,
    to,
)
from .portrait_pairs import files, read_lesson

DEGREES = 30.0  # that count as much as a unit of keypoints
SAVE_EVERY = 120.0  # seconds
FIRST = 24  # people whose mean it begins with
EXAM = 24  # held-out people of a report
WEIGHTS = {"canonical": 0.5, "turns": 1.0, "expression": 2.0, "shift": 1.0, "scale": 0.5, "placed": 4.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    folders = {"type": Path, "nargs": "+", "required": True, "metavar": "DIR"}
    parser.add_argument("--pairs", **folders, help="made by `factory portrait-pairs`")
    parser.add_argument("--held-out", **folders, help="made by the same with --held-out")
    parser.add_argument("--minutes", type=float, default=60.0, help="budget of processor time")
    parser.add_argument("--rate", type=float, default=1e-3)
    add_run_arguments(parser, Path("small"))


def run(arguments: argparse.Namespace) -> None:
    """Train, save the averaged network as it goes, tell how far it is off for people it never saw."""
    paths = files(arguments.pairs, SIDE, MOMENTS, held_out=False, names=NAMES)
    exam = to(_all([*files(arguments.held_out, SIDE, MOMENTS, held_out=True, names=NAMES)[:EXAM]]), arguments.device)
    torch.manual_seed(arguments.seed)
    net = begin(begun().motion, _all(paths[:FIRST])).to(arguments.device)
    by_the_clock = torch.device(arguments.device).type != "cpu"
    plan = Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY, by_the_clock=by_the_clock)
    state = Run(net, plan, {"seed": arguments.seed, "people": len(paths)})
    kept = resume_path(arguments.out / FILES["motion"])
    if arguments.resume:
        state.load(kept)
    draw = partial(draw_batch, paths, 2 * PEOPLE, arguments.seed)
    with closing(in_order(draw, count(state.step), 1)) as batches:
        report = partial(_report, arguments=arguments, people=len(paths), exam=exam)
        train(state, partial(_next_loss, batches=batches), report)
    kept.unlink(missing_ok=True)


def _all(paths: Sequence[Path]) -> Batch:
    """The photo and first moments of some people, in their crops."""
    moments = slice(0, MOMENTS)
    cuts = (cut_out(read_lesson(path, moments), *heads_of(path, moments), torch.zeros(4)) for path in paths)
    return joined(list(cuts))


def seen(batch: Batch) -> tuple[Tensor, FaceMotion]:
    """All pictures of a batch [N, 3, S, S], and what they show."""
    return torch.cat([batch.source, batch.frame]), joined([batch.still, batch.moved])


@torch.no_grad()
def begin(net: MotionExtractor, batch: Batch) -> MotionExtractor:
    """Let an untrained network say the mean of what is true of a batch, and see what pictures differ from grey by:
    else nearly all that it sees is that they are bright."""
    true, stem = seen(batch)[1], net.downsample_layers[0][0]
    stem.bias.copy_(-0.5 * stem.weight.sum((1, 2, 3)))
    heads = (net.fc_kp, true.keypoints), (net.fc_exp, true.expression), (net.fc_t, true.translation)
    for head, values in (*heads, (net.fc_scale, true.scale[:, None])):
        head.bias.copy_(values.mean(0).flatten())
        head.weight.mul_(0.1)
    return net


def _next_loss(net: MotionExtractor, batches: Iterator[Batch]) -> Tensor:
    batch = to(next(batches), next(net.parameters()).device)
    pictures, true = seen(batch)
    return sum(WEIGHTS[name] * value for name, value in losses(net(pictures), true).items())


def losses(read: FaceMotion, true: FaceMotion) -> dict[str, Tensor]:
    """What is wrong with readings, in parts. The depth of a face is dropped wherever it is placed."""
    turns = (torch.stack([x.pitch, x.yaw, x.roll], 1) / DEGREES for x in (read, true))
    return {
        "canonical": F.l1_loss(read.keypoints, true.keypoints),
        "turns": F.l1_loss(*turns),
        "expression": F.l1_loss(read.expression, true.expression),
        "shift": F.l1_loss(read.translation[:, :2], true.translation[:, :2]),
        "scale": F.l1_loss(read.scale, true.scale),
        "placed": F.l1_loss(place(read), place(true)),
    }


@torch.no_grad()
def examine(net: nn.Module, batch: Batch) -> dict[str, float]:
    """How far keypoints are off in pixels, and who says the same to every picture; how turns and jaws correlate."""
    pictures, true = seen(batch)
    read = joined([net(some) for some in pictures.split(8)])
    same = FaceMotion(
        *(getattr(true, f.name).mean(0, keepdim=True).expand_as(getattr(true, f.name)) for f in fields(true))
    )
    apart, mean = ((place(x) - place(true))[..., :2].norm(dim=-1).mean() * SIDE / 2 for x in (read, same))
    yaw, jaw = (
        torch.corrcoef(torch.stack(pair))[0, 1]
        for pair in ((read.yaw, true.yaw), (read.expression[:, 19, 1], true.expression[:, 19, 1]))
    )
    told = {"apart, pixels": apart, "mean's, pixels": mean, "yaw's correlation": yaw, "jaw's correlation": jaw}
    return {name: round(float(value), 2) for name, value in told.items()}


def _report(state: Run, arguments: argparse.Namespace, people: int, exam: Batch) -> str:
    """Save, and tell of people that were never seen."""
    figures = examine(state.average, exam)
    options = " ".join(f"--{name} {getattr(arguments, name)}" for name in ("minutes", "rate", "seed"))
    made = {
        "recipe": f"python -m neo_core train motion-extractor --pairs PAIRS --held-out HELD {options}",
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": f"pairs of {people} factory people (`factory portrait-pairs`)",
        "licences": "own data",
        "held_out": "people of `factory portrait-pairs --held-out`",
        "held_out_figures": figures,
    }
    whole = begun()
    whole.motion = state.average
    save_checkpoint(arguments.out, whole, made, parts=("motion",))
    save_bridge(arguments.out, head_bridge(load_head_model()), made)
    state.save(resume_path(arguments.out / FILES["motion"]))
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
