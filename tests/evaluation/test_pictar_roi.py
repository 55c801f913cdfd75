"""What is counted and what is seen of dynamic regions of interest, on tiny renderers and made-up pictures."""

from dataclasses import replace

import pytest
import torch

from neo_core.evaluation import pictar_roi
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.pictar_roi import Track, compare, multiplications, on_trained, savings, work
from neo_core.pictar.volumetric.dynamic_roi import Focus, Interval, Window
from neo_core.pictar.volumetric.family import FAMILY

from ..pictar.volumetric.tiny_renderer import TINY

LIPS, EYES = Window((36, 22), (16, 20)), Window((20, 18), (12, 28))  # as VOCAL moves the bundled portrait
SIDE, GRID, FRAMES = 64, 16, 17


def typical(count, windows):
    """Keyframes every 8 frames."""
    still = torch.zeros(21, 3)
    return [Interval((), still, ()), *[Interval((still,) * 7, still, windows)] * count]


@pytest.mark.parametrize("name", FAMILY)
def test_a_typical_track_takes_1_4_times_fewer_multiplications(name):
    config, focus = FAMILY[name], Focus()
    frames = 1 + 8 * 4
    lips, both = (frames / work(config, typical(4, windows), focus) for windows in ((LIPS,), (LIPS, EYES)))
    assert lips > both > 1.4


def test_windows_cost_what_they_hold():
    whole, warping, windows = multiplications(TINY, {(2, 2), (4, 6), (GRID, GRID)}, 2)
    generator = whole - warping
    assert windows[2, 2] < windows[4, 6] < windows[GRID, GRID]
    assert generator <= windows[GRID, GRID] < 1.5 * generator
    assert work(TINY, typical(1, ()), replace(Focus(), halo=2)) == pytest.approx(2 + 7 * warping / whole)
    drawn = [replace(interval, whole=bool(interval.between)) for interval in typical(1, ())]
    assert work(TINY, drawn, replace(Focus(), halo=2)) == pytest.approx(9)


@pytest.fixture
def track(monkeypatch):
    """Keyframes every 8 frames, of a volume that only has a size."""

    class Volume:
        source = type("Source", (), {"volume": torch.zeros(1, 1, 1, GRID, GRID)})

    intervals = [*typical(2, (Window((4, 4), (4, 4)),))]
    monkeypatch.setattr(pictar_roi, "plan", lambda *_: iter(intervals))
    return Track(Volume(), torch.zeros(FRAMES, 21, 3))


def pictures():
    """Stripes that move steadily."""
    line = torch.arange(SIDE)
    return [(0.5 + 0.4 * torch.sin(0.8 * (line + 0.2 * k))).expand(3, SIDE, SIDE) for k in range(FRAMES)]


def test_what_equals_whole_frames_has_no_pulse(track):
    seen = compare(track, Focus(), pictures(), pictures())
    assert seen.psnr > 100
    assert seen.change == pytest.approx(1)
    assert seen.sharpness == pytest.approx(1)


def test_frames_that_wait_for_a_keyframe_pulse(track):
    full = pictures()
    held = [full[k - k % 8] + 0.001 * (k % 2) for k in range(FRAMES)]
    assert compare(track, Focus(), full, held).change > 3


def test_keyframes_that_are_sharper_pulse(track):
    full = pictures()
    soft = [x if k % 8 == 0 else 0.5 + 0.7 * (x - 0.5) for k, x in enumerate(full)]
    assert compare(track, Focus(), full, soft).sharpness > 1.3


def test_errors_are_those_of_windows(track):
    full = pictures()
    dim = [x.clone() for x in full]
    for x in dim:
        x[:, :16] = 0
    assert compare(track, Focus(), full, dim).psnr > 100  # the window begins at pixel 16
    assert compare(track, Focus(), full, dim).whole < 20


def test_a_track_without_windows_judges_nothing(track, monkeypatch):
    monkeypatch.setattr(pictar_roi, "plan", lambda *_: iter(typical(1, ())))
    with pytest.raises(CouldNotRun, match="9 frames have no windows; expected a longer track"):
        compare(track, Focus(), pictures()[:9], pictures()[:9])


def test_pictures_need_trained_weights():
    with pytest.raises(CouldNotRun, match="no trained mini renderer exists yet"):
        on_trained(None, {})


def test_vocal_speaks_through_a_tiny_renderer(monkeypatch):
    tiny = replace(
        FAMILY["mini"],
        appearance=replace(FAMILY["mini"].appearance, side=64),
        motion=replace(FAMILY["mini"].motion, side=64),
    )
    monkeypatch.setattr(pictar_roi, "FRAMES", 30)
    monkeypatch.setattr(pictar_roi, "Focus", lambda **options: Focus(**{"halo": 2, "bucket": 2, **options}))
    notes = {}
    found = savings(tiny, notes)
    assert found["multiplications, whole frames over dynamic ROI"] > 1  # cells are large here, and so are windows
    assert found["dynamic ROI switched off, difference"] == 0
    assert found["speed of dynamic ROI, CPU"] > 0
    assert notes["random weights: psnr"] > 30
    assert 0 < notes["share of frames that are keyframes"] < 0.7
