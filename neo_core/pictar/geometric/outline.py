"""Where the eyes really are in the photo: lid margins and irises drawn to the edges that the picture shows.

Landmarks are a pixel or two off, in a painting five; lids that close along such a line leave a slit of eyeball, and an
iris that turns beside itself is two irises. So the fitted margins are moved, as a stretched and bent whole, to where
the picture changes most across them, and the gaze to where a dark disc ends. What the fit says counts as prior: where
the picture shows no edge, nothing moves.

Letters: P points of a margin, K steps across it, C candidates.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...geometry.camera import project
from ...geometry.head_model import PARTS, eye_centers
from ...motion_space import GAZE
from .bust import Bust, Deformation, move
from .contact import Pairs, hats, points
from .follow import smoothstep
from .sampling import luma, sample_linear

REACH = 0.22  # of the eye's width: farthest that a margin is looked for
STEPS = 45  # across a margin
LASHES = 0.035  # of the eye's width: a margin lies this far below the edge where its lashes begin
BAND = 0.05  # of the eye's width: on either side of an edge
SURE = 0.85  # quantile of the edges found: a stronger one says no more
SPREAD = (0.08, 0.06, 0.06)  # expected error of a margin's height, tilt and bend, of the eye's width
SLIDES = torch.linspace(-0.24, 0.24, 13)  # of the eye's width: sideways
WIDTHS = torch.tensor([0.92, 1.0, 1.08, 1.17, 1.27, 1.38, 1.5])  # over the fitted width
SLIDE_SPREAD, WIDTH_SPREAD = 0.12, 0.2
PRIOR = 0.10  # weight of one squared spread against the mean strength of an edge, 0..1
CHEEK = (0.15, 0.5)  # of the eye's width below the fitted eye: skin to compare with
PALE, PALE_SPREADS = 0.08, 3.0  # saturation that a white lacks: at least, and of the skin's own variation
LIT = (0.15, 0.35)  # luminance from which a colour tells anything
WHITENS = 0.4  # whiteness gained where the white of an eye surely begins
BEYOND, OUTSIDE = 0.08, 0.6  # of the eye's width: how far outside a margin no white may lie; weight of it
AREA = (torch.linspace(-0.85, 0.85, 47), torch.linspace(-0.5, 0.5, 27))  # of the eye's width: where white is looked for
NEAR = 0.25  # of the eye's width: no farther from the fitted eye than this
ENCLOSED, LEAST_WHITE = (
    0.7,
    18.0,
)  # weight of the white that the margins enclose; spots of it from which it counts fully
LID_DEPTH = 1.2  # head units over which the skin follows a margin
IRIS_REACH = 0.24  # of the eye's width
IRIS_PRIOR = 0.06
IRIS_SPREAD = torch.tensor([0.10, 0.025])  # expected error, of the eye's width: along and across


def settle_eyes(bust: Bust, photo: Tensor) -> Bust:
    """The bust with lids and gaze where the photo [3, H, W] 0..1 has them."""
    start = move(bust, bust.reference)
    offset, gaze = bust.offset.clone(), bust.reference.clone()
    for side in (0, 1):
        offset += _lid_offset(bust, start, photo, side)
    settled = replace(bust, offset=offset)
    start = move(settled, bust.reference)
    for side in (0, 1):
        own = slice(GAZE.start + 2 * side, GAZE.start + 2 * side + 2)
        gaze[own] += _gaze_step(settled, start, photo, side)
    return replace(settled, reference=gaze)


@dataclass(frozen=True)
class EyeFrame:
    """Axes of one eye in the photo: along from corner to corner, down across it."""

    middle: Tensor  # [2]
    along: Tensor  # [2]
    down: Tensor  # [2]
    width: Tensor  # [] pixels

    def seen(self, at: Tensor) -> Tensor:
        """Pixels to eye widths from the middle. [..., 2]"""
        away = at - self.middle
        return torch.stack([away @ self.along, away @ self.down], -1) / self.width

    def pixels(self, at: Tensor) -> Tensor:
        """The way back. [..., 2]"""
        return self.middle + self.width * (at[..., :1] * self.along + at[..., 1:] * self.down)


@dataclass(frozen=True)
class Side:
    """What tells one margin of an eye from the other."""

    lashes: float  # eye widths above it at which it shows
    outwards: int  # the way out of the eye: -1 up, 1 down
    belief: Callable[[Tensor, Tensor], Tensor]  # weight of a change [3, X, K] by the white there [X, K]


def eye_frame(upper: Tensor) -> EyeFrame:
    """From a margin's points [P, 2], corners first and last."""
    across = upper[-1] - upper[0]
    width = across.norm()
    along = across / width
    return EyeFrame((upper[0] + upper[-1]) / 2, along, torch.stack([-along[1], along[0]]), width)


