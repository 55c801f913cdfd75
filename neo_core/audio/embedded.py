"""The embedded audio encoder: a small network that hears phones, lips, melody and emphasis in any voice.

Log-mel at 100 Hz goes through a convolutional stem to 50 Hz, pitch and energy join, and eight gated convolutional
blocks follow (dilated, so that the last one hears about 0.7 s to either side). The output of the stem and of each block
is exposed, because VOCAL weighs all layers ("multi-scale" audio, NEO post); the heads it was trained with stay in the
file for inspection. What the encoder hears is bounded, so long sound is encoded in overlapping pieces that join without
a seam.

Letters: B batch, N samples, J mel frames (100 Hz), T feature frames (50 Hz), D width, L exposed layers, M mel bands.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..runtime.placement import ask
from ..weights import safetensors_io
from ..weights.checksum import edition
from ..weights.manifest import embedded
from . import features
from .encoder import PIECE, AudioEncoder
from .features import FRAME, MARGIN, MEL_BANDS, PITCH_MARGIN, Voice, clip_voice

FAMILY = "embedded"
PROSODY_INPUTS = 3


@dataclass(frozen=True)
class AudioEncoderConfig:
    width: int = 192
    inner: int = 224
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4, 8)
    phones: int = 40

    @property
    def layers(self) -> int:
        return len(self.dilations) + 1

    @property
    def reach(self) -> int:
        """Feature frames a layer may hear to either side of its own."""
        return sum(self.dilations) + 4


HEADS = {  # name -> outputs; "phones" is sized by the config
    "articulation": 4,  # lip closure, rounding, openness, spread
    "prosody": 3,  # f0 relative to the voice, energy, voicing
    "emphasis": 1,  # how much a word stands out
    "arousal": 1,  # calm 0 .. 1 excited
    "pause": 1,
}


class GatedConvolution(nn.Module):
    """x + W_o (a * silu(b)) with (a, b) read from three frames, `dilation` apart; frames outside the sound are zero."""

    def __init__(self, width: int, inner: int, dilation: int, dropout: float = 0.0):
        super().__init__()
        self.dilation = dilation
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(3 * width, 2 * inner)
        self.out = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, D]
        d, count = self.dilation, x.shape[1]
        around = F.pad(self.norm(x), (0, 0, d, d))
        a, b = self.mix(torch.cat([around[:, k * d : k * d + count] for k in range(3)], -1)).chunk(2, -1)
        return x + self.out(self.dropout(a * F.silu(b)))


class Stem(nn.Module):
    """Two convolutions over mel frames; the second has stride 2 and is centred on the pair 2k, 2k + 1."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Linear(5 * MEL_BANDS, width)
        self.second = nn.Linear(4 * width, width)
        self.prosody = nn.Linear(5 * PROSODY_INPUTS, width)

    def forward(self, mel: Tensor, prosody: Tensor) -> Tensor:  # [B, 2T, M], [B, T, 3] -> [B, T, D]
        x = F.gelu(self.first(_windows(mel, 5, 2, 1)))  # [B, 2T, D]
        return self.second(_windows(x, 4, 1, 2)) + self.prosody(_windows(prosody, 5, 2, 1))


def _windows(x: Tensor, size: int, before: int, stride: int) -> Tensor:
    """Every `stride`-th stretch of `size` frames, zero outside. [B, J, C] -> [B, J / stride, size C]"""
    around = F.pad(x, (0, 0, before, size - stride - before))
    return around.unfold(1, size, stride).transpose(2, 3).flatten(2)


