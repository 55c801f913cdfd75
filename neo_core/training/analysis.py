"""Recipe of portrait analysis: `python -m neo_core train analysis --frames DIR --minutes 60`.

Trains five small networks on frames of the people factory (`factory frames`) and nothing else: landmarks first, then
the closer looks at eye and mouth, the scan, and the person mask. `--parts` trains some of them into an existing file;
`--resume` starts from the weights in it. New shards that appear while training are taken up.
"""

import argparse
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from ..geometry.head_model import HeadModel, load_head_model
from ..nn.conv2d import centred
from ..pictar.analysis import Analyser, AnalysisConfig, load_analyser, save_analyser
from ..pictar.detection import ScanNet
from ..pictar.landmark_net import DetailConfig, DetailNet, LandmarkConfig, LandmarkNet, start_from_shapes
from ..pictar.matting import MaskNet
from ..pictar.squares import EYES, frame_face
from ..weights.manifest import FOLDER
from . import face_batches
from .face_batches import LandmarkMix
from .face_frames import FrameStore, around
from .face_losses import landmark_loss, mask_loss, point_loss, scan_loss
from .fitting import Plan, fit

log = logging.getLogger(__name__)

PARTS = {"landmarks": 0.45, "eye": 0.12, "mouth": 0.12, "scan": 0.16, "mask": 0.15}  # share of the time
SCENE = 96  # pixels: side of the scenes the scan is trained on
DETAILS, SCENES, VIEWS = 80, 32, 12  # batch sizes
MIX = LandmarkMix()
RESUMED_RATE = 1.2e-3  # learning rate when training goes on from trained weights


@dataclass(frozen=True)
class Course:
    """What the steps of training draw from."""

    store: FrameStore
    dice: Generator
    partner: Tensor  # [K] left-right partner of each landmark
    weight: Tensor  # [K] of each landmark in the loss


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="folders of `factory frames` and `factory plain-heads`"
    )
    parser.add_argument("--out", type=Path, default=FOLDER / "analysis.safetensors")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="start from the weights in --out")


def run(arguments: argparse.Namespace) -> None:
    """Train the chosen parts one after another; the file is rewritten about once a minute."""
    torch.manual_seed(arguments.seed)
    dice = torch.Generator(arguments.device).manual_seed(arguments.seed)
    head = load_head_model().to(arguments.device)
    store = FrameStore(arguments.frames, head.landmark_groups, arguments.device)
    course = Course(store, dice, head.landmark_mirror, landmark_weight(head))
    analyser = _start(arguments, head, course).to(arguments.device, memory_format=torch.channels_last)
    for part in arguments.parts:
        minutes = arguments.minutes * PARTS[part] / sum(PARTS[p] for p in arguments.parts)
        plan = Plan(minutes, rate=RESUMED_RATE if arguments.resume else Plan.rate)
        log.info("%s: %.1f minutes, %d frames", part, minutes, course.store.refresh())
        report = partial(_report, part=part, analyser=analyser, course=course, arguments=arguments)
        trained = fit(getattr(analyser, part), partial(STEPS[part], course), plan, report)
        setattr(analyser, part, trained)
    save_analyser(arguments.out, analyser, _made(arguments))


def _start(arguments: argparse.Namespace, head: HeadModel, course: Course) -> Analyser:
    """Fresh networks, or those of `--out` when it exists and not all parts are trained anew."""
    partial_run = arguments.resume or set(arguments.parts) != set(PARTS)
    if partial_run and arguments.out.exists():
        analyser = load_analyser(arguments.out)
        log.info("continuing with %s", arguments.out)
    else:
        analyser = Analyser(analysis_config(head))
        analyser.mirror.copy_(head.landmark_mirror)
    if not (arguments.resume and arguments.out.exists()):
        for part in arguments.parts:
            setattr(analyser, part, type(getattr(analyser, part))(getattr(analyser.config, part)))
        _start_from_faces(analyser, course, arguments.parts)
    return analyser


def analysis_config(head: HeadModel) -> AnalysisConfig:
    """Which landmarks the closer looks read follows from the head model: the left eye with its brow, and the lips."""
    groups = head.landmark_groups
    brow_and_lids = ("brow_upper_left", "brow_lower_left", "lid_upper_left", "lid_lower_left")
    lips = ("lips_outer_upper", "lips_outer_lower", "lips_inner_upper", "lips_inner_lower")
    eye = (*range(22, 27), *range(42, 48), *_members(groups, brow_and_lids), groups["iris"][0])
    mouth = (*range(48, 68), *_members(groups, lips))
    return AnalysisConfig(
        LandmarkConfig(len(head.landmark_mirror)),
        DetailConfig(eye, extent=0.34),
        DetailConfig(mouth, extent=0.36),
    )


