"""MakeHuman heads (CC0): random adults as displacements of our mesh.

Our mesh is laid over MakeHuman's average adult once, by non-rigid registration in which positions, normals and the
motion of a few expressions both sides know must agree (so an upper lip never lands on a lower one). From then on every
adult that MakeHuman can make moves our vertices by what its own surface moves. Lengths in head units (about 1 cm).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .remesh import vertex_normals

GUIDES = ("jawOpen", "eyeBlink_L", "eyeBlink_R", "mouthSmile_L", "mouthSmile_R", "mouthUpperUp_L", "mouthUpperUp_R")
ADULT_AGES = ("young", "old")
ETHNICITIES = ("african", "asian", "caucasian")
DETAILS = ("head/", "forehead/", "eyebrows/", "eyes/", "nose/", "mouth/", "cheek/", "chin/", "ears/")
UNUSED = ("head-age", "head-trans", "head-fat", "head-scale", "eyefold", "nose-trans", "mouth-trans", "eye-trans")
NECK = 56.5  # height where the head begins to count, head units above MakeHuman's origin
REACHES = (8.0, 6.0, 5.0, 4.0, 3.0, 2.5, 2.0, 2.0, 1.5, 1.5)  # of the registration's smoothing, round by round


@dataclass(frozen=True)
class MakeHuman:
    """Base mesh and sparse targets; N vertices."""

    vertices: np.ndarray  # [N, 3]
    triangles: np.ndarray  # [M, 3] of the visible head
    eyes: tuple[np.ndarray, np.ndarray]  # vertices around the centre of the left and the right eyeball
    targets: dict[str, tuple[np.ndarray, np.ndarray]]  # name -> vertex indices and displacements

    def moved(self, weights: dict[str, float]) -> np.ndarray:
        """Vertices with targets applied. [N, 3]"""
        out = self.vertices.copy()
        for name, weight in weights.items():
            index, delta = self.targets[name]
            out[index] += weight * delta
        return out


def load_makehuman(assets: Path) -> MakeHuman:
    """Read `makehuman_cc0.npz`; its README names the arrays."""
    data = np.load(assets / "makehuman_cc0.npz", allow_pickle=False)
    start, index, delta = data["target/ptr"], data["target/index"], data["target/delta"]
    targets = {
        str(name): (
            index[start[k] : start[k + 1]].astype(np.int64),
            10 * delta[start[k] : start[k + 1]].astype(np.float64),
        )
        for k, name in enumerate(data["target/names"])
    }
    vertices = 10 * data["base/vertices"].astype(np.float64)
    faces, group = data["base/faces"].astype(np.int64), data["base/face_group"]
    names = [str(name) for name in data["base/group_names"]]
    body = faces[group == names.index("body")]
    body = body[vertices[body].min(1)[:, 1] > NECK]
    quads = body[body[:, 3] >= 0]
    triangles = np.concatenate([body[:, :3], quads[:, [0, 2, 3]]])
    eyes = tuple(np.unique(faces[group == names.index(f"joint-{side}-eye")]) for side in "lr")
    return MakeHuman(vertices, triangles, eyes, targets)


def random_adult(source: MakeHuman, rng: np.random.Generator) -> dict[str, float]:
    """Target weights of one adult: a mix of ages, sexes and ethnicities, a build, and a dozen details of the face."""
    kinds = [(sex, age) for sex in ("female", "male") for age in ADULT_AGES]
    kind = rng.dirichlet([0.4] * len(kinds))
    origin = rng.dirichlet([0.5] * len(ETHNICITIES))
    weight = rng.choice(["averageweight", "maxweight", "minweight"], p=[0.6, 0.2, 0.2])
    mix: dict[str, float] = {}
    for share, (sex, age) in zip(kind, kinds, strict=True):
        for part, ethnicity in zip(origin, ETHNICITIES, strict=True):
            mix[f"macrodetails/{ethnicity}-{sex}-{age}"] = share * part
        mix[f"macrodetails/universal-{sex}-{age}-averagemuscle-{weight}"] = share
    details = [n for n in source.targets if n.startswith(DETAILS) and not any(word in n for word in UNUSED)]
    sides = [n for n in details if "/r-" not in n]
    for name in rng.choice(sides, 14, replace=False):
        amount = rng.uniform(0.1, 0.55)
        mix[name] = amount
        if "/l-" in name:
            mix[name.replace("/l-", "/r-")] = amount
    return mix


def average_adult() -> dict[str, float]:
    """The middle of all adults."""
    mix = {f"macrodetails/{e}-{s}-{a}": 1 / 12 for e in ETHNICITIES for s in ("female", "male") for a in ADULT_AGES}
    for sex in ("female", "male"):
        for age in ADULT_AGES:
            mix[f"macrodetails/universal-{sex}-{age}-averagemuscle-averageweight"] = 1 / 4
    return mix


def register(
    source: MakeHuman, template: np.ndarray, triangles: np.ndarray, guides: np.ndarray, eye_center: np.ndarray
) -> np.ndarray:
    """Nearest MakeHuman vertex of each of our vertices on the average adult. [V]

    guides [G, V, 3]: our motion of the expressions GUIDES.
    """
    average = source.moved(average_adult())
    used = np.unique(source.triangles)
    middle = np.mean([average[eye].mean(0) for eye in source.eyes], 0)
    target = average - middle + eye_center.mean(0)
    motion = np.stack([source.moved({name: 1.0}) - source.vertices for name in _arkit(source)])
    theirs = _features(target, vertex_normals(target, source.triangles), motion)[used]
    place = template.copy()
    centres = template[:: max(1, len(template) // 600)]
    for reach in REACHES:
        mine = _features(place, vertex_normals(place, triangles), guides)
        nearest = used[_nearest(mine, theirs)]
        place = place + _smoothed(template, centres, target[nearest] - place, reach)
    return used[_nearest(_features(place, vertex_normals(place, triangles), guides), theirs)]


def displacements(source: MakeHuman, nearest: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random adults against the average one: of our vertices [count, V, 3] and of the eye centres [count, 2, 3]."""
    rng = np.random.default_rng(seed)
    used = np.unique(source.triangles)
    average = source.moved(average_adult())
    skin, eyes = [], []
    for _ in range(count):
        person = source.moved(random_adult(source, rng))
        person = rigidly(person, person[used], average[used])
        skin.append((person - average)[nearest])
        eyes.append([(person - average)[eye].mean(0) for eye in source.eyes])
    return np.array(skin, np.float32), np.array(eyes, np.float32)


