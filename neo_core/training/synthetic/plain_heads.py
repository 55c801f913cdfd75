"""Plain heads: painted mannequins, quicker to render than the factory's people, and bolder.

    python -m neo_core factory plain-heads --out DIR --minutes 5 --seed 0

They are no pretty sight, yet they teach portrait analysis the geometry: shapes, expressions and turns beyond what
people usually do, brows painted anywhere over the eyes, skin of any colour from chalk to bronze, eyes without irises,
lids and lips as the head model has them. Every pattern is painted per pixel in the template's own coordinates. The
shards have the format of `factory frames`.

Letters: P covered samples, V vertices, K landmarks, J points of a painted line.
"""

import argparse
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...geometry import head_model
from ...geometry.camera import Camera, project, rotation_matrix
from ...geometry.head_model import PARTS, HeadModel, load_head_model
from ...geometry.rasteriser import interpolate, rasterise
from ...motion_space import EXPRESSION_NAMES, INDEX
from ...weights import safetensors_io
from ..augment import clouds, strands
from ..face_frames import PLAIN

log = logging.getLogger(__name__)

SHARD = 256
SAMPLES = 1.5  # per pixel and axis
PERSON_OFFSET = 50_000_000  # person numbers apart from the factory's
IRIS_UV = 0.065  # radius of the iris disc in the eyes' uv


@dataclass(frozen=True)
class Mannequin:
    """One random head before a random camera."""

    identity: Tensor  # [60]
    expression: Tensor  # [53]
    gaze: Tensor  # [4] degrees
    pose: Tensor  # [3] degrees
    brow_shift: Tensor  # [2, 2] head units the left and right brow are painted off the bone (outwards, up)
    camera: Camera


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--head", type=Path, default=None, help="head model other than the embedded one")
    parser.add_argument("--resume", action="store_true", help="go on after the last shard in --out")


def run(arguments: argparse.Namespace) -> None:
    """Write shards until the time is up."""
    head = load_head_model(arguments.head).to(arguments.device)
    end = time.monotonic() + 60 * arguments.minutes
    shard = len(list(arguments.out.glob("shard_*.safetensors"))) if arguments.resume else 0
    while time.monotonic() < end:
        dice = np.random.default_rng([arguments.seed, shard])
        frames = [frame(head, dice, arguments.size) for _ in range(SHARD)]
        tensors = {key: torch.stack([one[key] for one in frames]).cpu() for key in frames[0]}
        tensors["person"] = PERSON_OFFSET + shard * SHARD + torch.arange(SHARD)
        safetensors_io.save(arguments.out / f"shard_{shard:05d}.safetensors", tensors, {"source": PLAIN})
        shard += 1
        log.info("%d frames", shard * SHARD)


def frame(head: HeadModel, dice: np.random.Generator, size: int) -> dict[str, Tensor]:
    """One row of a shard."""
    return photograph(head, sample(head, dice, size), dice, size)


def photograph(head: HeadModel, one: Mannequin, dice: np.random.Generator, size: int) -> dict[str, Tensor]:
    """A mannequin painted at random, and its labels."""
    vertices = head_model.shape(head, one.identity, one.expression)
    vertices = head_model.turn_eyes(head, vertices, one.identity, one.gaze)
    points = _with_painted_brows(head, head_model.landmarks(head, vertices), one.brow_shift)
    picture, alpha = render(head, one, vertices, dice, size)
    return {
        "image": (picture * 255).round().byte().permute(1, 2, 0).contiguous(),
        "landmarks": project(one.camera, points)[:, :2],
        "mask": (alpha[0] * 255).round().byte(),
        "pose": one.pose,
        "expression": one.expression,
        "gaze": one.gaze,
    }


def sample(head: HeadModel, dice: np.random.Generator, size: int) -> Mannequin:
    """Shapes, grimaces and turns: wider than life."""
    device = head.template.device
    identity = (dice.normal(size=60) * dice.uniform(0.6, 1.25)).clip(-2.6, 2.6)
    yaw = dice.normal() * 22 if dice.uniform() < 0.8 else dice.uniform(-70, 70)
    pose = np.array([np.clip(dice.normal() * 12, -35, 35), np.clip(yaw, -75, 75), dice.normal() * 5])
    gaze = np.tile(dice.normal(size=2) * (11, 7), 2) + dice.normal(size=4) * 1.0
    brows = dice.normal(size=2) * (0.15, 0.3) + dice.normal(size=(2, 2)) * (0.05, 0.1)

    def tensor(values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device)

    camera = _camera(tensor, pose, dice, size)
    return Mannequin(tensor(identity), tensor(_expression(dice)), tensor(gaze), tensor(pose), tensor(brows), camera)


