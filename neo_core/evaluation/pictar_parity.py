"""Is the volumetric renderer what the published formulas say: largest differences in float32, stage by stage.

Twice over, on equal random weights. Beside the plain computation of the tests every stage gets what the plain one gets.
Beside numbers that the published implementation gave, which the tests keep, one chain leads from a crop to the picture;
nothing of that implementation is needed. Both come with a checkout.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..pictar.volumetric.checkpoints import FILES, build_renderer
from ..pictar.volumetric.family import Renderer, RendererConfig
from ..pictar.volumetric.keypoints import FaceMotion, place
from ..runtime.threads import one_thread
from ..weights import safetensors_io
from .bench import CouldNotRun
from .pictar_performance import SEED
from .pictar_speed import PLAIN, load_oracle, portrait
from .random_liveportrait import random_tensors

PUBLISHED = PLAIN / "published_full.safetensors"
SAMPLES = 512  # of each large tensor
STRIDE = 2654435761  # hops over a tensor so that they come from everywhere


@one_thread()
@torch.no_grad()
def beside_the_formulas(config: RendererConfig) -> dict[str, float]:
    """Every stage with the inputs that the plain computation has."""
    tensors = random_tensors(config, SEED)
    plain, ours = load_oracle().Oracle(config, tensors), build_renderer(config, tensors, FILES).ready()
    picture, source, driving = portrait(ours)
    volume = plain.appearance(picture)
    expected = plain(volume, source, driving)
    warp = ours.warping(ours.warping.know(volume, source), driving)
    found = {
        "volume": (ours.appearance(picture), volume),
        "deformation": (warp.grid, expected["deformation"]),
        "warped features": (warp.features, expected["features"]),
        "image": (ours.generator(expected["features"]), expected["image"]),
    }
    return {f"{name}, from the formulas": _apart(*pair) for name, pair in found.items()}


@one_thread()
def beside_the_published(config: RendererConfig, kept: Path = PUBLISHED) -> dict[str, float]:
    """Raises CouldNotRun without the numbers that the tests keep."""
    if not kept.is_file():
        raise CouldNotRun(f"the published implementation's numbers {kept} are not there: they come with a checkout")
    theirs, _ = safetensors_io.load(kept)
    ours = chain(build_renderer(config, random_tensors(config, SEED), FILES).ready(), theirs["crop"])
    figures = {"keypoints": max(_apart(ours[name], theirs[name]) for name in ("source", "driving"))}
    named = {"volume": "volume", "deformation": "deformation", "features": "warped features", "image": "image"}
    for name, said in named.items():
        values, figure = _apart(some(ours[name]), theirs[name]), _apart(moments(ours[name]), theirs[f"{name}_moments"])
        figures[said] = max(values, figure)
    return {f"{name}, from the published code": figure for name, figure in figures.items()}


@torch.no_grad()
def chain(renderer: Renderer, crop: Tensor) -> Mapping[str, Tensor]:
    """What the published run kept, made anew from its crop u8 [h, w, 3], which is enlarged by repeating pixels."""
    times = renderer.config.appearance.side // len(crop)
    picture = crop.repeat_interleave(times, 0).repeat_interleave(times, 1).permute(2, 0, 1)[None].float() / 255
    motion = renderer.motion(picture)
    source, driving = place(motion), place(moved(motion))
    stitching, volume = renderer.stitching, renderer.appearance(picture)
    warp = renderer.warping(renderer.warping.know(volume, source), driving)
    return {
        **{name: getattr(motion, name) for name in ("keypoints", "expression", "translation")},
        **{name: getattr(motion, name) for name in ("pitch", "yaw", "roll")},
        "scale": motion.scale[:, None],
        "source": source,
        "driving": driving,
        "stitched": stitching.stitch(source, driving),
        "eye": stitching.eye_change(source, torch.tensor([[0.3, 0.28, 0.1]])),
        "lip": stitching.lip_change(source, torch.tensor([[0.1, 0.4]])),
        "volume": volume,
        "deformation": warp.grid,
        "occlusion": warp.occlusion,
        "features": warp.features,
        "image": renderer.generator(warp.features),
    }


def moved(motion: FaceMotion) -> FaceMotion:
    """The face turned, bigger, with another expression; its shift in depth must not matter."""
    change = 0.02 * torch.sin(torch.arange(motion.expression.numel()).float()).view_as(motion.expression)
    return replace(
        motion,
        pitch=motion.pitch - 5,
        yaw=motion.yaw + 12,
        roll=motion.roll + 4,
        translation=motion.translation + torch.tensor([[0.03, -0.02, 0.5]]),
        expression=motion.expression + change,
        scale=1.05 * motion.scale,
    )


def some(x: Tensor) -> Tensor:
    """Values from everywhere in a tensor, at most `SAMPLES`."""
    return x.flatten()[(torch.arange(min(SAMPLES, x.numel())) * STRIDE) % x.numel()]


def moments(x: Tensor) -> Tensor:
    x = x.double()
    return torch.stack([x.mean(), x.std()])


def _apart(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max())
