"""Textures of a person in one table of texels, at the resolution that a shot can show.

A table holds linear color and opacity of every texture one after the other, so that points of all materials are looked
up at once.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image
from torch import Tensor

from ...geometry.rasteriser import rasterise
from .body_pose import relaxed
from .human import Human, Part
from .wardrobe import paint_cloth, unwrapped

LARGEST = {"skin": 2048, "hair": 512, "cloth": 512, "teeth": 256, "tongue": 64, "eye": 256, "brow": 256, "lash": 256}
OPAQUE = ("skin", "eye", "teeth", "tongue", "cloth")
PLAIN_HAIR = ("afro01", "bob01")  # pieces without a texture
FOOT = ("foot", "toe")


@dataclass(frozen=True)
class Texels:
    """Textures side by side; T texels, M textures."""

    color: Tensor  # [T, 4] linear color and opacity
    first: Tensor  # [M] texel
    side: Tensor  # [M] of the square texture

    def lookup(self, texture: Tensor, uv: Tensor) -> Tensor:
        """Bilinear samples. texture [N], uv [N, 2] origin bottom left -> [N, 4]"""
        side, first = self.side.index_select(0, texture), self.first.index_select(0, texture)
        x = (uv[:, 0] * side - 0.5).clamp(min=0)
        y = ((1 - uv[:, 1]) * side - 0.5).clamp(min=0)
        left, upper = x.long(), y.long()
        last = side - 1
        left, upper = torch.minimum(left, last), torch.minimum(upper, last)
        right, lower = torch.minimum(left + 1, last), torch.minimum(upper + 1, last)
        across, down = (x - left).clamp(0, 1)[:, None], (y - upper).clamp(0, 1)[:, None]
        above, below = first + upper * side, first + lower * side
        top = torch.lerp(self.color.index_select(0, above + left), self.color.index_select(0, above + right), across)
        low = torch.lerp(self.color.index_select(0, below + left), self.color.index_select(0, below + right), across)
        return torch.lerp(top, low, down)

    def nearest(self, texture: Tensor, uv: Tensor) -> Tensor:
        """Opacity of the nearest texel. texture [N], uv [N, 2] -> [N]"""
        side, first = self.side.index_select(0, texture), self.first.index_select(0, texture)
        x = torch.minimum((uv[:, 0] * side).long().clamp(min=0), side - 1)
        y = torch.minimum(((1 - uv[:, 1]) * side).long().clamp(min=0), side - 1)
        return self.color[:, 3].index_select(0, first + y * side + x)


def texels_of(human: Human, wanted: list[float]) -> Texels:
    """Textures of a person's parts, each about as fine as wanted (texels per side)."""
    images = []
    place = human.body.pose(relaxed(human.body))
    for part, side in zip(human.parts, wanted, strict=True):
        largest = LARGEST[part.kind]
        power = 2 ** round(float(np.clip(np.log2(max(side, 1)), 3, np.log2(largest))))
        images.append(_paint(human, part, int(power), place))
    side = torch.tensor([image.shape[0] for image in images])
    count = side**2
    flat = [rearrange(image, "h w c -> (h w) c") for image in images]
    return Texels(torch.cat(flat).contiguous(), count.cumsum(0) - count, side)


def _paint(human: Human, part: Part, side: int, place: Tensor) -> Tensor:
    """One texture, linear with opacity. [side, side, 4]"""
    look = human.appearance
    if part.kind == "skin":
        image = _shod(human, part, _skin(human, side))
    elif part.kind == "cloth":
        triangles = human.triangles[part.first : part.last]
        where = unwrapped(human.corner_uv[part.first : part.last], place[triangles], side)
        image = paint_cloth(look.outfit[part.number], where) ** 2.2
    elif part.name in PLAIN_HAIR:
        image = _plain_hair(look.hair_color, side)
    elif part.kind in ("hair", "brow", "lash"):
        color = {"hair": look.hair_color, "brow": look.brow_color, "lash": (0.05, 0.04, 0.04)}[part.kind]
        image = _dyed(_read(human, f"{part.name}{'_diffuse' if part.kind == 'hair' else ''}.png", side), color)
        return image * image.new_tensor([1.0, 1.0, 1.0, 0.6 if part.kind == "lash" else 1.0])
    else:
        name = {"eye": look.iris, "teeth": "teeth.png", "tongue": "tongue01_diffuse.png"}[part.kind]
        image = _read(human, name, side)[..., :3] ** 2.2
    return torch.cat([image[..., :3], torch.ones_like(image[..., :1])], -1)


