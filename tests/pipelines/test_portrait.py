"""From a picture in memory or in a file to the face that is meant."""

from pathlib import Path

import pytest
import torch

from neo_core.data_types import InputError, MotionLatents
from neo_core.media.image import read_photo
from neo_core.motion_space import rest
from neo_core.pictar.analysis import load_analyser
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