def _expression(dice: np.random.Generator) -> np.ndarray:
    """Often nearly neutral, often symmetric, sometimes wild. [53]"""
    values = np.zeros(53)
    share = dice.choice([0.0, 0.08, 0.2, 0.35], p=[0.2, 0.3, 0.35, 0.15])
    for k, name in enumerate(EXPRESSION_NAMES):
        if dice.uniform() < share and not name.startswith(("eyeBlink", "mouthClose")):
            values[k] = dice.beta(1.2, 1.8)
        if name.endswith("_R") and dice.uniform() < 0.7:
            values[k] = values[INDEX[name[:-2] + "_L"]]
    if dice.uniform() < 0.3:
        values[INDEX["jawOpen"]] = dice.uniform(0, 1)
    if dice.uniform() < 0.2:
        values[[INDEX["mouthSmile_L"], INDEX["mouthSmile_R"]]] = dice.uniform(0, 1)
    if dice.uniform() < 0.25:
        values[[INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]] = dice.uniform(0, 1) + dice.normal(size=2) * 0.05
    return values.clip(0, 1)


def _camera(tensor, pose: np.ndarray, dice: np.random.Generator, size: int) -> Camera:
    """A lens from wide angle to tele; the face fills about half of the frame, near its centre."""
    distance = dice.uniform(45, 140)
    scale = size / dice.uniform(24, 34)  # pixels per head unit
    middle = np.array([dice.normal() * 1.0, dice.normal() * 1.0, -distance])
    rotation = rotation_matrix(*tensor(pose))
    center = tensor(np.array([size / 2, size / 2]))
    return Camera(tensor(np.array(scale * distance)), center, rotation, tensor(middle))


def _with_painted_brows(head: HeadModel, points: Tensor, shift: Tensor) -> Tensor:
    """Brow landmarks follow the paint. [K, 3]"""
    moved = points.clone()
    for side, (sign, own) in enumerate(zip((1.0, -1.0), _brow_indices(head), strict=True)):
        moved[own] += torch.stack([sign * shift[side, 0], shift[side, 1], shift.new_zeros(())])
    return moved


def _brow_indices(head: HeadModel) -> tuple[list[int], list[int]]:
    groups = head.landmark_groups
    left = [*range(22, 27), *groups["brow_upper_left"], *groups["brow_lower_left"]]
    right = [*range(17, 22), *groups["brow_upper_right"], *groups["brow_lower_right"]]
    return left, right


def render(
    head: HeadModel, one: Mannequin, vertices: Tensor, dice: np.random.Generator, size: int
) -> tuple[Tensor, Tensor]:
    """Picture [3, size, size] and the person's alpha [1, size, size]."""
    fine = round(size * SAMPLES)
    small = one.camera
    camera = Camera(small.focal * SAMPLES, small.center * SAMPLES, small.rotation, small.translation)
    screen = project(camera, vertices)
    triangles, triangle_part = _facing(head, screen)
    fragments = rasterise(screen, triangles, fine, fine)
    normal = head_model.vertex_normals(vertices, head.triangles) @ camera.rotation.mT
    attributes = interpolate(fragments, triangles, torch.cat([head.template, normal, head.uv], 1)).view(-1, 8)
    covered = torch.nonzero(fragments.triangle.view(-1) >= 0)[:, 0]
    part = triangle_part[fragments.triangle.view(-1)[covered]]
    place, normal, uv = attributes[covered].split([3, 3, 2], -1)
    colour = _paint(head, one, place, uv, part, dice) * _light(functional.normalize(normal, dim=-1), dice)
    body, behind, before = _body(fine, vertices, camera, dice), *_long_hair(fine, camera, dice)
    texture = torch.Generator(vertices.device).manual_seed(int(dice.integers(2**31)))
    wall, cloth, hair = clouds(1, fine, texture)[0], clouds(1, fine, texture)[0], strands(1, fine, texture)[0]
    canvas = torch.lerp(torch.lerp(wall, hair, behind), cloth, body).flatten(1)
    canvas[:, covered] = colour.T.clamp(0, 1) ** (1 / 2.2)
    alpha = torch.maximum(body, behind).flatten(1)
    alpha[:, covered] = 1
    canvas = torch.lerp(canvas, hair.flatten(1), before.flatten(1))
    both = torch.cat([canvas, alpha]).view(1, 4, fine, fine)
    both = functional.interpolate(both, (size, size), mode="bilinear", antialias=True)[0]
    return both[:3], both[3:]


