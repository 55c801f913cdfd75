"""The diffusion transformer of NEO 2: "guided by the reference image, the text prompt, and the audio embeddings [...]
processes all of these jointly, so gestures feel driven by speech rather than layered on top of it."

 - pictures (video, latents of earlier chunks, the anchor), sound and words in one softmax per block (MMDiT, arXiv
   2403.03206): all pictures share weights, sound and words have narrower ones of their own
 - "every new video chunk receives reference latents from previous chunks": context tokens with negative times
 - rotary positions over time, row and column; sound turns with time alone, words with nothing, the anchor has a row
   and a column and no time. Only differences of time count: a window may start anywhere. Where in the picture a token
   lies it is told as well
 - one modulation for all blocks with a small table in each (adaLN-single, arXiv 2310.00426), said anew for each
   latent: flow time, prompt, and the sound of the latent's own frames. Lips so know their sound before any attention
 - cells of the video look around them before they become tokens and after (`local_block`)
 - latents are offsets from the anchor (`motion_codec`), and the network says in which direction the truth lies off
   their best linear estimate (`gaussian_prior`): a fresh one answers with that estimate
 - beside it lies what the energy of the voice is read with (`prosody`), which acts on finished latents

Letters: B batch, T latents of the window, K latents of context, F = T + K + 1 pictures (video, context, anchor),
C h w a latent, 4h 4w the code of the anchor, S tokens of a picture, A = 4 T frames of sound, L layers of the audio
encoder, W words, G trigrams, D width of the pictures, E width of a side stream (sound, words), H heads, R numbers of a
head that turn.
"""

import math
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from ..nn.embedding import TimestepEmbedding
from ..nn.feed_forward import FeedForward
from ..nn.norm import ChannelRMSNorm, RMSNorm, modulate
from ..nn.position import rotary_table, rotate
from ..nn.stream import join_heads, split_heads, split_normed
from ..runtime.attention import attention
from .gaussian_prior import along, cosines, deviation, estimate, resized, spectrum
from .latent_space import CHANNELS, COARSE, FRAMES
from .local_block import AnchorMap, LocalBlock
from .prosody import Prosody
from .text_encoder import TextConfig, TextEncoder, pad_words

SIGNALS = {"audio": "heard", "text": "prompted", "context": "contextual", "reference": "anchored"}
KINDS = ("video", "context", "anchor")  # of pictures
STREAMS = ("pictures", "sound", "words")  # pictures first: they are read out
PAIR = 2  # feature frames per video frame
AROUND = 2  # video frames before and after a latent whose sound modulates it too
OPEN = 0.3  # of the gates at the start
LIVELY = 3.0  # largest logarithm of what a place varies by, over what the prior says
WAVES = 8  # cosines down and across that tell a token its place in the picture


@dataclass(frozen=True)
class DiTConfig:
    """Sizes; the defaults are the embedded model's."""

    audio_layers: int = 9
    audio_width: int = 192
    width: int = 256
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 4.0
    side_width: int = 128
    side_ratio: float = 1.0
    patch: int = 2  # a token is a square of so many cells
    local_width: int = 128
    local_depth: int = 2  # blocks before the tokens, and as many after them
    rotary_time: int = 16  # numbers of a head that turn with time
    rotary_place: int = 12  # with the row, and as many with the column
    rotary_base: float = 100.0
    audio_mixes: int = 3  # learned blends of the encoder's layers, side by side
    text_width: int = 96
    text_depth: int = 2
    text_tokens: int = 8
    prior_lags: int = 12  # latents apart that the prior knows of
    prior_side: int = 8  # cells of its square

    def __post_init__(self) -> None:
        if self.width % self.heads or self.rotary_time % 2 or self.rotary_place % 2 or self.turning > self.head_width:
            raise ValueError(
                f"width {self.width} does not split into {self.heads} heads of which {self.turning} numbers turn"
            )

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def turning(self) -> int:
        return self.rotary_time + 2 * self.rotary_place


SIZES: dict[str, dict] = {
    "mini": {},
    "base": {"width": 384, "depth": 12, "heads": 6, "side_width": 192, "local_width": 192},
}


