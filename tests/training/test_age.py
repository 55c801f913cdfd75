"""The recipe of the age network: what it learns from, and where it draws the line."""

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.geometry.head_model import landmarks
from neo_core.pictar.age_net import read_age
from neo_core.pictar.analysis import load_analyser
from neo_core.training.age import Ages, read_frames, strange_shapes, threshold, train

COUNT = 120


@pytest.fixture
def faces(head):
    """Faces of which the young have a higher chin; every third is a mannequin."""
    points = landmarks(head, head.template)[:, :2] * torch.tensor([3.0, -3.0]) + 64
    age = torch.linspace(3, 40, COUNT)[torch.randperm(COUNT)]
    many = points + 0.3 * torch.randn(COUNT, *points.shape)
    many[:, :17, 1] -= 6 * (age < 13)[:, None]
    number = torch.arange(COUNT)
    return Ages(many, age, number, number % 3 == 0)


def test_mirrored_shapes_keep_left_and_right_apart(faces, head):
    shapes = strange_shapes(faces.landmarks, head.landmark_mirror, torch.Generator().manual_seed(0))
    assert (shapes[:, 36, 0] < shapes[:, 45, 0]).all()
    assert shapes.abs().amax() < 1.2


def test_the_threshold_spares_grown_ups():
    child, age = torch.cat([torch.linspace(0, 1, 100), torch.full((50,), 2.0)]), torch.tensor([30.0] * 100 + [6.0] * 50)
    line = threshold(child, age)
    assert (child[age >= 18] > line).sum() <= 1
    assert (child[age < 10] > line).all()


def test_a_difference_of_shape_is_learned_and_drawn_as_the_line(faces, head):
    torch.manual_seed(0)
    net = train(faces, head.landmark_mirror, 0.02, torch.Generator().manual_seed(0))
    refused = read_age(net, faces.landmarks).child > net.config.refused
    assert refused[faces.age < 12].float().mean() > 0.8
    assert refused[faces.age >= 20].float().mean() < 0.1


def test_frames_must_be_there(tmp_path, head):
    with pytest.raises(InputError, match="no frames found"):
        read_frames(load_analyser(), tmp_path, head.landmark_groups)


def test_both_sides_of_the_split_must_have_faces(faces, head):
    nobody = faces[torch.zeros(COUNT, dtype=torch.bool)]
    with pytest.raises(InputError, match="0 faces, 0 held out"):
        train(nobody, head.landmark_mirror, 0.02, torch.Generator().manual_seed(0))
