"""The shipped head: symmetry, closed lips and lids for anyone, eyes, parts, landmarks."""

import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.head_model import (
    PARTS,
    eye_centers,
    landmarks,
    load_head_model,
    shape,
    turn_eyes,
    vertex_normals,
)

PEOPLE = 16


@pytest.fixture(scope="module")
def model():
    return load_head_model()


@pytest.fixture(scope="module")
def people():
    return torch.randn(PEOPLE, 60, generator=torch.Generator().manual_seed(7)).clamp(-2.5, 2.5)


def expression(**channels):
    values = torch.zeros(53)
    for name, value in channels.items():
        values[motion_space.INDEX[name]] = value
    return values


def points(model, vertices, *groups):
    every = landmarks(model, vertices)
    return [every[..., list(model.landmark_groups[name]), :] for name in groups]


def test_sizes_and_parts(model):
    assert model.identity.shape == (60, *model.template.shape)
    assert model.expression.shape == (53, *model.template.shape)
    assert set(model.triangle_part.tolist()) == set(range(len(PARTS)))
    assert len(model.landmark_triangle) == max(max(group) for group in model.landmark_groups.values()) + 1


def test_the_mesh_is_a_manifold(model):
    edges = model.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, directed = edges.unique(dim=0, return_counts=True)
    assert directed.max() == 1  # consistent orientation: each direction of an edge is used once


def test_left_and_right_are_mirror_images(model):
    flip = torch.tensor([-1.0, 1, 1])
    assert torch.equal(model.mirror[model.mirror], torch.arange(len(model.mirror)))
    assert torch.allclose(model.template[model.mirror] * flip, model.template, atol=2e-3)
    smile = shape(model, torch.zeros(60), expression(mouthSmile_L=0.7, eyeBlink_L=0.5))
    other = shape(model, torch.zeros(60), expression(mouthSmile_R=0.7, eyeBlink_R=0.5))
    assert torch.allclose(smile[model.mirror] * flip, other, atol=5e-3)
    mirrored = landmarks(model, model.template)[model.landmark_mirror] * flip
    assert torch.allclose(mirrored, landmarks(model, model.template), atol=0.02)


def test_lips_touch_at_rest_for_anyone(model, people):
    upper, lower = points(model, shape(model, people, torch.zeros(53)), "lips_inner_upper", "lips_inner_lower")
    assert (upper - lower).norm(dim=-1).max() < 0.08
    assert (upper[..., 1] - lower[..., 1]).max() < 0.01  # no gap to look through


def test_mouth_close_shuts_an_open_jaw(model, people):
    closed = shape(model, people, expression(jawOpen=0.5, mouthClose=0.5))
    upper, lower = points(model, closed, "lips_inner_upper", "lips_inner_lower")
    assert (upper[..., 1] - lower[..., 1]).abs().max() < 0.1
    opened = shape(model, people, expression(jawOpen=0.5))
    upper, lower = points(model, opened, "lips_inner_upper", "lips_inner_lower")
    assert (upper[..., 10, 1] - lower[..., 10, 1]).min() > 1


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_blink_shuts_the_eye_of_anyone(model, people, side):
    name = {"left": "eyeBlink_L", "right": "eyeBlink_R"}[side]
    groups = (f"lid_upper_{side}", f"lid_lower_{side}")
    upper, lower = points(model, shape(model, people, expression(**{name: 1.0})), *groups)
    assert (upper[..., 1] - lower[..., 1]).max() < 0.06
    upper, lower = points(model, shape(model, people, torch.zeros(53)), *groups)
    assert (upper[..., 6, 1] - lower[..., 6, 1]).min() > 0.3


def test_lids_stay_above_the_eyeball(model, people):
    half = shape(model, people, expression(eyeBlink_L=0.5, eyeBlink_R=0.5))
    centers = eye_centers(model, people)[:, model.lid_side]
    distance = (half[:, model.lid_vertex] - centers).norm(dim=-1)
    assert (distance - (model.eye_radius[model.lid_side] + model.lid_clearance)).min() > -1e-3


def test_teeth_stay_behind_closed_lips(model, people):
    vertices = shape(model, people, torch.zeros(53))
    teeth = vertices[
        :, torch.isin(model.vertex_part, torch.tensor([PARTS.index("teeth_upper"), PARTS.index("teeth_lower")]))
    ]
    (lips,) = points(model, vertices, "lips_inner_upper")
    front = teeth[..., 2].amax(1)
    assert (front < lips[:, 10, 2]).all()


def test_eyes_turn_about_their_centre(model, people):
    vertices = shape(model, people[0], torch.zeros(53))
    turned = turn_eyes(model, vertices, people[0], torch.tensor([20.0, 0.0, 0.0, 10.0]))
    center = eye_centers(model, people[0])
    iris = landmarks(model, turned)[-2:] - center
    assert torch.allclose(iris.norm(dim=-1), model.eye_radius, atol=1e-2)
    assert iris[0, 0] > 0.3  # yaw turns to the subject's left
    assert iris[1, 1] < -0.2  # pitch looks down
    others = model.vertex_part < PARTS.index("eye_left")
    assert torch.equal(turned[others], vertices[others])


def test_batches_equal_single_heads(model, people):
    values = torch.rand(PEOPLE, 53, generator=torch.Generator().manual_seed(1)) * 0.5
    together = shape(model, people, values)
    assert torch.allclose(together[3], shape(model, people[3], values[3]), atol=1e-4)


def test_normals_point_outwards(model):
    normal = vertex_normals(model.template, model.triangles)
    assert torch.allclose(normal.norm(dim=-1), torch.ones(len(normal)), atol=1e-4)
    ball = model.vertex_part == PARTS.index("eye_left")
    outwards = torch.nn.functional.normalize(model.template[ball] - model.eye_center[0], dim=-1)
    assert (normal[ball] * outwards).sum(-1).min() > 0.7
