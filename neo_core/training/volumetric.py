"""Train the mini: what an exact warp of the photo lacks, from pairs of factory people.

    python -m neo_core factory portrait-pairs --out PAIRS --minutes 25 --seed 0     (and --seed 1 on the second core)
    python -m neo_core factory portrait-pairs --out HELD --minutes 4 --held-out
    python -m neo_core train volumetric --pairs PAIRS --held-out HELD --minutes 120
    python -m neo_core train volumetric --pairs PAIRS --held-out HELD --minutes 25 --size gpu --device cuda

Minutes are the processor's, of which two cores spend 120 in an hour; on a GPU they are the clock's. Where things come
from is given (`pictar/mini/guide.py`), so nothing is spent on learning motion; a fresh network already is the warp, and
learns what the warp cannot know: mouths, lids, hidden cheeks and backgrounds, light, and where a fit is a little wrong.
Pairs are restyled so that the mini mends pictures, not factory people. It goes on after a stop with --resume.
"""

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..evaluation.feature_distance import FeatureDistance
from ..pictar.analysis import load_analyser
from ..pictar.mini.guide import KINDS
from ..pictar.mini.network import FILE, MINI, Drawn, Mini, Motion, Source, compose, save_mini
from ..runtime.threads import in_order
from ..weights import safetensors_io
from ..weights.manifest import FOLDER
from .augment import on_some, recolour
from .flow_matching import Plan, Run, add_run_arguments, resume_path, step_dice, train
from .portrait_pairs import Lesson, add_pair_arguments, files, read_lesson
from .refiner import STYLES

PEOPLE = {"cpu": 4, "gpu": 16}  # in a batch
READERS = {"cpu": 1, "gpu": 12}  # threads that read and restyle batches ahead
MOMENTS = 4  # of each of them
SAVE_EVERY = 240.0  # seconds
EXAM = 12  # held-out people of a report
COARSE = 8  # pixels across of what is compared coarsely
FACE = (0.2, 0.8)  # of the square's side: the face, for the network that reads faces
INSIDE = slice(3, 2 + len(KINDS))  # channels of a guide: mouth and eyes
CLOSE = 0.04  # of the square's side around them that counts as mouth and eyes
CAREFUL = 4.0  # times more that those count
WEIGHTS = {
    "colour": 1.0, "edges": 0.5, "coarse": 0.5, "features": 0.15,
    "flow": 0.02, "keypoints": 0.01, "seen": 0.01, "person": 0.02,
}  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """P people with K moments each, B = P K; pictures of one person are styled alike."""

    source: Source  # [P, ...]
    lesson: Lesson  # [B, ...]; of its source, nothing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_pair_arguments(parser)
    parser.add_argument("--minutes", type=float, default=120.0, help="budget of processor time")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--size", choices=tuple(MINI), default="cpu", help="of network and batch (default: cpu)")
    add_run_arguments(parser, FOLDER / FILE)


def run(arguments: argparse.Namespace) -> None:
    """Train, save the averaged network as it goes, tell how it does on people it never saw."""
    config = MINI[arguments.size]
    paths = files(arguments.pairs, config.side, MOMENTS, held_out=False)
    exam = files(arguments.held_out, config.side, MOMENTS, held_out=True)
    torch.manual_seed(arguments.seed)
    net = Mini(config).to(arguments.device, memory_format=torch.channels_last)
    story = asdict(config) | {"seed": arguments.seed, "people": len(paths), "batch": PEOPLE[arguments.size]}
    by_the_clock = torch.device(arguments.device).type != "cpu"
    plan = Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY, by_the_clock=by_the_clock)
    state = Run(net, plan, story)
    if arguments.resume:
        state.load(resume_path(arguments.out))
    judge = FeatureDistance(load_analyser()).to(arguments.device)
    warp = examine(Mini(config).to(arguments.device), exam[:EXAM])  # a fresh mini is the bare warp
    draw = partial(draw_batch, paths, PEOPLE[arguments.size], arguments.seed)
    with closing(in_order(draw, count(state.step), READERS[arguments.size])) as batches:
        loss = partial(_next_loss, batches=batches, judge=judge)
        train(state, loss, partial(_report, arguments=arguments, paths=paths, exam=exam[:EXAM], warp=warp))
    resume_path(arguments.out).unlink(missing_ok=True)


def _next_loss(net: Mini, batches: Iterator[Batch], judge: FeatureDistance) -> Tensor:
    return batch_loss(net, next(batches), judge)


