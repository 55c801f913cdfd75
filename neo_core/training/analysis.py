"""Recipe of portrait analysis: `python -m neo_core train analysis --frames DIR --minutes 60`.

Trains five small networks on frames of the people factory (`factory frames`) and nothing else: landmarks first, then
the closer looks at eye and mouth, the scan, and the person mask. `--parts` trains some of them into an existing file;
`--resume` starts from the weights in it. New shards that appear while training are taken up.
"""

import argparse
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from ..geometry.head_model import HeadModel, load_head_model
from ..nn.conv2d import centred
from ..pictar.analysis import Analyser, AnalysisConfig, load_analyser, save_analyser
from ..pictar.landmark_net import (
    GAZE_UNIT,
    POSE_UNIT,
    DetailConfig,
    DetailNet,
    LandmarkConfig,
    Reading,
    start_from_shapes,
)
from ..pictar.squares import EYES, frame_face
from ..weights.manifest import FOLDER
from . import face_batches
from .face_batches import LandmarkMix, ScanTargets
from .face_frames import FrameStore, View, around
from .fitting import Plan, fit

log = logging.getLogger(__name__)

PARTS = {"landmarks": 0.45, "eye": 0.12, "mouth": 0.12, "scan": 0.16, "mask": 0.15}  # share of the time
SCENE = 96  # pixels: side of the scenes the scan is trained on
BATCH = {"eye": 96, "mouth": 96, "scan": 48, "mask": 16}
MIX = LandmarkMix()


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
    head = load_head_model()
    store = FrameStore(arguments.frames, arguments.device)
    analyser = _start(arguments, head, store, dice).to(arguments.device, memory_format=torch.channels_last)
    made = _made(arguments)
    for part in arguments.parts:
        minutes = arguments.minutes * PARTS[part] / sum(PARTS[p] for p in arguments.parts)
        loss = _losses(head, store, analyser, dice)[part]
        report = partial(_report, part=part, analyser=analyser, store=store, arguments=arguments, made=made)
        log.info("%s: %.1f minutes, %d frames", part, minutes, store.refresh())
        setattr(analyser, part, fit(getattr(analyser, part), loss, Plan(minutes), report))
    save_analyser(arguments.out, analyser, made)


def _start(arguments: argparse.Namespace, head: HeadModel, store: FrameStore, dice: Generator) -> Analyser:
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
        _start_from_faces(analyser, store, dice, arguments.parts)
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


def _start_from_faces(analyser: Analyser, store: FrameStore, dice: Generator, parts: list[str]) -> None:
    frames = store.draw(1500, dice)
    squares = frame_face(frames.landmarks)
    view = around(squares, torch.zeros(len(frames), dtype=torch.bool, device=squares.side.device), dice)
    if "landmarks" in parts:
        start_from_shapes(analyser.landmarks, view.locate(frames.landmarks))
    for name in {"eye", "mouth"} & set(parts):
        net: DetailNet = getattr(analyser, name)
        points = frames.landmarks[:, list(net.config.indices)]
        square = face_batches.detail_square(squares, points, net.config)
        flat = around(square, torch.zeros(len(frames), dtype=torch.bool, device=squares.side.device), dice)
        start_from_shapes(net, View(flat.matrix, flat.center).locate(points))


