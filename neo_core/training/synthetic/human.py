"""Whole synthetic people: an adult of the pack with skin, hair, eyes, teeth and clothes, on one skeleton.

Letters: V vertices, F triangles, B bones, A vertices that expressions move.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ... import motion_space
from ...geometry.head_model import vertex_normals
from .appearance import Appearance, sample_appearance
from .body import Body
from .body_pack import Pack, Proxy
from .surface import noise, smoothstep

LIPS = (474, 493)  # vertices of the base mesh where upper and lower lip touch
TOOTH = 0.035  # decimetres below which the pack's detailed teeth are simplified
HELD_OUT = 8  # every so many seeds is a person that no training sees
MOUTH_BONES = ("oris", "special04")
HAND_BONES = ("wrist", "finger", "metacarpal")
EYE_CHANNELS = "eyeLook"


@dataclass(frozen=True)
class Part:
    """A stretch of the triangles that is one material."""

    kind: str  # skin, eye, teeth, tongue, brow, lash, hair or cloth
    name: str  # of the proxy
    number: int  # connected part of an outfit
    first: int  # triangle
    last: int  # triangle after the last one


@dataclass(frozen=True, eq=False)
class Human:
    """A person, ready to be posed."""

    seed: int
    pack: Pack
    appearance: Appearance
    body: Body
    triangles: Tensor  # [F, 3]
    corner_uv: Tensor  # [F, 3, 2]
    parts: tuple[Part, ...]
    moving: Tensor  # [A] vertices that expressions move
    expression: Tensor  # [53, A, 3] their displacement at weight 1, in the order of motion_space
    lips: tuple[int, int]  # upper and lower vertex whose distance is the opening
    mouth: Tensor  # vertices about the mouth
    skull: Tensor  # vertices of the bare head
    hands: tuple[Tensor, Tensor]  # vertices of the left and the right hand

    @property
    def head_height(self) -> float:
        """Chin to crown, decimetres."""
        height = self.body.rest[self.skull, 1]
        return float(height.max() - height.min())


def held_out(seed: int) -> bool:
    """Whether a person is kept out of training."""
    return seed % HELD_OUT == HELD_OUT - 1


def sample_human(seed: int, pack: Pack) -> Human:
    """The adult of this seed, always the same."""
    return make_human(seed, pack, sample_appearance(np.random.default_rng([seed, 71]), pack))


def make_human(seed: int, pack: Pack, appearance: Appearance) -> Human:
    """Put a person together from what they look like."""
    base = pack.moved(appearance.targets)
    pieces = [(kind, pack.proxies[name]) for kind, name in appearance.pieces]
    used = np.unique(pack.triangles)
    renumber = np.full(len(base), -1)
    renumber[used] = np.arange(len(used))
    points, weights, triangles, corner_uv, parts = [base[used]], [pack.weight[used]], [], [], []
    skin = _uncovered(pack, [piece for _, piece in pieces])
    triangles.append(renumber[pack.triangles[skin]])
    corner_uv.append(pack.corner_uv[skin])
    parts.append(Part("skin", "body", 0, 0, int(skin.sum())))
    rng = np.random.default_rng([seed, 72])
    start, first = len(used), int(skin.sum())
    eyes = np.stack([base[pack.head_vertices[pack.bones.index(f"eye.{side}")]].mean(0) for side in "LR"])
    for kind, piece in pieces:
        fitted = piece.fitted(base).astype(np.float32)
        points.append(_folds(rng, piece, fitted) if kind == "cloth" else fitted)
        weights.append(piece.following(pack.weight))
        for number in range(piece.component.max() + 1 if kind == "cloth" else 1):
            chosen = piece.component == number if kind == "cloth" else np.ones(len(piece.triangles), bool)
            faces = _coarser(piece, fitted) if kind == "teeth" else piece.triangles
            chosen &= (faces != faces[:, [1, 2, 0]]).all(1)
            if kind == "hair":
                chosen = _trimmed(fitted[piece.triangles].mean(1), eyes)
            triangles.append(faces[chosen] + start)
            corner_uv.append(piece.corner_uv[chosen])
            parts.append(Part(kind, piece.name, number, first, first + len(triangles[-1])))
            first += len(triangles[-1])
        start += len(fitted)
    weight = np.concatenate(weights)
    body = Body(
        bones=pack.bones,
        parent=torch.from_numpy(pack.parent),
        head=_joints(base, pack.head_vertices),
        tail=_joints(base, pack.tail_vertices),
        rest=torch.from_numpy(np.concatenate(points)),
        weight=torch.from_numpy(weight / weight.sum(1, keepdims=True)),
    )
    moving, expression = _expressions(pack, base, used, pieces)
    share = torch.from_numpy(pack.weight[used])
    return Human(
        seed=seed,
        pack=pack,
        appearance=appearance,
        body=body,
        triangles=torch.from_numpy(np.concatenate(triangles)),
        corner_uv=torch.from_numpy(np.concatenate(corner_uv)),
        parts=tuple(parts),
        moving=moving,
        expression=expression,
        lips=(int(renumber[LIPS[0]]), int(renumber[LIPS[1]])),
        mouth=_hanging_on(share, body, MOUTH_BONES, ""),
        skull=_skull(share, body),
        hands=tuple(_hanging_on(share, body, HAND_BONES, side) for side in (".L", ".R")),
    )


def _joints(base: np.ndarray, lists: tuple[np.ndarray, ...]) -> Tensor:
    return torch.from_numpy(np.stack([base[listed].mean(0) for listed in lists]))


def _uncovered(pack: Pack, pieces: list[Proxy]) -> np.ndarray:
    """Triangles of the skin that no piece hides. [F] bool"""
    hidden = np.zeros(len(pack.vertices), bool)
    for piece in pieces:
        hidden[piece.hidden] = True
    return ~hidden[pack.triangles].any(1)


def _coarser(piece: Proxy, points: np.ndarray) -> np.ndarray:
    """A piece's triangles between one vertex per connected part and cell of a grid; many collapse. [F, 3]"""
    part = np.zeros(len(points), np.int64)
    part[piece.triangles] = piece.component[:, None]
    cell = np.column_stack([np.floor(points / TOOTH).astype(np.int64), part])
    _, first, where = np.unique(cell, axis=0, return_index=True, return_inverse=True)
    return first[where.reshape(-1)][piece.triangles]


