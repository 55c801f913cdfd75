"""Motion From Video: a head in a video moves a portrait."""

from functools import partial

from comfy_api.v0_0_2 import io

from ..neo_core.media.footage import inspect_footage, read_sound
from ..neo_core.pictar.lost_faces import POLICIES
from ..neo_core.pictar.transfer import REGION, RELATIONS
from ..neo_core.pipelines.portrait import choose_face
from ..neo_core.pipelines.reenactment import Reenactment, motion_of, summary
from . import inputs
from .inputs import FACES, chosen, within
from .media import to_audio
from .model_patcher import on_device
from .portraits import movable
from .progress import NodeProgress
from .sockets import NeoMotion
from .video import copied

NAME = "the video"
DEFAULTS = Reenactment()


class MotionFromVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_MotionFromVideo",
            display_name="Motion From Video",
            category="NEO",
            description="Follows a head in a video and carries its motion over to a portrait, frame for frame.",
            search_aliases=["reenactment", "driving video", "live portrait", "face capture"],
            inputs=[
                inputs.models(),
                inputs.volume(),
                io.Video.Input("video", tooltip="The driving video: somebody from the front, speaking or not"),
                io.Combo.Input(
                    "move",
                    options=list(REGION),
                    default=DEFAULTS.region,
                    tooltip="What of the face is driven; the rest stays as photographed",
                ),
                io.Combo.Input(
                    "relation",
                    options=list(RELATIONS),
                    default=DEFAULTS.relation,
                    tooltip="mixed: expression as seen, head and gaze against the first frame; relative: everything "
                    "against the first frame; absolute: everything as seen",
                ),
                io.Combo.Input(
                    "lost",
                    options=list(POLICIES),
                    default=DEFAULTS.lost,
                    tooltip="Frames without the face: hold the last, interpolate to the next, pass (nothing moves), "
                    "or stop with an error",
                ),
                io.Int.Input(
                    "face",
                    default=0,
                    min=FACES[0],
                    max=FACES[1],
                    tooltip="Which face of the video when it shows several, 1 the clearest and largest of its first "
                    "frame with a face; 0: it shows one",
                ),
            ],
            outputs=[
                NeoMotion.Output("motion", tooltip="For Edit Expression or Render: one vector per frame of the video"),
                io.Audio.Output("audio", tooltip="The sound of the video, for Render"),
                io.String.Output("report", tooltip="How many frames, and where the face was not seen"),
            ],
        )

    @classmethod
    def execute(cls, models, volume, video, move, relation, lost, face):
        head, number = movable(volume), within(face, FACES, "face") or None
        settings = Reenactment(
            chosen(move, tuple(REGION), "move"),
            chosen(relation, tuple(RELATIONS), "relation"),
            chosen(lost, tuple(POLICIES), "lost"),
        )
        copy = copied(video)  # goes with this name
        footage, choose = inspect_footage(copy), partial(choose_face, name=NAME, number=number, option="face")
        with on_device(models) as engine:
            motion, watched = motion_of(engine, head, footage, settings, choose, NodeProgress("frame"))
        sound = read_sound(footage)
        return io.NodeOutput(motion, sound and to_audio(sound), summary(watched, footage))
