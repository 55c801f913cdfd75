"""The head: a linear model of identity and expression on our own mesh, with eyeballs, teeth, gums and tongue.

    vertices = template + identity coefficients x identity + expression coefficients x expression

followed by two small corrections that a linear model cannot hold: closed lids meet whatever the shape of the eye, and
lids slide over the eyeball instead of cutting through it. Units are about 1 cm; axes as in `motion_space`.

Letters: V vertices, F triangles, K landmarks, L vertices of the lids; eye 0 is the left one.
Made by `training/head_model.py` from samples of ICT-FaceKit (MIT) and MakeHuman (CC0).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from .. import motion_space
from ..weights import safetensors_io
from .camera import rotation_matrix

PARTS = ("face", "head", "mouth_socket", "gums", "tongue", "teeth_upper", "teeth_lower", "eye_left", "eye_right")
EMBEDDED = Path(__file__).resolve().parents[1] / "weights" / "embedded" / "head_model.safetensors"
BLINK = tuple(motion_space.INDEX[name] for name in ("eyeBlink_L", "eyeBlink_R"))


@dataclass(frozen=True)
class HeadModel:
    """The model's tensors; see the module docstring for the letters."""

    template: Tensor  # [V, 3] mean head, neutral, lips and jaw closed
    identity: Tensor  # [60, V, 3] per unit of a coefficient ~ N(0, 1)
    expression: Tensor  # [53, V, 3] in the order of `motion_space.EXPRESSION_NAMES`
    triangles: Tensor  # [F, 3] int64, counter-clockwise from outside
    triangle_part: Tensor  # [F] int64 index into PARTS
    vertex_part: Tensor  # [V] int64 index into PARTS
    mirror: Tensor  # [V] int64 left-right partner of each vertex
    uv: Tensor  # [V, 2] skin: cylinder around the head; eyes: disc around the iris, centre (0.5, 0.5)
    neck_weight: Tensor  # [V] 1 where a vertex follows the head's pose, 0 at the lower edge of the neck
    pivot: Tensor  # [3] the point the head turns about
    landmark_triangle: Tensor  # [K] int64
    landmark_weight: Tensor  # [K, 3]
    landmark_mirror: Tensor  # [K] int64
    eye_center: Tensor  # [2, 3]
    eye_center_identity: Tensor  # [60, 2, 3]
    eye_radius: Tensor  # [2]
    iris_radius: Tensor  # [2] radius of the iris disc on the eyeball; in uv it is `iris_radius / eye_radius / pi`
    lid_vertex: Tensor  # [L] int64
    lid_side: Tensor  # [L] int64 eye each lid vertex belongs to
    lid_clearance: Tensor  # [L] how far each stays above the eyeball
    lid_closure: Tensor  # [60, L, 3] correction at full blink per unit of identity
    landmark_groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def to(self, device: str | torch.device) -> "HeadModel":
        """The same model on another device."""
        return HeadModel(**{f.name: _moved(getattr(self, f.name), device) for f in fields(self)})


def load_head_model(path: str | Path | None = None) -> HeadModel:
    """The embedded head model, or one trained by the recipe; float32 on the CPU."""
    return _load(Path(path) if path else EMBEDDED)


def save_head_model(path: str | Path, model: HeadModel, made: Mapping) -> None:
    """Write a model as float16 with its landmark names; geometry that must stay exact is small enough for float32."""
    tensors = {f.name: getattr(model, f.name) for f in fields(model) if f.name != "landmark_groups"}
    for name in ("identity", "expression", "lid_closure", "uv", "neck_weight"):
        tensors[name] = tensors[name].half()
    for name, tensor in tensors.items():
        if tensor.dtype == torch.int64:
            tensors[name] = tensor.to(torch.int32)
    config = {"parts": PARTS, "landmark_groups": {k: list(v) for k, v in model.landmark_groups.items()}}
    safetensors_io.save(path, tensors, config, made=made)


