"""A clip speaks another sound: only its mouth changes, frame for frame, under the consent that the clip has."""

import json
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError, silent
from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import load_head_model, shape
from neo_core.governance import ConsentRequired
from neo_core.media.footage import Footage, inspect_footage
from neo_core.media.video import VideoWriter, read_frames
from neo_core.motion_space import INDEX
from neo_core.pictar.fit import HeadFit
from neo_core.pictar.geometric.refine import load_refiner
from neo_core.pictar.head_crop import HeadCrop
from neo_core.pictar.head_track import Head
from neo_core.pictar.redrawn import Means, in_crop, look_inside, mouth_mask, redrawn
from neo_core.pictar.squares import Squares
from neo_core.pipelines import redub as pipeline
from neo_core.pipelines.motion_file import load_motion
from neo_core.pipelines.redub import make_redub, redub
from neo_core.pipelines.talking_head import Settings

FPS = Fraction(25)
SPEECH = Path(pipeline.__file__).parents[1] / "samples" / "speech.flac"


@pytest.fixture
def head(portrait) -> Head:
    """The head in the portrait, exactly."""
    model = load_head_model()
    camera = Camera(torch.tensor(256.0), torch.tensor([64.0, 64.0]), torch.eye(3), torch.tensor([0.0, 0.0, -70.0]))
    none = torch.zeros(len(model.template), 2)
    fit = HeadFit(torch.zeros(60), torch.zeros(53), torch.zeros(4), camera, none, torch.zeros(68))
    return Head(portrait.face, fit)


def speaking(jaw: float) -> torch.Tensor:
    motion = motion_space.rest()
    motion[INDEX["jawOpen"]] = jaw
    motion[INDEX["yaw"]] = 20.0  # which is not the mouth's
    return motion


def test_only_the_mouth_changes(portrait, head, grant_for):
    photo = portrait.photo
    grant = grant_for(photo, portrait.face.landmarks68)
    means = Means(load_head_model(), load_refiner())
    inside = look_inside(photo, head, means, grant=grant)
    opened = redrawn(photo, head, speaking(0.5), inside, means, grant=grant)
    changed = (opened != photo).any(-1)
    lips = portrait.face.landmarks68[48:68]
    eyes = portrait.face.landmarks68[36:48]
    (left, top), (right, bottom) = lips.amin(0).int().tolist(), lips.amax(0).int().tolist()
    assert changed[top : bottom + 2, left:right].float().mean() > 0.5
    assert not changed[: int(eyes[:, 1].amax()) + 2].any()
    assert not changed[:, :20].any()
    assert not changed[:, -20:].any()
    still = redrawn(photo, head, speaking(0.0), inside, means, grant=grant)
    assert (still.int() - photo.int()).abs().float().mean() < (opened.int() - photo.int()).abs().float().mean() / 4


def test_a_frame_needs_its_own_grant(portrait, head, grant_for):
    other = portrait.photo.flip(1)
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    with pytest.raises(ConsentRequired, match="another picture"):
        look_inside(other, head, Means(load_head_model(), load_refiner()), grant=grant)


@pytest.mark.parametrize("tilt", [0.0, 23.0, -40.0])
def test_a_fit_in_a_crop_lands_where_the_crop_shows_it(tilt):
    model = load_head_model()
    rotation, place = rotation_matrix(4.0, -12.0, 7.0), torch.tensor([3.0, -2.0, -80.0])
    camera = Camera(torch.tensor(900.0), torch.tensor([320.0, 240.0]), rotation, place)
    residual = torch.randn(len(model.template), 2)
    fit = HeadFit(torch.zeros(60), torch.zeros(53), torch.zeros(4), camera, residual, torch.zeros(68))
    square = Squares(torch.tensor([[350.0, 260]]), torch.tensor([300.0]), torch.tensor([tilt]))
    crop = HeadCrop(torch.zeros(480, 640, 3, dtype=torch.uint8), square, (200, 200))
    vertices = shape(model, fit.identity, fit.expression)
    expected = crop.to_frame(project(camera, vertices)[:, :2] + residual)
    moved = in_crop(fit, crop)
    assert torch.allclose(project(moved.camera, vertices)[:, :2] + moved.residual, expected, atol=2e-2)


def test_the_mask_keeps_off_eyes_and_rim(portrait):
    mask = mouth_mask(portrait.face.landmarks68, 128)
    column, row = portrait.face.landmarks68[48:68].long().unbind(1)
    assert mask[row, column].min() > 0.9
    assert mask[: int(portrait.face.landmarks68[33, 1])].max() < 0.01


def test_permission_goes_from_frame_to_frame_but_over_no_cut(portrait, grant_for):
    photo, points = portrait.photo, portrait.face.landmarks68
    grant = grant_for(photo, points)
    following = (photo.int() + torch.randint(-2, 3, photo.shape)).clamp(0, 255).to(torch.uint8)
    handed_on = grant.for_next_frame(following, points + 0.3)
    handed_on.require_portrait(following, points + 0.3)
    handed_on.require("talking-head")
    with pytest.raises(ConsentRequired, match="another picture"):
        handed_on.require_portrait(photo, points)
    with pytest.raises(ConsentRequired, match="a cut found"):
        grant.for_next_frame(photo.flip(0), points)
    stretched = points * torch.tensor([1.0, 1.6])
    with pytest.raises(ConsentRequired, match="a cut found"):
        grant.for_next_frame(following, stretched)
    away = grant.for_next_frame(following, None)
    away.for_next_frame(photo, stretched)  # it has turned meanwhile
    with pytest.raises(ConsentRequired, match="was not made by the consent gate"):
        replace(handed_on, portrait=grant.portrait).for_next_frame(photo, points)


