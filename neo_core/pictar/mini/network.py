"""The mini's networks: a volume of three layers from the photo, once; and per frame what the exact warp cannot know.

A volume in the manner of LivePortrait is learned together with its motion: an hourglass over 22 sampled volumes finds
where every voxel came from. Here the head model says so exactly, so the mini has another architecture: three layers of
features (the head's surface, what it carries, what lies behind), each fetched along a flow that is given; a thin U-Net
chooses between the three warped photos and paint, pixel by pixel, and mends flows and light by a little. Colours come
from the photo at its own resolution wherever a layer is chosen. Without motion the frame is the photo, whatever the
weights. Trained by `training/volumetric.py`.

Letters: B frames, S side of the square in network pixels, h = S / 2, F features of a layer.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...weights import safetensors_io
from ...weights.manifest import embedded
from ..geometric.refine import Block
from .guide import GUIDE, STILL_GUIDE, fade

FILE = "mini.safetensors"
LAYERS = ("surface", "carried", "behind")
SURFACE, CARRIED, BEHIND, PAINT = range(4)
MEND = 0.02  # of the square's side by which a flow can be mended
RELIGHT = 0.4  # logarithm of light
STIRRED = (0.0002, 0.004)  # of the square's side: the farthest movement at which the network begins to act, and acts
FLOWS = 20.0  # flows are a few hundredths of the side
BAND = 512  # rows of a frame that are composed at once
DOUBT = 0.03  # added to the shares that geometry alone would give


@dataclass(frozen=True)
class MiniConfig:
    side: int = 256  # pixels of the square around the head
    width: int = 24  # channels at half that side; twice, four and five times as many below
    features: int = 16  # of each layer of the volume, at a quarter
    groups: int = 8


MINI = {"cpu": MiniConfig(), "gpu": MiniConfig(width=48, features=32)}


@dataclass(frozen=True)
class Source:
    """A portrait in its square; everything in 0..1."""

    picture: Tensor  # [B, 3, S, S]
    person: Tensor  # [B, 1, S, S] share of each pixel
    behind: Tensor  # [B, 3, S, S] the picture without the person
    guide: Tensor  # [B, STILL_GUIDE, h, h]


@dataclass(frozen=True)
class Motion:
    """Where everything came from, as shares of the square's side, and what it is."""

    surface: Tensor  # [B, 2, S, S]
    carried: Tensor  # [B, 2, S, S]
    guide: Tensor  # [B, GUIDE, h, h]

    @property
    def stirred(self) -> Tensor:
        """How far anything moves: 0 where the frame must be the photo, 1 from about a pixel on. [B, 1, 1, 1]"""
        most = torch.stack([self.surface.abs().amax((1, 2, 3)), self.carried.abs().amax((1, 2, 3))]).amax(0)
        low, high = STIRRED
        return ((most - low) / (high - low)).clamp(0, 1).view(-1, 1, 1, 1)


@dataclass(frozen=True)
class Drawn:
    """What a frame is composed of, at the square's side S in network pixels."""

    shares: Tensor  # [B, 4, S, S] of the three layers and of paint
    surface: Tensor  # [B, 2, S, S] flows, mended
    carried: Tensor  # [B, 2, S, S]
    light: Tensor  # [B, 1, S, S] factor on what is fetched
    paint: Tensor  # [B, 3, S, S]
    person: Tensor  # [B, 1, S, S] logit of the person's share
    seen: Tensor  # [B, 1, S, S] logit: the photo shows what is there


