"""Several pictures of one person in one portrait: sides that only a turned head shows, and the person's own teeth.

    photo -> lift -> volume ---------------------------------+-> fused -> deform, translate as always
    turned pictures, each with its fit -> sides -------------+
    pictures of an open mouth, each with its fit -> teeth ---+

The portrait stays the photo: at rest, not a pixel of it changes.

Letters: V vertices, N pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...governance import TALKING_HEAD, Grant
from ..fit import HeadFit
from .bust import Bust, Deformation, build_bust, mesh_normals, move
from .contact import points
from .follow import smoothstep
from .lift import Volume, look_at_mouth
from .light import relight, to_light
from .mouth import Mouth, Teeth
from .patch import Window, window_around
from .sampling import blur, erode, luma, resize, sample_linear
from .views import View, difference_of_light, shares, shown_well

COARSER = 0.8  # of a picture's scale: what is less is drawn from a smaller copy
INSIDE = 0.25  # head units inside the person's outline from which a picture is believed
AROUND = 1.5  # head units around the head that are kept of a picture
BESIDE_MOUTH = (3.0, 3.5)  # head units to the side and up or down of it where the skin tells the light on teeth
FEW = 15  # vertices that are worth a view
FRONT = 0.5  # cosine to the lens of that skin
LEAST = 0.3  # square head units of teeth that tell their colour ...
WHOLE = 3.0  # ... and of a row that is shown: beside a few pixels of real teeth, paint looks like a patch
BELIEF = 0.5  # power of how bright they are: even the brightest may have lain in shade
BRIGHT = (0.25, 0.45)  # of the light of white, from which teeth may be that: hardly, well
RED = (0.35, 0.15)  # logarithm of red over green, beside white: lips and tongue, teeth
GAPS = 0.12  # head units of blur that closes the dark between teeth
MOSTLY = 0.6  # of a row that must be teeth
MORE = 1.25  # times as much as the pictures before that another one must show of a row


@dataclass(frozen=True)
class Picture:
    """Another picture of the person, the head that stands in it, what of it is the person, and leave to use it."""

    photo: Tensor  # u8 [H, W, 3]
    fit: HeadFit
    mask: Tensor  # [H, W] 0..1
    grant: Grant

    def __repr__(self) -> str:
        return f"Picture({self.photo.shape[1]} x {self.photo.shape[0]} pixels)"


@dataclass(frozen=True)
class _Stance:
    """The mesh in a picture."""

    picture: Tensor  # [3, H, W] 0..1
    bust: Bust
    start: Deformation
    normal: Tensor  # [V, 3]
    seen: Tensor  # [V] cosine to the lens, -1 where not seen

    def colour(self) -> Tensor:
        """Light at the vertices. [3, V]"""
        return to_light(sample_linear(self.picture, self.start.screen[None, :, :2])[:, 0])


@torch.no_grad()
def fused(volume: Volume, sides: Sequence[Picture], mouths: Sequence[Picture]) -> Volume:
    """A portrait that knows what these pictures show of its person; each grant must be for its picture."""
    turned, opened = ([_stance(volume, picture) for picture in some] for some in (sides, mouths))
    own = _own(volume)
    views = _views(volume, own, turned)
    return replace(volume, views=views, mouth=_with_teeth(volume.mouth, own, opened))


def _stance(volume: Volume, picture: Picture) -> _Stance:
    model = volume.bust.model
    picture.grant.require(TALKING_HEAD)
    fit = picture.fit
    start = move(bust := build_bust(model, fit), bust.reference)
    picture.grant.require_portrait(picture.photo, points(model, start.screen, torch.arange(68))[:, :2])
    layers = torch.cat([picture.photo.permute(2, 0, 1).float() / 255, picture.mask[None]])
    ratio = float(move(volume.bust, volume.reference).unit / start.unit)
    if ratio < COARSER:  # drawn as small as that, what is finer would flicker
        height, width = (max(2, round(side * ratio)) for side in layers.shape[1:])
        fit, layers = _smaller(fit, width / layers.shape[2], height / layers.shape[1]), resize(layers, height, width)
        start = move(bust := build_bust(model, fit), bust.reference)
    stance = _standing(bust, start, layers[:3])
    inside = erode(layers[3], round(INSIDE * float(start.unit)))
    person = sample_linear(inside[None], start.screen[None, :, :2])[0, 0] > 0.5
    return replace(stance, seen=torch.where(person, stance.seen, -1.0))


def _smaller(fit: HeadFit, across: float, down: float) -> HeadFit:
    """A fit in a picture made smaller, by all but the same factor in both directions."""
    scale = fit.residual.new_tensor([across, down])
    camera = replace(fit.camera, focal=fit.camera.focal * (across + down) / 2, center=fit.camera.center * scale)
    return replace(fit, camera=camera, residual=fit.residual * scale, error=fit.error * across)


def _own(volume: Volume) -> _Stance:
    return _standing(volume.bust, move(volume.bust, volume.reference), volume.picture)


def _standing(bust: Bust, start: Deformation, picture: Tensor) -> _Stance:
    normal = mesh_normals(start, bust.model)
    return _Stance(picture, bust, start, normal, shown_well(bust.model, start.screen, normal, picture.shape[1:]))


def _views(volume: Volume, own: _Stance, turned: list[_Stance]) -> tuple[View, ...]:
    if not turned:
        return ()
    share = shares(own.bust.model, own.seen, torch.stack([stance.seen for stance in turned]))
    return tuple(
        _view(volume, own, stance, part) for stance, part in zip(turned, share, strict=True) if part.sum() > FEW
    )


def _view(volume: Volume, own: _Stance, stance: _Stance, share: Tensor) -> View:
    model, screen = own.bust.model, stance.start.screen
    relit = 2 * relight(volume.light, own.normal, stance.normal).log()
    gain = difference_of_light(model, (own.colour(), own.seen), (stance.colour(), stance.seen), relit)
    kept = _kept(screen[share > 0.01, :2], stance)
    corner = screen.new_tensor([kept.left, kept.top])
    light = to_light(stance.picture[:, kept.rows, kept.columns]).contiguous()
    return View(light, screen[:, :2] - corner, stance.normal, share, gain)


def _kept(at: Tensor, stance: _Stance) -> Window:
    """The part of a picture that holds some points [N, 2]."""
    height, width = stance.picture.shape[1:]
    return window_around(at, AROUND * float(stance.start.unit), Window(0, 0, height, width))


def _with_teeth(mouth: Mouth, own: _Stance, opened: list[_Stance]) -> Mouth:
    """The mouth with its paint in the colour of the teeth that pictures show, and with rows that they show whole."""
    looked = [(*look_at_mouth(stance.bust, stance.picture), stance) for stance in opened]
    looked = [(_with_teeth_only(other, white, stance), white, stance) for other, white, stance in looked]
    area = [other.seen.sum((1, 2)) / float(stance.start.unit) ** 2 for other, _, stance in looked]  # [2] each
    order = [k for k in sorted(range(len(looked)), key=lambda k: -float(area[k].sum())) if area[k].sum() > LEAST]
    if order:
        tints = [looked[k][0].white / looked[k][1].clamp(min=0.02) for k in order]
        tint = max(tints, key=luma)  # shade makes teeth darker than they are, nothing makes them brighter
        mouth = replace(mouth, white=mouth.white * tint * luma(tint) ** (BELIEF - 1))
    teeth, best = [], torch.full((2,), WHOLE)
    for k in order:
        if (area[k] > best).any():
            best = torch.maximum(best, MORE * area[k])
            other, _, stance = looked[k]
            teeth.append(_teeth(other, stance, _beside_mouth(own, stance)))
    return replace(mouth, teeth=tuple(reversed(teeth)))


def _with_teeth_only(mouth: Mouth, white: Tensor, stance: _Stance) -> Mouth:
    """The mouth that has seen teeth only where there are some: a row may be hidden by a lip that the fit has missed.
    One that mostly is, is not where it was looked for."""
    window, unit = mouth.window, float(stance.start.unit)
    shown = stance.picture[:, window.rows, window.columns] / white[:, None, None].clamp(min=0.02)
    red = (shown[0].clamp(min=0.02) / shown[1].clamp(min=0.02)).log()
    alike = smoothstep(luma(shown), *BRIGHT) * smoothstep(red, *RED)
    whole = mouth.seen.sum((1, 2))
    share = (mouth.seen * alike).sum((1, 2)) / whole.clamp(min=1e-3)
    there = smoothstep(blur(alike[None], GAPS * unit), 0.2, 0.6) * (share > MOSTLY)[:, None, None]
    return replace(mouth, seen=mouth.seen * there)


def _teeth(mouth: Mouth, stance: _Stance, gain: Tensor) -> Teeth:
    window = mouth.window
    corner = stance.start.screen.new_tensor([window.left, window.top, 0.0])
    picture = stance.picture[:, window.rows, window.columns] * gain[:, None, None]
    return Teeth(picture, stance.start.screen - corner, mouth.seen)


def _beside_mouth(own: _Stance, stance: _Stance) -> Tensor:
    """Factor on display values that gives the skin beside the mouth its colour in the photo. [3]"""
    model = own.bust.model
    at = model.template - points(model, model.template, torch.arange(48, 68)).mean(0)
    near = (at[:, 0].abs() < BESIDE_MOUTH[0]) & (at[:, 1].abs() < BESIDE_MOUTH[1])
    both = near & (own.seen > FRONT) & (stance.seen > FRONT)
    if not both.any():
        return torch.ones(3)
    ratio = own.colour()[:, both].clamp(min=1e-3).log() - stance.colour()[:, both].clamp(min=1e-3).log()
    return (ratio.median(1).values / 2).exp()
