"""Train the refiner on pairs the warp itself makes: a factory person painted by Pictar, and the true photograph.

Windows around mouths are collected once (`collect`), then a small U-Net learns to turn the painted window into
the true one, where and only where something is new. The fit is a poor one, from landmarks astray as a landmark network
leaves them, and every pair is restyled (colours, paint, stone, blur, grain, files) so that the net mends pictures, not
factory people.

    python -m neo_core train refiner --minutes 20 --out neo_core/weights/embedded/refiner.safetensors
"""

import argparse
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import motion_space
from ..geometry.head_model import HeadModel, load_head_model
from ..motion_space import GAZE, INDEX, POSE
from ..pictar.crop import whole
from ..pictar.fit import fit_head
from ..pictar.geometric import Volume, deform, lift
from ..pictar.geometric.refine import SIDE, Refiner, RefinerConfig, load_refiner, network_input, save_refiner, square
from ..pictar.geometric.sampling import resize
from ..pictar.geometric.translate import paint
from ..weights.manifest import FOLDER
from .augment import blur, brush, jpeg, marble, noise, on_some, posterise, recolour, sharpen
from .renderer_truth import synthetic_grant
from .synthetic.people import HELD_OUT_FROM, look, random_expression, sample_person
from .synthetic.render import render_frame
from .synthetic.scene import View, sample_view

log = logging.getLogger(__name__)

WINDOWS = Path("data/training/refiner_windows.pt")
PHOTO_SIDE = 288  # pixels of the photographs the windows are cut from
HEAD_SHARES = (0.62, 0.98)
FRAMES = 16  # per person
COLLECTING = 0.4  # of the time budget
BATCH = 16
RATE = 2e-3
EMA = 0.995
STYLES = ((0.15, brush), (0.05, posterise), (0.06, marble), (0.1, sharpen), (0.35, blur), (0.4, noise), (0.25, jpeg))
STRAY = (0.004, 0.016)  # spread of landmarks, per distance of the eyes, from a sharp photo to a poor one
DRIFT = 0.7  # of that spread by which all landmarks of one part of the face go astray together
FACE_PARTS = ((0, 17), (17, 22), (22, 27), (27, 36), (36, 42), (42, 48), (48, 68))  # of the 68 landmarks
EXPOSURE = 0.12  # a frame whose overall light differs more than this from the photo teaches nothing


@dataclass(frozen=True)
class Windows:
    """Painted windows, their maps and the truth."""

    picture: Tensor  # u8 [N, 3, S, S]
    maps: Tensor  # u8 [N, 6, S, S]
    truth: Tensor  # u8 [N, 3, S, S]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--minutes", type=float, default=20.0, help="budget of processor time; the schedule is planned for it"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from --out and from --windows")
    parser.add_argument("--out", type=Path, default=FOLDER / "refiner.safetensors")
    parser.add_argument("--windows", type=Path, default=WINDOWS, help="file that keeps the training windows")


def run(arguments: argparse.Namespace) -> Refiner:
    """Collect windows, train, save the running mean of the weights."""
    started = time.process_time()
    budget = 60 * arguments.minutes
    store = arguments.windows
    parts = [Windows(**torch.load(store, weights_only=True))] if arguments.resume and store.exists() else []
    parts.append(collect(load_head_model(), arguments.seed + 1000 * len(parts), COLLECTING * budget))
    windows = Windows(*(torch.cat([getattr(p, name) for p in parts]) for name in ("picture", "maps", "truth")))
    store.parent.mkdir(parents=True, exist_ok=True)
    torch.save(vars(windows), store)
    log.info("%d windows", len(windows.picture))
    torch.manual_seed(arguments.seed)
    fresh = not (arguments.resume and arguments.out.exists())
    refiner = Refiner(RefinerConfig()) if fresh else load_refiner(arguments.out).train()
    refiner = refiner.to(arguments.device)
    left = budget - (time.process_time() - started)
    mean = train(refiner, windows, left, arguments.seed, arguments.out)
    save_refiner(arguments.out, mean, _made(arguments, len(windows.picture)))
    return mean


