"""VOCAL 1.5 with identity as a side conditioner: the control experiment of the benchmark, not a model of the posts.

"In NEO, audio and motion reasoned together inside the attention pass; identity reached the network as a side
conditioner around that pass" (NEO 1.5 post). Everything here is VOCAL 1.5, blocks, differential attention and residuals
over depth, but who speaks and how the portrait looks modulate every block, as in the first NEO, and are no tokens. The
parameters of the missing stream go into wider refine steps (`mlp_ratio`), so that depth and attention stay the same.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data_types import GEOMETRY_SIZE, STYLE_SIZE
from ..motion_space import SIZE
from .mmdit import VectorInput
from .motion_generator import Conditions, EmotionInput
from .unified_mmdit import STREAMS, JointConfig, JointTransformer


@dataclass(frozen=True)
class SideConfig(JointConfig):
    """Sizes; the defaults have as many parameters as the embedded VOCAL 1.5."""

    mlp_ratio: float = 6.75

    @property
    def streams(self) -> tuple[str, ...]:
        return STREAMS[:2]


class SideMMDiT(JointTransformer):
    """Motion and audio as peers; identity and reference modulate."""

    def __init__(self, config: SideConfig) -> None:
        super().__init__(config)
        self.identity_input = VectorInput(GEOMETRY_SIZE + STYLE_SIZE, config.width)
        self.reference_input = VectorInput(SIZE, config.width)
        if config.emotions:
            self.emotion_input = EmotionInput(config.emotions, 1, config.width)

    @property
    def motion_readers(self) -> tuple[nn.Linear, ...]:
        return self.motion_input, self.reference_input.rise

    def read_out(
        self, motion: Tensor, audio: Tensor, t: Tensor, conditions: Conditions, timed: Tensor
    ) -> tuple[Tensor, Tensor]:
        person = torch.cat((conditions.geometry, conditions.style), dim=-1)
        condition = (
            self.time(t)
            + self.identity_input(person, conditions.identity)
            + self.reference_input(conditions.reference_motion, conditions.reference)
        )
        if self.config.emotions:
            condition = condition + self.emotion_input(conditions.emotion)[:, 0]
        places = [timed[:, : motion.shape[1]], timed]
        return self.read_motion([motion, audio], condition, places), condition
