"""A driving video, read by the checkpoint that draws: random small networks, the whole chain."""

import weakref
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from neo_core.data_types import InputError, silent
from neo_core.evaluation.random_liveportrait import write_random_checkpoint
from neo_core.governance import ConsentRequired
from neo_core.media.footage import inspect_footage
from neo_core.media.video import VideoWriter, read_frames
from neo_core.pictar.volumetric.driving import Rules
from neo_core.pictar.volumetric.family import FAMILY
from neo_core.pictar.volumetric.imitation import unpack
from neo_core.pipelines import imitation
from neo_core.pipelines.frame_progress import FrameProgress
from neo_core.pipelines.imitation import imitate, mean_square, read_driving
from neo_core.pipelines.live_portrait import LivePortrait, enrol_public, load_public

from .test_live_portrait import small

FRAMES = 5


@pytest.fixture
def footage(portrait, tmp_path):
    """The portrait, which wanders to the right and gets darker."""
    with VideoWriter(tmp_path / "driving.mp4", tuple(portrait.photo.shape[:2]), Fraction(25), None) as writer:
        for k in range(FRAMES):
            writer.write((portrait.photo.roll(2 * k, 1).float() * (1 - 0.1 * k)).byte())
    return inspect_footage(tmp_path / "driving.mp4")


@pytest.fixture
def seen(monkeypatch, portrait):
    """seen(frames without the face): where the face is, without looking."""

    def choose(lost=(), step=2.0, scale=1.0):
        def followed(_analyser, pictures, _choice):
            for k, _ in enumerate(pictures):
                points = scale * portrait.face.landmarks + torch.tensor([step * k, 0.0])
                yield None if k in lost else replace(portrait.face, landmarks=points)

        monkeypatch.setattr(imitation, "followed", followed)

    return choose


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILY, "liveportrait", small(21))
    write_random_checkpoint(tmp_path / "checkpoint", small(21), 3)
    return LivePortrait(tmp_path / "checkpoint", Rules(stitch=False))


@pytest.fixture
def star(models, portrait, checkpoint, grant_for):
    grant = grant_for(portrait.photo, portrait.face.landmarks68, "reenactment")
    return enrol_public(models, load_public(checkpoint), portrait, None, checkpoint, grant=grant)


def read(models, star, footage):
    told = FrameProgress(silent, footage.frames, 2)
    return read_driving(models, star.volume.volume.renderer, footage, None, "hold", told)


def test_a_video_moves_the_photo_frame_for_frame(models, star, footage, seen, tmp_path):
    seen()
    kept, told = [], []
    wishes = {"lost": "hold", "anchor": "first", "kept": kept, "progress": lambda *x: told.append(x[:2])}
    assert imitate(models, star.volume, footage, tmp_path / "out.mp4", None, **wishes) == []
    frames = [frame for _, frame in read_frames(tmp_path / "out.mp4")]
    assert len(frames) == FRAMES
    assert (frames[0].float() - frames[-1].float()).abs().mean() > 0.1
    assert kept[0].shape == (FRAMES, 63)
    assert kept[0][0].abs().sum() == pytest.approx(float(star.identity.reference.abs().sum()), rel=0.01)
    done = [one for one, _ in told]
    assert {total for _, total in told} == {3 * FRAMES}  # where the face is, what it does, and what is drawn
    assert done == sorted(done)
    assert set(done) == set(range(3 * FRAMES + 1))


def test_frames_without_the_face_are_held(models, star, footage, seen):
    seen(lost=(0, 3))
    readings, report = read(models, star, footage)
    assert len(readings) == FRAMES
    assert torch.equal(readings[0], readings[1])
    assert torch.equal(readings[3], readings[2])
    assert not torch.equal(readings[4], readings[2])
    assert [(run.first, run.last) for run in report] == [(0, 0), (3, 3)]


def test_frames_without_the_face_may_show_the_photo(models, star, footage, seen, tmp_path):
    """Whatever the driver began with."""
    seen(lost=(0, 3))
    kept = []
    wishes = {"lost": "pass", "anchor": "quiet", "kept": kept}
    report = imitate(models, star.volume, footage, tmp_path / "out.mp4", None, **wishes)
    assert [run.done for run in report] == ["passed", "passed"]
    frames = [frame.float() for _, frame in read_frames(tmp_path / "out.mp4")]
    assert len(frames) == FRAMES
    assert torch.equal(kept[0][3], star.volume.reference)
    assert (frames[3] - frames[0]).abs().mean() < (frames[3] - frames[4]).abs().mean() / 3


