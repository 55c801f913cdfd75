"""Public speech encoders as VOCAL hears them: wav2vec2, HuBERT, WavLM and Whisper.

Sound is prepared as each model's own preprocessor does it, but once for the whole of it: what it is normalised by comes
from a first pass. It is heard in windows that overlap: frames within `margin` of the edge of a window are thrown away,
for they do not know what is beyond it. A sound that fits one window is what `transformers`, or ComfyUI, makes of it.
The models' frames do not lie on 20 k + 10 ms as ours do, so their states are read between them. Whisper's states say
where in its 30 s a frame lies, and no two windows agree on that: there one passes over into the next, within 3 s.

Letters: B batch, N samples, J mel frames (100 Hz), T feature frames (50 Hz), D width, L layers, M mel bands,
C channels of the first convolution.
"""

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data_types import InputError
from ..runtime.placement import ask
from ..timebase import FEATURE_RATE
from .checkpoints import PREPROCESSOR, Checkpoint, load_checkpoint, read_json
from .encoder import PIECE, AudioEncoder, of_unit_size, on_the_clock
from .features import FRAME, RATE, feature_count

CONTEXT = 2 * FEATURE_RATE  # frames heard on either side of a piece of 20 s, at least


class PublicEncoder(AudioEncoder):
    """A network of `transformers` behind the interface; a kind says how it prepares and hears a window."""

    window: int  # frames heard at once, at most
    first: float  # ms: the middle of what the first frame hears
    margins: tuple[int, int]  # samples that the first frame reaches before its own 320, and the last one after them

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.name = checkpoint.name
        self.network = checkpoint.network

    @abstractmethod
    def prepared(self, block: Tensor, survey: Any) -> Tensor:
        """Samples as the network wants them; beyond both ends of the sound they are zero. [n] -> [n]"""

    @abstractmethod
    def hear(self, sound: Tensor, survey: Any) -> Tensor:
        """All layers for a window of prepared sound with its margins. [N] -> [L, T, D]"""

    @property
    def reach(self) -> int:
        return CONTEXT

    @property
    def margin(self) -> int:
        """Frames at either edge of a window that are heard and not handed out."""
        return (self.window - PIECE) // 2

    def stream(self, blocks: Iterable[Tensor], survey: Any, piece: int = PIECE) -> Iterator[Tensor]:
        """Where windows overlap by more than their context, one passes over into the next."""
        tail = None
        for first, done, stop, hidden in self._windows(blocks, survey):
            said = hidden[:, done - first : stop - first]
            said = said if tail is None else passed_over(tail, said)
            tail = hidden[:, stop - first :][:, : self.margin - CONTEXT]
            yield from of_unit_size(said).split(piece, dim=1)

    def _windows(self, blocks: Iterable[Tensor], survey: Any) -> Iterator[tuple[int, int, int, Tensor]]:
        """Windows of the same length, the first at the beginning and the last at the end of the sound: first frame,
        frames it is wanted for, states [L, T, D]."""
        before, after = self.margins
        sound, start = torch.zeros(before), -before  # what is held, and where in the sound it starts
        done = received = 0  # frames given out, samples taken in
        for block in blocks:
            sound, received = torch.cat([sound, self.prepared(block, survey)]), received + block.shape[0]
            while received >= ((first := max(0, done - self.margin)) + self.window) * FRAME + after:
                yield first, done, done + PIECE, self._heard(sound, first * FRAME - start, survey)
                drop = max(0, first * FRAME - before - start)  # the last window may begin no earlier
                sound, start, done = sound[drop:], start + drop, done + PIECE
        total = feature_count(received, RATE)
        sound = F.pad(sound, (0, max(0, total * FRAME + after - start - sound.shape[0])))
        while done < total:
            first = max(0, min(done - self.margin, total - self.window))
            stop = total if total - first <= self.window else done + PIECE
            yield first, done, stop, self._heard(sound, first * FRAME - start, survey)
            done = stop

    def _heard(self, sound: Tensor, begin: int, survey: Any) -> Tensor:
        """States of a window whose first frame begins at a sample of what is held. [L, T, D]"""
        before, after = self.margins
        hidden = self.hear(sound[begin - before :][: before + self.window * FRAME + after], survey)
        return on_the_clock(hidden, self.first, hidden.shape[1])


def passed_over(old: Tensor, new: Tensor) -> Tensor:
    """The new states, beginning as the old ones of the same frames, more and more their own. [L, t, D], [L, T, D]"""
    count = min(old.shape[1], new.shape[1])
    share = (torch.arange(count) + 1.0)[:, None] / (count + 1)
    return torch.cat((torch.lerp(old[:, :count], new[:, :count], share), new[:, count:]), 1)


