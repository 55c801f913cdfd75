"""From what a moment of video shows to how it differs from the anchor, and back: the latents that NEO 2 generates.

"The VAE [...] encodes the identity anchor and decodes generated latents into frames." What the anchor shows need not be
said again: a latent says where things have gone and what the anchor lacks, in squares of 16 x 16 pixels, four frames at
once. The fewer numbers, the less a generator has to learn: with squares of 8 pixels the same small network removed a
tenth of what the best linear estimate leaves of noise, with these a third, in as many steps. The decoder warps the
anchor between the cells of its code (`anchor_warp`; flow and what it cannot bring, after arXiv 2003.00196, section 3.2)
and adds the rest. It learned under noise, so what a generator gets wrong looks like a slightly different movement, not
like noise. A moment that is the anchor has latents of zeros.

The *code* of a picture is what the rest of the autoencoder makes of it: C channels of cells of 4 x 4 pixels.

Letters: N moments, B videos, T moments of each, C channels, h w cells of a latent, 4h 4w those of a code, D width.
"""

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from ..nn.norm import ChannelRMSNorm
from .anchor_warp import at_every_pixel, identity_kernel, warp
from .latent_space import COARSE


class Block(nn.Module):
    """x + two convolutions; begins as x. [N, D, h, w] -> the same"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = ChannelRMSNorm(width), ChannelRMSNorm(width)
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.second_norm(self.first(F.silu(self.first_norm(x))))))


class Head(nn.Sequential):
    """The last layer. [N, D, h, w] -> [N, outputs, h, w]"""

    def __init__(self, width: int, outputs: int, silent: bool = False) -> None:
        super().__init__(ChannelRMSNorm(width), nn.SiLU(), nn.Conv2d(width, outputs, 3, padding=1))
        if silent:
            nn.init.zeros_(self[2].weight)
            nn.init.zeros_(self[2].bias)


class Sink(nn.Sequential):
    """Half the size, twice the width. [N, D, h, w] -> [N, 2 D, h / 2, w / 2]"""

    def __init__(self, width: int) -> None:
        super().__init__(nn.PixelUnshuffle(2), nn.Conv2d(4 * width, 2 * width, 1), Block(2 * width))


class Rise(nn.Sequential):
    """Twice the size, half the width. [N, 2 D, h, w] -> [N, D, 2h, 2w]"""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Conv2d(2 * width, 4 * width, 1), nn.PixelShuffle(2))


class MotionEncoder(nn.Module):
    """The code of a moment and of its anchor, both [N, C, 4h, 4w] -> [N, C, h, w]."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        fine = width // COARSE
        self.enter = nn.Conv2d(2 * channels, fine, 3, padding=1)
        self.fine = Block(fine)
        self.sinks = nn.Sequential(Sink(fine), Sink(2 * fine))
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.head = Head(width, channels)

    def forward(self, code: Tensor, anchor: Tensor) -> Tensor:
        x = self.fine(self.enter(torch.cat((code - anchor, anchor), dim=1)))
        return self.head(self.blocks(self.sinks(x)))


class MotionDecoder(nn.Module):
    """A latent [N, C, h, w] and the anchor's code -> the code of the moment [N, C, 4h, 4w], and the flow that it used
    [N, 2, 4h, 4w] in pixels."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        fine = width // COARSE
        self.enter = nn.Conv2d(channels, width, 1)
        self.anchor = nn.Conv2d(channels * COARSE**2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.middle_rise, self.rise = Rise(2 * fine), Rise(fine)
        self.middle_anchor = nn.Conv2d(4 * channels, 2 * fine, 3, padding=1)
        self.middle, self.moved = Block(2 * fine), Block(fine)
        self.flow = Head(fine, 2, silent=True)
        self.seen = nn.Conv2d(2 * channels, fine, 3, padding=1)
        self.fine = nn.Sequential(Block(fine), Block(fine))
        self.head = Head(fine, channels, silent=True)

    def forward(self, latent: Tensor, anchor: Tensor, everywhere: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(self.enter(latent) + self.anchor(F.pixel_unshuffle(anchor, COARSE)))
        x = self.middle(self.middle_rise(x) + self.middle_anchor(F.pixel_unshuffle(anchor, 2)))
        x = self.moved(self.rise(x))
        flow = self.flow(x).float()
        with torch.autocast(x.device.type, enabled=False):
            warped = warp(anchor.float(), everywhere.float(), flow[:, None])[:, 0]
        x = self.fine(x + self.seen(torch.cat((warped, anchor), dim=1)))
        return warped + self.head(x).float(), flow


class MotionCodec(nn.Module):
    """Codes of a video and of its anchor to latents and back."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.encoder = MotionEncoder(channels, width, depth // 2)
        self.decoder = MotionDecoder(channels, width, depth)
        self.register_buffer("scale", torch.ones(channels))
        for name, value in zip(("shift_kernel", "shift_level"), identity_kernel(channels), strict=True):
            self.register_buffer(name, value)

    def encode(self, codes: Tensor, anchor: Tensor) -> Tensor:
        """[B, T, C, 4h, 4w], [B, C, 4h, 4w] -> latents of about unit size [B, T, C, h, w]."""
        return self.difference(codes, anchor) / self.scale[:, None, None]

    def difference(self, codes: Tensor, anchor: Tensor) -> Tensor:
        """Latents before they are brought to unit size."""
        both = torch.cat((codes, anchor[:, None]), dim=1)
        beside = anchor[:, None].expand_as(both)
        latents = self.encoder(both.flatten(0, 1), beside.flatten(0, 1)).unflatten(0, both.shape[:2]).float()
        return latents[:, :-1] - latents[:, -1:]

    def decode(self, latents: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, C, h, w], [B, C, 4h, 4w] -> codes [B, T, C, 4h, 4w], and where in the anchor they look [B, T, 2, 4h,
        4w]: pixels down and right."""
        everywhere = at_every_pixel(anchor.float(), self.shift_kernel.float(), self.shift_level.float())
        if latents.shape[:2] == (1, 1):  # alone it would take another kernel, and slices come out a little different
            twice, flow = self._moments(latents.repeat(1, 2, 1, 1, 1), anchor, everywhere)
            return twice[:, :1], flow[:, :1]
        return self._moments(latents, anchor, everywhere)

    def _moments(self, latents: Tensor, anchor: Tensor, everywhere: Tensor) -> tuple[Tensor, Tensor]:
        length = latents.shape[1]
        given = (repeat(x, "b ... -> (b t) ...", t=length) for x in (anchor, everywhere))
        codes, flow = self.decoder(latents.flatten(0, 1), *given)
        return tuple(rearrange(x, "(b t) ... -> b t ...", t=length) for x in (codes, flow))
