"""The examination knows good lips from late, open and restless ones."""

import pytest
import torch

from neo_core.motion_space import REGIONS
from neo_core.training.synthetic.utterance import Phone
from neo_core.training.vocal_exam import _lips, _pauses

PHONES = tuple(Phone("P" if k % 2 else "AA", 0.2 * k, 0.2 * k + 0.2) for k in range(20))


def gap() -> torch.Tensor:
    """Open on AA, closed on P. [100]"""
    return 0.5 * (torch.arange(100) // 5 % 2 == 0).float()


def test_perfect_lips():
    found = _lips(gap(), gap(), gap(), PHONES)
    assert found["gap correlation"] == pytest.approx(1)
    assert found["gap lag, frames"] == 0
    assert found["closed on P B M"] == found["closed on P B M, truth"] == 1
    assert found["closed by chance"] == pytest.approx(0.5)


@pytest.mark.parametrize("lag", [-2, 1, 3])
def test_late_lips_are_found_late(lag):
    assert _lips(gap().roll(lag), gap(), gap(), PHONES)["gap lag, frames"] == lag


def test_lips_that_never_close_are_found_open():
    assert _lips(gap() + 0.2, gap(), gap(), PHONES)["closed on P B M"] == 0


def test_a_still_mouth_has_no_lips_to_judge():
    assert _lips(torch.zeros(100), gap(), gap(), PHONES) == {}


def test_pauses_are_where_nobody_speaks():
    motion = torch.zeros(100, 63)
    motion[:50, list(REGIONS["mouth"])] = torch.rand(50, 1)
    found = _pauses(motion, motion, (Phone("AA", 0.0, 2.2), Phone("SIL", 2.2, 4.0)))
    assert found["mouth in pauses"] == 0
    assert _pauses(motion, motion, (Phone("AA", 0.0, 4.0),)) == {}
