"""A portrait drawn by a checkpoint in the public layout: random weights, small networks, the whole chain."""

import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from neo_core.data_types import InputError, MotionLatents, Waveform, silent
from neo_core.evaluation.random_liveportrait import write_random_checkpoint
from neo_core.governance import ConsentRequired
from neo_core.media.video import read_frames
from neo_core.motion_space import INDEX, POSE
from neo_core.pictar.volumetric import openness
from neo_core.pictar.volumetric.checkpoints import FILES
from neo_core.pictar.volumetric.driven_face import render_face
from neo_core.pictar.volumetric.driving import LIPS, Rules
from neo_core.pictar.volumetric.dynamic_roi import Focus
from neo_core.pictar.volumetric.family import FAMILY, Renderer, renderer_config
from neo_core.pictar.volumetric.keypoints import place
from neo_core.pictar.volumetric.spade_generator import GeneratorConfig, SpadeGenerator
from neo_core.pipelines import clip
from neo_core.pipelines.clip import describe
from neo_core.pipelines.live_portrait import LivePortrait, enrol_public, load_public, precision_on
from neo_core.pipelines.talking_head import Settings, speak, write_video
from neo_core.weights import safetensors_io

PLAIN = Rules()


def small(keypoints: int):
    return renderer_config(
        picture=64,
        keypoints=keypoints,
        appearance=(4, 2, 1),
        volume=(4, 4),
        motion=((1, 1, 1, 1), (8, 8, 16, 16)),
        hourglass=(2, 4, 16, 2, 3),
        generator=GeneratorConfig(features=16, width=32, blocks=1, rising=(16, 8), hidden=16, enlarge=2),
        stitching=((16, 16), (16, 8), (16, 16, 8)),
    )


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILY, "liveportrait", small(21))
    write_random_checkpoint(tmp_path / "checkpoint", small(21), 3)
    return tmp_path / "checkpoint"


@pytest.fixture
def enrolled(models, portrait, checkpoint, grant_for):
    """enrolled(rules, retargeted) -> Avatar"""
    grant = grant_for(portrait.photo, portrait.face.landmarks68)

    def enrol(rules: Rules = PLAIN, retargeted: tuple[str, ...] = (), size: int | None = None):
        choice = LivePortrait(checkpoint, rules, retargeted)
        return enrol_public(models, load_public(choice), portrait, size, choice, grant=grant)

    return enrol