def _trimmed(middle: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """Triangles of the hair [F, 3] that do not hang over the eyes [2, 3] or the cheeks beneath them. [F] bool"""
    apart = np.abs(eyes[0, 0] - eyes[1, 0])
    over = (np.abs(middle[:, 0]) < 0.92 * apart) & (middle[:, 2] > eyes[:, 2].mean() - 0.1)
    return ~(over & (middle[:, 1] < eyes[:, 1].mean() + 0.30 * apart))


def _folds(rng: np.random.Generator, piece: Proxy, points: np.ndarray) -> np.ndarray:
    """Cloth with shallow folds: moved outwards by noise in space. [P, 3]"""
    at = torch.from_numpy(points)
    normal = vertex_normals(at, torch.from_numpy(piece.triangles))
    stretched = at * at.new_tensor([1.0, 0.55, 1.0])
    height = noise(rng, stretched[None], 1.6)[0] + 0.6 * noise(rng, stretched[None], 3.7)[0]
    return (at + 0.045 * (height[0].clamp(-0.4, 1.8) + 0.6)[:, None] * normal).numpy()


def _expressions(pack: Pack, base: np.ndarray, used: np.ndarray, pieces: list) -> tuple[Tensor, Tensor]:
    """Vertices that expressions move, and displacement by channel of motion_space. [A], [53, A, 3]"""
    channels = []
    for name in motion_space.EXPRESSION_NAMES:
        dense = _target(pack, base, name)
        turned = name.startswith(EYE_CHANNELS)  # gaze turns the balls themselves
        worn = [
            np.zeros((len(p.ref), 3), np.float32) if turned and kind == "eye" else p.following(dense)
            for kind, p in pieces
        ]
        channels.append(np.concatenate([dense[used], *worn]))
    whole = np.stack(channels)
    moving = np.nonzero(np.abs(whole).max((0, 2)) > 2e-4)[0]
    return torch.from_numpy(moving), torch.from_numpy(np.ascontiguousarray(whole[:, moving]))


def _target(pack: Pack, base: np.ndarray, channel: str) -> np.ndarray:
    """Displacement of the base mesh by a channel; MakeHuman puffs both cheeks at once. [N, 3]"""
    name = channel.replace("_L", "Left").replace("_R", "Right")
    dense = np.zeros_like(pack.vertices)
    if name in pack.targets:
        index, delta = pack.targets[name]
        dense[index] = delta
        return dense
    index, delta = pack.targets[channel[:-2]]
    side = smoothstep(torch.from_numpy(base[index, :1]) * (1 if channel.endswith("_L") else -1), -0.15, 0.15)
    dense[index] = delta * side.numpy()
    return dense


def _hanging_on(share: Tensor, body: Body, words: tuple[str, ...], ending: str) -> Tensor:
    """Vertices of the skin that hang mostly on bones with such names. [n]"""
    chosen = [k for k, name in enumerate(body.bones) if name.startswith(words) and name.endswith(ending)]
    return torch.nonzero(share[:, chosen].sum(1) > 0.5)[:, 0]


def _skull(share: Tensor, body: Body) -> Tensor:
    """Vertices of the skin that hang on the head and what is below it in the skeleton, above the chin's edge. [n]"""
    head = body.bone("head")
    chosen = [head]
    for k, parent in enumerate(body.parent.tolist()):
        if parent in chosen:
            chosen.append(k)
    return torch.nonzero(share[:, chosen].sum(1) > 0.8)[:, 0]
