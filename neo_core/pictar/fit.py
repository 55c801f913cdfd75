"""The head model onto one photo: camera, identity, expression and gaze from landmarks, then a field that ends on them.

A regularised least-squares problem (Levenberg-Marquardt, re-weighted against outliers): identity is pulled to N(0, 1),
expression to zero within 0..1, the camera's distance to a plausible one, because one picture cannot tell a near lens
from a long nose. What the model cannot explain is left to a smooth residual in pixels (Gaussian process over the mesh)
that brings lids and lips onto their landmarks.

Letters: K landmarks, V vertices, P parameters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .. import motion_space
from ..geometry.camera import Camera, project, rotation_angles, rotation_matrix
from ..geometry.head_model import PARTS, HeadModel, eye_centers, landmarks, shape

IDENTITY, EXPRESSION = slice(0, 60), slice(60, 113)
ANGLES, SHIFT, DISTANCE = slice(113, 116), slice(116, 119), 119
PARAMETERS = 120
LEFT_OUT = ("eyeLook", "mouthClose", "jawForward", "cheekPuff")  # not told from landmarks
SHY = ("eyeWide", "noseSneer", "mouthRoll", "mouthShrug", "mouthPress", "mouthDimple", "cheekSquint", "mouthFrown")


@dataclass(frozen=True)
class FitSettings:
    """Priors; lengths in head units (about 1 cm)."""

    rounds: int = 14
    noise: float = 0.12  # landmark error assumed where no sigma is given
    trust: float = 0.35  # neighbouring landmarks err together: each counts for this much
    gap_noise: float = 0.8  # and therefore the gap between lids or lips is known better than either edge
    eye_agreement: float = 0.6  # how far each eye's gaze is drawn to the mean of both
    outlier: float = 3.0  # sigmas beyond which a landmark loses its say
    expression_spread: float = 0.22
    shy_spread: float = 0.1  # for channels that mostly imitate identity
    distance: float = 85.0  # of the head from the lens
    distance_spread: float = 0.2  # of its logarithm
    reach: float = 1.6  # correlation length of the residual
    doubt: float = 0.15  # share of noise in the residual at landmarks off lids and lips
    doubt_edges: float = 0.003  # and on lids and lips
    closed: tuple[float, float] = (0.04, 0.14)  # gap below which lips or lids are one line, above which two


@dataclass(frozen=True)
class HeadFit:
    """A head model standing in a photo."""

    identity: Tensor  # [60]
    expression: Tensor  # [53] within 0..1
    gaze: Tensor  # [4] degrees
    camera: Camera
    residual: Tensor  # [V, 2] pixels to add to projected vertices
    error: Tensor  # [K] pixels between landmarks and the projected model, before the residual


def fit_head(
    model: HeadModel,
    points: Tensor,
    sigma: Tensor | None,
    size: tuple[int, int],
    settings: FitSettings = FitSettings(),
) -> HeadFit:
    """Fit to landmarks [K, 2] in pixels with standard errors sigma [K] (None: equal) in a photo of (height, width)."""
    expected = (len(model.landmark_triangle), 2)
    if points.shape != expected:
        raise ValueError(f"found landmarks of shape {tuple(points.shape)}, expected {expected}")
    points = points.float()
    start, scale = _first_guess(model, points, size, settings)
    sigma = _believed(sigma, points, scale, settings)
    values = _minimise(model, points, sigma, size, start, scale * settings.distance, settings)
    camera = _camera(values, size, scale * settings.distance)
    return _standing(model, values, camera, points, sigma, settings)


def refit_head(
    model: HeadModel,
    points: Tensor,
    sigma: Tensor | None,
    before: HeadFit,
    settings: FitSettings,
) -> HeadFit:
    """The same person before the same lens at another moment: identity and focal length of `before` stay as they are.

    Pose and place start from the landmarks alone, so no frame of a video leans on the one before it.
    """
    size = tuple(round(2 * float(length)) for length in before.camera.center.flip(0))
    points, focal = points.float(), float(before.camera.focal)
    start, scale = _first_guess(model, points, size, settings)
    start[SHIFT.start + 2] += settings.distance - focal / scale
    start[IDENTITY], start[EXPRESSION] = before.identity, before.expression
    held = torch.zeros(PARAMETERS, dtype=torch.bool)
    held[IDENTITY] = held[DISTANCE] = True
    sigma = _believed(sigma, points, scale, settings)
    values = _minimise(model, points, sigma, size, start, focal, settings, held)
    return _standing(model, values, _camera(values, size, focal), points, sigma, settings)


def one_person(fits: Sequence[HeadFit]) -> HeadFit:
    """The first of several fits of one person, with what they agree on: identity and focal length by the median."""
    first = fits[0]
    identity = torch.stack([fit.identity for fit in fits]).median(0).values
    focal = torch.stack([fit.camera.focal for fit in fits]).median()
    return replace(first, identity=identity, camera=replace(first.camera, focal=focal))


def _believed(sigma: Tensor | None, points: Tensor, scale: float, settings: FitSettings) -> Tensor:
    """Standard errors of the landmarks, none of them too sure. [K]"""
    sigma = torch.full((len(points),), settings.noise * scale) if sigma is None else sigma.float()
    return sigma.clamp(min=0.3 * settings.noise * scale)


def _standing(
    model: HeadModel, values: Tensor, camera: Camera, points: Tensor, sigma: Tensor, settings: FitSettings
) -> HeadFit:
    """Parameters [P] as a fit: with what the model misses, and where the eyes look."""
    identity, expression = values[IDENTITY], values[EXPRESSION]
    vertices = shape(model, identity, expression)
    place = landmarks(model, vertices)
    seen = project(camera, place)[:, :2]
    residual = _residual(model, _kept_closed(model, points - seen, place, settings), sigma, settings)
    gaze = _gaze(model, identity, camera, points[-2:], residual, settings)
    return HeadFit(identity, expression, gaze, camera, residual, (points - seen).norm(dim=-1))


def _first_guess(
    model: HeadModel, points: Tensor, size: tuple[int, int], settings: FitSettings
) -> tuple[Tensor, float]:
    """Start values [P] from a weak-perspective pose of the mean head, and its scale in pixels per head unit."""
    mean = landmarks(model, model.template)[17:68]  # the jaw turns out of sight first
    target = points[17:68] * torch.tensor([1.0, -1.0])
    middle, away = mean.mean(0), target.mean(0)
    # In double: the last bit of LAPACK's answer differs from process to process, and a fit would not be repeatable.
    affine = torch.linalg.lstsq((mean - middle).double(), (target - away).double()).solution.T.float()  # [2, 3]
    u, s, v = torch.linalg.svd(affine, full_matrices=False)
    rows = u @ v
    rotation = torch.stack([rows[0], rows[1], torch.linalg.cross(rows[0], rows[1])])
    scale = float(s.mean())
    start = torch.zeros(PARAMETERS)
    start[ANGLES] = rotation_angles(rotation)
    center = torch.tensor([size[1] / 2, size[0] / 2])
    offset = (away * torch.tensor([1.0, -1.0]) - center) / scale
    position = torch.stack([offset[0], -offset[1], offset.new_tensor(-settings.distance)])
    start[SHIFT] = position - rotation @ middle
    return start, scale


def _camera(values: Tensor, size: tuple[int, int], focal: float) -> Camera:
    """The parameters' camera; the focal length follows the distance, so the picture keeps its scale."""
    stretch = values[DISTANCE].exp()
    shift = values[SHIFT]
    return Camera(
        focal=focal * stretch,
        center=values.new_tensor([size[1] / 2, size[0] / 2]),
        rotation=rotation_matrix(*values[ANGLES]),
        translation=torch.stack([shift[0], shift[1], shift[2] * stretch]),
    )


