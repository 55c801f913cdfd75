"""Few steps: where they stop, what guidance does to a prediction, and noise that belongs to its latent."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neo_core.data_types import InputError
from neo_core.neo2.dit import SIGNALS, Conditions
from neo_core.neo2.latent_space import CHANNELS
from neo_core.neo2.sampler import (
    Sampling,
    advance,
    begin,
    noise_field,
    predict,
    projected,
    rescaled,
    sample_chunk,
    times,
)

SHAPE, CODE = (CHANNELS, 4, 4), (CHANNELS, 8, 8)  # of a latent and of the anchor
PLAIN = Sampling(rescale=0.0, apg=False)


def conditions(batch: int = 2, length: int = 3) -> Conditions:
    return Conditions(
        anchor=torch.randn(batch, *CODE),
        audio=torch.randn(batch, 2, 8 * length, 6),
        words=torch.ones(batch, 2, 3, dtype=torch.int64),
        context=torch.zeros(batch, 0, *SHAPE),
        context_time=torch.zeros(batch, 0),
        **dict.fromkeys(SIGNALS.values(), torch.ones(batch, dtype=torch.bool)),
    )


class Straight:
    """A model whose data is `size` x noise, so that every path is straight. Counts passes over a batch of two."""

    def __init__(self, size: float = 0.5) -> None:
        self.size, self.passes = size, 0

    def __call__(self, x: Tensor, t: Tensor, _: Conditions) -> Tensor:
        self.passes += len(x) // 2
        t = t[:, None, None, None, None]
        return self.size * x / ((1 - t) * self.size + t)


class Told(Straight):
    """Says which signals it was given, whatever x is."""

    def __call__(self, x: Tensor, t: Tensor, given: Conditions) -> Tensor:
        super().__call__(x, t, given)
        told = given.heard * 1.0 + given.prompted * 10.0 + given.anchored * 100.0
        return told[:, None, None, None, None].expand_as(x)


@pytest.mark.parametrize("schedule", [1.0, 5.0, "uniform", "rcm"])
@pytest.mark.parametrize("steps", [1, 3, 4])
def test_times_fall_from_the_start_to_zero(schedule, steps):
    for start in (1.0, 0.9):
        stops = times(Sampling(steps, schedule, start))
        assert len(stops) == steps + 1
        assert (stops.diff() < 0).all()
        assert stops[-1] == 0
        assert stops[0] <= start
        assert stops[0] == pytest.approx(start, rel=0.02)


def test_the_tables_are_those_that_were_published():
    assert times(Sampling(3, 5.0)).tolist() == pytest.approx([1, 0.909, 0.714, 0], abs=1e-3)
    assert times(Sampling(3, "rcm")).tolist() == pytest.approx([0.9877, 0.934, 0.853, 0], abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"schedule": "fast"},
        {"schedule": 0.0},
        {"schedule": math.nan},
        {"schedule": (1.0, 0.5)},
        {"schedule": (1.0, 0.5, 0.5)},
        {"schedule": (1.1, 0.5, 0.2)},
        {"schedule": (1.0, 0.5, 0.0)},
        {"start": 0.0},
        {"start": 1.1},
        {"audio": -1.0},
        {"text": math.inf},
        {"rescale": 2.0},
    ],
)
def test_what_cannot_be_sampled_is_refused(options):
    with pytest.raises(InputError, match="expected"):
        Sampling(**options)


def test_stops_are_taken_as_they_are():
    assert times(Sampling(3, (1.0, 0.8, 0.25))).tolist() == pytest.approx([1, 0.8, 0.25, 0])
    assert times(Sampling(3, (1.0, 0.8, 0.25), start=0.9)).tolist() == pytest.approx([0.9, 0.72, 0.225, 0])


def test_a_table_ends_where_it_ends():
    with pytest.raises(InputError, match="1 to 4"):
        times(Sampling(5, "rcm"))


@pytest.mark.parametrize("schedule", [1.0, 5.0, "rcm"])
@pytest.mark.parametrize("steps", [1, 3])
def test_straight_paths_are_walked_exactly(schedule, steps):
    """Data = size x noise: the end is known, and three steps must find it as well as one."""
    noise = torch.randn(2, 3, *SHAPE)
    sampling, given = replace(PLAIN, steps=steps, schedule=schedule), conditions()
    model = Straight()
    level = float(times(sampling)[0])
    exact = 0.5 * level * noise / ((1 - level) * 0.5 + level)
    assert torch.allclose(sample_chunk(model, given, noise, sampling), exact, atol=1e-5)


def test_what_is_handed_out_is_amplified_and_no_step_knows():
    noise, given, seen = torch.randn(2, 3, *SHAPE), conditions(), []

    def model(x: Tensor, _t: Tensor, _conditions: Conditions) -> Tensor:
        seen.append(x)
        return 0.5 * x

    plain, larger = (sample_chunk(model, given, noise, replace(PLAIN, amplitude=size)) for size in (1.0, 1.5))
    assert torch.equal(larger, 1.5 * plain)
    half = len(seen) // 2
    assert all(torch.equal(a, b) for a, b in zip(seen[:half], seen[half:], strict=True))


@pytest.mark.parametrize("size", [-0.1, 3.1, math.nan])
def test_amplitudes_beyond_the_limits_are_refused(size):
    with pytest.raises(InputError, match="amplitude is"):
        Sampling(amplitude=size)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_movement_that_follows_the_voice_beyond_the_limits_is_refused(share):
    with pytest.raises(InputError, match="prosody is"):
        Sampling(prosody=share)


def test_nothing_follows_a_sound_that_is_ignored():
    assert Sampling(prosody=0.5).follows
    assert not Sampling().follows
    assert not Sampling(prosody=0.5, audio=0.0).follows


def test_more_steps_come_nearer_on_a_curved_path():
    """Gaussian data of deviation s about some place: the exact end is that place + s noise."""
    given, noise, size = conditions(), torch.randn(2, 3, *SHAPE), 0.4
    place = torch.randn(2, 1, *SHAPE)

    def model(x: Tensor, t: Tensor, _: Conditions) -> Tensor:
        t = t[:, None, None, None, None]
        share = (1 - t) * size**2 / ((1 - t).square() * size**2 + t.square())
        return place + share * (x - (1 - t) * place)

    errors = [
        float((sample_chunk(model, given, noise, Sampling(n, 1.0)) - place - size * noise).square().mean().sqrt())
        for n in (3, 30, 300)
    ]
    assert errors[1] < errors[0] / 3
    assert errors[2] < 0.01


def test_weights_of_one_cost_one_pass_per_step():
    model = Straight()
    sample_chunk(model, conditions(), torch.randn(2, 3, *SHAPE), Sampling(3))
    assert model.passes == 3


@pytest.mark.parametrize(
    ("weights", "passes"), [({"audio": 2.0}, 2), ({"audio": 2.0, "text": 0.5}, 3), ({"reference": 0.0}, 1)]
)
def test_each_weight_but_none_and_one_costs_one_more(weights, passes):
    model = Straight()
    predict(model, torch.randn(2, 3, *SHAPE), torch.full((2,), 0.8), conditions(), Sampling(**weights))
    assert model.passes == passes


def test_guidance_is_the_sum_of_its_terms():
    """Full is 111, and each signal left out says by how much it moved the prediction."""
    x, t = torch.randn(2, 3, *SHAPE), torch.full((2,), 0.8)
    for weights, expected in (
        ({"audio": 3.0}, 111 + 2 * 1),
        ({"text": 0.0}, 111 - 10),
        ({"text": 0.0, "audio": 0.0}, 111 - 10 - 1),
        ({"text": 0.4}, 111 - 0.6 * 10),
        ({"audio": 2.0, "reference": 1.5}, 111 + 1 + 0.5 * 100),
    ):
        made = predict(Told(), x, t, conditions(), replace(PLAIN, **weights))
        assert torch.allclose(made, torch.full_like(made, expected))


def test_a_weight_below_one_lies_between_without_and_full():
    """With APG and rescaling on: both are for what is amplified, and would let a part of an ignored signal through."""
    x, t, given = torch.randn(2, 3, *SHAPE), torch.full((2,), 0.8), conditions()
    model = Varied()
    full, without = model(x, t, given), model(x, t, given.without("audio"))
    assert (full - without).square().mean().sqrt() > Sampling().limit
    for weight in (0.0, 1e-6, 0.3, 1.0):
        made = predict(model, x, t, given, Sampling(audio=weight))
        torch.testing.assert_close(made, torch.lerp(without, full, weight), atol=1e-5, rtol=0)
    both = predict(model, x, t, given, Sampling(audio=0.0, text=0.0))
    assert torch.equal(both, model(x, t, given.without("audio", "text")))


class Varied(Straight):
    """Each signal it is given moves the prediction in a direction of its own."""

    def __call__(self, x: Tensor, t: Tensor, given: Conditions) -> Tensor:
        dice = torch.Generator().manual_seed(3)
        told = (given.heard, given.prompted, given.anchored)
        moves = [flag[:, None, None, None, None] * torch.randn(x.shape[1:], generator=dice) for flag in told]
        return super().__call__(x, t, given) + sum(moves)


def test_a_signal_that_is_not_given_cannot_be_guided():
    x, t = torch.randn(2, 3, *SHAPE), torch.full((2,), 0.8)
    given = conditions().without("audio")
    assert torch.equal(predict(Told(), x, t, given, replace(PLAIN, audio=5.0)), Told()(x, t, given))


def test_projection_is_orthogonal_and_limited():
    full, term = torch.randn(2, 3, *SHAPE), torch.randn(2, 3, *SHAPE) + 1
    left = projected(term, full, limit=100.0)
    assert (left * full).flatten(1).sum(1).abs().max() < 1e-3 * full.flatten(1).square().sum(1).min()
    assert torch.allclose(projected(full, full, 100.0), torch.zeros_like(full), atol=1e-5)
    small = projected(term, full, limit=0.1).flatten(1).square().mean(1).sqrt()
    assert (small <= 0.1 + 1e-6).all()


def test_rescaling_keeps_the_deviation_from_the_anchor():
    """Each sample its own; the anchor's latents are zeros, so they are made smaller or larger as they are."""
    full = torch.randn(2, 3, *SHAPE) * torch.tensor([1.0, 3.0])[:, None, None, None, None]
    guided = 2.5 * full + 0.3 * torch.randn_like(full)
    whole = rescaled(guided, full, 1.0)
    assert torch.allclose(whole.flatten(1).std(1), full.flatten(1).std(1), rtol=1e-4)
    assert torch.allclose(whole / guided, (whole / guided)[:, :1, :1, :1, :1], rtol=1e-4)
    assert torch.allclose(rescaled(guided, full, 0.0), guided, atol=1e-6)
    assert torch.allclose(rescaled(guided, full, 0.7), torch.lerp(guided, whole, 0.7), atol=1e-5)
    still = torch.zeros_like(full)
    assert torch.equal(rescaled(still, still, 1.0), still)


