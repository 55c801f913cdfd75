"""Pictar: a portrait becomes a 3D head, is deformed, and becomes pictures again."""

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import MotionLatents
from ..neo_core.governance import require_grant
from ..neo_core.pictar.geometric import draw, draw_mesh, pose
from ..neo_core.pipelines.talking_head import write_video
from . import inputs
from .live_portrait import drawing
from .media import to_image, to_waveform
from .memory import memory_advice
from .model_patcher import on_device, renderer_on_device
from .portraits import EXCERPT, enrolled, excerpt, lifted, movable, person_and_region, posed
from .progress import NodeProgress
from .sockets import NeoIdentity, NeoVolume, genuine
from .video import written


class EnrolFromPhoto(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_EnrolFromPhoto",
            display_name="Enrol From Photo",
            category="NEO",
            description="Meets the person in a photo: fits the head in 3D and reads who will speak.",
            search_aliases=["avatar", "register", "portrait"],
            inputs=[
                inputs.models(),
                inputs.photo(),
                inputs.consent(),
                inputs.framing(),
                inputs.size(),
                inputs.face(),
                inputs.renderer(),
            ],
            outputs=[
                NeoIdentity.Output("identity", tooltip="Who speaks: shape and resting expression, for Generate Motion"),
                NeoVolume.Output("volume", tooltip="The head in 3D wearing the photo, for Render"),
            ],
        )

    @classmethod
    def execute(cls, models, photo, framing, size, face, consent=None, renderer=None):
        grant = require_grant(consent)
        with on_device(models) as engine, renderer_on_device(renderer) as public:
            avatar = enrolled(engine, photo, framing, size, face, grant, renderer=public)
        return io.NodeOutput(avatar.identity, avatar.volume)


class Render(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Render",
            display_name="Render",
            category="NEO",
            description="Draws the performance on the portrait, frame by frame into a file: length costs no memory.",
            search_aliases=["video", "portrait animation"],
            inputs=[inputs.volume(), inputs.motion(), inputs.audio(optional=True)],
            outputs=[io.Video.Output("video", tooltip="The performance, with the sound if there is one")],
        )

    @classmethod
    def execute(cls, volume, motion, audio=None):
        head = movable(volume)
        performance = genuine(motion, MotionLatents, "motion", "Generate Motion")
        sound = None if audio is None else to_waveform(audio)
        with drawing(head):
            video = written(
                head.grant, lambda path, tell: write_video(head, performance, path, sound, tell), performance.use
            )
        return io.NodeOutput(video)


class Lift(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Lift",
            display_name="Pictar Lift",
            category="NEO/parts",
            description="Lifts a photo into 3D, and shows what is taken for the person and what of it can move.",
            search_aliases=["3d", "mask", "matting"],
            inputs=[
                inputs.models(),
                inputs.photo(),
                inputs.consent(),
                inputs.framing(),
                inputs.size(),
                inputs.face(),
                io.Mask.Input(
                    "mask", optional=True, tooltip="The person, if you know better: same size as the photo, 1 is person"
                ),
            ],
            outputs=[
                NeoVolume.Output("volume", tooltip="The head in 3D wearing the photo"),
                io.Mask.Output("person", tooltip="What was taken for the person"),
                io.Mask.Output("region", tooltip="The part of the picture that may change; every other pixel stays"),
            ],
        )

    @classmethod
    def execute(cls, models, photo, framing, size, face, consent=None, mask=None):
        grant = require_grant(consent)
        with on_device(models) as engine:
            avatar = enrolled(engine, photo, framing, size, face, grant, mask)
        return io.NodeOutput(avatar.volume, *person_and_region(avatar))


class Deform(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Deform",
            display_name="Pictar Deform",
            category="NEO/parts",
            description="Bends the 3D head by a few frames of a performance and shows the mesh.",
            search_aliases=["mesh", "warp"],
            inputs=[
                inputs.volume(),
                inputs.motion(),
                io.Int.Input("start_frame", default=0, min=0, max=10**7, tooltip="First frame, counted from 0"),
                io.Int.Input(
                    "frames",
                    default=1,
                    min=EXCERPT[0],
                    max=EXCERPT[1],
                    tooltip="How many frames; Render has no such limit",
                ),
            ],
            outputs=[
                NeoVolume.Output("volume", tooltip="The head in these poses, for Pictar Translate"),
                io.Image.Output("mesh", tooltip="The deformed head as a shaded mesh over the photo"),
            ],
        )

    @classmethod
    def execute(cls, volume, motion, start_frame, frames):
        performance = genuine(motion, MotionLatents, "motion", "Generate Motion")
        with memory_advice():
            chosen = excerpt(performance.motion, start_frame, frames)
            head = lifted(volume)
            head.grant.require(performance.use)
            bent = pose(head, chosen, NodeProgress("frame"))
            return io.NodeOutput(bent, to_image(draw_mesh(bent, NodeProgress("frame"))))


class Translate(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Translate",
            display_name="Pictar Translate",
            category="NEO/parts",
            description="Turns the deformed head into pictures.",
            search_aliases=["render", "decode"],
            inputs=[inputs.volume()],
            outputs=[io.Image.Output("images", tooltip="One picture for each pose of the head")],
        )

    @classmethod
    def execute(cls, volume):
        with memory_advice():
            return io.NodeOutput(to_image(draw(posed(volume), NodeProgress("frame"))))