def shape(model: HeadModel, identity: Tensor, expression: Tensor) -> Tensor:
    """Vertices of a head with its eyes straight ahead. identity [..., 60], expression [..., 53] -> [..., V, 3]"""
    vertices = model.template + _combine(identity, model.identity) + _combine(expression, model.expression)
    return _with_lids(model, vertices, identity, expression)


def eye_centers(model: HeadModel, identity: Tensor) -> Tensor:
    """Points the eyeballs turn about. [..., 60] -> [..., 2, 3]"""
    return model.eye_center + _combine(identity, model.eye_center_identity)


def turn_eyes(model: HeadModel, vertices: Tensor, identity: Tensor, gaze: Tensor) -> Tensor:
    """Turn both eyeballs by gaze [..., 4]: yaw and pitch in degrees, left eye first. -> [..., V, 3]"""
    centers = eye_centers(model, identity)
    turned = vertices.clone()
    for eye, part in enumerate((PARTS.index("eye_left"), PARTS.index("eye_right"))):
        own = torch.nonzero(model.vertex_part == part)[:, 0]
        rotation = rotation_matrix(gaze[..., 2 * eye + 1], gaze[..., 2 * eye], torch.zeros_like(gaze[..., 0]))
        center = centers[..., eye, None, :]
        turned[..., own, :] = (vertices[..., own, :] - center) @ rotation.to(vertices).mT + center
    return turned


def landmarks(model: HeadModel, vertices: Tensor) -> Tensor:
    """Landmark positions: 68 Multi-PIE points, dense points, the iris centres last. [..., V, 3] -> [..., K, 3]"""
    corners = vertices[..., model.triangles[model.landmark_triangle], :]  # [..., K, 3 corners, 3]
    return (corners * model.landmark_weight[:, :, None]).sum(-2)


def vertex_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """Unit normals, area-weighted over the triangles around each vertex. [..., V, 3] -> [..., V, 3]"""
    a, b, c = (vertices[..., triangles[:, k], :] for k in range(3))
    face = torch.linalg.cross(b - a, c - a)
    normal = torch.zeros_like(vertices)
    for k in range(3):
        normal.index_add_(-2, triangles[:, k], face)
    return torch.nn.functional.normalize(normal, dim=-1)


@lru_cache(maxsize=2)
def _load(path: Path) -> HeadModel:
    tensors, config = safetensors_io.load(path)
    wide = {k: v.long() if v.dtype == torch.int32 else v.float() for k, v in tensors.items()}
    return HeadModel(**wide, landmark_groups={k: tuple(v) for k, v in config["landmark_groups"].items()})


def _moved(value: Tensor | Mapping, device: str | torch.device) -> Tensor | Mapping:
    return value.to(device) if isinstance(value, Tensor) else value


def _combine(coefficients: Tensor, basis: Tensor) -> Tensor:
    """Sum of basis vectors. [..., B] x [B, n, 3] -> [..., n, 3]"""
    return (coefficients @ basis.flatten(1)).unflatten(-1, basis.shape[1:])


def _with_lids(model: HeadModel, vertices: Tensor, identity: Tensor, expression: Tensor) -> Tensor:
    """Close the lids for this very eye, then lift them out of the eyeball along its radius."""
    blink = expression[..., list(BLINK)][..., model.lid_side, None]  # [..., L, 1]
    lids = vertices[..., model.lid_vertex, :] + blink * _combine(identity, model.lid_closure)
    center = eye_centers(model, identity)[..., model.lid_side, :]
    away = lids - center
    distance = away.norm(dim=-1, keepdim=True)
    least = (model.eye_radius[model.lid_side] + model.lid_clearance)[:, None]
    lids = center + away * (least / distance).clamp(min=1)
    lids = lids.expand(*vertices.shape[:-2], *lids.shape[-2:])
    return vertices.index_copy(-2, model.lid_vertex, lids)