@dataclass(frozen=True)
class Conditions:
    """What steers a window. A signal that is left out keeps its tensors but is not looked at."""

    anchor: Tensor  # [B, C, 4h, 4w] code of the reference picture
    audio: Tensor  # [B, L, 8 T, F] hidden states of the encoder; zeros where there is no sound
    words: Tensor  # [B, W, G] tokenised prompt
    context: Tensor  # [B, K, C, h, w] latents of earlier chunks
    context_time: Tensor  # [B, K] their place in latents, the window's first latent being 0: negative
    heard: Tensor  # [B] bool, as the others: whether the signal is given
    prompted: Tensor
    contextual: Tensor
    anchored: Tensor

    def without(self, *signals: str) -> "Conditions":
        """The same with some of `SIGNALS` left out."""
        return replace(self, **{SIGNALS[name]: torch.zeros_like(getattr(self, SIGNALS[name])) for name in signals})

    def to(self, device: torch.device | str) -> "Conditions":
        return Conditions(*(getattr(self, f.name).to(device) for f in fields(self)))

    def take(self, part: slice) -> "Conditions":
        """Some of the batch."""
        return Conditions(*(getattr(self, f.name)[part] for f in fields(self)))

    @staticmethod
    def stack(several: "list[Conditions]") -> "Conditions":
        """Several sets as one batch, in order. They agree in all sizes but the number of words, and those without
        context (K = 0) may be beside others with it."""
        words = pad_words([row for c in several for row in c.words])
        most = max(several, key=lambda c: c.context.shape[1]).context.shape[1]
        level = [c if c.context.shape[1] == most else _without_context(c, most) for c in several]
        joined = {
            f.name: torch.cat([getattr(c, f.name) for c in level]) for f in fields(Conditions) if f.name != "words"
        }
        return Conditions(words=words, **joined)


def _without_context(conditions: Conditions, count: int) -> Conditions:
    """Room for `count` latents of context that nobody sees."""
    batch, _, *shape = conditions.context.shape
    return replace(
        conditions,
        context=conditions.context.new_zeros(batch, count, *shape),
        context_time=conditions.context_time.new_zeros(batch, count),
        contextual=torch.zeros_like(conditions.contextual),
    )