@pytest.fixture
def clip(monkeypatch, models, portrait, head, grant_for):
    """A function: a clip of so many frames of the portrait, not all of which show the face; and what to redub it by."""

    def make(frames: int, unseen=(), cut=None):
        alive = make.alive = []

        def pictures(_):
            for k in range(frames):
                picture = portrait.photo.clone() if k != cut else portrait.photo.flip(0).contiguous()
                picture[0, 0] = k if k else picture[0, 0]
                alive.append(weakref.ref(picture))
                yield Fraction(k, 25), picture

        def followed(_, pictures, __):
            for k, _picture in enumerate(pictures):
                del _picture
                yield None if k in unseen else portrait.face

        monkeypatch.setattr(pipeline, "read_frames", pictures)
        monkeypatch.setattr(pipeline, "followed", followed)
        monkeypatch.setattr(pipeline, "heads", lambda _, faces, __: (face and head for face in faces))
        monkeypatch.setattr(pipeline, "perform", lambda *_: iter([torch.stack([speaking(0.4)] * 2)] * frames))
        sound = SimpleNamespace(samples=1000, sample_rate=25000, seconds=0.04)
        monkeypatch.setattr(pipeline, "sample_count", lambda sound: sound.samples)
        monkeypatch.setattr(pipeline, "VideoWriter", lambda *given, **more: VideoWriter(*given[:3], None, **more))
        footage = Footage(Path("clip.mp4"), tuple(portrait.photo.shape[:2]), frames, FPS, Fraction(0))
        grant = grant_for(portrait.photo, portrait.face.landmarks68)
        return (models, footage, portrait, sound), {"grant": grant}

    return make


def test_frames_without_the_face_are_the_clips_own(clip, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(pipeline, "redrawn", lambda frame, *_, **__: drawn.append(frame) or frame)
    given, options = clip(7, unseen=(2, 3, 6))
    kept = []
    lost = redub(*given, tmp_path / "out.mp4", Settings(), None, **options, kept=kept)
    assert [(run.first, run.last) for run in lost] == [(2, 3), (6, 6)]
    assert len(drawn) == 4
    assert len(kept) == 7
    assert inspect_footage(tmp_path / "out.mp4").frames == 7


def test_a_lost_face_can_stop_it(clip, tmp_path):
    given, options = clip(5, unseen=(3,))
    with pytest.raises(InputError, match=r"frame 3 of clip\.mp4"):
        redub(*given, tmp_path / "out.mp4", Settings(), None, **options, lost="error")
    assert not list(tmp_path.glob("out*"))


def test_a_cut_stops_it(clip, tmp_path):
    given, options = clip(5, cut=3)
    with pytest.raises(ConsentRequired, match="a cut found"):
        redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    assert not list(tmp_path.glob("out*"))


def test_the_mouth_speaks_in_the_written_clip(clip, tmp_path, portrait):
    given, options = clip(2)
    redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    shown = [frame for _, frame in read_frames(tmp_path / "out.mp4")]
    lips = portrait.face.landmarks68[60:68].mean(0).long()
    assert (shown[1][lips[1] + 2, lips[0]].int() - portrait.photo[lips[1] + 2, lips[0]].int()).abs().max() > 30


def test_frames_are_forgotten_as_they_are_written(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "redrawn", lambda frame, *_, **__: frame)
    monkeypatch.setattr(pipeline, "look_inside", lambda *_, **__: "inside")
    given, options = clip(150)
    most = 0

    def count(*_):
        nonlocal most
        most = max(most, sum(picture() is not None for picture in clip.alive))

    redub(*given, tmp_path / "out.mp4", Settings(), None, **options, progress=count)
    assert len(clip.alive) == 300  # read twice
    assert most <= 2 * pipeline.AT_ONCE + 4


def test_more_sound_than_video_is_refused_at_once(clip, tmp_path):
    given, options = clip(5)
    long = SimpleNamespace(samples=25000, sample_rate=25000, seconds=1.0)
    with pytest.raises(InputError, match=r"1\.00 s of sound found for 0\.20 s of video"):
        redub(*given[:3], long, tmp_path / "out.mp4", Settings(), None, **options)


def test_from_files_to_a_file_and_a_report(clip, tmp_path, monkeypatch, models, portrait):
    given, options = clip(3, unseen=(1,))
    monkeypatch.setattr(pipeline, "redrawn", lambda frame, *_, **__: frame)
    monkeypatch.setattr(pipeline, "inspect_footage", lambda _: given[1])
    monkeypatch.setattr(pipeline, "inspect_sound", lambda _: given[3])
    monkeypatch.setattr(pipeline, "load_models", lambda *_: models)
    monkeypatch.setattr(pipeline, "open_clip", lambda *_: portrait)
    monkeypatch.setattr(pipeline, "authorise", lambda *_, **__: options["grant"])
    paths = Path("clip.mp4"), SPEECH, tmp_path / "out.mp4"
    motion = tmp_path / "m.safetensors"
    report = make_redub(*paths, Settings(), motion=motion, progress=silent)
    assert json.loads(json.dumps(report)) == report
    assert (report["frames"], report["lost"][0]["frames"]) == (3, [1, 1])
    assert len(load_motion(motion).motion) == 3
