"""Learn how a checkpoint's keypoints answer to our motion: the bundled people, moved by the geometric renderer, are
read by the checkpoint's own motion extractor (`pictar.volumetric.calibration`)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import Progress, silent
from ..governance import TALKING_HEAD, authorise, fingerprint
from ..pictar.geometric import render
from ..pictar.head_crop import HeadCrop, crop_head
from ..pictar.volumetric.calibration import Readings, explained, learn, probes, save_bridge
from ..pictar.volumetric.family import Renderer
from ..pictar.volumetric.lift import read_picture
from ..pictar.volumetric.motion_bridge import Bridge
from .live_portrait import LivePortrait, load_public
from .portrait import open_portrait
from .talking_head import Avatar, Models, enrol, load_models

SAMPLES = Path(__file__).parents[1] / "samples"
PEOPLE = ("portrait.jpg", "painting.jpg")
Draw = Callable[[Iterable[Tensor]], Iterator[Tensor]]
Read = Callable[[Tensor], Tensor]


def calibrate(folder: Path, progress: Progress = silent) -> dict:
    """Learn the bridge of a checkpoint and keep it in its folder; returns a report of plain values."""
    public = load_public(LivePortrait(folder), calibrated=False)
    models = load_models()
    seen: list[Readings] = []
    for number, name in enumerate(PEOPLE):
        avatar, landmarks68 = _enrolled(models, SAMPLES / name)
        seen.append(observe_avatar(avatar, landmarks68, public.renderer, number, _part(progress, number)))
    together = Readings(*(torch.cat([getattr(one, name) for one in seen]) for name in ("changes", "expression")))
    bridge = learn(together, public.bridge)
    report = {
        "probes": len(together.changes),
        "explained_by_sliders": round(explained(public.bridge, together), 4),
        "explained": round(explained(bridge, together), 4),
        "explained_of_others": round(_held_out(seen, public.bridge), 4),
    }
    return {"bridge": str(save_bridge(folder, bridge, {"people": list(PEOPLE), **report})), **report}


def observe_avatar(
    avatar: Avatar, landmarks68: Tensor, renderer: Renderer, seed: int, progress: Progress = silent
) -> Readings:
    """What a renderer's motion extractor sees of an avatar at each probe; `landmarks68` [68, 2] in its frames."""
    square = crop_head(avatar.volume.photo, landmarks68, renderer.config.side)

    def read(frame: Tensor) -> Tensor:
        crop = HeadCrop(frame, square.square, square.size)
        return read_expression(renderer, read_picture(crop.image, renderer.config.appearance.side))

    return observe(avatar.identity.reference, lambda vectors: render(avatar.volume, vectors), read, seed, progress)


@torch.no_grad()
def read_expression(renderer: Renderer, picture: Tensor) -> Tensor:
    """The expression that a motion extractor, wherever it lives, reads of a picture [1, 3, S, S]. [K, 3]"""
    device = next(renderer.motion.parameters()).device
    return renderer.motion(picture.to(device)).expression[0].cpu().float()


def observe(reference: Tensor, draw: Draw, read: Read, seed: int, progress: Progress = silent) -> Readings:
    """Readings of frames drawn at probes around a vector [63], against what is read at that vector itself."""
    vectors = probes(reference, seed)
    answers = []
    for frame in draw([reference, *vectors]):
        progress(len(answers), len(vectors) + 1, frame)
        answers.append(read(frame))
    progress(len(answers), len(answers), None)
    expression = torch.stack(answers)
    return Readings(vectors - reference, expression[1:] - expression[:1])


def _held_out(seen: list[Readings], prior: Bridge) -> float:
    """How well people are told by what was learnt from the others, on average."""
    shares = [explained(learn(other, prior), one) for one, other in zip(seen, reversed(seen), strict=True)]
    return sum(shares) / len(shares)


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
