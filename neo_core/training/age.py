"""Recipe of the age network: `python -m neo_core train age --frames DIR --minutes 0.3`.

Frames of `factory generations` are read by portrait analysis first, so that the network sees shapes as they are read:
where a face is hard to read, the reading leans towards a grown-up's. It then learns who is a child and how old everyone
is. Held-out people set the threshold.

Letters: N faces, B drawn ones, K landmarks.
"""

import argparse
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ..data_types import InputError
from ..geometry.head_model import load_head_model
from ..pictar.age_net import YEARS_UNIT, AgeConfig, AgeNet, AgeReading, mirrored, read_age, save_age_net
from ..pictar.analysis import LEAST_SCORE, Analyser, load_analyser, read_face
from ..pictar.squares import frame_face
from ..weights import safetensors_io
from ..weights.manifest import FOLDER
from .augment import normal
from .face_frames import around, jitter, mirror_coins, raise_brows
from .fitting import Plan, fit

log = logging.getLogger(__name__)

VALIDATION_SHARE = 2  # every other person sets the threshold; mannequins only teach, they are stranger than photos
CHILD, GROWN_UP = 13.0, 18.0  # years: certainly the one, certainly the other; adolescents are in between
FALSE_REFUSALS = 0.01  # of grown-ups, where the threshold is set
NOISE = 0.012  # of landmarks, crop units
SQUASH = 0.03  # how unevenly faces are stretched
YEARS_SHARE = 0.3  # of the ages in the loss
BATCH = 256


@dataclass(frozen=True)
class Ages:
    """Faces as portrait analysis reads them, and how old they are."""

    landmarks: Tensor  # [N, K, 2] pixels
    age: Tensor  # [N] years
    person: Tensor  # [N]
    plain: Tensor  # [N] bool: a mannequin

    def __len__(self) -> int:
        return len(self.age)

    def __getitem__(self, index: Tensor) -> "Ages":
        return Ages(*(getattr(self, field.name)[index] for field in fields(self)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=Path, required=True, help="folder of `factory generations`")
    parser.add_argument("--out", type=Path, default=FOLDER / "age.safetensors")
    parser.add_argument("--minutes", type=float, default=0.3, help="of training, after the frames have been read")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    """Read the frames, train, set the threshold, save."""
    torch.manual_seed(arguments.seed)
    dice = torch.Generator().manual_seed(arguments.seed)
    analyser = load_analyser()
    faces = read_frames(analyser, arguments.frames, load_head_model().landmark_groups)
    net = train(faces, analyser.mirror, arguments.minutes, dice)
    save_age_net(arguments.out, net, _made(arguments, len(faces)))


def train(faces: Ages, partner: Tensor, minutes: float, dice: Generator) -> AgeNet:
    """A network with its threshold set. partner [K] is the landmarks' left-right permutation."""
    apart = ~faces.plain & (faces.person % VALIDATION_SHARE == 0)
    held_out = faces[apart]
    log.info("%d faces, %d of them of held-out people", len(faces), len(held_out))
    if not len(held_out) or apart.all():
        raise InputError(
            f"{len(faces)} faces, {len(held_out)} held out; expected both: more frames, a trained analyser"
        )
    net = AgeNet(AgeConfig(faces.landmarks.shape[1]))
    net.mirror.copy_(partner)
    net = fit(net, partial(age_loss, faces[~apart], dice), Plan(minutes), partial(_report, held_out))
    net.config = replace(net.config, refused=threshold(read_age(net, held_out.landmarks).child, held_out.age))
    return net


def read_frames(analyser: Analyser, folder: Path, groups: Mapping[str, Sequence[int]]) -> Ages:
    """The faces in all shards of a folder, as far as the analysis would call them faces."""
    shards = [safetensors_io.load(path)[0] for path in sorted(folder.glob("shard_*.safetensors"))]
    if not shards:
        raise InputError(f"no frames found in {folder}; expected shard_*.safetensors of `factory generations`")
    data = {name: torch.cat([shard[name] for shard in shards]) for name in shards[0]}
    squares = frame_face(raise_brows(data["landmarks"].float(), groups))
    faces = [read_face(analyser, image, squares[k : k + 1]) for k, image in enumerate(data["image"])]
    seen = torch.tensor([face.score >= LEAST_SCORE for face in faces])
    landmarks = torch.stack([face.landmarks for face in faces])
    return Ages(landmarks, data["age"].float(), data["person"], data["plain"])[seen]


def age_loss(faces: Ages, dice: Generator, net: AgeNet) -> Tensor:
    """Child or not, adolescents by degrees; and the years, with heavy tails."""
    drawn = faces[torch.randint(0, len(faces), (BATCH,), generator=dice)]
    said = net(strange_shapes(drawn.landmarks, net.mirror, dice))
    child = ((GROWN_UP - drawn.age) / (GROWN_UP - CHILD)).clamp(0, 1)
    years = functional.smooth_l1_loss(said.years / YEARS_UNIT, drawn.age / YEARS_UNIT)
    return functional.binary_cross_entropy_with_logits(said.child, child) + YEARS_SHARE * years


def strange_shapes(landmarks: Tensor, partner: Tensor, dice: Generator) -> Tensor:
    """Faces with landmarks [B, K, 2] in pixels, in crops that sit badly, with errors, half of them mirrored."""
    count = len(landmarks)
    square = jitter(frame_face(landmarks), dice, 0.01, 0.02, 2 * normal((count,), dice))
    view = around(square, torch.zeros(count, dtype=torch.bool), dice, SQUASH)
    shape = view.locate(landmarks) + NOISE * normal(tuple(landmarks.shape), dice)
    return torch.where(mirror_coins(count, dice)[:, None, None], mirrored(shape, partner), shape)


def threshold(child: Tensor, age: Tensor) -> float:
    """The logit above which only `FALSE_REFUSALS` of the grown-ups lie."""
    return float(child[age >= GROWN_UP].quantile(1 - FALSE_REFUSALS))


def _report(held_out: Ages, net: AgeNet) -> str:
    said: AgeReading = read_age(net, held_out.landmarks)
    refused = said.child > threshold(said.child, held_out.age)
    share = float(refused[held_out.age < 10].float().mean())
    error = float((said.years - held_out.age).abs()[held_out.age < GROWN_UP].mean())
    return f"{share:.3f} of those under ten refused, children's ages {error:.1f} years off"


def _made(arguments: argparse.Namespace, faces: int) -> dict:
    return {
        "recipe": "python -m neo_core factory generations --assets DIR --out FRAMES && "
        "python -m neo_core train age --frames FRAMES",
        "seed": arguments.seed,
        "minutes": arguments.minutes,
        "data": [f"{faces} frames of `factory generations`, read by portrait analysis"],
        "licences": ["MIT (c) 2020 USC Institute for Creative Technologies", "CC0"],
        "held_out": ["every other person of the frames, to set the threshold", "people with seeds from 9000000"],
        "date": time.strftime("%Y-%m-%d"),
    }