def _minimise(
    model: HeadModel,
    points: Tensor,
    sigma: Tensor,
    size: tuple[int, int],
    start: Tensor,
    focal: float,
    settings: FitSettings,
    held: Tensor | None = None,
) -> Tensor:
    """Levenberg-Marquardt with bounds by freezing; returns parameters [P], those that are `held` as they started."""
    low, high, prior = _bounds_and_priors(settings)
    held = torch.zeros(PARAMETERS, dtype=torch.bool) if held is None else held
    low, high = torch.where(held, start, low), torch.where(held, start, high)
    values, damping = start.clone(), 1e-2
    model = _only_landmarks(model)
    modes, gaps = _landmark_modes(model), _gaps(model)
    error, seen = _cost(model, values, points, sigma, size, focal, prior, settings)
    for _ in range(settings.rounds):
        jacobian = _jacobian(model, modes, values, size, focal)[:-2]  # the irises speak about gaze only
        miss = (points - seen)[:-2]
        weight = settings.trust * _say(miss, sigma[:-2], settings) / sigma[:-2].square()
        gap_weight = settings.trust * _gap_precision(sigma, gaps, settings)
        gap_jacobian, gap_miss = jacobian[gaps[0]] - jacobian[gaps[1]], miss[gaps[0]] - miss[gaps[1]]
        normal = torch.einsum("kap,k,kaq->pq", jacobian, weight, jacobian) + torch.diag(prior)
        normal += torch.einsum("kap,k,kaq->pq", gap_jacobian, gap_weight, gap_jacobian)
        slope = torch.einsum("kap,k,ka->p", jacobian, weight, miss) - prior * values
        slope += torch.einsum("kap,k,ka->p", gap_jacobian, gap_weight, gap_miss)
        free = ~(held | ((values <= low) & (slope < 0)) | ((values >= high) & (slope > 0)))
        for _ in range(4):
            proposed = _step(values, normal, slope, free, damping).clamp(low, high)
            new_error, new_seen = _cost(model, proposed, points, sigma, size, focal, prior, settings)
            if new_error < error:
                values, error, seen, damping = proposed, new_error, new_seen, damping / 4
                break
            damping *= 8
    return values


