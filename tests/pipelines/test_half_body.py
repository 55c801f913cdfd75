"""A person is framed as NEO 2 was trained: head three tenths of the picture, crown just below the upper edge."""

from dataclasses import replace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.governance.gate import BUNDLED
from neo_core.pictar.analysis import load_analyser
from neo_core.pipelines.half_body import (
    AIR,
    CLOSEST,
    FRONTAL,
    HEADS,
    MOST_BELOW,
    MOST_BESIDE,
    frame_half_body,
    made_up,
    missing_share,
    square,
    turned_away,
)
from neo_core.pipelines.portrait import open_portrait

SAMPLES = BUNDLED.parent
SIZE = 128
CROWN, CHIN, MIDDLE = 100, 220, 300  # rows, column of the drawn head


@pytest.fixture
def face(portrait):
    """A face with a head of 120 pixels: only eyes and chin count."""
    points = torch.full_like(portrait.face.landmarks, (CROWN + CHIN) / 2)
    points[:, 0] = MIDDLE
    points[8, 1] = CHIN
    return replace(portrait.face, landmarks=points)


@pytest.fixture
def photo():
    """Every row and column of 600 has its own colour."""
    rows, columns = torch.meshgrid(torch.arange(600), torch.arange(600), indexing="ij")
    return torch.stack([rows * 255 // 600, columns * 255 // 600, torch.zeros_like(rows)], -1).byte()


def test_the_head_takes_a_third_below_a_little_air(face):
    left, top, side = square(face.landmarks68, 600)
    assert side == round(HEADS * (CHIN - CROWN))
    assert (CROWN - top) / side == pytest.approx(AIR, abs=0.01)
    assert left + side / 2 == MIDDLE


def test_pixels_come_from_where_the_square_lies(face, photo):
    left, top, side = square(face.landmarks68, 600)
    framed = frame_half_body(photo, face, SIZE)
    assert framed.missing == 0
    assert framed.picture.shape == (SIZE, SIZE, 3)
    for share in (0.25, 0.5, 0.75):
        at = round(share * SIZE)
        expected = torch.tensor([top + share * side, left + share * side]) * 255 / 600
        assert framed.picture[at, at, :2].float().sub(expected).abs().max() < 2


def test_the_photo_goes_on_beyond_its_edges(face, photo):
    left, top, side = square(face.landmarks68, 600)
    side = round(CLOSEST * (CHIN - CROWN))
    left, top = MIDDLE - side // 2, round(CROWN - AIR * side)
    cut = photo[: top + round(0.85 * side), left + 40 :]  # 55 pixels of the height are made up, and 40 of the width
    there = replace(face, landmarks=face.landmarks - torch.tensor([left + 40.0, 0.0]))
    framed = frame_half_body(cut, there, SIZE)
    assert framed.missing == pytest.approx(1 - 0.85 * (1 - 40 / side), abs=0.01)
    assert framed.picture[-20:].float().std(0).max() < 1  # the last row goes on
    assert framed.picture[50, :12].float().std(0).max() < 1  # the first column
    expected = (top + 0.5 * side) * 255 / 600
    assert abs(framed.picture[SIZE // 2, SIZE // 2, 0] - expected) < 2


def test_a_photo_without_a_body_is_refused(face, photo):
    side = CLOSEST * (CHIN - CROWN)
    enough = round(CROWN - AIR * side + (1 - MOST_BELOW) * side) + 2
    assert missing_share(photo[:enough], face) == pytest.approx(MOST_BELOW, abs=0.01)
    found = r"ends 2\.2 head heights below the crown, and 22% of the picture would be made up; expected a person from "
    found += r"head to waist, at least 2\.3 .*: use"
    for refuses in (missing_share, lambda *given: frame_half_body(*given, SIZE)):
        with pytest.raises(InputError, match=found):
            refuses(photo[: enough - 10], face)


def test_heads_and_shoulders_are_refused():
    """The bundled portrait, whose square would be made up by half."""
    analyser = load_analyser()
    portrait, whole = (open_portrait(analyser, SAMPLES / name) for name in ("portrait.jpg", "half_body.jpg"))
    with pytest.raises(InputError, match=r"ends 1\.8 head heights below the crown, and \d+% .* from head to"):
        missing_share(portrait.photo, portrait.face)
    assert made_up(missing_share(whole.photo, whole.face)) is None, "a trifle"


def test_a_trifle_is_not_told():
    assert made_up(0.0) is made_up(0.049) is None
    assert "14% of the picture lies beyond the photo" in made_up(0.14)
    assert "will look better" in made_up(0.14)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_head_turned_further_than_in_the_films_is_told(face, side):
    def turned(degrees: float):
        return replace(face, pose=torch.tensor([30.0, side * degrees, 30.0]))

    assert turned_away(turned(0)) is turned_away(turned(FRONTAL)) is None
    told = turned_away(turned(FRONTAL + 3.2))
    assert told.startswith("the head is turned by 14 degrees to a side")
    assert "hardly seen more than 11" in told


def test_a_photo_that_is_narrower_than_shoulders_is_refused(face, photo):
    """Its sides go on as far as the square does: what is made up is told, and too much of it is none of the person."""
    side = round(HEADS * (CHIN - CROWN))
    half = round((1 - MOST_BESIDE) * side / 2)

    def strip(reach: int):
        there = replace(face, landmarks=face.landmarks - torch.tensor([MIDDLE - reach, 0.0]))
        return frame_half_body(photo[:, MIDDLE - reach : MIDDLE + reach], there, SIZE)

    assert strip(half + 2).missing == pytest.approx(MOST_BESIDE, abs=0.02)
    with pytest.raises(InputError, match=r"shows 2\.0 head heights across .*, and 3[78]% of .* both shoulders .*: use"):
        strip(half - 6)


def test_a_photo_that_ends_a_little_early_is_seen_from_nearer(face, photo):
    head, (_, top, side) = CHIN - CROWN, square(face.landmarks68, 600)
    left, top, nearer = square(face.landmarks68, top + round(0.96 * side))
    assert CLOSEST * head <= nearer < side
    assert frame_half_body(photo[: top + nearer], face, SIZE).missing < 0.01
    assert left + nearer / 2 == pytest.approx(MIDDLE, abs=1)


def test_a_tilted_head_has_its_own_height(face):
    """The side follows the length from eyes to chin, however the head is tilted."""
    turn = torch.deg2rad(torch.tensor(25.0))
    matrix = torch.tensor([[turn.cos(), turn.sin()], [-turn.sin(), turn.cos()]])
    tilted = (face.landmarks68 - 200) @ matrix + 200
    assert square(tilted, 600)[2] == pytest.approx(square(face.landmarks68, 600)[2], abs=1)
