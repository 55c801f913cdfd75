"""From footage of a person to an avatar: what is refused, who is allowed, and what the avatar knows."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from neo_core.data_types import Identity, InputError
from neo_core.governance import ConsentRequired
from neo_core.media.footage import Footage
from neo_core.media.video import VideoWriter
from neo_core.motion_space import INDEX
from neo_core.pictar.fit import fit_head
from neo_core.pictar.head_track import Head
from neo_core.pipelines import footage_enrolment
from neo_core.pipelines.footage_enrolment import enrol_footage, inspect_for_enrolment
from neo_core.pipelines.talking_head import Avatar
from neo_core.vocal.habits import STYLE_NAMES

FOOTAGE = Footage(Path("clip.mp4"), (128, 128), 8, Fraction(2), Fraction(0))  # 4 s, few frames


@pytest.fixture
def film(monkeypatch, models, portrait, grant_for):
    """A function: enrol from footage in which every frame is the portrait, but for those that are given; some do not
    show the face, and the lids close in some."""
    fit = fit_head(models.head, portrait.face.landmarks, None, (128, 128))

    def enrol(others=None, unseen=(), blinks=(), **renderer):
        frames = [(others or {}).get(k, portrait.photo) for k in range(FOOTAGE.frames)]
        monkeypatch.setattr(
            footage_enrolment, "read_frames", lambda _: ((Fraction(k, 2), f) for k, f in enumerate(frames))
        )
        monkeypatch.setattr(
            footage_enrolment,
            "followed",
            lambda _, pictures, __: (None if k in unseen else portrait.face for k, _ in enumerate(pictures)),
        )

        def heads(_, faces, __):
            for k, face in enumerate(faces):
                expression = fit.expression.clone()
                expression[[INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = float(k in blinks)
                yield Head(face, replace(fit, expression=expression))

        monkeypatch.setattr(footage_enrolment, "heads", heads)
        monkeypatch.setattr(footage_enrolment, "person_mask", lambda *_: torch.ones(128, 128))
        monkeypatch.setattr(footage_enrolment, "refuse_child", lambda *_: None)
        first = next(k for k in range(FOOTAGE.frames) if k not in unseen)
        seen = replace(portrait, photo=frames[first])
        grant = grant_for(seen.photo, portrait.face.landmarks68)
        return enrol_footage(models, FOOTAGE, seen, None, lambda faces: faces[0], grant=grant, **renderer)

    return enrol


def test_the_avatar_is_the_best_frame_with_the_habits_of_the_footage(film, portrait):
    enrolment = film(blinks=(2, 5))
    assert enrolment.chosen.base.number not in (2, 5)
    assert torch.equal(enrolment.avatar.volume.photo, portrait.photo)
    assert enrolment.avatar.identity.style[STYLE_NAMES.index("blink_rate")] > 0
    told = enrolment.avatar.noticed
    assert told["footage_seconds"] == 4.0
    assert told["portrait_at"] == enrolment.chosen.base.number / 2
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


def test_what_is_cut_in_is_not_enrolled_from(film, portrait):
    with pytest.raises(ConsentRequired, match="cut"):
        film({k: portrait.photo.flip(0, 1) for k in range(4, 8)})


def test_the_person_is_watched_until_the_face_is_lost(film):
    with pytest.raises(InputError, match=r"1\.50 s with the face found .* at least 2 s"):
        film(unseen=(0, 4))


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
