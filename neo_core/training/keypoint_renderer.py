"""Train a small renderer of the public family: the same networks as LivePortrait's, for a fiftieth of the work.

    python -m neo_core factory portrait-pairs --out PAIRS --minutes 17 --seed 0     (and --seed 1 on the second core)
    python -m neo_core factory portrait-pairs --out HELD --minutes 5 --held-out
    python -m neo_core train keypoint-renderer --pairs PAIRS --held-out HELD --minutes 120 --out DIR

The published recipe finds keypoints by itself, from days of video. Factory heads say where theirs are
(`head_keypoints`), so these networks learn to draw with the true ones. The loss is on pictures, and on where in the
source what they show comes from. The bridge from our motion is the head model's own, kept beside the files as a
calibration is. Not learned are stitching and retargeting, which say nothing, and the motion extractor, which says to
every crop what crops of heads have in common: it learned no more than that when it was tried. Minutes are the
processor's, on a GPU the clock's; --resume goes on after a stop.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from functools import partial
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..evaluation.feature_distance import FeatureDistance
from ..geometry.head_model import load_head_model
from ..pictar.analysis import load_analyser
from ..pictar.squares import Squares, frame_head, to_crop, to_picture
from ..pictar.volumetric.calibration import save_bridge
from ..pictar.volumetric.checkpoints import save_checkpoint
from ..pictar.volumetric.family import FAMILY, Renderer
from ..pictar.volumetric.keypoints import FaceMotion, place
from ..pictar.volumetric.motion_extractor import MotionExtractor
from ..pictar.volumetric.spade_generator import EPS, SLOPE, Hidden, Modulation, Shortcut, SpadeBlock, SpadeGenerator
from ..runtime.threads import in_order
from ..weights import safetensors_io
from .flow_matching import Plan, Run, add_run_arguments, resume_path, step_dice, train
from .head_keypoints import face_motion, head_bridge
from .portrait_pairs import Lesson, add_pair_arguments, files, read_lesson
from .volumetric import careful, picture_losses, restyled

MEMBER = "small"
NAMES = ("points", "still_points", "rest")  # of a pair, what older ones lack
SIDE = 256  # pixels of pictures
GRID = 64  # cells of the volume
PEOPLE, MOMENTS = 4, 2  # of a batch
ASTRAY = {"side": 0.06, "center": 0.03, "tilt": 4.0}  # by which crops miss: shares of the side, degrees
SAVE_EVERY = 240.0  # seconds
EXAM = 12  # held-out people of a report
FIRST = 48  # people whose mean the motion extractor says
COARSE = 16  # pixels across of what is compared coarsely
FACE = (0.25, 0.75)  # of a crop's side: the face, for the network that reads faces
WEIGHTS = {"colour": 1.0, "edges": 1.0, "coarse": 0.5, "features": 0.15, "flow": 0.3}


@dataclass(frozen=True)
class Batch:
    """P people with K moments each, B = P K, all in the crop of the person's photo."""

    source: Tensor  # [P, 3, S, S]
    frame: Tensor  # [B, 3, S, S]
    still: FaceMotion  # [P]
    moved: FaceMotion  # [B]
    origin: Tensor  # [B, 2, g, g] where in the photo each cell comes from, -1..1
    shown: Tensor  # [B, 1, g, g] 1 where that is known and the photo shows it
    weight: Tensor  # [B, 1, S, S] how much each pixel counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_pair_arguments(parser)
    parser.add_argument("--minutes", type=float, default=120.0, help="budget of processor time")
    parser.add_argument("--rate", type=float, default=1e-3)
    add_run_arguments(parser, Path("small"))


def run(arguments: argparse.Namespace) -> None:
    """Train, save the averaged networks as it goes, tell how they do on people they never saw."""
    paths = files(arguments.pairs, SIDE, MOMENTS, held_out=False, names=NAMES)
    exam = files(arguments.held_out, SIDE, MOMENTS, held_out=True, names=NAMES)[:EXAM]
    torch.manual_seed(arguments.seed)
    net = begun()
    say_mean(net.motion, joined([_photo(path) for path in paths[:FIRST]]))
    net = net.to(arguments.device)
    by_the_clock = torch.device(arguments.device).type != "cpu"
    plan = Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY, by_the_clock=by_the_clock)
    state = Run(net, plan, {"seed": arguments.seed, "people": len(paths), "batch": PEOPLE * MOMENTS})
    if arguments.resume:
        state.load(resume_path(arguments.out))
    judge = FeatureDistance(load_analyser()).to(arguments.device)
    draw = partial(draw_batch, paths, PEOPLE, arguments.seed)
    with closing(in_order(draw, count(state.step), 1)) as batches:
        loss = partial(_next_loss, batches=batches, judge=judge)
        train(state, loss, partial(_report, arguments=arguments, people=len(paths), exam=exam))
    resume_path(arguments.out).unlink(missing_ok=True)


def begun() -> Renderer:
    """Untrained networks; those on keypoints silent."""
    net = Renderer(FAMILY[MEMBER])
    for parameter in net.stitching.parameters():
        nn.init.zeros_(parameter)
    return net


