"""Which face is followed, and whose head it is, through pictures that need not all show it."""

import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import landmarks, load_head_model, shape
from neo_core.pictar import head_track
from neo_core.pictar.analysis import Face
from neo_core.pictar.head_track import followed, heads, sighting

SIZE = (300, 300)


def face(x: float, y: float, side: float = 40.0) -> Face:
    points = torch.rand(70, 2, generator=torch.Generator().manual_seed(1)) * side + torch.tensor([x, y]) - side / 2
    box = torch.tensor([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
    return Face(box, 0.9, points, torch.ones(70), torch.zeros(3), torch.zeros(53), torch.zeros(4))


@pytest.fixture
def seen(monkeypatch):
    """A function: follow faces through pictures that are lists of them; tells how often all was searched."""
    searched = []

    def near(_, picture, around):
        away = [float((a.landmarks68.mean(0) - around.center[0]).norm()) for a in picture]
        return picture[away.index(min(away))] if away and min(away) < 30 else None

    def everywhere(_, picture):
        searched.append(len(picture))
        return list(picture)

    monkeypatch.setattr(head_track, "follow", near)
    monkeypatch.setattr(head_track, "analyse", everywhere)
    monkeypatch.setattr(head_track, "seen_irises", lambda _, landmarks, before: (landmarks, before))

    def run(pictures, number=0):
        return list(followed(None, pictures, lambda found: found[number])), searched

    return run


def test_the_chosen_face_is_followed_past_others(seen):
    pictures = [[face(50 + 3 * k, 100), face(200 - 3 * k, 100)] for k in range(20)]
    for number in (0, 1):
        faces, _ = seen(pictures, number)
        assert faces == [picture[number] for picture in pictures]


def test_nobody_is_searched_for_while_the_face_is_there(seen):
    faces, searched = seen([[face(50 + k, 100)] for k in range(10)])
    assert len(faces) == 10
    assert len(searched) == 1


def test_a_lost_face_is_none_and_found_again(seen):
    pictures = [[], [face(50, 100)], [], [], [face(110, 100)], [face(112, 100)]]
    faces, _ = seen(pictures)
    assert [f is not None for f in faces] == [False, True, False, False, True, True]


def test_somebody_else_far_away_is_not_taken_for_it(seen):
    faces, _ = seen([[face(30, 30)], [face(280, 280)], [face(35, 32)]])
    assert [f is not None for f in faces] == [True, False, True]


@pytest.mark.usefixtures("seen")
def test_pictures_are_forgotten_as_they_are_seen():
    class Picture(list):
        pass

    alive, most = [], 0

    def pictures():
        for k in range(40):
            picture = Picture([] if k in (10, 11) else [face(50 + k, 100)])
            alive.append(weakref.ref(picture))
            yield picture

    for _ in followed(None, pictures(), lambda found: found[0]):
        most = max(most, sum(picture() is not None for picture in alive))
    assert len(alive) == 40
    assert most <= 2


def test_a_face_that_comes_back_on_the_other_side_is_found(seen):
    """Nobody is there in an instant, but everybody in a second or two."""
    away = 40 * [[]]
    faces, _ = seen([[face(30, 30)], *away, [face(280, 280)], [face(282, 280)]])
    assert [k for k, f in enumerate(faces) if f is not None] == [0, 41, 42]
    faces, _ = seen([[face(30, 30)], *away[:3], [face(280, 280)]])
    assert faces[-1] is None


def test_the_choice_may_wait_for_somebody(seen):
    faces, _ = seen([[face(50, 100)], [face(50, 100), face(200, 100)], [face(201, 100)]])
    assert faces[0] is not None
    pictures = [[face(50, 100)], [face(50, 100), face(200, 100)], [face(52, 100), face(201, 100)]]
    late = followed(None, pictures, lambda found: next((one for one in found if one.box[0] > 150), None))
    assert [one and float(one.box[0]) for one in late] == [None, 180, 181]


@pytest.fixture(scope="module")
def model():
    return load_head_model()


def filmed(model, frames: int) -> tuple[list[Face], list[torch.Tensor]]:
    """Exact landmarks of one person who turns, comes nearer and opens the mouth; and the truth."""
    identity = torch.randn(60, generator=torch.Generator().manual_seed(4)).clamp(-2, 2)
    faces, truth = [], []
    for k in range(frames):
        expression = torch.zeros(53)
        expression[motion_space.INDEX["jawOpen"]] = 0.25 * (k % 4) / 3
        rotation = rotation_matrix(3.0 * (k % 3), -10.0 + 2 * k, 1.0)
        camera = Camera(torch.tensor(1400.0), torch.tensor([150.0, 150.0]), rotation, torch.tensor([0.2 * k, 0, -90.0]))
        points = project(camera, landmarks(model, shape(model, identity, expression)))[:, :2]
        faces.append(replace(face(150, 150), landmarks=points, sigma=torch.full((len(points),), 0.5)))
        truth.append(expression)
    return faces, truth


def test_one_person_before_one_lens(model):
    faces, truth = filmed(model, 8)
    found = list(heads(model, [None, *faces[:4], None, *faces[4:]], SIZE))
    assert [head is None for head in found] == [True, *[False] * 4, True, *[False] * 4]
    assert [head.face for head in found if head] == faces
    fits = [head.fit for head in found if head]
    assert all(torch.equal(fit.identity, fits[0].identity) for fit in fits)
    assert all(torch.equal(fit.camera.focal, fits[0].camera.focal) for fit in fits)
    jaw = torch.stack([fit.expression[motion_space.INDEX["jawOpen"]] for fit in fits])
    expected = torch.stack([expression[motion_space.INDEX["jawOpen"]] for expression in truth])
    assert torch.corrcoef(torch.stack([jaw, expected]))[0, 1] > 0.98
    seen = torch.stack([sighting(model, fit) for fit in fits])
    yaw = seen[:, motion_space.INDEX["yaw"]]
    assert torch.allclose(yaw - yaw[0], 2.0 * torch.arange(8), atol=0.5)
    away = seen[:, motion_space.INDEX["z"]]
    assert ((away[3:] - away[:-3]) / away[3:]).abs().max() < 0.001  # equal nods, other mouths: an open one is no nearer
    sideways = seen[:, motion_space.INDEX["x"]]
    assert sideways[-1] > sideways[0] + 0.7


def test_no_frame_leans_on_the_one_before_it(model):
    """The same face has the same pose and place, whatever came between."""
    faces, _ = filmed(model, 4)
    fits = [head.fit for head in heads(model, [*faces, faces[0]], SIZE)]
    first, last = sighting(model, fits[0]), sighting(model, fits[-1])
    assert (first - last)[motion_space.POSE].abs().max() < 0.05


def test_without_a_face_there_is_no_head(model):
    assert list(heads(model, [None, None], SIZE)) == [None, None]


def test_faces_are_waited_for_no_longer_than_it_takes_to_know_them(monkeypatch):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield SimpleNamespace(landmarks=None, sigma=None)

    monkeypatch.setattr(head_track, "fit_head", lambda *_: "fit")
    monkeypatch.setattr(head_track, "refit_head", lambda *_: "fit")
    monkeypatch.setattr(head_track, "one_person", lambda fits: fits[0])
    track = heads(None, endless(), SIZE)
    for given_out in range(1, 200):
        next(track)
        assert taken <= max(given_out, head_track.ACQUAINTED)


def test_lids_shut_where_the_fit_leaves_them_a_slit(model):
    faces, _ = filmed(model, 1)
    fit = next(heads(model, faces, SIZE)).fit
    read = torch.linspace(0, 1, 21)
    blinks = []
    for weight in read:
        expression = fit.expression.clone()
        expression[motion_space.INDEX["eyeBlink_L"]] = weight
        blinks.append(float(sighting(model, replace(fit, expression=expression))[motion_space.INDEX["eyeBlink_L"]]))
    blinks = torch.tensor(blinks)
    assert torch.equal(blinks[read < 0.34], read[read < 0.34])
    assert (blinks[read > 0.79] == 1).all()
    assert (blinks.diff() >= 0).all()
