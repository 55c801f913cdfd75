"""Can one see where the chunks of a long video meet? Seams against the interior of the same video.

Per picture t of a video:

    velocity        v_t = |z_t - z_(t-1)|                        a jump
    acceleration    a_t = |z_(t+1) - 2 z_t + z_(t-1)|            a jerk
    detail          energy of what a 3x3 mean leaves             a cross-fade has less: two pictures at once
    interpolation   |z_t - its neighbours, moved half way along their optical flow|      a double edge
    direction       cosine of two successive changes             motion that goes on, or turns back

all |.| root mean squares; that of interpolation is weighed by how much moves at a place, so that a still background,
however large, dilutes nothing. A seam is what lies within `reach` of a join. Its velocity is the largest of its v over
the 95th percentile of those inside chunks, its acceleration likewise; ghosting is the least of its detail over the 5th
percentile inside; interpolation is a mean over the mean inside. So 1 is a seam like any other place; the figures of a
report are medians over its seams.

How wide a seam is: a join lies between two latents, and what is wrong there shows in the frames of these two, one of
them to either side (`REACH`). Fusion reaches further, over half of the overlap of two chunks (`WHOLE_OVERLAP`); taken
that wide, two thirds of a video are seams, and any movement within a third of a second counts as one. Movement comes
in bursts, so places where nothing meets stand out as well: the same is measured there, side by side, and told.

Inside means inside the chunks of the same video. Where chunks moved between the steps that made them, seams of earlier
steps lie there; `SeamReport.against` compares with a video that has none.

Chunk by chunk: identity is the cosine of the mean appearance to that of the reference, colour the mean and deviation of
each channel; both as slopes, by least squares. The reference is a picture, or else the first chunk, which then is not
counted.

Letters: T pictures, C colours in 0..1, H, W their size, D numbers of an appearance, N chunks.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data_types import InputError, Progress, silent
from ..media.joins import read_joins
from ..media.video import read_frames, stated_seconds
from ..neo2.latent_flow import blend, detail_energy
from ..neo2.latent_space import FRAMES

SIDE = 128  # pixels of the shorter side that is looked at
REACH = FRAMES  # frames of a video around a join, to either side: those of one latent
WHOLE_OVERLAP = 8  # the same where all of an overlap of 4 latents counts, as in the figures that are published
AT_ONCE = 32  # pictures that are measured together
GRID = 12  # cells a side of an appearance
AROUND = 5  # pixels a side over which motion is averaged
SMALL = 1e-12
USUAL = 0.95  # percentile inside chunks that a seam's largest values are compared with, least ones with 1 - USUAL
FLOOR = 1e-3  # of the deviation of all values: changes below it are nobody's fault
LEAST = 5  # pictures inside chunks
LEVELS = 255  # colours are told in levels
JUMP, JERK, GHOST, DOUBLE, STEP = "jump", "jerk", "ghost", "double edge", "colour step"
HIGHEST = {"velocity": 1.5, "acceleration": 1.5, "interpolation": 1.5}  # ratios beyond which a seam is at fault
NAMES = {"velocity": JUMP, "acceleration": JERK, "interpolation": DOUBLE}
LEAST_DETAIL = 0.9
LEAST_STEP, HIGHEST_STEP = 1.5, 1.5  # levels, and over the usual change of colour inside chunks


@dataclass(frozen=True)
class Seam:
    """One join. Ratios to the interior of the same video."""

    at: int  # first picture of the later chunk
    velocity: float
    acceleration: float
    ghosting: float
    interpolation: float
    direction: float  # mean cosine, not a ratio
    colour: float  # change of the mean colour from before to after, the channel that changes most
    faults: tuple[str, ...]
    excess: float  # the worst of all this over what is still in order: above 1 there is a fault


@dataclass(frozen=True)
class Curves:
    """What was measured, picture by picture. [T] each, nan where there is no neighbour."""

    velocity: Tensor
    acceleration: Tensor
    detail: Tensor
    interpolation: Tensor
    direction: Tensor
    colour: Tensor  # [T, 2 C] mean and deviation of each channel
    identity: Tensor  # [N] cosine of each chunk to the reference


@dataclass(frozen=True)
class Usual:
    """What pictures are like where no chunks meet: percentiles, means of interpolation and direction."""

    velocity: float
    acceleration: float
    detail: float
    interpolation: float
    direction: float
    colour: float  # step of the mean colour
    floor: float  # changes below it are nobody's fault


@dataclass(frozen=True)
class SeamReport:
    """Seams against the interior of one video, or against another one without seams."""

    seams: tuple[Seam, ...]
    inside: Usual  # the chunks of this video
    identity_slope: float  # cosine per chunk
    colour_drift: float  # per chunk, of the channel that drifts most: levels of 255
    curves: Curves = field(repr=False)
    rate: float  # pictures per second
    reach: int = REACH
    elsewhere: tuple[Seam, ...] = ()  # places inside chunks, side by side, measured as if chunks met there

    @property
    def velocity(self) -> float:
        return median(seam.velocity for seam in self.seams)

    @property
    def acceleration(self) -> float:
        return median(seam.acceleration for seam in self.seams)

    @property
    def ghosting(self) -> float:
        return median(seam.ghosting for seam in self.seams)

    @property
    def interpolation(self) -> float:
        return median(seam.interpolation for seam in self.seams)

    @property
    def direction(self) -> float:
        return median(seam.direction for seam in self.seams)

    @property
    def joins(self) -> tuple[int, ...]:
        return tuple(seam.at for seam in self.seams)

    def against(self, usual: Usual) -> "SeamReport":
        """The same seams, compared with what another video is like that has none."""
        steps = LEVELS * _colour_steps(self.curves.colour, self.reach)
        places = [place.at for place in self.elsewhere]
        seams, elsewhere = (_seams(self.curves, at, steps, self.reach, usual) for at in (self.joins, places))
        return replace(self, seams=seams, elsewhere=elsewhere)

    @property
    def worst(self) -> Seam | None:
        """The join that stands out in most respects, and of those the one that does most; None if none does."""
        standing_out = (seam for seam in self.seams if seam.faults)
        return max(standing_out, key=lambda seam: (len(seam.faults), seam.excess), default=None)

    def verdict(self) -> str:
        """In a sentence: how many joins stand out, the worst of them, and how many places do where nothing meets."""
        number, of = _standing_out(self.seams), len(self.seams)
        told = f"{number or 'none'} of {of} join{'s' * (of != 1)} stand{'s' * (number < 2)} out"
        if self.worst is not None:
            where = f"{self.worst.at / self.rate:.2f} s ({', '.join(self.worst.faults)})"
            told += f", {'the worst ' * (number > 1)}at {where}"
        if self.elsewhere:
            number = _standing_out(self.elsewhere)
            told += f"; {number or 'none'} of {len(self.elsewhere)} places where nothing meets do{'es' * (number < 2)}"
        return told

    def table(self) -> str:
        """The report as text: a line per seam, medians, what changes from chunk to chunk, and the verdict."""
        names = f"{'velocity':>9} {'accel.':>7} {'ghosting':>9} {'interp.':>8} {'direction':>10} {'colour':>7}"
        lines = [f"{'second':>8} {names}  looks like"]
        for seam in self.seams:
            like = ", ".join(seam.faults) or "the interior"
            lines.append(f"{seam.at / self.rate:8.2f} {_numbers(seam)} {seam.colour:7.2f}  {like}")
        lines.append(f"{'median':>8} {_numbers(self)}")
        ones = f"{'1.00':>9} {'1.00':>7} {'1.00':>9} {'1.00':>8}"
        lines.append(f"  inside {ones} {self.inside.direction:10.2f} {self.inside.colour:7.2f}")
        lines.append(f"identity {self.identity_slope:+.4f} cosine per chunk")
        lines.append(f"colour   {self.colour_drift:+.4f} levels of 255 per chunk")
        lines.append(f"verdict  {self.verdict()}")
        return "\n".join(lines)


def _standing_out(places: Sequence[Seam]) -> int:
    return sum(bool(place.faults) for place in places)


def _numbers(of: Seam | SeamReport) -> str:
    return f"{of.velocity:9.2f} {of.acceleration:7.2f} {of.ghosting:9.2f} {of.interpolation:8.2f} {of.direction:10.2f}"


def video_report(
    path: str | Path,
    joins: Sequence[float] = (),
    every: float | None = None,
    reach: int = REACH,
    face: Sequence[float] | None = None,
    reference: Tensor | None = None,
    progress: Progress = silent,
) -> SeamReport:
    """The seams of a video file. `joins`: seconds at which chunks meet; or they meet `every` so many seconds; or where
    the file itself says, if neither is given.

    `face` (left, top, right, bottom, as shares of the picture) is where identity is looked for, otherwise everywhere;
    `reference` u8 [H, W, 3] is the picture whose identity it should be, otherwise that of the first chunk.
    `progress` counts pictures, of a number that is not known before (0), and may raise to cancel. Memory does not grow
    with the length. Raises InputError for a video that cannot be read and for joins that do not
    lie in it, rising, with something between them.
    """
    if joins and every is not None:
        raise InputError("joins were given as seconds and as the seconds between them; expected one of the two")
    if every is not None and not (math.isfinite(every) and every > 0):
        raise InputError(f"a join every {every:g} seconds; expected more than 0")
    joins = joins if joins or every else _told(path)
    _check_rising(joins, "second")
    _check_inside(path, joins[-1] if joins else every)
    wanted: Iterator[float] = (every * number for number in count(1)) if every else iter(joins)
    meter, clock = _Meter(face, reference), _Clock(wanted)
    for pictures in _pictures(path, clock):
        progress(clock.number, 0, None)
        meter.push(*pictures)
    if clock.left_over(joins):
        raise InputError(f"a join at {clock.next:g} s; the video ends at {clock.seconds:.2f} s, expected joins before")
    if not clock.joins:
        raise InputError(f"no join within the {clock.seconds:.2f} s of the video; expected at least one")
    return meter.report(clock.joins, reach, clock.rate)


def picture_report(
    video: Tensor,
    joins: Sequence[int],
    rate: float,
    reach: int = REACH,
    face: Sequence[float] | None = None,
    reference: Tensor | None = None,
) -> SeamReport:
    """The seams of frames u8 [T, H, W, 3]; joins are the first frames of later chunks."""
    _check_rising(joins, "picture")
    if not joins or joins[-1] >= len(video):
        raise InputError(f"joins at {list(joins)} of {len(video)} pictures; expected at least one, each before the end")
    meter, start = _Meter(face, reference), 0
    for block in video.split(AT_ONCE):
        pictures = _seen(block.permute(0, 3, 1, 2))
        meter.push(pictures, [bisect_right(joins, start + k) for k in range(len(block))])
        start += len(block)
    return meter.report(list(joins), reach, rate)


def _told(path: str | Path) -> tuple[float, ...]:
    """The joins that a file knows of."""
    joins = read_joins(path)
    if not joins:
        raise InputError(
            "the video does not say where its chunks meet (one of a single chunk has no seam); expected joins, their "
            "seconds, or every so many seconds"
        )
    return joins


def _check_inside(path: str | Path, last: float) -> None:
    """Raise InputError for joins beyond the end that a file states: frames would be looked at for nothing."""
    seconds = stated_seconds(path)
    if seconds is not None and last >= seconds:
        raise InputError(f"a join at {last:g} s; the video ends at {seconds:.2f} s, expected joins before")


def _check_rising(joins: Sequence[float], unit: str) -> None:
    if any(not math.isfinite(join) or join <= 0 for join in joins):
        raise InputError(f"joins at {', '.join(f'{j:g}' for j in joins)}; expected each after {unit} 0")
    if any(after <= before for before, after in pairwise(joins)):
        raise InputError(f"joins at {', '.join(f'{j:g}' for j in joins)}; expected rising {unit}s")


class _Clock:
    """Seconds of pictures -> the number of the chunk that each belongs to."""

    def __init__(self, wanted: Iterator[float]) -> None:
        self.wanted = wanted
        self.next = next(wanted, math.inf)
        self.joins: list[int] = []
        self.number, self.seconds = 0, 0.0

    def chunk(self, seconds: float) -> int:
        """Of the next picture. A join is the picture nearest to its second."""
        if self.number and seconds + (seconds - self.seconds) / 2 > self.next:
            self.joins.append(self.number)
            self.next = next(self.wanted, math.inf)
        self.number, self.seconds = self.number + 1, seconds
        return len(self.joins)

    def left_over(self, joins: Sequence[float]) -> bool:
        return len(self.joins) < len(joins)

    @property
    def rate(self) -> float:
        """Pictures per second, the mean."""
        return (self.number - 1) / self.seconds if self.seconds else 1.0


def _pictures(path: str | Path, clock: _Clock) -> Iterator[tuple[Tensor, list[int]]]:
    """Blocks of pictures [n, 3, H, W] in 0..1 and the chunk of each."""
    block: list[Tensor] = []
    chunks: list[int] = []
    for seconds, frame in read_frames(path):
        block.append(_seen(frame.permute(2, 0, 1)[None]))
        chunks.append(clock.chunk(float(seconds)))
        if len(block) == AT_ONCE:
            yield torch.cat(block), chunks
            block, chunks = [], []
    if block:
        yield torch.cat(block), chunks


def _seen(frames: Tensor) -> Tensor:
    """u8 [n, 3, H, W] -> 0..1, no larger than it has to be to see seams."""
    shorter = min(frames.shape[-2:])
    pictures = frames.float() / LEVELS
    if shorter <= SIDE:
        return pictures
    size = [max(1, round(side * SIDE / shorter)) for side in frames.shape[-2:]]
    return F.interpolate(pictures, size, mode="area")


class _Meter:
    """Measures pictures as they come, two of them kept from block to block."""

    def __init__(self, face: Sequence[float] | None, reference: Tensor | None) -> None:
        self.face = face
        self.reference = None if reference is None else appearance(_seen(reference.permute(2, 0, 1)[None]), face)[0]
        self.before: Tensor | None = None  # [2, C, H, W] the last two pictures
        self.rows: dict[str, list[Tensor]] = {name: [] for name in _THREE}
        self.velocity: list[Tensor] = []
        self.detail: list[Tensor] = []
        self.colour: list[Tensor] = []
        self.looks: list[Tensor] = []  # [D] sums over the pictures of a chunk
        self.deviation = 0.0

    @torch.no_grad()
    def push(self, block: Tensor, chunks: list[int]) -> None:
        """The next pictures [n, C, H, W] and the number of each one's chunk."""
        self.detail.append(detail_energy(block))
        self.colour.append(torch.cat([block.mean((2, 3)), block.std((2, 3))], 1))
        self.deviation = max(self.deviation, float(block.std()))
        for look, chunk in zip(appearance(block, self.face), chunks, strict=True):
            if chunk == len(self.looks):
                self.looks.append(torch.zeros_like(look))
            self.looks[chunk] += look
        joined = block if self.before is None else torch.cat([self.before, block])
        fresh = len(joined) - len(block)
        changes = joined.diff(dim=0)
        self.velocity.append(_size(changes[max(0, fresh - 1) :]))
        if len(joined) >= 3:
            for name, measure in _THREE.items():
                self.rows[name].append(measure(joined[:-2], joined[1:-1], joined[2:]))
        self.before = joined[-2:]

    def report(self, joins: list[int], reach: int, rate: float) -> SeamReport:
        """Joins: first pictures of later chunks."""
        gap = torch.full((1,), math.nan)
        three = {name: torch.cat([gap, *rows, gap]) if rows else gap for name, rows in self.rows.items()}
        curves = Curves(
            velocity=torch.cat([gap, *self.velocity]),
            detail=torch.cat(self.detail),
            colour=torch.cat(self.colour),
            identity=self._likeness(),
            **three,
        )
        if reach < 1:
            raise InputError(f"a seam of {reach} pictures to either side of a join; expected at least 1")
        inside = _inside(len(curves.detail), joins, reach)
        if sum(inside[1:-1]) < LEAST:
            raise InputError(
                f"seams of {reach} pictures to either side of {len(joins)} joins leave {sum(inside)} of {len(inside)} "
                f"pictures inside chunks; expected at least {LEAST}: fewer joins, or a smaller reach"
            )
        steps = LEVELS * _colour_steps(curves.colour, reach)
        interior = _usual_of(curves, steps, torch.tensor(inside), FLOOR * self.deviation)
        seams = _seams(curves, joins, steps, reach, interior)
        drift = LEVELS * float(_drift(curves.colour, joins))
        counted = curves.identity[1:] if self.reference is None else curves.identity
        elsewhere = _seams(curves, _between(inside, reach), steps, reach, interior)
        return SeamReport(seams, interior, _slope(counted), drift, curves, rate, reach, elsewhere)

    def _likeness(self) -> Tensor:
        """Cosine of each chunk's mean appearance to the reference, or to the first one's. [N]"""
        reference = self.looks[0] if self.reference is None else self.reference
        return F.cosine_similarity(torch.stack(self.looks), reference[None], dim=1)