def test_one_square_is_read_in_all_frames(models, star, footage, seen, portrait):
    """A head that moves to the right does so in the square, too."""
    seen()
    points = torch.stack([portrait.face.landmarks68 + torch.tensor([2.0 * k, 0.0]) for k in range(FRAMES)])
    square = mean_square(points)
    middle = mean_square(points[2:3])
    torch.testing.assert_close(square.center, middle.center)
    torch.testing.assert_close(square.side, middle.side)
    assert float(square.tilt) == 0
    readings, _ = read(models, star, footage)
    assert unpack(readings)[0].expression.std(0).max() > 1e-4


def test_pictures_are_forgotten_as_they_are_read(models, star, footage, seen, monkeypatch):
    """However long the video: the picture being read and no other is alive, in either reading."""
    alive, most = [], 0

    def pictures(_):
        nonlocal most
        for _ in range(60):
            picture = torch.zeros(*footage.size, 3, dtype=torch.uint8)
            alive.append(weakref.ref(picture))
            most = max(most, sum(one() is not None for one in alive))
            yield picture

    seen()
    monkeypatch.setattr(imitation, "read_pictures", pictures)
    monkeypatch.setattr(imitation, "read_head", lambda *_: torch.randn(78))
    readings, _ = read(models, star, replace(footage, frames=60))
    assert len(readings) == 60
    assert len(alive) == 120
    assert most <= 2


def test_tremor_of_the_extractor_does_not_reach_the_portrait(models, star, portrait, seen, tmp_path):
    """A still head on film that flickers: the readings tremble, and the portrait less."""
    dice = torch.Generator().manual_seed(0)
    photo = portrait.photo[::2, ::2]
    with VideoWriter(tmp_path / "still.mp4", tuple(photo.shape[:2]), Fraction(25), None) as writer:
        for _ in range(20):
            noise = 8 * torch.randn(photo.shape, generator=dice)
            writer.write((photo + noise).round().clamp(0, 255).byte())
    seen(step=0.0, scale=0.5)
    footage = inspect_footage(tmp_path / "still.mp4")
    told = FrameProgress(silent, footage.frames, 2)
    renderer = star.volume.volume.renderer
    both = [read_driving(models, renderer, footage, None, "hold", told, steady=steady)[0] for steady in (False, True)]
    before, after = (unpack(one)[0].expression.diff(dim=0).square().mean().sqrt() for one in both)
    assert before > 1e-6
    assert after < 0.7 * before


def test_a_lost_face_stops_it_before_anything_is_read(models, star, footage, seen, monkeypatch):
    seen(lost=(3,))
    monkeypatch.setattr(imitation, "read_head", lambda *_: pytest.fail("a head was read"))
    told = FrameProgress(silent, footage.frames, 2)
    with pytest.raises(InputError, match=r"frame 3 of .* shows no face"):
        read_driving(models, star.volume.volume.renderer, footage, None, "error", told)


def test_nobody_in_the_video(models, star, footage, seen):
    seen(lost=range(FRAMES))
    with pytest.raises(InputError, match=r"no human face found in .*driving"):
        read(models, star, footage)


@pytest.mark.parametrize("after", [2, FRAMES + 2])
def test_the_work_can_be_stopped_while_a_video_is_read(models, star, footage, seen, tmp_path, after):
    class Stopped(Exception):
        pass

    def stop(done, *_):
        if done >= after:
            raise Stopped

    seen()
    with pytest.raises(Stopped):
        imitate(models, star.volume, footage, tmp_path / "out.mp4", None, lost="hold", anchor="quiet", progress=stop)
    assert not list(tmp_path.glob("out*"))


def test_only_a_checkpoint_reads(models, avatar, footage, tmp_path):
    with pytest.raises(InputError, match="NEO's own head found, which reads no faces; expected a LivePort"):
        imitate(models, avatar.volume, footage, tmp_path / "out.mp4", None, lost="hold", anchor="first")


def test_reenactment_is_a_use_of_its_own(models, portrait, checkpoint, footage, grant_for, tmp_path):
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    only_talking = enrol_public(models, load_public(checkpoint), portrait, None, checkpoint, grant=grant)
    with pytest.raises(ConsentRequired, match="expected reenactment"):
        imitate(models, only_talking.volume, footage, tmp_path / "out.mp4", None, lost="hold", anchor="first")
