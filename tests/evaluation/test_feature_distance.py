"""Distances of features: none between equal faces, more for more blur, and gradients for who learns from them."""

import pytest
import torch
import torch.nn.functional as F

from neo_core.evaluation.feature_distance import FeatureDistance
from neo_core.evaluation.pictar_performance import SAMPLES
from neo_core.media.image import read_photo
from neo_core.pictar.analysis import load_analyser


@pytest.fixture(scope="module")
def judge():
    return FeatureDistance(load_analyser())


@pytest.fixture(scope="module")
def picture():
    photo = read_photo(SAMPLES / "portrait.jpg").permute(2, 0, 1)[None].float() / 255
    return F.interpolate(photo, (96, 96), mode="area")


@torch.no_grad()
def test_equal_faces_are_no_distance_apart_and_blur_puts_them_further(judge, picture):
    blurred = [F.interpolate(F.avg_pool2d(picture, k), (96, 96), mode="bilinear") for k in (2, 4, 8)]
    near, far, farthest = (float(judge(picture, other)) for other in blurred)
    assert float(judge(picture, picture)) == 0
    assert 0 < near < far < farthest


@torch.no_grad()
def test_a_face_moved_by_a_pixel_is_nearer_than_a_face_without_its_mouth(judge, picture):
    hidden = picture.clone()
    hidden[..., 40:60, 40:60] = hidden[..., 40:60, 40:60].mean()
    assert judge(picture, picture.roll(1, 3)) < judge(picture, hidden)


def test_pictures_can_be_improved_by_it(judge, picture):
    guess = picture.clone().mul_(0.9).requires_grad_()
    judge(guess, picture).sum().backward()
    assert guess.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in judge.parameters())
