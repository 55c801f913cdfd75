"""Encode Audio: what the model hears in a recording."""

from comfy_api.v0_0_2 import io

from ..neo_core.pipelines.talking_head import hear
from . import inputs
from .media import to_waveform
from .model_patcher import on_device
from .progress import NodeProgress
from .sockets import NeoAudio


class EncodeAudio(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_EncodeAudio",
            display_name="Encode Audio",
            category="NEO",
            description="Hears a recording: phonemes, pitch, energy and pauses on a clock of 50 per second.",
            search_aliases=["speech features", "audio encoder"],
            inputs=[inputs.models(), inputs.audio()],
            outputs=[NeoAudio.Output("speech", tooltip="What was heard and how long it lasts, for Generate Motion")],
        )

    @classmethod
    def execute(cls, models, audio):
        sound = to_waveform(audio)
        with on_device(models) as engine:
            return io.NodeOutput(hear(engine, sound, NodeProgress("piece")))