def batch_loss(net: Mini, batch: Batch, judge: FeatureDistance) -> Tensor:
    """The weighted sum of what is wrong with a batch's frames."""
    device = next(net.parameters()).device
    source, lesson = _to(batch.source, device), batch.lesson
    with torch.autocast(device.type, torch.bfloat16):
        volume = net.encoder(source)
        own, features = _for_each(source, MOMENTS), volume.repeat_interleave(MOMENTS, 0)
        drawn = net(own, features, _to(lesson.motion, device))
    return sum(WEIGHTS[name] * value for name, value in losses(drawn, own, lesson, judge).items())


def losses(drawn: Drawn, source: Source, lesson: Lesson, judge: FeatureDistance) -> dict[str, Tensor]:
    """What is wrong with frames [B], in parts: the picture, and what of it the factory knows exactly."""
    device = drawn.shares.device
    frame, weight = lesson.frame.to(device), careful(lesson.motion.guide).to(device)
    answer = compose(drawn, source.picture, source.behind)
    known, seen, person = (planes.to(device) for planes in (lesson.known, lesson.seen, lesson.person))
    flow = F.avg_pool2d(drawn.surface, 2) - lesson.true_flow.to(device)
    entropy = partial(F.binary_cross_entropy_with_logits, reduction="none")
    return picture_losses(answer, frame, weight, judge, COARSE, FACE) | {
        "flow": (flow.abs() * known * seen).mean() * frame.shape[-1],  # pixels
        "keypoints": keypoint_error(drawn.surface, lesson),
        "seen": (entropy(F.avg_pool2d(drawn.seen, 2), seen) * known).mean(),
        "person": entropy(F.avg_pool2d(drawn.person, 2), person).mean(),
    }


def picture_losses(
    answer: Tensor, frame: Tensor, weight: Tensor, judge: FeatureDistance, coarse: int, face: tuple[float, float]
) -> dict[str, Tensor]:
    """What is wrong with pictures [B, 3, S, S], pixels by their weight [B, 1, S, S]: colours, edges, colours of squares
    of `coarse` pixels, and features of what lies within `face`, shares of the side."""
    error = answer - frame
    edges = (weight[..., 1:] * error.diff(dim=3).abs()).mean() + (weight[..., 1:, :] * error.diff(dim=2).abs()).mean()
    middle = slice(*(round(share * answer.shape[-1]) for share in face))
    return {
        "colour": (weight * error.abs()).mean(),
        "edges": edges,
        "coarse": F.avg_pool2d(error, coarse).abs().mean(),
        "features": judge(answer[..., middle, middle], frame[..., middle, middle]).mean(),
    }


def keypoint_error(surface: Tensor, lesson: Lesson) -> Tensor:
    """Pixels by which the flow [B, 2, S, S] leads past where the photo has a landmark that both pictures show. []"""
    device, side = surface.device, surface.shape[-1]
    grid = (2 * lesson.landmarks.to(device) - 1)[:, :, None]  # [B, 68, 1, 2]
    found, shown = (
        F.grid_sample(planes, grid, mode="bilinear", align_corners=False)[..., 0].mT  # [B, 68, C]
        for planes in (surface, (lesson.known * lesson.seen).to(device))
    )
    wanted = (lesson.came_from - lesson.landmarks).to(device)
    return side * ((found - wanted).abs() * shown).sum() / (2 * shown.sum()).clamp(min=1)