def appearance(pictures: Tensor, face: Sequence[float] | None = None) -> Tensor:
    """What pictures [n, C, H, W] look like, unit length: colours and detail of the cells of a grid, less their mean.

    `face` (left, top, right, bottom, shares of the picture) is the part that is looked at. [n, D]
    """
    if face is not None:
        height, width = pictures.shape[-2:]
        left, right = (round(min(max(share, 0.0), 1.0) * width) for share in (face[0], face[2]))
        top, bottom = (round(min(max(share, 0.0), 1.0) * height) for share in (face[1], face[3]))
        if right <= left or bottom <= top:
            found = ", ".join(f"{share:g}" for share in face)
            raise InputError(f"the face lies at {found}; expected left, top, right, bottom as shares of the picture")
        pictures = pictures[..., top:bottom, left:right]
    smooth = F.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    parts = (pictures, (pictures - smooth).square())
    cells = [F.adaptive_avg_pool2d(part, GRID).flatten(1) for part in parts]
    cells[1] = cells[1].sqrt()
    return torch.cat([F.normalize(cell - cell.mean(1, keepdim=True), dim=1) for cell in cells], 1) / math.sqrt(2)


def _size(difference: Tensor) -> Tensor:
    """Root mean square of each. [n, ...] -> [n]"""
    return difference.flatten(1).square().mean(1).sqrt()


