"""VOCAL (NEO): a multimodal diffusion transformer with two streams.

"A multimodal diffusion transformer (MM-DiT) [...] symmetric joint attention between the audio and the motion stream
[...] shift, scale and gate from the diffusion timestep and the structural identity of the speaker" (NEO post, VOCAL).

 - two streams with weights of their own, one softmax over all their tokens (MMDiT, arXiv 2403.03206)
 - RMSNorm of queries and keys per head and stream, rotary positions on the motion clock
 - who speaks, the portrait's own motion and the state asked for are no tokens: they modulate every block together with
   the flow time

Letters: B batch, D width, H heads, E width of a head (H E = D), T tokens, S streams.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..data_types import GEOMETRY_SIZE, STYLE_SIZE
from ..motion_space import SIZE
from ..nn.norm import RMSNorm
from ..nn.position import rotate
from ..nn.stream import StreamLayer
from ..runtime.attention.dispatch import attention
from .motion_generator import Conditions, EmotionInput, MotionGenerator, WindowConfig, read

STREAMS = ("motion", "audio")  # motion first: it is the one read out


@dataclass(frozen=True)
class MMDiTConfig(WindowConfig):
    """Sizes; the defaults have as many parameters as the embedded VOCAL 1.5."""

    depth: int = 6
    heads: int = 8
    mlp_ratio: float = 2.4167

    def __post_init__(self) -> None:
        if self.width % self.heads or self.rotary % 2 or self.rotary > self.head_width:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads with rotary {self.rotary}")

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class JointBlock(nn.Module):
    """Joint attention of both streams, then a refine step for each. The last block reads out motion alone."""

    def __init__(self, config: MMDiTConfig, depth: int) -> None:
        super().__init__()
        last = depth == config.depth - 1
        self.streams = nn.ModuleList(
            StreamLayer(config.width, config.mlp_ratio, read_out=name == "motion" or not last) for name in STREAMS
        )
        self.read = 1 if last else len(STREAMS)  # how many streams leave this block
        self.heads = config.heads
        for stream in self.streams:
            stream.look_around(config.heads, config.rotary)
        self.key_norm = nn.ModuleList(RMSNorm(config.head_width) for _ in STREAMS)
        self.query_norm = nn.ModuleList(RMSNorm(config.head_width) for _ in STREAMS)

    def forward(self, states: list[Tensor], condition: Tensor, tables: list[Tensor]) -> list[Tensor]:
        """States [B, T, D] of both streams -> those that leave the block."""
        states = [x + update for x, update in zip(states, self._joint(states, condition, tables), strict=False)]
        return [x + stream.refine(x, condition) for x, stream in zip(states, self.streams, strict=False)]

    def _joint(self, states: list[Tensor], condition: Tensor, tables: list[Tensor]) -> list[Tensor]:
        entered, gates = zip(*(s.enter(x, condition) for s, x in zip(self.streams, states, strict=True)), strict=True)
        keys = [self._placed(*part) for part in zip(self.key_norm, (e[0] for e in entered), tables, strict=True)]
        readers = [e[2] for e in entered[: self.read]]
        queries = [self._placed(*part) for part in zip(self.query_norm, readers, tables, strict=False)]
        v = rearrange(torch.cat([e[1] for e in entered], dim=1), "b t (h e) -> b h t e", h=self.heads)
        gathered = attention(torch.cat(queries, dim=2), torch.cat(keys, dim=2), v)
        shares = rearrange(gathered, "b h t e -> b t (h e)").split([x.shape[1] for x in readers], dim=1)
        return [gate * s.out(share) for s, gate, share in zip(self.streams, gates, shares, strict=False)]

    def _placed(self, norm: RMSNorm, x: Tensor, table: Tensor) -> Tensor:
        """Split into heads, norm, turn with time: [B, T, D] -> [B, H, T, E]."""
        heads = norm(rearrange(x, "b t (h e) -> b t h e", h=self.heads))
        return rearrange(rotate(heads, table), "b t h e -> b h t e")


class MMDiT(MotionGenerator):
    """Audio and motion as peers; identity and reference modulate."""

    def __init__(self, config: MMDiTConfig) -> None:
        super().__init__(config)
        width = config.width
        self.identity_input = VectorInput(GEOMETRY_SIZE + STYLE_SIZE, width)
        self.reference_input = VectorInput(SIZE, width)
        if config.emotions:
            self.emotion_input = EmotionInput(config.emotions, 1, width)
        self.stream_mark = nn.Parameter(0.02 * torch.randn(len(STREAMS), width))
        self.blocks = nn.ModuleList(JointBlock(config, depth) for depth in range(config.depth))

    @property
    def motion_readers(self) -> tuple[nn.Linear, ...]:
        return self.motion_input, self.reference_input.rise

    def read_out(
        self, motion: Tensor, audio: Tensor, t: Tensor, conditions: Conditions, timed: Tensor
    ) -> tuple[Tensor, Tensor]:
        condition = self.time(t) + self._identity(conditions)
        if self.config.emotions:
            condition = condition + self.emotion_input(conditions.emotion)[:, 0]
        states = [x + mark.to(x.dtype) for x, mark in zip((motion, audio), self.stream_mark, strict=True)]
        tables = [timed[:, : motion.shape[1]], timed]
        for block in self.blocks:
            states = block(states, condition, tables)
        return states[0], condition

    def _identity(self, conditions: Conditions) -> Tensor:
        """Who speaks and how the portrait looks, as one vector. [B, D]"""
        person = torch.cat((conditions.geometry, conditions.style), dim=-1)
        return self.identity_input(person, conditions.identity) + self.reference_input(
            conditions.reference_motion, conditions.reference
        )


class VectorInput(nn.Module):
    """A vector of one signal, or the learned one that stands for its absence. [B, N], [B] bool -> [B, D]"""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.rise = nn.Linear(size, width)
        self.out = nn.Linear(width, width)
        self.absent = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        return torch.where(known[:, None], self.out(F.silu(read(self.rise, x))), self.absent)
