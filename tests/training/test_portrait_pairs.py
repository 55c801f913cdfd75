"""The truth of a pair, on a bare head before a plain wall."""

import pytest
import torch

from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.rasteriser import rasterise
from neo_core.pictar.mini.guide import Square
from neo_core.training.portrait_pairs import exact
from neo_core.training.synthetic.render import Frame

SIDE, FOCAL = 64, 160.0


def photograph(head, yaw: float = 0.0, aside: float = 0.0) -> Frame:
    """The mean head, turned and moved aside by pixels; no hair, no clothes."""
    turned = (head.template - head.pivot) @ rotation_matrix(0.0, yaw, 0.0).T + head.pivot
    shift = torch.tensor([aside * 100 / FOCAL, 0.0, -100.0])
    camera = Camera(torch.tensor(FOCAL), torch.tensor([SIDE / 2, SIDE / 2]), torch.eye(3), shift)
    fragments = rasterise(project(camera, turned), head.triangles, SIDE, SIDE)
    parts = torch.where(fragments.triangle >= 0, head.triangle_part[fragments.triangle.clamp(min=0)] + 1, 0)
    mask = (parts > 0).float()
    image, points, pose = torch.zeros(SIDE, SIDE, 3), torch.zeros(68, 2), torch.zeros(3)
    return Frame(image, points, mask, parts, fragments.depth, camera, turned, pose)


@pytest.fixture(scope="module")
def still(head):
    return photograph(head)


WHOLE = Square(0, 0, SIDE)


def test_a_photo_is_its_own_truth(head, still):
    truth = exact(head, still, still, WHOLE, SIDE)
    assert truth.flow.abs().max() < 1e-4
    assert truth.known.sum() > 0.95 * truth.person.sum() > 300
    assert truth.seen.sum() > 0.97 * truth.known.sum()


def test_a_shift_is_told_in_shares_of_the_side(head, still):
    truth = exact(head, still, photograph(head, aside=5.0), WHOLE, SIDE)
    known = truth.known > 0
    assert truth.flow[0][known].median() * SIDE == pytest.approx(-5.3, abs=0.3)  # the face is nearer than the origin
    assert truth.flow[1][known].abs().max() * SIDE < 0.3
    assert truth.seen[known].mean() > 0.9


def test_a_turn_uncovers_what_the_photo_does_not_show(head, still):
    turned = exact(head, still, photograph(head, yaw=40.0), WHOLE, SIDE)
    assert 0.5 < turned.seen.sum() / turned.known.sum() < 0.93


def test_what_hides_the_head_is_not_known(head, still):
    hidden = photograph(head)
    hidden.parts[20:40, 20:40] = 13  # hair
    truth = exact(head, still, hidden, WHOLE, SIDE)
    assert truth.known[20:40, 20:40].sum() == 0
    assert truth.known[45:].sum() > 100
