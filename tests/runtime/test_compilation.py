"""What is compiled takes a function's place only where it is faster and answers the same."""

import logging

import pytest
import torch

from neo_core.runtime.compilation import Tolerance, faster

INPUTS = (torch.arange(4.0),)


def double(x):
    return 2 * x


class Machine:
    """A clock, and a compiler of functions that take so many seconds; the plain one takes 1."""

    def __init__(self, seconds=1.0, answer=double):
        self.now, self.seconds, self.answer = 0.0, seconds, answer

    def plain(self, x):
        self.now += 1.0
        return double(x)

    def compiled(self, _function):
        def run(x):
            self.now += self.seconds
            return self.answer(x)

        return run


CLOSE = Tolerance(most=1e-3)


def chosen(machine, compiler=None, tolerance=CLOSE):
    return faster("it", machine.plain, INPUTS, tolerance, compiler or machine.compiled, lambda: machine.now)


def test_what_is_faster_is_taken(caplog):
    machine = Machine(0.5)
    with caplog.at_level(logging.INFO):
        assert chosen(machine) != machine.plain
    assert "it compiled: 2.00 times as fast" in caplog.text


@pytest.mark.parametrize("seconds", [0.99, 1.0, 3.0])
def test_what_is_hardly_faster_or_slower_is_not(seconds):
    machine = Machine(seconds)
    assert chosen(machine) == machine.plain


def test_what_answers_otherwise_is_not(caplog):
    machine = Machine(0.5, lambda x: 2.1 * x)
    with caplog.at_level(logging.INFO):
        assert chosen(machine) == machine.plain
    assert "stays as it is" in caplog.text


@pytest.mark.parametrize("wrong", [0.0, float("nan")], ids=["off", "no number"])
def test_one_wrong_answer_is_seen_by_its_most_and_hardly_in_the_mean(wrong):
    one = torch.where(INPUTS[0] == 3, 0.9 + wrong, 1.0)
    machine = Machine(0.5, lambda x: double(x) * one)
    assert chosen(machine, tolerance=Tolerance(most=0.05)) == machine.plain
    assert (chosen(machine, tolerance=Tolerance(mean=0.05)) == machine.plain) is (wrong != 0)


def test_a_compiler_that_says_nothing_is_told_too(caplog):
    def broken(_function):
        def run(_x):
            raise RuntimeError

        return run

    machine = Machine()
    assert chosen(machine, broken) == machine.plain
    assert "cannot be compiled here (RuntimeError)" in caplog.text


def test_a_compiler_that_is_not_there_is_told(caplog):
    def broken(_function):
        def run(_x):
            raise RuntimeError("Cannot find a working triton installation.\nMore lines")

        return run

    machine = Machine()
    assert chosen(machine, broken) == machine.plain
    assert "cannot be compiled here (Cannot find a working triton installation.)" in caplog.text
    assert "More lines" not in caplog.text
