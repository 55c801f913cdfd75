"""From footage of a person to an avatar: what is refused, who is allowed, and what the avatar knows."""

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from neo_core.data_types import Identity, InputError
from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import landmarks, load_head_model, shape
from neo_core.governance import ConsentRequired
from neo_core.governance.gate import FRAME_TEMPLATE_APART
from neo_core.governance.portrait import face_template, template_distance
from neo_core.media.footage import Footage
from neo_core.media.video import VideoWriter
from neo_core.motion_space import INDEX
from neo_core.pictar.analysis import Face
from neo_core.pictar.fit import fit_head
from neo_core.pictar.footage_enrolment import Chosen
from neo_core.pictar.head_track import Head
from neo_core.pipelines import footage_enrolment
from neo_core.pipelines.footage_enrolment import _looked_at, _Seen, enrol_footage, inspect_for_enrolment
from neo_core.pipelines.talking_head import Avatar
from neo_core.vocal.habits import STYLE_NAMES

FOOTAGE = Footage(Path("clip.mp4"), (128, 128), 8, Fraction(2), Fraction(0))  # 4 s, few frames


@pytest.fixture
def stranger(portrait) -> Face:
    """Somebody else beside the person, in the same pose."""
    model = load_head_model()
    camera = Camera(torch.tensor(256.0), torch.tensor([64.0, 64.0]), torch.eye(3), torch.tensor([0.0, 0.0, -70.0]))
    identity = 1.5 * torch.randn(60, generator=torch.Generator().manual_seed(8)).sign()
    vertices = shape(model, identity, torch.zeros(53))
    points = project(camera, landmarks(model, vertices))[:, :2]
    return replace(portrait.face, landmarks=points, box=portrait.face.box + torch.tensor([80.0, 0.0, 80.0, 0.0]))


