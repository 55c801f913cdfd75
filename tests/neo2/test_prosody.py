"""Movement that follows the voice: the pose stays, pieces do not matter, each latent is read off its own sound."""

import pytest
import torch

from neo_core.neo2.latent_space import HEARD
from neo_core.neo2.prosody import LEAST, MOST, REACH, Prosody, following, lively

SHAPE = (3, 2, 2)


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
    for energy, factor in ((1.0, 1.5), (-1.0, 0.5), (9.0, MOST), (-9.0, LEAST)):
        got = followed(pose + trembling, torch.full((40,), energy), 0.5, 7)
        torch.testing.assert_close(got[10:30], pose + factor * trembling[10:30], atol=0.02, rtol=0)


def test_nothing_is_held_beyond_the_reach():
    def given():
        for _ in range(10):
            yield video(4)

    handed = [len(piece) for piece in following(given(), lambda first, last: torch.zeros(last - first), 0.5)]
    assert sum(handed) == 40
    assert sum(handed[:2]) >= 3 * 4 - REACH


def test_nothing_becomes_of_nothing():
    assert list(following([], lambda *_: torch.zeros(0), 0.5)) == []


def test_lively_hands_out_the_middle():
    latents = video(2 * REACH + 5)
    assert lively(latents, torch.zeros(5), 1.0).shape == (5, *SHAPE)


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