@torch.no_grad()
def say_mean(net: MotionExtractor, heads: FaceMotion) -> None:
    """Let a motion extractor say the mean of some heads, from the front, whatever it is shown."""
    for angle in (net.fc_pitch, net.fc_yaw, net.fc_roll):
        nn.init.zeros_(angle.weight)
        nn.init.zeros_(angle.bias)  # all bins alike: 0 degrees
    said = (net.fc_kp, heads.keypoints), (net.fc_exp, heads.expression), (net.fc_t, heads.translation)
    for head, values in (*said, (net.fc_scale, heads.scale[:, None])):
        nn.init.zeros_(head.weight)
        head.bias.copy_(values.mean(0).flatten())


def _photo(path: Path) -> FaceMotion:
    """The head of a person's photo, in its crop."""
    points, rest = heads_of(path, slice(0, 1))
    return face_motion(points[:1], rest[None], frame_head(points[:1, :68, :2]))


def _next_loss(net: Renderer, batches: Iterator[Batch], judge: FeatureDistance) -> Tensor:
    return batch_loss(net, next(batches), judge)


def batch_loss(net: Renderer, batch: Batch, judge: FeatureDistance) -> Tensor:
    """The weighted sum of what is wrong with a batch's pictures, and where they come from."""
    device = next(net.parameters()).device
    batch = to(batch, device)
    with torch.autocast(device.type, torch.bfloat16):
        answer, grid = drawn(net, batch)
    frame, weight = (_like(x, answer) for x in (batch.frame, batch.weight))
    wrong = picture_losses(answer.float(), frame, weight, judge, COARSE, FACE)
    wrong["flow"] = (batch.shown * (grid[..., :2].mean(1).permute(0, 3, 1, 2) - batch.origin).abs()).mean()
    return sum(WEIGHTS[name] * value for name, value in wrong.items())


def drawn(net: Renderer, batch: Batch) -> tuple[Tensor, Tensor]:
    """Pictures [B, 3, S, S] by the true keypoints, and where in the source each place comes from [B, D, g, g, 3]."""
    moments = len(batch.frame) // len(batch.source)
    volume = net.appearance(batch.source).repeat_interleave(moments, 0)
    source = net.warping.know(volume, place(batch.still).repeat_interleave(moments, 0))
    warp = net.warping(source, place(batch.moved))
    return painted(net.generator, warp.features), warp.grid


def painted(net: SpadeGenerator, features: Tensor) -> Tensor:
    """What the generator makes of features [B, F, g, g], its formulas one by one: the rewrites that make it fast to
    answer are slow to learn through. [B, 3, S, S]"""
    x, patterns = net.fc(features), _patterns(net.middle_hidden, features)
    for number, block in enumerate(net.middle):
        x = _through(block, x, patterns[2 * number : 2 * number + 2])
    for hidden, block in zip(net.rising_hidden, net.rising, strict=True):
        x = _through(block, F.interpolate(x, scale_factor=2), _patterns(hidden, features))
    return net.shown(x)


def _patterns(hidden: Hidden, features: Tensor) -> tuple[Tensor, ...]:
    repeated = F.interpolate(features, scale_factor=hidden.factor)
    return F.relu(F.conv2d(repeated, hidden.weight, hidden.bias, padding=1)).chunk(hidden.norms, 1)


def _through(block: SpadeBlock, x: Tensor, patterns: Sequence[Tensor]) -> Tensor:
    """A block whose input is as large as its result."""

    def modulated(norm: Modulation | Shortcut, x: Tensor, pattern: Tensor) -> Tensor:
        scale, shift = F.conv2d(pattern, norm.weight, norm.bias, padding=1).chunk(2, 1)
        return torch.addcmul(shift, F.instance_norm(x, eps=EPS), scale)

    inner = block.conv_0(F.leaky_relu(modulated(block.norm_0, x, patterns[0]), SLOPE))
    inner = block.conv_1(F.leaky_relu(modulated(block.norm_1, inner, patterns[1]), SLOPE))
    return inner + (x if block.shortcut is None else block.shortcut.conv(modulated(block.shortcut, x, patterns[2])))


def _like(planes: Tensor, answer: Tensor) -> Tensor:
    """Planes in the size of others: the renderer's pictures are twice as large as what it is shown."""
    return F.interpolate(planes, size=answer.shape[-2:], mode="bicubic", antialias=True, align_corners=False).clamp(
        min=0
    )


# --- batches ----------------------------------------------------------------------------------------------------------


def draw_batch(paths: Sequence[Path], people: int, seed: int, step: int) -> Batch:
    """Random moments of random people, restyled and cut out: those that belong to a step."""
    dice, parts = step_dice(seed, step), []
    for number in torch.randint(len(paths), (people,), generator=dice).tolist():
        kept = int(safetensors_io.load_config(paths[number])["moments"])
        first = int(torch.randint(kept - MOMENTS + 1, (), generator=dice))
        moments = slice(first, first + MOMENTS)
        lesson = restyled(read_lesson(paths[number], moments), dice)
        parts.append(cut_out(lesson, *heads_of(paths[number], moments), 2 * torch.rand(4, generator=dice) - 1))
    return joined(parts)


