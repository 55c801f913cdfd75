"""The yardstick of enrolment: what is asked is what was photographed, and gains are gains."""

import math
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.motion_space import EXPRESSION, INDEX, POSE
from neo_core.training.enrolment_truth import HELD_OUT, TURN, Score, acted, asked_of, bench, figures, posed


def test_the_film_shows_both_sides_an_open_mouth_and_blinks_but_no_held_out_view():
    film = torch.stack([acted(k / 50, k == 9) for k in range(51)])
    yaw, jaw = film[:, INDEX["yaw"]], film[:, INDEX["jawOpen"]]
    assert yaw.amin() < -0.95 * TURN
    assert yaw.amax() > 0.95 * TURN
    assert 0.3 < jaw.amax() < max(expression.get("jawOpen", 0) for _, expression in HELD_OUT)
    assert film[9, INDEX["eyeBlink_L"]] == 1
    assert max(abs(pose[1]) for pose, _ in HELD_OUT) > TURN
    for pose, expression in HELD_OUT:
        wanted = posed(pose, expression)
        apart = (film[:, EXPRESSION] - wanted[EXPRESSION]).norm(dim=1) + (film[:, POSE] - wanted[POSE]).norm(dim=1) / 20
        assert apart.amin() > 0.2


def test_a_portrait_is_asked_for_the_difference_from_its_photo():
    base, wanted = posed((3, 10, 0), {"mouthSmile": 0.2}), posed((3, -5, 0), {"mouthSmile": 0.5})
    reference = torch.zeros(63)
    reference[INDEX["mouthSmile_L"]] = 0.3  # as the fit has the photo
    portrait = SimpleNamespace(reference=reference)
    assert torch.allclose(asked_of(portrait, base, base), reference, atol=1e-4)
    motion = asked_of(portrait, base, wanted)
    assert float(motion[INDEX["mouthSmile_L"]]) == pytest.approx(0.6)
    assert float(motion[INDEX["yaw"]]) == pytest.approx(-15, abs=0.2)


def test_gains_are_over_turned_views_and_open_mouths():
    scores = [Score(True, 20.0, 22.0, math.nan, math.nan), Score(False, 25.0, 25.5, 14.0, 15.0)]
    told = figures(scores)
    assert told["enrolment from footage, turned views"] == 2.0
    assert told["enrolment from footage, between the lips"] == 1.0
    assert told["enrolment from footage, all views"] == 1.25


@pytest.mark.parametrize(("people", "size"), [(0, 320), (-1, 320), (1, 0), (1, 100), (1, 5000)])
def test_an_exam_of_nobody_or_of_pictures_that_show_nothing_is_refused_before_it_begins(people, size):
    with pytest.raises(InputError, match=f"{people} people in {size} pixels"):
        bench({}, people, size)
