"""Pairs to train the mini on: a photo of a factory person, fitted as any photo is, and other moments of that person.

    python -m neo_core factory portrait-pairs --out DIR --minutes 25 --seed 0
    python -m neo_core factory portrait-pairs --out DIR --minutes 5 --held-out

One file per person. It holds what the mini sees (pictures of the square around the head, flows and guides of the fitted
head, as astray as landmarks and masks are) and what is exactly true: the photograph of every moment, the flow between
the two by the person's own mesh, where the photo shows that point, the person's mask, the landmarks. A file is made
from its own seed and whole; files that are there are kept, so a run that was stopped goes on. Files of held-out people
also keep whole photographs, for `compare`.

Letters: K moments, S pixels of the square's side, h = S / 2, H W pixels of a photograph.
"""

import argparse
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import motion_space
from ..data_types import InputError
from ..geometry.camera import project
from ..geometry.head_model import HeadModel, load_head_model
from ..geometry.rasteriser import interpolate, rasterise
from ..motion_space import POSE
from ..pictar.analysis import Analyser, Face, load_analyser, person_mask
from ..pictar.crop import whole
from ..pictar.fit import fit_head
from ..pictar.geometric import deform, lift
from ..pictar.geometric.sampling import pixel_centres, resize
from ..pictar.mini.face import Seat, motion_at, take_seat
from ..pictar.mini.guide import Square, shown
from ..pictar.mini.network import MINI, Motion, Source
from ..pictar.squares import MARGIN, frame_face
from ..weights import safetensors_io
from .refiner import astray, close_up, later_motion, photo_motion
from .renderer_truth import synthetic_grant
from .synthetic.people import HELD_OUT_FROM, Person, sample_person
from .synthetic.posing import person_landmarks
from .synthetic.render import FRAME_PARTS, Frame, render_frame

log = logging.getLogger(__name__)

PATTERN = "person_*.safetensors"
FIRST_PERSON = 5_000_000  # of seed 0
PEOPLE = 100_000  # of a seed, at most: then come those of the next one
SEEDS = (HELD_OUT_FROM - FIRST_PERSON) // PEOPLE  # after which the people come whom nobody may learn from
PHOTO_SIDE = 320  # pixels of the photographs: the square is then about as many as the mini sees
HEAD_SHARES = (0.45, 0.72)
MOMENTS = 10  # of every person
TURNS = (0.3, 2.5)  # times the head turns that the refiner learns from
PLAIN = 0.8  # share of people who wear nothing on their heads
CARRIED = 8  # times coarser than the picture is what is kept of the flow that the head carries: it is smooth
SAME = 0.6  # head units by which a mesh point may lie behind what the photograph shows there


@dataclass(frozen=True)
class Truth:
    """What is exactly known of a moment. All at h samples of the square."""

    flow: Tensor  # [2, h, h] shares of the side, to where the photo has it
    known: Tensor  # [h, h] 1 where the picture shows the person's head, no hair and no cloth
    seen: Tensor  # [h, h] 1 where the photo shows the same point
    person: Tensor  # [h, h] share of each pixel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--minutes", type=float, default=25.0, help="budget of processor time")
    parser.add_argument("--people", type=int, default=PEOPLE, help="stop at this many people")
    text = f"runs with other seeds, side by side, make other people (0 to {SEEDS - 1})"
    parser.add_argument("--seed", type=int, default=0, help=text)
    parser.add_argument("--moments", type=int, default=MOMENTS, help=f"of every person (default: {MOMENTS})")
    parser.add_argument("--side", type=int, default=MINI["cpu"].side, help="pixels of the square around the head")
    parser.add_argument("--supersample", type=int, default=2)
    parser.add_argument("--held-out", action="store_true", help="people that nothing is trained on, with photographs")


def run(arguments: argparse.Namespace) -> None:
    """Make people until the time is up or there are enough; those that are there are kept and counted."""
    numbers = people(arguments.seed, arguments.people, arguments.held_out)
    torch.set_num_threads(1)  # two runs with two seeds keep two cores busier than one run does
    started, head, analyser = time.process_time(), load_head_model(), load_analyser()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        path = arguments.out / f"person_{number:08d}.safetensors"
        if path.exists():
            continue
        if time.process_time() - started > 60 * arguments.minutes:
            return
        tensors = make_person(head, analyser, number, arguments)
        config = {"side": arguments.side, "moments": arguments.moments, "seed": number, "held_out": arguments.held_out}
        safetensors_io.save(path, tensors, config)
        spent = (time.process_time() - started) / 60
        log.info("%s: %d moments, %.1f minutes spent", path.name, arguments.moments, spent)


def people(seed: int, count: int, held_out: bool) -> range:
    """The seeds of the people of a run: no other run's, and held-out ones only where they are asked for."""
    if not 0 <= seed < SEEDS or not 0 < count <= PEOPLE:
        raise InputError(f"seed {seed} and {count} people found; expected 0 to {SEEDS - 1} and 1 to {PEOPLE}")
    first = PEOPLE * seed + FIRST_PERSON + (HELD_OUT_FROM if held_out else 0)
    return range(first, first + count)