# --- networks that read the waveform ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Level:
    """What a whole sound says to a network that reads its waveform."""

    mean: float
    scale: float  # one over the deviation, where the preprocessor divides by it
    spread: tuple[Tensor, Tensor] | None  # [C], [C] mean and variance of the first convolution; None: the window's own


class WaveformEncoder(PublicEncoder):
    """wav2vec2, HuBERT, WavLM: convolutions over the waveform, then a transformer. samples [B, N] -> [L, B, T, D]"""

    window = PIECE + 2 * CONTEXT

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self.normalise = _normalises(checkpoint)
        config = self.network.config
        hop, field = math.prod(config.conv_stride), receptive_field(config.conv_kernel, config.conv_stride)
        if hop != FRAME or field < hop:
            raise InputError(f"{checkpoint.folder} hears every {hop} samples, over {field}; expected every {FRAME}")
        self.first, self.margins = 1000 * field / 2 / RATE, (0, field - hop)
        self.over_time = config.feat_extract_norm == "group"

    @property
    def layers(self) -> int:
        return self.network.config.num_hidden_layers + 1

    @property
    def width(self) -> int:
        return self.network.config.hidden_size

    def forward(self, samples: Tensor) -> Tensor:
        return all_states(self.network(samples, output_hidden_states=True))

    def survey(self, blocks: Iterable[Tensor]) -> Level:
        """Mean and deviation of the samples. Where the first convolution is normalised over time (the base models),
        its statistics as well, if the sound does not fit one window: or else a window of silence would be heard as
        loud as one of speech, and no two windows would fit together."""
        samples, spread = Moments(1), Moments(self._first_layer.conv.out_channels)
        conv, rest = self._first_layer.conv, torch.zeros(0)
        for block in blocks:
            samples.add(block[None])
            if self.over_time:
                rest = torch.cat([rest, block])
                count = (rest.shape[0] - conv.kernel_size[0]) // conv.stride[0] + 1
                if count > 0:
                    spread.add(ask(conv, rest[None, None])[0])
                    rest = rest[count * conv.stride[0] :]
        mean, variance = (float(value) for value in (samples.mean, samples.variance))
        mean, scale = (mean, (variance + 1e-7) ** -0.5) if self.normalise else (0.0, 1.0)
        short = feature_count(samples.count, RATE) <= self.window
        return Level(mean, scale, None if short or not self.over_time else self._prepared_spread(spread, mean, scale))

    def prepared(self, block: Tensor, survey: Level) -> Tensor:
        return (block - survey.mean) * survey.scale

    def hear(self, sound: Tensor, survey: Level) -> Tensor:
        with self._normalised_by(survey.spread):
            return ask(self, sound[None])[:, 0]

    @property
    def _first_layer(self) -> nn.Module:
        return self.network.feature_extractor.conv_layers[0]

    def _prepared_spread(self, spread: "Moments", mean: float, scale: float) -> tuple[Tensor, Tensor]:
        """From statistics of the convolution of the sound to those of the prepared sound: it is linear."""
        conv = self._first_layer.conv
        weight = conv.weight.detach().double().cpu().sum((1, 2))  # [C]
        bias = 0.0 if conv.bias is None else conv.bias.detach().double().cpu()
        return (scale * (spread.mean - bias - mean * weight) + bias).float(), (scale**2 * spread.variance).float()

    @contextmanager
    def _normalised_by(self, spread: tuple[Tensor, Tensor] | None) -> Iterator[None]:
        """Inside, the first convolution is normalised by statistics of the whole sound."""
        if spread is None:
            yield
            return

        def whole(layer: nn.GroupNorm, inputs: tuple[Tensor], _: Tensor) -> Tensor:
            mean, variance = (value.to(inputs[0]) for value in spread)
            return F.batch_norm(inputs[0], mean, variance, layer.weight, layer.bias, eps=layer.eps)

        hook = self._first_layer.layer_norm.register_forward_hook(whole)
        try:
            yield
        finally:
            hook.remove()


