"""Lips read off latents: found where the mouth is, by a map that knows opening from a head that moves."""

from types import SimpleNamespace

import torch
from torch import Tensor

from neo_core.training.neo2_clips import HANDS, MOUTH, Clip
from neo_core.training.neo2_lips import SIDE, Lips, around_mouth, fit_lips

GRID, T = 16, 16


def dice(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clip(seed: int) -> Clip:
    """A mouth of 2 x 2 cells somewhere; one channel there says how far each frame is open, the others are a head that
    moves, which is larger."""
    generator = dice(seed)
    opening = torch.rand(T, 4, generator=generator)
    row, column = torch.randint(4, 10, (2,), generator=generator).tolist()
    shows = torch.zeros(T, GRID, GRID, dtype=torch.uint8)
    shows[:, row : row + 2, column : column + 2] = MOUTH
    shows[:, :2, :2] = HANDS
    latents = 0.1 * torch.randn(T, 5, GRID, GRID, generator=generator)
    latents += torch.randn(T, 5, 1, 1, generator=generator) * torch.tensor([0.0, 3, 3, 3, 3])[:, None, None]
    latents[:, 0, row : row + 2, column : column + 2] += opening.view(T, 2, 2)
    anchor = torch.zeros(5, GRID, GRID)
    film = SimpleNamespace(speaking=True, mouth=lambda first, last: opening.flatten()[first:last])
    return Clip(film, latents, anchor, shows, torch.zeros(0, 3))


def test_squares_lie_around_the_mouth():
    one = clip(3)
    row, column = (one.shows[0] == MOUTH).nonzero()[0].tolist()
    places = torch.arange(GRID * GRID).view(1, 1, 1, GRID, GRID).expand(1, T, 1, -1, -1).float()
    square = around_mouth(places, one.shows[None])[0, 0, 0].long()
    assert square.shape == (SIDE, SIDE)
    assert torch.equal(square, places[0, 0, 0, row : row + 2, column : column + 2].long())


def test_squares_at_the_border_and_without_a_mouth():
    shows = torch.zeros(1, 2, GRID, GRID, dtype=torch.uint8)
    shows[0, 0, 0, 0] = MOUTH
    places = torch.arange(GRID * GRID).view(1, 1, 1, GRID, GRID).expand(1, 2, 1, -1, -1).float()
    border, middle = around_mouth(places, shows)[0, :, 0].long()
    assert border.flatten().tolist() == [0, 1, GRID, GRID + 1]
    assert middle.flatten().tolist() == [7 * GRID + 7, 7 * GRID + 8, 8 * GRID + 7, 8 * GRID + 8]


def test_the_map_reads_other_films():
    lips = fit_lips([clip(seed) for seed in range(12)])
    for seed in (20, 21):
        one = clip(seed)
        said = lips.read((one.latents - one.anchor)[None], one.shows[None])[0].flatten()
        assert torch.corrcoef(torch.stack((said, one.film.mouth(0, 64))))[0, 1] > 0.9


def test_silent_people_are_not_asked():
    silent = clip(0)
    silent.film.speaking = False
    silent.latents[:] = torch.nan
    assert torch.isfinite(fit_lips([silent, clip(1), clip(2)]).weight).all()


def test_the_error_is_of_lips():
    lips, one = fit_lips([clip(seed) for seed in range(12)]), clip(30)
    true, shows = one.latents[None], one.shows[None]
    assert lips.error(true, true, shows) == 0
    row, column = (one.shows[0] == MOUTH).nonzero()[0].tolist()
    shut, elsewhere = true.clone(), true.clone()
    shut[:, :, 0, row : row + 2, column : column + 2] = 0
    elsewhere[:, :, 0, -2:, -2:] = 0
    assert _error(lips, shut, true, shows) > 100 * _error(lips, elsewhere, true, shows)


def test_the_best_answer_to_many_truths_is_their_mean():
    """As with any squared error: nothing is gained by lips that are open further than the sound tells."""
    lips, many = fit_lips([clip(seed) for seed in range(12)]), [clip(seed) for seed in range(40, 48)]
    shows = many[0].shows[None]
    truths = torch.stack([one.latents for one in many])
    mean = truths.mean(0, keepdim=True)
    away = 0.3 * torch.randn(mean.shape, generator=dice(0))

    def error(answer: Tensor) -> float:
        return sum(_error(lips, answer, truth[None], shows) for truth in truths)

    assert error(mean) < min(error(mean + away), error(mean - away))


def _error(lips: Lips, predicted: Tensor, true: Tensor, shows: Tensor) -> float:
    return float(lips.error(predicted, true, shows))
