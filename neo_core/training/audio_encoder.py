"""Recipe of the embedded audio encoder (`weights/embedded/audio.safetensors`).

    python -m neo_core factory speech --assets DIR --transcripts LIBRISPEECH --out SPEECH
    python -m neo_core train audio-encoder --speech SPEECH --minutes 25

Phones by cross-entropy weighted with the confidence of the alignment, what the lips do, pitch, energy and voicing,
emphasis, arousal and pauses, on strongly augmented crops; half of them recordings of people.
"""

import argparse
import logging
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..audio.embedded import AudioEncoderConfig, EmbeddedEncoder, save_audio_encoder
from ..audio.encoder import encode
from ..data_types import Waveform
from ..weights.manifest import FOLDER
from ..weights.safetensors_io import load_into
from .fitting import Plan, fit, follow
from .sound_batches import AugmentConfig, Batch, SpeechStore, lip_targets
from .synthetic.librispeech import HELD_OUT_SPEAKERS
from .synthetic.phones import BILABIALS, INDEX, VISEME_OF
from .synthetic.speech import HELD_OUT_VOICES, is_held_out, load_corpus
from .synthetic.utterance import RATE, Utterance, labels

log = logging.getLogger(__name__)

BATCH = 12
DROPOUT = 0.12
SMOOTHING = 0.06  # of the phone targets: no frame of a few voices is worth being certain of
WEIGHTS = {"phones": 1.0, "articulation": 0.6, "melody": 0.3, "emphasis": 0.1, "arousal": 0.1, "pause": 0.2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--speech", type=Path, required=True, help="folder of `factory speech`")
    parser.add_argument("--out", type=Path, default=FOLDER / "audio.safetensors")
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights to start from (default: random ones)")


def run(arguments: argparse.Namespace) -> None:
    """Train for the given minutes; the file is rewritten about every second minute."""
    torch.manual_seed(arguments.seed)
    corpus = load_corpus(arguments.speech)
    names = [corpus.voice(k) for k in range(len(corpus))]
    store = SpeechStore(corpus[k] for k, name in enumerate(names) if not is_held_out(name)).to(arguments.device)
    judged = [corpus[k] for k, name in enumerate(names) if is_held_out(name) and name.startswith("librispeech")]
    log.info("%.0f minutes of speech to train on", float(store.length.sum()) / RATE / 60)
    encoder = EmbeddedEncoder(AudioEncoderConfig(), DROPOUT)
    if arguments.start:
        load_into(encoder, arguments.start)
    encoder.to(arguments.device)
    config, made, teacher = AugmentConfig(), _made(arguments), Teacher(encoder)

    def loss(net: EmbeddedEncoder) -> Tensor:
        with torch.device(arguments.device):
            batch = store.draw(BATCH, config)
            return batch_loss(net, batch, teacher.said(net, batch))

    def report(average: EmbeddedEncoder) -> str:
        save_audio_encoder(average, arguments.out, made)
        return str(frame_scores(deepcopy(average).cpu(), judged[::5]))

    plan = Plan(arguments.minutes, rate=2e-3, decay=0.05, average=0.998, report=120.0)
    trained = fit(encoder, loss, plan, report)
    save_audio_encoder(trained, arguments.out, made)
    log.info("held-out speakers: %s", frame_scores(trained.cpu(), judged))


def _made(arguments: argparse.Namespace) -> dict:
    return {
        "recipe": f"python -m neo_core train audio-encoder --speech SPEECH --minutes {arguments.minutes:g}",
        "seed": arguments.seed,
        "minutes": arguments.minutes,
        "data": "our speech factory (espeak-ng, flite, SVOX Pico) and LibriSpeech clips, aligned with their texts",
        "licences": ["LibriSpeech CC BY 4.0"],
        "held_out": {"librispeech_speakers": list(HELD_OUT_SPEAKERS), "espeak_variants": list(HELD_OUT_VOICES)},
    }


# --- doubtful phones -------------------------------------------------------------------------------------------------


class Teacher:
    """A moving average of the network that hears the clean sound: it says what it hears where the label is doubtful.

    Mean teacher (arXiv 1703.01780); it is believed gradually, once it can hear.
    """

    def __init__(self, net: EmbeddedEncoder, keep: float = 0.99, deaf: int = 400, ramp: int = 600):
        self.average = deepcopy(net).eval()
        self.keep, self.deaf, self.ramp, self.steps = keep, deaf, ramp, 0

    @torch.no_grad()
    def said(self, net: EmbeddedEncoder, batch: Batch) -> Tensor | None:
        """Phone probabilities times how far to believe them. [B, T, phones]"""
        self.steps += 1
        follow(self.average, net, min(self.keep, self.steps / (self.steps + 10)))
        belief = min(1.0, (self.steps - self.deaf) / self.ramp)
        if belief <= 0:
            return None
        with torch.autocast(batch.trust.device.type, torch.bfloat16):
            logits = self.average.read(self.average(*batch.clean), "phones")
        probability = logits.float().softmax(-1)
        return belief * probability * probability.amax(-1, keepdim=True)


# --- loss ------------------------------------------------------------------------------------------------------------


def batch_loss(net: EmbeddedEncoder, batch: Batch, taught: Tensor | None = None) -> Tensor:
    """The weighted sum over all heads; `taught` is what the teacher heard. [B, T, phones]"""
    with torch.autocast(batch.trust.device.type, torch.bfloat16):
        hidden = net(*batch.heard)  # [L, B, T, D]
        said = {name: net.read(hidden, name).float() for name in net.heads}
    phones = batch.phones * batch.trust[..., None]
    if taught is not None:
        phones = phones + taught * (1 - batch.trust[..., None])
    losses = head_losses(said, batch, phones)
    return sum(WEIGHTS[name] * value for name, value in losses.items())


def head_losses(said: dict[str, Tensor], batch: Batch, phones: Tensor) -> dict[str, Tensor]:
    """One loss per head. said[name] [B, T, outputs]; phones [B, T, phones] sums to the weight of each frame"""
    weight = phones.sum(-1)
    shape = lip_targets(phones / weight[..., None].clamp_min(1e-3)).clamp(0, 1)
    speech = 1 - batch.pause
    known = speech * ~batch.arousal.isnan()[:, None]
    arousal = batch.arousal.nan_to_num(0.0)[:, None].expand_as(batch.pause)
    lips = F.binary_cross_entropy_with_logits(said["articulation"], shape, reduction="none").mean(-1)
    return {
        "phones": _phone_loss(said["phones"], phones, weight),
        "articulation": _mean(lips, weight),
        "melody": _melody_loss(said["prosody"], batch.melody),
        "emphasis": _mean(_binary(said["emphasis"], batch.emphasis), speech * (batch.emphasis > 0)),
        "arousal": _mean(_binary(said["arousal"], arousal), known),
        "pause": _binary(said["pause"], batch.pause).mean(),
    }


def _phone_loss(said: Tensor, phones: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy with smoothed targets (arXiv 1512.00567). said, phones [B, T, phones], weight [B, T]"""
    target = (1 - SMOOTHING) * phones + SMOOTHING / phones.shape[-1] * weight[..., None]
    return -(target * said.log_softmax(-1)).sum() / weight.sum().clamp_min(1.0)


def _melody_loss(said: Tensor, melody: Tensor) -> Tensor:
    f0, energy, voiced = melody.unbind(-1)
    pitch = _mean(F.smooth_l1_loss(said[..., 0], f0, reduction="none"), (voiced > 0.5).float())
    strength = F.smooth_l1_loss(said[..., 1], energy)
    return pitch + strength + F.binary_cross_entropy_with_logits(said[..., 2], voiced)


def _binary(logit: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logit[..., 0], target, reduction="none")


def _mean(value: Tensor, weight: Tensor) -> Tensor:
    return (value * weight).sum() / weight.sum().clamp_min(1.0)


# --- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameScores:
    """How well phones are heard, over all feature frames, silence included, of clips with a known text."""

    phone: float  # share of frames with the right phone
    viseme: float  # share with the right class of `phones.VISEMES`
    speech_phone: float  # the same for frames that are not silence
    speech_viseme: float
    bilabial_precision: float  # of the frames heard as p, b, m
    bilabial_recall: float
    closures: float  # share of p, b, m heard as such in at least one frame

    def __str__(self) -> str:
        return (
            f"phones {self.phone:.3f} ({self.speech_phone:.3f} in speech), visemes {self.viseme:.3f} "
            f"({self.speech_viseme:.3f}), bilabials precision {self.bilabial_precision:.3f} recall "
            f"{self.bilabial_recall:.3f}, closures {self.closures:.3f}"
        )


@torch.no_grad()
def hear(net: EmbeddedEncoder, utterance: Utterance) -> tuple[Tensor, Tensor]:
    """Phones heard and phones said, in every feature frame. ([T], [T])"""
    features = encode(net, Waveform(utterance.samples[None], RATE))
    heard = net.read(features.hidden_states, "phones").argmax(-1)
    said = labels(utterance)[0][1::2]  # the label just after the middle of each feature frame
    count = min(len(said), len(heard))
    return heard[:count], said[:count]


def frame_scores(net: EmbeddedEncoder, utterances: list[Utterance]) -> FrameScores:
    """Scores over whole clips, as they are."""
    net = net.eval()
    heard, said = (torch.cat(list(column)) for column in zip(*(hear(net, u) for u in utterances), strict=True))
    viseme = torch.tensor(VISEME_OF)
    lips = torch.isin(viseme[heard], viseme[INDEX["P"]])
    true_lips = torch.isin(said, torch.tensor([INDEX[p] for p in BILABIALS]))
    speech, right, alike = said != INDEX["SIL"], heard == said, viseme[heard] == viseme[said]
    both = (lips & true_lips).sum()
    return FrameScores(
        phone=float(right.float().mean()),
        viseme=float(alike.float().mean()),
        speech_phone=float(right[speech].float().mean()),
        speech_viseme=float(alike[speech].float().mean()),
        bilabial_precision=float(both / lips.sum().clamp_min(1)),
        bilabial_recall=float(both / true_lips.sum().clamp_min(1)),
        closures=_closures(lips, true_lips),
    )


def _closures(lips: Tensor, true_lips: Tensor) -> float:
    """Share of the runs of `true_lips` that hold at least one frame of `lips`. [T], [T]"""
    edges = F.pad(true_lips.int(), (1, 1)).diff()
    runs = list(zip(torch.nonzero(edges == 1)[:, 0].tolist(), torch.nonzero(edges == -1)[:, 0].tolist(), strict=True))
    return sum(bool(lips[a:b].any()) for a, b in runs) / max(1, len(runs))
