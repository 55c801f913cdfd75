"""A recording replays what was recorded on memory of its own. A stand-in keeps what CUDA would: function and memory."""

import pytest
import torch

from neo_core.runtime.cuda_graph import Recorded, record, recorded

CPU = torch.device("cpu")


class Tape:
    """Records as CUDA does: the function runs once, and every replay fills that run's result."""

    def __init__(self):
        self.replays = 0

    def __call__(self, function):
        result = function()

        def replay():
            self.replays += 1
            result.copy_(function())

        return replay, result


@pytest.fixture
def tape():
    return Tape()


def test_it_answers_as_the_function_does(tape):
    double = Recorded(lambda x, y: 2 * x + y, CPU, tape)
    for k in range(3):
        x, y = torch.full((3,), float(k)), torch.arange(3.0)
        assert torch.equal(double(x, y), 2 * x + y)
    assert tape.replays == 3
    assert double.recordings == 1


def test_inputs_are_copied_where_the_recording_reads_them(tape):
    seen = []
    remember = Recorded(lambda x: seen.append(x) or x + 1, CPU, tape)
    given = torch.zeros(2)
    remember(given)
    remember(given + 5)
    assert len({x.data_ptr() for x in seen}) == 1
    assert given.data_ptr() != seen[0].data_ptr()
    assert torch.equal(given, torch.zeros(2))


def test_a_result_lies_where_the_next_one_will(tape):
    same = Recorded(lambda x: x * 1, CPU, tape)
    first = same(torch.ones(2))
    kept = first.clone()
    assert same(torch.zeros(2)).data_ptr() == first.data_ptr()
    assert torch.equal(kept, torch.ones(2))
    assert torch.equal(first, torch.zeros(2))


def test_every_set_of_sizes_is_recorded_once(tape):
    total = Recorded(lambda x: x.sum(0, keepdim=True), CPU, tape)
    for size in (2, 3, 2, 3, 2):
        assert total(torch.ones(size)).item() == size
    total(torch.ones(2, dtype=torch.float64))
    assert total.recordings == 3


def test_what_cannot_be_recorded_is_called_and_told(caplog):
    tries = []

    def broken(function):
        tries.append(function())
        raise RuntimeError("operation not permitted when capturing\nand more")

    double = Recorded(lambda x: 2 * x, CPU, broken)
    for k in range(3):
        assert torch.equal(double(torch.full((2,), float(k))), torch.full((2,), 2.0 * k))
    assert len(tries) == 1
    assert caplog.messages == ["frames are drawn without a CUDA graph: operation not permitted when capturing"]


def test_what_is_wrong_with_the_function_is_raised(tape, caplog):
    """A mistake in what is drawn is no lack of graphs."""
    wrong = Recorded(lambda x: x.view(7), CPU, tape)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="shape"):
            wrong(torch.zeros(2))
    assert not caplog.messages


def test_memory_that_is_not_there_is_raised():
    def full(_function):
        raise torch.cuda.OutOfMemoryError("no memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        Recorded(lambda x: x, CPU, full)(torch.zeros(2))


def test_nothing_is_recorded_where_there_are_no_graphs():
    def function(x):
        return x

    assert recorded(function, CPU) is function
    assert isinstance(recorded(function, torch.device("cuda")), Recorded)


@pytest.mark.gpu
def test_a_graph_gives_what_was_computed():
    conv = torch.nn.Conv2d(3, 8, 3, device="cuda")
    replayed = Recorded(lambda x: conv(x).relu(), torch.device("cuda"), record)
    for k in range(3):
        x = torch.randn(1, 3, 16, 16, device="cuda") * k
        assert torch.allclose(replayed(x), conv(x).relu(), atol=1e-3)
