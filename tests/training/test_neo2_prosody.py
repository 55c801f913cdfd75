"""The regression finds what a voice does, in deviations, and a film's energy is that of its latents."""

from types import SimpleNamespace

import torch

from neo_core.neo2.latent_space import FRAMES, HEARD
from neo_core.neo2.prosody import Prosody
from neo_core.training.neo2_prosody import fit, lessons, read

LAYERS, WIDTH, LATENTS = 2, 3, 40


def film(weight, seed):
    """One whose voice does what a linear map of what is heard says, on a scale of its own."""
    heard = torch.randn(LAYERS, HEARD * LATENTS, WIDTH, generator=torch.Generator().manual_seed(seed))
    energy = (heard.unflatten(1, (LATENTS, HEARD)).mean(2).movedim(1, 0) * weight).sum((1, 2))
    level = (3 * energy + 7).repeat_interleave(FRAMES)
    return SimpleNamespace(heard=lambda: heard, prosody=lambda: level)


def test_the_map_is_found_and_counts_in_deviations():
    weight = torch.randn(LAYERS, WIDTH, generator=torch.Generator().manual_seed(9))
    films = [film(weight, seed) for seed in range(6)]
    prosody = Prosody(LAYERS, WIDTH)
    heard, energy = lessons(films)
    assert heard.shape == (6 * LATENTS, LAYERS, WIDTH)
    fit(prosody, heard, energy)
    assert read(prosody, [film(weight, 20)]) > 0.99
    found = torch.cat([prosody(one.heard()) for one in films])
    assert abs(float(found.mean())) < 1e-4
    assert 0.8 < float(found.std()) <= 1.0  # the ridge takes a little


def test_a_constant_hidden_state_counts_for_nothing():
    weight = torch.randn(LAYERS, WIDTH, generator=torch.Generator().manual_seed(9))
    heard, energy = lessons([film(weight, 1)])
    heard[:, 0, 0] = 4.0
    prosody = Prosody(LAYERS, WIDTH)
    fit(prosody, heard, energy)
    assert abs(float(prosody.weight[0, 0])) < 1e-6
