"""What follows the head: all of it on the head, nothing at the rim, and a field that really is the inverse."""

import torch

from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.pictar.geometric.follow import Follow, backward_flow, follow_weight, head_hull, rim_fade, unproject
from neo_core.pictar.geometric.sampling import pixel_centres, sample_linear

CAMERA = Camera(torch.tensor(300.0), torch.tensor([80.0, 80.0]), torch.eye(3), torch.tensor([0.0, 0.0, -80.0]))


def test_unproject_is_the_inverse_of_project():
    turned = Camera(CAMERA.focal, CAMERA.center, rotation_matrix(*torch.tensor([5.0, 20.0, -8.0])), CAMERA.translation)
    points = torch.randn(50, 3) * 5
    seen = project(turned, points)
    assert torch.allclose(unproject(turned, seen[:, :2], seen[:, 2]), points, atol=1e-3)


def test_backward_flow_undoes_the_motion_of_the_grid():
    centres = pixel_centres(40, 40, 4.0)
    depth = torch.full((40, 40), 80.0)
    near = torch.exp(-((centres - 80) / 35).square().sum(-1))
    follow = Follow(unproject(CAMERA, centres, depth), near, centres, 4.0)
    turn, pivot, shift = rotation_matrix(*torch.tensor([0.0, 0.0, 6.0])), torch.tensor([0.0, -5, -1]), torch.zeros(3)
    flow = backward_flow(follow, CAMERA, turn, pivot, shift)
    moved = follow.points + near[..., None] * ((follow.points - pivot) @ turn.T + pivot - follow.points)
    forward = (project(CAMERA, moved)[..., :2] - centres).permute(2, 0, 1)
    at = (centres + flow) / 4
    assert flow.abs().max() > 2
    assert torch.allclose(sample_linear(forward, at).permute(1, 2, 0), -flow, atol=0.05)


def test_weight_is_whole_on_the_head_and_none_far_below_it():
    covered = torch.zeros(60, 60)
    covered[15:35, 22:38] = 1
    weight = follow_weight(covered.clone(), covered, chin=34.0, unit=1.5)
    assert weight[20:30, 26:34].min() > 0.95
    assert weight[50:].max() < 0.01
    assert weight[25].diff().abs().max() < 0.3  # no tear anywhere


def test_hair_is_a_dome_from_the_skull_to_its_outline():
    rows = torch.arange(60.0)
    away = ((rows[:, None] - 30) ** 2 + (rows - 30) ** 2).sqrt()
    skull = torch.where(away < 12, 100 - (144 - away.square()).clamp(min=0).sqrt(), torch.inf)
    hull = head_hull(skull, (away < 9).float(), torch.zeros(60, 60), (away < 22).float(), unit=1.0)
    middle = hull[30]
    assert middle[30] < 90
    assert middle[30:50].diff().min() > -0.5  # falls back outwards, nowhere towards the lens
    assert middle[50] > 94
    assert middle[42:50].diff().abs().max() < 2  # and without a step at the skull's own outline


def test_rim_fade_holds_the_outermost_pixels():
    fade = rim_fade(50, 80)
    assert fade[0].max() == fade[-1].max() == fade[:, 0].max() == fade[:, -1].max() == 0
    assert fade[25, 40] == 1
