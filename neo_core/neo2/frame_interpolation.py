"""Movement within a latent: from four pictures of nearly one moment to four moments.

A latent stands for four frames, and its cells are so few that they say where things are rather than how they move
there: painted alone, hands stood for four frames and then jumped. Where parts of the anchor have gone from one latent
to the next is known, though: the flow that warps it. A small network reads codes and flow of a latent and of those
before and after it, and says for each of the four frames how to bend the picture that was painted for it, how to bend
the nearest one of the neighbour, and how to blend the two, as interpolation of frames does (arXiv 1712.00080, equations
2 and 5). It begins with straight movement from neighbour to neighbour.

Without the latent after, the last frames of each would have to be foretold: tried, 54 % of what changes where hands are
fell on the borders between latents, in place of 41 % after as few steps.

Letters: B videos, T moments, C channels, h w cells of a code, H W pixels, 4 frames of a moment.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..runtime.grid_sampling import sample_continued
from .latent_space import FRAMES
from .motion_codec import Block, Head, Rise, Sink

SAID = 5  # numbers per frame: two of either flow, the blend
PIXELS = 4.0  # a unit of a flow that the network says
READ = 8.0  # pixels that are a unit of a flow that it reads
TRUST = 2.0  # in the picture that was painted for the frame, before anything is learned


class FrameInterpolation(nn.Module):
    """Frames as they were painted, moved to where they belong."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3 * (channels + 2) + channels, width, 3, padding=1)
        self.fine, self.last = Block(width), Block(width)
        self.sink, self.coarse, self.rise = Sink(width), Block(2 * width), Rise(width)
        self.head = Head(width, SAID * FRAMES, silent=True)
        places = (torch.arange(FRAMES) - (FRAMES - 1) / 2) / FRAMES  # of the frames, in latents after the middle
        self.register_buffer("own", places[:, None, None, None], persistent=False)
        self.register_buffer("beside", self.own - self.own.sign(), persistent=False)  # after the neighbour's middle

    def forward(self, codes: Tensor, flow: Tensor, anchor: Tensor, video: Tensor) -> Tensor:
        """Codes [B, 1 + T + 1, C, h, w], where in the anchor they look [B, 1 + T + 1, 2, h, w], the anchor's code
        [B, C, h, w] and what was painted [B, 3, 4 + 4 T + 4, H, W] -> the T moments in between, [B, 3, 4 T, H, W]."""
        told = torch.cat((codes, flow / READ), dim=2)
        around = (told[:, :-2], told[:, 1:-1], told[:, 2:], anchor[:, None].expand_as(codes[:, 2:]))
        drift = (flow[:, 2:] - flow[:, :-2]) / 2
        own, other, trust = self._say(torch.cat(around, dim=2), drift, video.shape[-2:])
        painted, nearest = _pictures(video)
        moved = trust * warped(painted, own) + (1 - trust) * warped(nearest, other)
        return rearrange(moved, "(b n) c h w -> b c n h w", b=len(codes))

    def _say(self, seen: Tensor, drift: Tensor, size: torch.Size) -> tuple[Tensor, Tensor, Tensor]:
        """For each frame the flow of what was painted for it, that of the nearest of the neighbour's, and the share of
        the first: [B 4 T, 2, H, W] twice in pixels, [B 4 T, 1, H, W]."""
        x = self.fine(self.enter(seen.flatten(0, 1)))
        x = self.last(x + self.rise(self.coarse(self.sink(x))))
        said = rearrange(self.head(x).float(), "n (f s) h w -> n f s h w", f=FRAMES)
        straight = drift.flatten(0, 1)[:, None].float()
        own = PIXELS * said[:, :, :2] + self.own * straight
        other = PIXELS * said[:, :, 2:4] + self.beside * straight
        trust = torch.sigmoid(said[:, :, 4:] + TRUST)
        whole = F.interpolate(torch.cat((own, other, trust), dim=2).flatten(0, 1), size=tuple(size), mode="bilinear")
        return whole[:, :2], whole[:, 2:4], whole[:, 4:]


def _pictures(video: Tensor) -> tuple[Tensor, Tensor]:
    """What was painted for each frame of the moments in between, and the nearest picture of the moment before or after.
    [B, 3, 4 + 4 T + 4, H, W] -> [B 4 T, 3, H, W] each"""
    painted = video[:, :, FRAMES:-FRAMES]
    before, after = video[:, :, FRAMES - 1 : -FRAMES - 1 : FRAMES], video[:, :, 2 * FRAMES :: FRAMES]
    half = FRAMES // 2
    nearest = torch.stack((*[before] * half, *[after] * half), dim=3).flatten(2, 3)
    return tuple(rearrange(x, "b c n h w -> (b n) c h w") for x in (painted, nearest))


def warped(pictures: Tensor, flow: Tensor) -> Tensor:
    """Each pixel shows what lies flow [N, 2 (down, right), H, W] pixels away. [N, 3, H, W] -> the same"""
    height, width = pictures.shape[-2:]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 0]
    x = torch.arange(width, device=flow.device) + flow[:, 1]
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)
    return sample_continued(pictures, grid)


def standing_beyond(codes: Tensor, flow: Tensor, video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A whole video with its first moment once more before it and its last one after it. [B, T, C, h, w],
    [B, T, 2, h, w], [B, 3, 4 T, H, W]"""
    codes, flow = (torch.cat((x[:, :1], x, x[:, -1:]), dim=1) for x in (codes, flow))
    return codes, flow, torch.cat((video[:, :, :FRAMES], video, video[:, :, -FRAMES:]), dim=2)