def _margins(bust: Bust, start: Deformation, lids: Pairs) -> tuple[Tensor, Tensor]:
    return tuple(points(bust.model, start.screen, numbers)[:, :2] for numbers in (lids.upper, lids.lower))


def _lid_offset(bust: Bust, start: Deformation, photo: Tensor, side: int) -> Tensor:
    """What brings the margins of one eye to the photo's. [V, 3] head space"""
    model, lids = bust.model, bust.contact.lids[side]
    margins = _margins(bust, start, lids)
    frame = eye_frame(margins[0])
    steps = [new - old for new, old in zip(outline(photo, frame, *margins), margins, strict=True)]
    ball = model.vertex_part == PARTS.index(("eye_left", "eye_right")[side])
    rims = [points(model, model.template, numbers) for numbers in (lids.upper, lids.lower)]
    flat = torch.where(ball[:, None], torch.cat(steps).mean(0), _carried(model.template, rims, steps))
    return _in_head(bust, start, flat)


def _carried(template: Tensor, rims: list[Tensor], steps: list[Tensor]) -> Tensor:
    """How skin follows steps [P, 2] of the upper and the lower rim [P, 3]: with either at it, in between between.
    [V, 2]"""
    along = [hats(template[:, 0], rim[:, 0]) for rim in rims]
    sums = [a.sum(1, keepdim=True).clamp(min=1e-6) for a in along]
    line = [a @ rim / total for a, rim, total in zip(along, rims, sums, strict=True)]
    high = (template[:, 1] - line[1][:, 1]) / (line[0][:, 1] - line[1][:, 1]).clamp(min=0.05)
    high = high.clamp(0, 1)[:, None]
    below, above = line[1][:, 1] - template[:, 1], template[:, 1] - line[0][:, 1]
    beside = torch.stack([torch.maximum(below, above).clamp(min=0), template[:, 2] - (line[0] + line[1])[:, 2] / 2], 1)
    near = torch.exp(-beside.square().sum(1) / LID_DEPTH**2)[:, None]
    moved = [a @ step for a, step in zip(along, steps, strict=True)]
    return near * (high * moved[0] + (1 - high) * moved[1])


def _in_head(bust: Bust, start: Deformation, flat: Tensor) -> Tensor:
    """Steps [V, 2] in the photo as steps in head space, at each vertex's own depth. [V, 3]"""
    step = torch.cat([flat[:, :1], -flat[:, 1:], torch.zeros_like(flat[:, :1])], 1)
    return (step * start.screen[:, 2:] / bust.camera.focal) @ bust.camera.rotation


def outline(photo: Tensor, frame: EyeFrame, upper: Tensor, lower: Tensor) -> tuple[Tensor, Tensor]:
    """Both margins [P, 2], slid, stretched, raised and bent to where the photo [3, H, W] changes most across them."""
    base = [frame.seen(margin) for margin in (upper, lower)]
    gap = (base[1][:, 1].mean() - base[0][:, 1].mean()).clamp(min=0.08)
    seen = torch.cat([photo, whiteness(photo, frame, gap)[None]])
    spots = torch.stack(torch.meshgrid(*AREA, indexing="xy"), -1).flatten(0, 1)
    white = sample_linear(seen[3:], frame.pixels(spots)[None])[0, 0] * (_between(spots, *base, NEAR) > 0)
    best = None
    for slide in SLIDES:
        for wide in WIDTHS:
            placed = [torch.stack([m[:, 0] * wide + slide, m[:, 1]], -1) for m in base]
            found = [_raised(seen, frame, m, gap, side) for m, side in zip(placed, SIDES, strict=True)]
            cost = PRIOR * ((slide / SLIDE_SPREAD).square() + ((wide - 1) / WIDTH_SPREAD).square())
            held = white @ _between(spots, found[0][1], found[1][1], 0.0) / white.sum().clamp(min=LEAST_WHITE)
            score = sum(f[0] for f in found) + ENCLOSED * held - cost
            if best is None or score > best[0]:
                best = (score, found[0][1], found[1][1])
    return frame.pixels(best[1]), frame.pixels(best[2])


