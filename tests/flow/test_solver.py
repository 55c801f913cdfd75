"""The solver against paths whose end is known."""

import torch

from neo_core.flow.path import velocity_from_data
from neo_core.flow.schedule import timesteps
from neo_core.flow.solver import euler


def test_a_straight_path_takes_one_step():
    data, noise = torch.randn(2, 3, 4, 5)
    end = euler(lambda x, t: velocity_from_data(x, data, t), noise, timesteps(1))
    torch.testing.assert_close(end, data, atol=1e-6, rtol=1e-5)


def test_order_of_convergence():
    """dx/dt = x from t = 1 to 0: the end is x / e. Halving the step halves the error."""
    start = torch.ones(1, 1, 1).double()

    def error(steps):
        return abs(float(euler(lambda x, _: x, start, timesteps(steps).double())) - torch.e**-1)

    assert 1.8 < error(32) / error(64) < 2.2


def test_each_step_asks_once_and_at_its_own_time():
    asked = []
    euler(lambda x, t: asked.append(t.clone()) or torch.zeros_like(x), torch.zeros(2, 1, 1), timesteps(4))
    assert torch.equal(torch.stack(asked), timesteps(4)[:-1, None].expand(4, 2))
