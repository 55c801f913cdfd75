"""A clip speaks another sound: only its mouth changes, frame for frame, under the consent that the clip has."""

import json
import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError, MotionLatents, Waveform, silent
from neo_core.geometry.camera import Camera, project, rotation_angles, rotation_matrix
from neo_core.geometry.head_model import landmarks, load_head_model, shape
from neo_core.governance import ConsentRequired
from neo_core.media.audio import read_waveform
from neo_core.media.footage import Footage, inspect_footage
from neo_core.media.video import read_frames
from neo_core.motion_space import INDEX, POSE
from neo_core.pictar.analysis import Face
from neo_core.pictar.fit import HeadFit
from neo_core.pictar.geometric.refine import load_refiner
from neo_core.pictar.head_crop import HeadCrop
from neo_core.pictar.head_track import Head
from neo_core.pictar.redrawn import Means, in_crop, look_inside, mouth_mask, redrawn
from neo_core.pictar.squares import Squares
from neo_core.pipelines import redub as pipeline
from neo_core.pipelines.motion_file import load_motion
from neo_core.pipelines.portrait import choose_in_clip
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


def test_the_lips_of_the_clip_do_not_blend_with_those_it_is_given(portrait, head, grant_for):
    """A clip whose person speaks, with a green mouth: shut where the new words are, and open without green."""
    model = load_head_model()
    expression = head.fit.expression.clone()
    expression[INDEX["jawOpen"]] = 0.4
    fit = replace(head.fit, expression=expression)
    points = project(fit.camera, landmarks(model, shape(model, fit.identity, expression)))[:, :2]
    speaks = Head(replace(head.face, landmarks=points), fit)
    photo, ring = portrait.photo.clone(), points[60:68]
    (left, top), (right, bottom) = ring.amin(0), ring.amax(0)
    y, x = torch.meshgrid(*(torch.arange(n) + 0.5 for n in photo.shape[:2]), indexing="ij")
    mouth = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2 < 1
    leaf = (20, 190, 40)
    photo[mouth] = torch.tensor(leaf, dtype=torch.uint8)
    means, grant = Means(model, load_refiner()), grant_for(photo, points[:68])
    inside = look_inside(portrait.photo, head, means, grant=grant_for(portrait.photo, portrait.face.landmarks68))

    def green(jaw):
        frame = redrawn(photo, speaks, speaking(jaw), inside, means, grant=grant)
        return int(((frame.int() - torch.tensor(leaf)).abs().amax(-1) < 60).sum())

    assert int(mouth.sum()) > 20
    assert (green(0.0), green(0.7)) == (0, 0)


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
    with pytest.raises(ConsentRequired, match="was not made by the consent gate"):
        replace(handed_on, portrait=grant.portrait).for_next_frame(photo, points)


HER, HIM = (0.5,) * 60, (0.5,) * 30 + (-0.5,) * 30


def test_permission_knows_its_person_again_after_a_gap(portrait, grant_for):
    """In whichever pose; and nobody who sits in their place, of whom nothing or another thing is known."""
    photo, points = portrait.photo, portrait.face.landmarks68
    turned = points * torch.tensor([0.6, 1.0])
    away = grant_for(photo, points).recognising(HER).for_next_frame(photo, None).for_next_frame(photo, None)
    away.for_next_frame(photo, turned, tuple(x + 0.1 for x in HER)).require_portrait(photo, turned)
    for likeness in (None, (), HIM):
        with pytest.raises(ConsentRequired, match="comes back in the clip and may be another"):
            away.for_next_frame(photo, turned, likeness)
    unknown = grant_for(photo, points).for_next_frame(photo, None)
    with pytest.raises(ConsentRequired, match="comes back in the clip and may be another"):
        unknown.for_next_frame(photo, points, HER)
    with pytest.raises(ConsentRequired, match="was not made by the consent gate"):
        replace(away, likeness=HIM).for_next_frame(photo, turned, HIM)
    with pytest.raises(ValueError, match="knows its person already"):
        away.recognising(HIM)


