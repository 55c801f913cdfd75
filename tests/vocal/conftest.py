"""A tiny VOCAL with random weights everywhere, so that nothing is zero by accident."""

import pytest
import torch

from neo_core.vocal.loading import ARCHITECTURES
from neo_core.vocal.motion_generator import Conditions, MotionGenerator, WindowConfig

TINY = {"audio_layers": 3, "audio_width": 10, "width": 32, "depth": 3, "heads": 2, "mlp_ratio": 2, "rotary": 4}
SHORT = {"window": 12, "prefix": 3, "lookahead": 2}


def _build(architecture: str = "neo-1.5", **changes) -> MotionGenerator:
    torch.manual_seed(0)
    network, config = ARCHITECTURES[architecture]
    model = network(config(**{**TINY, **SHORT, **changes})).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    model.motion_mean.normal_(std=0.1)
    model.motion_log_scale.normal_(mean=-1.5, std=0.2)
    return model


def _draw(config: WindowConfig, batch: int = 2) -> Conditions:
    dice = torch.Generator().manual_seed(1)
    known = torch.ones(batch, dtype=torch.bool)
    return Conditions(
        audio=torch.randn(batch, config.audio_layers, 2 * config.audio_tokens, config.audio_width, generator=dice),
        heard=known[:, None].repeat(1, config.audio_tokens),
        geometry=torch.randn(batch, 60, generator=dice),
        style=torch.randn(batch, 16, generator=dice),
        identity=known,
        reference_motion=torch.randn(batch, 63, generator=dice),
        reference=known,
        prefix_motion=torch.randn(batch, config.prefix, 63, generator=dice),
        prefix=known,
        emotion=torch.eye(6)[[1, 5]][torch.arange(batch) % 2],
    )


@pytest.fixture
def build():
    """build(architecture, **changes of the config) -> a tiny model"""
    return _build


@pytest.fixture
def draw_conditions():
    """draw_conditions(config, batch=2) -> random conditions, all known"""
    return _draw


@pytest.fixture
def model() -> MotionGenerator:
    return _build()


@pytest.fixture
def conditions(model) -> Conditions:
    return _draw(model.config)
