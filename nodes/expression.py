"""Edit Expression: sliders, presets and key-frames over a performance."""

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import MotionLatents
from ..neo_core.pictar.expression import (
    AMPLITUDE,
    PRESETS,
    SLIDERS,
    STRENGTH,
    ExpressionEdit,
    edit_expression,
    parse_amplitudes,
    parse_keyframes,
)
from . import inputs
from .sockets import NeoMotion, genuine

KEYFRAMES = """# SECONDS: preset [strength] [, slider value]...
# 0: neutral
# 1.5: happy 0.8, head_yaw 10
"""


class EditExpression(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_EditExpression",
            display_name="Edit Expression",
            category="NEO",
            description="Lays an expression, a pose and a gaze over a performance, as a whole or over time. "
            "Amplitudes scale what the performance itself does: at 0 nothing of it is left in that part of the face.",
            search_aliases=["emotion", "expression editor", "head pose", "gaze", "keyframes"],
            inputs=[
                inputs.motion(),
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="neutral",
                    tooltip="Expression that is added to the performance; lips still close for p, b and m. Not used "
                    "when there are key-frames: they take its place",
                ),
                inputs.slider("strength", STRENGTH, "How strong the preset is; not used when there are key-frames"),
                offset("head_pitch", "Head down (+) or up (-), degrees", 0.5),
                offset("head_yaw", "Head to the person's left (+) or right (-), degrees", 0.5),
                offset("head_roll", "Head tipped to the person's right (+) or left (-), degrees", 0.5),
                offset("gaze_yaw", "Eyes to the person's left (+) or right (-), degrees", 0.5),
                offset("gaze_pitch", "Eyes down (+) or up (-), degrees", 0.5),
                offset("brows", "Brows raised (+) or drawn down (-)"),
                offset("lids", "Eyes wider (+) or narrower (-)"),
                offset("smile", "Corners of the mouth up (+) or down (-)"),
                offset("jaw", "Mouth held open"),
                amplitude("amplitude_head", "the head moves"),
                amplitude("amplitude_gaze", "the gaze moves"),
                amplitude("amplitude_brows", "the brows move"),
                amplitude("amplitude_lids", "the person blinks and squints", "; the lids still follow the gaze"),
                amplitude("amplitude_mouth", "the mouth moves"),
                io.String.Input(
                    "keyframes",
                    default=KEYFRAMES,
                    multiline=True,
                    tooltip="Expression over time, one line per moment: SECONDS: preset [strength] [, slider value]... "
                    "Lines here take the place of the preset and its strength; the sliders above are added to them",
                ),
                io.String.Input(
                    "amplitudes",
                    default="",
                    optional=True,
                    tooltip="Single channels of the motion, on top of the amplitudes above: NAME AMPLITUDE, ... such "
                    "as jawOpen 1.2, browInnerUp_L 0.5",
                ),
                io.Boolean.Input(
                    "live",
                    default=False,
                    optional=True,
                    tooltip="Whenever a slider or the preset is changed, run the Preview Image nodes that follow, and "
                    "nothing else",
                ),
            ],
            outputs=[NeoMotion.Output("motion", tooltip="The edited performance, for Render")],
        )

    @classmethod
    def execute(cls, motion, keyframes, amplitudes="", **sliders):
        sliders.pop("live", None)  # which the browser reads
        performance = genuine(motion, MotionLatents, "motion", "Generate Motion")
        edit = ExpressionEdit(**sliders, amplitudes=parse_amplitudes(amplitudes), keyframes=parse_keyframes(keyframes))
        return io.NodeOutput(edit_expression(performance, edit))


def offset(name: str, meaning: str, step: float = 0.05) -> io.Float.Input:
    return inputs.slider(name, SLIDERS[name], meaning, default=0.0, step=step)


def amplitude(name: str, what: str, but: str = "") -> io.Float.Input:
    meaning = f"How much {what}: 0 not at all, 1 as performed, 2 twice as much{but}"
    return inputs.slider(name, AMPLITUDE, meaning)