@pytest.fixture
def clip(monkeypatch, models, portrait, head, grant_for):
    """A function: a clip of so many frames of the portrait, not all of which show the face, or show others; and what to
    redub it by."""

    def make(frames: int, unseen=(), cut=None, fps=FPS, moments=None, others=None, sound=None):
        alive = make.alive = []

        def pictures(_):
            for k in range(frames):
                picture = portrait.photo.clone() if k != cut else portrait.photo.flip(0).contiguous()
                picture[0, 0] = k if k else picture[0, 0]
                alive.append(weakref.ref(picture))
                yield picture

        def followed(_, pictures, __):
            for k, _picture in enumerate(pictures):
                del _picture
                yield None if k in unseen else (others or {}).get(k, portrait.face)

        monkeypatch.setattr(pipeline, "read_pictures", pictures)
        monkeypatch.setattr(pipeline, "followed", followed)
        monkeypatch.setattr(pipeline, "heads", lambda _, faces, __: (face and head for face in faces))
        monkeypatch.setattr(pipeline, "perform", lambda *_: iter([torch.stack([speaking(0.4)] * 2)] * frames))
        footage = Footage(Path("clip.mp4"), tuple(portrait.photo.shape[:2]), frames, fps, Fraction(0), moments)
        grant = grant_for(portrait.photo, portrait.face.landmarks68)
        return (models, footage, portrait, sound or silence(0.1)), {"grant": grant}

    return make


def silence(seconds: float) -> Waveform:
    return Waveform(torch.zeros(1, round(seconds * 16000)), 16000)


@pytest.fixture
def undrawn(monkeypatch, portrait):
    """Frames instead of drawn ones, in no order: the heads and motions that they would be drawn by."""
    drawn = []

    def draw(frame, head, motion, *_, **__):
        drawn.append((0 if torch.equal(frame, portrait.photo) else int(frame[0, 0, 0]), head, motion))
        return frame

    monkeypatch.setattr(pipeline, "redrawn", draw)
    monkeypatch.setattr(pipeline, "look_inside", lambda *_, **__: "inside")
    return drawn


def test_frames_without_the_face_are_the_clips_own(clip, tmp_path, undrawn):
    given, options = clip(7, unseen=(2, 3, 6))
    kept = []
    lost = redub(*given, tmp_path / "out.mp4", Settings(), None, **options, lost="pass", kept=kept)
    assert [(run.first, run.last, run.done) for run in lost] == [(2, 3, "passed"), (6, 6, "passed")]
    assert sorted(frame for frame, *_ in undrawn) == [0, 1, 4, 5]
    assert len(kept) == 7
    assert inspect_footage(tmp_path / "out.mp4").frames == 7


@pytest.mark.parametrize("lost", ["hold", "interpolate"])
def test_short_gaps_are_bridged_and_long_ones_are_not(clip, tmp_path, undrawn, lost):
    given, options = clip(30, unseen=(3, 4, *range(8, 21), 29))
    told = redub(*given, tmp_path / "out.mp4", Settings(), None, **options, lost=lost)
    runs = {(run.first, run.last): run.done for run in told}
    done = {"hold": "held", "interpolate": "interpolated"}[lost]
    assert runs == {(3, 4): done, (8, 20): "passed", (29, 29): "passed"}
    assert sorted(frame for frame, *_ in undrawn) == [*range(8), *range(21, 29)]


@pytest.fixture
def stranger(portrait) -> Face:
    """Somebody else in the same place and pose."""
    model = load_head_model()
    camera = Camera(torch.tensor(256.0), torch.tensor([64.0, 64.0]), torch.eye(3), torch.tensor([0.0, 0.0, -70.0]))
    identity = 1.5 * torch.randn(60, generator=torch.Generator().manual_seed(8)).sign()
    return replace(
        portrait.face, landmarks=project(camera, landmarks(model, shape(model, identity, torch.zeros(53))))[:, :2]
    )


