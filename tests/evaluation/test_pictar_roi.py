"""What is counted and what is seen of dynamic regions of interest, on tiny renderers and made-up pictures."""

import math
from dataclasses import replace

import pytest
import torch

from neo_core.evaluation import pictar_roi
from neo_core.evaluation.bench import CouldNotRun, load_bars
from neo_core.evaluation.pictar_performance import performed, random_renderer
from neo_core.evaluation.pictar_roi import Track, compare, multiplications, on_trained, savings, work
from neo_core.evaluation.random_liveportrait import random_tensors, write_random_checkpoint
from neo_core.pictar.volumetric.checkpoints import FILES
from neo_core.pictar.volumetric.dynamic_roi import Focus, Interval, Window, plan
from neo_core.pictar.volumetric.family import FAMILY
from neo_core.weights import safetensors_io

from ..pictar.volumetric.tiny_renderer import TINY

SMALL = replace(
    FAMILY["small"],
    appearance=replace(FAMILY["small"].appearance, side=64),
    motion=replace(FAMILY["small"].motion, side=64),
)
LIPS, EYES = Window((36, 20), (16, 24)), Window((20, 14), (20, 36))  # most of those that VOCAL's motion asks for
SIDE, GRID, FRAMES = 64, 16, 17


def typical(count, windows, every=8):
    """So many keyframes, and the first one."""
    still = torch.zeros(21, 3)
    return [Interval((), still, ()), *[Interval((still,) * (every - 1), still, windows)] * count]


@pytest.mark.parametrize("name", FAMILY)
def test_a_talking_head_takes_1_4_times_fewer_multiplications(name):
    """Keyframes are 16 frames of 100, as VOCAL's motion has them."""
    costs = multiplications(FAMILY[name], {LIPS.size, EYES.size}, Focus().halo)
    lips, both = (91 / work(costs, typical(15, windows, every=6)) for windows in ((LIPS,), (LIPS, EYES)))
    assert lips > both > 1.4


def test_windows_cost_what_they_hold():
    costs = multiplications(TINY, {(2, 2), (4, 6), (GRID, GRID)}, 2)
    windows, generator = costs.windows, costs.whole - costs.weighing - costs.carrying
    assert windows[2, 2] < windows[4, 6] < windows[GRID, GRID]
    assert generator <= windows[GRID, GRID] < 1.5 * generator
    assert work(costs, typical(1, ())) == pytest.approx(2 + (7 * costs.carrying + 3 * costs.weighing) / costs.whole)
    drawn = [replace(interval, whole=bool(interval.between)) for interval in typical(1, ())]
    assert work(costs, drawn) == pytest.approx(9)
    told = [f"window of {size} cells" for size in ("2 x 2", "4 x 6", "16 x 16")]
    assert list(costs.said) == ["whole frame", "its weighing", "its carrying", *told]


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


@pytest.mark.parametrize(("frame", "seen"), [(8, 1.5), (9, 1.5), (4, 1.0)], ids=["into", "out of", "elsewhere"])
def test_one_change_too_large_at_one_keyframe_is_a_pulse(track, frame, seen):
    """Whatever other keyframes do, and however much else moves there; into the keyframe as out of it."""
    steps = [10.0 if k == 8 else 1.0 for k in range(FRAMES)]
    full = [torch.full((3, SIDE, SIDE), 1e-3 * sum(steps[: k + 1])) for k in range(FRAMES)]
    ours = [x + (5e-4 * steps[frame] if k >= frame else 0) for k, x in enumerate(full)]
    assert compare(track, Focus(), full, ours).change == pytest.approx(seen, abs=0.01)


def test_keyframes_that_are_sharper_pulse(track):
    full = pictures()
    soft = [x if k % 8 == 0 else 0.5 + 0.7 * (x - 0.5) for k, x in enumerate(full)]
    assert compare(track, Focus(), full, soft).sharpness == pytest.approx(1 / 0.7, rel=0.05)
    once = [0.5 + 0.7 * (x - 0.5) if k == 9 else x for k, x in enumerate(full)]
    assert compare(track, Focus(), full, once).sharpness == pytest.approx(1 / 0.7, rel=0.05)


