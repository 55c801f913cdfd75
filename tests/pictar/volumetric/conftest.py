"""A tiny renderer with random weights, the same weights in the oracle, and a face that moves."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from neo_core.evaluation.random_liveportrait import random_tensors
from neo_core.geometry.camera import Camera
from neo_core.pictar.crop import whole
from neo_core.pictar.volumetric import lift
from neo_core.pictar.volumetric.checkpoints import FILES, build_renderer
from neo_core.pictar.volumetric.driven_face import DrivenFace
from neo_core.pictar.volumetric.driving import Rules
from neo_core.pictar.volumetric.keypoints import place
from neo_core.pictar.volumetric.motion_bridge import Sight, slider_bridge
from neo_core.pictar.volumetric.stitching import Stitching, StitchingConfig

from .oracle import Oracle
from .test_driving import face
from .tiny_renderer import TINY

NEUTRAL = torch.zeros(63)


@pytest.fixture(scope="session")
def tensors():
    return random_tensors(TINY, 1)


@pytest.fixture
def learner(tensors):
    """The renderer as it would be trained: nothing folded, nothing kept."""
    return build_renderer(TINY, tensors, FILES).eval()


@pytest.fixture
def renderer(tensors):
    return build_renderer(TINY, tensors, FILES).ready()


@pytest.fixture
def oracle(tensors):
    return Oracle(TINY, tensors)


@pytest.fixture
def picture():
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    return torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").clamp(0, 1)


@pytest.fixture
def faces(renderer, picture):
    """Keypoints [1, K, 3] of the picture, and of the same face turned, with another expression."""
    with torch.no_grad():
        motion = renderer.motion(picture)
        change = 0.03 * torch.randn(motion.expression.shape, generator=torch.Generator().manual_seed(3))
        turned = replace(motion, yaw=motion.yaw + 15, pitch=motion.pitch - 5, expression=motion.expression + change)
        return place(motion), place(turned)


@pytest.fixture
def photo():
    dice = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (128, 128, 3), dtype=torch.uint8, generator=dice)


@pytest.fixture
def landmarks68():
    """A ring of points: any face will do for a grant."""
    angle = torch.linspace(0, 6.2, 68)
    return torch.stack([64 + 30 * angle.cos() * (1 + 0.1 * angle), 64 + 40 * angle.sin()], 1)


@pytest.fixture
def volume(renderer, photo, landmarks68, grant_for):
    return lift(renderer, whole(photo), landmarks68, grant=grant_for(photo, landmarks68))


@pytest.fixture
def portrait():
    """portrait(rules, retargeted, lips, own vector [63]) -> DrivenFace: as far as keypoints go."""
    torch.manual_seed(3)
    stitching = Stitching(StitchingConfig(21, (16, 16), (16, 8), (16, 16, 8)))
    for parameter in stitching.parameters():
        parameter.data *= 4  # as they are drawn, the ratios hardly matter to them
    camera = Camera(torch.tensor(1000.0), torch.tensor([256.0, 256.0]), torch.eye(3), torch.tensor([0.0, 0.0, -60.0]))
    to_square = torch.tensor([[1 / 256, 0.0, -1.0], [0.0, 1 / 256, -1.0]])
    sight = Sight(camera, to_square, torch.tensor([0.0, 2.0, 8.0]), torch.tensor([0.0, -5.0, -1.0]))

    def make(rules: Rules, retargeted: tuple[str, ...] = (), lips: float = 0.0, own: Tensor = NEUTRAL) -> DrivenFace:
        ratios = torch.tensor([0.3, 0.32, lips])
        parts = (SimpleNamespace(), SimpleNamespace(), SimpleNamespace(), face(1, 1), stitching, slider_bridge())
        return DrivenFace(*parts, sight, own, ratios, rules, retargeted)

    return make
