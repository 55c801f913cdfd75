"""Idling at any frame rate: as long as asked, and a loop that closes."""

from fractions import Fraction

import pytest
import torch

from neo_core.data_types import Identity, InputError
from neo_core.motion_space import SIZE, clamp, rest
from neo_core.pipelines.idle import idle, idle_loop, silent_states
from neo_core.pipelines.talking_head import Settings

IDENTITY = Identity(torch.zeros(60), torch.zeros(16), rest())


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
