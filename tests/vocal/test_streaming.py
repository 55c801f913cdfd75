"""Motion a few frames at a time: what is out stays, what is not heard yet is not looked at."""

import pytest
import torch

from neo_core.data_types import Identity, InputError
from neo_core.flow.guidance import Guidance
from neo_core.motion_space import HIGH, LOW
from neo_core.timebase import PAIR
from neo_core.vocal.streaming import LiveMotion, Pace

PACE = Pace(hop=2, ahead=1, past=4, plan=3)


@pytest.fixture
def identity() -> Identity:
    dice = torch.Generator().manual_seed(4)
    reference = torch.cat((torch.rand(53, generator=dice) * 0.3, torch.zeros(10)))
    return Identity(torch.randn(60, generator=dice), torch.randn(16, generator=dice), reference)


def hops(live, sound):
    """Perform a sound [L, 2 T, F], every hop with its own view of it."""
    motion, total = [], sound.shape[1] // PAIR
    while live.frames < total:
        heard = min(live.frames + live.pace.hop + live.pace.ahead, total)
        motion.append(live.next(sound[:, : PAIR * heard][:, -PAIR * live.span :], heard))
    return torch.cat(motion)


def draw(model, frames=21, seed=3):
    dice = torch.Generator().manual_seed(seed)
    return torch.randn(model.config.audio_layers, PAIR * frames, model.config.audio_width, generator=dice)


@pytest.mark.parametrize("architecture", ["neo", "neo-1.5"])
def test_hops_join_to_motion_inside_its_ranges(build, identity, architecture):
    model = build(architecture)
    motion = hops(LiveMotion(model, identity, pace=PACE), draw(model))
    assert motion.shape == (22, 63)
    assert (motion >= torch.tensor(LOW)).all()
    assert (motion <= torch.tensor(HIGH)).all()
    assert motion.std(0).max() > 1e-3


def test_a_frame_is_decided_by_what_is_heard_for_it(model, identity):
    sound, other = draw(model), draw(model, seed=5)
    for changed in (0, 4, 11, 20):
        mixed = torch.cat((sound[:, : PAIR * changed], other[:, PAIR * changed :]), 1)
        a, b = (hops(LiveMotion(model, identity, steps=1, pace=PACE), s) for s in (sound, mixed))
        same = (a == b).all(-1)
        first = int(same.long().argmin())  # the first frame that differs
        assert changed - PACE.hop - PACE.ahead < first <= changed


def test_the_same_seed_is_the_same_performance(model, identity):
    first, again, other = (hops(LiveMotion(model, identity, seed=s, pace=PACE), draw(model)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_was_given_out_goes_on(model, identity):
    """The network sees the frames before: other ones lead elsewhere."""
    one, other = (LiveMotion(model, identity, pace=PACE) for _ in range(2))
    for live in (one, other):
        live.next(draw(model)[:, : PAIR * 3], 3)
    other._past = other._past + 0.1
    view = draw(model)[:, : PAIR * 5]
    assert (one.next(view, 5) - other.next(view, 5)).abs().max() > 1e-3


def test_the_network_it_was_given_keeps_its_windows(model, identity):
    LiveMotion(model, identity, pace=PACE)
    assert model.config.window == 12


def test_guidance_that_needs_an_end_is_refused(model, identity):
    with pytest.raises(InputError, match="expected the same weights"):
        LiveMotion(model, identity, guidance=Guidance(audio=2, end=0.5))


def test_guidance_steers(model, identity):
    plain, guided = (
        hops(LiveMotion(model, identity, guidance=g, pace=PACE), draw(model)) for g in (Guidance(), Guidance(audio=2))
    )
    assert not torch.equal(plain, guided)
