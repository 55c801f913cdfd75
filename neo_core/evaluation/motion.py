"""What VOCAL's motion is like: still in silence, the same lips for every seed, nothing without its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from .. import motion_space
from ..audio.encoder import AudioEncoder, encode
from ..audio.loading import load_audio_encoder
from ..data_types import GEOMETRY_SIZE, STYLE_SIZE, AudioFeatures, Identity, Waveform
from ..flow.guidance import Guidance
from ..geometry.head_model import HeadModel, landmarks, load_head_model, shape
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import generate_motion

SILENT_SECONDS = 4
NEUTRAL = Guidance()
AUDIO_SLIDERS = (0.0, 0.5, 1.6, 2.0, 3.0)
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)  # of the Multi-PIE 68
INNER_UPPER, INNER_LOWER = (61, 62, 63), (67, 66, 65)


@dataclass(frozen=True)
class Performer:
    """The shipped audio encoder, VOCAL and head model, with an average speaker at rest."""

    encoder: AudioEncoder
    vocal: MotionGenerator
    head: HeadModel
    identity: Identity

    def perform(self, features: AudioFeatures, seed: int = 0, guidance: Guidance = NEUTRAL) -> Tensor:
        """Motion at 25 fps. [T, 63]"""
        return generate_motion(self.vocal, features, self.identity, seed=seed, guidance=guidance).motion


@cache
def shipped() -> Performer:
    identity = Identity(torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE), motion_space.rest())
    return Performer(load_audio_encoder(), load_vocal(), load_head_model(), identity)


def lip_gap(head: HeadModel, geometry: Tensor, motion: Tensor) -> Tensor:
    """Gap of the inner lips over the distance of the eye centres. `geometry` [60], `motion` [T, 63] -> [T]"""
    points = landmarks(head, shape(head, geometry.expand(len(motion), -1), motion[:, motion_space.EXPRESSION]))
    eyes = points[:, RIGHT_EYE].mean(1) - points[:, LEFT_EYE].mean(1)  # [T, 3]
    gap = (points[:, INNER_UPPER] - points[:, INNER_LOWER]).norm(dim=-1).mean(1)
    return gap / eyes.norm(dim=-1)


def silence(performer: Performer) -> dict[str, float]:
    """The mouth while nothing is heard, against the mouth at rest."""
    features = encode(performer.encoder, Waveform(torch.zeros(1, 16000 * SILENT_SECONDS), 16000))
    geometry, rest = performer.identity.geometry, performer.identity.reference[None]
    gap = lip_gap(performer.head, geometry, performer.perform(features))
    return {"mouth in silence": float(gap.quantile(0.95) - lip_gap(performer.head, geometry, rest)[0])}


def seeds(performer: Performer, speech: Waveform) -> dict[str, float]:
    """The same speech with two seeds: how far the heads differ, how well the lips agree."""
    features = encode(performer.encoder, speech)
    first, second = (performer.perform(features, seed) for seed in (1, 2))
    angles = [motion_space.INDEX[name] for name in ("pitch", "yaw", "roll")]
    gaps = torch.stack([lip_gap(performer.head, performer.identity.geometry, m) for m in (first, second)])
    return {
        "two seeds, heads": float((first - second)[:, angles].square().mean().sqrt()),
        "two seeds, lips": float(torch.corrcoef(gaps)[0, 1]),
    }


@dataclass(frozen=True)
class Mouth:
    """A mouth over a clip, against the same with every slider at 1."""

    wider: float  # change of how far it opens: 95th percentile of the lip gap, as a share
    agreement: float  # correlation of the lip gap over time


def mouths(performer: Performer, speech: Waveform, sliders: Sequence[float] = AUDIO_SLIDERS) -> dict[float, Mouth]:
    """What the guidance slider of the audio does to the mouth over a speech, the other two at 1."""
    features, geometry = encode(performer.encoder, speech), performer.identity.geometry

    def gap(audio: float) -> Tensor:
        return lip_gap(performer.head, geometry, performer.perform(features, guidance=Guidance(audio)))

    plain, found = gap(1.0), {}
    for slider in sliders:
        guided = gap(slider)
        wider = float(guided.quantile(0.95) / plain.quantile(0.95)) - 1
        found[slider] = Mouth(wider, float(torch.corrcoef(torch.stack([plain, guided]))[0, 1]))
    return found


def mouth_table(found: dict[float, Mouth]) -> str:
    """Markdown: the figures that the help page of the sliders tells of the bundled clip."""
    rows = [f"| {slider:g} | {mouth.wider:+.0%} | {mouth.agreement:.2f} |" for slider, mouth in found.items()]
    return "\n".join(["| audio slider | mouth opens | lip gap's correlation with slider 1 |", "|---|---|---|", *rows])


def zeroed(performer: Performer, speech: Waveform) -> dict[str, float]:
    """VOCAL with every weight at zero must leave the face still."""
    empty = load_vocal()
    with torch.no_grad():
        for parameter in empty.parameters():
            parameter.zero_()
    motion = generate_motion(empty, encode(performer.encoder, speech), performer.identity).motion
    return {"zeroed weights": float((motion - motion[:1]).abs().max())}
