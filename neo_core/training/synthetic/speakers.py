"""Synthetic speakers: the shape of a head and sixteen habits, each about N(0, 1), zero being the average speaker.

What a habit at +1 does (all effects are monotone):

    jaw_range         the jaw opens 17 % wider
    lip_spread        spread vowels pull the corners 22 % further
    lip_rounding      rounded sounds pucker 17 % more
    closure_firmness  lips press harder on /p b m/ and roll in
    mouth_asymmetry   the left side moves more, the right side less
    smile_rest        the mouth rests, and speaks, with a smile (-1: none)
    blink_rate        blinks 82 % more often
    gaze_wander       looks away from the camera more often and further
    nod_gain          nods 57 % deeper on accents, and follows the melody more
    sway_range        the head travels 49 % further between and within phrases
    tilt_bias         the head leans to the speaker's right by one degree
    brow_gain         brows rise 57 % more with the melody and on accents, and more often
    tempo_lag         slower articulators: softer, smaller, more blended movements
    emphasis_gain     loud and stressed sounds open wider against the quiet ones
    squint_rest       eyes rest narrower
    upper_lip         the upper lip lifts 25 % more and shows the teeth
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...data_types import GEOMETRY_SIZE, STYLE_SIZE
from ...motion_space import GAZE, INDEX, rest
from ...vocal.habits import STYLE_NAMES

LIMIT = 2.2  # habits and shapes beyond this are drawn back: caricatures teach nothing


@dataclass(frozen=True)
class Speaker:
    """Who performs: the head (geometry) and the habits (style). Neither says anything about texture."""

    geometry: Tensor  # [60] identity coefficients of the head model
    style: Tensor  # [16] in the order of STYLE_NAMES

    def habit(self, name: str) -> float:
        """One habit by name, about -2..2."""
        return float(self.style[STYLE_NAMES.index(name)])


def sample_speaker(seed: int) -> Speaker:
    """A random speaker. Same seed, same speaker, on every machine."""
    rng = np.random.default_rng([seed, 0x5EA])
    draw = np.clip(rng.normal(size=GEOMETRY_SIZE + STYLE_SIZE), -LIMIT, LIMIT).astype(np.float32)
    return Speaker(torch.from_numpy(draw[:GEOMETRY_SIZE]), torch.from_numpy(draw[GEOMETRY_SIZE:]))


def sample_reference(seed: int) -> Tensor:
    """The portrait's motion vector as a fit would give it: mostly neutral, some smiles, some parted lips. [63]

    The pose is zero by definition (pose is relative to the photo). The gaze is where the eyes look in the photo.
    """
    rng = np.random.default_rng([seed, 0xFACE])
    reference = rest().double().numpy()
    _add_fit_noise(reference, rng)
    mood = rng.uniform()
    if mood < 0.35:
        _add_smile(reference, rng)
    elif mood < 0.45:
        _add_frown(reference, rng)
    if rng.uniform() < 0.2:
        _add_parted_lips(reference, rng)
    _add_eyes(reference, rng)
    return torch.from_numpy(reference).float()


def _raise(reference: np.ndarray, name: str, amount: float) -> None:
    """Add to a channel, or to both sides of it, within 0..1."""
    for side in [name] if name in INDEX else [f"{name}_L", f"{name}_R"]:
        reference[INDEX[side]] = np.clip(reference[INDEX[side]] + amount, 0, 1)


def _add_fit_noise(reference: np.ndarray, rng: np.random.Generator) -> None:
    """A fit uses a few coefficients that a person would call neutral, and is never quite symmetric."""
    noisy = [k for name, k in INDEX.items() if k < 53 and not name.startswith(("eyeLook", "eyeBlink", "jaw", "cheekP"))]
    used = rng.uniform(size=len(noisy)) < rng.uniform(0.05, 0.5)
    reference[noisy] = used * np.abs(rng.normal(0.0, 0.06, size=len(noisy)))
    _raise(reference, rng.choice(("mouthLeft", "mouthRight")), max(rng.normal(0.0, 0.08), 0))
    _raise(reference, "browDown", max(rng.normal(-0.05, 0.15), 0))


def _add_smile(reference: np.ndarray, rng: np.random.Generator) -> None:
    strength = rng.uniform(0.1, 0.6)
    _raise(reference, "mouthSmile", strength)
    _raise(reference, "cheekSquint", strength * rng.uniform(0.2, 0.6))
    _raise(reference, "eyeSquint", strength * rng.uniform(0.1, 0.5))
    if strength > 0.4 and rng.uniform() < 0.6:  # a smile that shows teeth
        _raise(reference, "mouthUpperUp", rng.uniform(0.1, 0.35))
        _raise(reference, "mouthLowerDown", rng.uniform(0.05, 0.3))


def _add_frown(reference: np.ndarray, rng: np.random.Generator) -> None:
    _raise(reference, "mouthFrown", rng.uniform(0.05, 0.35))
    _raise(reference, "browDown", rng.uniform(0.0, 0.3))


def _add_parted_lips(reference: np.ndarray, rng: np.random.Generator) -> None:
    _raise(reference, "jawOpen", rng.uniform(0.03, 0.14))
    _raise(reference, "mouthUpperUp", rng.uniform(0.0, 0.15))


def _add_eyes(reference: np.ndarray, rng: np.random.Generator) -> None:
    lids = rng.normal(0.0, 0.12)
    _raise(reference, "eyeWide" if lids < 0 else "eyeBlink", abs(lids))
    _raise(reference, "browInnerUp" if rng.uniform() < 0.5 else "browOuterUp", max(rng.normal(0.02, 0.1), 0))
    yaw, pitch = rng.normal(0.0, (3.5, 2.5)) if rng.uniform() < 0.8 else rng.normal(0.0, (9.0, 4.0))
    verge = rng.normal(0.0, 0.7)
    reference[GAZE] = np.clip([yaw + verge, pitch, yaw - verge, pitch], -20, 20)