def performance(reference: torch.Tensor, count: int = 3) -> torch.Tensor:
    """From rest to an open mouth, closed eyes and a turned head. [T, 63]"""
    motion = reference.repeat(count, 1)
    share = torch.linspace(0, 1, count)
    motion[:, INDEX["jawOpen"]] += 0.6 * share
    motion[:, [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] += (0.9 * share)[:, None]
    motion[:, POSE.start + 1] = 12 * share
    return motion


def test_a_sound_becomes_a_video_of_the_whole_photo(models, enrolled, portrait, tmp_path):
    avatar = enrolled()
    sound = Waveform(0.1 * torch.randn(1, 3200), 16000)
    seen = []
    frames = speak(models, avatar, sound, tmp_path / "a.mp4", Settings(), lambda *told: seen.append(told[:2]))
    written = [frame for _, frame in read_frames(tmp_path / "a.mp4")]
    assert frames == len(written) == 5
    assert written[0].shape == portrait.photo.shape
    assert seen[-1] == (5, 5)
    told = describe(avatar)
    assert (told["renderer"], told["calibrated"]) == ("liveportrait", False)
    assert (told["height"], told["width"]) == tuple(portrait.photo.shape[:2])


def test_from_files_to_a_file(models, portrait, checkpoint, grant_for, monkeypatch, tmp_path):
    """As `animate` asks for it: the checkpoint is looked at before anything else takes time."""
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    monkeypatch.setattr(clip, "load_models", lambda *_: models)
    monkeypatch.setattr(clip, "open_portrait", lambda *_: portrait)
    monkeypatch.setattr(clip, "_permission", lambda *_, **__: grant)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((3000 * torch.randn(2000)).short().numpy().tobytes())
    given = (Path("me.jpg"), tmp_path / "a.wav", tmp_path / "out.mp4", Settings())
    report = clip.make_video(*given, public=LivePortrait(checkpoint), progress=silent)
    assert (report["renderer"], report["frames"]) == ("liveportrait", 4)
    assert len(list(read_frames(tmp_path / "out.mp4"))) == 4
    monkeypatch.setattr(clip, "open_portrait", lambda *_: pytest.fail("looked for a face"))
    with pytest.raises(InputError, match="nothing found at"):
        clip.make_video(*given, public=LivePortrait(tmp_path / "no"), progress=silent)


def test_frames_are_the_photo_outside_the_crop(person, models, checkpoint, grant_for):
    """Half a body: most of the picture lies beyond what the renderer sees, and stays bit for bit."""
    choice = LivePortrait(checkpoint)
    grant = grant_for(person.photo, person.face.landmarks68)
    avatar = enrol_public(models, load_public(choice), person, None, choice, grant=grant)
    still = avatar.person == 0
    assert 0.3 < still.float().mean() < 0.98
    assert avatar.volume.region == pytest.approx(1 - float(still.float().mean()))
    for frame in render_face(avatar.volume, performance(avatar.identity.reference)):
        assert torch.equal(frame[still], person.photo[still])
        assert (frame[~still].float() - person.photo[~still].float()).abs().mean() > 5  # random weights


def test_eyes_and_mouth_are_computed_more_often_than_the_rest(models, portrait, checkpoint, grant_for):
    """Every frame comes, in place; the first and the last are drawn as a whole."""
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    frames = []
    plain = Rules(stitch=False)
    for choice in (LivePortrait(checkpoint, plain), LivePortrait(checkpoint, plain, dynamic_roi=True)):
        face = enrol_public(models, load_public(choice), portrait, None, choice, grant=grant).volume
        assert face.focus == (Focus() if choice.dynamic_roi else None)
        if choice.dynamic_roi:  # windows that are smaller than these small pictures
            face = replace(face, focus=Focus(sides=tuple((n, n) for n in range(2, 17, 2)), halo=2))
        motion = face.reference.repeat(5, 1)
        motion[:, INDEX["jawOpen"]] += torch.tensor([0.0, 0.15, 0.2, 0.1, 0.1])
        frames.append(torch.stack(list(render_face(face, motion))).float())
    assert frames[0].shape == frames[1].shape == (5, *portrait.photo.shape)
    assert torch.equal(frames[0][[0, 4]], frames[1][[0, 4]])
    assert (frames[0] - frames[1]).abs().mean() < 2
    assert not torch.equal(frames[0][1:4], frames[1][1:4])  # what lies between is not computed as a whole


def test_the_photos_own_vector_is_the_source(enrolled):
    """What the fit reads of the photo is not performed on top of the photo."""
    face = enrolled(Rules(stitch=False)).volume
    still, moved = face.keypoints(face.reference[None]), face.keypoints(performance(face.reference)[2:])
    torch.testing.assert_close(still, place(face.source), atol=1e-6, rtol=0)
    torch.testing.assert_close(still[0], face.volume.keypoints, atol=1e-6, rtol=0)
    assert (moved - still).abs().max() > 0.05


def test_stitching_is_the_checkpoints_own(enrolled):
    plain, fitted = (enrolled(Rules(stitch=stitch)).volume for stitch in (False, True))
    moved = plain.keypoints(performance(plain.reference))
    expected = fitted.stitching.stitch(place(fitted.source).expand_as(moved), moved)
    torch.testing.assert_close(fitted.keypoints(performance(plain.reference)), expected, atol=1e-6, rtol=0)


def test_rules_reach_the_keypoints(enrolled):
    face = enrolled(Rules(stitch=False, region="lips")).volume
    moved = face.keypoints(performance(face.reference))[2] - place(face.source)[0]
    others = [k for k in range(21) if k not in LIPS]
    assert moved[others].abs().max() < 1e-6
    assert moved[list(LIPS)].abs().max() > 0.02
    frozen = enrolled(Rules(multiplier=0.0)).volume
    torch.testing.assert_close(frozen.keypoints(performance(face.reference)), place(face.source).expand(3, -1, -1))


def test_a_square_of_head_and_shoulders(enrolled, tmp_path):
    avatar = enrolled(size=96)
    motion = MotionLatents(performance(avatar.identity.reference), Fraction(25), avatar.identity.reference)
    assert write_video(avatar.volume, motion, tmp_path / "a.mp4", None) == 3
    assert next(read_frames(tmp_path / "a.mp4"))[1].shape == (96, 96, 3)
    whole = enrolled()
    assert avatar.eye_distance == pytest.approx(whole.eye_distance * avatar.volume.shown.scale[0], rel=1e-3)
    assert float(avatar.volume.square.side[0]) == pytest.approx(
        float(whole.volume.square.side[0]) * avatar.volume.shown.scale[0], rel=1e-3
    )


# --- retargeting ------------------------------------------------------------------------------------------------------


def test_networks_that_say_nothing_retarget_nothing(checkpoint):
    """Eyes would stay open: what is handed over to the network is taken out of the motion."""
    path = checkpoint / f"{FILES['stitching']}.safetensors"
    tensors, _ = safetensors_io.load(path)
    muted = {name: x * (0 if name.startswith("retarget_eye") else 1) for name, x in tensors.items()}
    safetensors_io.save(path, muted, {})
    with pytest.raises(InputError, match="whose network for eyes says nothing; expected one that was trained"):
        load_public(LivePortrait(checkpoint, PLAIN, ("eyes",)))
    assert load_public(LivePortrait(checkpoint, PLAIN, ("lips",))).renderer is not None


def test_retargeted_eyes_are_closed_by_the_checkpoint(enrolled):
    """The lids' share of the bridge gives way to what the network answers; at rest it adds nothing, and the rest of
    the motion goes on."""
    plain, asked = enrolled(Rules(stitch=False)).volume, enrolled(Rules(stitch=False), ("eyes",)).volume
    motion = performance(plain.reference)
    torch.testing.assert_close(asked.keypoints(motion)[0], place(plain.source)[0], atol=1e-6, rtol=0)
    without = motion.clone()
    sides = [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]
    without[:, sides] = plain.reference[sides]
    own = plain.ratios[:2]
    wanted, reached = (openness.wanted("eyes", own.mean(), moves, plain.reference) for moves in (motion, without))
    assert wanted[0] == own.mean()
    assert wanted[2] < 0.4 * wanted[0]
    assert reached[2] == pytest.approx(float(own.mean()), abs=0.01)  # an open jaw moves lids hardly
    answers = [
        plain.stitching.eye_change(place(plain.source), torch.cat([own, ratio[None]])[None])
        for ratio in (wanted[2], reached[2])
    ]
    expected = plain.keypoints(without)[2] + (answers[0] - answers[1])[0]
    torch.testing.assert_close(asked.keypoints(motion)[2], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("part", "shut", "pressed"),
    [
        ("eyes", ("eyeBlink_L", "eyeBlink_R"), ("eyeSquint_L", "eyeSquint_R")),
        ("lips", (), ("mouthPress_L", "mouthPress_R")),
        ("lips", (), ("mouthRollLower", "mouthRollUpper")),
    ],
)
def test_what_presses_on_shut_lids_and_lips_opens_nothing(part, shut, pressed):
    """Past shut, the edges of the mean head cross; how far apart they are is no opening then."""
    motion = torch.zeros(6, 63)
    motion[:, [INDEX[name] for name in shut]] = 1.0
    motion[:, [INDEX[name] for name in pressed]] = torch.linspace(0, 1, 6)[:, None]
    assert not openness.openness(part, motion).any()
    reference = torch.zeros(63)
    reference[INDEX["jawOpen"]] = 0.1
    assert (openness.wanted(part, torch.tensor(0.2), motion, reference) < 0.02).all()


def test_a_wink_stays_a_wink():
    motion = torch.zeros(1, 63)
    motion[0, INDEX["eyeBlink_L"]] = 1.0
    left = openness.handed_over(motion, torch.zeros(63), ("eyes",))[0]
    assert (left[INDEX["eyeBlink_L"]], left[INDEX["eyeBlink_R"]]) == (0.5, -0.5)
    assert torch.equal(openness.handed_over(motion, torch.zeros(63), ()), motion)


def test_open_lips_and_eyes_have_larger_ratios():
    motion = torch.zeros(3, 63)
    motion[1, INDEX["jawOpen"]] = 0.5
    motion[2, [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = 1.0
    lips, eyes = openness.openness("lips", motion), openness.openness("eyes", motion)
    assert lips[1] > lips[0] + 0.2
    assert lips[2] == pytest.approx(float(lips[0]), abs=1e-5)
    assert lips[0] < 0.02
    assert eyes[2] < 0.25 * eyes[0]
    assert 0.2 < eyes[0] < 0.5


@pytest.mark.parametrize("own", [0.15, 0.3, 0.45])
def test_shut_eyes_are_shut_whatever_their_shape(own):
    """Eyes that are open wider than the mean head's close as far, and those that are half closed do not jump."""
    reference = torch.zeros(63)
    sides = [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]
    reference[sides] = 0.2
    motion = reference.repeat(11, 1)
    motion[:, sides] = torch.linspace(0, 1, 11)[:, None]
    ratios = openness.wanted("eyes", torch.tensor(own), motion, reference)
    assert ratios[2] == pytest.approx(own)
    assert ratios[10] < 0.05 * own
    steps = ratios.diff()
    assert (steps < 0).all()
    assert steps.abs().max() < 0.25 * own


def test_lips_that_meet_in_speech_meet_in_the_picture():
    """A photo with parted lips, of which the fit reads less than there is: /p b m/ still close them."""
    reference, motion = torch.zeros(63), torch.zeros(2, 63)
    reference[INDEX["jawOpen"]] = 0.1
    motion[1, INDEX["jawOpen"]] = 0.3
    shut, spoken = openness.wanted("lips", torch.tensor(0.2), motion, reference)
    still = openness.openness("lips", reference[None])
    assert shut < 0.03
    assert spoken == pytest.approx(float(0.2 + openness.openness("lips", motion[1:]) - still), abs=1e-6)


# --- what cannot be used ----------------------------------------------------------------------------------------------


def test_a_missing_file_is_named(checkpoint):
    (checkpoint / "warping_module.safetensors").unlink()
    with pytest.raises(InputError, match=r"checkpoint has no warping_module; expected warping_module\.safetensors"):
        load_public(LivePortrait(checkpoint))


def test_a_checkpoint_is_a_folder(checkpoint):
    with pytest.raises(InputError, match=r"nothing found at .*elsewhere; expected the folder of a LivePortrait"):
        load_public(LivePortrait(checkpoint.parent / "elsewhere"))
    with pytest.raises(InputError, match="a file found at"):
        load_public(LivePortrait(checkpoint / "warping_module.safetensors"))


def test_numbers_that_a_cpu_is_not_made_for(checkpoint):
    choice = LivePortrait(checkpoint, precision="float16")
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert precision_on(gpu, choice) == precision_on(gpu, LivePortrait(checkpoint)) == "float16"
    assert precision_on(cpu, LivePortrait(checkpoint)) == "float32"
    load_public(LivePortrait(checkpoint), "cpu")  # where a device is named and no precision, in this one
    with pytest.raises(InputError, match="precision float16 found without a GPU; expected float32 or bfloat16"):
        precision_on(cpu, choice)


def test_half_precision_that_makes_no_picture_gives_way(models, portrait, checkpoint, grant_for, monkeypatch, caplog):
    """Some cards make no numbers of it, which would be black; where it makes a picture, it stays."""
    grant = grant_for(portrait.photo, portrait.face.landmarks68)

    def frame(precision):
        choice = LivePortrait(checkpoint, precision=precision)
        face = enrol_public(models, load_public(choice), portrait, None, choice, grant=grant).volume
        (drawn,) = render_face(face, face.reference[None])
        return drawn.float(), {weight.dtype for weight in face.volume.renderer.generator.parameters()}

    expected, _ = frame("float32")
    half, kinds = frame("bfloat16")
    assert kinds == {torch.float32, torch.bfloat16}
    assert not caplog.records
    paint = SpadeGenerator.forward

    def overflows(self, features):
        narrow = any(weight.dtype is not torch.float32 for weight in self.parameters())
        return paint(self, features) * (float("nan") if narrow else 1.0)

    monkeypatch.setattr(SpadeGenerator, "forward", overflows)
    found, kinds = frame("bfloat16")
    assert kinds == {torch.float32}
    assert "half precision makes no picture on this device" in caplog.text
    assert (found - expected).abs().mean() <= (half - expected).abs().mean() < 2


def test_weights_that_overflowed_are_not_drawn_in_any_precision(models, portrait, checkpoint, grant_for):
    """Computing in float32 does not bring back what rounding took: a black picture would follow."""
    grant = grant_for(portrait.photo, portrait.face.landmarks68)

    choice = LivePortrait(checkpoint, precision="bfloat16")
    public = load_public(choice)
    weight = public.renderer.generator.rising[0].conv_0.weight
    assert weight.dtype is torch.bfloat16
    weight.data[0, 0, 0, 0] = float("inf")
    for _ in range(2):  # whoever tries again is told again
        with pytest.raises(InputError, match=r"no picture in half precision; expected --precision float32$"):
            enrol_public(models, public, portrait, None, choice, grant=grant)


def test_other_keypoints_are_refused(models, portrait, grant_for, tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILY, "liveportrait", small(5))
    write_random_checkpoint(tmp_path / "five", small(5), 3)
    choice, grant = LivePortrait(tmp_path / "five"), grant_for(portrait.photo, portrait.face.landmarks68)
    with pytest.raises(InputError, match="a renderer with 5 keypoints found; expected one with 21"):
        enrol_public(models, load_public(choice), portrait, None, choice, grant=grant)


def test_no_frame_without_consent(models, portrait, checkpoint, grant_for):
    grant, choice = grant_for(portrait.photo, portrait.face.landmarks68), LivePortrait(checkpoint)
    public = load_public(choice)
    other = replace(portrait, photo=255 - portrait.photo)
    with pytest.raises(ConsentRequired, match="another picture"):
        enrol_public(models, public, other, None, choice, grant=grant)
    with pytest.raises(ConsentRequired, match="was not made by the consent gate"):
        enrol_public(models, public, portrait, None, choice, grant=replace(grant, scope=("talking-head", "more")))


def test_networks_are_compiled_where_it_is_asked_for(checkpoint, monkeypatch):
    asked = []
    monkeypatch.setattr(Renderer, "compile_where_it_pays", lambda self, *, windows: asked.append((self, windows)))
    load_public(LivePortrait(checkpoint))
    assert asked == []
    for windows in (False, True):
        found = load_public(LivePortrait(checkpoint, compiled=True, dynamic_roi=windows)).renderer
        assert asked.pop() == (found, windows)