def _step(values: Tensor, normal: Tensor, slope: Tensor, free: Tensor, damping: float) -> Tensor:
    index = torch.nonzero(free)[:, 0]
    reduced = normal[index][:, index]
    reduced = reduced + damping * torch.diag(reduced.diagonal())
    moved = values.clone()
    moved[index] += torch.linalg.solve(reduced.double(), slope[index].double()).float()
    return moved


def _bounds_and_priors(settings: FitSettings) -> tuple[Tensor, Tensor, Tensor]:
    """Lower and upper bounds and the inverse variance of every parameter. [P] each"""
    low, high = torch.full((PARAMETERS,), -torch.inf), torch.full((PARAMETERS,), torch.inf)
    low[IDENTITY], high[IDENTITY], low[EXPRESSION], high[EXPRESSION] = -3.5, 3.5, 0.0, 1.0
    prior = torch.zeros(PARAMETERS)
    prior[IDENTITY] = 1.0
    spread = [settings.shy_spread if n.startswith(SHY) else settings.expression_spread for n in _names()]
    prior[EXPRESSION] = torch.tensor(spread) ** -2
    left_out = torch.tensor([name.startswith(LEFT_OUT) for name in _names()])
    high[EXPRESSION][left_out] = 0.0
    prior[DISTANCE] = settings.distance_spread**-2
    low[DISTANCE], high[DISTANCE] = -0.6, 0.6
    prior[SHIFT.start + 2] = 1e-6
    return low, high, prior


def _names() -> tuple[str, ...]:
    return motion_space.EXPRESSION_NAMES


def _say(miss: Tensor, sigma: Tensor, settings: FitSettings) -> Tensor:
    """Weight of each landmark against outliers (Geman-McClure). [K]"""
    return (1 + miss.square().sum(-1) / (settings.outlier * sigma).square()) ** -2


def _cost(
    model: HeadModel,
    values: Tensor,
    points: Tensor,
    sigma: Tensor,
    size: tuple[int, int],
    focal: float,
    prior: Tensor,
    settings: FitSettings,
) -> tuple[float, Tensor]:
    """Value of the objective and the projected landmarks [K, 2]."""
    vertices = shape(model, values[IDENTITY], values[EXPRESSION])
    seen = project(_camera(values, size, focal), landmarks(model, vertices))[:, :2]
    ratio = ((points - seen).square().sum(-1) / sigma.square())[:-2]
    bend = settings.outlier**2
    robust = (ratio * bend / (bend + ratio)).sum()
    gaps = _gaps(model)
    opened = ((points - seen)[gaps[0]] - (points - seen)[gaps[1]]).square().sum(-1)
    robust = robust + (opened * _gap_precision(sigma, gaps, settings)).sum()
    return float(settings.trust * robust + (prior * values.square()).sum()), seen


