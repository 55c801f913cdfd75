"""Movement that follows the voice: the pose stays, pieces do not matter, each latent is read off its own sound."""

import math

import pytest
import torch

from neo_core.neo2.latent_space import HEARD
from neo_core.neo2.prosody import LEAST, MOST, REACH, Prosody, following, moved

SHAPE = (3, 8, 2)
HEAD, BODY = slice(3), slice(4, None)  # rows of cells


def video(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed))


def followed(latents, energy, share, pieces):
    def asked(first, last):
        assert 0 <= first < last <= came[0]  # of latents that have come
        return energy[first:last]

    came = [0]

    def given():
        for piece in latents.split(pieces):
            came[0] += len(piece)
            yield piece

    return torch.cat(list(following(given(), asked, share)))


@pytest.mark.parametrize("count", [1, 2, REACH, 3 * REACH + 1])
def test_every_latent_comes_back_whatever_the_pieces(count):
    latents, energy = video(count), torch.linspace(-2, 2, count)
    whole = followed(latents, energy, 0.6, count)
    assert whole.shape == latents.shape
    for pieces in (1, 4, [k for k in (1, count - 1) if k]):
        torch.testing.assert_close(followed(latents, energy, 0.6, pieces), whole)


def test_a_usual_voice_changes_nothing_and_a_still_person_stays_still():
    latents = video(20)
    torch.testing.assert_close(followed(latents, torch.zeros(20), 0.6, 5), latents)
    still = video(1).expand(20, -1, -1, -1)
    torch.testing.assert_close(followed(still, torch.linspace(-3, 3, 20), 0.6, 5), still)


def test_movement_grows_with_the_voice_about_the_same_pose():
    trembling = torch.tensor([1.0, -1.0]).repeat(20)[:, None, None, None].expand(-1, *SHAPE)
    pose = video(1)
    for energy, factor in ((1.0, 1.2), (-1.0, 0.8), (9.0, MOST), (-9.0, LEAST)):
        got = followed(pose + trembling, torch.full((40,), energy), 0.2, 7)
        wanted = pose + factor * trembling
        torch.testing.assert_close(got[10:30, :, BODY], wanted[10:30, :, BODY], atol=0.02, rtol=0)


def test_faces_are_left_alone():
    latents = video(30)
    got = followed(latents, torch.linspace(-2, 2, 30), 1.0, 30)
    torch.testing.assert_close(got[:, :, HEAD], latents[:, :, HEAD])
    assert (got - latents)[:, :, BODY].abs().amax((1, 2, 3)).min() > 0


def test_nothing_is_held_beyond_the_reach():
    """Latents are handed on as soon as those after them are known, so that memory does not grow with the video."""
    came, handed = [0], 0

    def given():
        for _ in range(10):
            came[0] += 4
            yield video(4)

    for piece in following(given(), lambda first, last: torch.zeros(last - first), 0.5):
        handed += len(piece)
        assert came[0] - handed <= REACH
        assert piece.untyped_storage().nbytes() <= 4 * (3 * REACH + 4) * piece[0].numel()
    assert handed == 40


def test_nothing_becomes_of_nothing():
    assert list(following([], lambda *_: torch.zeros(0), 0.5)) == []


def test_each_moves_about_its_own_slow_path():
    """The formula, latent by latent."""
    latents, energy = video(2 * REACH + 5).double(), torch.linspace(-1, 1, 5).double()
    got = moved(latents, energy, 0.3)
    assert got.shape == (5, *SHAPE)
    weights = torch.tensor([math.exp(-(k**2) / 8) for k in range(-REACH, REACH + 1)]).double()
    for k in range(5):
        slow = (weights[:, None, None, None] * latents[k : k + 2 * REACH + 1]).sum(0) / weights.sum()
        wanted = slow + (1 + 0.3 * energy[k]) * (latents[k + REACH] - slow)
        torch.testing.assert_close(got[k, :, BODY], wanted[:, BODY])


def test_a_latent_is_read_off_its_own_sound():
    prosody = Prosody(2, 4)
    torch.manual_seed(0)
    prosody.weight.normal_()
    prosody.bias.fill_(0.25)
    hidden = torch.randn(2, 3 * HEARD, 4)
    wanted = [(hidden[:, k * HEARD : (k + 1) * HEARD].mean(1) * prosody.weight).sum() + 0.25 for k in range(3)]
    torch.testing.assert_close(prosody(hidden), torch.stack(wanted))
    torch.testing.assert_close(prosody(hidden[:, HEARD:]), prosody(hidden)[1:])


def test_a_fresh_one_hears_nothing():
    assert torch.equal(Prosody(2, 4)(torch.randn(2, 3 * HEARD, 4)), torch.zeros(3))
