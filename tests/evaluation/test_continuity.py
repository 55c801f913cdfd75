"""The seam report finds what was done to a video at known places, and nothing else."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
import torch

from neo_core.__main__ import main
from neo_core.data_types import InputError
from neo_core.evaluation.continuity import (
    DOUBLE,
    GHOST,
    JUMP,
    REACH,
    STEP,
    WHOLE_OVERLAP,
    SeamReport,
    appearance,
    picture_report,
    video_report,
)
from neo_core.evaluation.seam_plot import plot_seams
from neo_core.media.joins import joins_comment
from neo_core.media.video import VideoWriter
from neo_core.neo2.latent_flow import warp

LENGTH, SIDE, RATE = 100, 40, 25.0
JOINS = [25, 50, 75]
PERIOD = 8  # frames of the body's sway: a seam sees all of it


def texture(seed: int, channels: int = 3) -> torch.Tensor:
    noise = torch.randn(1, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)
    return smooth / smooth.std()


def moving(offsets: torch.Tensor, seed: int = 0, channels: int = 3) -> torch.Tensor:
    """A textured body that sways before a still background, further off by `offsets` [T] cells. [T, C, H, W]"""
    t = torch.arange(len(offsets), dtype=torch.float32)
    across = 1.2 * torch.sin(2 * torch.pi * t / PERIOD) + offsets
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    away = ((columns - SIDE / 2 - across[:, None, None]) ** 2 + (rows - SIDE / 2) ** 2).sqrt()
    inside = torch.sigmoid(13 - away)[:, None]
    motion = torch.stack([-across, torch.zeros_like(across)], 1)[:, :, None, None].expand(-1, -1, SIDE, SIDE)
    body = warp(texture(seed, channels).expand(len(offsets), -1, -1, -1), motion)
    return torch.lerp(0.5 * texture(99, channels), body, inside)


def pictures(latents: torch.Tensor) -> torch.Tensor:
    """u8 [T, H, W, 3]"""
    return (128 + 40 * latents).clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()


def report(latents: torch.Tensor) -> SeamReport:
    return picture_report(pictures(latents), JOINS, RATE)


def faults(found: SeamReport) -> dict[int, tuple[str, ...]]:
    return {seam.at: seam.faults for seam in found.seams if seam.faults}


STEADY = moving(torch.zeros(LENGTH))


def test_a_steady_video_has_seams_like_its_interior():
    found = report(STEADY)
    assert faults(found) == {}
    for value in (found.velocity, found.acceleration, found.ghosting, found.interpolation):
        assert value == pytest.approx(1, abs=0.15)
    assert found.direction == pytest.approx(found.inside.direction, abs=0.15)
    assert abs(found.identity_slope) < 1e-4
    assert found.colour_drift < 0.05
    assert found.joins == tuple(JOINS)


def test_a_still_picture_is_no_division_by_zero():
    found = picture_report(pictures(STEADY[:1]).expand(LENGTH, -1, -1, -1), JOINS, RATE)
    assert faults(found) == {}
    assert (found.velocity, found.acceleration, found.interpolation) == (1, 1, 1)


def test_a_jump_is_found_where_it_is():
    offsets = torch.zeros(LENGTH)
    offsets[50:] = 5
    found = report(moving(offsets))
    assert set(faults(found)) == {50}
    assert JUMP in faults(found)[50]
    assert found.seams[1].velocity > 1.8 > 1.3 > found.seams[0].velocity


def test_a_cross_fade_of_two_poses_is_a_ghost_and_no_jump():
    after = moving(torch.full((LENGTH,), 4.0))
    share = ((torch.arange(LENGTH) - 67 + 0.5) / 16).clamp(0, 1)[:, None, None, None]
    found = report(torch.lerp(STEADY, after, share))
    assert set(faults(found)) == {75}
    assert GHOST in faults(found)[75]
    assert JUMP not in faults(found)[75]
    assert found.seams[2].ghosting < 0.85 < 0.95 < found.seams[1].ghosting


def test_doubled_frames_are_double_edges():
    video = STEADY.clone()
    for frame in (22, 25, 28):
        video[frame] = (STEADY[frame - 4] + STEADY[frame + 4]) / 2
    assert DOUBLE in faults(report(video))[25]


def test_a_step_of_colour_is_told_in_levels():
    video = STEADY.clone()
    video[25:] += 0.1  # 4 levels
    found = report(video)
    assert set(faults(found)) == {25}
    assert faults(found)[25] == (STEP,)
    assert found.seams[0].colour == pytest.approx(4, abs=0.5)  # 40 levels are a unit
    assert found.seams[1].colour < 0.5


def test_drifts_are_slopes_per_chunk():
    colour = STEADY + 0.002 * torch.arange(LENGTH).view(-1, 1, 1, 1)  # 0.08 levels a frame, 25 frames a chunk
    assert report(colour).colour_drift == pytest.approx(2, abs=0.3)
    share = (torch.arange(LENGTH) / LENGTH)[:, None, None, None]
    other = torch.lerp(STEADY, moving(torch.zeros(LENGTH), seed=1), share)
    assert report(other).identity_slope < -0.02


def test_identity_is_looked_for_where_the_face_is():
    changed = STEADY.clone()
    share = (torch.arange(LENGTH) / LENGTH)[:, None, None, None]
    changed[..., :16, :16] = torch.lerp(STEADY, moving(torch.zeros(LENGTH), seed=1).flip(-1), share)[..., 16:32, 16:32]
    here, there = (0, 0, 0.25, 0.25), (0.75, 0.75, 1, 1)
    slopes = [picture_report(pictures(changed), JOINS, RATE, face=face).identity_slope for face in (here, there)]
    assert slopes[0] < -0.01
    assert abs(slopes[1]) < 1e-4
    with pytest.raises(InputError, match="shares"):
        appearance(STEADY[:1], (0.5, 0, 0.5, 1))


def test_a_reference_picture_counts_the_first_chunk_too():
    """Only the head becomes another one, within the first chunk: the chunks after it are all alike."""
    other = moving(torch.zeros(LENGTH), seed=1)
    share = (torch.arange(LENGTH) / JOINS[0]).clamp(max=1)[:, None, None, None]
    swapped = STEADY.clone()
    swapped[..., 8:20, 12:28] = torch.lerp(STEADY, other, share)[..., 8:20, 12:28]
    head, video = (0.3, 0.2, 0.7, 0.5), pictures(swapped)
    found = picture_report(video, JOINS, RATE, face=head, reference=video[0])
    assert found.identity_slope < -0.1
    assert len(found.curves.identity) == len(JOINS) + 1
    assert abs(picture_report(video, JOINS, RATE, face=head).identity_slope) < 0.02, "against the first chunk"
    steady = picture_report(pictures(STEADY), JOINS, RATE, face=head, reference=pictures(STEADY)[0])
    assert abs(steady.identity_slope) < 0.02


def test_a_still_background_dilutes_no_double_edge():
    """A small thing that moves before a wide wall that flickers."""
    wall = 0.1 * torch.randn(LENGTH, 3, 2 * SIDE, 3 * SIDE, generator=torch.Generator().manual_seed(5))
    video = wall.clone()
    video[..., :SIDE, :SIDE] = STEADY
    for frame in (22, 25, 28):
        video[frame, :, :SIDE, :SIDE] = (STEADY[frame - 4] + STEADY[frame + 4]) / 2
    assert report(video[..., :SIDE, :SIDE]).seams[0].interpolation > 3
    assert report(video).seams[0].interpolation > 1.8
    assert report(video).seams[1].interpolation == pytest.approx(1, abs=0.1)


def test_seams_of_earlier_steps_inside_chunks_hide_nothing_from_a_video_without_seams():
    """Chunks that moved between steps: half-way between two joins there was another one."""
    offsets = torch.zeros(LENGTH)
    for k, frame in enumerate((9, 16, 25, 34, 41, 50, 59, 66, 75, 84, 91)):
        offsets[frame:] = 4.0 * ((k + 1) % 2)
    jumpy = pictures(moving(offsets))
    alone = picture_report(jumpy, JOINS, RATE, reach=4)
    compared = alone.against(report(STEADY).inside)
    assert alone.velocity < 1.5, "the interior jumps as well"
    assert compared.velocity > 1.8
    assert all(JUMP in seam.faults for seam in compared.seams)
    assert alone.against(alone.inside).seams == alone.seams


def test_blocks_change_nothing(monkeypatch):
    whole = report(STEADY)
    monkeypatch.setattr("neo_core.evaluation.continuity.AT_ONCE", 7)
    pieces = report(STEADY)
    for name in ("velocity", "acceleration", "detail", "interpolation", "direction", "identity"):
        a, b = getattr(whole.curves, name), getattr(pieces.curves, name)
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4, equal_nan=True)


@pytest.fixture(scope="module")
def jumpy_file(tmp_path_factory):
    offsets = torch.zeros(LENGTH)
    offsets[50:] = 5
    path = tmp_path_factory.mktemp("seams") / "jump.mp4"
    with VideoWriter(path, (SIDE, SIDE), Fraction(25), None) as writer:
        for frame in pictures(moving(offsets)):
            writer.write(frame)
    return path


def test_a_file_is_measured_by_seconds(jumpy_file):
    found = video_report(jumpy_file, [1.0, 2.01, 3.0])  # 2.01 is nearest to frame 50
    assert found.joins == (25, 50, 75)
    assert found.rate == pytest.approx(25)
    assert set(faults(found)) == {50}
    assert video_report(jumpy_file, every=1.0).joins == (25, 50, 75)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "does not say where its chunks meet .*; expected joins"),
        ({"joins": [1.0], "every": 1.0}, "one of the two"),
        ({"joins": [2.0, 1.0]}, "rising"),
        ({"joins": [0.0]}, "after second 0"),
        ({"joins": [float("nan")]}, "after second 0"),
        ({"joins": [1.0, 4.5]}, "a join at 4.5 s; the video ends at 4.00 s"),
        ({"joins": [1.0, 3.99]}, "a join at 3.99 s; the video ends at 3.96 s"),  # its last frame began there
        ({"every": 0.0}, "more than 0"),
        ({"every": 7.0}, "a join at 7 s; the video ends at 4.00 s"),
        ({"every": 3.99}, "no join"),
        ({"every": 0.1}, "inside chunks"),
        ({"joins": [1.0], "reach": 0}, "at least 1"),
    ],
)
def test_impossible_joins_are_refused(jumpy_file, asked, said):
    with pytest.raises(InputError, match=said):
        video_report(jumpy_file, **asked)


@pytest.mark.parametrize("asked", [{"joins": [1.0, 4.5]}, {"every": 7.0}, {}])
def test_what_cannot_be_is_refused_before_a_picture_is_read(jumpy_file, monkeypatch, asked):
    monkeypatch.setattr("neo_core.evaluation.continuity.read_frames", lambda _: pytest.fail("it was read"))
    with pytest.raises(InputError):
        video_report(jumpy_file, **asked)


def test_joins_are_found_in_a_video_that_tells_them(tmp_path, capsys):
    path = tmp_path / "told.mp4"
    with VideoWriter(path, (SIDE, SIDE), Fraction(25), None, comment=joins_comment(JOINS, LENGTH, Fraction(25))) as to:
        for frame in pictures(STEADY):
            to.write(frame)
    assert video_report(path).joins == tuple(JOINS)
    assert video_report(path, [2.0]).joins == (50,), "who tells others is listened to"
    assert main(["seams", str(path)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:4]] == ["1.00", "2.00", "3.00"]


def test_what_moves_a_third_of_a_second_from_a_join_is_no_seam():
    """A sudden movement inside a chunk: where it happens, places where nothing meets stand out."""
    offsets = torch.zeros(LENGTH)
    offsets[56:] = 5
    near = report(moving(offsets))
    assert faults(near) == {}
    assert any(JUMP in place.faults for place in near.elsewhere)
    wide = picture_report(pictures(moving(offsets)), JOINS, RATE, WHOLE_OVERLAP)
    assert set(faults(wide)) == {50}


def test_places_where_nothing_meets_lie_between_the_joins():
    found = report(STEADY)
    places = sorted([place.at for place in found.elsewhere] + JOINS)
    assert len(found.elsewhere) >= 6
    assert min(after - before for before, after in pairwise(places)) >= 2 * REACH
    assert REACH < places[0] <= places[-1] <= LENGTH - REACH
    assert (
        found.verdict() == f"none of 3 joins stands out; none of {len(found.elsewhere)} places where nothing meets does"
    )
    assert not any(line.startswith("verdict") for line in found.table().splitlines()[:-1])
    assert found.table().endswith(found.verdict())


def test_the_worst_join_has_most_faults():
    offsets = torch.zeros(LENGTH)
    offsets[50:] = 5
    video = moving(offsets)
    video[25:] += 0.1
    found = report(video)
    assert (
        [bool(seam.faults) for seam in found.seams] == [seam.excess > 1 for seam in found.seams] == [True, True, False]
    )
    assert found.worst == found.seams[1]
    assert found.verdict().startswith("2 of 3 joins stand out, the worst at 2.00 s (jump")
    alike = replace(found, seams=tuple(replace(seam, faults=(STEP,)) for seam in found.seams[:2]))
    assert alike.worst == max(alike.seams, key=lambda seam: seam.excess)


def test_joins_of_pictures_lie_in_them():
    for joins in ([], [LENGTH], [40, 20]):
        with pytest.raises(InputError, match="expected"):
            picture_report(pictures(STEADY), joins, RATE)


def test_the_plot_marks_the_joins():
    found = report(STEADY)
    picture = plot_seams(found)
    assert picture.dtype == torch.uint8
    assert picture.shape[1:] == (1000, 3)
    assert picture.float().std() > 5


def test_the_command_prints_the_table_and_draws(jumpy_file, tmp_path, capsys):
    plot = tmp_path / "seams.png"
    assert main(["seams", str(jumpy_file), "--joins", "1,2,3", "--plot", str(plot)]) == 0
    said = capsys.readouterr().out
    assert "2.00" in said
    assert [line.split()[0] for line in said.splitlines()[1:4] if "jump" in line] == ["2.00"]
    assert "1 of 3 joins stands out, at 2.00 s (jump" in said
    assert plot.stat().st_size > 1000
    assert main(["seams", str(jumpy_file), "--joins", "9"]) == 2
    assert main(["seams", str(jumpy_file)]) == 2
    assert main(["seams", str(tmp_path / "none.mp4"), "--every", "1"]) == 2


def test_the_command_prints_json(jumpy_file, capsys):
    assert main(["seams", str(jumpy_file), "--joins", "1,2,3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [join["second"] for join in told["joins"]] == [1, 2, 3]
    assert told["joins"][1] == told["worst"]
    assert "jump" in told["worst"]["looks_like"]
    assert told["worst"]["velocity"] > 1.5
    assert told["verdict"].startswith("1 of 3 joins stands out")
    assert told["elsewhere"]["standing_out"] < told["elsewhere"]["places"]
    assert told["reach"] == REACH
