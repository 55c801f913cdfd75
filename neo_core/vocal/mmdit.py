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
from torch import Tensor, nn

from ..data_types import GEOMETRY_SIZE, STYLE_SIZE
from ..motion_space import SIZE
from ..nn.norm import Modulated, RMSNorm
from ..nn.position import rotate
from ..nn.stream import StreamLayer, join_heads, split_heads, split_normed
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

    def forward(self, states: list[Tensor], modulated: Modulated, table: Tensor) -> list[Tensor]:
        """States [B, T, D] of both streams -> those that leave the block."""
        states = [x + update for x, update in zip(states, self._joint(states, modulated, table), strict=False)]
        return [x + stream.refine(x, modulated) for x, stream in zip(states, self.streams, strict=False)]

    def _joint(self, states: list[Tensor], modulated: Modulated, table: Tensor) -> list[Tensor]:
        entered, gates = zip(*(s.enter(x, modulated) for s, x in zip(self.streams, states, strict=True)), strict=True)
        readers = [part[2] for part in entered[: self.read]]
        q = self._placed(self.query_norm, readers, table)
        k = self._placed(self.key_norm, [part[0] for part in entered], table)
        v = split_heads(torch.cat([part[1] for part in entered], dim=1), self.heads)
        shares = join_heads(attention(q, k, v)).split([x.shape[1] for x in readers], dim=1)
        return [gate * s.out(share) for s, gate, share in zip(self.streams, gates, shares, strict=False)]

    def _placed(self, norms: nn.ModuleList, streams: list[Tensor], table: Tensor) -> Tensor:
        """Split into heads, norm each stream, turn with time: S x [B, T, D] -> [B, H, T of all, E]."""
        normed = [split_normed(x, self.heads, norm) for norm, x in zip(norms, streams, strict=False)]
        heads = torch.cat(normed, dim=2)
        return rotate(heads, table[:, : heads.shape[2]])


class VectorInput(nn.Module):
    """A vector of one signal, or the learned one that stands for its absence. [B, N], [B] bool -> [B, D]"""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.rise = nn.Linear(size, width)
        self.out = nn.Linear(width, width)
        self.absent = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        return torch.where(known[:, None], self.out(F.silu(read(self.rise, x))), self.absent)


class SideConditioner(MotionGenerator):
    """Who speaks, how the portrait looks and the state asked for modulate every block, and are no tokens."""

    def __init__(self, config: WindowConfig) -> None:
        super().__init__(config)
        self.identity_input = VectorInput(GEOMETRY_SIZE + STYLE_SIZE, config.width)
        self.reference_input = VectorInput(SIZE, config.width)
        if config.emotions:
            self.emotion_input = EmotionInput(config.emotions, 1, config.width)

    @property
    def motion_readers(self) -> tuple[nn.Linear, ...]:
        return self.motion_input, self.reference_input.rise

    def person(self, conditions: Conditions) -> tuple[None, Tensor]:
        known = torch.cat((conditions.geometry, conditions.style), dim=-1)
        vector = self.identity_input(known, conditions.identity)
        vector = vector + self.reference_input(conditions.reference_motion, conditions.reference)
        if self.config.emotions:
            vector = vector + self.emotion_input(conditions.emotion)[:, 0]
        return None, vector


class MMDiT(SideConditioner):
    """Audio and motion as peers."""

    def __init__(self, config: MMDiTConfig) -> None:
        super().__init__(config)
        self.stream_mark = nn.Parameter(0.02 * torch.randn(len(STREAMS), config.width))
        self.blocks = nn.ModuleList(JointBlock(config, depth) for depth in range(config.depth))

    def read_out(self, states: list[Tensor], modulated: Modulated, table: Tensor) -> Tensor:
        for block in self.blocks:
            states = block(states, modulated, table)
        return states[0]