def heads_of(path: Path, moments: slice) -> tuple[Tensor, Tensor]:
    """Landmarks of the photo and of moments, in pixels [1 + K, L, 3], and at rest [L, 3]."""
    still, rest = (safetensors_io.load_rows(path, name) for name in ("still_points", "rest"))
    return torch.cat([still[None], safetensors_io.load_rows(path, "points", moments.start, moments.stop)]) * SIDE, rest


def cut_out(lesson: Lesson, points: Tensor, rest: Tensor, astray: Tensor) -> Batch:
    """One person, in a crop that misses by `astray` [4] (side, centre, tilt) in -1..1."""
    found = frame_head(points[:1, :68, :2])
    center = found.center + astray[None, 1:3] * ASTRAY["center"] * found.side
    square = Squares(center, found.side * (1 + ASTRAY["side"] * astray[:1]), found.tilt + ASTRAY["tilt"] * astray[3:])
    heads = face_motion(points, rest.expand_as(points), _for_each(square, len(points)))
    pixels, cells = _samples(square, SIDE), _samples(square, GRID)
    known = torch.cat([lesson.true_flow, lesson.known * lesson.seen], 1)
    flow, shown = _cut(known, cells).split((2, 1), 1)
    origin = cells[None] + SIDE * flow.permute(0, 2, 3, 1)  # pixels of the photo
    origin = to_crop(square, origin.flatten(0, 2)[None])[0].view_as(origin).permute(0, 3, 1, 2)
    return Batch(
        _cut(lesson.source.picture, pixels),
        _cut(lesson.frame, pixels),
        heads[:1],
        heads[1:],
        origin,
        (shown > 0.99).float(),
        _cut(careful(lesson.motion.guide), pixels),
    )


def _samples(square: Squares, side: int) -> Tensor:
    """The centres of a crop's samples, in pixels of the picture. [side, side, 2]"""
    steps = (torch.arange(side) + 0.5) * 2 / side - 1
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
    return to_picture(square, grid.view(1, -1, 2)).view(side, side, 2)


def _cut(planes: Tensor, pixels: Tensor) -> Tensor:
    """Planes [N, C, h, w] of a picture at places [s, s, 2] in its pixels; what lies outside is as its rim."""
    grid = (pixels * 2 / SIDE - 1).expand(len(planes), -1, -1, -1)
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _for_each(square: Squares, number: int) -> Squares:
    return Squares(
        *(getattr(square, f.name).expand(number, *getattr(square, f.name).shape[1:]) for f in fields(square))
    )


def joined(parts: Sequence) -> Batch | FaceMotion:
    """The parts of one kind, one after the other."""
    values = ([getattr(part, field.name) for part in parts] for field in fields(parts[0]))
    return type(parts[0])(*(joined(x) if isinstance(x[0], FaceMotion) else torch.cat(x) for x in values))


def to(batch: Batch, device: torch.device) -> Batch:
    def moved(value: Tensor | FaceMotion) -> Tensor | FaceMotion:
        if isinstance(value, Tensor):
            return value.to(device)
        return FaceMotion(*(getattr(value, field.name).to(device) for field in fields(value)))

    return Batch(*(moved(getattr(batch, field.name)) for field in fields(batch)))


# --- reports ----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def examine(net: Renderer, paths: Sequence[Path]) -> dict[str, float]:
    """PSNR in dB over crops of people, weighted as the loss is: of what is drawn, and of the photo as it is."""
    device, errors = next(net.parameters()).device, torch.zeros(2)
    for path in paths:
        moments = slice(0, MOMENTS)
        batch = to(cut_out(read_lesson(path, moments), *heads_of(path, moments), torch.zeros(4)), device)
        squares = ((_like(x, batch.frame) - batch.frame).square() for x in (drawn(net, batch)[0], batch.source))
        errors += torch.stack([(batch.weight * error).mean() for error in squares]).cpu()
    ours, photo = (-10 * math.log10(float(x) / len(paths)) for x in errors)
    return {"drawn, dB": ours, "photo, dB": photo}


def _report(state: Run, arguments: argparse.Namespace, people: int, exam: Sequence[Path]) -> str:
    """Save, and tell of people that were never seen."""
    figures = {name: round(value, 2) for name, value in examine(state.average, exam).items()}
    options = " ".join(f"--{name} {getattr(arguments, name)}" for name in ("minutes", "rate", "seed"))
    made = {
        "recipe": f"python -m neo_core train keypoint-renderer --pairs PAIRS --held-out HELD {options}",
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": f"pairs of {people} factory people (`factory portrait-pairs`)",
        "licences": "own data",
        "held_out": "people of `factory portrait-pairs --held-out`",
        "held_out_figures": figures,
    }
    save_checkpoint(arguments.out, state.average, made)
    save_bridge(arguments.out, head_bridge(load_head_model()), made)
    state.save(resume_path(arguments.out))
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
