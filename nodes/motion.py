"""Motion as a picture and as a file."""

from comfy_api.v0_0_2 import io, ui

from ..neo_core.data_types import AudioFeatures, Identity, MotionLatents
from ..neo_core.evaluation.motion_plot import PARTS, plot_motion
from ..neo_core.evaluation.vocal_plot import PICTURES
from ..neo_core.pipelines.motion_file import SUFFIXES, load_motion, save_motion
from ..neo_core.vocal.sampler import LARGEST_SEED
from . import inputs
from .folders import input_file, motion_files, output_file, state
from .media import to_image, to_waveform
from .model_patcher import on_device
from .progress import NodeProgress
from .sockets import NeoMotion, genuine

WIDTH, HEIGHT = 1280, 720
FORMATS = tuple(suffix[1:] for suffix in SUFFIXES)


class PlotMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_PlotMotion",
            display_name="Plot Motion",
            category="NEO/parts",
            description="Draws a performance as curves over seconds.",
            search_aliases=["graph", "curves", "debug"],
            inputs=[
                inputs.motion(),
                io.Combo.Input("part", options=list(PARTS), default=PARTS[0], tooltip="Which channels are drawn"),
            ],
            outputs=[io.Image.Output("image", tooltip="The curves, labelled")],
        )

    @classmethod
    def execute(cls, motion, part):
        performance = genuine(motion, MotionLatents, "motion", "Generate Motion")
        return io.NodeOutput(to_image(plot_motion(performance, part, WIDTH, HEIGHT)))


class DepthPlot(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_DepthPlot",
            display_name="Depth Plot",
            category="NEO/parts",
            description="Draws what VOCAL does while it performs: how it blends its depths, what each signal changes, "
            "how the motion goes with the speech.",
            search_aliases=["attention residuals", "influence", "debug"],
            inputs=[
                inputs.models(),
                inputs.speech(),
                inputs.identity(),
                inputs.seed(),
                io.Combo.Input(
                    "picture",
                    options=list(PICTURES),
                    default=next(iter(PICTURES)),
                    tooltip="depth: how much of each earlier block motion takes; influence: how the motion changes "
                    "where a signal is left out; speech: the motion under the loudness",
                ),
                io.Audio.Input(
                    "audio", optional=True, tooltip="The sound itself: its loudness is drawn above the curves"
                ),
            ],
            outputs=[io.Image.Output("image", tooltip="The curves over seconds, labelled")],
        )

    @classmethod
    def execute(cls, models, speech, identity, seed, picture, audio=None):
        heard = genuine(speech, AudioFeatures, "speech", "Encode Audio")
        person = genuine(identity, Identity, "identity", "Enrol From Photo")
        draw = PICTURES[inputs.chosen(picture, tuple(PICTURES), "picture")]
        inputs.within(seed, (0, LARGEST_SEED), "seed")
        sound = None if audio is None else to_waveform(audio)
        with on_device(models) as engine:
            shown = draw(engine.vocal, heard, person, sound, seed, (WIDTH, HEIGHT), NodeProgress("step"))
            return io.NodeOutput(to_image(shown))


class SaveMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_SaveMotion",
            display_name="Save Motion",
            category="NEO/parts",
            description="Keeps a performance as a file in ComfyUI's output folder.",
            search_aliases=["export motion"],
            inputs=[
                inputs.motion(),
                io.String.Input(
                    "filename_prefix", default="neo/motion", tooltip="Folder and beginning of the name, inside output"
                ),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    default=FORMATS[0],
                    tooltip="safetensors is exact and small; json can be read and edited by hand",
                ),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, motion, filename_prefix, format):
        performance = genuine(motion, MotionLatents, "motion", "Generate Motion")
        target = output_file(filename_prefix, format)
        save_motion(target.path, performance)
        return io.NodeOutput(ui=ui.PreviewText(target.name))


class LoadMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_LoadMotion",
            display_name="Load Motion",
            category="NEO/parts",
            description="Opens a performance that Save Motion or the command line wrote.",
            search_aliases=["import motion"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=motion_files(),
                    tooltip="A .safetensors or .json motion in ComfyUI's input or output folder",
                ),
            ],
            outputs=[NeoMotion.Output("motion", tooltip="The performance, for Edit Expression or Render")],
        )

    @classmethod
    def fingerprint_inputs(cls, file):
        return state(input_file(file)).edition  # ComfyUI keeps this in the prompt

    @classmethod
    def execute(cls, file):
        return io.NodeOutput(load_motion(input_file(file)))