def test_the_start_lies_between_anchor_and_noise():
    """The anchor's latents are zeros."""
    noise = torch.randn(2, 3, *SHAPE)
    assert torch.equal(begin(noise, Sampling(start=1.0)), noise)
    assert torch.allclose(begin(noise, Sampling(start=0.9)), 0.9 * noise, atol=1e-6)
    rcm = Sampling(schedule="rcm", start=0.9)
    assert torch.allclose(begin(noise, rcm), times(rcm)[0] * noise, atol=1e-6)


def test_steps_end_at_the_prediction():
    x, clean = torch.randn(2, 3, *SHAPE), torch.randn(2, 3, *SHAPE)
    assert torch.equal(advance(x, clean, 0.6, 0.0), clean)
    whole = advance(x, clean, 0.8, 0.2)
    assert torch.allclose(advance(advance(x, clean, 0.8, 0.5), clean, 0.5, 0.2), whole, atol=1e-6)


def test_the_noise_of_a_latent_is_its_own():
    whole = noise_field(5, -3, 12, SHAPE)
    for first, count in ((-3, 4), (1, 3), (0, 9), (8, 1)):
        assert torch.equal(noise_field(5, first, count, SHAPE), whole[first + 3 : first + 3 + count])
    assert not torch.equal(noise_field(6, -3, 12, SHAPE), whole)
    assert len({float(latent.sum()) for latent in whole}) == 12


def test_noise_knows_all_of_a_large_seed():
    """The generator alone keeps 32 bits of its seed."""
    assert not torch.equal(noise_field(0, 0, 1, SHAPE), noise_field(2**32, 0, 1, SHAPE))


def test_progress_may_stop_the_work():
    told = []

    def progress(done: int, total: int, _: Tensor | None) -> None:
        told.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    model = Straight()
    with pytest.raises(KeyboardInterrupt):
        sample_chunk(model, conditions(), torch.randn(2, 3, *SHAPE), Sampling(3), progress)
    assert told == [(0, 3), (1, 3), (2, 3)]
    assert model.passes == 2
