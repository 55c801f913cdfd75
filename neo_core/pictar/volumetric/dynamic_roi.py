"""Dynamic regions of interest: compute where eyes and mouth move, not where nothing does.

*Keyframes* are drawn as a whole, exactly as without any of this. Of the frames between two of them only windows around
eyes and mouth are decoded (`window_decoder`), with the norms' statistics and the surroundings between those of the two,
and laid over both keyframes' pictures, each moved to where the frame's own deformation has it: as far as moving the
first keyframe explains the second one better than leaving it as it is. Everything blends from one keyframe to the next
as the head goes from one to the other, so nothing jumps when the next one comes. That it must be known first is why
frames come out up to `interval` late.

What is decoded follows the keypoints: lips or eyes that are still get no window, and when something else has moved by
`drift` a keyframe is due. Where it jumps by as much at once (a cut, a jerk of the head), the frame before is a keyframe
too: nothing of what comes after shows in what was before. Windows come in few sizes, so that they stay a few CUDA
graphs. The deformation of every frame is computed as a whole: everything feeds it. Which keypoint a place goes with is
nearly all the work of that and changes slowly, so it is asked of every second frame; those between blend what is said
beside them, and are carried by keypoints of their own.

Letters: T frames, K keypoints, g cells of the features, S pixels of a picture, D depth of the volume.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data_types import InputError
from ...runtime.cuda_graph import Recorded, recorded
from ...runtime.grid_sampling import sample_continued
from .deform import carry, deform, weigh
from .driving import BROWS, EYES, LIPS
from .lift import Volume
from .sampling import axis
from .warping_module import WarpingModule, WarpSource, Weighing
from .window_decoder import Size, Surroundings, cut, decode_whole, decode_window, least_halo, places

PARTS = {  # pieces of the 68 landmarks that a window is around, and how much wider it is on every side, in their width
    "lips": ((slice(48, 68),), 0.3),
    "eyes": ((slice(17, 27), slice(36, 48)), 0.1),  # with the brows
}
STEPS = 3  # towards the place of a keyframe that shows what a frame shows somewhere
AROUND = 5  # cells across, over which two explanations of a picture are compared
FORGET = 0.8  # of what earlier intervals said of them, at every keyframe
SHARPEST = 2.0  # times that fine detail is made stronger, at most
FAINT = 1e-4  # mean of detail, of pictures in 0..1, below which there is none


@dataclass(frozen=True)
class Focus:
    """How frames between keyframes are drawn."""

    interval: int = 8  # frames from one keyframe to the next, at most
    drift: float = 0.03  # how far, in half frames, any keypoint of no window may be from where the keyframe has it
    idle: float = 0.002  # lips or eyes whose keypoints move less than that against the head get no window
    halo: int = 4  # cells around a window that the middle blocks compute
    sides: tuple[Size, ...] = ((8, 16), (16, 24), (20, 36), (24, 48))  # cells: heights and widths that windows have
    keypoints: tuple[tuple[str, tuple[tuple[int, ...], ...]], ...] = (("lips", (LIPS,)), ("eyes", (BROWS, EYES)))
    # ... of every part in `PARTS`: those that its pieces move with

    def __post_init__(self) -> None:
        least = min((cells for size in self.sides for cells in size), default=0)
        if self.interval < 1 or least < 1 or min(self.drift, self.idle) < 0:
            raise InputError(
                f"keyframes every {self.interval} frames, windows from {least} cells on, drift {self.drift}, idle "
                f"{self.idle}; expected whole numbers from 1 on, and none below 0"
            )


@dataclass(frozen=True)
class Window:
    corner: tuple[int, int]  # cells down and across
    size: Size


@dataclass(frozen=True)
class Interval:
    """Frames between two keyframes, and the second one. The first frame of all has nothing before it."""

    between: tuple[Tensor, ...]  # [K, 3] each
    end: Tensor  # [K, 3]
    windows: tuple[Window, ...]  # of all frames in between
    shares: tuple[float, ...] = ()  # how far each of them is on its way to the second one, 0..1
    whole: bool = False  # windows would be as much work as the picture: draw all of it


@dataclass(frozen=True)
class Keyframe:
    picture: Tensor  # [1, 3, S, S] in 0..1
    kept: Surroundings
    flat: Tensor  # [1, 2, g, g] where in the source each place comes from, as seen from the front
    weighing: Weighing
    detail: Tensor  # [1, 1, g, g] how fine the picture is in each cell


def draw(
    volume: Volume, keypoints: Iterable[Tensor], focus: Focus, finish: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    """What `finish` makes of each picture [3, S, S], one per set of keypoints [K, 3], where the renderer is."""
    brush = Brush(volume, focus)
    before: Keyframe | None = None
    for interval in plan(volume, keypoints, focus):
        after = brush.keyframe(interval.end)
        if interval.between:
            for picture in brush.between(interval, (before, after), brush.trust(before, after)):
                yield finish(picture[0])
        yield finish(after.picture[0])
        before = after


# --- which frames are keyframes, and what is decoded of the others ----------------------------------------------------


def plan(volume: Volume, keypoints: Iterable[Tensor], focus: Focus) -> Iterator[Interval]:
    """Intervals as their ends become known. Raises InputError where keypoints of the focus are not the renderer's."""
    source = volume.keypoints.cpu()
    moving = {k for _, groups in focus.keypoints for group in groups for k in group}
    if max(moving, default=0) >= len(source):
        raise InputError(f"keypoint {max(moving)} of the focus is not there; the renderer has {len(source)}")
    others = [k for k in range(len(source)) if k not in moving]
    begin: Tensor | None = None
    between: list[Tensor] = []

    def interval(end: Tensor) -> Interval:
        if not between:
            return Interval((), end, ())
        frames = torch.stack([begin, *between, end])
        windows, shares = _windows(volume, frames, others, focus), _shares(frames[:, others], focus.idle)
        return Interval(tuple(between), end, windows, shares, _too_large(volume, windows, focus))

    for moved in (x.cpu() for x in keypoints):
        if between and _drift(between[-1], moved, others) > focus.drift:  # a jump: end before it
            end = between.pop()
            yield interval(end)
            begin, between = end, []
        if begin is None or len(between) + 1 >= focus.interval or _drift(begin, moved, others) > focus.drift:
            yield interval(moved)
            begin, between = moved, []
        else:
            between.append(moved)
    if between:
        end = between.pop()
        yield interval(end)