@pytest.mark.parametrize("empty", [1, 20])
def test_who_sits_down_in_the_chair_does_not_speak(clip, tmp_path, undrawn, stranger, empty):
    """A gets up in a static shot, B sits down, A comes back: consent does not go along with the chair."""
    sits = dict.fromkeys(range(3 + empty, 8 + empty), stranger)
    given, options = clip(14 + empty, unseen=(*range(3, 3 + empty), 8 + empty), others=sits)
    lost = redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    assert [(run.first, run.last, run.done) for run in lost] == [(3, 8 + empty, "passed")]
    assert sorted(frame for frame, *_ in undrawn) == [0, 1, 2, *range(9 + empty, 14 + empty)]
    with pytest.raises(InputError, match="frame 3 of clip"):
        redub(*given, tmp_path / "out.mp4", Settings(), None, **options, lost="error")


def test_tremor_of_the_head_is_not_drawn(clip, tmp_path, undrawn, monkeypatch, head):
    angles = 0.3 * torch.randn(40, 3)
    turns = [rotation_matrix(*angle) for angle in angles]

    def heads(_, faces, __):
        for turn, _face in zip(turns, faces, strict=True):
            yield head._replace(fit=replace(head.fit, camera=replace(head.fit.camera, rotation=turn)))

    given, options = clip(40)
    monkeypatch.setattr(pipeline, "heads", heads)
    redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    drawn = torch.stack([rotation_angles(one.fit.camera.rotation) for _, one, _ in sorted(undrawn, key=lambda x: x[0])])
    assert drawn.diff(dim=0).std() < 0.5 * angles.diff(dim=0).std()


def test_a_lost_face_can_stop_it(clip, tmp_path):
    given, options = clip(5, unseen=(3,))
    with pytest.raises(InputError, match=r"frame 3 of clip\.mp4"):
        redub(*given, tmp_path / "out.mp4", Settings(), None, **options, lost="error")
    assert not list(tmp_path.glob("out*"))


@pytest.mark.usefixtures("undrawn")
def test_a_cut_stops_it(clip, tmp_path):
    given, options = clip(5, cut=3)
    with pytest.raises(ConsentRequired, match="a cut found"):
        redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    assert not list(tmp_path.glob("out*"))


def test_the_mouth_speaks_in_the_written_clip_and_so_does_the_sound(clip, tmp_path, portrait):
    tone = torch.sin(torch.arange(1600) * 0.3)[None]
    given, options = clip(2, sound=Waveform(tone[:, :1280], 16000))
    redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    shown = [frame for _, frame in read_frames(tmp_path / "out.mp4")]
    lips = portrait.face.landmarks68[60:68].mean(0).long()
    assert (shown[1][lips[1] + 2, lips[0]].int() - portrait.photo[lips[1] + 2, lips[0]].int()).abs().max() > 30
    heard = read_waveform(tmp_path / "out.mp4").samples[0]
    assert torch.corrcoef(torch.stack([heard[:1280], tone[0, :1280]]))[0, 1] > 0.9


@pytest.mark.parametrize(
    ("fps", "moments"),
    [(30, None), (Fraction(30000, 1001), None), (10, tuple(Fraction(k, 30) for k in (0, 1, 2, 9, 10, 14, 24)))],
)
def test_the_mouth_is_in_time_with_the_sound(clip, tmp_path, undrawn, monkeypatch, fps, moments):
    """At the clip's own rate, whatever the settings say; in frames that come unevenly, too."""
    asked = []

    def perform(_, __, ___, settings, ____):
        asked.append(settings.fps)
        jaws = (torch.arange(1000) / float(settings.fps)) % 1  # the jaw tells the moment
        return iter([torch.stack([speaking(float(jaw)) for jaw in jaws[:60]])])

    given, options = clip(7, fps=Fraction(fps), moments=moments)
    monkeypatch.setattr(pipeline, "perform", perform)
    redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    assert asked == [fps]
    footage = given[1]
    for frame, _, motion in undrawn:
        early = float(footage.moment(frame)) - float(motion[INDEX["jawOpen"]])
        assert -1e-4 <= early < 1 / fps
    shown = [moment for moment, _ in read_frames(tmp_path / "out.mp4")]
    assert max(abs(a - footage.moment(k)) for k, a in enumerate(shown)) < Fraction(1, 500)