def _long_hair(fine: int, camera: Camera, dice: np.random.Generator) -> tuple[Tensor, Tensor]:
    """For a third of the heads: hair behind the head, and its curtains before the cheeks. 2 x [1, fine, fine]"""
    skull = project(camera, camera.translation.new_tensor([[0.0, 3.5, -2.0]]))[0]
    unit = float(camera.focal / skull[2])
    line = torch.arange(fine, device=skull.device) + 0.5
    x, y = (line[None] - skull[0]) / unit, (line[:, None] - skull[1]) / unit  # head units from the skull's middle
    wide, high, length = dice.uniform(9.5, 15), dice.uniform(11.5, 15), dice.uniform(0, 24)
    wave = dice.uniform(0, 0.8) * torch.sin(y * dice.uniform(0.3, 1.2) + dice.uniform(0, 6))
    cap = torch.sigmoid(8 * (1 - (x / wide) ** 2 - (y / high) ** 2))
    fall = torch.sigmoid(3 * (0.9 * wide - (x + wave).abs())) * torch.sigmoid(3 * (length - y)) * (y > 0)
    behind = torch.maximum(cap, fall) * (dice.uniform() < 0.35)
    part = torch.sigmoid(3 * ((x + 0.5 * wave).abs() - dice.uniform(5.5, 10)))
    return behind[None], (behind * part * (dice.uniform() < 0.6))[None]


