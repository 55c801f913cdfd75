"""The bench of the talking head: photo and speech in, video out, measured as its users meet it.

`media` is a folder of portraits, negatives and landmarks to judge with, `assets` the training assets (for the speech of
held-out speakers), `judge` the command that scores lip sync. None of them ships with NEO.
"""

import json
import logging
import statistics
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path

import torch

from ..media.image import write_image
from ..media.video import read_frames
from ..pipelines.talking_head import load_models
from ..timebase import MOTION_RATE
from ..weights.manifest import read_manifest
from .bad_input import STATED, cases, crashes, crowd_of, cut_off, failures
from .bench import CouldNotRun
from .command import Finished, must, neo
from .contact_sheet import contact_sheet
from .lip_sync import Speech, held_out_speech, in_time, judge_video, summarise
from .region import differences, lifted
from .sounds import first_part, looped, moved, silence

SAMPLES = Path(__file__).parents[1] / "samples"
SIZE = 512
MIN_EYE_DISTANCE = 80  # pixels in the output: below, the judge's mouth figures are rough
CLIPS_PER_SPEAKER = 3
SHIFTS = (0, -8, -4, 4, 8)  # frames of 40 ms
SHORTEST = 3 / MOTION_RATE  # seconds of sound: fewer frames are refused
# The MediaPipe points that stand for points 17..67 of the Multi-PIE 68 (brows, nose, eyes, lips).
BROWS = (71, 63, 105, 66, 107, 336, 296, 334, 293, 301)
NOSE = (168, 197, 5, 4, 75, 97, 2, 326, 305)
EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87)
MEDIAPIPE_OF_INNER = (*BROWS, *NOSE, *EYES, *LIPS)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """One rendered clip: who is seen, who is heard, what it cost."""

    portrait: Path
    speech: Speech
    video: Path
    finished: Finished


@dataclass(frozen=True)
class Studio:
    """Where a bench finds its material and puts its work."""

    media: Path
    assets: Path
    judge: str
    work: Path

    @property
    def home(self) -> Path:
        return self.work / "home"

    @cached_property
    def portraits(self) -> list[Path]:
        found = sorted((self.media / "portraits").glob("*.*"))
        if not found:
            raise CouldNotRun(f"{self.media / 'portraits'} holds no pictures; expected the shared portraits")
        return found

    @cached_property
    def inspected(self) -> dict[str, list[dict]]:
        """File name -> faces, for portraits and negatives."""
        pictures = [*self.portraits, *sorted((self.media / "negatives").glob("*.*"))]
        return {p.name: must(neo("inspect", p, "--json", home=self.home)).json()["faces"] for p in pictures}

    @cached_property
    def consented(self) -> list[Path]:
        """Portraits with a face, each with a consent record in the bench's own ledger."""
        seen = [p for p in self.portraits if self.inspected[p.name]]
        for p in seen:
            neo_consent(p, self.home)
        return seen

    @cached_property
    def near(self) -> list[Path]:
        """Of those, the portraits whose faces are large enough in the output to be judged."""
        return [p for p in self.consented if eye_distance(p, self) >= MIN_EYE_DISTANCE]

    @cached_property
    def clips(self) -> list[Clip]:
        """Held-out speech on shared portraits, rendered by the command line."""
        speakers = tuple(read_manifest()["vocal.safetensors"]["held_out"]["librispeech_speakers"])
        speech = held_out_speech(self.assets, speakers)
        chosen = [s for speaker in speakers for s in [x for x in speech if x.speaker == speaker][:CLIPS_PER_SPEAKER]]
        if not chosen or not self.near:
            raise CouldNotRun(
                f"found {len(chosen)} held-out clips and {len(self.near)} portraits; expected some of each"
            )
        return [self.render(portrait, s, k) for k, (portrait, s) in enumerate(zip(cycle(self.near), chosen))]

    def render(self, portrait: Path, speech: Speech, number: int) -> Clip:
        video = self.work / f"clip_{number:02d}_{portrait.stem}_{speech.path.stem}.mp4"
        finished = must(neo("animate", portrait, speech.path, "-o", video, "--size", SIZE, "--json", home=self.home))
        log.info("%s: %.1f x real time", video.name, finished.seconds / speech.seconds)
        return Clip(portrait, speech, video, finished)


