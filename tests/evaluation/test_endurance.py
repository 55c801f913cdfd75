"""Half an hour of motion: what drifts is found, and the same speech is the same later on."""

import sys

import pytest
import torch

from neo_core.data_types import Waveform
from neo_core.evaluation import endurance
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.motion import shipped
from neo_core.media.audio import read_waveform
from neo_core.motion_space import INDEX
from neo_core.timebase import MOTION_RATE

LENGTH = 60 * MOTION_RATE


def performance(minutes: int, drift: float) -> torch.Tensor:
    """Noise in every channel; the yaw drifts by so many of its spreads over the whole time."""
    motion = torch.randn(minutes * LENGTH, 63, generator=torch.Generator().manual_seed(0))
    motion[:, INDEX["yaw"]] += drift * torch.linspace(0, 1, len(motion))
    return motion


@pytest.mark.parametrize("piece", [72, 1000, 5000])
def test_minutes_are_whole_however_they_come(piece):
    motion = performance(4, 0.0)
    minutes = list(endurance.minutes_of((*motion.split(piece), motion[:7])))
    assert len(minutes) == 4
    for k, minute in enumerate(minutes):
        torch.testing.assert_close(minute.mean, motion[k * LENGTH : (k + 1) * LENGTH].mean(0))
        torch.testing.assert_close(minute.spread, motion[k * LENGTH : (k + 1) * LENGTH].std(0))
    assert len(endurance.table(minutes).splitlines()) == 3


def test_where_memory_cannot_be_measured_the_part_could_not_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(CouldNotRun, match="does not tell"):
        endurance.peak_memory()


def test_a_head_that_wanders_is_found():
    still, drifting = (endurance.wander(list(endurance.minutes_of([performance(9, drift)]))) for drift in (0.0, 2.0))
    assert max(still.values()) < 0.1
    assert drifting["pose"] == pytest.approx(2 * 6 / 9 / 6**0.5, rel=0.2)
    assert max(value for name, value in drifting.items() if name != "pose") < 0.1


def test_half_an_hour_is_performed_on_one_thread(monkeypatch):
    threads, before = [], torch.get_num_threads()
    torch.set_num_threads(2)

    def windows(*_):
        for _ in range(2):
            threads.append(torch.get_num_threads())
            yield performance(1, 0.0)

    monkeypatch.setattr(endurance.sampler, "generate_windows", windows)
    monkeypatch.setattr(endurance, "later", lambda *_: {})
    endurance.bench(minutes=2)
    torch.set_num_threads(before)
    assert threads == [1, 1]


def test_the_same_speech_later_is_nearly_the_same():
    speech = read_waveform(endurance.SAMPLES / "speech.flac")
    part = Waveform(speech.samples[:, : 6 * speech.sample_rate], speech.sample_rate)
    found = endurance.later(shipped(), part)
    assert found["the same speech a whole number of windows later, mouth"] < 0.05
    assert found["the same speech a whole number of windows later, pose"] < 0.1
