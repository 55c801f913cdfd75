"""Windows denoised here or in worker processes: the same predictions, and workers that never outlive their caller."""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from neo_core.data_types import InputError
from neo_core.neo2 import chunk_executor
from neo_core.neo2.chunk_executor import InProcess, Processes, Window
from neo_core.neo2.continuum_sync import continuum
from neo_core.neo2.dit import Conditions
from neo_core.neo2.sampler import Sampling
from neo_core.neo2.window_layout import Sync

SHAPE, CODE = (2, 4, 4), (2, 16, 16)  # of a latent and of the anchor
SAMPLING = Sampling(steps=2, audio=1.5)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.mix = nn.Linear(32, 32)

    def forward(self, x, t, conditions):
        heard = conditions.audio.mean((1, 2, 3)) * conditions.heard
        told = conditions.context.sum((1, 2, 3, 4)) * conditions.contextual
        mixed = self.mix(x.flatten(2)).unflatten(2, SHAPE)
        return mixed + (t + heard + told)[:, None, None, None, None]


NETWORK = Network().eval()


def refuses(*_):
    raise InputError("found a cat; expected a person")


def breaks(*_):
    raise ZeroDivisionError("made on purpose")


def dies(*_):
    os._exit(9)


def sleeps(*_):
    time.sleep(60)


def chats(x, *_):
    print("between the answers")  # noqa: T201 (that is what is tested)
    return x


def tells_who(x, *_):
    return torch.full_like(x, os.getpid())


def window(length: int, seed: int, context: int = 0) -> Window:
    generator = torch.Generator().manual_seed(seed)
    flag = torch.ones(1, dtype=torch.bool)
    told = torch.randn(1, context, *SHAPE, generator=generator)
    times = torch.arange(-context, 0.0)[None]
    audio = torch.randn(1, 2, 8 * length, 3, generator=generator)
    words = torch.ones(1, 2, 4, dtype=torch.int64)
    anchor = torch.randn(1, *CODE, generator=generator)
    conditions = Conditions(anchor, audio, words, told, times, flag, flag, flag & bool(context), flag)
    return Window(torch.randn(1, length, *SHAPE, generator=generator), 0.5, conditions)


WINDOWS = [window(6, 0), window(10, 1, context=2), window(10, 2), window(8, 3, context=2), window(10, 4)]


@pytest.fixture(scope="module")
def workers():
    with Processes(2) as executor:
        yield executor


@torch.no_grad()
def test_batches_keep_order_and_values():
    one, many = (InProcess(batch).predict(NETWORK, WINDOWS, SAMPLING) for batch in (1, 8))
    for asked, alone, together in zip(WINDOWS, one, many, strict=True):
        assert alone.shape == asked.x.shape[1:]
        torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


@torch.no_grad()
def test_batches_hold_windows_of_one_length_and_no_more_than_allowed():
    seen = []

    def noted(x, *_):
        seen.append(tuple(x.shape[:2]))
        return x

    InProcess(2).predict(noted, WINDOWS, Sampling())
    assert sorted(seen) == [(1, 6), (1, 8), (1, 10), (2, 10)]
    seen.clear()
    InProcess(4).predict(noted, WINDOWS, Sampling(audio=1.5))  # two passes each
    assert sorted(seen) == [(2, 6), (2, 8), (2, 10), (4, 10)]
    seen.clear()
    InProcess(1).predict(noted, WINDOWS, Sampling(audio=1.5))
    assert sorted(seen) == [(2, 6), (2, 8), (2, 10), (2, 10), (2, 10)], "less than one window cannot be"


def test_workers_predict_what_this_process_does(workers):
    for asked in (WINDOWS, WINDOWS[:1], WINDOWS[::-1]):
        here, there = (executor.predict(NETWORK, asked, SAMPLING) for executor in (InProcess(), workers))
        for a, b in zip(here, there, strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=0)
            assert not b.requires_grad


