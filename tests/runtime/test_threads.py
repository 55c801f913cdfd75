"""Thread counts are borrowed, not kept; work on threads comes back in order and stops when it should."""

import threading
import time

import pytest
import torch

from neo_core.runtime.threads import in_order, one_thread


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


def test_results_come_in_order_and_from_several_threads_at_once():
    meeting = threading.Barrier(2, timeout=10)

    def work(item: int) -> int:
        meeting.wait()  # passes only while another item is worked on
        time.sleep(0.01 * (item % 3))
        return item

    assert list(in_order(work, range(8), workers=2)) == list(range(8))


def test_no_more_items_are_taken_than_can_be_worked_on():
    taken = []
    results = in_order(str, (taken.append(k) or k for k in range(100)), workers=2)
    assert next(results) == "0"
    assert len(taken) == 3
    results.close()


@pytest.mark.parametrize("culprit", ["work", "items"])
def test_an_exception_arrives_in_its_turn_and_ends_the_rest(culprit):
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        return 1 // (item - 3) if culprit == "work" else item

    def items():
        yield from range(5)
        assert culprit == "work"
        yield from range(5, 100)

    got = []
    with pytest.raises(ZeroDivisionError if culprit == "work" else AssertionError):
        got.extend(in_order(work, items(), workers=2))
    threads_left = [t for t in threading.enumerate() if t.name.startswith("work")]
    assert not threads_left
    assert max(begun) < 7


def test_a_caller_that_stops_leaves_nothing_running():
    release, finished = threading.Event(), []

    def work(item: int) -> int:
        if item:
            release.wait(10)
        finished.append(item)
        return item

    results = in_order(work, range(100), workers=2)
    next(results)
    release.set()
    results.close()
    assert len(finished) <= 4
    assert not [t for t in threading.enumerate() if t.name.startswith("work")]


def test_workers_use_as_many_threads_per_operation_as_their_caller():
    torch.set_num_threads(3)
    with one_thread():
        assert set(in_order(lambda _: torch.get_num_threads(), range(6), workers=2)) == {1}
    assert torch.get_num_threads() == 3
