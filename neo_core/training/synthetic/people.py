"""Random people: identity, skin, hair, clothes from one seed; and random faces they make.

`sample_person(seed, head)` is always the same person; `render.render_frame` photographs it in any motion and view.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ... import motion_space
from ...geometry.camera import rotation_matrix
from ...geometry.head_model import HeadModel, eye_centers, shape, turn_eyes, vertex_normals
from .face_hair import brow_shade, grow_beard, grow_brows, grow_lashes, shifted_brow_landmarks
from .garments import Solid, dress, hat_edge, wear_glasses, wear_hat
from .hair import grow_hair, scalp_cover
from .skin import SkinMaps, paint_skin
from .strands import Strands
from .surface import Surface, surface_of
from .traits import Traits, sample_traits

HELD_OUT_FROM = 9_000_000  # people with this seed or higher are never trained on: benches use them


@dataclass(frozen=True)
class Detail:
    """How finely a person is made: for pictures of about this many pixels."""

    chart: int  # rows of painted maps
    hairs: int  # scalp strands
    brow: int
    lash: int
    beard: int


DETAIL = {
    192: Detail(chart=288, hairs=2600, brow=380, lash=36, beard=1500),
    512: Detail(chart=640, hairs=7000, brow=900, lash=60, beard=4500),
    1024: Detail(chart=1280, hairs=18000, brow=1600, lash=90, beard=9000),
}


@dataclass(frozen=True)
class Person:
    """One made-up person, ready to be photographed."""

    seed: int
    traits: Traits
    identity: Tensor  # [60]
    rest: Tensor  # [V, 3] neutral vertices
    surface: Surface
    skin: SkinMaps
    iris: Tensor  # [3, 32, 256] albedo by radius and angle
    hair: tuple[Strands, ...]
    solids: tuple[Solid, ...]
    landmark_triangle: Tensor  # [K] this person's own: brow points lie on the drawn brows
    landmark_weight: Tensor  # [K, 3]


def sample_person(seed: int, head: HeadModel, size: int = 192, plain: bool = False) -> Person:
    """The person of this seed, made for pictures of about `size` pixels; `plain` wears nothing that hides the face."""
    rng = np.random.default_rng([seed, 1])
    traits = sample_traits(rng, plain)
    return make_person(seed, head, traits, sample_identity(rng), size)


def make_person(seed: int, head: HeadModel, traits: Traits, identity: Tensor, size: int) -> Person:
    """A person with these traits and this head, identity [60]; all that is left to chance comes from the seed."""
    detail = DETAIL[min(DETAIL, key=lambda known: abs(np.log(known / size)))]
    surface = surface_of(head, detail.chart)
    identity = identity.to(head.template)
    rest = shape(head, identity, identity.new_zeros(len(motion_space.EXPRESSION_NAMES)))
    normals = vertex_normals(rest, head.triangles)
    streams = [np.random.default_rng([seed, k]) for k in range(2, 10)]
    cover = scalp_cover(surface.position, traits)
    skin = paint_skin(streams[0], surface, traits, 0.8 * cover if traits.hair == "buzz" else cover)
    skin = _shade_brows(skin, surface, traits)
    hair = _under_hat(grow_hair(streams[1], surface, rest, traits, detail.hairs), traits)
    growths = (
        hair,
        grow_brows(streams[2], surface, rest, normals, traits, detail.brow),
        grow_lashes(streams[3], surface, rest, traits, detail.lash),
        grow_beard(streams[4], surface, rest, normals, traits, detail.beard),
    )
    eyes = eye_centers(head, identity)
    bridge = (rest[head.triangles[head.landmark_triangle[27]]] * head.landmark_weight[27, :, None]).sum(0)
    solids = [*dress(streams[5], head, traits), *wear_hat(streams[6], head, rest, traits)]
    solids += wear_glasses(streams[7], eyes, bridge, traits)
    triangle, weight = _own_landmarks(surface, traits)
    return Person(
        seed=seed,
        traits=traits,
        identity=identity,
        rest=rest,
        surface=surface,
        skin=skin,
        iris=_paint_iris(np.random.default_rng([seed, 11]), traits).to(rest),
        hair=tuple(growth for growth in growths if growth is not None and len(growth.points)),
        solids=tuple(solids),
        landmark_triangle=triangle,
        landmark_weight=weight,
    )


def sample_identity(rng: np.random.Generator) -> Tensor:
    """Identity coefficients: mostly ordinary faces, no monsters. [60]"""
    strength = rng.uniform(0.55, 1.0)
    return torch.from_numpy(np.clip(strength * rng.standard_normal(60), -2, 2).astype("f4"))


def _shade_brows(skin: SkinMaps, surface: Surface, traits: Traits) -> SkinMaps:
    """A soft shade under the brow hairs."""
    mix = 0.62 * min(traits.brow_density, 1.0) * brow_shade(surface, surface.position, traits)
    color = skin.image.new_tensor(traits.brow_color)[:, None, None]
    image = skin.image.clone()
    image[:3] = image[:3] * (1 - mix) + mix * (0.7 * color + 0.2 * image[:3])
    return replace(skin, image=image)


def _under_hat(hair: Strands | None, traits: Traits) -> Strands | None:
    """Hair that a hat leaves: none under hood and scarf, flat below the edge of a beanie or cap."""
    if hair is None or traits.hat == "none":
        return hair
    if traits.hat in ("hood", "headscarf"):
        return None
    edge = hat_edge(traits, torch.atan2(hair.points[..., 0], hair.points[..., 2]))
    free = (hair.points[..., 1] < edge - 0.2).all(1)
    fields = ("points", "normal", "width", "color", "triangle", "weight")
    return replace(hair, **{name: getattr(hair, name)[free] for name in fields})


def _own_landmarks(surface: Surface, traits: Traits) -> tuple[Tensor, Tensor]:
    """The model's landmark table with all brow points moved onto this person's brows."""
    head = surface.head
    rows = {k for name, group in head.landmark_groups.items() if "brow" in name for k in group}
    rows = torch.tensor(sorted(rows | set(range(17, 27))), device=head.template.device)
    triangle, weight = head.landmark_triangle.clone(), head.landmark_weight.clone()
    triangle[rows], weight[rows] = shifted_brow_landmarks(surface, rows, traits)
    return triangle, weight


def _paint_iris(rng: np.random.Generator, traits: Traits) -> Tensor:
    """Iris albedo by radius (rows, pupil edge to limbus) and angle (columns). [3, 32, 256]"""
    angle = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    radius = np.linspace(0, 1, 32)[:, None]
    fibres = sum(
        rng.normal() / k**0.35 * np.sin(k * angle + rng.uniform(0, 6.28) + 0.6 * np.sin(5 * radius))
        for k in range(9, 70, 3)
    )
    fibres = 0.16 * fibres * np.sin(np.pi * radius**0.7)
    base = np.array(traits.iris_color)[:, None, None]
    inner = np.clip(base * np.array([1.6, 1.2, 0.75])[:, None, None] + 0.02, 0, 1)
    mix = np.exp(-((radius / 0.38) ** 2))[None]
    color = (base * (1 - mix) + inner * mix) * np.exp(fibres)[None]
    ring = 1 - traits.iris_ring * np.clip((radius - 0.80) / 0.2, 0, 1) ** 1.5
    return torch.from_numpy(np.clip(color * ring, 0.004, 0.9).astype("f4"))


# Groups of expressions that occur together, with the largest weight each may take.
_SMILE = {
    "mouthSmile_L": 1, "mouthSmile_R": 1, "cheekSquint_L": 0.7, "cheekSquint_R": 0.7,
    "eyeSquint_L": 0.5, "eyeSquint_R": 0.5, "mouthUpperUp_L": 0.4, "mouthUpperUp_R": 0.4,
}  # fmt: skip
_VISEMES = (
    {"jawOpen": 0.55, "mouthLowerDown_L": 0.3, "mouthLowerDown_R": 0.3, "mouthUpperUp_L": 0.2, "mouthUpperUp_R": 0.2},
    {"mouthPucker": 0.9, "mouthFunnel": 0.4, "jawOpen": 0.2},
    {"mouthFunnel": 0.9, "jawOpen": 0.35},
    {"mouthStretch_L": 0.6, "mouthStretch_R": 0.6, "jawOpen": 0.2, "mouthLowerDown_L": 0.4, "mouthLowerDown_R": 0.4},
    {"mouthRollLower": 0.7, "mouthRollUpper": 0.5, "mouthPress_L": 0.5, "mouthPress_R": 0.5},
    {"mouthRollLower": 0.5, "mouthUpperUp_L": 0.4, "mouthUpperUp_R": 0.4, "jawOpen": 0.1},
    {"mouthShrugUpper": 0.5, "mouthShrugLower": 0.6, "mouthClose": 0.0},
    {"jawOpen": 0.25, "mouthClose": 0.25},
)
_BROWS = (
    {"browInnerUp_L": 1, "browInnerUp_R": 1, "browOuterUp_L": 0.9, "browOuterUp_R": 0.9},
    {"browDown_L": 1, "browDown_R": 1, "noseSneer_L": 0.4, "noseSneer_R": 0.4},
    {"browInnerUp_L": 0.9, "browInnerUp_R": 0.9, "mouthFrown_L": 0.6, "mouthFrown_R": 0.6},
)


def random_expression(rng: np.random.Generator) -> Tensor:
    """A face: a smile, a sound, a scream, closed eyes, mostly symmetric, some wild. [53]"""
    weights = np.zeros(len(motion_space.EXPRESSION_NAMES), "f4")

    def add(group: dict[str, float], strength: float) -> None:
        for name, largest in group.items():
            weights[motion_space.INDEX[name]] += strength * largest

    if rng.uniform() < 0.4:
        add(_SMILE, rng.beta(1.1, 1.3))
    if rng.uniform() < 0.55:
        add(_VISEMES[rng.integers(len(_VISEMES))], rng.uniform(0.2, 1.1))
    if rng.uniform() < 0.4:
        add(_BROWS[rng.integers(len(_BROWS))], rng.uniform(0.1, 1))
    if rng.uniform() < 0.20:
        add({"jawOpen": 1}, rng.uniform(0.1, 1))
    if rng.uniform() < 0.35:
        _sprinkle(rng, weights)
    _lids(rng, add)
    weights[motion_space.INDEX["mouthClose"]] = min(
        weights[motion_space.INDEX["mouthClose"]], weights[motion_space.INDEX["jawOpen"]]
    )
    if rng.uniform() < 0.3:
        weights *= 1 + 0.35 * rng.standard_normal(len(weights))
    return torch.from_numpy(np.clip(weights, 0, 1))


def _sprinkle(rng: np.random.Generator, weights: np.ndarray) -> None:
    """Some of all other channels, mostly the same on both sides."""
    density, even = rng.choice([0.06, 0.15, 0.3]), rng.uniform() < 0.7
    for k, name in enumerate(motion_space.EXPRESSION_NAMES):
        if name.startswith(("eyeLook", "eyeBlink", "jawOpen", "mouthClose")) or rng.uniform() > density:
            continue
        value = rng.beta(1.1, 2.0)
        weights[k] = max(weights[k], value)
        if even and name.endswith(("_L", "_R")):
            other = name[:-1] + ("R" if name.endswith("L") else "L")
            weights[motion_space.INDEX[other]] = max(weights[motion_space.INDEX[other]], value)


def _lids(rng: np.random.Generator, add) -> None:
    """Blinks, winks, wide and narrow eyes."""
    kind = rng.choice(["open", "blink", "wink", "wide", "narrow"], p=[0.58, 0.2, 0.04, 0.1, 0.08])
    amount = rng.uniform(0.15, 1)
    add({"eyeBlink_L": 1, "eyeBlink_R": 1}, rng.uniform(0, 0.16))
    if kind == "blink":
        add({"eyeBlink_L": 1, "eyeBlink_R": 1}, 1.0 if rng.uniform() < 0.35 else amount)
    elif kind == "wink":
        add({f"eyeBlink_{rng.choice(['L', 'R'])}": 1}, amount)
    elif kind in ("wide", "narrow"):
        name = {"wide": "eyeWide", "narrow": "eyeSquint"}[kind]
        add({f"{name}_L": 1, f"{name}_R": 1}, amount)


def random_motion(rng: np.random.Generator) -> Tensor:
    """A whole motion vector: expression, a turn of the head, a glance. [63]"""
    motion = motion_space.rest()
    motion[motion_space.EXPRESSION] = random_expression(rng)
    turn = torch.from_numpy((rng.normal(size=3) * [8, 12, 6]).astype("f4")).clamp(-28, 28)
    motion[53:56] = turn
    yaw, pitch = np.clip(rng.normal() * 11, -30, 30), np.clip(rng.normal() * 7, -22, 22)
    cross = rng.normal() * 1.5
    motion[motion_space.GAZE] = torch.tensor([yaw + cross, pitch, yaw - cross, pitch], dtype=torch.float32)
    return look(motion)


def look(motion: Tensor) -> Tensor:
    """Lids follow the glance: set the eyeLook channels from the gaze angles. [63]"""
    motion = motion.clone()
    for eye, out in (("L", 1.0), ("R", -1.0)):
        yaw, pitch = (float(motion[motion_space.INDEX[f"gaze_{axis}_{eye}"]]) for axis in ("yaw", "pitch"))
        amounts = {"Down": pitch / 30, "Up": -pitch / 30, "Out": out * yaw / 35, "In": -out * yaw / 35}
        for way, amount in amounts.items():
            motion[motion_space.INDEX[f"eyeLook{way}_{eye}"]] = min(max(amount, 0.0), 1.0)
    return motion


def deformed(person: Person, motion: Tensor) -> Tensor:
    """Vertices of the person with expression and gaze, the head not yet turned. [V, 3]"""
    head = person.surface.head
    motion = motion.to(person.rest)
    vertices = shape(head, person.identity, motion[motion_space.EXPRESSION])
    return turn_eyes(head, vertices, person.identity, motion[motion_space.GAZE])


def pose(points: Tensor, follow: Tensor, motion: Tensor, pivot: Tensor) -> Tensor:
    """Turn points about the pivot as far as they follow the head. points [..., N, 3], follow [N]"""
    pitch, yaw, roll, *shift = motion[motion_space.POSE].to(points).unbind(-1)
    rotation = rotation_matrix(pitch, yaw, roll).to(points)
    turned = (points - pivot) @ rotation.mT + pivot + torch.stack(shift)
    return points + follow[:, None] * (turned - points)
