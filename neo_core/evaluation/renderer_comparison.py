"""Two renderers against what really happened: held-out people of the factory, and films whose first frame is the photo.

Both get the same lifted portrait and the same motion, and are judged against the true frames, inside the face. What is
not in a photo cannot be right to the pixel, so beside errors there are the judgements of networks: features of one that
reads faces, the lips it reads, the head that is fitted to what it reads.

Letters: K moments of a take, H W pixels.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from .. import motion_space
from ..data_types import InputError
from ..governance import REENACTMENT, TALKING_HEAD, ConsentLedger, Grant, authorise, fingerprint
from ..governance.portrait import likeness_distance
from ..governance.record import new_record
from ..media.footage import inspect_pictures, read_pictures
from ..pictar.acquaintance import likeness_of
from ..pictar.age_net import looks_like_a_child
from ..pictar.analysis import Face, analyse
from ..pictar.geometric import Volume, render
from ..pictar.mini.face import lift_mini, render_mini
from ..pictar.mini.network import Mini
from ..pipelines.portrait import MOUTH, Portrait, choose_face, find_portrait
from ..pipelines.reenactment import Reenactment, Watched, carried_over, watch
from ..pipelines.talking_head import Models, enrol
from ..weights import safetensors_io
from .bootstrap import Range, bootstrap
from .feature_distance import FeatureDistance

PATTERN = "person_*.safetensors"  # what `factory portrait-pairs` calls its files
GEOMETRIC, MINI = "geometric", "mini"
HIGHER, LOWER = 1.0, -1.0
NOBODY = 1.5  # of "head's shape" where no face is read: as far as a stranger's head is
MEASURES = {  # name: which way is better
    "face, dB": HIGHER,
    "mouth, dB": HIGHER,
    "features": LOWER,
    "lips, eye distances": LOWER,
    "head's shape": LOWER,
}
MARGIN = 0.35  # of the mouth's width around it
SHAPES = 3  # frames of a take by which the head's shape is told
EYES = slice(36, 48)  # of the Multi-PIE 68

Renderer = Callable[["Take"], Tensor]  # -> u8 [K, H, W, 3]


@dataclass(frozen=True)
class Take:
    """A portrait, ready to be moved, and how it really looked when it moved so."""

    name: str
    volume: Volume
    motion: Tensor  # [K, 63]
    truth: Tensor  # u8 [K, H, W, 3]


def renderers(mini: Mini) -> dict[str, Renderer]:
    """Both, by name."""

    @torch.no_grad()
    def drawn(take: Take) -> Tensor:
        return torch.stack(list(render_mini(lift_mini(take.volume, mini), take.motion)))

    return {GEOMETRIC: lambda take: torch.stack(list(render(take.volume, take.motion))), MINI: drawn}


def factory_takes(models: Models, folder: Path, home: Path) -> Iterator[Take]:
    """People of `factory portrait-pairs --held-out`, enrolled from their photo alone, as anybody is. Their consent goes
    into a ledger at `home`."""
    paths = sorted(folder.glob(PATTERN))
    if not paths or not all(safetensors_io.load_config(path).get("held_out") for path in paths):
        found = "other people" if paths else "no held-out people"
        raise InputError(f"{found} found in {folder}; expected those of `factory portrait-pairs --held-out` alone")
    for path in paths:
        tensors, _ = safetensors_io.load(path)
        faces = analyse(models.analyser, tensors["photo"])
        if len(faces) != 1 or looks_like_a_child(faces[0]):
            continue  # whom the pipeline refuses, neither renderer is asked for
        portrait = Portrait(tensors["photo"], faces[0])
        volume = enrol(models, portrait, None, grant=_made_up(portrait, path, home)).volume
        motion = motion_space.clamp(volume.reference + tensors["motion"])
        yield Take(path.stem, volume, motion, tensors["photographs"])


def film_take(models: Models, path: Path, moments: int) -> Take:
    """A film of somebody, who is enrolled from its first frame and moved as portrait analysis sees them move.

    Raises ConsentRequired without a consent record for that frame: what is measured is that person, animated.
    """
    footage = inspect_pictures(path)
    first = next(iter(read_pictures(footage)))
    portrait = find_portrait(models.analyser, first, path)
    looks = fingerprint(portrait.photo, portrait.face.landmarks68)
    volume = enrol(models, portrait, None, grant=authorise(looks, REENACTMENT, source=str(path))).volume
    settings, choose = Reenactment(), partial(choose_face, name=path, number=1)
    seen = watch(models, footage, choose, settings, Watched())
    motion = list(carried_over(volume, seen, settings))
    kept = sorted({round(k * (len(motion) - 1) / moments) for k in range(1, moments + 1)})
    wanted, height, width = set(kept), *volume.photo.shape[:2]
    truth = [picture for number, picture in enumerate(read_pictures(footage)) if number in wanted]
    return Take(path.stem, volume, torch.stack([motion[k] for k in kept]), torch.stack(truth)[:, :height, :width])


def _made_up(portrait: Portrait, path: Path, home: Path) -> Grant:
    """A grant for somebody whom the factory has made."""
    of = fingerprint(portrait.photo, portrait.face.landmarks68)
    ledger = ConsentLedger(home)
    ledger.add(new_record("synthetic", "person of the factory", of, adult=True, issued=int(time.time())))
    return authorise(of, TALKING_HEAD, source=str(path), ledger=ledger)


@torch.no_grad()
def measure(models: Models, take: Take, frames: Mapping[str, Tensor]) -> dict[str, dict[str, float]]:
    """What is wrong with each renderer's frames u8 [K, H, W, 3] of a take, by `MEASURES`. Empty where portrait analysis
    finds no face in any true frame."""
    judge, size = FeatureDistance(models.analyser), tuple(take.truth.shape[1:3])
    sums = {name: dict.fromkeys(MEASURES, 0.0) for name in frames}
    faces: dict[str, list[Face]] = {name: [] for name in ("truth", *frames)}
    for number, truth in enumerate(take.truth):
        if (face := _face(models, truth)) is None:
            continue
        faces["truth"].append(face)
        for name, drawn in frames.items():
            found = _face(models, drawn[number])
            faces[name] += [found] if found else []
            for measure_name, value in _frame_figures(judge, truth, drawn[number], face, found).items():
                sums[name][measure_name] += value
    count = len(faces["truth"])
    if not count:
        return {}
    shapes = {name: likeness_of(models.head, found[:SHAPES], size) for name, found in faces.items() if found}
    for name, figures in sums.items():
        figures.update({key: value / count for key, value in figures.items()})
        figures["head's shape"] = min(likeness_distance(shapes.get(name, ()), shapes["truth"]), NOBODY)
    return sums


def _frame_figures(
    judge: FeatureDistance, truth: Tensor, drawn: Tensor, face: Face, found: Face | None
) -> dict[str, float]:
    """All measures of a frame but the head's shape. `face` as it is read in the truth, `found` in what was drawn."""
    points = face.landmarks68
    lips, eyes = points[MOUTH], points[EYES].unflatten(0, (2, 6)).mean(1)
    margin = MARGIN * float(lips[:, 0].amax() - lips[:, 0].amin())
    boxes = {"face, dB": face.box, "mouth, dB": torch.cat([lips.amin(0) - margin, lips.amax(0) + margin])}
    pictures = [picture.permute(2, 0, 1)[None].float() / 255 for picture in (truth, drawn)]
    away = 1.0 if found is None else float((found.landmarks68[MOUTH] - lips).norm(dim=1).mean())
    unit = float((eyes[0] - eyes[1]).norm())
    cut = {name: [_cut(picture, box) for picture in pictures] for name, box in boxes.items()}
    return {
        **{name: psnr(first, second) for name, (first, second) in cut.items()},
        "features": float(judge(*cut["face, dB"])),
        "lips, eye distances": away if found is None else away / unit,
    }