class AudioInput(nn.Module):
    """All hidden states of the encoder -> a token per video frame: blends of the layers with learned weights (early
    layers carry melody, late ones phones: several scales of one sound), the pairs of feature frames side by side."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        depth = torch.linspace(0, 1, config.audio_layers)
        middle = torch.linspace(1, 0, config.audio_mixes)[:, None]
        self.layer_logits = nn.Parameter(-2 * (depth - middle).abs())
        self.project = nn.Linear(PAIR * config.audio_mixes * config.audio_width, config.side_width)
        self.nothing = nn.Parameter(0.02 * torch.randn(config.side_width))

    def forward(self, hidden: Tensor, heard: Tensor) -> Tensor:
        """[B, L, 2 A, F], [B] bool -> [B, A, E]. Frames of zeros are not heard."""
        sounds = rearrange(hidden != 0, "b l (a pair) f -> b a (l pair f)", pair=PAIR).any(-1) & heard[:, None]
        level = F.layer_norm(hidden.to(self.project.weight.dtype), (hidden.shape[-1],))
        mixed = torch.einsum("ml,bltf->btmf", self.layer_logits.softmax(dim=-1), level)
        tokens = self.project(rearrange(mixed, "b (a pair) m f -> b a (pair m f)", pair=PAIR))
        return torch.where(sounds[..., None], tokens, self.nothing.to(tokens.dtype))


class LatentSound(nn.Module):
    """What modulates each latent: the sound of its own frames and of `AROUND` on either side. [B, A, E] -> [B, T, D]"""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.rise = nn.Linear((FRAMES + 2 * AROUND) * config.side_width, config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, sound: Tensor, nothing: Tensor) -> Tensor:
        edge = nothing.to(sound.dtype).expand(len(sound), AROUND, -1)
        near = torch.cat((edge, sound, edge), dim=1).unfold(1, FRAMES + 2 * AROUND, FRAMES)
        return self.out(F.silu(self.rise(rearrange(near, "b t e n -> b t (n e)"))))


class StreamLayer(nn.Module):
    """One stream's own weights in one block, the joint attention of width D between."""

    def __init__(self, width: int, joint: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.heads = heads
        self.table = nn.Parameter(torch.randn(6, width) * width**-0.5)  # shift, scale, gate of both halves
        nn.init.constant_(self.table[2], OPEN)
        nn.init.constant_(self.table[5], OPEN)
        self.project = nn.Linear(width, 3 * joint)
        self.query_norm, self.key_norm = RMSNorm(joint // heads), RMSNorm(joint // heads)
        self.out = nn.Linear(joint, width)
        self.feed_forward = FeedForward(width, mlp_ratio)

    @torch.no_grad()
    def look_around(self, turning: slice) -> None:
        """Start with the first half of the heads around their own moment and place: equal turning parts meet where
        those are equal. Training is free to unlearn it."""
        queries_keys = self.project.bias.unflatten(0, (3, self.heads, -1))[:2]
        queries_keys[:, : self.heads // 2, turning] += 1.0

    def enter(self, x: Tensor, said: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys, values [B, H, n, D / H] of tokens [B, f, s, width], n = f s, which are told `said`
        [B, f, 1, 6, width]."""
        shift, scale = (said + self.table).unbind(-2)[:2]
        q, k, v = self.project(modulate(x, shift, scale)).flatten(1, 2).chunk(3, dim=-1)
        q, k = split_normed(q, self.heads, self.query_norm), split_normed(k, self.heads, self.key_norm)
        return q, k, split_heads(v, self.heads)

    def leave(self, x: Tensor, found: Tensor, said: Tensor) -> Tensor:
        """The tokens with what the attention found for them [B, n, D], refined one by one."""
        _, _, gate, refine_shift, refine_scale, refine_gate = (said + self.table).unbind(-2)
        x = x + gate * self.out(found).unflatten(1, x.shape[1:3])
        return x + refine_gate * self.feed_forward(modulate(x, refine_shift, refine_scale))


class Block(nn.Module):
    """One joint attention over the tokens of all streams, then each stream on its own."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        half_time, half = config.rotary_time // 2, config.turning // 2
        widths = (config.width, config.side_width, config.side_width)
        ratios = (config.mlp_ratio, config.side_ratio, config.side_ratio)
        self.streams = nn.ModuleList(
            StreamLayer(width, config.width, config.heads, ratio) for width, ratio in zip(widths, ratios, strict=True)
        )
        self.streams[0].look_around(slice(0, half))
        self.streams[1].look_around(slice(0, half_time))

    def forward(self, states: list[Tensor], said: list[Tensor], table: Tensor, mask: Tensor | None) -> list[Tensor]:
        """Tokens [B, f, s, width] of each stream -> the same."""
        entered = [stream.enter(x, c) for stream, x, c in zip(self.streams, states, said, strict=True)]
        q, k, v = (torch.cat(part, dim=2) for part in zip(*entered, strict=True))
        found = join_heads(attention(rotate(q, table), rotate(k, table), v, mask=mask))
        shares = found.split([part[0].shape[2] for part in entered], dim=1)
        return [s.leave(x, f, c) for s, x, f, c in zip(self.streams, states, shares, said, strict=True)]


class DiT(nn.Module):
    """x_t, t and the conditions of a window -> its clean latents."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width, side, cells = config.width, config.side_width, CHANNELS * config.patch**2
        local = config.local_width
        self.enter = nn.Conv3d(CHANNELS, local, (1, 3, 3), padding=(0, 1, 1))
        self.anchor_map = AnchorMap(CHANNELS, local)
        self.before, self.after = (
            nn.ModuleList(LocalBlock(local, width) for _ in range(config.local_depth)) for _ in range(2)
        )
        self.video_input = nn.Linear(local * config.patch**2, width)
        self.video_output = nn.Linear(width, local * config.patch**2)
        self.context_input = nn.Linear(cells, width)
        self.anchor_input, self.anchor_beside = (nn.Linear(cells * COARSE**2, width) for _ in range(2))
        self.place_input = nn.Linear(WAVES * WAVES, width)
        self.no_anchor = nn.Parameter(0.02 * torch.randn(width))
        self.kinds = nn.Parameter(0.02 * torch.randn(len(KINDS), width))  # marks of tokens
        self.kind_conditions = nn.Parameter(0.02 * torch.randn(len(KINDS), width))
        self.audio_input = AudioInput(config)
        self.latent_sound = LatentSound(config)
        self.sound_input = nn.Linear(width, width)
        self.text_encoder = TextEncoder(
            TextConfig(config.text_width, config.text_depth, tokens=config.text_tokens, outputs=side)
        )
        self.prompt = nn.Linear(config.text_tokens * side, width)
        self.time = TimestepEmbedding(width)
        self.modulations = nn.ModuleList(nn.Linear(width, 6 * out) for out in (width, side, side))
        for layer in self.modulations:
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.final_modulation = nn.Linear(width, 2 * width)
        self.lively = nn.Linear(width, CHANNELS)
        self.final_norm = ChannelRMSNorm(local)
        self.final = nn.Conv3d(local, CHANNELS, (1, 3, 3), padding=(0, 1, 1))
        prior = torch.zeros(config.prior_lags, CHANNELS, config.prior_side, config.prior_side)
        prior[0] = 1
        self.register_buffer("autocovariance", prior)  # of clean latents, by lag
        self.prosody = Prosody(config.audio_layers, config.audio_width)
        for layer in (self.final_modulation, self.lively, self.final):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """[B, T, C, h, w] at flow times [B] -> clean latents [B, T, C, h, w]."""
        noisy = Noisy(x, t, self._variance(x))
        sound = self.audio_input(conditions.audio, conditions.heard)  # [B, A, E]
        words = self.text_encoder(conditions.words, conditions.prompted)
        near = self.latent_sound(sound, self.audio_input.nothing)  # [B, T, D]
        moment = self.time(t) + self.prompt(words.flatten(1))  # [B, D]
        told = self._told(moment, near, conditions.context.shape[1])  # [B, F, D]
        cells = self._cells(noisy.guess(), told, conditions)
        states = [self._pictures(cells, near, conditions), sound[:, None], words[:, None]]
        said = [
            rearrange(layer(F.silu(c)), "b f (six d) -> b f 1 six d", six=6)
            for layer, c in zip(self.modulations, (told, moment[:, None], moment[:, None]), strict=True)
        ]
        table, mask = self._table(x, conditions), self._mask(x, conditions, states[0].shape[2])
        for block in self.blocks:
            states = block(states, said, table, mask)
        told = told[:, : x.shape[1]]
        shift, scale = self.final_modulation(F.silu(told[:, :, None])).chunk(2, dim=-1)
        tokens = modulate(states[0][:, : x.shape[1]], shift, scale)
        cells = cells + self._put_together(self.video_output(tokens), x)
        for block in self.after:
            cells = block(cells, told)
        offset = rearrange(self.final(F.silu(self.final_norm(cells))), "b c t h w -> b t c h w")
        return noisy.clean(offset.float(), self._lively(tokens, x))

    def _variance(self, x: Tensor) -> Tensor:
        """What clean latents vary by along the cosines of a window: [T, C, h, w]."""
        with torch.autocast(x.device.type, enabled=False):
            return spectrum(resized(self.autocovariance.float(), x.shape[-2:]), x.shape[1])

    def _cells(self, x: Tensor, told: Tensor, conditions: Conditions) -> Tensor:
        """Video cell by cell, with what the anchor shows there: [B, T, C, h, w] -> [B, N, T, h, w]."""
        anchor = torch.where(conditions.anchored[:, None, None, None], conditions.anchor.to(x), 0)
        cells = self.enter(rearrange(x, "b t c h w -> b c t h w")) + self.anchor_map(anchor)[:, :, None]
        for block in self.before:
            cells = block(cells, told[:, : x.shape[1]])
        return cells

    def _pictures(self, cells: Tensor, near: Tensor, conditions: Conditions) -> Tensor:
        """Tokens of video and context, told what the anchor shows at their place, and of the anchor: [B, F, S, D]."""
        patch, given = self.config.patch, conditions.anchored[:, None, None, None]
        shown = self._squares(conditions.anchor[:, None], COARSE * patch)
        beside = torch.where(given, self.anchor_beside(shown), 0)
        video = self.video_input(self._squares(rearrange(cells, "b n t h w -> b t n h w"), patch))
        video = video + beside + self.sound_input(near)[:, :, None]
        context = self.context_input(self._squares(conditions.context, patch)) + beside
        anchor = torch.where(given, self.anchor_input(shown), self.no_anchor.to(beside.dtype))
        marked = zip((video, context, anchor), self.kinds, strict=True)
        tokens = torch.cat([part + mark for part, mark in marked], dim=1)
        return tokens + self.place_input(self._waves(cells).to(self.place_input.weight.dtype))

    def _squares(self, pictures: Tensor, side: int) -> Tensor:
        """[B, f, C, h, w] -> one row of numbers per token [B, f, S, C side side]."""
        squares = rearrange(pictures, "b f c (y p) (x q) -> b f (y x) (c p q)", p=side, q=side)
        return squares.to(self.video_input.weight.dtype)

    def _waves(self, x: Tensor) -> Tensor:
        """Where in the picture every token lies, as products of cosines down and across: [S, WAVES WAVES]. Rotary
        places are relative; this tells a face from hands before anything is recognised."""
        down, right = (
            torch.cos(
                math.pi * torch.arange(WAVES, device=x.device) * (torch.arange(n, device=x.device)[:, None] + 0.5) / n
            )
            for n in (size // self.config.patch for size in x.shape[-2:])
        )
        return (down[:, None, :, None] * right[None, :, None]).flatten(2).flatten(0, 1)

    def _told(self, moment: Tensor, near: Tensor, context: int) -> Tensor:
        """What every picture is told before any attention: flow time and prompt, video its sound too. [B, F, D]"""
        video, before, anchor = (moment[:, None] + kind for kind in self.kind_conditions)
        return torch.cat((video + near, before.expand(-1, context, -1), anchor), dim=1)

    def _table(self, x: Tensor, conditions: Conditions) -> Tensor:
        """Rotary table of the tokens of all streams: [2, B, 1, N, R / 2]."""
        batch, length = x.shape[:2]
        latent = (torch.arange(length, device=x.device) + 0.5).expand(batch, -1)
        latents = torch.cat((latent, conditions.context_time.to(x) + 0.5), dim=1)
        frames = (torch.arange(FRAMES * length, device=x.device) + 0.5).expand(batch, -1) / FRAMES
        pictures = self._places(self._turn(latents, self.config.rotary_time), x).flatten(2, 3)
        sound = F.pad(self._turn(frames, self.config.rotary_time), (0, self.config.rotary_place))
        words = sound.new_zeros(2, batch, self.config.text_tokens, sound.shape[-1])
        return torch.cat((pictures, sound, words), dim=2)[:, :, None]

    def _places(self, timed: Tensor, x: Tensor) -> Tensor:
        """The turns of video and context [2, B, F - 1, r], and of the anchor, which has no time, with those of rows and
        columns: [2, B, F, S, R / 2]."""
        rows, columns = (torch.arange(n // self.config.patch, device=x.device)[None] for n in x.shape[-2:])
        timed = F.pad(timed, (0, 0, 0, 1))
        down, right = (self._turn(places, self.config.rotary_place) for places in (rows, columns))
        size = (*timed.shape[:3], rows.shape[1], columns.shape[1], -1)
        parts = (timed[:, :, :, None, None], down[:, :, None, :, None], right[:, :, None, None])
        return torch.cat([part.expand(size) for part in parts], dim=-1).flatten(3, 4)

    def _turn(self, positions: Tensor, width: int) -> Tensor:
        """[B, n] -> [2, B, n, width / 2]"""
        table = rotary_table(positions.flatten(), width, self.config.rotary_base)
        return table.unflatten(1, positions.shape)

    def _mask(self, x: Tensor, conditions: Conditions, tokens: int) -> Tensor | None:
        """Which keys may be seen: [B, 1, 1, N], or None where all may. Only context is ever hidden: all else that is
        left out has learned tokens in its place. Pictures have so many tokens."""
        count = conditions.context.shape[1]
        if not count or conditions.contextual.all():
            return None
        length = x.shape[1]
        before, after = length * tokens, tokens + FRAMES * length + self.config.text_tokens
        seen = conditions.contextual[:, None].expand(-1, count * tokens)
        return F.pad(seen, (before, after), value=True)[:, None, None]

    def _put_together(self, tokens: Tensor, x: Tensor) -> Tensor:
        """[B, T, S, N p p] -> [B, N, T, h, w], as large as x."""
        p = self.config.patch
        return rearrange(tokens, "b t (y x) (n p q) -> b n t (y p) (x q)", p=p, q=p, x=x.shape[-1] // p)

    def _lively(self, tokens: Tensor, x: Tensor) -> Tensor:
        """How lively each place is in a window, over what the prior says: logarithms [B, 1, C, h, w]."""
        said = LIVELY * torch.tanh(self.lively(tokens).float().mean(1, keepdim=True) / LIVELY)
        p = self.config.patch
        return repeat(said, "b one (y x) c -> b one c (y p) (x q)", p=p, q=p, x=x.shape[-1] // p)


class Noisy:
    """x_t as the prior understands it: variances along the cosines of the window [T, C, h, w]."""

    def __init__(self, x: Tensor, t: Tensor, variance: Tensor) -> None:
        self.x, self.variance = x, variance
        self.t = t.to(x)[:, None, None, None, None]
        self.basis = cosines(x.shape[1], x.device)
        self.seen = self._turned(self.basis, x)

    def guess(self) -> Tensor:
        """The best linear estimate of the clean latents."""
        return self._turned(self.basis.T, estimate(self.seen, self.variance, self.t))

    def clean(self, offset: Tensor, lively: Tensor) -> Tensor:
        """That estimate + an offset in deviations, where all varies by e^lively of what the prior says: [B, T, C, h, w]
        and [B, 1, C, h, w] -> clean latents."""
        variance = self.variance * lively.exp()
        told = deviation(variance, self.t) * self._turned(self.basis, offset)
        return self._turned(self.basis.T, estimate(self.seen, variance, self.t) + told)

    def _turned(self, basis: Tensor, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return along(basis, x.float())