def _drift(begin: Tensor, moved: Tensor, others: list[int]) -> float:
    return float((moved - begin)[others, :2].norm(dim=1).max())


def _shares(frames: Tensor, idle: float) -> tuple[float, ...]:
    """How far keypoints [T, k, 3] are on their way from the first frame to the last, for frames in between. Where they
    go nowhere, time tells."""
    way = (frames[-1] - frames[0]).flatten()
    gone = (frames[1:-1] - frames[0]).flatten(1) @ way
    time, rest = torch.arange(1, len(frames) - 1) / (len(frames) - 1), len(frames[0]) * idle**2
    return tuple(((gone + rest * time) / (way @ way + rest)).clamp(0, 1).tolist())


def _windows(volume: Volume, frames: Tensor, others: list[int], focus: Focus) -> tuple[Window, ...]:
    """Frames [T, K, 3], a keyframe at both ends."""
    grid = volume.source.volume.shape[-1]
    found = []
    for name, groups in focus.keypoints:
        own = frames[:, sum(groups, ())] - frames[:, others].mean(1, keepdim=True)  # [T, k, 3] against the head
        apart = (own[1:-1, None] - own[[0, -1]]).norm(dim=-1)
        if apart.max() > focus.idle:
            shifts = [(frames[1:-1, group, :2] - volume.keypoints[list(group), :2].to(frames)) for group in groups]
            found.append(_window(part_box(volume.landmarks68, name, shifts), grid, focus.sides))
    return tuple(found)