def psnr(first: Tensor, second: Tensor) -> float:
    """dB between pictures in 0..1; equal ones have 100."""
    return float(-10 * (first - second).square().mean().clamp(min=1e-10).log10())


def _cut(picture: Tensor, box: Tensor) -> Tensor:
    """The part of a picture [1, 3, H, W] in a box [4], at least two pixels each way."""
    left, top, right, bottom = box.round().int().tolist()
    left, top = min(max(left, 0), picture.shape[3] - 2), min(max(top, 0), picture.shape[2] - 2)
    return picture[:, :, top : max(bottom, top + 2), left : max(right, left + 2)]


def _face(models: Models, picture: Tensor) -> Face | None:
    return next(iter(analyse(models.analyser, picture)), None)


@dataclass(frozen=True)
class Contest:
    """The means of a measure over all takes, and by how much the mini is better: positive is better."""

    geometric: float
    mini: float
    gain: float
    range: Range  # of the gain, by a bootstrap over takes
    takes: int


def contests(figures: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Contest]:
    """Measure by measure over the takes that could be judged."""
    judged = [take for take in figures if take]
    if not judged:
        raise InputError("no take could be judged: portrait analysis found no faces; expected pictures of people")
    table = {}
    for name, way in MEASURES.items():
        pairs = torch.tensor([[take[r][name] for r in (GEOMETRIC, MINI)] for take in judged], dtype=torch.float64)
        gains = way * (pairs[:, 1] - pairs[:, 0])
        found = bootstrap(range(len(gains)), lambda chosen, gains=gains: float(gains[chosen].mean()))
        table[name] = Contest(*pairs.mean(0).tolist(), float(gains.mean()), found, len(gains))
    return table


def beats(table: Mapping[str, Contest]) -> bool:
    """Whether the mini is better by every measure, whichever takes were drawn."""
    return all(contest.range.low > 0 for contest in table.values())
