"""Where an eye looks, by the picture itself: the iris is the dark disc between the lids.

Landmark networks tell the lids well and the iris badly: they put it near the middle, wherever it is. Here it is the
centre of darkness of the eye opening, looked for again and again in a window of the size of an iris (mean shift).
Only sideways: above and below, lids and lashes are as dark as it is.

Letters: n pixels of a crop's side.
"""

import torch
from torch import Tensor

from .analysis import as_picture
from .geometric.sampling import LUMA
from .squares import EYES, Squares, crop_grid, cut, frame_face, to_crop

SIZE = 48  # pixels of a crop of one eye
MARGIN = 1.25  # side of it over the width of the eye
IRIS = 0.24  # radius of an iris over the width of an eye: half of 11.7 mm over 24 mm, on whom it is round
LEAST_OPEN = 0.13  # height over width of the opening below which nothing is read
WHITE, BLACK = 0.1, 0.9  # shares of the opening by which white and iris are told: darker than their middle is iris
TURNS = 8
ALIKE = 0.24  # widths of the eye by which both may differ before neither is believed


@torch.no_grad()
def iris_shift(picture: Tensor, landmarks68: Tensor) -> Tensor | None:
    """How far both irises lie from the middle between the corners of their eyes, along the line of the corners, over
    the width of the eye. picture [3, H, W] in 0..1, landmarks [68, 2] pixels -> [2], right eye first; None where they
    cannot be told."""
    tilt = frame_face(landmarks68[None]).tilt
    shifts = [_shift(picture, landmarks68[eye], tilt) for eye in EYES]
    if None in shifts or abs(shifts[0] - shifts[1]) > ALIKE:
        return None
    return torch.tensor(shifts)


def _shift(picture: Tensor, eye: Tensor, tilt: Tensor) -> float | None:
    corners = eye[[0, 3]]
    width = float((corners[1] - corners[0]).norm())
    square = Squares(corners.mean(0)[None], torch.tensor([MARGIN * width]), tilt)
    rim = to_crop(square, eye[None])[0] * MARGIN / 2  # [6, 2] widths of the eye, from the middle of the corners
    if float(rim[[4, 5], 1].mean() - rim[[1, 2], 1].mean()) < LEAST_OPEN or MARGIN * width < 8:
        return None
    dark = 1 - (LUMA.view(3, 1, 1) * cut(picture, square, SIZE)[0]).sum(0).flatten()  # [n * n]
    at = crop_grid(SIZE)[0] * MARGIN / 2
    open_ = _inside(at, rim)
    if int(open_.sum()) < 20:
        return None
    middle = dark[open_].quantile(torch.tensor([WHITE, BLACK])).mean()
    weight = (dark - middle).clamp(min=0) * open_
    centre = (weight[:, None] * at).sum(0) / weight.sum().clamp(min=1e-6)
    for _ in range(TURNS):
        near = weight * torch.exp(-0.5 * ((at[:, 0] - centre[0]) / (0.6 * IRIS)).square())
        centre = (near[:, None] * at).sum(0) / near.sum().clamp(min=1e-6)
    return float(centre[0])


def _inside(at: Tensor, rim: Tensor) -> Tensor:
    """Which points [N, 2] lie within a convex outline [P, 2] given clockwise as displayed. bool [N]"""
    edge = rim.roll(-1, 0) - rim
    off = at[:, None] - rim
    return ((edge[:, 0] * off[..., 1] - edge[:, 1] * off[..., 0]) >= 0).all(1)


@torch.no_grad()
def seen_irises(image: Tensor, landmarks: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Landmarks [K, 2] whose last two, the irises (left eye first), lie where the picture u8 [H, W, 3] shows them,
    sideways, and how far that is; where it does not tell, as far as `before`, and as they are without that."""
    low, high = landmarks[36:48].amin(0), landmarks[36:48].amax(0)
    room = (high - low).amax() / 2
    left, top = (low - room).clamp(min=0).int().tolist()
    right, bottom = (high + room).int().tolist()
    around = image[top:bottom, left:right]
    shift = None
    if around.numel():
        shift = iris_shift(as_picture(around), landmarks[:68] - landmarks.new_tensor([left, top]))
    shift = before if shift is None else shift
    return (landmarks if shift is None else _with_irises(landmarks, shift)), shift


def _with_irises(landmarks: Tensor, shift: Tensor) -> Tensor:
    moved = landmarks.clone()
    for place, side, eye in ((-1, 0, EYES[0]), (-2, 1, EYES[1])):
        corners = landmarks[eye][[0, 3]]
        across = corners[1] - corners[0]
        along = across / across.norm()
        middle = corners.mean(0) + float(shift[side]) * across
        moved[place] = landmarks[place] + ((middle - landmarks[place]) @ along) * along
    return moved
