"""Batches for the audio encoder: crops of the speech corpus, made to sound like any microphone in any room.

The encoder must work on voices and recordings it never met, so every crop is changed in speed (and with it pitch and
formants), in formants alone (warped mel filters), in room, noise, babble, clipping, colour and bandwidth. All targets
follow the crop exactly.

Letters: B crops, N samples, J mel frames (100 Hz), T feature frames (50 Hz), M mel bands, K utterances.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..audio import features
from ..audio.embedded import network_inputs
from ..audio.features import FRAME, MARGIN, MEL_BANDS, PITCH_MARGIN, RATE
from .synthetic.phones import ARTICULATION, INDEX, PHONES, SIL
from .synthetic.utterance import LABEL_RATE, Utterance, labels

PAUSE = 0.15  # seconds of silence that count as a pause
_LABEL_HOP = RATE // LABEL_RATE


@dataclass(frozen=True)
class Batch:
    heard: tuple[Tensor, Tensor]  # the encoder's inputs: mel [B, 2T, M], prosody [B, T, 3]
    clean: tuple[Tensor, Tensor]  # the same crops as they were recorded
    phones: Tensor  # [B, T, phones] target distribution
    trust: Tensor  # [B, T] confidence of the phone targets, squared
    melody: Tensor  # [B, T, 3] f0 relative to the voice, energy, voicing
    emphasis: Tensor  # [B, T]
    arousal: Tensor  # [B] NaN where unknown
    pause: Tensor  # [B, T]


@dataclass(frozen=True)
class AugmentConfig:
    frames: int = 160  # T of a crop
    speed: float = 0.15  # up to 15 % slower or faster
    reverb: float = 0.25  # probabilities
    noise: float = 0.6
    clipping: float = 0.1
    narrow: float = 0.15
    empty: float = 0.04  # crops that hold noise only
    real: float = 0.6  # share of crops from recordings of people


def articulation_table() -> Tensor:
    """Closure, rounding, openness and spread of every phone. [phones, 4]"""
    rows = [ARTICULATION[phone] for phone in PHONES]
    return torch.tensor([[a.closure, a.rounding, a.openness, a.spread] for a in rows])


def prosody_tracks(utterance: Utterance) -> Tensor:
    """Pitch in octaves around the voice's median / 0.3, energy / 20 dB, voicing, emphasis. [T, 4]

    A word is emphatic when it is higher, louder and longer than the words around it.
    """
    p = features.prosody(utterance.samples)
    voiced = p.f0 > 0
    octaves = p.f0.clamp_min(1).log2()
    middle = octaves[voiced].median() if voiced.any() else torch.tensor(7.0)
    f0 = torch.where(voiced, (octaves - middle) / 0.3, 0.0).clamp(-3, 3)
    energy = (p.energy / 20).clamp(-2.5, 1)
    emphasis = torch.zeros_like(f0)
    words = [w for w in utterance.words if round(w.start * 50) < min(round(w.end * 50), len(f0))]
    if len(words) > 2:
        spans = [slice(round(w.start * 50), round(w.end * 50)) for w in words]
        tops = torch.stack([torch.stack([f0[s].amax(), energy[s].amax()]) for s in spans])
        length = torch.tensor([(w.end - w.start) / (2 + len(w.text)) for w in words])
        cues = torch.cat([tops, length[:, None]], 1)
        score = ((cues - cues.mean(0)) / cues.std(0).clamp_min(1e-3)).mean(1)
        for span, value in zip(spans, torch.sigmoid(1.5 * score), strict=True):
            emphasis[span] = value
    return torch.stack([f0, energy, p.voiced, emphasis], 1)


class SpeechStore:
    """All training speech in memory, with its targets, ready to be cropped."""

    def __init__(self, utterances: Iterable[Utterance]):
        sounds, phones, sure, tracks, real, arousal = [], [], [], [], [], []
        for utterance in utterances:
            count = utterance.samples.shape[0] // FRAME  # whole feature frames only
            index, confidence = labels(utterance)
            sounds.append((utterance.samples[: count * FRAME] * 32767).clamp(-32767, 32767).short())
            phones.append(index[: 2 * count].to(torch.uint8))
            sure.append(confidence[: 2 * count].half())
            tracks.append(prosody_tracks(utterance)[:count].half())
            real.append(utterance.source == "librispeech")
            arousal.append(float("nan") if utterance.arousal is None else utterance.arousal)
        self.length = torch.tensor([len(s) for s in sounds])  # [K] samples
        self.start = F.pad(self.length.cumsum(0), (1, 0))[:-1]  # [K]
        self.sound = torch.cat(sounds)
        self.phones, self.sure, self.tracks = torch.cat(phones), torch.cat(sure), torch.cat(tracks)
        self.pause = _pauses(self.phones)
        self.real, self.arousal = torch.tensor(real), torch.tensor(arousal)
        self.noises = _noise_bank(self)

    def to(self, device: str | torch.device) -> "SpeechStore":
        """The same store with its tensors on a device."""
        for name, value in vars(self).items():
            setattr(self, name, value.to(device))
        return self

    def draw(self, count: int, config: AugmentConfig) -> Batch:
        """A batch of augmented crops."""
        which = self._choose(count, config)
        speed = 1 + config.speed * (2 * torch.rand(count) - 1) * (torch.rand(count) < 0.8)
        span = config.frames * FRAME
        room = (self.length[which] - speed * span).clamp_min(0)
        begin = (torch.rand(count) * room).long()
        sound = self._sound(which, begin, speed, span)
        empty = torch.rand(count) < config.empty
        sound[empty] = 0
        clean = network_inputs(sound, features.voice_of(*features.tracks(sound)))
        heard = augmented_inputs(augment_sound(sound, self.noises, empty, config), config)
        return self._targets(which, begin, speed, empty, heard, clean)

    def _choose(self, count: int, config: AugmentConfig) -> Tensor:
        """Utterances, `config.real` of them recordings of people, in proportion to their length. [B]"""
        weight = self.length.float()
        real, made = weight * self.real, weight * ~self.real
        weight = config.real * real / real.sum().clamp_min(1) + (1 - config.real) * made / made.sum().clamp_min(1)
        return torch.multinomial(weight, count, replacement=True)

    def _sound(self, which: Tensor, begin: Tensor, speed: Tensor, span: int) -> Tensor:
        """Crops read at another speed (linear interpolation), silent outside the utterance. [B, span + margins]"""
        n = torch.arange(-PITCH_MARGIN, span + PITCH_MARGIN)
        position = begin[:, None] + n[None] * speed[:, None]
        inside = (position >= 0) & (position < self.length[which, None] - 1)
        left = position.floor().clamp_min(0).long().minimum(self.length[which, None] - 2)
        index = self.start[which, None] + left
        part = position - position.floor()
        value = self.sound[index] * (1 - part) + self.sound[index + 1] * part
        return torch.where(inside, value / 32767, 0.0)

    def _targets(
        self,
        which: Tensor,
        begin: Tensor,
        speed: Tensor,
        empty: Tensor,
        heard: tuple[Tensor, Tensor],
        clean: tuple[Tensor, Tensor],
    ) -> Batch:
        frames = heard[1].shape[1]
        middle = (torch.arange(frames)[None] + 0.5) * FRAME * speed[:, None] + begin[:, None]  # [B, T] samples
        outside = (middle >= self.length[which, None]) | empty[:, None]
        last = self.length[which, None] // _LABEL_HOP - 1
        index = torch.stack([(middle + d) / _LABEL_HOP for d in (-80.0, 79.0)], -1).long()  # [B, T, 2]
        index = index.clamp_min(0).minimum(last[..., None]) + self.start[which, None, None] // _LABEL_HOP
        phone = torch.where(outside[..., None], SIL, self.phones[index].long())
        tracks = self.tracks[index[..., 0] // 2].float()
        tracks = torch.where(outside[..., None], tracks.new_tensor([0.0, -2.5, 0.0, 0.0]), tracks)
        return Batch(
            heard=heard,
            clean=clean,
            phones=F.one_hot(phone, len(PHONES)).float().mean(2),
            trust=torch.where(outside, 1.0, self.sure[index].float().square().mean(-1)),
            melody=tracks[..., :3],
            emphasis=tracks[..., 3],
            arousal=torch.where(empty, 0.0, self.arousal[which]),
            pause=torch.where(outside, 1.0, self.pause[index[..., 0]].float()),
        )


def lip_targets(phones: Tensor) -> Tensor:
    """What lips and jaw do for a track of phones, smoothed over 100 ms, as they move. [B, T, phones] -> [B, T, 4]"""
    track = phones @ articulation_table().to(phones.device)
    kernel = track.new_tensor([1.0, 2.0, 3.0, 2.0, 1.0]) / 9
    return sum(w * torch.roll(track, k - 2, 1) for k, w in enumerate(kernel))


def _pauses(phones: Tensor) -> Tensor:
    """Where silence lasts `PAUSE` or longer. [n] uint8 -> [n] bool"""
    silent = (phones == INDEX["SIL"]).float()[None, None]
    width = round(PAUSE * LABEL_RATE) | 1
    eroded = -F.max_pool1d(-silent, width, 1, width // 2)
    return F.max_pool1d(eroded, width, 1, width // 2)[0, 0] > 0


# --- augmentation -----------------------------------------------------------------------------------------------------


def _noise_bank(store: SpeechStore, seconds: int = 40) -> Tensor:
    """White, pink and brown noise, hum, and babble of several voices, each of unit power. [kinds, N]"""
    count = seconds * RATE
    spectrum = torch.fft.rfft(torch.randn(count))
    rising = torch.arange(1, spectrum.shape[0] + 1).float() + count / RATE * 20
    rows = [torch.fft.irfft(spectrum * rising**-slope, n=count) for slope in (0.0, 0.5, 0.8, 1.2)]
    time = torch.arange(count) / RATE
    rows.append(sum(torch.sin(2 * torch.pi * 50 * k * time) / k for k in (1, 2, 3, 5)) + 0.1 * torch.randn(count))
    for voices in (3, 6, 12):
        begin = (torch.rand(voices) * max(1, store.sound.shape[0] - count)).long()
        babble = [F.pad(store.sound[b : b + count].float(), (0, max(0, count - store.sound.shape[0]))) for b in begin]
        rows.append(sum(x / x.std().clamp_min(1) for x in babble))
    return torch.stack([row / row.std().clamp_min(1e-6) for row in rows])


def augment_sound(sound: Tensor, noises: Tensor, empty: Tensor, config: AugmentConfig) -> Tensor:
    """Room, clipping and noise. sound [B, N] -> [B, N]"""
    count, length = sound.shape
    wet = torch.rand(count) < config.reverb
    if wet.any():
        sound[wet] = _reverberate(sound[wet])
    clipped = torch.rand(count) < config.clipping
    limit = sound.abs().amax(1, keepdim=True) * torch.where(clipped, 0.15 + 0.5 * torch.rand(count), 1.0)[:, None]
    sound = sound.clamp(-limit, limit)
    level = sound.square().mean(1).sqrt().clamp_min(1e-3)
    snr = torch.where(torch.rand(count) < config.noise, 4 + 38 * torch.rand(count), 55.0)  # decibels
    kind = torch.randint(noises.shape[0], (count,))
    offset = torch.randint(max(1, noises.shape[1] - length), (count,))
    noise = noises[kind[:, None], (offset[:, None] + torch.arange(length)) % noises.shape[1]]
    noise = noise * torch.where(empty & (kind >= 5), 0.0, 1.0)[:, None]  # babble alone would be speech
    return sound + noise * (level * 10 ** (-snr / 20))[:, None]


def _reverberate(sound: Tensor) -> Tensor:
    """Convolve with a direct path and an exponentially decaying tail. [B, N]"""
    count, length = sound.shape
    tail = int(0.4 * RATE)
    time = torch.arange(tail) / RATE
    decay = 10 ** (-3 * time[None] / (0.08 + 0.6 * torch.rand(count, 1)))
    late = torch.randn(count, tail) * decay * (time > 0.002 + 0.01 * torch.rand(count, 1))
    late = late / late.square().sum(1, keepdim=True).sqrt() * 10 ** (-(2 + 14 * torch.rand(count, 1)) / 20)
    response = late + (time == 0)
    size = 1 << (length + tail - 1).bit_length()
    return torch.fft.irfft(torch.fft.rfft(sound, n=size) * torch.fft.rfft(response, n=size), n=size)[:, :length]


_WARPS = tuple(0.84 + 0.04 * k for k in range(9))


def augmented_inputs(sound: Tensor, config: AugmentConfig) -> tuple[Tensor, Tensor]:
    """The encoder's inputs with warped formants, coloured and band-limited, with masks. sound [B, N]"""
    mel, prosody = other_voice_inputs(sound, config)
    return _mask(mel), prosody


