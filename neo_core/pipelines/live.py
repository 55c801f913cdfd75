"""Live: sound in pieces, as a microphone or a voice on the network gives it, and motion back with little delay.

    live = LivePerformance(models.audio_encoder, models.vocal, identity, sample_rate=48000)
    for block in microphone:            # [n] or [C, n], any n
        for vector in live.hear(block): # [63] at 25 frames a second, none or several
            show(vector)
    for vector in live.finish(): ...

Frame m shows the moment m / 25 s of the sound. It is decided by sound up to `LATENCY` after that moment, and given out
as soon as that sound is there, so who plays sound and pictures together delays the sound by that and by the time a hop
takes to compute. Nothing depends on how the sound is cut into pieces.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from ..audio.embedded import EmbeddedEncoder
from ..audio.encoder import AudioEncoder
from ..audio.features import MAX_RATE, MIN_RATE, Voice
from ..audio.live import LATE, LiveEar, LiveResampler, VoiceSoFar
from ..data_types import Emotion, Identity, InputError
from ..flow.guidance import Guidance
from ..motion_space import SIZE, clamp
from ..pictar.expression import amplified, check_amplitudes
from ..runtime.threads import one_thread
from ..vocal.motion_generator import MotionGenerator
from ..vocal.streaming import LIVE, LIVE_STEPS, LiveMotion

RESAMPLING = 0.0025  # seconds, at most, that another sample rate than 16 kHz waits for
LATENCY = LIVE.look_ahead + LATE + RESAMPLING  # seconds


class LivePerformance:
    """A performance of sound that is still going on. `voice`: of this speaker and microphone, where it is known
    (`audio.features.clip_voice`); otherwise it is learned as they speak. `emotion` and `amplitudes` (see
    `pictar.expression.amplify`) may be set at any time."""

    def __init__(
        self,
        encoder: AudioEncoder,
        vocal: MotionGenerator,
        identity: Identity,
        sample_rate: int,
        *,
        seed: int = 0,
        steps: int = LIVE_STEPS,
        guidance: Guidance = Guidance(),  # noqa: B008 - frozen
        voice: Voice | None = None,
        emotion: Emotion | None = None,
        amplitudes: Iterable[tuple[str, float]] = (),
    ) -> None:
        if not isinstance(encoder, EmbeddedEncoder):
            raise InputError(f"audio encoder {encoder.name} hears no live sound; expected the embedded one")
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise InputError(f"live sound has a sample rate of {sample_rate} Hz; expected {MIN_RATE} to {MAX_RATE}")
        vocal.require_encoder(encoder.name, encoder.layers, encoder.width)
        self._vocal = vocal
        self.emotion, self.amplitudes = emotion, amplitudes
        self._reference = identity.reference.float().cpu()
        self._motion = LiveMotion(vocal, identity, seed=seed, steps=steps, guidance=guidance)
        pace = self._motion.pace
        self._ear = LiveEar(encoder, pace.hop, pace.ahead, self._motion.span, VoiceSoFar(voice))
        self._resampler = LiveResampler(sample_rate)
        self._finished = False

    @property
    def emotion(self) -> Emotion | None:
        return self._emotion

    @emotion.setter
    def emotion(self, emotion: Emotion | None) -> None:
        if not isinstance(emotion, Emotion | None):
            raise InputError(f"emotion is {emotion!r:.60}, expected an Emotion or None")
        self._vocal.asked(emotion)
        self._emotion = emotion

    @property
    def amplitudes(self) -> tuple[tuple[str, float], ...]:
        return self._amplitudes

    @amplitudes.setter
    def amplitudes(self, amplitudes: Iterable[tuple[str, float]]) -> None:
        self._amplitudes = check_amplitudes(amplitudes)

    @one_thread()
    def hear(self, samples: Tensor) -> Tensor:
        """More of the sound, [n] or [C, n] in -1..1 -> the frames it decides, [m, 63]."""
        if self._finished:
            raise InputError("live sound goes on after finish(); expected a new LivePerformance for it")
        if not samples.is_floating_point():
            raise InputError(f"live sound has {samples.dtype} samples; expected floating-point numbers in -1..1")
        if not torch.isfinite(samples).all():
            raise InputError("live sound has NaN or infinite samples; expected finite numbers")
        mono = samples.float().mean(0) if samples.ndim == 2 else samples.float()
        return self._performed(self._resampler.take(mono))

    @one_thread()
    def finish(self) -> Tensor:
        """The sound is over: the frames that are left, until they cover it. [m, 63]"""
        self._finished, before = True, self._motion.frames
        motion = [self._performed(self._resampler.rest())]
        heard, hidden = self._ear.rest()
        while self._motion.frames < heard:
            motion.append(self._next(hidden, heard))
        return torch.cat(motion)[: max(0, heard - before)]

    def _performed(self, sound: Tensor) -> Tensor:
        """Motion for what is heard after more sound [n] at 16 kHz."""
        due = [self._next(hidden, heard) for heard, hidden in self._ear.hear(sound)]
        return torch.cat([torch.zeros(0, SIZE), *due])

    def _next(self, hidden: Tensor, heard: int) -> Tensor:
        motion = self._motion.next(hidden, heard, self.emotion)
        return clamp(amplified(motion, self._reference, self.amplitudes))
