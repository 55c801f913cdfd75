"""Enrolment from a video of a person: the frame that consent is about, and the avatar."""

from comfy_api.v0_0_2 import io

from ..neo_core.governance import require_grant
from ..neo_core.pictar.analysis import person_mask
from ..neo_core.pipelines.footage_enrolment import summary
from . import inputs
from .media import to_image
from .model_patcher import on_device, renderer_on_device
from .portraits import enrolled_from, first_face
from .sockets import NeoIdentity, NeoVolume
from .video import copied


def footage() -> io.Video.Input:
    return io.Video.Input(
        "footage", tooltip="3.5 seconds or more of one person in one shot: speaking, turning the head a little"
    )


class FaceInFootage(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_FaceInFootage",
            display_name="Face In Footage",
            category="NEO",
            description="Shows the first frame of a video that shows a face: the picture that consent to footage is "
            "about.",
            search_aliases=["first frame", "video", "consent", "mask", "matting"],
            inputs=[footage(), inputs.face()],
            outputs=[
                io.Image.Output("photo", tooltip="For the Consent node"),
                io.Mask.Output(
                    "person", tooltip="Who is meant in that frame, hair and clothes included; for compositing"
                ),
            ],
        )

    @classmethod
    def execute(cls, footage, face):
        with on_device() as engine:
            found = first_face(engine, copied(footage), face)
            person = person_mask(engine.analyser, found.photo, found.face)
        return io.NodeOutput(to_image(found.photo), person[None])


class EnrolFromFootage(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_EnrolFromFootage",
            display_name="Enrol From Footage",
            category="NEO",
            description="Meets the person in a video: the best frame becomes the portrait, the others add the sides of "
            "the face, the teeth, and how this person moves.",
            search_aliases=["avatar", "register", "video", "teeth"],
            inputs=[
                inputs.models(),
                footage(),
                inputs.consent(),
                inputs.framing(),
                inputs.size(),
                inputs.face(),
                inputs.renderer(),
            ],
            outputs=[
                NeoIdentity.Output("identity", tooltip="Who speaks, with their habits, for Generate Motion"),
                NeoVolume.Output("volume", tooltip="The head in 3D wearing what the frames show, for Render"),
                io.Image.Output("portrait", tooltip="The frame that was chosen"),
                io.String.Output("report", tooltip="Which frames were used for what, and the habits that were read"),
            ],
        )

    @classmethod
    def execute(cls, models, footage, framing, size, face, consent=None, renderer=None):
        grant = require_grant(consent)
        with on_device(models) as engine, renderer_on_device(renderer) as public:
            found = enrolled_from(engine, copied(footage), framing, size, face, grant, public)
        avatar = found.avatar
        return io.NodeOutput(avatar.identity, avatar.volume, to_image(avatar.volume.photo), summary(found))