def careful(guide: Tensor) -> Tensor:
    """How much each pixel counts: mouth and eyes, with what lies close, most. [B, G, h, h] -> [B, 1, S, S], mean 1"""
    reach = 2 * max(1, round(CLOSE * guide.shape[-1])) + 1
    inside = guide[:, INSIDE].sum(1, keepdim=True).clamp(0, 1)
    near = F.avg_pool2d(F.max_pool2d(inside, reach, 1, reach // 2), 3, 1, 1)
    weight = F.interpolate(1 + CAREFUL * near, scale_factor=2, mode="bilinear", align_corners=False)
    return weight / weight.mean()


def draw_batch(paths: Sequence[Path], people: int, seed: int, step: int) -> Batch:
    """Random moments of random people, restyled: those that belong to a step."""
    dice, lessons = step_dice(seed, step), []
    for number in torch.randint(len(paths), (people,), generator=dice).tolist():
        kept = int(safetensors_io.load_config(paths[number])["moments"])
        first = int(torch.randint(kept - MOMENTS + 1, (), generator=dice))
        lessons.append(restyled(read_lesson(paths[number], slice(first, first + MOMENTS)), dice))
    together = {
        name: torch.cat([getattr(lesson, name) for lesson in lessons])
        for name in ("frame", "true_flow", "known", "seen", "person", "landmarks", "came_from")
    }
    source, motion = (_joined([getattr(lesson, name) for lesson in lessons]) for name in ("source", "motion"))
    return Batch(source, Lesson(source=source, motion=motion, **together))


def restyled(lesson: Lesson, dice: torch.Generator) -> Lesson:
    """All pictures of a lesson made strange in the same random manner, as one strip side by side."""
    pictures = torch.cat([lesson.source.picture, lesson.source.behind, lesson.frame])  # [2 + K, 3, S, S]
    strip = recolour(torch.cat(pictures.unbind(0), 2)[None], dice)
    for share, style in STYLES:
        strip = on_some(strip.clamp(0, 1), share, style, dice)
    picture, behind, *frames = strip.clamp(0, 1).split(pictures.shape[-1], 3)
    return replace(lesson, source=replace(lesson.source, picture=picture, behind=behind), frame=torch.cat(frames))


@torch.no_grad()
def examine(net: Mini, paths: Sequence[Path]) -> dict[str, float]:
    """PSNR in dB over moments of people: of their heads, and of their mouths and eyes; and the flow's error in pixels
    where the photo shows a point."""
    device = next(net.parameters()).device
    squares, counts = torch.zeros(3), torch.zeros(3)
    for path in paths:
        lesson = read_lesson(path, slice(0, MOMENTS))
        source = _to(lesson.source, device)
        own = _for_each(source, len(lesson.frame))
        drawn = net(own, net.encoder(source).repeat_interleave(len(lesson.frame), 0), _to(lesson.motion, device))
        error = (compose(drawn, own.picture, own.behind).cpu() - lesson.frame).square().mean(1, keepdim=True)
        head = F.interpolate(lesson.known, scale_factor=2, mode="nearest")
        close = (careful(lesson.motion.guide) > 2).float()
        there = lesson.known * lesson.seen
        flow = (F.avg_pool2d(drawn.surface.cpu(), 2) - lesson.true_flow).norm(dim=1, keepdim=True) * error.shape[-1]
        for k, (value, mask) in enumerate(((error, head), (error, close), (flow, there))):
            squares[k] += (value * mask).sum()
            counts[k] += mask.sum()
    head, close, flow = (squares / counts.clamp(min=1)).tolist()
    decibels = [-10 * math.log10(max(value, 1e-10)) for value in (head, close)]
    return {"head, dB": decibels[0], "mouth and eyes, dB": decibels[1], "flow, pixels": flow}


def _report(
    state: Run, arguments: argparse.Namespace, paths: Sequence[Path], exam: Sequence[Path], warp: Mapping[str, float]
) -> str:
    """Save, and compare the averaged network with the bare warp on people it never saw."""
    mini = examine(state.average, exam)
    figures = {name: {"warp": round(warp[name], 2), "mini": round(mini[name], 2)} for name in mini}
    save_mini(arguments.out, state.average, _made(arguments, state, len(paths)) | {"held_out_figures": figures})
    state.save(resume_path(arguments.out))
    return ", ".join(f"{name} {mini[name]:.2f} (warp {warp[name]:.2f})" for name in mini)


def _made(arguments: argparse.Namespace, state: Run, people: int) -> dict:
    options = " ".join(f"--{name} {getattr(arguments, name)}" for name in ("minutes", "rate", "size", "seed"))
    return {
        "recipe": f"python -m neo_core train volumetric --pairs PAIRS --held-out HELD {options}",
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": f"pairs of {people} factory people (`factory portrait-pairs`)",
        "licences": "own data",
        "held_out": "people of `factory portrait-pairs --held-out`",
    }


def _joined(parts: Sequence[Source] | Sequence[Motion]) -> Source | Motion:
    return type(parts[0])(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def _to(planes: Source | Motion, device: torch.device) -> Source | Motion:
    return type(planes)(**{name: x.to(device) for name, x in vars(planes).items()})


def _for_each(source: Source, moments: int) -> Source:
    """A source for every moment of each person. [P, ...] -> [P K, ...]"""
    return Source(**{name: x.repeat_interleave(moments, 0) for name, x in vars(source).items()})
