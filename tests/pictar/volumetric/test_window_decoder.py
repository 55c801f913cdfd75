"""A window decoded with the whole picture's statistics and surroundings is a part of that picture."""

from dataclasses import replace

import pytest
import torch

from neo_core.evaluation.random_liveportrait import random_tensors
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer
from neo_core.pictar.volumetric.window_decoder import (
    Surroundings,
    _Window,
    cut,
    decode_whole,
    decode_window,
    least_halo,
    margins,
)

from .tiny_renderer import TINY

GRID = 16
CORNERS = {"inside": (5, 6), "corner": (0, 0), "near a corner": (1, 2), "bottom": (12, 3), "nearly right": (7, 9)}


@pytest.fixture
def features():
    return torch.randn(1, 16, GRID, GRID, generator=torch.Generator().manual_seed(4))


def window(generator, features, given, corner, size, halo):
    corner = torch.tensor(corner)
    around = given.around(corner, size, halo)
    with torch.no_grad():
        return decode_window(generator, features, around, corner, size, halo)


def apart(generator, features, corner, size, halo):
    """Largest difference of a window to the same place of the whole picture."""
    with torch.no_grad():
        picture, given = decode_whole(generator, features)
    found = window(generator, features, given, corner, size, halo)
    pixels = picture.shape[-1] // features.shape[-1]
    expected = cut(picture, torch.tensor(corner), size, pixels)
    assert found.shape == expected.shape == (3, pixels * size[0], pixels * size[1])
    return float((found - expected).abs().max())


def test_a_keyframe_is_the_whole_picture_bit_by_bit(renderer, features):
    with torch.no_grad():
        picture, given = decode_whole(renderer.generator, features)
        assert torch.equal(picture, renderer.generator(features)[0])
    assert given.read.shape == (12, 32, GRID + 2, GRID + 2)
    assert given.statistics.shape == (2, 12 * 32 + (32 + 16) + (16 + 8))


@pytest.mark.parametrize("corner", CORNERS.values(), ids=CORNERS)
@pytest.mark.parametrize("halo", [2, 3])
def test_a_window_is_a_part_of_the_whole_picture(renderer, features, corner, halo):
    assert apart(renderer.generator, features, corner, (4, 7), halo) < 1e-5


def test_a_window_may_be_the_whole_picture(renderer, features):
    """Then nothing of what another frame kept is left."""
    with torch.no_grad():
        given = decode_whole(renderer.generator, features.flip(3))[1]
        expected = renderer.generator(features)[0]
    found = window(renderer.generator, features, given, (0, 0), (GRID, GRID), 2)
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.parametrize("rising", [(8,), (24, 16, 8)], ids=["doubled once", "doubled three times"])
def test_any_number_of_doublings(rising, features):
    config = replace(TINY, generator=replace(TINY.generator, blocks=1, rising=rising))
    generator = build_renderer(config, random_tensors(config, 3), FILES).ready().generator
    assert apart(generator, features, (4, 2), (4, 5), least_halo(generator)) < 1e-5


def test_one_cell_less_around_a_window_would_show(renderer, features, monkeypatch):
    """The margins are as small as they can be."""
    assert margins(renderer.generator) == [2, 1]
    for number in range(2):
        fewer = [margin - (k == number) for k, margin in enumerate([2, 1])]
        monkeypatch.setattr("neo_core.pictar.volumetric.window_decoder.margins", lambda _generator, few=fewer: few)
        assert apart(renderer.generator, features, (5, 6), (4, 4), 2) > 1e-4


def test_narrow_numbers_go_through_windows_too(tensors, features):
    """Sums run over fewer numbers in windows, so roundings may fall otherwise: two levels of 255 at most."""
    generator = build_renderer(TINY, tensors, FILES).ready(torch.bfloat16).generator
    assert apart(generator, features, (5, 6), (4, 4), 3) < 2 / 255


def test_surroundings_of_another_frame_hardly_show_where_frames_are_alike(renderer, features):
    other = features + 0.03 * torch.randn(features.shape, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected, own = decode_whole(renderer.generator, features)
        far = decode_whole(renderer.generator, other)[1]
    part = cut(expected, torch.tensor((5, 6)), (4, 4), 8)
    errors = []
    for share in (0.0, 0.5, 1.0):
        given = own.towards(far, torch.tensor(share))
        errors.append(float((window(renderer.generator, features, given, (5, 6), (4, 4), 3) - part).abs().mean()))
    assert errors[0] < 1e-6 < errors[1] < errors[2] < 0.02


def uncorrected(seen, x):
    """A norm with the keyframe's statistics."""
    begun, seen._norms = seen._norms, seen._norms + x.shape[1]
    mean, variance = seen._statistics[:, begun : seen._norms].view(2, 1, -1, 1, 1)
    return (x.float() - mean) * torch.rsqrt(variance + 1e-5)


def test_statistics_follow_what_changes_in_the_window(renderer, features, monkeypatch):
    """A frame that differs inside only has its own statistics, up to what convolutions carry out of the window."""
    other = features.clone()
    other[..., 5:9, 6:10] += 0.3
    with torch.no_grad():
        given = decode_whole(renderer.generator, features)[1]
        expected = decode_whole(renderer.generator, other)[0]
    part = cut(expected, torch.tensor((4, 5)), (6, 6), 8)
    found = window(renderer.generator, other, given, (4, 5), (6, 6), 3)
    monkeypatch.setattr(_Window, "normed", uncorrected)
    worse = window(renderer.generator, other, given, (4, 5), (6, 6), 3)
    assert (found - part).abs().mean() < 0.5 * (worse - part).abs().mean()


def test_surroundings_lie_between_two(renderer, features):
    with torch.no_grad():
        one, other = (decode_whole(renderer.generator, x)[1] for x in (features, features.flip(3)))
    assert torch.equal(one.towards(other, torch.tensor(0.0)).read, one.read)
    assert torch.allclose(one.towards(other, torch.tensor(1.0)).statistics, other.statistics, atol=1e-6)
    part = one.around(torch.tensor([4, 5]), (3, 4), 2)
    assert part.read.shape == (12, 32, 9, 10)
    assert part.middle.shape == (12, 32, 7, 8)
    assert [x.shape[-2:] for x in part.rising] == [(3, 4), (6, 8), (6, 8), (12, 16)]
    assert torch.equal(Surroundings.of(*part.tensors).rising[3], part.rising[3])
