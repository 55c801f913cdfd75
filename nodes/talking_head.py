"""The whole product as one node."""

from comfy_api.v0_0_2 import io

from ..neo_core.governance import require_grant
from ..neo_core.pipelines.talking_head import speak
from . import inputs
from .media import to_waveform
from .model_patcher import on_device, renderer_on_device
from .portraits import enrolled
from .video import written
from .vocal import performance


class TalkingHead(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_TalkingHead",
            display_name="NEO Talking Head",
            category="NEO",
            description="The person in a photo speaks a recording: the whole graph in one node, on embedded weights.",
            search_aliases=["lip sync", "avatar", "talking photo", "portrait animation", "audio to video"],
            inputs=[
                inputs.photo(),
                inputs.audio(),
                inputs.consent(),
                inputs.seed(),
                inputs.framing(),
                inputs.size(),
                inputs.fps(),
                inputs.face(),
                inputs.guidance(),
                inputs.models(optional=True),
                inputs.emotion(),
                inputs.renderer(),
            ],
            outputs=[io.Video.Output("video", tooltip="The person speaking, with the sound; connect Save Video")],
        )

    @classmethod
    def execute(
        cls,
        photo,
        audio,
        seed,
        framing,
        size,
        fps,
        face,
        consent=None,
        guidance=None,
        models=None,
        emotion=None,
        renderer=None,
    ):
        grant = require_grant(consent)
        sound, settings = to_waveform(audio), performance(seed, fps, guidance, emotion)
        with on_device(models) as engine, renderer_on_device(renderer) as public:
            avatar = enrolled(engine, photo, framing, size, face, grant, renderer=public)
            video = written(grant, lambda path, tell: speak(engine, avatar, sound, path, settings, tell))
        return io.NodeOutput(video)
