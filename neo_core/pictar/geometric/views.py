"""Other pictures of the person, for what the photo does not show: skin that a turn brings into view, and their teeth.

The same mesh stands in each of them, so a vertex is the same spot of skin everywhere. A view never changes the portrait
at rest: what it shows comes in as the head turns towards where it was seen.

Letters: V vertices.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.head_model import HeadModel, landmarks
from .bust import Deformation
from .follow import smoothstep
from .light import relight
from .sampling import sample
from .skin import EARS, both_ways, concealed, continued

GAINED = (0.08, 0.3)  # cosine to the lens by which a view must show skin better than the photo does
PLAIN = (0.3, 0.55)  # ... and which it must have there, to count at all and in full
EDGE = 2.0  # pixels that a vertex must lie inside its picture
FIRM = (0.8, 0.98)  # weight of the head's bone: the neck twists, and cloth lies on it
SMOOTH = 3  # averages of a weight over the mesh, so that pictures change into each other
BOTH = 0.45  # cosine to the lens from which two pictures can be compared
EVENED = 30  # averages of the difference of light between two pictures
REACH = 60  # rings of vertices over which that difference is carried on
DIMMEST = 0.004  # amount of light: darker says nothing of another
FAR = 1.1  # logarithm of light: what differs by more is no skin under another lamp
LEAST = 0.01  # weight below which nothing is fetched
LIPS = ("lips_inner_upper", "lips_inner_lower", "lips_outer_upper", "lips_outer_lower")
AROUND_OPENINGS = 0.7  # head units around lids and lips that stay the photo's


@dataclass(frozen=True)
class View:
    """A picture in which the same head stands another way."""

    light: Tensor  # [3, h, w] amounts of light
    place: Tensor  # [V, 2] its pixels
    normal: Tensor  # [V, 3] of its mesh, view axes
    better: Tensor  # [V] 0..1 how much more it shows of each vertex than the photo and all other views
    gain: Tensor  # [V, 3] logarithm of the factor on its light that makes it the photo's

    def __repr__(self) -> str:
        return f"View({self.light.shape[2]} x {self.light.shape[1]} pixels)"


def shown_well(model: HeadModel, screen: Tensor, normal: Tensor, size: tuple[int, int]) -> Tensor:
    """Cosine to the lens of every vertex that a picture of (height, width) shows, -1 of the others. [V]"""
    room = screen.new_tensor([size[1], size[0]]) - EDGE
    inside = ((screen[:, :2] > EDGE) & (screen[:, :2] < room)).all(1) & (model.vertex_part < 2)
    return torch.where(inside & ~concealed(model, screen), normal[:, 2], -1.0)


def shares(model: HeadModel, photo: Tensor, views: Tensor) -> Tensor:
    """How much each view is to show of each vertex, from the cosines of `shown_well`: of the photo [V], of the views
    [N, V] -> [N, V], at most 1 together."""
    better = smoothstep(views - photo.clamp(min=0), *GAINED) * smoothstep(views, *PLAIN)
    whole = better.amax(0)
    preferred = better * views.clamp(min=0) ** 4
    share = whole * preferred / preferred.sum(0).clamp(min=1e-6)
    edges = both_ways(model.triangles[model.triangle_part < 2])
    shown = smoothstep(views, PLAIN[0] - 0.1, PLAIN[0] + 0.1) * _may_change(model)
    return torch.minimum(_evened(share.T, edges, SMOOTH).T, shown)


def difference_of_light(
    model: HeadModel, photo: tuple[Tensor, Tensor], view: tuple[Tensor, Tensor], relit: Tensor
) -> Tensor:
    """Logarithm of what makes a view's light the photo's, from the vertices that both show, carried on over the mesh.

    Each picture is the light at its vertices [3, V] and their cosines [V]; `relit` [V] is how much brighter the photo's
    light would make them as they stand in the view. [V, 3]
    """
    (own, seen), (other, shown) = photo, view
    both = (seen > BOTH) & (shown > BOTH) & (own.amin(0) > DIMMEST) & (other.amin(0) > DIMMEST)
    edges = both_ways(model.triangles[model.triangle_part < 2])
    if not both.any():
        return own.new_zeros(own.shape[1], 3)
    ratio = (own.clamp(min=DIMMEST).log() + relit - other.clamp(min=DIMMEST).log()).T  # [V, 3]
    middle = ratio[both].median(0).values
    both = both & ((ratio - middle).abs().amax(1) < FAR)
    known = torch.where(both[:, None], ratio, middle)
    for _ in range(EVENED):
        known = torch.where(both[:, None], _evened(torch.where(both[:, None], known, middle), edges, 1), known)
    return _evened(continued(known, both, edges, REACH), edges, EVENED)


def carried(view: View, corner: Tensor, now: Deformation, normal: Tensor, before: Tensor, light: Tensor, shown: Tensor):
    """Where in the view each vertex's pixel lies, how much it shows there, and the logarithm of the factor on its light
    that leaves the photo's own change of light to be laid over it. corner [2] of the region, normal [V, 3] of the mesh
    now and before; light [9]; shown [V, 1] how far a vertex has come into view. [V, 6]"""
    flow = view.place - (now.screen[:, :2] - corner)
    shine = 2 * (relight(light, view.normal, normal).log() - relight(light, before, normal).log())
    return torch.cat([flow, view.better[:, None] * shown, view.gain + shine[:, None]], 1)


def needed(view: View, shown: Tensor) -> bool:
    """Whether a view shows anything of a head whose vertices have come into view by `shown` [V, 1]."""
    return bool((view.better * shown[:, 0] > LEAST).any())


def lay_view(view: View, planes: Tensor, number: Tensor, centre: Tensor, layer: Tensor) -> None:
    """Lay a view over a layer [4, N] of pixels `number` [N] at `centre` [2, N]; planes [6, h, w] as in `carried`."""
    flat = planes.flatten(1)
    share = flat[2].index_select(0, number)
    some = torch.nonzero(share > LEAST)[:, 0]
    own = flat.index_select(1, number.index_select(0, some))
    at = centre.index_select(1, some) + own[:2]
    colour = sample(view.light, at.T[None])[:, 0].clamp(min=0) * own[3:].exp()
    whole = torch.cat([colour, torch.ones_like(colour[:1])])
    layer[:, some] = torch.lerp(layer[:, some], whole, own[2])


def _may_change(model: HeadModel) -> Tensor:
    """1 where another picture may show the head: not on lids and lips, which have windows of their own, nor on the
    neck, nor on ears, which no landmark fits. [V]"""
    lips = [number for name in LIPS for number in model.landmark_groups[name]]
    own = torch.cat([model.template[model.lid_vertex], landmarks(model, model.template)[lips]])
    apart = torch.cdist(model.template, own).amin(1) > AROUND_OPENINGS
    face = smoothstep(model.template[:, 2], *EARS) * (model.vertex_part < 2)
    free = smoothstep(model.neck_weight, *FIRM) * apart * face
    edges = both_ways(model.triangles[model.triangle_part < 2])
    return torch.minimum(free, _evened(free[:, None], edges, SMOOTH)[:, 0])


def _evened(values: Tensor, edges: Tensor, times: int) -> Tensor:
    """Values [V, C] averaged with their neighbours."""
    count = torch.zeros(len(values)).index_add_(0, edges[:, 0], torch.ones(len(edges))).clamp(min=1)[:, None]
    for _ in range(times):
        around = torch.zeros_like(values).index_add_(0, edges[:, 0], values[edges[:, 1]]) / count
        values = 0.5 * values + 0.5 * around
    return values
