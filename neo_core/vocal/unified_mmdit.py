"""VOCAL 1.5: Unified Joint Attention over motion, audio and identity.

"Audio, motion, and speaker identity travel as peer streams and mix inside a single shared attention field. [...] Each
block runs that joint pass, refines each stream on its own, and repeats [...]; only the motion stream is read out."

 - three streams with weights of their own, one softmax over all their tokens (MMDiT, arXiv 2403.03206)
 - differential attention: two maps per head, their difference attends (arXiv 2410.05258, version 1)
 - attention residuals: learned blends of earlier depths (NEO 1.5 at block boundaries; arXiv 2603.15031)
 - partial rotary positions: identity has no place in time, and a window may start anywhere
 - the state asked for travels in the identity stream: tokens of its own, without a place in time
 - adaLN-Zero modulation from the flow time
 - the network predicts clean motion as an offset from the portrait's own: zero weights give a still face

Letters: B batch, D width, H differential heads, E width of a sub-head (2 H E = D), T tokens, W frames of the window,
P frames of the clean prefix before it, A audio tokens under both (and a little beyond), L layers of the audio encoder,
F width of its features, C = 63 channels of motion, S streams.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from ..data_types import GEOMETRY_SIZE, STYLE_SIZE
from ..motion_space import SIZE
from ..nn.norm import Modulated, RMSNorm
from ..nn.position import rotate
from ..nn.stream import StreamLayer, join_heads, split_heads, split_normed
from ..runtime.attention import attention, differential_attention
from .motion_generator import Conditions, EmotionInput, MotionGenerator, WindowConfig, read

STREAMS = ("motion", "audio", "identity")  # motion first: it is the one read out


@dataclass(frozen=True)
class JointConfig(WindowConfig):
    """Sizes and choices of the blocks; the defaults are the embedded model's."""

    residual: str = "boundary"  # "none", "boundary" (NEO 1.5) or "block" (arXiv 2603.15031)
    residual_stride: int = 2  # blocks between two boundaries
    attention: str = "differential"  # or "standard": the same projections, every sub-head a head of its own

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads) or self.rotary % 2 or self.rotary > self.head_width:
            raise ValueError(
                f"width {self.width} does not split into {self.heads} pairs of heads with rotary {self.rotary}"
            )
        for name, choice, known in (("residual", self.residual, RUNNERS), ("attention", self.attention, BLOCKS)):
            if choice not in known:
                raise ValueError(f"{name} {choice!r} is unknown, expected one of {', '.join(known)}")

    @property
    def head_width(self) -> int:
        return self.width // (2 * self.heads)

    @property
    def streams(self) -> tuple[str, ...]:
        """Which streams share the attention."""
        return STREAMS


@dataclass(frozen=True)
class UnifiedConfig(JointConfig):
    """Identity as so many tokens."""

    geometry_tokens: int = 4
    style_tokens: int = 2
    reference_tokens: int = 2
    emotion_tokens: int = 2  # of a network with states

    @property
    def identity_tokens(self) -> int:
        return self.slots + (self.emotion_tokens if self.emotions else 0)

    @property
    def slots(self) -> int:
        return self.geometry_tokens + self.style_tokens + self.reference_tokens


def lambda_start(depth: int) -> float:
    """Depth schedule of differential attention: early layers subtract less (arXiv 2410.05258, eq. 3; depth from 0)."""
    return 0.8 - 0.6 * math.exp(-0.3 * depth)


