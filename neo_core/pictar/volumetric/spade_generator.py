"""G: warped features become a picture. Residual blocks whose norms are modulated by the features (SPADE, arXiv
1903.07291). Public layout: `reference/pictar.md` 2.4.

The features are smaller than the later layers by f = 2 and 4 and are repeated to fit, so the convolutions that make
modulations of them run at their own size (`phase_split`), and every norm is applied phase by phase: what a phase needs
fits a cache. All modulations of a group read one convolution, the two of a norm another one, and the shortcut's 1x1
convolution is merged into the half of its norm's modulation that is only added.

Letters: B frames, C channels, h w size of the features, f how many times larger the result of a norm is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .phase_split import bordered, first_phases, first_taps, second_phases, second_taps, split_kernels, variety
from .settling import Derived

SLOPE = 0.2
EPS = 1e-5


@dataclass(frozen=True)
class GeneratorConfig:
    features: int  # channels of what comes in
    width: int  # of the middle blocks
    blocks: int
    rising: tuple[int, ...]  # widths after each doubling of the size
    hidden: int  # channels between features and modulations
    enlarge: int  # pixels per sample of the last layer, across and down


def standardised(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Instance norm without weights. [B, C, H, W] -> float32, and the mean and the variance [B, C, 1, 1] it used"""
    x = x.float()
    mean = x.mean((2, 3), keepdim=True)
    centred = x - mean
    variance = centred.square().mean((2, 3), keepdim=True)
    return centred * torch.rsqrt(variance + EPS), mean, variance


