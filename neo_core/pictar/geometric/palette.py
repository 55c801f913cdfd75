"""What the paint in a mouth takes from its photo: the white of the eyes, the red of the lips, the material, the
sharpness.

Teeth brighter or sharper than anything else in a picture look pasted in; teeth of flesh and bone in a head of stone, or
of ink, too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.head_model import HeadModel, landmarks
from .bust import Deformation, mesh_normals
from .contact import points
from .follow import smoothstep
from .inside import FLESH
from .patch import Window, window_around
from .sampling import LUMA, blur, luma, pixel_centres, sample_linear

EYES = (36, 42)  # first of the six landmarks around each eye
EYE_CORE = 0.85  # of its opening, without the shadow of the lids
WHITE_SHARE = 0.12  # of an eye's pixels, the brightest, that are white
SHADED = (0.8, 1.0)  # teeth beside white: eyes lie in much deeper shade than they do, and never shine
CHEEK = 0.6  # of the way from the mouth up to the eyes, whose sockets are darker
FAIR = 1.25  # enamel beside skin in the same light, at least
STONE = (0.72, 0.9)  # least channel of lips beside their greatest: flesh, stone
REBLUR = 1.0  # pixels by which a picture is blurred to see how blurred it was
EDGES = 0.95  # quantile of gradients that are edges
USUAL_SHADE = (0.85, 1.12, 1.15)  # powers: light that has bounced between gums and cheeks turns red as it fades
SHADES = ((0.8, 1.0), (0.1, 0.3))  # quantiles of the skin's light that are lit and shaded
DIM = (0.2, 0.6)  # logarithm of one over the other that tells nothing, all, of how this picture shades
POWERS = (0.5, 1.5)  # least and greatest that are believed
DARKEST = 0.02  # of a channel: darker says nothing of hue
FRONT = 0.5  # cosine to the lens below which hair, beard and background are near
LEAST_SIDE = 3  # pixels of a window: narrower ones have no gradient
PAINT_BLUR = 0.6  # pixels: edges of the paint without more
MOST_BLUR = 0.13  # head units: more would melt teeth into one


@dataclass(frozen=True)
class Palette:
    """Factors on painted colours, and how soft they are."""

    enamel: Tensor  # [3] on teeth, beside what white is in the photo
    flesh: Tensor  # [3] on tongue and gums
    shade: Tensor  # [3] powers of a grey shade that give it the hue of this picture's
    stone: Tensor  # [] 1 where lips are as grey as all else: everything is of one material
    material: Tensor  # [3] its colour, luma 1
    soft: float  # pixels of blur that makes paint as soft as the photo


def look_for_palette(model: HeadModel, start: Deformation, photo: Tensor, white: Tensor, bounds: Window) -> Palette:
    """The palette of a photo [3, H, W]; white [3] is what white looks like in it."""
    lips = _lips(model, start, photo)
    hue = lips / lips.amax().clamp(min=0.02)
    bare = (lips / white).clamp(min=0.02)
    bare = bare / bare.amax()
    stone = smoothstep(bare.amin(), *STONE)
    usual = torch.tensor(FLESH) / max(FLESH)
    return Palette(
        enamel=_enamel(model, start, photo, white, stone),
        flesh=(bare / usual).clamp(0.7, 2.0) ** (0.3 + 0.7 * stone),
        shade=_shade(_cheeks(model, start, photo)),
        stone=stone,
        material=hue / (LUMA * hue).sum(),
        soft=_softness(model, start, photo, bounds),
    )


def of_one_material(palette: Palette, painted: Tensor) -> Tensor:
    """Colours [3, h, w] with as little hue as the material of the head has."""
    grey = luma(painted)
    return painted + palette.stone * (grey * palette.material[:, None, None] - painted)


def _lips(model: HeadModel, start: Deformation, photo: Tensor) -> Tensor:
    """Colour of the lower lip in the photo. [3]"""
    outer, inner = (torch.tensor(model.landmark_groups[f"lips_{name}_lower"]) for name in ("outer", "inner"))
    at = sum(points(model, start.screen, rim)[:, :2] for rim in (outer[4:9], inner[6:15:2])) / 2  # [5, 2]
    return sample_linear(photo, at[None])[:, 0].median(1).values


def _enamel(model: HeadModel, start: Deformation, photo: Tensor, white: Tensor, stone: Tensor) -> Tensor:
    """Teeth beside white: they share the light and half the tint of the eyes' white, and the colour of stone. [3]

    Eyes under a fringe lie in the dark when the mouth does not: teeth are fairer than the face's skin.
    """
    seen = torch.cat([_eye(points(model, start.screen, torch.arange(n, n + 6))[:, :2], photo) for n in EYES], 1)
    if not seen.shape[1]:
        return torch.ones(3)
    light = luma(seen)
    eyes = seen[:, light >= light.quantile(1 - WHITE_SHARE)].median(1).values / white
    level = (LUMA * eyes).sum().clamp(min=0.02)
    tint = (eyes / level).clamp(0.7, 1.2) ** (0.5 + 0.5 * stone)
    fair = (1 - stone) * FAIR * (LUMA * _skin(model, start, photo) / white).sum()
    return torch.maximum(level ** (0.4 + 0.6 * stone), fair).clamp(*SHADED) * tint


def _skin(model: HeadModel, start: Deformation, photo: Tensor) -> Tensor:
    """Colour of the cheeks beside nose and mouth, which lie in the light that teeth lie in, too. [3]"""
    return _cheeks(model, start, photo).median(1).values


def _cheeks(model: HeadModel, start: Deformation, photo: Tensor) -> Tensor:
    """Colours of their vertices that face the lens, if there are some. [3, n]"""
    low, high = (landmarks(model, model.template)[numbers, 1].mean() for numbers in ([48, 54], [36, 45]))
    x, y = model.template[:, 0].abs(), model.template[:, 1]
    cheeks = (y > low) & (y < low + CHEEK * (high - low)) & (x < 6) & (model.vertex_part == 0)
    ahead = cheeks & (mesh_normals(start, model)[:, 2] > FRONT)
    return sample_linear(photo, start.screen[None, ahead if ahead.any() else cheeks, :2])[:, 0]


def _shade(skin: Tensor) -> Tensor:
    """Powers of a shade as skin [3, n] has it: where a painter's shade is brown, teeth in it are not grey. [3]"""
    light = luma(skin)
    lit, dim = (
        skin[:, (light >= light.quantile(low)) & (light <= light.quantile(high))].mean(1).clamp(min=DARKEST)
        for low, high in SHADES
    )
    fall = (lit / dim).log()
    depth, usual = (LUMA * fall).sum(), torch.tensor(USUAL_SHADE)
    own = (fall / depth.clamp(min=DIM[0])).clamp(*POWERS)
    return usual + smoothstep(depth, *DIM) * (own - usual)