class EmbeddedEncoder(AudioEncoder):
    """mel [B, 2T, M] and prosody [B, T, 3] -> hidden states [L, B, T, D], each frame of each layer of unit size."""

    def __init__(self, config: AudioEncoderConfig, dropout: float = 0.0):  # of what a block says, in training
        super().__init__()
        self.config = config
        self.name = FAMILY
        self.stem = Stem(config.width)
        self.blocks = nn.ModuleList(
            [GatedConvolution(config.width, config.inner, d, dropout) for d in config.dilations]
        )
        heads = {"phones": config.phones} | HEADS
        self.heads = nn.ModuleDict({name: nn.Linear(config.width, size) for name, size in heads.items()})
        self.layer_weights = nn.ParameterDict({name: torch.zeros(config.layers) for name in heads})

    @property
    def layers(self) -> int:
        return self.config.layers

    @property
    def width(self) -> int:
        return self.config.width

    @property
    def reach(self) -> int:
        return self.config.reach

    def survey(self, blocks: Iterable[Tensor]) -> Voice:
        """Loudness and pitch of the voice: speech is heard relative to them."""
        return clip_voice(blocks)

    def stream(self, blocks: Iterable[Tensor], survey: Voice, piece: int = PIECE) -> Iterator[Tensor]:
        """The pieces joined are what one pass over the whole would give."""
        reach = self.reach
        sound, start = torch.zeros(PITCH_MARGIN), -PITCH_MARGIN  # what is held, and where in the sound it starts
        done = received = 0  # frames given out, samples taken in
        for block in blocks:
            sound, received = torch.cat([sound, block]), received + block.shape[0]
            while received >= (done + piece + reach) * FRAME + PITCH_MARGIN:
                yield self._frames(sound, start, (done, done + piece, done + piece + reach), survey)
                done += piece
                keep = max(0, (done - reach) * FRAME - PITCH_MARGIN - start)
                sound, start = sound[keep:], start + keep
        total = features.feature_count(received, features.RATE)
        missing = total * FRAME + PITCH_MARGIN - start - sound.shape[0]
        sound = F.pad(sound, (0, max(0, missing)))
        while done < total:
            last = min(done + piece, total)
            yield self._frames(sound, start, (done, last, min(last + reach, total)), survey)
            done = last

    def _frames(self, sound: Tensor, start: int, span: tuple[int, int, int], voice: Voice) -> Tensor:
        """Hidden states of frames first..last, hearing up to `heard` and `reach` frames back. [L, last - first, D]"""
        first, last, heard = span
        low = max(0, first - self.reach)
        around = sound[low * FRAME - PITCH_MARGIN - start : heard * FRAME + PITCH_MARGIN - start]
        mel, prosody = network_inputs(around, voice)
        return ask(self, mel[None], prosody[None])[:, 0, first - low : last - low]

    def forward(self, mel: Tensor, prosody: Tensor) -> Tensor:
        x = self.stem(mel, prosody)
        states = [x]
        for block in self.blocks:
            x = block(x)
            states.append(x)
        return F.layer_norm(torch.stack(states), (self.config.width,))

    def read(self, hidden_states: Tensor, head: str) -> Tensor:
        """The raw output of a head, which listens to its own mixture of the layers. [L, ..., D] -> [..., outputs]"""
        mixture = torch.einsum("l,l...d->...d", self.layer_weights[head].softmax(0), hidden_states)
        return self.heads[head](mixture)


def load_embedded(path: str | Path | None = None) -> EmbeddedEncoder:
    """The embedded encoder, or one of the same architecture from a file."""
    path = path or embedded("audio.safetensors")
    config = safetensors_io.load_config_for(path, AudioEncoderConfig)
    encoder = EmbeddedEncoder(AudioEncoderConfig(**config | {"dilations": tuple(config["dilations"])}))
    safetensors_io.load_into(encoder, path)
    encoder.name = f"{FAMILY}/{edition([Path(path)])}"
    return encoder.eval()


def save_audio_encoder(encoder: EmbeddedEncoder, path: str | Path, made: dict) -> None:
    """Write an encoder in half precision. `made`: how it came to be."""
    safetensors_io.save(path, encoder.state_dict(), asdict(encoder.config), made=made, dtype=torch.float16)


def network_inputs(sound: Tensor, voice: Voice) -> tuple[Tensor, Tensor]:
    """Log-mel [..., 2T, M] and prosody [..., T, 3] of sound [..., N] with `PITCH_MARGIN` around it, and its voice."""
    extra = PITCH_MARGIN - MARGIN
    mel = features.mel_energy(sound[..., extra : sound.shape[-1] - extra])
    f0, voiced = features.pitch(sound)
    return features.log_mel(mel, voice.loudness), features.prosody_inputs(f0, voiced, mel.mean(-1), voice)