def neo_consent(portrait: Path, home: Path) -> None:
    """Record, in the bench's own ledger, that whoever runs it may use this picture for measuring."""
    must(neo("consent", "add", portrait, *STATED, home=home))


def eye_distance(portrait: Path, studio: Studio) -> float:
    """Distance of the eye centres in the output, from a one-second trial."""
    trial = studio.work / f"trial_{portrait.stem}.mp4"
    sound = silence(studio.work / "silence.wav", 1)
    report = must(neo("animate", portrait, sound, "-o", trial, "--size", SIZE, "--json", home=studio.home)).json()
    return report["eye_distance"]


def faces(studio: Studio) -> dict[str, float]:
    """How many portraits and negatives the analysis finds a human face in."""
    portraits = {p.name for p in studio.portraits}
    return {
        "portraits with a face": sum(bool(f) for n, f in studio.inspected.items() if n in portraits),
        "negatives with a face": sum(bool(f) for n, f in studio.inspected.items() if n not in portraits),
    }


def landmarks(studio: Studio) -> dict[str, float]:
    """Distance of the 51 inner points to the reference, over the eye distance, mean over portraits."""
    reference = json.loads((studio.media / "landmarks.json").read_text())
    errors = []
    for portrait in studio.portraits:
        points = torch.tensor(reference["images"][portrait.name]["landmarks"])[:, :2]
        found = studio.inspected[portrait.name]
        if not found:
            raise CouldNotRun(f"no face in {portrait.name}, so its landmarks have no error")
        errors.append(inner_error(torch.tensor(found[0]["landmarks68"]), points))
        log.info("%s: landmark error %.4f", portrait.name, errors[-1])
    return {"landmark error": statistics.fmean(errors)}


def inner_error(found: torch.Tensor, reference: torch.Tensor) -> float:
    """`found` [68, 2], `reference` [478, 2] pixels -> mean distance over the distance of the eye centres."""
    expected = reference[list(MEDIAPIPE_OF_INNER)]  # [51, 2]
    right, left = expected[19:25].mean(0), expected[25:31].mean(0)
    return float((found[17:] - expected).norm(dim=1).mean() / (left - right).norm())


def region(studio: Studio) -> dict[str, float]:
    """What changes outside the region that may move, and how large that region is."""
    models = load_models()
    seen = [p for p in studio.portraits if studio.inspected[p.name]]
    volumes = [lifted(models, p, studio.home, SIZE) for p in seen]
    changes = [differences(volume) for volume in volumes]
    if not all(change["moved"] for change in changes):
        raise CouldNotRun("a portrait did not move at all, so nothing was tested")
    return {
        "pixels outside the moving region": max(change["outside"] for change in changes),
        "outermost row and column": max(change["rim"] for change in changes),
        "moving region": max(volume.region for volume in volumes),
    }


def lip_sync(studio: Studio) -> dict[str, float]:
    """The judge's medians; the wrong sound of a clip is that of the next clip by another speaker."""
    if not studio.judge:
        raise CouldNotRun("no judge was named; expected --lipcheck CMD")
    clips = studio.clips
    right = [judge_video(studio.judge, c.video, c.speech.text, photo=c.portrait) for c in clips]
    other = [
        next(o.speech for o in clips[k:] + clips if o.speech.speaker != c.speech.speaker) for k, c in enumerate(clips)
    ]
    pairs = zip(clips, other, strict=True)
    wrong = [judge_video(studio.judge, c.video, o.text, audio=o.path) for c, o in pairs]
    write_image(studio.work / "clips.jpg", contact_sheet([c.video for c in clips]))
    (studio.work / "judged.json").write_text(
        json.dumps(
            [{"video": c.video.name, "right": r, "wrong": w} for c, r, w in zip(clips, right, wrong, strict=True)]
        )
    )
    return summarise(right, wrong)


def languages(studio: Studio) -> dict[str, float]:
    """Sounds of other languages (`speech/LANGUAGE_NAME.flac`): are the lips in time with each?"""
    if not studio.judge:
        raise CouldNotRun("no judge was named; expected --lipcheck CMD")
    sounds = [p for p in sorted((studio.media / "speech").glob("*.flac")) if not p.name.startswith("en_")]
    if not sounds:
        raise CouldNotRun(f"{studio.media / 'speech'} holds no sounds of other languages")
    met = [is_in_time(studio, portrait, sound) for portrait, sound in zip(cycle(studio.near), sounds)]
    return {
        "other languages": statistics.fmean(met),
        "languages judged": len({sound.name.partition("_")[0] for sound in sounds}),
    }