def part_box(landmarks68: Tensor, name: str, shifts: Sequence[Tensor]) -> Tensor:
    """Low and high corner (x, y) of a part of the face, wherever its pieces are shifted to [T, k, 2] each, in half
    frames. [2, 2]"""
    slices, margin = PARTS[name]
    points = torch.cat([landmarks68[piece] for piece in slices])
    more = margin * (points[:, 0].amax() - points[:, 0].amin())
    lows = [landmarks68[piece].amin(0) + shift.amin((0, 1)) for piece, shift in zip(slices, shifts, strict=True)]
    highs = [landmarks68[piece].amax(0) + shift.amax((0, 1)) for piece, shift in zip(slices, shifts, strict=True)]
    return torch.stack([torch.stack(lows).amin(0) - more, torch.stack(highs).amax(0) + more])


def _window(box: Tensor, grid: int, sides: tuple[Size, ...]) -> Window:
    """The cells of a box [2, 2] in half frames, or more: as high and as wide as the least of `sides` that are enough,
    or as the picture."""
    low, high = box.tolist()
    corner, size = [], []
    for k in (1, 0):  # down, across
        first, last = (min(max((edge + 1) / 2 * grid, 0), grid) for edge in (low[k], high[k]))
        cells = int(-(-last // 1)) - int(first)
        side = min(grid, min((size[1 - k] for size in sides if size[1 - k] >= cells), default=grid))
        size.append(side)
        corner.append(min(max(round((first + last - side) / 2), 0), grid - side))
    return Window((corner[0], corner[1]), (size[0], size[1]))


def _too_large(volume: Volume, windows: tuple[Window, ...], focus: Focus) -> bool:
    grid = volume.source.volume.shape[-1]
    cells = sum(min(h + 2 * focus.halo, grid) * min(w + 2 * focus.halo, grid) for h, w in (x.size for x in windows))
    return cells >= grid**2


# --- drawing ----------------------------------------------------------------------------------------------------------


class Brush:
    """Draws the frames of one volume."""

    def __init__(self, volume: Volume, focus: Focus) -> None:
        self._volume, self._focus = volume, focus
        self._generator, device = volume.renderer.generator, volume.source.volume.device
        if focus.halo < (least := least_halo(self._generator)):
            raise InputError(
                f"a halo of {focus.halo} cells; expected {least} or more, as the renderer's last blocks need"
            )
        self._device, self._depths = device, depth_shares(volume.renderer.warping, volume.source)
        self._draw, self._key = recorded(self._drawn, device), recorded(self._decode_whole, device)
        self._weigh, self._carry = recorded(self._weighed, device), recorded(self._carried, device)
        self._errors: Tensor | None = None  # [1, 2, S, S] of pictures that were moved, and left
        self._window: dict[Size, Callable[..., Tensor]] = {}  # a graph for every size

    @torch.no_grad()
    def whole(self, keypoints: Tensor) -> Tensor:
        """The picture of a frame from which nothing is kept. [1, 3, S, S], which the next call may fill anew"""
        return self._draw(keypoints)

    @torch.no_grad()
    def keyframe(self, keypoints: Tensor) -> Keyframe:
        picture, flat, proposals, occlusion, *kept = self._lasting(self._key, keypoints)
        detail = strength(fine(picture[None]), flat.shape[-1])
        return Keyframe(picture[None], Surroundings.of(*kept), flat, Weighing(proposals, occlusion), detail)

    @torch.no_grad()
    def weighed(self, between: Sequence[Tensor], keys: tuple[Keyframe, Keyframe]) -> Iterator[Weighing]:
        """Of frames between two keyframes: every second one is asked, the others lie between those beside them."""
        before, after = keys[0].weighing, keys[1].weighing
        for number in range(len(between)):
            if number % 2:
                before = after
                yield after
            else:
                following = between[number + 1 : number + 2]
                after = Weighing(*self._lasting(self._weigh, *following)) if following else keys[1].weighing
                yield before.towards(after, 0.5)

    @staticmethod
    def _lasting(function: Callable[..., tuple[Tensor, ...]], keypoints: Tensor) -> tuple[Tensor, ...]:
        """What a function answers, in memory that its next answer does not fill."""
        parts = function(keypoints)
        return tuple(x.clone() for x in parts) if isinstance(function, Recorded) else parts

    @torch.no_grad()
    def trust(self, before: Keyframe, after: Keyframe) -> Tensor:
        """How far to believe that a keyframe's picture moves as the deformation says, by all intervals so far: in some
        the head comes back to where it was, which tells nothing. [1, 1, S, S] in 0..1"""
        shifted = moved(before.picture, displacement(after.flat, before.flat))
        found = errors((shifted, before.picture), after.picture, AROUND * shifted.shape[-1] // after.flat.shape[-1])
        self._errors = found if self._errors is None else FORGET * self._errors + found
        squares = self._errors.square() + 1e-20  # nothing is better where nothing is wrong
        return squares[:, 1:] / squares.sum(1, keepdim=True)

    def between(self, interval: Interval, keys: tuple[Keyframe, Keyframe], trust: Tensor) -> Iterator[Tensor]:
        """The pictures of the frames between two keyframes. [1, 3, S, S] each, which the next one may fill anew"""
        if interval.whole:
            yield from map(self.whole, interval.between)
            return
        weighed = self.weighed(interval.between, keys)
        for keypoints, share, weighing in zip(interval.between, interval.shares, weighed, strict=True):
            yield self._blended(keypoints, weighing, keys, trust, share, interval.windows)

    @torch.no_grad()
    def _blended(
        self,
        keypoints: Tensor,
        weighing: Weighing,
        keys: tuple[Keyframe, Keyframe],
        trust: Tensor,
        share: float,
        windows: tuple[Window, ...],
    ) -> Tensor:
        """The picture of a frame between two keyframes; share: 0 at the first, 1 at the second. [1, 3, S, S]"""
        features, flat = self._carry(keypoints, weighing.proposals, weighing.occlusion)
        pictures = [torch.lerp(key.picture, moved(key.picture, displacement(flat, key.flat)), trust) for key in keys]
        picture = sharpened(torch.lerp(*pictures, share), torch.lerp(keys[0].detail, keys[1].detail, share))
        for window in windows:
            corner = torch.tensor(window.corner, device=self._device)
            around = [key.kept.around(corner, window.size, self._focus.halo) for key in keys]
            given = around[0].towards(around[1], torch.tensor(share, device=self._device))
            part = self._decoder(window.size)(features, corner, *given.tensors)
            lay_over(picture, part, corner, window.size)
        return picture

    def _drawn(self, keypoints: Tensor) -> Tensor:
        return self._generator(deform(self._volume, keypoints).features)

    def _decode_whole(self, keypoints: Tensor) -> tuple[Tensor, ...]:
        weighing = weigh(self._volume, keypoints)
        warp = carry(self._volume, keypoints, weighing)
        picture, kept = decode_whole(self._generator, warp.features)
        flat = from_the_front(warp.grid, self._depths)
        return picture, flat, weighing.proposals, weighing.occlusion, *kept.tensors

    def _weighed(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        weighing = weigh(self._volume, keypoints)
        return weighing.proposals, weighing.occlusion

    def _carried(self, keypoints: Tensor, *weighing: Tensor) -> tuple[Tensor, Tensor]:
        warp = carry(self._volume, keypoints, Weighing(*weighing))
        return warp.features, from_the_front(warp.grid, self._depths)

    def _decoder(self, size: Size) -> Callable[..., Tensor]:
        if size not in self._window:
            self._window[size] = recorded(partial(self._decode_window, size), self._device)
        return self._window[size]

    def _decode_window(self, size: Size, features: Tensor, corner: Tensor, *given: Tensor) -> Tensor:
        return decode_window(self._generator, features, Surroundings.of(*given), corner, size, self._focus.halo)


def lay_over(picture: Tensor, part: Tensor, corner: Tensor, size: Size) -> None:
    """Put a window [3, p h, p w] into a picture [1, 3, S, S], fading in over its outermost cells, where it does not
    touch the picture's edge."""
    pixels, side = part.shape[1] // size[0], picture.shape[-1]
    ramp = ((torch.arange(pixels, device=part.device) + 0.5) / pixels).to(part.dtype)
    fades = []
    for k in range(2):
        fade = torch.ones(part.shape[k + 1], dtype=part.dtype, device=part.device)
        fade[:pixels] = torch.where(corner[k] > 0, ramp, 1.0)
        last = torch.where((corner[k] + size[k]) * pixels < side, ramp.flip(0), 1.0)
        fade[-pixels:] = torch.minimum(fade[-pixels:], last)
        fades.append(fade)
    rows, columns = places(corner, size, pixels)
    under = cut(picture, corner, size, pixels)[0]
    picture[0, :, rows[:, None], columns] = torch.lerp(under, part, fades[0][:, None] * fades[1])


# --- where what a keyframe shows has gone -----------------------------------------------------------------------------


def depth_shares(warping: WarpingModule, source: WarpSource) -> Tensor:
    """How much each layer of the volume has to say in what is seen: what it holds times what the convolution behind it
    makes of that. [D], sums to 1"""
    volume = source.volume[0]
    held = volume.square().mean((2, 3))  # [C, D]
    used = warping.third.conv.weight.float().square().sum((0, 2, 3)).view_as(held)
    shares = (held * used).sum(0).sqrt()
    return shares / shares.sum()


def from_the_front(grid: Tensor, depths: Tensor) -> Tensor:
    """Where a deformation [1, D, g, g, 3] takes each place from, across and down, over all layers. [1, 2, g, g]"""
    return torch.einsum("bdyxc,d->bcyx", grid[..., :2], depths)


def displacement(flat: Tensor, key: Tensor) -> Tensor:
    """From a place of a frame to the place of a keyframe that shows the same of the source. [1, 2, g, g] each and back,
    in half frames

    flat(p) = key(p + d): what d still lacks is added to it, as deformations are near to shifts.
    """
    line = axis(flat.shape[-1], flat)
    y, x = torch.meshgrid(line, line, indexing="ij")
    start = torch.stack([x, y])[None]
    d = torch.zeros_like(flat)
    for _ in range(STEPS):
        at = (start + d).permute(0, 2, 3, 1)
        d = d + flat - sample_continued(key, at, align_corners=True)
    return d


def moved(picture: Tensor, d: Tensor) -> Tensor:
    """A picture [1, 3, S, S] sampled at places displaced by d [1, 2, g, g]."""
    side, cells = picture.shape[-1], d.shape[-1]
    d = F.interpolate(d * ((cells - 1) / cells), (side, side), mode="bilinear")  # its axes end at the middle of cells
    line = (torch.arange(side, dtype=d.dtype, device=d.device) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    at = (torch.stack([x, y])[None] + d).permute(0, 2, 3, 1)
    return sample_continued(picture, at, "bicubic").clamp(0, 1)


def fine(picture: Tensor) -> Tensor:
    """What of a picture [1, 3, S, S] its pixels have that those around them have not."""
    return picture - F.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)


def strength(detail: Tensor, cells: int) -> Tensor:
    """Of fine detail [1, 3, S, S] in each cell. [1, 1, g, g]"""
    return F.avg_pool2d(detail.abs().mean(1, keepdim=True), detail.shape[-1] // cells)


def sharpened(picture: Tensor, wanted: Tensor) -> Tensor:
    """A picture [1, 3, S, S] that was moved and blended, with the detail back that this took: as much as is wanted of
    each cell [1, 1, g, g]. Else it would be softer from one keyframe to the next, and pulse."""
    own = fine(picture)
    gain = (wanted / strength(own, wanted.shape[-1]).clamp(min=FAINT)).clamp(1, SHARPEST)
    gain = F.interpolate(gain, picture.shape[-2:], mode="bilinear", align_corners=False)
    return torch.addcmul(picture, own, gain - 1).clamp(0, 1)


def errors(pictures: tuple[Tensor, ...], truth: Tensor, reach: int) -> Tensor:
    """Mean squared errors of N pictures [1, 3, S, S] around every pixel, `reach` pixels across. [1, N, S, S]"""
    reach += 1 - reach % 2
    found = torch.cat([(x - truth).square().mean(1, keepdim=True) for x in pictures], 1)
    for sides in ((reach, 1), (1, reach)):
        found = F.avg_pool2d(found, sides, 1, tuple(n // 2 for n in sides), count_include_pad=False)
    return found
