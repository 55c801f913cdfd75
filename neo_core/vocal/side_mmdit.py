"""VOCAL 1.5 with identity as a side conditioner: the control experiment of the benchmark, not a model of the posts.

"In NEO, audio and motion reasoned together inside the attention pass; identity reached the network as a side
conditioner around that pass" (NEO 1.5 post). Everything here is VOCAL 1.5, blocks, differential attention and residuals
over depth, but who speaks and how the portrait looks modulate every block, as in the first NEO, and are no tokens. The
parameters of the missing stream go into wider refine steps (`mlp_ratio`), so that depth and attention stay the same.
"""

from dataclasses import dataclass

from .mmdit import SideConditioner
from .unified_mmdit import STREAMS, JointConfig, JointTransformer


@dataclass(frozen=True)
class SideConfig(JointConfig):
    """Sizes; the defaults have as many parameters as the embedded VOCAL 1.5."""

    mlp_ratio: float = 6.75

    @property
    def streams(self) -> tuple[str, ...]:
        return STREAMS[:2]


class SideMMDiT(SideConditioner, JointTransformer):
    """Motion and audio as peers; identity and reference modulate."""
