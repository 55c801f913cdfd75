"""From phones to articulator tracks: the least effort that still reaches what every sound needs.

Each articulator follows the smoothest path near its targets: it minimises

    sum_k care_k (x_k - target_k)^2 + effort sum_k (x_{k-1} - 2 x_k + x_{k+1})^2

Anticipation, carry-over and the smaller movements of fast speech follow from this balance (Lindblom's undershoot),
where Cohen and Massaro (1993) blend targets with fixed dominance curves. What must be seen, lips that touch in the
middle of every /p b m/, is planned on the video's own frames afterwards.
"""

from collections.abc import Sequence

import numpy as np

from ...timebase import MOTION_RATE
from .phones import BILABIALS
from .visemes import BREATHING, COUNT, GESTURES, INDEX, LABIODENTALS, REST, Gesture

OVERSAMPLING = 4  # grid steps per video frame
STEP = 1.0 / (MOTION_RATE * OVERSAMPLING)  # seconds; step k is at (k + 0.5) * STEP
AHEAD = 1  # steps by which lips are ahead of the sound they shape

# how far an articulator smooths with care 1, in grid steps: the jaw and protrusion are slow, closing lips are fast
REACH = np.array([4.6, 3.8, 3.8, 5.0, 4.6, 4.6, 3.0, 3.2])  # [A]
LEAD = 0.08  # the mouth may leave its rest this long before speech (s)
TRAIL = 0.14  # and need not head for it this long after
REST_AFTER = 0.9  # in a shorter pause the lips stay parted: one goes on any moment (s)
INHALE = (0.30, 0.10)  # before the phrase after a longer one they part from the first to the second (s)
FREE_CARE = 0.02  # in between it goes where effort takes it
CONTACT = 1.06  # reached in the planned frame of a closure
BUMP = 0.07  # half width of the correction that makes it so (s)


def least_effort(target: np.ndarray, care: np.ndarray, effort: np.ndarray) -> np.ndarray:
    """Solve the balance for all articulators at once. target, care: [K, A]; effort: [A]; returns [K, A].

    The normal equations are pentadiagonal and positive definite: one sweep down, one sweep up.
    """
    main, first, second = _bands(care, effort)
    forward = care * target  # [K, A]
    steps = len(main)
    one, two = np.zeros_like(main), np.zeros_like(main)  # columns of the unit lower factor
    for k in range(steps):
        if k >= 1:
            main[k] -= one[k - 1] ** 2 * main[k - 1]
            forward[k] -= one[k - 1] * forward[k - 1]
        if k >= 2:
            main[k] -= two[k - 2] ** 2 * main[k - 2]
            forward[k] -= two[k - 2] * forward[k - 2]
        below = first[k] - (one[k - 1] * two[k - 1] * main[k - 1] if k >= 1 else 0.0)
        one[k], two[k] = below / main[k], second[k] / main[k]
    solution = forward / main
    for k in range(steps - 2, -1, -1):
        solution[k] -= one[k] * solution[k + 1]
        if k + 2 < steps:
            solution[k] -= two[k] * solution[k + 2]
    return solution


