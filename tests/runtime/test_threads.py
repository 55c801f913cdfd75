"""Thread counts are borrowed, not kept."""

import pytest
import torch

from neo_core.runtime.threads import one_thread


def test_the_count_comes_back_even_after_an_exception():
    torch.set_num_threads(3)

    @one_thread()
    def fail():
        assert torch.get_num_threads() == 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert torch.get_num_threads() == 3


def test_it_decorates_functions():
    torch.set_num_threads(2)
    assert one_thread()(torch.get_num_threads)() == 1
    assert torch.get_num_threads() == 2