def _losses(
    head: HeadModel, store: FrameStore, analyser: Analyser, dice: Generator
) -> dict[str, Callable[[nn.Module], Tensor]]:
    """For each part: draw a batch, return the loss."""
    partner = head.landmark_mirror.to(store.device)
    weight = landmark_weight(head).to(store.device)

    def landmarks(net: nn.Module) -> Tensor:
        crops, truth = face_batches.landmark_batch(store, partner, net.config.size, MIX, dice)
        return landmark_loss(net.read(_encoded(net, crops)), truth, weight)

    def detail(net: nn.Module) -> Tensor:
        count = BATCH["eye"]
        crops, truth = face_batches.detail_batch(store, partner, net.config, count, dice)
        points, log_sigma = net.read(_encoded(net, crops))
        return point_loss(points, log_sigma, truth, torch.ones_like(log_sigma[0]))

    def scan(net: nn.Module) -> Tensor:
        scenes, targets = face_batches.scan_batch(store, BATCH["scan"], SCENE, dice)
        with _narrow(scenes):
            said = net(scenes)
        return scan_loss(said.float(), targets)

    def mask(net: nn.Module) -> Tensor:
        views, alpha = face_batches.mask_batch(store, BATCH["mask"], net.config.size, dice)
        with _narrow(views):
            said = net(views)
        return mask_loss(said.float(), alpha)

    del analyser
    return {"landmarks": landmarks, "eye": detail, "mouth": detail, "scan": scan, "mask": mask}


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


def point_loss(points: Tensor, log_sigma: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Distance, plus the likelihood of a round Gaussian of the predicted width. [B, N, 2], [B, N], [B, N, 2], [N]"""
    square = ((points - truth) ** 2).sum(-1)
    distance = (weight * (square + 1e-6).sqrt()).mean()
    likelihood = weight * (square.detach() / (2 * (2 * log_sigma).exp()) + 2 * log_sigma)
    return 8 * distance + 0.1 * likelihood.clamp(max=20).mean()


def landmark_loss(reading: Reading, truth: Reading, weight: Tensor) -> Tensor:
    """All heads; negatives count only for "is it a face"."""
    faces = slice(0, len(truth.landmarks))
    seen = Reading(*(values[faces] for values in reading))
    return (
        point_loss(seen.landmarks, seen.log_sigma, truth.landmarks, weight)
        + 0.4 * functional.binary_cross_entropy_with_logits(reading.face, truth.face)
        + 0.5 * (seen.pose - truth.pose).abs().mean() / POSE_UNIT
        + 1.0 * (seen.expression - truth.expression).abs().mean()
        + 0.2 * (seen.gaze - truth.gaze).abs().mean() / GAZE_UNIT
    )


def scan_loss(said: Tensor, targets: ScanTargets) -> Tensor:
    """Penalty-reduced focal loss for centres (CornerNet, arXiv 1808.01244, eq. 1) and L1 for size and offset."""
    score = torch.sigmoid(said[:, 0]).clamp(1e-5, 1 - 1e-5)
    centre = (targets.heat > 0.9).float()
    found = centre * (1 - score) ** 2 * score.log()
    silent = (1 - centre) * (1 - targets.heat) ** 4 * score**2 * (1 - score).log() * ~targets.ignored
    focal = -(found + silent).sum() / centre.sum().clamp(min=8)
    near = (targets.heat > 0.3).float()[:, None]
    distance = ((said[:, 1:] - targets.regression).abs() * near).sum() / near.sum().clamp(min=1) / 3
    return focal + distance


def mask_loss(said: Tensor, alpha: Tensor) -> Tensor:
    """Cross entropy against the soft alpha, and overlap (dice)."""
    entropy = functional.binary_cross_entropy_with_logits(said, alpha)
    cover = torch.sigmoid(said)
    shared = (cover * alpha).sum((1, 2))
    overlap = (2 * shared + 1) / (cover.sum((1, 2)) + alpha.sum((1, 2)) + 1)
    return entropy + 0.3 * (1 - overlap).mean()


def _report(
    net: nn.Module, part: str, analyser: Analyser, store: FrameStore, arguments: argparse.Namespace, made: dict
) -> str:
    """Put the averaged network into the file, look for new frames, and measure on held-out people."""
    current = getattr(analyser, part)
    setattr(analyser, part, net)
    save_analyser(arguments.out, analyser, made | {"minutes": arguments.minutes})
    setattr(analyser, part, current)
    frames = store.refresh()
    return f"{frames} frames" + (f", error {landmark_error(net, store):.4f}" if part == "landmarks" else "")


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