class Encoder(nn.Module):
    """A portrait to the features of its three layers."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        w, g = config.width, config.groups
        self.stem = nn.Conv2d(4 * 7 + STILL_GUIDE, w, 3, padding=1)  # at half size: four pixels each
        self.down = nn.ModuleList([Block(w, 2 * w, g), Block(2 * w, 4 * w, g), Block(4 * w, 4 * w, g)])
        self.up = Block(6 * w, 2 * w, g)
        self.head = nn.Conv2d(2 * w, 3 * config.features, 3, padding=1)

    def forward(self, source: Source) -> Tensor:
        """-> [B, 3 F, S / 4, S / 4]"""
        picture = torch.cat([source.picture - 0.5, source.person, source.behind - 0.5], 1)
        seen = torch.cat([F.pixel_unshuffle(picture, 2), source.guide], 1)
        x = F.avg_pool2d(self.stem(seen.contiguous(memory_format=torch.channels_last)), 2)
        quarter = self.down[0](x)
        eighth = self.down[1](F.avg_pool2d(quarter, 2))
        deep = self.down[2](F.avg_pool2d(eighth, 2))
        far = eighth + F.interpolate(deep, scale_factor=2, mode="nearest")
        x = torch.cat([quarter, F.interpolate(far, scale_factor=2, mode="nearest")], 1)
        return self.head(F.silu(self.up(x)))


class Decoder(nn.Module):
    """Warped layers to what a frame is composed of. All at half the square's side, the answer at the whole."""

    SEEN = 3 * 3 + 3 + 4 + 4 + GUIDE  # three pictures, their shares of the person, geometry's shares, two flows, guide
    ANSWERS = 4 * 4 + 4 * 3 + 4 + 1 + 1 + 1  # shares and paint in four pixels each; flows, light, person, seen

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        w, g, features = config.width, config.groups, 3 * config.features
        self.stem = nn.Conv2d(self.SEEN, w, 3, padding=1)
        self.down = nn.ModuleList(
            [Block(w, w, g), Block(w + features, 2 * w, g), Block(2 * w, 4 * w, g), Block(4 * w, 5 * w, g)]
        )
        self.up = nn.ModuleList([Block(9 * w, 4 * w, g), Block(6 * w, 2 * w, g), Block(3 * w, w, g)])
        self.head = nn.Conv2d(w, self.ANSWERS, 3, padding=1)
        nn.init.zeros_(self.head.weight)  # a fresh mini is the exact warp
        nn.init.zeros_(self.head.bias)

    def forward(self, seen: Tensor, features: Tensor) -> Tensor:
        """[B, SEEN, h, h], [B, 3 F, h / 2, h / 2] -> [B, ANSWERS, h, h]"""
        x = self.stem(seen.contiguous(memory_format=torch.channels_last))
        passed = [self.down[0](x)]
        for number, block in enumerate(self.down[1:]):
            x = F.avg_pool2d(passed[-1], 2)
            passed.append(block(torch.cat([x, features], 1) if number == 0 else x))
        x = passed.pop()
        for block in self.up:
            x = block(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), passed.pop()], 1))
        return self.head(F.silu(x))


class Mini(nn.Module):
    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)

    def forward(self, source: Source, volume: Tensor, motion: Motion) -> Drawn:
        """A frame's composition. volume [B, 3 F, S / 4, S / 4]: `self.encoder(source)`."""
        flows = torch.cat([motion.surface, motion.carried], 1)
        coarse = F.avg_pool2d(flows, 2)
        layers = _warped_layers(source, coarse[:, :2], coarse[:, 2:])  # [B, 12, h, h]
        prior = _prior(layers, motion.guide)  # [B, 4, h, h]
        seen = torch.cat([layers - 0.5, prior, FLOWS * coarse, motion.guide], 1)
        answer = self.decoder(seen, _warped_features(volume, F.avg_pool2d(coarse, 2)))
        shares, paint, mend, light, person, known = answer.float().split([16, 12, 4, 1, 1, 1], 1)
        stirred = motion.stirred
        shares = _gated(_finer((prior + DOUBT).log()) + F.pixel_shuffle(shares, 2), stirred)
        base = (prior[:, :3, None] * _pictures(layers)).sum(1) / prior[:, :3].sum(1, keepdim=True).clamp(min=1e-3)
        flows = flows + stirred * MEND * _finer(mend.tanh())
        return Drawn(
            shares=shares,
            surface=flows[:, :2],
            carried=flows[:, 2:],
            light=(stirred * RELIGHT * _finer(light.tanh())).exp(),
            paint=(_finer(base) + F.pixel_shuffle(paint, 2).tanh()).clamp(0, 1),
            person=_finer(person),
            seen=_finer(known),
        )


def compose(drawn: Drawn, picture: Tensor, behind: Tensor) -> Tensor:
    """The frame in the square, at the size of the portrait's pictures [B, 3, P, P]: they may be finer than the network
    sees, and on the square's rim the frame is the photo: nothing shows where it ends. [B, 3, P, P]"""
    side = picture.shape[-1]
    inside = _present(drawn) * fade(side).to(picture)
    planes = torch.cat([drawn.shares, drawn.surface, drawn.carried, drawn.light, drawn.paint], 1)
    bands = [slice(top, top + BAND) for top in range(0, side, BAND)]
    own = torch.cat([_own(planes, picture, behind, rows) for rows in bands], 2)
    return picture + inside * (own - picture)


def _own(planes: Tensor, picture: Tensor, behind: Tensor, rows: slice) -> Tensor:
    """Some rows of what the network composes: all of a large photo at once would take gigabytes. [B, 3, r, P]"""
    at = _grid(picture.shape[-1], picture.device)[rows].expand(len(picture), -1, -1, -1)
    same = planes.shape[-1] == picture.shape[-1]
    near = planes[:, :, rows] if same else F.grid_sample(planes, at, padding_mode="border", align_corners=False)
    shares, surface, carried, light, paint = near.split([4, 2, 2, 1, 3], 1)
    first, second = (_sampled(picture, at, flow, "bicubic") for flow in (surface, carried))
    fetched = shares[:, :1] * first + shares[:, 1:2] * second
    return fetched * light + shares[:, 2:3] * behind[:, :, rows] + shares[:, 3:] * paint