@pytest.fixture
def film(monkeypatch, models, portrait, stranger, grant_for):
    """A function: enrol from footage in which every frame is the portrait, but for those that are given; some do not
    show the face, some a stranger's in its place, and the lids close in some."""
    fit = fit_head(models.head, portrait.face.landmarks, None, (128, 128))

    def enrol(others=None, unseen=(), blinks=(), strangers=(), footage=FOOTAGE, **renderer):
        frames = [(others or {}).get(k, portrait.photo) for k in range(footage.frames)]
        monkeypatch.setattr(footage_enrolment, "read_pictures", lambda _: iter(frames))

        def followed(_, pictures, __):
            for k, _picture in enumerate(pictures):
                yield None if k in unseen else stranger if k in strangers else portrait.face

        def heads(_, faces, __):
            for k, face in enumerate(faces):
                expression = fit.expression.clone()
                expression[[INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = float(k in blinks)
                yield None if face is None else Head(face, replace(fit, expression=expression))

        monkeypatch.setattr(footage_enrolment, "followed", followed)

        monkeypatch.setattr(footage_enrolment, "heads", heads)
        monkeypatch.setattr(footage_enrolment, "person_mask", lambda *_: torch.ones(128, 128))
        monkeypatch.setattr(footage_enrolment, "refuse_child", lambda *_: None)
        first = next(k for k in range(footage.frames) if k not in unseen)
        seen = replace(portrait, photo=frames[first])
        grant = grant_for(seen.photo, portrait.face.landmarks68)
        return enrol_footage(models, footage, seen, None, lambda faces: faces[0], grant=grant, **renderer)

    return enrol


def test_the_avatar_is_the_best_frame_with_the_habits_of_the_footage(film, portrait):
    enrolment = film(blinks=(2, 5))
    assert enrolment.chosen.base.number not in (2, 5)
    assert torch.equal(enrolment.avatar.volume.photo, portrait.photo)
    assert enrolment.avatar.identity.style[STYLE_NAMES.index("blink_rate")] > 0
    told = enrolment.avatar.noticed
    assert told["footage_seconds"] == 4.0
    assert told["portrait_at"] == enrolment.chosen.base.number / 2
    assert told["footage_seen"] == 4.0
    assert told["habits"].keys() == enrolment.habits.keys()


def test_a_public_renderer_gets_the_best_frame_alone(film, monkeypatch):
    def lifted(_models, public, base, _size, choice, *, grant):
        grant.require_portrait(base.photo, base.face.landmarks68)
        return Avatar((public, choice), Identity(torch.zeros(60), torch.zeros(16), torch.ones(63)), 9.0, None)

    monkeypatch.setattr(footage_enrolment, "enrol_public", lifted)
    avatar = film(blinks=(2, 5), public="networks", choice="choice").avatar
    assert avatar.volume == ("networks", "choice")
    assert avatar.identity.reference.sum() == 63
    assert avatar.identity.style.any()


@pytest.mark.parametrize("given", [{"public": "networks", "choice": "choice"}, {"widen": False}, {}], ids=str)
def test_only_frames_that_are_used_are_told(film, monkeypatch, given):
    used = []
    monkeypatch.setattr(footage_enrolment, "choose_frames", lambda _, looks: Chosen(looks[0], looks[1:3], looks[3:4]))
    monkeypatch.setattr(footage_enrolment, "fused", lambda volume, *others: used.extend(others) or volume)
    alone = Avatar(None, Identity(torch.zeros(60), torch.zeros(16), torch.zeros(63)), 9.0, None)
    monkeypatch.setattr(footage_enrolment, "enrol_public", lambda *_, **__: alone)
    told = film(**given).avatar.noticed
    assert [len(some) for some in used] == ([] if given else [2, 1])
    assert (told["sides_at"], told["mouth_at"]) == (([], []) if given else ([0.5, 1.0], [1.5]))


def test_progress_is_in_frames_and_may_stop_it(film):
    told = []
    film(progress=lambda done, total, _: told.append((done, total)))
    assert told[:8] == [(k, 8) for k in range(8)]
    assert told[-1] == (8, 8)
    assert told.count((8, 8)) == 1

    def stop(done, *_):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film(progress=stop)


@pytest.mark.parametrize("fps", [10, 30])
def test_habits_do_not_depend_on_the_rate_of_the_footage(models, portrait, monkeypatch, fps):
    """Nor on whether its frames come evenly: nods of 4 degrees, 0.7 a second, and a blink every three seconds."""
    fit = fit_head(models.head, portrait.face.landmarks, None, (128, 128))

    def read(footage):
        def heads(_, faces, __):
            for face in faces:
                second = face.score
                camera = replace(fit.camera, rotation=rotation_matrix(4 * math.sin(1.4 * math.pi * second), 0.0, 0.0))
                expression = fit.expression.clone()
                expression[[INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = float(second % 3 > 2.7)
                yield Head(face, replace(fit, camera=camera, expression=expression))

        monkeypatch.setattr(footage_enrolment, "heads", heads)
        times = (float(footage.moment(k)) for k in range(footage.frames))  # the face tells the moment
        seen = [_Seen(k, replace(portrait.face, score=time), 1.0) for k, time in enumerate(times)]
        return _looked_at(models, footage, seen, footage.frames)[1].read

    known = read(replace(FOOTAGE, frames=225, fps=Fraction(25)))
    even = replace(FOOTAGE, frames=9 * fps, fps=Fraction(fps))
    uneven = tuple(Fraction(k, fps) for k in range(9 * fps) if k % 9 != 4)
    some = replace(even, frames=len(uneven), fps=Fraction(len(uneven), 9), moments=uneven)
    for footage in (even, some):
        found = read(footage)
        assert found["nod_gain"] == pytest.approx(known["nod_gain"], abs=0.12)
        assert found["blink_rate"] == pytest.approx(known["blink_rate"], abs=0.02)


def test_what_is_cut_in_is_not_enrolled_from(film, portrait):
    with pytest.raises(ConsentRequired, match="cut"):
        film({k: portrait.photo.flip(0, 1) for k in range(4, 8)})


def test_who_takes_the_place_of_the_person_is_not_enrolled(film, portrait, stranger):
    """Without a frame between, and although landmarks change less than they may from frame to frame: consent does not
    go along with a chair."""
    apart = template_distance(face_template(portrait.face.landmarks68), face_template(stranger.landmarks68))
    assert apart < FRAME_TEMPLATE_APART
    enrolment = film(strangers=range(4, 8))
    assert enrolment.seen == 4
    assert enrolment.chosen.base.number < 4
    with pytest.raises(InputError, match=r"1\.50 s with the person's face found"):
        film(strangers=range(3, 8))


def test_a_gap_does_not_end_it(film):
    """Who comes back is known by the shape of the head."""
    enrolment = film(unseen=(0, 3, 4), blinks=(1, 2))
    assert enrolment.seen == 5
    assert enrolment.avatar.noticed["footage_seen"] == 2.5
    assert enrolment.chosen.base.number == 5


def test_a_face_must_be_seen_for_two_seconds(film):
    with pytest.raises(InputError, match=r"1\.50 s with the person's face found .* at least 2 s"):
        film(unseen=(0, 2, 3, 5, 7))


def test_permission_is_for_the_first_frame_with_the_face(portrait, models, grant_for):
    other = portrait.photo.flip(0)
    with pytest.raises(ConsentRequired, match="another picture"):
        enrol_footage(
            models, FOOTAGE, portrait, None, lambda faces: faces[0], grant=grant_for(other, portrait.face.landmarks68)
        )


def test_footage_must_be_long_enough(tmp_path):
    for frames, enough in ((20, False), (88, True)):
        with VideoWriter(tmp_path / "clip.mp4", (32, 32), Fraction(25), None) as writer:
            for _ in range(frames):
                writer.write(torch.zeros(32, 32, 3, dtype=torch.uint8))
        if enough:
            assert inspect_for_enrolment(tmp_path / "clip.mp4").frames == 88
        else:
            with pytest.raises(InputError, match=r"0\.80 s of video found .* at least 3\.5 s"):
                inspect_for_enrolment(tmp_path / "clip.mp4")


def test_colours_that_would_be_washed_out_are_refused(monkeypatch):
    """Telephones film in HDR unless they are asked not to."""
    monkeypatch.setattr(footage_enrolment, "inspect_pictures", lambda _: replace(FOOTAGE, wide=True))
    with pytest.raises(InputError, match="HDR"):
        inspect_for_enrolment("clip.mp4")
