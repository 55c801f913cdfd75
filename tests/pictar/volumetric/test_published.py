"""What the published implementation gave for weights and pictures that can be made again.

`published_tiny.safetensors` and `published_full.safetensors` hold numbers of a run of it (fp32, CPU), beside which
nothing of ours was running: the crop that was shown, keypoints, and 512 values and two moments of each large tensor.
Weights: `random_tensors(config, 1)`. The crop is enlarged by repeating its pixels; the moved face is `moved`.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from neo_core.evaluation.random_liveportrait import random_tensors
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer
from neo_core.pictar.volumetric.family import FAMILY
from neo_core.pictar.volumetric.keypoints import place

from .tiny_renderer import TINY

FOLDER = Path(__file__).parent
KEYPOINTS, VOLUME, IMAGE = 1e-5, 3e-5, 2e-4  # tolerances of issue 7
STRIDE = 2654435761  # hops over a tensor so that 512 values come from everywhere


def moved(motion):
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


def some(x):
    places = (torch.arange(min(512, x.numel())) * STRIDE) % x.numel()
    return x.flatten()[places]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((TINY, "published_tiny.safetensors"), id="tiny"),
        pytest.param((FAMILY["liveportrait"], "published_full.safetensors"), id="full", marks=pytest.mark.slow),
    ],
)
def both(request):
    """Theirs and ours, by name."""
    config, name = request.param
    theirs = load_file(FOLDER / name)
    renderer = build_renderer(config, random_tensors(config, 1), FILES).ready()
    times = config.appearance.side // len(theirs["crop"])
    crop = theirs["crop"].repeat_interleave(times, 0).repeat_interleave(times, 1)
    with torch.no_grad():
        picture = crop.permute(2, 0, 1)[None].float() / 255
        motion = renderer.motion(picture)
        source, driving = place(motion), place(moved(motion))
        stitching, volume = renderer.stitching, renderer.appearance(picture)
        warp = renderer.warping(renderer.warping.know(volume, source), driving)
        image = renderer.generator(warp.features)
        ours = {
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
            "image": image,
        }
    return theirs, ours


@pytest.mark.parametrize("name", ["pitch", "yaw", "roll"])
def test_angles(both, name):
    theirs, ours = both
    assert (ours[name] - theirs[name]).abs().max() < 1e-4  # degrees


@pytest.mark.parametrize("name", ["keypoints", "expression"])
def test_heads(both, name):
    theirs, ours = both
    assert (ours[name].flatten(1) - theirs[name]).abs().max() < KEYPOINTS


@pytest.mark.parametrize("name", ["translation", "scale", "source", "driving", "stitched", "eye", "lip"])
def test_keypoints(both, name):
    theirs, ours = both
    assert (ours[name] - theirs[name]).abs().max() < KEYPOINTS


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("volume", VOLUME), ("deformation", VOLUME), ("occlusion", VOLUME), ("features", IMAGE), ("image", IMAGE)],
)
def test_tensors(both, name, tolerance):
    theirs, ours = both
    assert (some(ours[name]) - theirs[name]).abs().max() < tolerance
    x = ours[name].double()
    assert (torch.stack([x.mean(), x.std()]) - theirs[f"{name}_moments"]).abs().max() < tolerance


def test_pixels(both):
    """Cut off, not rounded: where a value lies near a whole number, either may come out."""
    theirs, ours = both
    frame = some(ours["image"][0].mul(255).to(torch.uint8).permute(1, 2, 0).contiguous())
    apart = (frame.int() - theirs["frame"].int()).abs()
    assert apart.max() <= 1
    assert (apart > 0).float().mean() < 0.01
    assert theirs["frame"].float().std() > 20
