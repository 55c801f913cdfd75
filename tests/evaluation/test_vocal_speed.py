"""The clockwork of the speed rows: who is slower is found, and both networks are the ones that are meant."""

from dataclasses import replace

import torch

from neo_core.evaluation import vocal_speed
from neo_core.evaluation.vocal_speed import alternating, build
from neo_core.vocal.loading import load_vocal
from neo_core.vocal.unified_mmdit import DifferentialBlock, StandardBlock


def test_the_least_of_several_turns_counts():
    now, costs = [0.0], {"first": [5.0, 1.0, 4.0], "second": [2.0, 3.0, 2.5]}

    def run(name):
        def spend():
            now[0] += costs[name].pop(0)

        return spend

    assert alternating([run("first"), run("second")], 3, lambda: now[0]) == [1.0, 2.0]


def test_nothing_is_trained_while_the_clock_runs():
    grad = []
    alternating([lambda: grad.append(torch.is_grad_enabled())], 1)
    assert grad == [False]


def test_the_networks_differ_in_what_is_measured_only():
    ours, standard = (build("neo-1.5", "mini", attention=name) for name in ("differential", "standard"))
    assert isinstance(ours.blocks[0], DifferentialBlock)
    assert isinstance(standard.blocks[0], StandardBlock)
    assert ours.config.width == standard.config.width
    passes = [vocal_speed._network_pass(residual)() for residual in ("boundary", "none")]
    assert passes[0].shape == passes[1].shape == (1, ours.config.window, 63)


def test_the_networks_have_the_tokens_of_the_shipped_one():
    shipped, timed = load_vocal().config, build("neo-1.5", "mini").config
    assert replace(timed, audio_encoder=shipped.audio_encoder) == shipped
    assert timed.identity_tokens > timed.slots  # states take tokens too


def test_a_slower_attention_would_be_seen(monkeypatch):
    gather = DifferentialBlock.gather

    def twice_and_again(block, q, k, v):
        for _ in range(20):
            gather(block, q, k, v)
        return gather(block, q, k, v)

    monkeypatch.setattr(vocal_speed, "ROUNDS", 3)
    monkeypatch.setattr(DifferentialBlock, "gather", twice_and_again)
    assert vocal_speed.attention_cost(torch.device("cpu")) > 1.5
