"""W: which part of the source's volume is where in a frame, and the features seen there.

Every keypoint proposes that everything moved with it, the background that nothing moved; an hourglass network weighs
the proposals for each place. Public layout: `reference/pictar.md` 2.3.

Letters: B frames, K keypoints, C channels, D depth, H W height and width of the volume.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .phase_split import bordered, first_phases, first_taps, split_kernels
from .sampling import coordinate_grid, heat, sample_volume, shifted_copies
from .settling import ConvNorm, Derived

SLOPE = 0.01  # of the leaky ReLU after `third`


@dataclass(frozen=True)
class WarpingConfig:
    keypoints: int
    channels: int  # of the volume
    depth: int
    compress: int  # channels of the volume that the hourglass sees
    width: int  # of the hourglass' last layer; doubled by every level below
    most: int  # ... up to this
    levels: int
    mask: int  # side of the mask's kernel
    features: int  # channels of the result


@dataclass(frozen=True)
class WarpSource:
    """What is known of a source before any frame."""

    volume: Tensor  # [B, C, D, H, W]
    keypoints: Tensor  # [B, K, 3]
    compressed: Tensor  # [B, c, D, H, W]
    still: Tensor  # [B, 1, 1 + c, D, H, W] what the background proposes
    heat: Tensor  # [B, K, D, H, W]


@dataclass(frozen=True)
class Weighing:
    """What the hourglass says of a frame."""

    proposals: Tensor  # [B, K + 1, D, H, W] which of them counts where: the background's, then the keypoints'; sum 1
    occlusion: Tensor  # [B, 1, H, W] 0 where the source does not show it

    def towards(self, other: "Weighing", share: float) -> "Weighing":
        """Between two: share 0 is this one, 1 the other."""
        return Weighing(
            torch.lerp(self.proposals, other.proposals, share), torch.lerp(self.occlusion, other.occlusion, share)
        )


@dataclass(frozen=True)
class Warp:
    features: Tensor  # [B, features, H, W]
    grid: Tensor  # [B, D, H, W, 3] where in the source each place comes from, -1..1
    occlusion: Tensor  # [B, 1, H, W] 0 where the source does not show it


class UpsampledConv3d(Derived):
    """Nearest upsampling by two across and down, then a 3x3x3 convolution. [B, I, D, H, W] -> [B, O, D, 2 H, 2 W]"""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        conv = nn.Conv3d(inputs, outputs, 3)
        self.weight, self.bias = conv.weight, conv.bias

    def derive(self) -> list[Tensor]:
        return [*split_kernels(self.weight, first_taps(2)), self.bias]

    def forward(self, x: Tensor) -> Tensor:
        *kernels, bias = self.kernels
        batch, _, depth, height, width = x.shape
        shape = (batch, len(bias), depth, 2 * height, 2 * width)
        out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last_3d)
        for row, column, phase in first_phases(bordered(x), kernels, bias, 2):
            out[..., row::2, column::2] = phase
        return out


class MaskConv(Derived):
    """A convolution with a large cubic kernel and few outputs, in which the taps along the depth count as outputs.

    Kernels want more outputs than there are, and taps that would reach beyond the volume are left out: one for every
    group of layers with the same ones. [B, I, D, H, W] -> float32 [B, O, D, H, W]
    """

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.side, self.outputs = side, outputs
        conv = nn.Conv3d(inputs, outputs, side)
        self.weight, self.bias = conv.weight, conv.bias

    def derive(self) -> list[Tensor]:
        flat = self.weight.permute(2, 0, 1, 3, 4).flatten(0, 1)  # [side O, I, side, side], the first tap first
        return [flat.contiguous(memory_format=torch.channels_last), self.bias]

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.kernels
        reach, (batch, _, depth) = self.side // 2, x.shape[:3]
        layers = x.transpose(1, 2)  # [B, D, I, H, W]
        total = bias.float().view(1, 1, -1, 1, 1).repeat(batch, depth, 1, *x.shape[3:])
        for begin, end, first, last in tap_groups(depth, reach):
            part = weight[first * self.outputs : last * self.outputs]
            seen = F.conv2d(layers[:, begin:end].flatten(0, 1), part, padding=reach)
            for tap, answer in zip(range(first, last), seen.split(self.outputs, 1), strict=True):
                target = slice(begin + reach - tap, end + reach - tap)
                total[:, target] += answer.unflatten(0, (batch, -1))
        return total.transpose(1, 2)


def tap_groups(depth: int, reach: int) -> list[tuple[int, int, int, int]]:
    """Layers of the input, [begin, end), and the taps, [first, last), by which they reach a layer of the output."""
    groups: list[tuple[int, int, int, int]] = []
    for layer in range(depth):
        taps = max(0, layer + reach - depth + 1), min(2 * reach, layer + reach) + 1
        if groups and groups[-1][2:] == taps:
            groups[-1] = (groups[-1][0], layer + 1, *taps)
        else:
            groups.append((layer, layer + 1, *taps))
    return groups


class OcclusionConv(Derived):
    """A convolution over all layers of a volume with a single output: multiply first, then add up what is shifted.

    One output fills no kernel; its taps as outputs of a matrix product do. [B, C, D, H, W] -> float32 [B, 1, H, W]
    """

    def __init__(self, channels: int, depth: int, side: int) -> None:
        super().__init__()
        self.side = side
        conv = nn.Conv2d(channels * depth, 1, side)
        self.depth = depth
        self.weight, self.bias = conv.weight, conv.bias

    def derive(self) -> list[Tensor]:
        taps = self.weight[0].unflatten(0, (-1, self.depth)).transpose(0, 1).flatten(2)  # [D, C, taps]
        return [taps.flip(2).contiguous(), self.bias]

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.kernels
        pixels = x.permute(0, 2, 3, 4, 1).flatten(2, 3)  # [B, D, H W, C]
        answer = (pixels @ weight).float().sum(1).transpose(1, 2)  # [B, taps, H W]
        return F.fold(answer, x.shape[3:], self.side, padding=self.side // 2) + bias.float()


class Hourglass(nn.Module):
    """Down to a few columns and back up, the layers of the depth untouched. [B, I, D, H, W] -> [B, out, D, H, W]"""

    def __init__(self, inputs: int, width: int, most: int, levels: int) -> None:
        super().__init__()
        widths = [inputs, *(min(most, width << level) for level in range(1, levels + 1))]
        rising = [min(most, width << level) for level in reversed(range(levels))]
        skips = widths[-2::-1]
        entering = [widths[-1], *(a + b for a, b in zip(rising, skips, strict=True))]
        self.outputs = entering[-1]
        self.down = nn.ModuleList(ConvNorm(nn.Conv3d(a, b, 3, padding=1), b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(ConvNorm(UpsampledConv3d(a, b), b) for a, b in zip(entering[:-1], rising, strict=True))
        self.last = ConvNorm(nn.Conv3d(self.outputs, self.outputs, 3, padding=1), self.outputs)

    def forward(self, x: Tensor) -> Tensor:
        skips = [x]
        for block in self.down:
            skips.append(halved(F.relu(block(skips[-1]), inplace=True)))
        x = skips.pop()
        for block in self.up:
            x = torch.cat([F.relu(block(x), inplace=True), skips.pop()], 1)
        return F.relu(self.last(x), inplace=True)


def halved(x: Tensor) -> Tensor:
    """Mean of 2 x 2 columns, layer by layer: as pictures, of which every device can average all precisions."""
    pooled = F.avg_pool2d(x.transpose(1, 2).flatten(0, 1), 2)
    return pooled.unflatten(0, (len(x), -1)).transpose(1, 2)


def _wider(tensor: Tensor, dim: int, more: int) -> nn.Parameter:
    """With `more` zeros at the end of a dimension."""
    shape = list(tensor.shape)
    shape[dim] = more
    return nn.Parameter(torch.cat([tensor, tensor.new_zeros(shape)], dim), requires_grad=False)


class WarpingModule(nn.Module):
    """A source and where its keypoints [B, K, 3] went -> Warp."""

    def __init__(self, config: WarpingConfig) -> None:
        super().__init__()
        self.config = config
        proposals = config.keypoints + 1
        self.compress = ConvNorm(nn.Conv3d(config.channels, config.compress, 1), config.compress)
        self.hourglass = Hourglass(proposals * (config.compress + 1), config.width, config.most, config.levels)
        self.mask = MaskConv(self.hourglass.outputs, proposals, config.mask)
        self.occlusion = OcclusionConv(self.hourglass.outputs, config.depth, config.mask)
        self.third = ConvNorm(nn.Conv2d(config.channels * config.depth, config.features, 3, padding=1), config.features)
        self.fourth = nn.Conv2d(config.features, config.features, 1)

    def narrow(self, dtype: torch.dtype) -> None:
        """Compute convolutions in another precision; places and the weights of proposals stay float32. The eight bits
        of bfloat16 are too few: what is a little out of place shows more than all that the generator rounds."""
        if dtype is not torch.bfloat16:
            for part in (self.hourglass, self.mask, self.occlusion, self.third, self.fourth):
                part.to(dtype)

    @torch.no_grad()
    def align(self, multiple: int) -> None:
        """Add channels of zeros until large layers have a multiple of them; norms must be folded, kernels not settled.

        The result does not change: nothing comes out of the new channels and nothing reads them.
        """
        hourglass = self.hourglass
        first, last = hourglass.down[0].conv, hourglass.last.conv
        inputs, outputs = (-conv.in_channels % multiple for conv in (first, last))
        first.weight, first.in_channels = _wider(first.weight, 1, inputs), first.in_channels + inputs
        last.weight = _wider(_wider(last.weight, 1, inputs), 0, outputs)
        last.bias = _wider(last.bias, 0, outputs)
        self.mask.weight = _wider(self.mask.weight, 1, outputs)
        self.occlusion.weight = _wider(self.occlusion.weight, 1, outputs * self.config.depth)

    def know(self, volume: Tensor, keypoints: Tensor) -> WarpSource:
        """What depends on the source only: volume [B, C, D, H, W], keypoints [B, K, 3]."""
        compressed = F.relu(self.compress(volume))
        still = shifted_copies(compressed, torch.zeros_like(keypoints[:, :1]))
        still = torch.cat([torch.zeros_like(still[:, :, :1]), still], 2)
        return WarpSource(volume, keypoints, compressed, still, heat(keypoints, volume.shape[2:]))

    def forward(self, source: WarpSource, driving: Tensor) -> Warp:
        return self.carry(source, driving, self.weigh(source, driving))

    def weigh(self, source: WarpSource, driving: Tensor) -> Weighing:
        """Which keypoint every place goes with: nearly all of the work."""
        size, shift = source.volume.shape[2:], source.keypoints - driving
        moved = shifted_copies(source.compressed, shift)
        found = heat(driving, size) - source.heat
        proposals = torch.cat([source.still, torch.cat([found[:, :, None], moved], 2)], 1).flatten(1, 2)
        first = self.hourglass.down[0].conv
        if short := first.in_channels - proposals.shape[1]:
            proposals = F.pad(proposals, (0, 0, 0, 0, 0, 0, 0, short))
        seen = self.hourglass(proposals.to(first.weight.dtype, memory_format=torch.channels_last_3d))
        return Weighing(self.mask(seen).softmax(1), self.occlusion(seen).sigmoid())

    def carry(self, source: WarpSource, driving: Tensor, weighing: Weighing) -> Warp:
        """The source's features where the keypoints take them."""
        size, shift = source.volume.shape[2:], source.keypoints - driving
        carried = weighing.proposals[:, 1:].flatten(2).transpose(1, 2) @ shift  # the background proposes no shift
        grid = coordinate_grid(size, shift) + carried.unflatten(1, size)
        features = sample_volume(source.volume, grid).flatten(1, 2)
        features = features.to(self.fourth.weight.dtype, memory_format=torch.channels_last)
        features = self.fourth(F.leaky_relu(self.third(features), SLOPE))
        return Warp(features * weighing.occlusion, grid, weighing.occlusion)
