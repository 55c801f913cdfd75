"""The photo's light is found from shading, and turning the face changes its shading the right way."""

import torch

from neo_core.geometry.camera import rotation_matrix
from neo_core.pictar.geometric.light import estimate_light, harmonics, relight


def ball(count=4000):
    normal = torch.nn.functional.normalize(torch.randn(count, 3), dim=1)
    return normal[normal[:, 2] > 0.2]


def lit_photo(normal, lamp):
    """A picture [3, 1, N] with one pixel per normal, lit from `lamp`."""
    light = 0.5 + 0.4 * normal @ lamp
    return (light ** (1 / 2.2)).expand(3, 1, -1).clone()


def test_light_is_recovered_up_to_scale():
    normal, lamp = ball(), torch.tensor([0.8, 0.3, 0.52])
    at = torch.stack([torch.arange(len(normal)) + 0.5, torch.full((len(normal),), 0.5)], 1)
    light = estimate_light(lit_photo(normal, lamp), at, normal)
    shading = harmonics(normal) @ light
    truth = 0.5 + 0.4 * normal @ lamp
    assert torch.corrcoef(torch.stack([shading, truth]))[0, 1] > 0.99


def test_cheek_that_turns_to_the_lamp_brightens():
    light = torch.tensor([1.0, 0.5, 0, 0, 0, 0, 0, 0, 0])  # from the right of the picture
    front = torch.tensor([[0.0, 0.0, 1.0]])
    turn = rotation_matrix(*torch.tensor([0.0, 15.0, 0.0]))  # towards the right of the picture
    assert relight(light, front, front @ turn.T) > 1.02
    assert relight(light, front, front @ turn) < 0.98
    assert torch.allclose(relight(light, front, front), torch.ones(1))