def fetch(picture: Tensor, flow: Tensor, mode: str = "bicubic") -> Tensor:
    """A picture along a backward flow in shares of its side. [B, C, H, H], [B, 2, h, h] -> [B, C, h, h]"""
    return _sampled(picture, _grid(flow.shape[-1], flow.device), flow, mode)


def _grid(side: int, device: torch.device) -> Tensor:
    """Where the middles of pixels are, -1 to 1 from edge to edge. [side, side, 2]"""
    line = (torch.arange(side, device=device) + 0.5) * (2 / side) - 1
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)


def _sampled(picture: Tensor, at: Tensor, flow: Tensor, mode: str) -> Tensor:
    """A picture [B, C, H, H] where places [..., r, h, 2] of `_grid` are led by a flow [B, 2, r, h]. [B, C, r, h]"""
    led = at + 2 * flow.permute(0, 2, 3, 1).float()
    return F.grid_sample(picture.float(), led, mode=mode, padding_mode="border", align_corners=False)


def _present(drawn: Drawn) -> Tensor:
    """0 in a frame without motion, whose picture is the photo. [B, 1, 1, 1]"""
    most = torch.cat([drawn.surface, drawn.carried], 1).abs().amax((1, 2, 3), keepdim=True)
    return (most / STIRRED[0]).clamp(0, 1)


def _warped_layers(source: Source, surface: Tensor, carried: Tensor) -> Tensor:
    """Picture and person's share along each layer's flow, the last as they are: [B, 3 x 4, h, h]"""
    whole = F.avg_pool2d(torch.cat([source.picture, source.person], 1), 2)
    behind = F.avg_pool2d(torch.cat([source.behind, source.person], 1), 2)
    return torch.cat([fetch(whole, surface, "bilinear"), fetch(whole, carried, "bilinear"), behind], 1)


def _pictures(layers: Tensor) -> Tensor:
    """[B, 12, h, h] -> [B, 3, 3, h, h]"""
    return layers.unflatten(1, (3, 4))[:, :, :3]


def _prior(layers: Tensor, guide: Tensor) -> Tensor:
    """The shares that geometry alone gives: the mesh where the photo shows it, else what the head carries of the
    person, else what lies behind; paint where the photo has nothing. [B, 4, h, h]"""
    mesh, seen = guide[:, :1], guide[:, -1:]
    beside, person = 1 - mesh, layers[:, 7:8]
    return torch.cat([seen, beside * person, beside * (1 - person), (mesh - seen).clamp(min=0)], 1)


def _warped_features(volume: Tensor, flows: Tensor) -> Tensor:
    """The three layers of a volume at a quarter of the side, fetched. [B, 3 F, q, q], [B, 4, q, q]"""
    surface, carried, behind = volume.chunk(3, 1)
    fetched = [fetch(surface, flows[:, :2], "bilinear"), fetch(carried, flows[:, 2:], "bilinear"), behind.float()]
    return torch.cat(fetched, 1).to(volume.dtype)


def _gated(logits: Tensor, stirred: Tensor) -> Tensor:
    """Shares that leave no paint to a picture without motion. [B, 4, S, S]"""
    shares = logits.softmax(1)
    shares = torch.cat([shares[:, :PAINT], stirred * shares[:, PAINT:]], 1)
    return shares / shares.sum(1, keepdim=True)


def _finer(planes: Tensor) -> Tensor:
    """[B, C, h, h] -> [B, C, S, S]"""
    return F.interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)


def load_mini(path: str | Path | None = None) -> Mini:
    """The embedded mini, or one trained by the recipe, as its file is now. Raises InputError where there is none."""
    return _load(Path(path)) if path else _embedded()


@lru_cache(maxsize=1)
def _embedded() -> Mini:
    return _load(embedded(FILE))


def _load(path: Path) -> Mini:
    mini = Mini(MiniConfig(**safetensors_io.load_config_for(path, MiniConfig)))
    safetensors_io.load_into(mini, path)
    return mini.eval().to(memory_format=torch.channels_last)


def save_mini(path: str | Path, mini: Mini, made: dict | None = None) -> None:
    """Write the weights as float16."""
    safetensors_io.save(path, mini.state_dict(), asdict(mini.config), made=made, dtype=torch.float16)
