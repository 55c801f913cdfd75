"""Flow matching: losses and the loop against the clock."""

import math
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from neo_core.data_types import InputError
from neo_core.flow.path import interpolate
from neo_core.training import flow_matching
from neo_core.training.flow_matching import (
    Plan,
    Run,
    difference_error,
    learning_rate,
    parameter_groups,
    step_dice,
    train,
    velocity_error,
)


def test_predicting_the_data_is_predicting_the_velocity():
    data, noise, wrong = torch.randn(3, 4, 6, 5)
    t = torch.tensor([0.1, 0.3, 0.7, 1.0])
    x = interpolate(data, noise, t)
    assert velocity_error(x, data, data, t).max() == 0
    velocity = (x - wrong) / t[:, None, None]
    expected = (velocity - (noise - data)).square()
    torch.testing.assert_close(velocity_error(x, wrong, data, t), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("order", [1, 2])
def test_differences_see_the_seam_but_not_a_constant(order):
    data, before = torch.randn(2, 6, 5), torch.randn(2, 3, 5)
    assert difference_error(data, data, before, order).max() == 0
    shifted = difference_error(data + 1, data, before, order)
    assert shifted.shape == data.shape
    torch.testing.assert_close(shifted[:, 0], torch.ones(2, 5))  # the jump at the seam
    assert shifted[:, order:].abs().max() < 1e-9


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x):
        return self.layer(x)


def straight_loss(net):
    x = torch.randn(64, 3)
    return (net(x)[:, 0] - x @ torch.tensor([1.0, -2.0, 0.5])).square().mean()


def test_training_stops_on_time_and_learns():
    torch.manual_seed(0)
    run = Run(Line(), Plan(minutes=0.02, rate=0.1, warm_up=1, average=0.9))
    average = train(run, straight_loss, lambda _: "")
    assert 1.2 <= run.seconds < 3
    assert straight_loss(average) < 0.05


class Wrong(torch.autograd.Function):
    """A kernel whose gradient is no number."""

    @staticmethod
    def forward(_, x):
        return x.clone()

    @staticmethod
    def backward(_, gradient):
        return gradient * math.nan


def test_a_step_whose_gradients_are_no_numbers_is_left_out(caplog):
    torch.manual_seed(0)
    run = Run(Line(), Plan(steps=8, warm_up=1))
    train(run, lambda net: Wrong.apply(straight_loss(net)) if run.step == 3 else straight_loss(net), lambda _: "")
    assert all(x.isfinite().all() for x in (*run.net.parameters(), *run.average.parameters()))
    assert [record.message for record in caplog.records if "left out" in record.message] == [
        "step 3 had gradients that are no numbers and was left out"
    ]


def test_a_run_without_numbers_ends():
    run = Run(Line(), Plan(steps=99, warm_up=1))
    with pytest.raises(FloatingPointError, match="21 steps in a row had gradients"):
        train(run, lambda net: Wrong.apply(straight_loss(net)), lambda _: "")
    with pytest.raises(FloatingPointError, match="the loss of step 20 is nan"):
        train(run, lambda net: straight_loss(net) * math.nan, lambda _: "")


def test_runs_of_equal_steps_end_alike_whatever_the_clock_says():
    ended = []
    for _ in range(2):
        torch.manual_seed(0)
        run = Run(Line(), Plan(steps=20, rate=0.1, warm_up=1))
        rates = []
        train(run, lambda net, r=run, seen=rates: seen.append(learning_rate(r)) or straight_loss(net), lambda _: "")
        ended.append((run.step, rates, run.net.layer.weight.detach()))
    assert ended[0][0] == 20
    assert ended[0][1] == ended[1][1] == sorted(ended[0][1], reverse=True)
    assert torch.equal(ended[0][2], ended[1][2])


