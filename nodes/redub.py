"""Redub: the person in a clip speaks another sound; the rest of the clip stays as it was filmed."""

from functools import partial

import torch
from comfy_api.v0_0_2 import io
from torch import Tensor

from ..neo_core.data_types import MotionLatents, Waveform
from ..neo_core.governance import TALKING_HEAD, Grant, require_grant
from ..neo_core.media.footage import evenly, inspect_pictures
from ..neo_core.pictar.redrawn import DETAIL
from ..neo_core.pipelines.portrait import choose_in_clip, open_clip
from ..neo_core.pipelines.redub import LOST, redub
from ..neo_core.pipelines.reenactment import Watched, summary
from ..neo_core.pipelines.talking_head import Models, Settings
from . import inputs
from .inputs import FACES, FRAME_RATES, chosen, within
from .media import to_mask, to_waveform
from .model_patcher import on_device
from .progress import NodeProgress
from .sockets import NeoMotion, genuine
from .video import GrantedVideo, TemporaryFile, copied, written
from .vocal import performance

NAME = "the clip"
DETAILS = (64, 4096)
USUAL = next(iter(LOST))


class Redub(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Redub",
            display_name="Redub",
            category="NEO",
            description="The person in a clip speaks another sound: the mouth follows it, all else stays as filmed.",
            search_aliases=["dub", "lip sync", "video to video", "translate"],
            inputs=[
                inputs.models(),
                io.Video.Input("clip", tooltip="One shot with the person in it, at least as long as the sound"),
                io.Audio.Input("audio", tooltip="The new speech, no longer than the clip, whose own sound goes"),
                inputs.consent(),
                inputs.seed(),
                io.Combo.Input(
                    "lost",
                    options=list(LOST),
                    default=USUAL,
                    tooltip="Up to half a second without the face: interpolate the head, hold it, pass (as filmed), or "
                    "stop with an error. Longer gaps are always as filmed",
                ),
                io.Int.Input(
                    "face",
                    default=0,
                    min=FACES[0],
                    max=FACES[1],
                    tooltip="Which face of the clip when it shows several, 1 the clearest and largest of its first "
                    "frame with a face; 0: it shows one",
                ),
                io.Int.Input(
                    "detail",
                    default=DETAIL,
                    min=DETAILS[0],
                    max=DETAILS[1],
                    step=64,
                    tooltip="Pixels a side that a face is drawn in, at most; more for a large face in 4K, slower",
                ),
                inputs.guidance(),
                inputs.emotion(),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="As large as the clip, 1 where the speaker is: only faces in it count, only there pixels "
                    "change",
                ),
                NeoMotion.Input(
                    "motion",
                    optional=True,
                    tooltip="From Motion From Video or Edit Expression, in step with the audio: its mouth in the place "
                    "of what VOCAL performs",
                ),
            ],
            outputs=[
                io.Video.Output("video", tooltip="The clip with its new mouth and sound; connect Save Video"),
                NeoMotion.Output("motion", tooltip="What was performed, for Plot Motion or Save Motion"),
                io.String.Output("report", tooltip="How many frames, and where the person was not seen"),
            ],
        )

    @classmethod
    def execute(
        cls,
        models,
        clip,
        audio,
        seed,
        lost,
        face,
        detail,
        consent=None,
        guidance=None,
        emotion=None,
        mask=None,
        motion=None,
    ):
        grant = require_grant(consent)
        sound, settings = to_waveform(audio), performance(seed, FRAME_RATES[0], guidance, emotion)
        number, allowed = within(face, FACES, "face") or None, to_mask(mask)
        how = {"lost": chosen(lost, tuple(LOST), "lost"), "detail": within(detail, DETAILS, "detail")}
        if motion is not None:
            how["performance"] = genuine(motion, MotionLatents, "motion", "Motion From Video")
        with on_device(models) as engine:
            made = redubbed(engine, copied(clip), sound, settings, number, grant=grant, mask=allowed, **how)
        return io.NodeOutput(*made)


def redubbed(
    engine: Models,
    clip: TemporaryFile,
    sound: Waveform,
    settings: Settings,
    number: int | None,
    *,
    grant: Grant,
    mask: Tensor | None,
    lost: str,
    detail: int,
    performance: MotionLatents | None = None,
) -> tuple[GrantedVideo, MotionLatents, str]:
    """A clip that speaks another sound, what was performed, and what to tell. The rate is the clip's."""
    use = performance.use if performance else TALKING_HEAD
    footage = inspect_pictures(clip)
    portrait = open_clip(engine.analyser, clip, number, mask, NodeProgress("frame"))
    choose = partial(choose_in_clip, name=NAME, number=number, mask=mask)
    watched, kept = Watched(footage.frames), []
    how = {"grant": grant, "lost": lost, "detail": detail, "mask": mask, "performance": performance, "kept": kept}
    video = written(
        grant,
        lambda path, tell: watched.lost.extend(
            redub(engine, footage, portrait, sound, path, settings, choose, **how, progress=tell)
        ),
        use,
    )
    return video, MotionLatents(torch.stack(evenly(kept, footage)), footage.fps, use=use), summary(watched, footage)
