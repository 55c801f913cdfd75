"""Summaries of the judge's reports, and the sounds that are made for it."""

import sys

import pytest
import torch

from neo_core.data_types import Waveform
from neo_core.evaluation.bench import load_bars
from neo_core.evaluation.lip_sync import in_time, judge_video, summarise
from neo_core.evaluation.sounds import first_part, float_wav, moved
from neo_core.media.audio import read_waveform


def report(seconds=10.0, **changes):
    """A judge's report of a good clip; `changes` overwrite what stands at the end of a dotted path."""
    contrasts = {"closure_rate": 0.9, "closure_chance": 0.5, "openness_auc": 0.8, "rounding_auc": 0.9}
    found = {
        "container": {"duration": seconds},
        "sync": {
            "combined": {"peak": 0.6, "lag": 0.2},
            "phone_shape": {"peak": 0.5},
            "lag_removed": contrasts,
            "bilabials": 4,
            "amplitude": {"gap_std": 0.05},
        },
        "silence": {"speed_ratio": 0.2},
        "stability": {"shape_jitter": 5.0, "frozen_share": 0.0, "blinks": {"count": 3, "closure_depth": 0.8}},
        "identity": {"descriptor_distance": 0.2},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = found
        for parent in parents:
            place = place[parent]
        place[last] = value
    return found


def test_every_figure_has_a_bar():
    names = {bar["name"] for bar in load_bars("talking-head")}
    assert summarise([report()], [report()]).keys() <= names


def test_blinks_and_closures_are_counted_over_the_long_clips_together():
    reports = [
        report(10, stability__blinks={"count": 1, "closure_depth": 1.0}, sync__bilabials=9),
        report(20, stability__blinks={"count": 9, "closure_depth": 0.5}, sync__lag_removed__closure_rate=0.4),
        report(5, stability__blinks={"count": 90, "closure_depth": 0.1}, sync__lag_removed__closure_rate=0.0),
    ]
    figures = summarise(reports, reports)
    assert figures["blinks"] == pytest.approx(20)
    assert figures["closure of blinks"] == pytest.approx(0.55)
    rate = (9 * 0.9 + 4 * 0.4) / 13
    assert figures["lip sync, closure"] == pytest.approx(rate)
    assert figures["lip sync, closure above chance"] == pytest.approx(rate - 0.5)


def test_one_clip_that_freezes_is_not_outvoted():
    reports = [report(), report(), report(stability__frozen_share=0.02), report()]
    assert summarise(reports, reports)["frozen frames"] == 0.02


def test_a_clip_without_blinks_has_no_depth_and_does_not_hide_that_there_are_none():
    still = report(stability__blinks={"count": 0, "closure_depth": None})
    figures = summarise([still], [still])
    assert figures["blinks"] == 0
    assert "closure of blinks" not in figures


def test_what_the_judge_did_not_measure_is_left_out():
    figures = summarise([report(identity__descriptor_distance=None)], [report()])
    assert "likeness" not in figures
    assert summarise([report()], [report()])["likeness"] == 0.2


@pytest.mark.parametrize(("best", "met"), [(0, True), (-4, False), (8, False)])
def test_in_time_is_better_than_every_shift(best, met):
    scores = dict.fromkeys((-8, -4, 0, 4, 8), 0.2)
    assert not in_time(scores)  # a tie says nothing
    assert in_time(scores | {best: 0.3}) is met


def test_the_judge_is_told_photo_sound_and_words(tmp_path):
    judge = tmp_path / "judge.py"
    judge.write_text("import json, sys; print('noise'); print(json.dumps(sys.argv[1:]).join(['{\"said\": ', '}']))")
    said = judge_video(f"{sys.executable} {judge}", tmp_path / "v.mp4", "hi", photo=tmp_path / "p.png")["said"]
    assert said == [str(tmp_path / "v.mp4"), "--json", "--text", "hi", "--source", str(tmp_path / "p.png")]


@pytest.mark.parametrize("shift", [-0.16, 0.0, 0.32])
def test_a_moved_sound_is_the_same_sound_at_another_time(tmp_path, shift):
    wave = Waveform(torch.sin(torch.arange(16000.0) ** 1.2)[None], 16000)
    source = tmp_path / "a.wav"
    source.write_bytes(float_wav(wave.samples[0]))
    found = read_waveform(moved(source, shift, tmp_path / "b.wav")).samples[0]
    begin = round(16000 * shift)
    kept = found[max(begin, 0) :]
    assert len(found) == 16000 + begin
    assert torch.allclose(kept, wave.samples[0, max(-begin, 0) :][: len(kept)], atol=1e-4)


def test_the_first_part_of_a_sound(tmp_path):
    source = tmp_path / "a.wav"
    source.write_bytes(float_wav(torch.linspace(-1, 1, 16000)))
    found = read_waveform(first_part(source, 0.12, tmp_path / "b.wav")).samples[0]
    assert len(found) == 1920
    assert torch.allclose(found, torch.linspace(-1, 1, 16000)[:1920], atol=1e-4)
