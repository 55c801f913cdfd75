"""A made-up portrait: a noisy picture and the head model standing in it."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import landmarks, load_head_model, shape, turn_eyes
from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.fit import HeadFit
from neo_core.pictar.geometric import lift

SIZE = 160


@pytest.fixture(scope="session")
def model():
    return load_head_model()


@pytest.fixture(scope="session")
def fit(model):
    """A head of about 80 pixels, turned a little, its mouth a little open, with a residual of a pixel or so."""
    generator = torch.Generator().manual_seed(3)
    identity = 0.5 * torch.randn(60, generator=generator)
    expression = torch.zeros(53)
    expression[INDEX["jawOpen"]] = 0.08
    turn = rotation_matrix(*torch.tensor([2.0, 8.0, -3.0]))
    camera = Camera(torch.tensor(340.0), torch.tensor([80.0, 80.0]), turn, torch.tensor([0.0, -1.0, -85.0]))
    screen = project(camera, shape(model, identity, expression))
    residual = torch.stack([torch.sin(screen[:, 1] / 15), torch.cos(screen[:, 0] / 20)], 1)
    gaze = torch.tensor([4.0, -2.0, 4.0, -2.0])
    return HeadFit(identity, expression, gaze, camera, residual, torch.zeros(len(model.landmark_triangle)))


@pytest.fixture(scope="session")
def lifted_once(model, fit, grant_once):
    """The portrait, lifted; its person covers an ellipse and the lower edge of the picture."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(1, 3, 20, 20, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 1)
    photo = (picture[0].permute(1, 2, 0) * 255).to(torch.uint8)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    mask = (((x - 80) / 42) ** 2 + ((y - 80) / 60) ** 2 < 1) | ((y > 130) & ((x - 80).abs() < 70))
    vertices = turn_eyes(model, shape(model, fit.identity, fit.expression), fit.identity, fit.gaze)
    landmarks68 = landmarks(model, project(fit.camera, vertices)[:, :2] + fit.residual)[:68]
    return lift(whole(photo), fit, mask.float(), grant=grant_once(photo, landmarks68), model=model), landmarks68


@pytest.fixture
def volume(lifted_once, grant_for):
    """A copy of it, with consent of the test's own ledger."""
    volume, landmarks68 = lifted_once
    return replace(deepcopy(volume), grant=grant_for(volume.photo, landmarks68))