def _facing(head: HeadModel, screen: Tensor) -> tuple[Tensor, Tensor]:
    """Triangles that can be seen, and their parts: skin and eyes have no visible backs. [F, 3], [F]"""
    a, b, c = (screen[head.triangles[:, k], :2] for k in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    inside = (head.triangle_part > 1) & (head.triangle_part < 7)
    seen = inside | (ux * vy - uy * vx < 0)
    return head.triangles[seen], head.triangle_part[seen]


def _body(fine: int, vertices: Tensor, camera: Camera, dice: np.random.Generator) -> Tensor:
    """Shoulders: an ellipse below the neck. [1, fine, fine]"""
    neck = project(camera, vertices[vertices[:, 1].topk(40, largest=False).indices]).mean(0)
    unit = float(camera.focal / neck[2])
    line = torch.arange(fine, device=vertices.device) + 0.5
    x = (line[None] - neck[0]) / (unit * dice.uniform(13, 20))
    y = (line[:, None] - neck[1]) / (unit * dice.uniform(7, 12))
    return torch.sigmoid(40 * (1 - x**2 - (y - 0.75) ** 2))[None]


def _light(normal: Tensor, dice: np.random.Generator) -> Tensor:
    """Ambient from above and two wrapped lamps, in random tints. [P, 3]"""
    total = normal.new_tensor(dice.uniform(0.15, 0.6) + dice.normal(size=3) * 0.03) * (1 + 0.3 * normal[:, 1:2])
    for strength in (dice.uniform(0.3, 1.1), dice.uniform(0, 0.5)):
        way = dice.normal(size=3) + np.array([0, 0.5, 1.0])
        way = normal.new_tensor(way / np.linalg.norm(way))
        wrap = dice.uniform(0.0, 0.5)
        shine = ((normal @ way + wrap) / (1 + wrap)).clamp(min=0)[:, None]
        gloss = dice.uniform(0, 0.25) * shine ** dice.uniform(8, 40)
        total = total + (shine + gloss) * normal.new_tensor(strength * (1 + dice.normal(size=3) * 0.1))
    return total


def _paint(
    head: HeadModel, one: Mannequin, place: Tensor, uv: Tensor, part: Tensor, dice: np.random.Generator
) -> Tensor:
    """Linear colour of every sample. [P, 3]"""
    stone = dice.uniform() < 0.12  # one material for everything
    skin = _skin_colour(dice)
    base = place.new_tensor(skin) * (1 + _mottle(place, dice))
    colour = base
    lips = place.new_tensor(skin * np.array([0.85, 0.45, 0.45]) * dice.uniform(0.6, 1.2) + dice.uniform(0, 0.1, 3))
    colour = torch.lerp(colour, lips.expand_as(colour), _lips(head, place, part)[:, None] * dice.uniform(0.3, 1))
    hair = place.new_tensor(_hair_colour(dice))
    for cover in (*_brows(head, one, place, dice), _lashes(head, place) * dice.uniform(0, 0.9), _scalp(place, dice)):
        colour = torch.lerp(colour, hair.expand_as(colour), cover[:, None])
    inside = {"mouth_socket": (0.25, 0.06, 0.06), "gums": (0.55, 0.2, 0.2), "tongue": (0.6, 0.25, 0.24)}
    inside |= {"teeth_upper": (0.8, 0.77, 0.68), "teeth_lower": (0.75, 0.72, 0.63)}
    for name, tint in inside.items():
        colour = torch.where((part == PARTS.index(name))[:, None], place.new_tensor(tint), colour)
    eye = (part == PARTS.index("eye_left")) | (part == PARTS.index("eye_right"))
    colour = torch.where(eye[:, None], _eye(uv, dice), colour)
    if stone:
        grey = colour.mean(1, keepdim=True)
        flat = place.new_tensor(dice.uniform(0.3, 0.9, 3) * 0.3 + dice.uniform(0.2, 0.6))
        colour = flat * (1 + dice.uniform(0, 0.5) * (grey / base.mean() - 1))
    return colour.clamp(0.005, 1.5)


def _skin_colour(dice: np.random.Generator) -> np.ndarray:
    """From pale to dark, sometimes any colour at all."""
    pale, dark = np.array([0.78, 0.52, 0.41]), np.array([0.08, 0.04, 0.025])
    tone = pale ** (1 - (t := dice.uniform() ** 1.3)) * dark**t
    if dice.uniform() < 0.1:
        tone = dice.uniform(0.1, 0.9, 3)
    return tone * np.exp(dice.normal(size=3) * 0.08)


def _hair_colour(dice: np.random.Generator) -> np.ndarray:
    dark, fair, grey = np.array([0.02, 0.014, 0.01]), np.array([0.35, 0.22, 0.1]), np.array([0.5, 0.5, 0.5])
    mix = dice.dirichlet([1.5, 0.7, 0.4])
    return mix @ np.stack([dark, fair, grey]) * np.exp(dice.normal(size=3) * 0.15)


def _mottle(place: Tensor, dice: np.random.Generator) -> Tensor:
    """Blotches, blush and pores: sums of waves through the head. [P, 3]"""
    total = torch.zeros_like(place)
    for rate in (0.25, 0.6, 1.5):
        way = place.new_tensor(dice.normal(size=(3, 3)) * rate)
        size = place.new_tensor(np.abs(dice.normal(size=3)) * 0.05)
        total = total + torch.sin(place @ way + place.new_tensor(dice.uniform(0, 6.3, 3))) * size
    return total


def _near_line(place: Tensor, line: Tensor) -> Tensor:
    """Distance in the x, y plane to a polyline [J, 2]. [P]"""
    start, along = line[:-1], line[1:] - line[:-1]
    offset = place[:, None, :2] - start
    share = ((offset * along).sum(-1) / (along**2).sum(-1).clamp(min=1e-6)).clamp(0, 1)
    return (offset - share[..., None] * along).norm(dim=-1).amin(1)


def _rest_points(head: HeadModel) -> Tensor:
    return head_model.landmarks(head, head.template)


def _lips(head: HeadModel, place: Tensor, part: Tensor) -> Tensor:
    """1 on the lips: the face's skin inside their outer edge. [P]"""
    ring = _rest_points(head)[list(range(48, 60)), :2]
    ring = torch.cat([ring, ring[:1]])
    near = ((place[:, :2] - ring.mean(0)).abs().amax(1) < 5) & (part == 0) & (place[:, 2] > 5)
    x, y = place[near, None, 0], place[near, None, 1]
    (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
    crosses = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0 + 1e-9) + x0)
    within = crosses.sum(1) % 2 == 1
    cover = torch.zeros_like(place[:, 0])
    cover[near] = torch.where(within, 1.0, torch.sigmoid((0.05 - _near_line(place[near], ring)) * 40))
    return cover


