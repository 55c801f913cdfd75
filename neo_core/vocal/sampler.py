"""Sound and identity -> motion, window after window: unlimited duration in flat memory.

Each window of W frames is denoised from noise in a few Euler steps, with the P frames before it as its clean prefix and
the portrait's own motion given anew, so nothing drifts. The first window has no prefix, as trained. Windows overlap:
the first frames of a window are finished already and held while the others are denoised beside them, so that no kink
shows where two windows meet. The noise of a frame depends on the seed and the frame's number only: it is the same on
every device; the performance made of it is the same on one kind of CPU. The mouth's share of it knows no seed and is
drawn at a low temperature: what the sound settles is not left to chance. What the network yields is denormalised and
clamped to the ranges of the motion space; nothing else touches it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data_types import AudioFeatures, Emotion, Identity, MotionLatents, Progress, silent
from ..flow.guidance import NEUTRAL, Guidance, Steering
from ..flow.path import velocity_from_data
from ..flow.schedule import timesteps
from ..flow.solver import euler
from ..motion_space import REGIONS, SIZE, clamp
from ..nn.norm import Modulated
from ..timebase import MOTION_RATE, PAIR
from .motion_generator import Conditions, MotionGenerator, Scene, WindowConfig

STEPS = 8
SHIFT = 1.5  # of the times: the first steps decide how far head, gaze and brows go and how often eyes close
MOUTH_TEMPERATURE = 0.05  # of the mouth's noise (arXiv 1807.03039): towards the likeliest lips; 1 would sample them
DRAWN = [k for region in ("pose", "gaze", "brows") for k in REGIONS[region]]  # what has a long memory
ROUNDING = 1e-5  # deviations: what units and back may cost, and nobody needs to be drawn by
DRAWN_FOR = 12.0  # frames after which a third of it is left
LARGEST_SEED = 2**64 - 1
EASE = 12  # frames in which guidance comes and goes: switched at once, the reference's share of the face would jump


@dataclass(frozen=True)
class AudioWindow:
    """The sound around one window; frames before its begin and after its end are marked as not heard."""

    hidden: Tensor  # [L, 2 A, F]
    heard: Tensor  # [A] bool
    first: int  # number of the window's first frame
    frames: int  # how many frames of the window the sound covers
    known: int = 0  # how many of them the window before has finished


@dataclass(frozen=True)
class Held:
    """Frames of a window that are known before it is denoised."""

    frames: Tensor  # [W] bool
    motion: Tensor  # [W, C] in its own units


class Recall:
    """What modulated a network at the flow times it met before: they come back in every window of a clip."""

    def __init__(self, vocal: MotionGenerator) -> None:
        self._vocal = vocal
        self._kept: dict[tuple[float, int], tuple[Tensor, Modulated]] = {}

    def __call__(self, t: Tensor, scene: Scene) -> Modulated:
        """All modulations at flow time t [B], computed where the time or the person is new."""
        condition, key = self._vocal.condition(t, scene), (float(t[0]), len(t))
        known, modulated = self._kept.get(key, (None, None))
        if known is None or not torch.equal(known, condition):
            modulated = self._vocal.modulations(condition)
            self._kept[key] = condition, modulated
        return modulated


def generate_motion(
    vocal: MotionGenerator,
    features: AudioFeatures,
    identity: Identity,
    *,
    seed: int = 0,
    steps: int = STEPS,
    guidance: Guidance = Guidance(),  # noqa: B008 - frozen
    emotion: Emotion | None = None,  # the state asked for; without one, as the voice sounds
    progress: Progress = silent,
) -> MotionLatents:
    """The whole performance: one motion vector per 1/25 s of sound. Raises InputError when another encoder heard it."""
    hidden, total = features.hidden_states, features.hidden_states.shape[1] // PAIR
    vocal.require_encoder(features.encoder, hidden.shape[0], hidden.shape[2])
    windows = generate_windows(
        vocal,
        [hidden],
        identity,
        seed=seed,
        steps=steps,
        guidance=guidance,
        emotion=emotion,
        total=total,
        progress=progress,
    )
    motion = torch.cat([torch.zeros(0, SIZE), *windows])
    progress(total, total, None)
    return MotionLatents(motion, Fraction(MOTION_RATE), identity.reference.float().cpu())


def generate_windows(
    vocal: MotionGenerator,
    hidden: Iterable[Tensor],  # pieces [L, T, F] of the encoder's hidden states, in order, of any lengths
    identity: Identity,
    *,
    seed: int = 0,
    steps: int = STEPS,
    guidance: Guidance = Guidance(),  # noqa: B008 - frozen
    emotion: Emotion | None = None,
    total: int | None = None,  # motion frames of the clip; guidance that changes over time needs to know
    first_frame: int = 0,  # the number of the first one: a frame's noise belongs to its number
    progress: Progress = silent,
) -> Iterator[Tensor]:
    """Finished motion [<= W, 63] on the CPU, at 25 frames a second, as soon as its sound is there.

    `progress` is called before every pass of the network, with the frames that are finished.
    """
    times, recall = timesteps(steps, SHIFT), Recall(vocal)
    prefix = held = None
    for window in audio_windows(hidden, vocal.config, overlap(vocal.config)):
        conditions = window_conditions(vocal, window, identity, prefix, emotion)
        noise = frame_noise(seed, first_frame + window.first, vocal.config.window)
        steering = guidance.steering(window_weights(guidance, window.first, vocal.config.window, total))
        on_pass = partial(progress, window.first, total or 0, None)
        motion = sample(vocal, conditions, noise[None], times, steering, on_pass, held, recall)[0]
        prefix, held = handed_over(motion, vocal.config)
        yield motion[window.known : window.frames]


def overlap(config: WindowConfig) -> int:
    """Frames that two windows share."""
    return config.window // 10


def handed_over(motion: Tensor, config: WindowConfig) -> tuple[Tensor, Held]:
    """What a finished window [W, C] gives the next: its prefix [P, C], and the first frames it is to hold."""
    shared = overlap(config)
    begin = config.window - shared
    frames = torch.arange(config.window) < shared
    return motion[begin - config.prefix : begin], Held(frames, F.pad(motion[begin:], (0, 0, 0, begin)))


def window_weights(guidance: Guidance, first: int, frames: int, total: int | None) -> Tensor:
    """The weight of each signal in each frame of a window; a frame counts by the middle of its time. [W, 3]"""
    if total is None and not guidance.steady:
        raise ValueError("guidance changes over time and the length of the clip is not given; expected `total` frames")
    length = max(1, total or 1)
    return guidance.weights((torch.arange(first, first + frames) + 0.5) / length, EASE / length)


@torch.no_grad()
def sample(
    vocal: MotionGenerator,
    conditions: Conditions,
    noise: Tensor,
    times: Tensor,
    steering: Steering = NEUTRAL,
    on_pass: Callable[[], None] = lambda: None,
    held: Held | None = None,
    recall: Recall | None = None,
) -> Tensor:
    """Noise [B, W, C] -> motion [B, W, C] in its own units, clamped to its ranges, on the CPU.

    Euler down to the last time above 0; the step from there to 0 lands on the prediction of the data itself. Frames
    that are `held` go straight to their motion, and the others see them coming. `on_pass` is called in inference mode.
    """
    predict = guided_prediction(vocal, conditions, steering, on_pass, recall)
    if held is not None:
        predict = holding(predict, held.frames, vocal.normalise(held.motion.to(vocal.motion_mean)))
    device = vocal.motion_mean.device
    noise, times = noise.to(device), times.to(device)
    with torch.inference_mode():  # thousands of small operations: what autograd notes of each took a twentieth
        x = euler(lambda x, t: velocity_from_data(x, predict(x, t), t), noise, times[:-1])
        data = predict(x, times[-2].expand(len(x)))
    return clamp(vocal.denormalise(data).cpu().float())  # made out here, a tensor like any other


def holding(predict: Callable[[Tensor, Tensor], Tensor], frames: Tensor, motion: Tensor) -> Callable:
    """The same prediction, but right where frames are known and drawn along beside them: at every step the error there
    is taken back, less and less with the distance. `frames` [W] bool, `motion` [W, C] normalised"""
    frames = frames.to(motion.device)
    index = torch.arange(len(frames), device=motion.device)
    apart = (index[:, None] - index[frames]).abs()  # [W, held]
    nearest = index[frames][apart.argmin(1)]  # [W]
    pull = torch.zeros_like(motion)
    pull[:, DRAWN] = torch.exp(-apart.amin(1) / DRAWN_FOR)[:, None]
    pull[frames] = 1

    def drawn(x: Tensor, t: Tensor) -> Tensor:
        data = predict(x, t)
        error = motion - data  # [B, W, C]
        error = torch.where(error.abs() < ROUNDING, 0.0, error)
        return data + pull * error[:, nearest]

    return drawn


def guided_prediction(
    vocal: MotionGenerator,
    conditions: Conditions,
    steering: Steering = NEUTRAL,
    on_pass: Callable[[], None] = lambda: None,
    recall: Recall | None = None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """(x_t, t) -> clean motion, steered; all passes of a step are one batch.

    Passes are combined as clean motion, where the reference is a place.
    """
    count, scene = len(steering.left_out), vocal.scene(conditions)
    batch = Conditions.stack([conditions.without(*names) for names in steering.left_out])
    scenes = scene if count == 1 else vocal.scene(batch)
    modulated = Recall(vocal) if recall is None else recall
    reference = vocal.normalise(conditions.reference_motion)[:, None]  # [B, 1, C]

    def predict(x: Tensor, t: Tensor) -> Tensor:
        on_pass()
        if not steering.acts(float(t[0])):
            return vocal(x, t, conditions, scene=scene, modulated=modulated(t, scene))
        x, t = x.repeat(count, 1, 1), t.repeat(count)
        data = vocal(x, t, batch, scene=scenes, modulated=modulated(t, scenes))  # [P B, W, C]
        return steering.combine(data.unflatten(0, (count, -1)), reference)

    return predict


def window_conditions(
    vocal: MotionGenerator,
    window: AudioWindow,
    identity: Identity,
    prefix: Tensor | None,
    emotion: Emotion | None = None,
) -> Conditions:
    """Everything that steers one window, as a batch of one; `prefix` [P, C] are the finished frames before it."""
    device = vocal.motion_mean.device
    known = torch.ones(1, dtype=torch.bool)
    before = torch.zeros(vocal.config.prefix, SIZE) if prefix is None else prefix
    conditions = Conditions(
        audio=window.hidden[None],
        heard=window.heard[None],
        geometry=identity.geometry[None].float(),
        style=identity.style[None].float(),
        identity=known,
        reference_motion=identity.reference[None].float(),
        reference=known,
        prefix_motion=before[None],
        prefix=known if prefix is not None else ~known,
        emotion=vocal.asked(emotion)[None],
    ).to(device)
    return conditions.normalised(vocal)


def audio_windows(hidden: Iterable[Tensor], config: WindowConfig, shared: int = 0) -> Iterator[AudioWindow]:
    """Cut a stream of hidden states into windows that share frames, holding one window and one piece of it."""
    feed, step, known = _Feed(hidden), PAIR * (config.window - shared), 0
    silent, first = config.prefix, 0  # `silent`: frames in the buffer before the sound
    buffer, have = feed.room(PAIR * config.audio_tokens), PAIR * silent
    moment = torch.arange(config.audio_tokens)
    while True:
        have += feed.fill(buffer[:, have:])
        filled = have // PAIR  # frames in the buffer
        if filled <= config.prefix + known:
            return
        yield AudioWindow(
            hidden=F.pad(buffer[:, : PAIR * filled], (0, 0, 0, PAIR * (config.audio_tokens - filled))),
            heard=(moment >= silent) & (moment < filled),
            first=first,
            frames=min(config.window, filled - config.prefix),
            known=known,
        )
        buffer[:, :-step] = buffer[:, step:].clone()
        have, silent = max(0, have - step), max(0, silent - step // PAIR)
        first, known = first + step // PAIR, shared


class _Feed:
    """Pieces [L, t, F] of any lengths as one stream, read no further than it is asked for."""

    def __init__(self, pieces: Iterable[Tensor]) -> None:
        self._pieces = iter(pieces)
        self._rest = next(self._pieces, torch.zeros(0, 0, 0))

    def room(self, frames: int) -> Tensor:
        """Zeros for so many frames of it."""
        layers, _, width = self._rest.shape
        return self._rest.new_zeros(layers, frames, width)

    def fill(self, target: Tensor) -> int:
        """Write what comes next into [L, n, F]; returns how many frames there were."""
        done, wanted = 0, target.shape[1]
        while done < wanted:
            if not self._rest.shape[1] and (piece := next(self._pieces, None)) is None:
                break
            piece = self._rest if self._rest.shape[1] else piece
            count = min(wanted - done, piece.shape[1])
            target[:, done : done + count] = piece[:, :count]
            self._rest, done = piece[:, count:], done + count
        return done


def frame_noise(seed: int, first: int, frames: int) -> Tensor:
    """Noise of `frames` frames from number `first` on: the seed's own, but for the mouth the same for every seed and at
    `MOUTH_TEMPERATURE`, so two seeds move the head differently and the lips alike. [frames, C]"""
    mouth = list(REGIONS["mouth"])
    noise = unit_noise(seed, first, frames)
    noise[:, mouth] = MOUTH_TEMPERATURE * unit_noise(0, first, frames)[:, mouth]
    return noise


def unit_noise(seed: int, first: int, frames: int) -> Tensor:
    """N(0, 1) per channel and frame, each frame from a CPU generator of its own. [frames, C]"""
    generator = torch.Generator()
    rows = []
    for frame in range(first, first + frames):
        generator.manual_seed(_mixed(_mixed(seed) + frame))
        rows.append(torch.randn(SIZE, generator=generator))
    return torch.stack(rows)


def _mixed(number: int) -> int:
    """SplitMix64: neighbours become unrelated 63-bit numbers."""
    number = (number + 0x9E3779B97F4A7C15) % 2**64
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
    return (number ^ number >> 31) >> 1