def collect(model: HeadModel, seed: int, seconds: float) -> Windows:
    """Windows of random people until the time is up."""
    end, found = time.process_time() + seconds, []
    number = seed * 100_000 % (HELD_OUT_FROM // 2) + 3_000_000
    while time.process_time() < end:
        found += person_windows(model, number)
        number += 1
    picture, maps, truth = (torch.stack(column) for column in zip(*found, strict=True))
    return Windows(picture, maps, truth)


@torch.no_grad()
def person_windows(model: HeadModel, seed: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """(picture, maps, truth) of everything new in some frames of one person."""
    rng = np.random.default_rng([seed, 5])
    person = sample_person(seed, model, PHOTO_SIDE, plain=rng.uniform() < 0.8)
    view = close_up(rng)
    before = photo_motion(rng)
    volume = _lifted(model, person, view, before, rng)
    out = []
    for _ in range(FRAMES):
        after = later_motion(rng, before)
        frame = render_frame(person, after, view, PHOTO_SIDE, supersample=2)
        truth = _same_light(frame.image.permute(2, 0, 1).clamp(0, 1), volume)
        motion = motion_space.clamp(volume.reference + after - before)
        painted, spots = paint(volume, deform(volume, motion))
        for spot in spots:
            if spot.maps[0].mean() < 0.01:
                continue
            at = square(spot, volume.window)
            picture, maps = network_input(painted, volume.window, spot, at)
            right = resize(truth[:, at.rows, at.columns], SIDE, SIDE)
            out.append(tuple((x.clamp(0, 1) * 255).round().to(torch.uint8) for x in (picture, maps, right)))
    return out


def train(refiner: Refiner, windows: Windows, seconds: float, seed: int, out: Path) -> Refiner:
    """AdamW with a cosine over the time budget; returns the running mean."""
    dice = torch.Generator().manual_seed(seed)
    device = next(refiner.parameters()).device
    mean = Refiner(refiner.config).to(device)
    mean.load_state_dict(refiner.state_dict())
    optimiser = torch.optim.AdamW(refiner.parameters(), RATE, weight_decay=1e-2)
    started, step, shown = time.process_time(), 0, 0.0
    while (spent := (time.process_time() - started) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50) * 0.5 * (1 + np.cos(np.pi * spent)) + 1e-6
        chosen = torch.randint(len(windows.picture), (BATCH,), generator=dice)
        picture, maps, truth = (column[chosen].float() / 255 for column in vars(windows).values())
        picture, truth = restyle(picture, truth, dice)
        picture, maps, truth = (column.to(device) for column in (picture, maps, truth))
        with torch.autocast(device.type, torch.bfloat16):
            answer = refiner(picture, maps)
        loss = difference(answer.float(), truth, maps[:, :1])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(refiner.parameters(), 1.0)
        optimiser.step()
        keep = min(EMA, (1 + step) / (10 + step))
        for slow, fast in zip(mean.parameters(), refiner.parameters(), strict=True):
            slow.data.lerp_(fast.data, 1 - keep)
        shown, step = 0.98 * shown + 0.02 * float(loss.detach()), step + 1
        if step % 100 == 0:
            plain = float(difference(picture, truth, maps[:, :1]))
            log.info("step %d  loss %.4f  (unmended %.4f)  %.0f %%", step, shown, plain, 100 * spent)
            save_refiner(out, mean)
    return mean


def difference(answer: Tensor, truth: Tensor, new: Tensor) -> Tensor:
    """Error where something is new: colours, edges, and colours at a quarter of the size. [B, 3, S, S] -> []"""
    weight = new / new.mean().clamp(min=1e-3)
    colour = ((answer - truth).abs() * weight).mean()
    edges = sum(((answer.diff(dim=d) - truth.diff(dim=d)).abs() * weight.narrow(d, 1, SIDE - 1)).mean() for d in (2, 3))
    coarse = F.avg_pool2d((answer - truth) * weight, 4).abs().mean()
    return colour + 0.5 * edges + coarse


def restyle(picture: Tensor, truth: Tensor, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """Make both pictures [B, 3, S, S] of each pair strange in the same random manner: as a photo, a painting, a print,
    a statue, badly lit, soft, noisy, poorly stored.

    They are treated as one picture, side by side, the second mirrored so that nothing new meets at the seam.
    """
    both = recolour(torch.cat([picture, truth.flip(3)], 3), dice)
    for share, style in STYLES:
        both = on_some(both.clamp(0, 1), share, style, dice)
    first, second = both.clamp(0, 1).split(picture.shape[3], 3)
    return first, second.flip(3)


def close_up(rng: np.random.Generator) -> View:
    view = sample_view(rng)
    body = tuple(0.6 * angle for angle in view.body)
    return replace(view, head_share=float(rng.uniform(*HEAD_SHARES)), offset=(0.0, 0.0), body=body, grain=0.0)


def photo_motion(rng: np.random.Generator) -> Tensor:
    """The motion vector of the photo: mostly at rest, sometimes smiling or speaking, looking about."""
    motion = motion_space.rest()
    if rng.uniform() < 0.6:
        motion[:53] = random_expression(rng) * float(rng.uniform(0.1, 0.7))
        for side in "LR":
            motion[INDEX[f"eyeBlink_{side}"]] *= 0.3
    motion[GAZE] = torch.from_numpy(np.repeat(rng.normal(size=2) * [5, 3], 2).reshape(2, 2).T.ravel().astype("f4"))
    return look(motion)


def later_motion(rng: np.random.Generator, before: Tensor) -> Tensor:
    """Another moment of the same person."""
    motion = before.clone()
    motion[:53] = random_expression(rng)
    if rng.uniform() < 0.5:
        motion[INDEX["jawOpen"]] = max(float(motion[INDEX["jawOpen"]]), float(rng.uniform(0.05, 0.5)))
    if rng.uniform() < 0.4:
        for side in "LR":
            motion[INDEX[f"eyeBlink_{side}"]] = float(rng.choice([1.0, rng.uniform(0.3, 1)]))
    motion[POSE.start : POSE.start + 3] = torch.from_numpy((rng.normal(size=3) * [4, 6, 3]).astype("f4"))
    if rng.uniform() < 0.5:
        motion[GAZE] = torch.from_numpy(np.tile(rng.normal(size=2) * [10, 6], 2).astype("f4"))
    return look(motion)


def _lifted(model: HeadModel, person, view: View, before: Tensor, rng: np.random.Generator) -> Volume:
    photo = render_frame(person, before, view, PHOTO_SIDE, supersample=2)
    picture = (photo.image.clamp(0, 1) * 255).round().to(torch.uint8)
    eyes = (photo.landmarks[36:42].mean(0) - photo.landmarks[42:48].mean(0)).norm()
    points = photo.landmarks + eyes * astray(len(photo.landmarks), rng)
    fit = fit_head(model, points, None, (PHOTO_SIDE, PHOTO_SIDE))
    blank = Refiner(RefinerConfig())  # never asked: `paint` comes before it
    grant = synthetic_grant(picture, photo.landmarks[:68])
    return lift(whole(picture), fit, photo.mask, grant=grant, model=model, refiner=blank)


def astray(count: int, rng: np.random.Generator) -> Tensor:
    """How a landmark network misses: each point a little, and the points of a part of the face together. [K, 2], in
    distances of the eyes"""
    spread = float(np.exp(rng.uniform(*np.log(STRAY))))
    offset = rng.normal(size=(count, 2))
    for first, last in FACE_PARTS:
        offset[first:last] += DRIFT * rng.normal(size=2)
    return torch.from_numpy((spread * offset).astype("f4"))


def _same_light(truth: Tensor, volume: Volume) -> Tensor:
    """Undo the factory camera's automatic exposure, which differs from frame to frame. [3, H, W]"""
    window = volume.eyes[0].window
    whole = slice(window.top, window.top + window.height)
    before = volume.picture[:, whole].mean((1, 2), keepdim=True)
    after = truth[:, whole].mean((1, 2), keepdim=True)
    ratio = (before / after.clamp(min=1e-3)).clamp(1 - EXPOSURE, 1 + EXPOSURE)
    return (truth * ratio).clamp(0, 1)


def _made(arguments: argparse.Namespace, windows: int) -> dict:
    return {
        "recipe": f"python -m neo_core train refiner --minutes {arguments.minutes:g} --seed {arguments.seed}",
        "seed": arguments.seed,
        "minutes": arguments.minutes,
        "data": f"{windows} windows of factory people, rendered on the fly",
        "licences": "own data",
        "held_out": f"people with seeds from {HELD_OUT_FROM}",
    }
