"""Idling at any frame rate: as long as asked, and a loop that closes."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from neo_core.data_types import EMOTIONS, Emotion, Identity, InputError
from neo_core.motion_space import POSE, REGIONS, SIZE, clamp, rest
from neo_core.pipelines.idle import idle, idle_loop, silent_states
from neo_core.pipelines.talking_head import Settings

IDENTITY = Identity(torch.zeros(60), torch.zeros(16), rest())


def with_states(models):
    """The same models with a VOCAL that knows states."""
    torch.manual_seed(0)
    vocal = type(models.vocal)(replace(models.vocal.config, emotions=len(EMOTIONS))).eval()
    for parameter in vocal.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return replace(models, vocal=vocal)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30), Fraction(30000, 1001)])
@pytest.mark.parametrize("perform", [idle, idle_loop])
def test_it_lasts_as_long_as_asked_at_any_rate(models, fps, perform):
    latents = perform(models, IDENTITY, 2.0, Settings(fps=fps, steps=2))
    assert latents.fps == fps
    assert latents.motion.shape == (round(2 * fps), SIZE)


def test_a_loop_read_at_another_rate_has_no_seam(models):
    """Its first frame lies between the last and the first of 25 a second, on the cubic through all four around it."""
    plain, fast = (idle_loop(models, IDENTITY, 2.0, Settings(fps=Fraction(f), steps=2)).motion for f in (25, 50))
    a, b, c, d = plain[[-2, -1, 0, 1]]
    t = 0.75
    cubic = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    assert torch.allclose(fast[0], clamp(cubic), atol=1e-4)
    assert (cubic - c).abs().max() > 1e-3


@pytest.mark.parametrize(("seconds", "perform"), [(0.0, idle), (0.5, idle_loop), (1e9, idle), (float("nan"), idle)])
def test_times_that_make_no_sense_are_refused(models, seconds, perform):
    with pytest.raises(InputError, match="expected"):
        perform(models, IDENTITY, seconds, Settings())


def test_silence_sounds_the_same_at_any_time(models):
    states = silent_states(models.audio_encoder, 40)
    assert states.shape[1] == 80
    assert torch.allclose(states, states[:, :1].expand_as(states), atol=1e-4)


@pytest.mark.parametrize("perform", [idle, idle_loop])
def test_each_state_idles_in_its_own_way(models, perform):
    moody = with_states(models)
    states = [None, Emotion("happy", 0.3), *map(Emotion, EMOTIONS)]
    made = torch.stack([perform(moody, IDENTITY, 2.0, Settings(steps=2, emotion=e)).motion for e in states])
    apart = (made[:, None] - made[None]).abs().amax((2, 3)) + torch.eye(len(states))
    assert apart.min() > 1e-4


@pytest.mark.parametrize("perform", [idle, idle_loop])
def test_weights_that_know_no_states_refuse_one(models, perform):
    with pytest.raises(InputError, match="know no emotions"):
        perform(models, IDENTITY, 2.0, Settings(steps=2, emotion=Emotion("happy")))


def test_amplitudes_follow_vocal(models):
    plain, wished = (idle(models, IDENTITY, 2.0, Settings(steps=2, amplitudes=a)) for a in ((), (("head", 0.5),)))
    assert torch.allclose(wished.motion[:, POSE], 0.5 * plain.motion[:, POSE], atol=1e-5)
    assert torch.equal(wished.motion[:, REGIONS["mouth"]], plain.motion[:, REGIONS["mouth"]])
