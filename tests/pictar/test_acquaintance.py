"""Whose face it is: known again by its shape after a gap or a leap, and nobody else's."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import landmarks, load_head_model, shape
from neo_core.governance.portrait import LIKENESS_APART, likeness_distance
from neo_core.pictar import acquaintance
from neo_core.pictar.acquaintance import AFRESH, RUN, Acquaintance, likeness_of, runs
from neo_core.pictar.analysis import Face

HER, HIM = (0.6,) * 60, (0.6,) * 30 + (-0.6,) * 30
SIZE = (400, 400)


def face(who, x: float = 100.0, yaw: float = 0.0, side: float = 60.0) -> Face:
    """A face whose score names its person."""
    box = torch.tensor([x - side / 2, 100 - side / 2, x + side / 2, 100 + side / 2])
    pose = torch.tensor([0.0, yaw, 0.0])
    return Face(box, who, torch.zeros(70, 2), torch.ones(70), pose, torch.zeros(53), torch.zeros(4))


@pytest.fixture
def known(monkeypatch):
    """A function: which of these faces are the person's, by frame; likenesses and ages are known without looking."""

    def only(faces):
        who = Acquaintance(None, SIZE)
        kept = [face is not None for face in who.only(iter(faces))]
        assert len(kept) == len(faces)
        return [k for k, there in enumerate(kept) if there], who

    likenesses = {
        "misread": HIM,
        "her": HER,
        "near": tuple(x + 0.1 for x in HER),
        "turning": tuple(x + 0.4 for x in HER),
        "him": HIM,
    }
    monkeypatch.setattr(acquaintance, "likeness_of", lambda _, faces, __: likenesses.get(faces[0].score, HER))
    monkeypatch.setattr(acquaintance, "looks_like_a_child", lambda face: face.score == "child")
    return only


def test_who_comes_back_is_known(known):
    kept, who = known([face("her")] * 3 + [None] * 2 + [face("near")] * 3)
    assert kept == [0, 1, 2, 5, 6, 7]
    assert list(who.returns) == [5]
    assert who.alone(3, 4)


@pytest.mark.parametrize("other", ["him", "child"])
def test_who_comes_in_their_place_is_not(known, other):
    faces = [face("her")] * 3 + [None] + [face(other)] * 70 + [None] + [face("her")] * 2
    kept, who = known(faces)
    assert kept == [0, 1, 2, 75, 76]
    assert list(who.returns) == [75]
    assert not who.alone(10, 20)
    assert who.alone(75, 76)


def test_who_is_not_known_at_once_is_tried_again_soon(known):
    """A shape is misread now and then, most of all when the face is turned."""
    kept, who = known([face("her")] * 3 + [None] + [face("misread")] * AFRESH + [face("her")] * 30)
    assert kept == [0, 1, 2, *range(4 + AFRESH, 34 + AFRESH)]
    assert who.strangers == [(4, 3 + AFRESH)]


def test_who_leaps_is_looked_at_anew(known):
    """Another face beside the first, found where that was lost: without a frame between them."""
    kept, who = known([face("her")] * 3 + [face("him", x=180.0)] * 4 + [face("her", x=100.0)] * 2)
    assert kept == [0, 1, 2, 7, 8]
    assert list(who.returns) == [7]


def test_a_head_that_moves_is_the_same_all_along(known):
    """However far it gets, and however it turns: a shape that is hardly told in profile is no stranger's."""
    kept, who = known([face("her", x=100.0 + 8 * k, side=60.0 + k) for k in range(3 * RUN)])
    assert kept == list(range(3 * RUN))
    assert not who.returns
    kept, _ = known([face("her")] * RUN + [face("turning")] * RUN + [face("him", yaw=40.0)] * RUN)
    assert kept == list(range(3 * RUN))


def test_nobody_becomes_another_bit_by_bit(known):
    kept, who = known([face("her")] * RUN + [face("him")] * RUN)
    assert kept == list(range(RUN))
    assert not who.alone(RUN, 2 * RUN - 1)


def test_runs_are_all_faces_in_their_order():
    faces = [
        None,
        face("her"),
        face("her"),
        None,
        *[face("her", x=100 + k) for k in range(RUN + 7)],
        face("her", x=300),
    ]
    found = list(runs(iter(faces), lambda _: RUN))
    assert [one for run, _ in found for one in (run or [None])] == faces
    assert [(len(run), follows) for run, follows in found] == [
        (0, False), (2, False), (0, False), (RUN, False), (7, True), (1, False)
    ]  # fmt: skip


def test_a_likeness_is_told_in_any_pose_and_apart_from_others():
    """By the head model itself: three landmark sets of one person, in other poses, are alike; another's are not."""
    model = load_head_model()
    dice = torch.Generator().manual_seed(3)

    def pictures(identity, *poses) -> list[Face]:
        made = []
        for pose in poses:
            camera = Camera(
                torch.tensor(1500.0), torch.tensor([200.0, 200.0]), rotation_matrix(*pose), torch.tensor([0.0, 0, -90])
            )
            points = project(camera, landmarks(model, shape(model, identity, torch.zeros(53))))[:, :2]
            points = points + 0.3 * torch.randn(points.shape, generator=dice)
            made.append(replace(face("her"), landmarks=points, sigma=torch.full((len(points),), 0.5)))
        return made

    one, other = (torch.randn(60, generator=dice).clamp(-2, 2) for _ in range(2))
    known = likeness_of(model, pictures(one, (0.0, 0.0, 0.0), (3.0, 8.0, 0.0)), SIZE)
    again = likeness_of(model, pictures(one, (5.0, -15.0, 4.0), (-4.0, 12.0, 0.0)), SIZE)
    stranger = likeness_of(model, pictures(other, (5.0, -15.0, 4.0), (-4.0, 12.0, 0.0)), SIZE)
    assert likeness_distance(known, again) < LIKENESS_APART < likeness_distance(known, stranger)


def test_a_missing_likeness_is_nobodys():
    assert likeness_distance((), HER) == likeness_distance(HER, ()) == likeness_distance((), ()) == float("inf")
    assert all(likeness_distance(a, b) == 0 for a, b in pairwise([HER, HER]))
