import pytest
import torch

from neo_core.evaluation.frechet import Gaussian, frechet, gaussian, latent_space


def clips(count=24, seed=0, shift=0.0, scale=1.0, noise=0.0):
    """People who wave: a pattern that grows and shrinks."""
    dice = torch.Generator().manual_seed(seed)
    pattern = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(99))
    made = []
    for _ in range(count):
        wave = scale * torch.randn(7, 1, 1, 1, generator=dice) + shift
        made.append(wave * pattern + noise * torch.randn(7, 4, 8, 8, generator=dice))
    return made


def test_gaussians_on_the_line_have_the_known_distance():
    a, b = Gaussian(torch.zeros(1), torch.eye(1)), Gaussian(torch.full((1,), 3.0), 4 * torch.eye(1))
    assert frechet(a, b) == pytest.approx(3**2 + (2 - 1) ** 2, abs=1e-5)


def test_turned_covariances_are_told_apart():
    a = Gaussian(torch.zeros(2).double(), torch.diag(torch.tensor([4.0, 1.0])).double())
    b = Gaussian(torch.zeros(2).double(), torch.diag(torch.tensor([1.0, 4.0])).double())
    assert frechet(a, b) == pytest.approx(2.0)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_a_covariance_is_drawn_towards_its_diagonal():
    samples = torch.randn(50, 1).repeat(1, 2)
    assert gaussian(samples, 1.0).covariance[0, 1] == 0
    assert gaussian(samples, 0.0).covariance[0, 1] == pytest.approx(float(samples[:, 0].double().var()))


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="1 samples"):
        gaussian(torch.zeros(1, 3))


def test_equal_sets_are_at_no_distance():
    films = clips()
    assert latent_space(films).distance(films, films) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("change", [{"shift": 1.0}, {"scale": 2.0}, {"scale": 0.3}, {"noise": 0.5}])
def test_what_the_films_are_not_like_is_farther_than_other_films(change):
    films = clips(seed=0)
    space = latent_space(films)
    assert space.distance(clips(seed=1, **change), films) > 3 * space.distance(clips(seed=1), films)


def test_it_grows_with_the_shift():
    films = clips(seed=0)
    space = latent_space(films)
    distances = [space.distance(clips(seed=0, shift=s), films) for s in (0.0, 0.5, 1.0, 2.0)]
    assert distances == sorted(distances)


def test_blur_shows_although_it_lies_along_no_direction_of_the_films():
    films = clips()
    blurred = [torch.nn.functional.avg_pool2d(film, 3, 1, 1) for film in films]
    space = latent_space(films)
    assert space.distance(blurred, films) > 3 * space.distance(clips(seed=1), films)


def test_still_clips_are_far_from_moving_ones():
    films = clips()
    still = [film[:1].expand_as(film) for film in films]
    space = latent_space(films)
    assert space.distance(still, films) > 3 * space.distance(clips(seed=1), films)
