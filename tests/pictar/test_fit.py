"""The fit against exact truth: pose, shape, expression, gaze, and the residual that ends on the landmarks."""

import math

import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.camera import Camera, project, rotation_angles, rotation_matrix
from neo_core.geometry.head_model import landmarks, load_head_model, shape, turn_eyes
from neo_core.pictar.fit import FitSettings, fit_head, one_person, refit_head

SIZE = (480, 640)
NOISE = 0.015  # of the distance of the eyes


@pytest.fixture(scope="module")
def model():
    return load_head_model()


def photographed(model, seed, expression, noise=NOISE):
    """Landmarks [K, 2] of a random person in a random pose, with the truth they were made from."""
    generator = torch.Generator().manual_seed(seed)
    identity = torch.randn(60, generator=generator).clamp(-2.5, 2.5)
    angles = (torch.rand(3, generator=generator) * 2 - 1) * torch.tensor([12.0, 25.0, 10.0])
    gaze = ((torch.rand(2, generator=generator) * 2 - 1) * 12).repeat(2)
    rotation = rotation_matrix(*angles)
    distance = 70 + 40 * float(torch.rand((), generator=generator))
    camera = Camera(
        torch.tensor(distance * 15), torch.tensor([320.0, 240.0]), rotation, torch.tensor([1.0, -1.0, -distance])
    )
    vertices = turn_eyes(model, shape(model, identity, expression), identity, gaze)
    exact = project(camera, landmarks(model, vertices))[:, :2]
    eyes = (exact[36:42].mean(0) - exact[42:48].mean(0)).norm()
    points = exact + torch.randn(exact.shape, generator=generator) * noise * eyes
    return points, {"identity": identity, "angles": angles, "gaze": gaze, "eyes": eyes, "exact": exact}


def on_screen(model, fit):
    """The fitted head on the photo with the residual added. [V, 2] px"""
    vertices = turn_eyes(model, shape(model, fit.identity, fit.expression), fit.identity, fit.gaze)
    return project(fit.camera, vertices)[:, :2] + fit.residual


def channel(name):
    return motion_space.INDEX[name]


def aligned_error(model, found, truth):
    """Mean distance of the neutral face fronts after a similarity alignment, head units."""
    front = (model.vertex_part == 0) & (model.template[:, 2] > 3)
    a, b = (shape(model, w, torch.zeros(53))[front] for w in (found, truth))
    a, b = a - a.mean(0), b - b.mean(0)
    u, s, v = torch.linalg.svd(a.T @ b)
    return (a @ (u @ v) * (s.sum() / a.square().sum()) - b).norm(dim=-1).mean()


@pytest.mark.parametrize("seed", range(4))
def test_a_neutral_person(model, seed):
    points, truth = photographed(model, seed, torch.zeros(53))
    fit = fit_head(model, points, None, SIZE)
    assert (rotation_angles(fit.camera.rotation) - truth["angles"]).abs().max() < 2.5
    assert fit.expression.max() < 0.25
    assert aligned_error(model, fit.identity, truth["identity"]) < 0.8 * aligned_error(
        model, torch.zeros(60), truth["identity"]
    )
    assert fit.identity.square().mean().sqrt() < 1.2
    assert (fit.gaze - truth["gaze"]).abs().mean() < 8


def test_expressions_are_told_from_identity(model):
    expression = torch.zeros(53)
    for name, value in (("jawOpen", 0.5), ("mouthSmile_L", 0.6), ("mouthSmile_R", 0.6), ("eyeBlink_L", 0.9)):
        expression[channel(name)] = value
    points, _ = photographed(model, 3, expression)
    fit = fit_head(model, points, None, SIZE)
    assert 0.3 < fit.expression[channel("jawOpen")] < 0.7
    assert fit.expression[channel("mouthSmile_L")] > 0.3
    assert fit.expression[channel("eyeBlink_L")] > 0.6
    assert fit.expression[channel("eyeBlink_R")] < 0.3


