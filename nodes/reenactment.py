"""A head in a video moves a portrait: by our portrait analysis, or as the checkpoint reads it that draws."""

from functools import partial

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import MotionLatents
from ..neo_core.governance import REENACTMENT
from ..neo_core.media.footage import Footage, inspect_footage, read_sound
from ..neo_core.pictar.geometric import Volume
from ..neo_core.pictar.head_track import Choice
from ..neo_core.pictar.lost_faces import POLICIES
from ..neo_core.pictar.transfer import ANCHORS, REGION, RELATIONS
from ..neo_core.pictar.volumetric.driven_face import DrivenFace
from ..neo_core.pipelines.imitation import imitate
from ..neo_core.pipelines.portrait import choose_face
from ..neo_core.pipelines.reenactment import Reenactment, Watched, motion_of, summary, told_evenly
from ..neo_core.pipelines.talking_head import Models
from . import inputs
from .inputs import FACES, chosen, within
from .live_portrait import drawing
from .media import to_audio
from .model_patcher import on_device
from .portraits import movable
from .progress import NodeProgress
from .sockets import NeoMotion
from .video import GrantedVideo, copied, written

NAME = "the video"
DEFAULTS = Reenactment()


def driving_video() -> io.Video.Input:
    return io.Video.Input("video", tooltip="The driving video: somebody from the front, speaking or not")


def lost_faces() -> io.Combo.Input:
    return io.Combo.Input(
        "lost",
        options=list(POLICIES),
        default=DEFAULTS.lost,
        tooltip="Frames without the face: hold the last, interpolate to the next, pass (nothing moves), or stop with "
        "an error",
    )


def driving_face() -> io.Int.Input:
    return io.Int.Input(
        "face",
        default=0,
        min=FACES[0],
        max=FACES[1],
        tooltip="Which face of the video when it shows several, 1 the clearest and largest of its first frame with a "
        "face; 0: it shows one",
    )


def report() -> io.String.Output:
    return io.String.Output("report", tooltip="How many frames, and where the face was not seen")


def chosen_of(number: int | None) -> Choice:
    """Which face of a video is followed."""
    return partial(choose_face, name=NAME, number=number, option="face")


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
                driving_video(),
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
                    tooltip="mixed: expression as seen, head and gaze against the anchor; relative: everything "
                    "against the anchor; absolute: everything as seen",
                ),
                lost_faces(),
                driving_face(),
                io.Combo.Input(
                    "anchor",
                    options=list(ANCHORS),
                    default=DEFAULTS.anchor,
                    optional=True,
                    tooltip="quiet: the face at rest, head and gaze as they usually are, whatever the video begins "
                    "with; first: the first frame with the face",
                ),
            ],
            outputs=[
                NeoMotion.Output("motion", tooltip="For Edit Expression or Render: one vector per frame of the video"),
                io.Audio.Output("audio", tooltip="The sound of the video, for Render"),
                report(),
            ],
        )

    @classmethod
    def execute(cls, models, volume, video, move, relation, lost, face, anchor=DEFAULTS.anchor):
        head, number = movable(volume), within(face, FACES, "face") or None
        settings = Reenactment(
            chosen(move, tuple(REGION), "move"),
            chosen(relation, tuple(RELATIONS), "relation"),
            chosen(lost, tuple(POLICIES), "lost"),
            anchor=chosen(anchor, tuple(ANCHORS), "anchor"),
        )
        copy, choose = copied(video), chosen_of(number)  # the copy goes with its name
        footage = inspect_footage(copy)
        with on_device(models) as engine:
            motion, watched = motion_of(engine, head, footage, settings, choose, NodeProgress("frame"))
        sound = read_sound(footage)
        return io.NodeOutput(motion, sound and to_audio(sound), summary(watched, footage))


class ReenactByCheckpoint(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_ReenactByCheckpoint",
            display_name="Reenact By Checkpoint",
            category="NEO",
            description="The LivePortrait checkpoint that draws a portrait reads a head in a video by itself, and "
            "moves the portrait by all it sees.",
            search_aliases=["reenactment", "driving video", "live portrait", "motion extractor"],
            inputs=[
                inputs.models(),
                inputs.volume(),
                driving_video(),
                lost_faces(),
                driving_face(),
                io.Combo.Input(
                    "anchor",
                    options=list(ANCHORS),
                    default=DEFAULTS.anchor,
                    tooltip="What relative driving measures from. quiet: the most usual frame with closed lips and "
                    "open eyes; first: the first frame with the face, as published",
                ),
            ],
            outputs=[
                io.Video.Output("video", tooltip="The portrait, with the video's frames and sound; connect Save Video"),
                NeoMotion.Output("motion", tooltip="The same as far as our motion can say it, for Save Motion"),
                report(),
            ],
        )

    @classmethod
    def execute(cls, models, volume, video, lost, face, anchor):
        head, number = movable(volume), within(face, FACES, "face") or None
        policy = chosen(lost, tuple(POLICIES), "lost")
        begun = chosen(anchor, tuple(ANCHORS), "anchor")
        copy, choose = copied(video), chosen_of(number)  # the copy goes with its name
        footage = inspect_footage(copy)
        with on_device(models) as engine, drawing(head):
            return io.NodeOutput(*imitated(engine, head, footage, choose, policy, begun))


def imitated(
    engine: Models, head: Volume | DrivenFace, footage: Footage, choose: Choice, lost: str, anchor: str
) -> tuple[GrantedVideo, MotionLatents, str]:
    """A portrait moved as the checkpoint that draws it reads a video: the result, its motion, and what to tell."""
    watched, kept = Watched(footage.frames), []
    wishes = {"lost": lost, "anchor": anchor, "kept": kept}
    video = written(
        head.grant,
        lambda path, tell: watched.lost.extend(imitate(engine, head, footage, path, choose, **wishes, progress=tell)),
        REENACTMENT,
    )
    return video, told_evenly(kept[0], footage, head.reference), summary(watched, footage)
