"""Which frames of footage a portrait is made from."""

from dataclasses import replace

import pytest
import torch

from neo_core.geometry.camera import Camera, rotation_matrix
from neo_core.geometry.head_model import load_head_model
from neo_core.motion_space import INDEX
from neo_core.pictar.analysis import Face
from neo_core.pictar.fit import HeadFit
from neo_core.pictar.footage_enrolment import Look, base_scores, choose_frames, sharpness

FACE = Face(torch.zeros(4), 0.9, torch.zeros(70, 2), torch.ones(70), torch.zeros(3), torch.zeros(53), torch.zeros(4))


@pytest.fixture(scope="module")
def model():
    return load_head_model()


def look(number: int, yaw: float = 0.0, sharp: float = 0.3, gaze: float | None = None, **expression: float) -> Look:
    """A frame in which the eyes stay on the lens unless they look elsewhere."""
    weights = torch.zeros(53)
    for name, value in expression.items():
        for channel in (name, f"{name}_L", f"{name}_R"):
            if channel in INDEX:
                weights[INDEX[channel]] = value
    away = -yaw if gaze is None else gaze
    camera = Camera(torch.tensor(500.0), torch.zeros(2), rotation_matrix(0.0, yaw, 0.0), torch.tensor([0.0, 0, -80]))
    fit = HeadFit(torch.zeros(60), weights, torch.tensor([away, 0, away, 0]), camera, None, None)
    return Look(number, FACE, fit, sharp)


def film(**changed: Look) -> list[Look]:
    """Twenty frames from the front; those named by their numbers are others."""
    return [changed.get(f"_{k}", look(k)) for k in range(20)]


@pytest.mark.parametrize(
    "worse",
    [{"yaw": 15.0}, {"sharp": 0.15}, {"gaze": 15.0}, {"eyeBlink": 0.7}, {"jawOpen": 0.3}, {"mouthSmile": 0.8}],
)
def test_the_base_is_sharp_from_the_front_with_open_eyes_and_a_mouth_at_rest(worse):
    scores = base_scores(film(_7=look(7, **worse)))
    assert scores[7] < 0.6 * scores[0]
    assert int(scores.argmin()) == 7


def test_sides_are_the_frames_that_show_most_more(model):
    looks = film(_3=look(3, 22.0), _4=look(4, 12.0), _9=look(9, -20.0), _10=look(10, -25.0, sharp=0.08))
    chosen = choose_frames(model, looks)
    assert {side.number for side in chosen.sides} == {3, 9}
    assert chosen.base.fit.camera.rotation[0, 0] > 0.999


def test_a_still_head_has_no_sides_and_a_closed_mouth_no_teeth(model):
    chosen = choose_frames(model, film())
    assert chosen.sides == chosen.mouths == ()
    assert chosen.numbers == {chosen.base.number}


def test_open_mouths_are_from_different_moments(model):
    opened = {f"_{k}": look(k, jawOpen=0.5, mouthUpperUp=0.3) for k in (4, 5, 15)}
    chosen = choose_frames(model, film(**opened))
    assert len(chosen.mouths) == 2
    assert {mouth.number for mouth in chosen.mouths} in ({4, 15}, {5, 15})


def test_sharpness_tells_a_blurred_face_at_any_size():
    points = torch.rand(68, 2, generator=torch.Generator().manual_seed(1)) * 60 + 30
    coarse = torch.rand(1, 3, 60, 60, generator=torch.Generator().manual_seed(2))
    clear = torch.nn.functional.interpolate(coarse, (120, 120))
    soft = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(clear, (2,) * 4, mode="replicate"), 5, 1)
    first, second = ((image[0].permute(1, 2, 0) * 255).byte() for image in (clear, soft))
    assert sharpness(first, points) > 1.3 * sharpness(second, points)
    assert sharpness((first.float() * 0.5).byte(), points) == pytest.approx(sharpness(first, points), rel=0.05)
    assert sharpness(first, points - 1000) == 0.0


def test_all_looks_count_however_the_face_was_fitted(model):
    looks = [replace(item, face=replace(FACE, score=0.7)) for item in film()]
    assert choose_frames(model, looks).base in looks