def _arkit(source: MakeHuman) -> list[str]:
    """Names of the guiding expressions as MakeHuman's targets spell them."""
    names = [guide.replace("_L", "Left").replace("_R", "Right") for guide in GUIDES]
    return [next(n for n in source.targets if n.split("/")[-1] == name) for name in names]


def _features(place: np.ndarray, normal: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """What must agree between corresponding points: place, normal, motion under the guides. [n, 6 + 3 G]"""
    return np.concatenate([place, 1.0 * normal, *(0.7 * m for m in motion)], 1).astype(np.float32)


def _nearest(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    square = np.square(theirs).sum(1)
    return np.concatenate([(square - 2 * part @ theirs.T).argmin(1) for part in np.array_split(mine, 16)])


def _smoothed(points: np.ndarray, centres: np.ndarray, field: np.ndarray, reach: float) -> np.ndarray:
    """A field [V, 3] on scattered points, averaged around centres and spread back with the same kernel."""
    kernel = np.exp(-0.5 * np.square(points[:, None] - centres).sum(-1) / reach**2)  # [V, C]
    coarse = kernel.T @ field / kernel.sum(0)[:, None]
    return kernel @ coarse / kernel.sum(1)[:, None]


def rigidly(points: np.ndarray, mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Points moved rigidly so that `mine` come to lie on `theirs` (Procrustes without scale)."""
    a, b = mine - mine.mean(0), theirs - theirs.mean(0)
    u, _, v = np.linalg.svd(a.T @ b)
    flip = np.diag([1, 1, np.sign(np.linalg.det(u @ v))])
    return (points - mine.mean(0)) @ (u @ flip @ v) + theirs.mean(0)
