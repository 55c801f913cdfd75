"""A person in a pose: head, clothes and hair brought together in body axes, ready to be drawn.

Letters: V vertices of the head model, A vertices of head and solids together, F triangles, N strands, S their points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ... import motion_space
from ...geometry.camera import rotation_matrix
from ...geometry.head_model import eye_centers, vertex_normals
from .garments import under_clothes
from .people import Person, deformed, pose
from .strands import Strands, at, follow
from .surface import smoothstep

SOLID_PART = {"cloth": 9, "hat": 10, "frame": 11}  # triangle codes after the head's parts


@dataclass(frozen=True)
class Scene:
    """Everything posed in body axes, ready to be drawn."""

    person: Person
    vertices: Tensor  # [V, 3]
    turn: Tensor  # [3, 3] of the head
    points: Tensor  # [A, 3] head and solids together
    normals: Tensor  # [A, 3]
    triangles: Tensor  # [F, 3]
    code: Tensor  # [F] part of the head model, or 9.. for solids
    mark: Tensor  # [A, 3] template position, or cloth coordinates
    open: Tensor  # [A] share of the sky
    lip: Tensor  # [A] 1 at the seam of the mouth, 0 away from it
    strands: tuple[tuple[Strands, Tensor], ...]  # growths and their posed points [N, S, 3]
    eyes: Tensor  # [2, 3] centres of the eyeballs
    lens: tuple[Tensor, Tensor] | None  # points, triangles


def person_landmarks(person: Person, vertices: Tensor) -> Tensor:
    """The person's own landmarks on given vertices of the head model. [V, 3] -> [K, 3]"""
    return at(vertices, person.surface.head, person.landmark_triangle, person.landmark_weight)


def compose(person: Person, motion: Tensor) -> Scene:
    """Put head, clothes and hair together in the pose of a motion vector [63]."""
    head, traits = person.surface.head, person.traits
    motion = motion.to(person.rest)
    shaped = deformed(person, motion)
    vertices = pose(shaped, head.neck_weight, motion, head.pivot)
    hidden = under_clothes(traits, head.template)
    kept = ~hidden[head.triangles].all(1)
    jaw = float((motion[motion_space.INDEX["jawOpen"]] - 0.7 * motion[motion_space.INDEX["mouthClose"]]).clamp(0, 1))
    sky = person.surface.occlusion
    points, marks, opens = [vertices], [head.template], [sky[0] + (sky[1] - sky[0]) * jaw]
    triangles, codes = [head.triangles[kept]], [head.triangle_part[kept]]
    lens, start = None, len(vertices)
    for solid in person.solids:
        placed = pose(solid.points, solid.follow, motion, head.pivot)
        if solid.material == "lens":
            lens = (placed, solid.triangles)
            continue
        points.append(placed)
        marks.append(solid.weave)
        opens.append(_open_cloth(solid.points, solid.material))
        triangles.append(solid.triangles + start)
        codes.append(torch.full_like(solid.triangles[:, 0], SOLID_PART[solid.material]))
        start += len(placed)
    joined, faces = torch.cat(points), torch.cat(triangles)
    blink = tuple(float(motion[motion_space.INDEX[f"eyeBlink_{side}"]]) for side in "LR")
    return Scene(
        person=person,
        vertices=vertices,
        turn=rotation_matrix(*motion[53:56]).to(vertices),
        points=joined,
        normals=_normals(vertices, head.triangles, joined, faces),
        triangles=faces,
        code=torch.cat(codes),
        mark=torch.cat(marks),
        open=torch.cat(opens).clamp(0.02, 1),
        lip=torch.cat([person.surface.seam, joined.new_zeros(start - len(vertices))]),
        strands=tuple((g, _posed_strands(g, person, shaped, motion, blink)) for g in person.hair),
        eyes=pose(eye_centers(head, person.identity), person.rest.new_ones(2), motion, head.pivot),
        lens=lens,
    )


def _normals(vertices: Tensor, head_triangles: Tensor, joined: Tensor, faces: Tensor) -> Tensor:
    """Head normals from its whole mesh (the hidden neck too), cloth normals turned outwards. [A, 3]"""
    own = vertex_normals(vertices, head_triangles)
    others = vertex_normals(joined, faces)[len(vertices) :]
    return torch.cat([own, others])


def _open_cloth(points: Tensor, material: str) -> Tensor:
    """Guess of the sky that clothes see: less under the chin."""
    if material != "cloth":
        return torch.ones_like(points[:, 0])
    near = torch.exp(-(points[:, 0] ** 2 + (points[:, 2] - 3) ** 2) / 90) * smoothstep(points[:, 1], -24.0, -13.0)
    return 1 - 0.6 * near


def _posed_strands(
    growth: Strands, person: Person, shaped: Tensor, motion: Tensor, blink: tuple[float, float]
) -> Tensor:
    """Strand points in body axes. [N, S, 3]"""
    head = person.surface.head
    points = follow(growth, head, person.rest, shaped, blink)
    flat = points.reshape(-1, 3)
    weight = smoothstep(flat[:, 1], -17.0, -7.0)
    return pose(flat, weight, motion, head.pivot).view(points.shape)
