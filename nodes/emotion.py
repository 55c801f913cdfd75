"""Emotion: the state that a performance is asked for."""

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import EMOTIONS, Emotion
from . import inputs
from .sockets import NeoEmotion


class EmotionState(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Emotion",
            display_name="Emotion",
            category="NEO",
            description="The state in which VOCAL performs, in place of what it hears in the voice: mouth, eyes, "
            "brows, head and their timing.",
            search_aliases=["mood", "happy", "laughing", "state"],
            inputs=[
                io.Combo.Input(
                    "state",
                    options=list(EMOTIONS),
                    default=EMOTIONS[1],
                    tooltip="How the person performs; neutral is calm whatever the voice does",
                ),
                inputs.slider("strength", (0.0, 1.0), "How much of it; at 0 the performance is as the voice sounds"),
            ],
            outputs=[NeoEmotion.Output("emotion", tooltip="For Generate Motion or NEO Talking Head")],
        )

    @classmethod
    def execute(cls, state, strength):
        return io.NodeOutput(Emotion(state, strength))