def _bend(before: Tensor, now: Tensor, after: Tensor) -> Tensor:
    return _size(after - 2 * now + before)


def _surprise(before: Tensor, now: Tensor, after: Tensor) -> Tensor:
    """Distance to the neighbours, moved half way along their mutual flow, where things move. Flow of half-size
    pictures: a quarter of the time, and edges are looked at in full."""
    between = blend(before, after, torch.full((len(now),), 0.5), coarse=min(now.shape[-2:]) > 64, restore=False)
    changes = ((now - before).square() + (after - now).square()).mean(1, keepdim=True)
    moves = F.avg_pool2d(changes, AROUND, 1, AROUND // 2)  # [n, 1, H, W]
    error = (now - between).square().mean(1, keepdim=True)
    return ((moves * error).sum((1, 2, 3)) / moves.sum((1, 2, 3)).clamp(min=SMALL)).sqrt()


def _straight(before: Tensor, now: Tensor, after: Tensor) -> Tensor:
    return F.cosine_similarity((now - before).flatten(1), (after - now).flatten(1), dim=1)


_THREE = {"acceleration": _bend, "interpolation": _surprise, "direction": _straight}  # of three pictures


def _inside(length: int, joins: Sequence[int], reach: int) -> list[bool]:
    """Which pictures lie inside chunks, in no seam."""
    inside = [True] * length
    for join in joins:
        first, last = max(0, join - reach), min(length, join + reach)
        inside[first:last] = [False] * (last - first)
    return inside


def _between(inside: Sequence[bool], reach: int) -> list[int]:
    """Places inside chunks as far from each other as from any join: none of them shares pictures with another."""
    places, free = [], 1
    for first in range(1, len(inside) - 2 * reach):
        if first >= free and all(inside[first : first + 2 * reach]):
            places.append(first + reach)
            free = first + 2 * reach
    return places


def _usual_of(curves: Curves, steps: Tensor, inside: Tensor, floor: float) -> Usual:
    """Inside the chunks of a video. `steps`: of the mean colour at every picture [T], in the units of the report."""
    return Usual(
        velocity=_usual(curves.velocity[inside]),
        acceleration=_usual(curves.acceleration[inside]),
        detail=_usual(curves.detail[inside], 1 - USUAL),
        interpolation=_mean(curves.interpolation[inside]),
        direction=_mean(curves.direction[inside]),
        colour=_usual(steps[inside]),
        floor=floor,
    )


def _seams(curves: Curves, joins: Sequence[int], steps: Tensor, reach: int, usual: Usual) -> tuple[Seam, ...]:
    floor, found = usual.floor, []
    for join in joins:
        span = slice(max(0, join - reach), join + reach)
        largest = {name: _most(getattr(curves, name)[span]) for name in ("velocity", "acceleration")}
        ratios = {name: (value + floor) / (getattr(usual, name) + floor) for name, value in largest.items()}
        ratios["interpolation"] = (_mean(curves.interpolation[span]) + floor) / (usual.interpolation + floor)
        ghosting = (float(curves.detail[span].min()) + floor**2) / (usual.detail + floor**2)
        faults = [NAMES[name] for name, highest in HIGHEST.items() if ratios[name] > highest]
        faults += [GHOST] if ghosting < LEAST_DETAIL else []
        colour = float(steps[join])
        step = colour / max(LEAST_STEP, HIGHEST_STEP * usual.colour)
        faults += [STEP] if step > 1 else []
        excess = max(step, LEAST_DETAIL / max(ghosting, SMALL), *(ratios[name] / HIGHEST[name] for name in HIGHEST))
        direction = _mean(curves.direction[span])
        found.append(
            Seam(
                join,
                **ratios,
                ghosting=ghosting,
                direction=direction,
                colour=colour,
                faults=tuple(faults),
                excess=excess,
            )
        )
    return tuple(found)


def _colour_steps(colour: Tensor, reach: int) -> Tensor:
    """Change of the mean colour from the `reach` pictures before to those from t on, the largest channel. [T]"""
    means = colour[:, : colour.shape[1] // 2]
    sums = F.pad(means.double().cumsum(0), (0, 0, 1, 0))
    places = torch.arange(len(means))
    first, last = (places - reach).clamp(min=0), (places + reach).clamp(max=len(means))
    before = (sums[places] - sums[first]) / (places - first).clamp(min=1)[:, None]
    after = (sums[last] - sums[places]) / (last - places)[:, None]
    return torch.where(places[:, None] > 0, after - before, 0).abs().amax(1)


def _drift(colour: Tensor, joins: Sequence[int]) -> Tensor:
    """Slope per chunk of the channel whose mean or deviation drifts most."""
    chunks = torch.stack([part.mean(0) for part in torch.tensor_split(colour, list(joins))])  # [N, 2 C]
    return torch.tensor([abs(_slope(values)) for values in chunks.T]).max()


def _slope(values: Tensor) -> float:
    """By least squares, per chunk; 0 for fewer than two. [N]"""
    if len(values) < 2:
        return 0.0
    places = torch.arange(len(values), dtype=torch.float64)
    places -= places.mean()
    return float((places * values.double()).sum() / places.square().sum())


def _usual(values: Tensor, share: float = USUAL) -> float:
    """A percentile of what is there."""
    return float(values[~values.isnan()].quantile(share))


def _most(values: Tensor) -> float:
    there = values[~values.isnan()]
    return float(there.max()) if len(there) else 0.0


def _mean(values: Tensor) -> float:
    return float(values.nanmean())
