"""The yardstick of long videos: what drifts is found in its own unit, and what only moves is not taken for it."""

import math
from types import SimpleNamespace

import pytest
import torch

from neo_core.evaluation import pictar_length
from neo_core.evaluation.bench import CouldNotRun, load_bars
from neo_core.evaluation.pictar_length import FILM, LOOP, drawn_figures, film, moved, read_figures, slope, view
from neo_core.evaluation.random_liveportrait import random_tensors
from neo_core.pictar.squares import Squares, to_crop
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer

SIDE, LENGTH, ROUNDS = 48, 10, 5
TOTAL = LENGTH * ROUNDS


def picture(right=0.0, down=0.0, larger=0.0, light=0.0):
    """A soft blob in the picture, moved by shares of the width. [3, S, S]"""
    line = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    y, x = (line - down)[:, None] / (1 + larger), (line - right)[None] / (1 + larger)
    blob = torch.exp(-((x - 0.05) ** 2 + 2 * (y + 0.1) ** 2) / 0.03)
    return torch.stack([0.2 + 0.6 * blob, 0.5 - 0.3 * blob, 0.4 + 0.2 * blob]) + light


def test_a_shift_and_a_growth_are_told_from_each_other():
    found = moved(picture(), picture(right=0.01, down=-0.004, larger=0.02))
    assert found.tolist() == pytest.approx([0.01, -0.004, 0.02], abs=0.001)
    assert moved(picture(), picture()).abs().max() == 0


def test_a_slope_is_per_thousand_frames():
    assert slope(torch.tensor([0.0, 0.1, 0.2]), 50) == pytest.approx(2.0)
    assert slope(torch.tensor([1.0, 3.0, 1.0, 3.0])) == pytest.approx(400.0)


def filmed(**drift):
    """Figures of frames whose picture sways in every round, and drifts by so much in a thousand frames."""
    frames = []
    for k in range(TOTAL):
        gone = {name: value * k / 1000 for name, value in drift.items()}
        gone["down"] = gone.get("down", 0.0) + 0.02 * math.sin(2 * math.pi * k / LENGTH)
        frames.append((255 * picture(**gone)).round().to(torch.uint8).permute(1, 2, 0))
    return drawn_figures(frames, LENGTH)


def test_a_video_of_rounds_that_are_alike_does_not_drift():
    figures = filmed()
    bars = {bar["name"]: bar for bar in load_bars("pictar")}
    assert figures.keys() <= bars.keys()
    for name, value in figures.items():
        assert bars[name].get("at_least", -1) <= value <= bars[name].get("at_most", 1), name


@pytest.mark.parametrize(
    ("drift", "row", "amount"),
    [
        ({"right": 0.3}, "place", 0.3),
        ({"down": -0.3}, "place", 0.3),
        ({"larger": 0.4}, "size", 0.4),
        ({"light": 0.2}, "colour", 51),
    ],
)
def test_what_drifts_is_found_in_its_own_row(drift, row, amount):
    figures = filmed(**drift)
    assert figures[f"drift of {row}, 2000 frames drawn"] == pytest.approx(amount, rel=0.15)
    if row in ("place", "size"):
        assert figures["drift of identity, 2000 frames drawn"] < -0.001


def test_a_video_that_stands_still_proves_nothing():
    with pytest.raises(CouldNotRun, match="stands still"):
        drawn_figures([(255 * picture()).to(torch.uint8).permute(1, 2, 0)] * LENGTH, LENGTH)


def test_landmarks_that_wander_and_grow_are_found():
    dice, face = torch.Generator().manual_seed(0), torch.rand(68, 2, generator=torch.Generator().manual_seed(1))
    thousandths = torch.arange(400)[:, None, None] / 1000
    noise = 0.005 * torch.randn(400, 68, 2, generator=dice)
    notes = {}
    still = read_figures(100 * (face + noise), notes)
    assert max(still.values()) < 0.01
    assert still.keys() <= {bar["name"] for bar in load_bars("pictar")}
    gone = torch.tensor([0.0, 0.1]) * thousandths
    assert read_figures(100 * (face + gone + noise), notes)["drift of place, 2000 frames read"] == pytest.approx(
        0.1, rel=0.15
    )
    grown = (face - face.mean(0)) * (1 + 0.2 * thousandths)
    assert read_figures(100 * (grown + noise), notes)["drift of size, 2000 frames read"] == pytest.approx(0.2, rel=0.1)


def test_the_camera_comes_back_and_its_film_shows_what_it_sees():
    framing = Squares(torch.tensor([[60.0, 50.0]]), torch.tensor([60.0]), torch.zeros(1))
    assert view(framing, 7).side != view(framing, 11).side
    assert torch.allclose(view(framing, 7).center, view(framing, 7 + LOOP).center, atol=1e-4)
    photo = torch.zeros(100, 120, 3, dtype=torch.uint8)
    photo[45:50, 70:75] = 255
    (frame,) = film(photo, [view(framing, 7)])
    bright = torch.nonzero(frame.float().mean(-1) > 128).float().mean(0).flip(0) + 0.5
    expected = (to_crop(view(framing, 7), torch.tensor([[[72.5, 47.5]]]))[0, 0] + 1) * FILM / 2
    assert (bright - expected).abs().max() < 1


def test_a_face_that_is_lost_gives_no_figures(monkeypatch):
    faces = [SimpleNamespace(landmarks68=torch.rand(68, 2) * FILM), None]
    monkeypatch.setattr(pictar_length, "load_analyser", lambda: None)
    monkeypatch.setattr(pictar_length, "followed", lambda _analyser, pictures, _choose: iter(faces[: len([*pictures])]))
    with pytest.raises(CouldNotRun, match="lost in 1 of 2"):
        pictar_length.read({}, 2)


def test_the_tiny_renderer_can_be_driven_and_loads_random_weights():
    renderer = build_renderer(pictar_length.TINY, random_tensors(pictar_length.TINY, 1), FILES)
    assert renderer.config.side == pictar_length.SIDE
    assert renderer.config.motion.keypoints == 21