def whiteness(photo: Tensor, frame: EyeFrame, gap: Tensor) -> Tensor:
    """How far each pixel is paler than the skin below the eye, 0..1: the white of an eye is, a lid hardly. [H, W]"""
    steps = torch.stack(torch.meshgrid(torch.linspace(-0.5, 0.5, 21), torch.linspace(*CHEEK, 11), indexing="xy"), -1)
    lent = _colourfulness(sample_linear(photo, frame.pixels(steps + torch.stack([torch.zeros(()), gap]))))
    spread = (lent - lent.median()).abs().median()
    pale = (lent.median() - _colourfulness(photo)) / (PALE_SPREADS * spread).clamp(min=PALE)
    return (pale - 0.5).clamp(0, 1) * smoothstep(luma(photo), *LIT)


def _colourfulness(picture: Tensor) -> Tensor:
    """Saturation. [3, ...] -> [...]"""
    return 1 - picture.amin(0) / picture.amax(0).clamp(min=0.02)


def _raised(photo: Tensor, frame: EyeFrame, margin: Tensor, gap: Tensor, side: Side) -> tuple[Tensor, Tensor]:
    """The best height, tilt and bend of a margin [P, 2] in eye widths: its score, and the margin there."""
    x = torch.linspace(float(margin[0, 0]), float(margin[-1, 0]), 27)[1:-1]
    along = hats(x, margin[:, 0])
    base = along @ margin[:, 1] / along.sum(1).clamp(min=1e-6)
    across = torch.linspace(-REACH, REACH, STEPS)
    at = torch.stack([x[:, None].expand(-1, STEPS), base[:, None] + across - side.lashes], -1)
    profile = sample_linear(photo, frame.pixels(at))  # [4, X, K]
    edge = _edges(profile[:3], profile[3], side) - _white_beyond(profile[3], side)  # [X, K]
    inward, outward = min(0.45 * float(gap), REACH), REACH - 0.02
    height = torch.linspace(*sorted((side.outwards * outward, -side.outwards * inward)), 23)
    bend = torch.linspace(-0.12, 0.12, 7)
    moves = torch.stack(torch.meshgrid(height, bend, bend, indexing="ij"), -1).view(-1, 3)  # [C, 3]
    tau = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
    shift = moves @ torch.stack([torch.ones_like(tau), tau, 1 - tau.square()])  # [C, X]
    place = ((shift + REACH) / (2 * REACH) * (STEPS - 1)).clamp(0, STEPS - 1.001)
    left = place.floor().long()
    part = place - left
    column = torch.arange(len(x)).expand_as(left)
    found = (edge[column, left] * (1 - part) + edge[column, left + 1] * part).mean(1)
    score = found - PRIOR * (moves / torch.tensor(SPREAD)).square().sum(1)
    which = score.argmax()
    step = (margin[:, 0] - x[0]) * 2 / (x[-1] - x[0]) - 1
    step = step.clamp(-1, 1)
    return score[which], torch.stack(
        [margin[:, 0], margin[:, 1] + moves[which] @ torch.stack([torch.ones_like(step), step, 1 - step.square()])], -1
    )


def _edges(profile: Tensor, white: Tensor, side: Side) -> Tensor:
    """How much the picture [3, X, K] changes at each step across, 0..1; white [X, K] of the eye. [X, K]"""
    change = _change(profile)
    strength = change.norm(dim=0) * side.belief(change, white)
    return (strength / strength.quantile(SURE).clamp(min=0.02)).clamp(max=1)


def _below_lashes(change: Tensor, white: Tensor) -> Tensor:
    """Lashes darken the upper margin from above; where it brightens, it may be a fold or a white. [X, K]"""
    into_white = (_change(white[None])[0] / WHITENS).clamp(0, 1)
    return torch.where(change.sum(0) < 0, 1.0, 0.5 + 0.5 * into_white)


SIDES = (Side(LASHES, -1, _below_lashes), Side(0.0, 1, lambda _, white: torch.ones_like(white)))  # upper, lower


def _white_beyond(white: Tensor, side: Side) -> Tensor:
    """What speaks against a margin at each step across: the white of the eye lying outside it. [X, K]"""
    reach = max(1, round(BEYOND / (2 * REACH) * STEPS))
    sums = torch.nn.functional.pad(white, (reach + 1, reach), mode="replicate").cumsum(-1)
    first = reach * (1 + side.outwards) // 2
    return OUTSIDE * ((sums[:, first + reach :][:, :STEPS] - sums[:, first:][:, :STEPS]) / reach)


def _change(profile: Tensor) -> Tensor:
    """Difference between the means on either side of each step across. [C, X, K] -> [C, X, K]"""
    half = max(1, round(BAND / (2 * REACH) * STEPS))
    padded = torch.nn.functional.pad(profile, (half, half), mode="replicate")
    sums = torch.nn.functional.pad(padded.cumsum(-1), (1, 0))
    above = sums[..., half : half + STEPS] - sums[..., :STEPS]
    below = sums[..., 2 * half : 2 * half + STEPS] - sums[..., half : half + STEPS]
    return (below - above) / half


