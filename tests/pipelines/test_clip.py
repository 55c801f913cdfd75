"""From files to a file: what the report tells."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import Emotion, InputError
from neo_core.flow.guidance import Guidance
from neo_core.governance import ConsentRequired
from neo_core.pipelines import clip
from neo_core.pipelines.clip import _report
from neo_core.pipelines.full_body import FullBodySettings
from neo_core.pipelines.mini import MiniRenderer
from neo_core.pipelines.portrait import Portrait
from neo_core.pipelines.talking_head import Settings

VOLUME = SimpleNamespace(photo=torch.zeros(4, 6, 3), region=0.5)
AVATAR = SimpleNamespace(volume=VOLUME, eye_distance=3.0, noticed={"footage_seconds": 3.6})


def told(settings: Settings) -> dict:
    return json.loads(json.dumps(_report(Path("out.mp4"), 5, 0.2, settings, AVATAR, 0.0)))


def test_the_report_tells_everything_that_was_asked_for():
    guidance = Guidance(audio=1.5, identity=0.5, start=0.25, form="nested", interval=(0.1, 0.9))
    settings = Settings(guidance=guidance, emotion=Emotion("happy", 0.7), amplitudes=(("head", 0.8), ("jawOpen", 1.2)))
    report = told(settings)
    assert (report["emotion"], report["emotion_strength"]) == ("happy", 0.7)
    assert report["amplitudes"] == {"head": 0.8, "jawOpen": 1.2}
    asked = {"audio": 1.5, "identity": 0.5, "reference": 1, "start": 0.25, "end": 1, "form": "nested", "rescale": 0}
    assert report["guidance"] == asked | {"interval": [0.1, 0.9]}


def test_without_a_wish_the_report_says_so():
    report = told(Settings())
    assert (report["emotion"], report["emotion_strength"], report["amplitudes"]) == (None, None, {})
    assert (report["width"], report["height"]) == (6, 4)


def test_the_report_tells_what_was_noticed_of_footage():
    assert told(Settings())["footage_seconds"] == 3.6


@pytest.mark.parametrize(("name", "way"), [("me.mp4", "footage"), ("me.MOV", "footage"), ("me.png", "photo")])
def test_a_video_in_the_place_of_a_photo_is_enrolled_as_footage(monkeypatch, name, way):
    portrait, asked = Portrait(None, None), {}

    def authorised(_portrait, scope, source, face):
        asked.update(scope=scope, source=source, face=face)
        return "grant"

    def enrolled(kind):
        return lambda *_, grant, **__: SimpleNamespace(avatar=(kind, grant)) if kind == "footage" else (kind, grant)

    monkeypatch.setattr(clip, "inspect_for_enrolment", lambda path: path)
    monkeypatch.setattr(clip, "open_clip", lambda *_, **__: portrait)
    monkeypatch.setattr(clip, "open_portrait", lambda *_: portrait)
    monkeypatch.setattr(clip, "_permission", lambda p, scope, path, face: authorised(p, scope, path, face))
    monkeypatch.setattr(clip, "enrol_footage", enrolled("footage"))
    monkeypatch.setattr(clip, "enrol", enrolled("photo"))
    models = SimpleNamespace(analyser=None)
    assert clip.enrol_photo(models, Path(name), 2, None, use="reenactment") == (way, "grant")
    assert asked == {"scope": "reenactment", "source": Path(name), "face": 2}


@pytest.mark.parametrize("name", ["geometric", "mini"])
def test_footage_is_watched_aloud_and_widened_for_who_can_draw_it(monkeypatch, name):
    asked, told = {}, []

    def enrolled(*_, **options):
        asked.update(options)
        options["progress"](1, 2, None)
        return SimpleNamespace(avatar="avatar")

    monkeypatch.setattr(clip, "inspect_for_enrolment", lambda path: path)
    monkeypatch.setattr(clip, "open_clip", lambda *_, progress: progress(0, 1, None) or Portrait(None, None))
    monkeypatch.setattr(clip, "_permission", lambda *_: "grant")
    monkeypatch.setattr(clip, "enrol_footage", enrolled)
    monkeypatch.setattr(clip, "drawn_by", lambda avatar, mini: (avatar, mini))
    monkeypatch.setattr(MiniRenderer, "load", lambda _: "weights")

    def watching(done, total, _):
        told.append((done, total))

    drawn = MiniRenderer() if name == "mini" else None
    models = SimpleNamespace(analyser=None)
    avatar = clip.enrol_photo(models, Path("me.mp4"), None, None, drawn, watching=watching)
    assert avatar == (("avatar", "weights") if drawn else "avatar")
    assert asked["widen"] is (drawn is None)
    assert told == [(0, 1), (1, 2)]


@pytest.fixture
def full_body(monkeypatch):
    """A function: make a full body of this much that is missing, with this prompt -> what happened, in its order."""

    def run(prompt: str, consent: bool = True, missing: float | None = 0.2, yaw: float = 0.0) -> list[str]:
        happened = []

        def framed(*_):
            happened.append("framed")
            if missing is None:
                raise InputError("head and shoulders")
            return missing

        def permitted(*_):
            happened.append("asked")
            if not consent:
                raise ConsentRequired("no record")
            return "a grant"

        def performed(*_):
            happened.append("rendered")
            return 98

        def encoded(*_, grant):
            happened.append(f"encoded with {grant}")
            return anchor

        anchor = SimpleNamespace(missing=missing, picture=torch.zeros(2, 2, 3))
        monkeypatch.setattr(clip, "inspect_sound", lambda _: SimpleNamespace(seconds=98 / 25))
        monkeypatch.setattr(clip, "load_full_body", lambda *_: SimpleNamespace(analyser=None))
        monkeypatch.setattr(clip, "open_portrait", lambda *_: Portrait(None, SimpleNamespace(pose=(0, yaw, 0))))
        monkeypatch.setattr(clip, "missing_share", framed)
        monkeypatch.setattr(clip, "_permission", permitted)
        monkeypatch.setattr(clip, "encode_anchor", encoded)
        monkeypatch.setattr(clip, "perform_full_body", performed)
        files = (Path("me.png"), Path("a.wav"), Path("a.mp4"))
        chosen = {"progress": lambda *_: None, "remark": happened.append}
        try:
            report = clip.make_full_body(*files, prompt, FullBodySettings(), **chosen)
        except InputError as refusal:
            return [*happened, type(refusal).__name__]
        assert report["join_seconds"] == [frame / 25 for frame in report["joins"]]
        assert report["joins"]
        return happened

    return run


def test_a_picture_is_looked_at_before_consent_and_nothing_is_made_without_it(full_body):
    assert full_body("", missing=None) == ["framed", "InputError"], "nobody is asked about a picture that will not do"
    assert full_body("", consent=False) == ["framed", "asked", "ConsentRequired"]
    assert full_body("", missing=0.01) == ["framed", "asked", "encoded with a grant", "rendered"]


def test_what_could_be_better_is_told_before_anything_is_made(full_body):
    happened = full_body("word " * 30)
    assert happened[:2] == ["framed", "asked"]
    assert happened[2].startswith("20% of the picture lies beyond the photo")
    assert happened[3].startswith("the prompt takes 30 places")
    assert happened[4:] == ["encoded with a grant", "rendered"]
    assert full_body("word " * 24, missing=0.01) == ["framed", "asked", "encoded with a grant", "rendered"]
    assert full_body("", yaw=-20.0)[3].startswith("the head is turned by 20 degrees")