def test_a_video_by_workers_is_the_same(workers):
    def sound(first, last):
        return torch.sin(torch.arange(8.0 * first, 8 * last))[None, :, None]

    words = torch.zeros(0, 4, dtype=torch.int64)
    here, there = (
        torch.cat(list(continuum(NETWORK, torch.ones(CODE), sound, words, 40, Sync(), SAMPLING, executor)))
        for executor in (None, workers)
    )
    torch.testing.assert_close(here, there, atol=1e-4, rtol=0)


def test_the_work_is_shared(workers):
    found = [int(clean.unique()) for clean in workers.predict(tells_who, WINDOWS, Sampling())]
    assert len(set(found)) == 2
    assert os.getpid() not in found
    lengths = {pid: sum(w.x.shape[1] for w, p in zip(WINDOWS, found, strict=True) if p == pid) for pid in found}
    assert max(lengths.values()) - min(lengths.values()) <= 10


def test_prints_do_not_get_between_the_answers(workers):
    torch.testing.assert_close(workers.predict(chats, WINDOWS[:1], Sampling())[0], WINDOWS[0].x[0])


@pytest.mark.parametrize(
    ("predict", "error", "said"),
    [
        (refuses, InputError, "found a cat; expected a person"),
        (breaks, RuntimeError, "ZeroDivisionError: made on purpose"),
        (dies, RuntimeError, "ended with code 9"),
    ],
)
def test_errors_reach_the_caller_and_end_the_workers(predict, error, said):
    with Processes(2) as executor:
        with pytest.raises(error, match=said):
            executor.predict(predict, WINDOWS, Sampling())
        assert not executor._workers
        executor.predict(NETWORK, WINDOWS[:2], Sampling())  # new ones start
        begun = list(executor._workers)
    assert all(worker.poll() is not None for worker in begun)


def test_what_cannot_be_sent_is_told():
    with Processes(1) as executor, pytest.raises(Exception, match="pickle"):
        executor.predict(lambda x, *_: x, WINDOWS[:1], Sampling())


def test_a_cancelled_prediction_ends_its_workers(monkeypatch):
    def cancelled(_worker):
        raise KeyboardInterrupt

    with Processes(1) as executor:
        executor.predict(NETWORK, WINDOWS[:1], Sampling())
        begun = list(executor._workers)
        executor._give(sleeps)
        monkeypatch.setattr(chunk_executor, "_answer", cancelled)
        with pytest.raises(KeyboardInterrupt):
            executor.predict(sleeps, WINDOWS[:1], Sampling())
        assert all(worker.poll() is not None for worker in begun)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc whether a process lives")
def test_workers_end_with_the_interpreter_and_with_a_killed_one():
    here = Path(__file__)
    code = f"""
import sys, time
sys.path[:0] = [{str(here.parents[2])!r}, {str(here.parent)!r}]
from test_chunk_executor import *
executor = Processes(1)
executor.predict(NETWORK, WINDOWS[:1], Sampling())
print(executor._workers[0].pid, flush=True)
if "stay" in sys.argv:
    time.sleep(60)
"""
    for ask in ([], ["stay"]):
        caller = subprocess.Popen([sys.executable, "-c", code, *ask], stdout=subprocess.PIPE, text=True)
        pid = int(caller.stdout.readline())
        if ask:
            caller.kill()
        caller.wait(30)
        caller.stdout.close()
        deadline = time.monotonic() + 10
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_host_may_name_the_package_as_it_likes():
    alias = "a.host.of-its-own.neo_core"
    content = pickle.dumps(Sampling(seed=4), protocol=0).replace(b"neo_core.neo2", f"{alias}.neo2".encode())
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(content)
    assert chunk_executor._Unpickler(content, alias).load() == Sampling(seed=4)


def test_a_worker_at_least():
    with pytest.raises(InputError, match="at least 1"):
        Processes(0)