def test_a_track_of_keyframes_has_nothing_to_pulse_against(track, monkeypatch):
    window = (Window((4, 4), (4, 4)),)
    monkeypatch.setattr(pictar_roi, "plan", lambda *_: iter(typical(2, window, every=2)))
    with pytest.raises(CouldNotRun, match="of 5 frames no two beside each other are no keyframes"):
        compare(track, Focus(), pictures()[:5], pictures()[:5])


def test_frames_that_are_drawn_whole_have_no_windows_to_judge(track, monkeypatch):
    first, *others = typical(2, (Window((4, 4), (4, 4)),))
    monkeypatch.setattr(pictar_roi, "plan", lambda *_: iter([first, others[0], replace(others[1], whole=True)]))
    full = pictures()
    dim = [0.9 * x if k < 8 else x for k, x in enumerate(full)]
    expected = -10 * math.log10(sum(float((0.1 * x[:, 16:32, 16:32]).square().mean()) for x in full[1:8]) / 7)
    assert compare(track, Focus(), full, dim).psnr == pytest.approx(expected, abs=0.1)


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


def test_pictures_need_trained_weights(tmp_path, monkeypatch):
    with pytest.raises(CouldNotRun, match="no trained volumetric renderer comes with this"):
        on_trained(None, {})
    monkeypatch.setitem(FAMILY, "small", SMALL)
    write_random_checkpoint(tmp_path, SMALL, 1)
    with pytest.raises(CouldNotRun, match="holds small, random weights; expected trained ones"):
        on_trained(tmp_path, {})


@pytest.fixture(scope="module")
def performance():
    """Of a tiny renderer: its face, and 100 frames of the bundled speech."""
    return performed(random_renderer(SMALL), 100)


@pytest.fixture
def few(performance, monkeypatch):
    """A tiny renderer alone makes up the family, and a performance has few frames."""
    face, motion = performance
    monkeypatch.setattr(pictar_roi, "FAMILY", {"small": SMALL})
    monkeypatch.setitem(FAMILY, "small", SMALL)
    monkeypatch.setattr(pictar_roi, "performed", lambda _public, _frames: (face, motion[40:50]))
    sides = tuple((cells, cells) for cells in range(2, 17, 2))
    monkeypatch.setattr(pictar_roi, "Focus", lambda **options: Focus(**{"halo": 2, "sides": sides, **options}))


@pytest.mark.usefixtures("few")
def test_vocal_speaks_through_a_tiny_renderer():
    notes = {}
    found = savings(notes)
    assert all(figure.of == "random weights" for figure in found.values())
    assert found["multiplications, whole frames over dynamic ROI, small"].value > 1  # cells are large here
    assert found["dynamic ROI switched off, difference, small"].value == 0
    assert "speed of dynamic ROI, CPU, small" in found
    assert notes["small, random weights: psnr"] > 30
    assert 0 < notes["small: share of frames that are keyframes"] < 0.7
    assert {bar["name"] for bar in load_bars("pictar")} >= found.keys()


@pytest.mark.usefixtures("few")
def test_trained_weights_are_judged_and_named(tmp_path):
    for part, tensors in random_tensors(SMALL, 1).items():
        safetensors_io.save(tmp_path / f"{FILES[part]}.safetensors", tensors, {}, made={"recipe": "a stand-in"})
    notes = {}
    found = on_trained(tmp_path, notes)
    assert {figure.of for figure in found.values()} == {"small, trained weights"}
    assert found["ROI PSNR"].value == notes["small, trained weights: psnr"] > 30
    assert found["pulse at keyframes"].value >= 1


def test_vocal_s_windows_have_few_sizes(performance):
    """Each is a CUDA graph; in as many cells as the family's renderers have."""
    face, motion = performance
    cells = torch.empty(1, 1, 1, 64, 64)
    volume = replace(face.volume, source=replace(face.volume.source, volume=cells))
    windows = [w for interval in plan(volume, face.keypoints(motion), Focus()) for w in interval.windows]
    assert len(motion) == 100
    assert 1 < len({window.size for window in windows}) <= 6
