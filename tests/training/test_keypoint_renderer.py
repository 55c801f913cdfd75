"""The recipe of the small renderer on made-up pairs: crops and their truth agree, and it learns to draw and to read."""

from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from neo_core.evaluation.feature_distance import FeatureDistance
from neo_core.evaluation.random_liveportrait import random_tensors
from neo_core.geometry.head_model import landmarks
from neo_core.pictar.analysis import load_analyser
from neo_core.pictar.mini.guide import GUIDE, STILL_GUIDE
from neo_core.pictar.volumetric.calibration import load_bridge
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer, load_renderer, making
from neo_core.pictar.volumetric.family import FAMILY, renderer_config
from neo_core.pictar.volumetric.keypoints import place
from neo_core.pictar.volumetric.spade_generator import GeneratorConfig
from neo_core.training import keypoint_renderer
from neo_core.training.flow_matching import Plan, Run
from neo_core.training.keypoint_renderer import (
    batch_loss,
    begun,
    cut_out,
    draw_batch,
    drawn,
    examine,
    joined,
    painted,
    say_mean,
)
from neo_core.training.portrait_pairs import read_lesson
from neo_core.weights import safetensors_io

SIDE, MOMENTS = 64, 3
ASIDE = 4  # pixels that the head moves
TINY = renderer_config(
    picture=SIDE,
    keypoints=21,
    appearance=(4, 2, 1),
    volume=(4, 2),
    motion=((1, 1, 1, 1), (8, 8, 16, 16)),
    hourglass=(1, 16, 32, 1, 3),
    generator=GeneratorConfig(features=16, width=16, blocks=1, rising=(12, 8), hidden=8, enlarge=2),
    stitching=((8, 8), (8, 8), (8, 8)),
)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    for name, value in (("SIDE", SIDE), ("GRID", SIDE // 4), ("PEOPLE", 2)):
        monkeypatch.setattr(keypoint_renderer, name, value)
    monkeypatch.setitem(FAMILY, "small", TINY)


@pytest.fixture(scope="module")
def paths(tmp_path_factory, head):
    """Two people who move aside as a whole."""
    folder, found = tmp_path_factory.mktemp("pairs"), []
    points = landmarks(head, head.template)
    seen = points * torch.tensor([1.2, -1.2, -1.2]) / SIDE + torch.tensor([0.45, 0.52, 0.0])
    for number in range(2):
        dice = torch.Generator().manual_seed(number)
        picture = F.interpolate(torch.rand(1, 3, 9, 9, generator=dice), (SIDE, SIDE), mode="bilinear")[0]
        picture = (picture * 255).byte()
        flow = torch.zeros(MOMENTS, 2, SIDE // 2, SIDE // 2)
        flow[:, 0] = -ASIDE / SIDE
        moved = (seen + torch.tensor([ASIDE / SIDE, 0.0, 0.0])).repeat(MOMENTS, 1, 1)
        tensors = {
            "picture": picture, "behind": picture, "person": torch.full((1, SIDE, SIDE), 255, dtype=torch.uint8),
            "still_guide": torch.zeros(STILL_GUIDE, SIDE // 2, SIDE // 2, dtype=torch.uint8),
            "frame": picture.roll(ASIDE, 2).repeat(MOMENTS, 1, 1, 1), "surface": torch.zeros(MOMENTS, 2, SIDE, SIDE),
            "carried": torch.zeros(MOMENTS, 2, SIDE // 8, SIDE // 8), "true_flow": flow,
            "guide": torch.zeros(MOMENTS, GUIDE, SIDE // 2, SIDE // 2, dtype=torch.uint8),
            "true_maps": torch.full((MOMENTS, 3, SIDE // 2, SIDE // 2), 255, dtype=torch.uint8),
            "landmarks": moved[:, :68, :2].contiguous(), "still_landmarks": seen[:68, :2].contiguous(),
            "points": moved, "still_points": seen, "rest": points,
        }  # fmt: skip
        path = folder / f"person_{number:08d}.safetensors"
        config = {"side": SIDE, "moments": MOMENTS, "seed": number, "held_out": False}
        safetensors_io.save(path, tensors, config)
        found.append(path)
    return found


@pytest.fixture(scope="module")
def judge():
    return FeatureDistance(load_analyser())


def crop(path, astray=(0.0, 0.0, 0.0, 0.0)):
    moments = slice(0, 2)
    return cut_out(read_lesson(path, moments), *keypoint_renderer.heads_of(path, moments), torch.tensor(astray))


@pytest.mark.parametrize("astray", [(0.0, 0.0, 0.0, 0.0), (1.0, -1.0, 0.5, 1.0)])
def test_what_a_crop_shows_came_from_where_it_says(paths, astray):
    batch = crop(paths[0], astray)
    grid = F.interpolate(batch.origin, (SIDE, SIDE), mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
    fetched = F.grid_sample(batch.source.expand(2, -1, -1, -1), grid, padding_mode="border", align_corners=False)
    inner = (..., slice(12, -12), slice(12, -12))
    wrong = [(x[inner] - batch.frame[inner]).abs().mean() for x in (fetched, batch.source.expand(2, -1, -1, -1))]
    assert wrong[0] < 0.15 * wrong[1]


def test_keypoints_move_with_the_head(paths):
    batch = crop(paths[0])
    shift = (place(batch.moved) - place(batch.still))[..., :2]
    assert shift[..., 1].abs().max() < 1e-4
    assert shift[..., 0].std() < 1e-4
    middle = SIDE // 8
    came = batch.origin[0, 0, middle, middle] - ((middle + 0.5) * 2 / (SIDE // 4) - 1)
    assert float(shift.mean((0, 1))[0]) == pytest.approx(-float(came), abs=1e-3)


def test_a_step_always_draws_the_same_batch(paths):
    first, again, other = (draw_batch(paths, 2, 0, step) for step in (5, 5, 6))
    assert torch.equal(first.frame, again.frame)
    assert torch.equal(place(first.moved), place(again.moved))
    assert not torch.equal(first.frame, other.frame)
    assert first.source.shape == (2, 3, SIDE, SIDE)
    assert first.frame.shape == (2 * keypoint_renderer.MOMENTS, 3, SIDE, SIDE)


def test_formulas_one_by_one_are_the_generator():
    net = build_renderer(TINY, random_tensors(TINY, 1), FILES).generator
    features = torch.randn(2, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (painted(net, features) - net(features)).abs().max() < 1e-5


def test_the_motion_extractor_says_the_mean_head(paths):
    net, heads = begun().motion, joined([keypoint_renderer._photo(path) for path in paths])
    say_mean(net, heads)
    with torch.no_grad():
        read = net(torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)))
    for found in (place(read[:1]), place(read[2:])):
        assert (found - place(heads).mean(0)).abs().max() < 0.02  # people are not turned here
    assert all(abs(float(angle)) < 1e-4 for angle in (*read.pitch, *read.yaw, *read.roll))


def test_it_learns_to_draw(paths, judge, tmp_path, monkeypatch):
    torch.manual_seed(0)
    net, batch = begun(), crop(paths[0])
    assert batch_loss(net, batch, judge).isfinite()  # in bfloat16, whose gradients of tiny 3D kernels may be none
    monkeypatch.setattr(torch, "autocast", lambda *_: nullcontext())
    before = examine(net, paths[:1])
    state = Run(net, Plan(steps=40, rate=5e-3, warm_up=5, average=0.9))
    keypoint_renderer.train(state, partial(batch_loss, batch=batch, judge=judge), lambda _: "")
    after = examine(state.average, paths[:1])
    assert after["drawn, dB"] > before["drawn, dB"] + 2
    assert after["photo, dB"] == before["photo, dB"]
    answer, grid = drawn(state.average, batch)
    assert answer.shape == (2, 3, 2 * SIDE, 2 * SIDE)
    assert grid.shape == (2, 2, SIDE // 4, SIDE // 4, 3)
    asked = SimpleNamespace(out=tmp_path / "small", minutes=1, rate=1, seed=0)
    assert "drawn, dB" in keypoint_renderer._report(state, asked, 2, paths[:1])
    assert making(asked.out) == "trained"
    loaded = load_renderer(asked.out)
    assert loaded.config == TINY
    assert load_bridge(asked.out).calibrated
    assert not loaded.stitching.shoulder(torch.rand(1, 126)).any()
