import torch
from torch import nn

from neo_core.training.fitting import Plan, fit, follow, learning_rate


def test_fit_learns_a_line_and_reports():
    torch.manual_seed(0)
    x = torch.randn(256, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    reports = []
    net = fit(
        nn.Linear(3, 1),
        lambda net: ((net(x) - y) ** 2).mean(),
        Plan(minutes=1 / 60, rate=0.05, warm_up=5, decay=0.0, average=0.9),
        lambda average: str(reports.append(average)),
    )
    assert ((net(x) - y) ** 2).mean() < 1e-2
    assert len(reports) == 1


def test_the_rate_warms_up_and_falls():
    plan = Plan(minutes=1, rate=1.0, warm_up=10)
    assert learning_rate(plan, 0, 0.0) == 0.1
    assert learning_rate(plan, 100, 0.0) == 1.0
    assert learning_rate(plan, 100, 0.5) < 0.6
    assert abs(learning_rate(plan, 100, 1.0) - 0.01) < 1e-6


def test_the_average_follows_weights_and_buffers():
    slow, fast = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    fast.running_mean.fill_(1.0)
    fast.num_batches_tracked.fill_(7)
    follow(slow, fast, keep=0.75)
    assert torch.allclose(slow.running_mean, torch.full((2,), 0.25))
    assert slow.num_batches_tracked == 7