def acted(frames, fps, use="talking-head"):
    """Somebody's motion, kept: the jaw tells the moment."""
    motion = torch.stack([speaking(float(k / fps)) for k in range(frames)])
    return MotionLatents(motion, fps, use=use)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(50)])
def test_a_kept_motion_takes_the_place_of_a_performance(clip, tmp_path, undrawn, monkeypatch, fps):
    given, options = clip(7, fps=Fraction(30), sound=silence(0.2))
    monkeypatch.setattr(pipeline, "perform", lambda *_: pytest.fail("VOCAL was asked"))
    kept = []
    redub(*given, tmp_path / "out.mp4", Settings(), None, **options, performance=acted(5, fps), kept=kept)
    end = 4 / float(fps)
    assert len(undrawn) == len(kept) == 7
    for frame, _, motion in undrawn:
        assert torch.equal(motion, kept[frame])
        assert float(motion[INDEX["jawOpen"]]) == pytest.approx(min(frame / 30, end), abs=1e-5)


@pytest.mark.usefixtures("undrawn")
def test_motion_of_a_video_asks_for_reenactment(clip, tmp_path, portrait, grant_for):
    given, options = clip(3)
    with pytest.raises(ConsentRequired, match="expected reenactment"):
        redub(*given, tmp_path / "out.mp4", Settings(), None, **options, performance=acted(3, FPS, "reenactment"))
    assert not list(tmp_path.glob("out*"))
    options = {"grant": grant_for(portrait.photo, portrait.face.landmarks68, "reenactment")}
    redub(*given, tmp_path / "out.mp4", Settings(), None, **options, performance=acted(3, FPS, "reenactment"))
    assert inspect_footage(tmp_path / "out.mp4").frames == 3


@pytest.mark.usefixtures("undrawn")
def test_who_begins_in_the_middle_of_a_word_is_not_taken_to_rest_so(clip, tmp_path, monkeypatch, head):
    """VOCAL is told the face at rest, whatever the first frames show."""
    given, options = clip(20)
    open_ = head.fit.expression.clone()
    open_[INDEX["jawOpen"]] = 0.5
    speaks, asked = head._replace(fit=replace(head.fit, expression=open_)), []

    def heads(_, faces, __):
        return (speaks if number < 12 else head for number, _ in enumerate(faces))

    def perform(_, __, identity, *___):
        asked.append(identity.reference)
        return iter([torch.stack([speaking(0.1)] * 20)])

    monkeypatch.setattr(pipeline, "heads", heads)
    monkeypatch.setattr(pipeline, "perform", perform)
    redub(*given, tmp_path / "out.mp4", Settings(), None, **options)
    assert asked[0][INDEX["jawOpen"]] < 0.02
    assert asked[0][POSE].abs().max() == 0


def test_frames_are_forgotten_as_they_are_written(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "look_inside", lambda *_, **__: "inside")
    monkeypatch.setattr(pipeline, "redrawn", lambda frame, *_, **__: frame)
    monkeypatch.setattr(pipeline, "steadied", lambda _, found, __: found)
    given, options = clip(70)
    most = 0

    def count(*_):
        nonlocal most
        most = max(most, sum(picture() is not None for picture in clip.alive))

    redub(*given, tmp_path / "out.mp4", Settings(), None, **options, progress=count)
    assert len(clip.alive) == 140  # read twice
    assert most <= 2 * pipeline.AT_ONCE + 4