def _read(human: Human, name: str, side: int) -> Tensor:
    """A picture of the pack scaled down, display values, color weighted by opacity. [side, side, 4]"""
    with Image.open(human.pack.folder / name) as picture:
        picture.draft("RGB", (side, side))
        array = np.asarray(picture.convert("RGBA"), np.float32) / 255
    image = rearrange(torch.from_numpy(array), "h w c -> 1 c h w")
    opacity = image[:, 3:]
    both = torch.cat([image[:, :3] * opacity, opacity], 1)
    both = F.adaptive_avg_pool2d(both, side) if both.shape[-1] >= side else F.interpolate(both, (side, side))
    both = torch.cat([both[:, :3] / both[:, 3:].clamp(min=1e-3), both[:, 3:]], 1)
    return rearrange(both, "1 c h w -> h w c")


def _skin(human: Human, side: int) -> Tensor:
    """Light and dark skin mixed on a logarithmic scale, as pigment does, in the person's tone. [side, side, 3]"""
    look = human.appearance
    folder = "skins_2048/" if side > 1024 else ""
    light, dark = (_read(human, f"{folder}skin_{name}.jpg", side)[..., :3].clamp(min=0.01) for name in look.skins)
    mixed = torch.exp(torch.lerp(light.log(), dark.log(), look.darkness))
    # Half-way between two photographs of skin is redder than skin.
    calm = 0.9 * look.darkness * (1 - look.darkness)
    mixed = mixed + calm * (mixed.mean(-1, keepdim=True) * mixed.new_tensor([1.12, 0.98, 0.88]) - mixed)
    return (mixed * mixed.new_tensor(look.tone)).clamp(0, 1) ** 2.2


def _shod(human: Human, part: Part, skin: Tensor) -> Tensor:
    """Skin with feet painted as shoes; the pack has none. [side, side, 3] linear"""
    feet = [k for k, name in enumerate(human.body.bones) if name.startswith(FOOT)]
    triangles = human.triangles[part.first : part.last]
    on_foot = (human.body.weight[:, feet].sum(1) > 0.5)[triangles].all(1)
    uv = rearrange(human.corner_uv[part.first : part.last][on_foot], "f k c -> (f k) c")
    if not len(uv):
        return skin
    side = len(skin)
    screen = torch.stack([uv[:, 0] * side, (1 - uv[:, 1]) * side, torch.ones_like(uv[:, 0])], -1)
    shoe = rasterise(screen, torch.arange(len(uv)).view(-1, 3), side, side).triangle >= 0
    return torch.where(shoe[..., None], skin.new_tensor(human.appearance.shoes) ** 2.2, skin)


def _dyed(image: Tensor, color: tuple[float, float, float]) -> Tensor:
    """Strands of a picture in another color: its light and shade stay. [h, w, 4] -> [h, w, 4] linear"""
    gray = image[..., :3].mean(-1)
    weight = image[..., 3]
    mean = (gray * weight).sum() / weight.sum().clamp(min=1e-3)
    relief = (gray / mean.clamp(min=0.02)).clamp(0.4, 1.6)[..., None] ** 0.75
    dyed = (relief * image.new_tensor(color)).clamp(0, 1) ** 2.2
    return torch.cat([dyed, image[..., 3:]], -1)


def _plain_hair(color: tuple[float, float, float], side: int) -> Tensor:
    """Strands along v for pieces without a texture. [side, side, 3] linear"""
    rng = np.random.default_rng(7)
    fine = torch.from_numpy(rng.uniform(0.65, 1.3, (1, side, 1)).astype("f4"))
    coarse = torch.from_numpy(rng.uniform(0.8, 1.2, (side, side, 1)).astype("f4"))
    return (fine * coarse * fine.new_tensor(color)).clamp(0, 1) ** 2.2