@torch.no_grad()
def make_person(model: HeadModel, analyser: Analyser, seed: int, arguments: argparse.Namespace) -> dict[str, Tensor]:
    """The file of one person."""
    rng = np.random.default_rng([seed, 6])
    person = sample_person(seed, model, PHOTO_SIDE, plain=rng.uniform() < PLAIN)
    view = replace(close_up(rng), head_share=float(rng.uniform(*HEAD_SHARES)))
    before = photo_motion(rng)
    photo = render_frame(person, before, view, PHOTO_SIDE, arguments.supersample)
    seat = _seat(model, analyser, photo, arguments.side, rng)
    rows, frames, motions = [], [], []
    for _ in range(arguments.moments):
        after = _turned(later_motion(rng, before), rng)
        frame = render_frame(person, after, view, PHOTO_SIDE, arguments.supersample)
        wanted = motion_space.clamp(seat.volume.reference + after - before)
        rows.append(_moment(seat, model, photo, frame, wanted) | {"points": _points(person, frame, seat.square)})
        frames.append(frame)
        motions.append(after - before)
    tensors = {name: torch.stack([row[name] for row in rows]) for name in rows[0]} | _still(seat)
    tensors["still_landmarks"] = _landmarks(photo, seat.square)
    tensors |= {"still_points": _points(person, photo, seat.square), "rest": person_landmarks(person, person.rest)}
    if arguments.held_out:
        tensors["photo"] = seat.volume.photo
        tensors["photographs"] = torch.stack([_bytes(frame.image) for frame in frames])
        tensors["motion"] = torch.stack(motions)
    return tensors


def exact(model: HeadModel, photo: Frame, frame: Frame, square: Square, side: int) -> Truth:
    """The truth of a moment, by the person's own mesh and the photographs' own depth."""
    screens = [square.samples(project(f.camera, f.vertices), side) for f in (frame, photo)]
    fragments = rasterise(screens[0], model.triangles, side, side)
    there = interpolate(fragments, model.triangles, torch.cat([screens[1], screens[0][:, 2:]], 1))  # [h, h, 4]
    centres = pixel_centres(side, side)
    part = torch.where(fragments.triangle >= 0, model.triangle_part[fragments.triangle.clamp(min=0)] + 1, 0)
    here = _nearest(frame, square, centres, side)
    known = (part > 0) & (part < FRAME_PARTS.index("cloth")) & (here[0] == part) & (there[..., 3] < here[1] + SAME)
    depth = _nearest(photo, square, centres, side)[1]
    seen = shown(depth, there[..., :2], there[..., 2])
    known = known.float()
    person = resize(square.cut(frame.mask[None]), side, side)[0]
    return Truth((there[..., :2] - centres).permute(2, 0, 1) / side * known, known, seen * known, person)


