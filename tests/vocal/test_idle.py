"""Silence performed: for any time in pieces, and as a loop that ends where it began."""

import pytest
import torch

from neo_core.data_types import Identity
from neo_core.motion_space import SIZE, rest
from neo_core.vocal.idle import SHORTEST_LOOP, _held, generate_idle, generate_loop


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
def test_a_loop_is_idling_with_another_end(model, silence, frames):
    """It is taken from the midst of idling, not from its start, where the head still rests."""
    loop = generate_loop(model, silence, IDENTITY, frames, steps=4)
    lead = model.config.window // 2
    idle = torch.cat(list(generate_idle(model, silence, IDENTITY, lead + frames, steps=4)))[lead:]
    assert loop.shape == (frames, SIZE)
    assert torch.allclose(loop[:3], idle[:3], atol=1e-4)
    assert not torch.equal(loop[-1], idle[-1])


@pytest.mark.parametrize("frames", [8, 20, 60])
def test_the_closing_window_sees_the_start_of_the_loop_after_its_end(model, frames):
    config = model.config
    motion = torch.rand(frames, SIZE)
    begin = max(0, frames + config.prefix - config.window)
    held = _held(motion, begin, config)
    after = slice(frames - begin, frames - begin + config.prefix)
    assert held.frames[after].all()
    assert torch.equal(held.motion[after], motion[: len(held.motion[after])])
    assert torch.equal(held.motion[: config.prefix], motion[begin : begin + config.prefix])
    assert not held.frames[config.prefix : frames - begin].any()


def test_a_loop_that_would_twitch_is_refused(model, silence):
    with pytest.raises(ValueError, match="at least 25"):
        generate_loop(model, silence, IDENTITY, SHORTEST_LOOP - 1)