class WholePicture:
    """What blocks know of the picture: all of it, and that zeros lie around it. Who decodes a part of one knows more
    (`window_decoder`)."""

    def normed(self, x: Tensor) -> Tensor:
        return standardised(x)[0]

    def convolved(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        return conv(x)


WHOLE = WholePicture()


class Hidden(Derived):
    """ReLU of a convolution of the f times repeated features, for N norms at once: N bordered patterns
    [B, hidden, r h + 2, r w + 2]."""

    def __init__(self, features: int, hidden: int, norms: int, factor: int) -> None:
        super().__init__()
        self.norms, self.factor = norms, factor
        conv = nn.Conv2d(features, norms * hidden, 3)
        self.weight, self.bias = conv.weight, conv.bias

    def derive(self) -> list[Tensor]:
        return [*split_kernels(self.weight, first_taps(self.factor)), self.bias]

    def forward(self, features: Tensor) -> list[Tensor]:
        return self.within(bordered(features))

    def within(self, padded: Tensor) -> list[Tensor]:
        """The same of features with one more cell on every side than patterns are wanted of."""
        *kernels, bias = self.kernels
        padded = padded.to(bias.dtype)
        if self.factor == 1:
            return list(bordered(F.relu(F.conv2d(padded, kernels[0], bias))).chunk(self.norms, 1))
        (batch, _, height, width), step = padded.shape, variety(self.factor)
        shape = (batch, len(bias) // self.norms, step * (height - 2) + 2, step * (width - 2) + 2)
        patterns = [_blank(shape, padded).zero_() for _ in range(self.norms)]
        for row, column, phase in first_phases(padded, kernels, bias, self.factor):
            for pattern, part in zip(patterns, F.relu(phase).chunk(self.norms, 1), strict=True):
                pattern[..., 1 + row : -1 : step, 1 + column : -1 : step] = part
        return patterns


class Modulation(Derived):
    """A norm's scale and shift, from its hidden pattern; leaky ReLU of the modulated x."""

    def __init__(self, hidden: int, channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        conv = nn.Conv2d(hidden, 2 * channels, 3)
        self.weight, self.bias = conv.weight, conv.bias  # scale (with its 1 in the bias), then shift

    def derive(self) -> list[Tensor]:
        return [*split_kernels(self.weight, second_taps(self.factor)), self.bias]

    def forward(self, x: Tensor, pattern: Tensor, dtype: torch.dtype) -> Tensor:
        """x [B, C, H, W] normed, of the result's size or half of it -> [B, C, f h, f w] of a dtype"""
        *kernels, bias = self.kernels
        phases = second_phases(pattern, kernels, bias, self.factor)
        answers = ((place, self._phase(x, place, part).to(dtype)) for *place, part in phases)
        return _joined(answers, self.factor)

    def _phase(self, x: Tensor, place: list[slice], modulation: Tensor) -> Tensor:
        scale, shift = modulation.float().chunk(2, 1)
        return F.leaky_relu_(torch.addcmul(shift, _phase(x, place, self.factor, scale), scale), SLOPE)


class Shortcut(Derived):
    """A modulated norm and a 1x1 convolution, with nothing in between: conv(x * scale + shift), of which conv(shift) is
    a convolution of the hidden pattern itself."""

    def __init__(self, hidden: int, channels: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.factor, self.channels = factor, channels
        conv = nn.Conv2d(hidden, 2 * channels, 3)
        self.weight, self.bias = conv.weight, conv.bias
        self.conv = nn.Conv2d(channels, outputs, 1, bias=False)

    def derive(self) -> list[Tensor]:
        scale, shift = self.weight.chunk(2)
        scale_bias, shift_bias = self.bias.chunk(2)
        mix = self.conv.weight[:, :, 0, 0]  # [outputs, C]
        weight = torch.cat([scale, torch.einsum("oc,cikl->oikl", mix, shift)])
        bias = torch.cat([scale_bias, mix @ shift_bias])
        return [*split_kernels(weight, second_taps(self.factor)), bias, self.conv.weight]

    def forward(self, x: Tensor, pattern: Tensor) -> Tensor:
        """x [B, C, H, W] normed, of the result's size or half of it -> [B, outputs, f h, f w]"""
        *kernels, bias, mix = self.kernels
        phases = second_phases(pattern, kernels, bias, self.factor)
        return _joined(((place, self._phase(x, place, mix, part)) for *place, part in phases), self.factor)

    def _phase(self, x: Tensor, place: list[slice], mix: Tensor, modulation: Tensor) -> Tensor:
        scale, shift = modulation[:, : self.channels], modulation[:, self.channels :]
        scaled = scale.float() * _phase(x, place, self.factor, scale)
        return F.conv2d(scaled.to(mix.dtype), mix).float() + shift.float()


def _phase(x: Tensor, place: list[slice], factor: int, like: Tensor) -> Tensor:
    """The samples of x that a phase of the f times enlarged result falls on."""
    repeats = factor * like.shape[2] // x.shape[2]
    rows, columns = (slice(part.start // repeats, None, factor // repeats) for part in place)
    return x[..., rows, columns]


def _joined(phases: Iterator[tuple[list[slice], Tensor]], factor: int) -> Tensor:
    """Phases [B, C, h, w] in their places. [B, C, f h, f w]"""
    whole = None
    for place, part in phases:
        if factor == 1:
            return part
        if whole is None:
            batch, channels, height, width = part.shape
            whole = _blank((batch, channels, factor * height, factor * width), part)
        whole[..., place[0], place[1]] = part
    return whole


def _blank(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


class SpadeBlock(nn.Module):
    """A residual block; where the width changes it also doubles the size."""

    def __init__(self, inputs: int, outputs: int, hidden: int, factor: int) -> None:
        super().__init__()
        inner = min(inputs, outputs)
        self.norm_0, self.norm_1 = Modulation(hidden, inputs, factor), Modulation(hidden, inner, factor)
        self.conv_0 = nn.Conv2d(inputs, inner, 3, padding=1)
        self.conv_1 = nn.Conv2d(inner, outputs, 3, padding=1)
        self.shortcut = Shortcut(hidden, inputs, outputs, factor) if inputs != outputs else None

    def forward(self, x: Tensor, patterns: list[Tensor], seen: WholePicture) -> Tensor:
        """x [B, C, H, W] -> [B, outputs, H, W], or twice as large, float32; patterns: of norm 0, norm 1, the shortcut

        Only convolutions are as narrow as their weights: sums and norms stay float32, which costs little.
        """
        start = seen.normed(x)  # repeating it would change no statistics
        dtype = self.conv_0.weight.dtype
        inner = seen.convolved(self.conv_0, self.norm_0(start, patterns[0], dtype))
        inner = seen.convolved(self.conv_1, self.norm_1(seen.normed(inner), patterns[1], dtype))
        return inner.float() + (x if self.shortcut is None else self.shortcut(start, patterns[2]))


class SpadeGenerator(nn.Module):
    """Features [B, C, h, w] -> pictures [B, 3, S, S] in 0..1, S = h * 2^doublings * enlarge"""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.fc = nn.Conv2d(config.features, config.width, 3, padding=1)
        self.middle_hidden = Hidden(config.features, config.hidden, 2 * config.blocks, 1)
        self.middle = nn.ModuleList(
            SpadeBlock(config.width, config.width, config.hidden, 1) for _ in range(config.blocks)
        )
        widths = [config.width, *config.rising]
        factors = [2 << level for level in range(len(config.rising))]
        self.rising_hidden = nn.ModuleList(Hidden(config.features, config.hidden, 3, factor) for factor in factors)
        self.rising = nn.ModuleList(
            SpadeBlock(a, b, config.hidden, factor)
            for a, b, factor in zip(widths[:-1], widths[1:], factors, strict=True)
        )
        self.conv_img = nn.Conv2d(widths[-1], 3 * config.enlarge**2, 3, padding=1)

    def narrow(self, dtype: torch.dtype) -> None:
        """Compute convolutions in another precision. The eight bits of bfloat16 are too few for the modulations of the
        middle blocks, which everything after them multiplies, and for the cheap first and last layer."""
        parts = [self.rising, self.rising_hidden]
        if dtype is torch.bfloat16:
            parts += [conv for block in self.middle for conv in (block.conv_0, block.conv_1)]
        else:
            parts += [self.fc, self.middle, self.middle_hidden, self.conv_img]
        for part in parts:
            part.to(dtype)

    def forward(self, features: Tensor, seen: WholePicture = WHOLE) -> Tensor:
        x = self.through_middle(self.fc(features.to(self.fc.weight.dtype)).float(), self.middle_hidden(features), seen)
        for hidden, block in zip(self.rising_hidden, self.rising, strict=True):
            x = block(x, hidden(features), seen)
        return self.shown(x)

    def through_middle(self, x: Tensor, patterns: list[Tensor], seen: WholePicture) -> Tensor:
        for number, block in enumerate(self.middle):
            x = block(x, patterns[2 * number : 2 * number + 2], seen)
        return x

    def shown(self, x: Tensor) -> Tensor:
        """Pixels of what came out of the last block."""
        x = self.conv_img(F.leaky_relu(x, SLOPE).to(self.conv_img.weight.dtype))
        return F.pixel_shuffle(x.float(), self.config.enlarge).sigmoid()
