"""The search for the walk: it ranks by nearness to the truth, and compares with what it says."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.neo2.dit import SIGNALS, Conditions
from neo_core.neo2.latent_space import CHANNELS
from neo_core.neo2.sampler import Sampling
from neo_core.training import neo2_schedule
from neo_core.training.exam_halves import bench_half
from neo_core.training.neo2_clips import Windows
from neo_core.training.neo2_schedule import (
    AMPLITUDES,
    guidances,
    judge_of,
    many,
    naive,
    row,
    run,
    search,
    spacings,
    table,
)

COUNT, T = 6, 5


def windows() -> Windows:
    dice = torch.Generator().manual_seed(0)
    shape = (COUNT, T, CHANNELS, 8, 8)
    anchor = torch.randn(COUNT, *shape[2:], generator=dice)
    conditions = Conditions(
        anchor=anchor,
        audio=torch.ones(COUNT, 1, 8 * T, 2),
        words=torch.zeros(COUNT, 0, 3, dtype=torch.int64),
        context=torch.zeros(COUNT, 0, *shape[2:]),
        context_time=torch.zeros(COUNT, 0),
        **dict.fromkeys(SIGNALS.values(), torch.ones(COUNT, dtype=torch.bool)),
    )
    latents = anchor[:, None] + 0.3 * torch.randn(shape, generator=dice)
    return Windows(latents, torch.zeros(COUNT, T, 8, 8, dtype=torch.uint8), conditions)


class Gaussian(torch.nn.Module):
    """The best prediction for data of deviation 0.3 about the anchor: fewer or cruder steps lose some of it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, t: Tensor, given: Conditions) -> Tensor:
        t, anchor = t[:, None, None, None, None], given.anchor[:, None]
        share = (1 - t) * 0.09 / ((1 - t).square() * 0.09 + t.square())
        return anchor + share * (x - (1 - t) * anchor)


def test_many_steps_are_nearer_than_one():
    judge = judge_of(Gaussian(), windows())
    assert judge.distance(Sampling(30, 1.0)) < judge.distance(Sampling(1, 1.0)) / 2


def test_the_search_ranks_what_it_tried(monkeypatch):
    monkeypatch.setattr(neo2_schedule, "SHIFTS", (1.0, 3.0))
    monkeypatch.setattr(neo2_schedule, "STOPS", (0.7, 0.3))
    judge = judge_of(Gaussian(), windows())
    ranked = search(judge, 3)
    distances = [distance for distance, _ in ranked]
    assert distances == sorted(distances)
    for distance, sampling in ranked[:3]:
        assert distance == pytest.approx(judge.distance(sampling))
    tried = [judge.distance(sampling) for sampling in spacings(3)]
    assert len(tried) == 4
    assert distances[0] <= min(tried)


class Told:
    """A judge by rules: an amplitude of 1.4 is the best, guidance by a little better than none; steps count most."""

    def __init__(self) -> None:
        self.asked = []

    def distance(self, sampling: Sampling) -> float:
        self.asked.append(sampling)
        spacing = 0.0 if sampling.schedule == 3.0 else 10.0
        guided = 0.0 if (sampling.audio, sampling.rescale, sampling.apg) == (1.7, 1.0, False) else 0.5
        return 1 + spacing + guided + 5 * abs(sampling.amplitude - 1.4) + 3 * (sampling.start - 0.9) ** 2


def test_the_best_with_guidance_and_the_best_without_are_amplified():
    judge = Told()
    ranked = search(judge, 3)
    sized = [sampling for sampling in judge.asked if sampling.amplitude != 1]
    free = Sampling(3, 3.0, 0.9)
    led = replace(free, audio=1.7, rescale=1.0, apg=False)
    assert sized == [replace(way, amplitude=size) for way in (free, led) for size in AMPLITUDES]
    assert [sampling for _, sampling in ranked[:2]] == [replace(led, amplitude=1.4), replace(free, amplitude=1.4)]
    assert {*sized} < {sampling for _, sampling in ranked}, "the others are told as well"


def test_everything_is_tried_once():
    ways = list(spacings(3))
    assert len(ways) == len(set(ways)) == 22
    assert len(list(spacings(8))) == 6
    assert all(not way.guided for way in ways)
    guided = list(guidances(ways[:2]))
    assert len(set(guided)) == 36
    assert all(way.guided == ("audio",) for way in guided)


def test_thirty_steps_are_guided_as_what_they_stand_beside():
    tuned = Sampling(3, (1.0, 0.7, 0.3), 0.9, rescale=1.0, audio=1.7, amplitude=1.3)
    assert many(tuned) == Sampling(30, 1.0, 1.0, rescale=1.0, audio=1.7, amplitude=1.3)


def test_the_table_tells_each_way_beside_its_own_thirty_steps():
    asked = []

    class Counting:
        def distance(self, sampling):
            asked.append(sampling)
            return 4.0 if sampling.steps == 30 else 8.0

    ranked = [(2.0, Sampling(3, 5.0)), (3.0, Sampling(3, 2.0)), (4.0, Sampling(3, 2.0, audio=1.7))]
    lines = list(table(Counting(), ranked))
    assert ["0.50 of 30 steps, 0.25 of naive" in lines[0], "1.00 of 30 steps, 0.50 of naive" in lines[2]] == [True] * 2
    assert len(asked) == len(set(asked)) == 4, "once for each way of guiding"


def test_the_search_sees_nobody_who_is_judged(monkeypatch):
    seen = []

    def load_clips(films, *_):
        seen.extend(film.person for film in films)
        raise InputError("enough")

    films = [SimpleNamespace(person=8 * k + 7) for k in range(40)]
    monkeypatch.setattr(neo2_schedule, "load_films", lambda _: films)
    monkeypatch.setattr(neo2_schedule, "load_video_vae", lambda *_: None)
    monkeypatch.setattr(neo2_schedule, "load_clips", load_clips)
    with pytest.raises(InputError, match="enough"):
        run(SimpleNamespace(exam=None, vae=None, dit=None, device="cpu", count=9, steps=3))
    assert seen
    assert not {film.person for film in bench_half(films)} & set(seen)


def test_naive_differs_in_nothing_but_what_it_leaves_out():
    tuned = Sampling(3, 5.0, 0.9, audio=1.7, amplitude=1.3)
    assert naive(tuned) == Sampling(3, "uniform", 1.0, rescale=0.0, apg=False, audio=1.7, amplitude=1.3)
    assert "2.00, 0.50 of 30 steps, 0.25 of naive (8.000)" in row(tuned, 2.0, 4.0, 8.0).replace("2.000", "2.00")