def test_what_cannot_be_kept_is_refused_at_once(clip, tmp_path):
    given, options = clip(5)
    models, footage, *rest = given
    refused = {
        "would be lost; expected standard ones": replace(footage, wide=True),
        "has pixels of 4 to 3; expected square ones": replace(footage, stretched=Fraction(4, 3)),
    }
    for told, other in refused.items():
        with pytest.raises(InputError, match=told):
            redub(models, other, *rest, tmp_path / "out.mp4", Settings(), None, **options)
    with pytest.raises(InputError, match=r"1\.00 s of sound found for 0\.20 s of video"):
        redub(*given[:3], silence(1.0), tmp_path / "out.mp4", Settings(), None, **options)
    with pytest.raises(InputError, match="a mask of 20 x 10 pixels found; expected the clip's size, 128 x 128"):
        redub(*given, tmp_path / "out.mp4", Settings(), None, **options, mask=torch.ones(10, 20))


def test_nothing_changes_outside_the_mask(portrait, head, grant_for):
    photo, points = portrait.photo, portrait.face.landmarks68
    allowed, grant = torch.zeros(photo.shape[:2]), grant_for(photo, points)
    allowed[:, : int(points[60:68, 0].mean())] = 1.0
    changed = []
    for mask in (None, allowed):
        means = Means(load_head_model(), load_refiner(), allowed=mask)
        inside = look_inside(photo, head, means, grant=grant)
        changed.append((redrawn(photo, head, speaking(0.5), inside, means, grant=grant) != photo).any(-1))
    whole, half = changed
    assert whole[allowed == 0].any()
    assert not half[allowed == 0].any()
    assert torch.equal(half[allowed == 1], whole[allowed == 1])


def test_the_speaker_is_whose_mouth_is_in_the_mask(portrait):
    """Who is there at first does not count, nor how many others there are."""
    face = portrait.face
    faces = [replace(face, landmarks=face.landmarks + torch.tensor([shift, 0.0])) for shift in (0.0, 200.0, 400.0)]
    mask = torch.zeros(128, 600)
    mask[:, 200:] = 1.0
    assert choose_in_clip(faces[:1], "a.mp4", mask=mask) is None
    assert choose_in_clip(faces[:2], "a.mp4", mask=mask) is faces[1]
    assert choose_in_clip(faces, "a.mp4", 2, mask) is faces[2]
    with pytest.raises(InputError, match=r"2 faces found in the mask for a\.mp4"):
        choose_in_clip(faces, "a.mp4", mask=mask)
    assert choose_in_clip([replace(face, landmarks=face.landmarks - 200.0)], "a.mp4", mask=mask) is None


@pytest.mark.usefixtures("undrawn")
def test_from_files_to_a_file_and_a_report(clip, tmp_path, monkeypatch, models, portrait):
    given, options = clip(3, unseen=(1,), moments=tuple(Fraction(k, 25) for k in (0, 1, 7)))
    monkeypatch.setattr(pipeline, "inspect_pictures", lambda _: given[1])
    monkeypatch.setattr(pipeline, "inspect_sound", lambda _: given[3])
    monkeypatch.setattr(pipeline, "load_models", lambda *_: models)
    monkeypatch.setattr(pipeline, "open_clip", lambda *_: portrait)
    monkeypatch.setattr(pipeline, "authorise", lambda *_, **__: options["grant"])
    paths = Path("clip.mp4"), SPEECH, tmp_path / "out.mp4"
    motion = tmp_path / "m.safetensors"
    report = make_redub(*paths, Settings(), motion=motion, progress=silent)
    assert json.loads(json.dumps(report)) == report
    assert (report["frames"], report["even"], report["lost"][0]["frames"]) == (3, False, [1, 1])
    assert report["lost"][0]["seconds"] == [0.04, 0.28]
    assert (len(load_motion(motion).motion), load_motion(motion).use) == (3, "talking-head")
