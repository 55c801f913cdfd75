"""Edit Expression: sliders, presets and key-frames over a performance."""

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import MotionLatents
from ..neo_core.pictar.expression import PRESETS, ExpressionEdit, edit_expression, parse_keyframes
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
                number("strength", 1.0, 0.0, 1.5, "How strong the preset is; not used when there are key-frames"),
                number("head_pitch", 0.0, -20.0, 20.0, "Head down (+) or up (-), degrees", 0.5),
                number("head_yaw", 0.0, -20.0, 20.0, "Head to the person's left (+) or right (-), degrees", 0.5),
                number(
                    "head_roll", 0.0, -20.0, 20.0, "Head tipped to the person's right (+) or left (-), degrees", 0.5
                ),
                number("gaze_yaw", 0.0, -25.0, 25.0, "Eyes to the person's left (+) or right (-), degrees", 0.5),
                number("gaze_pitch", 0.0, -25.0, 25.0, "Eyes down (+) or up (-), degrees", 0.5),
                number("brows", 0.0, -1.0, 1.0, "Brows raised (+) or drawn down (-)"),
                number("lids", 0.0, -1.0, 1.0, "Eyes wider (+) or narrower (-)"),
                number("smile", 0.0, -1.0, 1.0, "Corners of the mouth up (+) or down (-)"),
                number("jaw", 0.0, 0.0, 1.0, "Mouth held open"),
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
            ],
            outputs=[NeoMotion.Output("motion", tooltip="The edited performance, for Render")],
        )

    @classmethod
    def execute(cls, motion, keyframes, **sliders):
        performance = genuine(motion, MotionLatents, "motion", "Generate Motion")
        edit = ExpressionEdit(**sliders, keyframes=parse_keyframes(keyframes))
        return io.NodeOutput(edit_expression(performance, edit))


def number(name: str, default: float, low: float, high: float, meaning: str, step: float = 0.05) -> io.Float.Input:
    return io.Float.Input(
        name, default=default, min=low, max=high, step=step, display_mode=io.NumberDisplay.slider, tooltip=meaning
    )


def amplitude(name: str, what: str, but: str = "") -> io.Float.Input:
    return number(name, 1.0, 0.0, 2.0, f"How much {what}: 0 not at all, 1 as performed, 2 twice as much{but}")