def test_the_residual_ends_on_lids_and_lips(model):
    expression = torch.zeros(53)
    expression[channel("jawOpen")] = 0.4
    points, truth = photographed(model, 5, expression)
    fit = fit_head(model, points, None, SIZE)
    placed = landmarks(model, on_screen(model, fit))
    names = [name for name in model.landmark_groups if name.startswith(("lid_", "lips_inner"))]
    edges = [k for name in names for k in model.landmark_groups[name]]
    before, after = fit.error[edges].mean(), (placed - points)[edges].norm(dim=-1).mean()
    assert after < 0.6 * before
    assert after / truth["eyes"] < 0.012
    back = model.template[:, 2] < -4
    assert fit.residual[back].norm(dim=-1).max() < fit.error.mean()


def test_closed_lips_stay_closed_in_the_picture(model):
    points, truth = photographed(model, 6, torch.zeros(53))
    fit = fit_head(model, points, None, SIZE)
    placed = landmarks(model, on_screen(model, fit))
    upper, lower = (placed[list(model.landmark_groups[f"lips_inner_{side}"])] for side in ("upper", "lower"))
    assert (upper - lower).norm(dim=-1).mean() / truth["eyes"] < 0.02


def test_outliers_lose_their_say(model):
    points, truth = photographed(model, 8, torch.zeros(53))
    spoiled = points.clone()
    spoiled[70:300:9] += 0.6 * truth["eyes"]
    fit = fit_head(model, spoiled, None, SIZE)
    assert (rotation_angles(fit.camera.rotation) - truth["angles"]).abs().max() < 5


def test_doubted_landmarks_count_less(model):
    points, truth = photographed(model, 9, torch.zeros(53))
    spoiled, sigma = points.clone(), torch.full((len(points),), 1.5)
    spoiled[0:17] += 0.15 * truth["eyes"]
    sigma[0:17] = 60.0
    fit = fit_head(model, spoiled, sigma, SIZE)
    assert (rotation_angles(fit.camera.rotation) - truth["angles"]).abs().max() < 2.5


def test_wrong_number_of_landmarks(model):
    with pytest.raises(ValueError, match="expected"):
        fit_head(model, torch.zeros(68, 2), None, SIZE)


def test_the_focal_length_stays_plausible(model):
    points, _ = photographed(model, 10, torch.zeros(53))
    fit = fit_head(model, points, None, SIZE)
    distance = -float(fit.camera.translation[2])
    assert 45 < distance < 160
    assert math.isfinite(float(fit.camera.focal))


def test_a_known_person_is_fitted_again_by_expression_and_place_alone(model):
    neutral, speaking = torch.zeros(53), torch.zeros(53)
    speaking[motion_space.INDEX["jawOpen"]] = 0.4
    first = fit_head(model, photographed(model, 7, neutral)[0], None, SIZE)
    points, truth = photographed(model, 7, speaking)
    again = refit_head(model, points, None, first, FitSettings(rounds=8))
    assert torch.equal(again.identity, first.identity)
    assert torch.equal(again.camera.focal, first.camera.focal)
    jaw = motion_space.INDEX["jawOpen"]
    assert abs(float(again.expression[jaw] - first.expression[jaw]) - 0.4) < 0.1
    assert (again.error / truth["eyes"]).mean() < 0.05
    at_ease = refit_head(model, points, None, first, FitSettings(rounds=40))
    assert (again.expression - at_ease.expression).abs().max() < 0.05


def test_several_fits_agree_on_one_person(model):
    fits = [fit_head(model, photographed(model, seed, torch.zeros(53))[0], None, SIZE) for seed in (1, 2, 3)]
    agreed = one_person(fits)
    assert torch.equal(agreed.identity, torch.stack([fit.identity for fit in fits]).median(0).values)
    assert agreed.camera.focal in [fit.camera.focal for fit in fits]
