"""From a picture in memory or in a file to the face that is meant."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neo_core.data_types import InputError, MotionLatents
from neo_core.governance import UnderAge
from neo_core.media.image import read_photo
from neo_core.motion_space import rest
from neo_core.pictar.analysis import load_analyser
from neo_core.pipelines import portrait as pipeline
from neo_core.pipelines import talking_head
from neo_core.pipelines.portrait import find_portrait, open_portrait

PORTRAIT = Path(__file__).parents[2] / "neo_core" / "samples" / "portrait.jpg"


def test_a_picture_in_memory_is_as_good_as_a_file():
    analyser, photo = load_analyser(), read_photo(PORTRAIT)
    found, opened = find_portrait(analyser, photo, "the picture"), open_portrait(analyser, PORTRAIT)
    assert torch.equal(found.photo, opened.photo)
    assert torch.equal(found.face.landmarks, opened.face.landmarks)


def test_a_refusal_calls_the_picture_by_its_name():
    with pytest.raises(InputError, match="no human face found in the picture; expected"):
        find_portrait(load_analyser(), torch.zeros(64, 64, 3, dtype=torch.uint8), "the picture")


def test_motion_without_a_portrait_rests():
    assert torch.equal(MotionLatents(torch.ones(4, 63), 25).reference, rest())


def test_only_the_face_that_is_meant_must_be_grown_up(portrait, monkeypatch):
    child, adult = replace(portrait.face, score=0.8), replace(portrait.face, score=0.9)
    monkeypatch.setattr(pipeline, "analyse", lambda *_: [adult, child])
    monkeypatch.setattr(pipeline, "looks_like_a_child", lambda face: face.score == 0.8)
    assert find_portrait(None, portrait.photo, "family.png", 1).face is adult
    with pytest.raises(UnderAge, match=r"child's found in family.png; expected an adult's"):
        find_portrait(None, portrait.photo, "family.png", 2)


def test_no_consent_enrols_a_child(models, portrait, grant_for, monkeypatch):
    monkeypatch.setattr(pipeline, "looks_like_a_child", lambda *_: True)
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    with pytest.raises(UnderAge, match="whatever the consent says"):
        talking_head.enrol(models, portrait, None, grant=grant)
