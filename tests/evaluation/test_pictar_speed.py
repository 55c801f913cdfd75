"""The clockwork of the volumetric renderer's speed rows, on a tiny renderer."""

from dataclasses import replace
from importlib import import_module

import pytest
import torch

from neo_core.evaluation import pictar_speed
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.pictar_performance import SEED
from neo_core.evaluation.pictar_speed import beside_eager, load_oracle, multiplications, on_cpu, portrait
from neo_core.evaluation.random_liveportrait import random_tensors
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer
from neo_core.pictar.volumetric.family import FAMILY, Renderer
from neo_core.pictar.volumetric.lift import Volume
from neo_core.pictar.volumetric.translate import pack
from neo_core.runtime.cuda_graph import Recorded


@pytest.fixture
def small():
    """The small renderer in 64 x 64 pixels."""
    small = FAMILY["small"]
    return replace(small, appearance=replace(small.appearance, side=64), motion=replace(small.motion, side=64))


def test_narrow_numbers_are_timed_and_their_error_told(small):
    """The larger one of two kinds of weights counts."""
    notes = {}
    found = on_cpu(small, notes, rounds=1)
    assert 0 < found["speed in float32, CPU"] <= found["speed in the best precision, CPU"]
    kinds = [notes[f"error of bfloat16, {kernels}"] for kernels in ("smooth kernels", "kernels of noise")]
    assert min(kinds) > 0
    assert kinds[0] != kinds[1]
    assert found["error of bfloat16, CPU"] == max(kinds)
    assert len(notes) == 4


def test_a_precision_that_shows_does_not_count(small, monkeypatch):
    monkeypatch.setattr(pictar_speed, "error_on_noise", lambda _: 0.5)
    monkeypatch.setattr(pictar_speed, "medians", lambda _runs, _rounds: [run() for run in _runs] and [6.0, 3.0, 1.0])
    assert on_cpu(small, {}, rounds=1)["speed in the best precision, CPU"] == 2.0


@pytest.mark.parametrize("wrong", [1e-3, float("nan")])
def test_a_fast_frame_that_is_another_is_not_timed(small, monkeypatch, wrong):
    plain = pictar_speed.frame
    monkeypatch.setattr(pictar_speed, "frame", lambda *given: plain(*given) + wrong)
    with pytest.raises(CouldNotRun, match=r"from the plain one; expected at most 0\.0002"):
        on_cpu(small, {}, rounds=1)


def lifted(config, dtype):
    """The portrait in a renderer, and keypoints of a frame."""
    renderer = build_renderer(config, random_tensors(config, SEED), FILES).ready(dtype)
    picture, source, driving = portrait(renderer)
    with torch.no_grad():
        known = renderer.warping.know(renderer.appearance(picture), source)
    return Volume(None, None, renderer, None, known, None), lambda: driving[0]


def beside(config, dtype=torch.bfloat16, notes=None):
    volume, keypoints = lifted(config, dtype)
    oracle = load_oracle().Oracle(config, random_tensors(config, SEED))
    return beside_eager(volume, oracle, pack, keypoints, {} if notes is None else notes, rounds=1)


def test_the_rows_on_cuda_measure_frames_as_commands_draw_them(small):
    """All of it but the graph, on a CPU."""
    notes = {}
    found = beside(small, notes=notes)
    assert found.keys() == {"speed on CUDA", "frames per second on CUDA", "latency on CUDA"}
    assert min(found.values()) > 0
    assert 0 < notes["error of half precision, levels of 255"] < 0.5
    slower = max(notes[f"eager in {kind} precision, ms"] for kind in ("full", "half"))
    assert found["speed on CUDA"] * found["latency on CUDA"] <= slower + 1e-6


@pytest.mark.parametrize("wrong", [0.01, float("nan")])
def test_frames_on_cuda_that_are_others_are_not_timed(small, monkeypatch, wrong):
    plain = Renderer.paint
    monkeypatch.setattr(Renderer, "paint", lambda self, features: plain(self, features) + wrong)
    with pytest.raises(CouldNotRun, match=r"levels from the plain one; expected less than 0\.5"):
        beside(small)


def test_frames_without_a_graph_are_not_timed_on_cuda(small, monkeypatch):
    def broken(_function):
        raise RuntimeError("no graphs here")

    drawing = import_module("neo_core.pictar.volumetric.translate")  # in the package that name is the function
    monkeypatch.setattr(drawing, "recorded", lambda function, device: Recorded(function, device, broken))
    with pytest.raises(CouldNotRun, match="0 CUDA graphs were recorded; expected one"):
        beside(small)


def test_the_oracle_computes_where_its_inputs_are(small):
    """With no default device to hide behind."""
    with torch.device("meta"):
        oracle = load_oracle().Oracle(small)
    shape = (1, small.warping.channels, small.warping.depth, small.appearance.grid, small.appearance.grid)
    keypoints = torch.empty(1, small.warping.keypoints, 3, device="meta")
    assert oracle(torch.empty(shape, device="meta"), keypoints, keypoints)["image"].device.type == "meta"


@pytest.mark.gpu
def test_on_a_cuda_device(small):
    found = pictar_speed.on_cuda(small, {})
    assert all(value > 0 for value in found.values())


def test_without_a_cuda_device_it_says_so(small, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CouldNotRun, match="no CUDA device"):
        pictar_speed.on_cuda(small, {})


def test_smaller_pictures_cost_less(small):
    ours, plain = multiplications(small)
    notes = {}
    found = pictar_speed.fewer_multiplications(small, notes)
    assert found == {"multiplications, plain over ours": plain / ours}
    assert [*notes.values()] == [plain / 1e9, ours / 1e9]
    assert plain > ours
    assert multiplications(FAMILY["small"])[0] == pytest.approx(16 * ours, rel=0.05)


def test_without_a_checkout_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(pictar_speed, "PLAIN", tmp_path)
    with pytest.raises(CouldNotRun, match="comes with a checkout"):
        pictar_speed.load_oracle()
