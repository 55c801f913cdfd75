"""Layouts are chosen by the clock, never slower, and change no result."""

import pytest
import torch
from torch import nn

from neo_core.runtime.layout import choose_layouts


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed(nn.Conv3d):
    """A convolution that takes a told time in each layout."""

    def __init__(self, clock: Clock, plain: float, last: float) -> None:
        super().__init__(4, 4, 3, padding=1)
        self.clock, self.plain, self.last = clock, plain, last

    def forward(self, x):
        last = x.is_contiguous(memory_format=torch.channels_last_3d)
        self.clock.now += self.last if last else self.plain
        return super().forward(x).contiguous(memory_format=torch.channels_last_3d if last else torch.contiguous_format)


class Conversion(nn.Module):
    """What stands between convolutions and takes longer for channels-last."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def forward(self, x):
        self.clock.now += self.seconds * x.is_contiguous(memory_format=torch.channels_last_3d)
        return x


def chosen(net: nn.Module, clock: Clock):
    x = torch.randn(1, 4, 3, 5, 5)
    before = net(x)
    report = choose_layouts(net, lambda: net(x), clock)
    torch.testing.assert_close(net(x), before, atol=1e-6, rtol=1e-5)
    begun = clock()
    net(x)
    assert clock() - begun == pytest.approx(report.chosen)
    return report


def test_every_layer_gets_its_faster_layout():
    clock = Clock()
    report = chosen(nn.Sequential(Timed(clock, 3, 1), Timed(clock, 1, 3), Timed(clock, 2, 1)), clock)
    assert report.channels_last == ("0", "2")
    assert (report.plain, report.chosen, len(report.layouts)) == (6, 3, 3)


def test_a_tie_stays_plain():
    clock = Clock()
    report = chosen(nn.Sequential(Timed(clock, 2, 2), Timed(clock, 2, 1.99)), clock)
    assert report.channels_last == ()
    assert report.chosen == report.plain


def test_what_is_between_layers_counts():
    clock = Clock()
    net = nn.Sequential(Timed(clock, 3, 1), Conversion(clock, 9), Timed(clock, 1, 1))
    assert chosen(net, clock).channels_last == ()


def test_choosing_again_forgets_the_first_choice():
    clock = Clock()
    net = nn.Sequential(Timed(clock, 3, 1))
    assert chosen(net, clock).channels_last == ("0",)
    net[0].plain = 0.5
    assert chosen(net, clock).channels_last == ()
    assert len(net[0]._forward_pre_hooks) == 1


def test_a_real_clock_is_the_default():
    net = nn.Sequential(nn.Conv2d(3, 8, 3))
    report = choose_layouts(net, lambda: net(torch.randn(1, 3, 9, 9)))
    assert 0 < report.chosen <= report.plain