class UnifiedBlock(nn.Module, ABC):
    """Joint pass over all streams, then a refine step per stream. The last block reads out motion alone."""

    def __init__(self, config: JointConfig, depth: int) -> None:
        super().__init__()
        last = depth == config.depth - 1
        self.streams = nn.ModuleList(
            StreamLayer(config.width, config.mlp_ratio, read_out=name == "motion" or not last)
            for name in config.streams
        )
        self.read = 1 if last else len(config.streams)  # how many streams leave this block
        self.heads = config.heads
        self.key_norm = RMSNorm(config.head_width)
        self.query_norm = RMSNorm(config.head_width)
        for stream, name in zip(self.streams, config.streams, strict=True):
            if name != "identity":
                stream.look_around(2 * config.heads, config.rotary)

    @abstractmethod
    def gather(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What the queries [B, 2 H, Q, E] find at the keys [B, 2 H, T, E]: values [B, T, D] -> [B, Q, D]."""

    def joint(self, states: list[Tensor], modulated: Modulated, table: Tensor) -> list[Tensor]:
        """Every token attends to every token of every stream: updates of the streams that leave the block."""
        entered, gates = zip(*(s.enter(x, modulated) for s, x in zip(self.streams, states, strict=True)), strict=True)
        lengths = [x.shape[1] for x in states[: self.read]]
        k = self._placed(self.key_norm, torch.cat([part[0] for part in entered], dim=1), table)
        q = self._placed(self.query_norm, torch.cat([part[2] for part in entered[: self.read]], dim=1), table)
        v = torch.cat([part[1] for part in entered], dim=1)
        shares = self.gather(q, k, v).split(lengths, dim=1)
        return [gate * s.out(share) for s, gate, share in zip(self.streams, gates, shares, strict=False)]

    def refine(self, states: list[Tensor], modulated: Modulated) -> list[Tensor]:
        """Every stream that leaves the block, on its own."""
        return [s.refine(x, modulated) for s, x in zip(self.streams, states[: self.read], strict=False)]

    def _placed(self, norm: RMSNorm, x: Tensor, table: Tensor) -> Tensor:
        """Split into sub-heads, norm, turn with time: [B, T, D] -> [B, 2 H, T, E]."""
        return rotate(split_normed(x, 2 * self.heads, norm), table[:, : x.shape[1]])


class DifferentialBlock(UnifiedBlock):
    """Each head is a pair of sub-heads, whose maps are subtracted."""

    def __init__(self, config: JointConfig, depth: int) -> None:
        super().__init__(config, depth)
        self.lambda_start = lambda_start(depth)
        self.lambda_vectors = nn.Parameter(0.1 * torch.randn(4, config.head_width))
        self.head_norm = RMSNorm(2 * config.head_width, eps=1e-5)

    def weight(self) -> Tensor:
        """How much of the second map is subtracted: exp(q1.k1) - exp(q2.k2) + lambda_start(depth)."""
        first, second = (
            self.lambda_vectors.float().unflatten(0, (2, 2)).prod(1).sum(-1).exp()
        )  # rows are q1, k1, q2, k2
        return first - second + self.lambda_start

    def gather(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        gathered = differential_attention(q, k, split_heads(v, self.heads), self.weight())
        return join_heads(self.head_norm(gathered) * (1 - self.lambda_start))


class StandardBlock(UnifiedBlock):
    """Each sub-head is a head: what differential attention is measured against."""

    def gather(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return join_heads(attention(q, k, split_heads(v, 2 * self.heads)))


BLOCKS: dict[str, type[UnifiedBlock]] = {"differential": DifferentialBlock, "standard": StandardBlock}


class DepthMixer(nn.Module):
    """Attention over depth: each token of each stream weighs earlier states by a learned query (NEO 1.5, "Depth and
    Focus"). The keys are the states over their rms; a weight of that norm would only rescale the query. The newest
    state has a learned bias, in both forms: arXiv 2603.15031, which "block" follows otherwise, has none."""

    def __init__(self, points: int, streams: int, width: int, newest: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(points, streams, width))
        self.newest = nn.Parameter(torch.full((points, streams), newest))

    def forward(self, cache: list[list[Tensor]], point: int) -> list[Tensor]:
        """Blend of cached states, newest last, for every stream that the newest one holds."""
        return [self._blend([state[s] for state in cache], point, s) for s in range(len(cache[-1]))]

    def weights(self, sources: list[Tensor], point: int, stream: int) -> Tensor:
        """Softmax over the cached states: N x [B, T, D] -> [N, B, T], float32."""
        query = self.query[point, stream].float()
        scores = [(x @ query) * x.square().mean(-1).add(1e-3).rsqrt() for x in map(Tensor.float, sources)]
        scores[-1] = scores[-1] + self.newest[point, stream]
        return torch.stack(scores).softmax(dim=0)

    def _blend(self, sources: list[Tensor], point: int, stream: int) -> Tensor:
        weights = self.weights(sources, point, stream).to(sources[-1].dtype)
        return sum(weight[..., None] * x for weight, x in zip(weights, sources, strict=True))


def _add(states: list[Tensor], updates: list[Tensor]) -> list[Tensor]:
    """Residual sum; streams that got no update have left the network."""
    return [x + update for x, update in zip(states, updates, strict=False)]


def run_plain(model: "JointTransformer", states: list[Tensor], modulated: Modulated, table: Tensor) -> list[Tensor]:
    """The standard residual stream."""
    for block in model.blocks:
        states = _add(states, block.joint(states, modulated, table))
        states = _add(states, block.refine(states, modulated))
    return states


def run_boundary(model: "JointTransformer", states: list[Tensor], modulated: Modulated, table: Tensor) -> list[Tensor]:
    """NEO 1.5: "At every block boundary the network blends all cached states" h_0, h_B, h_2B, ..."""
    cache = [states]
    for depth, block in enumerate(model.blocks, start=1):
        states = _add(states, block.joint(states, modulated, table))
        states = _add(states, block.refine(states, modulated))
        if depth % model.config.residual_stride == 0 or depth == model.config.depth:
            cache.append(states)
            states = model.depth_mixer(cache, len(cache) - 2)
    return states


def run_block(model: "JointTransformer", states: list[Tensor], modulated: Modulated, table: Tensor) -> list[Tensor]:
    """Block attention residuals, arXiv 2603.15031: every sub-layer reads a blend of the finished blocks' sums and the
    partial sum of its own. Zero queries make it the plain network up to the scale of its states."""
    finished, partial, point = [], states, 0
    for depth, block in enumerate(model.blocks):
        if depth % model.config.residual_stride == 0:
            finished, partial = [*finished, partial], None
        for update in (lambda h, b=block: b.joint(h, modulated, table), lambda h, b=block: b.refine(h, modulated)):
            seen = model.depth_mixer(finished if partial is None else [*finished, partial], point)
            partial = update(seen) if partial is None else _add(partial, update(seen))
            point += 1
    return model.depth_mixer([*finished, partial], point)


RUNNERS = {"none": run_plain, "boundary": run_boundary, "block": run_block}


class JointTransformer(MotionGenerator):
    """Peer streams through blocks of joint attention, with a blend over depth."""

    def __init__(self, config: JointConfig) -> None:
        super().__init__(config)
        self.stream_mark = nn.Parameter(0.02 * torch.randn(len(config.streams), config.width))
        block = BLOCKS[config.attention]
        self.blocks = nn.ModuleList(block(config, depth) for depth in range(config.depth))
        self.depth_mixer = _depth_mixer(config)

    def read_out(self, states: list[Tensor], modulated: Modulated, table: Tensor) -> Tensor:
        return RUNNERS[self.config.residual](self, states, modulated, table)[0]


class UnifiedMMDiT(JointTransformer):
    """Motion, audio and identity as peers."""

    def __init__(self, config: UnifiedConfig) -> None:
        super().__init__(config)
        width = config.width
        self.geometry_input = nn.Linear(GEOMETRY_SIZE, config.geometry_tokens * width)
        self.style_input = nn.Linear(STYLE_SIZE, config.style_tokens * width)
        self.reference_input = nn.Linear(SIZE, config.reference_tokens * width)
        self.no_identity = nn.Parameter(0.02 * torch.randn(config.geometry_tokens + config.style_tokens, width))
        self.no_reference = nn.Parameter(0.02 * torch.randn(config.reference_tokens, width))
        if config.emotions:
            self.emotion_input = EmotionInput(config.emotions, config.emotion_tokens, width)
        self.identity_slot = nn.Parameter(0.02 * torch.randn(config.slots, width))

    @property
    def motion_readers(self) -> tuple[nn.Linear, ...]:
        return self.motion_input, self.reference_input

    def person(self, conditions: Conditions) -> tuple[Tensor, None]:
        return self._identity(conditions), None

    def _identity(self, conditions: Conditions) -> Tensor:
        given = ((self.geometry_input, conditions.geometry), (self.style_input, conditions.style))
        known = torch.cat([read(layer, x) for layer, x in given], dim=1)
        known = rearrange(known, "b (n d) -> b n d", d=self.config.width)
        reference = read(self.reference_input, conditions.reference_motion)
        reference = rearrange(reference, "b (n d) -> b n d", d=self.config.width)
        known = torch.where(conditions.identity[:, None, None], known, self.no_identity)
        reference = torch.where(conditions.reference[:, None, None], reference, self.no_reference)
        tokens = torch.cat((known, reference), dim=1) + self.identity_slot
        emotion = (self.emotion_input(conditions.emotion),) if self.config.emotions else ()
        return torch.cat((tokens, *emotion), dim=1)  # [B, N, D]


def _depth_mixer(config: JointConfig) -> DepthMixer | None:
    streams, width = len(config.streams), config.width
    if config.residual == "boundary":
        return DepthMixer(-(-config.depth // config.residual_stride), streams, width, newest=2.0)
    return DepthMixer(2 * config.depth + 1, streams, width, newest=0.0) if config.residual == "block" else None