def _gaze_step(bust: Bust, start: Deformation, photo: Tensor, side: int) -> Tensor:
    """Degrees of yaw and pitch by which an eye looks aside from its fitted gaze. [2]"""
    margins = _margins(bust, start, bust.contact.lids[side])
    centre, radius = iris_disc(bust, side)
    found = iris_place(photo, eye_frame(margins[0]), *margins, centre, radius)
    step = (found - centre) / (bust.model.eye_radius[side] * radius / bust.model.iris_radius[side])
    turn = bust.camera.rotation.T @ torch.stack([step[0], -step[1], torch.zeros(())])
    look = torch.nn.functional.normalize(look_of(bust.reference, side) + turn, dim=0)
    gaze = torch.rad2deg(torch.stack([torch.atan2(look[0], look[2]), torch.asin(-look[1].clamp(-1, 1))]))
    return gaze - bust.reference[GAZE][2 * side : 2 * side + 2]


def iris_place(photo: Tensor, frame: EyeFrame, upper: Tensor, lower: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """Centre [2] of the disc that is darkest against its surroundings between the lids."""
    steps = torch.linspace(-IRIS_REACH, IRIS_REACH, 25)
    moves = torch.stack(torch.meshgrid(steps, 0.4 * steps, indexing="ij"), -1).view(-1, 2)  # eye widths
    spot = centre + frame.width * (moves[:, :1] * frame.along + moves[:, 1:] * frame.down)  # [C, 2]
    angle = torch.linspace(0, 2 * torch.pi, 33)[:-1]
    ring = torch.stack([angle.cos(), angle.sin()], -1)  # [A, 2]
    at = spot[:, None, None] + radius * torch.tensor([0.35, 0.7, 1.3])[:, None, None] * ring  # [C, 3, A, 2]
    bright = luma(sample_linear(photo, at.flatten(0, 1)).unflatten(1, (len(spot), 3)))
    inside = _between(frame.seen(at), frame.seen(upper), frame.seen(lower), -0.02)
    mean = (bright * inside).sum(-1) / inside.sum(-1).clamp(min=1)
    seen = inside.sum(-1) > torch.tensor([0.7, 0.5, 0.2]) * len(ring)
    contrast = torch.where(seen.all(1), mean[:, 2] - (mean[:, 0] + mean[:, 1]) / 2, torch.full((len(spot),), -1.0))
    spread = bright[inside > 0].std() if (inside > 0).sum() > 8 else bright.new_tensor(1.0)
    score = contrast / spread.clamp(min=0.04) - IRIS_PRIOR * (moves / IRIS_SPREAD).square().sum(1)
    return spot[score.argmax()]


def _between(at: Tensor, upper: Tensor, lower: Tensor, room: float) -> Tensor:
    """1 where points [..., 2] lie between two margins [P, 2] that are moved apart by `room`; all in eye widths."""
    x = at[..., 0].reshape(-1)
    heights = []
    for margin in (upper, lower):
        along = hats(x, margin[:, 0])
        heights.append((along @ margin[:, 1] / along.sum(1).clamp(min=1e-6)).view(at.shape[:-1]))
    inside = (at[..., 1] > heights[0] - room) & (at[..., 1] < heights[1] + room)
    aside = max(room, 0.0)
    return (inside & (at[..., 0] > upper[0, 0] - aside) & (at[..., 0] < upper[-1, 0] + aside)).float()


def iris_disc(bust: Bust, side: int) -> tuple[Tensor, Tensor]:
    """Centre [2] and radius [] of the iris in the photo, pixels."""
    model = bust.model
    own = torch.nonzero(model.vertex_part == PARTS.index(("eye_left", "eye_right")[side]))[:, 0]
    look = look_of(bust.reference, side)
    pupil = eye_centers(model, bust.identity)[side] + bust.offset[own].mean(0) + look * model.eye_radius[side]
    spot = project(bust.camera, pupil)
    return spot[:2], model.iris_radius[side] * bust.camera.focal / spot[2]


def look_of(motion: Tensor, side: int) -> Tensor:
    """The way an eye looks in a motion vector [63], head axes. [3]"""
    yaw, pitch = torch.deg2rad(motion[GAZE][2 * side : 2 * side + 2])
    return torch.stack([yaw.sin() * pitch.cos(), -pitch.sin(), yaw.cos() * pitch.cos()])
