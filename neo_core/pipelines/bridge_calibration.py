"""Learn how a checkpoint's keypoints answer to our motion: the bundled people, moved by the geometric renderer, are
read by the checkpoint's own motion extractor (`pictar.volumetric.calibration`)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ..data_types import Progress, silent
from ..governance import TALKING_HEAD, authorise, fingerprint
from ..media.destination import check_writable
from ..pictar.geometric import render
from ..pictar.head_crop import HeadCrop, crop_head
from ..pictar.volumetric.calibration import (
    FILE,
    Readings,
    Turns,
    explained,
    explained_turns,
    learn,
    learn_turns,
    probes,
    save_bridge,
    turned,
)
from ..pictar.volumetric.driven_face import NEAR, on_cpu
from ..pictar.volumetric.driving import Driving, driving_of
from ..pictar.volumetric.family import Renderer
from ..pictar.volumetric.lift import read_picture
from ..pictar.volumetric.motion_bridge import ANGLES, Bridge, Sight, beyond_geometry, look_at, slider_bridge
from .live_portrait import LivePortrait, load_public
from .portrait import open_portrait
from .talking_head import Avatar, Models, enrol, load_models

SAMPLES = Path(__file__).parents[1] / "samples"
PEOPLE = ("portrait.jpg", "painting.jpg")
Parts = TypeVar("Parts")
Draw = Callable[[Iterable[Tensor]], Iterator[Tensor]]
Read = Callable[[Tensor], Driving]
See = Callable[[Tensor], Sight]  # from where the renderer finds the face, [2]


@dataclass(frozen=True)
class Seen:
    """One person, read."""

    readings: Readings
    turns: Turns


def calibrate(folder: Path, progress: Progress = silent) -> dict:
    """Learn the bridge of a checkpoint and keep it in its folder, where it tells people better that it was not learnt
    from; returns a report of plain values."""
    public = load_public(LivePortrait(folder), calibrated=False)
    _writable(folder)
    return learn_bridge(load_models(), public.renderer, folder, progress)[1]


def learn_bridge(
    models: Models, renderer: Renderer, folder: Path, progress: Progress = silent
) -> tuple[Bridge, dict[str, object]]:
    """The same for the checkpoint in a folder whose networks are there already; returns the bridge, too."""
    path = _writable(folder)
    seen: list[Seen] = []
    for number, name in enumerate(PEOPLE):
        avatar, landmarks68 = _enrolled(models, SAMPLES / name)
        seen.append(observe_avatar(avatar, landmarks68, renderer, number, _part(progress, number)))
    bridge, report = settled(seen, slider_bridge())
    if bridge.calibrated:
        save_bridge(folder, bridge, {"people": list(PEOPLE), **report})
    return bridge, {"bridge": str(path) if path.exists() else None, **report}  # perhaps one of before


def summary(report: dict) -> str:
    """For people: what counts is how well those are told who were not learnt from."""
    shares = (report[name] for name in ("explained_of_others", "sliders_of_others", "turns_of_others"))
    learnt, sliders, turns = (f"{round(share, 2) + 0:.0%}" for share in shares)
    lines = [
        f"{report['probes']} readings; of people that were not learnt from,",
        f"  expression: {learnt} explained, {sliders} by the published sliders",
        f"  turns: {turns} explained of what geometry leaves over",
    ]
    kept = f"{report['bridge']}: {' and '.join(report['learnt'])}"
    if not report["learnt"]:
        kept = "nothing was written: it tells them no better than what is published"
        kept += f"; remove {report['bridge']}, made before, to use that" if report["bridge"] else ""
    return "\n".join([*lines, kept])


def _writable(folder: Path) -> Path:
    """Where the bridge of a checkpoint is kept. Raises InputError where it cannot be."""
    return check_writable(folder / FILE, (Path(FILE).suffix,))


def settled(seen: list[Seen], prior: Bridge) -> tuple[Bridge, dict]:
    """The bridge to use, and how well it tells the readings: what is learnt from some people has to tell the others
    better than sliders and geometry do, and better than nothing, or these stay."""
    readings, turns = _joined(Readings, [one.readings for one in seen]), _joined(Turns, [one.turns for one in seen])
    learnt, found = learn(readings, prior), learn_turns(turns)
    held = [(one, [other for other in seen if other is not one]) for one in seen]
    report = {
        "probes": len(readings.changes) + len(turns.angles),
        "explained_by_sliders": explained(prior, readings),
        "explained": explained(learnt, readings),
        "sliders_of_others": _mean(explained(prior, one.readings) for one in seen),
        "explained_of_others": _mean(
            explained(learn(_joined(Readings, [x.readings for x in others]), prior), one.readings)
            for one, others in held
        ),
        "turns_of_others": _mean(
            explained_turns(learn_turns(_joined(Turns, [x.turns for x in others])), one.turns) for one, others in held
        ),
    }
    kept = {
        "expression": report["explained_of_others"] > max(0.0, report["sliders_of_others"]),
        "turns": found is not None and report["turns_of_others"] > 0,
    }
    bridge = replace(learnt if kept["expression"] else prior, calibrated=any(kept.values()))
    bridge = replace(bridge, turns=found) if kept["turns"] else bridge
    told = {name: round(value, 4) if isinstance(value, float) else value for name, value in report.items()}
    return bridge, {**told, "learnt": [name for name, better in kept.items() if better]}


def observe_avatar(
    avatar: Avatar, landmarks68: Tensor, renderer: Renderer, seed: int, progress: Progress = silent
) -> Seen:
    """What a renderer's motion extractor sees of an avatar at each probe; `landmarks68` [68, 2] in its frames."""
    square, bust = crop_head(avatar.volume.photo, landmarks68, renderer.config.side), avatar.volume.bust

    def read(frame: Tensor) -> Driving:
        crop = HeadCrop(frame, square.square, square.size)
        return read_driving(renderer, read_picture(crop.image, renderer.config.appearance.side))

    def see(place: Tensor) -> Sight:
        return look_at(bust.camera, square.to_square, place, NEAR @ bust.model.eye_center, bust.model.pivot)

    return observe(avatar.identity.reference, see, lambda x: render(avatar.volume, x), read, seed, progress)