def other_voice_inputs(sound: Tensor, config: AugmentConfig) -> tuple[Tensor, Tensor]:
    """What the encoder reads of the same words from another throat through another microphone. sound [B, N]"""
    count, extra = sound.shape[0], PITCH_MARGIN - MARGIN
    power = features.power_spectrum(sound[:, extra : sound.shape[1] - extra])  # [B, J, 257]
    filters = torch.stack([features.mel_filters(warp) for warp in _WARPS])[torch.randint(len(_WARPS), (count,))]
    mel = power @ filters  # [B, J, M]
    mel = mel * _colour(count) * _band_limit(count, config.narrow)
    f0, voiced = features.pitch(sound)
    power = mel.mean(-1)
    voice = features.voice_of(f0, voiced, power)
    voice = replace(voice, loudness=voice.loudness * 10 ** (0.35 * torch.randn(count).clamp(-2, 2)))
    return features.log_mel(mel, voice.loudness), features.prosody_inputs(f0, voiced, power, voice)


def _colour(count: int) -> Tensor:
    """Smooth random gains over the bands, as of microphones and rooms. [B, 1, M]"""
    points = 0.5 * torch.randn(count, 1, 6).clamp(-2, 2)  # in tens of decibels
    return 10 ** F.interpolate(points, size=MEL_BANDS, mode="linear", align_corners=True)