def _only_landmarks(model: HeadModel) -> HeadModel:
    """The same model reduced to the vertices under its landmarks: some hundred instead of thousands."""
    used, flat = model.triangles[model.landmark_triangle].unique(return_inverse=True)
    number = torch.full((len(model.template),), -1)
    number[used] = torch.arange(len(used))
    lids = number[model.lid_vertex] >= 0
    return replace(
        model,
        template=model.template[used],
        identity=model.identity[:, used],
        expression=model.expression[:, used],
        triangles=flat,
        landmark_triangle=torch.arange(len(flat)),
        lid_vertex=number[model.lid_vertex[lids]],
        lid_side=model.lid_side[lids],
        lid_clearance=model.lid_clearance[lids],
        lid_closure=model.lid_closure[:, lids],
    )


def _gaps(model: HeadModel) -> Tensor:
    """Landmarks that face each other across the eye or the mouth. [2, G]"""
    edges = [("lips_inner_upper", "lips_inner_lower")]
    edges += [(f"lid_upper_{side}", f"lid_lower_{side}") for side in ("left", "right")]
    groups = model.landmark_groups
    return torch.tensor([[k for pair in edges for k in groups[pair[side]]] for side in range(2)])


def _gap_precision(sigma: Tensor, gaps: Tensor, settings: FitSettings) -> Tensor:
    """Inverse variance of the distance across each gap. [G]"""
    return (settings.gap_noise * sigma[gaps].mean(0)).square().reciprocal()


def _landmark_modes(model: HeadModel) -> Tensor:
    """Motion of every landmark per unit of identity and expression. [113, K, 3]"""
    return torch.cat([landmarks(model, model.identity), landmarks(model, model.expression)])


def _jacobian(model: HeadModel, modes: Tensor, values: Tensor, size: tuple[int, int], focal: float) -> Tensor:
    """Derivative of projected landmarks by the parameters; the lids' small corrections count as constant. [K, 2, P]"""
    place = landmarks(model, shape(model, values[IDENTITY], values[EXPRESSION]))
    camera = _camera(values, size, focal)
    seen = place @ camera.rotation.mT + camera.translation  # [K, 3]
    scale = camera.focal / -seen[:, 2]
    zero = torch.zeros_like(scale)
    across = torch.stack([scale, zero, -scale * seen[:, 0] / seen[:, 2]], -1)
    down = torch.stack([zero, -scale, scale * seen[:, 1] / seen[:, 2]], -1)
    by_view = torch.stack([across, down], 1)  # [K, 2, 3]
    shift = torch.eye(3) * torch.stack([torch.ones(()), torch.ones(()), values[DISTANCE].exp()])
    jacobian = torch.zeros(len(place), 2, PARAMETERS)
    jacobian[:, :, :113] = torch.einsum("kav,vd,pkd->kap", by_view, camera.rotation, modes)
    for k in range(3):
        jacobian[:, :, ANGLES.start + k] = torch.einsum("kav,vd,kd->ka", by_view, _turning(values[ANGLES], k), place)
    jacobian[:, :, SHIFT] = by_view @ shift
    middle = torch.stack([camera.center[0] + scale * seen[:, 0], camera.center[1] - scale * seen[:, 1]], -1)
    jacobian[:, :, DISTANCE] = middle - camera.center + by_view[:, :, 2] * camera.translation[2]
    return jacobian


def _turning(angles: Tensor, axis: int) -> Tensor:
    """Derivative of the rotation by one of its angles in degrees, by central differences. [3, 3]"""
    step = torch.zeros(3)
    step[axis] = 0.5
    return rotation_matrix(*(angles + step)) - rotation_matrix(*(angles - step))