def test_where_a_gpu_works_the_clock_is_counted(monkeypatch):
    ticks = count()
    monkeypatch.setattr(flow_matching, "time", SimpleNamespace(process_time=lambda: 0.0, monotonic=lambda: next(ticks)))
    run = Run(Line(), Plan(minutes=1, by_the_clock=True))
    train(run, straight_loss, lambda _: "")
    assert 10 < run.step < 40
    assert run.seconds >= 60
    assert run.story == Run(Line(), Plan(minutes=1)).story


def test_the_rate_rises_and_falls_to_almost_nothing():
    run = Run(Line(), Plan(minutes=1, rate=1.0, warm_up=10))
    assert learning_rate(run) == pytest.approx(0.1)
    run.step = 10
    assert learning_rate(run) == pytest.approx(1.0)
    run.seconds = 60
    assert learning_rate(run) == pytest.approx(0.01)


def test_a_run_is_taken_up_where_it_was_put_down(tmp_path):
    torch.manual_seed(0)
    first = Run(Line(), Plan(minutes=0.002))
    train(first, straight_loss, lambda _: "")
    first.save(tmp_path / "run")
    second = Run(Line(), Plan(minutes=0.002))
    second.load(tmp_path / "run")
    assert (second.step, second.seconds) == (first.step, first.seconds)
    for a, b in zip(first.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(a, b)
    torch.manual_seed(1)
    expected = one_step(first)
    torch.manual_seed(1)
    assert torch.equal(one_step(second), expected)


@pytest.mark.parametrize(
    ("plan", "options", "apart"),
    [
        (Plan(minutes=2), {"width": 8, "seed": 0}, "minutes"),
        (Plan(minutes=1, rate=0.1), {"width": 8, "seed": 0}, "rate"),
        (Plan(minutes=1), {"width": 8, "seed": 1}, "seed"),
        (Plan(minutes=1), {"width": 9, "seed": 0}, "width"),
        (Plan(minutes=1), {"seed": 0}, "width"),
    ],
)
def test_another_run_is_not_taken_up(tmp_path, plan, options, apart):
    first = Run(Line(), Plan(minutes=1), {"width": 8, "seed": 0})
    first.step = 7
    first.save(tmp_path / "run")
    other = Run(Line(), plan, options)
    with pytest.raises(InputError, match=rf"with {apart} [^,]*; expected one with {apart}"):
        other.load(tmp_path / "run")
    assert other.step == 0
    same = Run(Line(), Plan(minutes=1, report=7.0), {"width": 8, "seed": 0})  # how often it reports is its own affair
    same.load(tmp_path / "run")
    assert same.step == 7


def test_files_that_do_not_say_whose_they_are_are_taken_up(tmp_path):
    first = Run(Line(), Plan(minutes=1), {"seed": 0})
    first.step = 7
    first.save(tmp_path / "run")
    state = torch.load(tmp_path / "run", weights_only=True)
    del state["story"]
    torch.save(state, tmp_path / "run")
    other = Run(Line(), Plan(minutes=2), {"seed": 1})
    other.load(tmp_path / "run")
    assert other.step == 7


def test_there_is_something_to_go_on_from(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Run(Line(), Plan()).load(tmp_path / "run")


def test_every_step_of_every_seed_has_dice_of_its_own():
    drawn = {tuple(torch.rand(3, generator=step_dice(seed, step)).tolist()) for seed in range(3) for step in range(9)}
    assert len(drawn) == 27
    assert torch.equal(torch.rand(3, generator=step_dice(1, 4)), torch.rand(3, generator=step_dice(1, 4)))


def one_step(run):
    run.optimiser.zero_grad()
    straight_loss(run.net).backward()
    run.optimiser.step()
    return run.net.layer.weight.detach().clone()


def test_only_linear_maps_decay():
    decayed, others = parameter_groups(nn.Sequential(Line(), nn.LayerNorm(4), nn.Embedding(3, 4)), Plan(1))
    assert [p.shape for p in decayed["params"]] == [(1, 3)]
    assert len(others["params"]) == 4
    assert others["weight_decay"] == 0
