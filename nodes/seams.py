"""Seam Report: can one see where the chunks of a long video meet?"""

import math

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import InputError, VideoLatents
from ..neo_core.evaluation.continuity import video_report
from ..neo_core.evaluation.seam_plot import plot_seams
from . import inputs
from .media import to_image
from .progress import NodeProgress
from .sockets import NeoVideoLatent, genuine
from .video import copied

MOST_JOINS = 10_000
EVERY = (0.0, 36_000.0)  # seconds


class SeamReport(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_SeamReport",
            display_name="Seam Report",
            category="NEO/full body",
            description="Measures whether one can see where the chunks of a long video meet: jumps, jerks, double "
            "edges, drift of colours and identity, each against the inside of the chunks of the same video.",
            search_aliases=["continuity", "flicker", "quality", "long video"],
            inputs=[
                io.Video.Input("video", tooltip="Any video made of chunks, NEO's or another's"),
                NeoVideoLatent.Input(
                    "latents", optional=True, tooltip="From Neural Continuum Sync: where the chunks of its video meet"
                ),
                io.String.Input(
                    "joins",
                    default="",
                    optional=True,
                    tooltip="Of another video: the seconds at which chunks meet, as 1.4, 2.9",
                ),
                io.Float.Input(
                    "every",
                    default=0.0,
                    min=EVERY[0],
                    max=EVERY[1],
                    step=0.04,
                    optional=True,
                    tooltip="Or chunks of equal length: the seconds of each; 0 when they are not",
                ),
            ],
            outputs=[
                io.Image.Output("picture", tooltip="What was measured over the video, joins as upright lines"),
                io.String.Output("report", tooltip="The figures: a line per seam, medians, drift, and a verdict"),
            ],
        )

    @classmethod
    def execute(cls, video, latents=None, joins="", every=0.0):
        every = inputs.number(every, EVERY, "every")
        moments, copy = joins_at(latents, joins), copied(video)
        frames, tell = video.get_frame_count(), NodeProgress("frame")
        report = video_report(copy, moments, every or None, progress=lambda done, *_: tell(done, max(done, frames)))
        return io.NodeOutput(to_image(plot_seams(report)), report.table())


def joins_at(latents: object, joins: object) -> tuple[float, ...]:
    """The seconds at which chunks meet, of latents or written down. Raises InputError for both, and for no numbers."""
    if latents is None:
        return _seconds(joins)
    performed = genuine(latents, VideoLatents, "latents", "Neural Continuum Sync")
    if not performed.joins:
        raise InputError("input latents is one chunk and has no seam; expected a longer performance")
    if joins:
        raise InputError("joins were given beside latents, which know them; expected either")
    return tuple(float(frame / performed.fps) for frame in performed.joins)


def _seconds(joins: object) -> tuple[float, ...]:
    if not isinstance(joins, str):
        raise InputError(f"joins holds {type(joins).__name__}; expected seconds such as 1.4, 2.9")
    parts = [part for part in joins[: 32 * MOST_JOINS].replace("\n", ",").split(",") if part.strip()]
    try:
        seconds = tuple(float(part) for part in parts)
    except ValueError:
        seconds = (math.nan,)
    if len(seconds) > MOST_JOINS or not all(math.isfinite(second) for second in seconds):
        raise InputError(f"joins are {joins!r:.40}; expected seconds such as 1.4, 2.9")
    return seconds