def _members(groups: Mapping[str, tuple[int, ...]], names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(index for name in names for index in groups[name])


def _start_from_faces(analyser: Analyser, course: Course, parts: list[str]) -> None:
    frames = course.store.draw(1500, course.dice)
    squares = frame_face(frames.landmarks)
    upright = torch.zeros(len(frames), dtype=torch.bool, device=squares.side.device)
    if "landmarks" in parts:
        start_from_shapes(analyser.landmarks, around(squares, upright, course.dice).locate(frames.landmarks))
    for name in {"eye", "mouth"} & set(parts):
        net: DetailNet = getattr(analyser, name)
        points = frames.landmarks[:, list(net.config.indices)]
        view = around(face_batches.detail_square(squares, points, net.config), upright, course.dice)
        start_from_shapes(net, view.locate(points))


def landmark_step(course: Course, net: LandmarkNet) -> Tensor:
    crops, truth = face_batches.landmark_batch(course.store, course.partner, net.config.size, MIX, course.dice)
    return landmark_loss(net.read(_encoded(net, crops)), truth, course.weight)


def detail_step(course: Course, net: DetailNet) -> Tensor:
    crops, truth = face_batches.detail_batch(course.store, course.partner, net.config, DETAILS, course.dice)
    points, log_sigma = net.read(_encoded(net, crops))
    return point_loss(points, log_sigma, truth, torch.ones_like(log_sigma[0]))


def scan_step(course: Course, net: ScanNet) -> Tensor:
    scenes, targets = face_batches.scan_batch(course.store, SCENES, SCENE, course.dice)
    with _narrow(scenes):
        said = net(scenes)
    return scan_loss(said.float(), targets)


def mask_step(course: Course, net: MaskNet) -> Tensor:
    views, alpha = face_batches.mask_batch(course.store, VIEWS, net.config.size, course.dice)
    with _narrow(views):
        said = net(views)
    return mask_loss(said.float(), alpha)


STEPS = {
    "landmarks": landmark_step,
    "eye": detail_step,
    "mouth": detail_step,
    "scan": scan_step,
    "mask": mask_step,
}


def _narrow(pictures: Tensor) -> torch.autocast:
    return torch.autocast(pictures.device.type, torch.bfloat16)


def _encoded(net: nn.Module, crops: Tensor) -> Tensor:
    """Features by convolutions in bfloat16; the heads that read them stay in float32."""
    with _narrow(crops):
        features = net.encoder(centred(crops))
    return features.float()


def landmark_weight(head: HeadModel) -> Tensor:
    """How much each landmark counts, mean 1: the 68, lids, lips and irises most, the jaw line less. [K]"""
    count = len(head.landmark_mirror)
    weight = torch.full((count,), 0.5)
    weight[:17], weight[17:68] = 0.6, 1.3
    details = analysis_config(head)
    partner = head.landmark_mirror
    for net in (details.eye, details.mouth):
        own = torch.tensor(net.indices)
        for indices in (own, partner[own]):
            weight[indices] = weight[indices].clamp(min=1.0)
    weight[36:68] = 1.6
    weight[-2:] = 1.6
    return weight / weight.mean()


def _report(net: nn.Module, part: str, analyser: Analyser, course: Course, arguments: argparse.Namespace) -> str:
    """Put the averaged network into the file, look for new frames, and measure on held-out people."""
    current = getattr(analyser, part)
    setattr(analyser, part, net)
    save_analyser(arguments.out, analyser, _made(arguments))
    setattr(analyser, part, current)
    frames = course.store.refresh()
    return f"{frames} frames" + (f", error {landmark_error(net, course.store):.4f}" if part == "landmarks" else "")


@torch.no_grad()
def landmark_error(net: nn.Module, store: FrameStore, most: int = 256) -> float:
    """Mean error of the 51 inner landmarks over the distance of the eye centres, on held-out people."""
    frames = store.held_out(most)
    dice = torch.Generator(store.device).manual_seed(1)
    squares = frame_face(frames.landmarks)
    view = around(squares, torch.zeros(len(frames), dtype=torch.bool, device=squares.side.device), dice)
    truth = view.locate(frames.landmarks)
    read = net(view.see(frames.picture[:, :3], net.config.size, "border")).landmarks
    right, left = (truth[:, eye].mean(1) for eye in EYES)
    error = (read - truth)[:, 17:68].norm(dim=-1).mean(1) / (left - right).norm(dim=-1).clamp(min=0.15)
    return float(error.mean())


def _made(arguments: argparse.Namespace) -> dict:
    return {
        "recipe": "python -m neo_core train analysis --frames DIR",
        "seed": arguments.seed,
        "minutes": arguments.minutes,
        "data": ["frames of the people factory, seeds below its held-out ones"],
        "licences": ["Apache-2.0 (own renderings)"],
        "held_out": ["every 25th person of the frames"],
        "date": time.strftime("%Y-%m-%d"),
    }