class Moments:
    """Mean and variance of numbers that come in blocks, per channel."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self._sum, self._squares = torch.zeros(2, channels, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        """[C, n]"""
        self.count += x.shape[1]
        self._sum += x.sum(1, dtype=torch.float64)
        self._squares += x.square().sum(1, dtype=torch.float64)

    @property
    def mean(self) -> Tensor:  # [C]
        return self._sum / max(self.count, 1)

    @property
    def variance(self) -> Tensor:  # [C]
        return (self._squares / max(self.count, 1) - self.mean.square()).clamp_min(0)


def receptive_field(kernels: Iterable[int], strides: Iterable[int]) -> int:
    """Samples that one frame of a stack of convolutions hears."""
    field, hop = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field, hop = field + (kernel - 1) * hop, hop * stride
    return field


def all_states(output: Any) -> Tensor:
    """Every layer's states, [L, B, T, D]. Of the last one, those after the final normalisation, as ComfyUI has them:
    which of the two `hidden_states` ends with depends on the version of transformers."""
    return torch.stack([*output.hidden_states[:-1], output.last_hidden_state])


def _normalises(checkpoint: Checkpoint) -> bool:
    """Whether the preprocessor brings sound to zero mean and unit variance."""
    settings = read_json(checkpoint.folder / PREPROCESSOR)
    rate = settings.get("sampling_rate", RATE)
    if rate != RATE:
        raise InputError(f"{checkpoint.folder / PREPROCESSOR} asks for {rate} Hz; expected {RATE}")
    return bool(settings.get("do_normalize", True))


# --- Whisper ----------------------------------------------------------------------------------------------------------

FFT, MEL_HOP = 400, 160


class WhisperEncoder(PublicEncoder):
    """Log-mel of 30 s, always, then a transformer with a place for each frame. mel [B, M, J] -> [L, B, J / 2, D]"""

    first = 0.0  # the spectrum of a moment, three of them around every second one, and so on: symmetric
    margins = (FFT // 2, FFT // 2 - MEL_HOP)

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self.window = self.network.config.max_source_positions
        if self.window < PIECE + 2 * CONTEXT:
            raise InputError(f"{checkpoint.folder} hears {self.window} frames at once; expected {PIECE + 2 * CONTEXT}")
        self.filters = mel_filters(self.network.config.num_mel_bins)  # [201, M], always on the CPU

    @property
    def layers(self) -> int:
        return self.network.config.encoder_layers + 1

    @property
    def width(self) -> int:
        return self.network.config.d_model

    def forward(self, mel: Tensor) -> Tensor:
        return all_states(self.network(mel, output_hidden_states=True))

    def survey(self, blocks: Iterable[Tensor]) -> float:
        """The loudest band of the loudest frame, as a decimal logarithm: what lies 80 dB below it counts as silence."""
        rest, peak = torch.zeros(self.margins[0]), -10.0
        for block in blocks:
            rest = torch.cat([rest, block])
            count = (rest.shape[0] - FFT) // MEL_HOP + 1
            if count > 0:
                peak = max(peak, float(self._log_power(rest).max()))
                rest = rest[count * MEL_HOP :]
        return max(peak, float(self._log_power(F.pad(rest, (0, FFT))).max()))

    def prepared(self, block: Tensor, survey: float) -> Tensor:  # noqa: ARG002 - as it is
        return block

    def hear(self, sound: Tensor, survey: float) -> Tensor:
        mel = self._log_power(sound)  # [M, J]
        count = mel.shape[1]
        silence = F.pad(mel, (0, 2 * self.window - count), value=-10.0)
        mel = (silence.clamp_min(survey - 8.0) + 4.0) / 4.0
        return ask(self, mel[None])[:, 0, : count // 2]

    def _log_power(self, sound: Tensor) -> Tensor:
        """Decimal logarithm of the power in the mel bands. [N] -> [M, J]"""
        frames = sound.unfold(-1, FFT, MEL_HOP) * torch.hann_window(FFT)  # [J, 400]
        power = torch.fft.rfft(frames).abs().square()  # [J, 201]
        return (power @ self.filters).clamp_min(1e-10).log10().t()


def mel_filters(bands: int) -> Tensor:
    """Whisper's triangles on Slaney's mel scale, each of unit area. [201, M]"""
    from transformers.audio_utils import mel_filter_bank  # optional: what loads a checkpoint has asked for it

    bank = mel_filter_bank(FFT // 2 + 1, bands, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(bank).float()


KINDS = {"wav2vec2": WaveformEncoder, "hubert": WaveformEncoder, "wavlm": WaveformEncoder, "whisper": WhisperEncoder}


def load_public(folder: Path) -> PublicEncoder:
    """The encoder in the folder of a public checkpoint. Raises InputError when it holds none."""
    checkpoint = load_checkpoint(folder)
    return KINDS[checkpoint.family](checkpoint).eval()
