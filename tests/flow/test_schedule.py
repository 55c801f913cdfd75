"""Time steps."""

import pytest
import torch

from neo_core.flow.schedule import logit_normal, timesteps


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
def test_times_fall_from_noise_to_data(shift):
    times = timesteps(8, shift)
    assert times[0] == 1
    assert times[-1] == 0
    assert (times.diff() < 0).all()


def test_a_shift_above_one_lingers_near_the_noise():
    assert timesteps(8, 3.0)[4] > timesteps(8)[4] > timesteps(8, 0.5)[4]


def test_no_steps_is_an_error():
    with pytest.raises(ValueError, match="found 0"):
        timesteps(0)


def test_training_times_lie_inside_and_lean_as_asked():
    dice = torch.Generator().manual_seed(0)
    t = logit_normal(4000, 0.8, generator=dice)
    assert ((t > 0) & (t < 1)).all()
    assert t.median().item() == pytest.approx(torch.sigmoid(torch.tensor(0.8)).item(), abs=0.02)