@torch.no_grad()
def read_driving(renderer: Renderer, picture: Tensor) -> Driving:
    """What a motion extractor, wherever it lives, reads of a picture [1, 3, S, S]."""
    device = next(renderer.motion.parameters()).device
    return driving_of(on_cpu(renderer.motion(picture.to(device))))


def observe(reference: Tensor, see: See, draw: Draw, read: Read, seed: int, progress: Progress = silent) -> Seen:
    """Readings of frames drawn at probes around a vector [63], against what is read at that vector itself."""
    moves, turns = probes(reference, seed), turned(reference)
    vectors = torch.cat([reference[None], moves, turns])
    answers: list[Driving] = []
    for frame in draw(vectors):
        progress(len(answers), len(vectors), frame)
        answers.append(read(frame))
    progress(len(answers), len(vectors), None)
    seen = _joined(Driving, answers)
    rest, speaking, aside = seen[:1], seen[1 : 1 + len(moves)], seen[1 + len(moves) :]
    beyond = beyond_geometry(see(rest.translation[0, :2]), turns, aside, rest)
    return Seen(Readings(moves - reference, speaking.expression - rest.expression), Turns(turns[:, ANGLES], beyond))


def _joined(kind: type[Parts], several: list[Parts]) -> Parts:
    """Dataclasses of tensors, end to end."""
    return kind(*(torch.cat([getattr(one, field.name) for one in several]) for field in fields(kind)))


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def _enrolled(models: Models, path: Path) -> tuple[Avatar, Tensor]:
    """A bundled person, in the geometric renderer, with the landmarks in its frames."""
    portrait = open_portrait(models.analyser, path)
    landmarks68 = portrait.face.landmarks68
    grant = authorise(fingerprint(portrait.photo, landmarks68), TALKING_HEAD, source=str(path))
    avatar = enrol(models, portrait, None, grant=grant)
    return avatar, landmarks68


def _part(progress: Progress, number: int) -> Progress:
    """Progress of one of all people."""
    return lambda done, total, frame: progress(number * total + done, len(PEOPLE) * total, frame)
