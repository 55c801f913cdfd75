"""The straight path and its velocity."""

import torch

from neo_core.flow.path import interpolate, velocity_from_data


def test_ends_of_the_path():
    data, noise = torch.randn(2, 3, 4, 5)
    assert torch.equal(interpolate(data, noise, torch.zeros(3)), data)
    assert torch.equal(interpolate(data, noise, torch.ones(3)), noise)


def test_velocity_is_the_slope_of_the_path():
    data, noise = torch.randn(2, 3, 4, 5).double()
    t = torch.tensor([0.2, 0.5, 0.9]).double()
    slope = (interpolate(data, noise, t + 1e-6) - interpolate(data, noise, t - 1e-6)) / 2e-6
    torch.testing.assert_close(slope, noise - data, atol=1e-6, rtol=0)


def test_data_stands_for_its_velocity():
    data, noise = torch.randn(2, 3, 4, 5)
    t = torch.tensor([0.1, 0.5, 1.0])
    x = interpolate(data, noise, t)
    torch.testing.assert_close(velocity_from_data(x, data, t), noise - data, atol=1e-5, rtol=1e-5)