def _nearest(frame: Frame, square: Square, at: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Part and depth of a photograph at samples of the square. [h, h] each"""
    pixel = (at * square.side / side).long() + torch.tensor([square.left, square.top])
    column, row = (pixel[..., axis].clamp(0, frame.parts.shape[1 - axis] - 1) for axis in (0, 1))
    return frame.parts[row, column], frame.depth[row, column]


def _seat(model: HeadModel, analyser: Analyser, photo: Frame, side: int, rng: np.random.Generator) -> Seat:
    """The photo, lifted from landmarks that are as astray as portrait analysis leaves them, and from its guess of what
    is the person."""
    eyes = (photo.landmarks[36:42].mean(0) - photo.landmarks[42:48].mean(0)).norm()
    points = photo.landmarks + eyes * astray(len(photo.landmarks), rng)
    picture = _bytes(photo.image)
    fit = fit_head(model, points, None, tuple(picture.shape[:2]))
    grant = synthetic_grant(picture, photo.landmarks[:68])
    mask = person_mask(analyser, picture, _found(points))
    return take_seat(lift(whole(picture), fit, mask, grant=grant, model=model), side)


def _found(points: Tensor) -> Face:
    """The face that portrait analysis would find around landmarks [K, 2], as far as a mask asks for it."""
    square, zero = frame_face(points[None]), torch.zeros(0)
    half = square.side[0] / (2 * MARGIN)
    box = torch.cat([square.center[0] - half, square.center[0] + half])
    return Face(box, 1.0, points, zero, zero, zero, zero)


def _still(seat: Seat) -> dict[str, Tensor]:
    source = seat.source
    kept = {"picture": source.picture, "person": source.person, "behind": source.behind, "still_guide": source.guide}
    return {name: _bytes(planes[0]) for name, planes in kept.items()}


def _moment(seat: Seat, model: HeadModel, photo: Frame, frame: Frame, wanted: Tensor) -> dict[str, Tensor]:
    """What a file holds of one moment."""
    side = seat.source.picture.shape[-1]
    motion = motion_at(seat, deform(seat.volume, wanted))[1]
    truth = exact(model, photo, frame, seat.square, side // 2)
    image = resize(seat.square.cut(frame.image.permute(2, 0, 1)), side, side)
    return {
        "frame": _bytes(image),
        "surface": motion.surface[0].half(),
        "carried": resize(motion.carried[0], side // CARRIED, side // CARRIED).half(),
        "guide": _bytes(motion.guide[0]),
        "true_flow": truth.flow.half(),
        "true_maps": _bytes(torch.stack([truth.known, truth.seen, truth.person])),
        "landmarks": _landmarks(frame, seat.square),
    }


def _landmarks(frame: Frame, square: Square) -> Tensor:
    """The person's own, in shares of the square's side. [68, 2]"""
    return (frame.landmarks[:68] - torch.tensor([square.left, square.top])) / square.side


def _points(person: Person, frame: Frame, square: Square) -> Tensor:
    """All landmarks in shares of the square's side: right, down and inwards from the middle of their depths. [K, 3]"""
    pixel = project(frame.camera, person_landmarks(person, frame.vertices))
    depth = pixel[:, 2:].mean()
    inwards = (pixel[:, 2:] - depth) * frame.camera.focal / depth
    return torch.cat([pixel[:, :2] - torch.tensor([square.left, square.top]), inwards], 1) / square.side


def _turned(motion: Tensor, rng: np.random.Generator) -> Tensor:
    """The same moment with the head turned more, or less."""
    motion = motion.clone()
    motion[POSE] *= float(rng.uniform(*TURNS))
    return motion


def _bytes(planes: Tensor) -> Tensor:
    return (planes.clamp(0, 1) * 255).round().to(torch.uint8)


@dataclass(frozen=True)
class Lesson:
    """Some moments of one person, to learn from."""

    source: Source  # [1, ...]
    motion: Motion  # [K, ...]
    frame: Tensor  # [K, 3, S, S]
    true_flow: Tensor  # [K, 2, h, h]
    known: Tensor  # [K, 1, h, h]
    seen: Tensor  # [K, 1, h, h]
    person: Tensor  # [K, 1, h, h]
    landmarks: Tensor  # [K, 68, 2] shares of the side
    came_from: Tensor  # [K, 68, 2] and where the photo has them


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of every recipe that learns from pairs."""
    folders = {"type": Path, "nargs": "+", "required": True, "metavar": "DIR"}
    parser.add_argument("--pairs", **folders, help="made by `factory portrait-pairs`")
    parser.add_argument("--held-out", **folders, help="made by the same with --held-out")


def files(folders: list[Path], side: int, moments: int, *, held_out: bool, names: Collection[str] = ()) -> list[Path]:
    """The files of all people in some folders. Raises InputError where there are none, or one is of another side, of
    fewer moments, of somebody who is held out when nobody may be, or the other way round, or lacks one of the tensors
    `names`."""
    found = sorted(path for folder in folders for path in folder.glob(PATTERN))
    if not found:
        raise InputError(f"no {PATTERN} found in {', '.join(map(str, folders))}; expected `factory portrait-pairs`'s")
    for path in found:
        has = safetensors_io.load_config(path)
        if has["side"] != side or has["moments"] < moments:
            told = f"{has['moments']} moments, {has['side']} pixels a side"
            raise InputError(f"{path} is of {told}; expected {moments} or more, and {side}")
        if has["held_out"] != held_out:
            who = "nobody may learn from" if has["held_out"] else "others learn from"
            wanted = "with" if held_out else "without"
            raise InputError(f"{path} is of a person whom {who}; expected one made {wanted} --held-out")
        if missing := set(names) - set(safetensors_io.tensor_names(path)):
            without = ", ".join(sorted(missing))
            raise InputError(f"{path} found without {without}; expected pairs made anew by `factory portrait-pairs`")
    return found


def read_lesson(path: Path, moments: slice) -> Lesson:
    """Moments of a file; nothing else is read of what is per moment."""

    def unit(name: str) -> Tensor:
        return safetensors_io.load_rows(path, name)[None].float() / 255

    def rows(name: str) -> Tensor:
        found = safetensors_io.load_rows(path, name, moments.start, moments.stop)
        return found.float() / 255 if found.dtype is torch.uint8 else found.float()

    surface, maps = rows("surface"), rows("true_maps")
    side = surface.shape[-1]
    carried = torch.nn.functional.interpolate(rows("carried"), (side, side), mode="bilinear", align_corners=False)
    landmarks, still = rows("landmarks"), safetensors_io.load_rows(path, "still_landmarks")
    return Lesson(
        source=Source(unit("picture"), unit("person"), unit("behind"), unit("still_guide")),
        motion=Motion(surface, carried, rows("guide")),
        frame=rows("frame"),
        true_flow=rows("true_flow"),
        known=maps[:, :1],
        seen=maps[:, 1:2],
        person=maps[:, 2:],
        landmarks=landmarks,
        came_from=still.expand_as(landmarks),
    )
