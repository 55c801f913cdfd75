"""The volumetric renderer as its formulas say it, nothing rewritten: slow, in the public layout of weights.

Norms are norms, spectral norms are divided out in every call, what is upsampled is upsampled, and each of the 22 grids
is sampled by itself. `neo_core.pictar.volumetric` is held against it, in numbers by the tests and in time by the bench,
which loads this file by its path. Sizes come from a `RendererConfig`.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNorm(nn.Module):
    def __init__(self, conv, norm):
        super().__init__()
        self.conv, self.norm = conv, norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


def conv_norm_2d(inputs: int, outputs: int) -> ConvNorm:
    return ConvNorm(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs))


def conv_norm_3d(inputs: int, outputs: int) -> ConvNorm:
    return ConvNorm(nn.Conv3d(inputs, outputs, 3, padding=1), nn.BatchNorm3d(outputs))


# --- F ----------------------------------------------------------------------------------------------------------------


class ResidualBlock3d(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv3d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm1, self.norm2 = (nn.BatchNorm3d(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class Appearance(nn.Module):
    def __init__(self, config) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**n for n in range(config.halvings + 1)]
        self.first = conv_norm_2d(3, widths[0])
        self.down_blocks = nn.ModuleList(conv_norm_2d(widths[n], widths[n + 1]) for n in range(config.halvings))
        self.second = nn.Conv2d(widths[-1], config.channels * config.depth, 1)
        self.resblocks_3d = nn.Sequential()
        for n in range(config.blocks):
            self.resblocks_3d.add_module(f"3dr{n}", ResidualBlock3d(config.channels))

    def forward(self, picture: Tensor) -> Tensor:
        x = F.relu(self.first(picture))
        for block in self.down_blocks:
            x = F.avg_pool2d(F.relu(block(x)), 2)
        x = self.second(x)
        batch, _, height, width = x.shape
        return self.resblocks_3d(x.view(batch, self.config.channels, self.config.depth, height, width))


# --- W ----------------------------------------------------------------------------------------------------------------


class Encoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(conv_norm_3d(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        outs = [x]
        for block in self.down_blocks:
            outs.append(F.avg_pool3d(F.relu(block(outs[-1])), (1, 2, 2)))
        return outs


class Decoder(nn.Module):
    def __init__(self, widths: list[int], rising: list[int]) -> None:
        super().__init__()
        blocks, inputs = [], widths[-1]
        for out, skip in zip(rising, reversed(widths[:-1]), strict=True):
            blocks.append(conv_norm_3d(inputs, out))
            inputs = out + skip
        self.up_blocks = nn.ModuleList(blocks)
        self.conv, self.norm = nn.Conv3d(inputs, inputs, 3, padding=1), nn.BatchNorm3d(inputs)
        self.outputs = inputs

    def forward(self, outs: list[Tensor]) -> Tensor:
        x = outs.pop()
        for block in self.up_blocks:
            x = F.relu(block(F.interpolate(x, scale_factor=(1, 2, 2))))
            x = torch.cat([x, outs.pop()], 1)
        return F.relu(self.norm(self.conv(x)))


class Hourglass(nn.Module):
    def __init__(self, inputs: int, width: int, most: int, levels: int) -> None:
        super().__init__()
        widths = [inputs] + [min(most, width * 2**n) for n in range(1, levels + 1)]
        rising = [min(most, width * 2**n) for n in range(levels - 1, -1, -1)]
        self.encoder, self.decoder = Encoder(widths), Decoder(widths, rising)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


def grid(size, like: Tensor) -> Tensor:
    depth, height, width = size
    steps = (torch.arange(n, dtype=like.dtype, device=like.device) / (n - 1) for n in (width, height, depth))
    x, y, z = (2 * step - 1 for step in steps)
    shape = (depth, height, width)
    return torch.stack(
        [x.view(1, 1, -1).expand(shape), y.view(1, -1, 1).expand(shape), z.view(-1, 1, 1).expand(shape)], -1
    )


def gaussian(keypoints: Tensor, places: Tensor) -> Tensor:
    """[B, K, 3], [D, H, W, 3] -> [B, K, D, H, W]"""
    distance = (places - keypoints[:, :, None, None, None]) ** 2
    return torch.exp(-0.5 * distance.sum(-1) / 0.01)


class DenseMotion(nn.Module):
    def __init__(self, config) -> None:
        super().__init__()
        self.config = config
        proposals = config.keypoints + 1
        self.compress = nn.Conv3d(config.channels, config.compress, 1)
        self.norm = nn.BatchNorm3d(config.compress)
        self.hourglass = Hourglass(proposals * (config.compress + 1), config.width, config.most, config.levels)
        outputs = self.hourglass.decoder.outputs
        self.mask = nn.Conv3d(outputs, proposals, config.mask, padding=config.mask // 2)
        self.occlusion = nn.Conv2d(outputs * config.depth, 1, config.mask, padding=config.mask // 2)

    def forward(self, volume: Tensor, driving: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        batch, _, *size = volume.shape
        feature = F.relu(self.norm(self.compress(volume)))
        identity = grid(size, volume)
        moved = identity - driving[:, :, None, None, None] + source[:, :, None, None, None]
        motions = torch.cat([identity.expand(batch, 1, *identity.shape), moved], 1)  # [B, K + 1, D, H, W, 3]
        repeated = feature[:, None].expand(-1, motions.shape[1], -1, -1, -1, -1).flatten(0, 1)
        sampled = F.grid_sample(repeated, motions.flatten(0, 1), align_corners=False)
        sampled = sampled.unflatten(0, (batch, -1))
        heat = gaussian(driving, identity) - gaussian(source, identity)
        heat = torch.cat([torch.zeros_like(heat[:, :1]), heat], 1)[:, :, None]
        seen = self.hourglass(torch.cat([heat, sampled], 2).flatten(1, 2))
        mask = self.mask(seen).softmax(1)[:, :, None]
        deformation = (motions.permute(0, 1, 5, 2, 3, 4) * mask).sum(1).permute(0, 2, 3, 4, 1)
        return deformation, self.occlusion(seen.flatten(1, 2)).sigmoid()


class Warping(nn.Module):
    def __init__(self, config) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotion(config)
        self.third = conv_norm_2d(config.channels * config.depth, config.features)
        self.fourth = nn.Conv2d(config.features, config.features, 1)

    def forward(self, volume: Tensor, driving: Tensor, source: Tensor) -> dict[str, Tensor]:
        deformation, occlusion = self.dense_motion_network(volume, driving, source)
        out = F.grid_sample(volume, deformation, align_corners=False).flatten(1, 2)
        out = self.fourth(F.leaky_relu(self.third(out), 0.01))
        return {"deformation": deformation, "occlusion": occlusion, "features": out * occlusion}


# --- G ----------------------------------------------------------------------------------------------------------------


class SpectralConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, side: int, *, bias: bool = True) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, outputs, side)
        self.weight_orig, self.padding = conv.weight, side // 2
        self.bias = conv.bias if bias else None
        self.register_buffer("weight_u", torch.ones(outputs))
        self.register_buffer("weight_v", torch.ones(inputs * side * side))

    def forward(self, x: Tensor) -> Tensor:
        sigma = torch.dot(self.weight_u, torch.mv(self.weight_orig.flatten(1), self.weight_v))
        return F.conv2d(x, self.weight_orig / sigma, self.bias, padding=self.padding)


class Spade(nn.Module):
    def __init__(self, channels: int, features: int, hidden: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(features, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma, self.mlp_beta = (nn.Conv2d(hidden, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, segments: Tensor) -> Tensor:
        hidden = self.mlp_shared(F.interpolate(segments, size=x.shape[2:], mode="nearest"))
        return F.instance_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)


class SpadeBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, features: int, hidden: int) -> None:
        super().__init__()
        inner = min(inputs, outputs)
        self.conv_0, self.conv_1 = SpectralConv(inputs, inner, 3), SpectralConv(inner, outputs, 3)
        self.norm_0, self.norm_1 = Spade(inputs, features, hidden), Spade(inner, features, hidden)
        self.widens = inputs != outputs
        if self.widens:
            self.conv_s, self.norm_s = SpectralConv(inputs, outputs, 1, bias=False), Spade(inputs, features, hidden)

    def forward(self, x: Tensor, segments: Tensor) -> Tensor:
        short = self.conv_s(self.norm_s(x, segments)) if self.widens else x
        inner = self.conv_0(F.leaky_relu(self.norm_0(x, segments), 0.2))
        return short + self.conv_1(F.leaky_relu(self.norm_1(inner, segments), 0.2))


class Generator(nn.Module):
    def __init__(self, config) -> None:
        super().__init__()
        self.config = config
        self.fc = nn.Conv2d(config.features, config.width, 3, padding=1)
        for n in range(config.blocks):
            setattr(self, f"G_middle_{n}", SpadeBlock(config.width, config.width, config.features, config.hidden))
        widths = [config.width, *config.rising]
        for n in range(len(config.rising)):
            setattr(self, f"up_{n}", SpadeBlock(widths[n], widths[n + 1], config.features, config.hidden))
        self.conv_img = nn.Sequential(nn.Conv2d(widths[-1], 3 * config.enlarge**2, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        x = self.fc(features)
        for n in range(self.config.blocks):
            x = getattr(self, f"G_middle_{n}")(x, features)
        for n in range(len(self.config.rising)):
            x = getattr(self, f"up_{n}")(F.interpolate(x, scale_factor=2), features)
        return F.pixel_shuffle(self.conv_img(F.leaky_relu(x, 0.2)), self.config.enlarge).sigmoid()


class Oracle(nn.Module):
    """F, W and G; weights in the public layout, one dict of tensors per network, or as they are drawn."""

    def __init__(self, config, tensors: dict[str, dict[str, Tensor]] | None = None) -> None:
        super().__init__()
        self.appearance = Appearance(config.appearance)
        self.warping = Warping(config.warping)
        self.generator = Generator(config.generator)
        for name in ("appearance", "warping", "generator") if tensors else ():
            getattr(self, name).load_state_dict(tensors[name])
        self.eval().requires_grad_(False)

    def forward(self, volume: Tensor, source: Tensor, driving: Tensor) -> dict[str, Tensor]:
        """A frame: volume [B, C, D, H, W], keypoints [B, K, 3] of the source and of the frame."""
        warp = self.warping(volume, driving, source)
        return {**warp, "image": self.generator(warp["features"])}