def _band_limit(count: int, chance: float) -> Tensor:
    """Telephone and codec: nothing above some band, sometimes nothing below another. [B, 1, M]"""
    band = torch.arange(MEL_BANDS)
    top = torch.where(torch.rand(count) < chance, 55 + 24 * torch.rand(count), 99.0)
    bottom = torch.where(torch.rand(count) < chance / 2, 10 * torch.rand(count), -1.0)
    keep = (band[None] < top[:, None]) & (band[None] > bottom[:, None])
    return torch.where(keep, 1.0, 1e-6)[:, None]


def _mask(mel: Tensor) -> Tensor:
    """SpecAugment (arXiv 1904.08779): hide two stretches of bands and three short stretches of time. [B, J, M]"""
    for axis, times, longest in ((2, 2, 14), (1, 3, 16)):
        for _ in range(times):
            mel = mel.masked_fill(_stretch(mel, axis, longest), 0.0)
    return mel


def _stretch(mel: Tensor, axis: int, longest: int) -> Tensor:
    """One random stretch of up to `longest` bands or frames per sound, elsewhere False."""
    count, size = mel.shape[0], mel.shape[axis]
    first = torch.rand(count, 1) * size
    place = torch.arange(size)
    hidden = (place >= first) & (place < first + longest * torch.rand(count, 1))
    return hidden[:, None] if axis == 2 else hidden[..., None]
