"""Windows and groups cover a video without gaps, within the lengths the network knows."""

from itertools import pairwise, product

import pytest

from neo_core.data_types import InputError
from neo_core.neo2.latent_space import FRAMES
from neo_core.neo2.window_layout import Sync, groups, join_frames, windows

SHAPES = [(10, 4), (7, 4), (12, 4), (10, 0), (12, 9), (8, 1), (3, 1)]


@pytest.mark.parametrize(("chunk", "overlap"), SHAPES)
def test_windows_cover_everything_within_trained_lengths(chunk, overlap):
    sync = Sync(chunk=chunk, overlap=overlap)
    for count, shift in product(range(1, 70), range(sync.stride + 1)):
        layout = windows(count, sync, shift)
        assert layout[0][0] == 0
        assert layout[-1][1] == count
        for before, after in pairwise(layout):
            assert before[0] < after[0]
            assert before[1] < after[1]
            assert before[1] - after[0] >= overlap
        lengths = [last - first for first, last in layout]
        assert max(lengths) <= sync.longest
        assert min(lengths) >= min(sync.shortest, count)


def test_a_clip_within_a_chunk_is_one_window():
    assert windows(7, Sync(), shift=3) == ((0, 7),)
    assert windows(10, Sync(), shift=3) == ((0, 10),)


def test_without_a_shift_windows_are_chunks_at_the_stride():
    assert windows(22, Sync(chunk=10, overlap=4)) == ((0, 10), (6, 16), (12, 22))


def test_the_phase_moves_the_seams_between_steps():
    sync = Sync(chunk=10, overlap=4)
    places = [
        {k for before, after in pairwise(windows(60, sync, sync.shift(step, 3))) for k in range(after[0], before[1])}
        for step in range(3)
    ]
    inside = set(range(10, 50))
    assert not inside & places[0] & places[1] & places[2]
    assert inside & (places[0] | places[1] | places[2]) == inside
    still = Sync(phase=False)
    assert {still.shift(step, 3) for step in range(3)} == {0}


@pytest.mark.parametrize(("chunk", "overlap"), SHAPES)
@pytest.mark.parametrize("group", [1, 4])
def test_groups_follow_one_another_over_known_tails(chunk, overlap, group):
    sync = Sync(chunk=chunk, overlap=overlap, group=group)
    for total in range(1, 120):
        found = groups(total, sync)
        assert found[0].first == found[0].known == 0
        assert found[-1].last == total
        for before, after in pairwise(found):
            assert after.known == overlap
            assert after.first == before.last - overlap
            assert after.last > before.last
        for part in found:
            assert part.last - part.first >= min(sync.shortest, total)
            assert part.last - part.first < sync.chunk + group * sync.stride + sync.shortest


def test_joins_lie_where_the_windows_of_the_last_step_overlap():
    assert join_frames(10, Sync(), 3) == ()
    assert join_frames(22, Sync(phase=False), 3) == (8 * FRAMES, 14 * FRAMES)
    assert join_frames(22, Sync(), 1) == join_frames(22, Sync(phase=False), 3)
    assert join_frames(22, Sync(), 3) == (6 * FRAMES, 12 * FRAMES, 18 * FRAMES)
    joins = join_frames(200, Sync(), 3)
    assert list(joins) == sorted(set(joins))
    assert max(after - before for before, after in pairwise(joins)) <= 12 * FRAMES


@pytest.mark.parametrize(
    "wrong", [{"fusion": "melt"}, {"chunk": 1, "overlap": 0}, {"overlap": 10}, {"overlap": -1}, {"group": 0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        Sync(**wrong)


def test_a_video_needs_a_latent():
    with pytest.raises(InputError, match="at least 1"):
        groups(0, Sync())
