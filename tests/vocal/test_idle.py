"""Silence performed: for any time in pieces, and as a loop that ends where it began."""

import pytest
import torch

from neo_core.data_types import Identity
from neo_core.motion_space import SIZE, rest
from neo_core.vocal.idle import SHORTEST_LOOP, generate_idle, generate_loop


@pytest.fixture
def silence(model) -> torch.Tensor:
    """Hidden states that do not change with time. [L, 8, F]"""
    config = model.config
    state = torch.randn(config.audio_layers, 1, config.audio_width, generator=torch.Generator().manual_seed(3))
    return state.expand(-1, 8, -1)


IDENTITY = Identity(torch.zeros(60), torch.zeros(16), rest())


@pytest.mark.parametrize("frames", [1, 12, 37])
def test_idle_lasts_as_long_as_asked(model, silence, frames):
    motion = torch.cat(list(generate_idle(model, silence, IDENTITY, frames, steps=2)))
    assert motion.shape == (frames, SIZE)


def test_the_length_of_the_piece_of_silence_does_not_matter(model, silence):
    short, long = (torch.cat(list(generate_idle(model, s, IDENTITY, 30, steps=2))) for s in (silence, silence[:, :2]))
    assert torch.equal(short, long)


@pytest.mark.parametrize("frames", [25, 26, 34, 60])
def test_a_loop_begins_as_idling_does_and_ends_where_it_began(model, silence, frames):
    """The frames after the last one are those at the start, so what leads to them is the loop's end."""
    loop = generate_loop(model, silence, IDENTITY, frames, steps=4)
    idle = torch.cat(list(generate_idle(model, silence, IDENTITY, frames, steps=4)))
    assert loop.shape == (frames, SIZE)
    assert torch.equal(loop[:10], idle[:10])
    assert not torch.equal(loop[-1], idle[-1])


def test_a_loop_that_would_twitch_is_refused(model, silence):
    with pytest.raises(ValueError, match="at least 25"):
        generate_loop(model, silence, IDENTITY, SHORTEST_LOOP - 1)
