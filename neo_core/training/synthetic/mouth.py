"""From articulator tracks to the mouth's expression coefficients, for one speaker's face and habits.

Contact is solved on the face itself: whatever jaw, smile or rounding leave open in the middle of a /p b m/ is closed
by the lower lip, so lips meet on long and short, thin and thick mouths alike.
"""

import numpy as np

from ...motion_space import EXPRESSION_NAMES, INDEX, REGIONS
from .face_measures import FaceMeasures
from .speakers import Speaker
from .visemes import INDEX as TRACK

PRESSED = -0.03  # lip gap in contact (cm): lips are soft
TOOTH = 0.13  # gap that is left when the lower lip touches the upper teeth
LIFT = 0.8  # of the upper lip: the head model bares its teeth sooner than people do
MOST_PRESS = 0.5  # how far beyond contact lips are pressed at most
OPENING = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel", "mouthShrugUpper")  # what a rest closes again
LEFT_BEHIND = 0.25  # share of the portrait's opening that stays in the shape of the rest
CLOSER = INDEX["mouthClose"]


def rest_mouth(speaker: Speaker, reference: np.ndarray) -> np.ndarray:
    """The mouth between words: the portrait's own, with the lips brought together and the speaker's smile. [53]"""
    mouth = np.zeros(len(EXPRESSION_NAMES))
    channels = [*REGIONS["mouth"], INDEX["noseSneer_L"], INDEX["noseSneer_R"]]  # a sneer lifts the upper lip too
    mouth[channels] = reference[channels]
    for name in EXPRESSION_NAMES:
        if name.startswith(OPENING):
            mouth[INDEX[name]] *= LEFT_BEHIND
    mouth[CLOSER] = 0.0  # the contact solver closes
    _both(mouth, "mouthSmile", max(0.05 + 0.045 * speaker.habit("smile_rest"), 0.0))
    return mouth


def shape_mouth(
    tracks: np.ndarray, speaker: Speaker, rest: np.ndarray, warmth: np.ndarray, face: FaceMeasures
) -> np.ndarray:
    """Expression coefficients of the mouth. tracks [T, A], rest [T, 53], warmth [T] (extra smile); returns [T, 53]."""
    track = {name: np.maximum(tracks[:, k], 0.0) for name, k in TRACK.items()}
    contact, tuck = np.minimum(track["close"], 1.0), np.minimum(track["tuck"], 1.0)
    mouth = rest.copy()
    _both(mouth, "mouthSmile", warmth)
    _open(mouth, track, speaker, face)
    _free_of_contact(mouth, contact, tuck)
    _spread_and_round(mouth, track, speaker)
    _press(mouth, track, speaker, face)
    _tuck(mouth, tuck)
    _solve_contact(mouth, contact, tuck, np.asarray(speaker.geometry, dtype=float), face)
    return np.clip(mouth, 0.0, 1.0)


def _both(mouth: np.ndarray, name: str, amount: np.ndarray | float, lean: float = 0.0) -> None:
    """Add to both sides of a channel; lean > 0 gives more to the left side."""
    mouth[..., INDEX[f"{name}_L"]] += amount * (1 + lean)
    mouth[..., INDEX[f"{name}_R"]] += amount * (1 - lean)


def _open(mouth: np.ndarray, track: dict, speaker: Speaker, face: FaceMeasures) -> None:
    """Jaw and lips apart."""
    geometry = np.asarray(speaker.geometry, dtype=float)
    lean = 0.13 * np.tanh(speaker.habit("mouth_asymmetry"))
    drop = np.exp(0.16 * speaker.habit("jaw_range") + 0.08 * face.lower_face.deviation(geometry))
    lift = LIFT * np.exp(0.22 * speaker.habit("upper_lip"))
    mouth[:, INDEX["jawOpen"]] += drop * track["jaw"]
    _both(mouth, "mouthLowerDown", drop**0.5 * track["lower"], lean)
    _both(mouth, "mouthUpperUp", lift * track["upper"], lean)
    mouth[:, INDEX["mouthFunnel"]] += track["funnel"]
    side = "jawLeft" if lean > 0 else "jawRight"
    mouth[:, INDEX[side]] += abs(lean) * track["jaw"]


def _free_of_contact(mouth: np.ndarray, contact: np.ndarray, tuck: np.ndarray) -> None:
    """A lip in contact does not open: both in /p b m/, the lower one in /f v/."""
    for name in ("mouthUpperUp_L", "mouthUpperUp_R"):
        mouth[:, INDEX[name]] *= 1 - 0.9 * contact
    for name in ("mouthLowerDown_L", "mouthLowerDown_R", "mouthFunnel"):
        mouth[:, INDEX[name]] *= 1 - 0.9 * np.maximum(contact, tuck)


def _spread_and_round(mouth: np.ndarray, track: dict, speaker: Speaker) -> None:
    lean = 0.1 * np.tanh(speaker.habit("mouth_asymmetry"))
    spread = np.exp(0.2 * speaker.habit("lip_spread")) * track["spread"]
    purse = np.exp(0.16 * speaker.habit("lip_rounding")) * track["round"]
    relax = 1 - 0.75 * np.clip(purse + 0.5 * track["funnel"], 0, 1)  # pursing lips let go of the smile
    for name in ("mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R", "mouthDimple_L", "mouthDimple_R"):
        mouth[:, INDEX[name]] *= relax
    _both(mouth, "mouthStretch", 0.9 * spread, lean)
    _both(mouth, "mouthSmile", 0.18 * spread, lean)
    _both(mouth, "mouthDimple", 0.12 * spread, lean)
    mouth[:, INDEX["mouthPucker"]] += purse
    mouth[:, INDEX["mouthRollUpper"]] += 0.2 * purse  # the head model's pucker lifts the upper lip, people's does not


def _press(mouth: np.ndarray, track: dict, speaker: Speaker, face: FaceMeasures) -> None:
    """What the lips do beyond contact; thick lips meet earlier and press less."""
    geometry = np.asarray(speaker.geometry, dtype=float)
    thick = (face.upper_lip.deviation(geometry) + face.lower_lip.deviation(geometry)) / 2
    beyond = np.exp(0.25 * speaker.habit("closure_firmness") - 0.12 * thick) * np.clip(
        track["close"] - 1, 0, MOST_PRESS
    )
    _both(mouth, "mouthPress", 0.9 * beyond)
    mouth[:, INDEX["mouthRollLower"]] += 0.45 * beyond
    mouth[:, INDEX["mouthRollUpper"]] += 0.7 * beyond


def _tuck(mouth: np.ndarray, tuck: np.ndarray) -> None:
    """Lower lip drawn up and back to the upper teeth."""
    mouth[:, INDEX["mouthRollLower"]] += 0.42 * tuck
    mouth[:, INDEX["mouthShrugLower"]] += 0.08 * tuck


def _solve_contact(
    mouth: np.ndarray, contact: np.ndarray, tuck: np.ndarray, geometry: np.ndarray, face: FaceMeasures
) -> None:
    """Raise the lower lip until the gap is what contact (0..1) and tuck (0..1) ask for."""
    gap = face.lip_gap.of(geometry, mouth)  # [T]
    tucked = gap + tuck * (np.minimum(gap, TOOTH) - gap)
    wanted = (1 - contact) * tucked + contact * np.minimum(gap, PRESSED)
    mouth[:, CLOSER] += (gap - wanted) / -face.lip_gap.expression[CLOSER]