def _residual(model: HeadModel, miss: Tensor, sigma: Tensor, settings: FitSettings) -> Tensor:
    """A smooth field [V, 2] over the mesh that ends on the landmarks: Gaussian process with a Matern-3/2 kernel.

    Distances are taken on a head with open mouth and wide eyes, where upper and lower lip, or lid, lie apart.
    """
    apart = model.template + model.expression[_channel("jawOpen")] * 0.6
    for name in ("eyeWide_L", "eyeWide_R", "eyeLookUp_L", "eyeLookUp_R"):
        apart = apart + model.expression[_channel(name)] * 0.8
    at = landmarks(model, apart)[:-2]
    doubt = torch.full((len(at),), settings.doubt)
    doubt *= (sigma[:-2] / sigma[:-2].median()).square().clamp(0.3, 10)
    doubt[_edge_landmarks(model)] = settings.doubt_edges
    kernel = _matern(torch.cdist(at, at), settings.reach)
    weights = torch.linalg.solve((kernel + torch.diag(doubt)).double(), miss[:-2].double()).float()
    field = _matern(torch.cdist(apart, at), settings.reach) @ weights
    return _rigid_inside(model, field)


def _kept_closed(model: HeadModel, miss: Tensor, place: Tensor, settings: FitSettings) -> Tensor:
    """Landmark errors [K, 2] with both edges of a closed gap sharing theirs: what touches keeps touching.

    place [K, 3]: landmarks of the fitted head, which tell what is closed better than the picture's own noise.
    """
    upper, lower = _gaps(model)
    low, high = settings.closed
    open_share = (((place[upper] - place[lower]).norm(dim=-1, keepdim=True) - low) / (high - low)).clamp(0, 1)
    shared = (miss[upper] + miss[lower]) / 2
    kept = miss.clone()
    kept[upper] = torch.lerp(shared, miss[upper], open_share)
    kept[lower] = torch.lerp(shared, miss[lower], open_share)
    return kept


def _matern(distance: Tensor, reach: float) -> Tensor:
    ratio = math.sqrt(3) * distance / reach
    return (1 + ratio) * torch.exp(-ratio)


def _edge_landmarks(model: HeadModel) -> list[int]:
    names = [name for name in model.landmark_groups if name.startswith(("lid_", "lips_"))]
    return [k for name in names for k in model.landmark_groups[name]]


def _rigid_inside(model: HeadModel, field: Tensor) -> Tensor:
    """Eyeballs, teeth, gums and tongue are not bent: each takes the mean of the edge around it."""
    field = field.clone()
    corner = model.triangles[model.landmark_triangle]
    around = {
        "eye_left": ("lid_upper_left", "lid_lower_left"),
        "eye_right": ("lid_upper_right", "lid_lower_right"),
        "teeth_upper": ("lips_outer_upper",),
        "teeth_lower": ("lips_outer_lower",),
        "tongue": ("lips_outer_lower",),
        "gums": ("lips_outer_upper", "lips_outer_lower"),
    }
    for part, names in around.items():
        members = [k for name in names for k in model.landmark_groups[name]]
        field[model.vertex_part == PARTS.index(part)] = field[corner[members].flatten()].mean(0)
    return field


def _channel(name: str) -> int:
    return motion_space.INDEX[name]


def _gaze(
    model: HeadModel, identity: Tensor, camera: Camera, iris: Tensor, residual: Tensor, settings: FitSettings
) -> Tensor:
    """Gaze [4] that brings the iris centres [2, 2] onto their landmarks: where the line of sight meets the eyeball."""
    lens = -camera.rotation.mT @ camera.translation
    gaze = []
    for eye, center in enumerate(eye_centers(model, identity)):
        part = PARTS.index(("eye_left", "eye_right")[eye])
        target = iris[eye] - residual[model.vertex_part == part][0] - camera.center
        ray = camera.rotation.mT @ torch.stack([target[0], -target[1], -camera.focal])
        ray = ray / ray.norm()
        nearest = lens + ray * ((center - lens) @ ray) - center  # closest point of the line to the centre
        behind = (model.eye_radius[eye] ** 2 - nearest.square().sum()).clamp(min=0).sqrt()
        x, y, z = torch.nn.functional.normalize(nearest - ray * behind, dim=0)
        gaze += [torch.rad2deg(torch.atan2(x, z)), torch.rad2deg(torch.asin(-y.clamp(-1, 1)))]
    own = torch.stack(gaze)
    own = torch.lerp(own, own.view(2, 2).mean(0).repeat(2), settings.eye_agreement)
    limit = torch.tensor(motion_space.HIGH[motion_space.GAZE])
    return own.clamp(-limit, limit)