def is_in_time(studio: Studio, portrait: Path, sound: Path) -> bool:
    """Whether lips that speak a sound fit it better as heard than moved by 4 or 8 frames."""
    video = studio.work / f"language_{sound.stem}.mp4"
    must(neo("animate", portrait, sound, "-o", video, "--size", SIZE, home=studio.home))
    scores = {}
    for shift in SHIFTS:
        heard = moved(sound, shift / MOTION_RATE, studio.work / f"{sound.stem}_{shift:+d}.wav")
        scores[shift] = judge_video(studio.judge, video, audio=heard)["sync"]["spectral"]["corr0"]
    log.info("%s: %s", sound.name, ", ".join(f"{shift:+d} {score:.2f}" for shift, score in scores.items()))
    return in_time(scores)


def cost(studio: Studio) -> dict[str, float]:
    """Wall time over the length of the sound."""
    return {"time": statistics.median(c.finished.seconds / c.speech.seconds for c in studio.clips)}


def first_frame(studio: Studio) -> dict[str, float]:
    """Wall time of the whole command for a sound of three frames."""
    portrait, video = studio.consented[0], studio.work / "first_frame.mp4"
    sound = first_part(SAMPLES / "speech.flac", SHORTEST, studio.work / "first_frame.wav")
    runs = [must(neo("animate", portrait, sound, "-o", video, "--size", SIZE, home=studio.home)) for _ in range(3)]
    return {"start to first frame": statistics.median(run.seconds for run in runs)}


def memory(studio: Studio) -> dict[str, float]:
    """Peak resident memory for 10 seconds and for 10 minutes of sound."""
    portrait = studio.consented[0]
    peaks = {}
    for seconds in (10, 600):
        sound = looped(SAMPLES / "speech.flac", seconds, studio.work / f"speech_{seconds}.wav")
        video = studio.work / f"memory_{seconds}.mp4"
        peaks[seconds] = must(neo("animate", portrait, sound, "-o", video, "--size", SIZE, home=studio.home)).peak_gb
    return {"peak memory": max(peaks.values()), "peak memory, 10 min over 10 s": peaks[600] / peaks[10]}


def same_seed(studio: Studio) -> dict[str, float]:
    """Frames that differ between two runs with one seed."""
    portrait, sound = studio.consented[0], looped(SAMPLES / "speech.flac", 3, studio.work / "speech_3.wav")
    videos = [studio.work / f"seed_{k}.mp4" for k in range(2)]
    for video in videos:
        must(neo("animate", portrait, sound, "-o", video, "--size", SIZE, "--seed", 7, home=studio.home))
    pairs = zip(read_frames(videos[0]), read_frames(videos[1]), strict=True)
    return {"same seed": sum(not torch.equal(a, b) for (_, a), (_, b) in pairs)}


def bad_input(studio: Studio) -> dict[str, float]:
    """Inputs that cannot work and were not refused as they must be."""
    folder = studio.work / "bad"
    folder.mkdir(parents=True, exist_ok=True)
    portrait = SAMPLES / "portrait.jpg"
    animals = sorted((studio.media / "negatives").glob("*.*"))
    if not animals:
        raise CouldNotRun(f"{studio.media / 'negatives'} holds no pictures")
    table = cases(folder, portrait, SAMPLES / "speech.flac", animals[0], crowd_of(portrait, folder / "crowd.png"))
    good = neo("animate", portrait, SAMPLES / "speech.flac", "-o", folder / "good.mp4", "--size", 128, home=studio.home)
    must(good)  # what is refused below must be refused for its fault, not because nothing works
    moment = first_part(SAMPLES / "speech.flac", 0.4, folder / "moment.wav")
    wrong = failures(table, studio.home) | crashes(cut_off(portrait, folder), moment, studio.home)
    for name, reason in wrong.items():
        log.warning("bad input, %s: %s", name, reason)
    return {"bad input": len(wrong)}