def _eye(rim: Tensor, photo: Tensor) -> Tensor:
    """Pixels inside the rim [6, 2] of an eye. [3, n]"""
    middle = rim.mean(0)
    rim = middle + EYE_CORE * (rim - middle)
    window = window_around(rim, 1.0, Window(0, 0, *photo.shape[1:]))
    at = pixel_centres(window.height, window.width) + rim.new_tensor([window.left, window.top])
    edge = rim.roll(-1, 0) - rim
    away = at[..., None, :] - rim  # [h, w, 6, 2]
    within = (edge[:, 0] * away[..., 1] - edge[:, 1] * away[..., 0] > 0).all(-1)
    return photo[:, window.rows, window.columns][:, within]


def _softness(model: HeadModel, start: Deformation, photo: Tensor, bounds: Window) -> float:
    """Blur that paint needs to be as soft as the sharpest of eyes and lips, in pixels.

    The gradient of an edge of blur s falls by sqrt(s² / (s² + r²)) when it is blurred by r once more.
    """
    marks = points(model, start.screen, torch.arange(68))[:, :2]
    sharpest = float("inf")
    for part in (marks[36:42], marks[42:48], marks[48:68]):
        window = window_around(part, 0.6 * float(start.unit), bounds)
        if min(window.height, window.width) < LEAST_SIDE:
            continue  # the picture's edge cuts it off
        view = luma(photo[:, window.rows, window.columns])[None]
        before, after = _gradient(view), _gradient(blur(view, REBLUR))
        edges = before >= before.flatten().quantile(EDGES)
        fall = (before[edges] / after[edges].clamp(min=1e-4)).median().clamp(min=1.01)
        sharpest = min(sharpest, float(REBLUR / (fall**2 - 1).sqrt()))
    return min(max(0.0, sharpest**2 - PAINT_BLUR**2) ** 0.5, MOST_BLUR * float(start.unit))


def _gradient(image: Tensor) -> Tensor:
    """[1, h, w] -> [h - 2, w - 2]"""
    across, down = image[0, 1:-1, 2:] - image[0, 1:-1, :-2], image[0, 2:, 1:-1] - image[0, :-2, 1:-1]
    return (across**2 + down**2).sqrt()
