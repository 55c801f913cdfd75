"""VOCAL 1.5: what the architecture promises, on a tiny model with random weights."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from neo_core.nn.position import rotary_table
from neo_core.runtime.attention import attention, differential_attention
from neo_core.vocal.unified_mmdit import (
    DifferentialBlock,
    UnifiedConfig,
    UnifiedMMDiT,
    lambda_start,
    run_boundary,
)


def inputs(model, batch=2):
    dice = torch.Generator().manual_seed(2)
    return torch.randn(batch, model.config.window, 63, generator=dice), torch.rand(batch, generator=dice)


CHOICES = [
    ("neo-1.5", {"residual": "none"}),
    ("neo-1.5", {"residual": "boundary"}),
    ("neo-1.5", {"residual": "block"}),
    ("neo-1.5", {"attention": "standard"}),
    ("neo-1.5-side", {}),
]


@pytest.mark.parametrize(("architecture", "choice"), CHOICES)
def test_the_start_of_a_window_does_not_matter(build, draw_conditions, architecture, choice):
    model = build(architecture, **choice)
    conditions = draw_conditions(model.config)
    x, t = inputs(model)
    torch.testing.assert_close(model(x, t, conditions), model(x, t, conditions, first_frame=80), atol=1e-4, rtol=1e-4)


def test_the_order_of_identity_tokens_does_not_matter(model, conditions, monkeypatch):
    x, t = inputs(model)
    before = model(x, t, conditions)
    order, plain = torch.arange(model.config.identity_tokens).roll(1), model._identity
    monkeypatch.setattr(model, "_identity", lambda c: plain(c)[:, order])
    torch.testing.assert_close(model(x, t, conditions), before, atol=1e-5, rtol=1e-4)


def test_only_motion_is_read_out_of_the_last_block(draw_conditions, model):
    last = model.blocks[-1].streams
    assert [hasattr(stream, "feed_forward") for stream in last] == [True, False, False]
    assert all(p.grad is None for p in model.parameters())
    x, t = inputs(model)
    model(x, t, draw_conditions(model.config)).sum().backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None]
    assert set(unused) <= {"no_audio", "no_identity", "no_reference", "no_prefix"}


@pytest.mark.parametrize("backend", ["auto", "eager", "sdpa", "reference"])
def test_differential_attention_is_the_difference_of_the_maps(backend):
    dice = torch.Generator().manual_seed(0)
    q, k = (torch.randn(2, 6, 9, 4, generator=dice) for _ in range(2))
    v, weight = torch.randn(2, 3, 9, 8, generator=dice), torch.tensor(0.4)
    maps = (q @ k.mT / 2).softmax(-1)
    by_maps = (maps[:, :3] - weight * maps[:, 3:]) @ v
    by_two_calls = attention(q[:, :3], k[:, :3], v) - weight * attention(q[:, 3:], k[:, 3:], v)
    halves = [attention(q, k, torch.cat((part, part), 1)) for part in v.chunk(2, -1)]
    by_split_values = torch.cat([half[:, :3] - weight * half[:, 3:] for half in halves], -1)
    result = differential_attention(q, k, v, weight, backend=backend)
    for other in (by_maps, by_two_calls, by_split_values):
        torch.testing.assert_close(result, other, atol=1e-5, rtol=1e-5)


def test_a_differential_block_is_the_written_formula():
    """Eq. 1 to 4 of arXiv 2410.05258, version 1, head by head, with a lambda that was learned."""
    depth, heads, width = 2, 2, 8
    block = DifferentialBlock(
        UnifiedConfig(audio_layers=1, audio_width=1, width=2 * heads * width, heads=heads, rotary=4, depth=3), depth
    )
    dice = torch.Generator().manual_seed(0)
    torch.nn.init.normal_(block.lambda_vectors, std=0.5, generator=dice)
    torch.nn.init.normal_(block.head_norm.weight, mean=1, std=0.3, generator=dice)
    q, k = (torch.randn(2, 2 * heads, tokens, width, generator=dice) for tokens in (5, 9))
    v = torch.randn(2, 9, 2 * heads * width, generator=dice)
    q1, k1, q2, k2 = block.lambda_vectors
    start = 0.8 - 0.6 * math.exp(-0.3 * depth)
    weight = torch.exp(q1 @ k1) - torch.exp(q2 @ k2) + start
    assert abs(weight - start) > 0.1
    said = []
    for head in range(heads):
        first, second = (
            torch.softmax(q[:, sub] @ k[:, sub].mT / width**0.5, dim=-1) for sub in (head, heads + head)
        )  # [2, 5, 9] each
        found = (first - weight * second) @ v[..., 2 * width * head : 2 * width * (head + 1)]
        normed = found / (found.square().mean(-1, keepdim=True) + 1e-5).sqrt() * block.head_norm.weight
        said.append((1 - start) * normed)
    torch.testing.assert_close(block.gather(q, k, v), torch.cat(said, -1), atol=1e-5, rtol=1e-5)


def test_what_both_maps_see_cancels():
    q, k = torch.randn(2, 1, 2, 5, 4)
    same = torch.cat((q[:, :1], q[:, :1]), 1), torch.cat((k[:, :1], k[:, :1]), 1)
    assert differential_attention(*same, torch.randn(1, 1, 5, 8), torch.tensor(1.0)).abs().max() < 1e-6


def test_standard_attention_makes_every_sub_head_a_head(build):
    block = build("neo-1.5", attention="standard").blocks[0]
    dice = torch.Generator().manual_seed(0)
    q, k = (torch.randn(2, 4, 5, 8, generator=dice) for _ in range(2))
    v = torch.randn(2, 5, 32, generator=dice)
    maps = (q @ k.mT / 8**0.5).softmax(-1)  # [2, 4, 5, 5]
    apart = [maps[:, head] @ v[..., 8 * head : 8 * head + 8] for head in range(4)]
    torch.testing.assert_close(block.gather(q, k, v), torch.cat(apart, -1), atol=1e-5, rtol=1e-5)
    assert not any("lambda" in name for name, _ in block.named_parameters())


def test_a_side_conditioner_keeps_identity_out_of_the_attention(build, draw_conditions, monkeypatch):
    """It only modulates: no token of it is a key of any block, and yet the motion follows it."""
    seen = []
    gather = DifferentialBlock.gather
    monkeypatch.setattr(DifferentialBlock, "gather", lambda b, q, k, v: seen.append(k.shape[2]) or gather(b, q, k, v))
    said = {}
    for architecture in ("neo-1.5", "neo-1.5-side"):
        model = build(architecture)
        conditions = draw_conditions(model.config)
        said[architecture] = (model, conditions)
        seen.clear()
        model(*inputs(model), conditions)
        timed = 2 * model.config.prefix + 2 * model.config.window + model.config.lookahead
        beside = getattr(model.config, "identity_tokens", 0)
        assert set(seen) == {timed + beside}
    model, conditions = said["neo-1.5-side"]
    other = replace(conditions, geometry=-conditions.geometry)
    assert (model(*inputs(model), conditions) - model(*inputs(model), other)).abs().max() > 1e-3


def test_deeper_layers_subtract_more(model):
    assert [round(lambda_start(depth), 3) for depth in (0, 1, 5, 11)] == [0.2, 0.356, 0.666, 0.778]
    for block in model.blocks:
        block.lambda_vectors.data.zero_()
    weights = [block.weight().item() for block in model.blocks]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(0.2)


def test_block_residuals_with_zero_queries_are_the_plain_network(build, draw_conditions):
    plain, block = build("neo-1.5", residual="none"), build("neo-1.5", residual="block")
    block.load_state_dict(plain.state_dict(), strict=False)
    nn.init.zeros_(block.depth_mixer.query)
    nn.init.zeros_(block.depth_mixer.newest)
    x, t = inputs(plain)
    conditions = draw_conditions(plain.config)
    torch.testing.assert_close(block(x, t, conditions), plain(x, t, conditions), atol=1e-3, rtol=1e-3)


def test_boundary_residuals_blend_the_states_before_any_blend(build, draw_conditions, monkeypatch):
    """By hand, with the network's own blocks: at every boundary the cache gains what the last block of it put out."""
    model = build("neo-1.5", residual="boundary", residual_stride=2, depth=5)
    nn.init.normal_(model.depth_mixer.query, std=0.5, generator=torch.Generator().manual_seed(0))
    given = []
    monkeypatch.setattr(model, "read_out", lambda *states: given.append(states) or run_boundary(model, *states)[0])
    model(*inputs(model), draw_conditions(model.config))
    states, modulated, table = given[0]

    def through(states, blocks):
        for block in blocks:
            for step in (lambda x, b=block: b.joint(x, modulated, table), lambda x, b=block: b.refine(x, modulated)):
                states = [x + update for x, update in zip(states, step(states), strict=False)]
        return states

    def blend(cache, point):
        blended = []
        for stream in range(len(cache[-1])):
            sources = torch.stack([kept[stream] for kept in cache])  # [N, B, T, D]
            unit = sources / (sources.square().mean(-1, keepdim=True) + 1e-3).sqrt()
            scores = unit @ model.depth_mixer.query[point, stream]
            scores[-1] += model.depth_mixer.newest[point, stream]
            blended.append((scores.softmax(0)[..., None] * sources).sum(0))
        return blended

    second = through(states, model.blocks[:2])
    fourth = through(blend([states, second], 0), model.blocks[2:4])
    fifth = through(blend([states, second, fourth], 1), model.blocks[4:])
    expected = blend([states, second, fourth, fifth], 2)[0]
    torch.testing.assert_close(run_boundary(model, states, modulated, table)[0], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("residual", ["boundary", "block"])
def test_depth_weights_are_a_blend_that_follows_the_input(build, residual):
    model = build("neo-1.5", residual=residual)
    sources = list(torch.randn(3, 2, 5, 32))
    weights = model.depth_mixer.weights(sources, 0, 0)
    torch.testing.assert_close(weights.sum(0), torch.ones(2, 5))
    assert weights.std(dim=(1, 2)).min() > 0


def test_motion_starts_by_hearing_its_own_moment(build):
    """Fresh weights, first map of each head: a motion token looks most at times near its own."""
    torch.manual_seed(0)
    config = build("neo-1.5", width=64, rotary=12).config
    block = DifferentialBlock(config, 0)
    table = rotary_table(torch.arange(40), config.rotary, config.rotary_base)
    motion, audio = (stream.project(torch.randn(1, 40, 64)) for stream in block.streams[:2])
    q = block._placed(block.query_norm, motion[..., 128:], table)
    k = block._placed(block.key_norm, audio[..., :64], table)
    first, second = (q @ k.mT).softmax(-1).mean(0).chunk(2)  # [H, T, T] each
    distance = (torch.arange(40)[:, None] - torch.arange(40)).abs()
    assert first[:, distance < 3].mean() > 1.5 * first[:, distance > 10].mean()
    assert second[:, distance < 3].mean() < 1.2 * second[:, distance > 10].mean()


def test_there_is_room_for_more_layers_in_the_file():
    with torch.device("meta"):
        model = UnifiedMMDiT(UnifiedConfig(audio_layers=9, audio_width=192, depth=7))
    assert 2 * sum(p.numel() for p in model.parameters()) < 24e6


REFUSED = [{"heads": 5}, {"rotary": 3}, {"rotary": 10}, {"residual": "up"}, {"attention": "half"}]


@pytest.mark.parametrize("changes", REFUSED)
def test_a_config_that_cannot_be_built_is_refused(build, changes):
    with pytest.raises(ValueError, match=r"split|residual|attention"):
        build("neo-1.5", **changes)
