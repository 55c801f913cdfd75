"""VOCAL of the first NEO: what sets it apart, on a tiny model with random weights."""

from dataclasses import replace

import pytest
import torch

from neo_core.vocal.mmdit import MMDiT, MMDiTConfig
from neo_core.vocal.unified_mmdit import UnifiedConfig, UnifiedMMDiT


@pytest.fixture
def model(build):
    return build("neo")


def test_audio_and_motion_attend_to_each_other(model, conditions):
    """Sound far from a frame reaches it, and through the audio stream frames hear what other frames do."""
    x, t = torch.randn(2, model.config.window, 63), torch.rand(2)
    before = model(x, t, conditions)
    audio = conditions.audio.clone()
    audio[:, :, -2:] = torch.randn_like(audio[:, :, -2:])  # the last moment heard
    assert (model(x, t, replace(conditions, audio=audio)) - before)[:, 0].abs().max() > 1e-4
    other = x.clone()
    other[:, -1] = 3
    assert (model(other, t, conditions) - before)[:, 0].abs().max() > 1e-4


def test_identity_modulates_and_takes_no_place_in_the_attention(model, conditions, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "neo_core.vocal.mmdit.attention", lambda q, k, v: seen.append(k.shape[2]) or v[:, :, : q.shape[2]]
    )
    model(torch.randn(2, model.config.window, 63), torch.rand(2), conditions)
    assert set(seen) == {model.config.prefix + model.config.window + model.config.audio_tokens}


def test_closed_gates_leave_the_streams_alone(model, conditions):
    block = model.blocks[0]
    for stream in block.streams:
        for modulation in (stream.joint_modulation, stream.refine_modulation):
            modulation.linear.weight.data[-model.config.width :] = 0
            modulation.linear.bias.data[-model.config.width :] = 0
    states = [torch.randn(2, 15, 32), torch.randn(2, 17, 32)]
    out = block(states, model.modulations(torch.randn(2, 32)), model.scene(conditions).table)
    assert all(torch.equal(before, after) for before, after in zip(states, out, strict=True))


def test_only_motion_is_read_out_of_the_last_block(model):
    assert [hasattr(stream, "feed_forward") for stream in model.blocks[-1].streams] == [True, False]


def test_its_size_is_that_of_the_embedded_vocal():
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in network.parameters())
            for network in (
                MMDiT(MMDiTConfig(audio_layers=9, audio_width=192)),
                UnifiedMMDiT(UnifiedConfig(audio_layers=9, audio_width=192)),
            )
        ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


@pytest.mark.parametrize("changes", [{"heads": 5}, {"rotary": 3}, {"rotary": 18}])
def test_a_config_that_cannot_be_built_is_refused(build, changes):
    with pytest.raises(ValueError, match="split"):
        build("neo", **changes)