def _bands(care: np.ndarray, effort: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Diagonals of diag(care) + effort * D2' D2: main, below, two below. Each [K, A], tails zero."""
    steps = len(care)
    curve = np.tile([1.0, -2.0, 1.0], (max(steps - 2, 0), 1))  # rows of the second difference
    shape = np.zeros((3, steps))
    for i in range(3):
        for j in range(i, 3):
            shape[j - i, i : i + len(curve)] += curve[:, i] * curve[:, j]
    main, first, second = shape[:, :, None] * effort
    return main + care + 1e-6, first, second


def paint(phones: Sequence, gain: np.ndarray, steps: int, rest: Gesture = REST) -> tuple[np.ndarray, np.ndarray]:
    """Targets and cares on the grid, 2 x [K, A]. phones have symbol, start, end; gain [P] scales their openness; the
    mouth is at `rest` where nobody speaks."""
    target = np.tile(REST.target, (steps, 1))
    care = np.full((steps, COUNT), FREE_CARE)
    for index, phone in enumerate(phones):
        if phone.symbol not in GESTURES:
            _paint_pause(target, care, phones, index, rest)
            continue
        for gesture in GESTURES[phone.symbol]:
            _paint_gesture(target, care, phone, gesture, gain[index])
    return target, care


def _still_part(phones: Sequence, index: int, end_of_clip: float) -> tuple[float, float]:
    """The part of a silence in which the mouth rests: not just after, not just before speech."""
    phone = phones[index]
    speech_before = index > 0 and phones[index - 1].symbol in GESTURES
    speech_after = index + 1 < len(phones) and phones[index + 1].symbol in GESTURES
    start = phone.start + TRAIL if speech_before else phone.start
    end = phone.end - LEAD if speech_after else max(phone.end, end_of_clip if index + 1 == len(phones) else 0.0)
    return start, end


def _paint_pause(target: np.ndarray, care: np.ndarray, phones: Sequence, index: int, rest: Gesture) -> None:
    """At rest, or lips parted where speech is about to go on."""
    start, end = _still_part(phones, index, len(target) * STEP)
    inside = 0 < index < len(phones) - 1
    if inside and phones[index].end - phones[index].start < REST_AFTER:
        _paint_still(target, care, start, end, BREATHING)
        return
    _paint_still(target, care, start, end, rest)
    if index + 1 < len(phones) and phones[index].end > REST_AFTER:
        _paint_still(target, care, phones[index].end - INHALE[0], phones[index].end - INHALE[1], BREATHING)


def _paint_still(target: np.ndarray, care: np.ndarray, start: float, end: float, gesture: Gesture) -> None:
    rows = slice(max(round(start / STEP), 0), max(round(end / STEP), 0))
    target[rows], care[rows] = gesture.target, gesture.care


def _paint_gesture(target: np.ndarray, care: np.ndarray, phone, gesture: Gesture, gain: float) -> None:
    length = phone.end - phone.start
    start, end = phone.start + gesture.start * length, phone.start + gesture.end * length
    if phone.symbol in BILABIALS or phone.symbol in LABIODENTALS:
        shown = _shown_step(planned_frame(phone)) * STEP
        start, end = min(start, shown - STEP), max(end, shown + STEP)
    first = min(max(round(start / STEP), 0), len(target) - 1)
    rows = slice(first, max(round(end / STEP), first + 1))
    scaled = gesture.target.copy()
    scaled[:3] *= gain
    target[rows], care[rows] = scaled, gesture.care


def planned_frame(phone) -> int:
    """The video frame that shows the middle of a phone."""
    return max(int(((phone.start + phone.end) / 2 - AHEAD * STEP) * MOTION_RATE), 0)


def _shown_step(frame: int) -> int:
    """The grid border in the middle of what a frame shows."""
    return frame * OVERSAMPLING + OVERSAMPLING // 2 + AHEAD


def articulate(
    phones: Sequence, gain: np.ndarray, frames: int, sluggishness: float = 1.0, rest: Gesture = REST
) -> np.ndarray:
    """Articulator tracks at the centres of the video frames. [T, A]

    gain [P] scales the openness of each phone (stress, loudness); sluggishness stretches the articulators' reach; rest
    is what they aim at in silence.
    """
    target, care = paint(phones, gain, frames * OVERSAMPLING + AHEAD, rest)
    tracks = least_effort(target, care, (REACH * sluggishness) ** 4)
    _make_contact(tracks, phones, BILABIALS, INDEX["close"])
    _make_contact(tracks, phones, LABIODENTALS, INDEX["tuck"])
    shown = _shown_step(0)
    return (tracks[shown - 1 :: OVERSAMPLING][:frames] + tracks[shown::OVERSAMPLING][:frames]) / 2


def _make_contact(tracks: np.ndarray, phones: Sequence, symbols: frozenset, articulator: int) -> None:
    """Raise an articulator where a fast closure would miss its frame, with a smooth bump that leaves the rest alone."""
    reach = round(BUMP / STEP)
    bump = 0.5 + 0.5 * np.cos(np.pi * np.arange(-reach, reach + 1) / (reach + 1))
    for phone in phones:
        centre = _shown_step(planned_frame(phone))
        if phone.symbol not in symbols or centre >= len(tracks):
            continue
        missing = CONTACT - tracks[centre - 1 : centre + 1, articulator].min()
        if missing > 0:
            first, last = max(centre - reach, 0), min(centre + reach + 1, len(tracks))
            cut = bump[first - centre + reach : last - centre + reach]
            # the step before the centre lies one step down the bump
            tracks[first:last, articulator] += cut * missing / bump[reach - 1]