def _brows(head: HeadModel, one: Mannequin, place: Tensor, dice: np.random.Generator) -> list[Tensor]:
    """Painted bars along the brow landmarks, thicker at the nose. 2 x [P]"""
    points, covers = _rest_points(head)[:, :2], []
    thick, dense = dice.uniform(0.15, 0.5), dice.uniform(0.1, 1.0)
    for side, (sign, middle) in enumerate(((1.0, range(22, 27)), (-1.0, range(17, 22)))):
        shift = one.brow_shift[side] * one.brow_shift.new_tensor([sign, 1.0])
        line = points[list(middle)] + shift
        distance = torch.full_like(place[:, 0], 9.0)
        near = (place[:, 1] > line[:, 1].min() - 1) & (place[:, 1] < line[:, 1].max() + 1) & (place[:, 2] > 3)
        distance[near] = _near_line(place[near], line)
        tuft = 0.8 + 0.2 * torch.sin(place[:, 0] * dice.uniform(5, 25) + place[:, 1] * 9)
        covers.append(torch.sigmoid((thick - distance) * 14) * dense * tuft)
    return covers


def _lashes(head: HeadModel, place: Tensor) -> Tensor:
    """Dark along the upper lid margin. [P]"""
    points, groups = _rest_points(head)[:, :2], head.landmark_groups
    total = torch.zeros_like(place[:, 0])
    for name in ("lid_upper_left", "lid_upper_right"):
        line = points[list(groups[name])]
        near = ((place[:, :2] - line.mean(0)).abs().amax(1) < 2.5) & (place[:, 2] > 5)
        distance = _near_line(place[near], line)
        total[near] += torch.sigmoid((0.09 - distance) * 40)
    return total.clamp(max=1)


def _scalp(place: Tensor, dice: np.random.Generator) -> Tensor:
    """Hair as a cap: everything above and behind a wavy hairline. [P]"""
    if dice.uniform() < 0.12:
        return torch.zeros_like(place[:, 0])
    line = dice.uniform(7.0, 10.5) + 0.4 * torch.sin(place[:, 0] * dice.uniform(0.4, 2.5) + dice.uniform(0, 6))
    behind = (place[:, 2] - dice.uniform(1.0, 5.0)).clamp(max=0) * dice.uniform(1.0, 4.0)
    wave = dice.normal(size=2) * 2.5
    strand = 0.88 + 0.12 * torch.sin(place[:, 0] * wave[0] + place[:, 1] * wave[1])
    return torch.sigmoid((place[:, 1] - behind - line) * 5) * strand


def _eye(uv: Tensor, dice: np.random.Generator) -> Tensor:
    """Sclera, iris with a dark rim, pupil; sometimes nothing but stone. [P, 3]"""
    radius = (uv - 0.5).norm(dim=-1, keepdim=True) / IRIS_UV
    white = uv.new_tensor(np.array([0.75, 0.72, 0.7]) * dice.uniform(0.5, 1.1))
    palette = np.array([[0.1, 0.05, 0.02], [0.15, 0.2, 0.3], [0.12, 0.15, 0.07], [0.03, 0.015, 0.01]])
    iris = uv.new_tensor(palette[dice.integers(4)] * np.exp(dice.normal(size=3) * 0.2))
    if dice.uniform() < 0.08:
        return white.expand(len(uv), 3)
    ring = torch.sigmoid((1 - radius) * 12)
    pupil = torch.sigmoid((dice.uniform(0.3, 0.55) - radius) * 20)
    tint = iris * (1.2 - 0.6 * radius.clamp(0, 1))
    colour = torch.lerp(white.expand(len(uv), 3), tint, ring)
    return torch.lerp(colour, torch.full_like(colour, 0.004), pupil)
