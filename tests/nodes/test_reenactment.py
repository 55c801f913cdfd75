"""A driving video moves a portrait whose consent allows it, read by us or by the checkpoint that draws."""

from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch


@pytest.fixture(scope="module")
def once():
    """What takes long to make and never changes, by name."""
    return {}


@pytest.fixture
def volume(run_node, once):
    """The bundled portrait, which may be re-enacted."""
    (models,) = run_node("NEO_LoadModels").result
    if "volume" not in once:
        (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
        (consent,) = run_node("NEO_Consent", photo=photo, use="reenactment").result
        enrolled = run_node("NEO_EnrolFromPhoto", models=models, photo=photo, consent=consent, size=128)
        once["volume"] = enrolled.result[1]
    return models, once["volume"]


@pytest.fixture
def driving(pack, volume, loaded, once, tmp_path_factory):
    """A VIDEO of that very portrait turning its head, blank in one frame."""
    if "driving" not in once:
        head = volume[1]
        motion = head.reference.repeat(5, 1)
        motion[:, pack("neo_core.motion_space").INDEX["yaw"]] = torch.arange(5) * 3.0
        once["driving"] = tmp_path_factory.mktemp("driving") / "driving.mp4"
        with pack("neo_core.media.video").VideoWriter(once["driving"], (128, 128), Fraction(25), None) as writer:
            for number, frame in enumerate(pack("neo_core.pictar.geometric").render(head, motion)):
                writer.write(frame if number != 3 else torch.full_like(frame, 100))
    return loaded.host("comfy_api.v0_0_2").InputImpl.VideoFromFile(str(once["driving"]))


def test_a_video_moves_a_portrait(run_node, volume, driving, pack, monkeypatch):
    models, head = volume
    whole = type(driving).get_components
    monkeypatch.setattr(type(driving), "get_components", lambda _: pytest.fail("took all frames into memory"))
    motion, audio, report = run_node("NEO_MotionFromVideo", models=models, volume=head, video=driving).result
    assert audio is None
    assert report == "5 frames at 25 fps\nno face in frame 3: held"
    yaw = motion.motion[:, pack("neo_core.motion_space").INDEX["yaw"]]
    assert yaw[2] - yaw[0] > 3
    assert yaw[1].abs() < 1  # as the head is usually seen
    first = run_node("NEO_MotionFromVideo", models=models, volume=head, video=driving, anchor="first").result[0]
    assert first.motion[0, pack("neo_core.motion_space").INDEX["yaw"]].abs() < 0.5
    monkeypatch.setattr(type(driving), "get_components", whole)
    (video,) = run_node("NEO_Render", volume=head, motion=motion).result
    assert video.get_frame_count() == 5


@pytest.fixture
def speaker(volume, pack):
    """The same portrait, which may speak and nothing else."""
    grant, gate = volume[1].grant, pack("neo_core.governance.gate")
    grant = replace(grant, scope=("talking-head",))
    return replace(volume[1], grant=replace(grant, seal=gate._seal(grant)))


def test_who_may_only_speak_is_moved_by_no_video(run_node, volume, speaker, driving, pack):
    with pytest.raises(Exception, match="covers talking-head; expected reenactment"):
        run_node("NEO_MotionFromVideo", models=volume[0], volume=speaker, video=driving)
    motion = pack("neo_core.data_types").MotionLatents(speaker.reference[None], Fraction(25), use="reenactment")
    (edited,) = run_node("NEO_EditExpression", motion=motion, keyframes="", preset="happy").result
    for node in ("NEO_Render", "NEO_Deform"):
        with pytest.raises(Exception, match="covers talking-head; expected reenactment"):
            run_node(node, volume=speaker, motion=edited)
        run_node(node, volume=speaker, motion=replace(edited, use="talking-head"))


def test_without_consent_to_it_nothing_moves(run_node, driving, volume):
    models = volume[0]
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    with pytest.raises(Exception, match="no consent record covers"):
        run_node("NEO_Consent", photo=0.9 * photo.flip(2), use="reenactment")
    with pytest.raises(Exception, match="input volume holds str"):
        run_node("NEO_MotionFromVideo", models=models, volume="me", video=driving)


@pytest.mark.parametrize(
    ("name", "value"), [("move", "nose"), ("relation", "other"), ("lost", "skip"), ("face", 99), ("anchor", "x")]
)
def test_what_it_refuses(run_node, volume, driving, name, value):
    models, head = volume
    with pytest.raises(Exception, match=name):
        run_node("NEO_MotionFromVideo", models=models, volume=head, video=driving, **{name: value})


@pytest.fixture
def short(pack, loaded, tmp_path):
    """A VIDEO of four frames that nobody has to see anybody in."""
    with pack("neo_core.media.video").VideoWriter(tmp_path / "short.mp4", (32, 32), Fraction(30), None) as writer:
        for _ in range(4):
            writer.write(torch.zeros(32, 32, 3, dtype=torch.uint8))
    return loaded.host("comfy_api.v0_0_2").InputImpl.VideoFromFile(str(tmp_path / "short.mp4"))


@pytest.fixture
def star(pack, monkeypatch):
    """What stands for a portrait that a checkpoint draws: `asked` is what its video was asked with, `uses` what of its
    grant."""
    module, video = pack("nodes.reenactment"), pack("neo_core.media.video")
    lost = pack("neo_core.pictar.lost_faces").Lost
    star = SimpleNamespace(asked=[], uses=[], reference=torch.zeros(63))
    star.grant = SimpleNamespace(require=star.uses.append)

    def imitate(_, face, footage, path, choose, *, lost_faces=lost, progress, kept, **wishes):
        star.asked.append((face, footage.frames, choose.keywords["number"], wishes))
        with video.VideoWriter(path, (32, 32), footage.fps, None) as writer:
            for _ in range(footage.frames):
                writer.write(torch.zeros(32, 32, 3, dtype=torch.uint8))
                progress(writer.frames, footage.frames, None)
        kept.append(torch.ones(footage.frames, 63))
        return [lost_faces(1, 2, "held")]

    monkeypatch.setattr(module, "imitate", imitate)
    monkeypatch.setattr(module, "movable", lambda volume: volume)
    monkeypatch.setattr(module, "on_device", lambda _: nullcontext("engine"))
    return star


def test_the_checkpoint_reads_the_video_itself(run_node, star, short):
    given = {"models": None, "volume": star, "video": short}
    wishes = {"lost": "pass", "face": 2, "anchor": "first"}
    video, motion, report = run_node("NEO_ReenactByCheckpoint", **given, **wishes).result
    assert star.asked == [(star, 4, 2, {"lost": "pass", "anchor": "first"})]
    assert (video.get_frame_count(), motion.motion.shape, motion.use) == (4, (4, 63), "reenactment")
    assert report == "4 frames at 30 fps\nno face in frames 1 to 2: held"
    video.get_components()
    assert set(star.uses) == {"reenactment"}  # asked again when the video is opened
    run_node("NEO_ReenactByCheckpoint", **given)
    assert star.asked[1][2:] == (None, {"lost": "hold", "anchor": "quiet"})


@pytest.mark.parametrize(("name", "value"), [("lost", "skip"), ("face", 99), ("anchor", "x")])
def test_what_it_refuses_to_be_asked(run_node, star, short, name, value):
    with pytest.raises(Exception, match=name):
        run_node("NEO_ReenactByCheckpoint", models=None, volume=star, video=short, **{name: value})
    assert star.asked == []
