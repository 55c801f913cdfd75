"""The video autoencoder of NEO 2: 16 x 16 x 4 pixels to a cell of 16 numbers and back, small.

It has two halves. One turns pictures into codes: 4 x 4 x 4 pixels to a cell of 16 numbers. Beside each of its networks
runs a linear map of single blocks of pixels. It begins as the principal components of such blocks and the networks
begin silent, so that training starts where linear coding ends. The decoder reads the code of a reference picture too
(the anchor), at every moment. The other half (`motion_codec`) says how codes differ from that of the anchor: these are
the latents, a sixteenth as many numbers. What is painted from them hardly moves within the four frames of a latent; the
last layer (`frame_interpolation`) moves it. All is causal in time but this layer, which looks one latent ahead.

Letters: B batch, T moments, C channels, D width of a network, H W pixels, h w cells of a code.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from ..nn.norm import ChannelRMSNorm
from .causal_conv import CausalConv3d, Sum
from .frame_interpolation import FrameInterpolation, standing_beyond
from .latent_space import CELL, CHANNELS, FRAMES
from .motion_codec import MotionCodec

BLOCK = 3 * FRAMES * CELL * CELL  # numbers in a block of pixels
HALF = 2  # the fine part of the decoder works at half the size of the picture


@dataclass(frozen=True)
class VideoVAEConfig:
    """Sizes. Widths are channels of the networks, depths their residual blocks."""

    channels: int = CHANNELS
    encoder_width: int = 96
    encoder_depth: int = 3
    decoder_width: int = 128
    decoder_depth: int = 4
    anchor_depth: int = 2
    fine_width: int = 48
    fine_depth: int = 2
    motion_width: int = 192
    motion_depth: int = 4
    interpolation_width: int = 48


class ResidualBlock(nn.Module):
    """x + two convolutions; the first looks one moment back. [B, D, T, H, W] -> the same"""

    def __init__(self, width: int, past: int = 1) -> None:
        super().__init__()
        self.first_norm, self.second_norm = ChannelRMSNorm(width), ChannelRMSNorm(width)
        self.first = CausalConv3d(width, width, (1 + past, 3, 3))
        self.second = CausalConv3d(width, width, (1, 3, 3))
        self.sum = Sum()

    def forward(self, x: Tensor) -> Tensor:
        residue = self.first(F.silu(self.first_norm(x)))
        return self.sum(x, self.second(F.silu(self.second_norm(residue))))


class Head(nn.Module):
    """The last layer of a network; it begins silent. [B, D, T, H, W] -> [B, outputs, T, H, W]"""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.norm = ChannelRMSNorm(width)
        self.out = CausalConv3d(width, outputs, (1, 3, 3))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.silu(self.norm(x)))


class Encoder(nn.Module):
    """Blocks of pixels to what the linear map does not say of them. [B, BLOCK, T, h, w] -> [B, C, T, h, w]"""

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        self.enter = CausalConv3d(BLOCK, config.encoder_width, (1, 1, 1))
        self.blocks = nn.Sequential(*(ResidualBlock(config.encoder_width) for _ in range(config.encoder_depth)))
        self.head = Head(config.encoder_width, config.channels)

    def forward(self, blocks: Tensor) -> Tensor:
        return self.head(self.blocks(self.enter(blocks)))


class Decoder(nn.Module):
    """Latents and what is known of the anchor to what the linear map does not say of the pixels."""

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        width, fine = config.decoder_width, config.fine_width
        self.anchor_enter = CausalConv3d(config.channels, width, (1, 3, 3))
        self.anchor_blocks = nn.Sequential(*(ResidualBlock(width, past=0) for _ in range(config.anchor_depth)))
        self.enter = CausalConv3d(config.channels, width, (1, 1, 1))
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(config.decoder_depth)))
        self.rise_norm = ChannelRMSNorm(width)
        self.rise = CausalConv3d(width, fine * FRAMES * HALF * HALF, (1, 1, 1))
        self.fine_blocks = nn.Sequential(*(ResidualBlock(fine) for _ in range(config.fine_depth)))
        self.head = Head(fine, 3 * HALF * HALF)

    def remember(self, anchor: Tensor) -> Tensor:
        """What the network keeps of the anchor: [B, C, 1, h, w] -> [B, D, 1, h, w]."""
        return self.anchor_blocks(self.anchor_enter(anchor))

    def forward(self, latents: Tensor, kept: Tensor) -> Tensor:
        """[B, C, T, h, w] and what is kept of the anchor -> [B, 3, 4 T, H, W]"""
        x = self.rise(self.rise_norm(self.blocks(self.enter(latents) + kept)))
        x = unfold(x, FRAMES, HALF)
        return unfold(self.head(self.fine_blocks(x)), 1, HALF)


def fold(video: Tensor, frames: int, side: int) -> Tensor:
    """Blocks of pixels become channels: [B, C, T f, H p, W p] -> [B, (f p p C), T, H, W], channels-last in memory."""
    return rearrange(video, "b c (t f) (h p) (w q) -> b t h w (f p q c)", f=frames, p=side, q=side).movedim(-1, 1)


def unfold(blocks: Tensor, frames: int, side: int) -> Tensor:
    """The inverse: [B, (f p p C), T, H, W] -> [B, C, T f, H p, W p]."""
    video = rearrange(blocks, "b (f p q c) t h w -> b (t f) (h p) (w q) c", f=frames, p=side, q=side)
    return video.movedim(-1, 1)


class VideoVAE(nn.Module):
    """Video to latents and back. Codes are normalised, see `training/video_vae.py`."""

    def __init__(self, config: VideoVAEConfig = VideoVAEConfig()) -> None:
        super().__init__()
        self.config = config
        self.linear_encoder = CausalConv3d(BLOCK, config.channels, (1, 1, 1))
        self.linear_decoder = CausalConv3d(config.channels, BLOCK, (1, 1, 1))
        self.encoder, self.decoder, self.sum = Encoder(config), Decoder(config), Sum()
        self.motion = MotionCodec(config.channels, config.motion_width, config.motion_depth)
        self.interpolation = FrameInterpolation(config.channels, config.interpolation_width)
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("std", torch.ones(config.channels))

    def encode(self, video: Tensor, anchor: Tensor) -> Tensor:
        """[B, 3, 4 T, H, W] in -1..1 and the anchor [B, C, h, w] -> latents [B, T, C, h / 4, w / 4], about unit size; a
        latent knows nothing of later frames."""
        return self.motion.encode(self.codes(video), anchor)

    def codes(self, video: Tensor) -> Tensor:
        """[B, 3, 4 T, H, W] in -1..1 -> [B, T, C, h, w], about unit scale; a code knows nothing of later frames."""
        return (self.compress(video).transpose(1, 2) - _each(self.mean)) / _each(self.std)

    def encode_still(self, picture: Tensor) -> Tensor:
        """A picture as four equal frames: [B, 3, H, W] -> [B, C, h, w]."""
        return self.codes(repeat(picture, "b c h w -> b c f h w", f=FRAMES))[:, 0]

    def decode(self, latents: Tensor, anchor: Tensor) -> Tensor:
        """[B, T, C, h / 4, w / 4] and the anchor [B, C, h, w] -> [B, 3, 4 T, H, W] in -1..1; frames know no latents
        after the next."""
        codes, flow = self.motion.decode(latents, anchor)
        return self.move(codes, flow, anchor, self.show(codes, anchor))

    def show(self, codes: Tensor, anchor: Tensor) -> Tensor:
        """Codes [B, T, C, h, w] and that of the anchor [B, C, h, w] -> [B, 3, 4 T, H, W] in -1..1, not moved yet."""
        return self.paint(self.plain(codes), self.remember(anchor)).clamp(-1, 1)

    def move(self, codes: Tensor, flow: Tensor, anchor: Tensor, video: Tensor) -> Tensor:
        """A whole video of T moments, as it was painted, moved: its first and last moment are their own neighbours, so
        there it moves half as far. [B, 3, 4 T, H, W]"""
        codes, flow, video = standing_beyond(codes, flow, video)
        return self.interpolation(codes, flow, anchor, video)

    def plain(self, codes: Tensor) -> Tensor:
        """Normalised codes [B, T, C, h, w] as the networks make and read them: [B, C, T, h, w]."""
        return (codes * _each(self.std) + _each(self.mean)).transpose(1, 2)

    def remember(self, anchor: Tensor) -> Tensor:
        """What the decoder needs of the anchor, the same for all of a video: [B, C, h, w] -> [B, D, 1, h, w]."""
        return self.decoder.remember(self.plain(anchor[:, None]))

    def compress(self, video: Tensor) -> Tensor:
        """[B, 3, 4 T, H, W] -> [B, C, T, h, w], not normalised."""
        blocks = fold(video, FRAMES, CELL)
        return self.linear_encoder(blocks) + self.encoder(blocks)

    def paint(self, latents: Tensor, kept: Tensor) -> Tensor:
        """Latents that are not normalised, and what is kept of the anchor: [B, C, T, h, w] -> [B, 3, 4 T, H, W]."""
        return self.sum(unfold(self.linear_decoder(latents), FRAMES, CELL), self.decoder(latents, kept))


def _each(channels: Tensor) -> Tensor:
    """[C] -> [C, 1, 1], to go with [..., C, h, w]."""
    return channels[:, None, None]
