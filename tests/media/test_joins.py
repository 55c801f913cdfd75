"""A video says of itself where its chunks meet, and is not believed once it was cut."""

from fractions import Fraction

import av
import pytest
import torch

from neo_core.data_types import InputError
from neo_core.media.joins import join_seconds, joins_comment, read_joins, seconds_text
from neo_core.media.video import VideoWriter, stated_seconds

FPS = Fraction(25)
JOINS = (24, 48, 73)


def written(path, frames=100, comment=None):
    with VideoWriter(path, (16, 16), FPS, None, comment=comment) as writer:
        for _ in range(frames):
            writer.write(torch.zeros(16, 16, 3, dtype=torch.uint8))
    return path


def test_a_file_tells_the_seconds_of_its_joins(tmp_path):
    path = written(tmp_path / "a.mp4", comment=joins_comment(JOINS, 100, FPS))
    assert read_joins(path) == join_seconds(JOINS, FPS) == (0.96, 1.92, 2.92)
    assert stated_seconds(path) == pytest.approx(4.0)
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == "chunks of 100 frames meet at 0.96,1.92,2.92 s"


def test_half_an_hour_of_joins_fits(tmp_path):
    joins = tuple(range(24, 45_000, 24))
    path = written(tmp_path / "a.mp4", 3, joins_comment(joins, 3, FPS))
    assert read_joins(path) == join_seconds(joins, FPS)
    assert seconds_text(read_joins(path)).endswith(",1798.08,1799.04")


@pytest.mark.parametrize("comment", [None, joins_comment((), 3, FPS), "chunks of tofu"])
def test_a_file_that_tells_nothing_has_no_joins(tmp_path, comment):
    assert read_joins(written(tmp_path / "a.mp4", 3, comment)) == ()


def test_a_file_that_was_cut_is_not_believed(tmp_path):
    path = written(tmp_path / "a.mp4", 99, joins_comment(JOINS, 100, FPS))
    with pytest.raises(InputError, match="where chunks of 100 frames meet, and has 99; expected it as it was made"):
        read_joins(path)
