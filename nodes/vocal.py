"""VOCAL: from speech to motion, and how much each signal counts."""

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import AudioFeatures, Emotion, Identity, InputError
from ..neo_core.flow.guidance import FORMS, LARGEST_SLIDER, Guidance
from ..neo_core.pipelines.talking_head import Settings, generate
from ..neo_core.timebase import parse_fps
from ..neo_core.vocal.sampler import LARGEST_SEED, STEPS
from . import inputs
from .curves import over_time
from .model_patcher import on_device
from .progress import NodeProgress
from .sockets import NeoGuidance, NeoMotion, genuine

STEP_COUNTS = (2, 50)
WEIGHTS = (0.0, LARGEST_SLIDER)
FORM_NAMES = tuple(FORMS)
Curve = io.Custom("CURVE")  # io.Curve has no `forceInput`: it would draw an editor on the node for each of them


class GuidanceMixer(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_GuidanceMixer",
            display_name="Guidance Mixer",
            category="NEO",
            description="How much the speech, the person and the portrait's own expression steer the performance, also "
            "over time.",
            search_aliases=["cfg", "guidance scale"],
            inputs=[
                slider("audio", "How closely the lips and the head follow the speech"),
                slider("identity", "How much the build of this face shapes the motion"),
                slider("reference", "How much the pose and expression of the portrait are kept"),
                percent("start_percent", 0.0, "Where in the clip the sliders begin to act; all is as trained before"),
                percent("end_percent", 100.0, "Where in the clip the sliders stop acting; all is as trained after"),
                curve("audio_curve", "audio"),
                curve("identity_curve", "identity"),
                curve("reference_curve", "reference"),
                *refinements(),
            ],
            outputs=[NeoGuidance.Output("guidance", tooltip="For Generate Motion or NEO Talking Head")],
        )

    @classmethod
    def execute(
        cls,
        audio,
        identity,
        reference,
        start_percent,
        end_percent,
        audio_curve=None,
        identity_curve=None,
        reference_curve=None,
        form=FORM_NAMES[0],
        rescale=0.0,
        steps_start_percent=0.0,
        steps_end_percent=100.0,
    ):
        clip = stretch(start_percent, end_percent, "")
        curves = (over_time(audio_curve), over_time(identity_curve), over_time(reference_curve))
        first, last = stretch(steps_start_percent, steps_end_percent, "steps_")
        how = (inputs.chosen(form, FORM_NAMES, "form"), rescale, (1 - last, 1 - first))  # flow times fall from 1 to 0
        return io.NodeOutput(Guidance(audio, identity, reference, *clip, *curves, *how))


class GenerateMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_GenerateMotion",
            display_name="Generate Motion",
            category="NEO",
            description="VOCAL performs the speech: lips, brows, gaze, blinks and head, for any length.",
            search_aliases=["vocal", "sampler", "lip sync"],
            inputs=[
                inputs.models(),
                inputs.speech(),
                inputs.identity(),
                inputs.seed(),
                io.Int.Input(
                    "steps",
                    default=STEPS,
                    min=STEP_COUNTS[0],
                    max=STEP_COUNTS[1],
                    tooltip="Steps from noise to motion; more is slower and hardly better",
                ),
                inputs.fps(),
                inputs.guidance(),
                inputs.emotion(),
            ],
            outputs=[NeoMotion.Output("motion", tooltip="The performance, one pose and expression per frame")],
        )

    @classmethod
    def execute(cls, models, speech, identity, seed, steps, fps, guidance=None, emotion=None):
        heard = genuine(speech, AudioFeatures, "speech", "Encode Audio")
        person = genuine(identity, Identity, "identity", "Enrol From Photo")
        settings = performance(seed, fps, guidance, emotion, steps)
        with on_device(models) as engine:
            return io.NodeOutput(generate(engine, heard, person, settings, NodeProgress("step")))


def performance(seed: int, fps: str, guidance: object, emotion: object, steps: int = STEPS) -> Settings:
    """The settings of a performance; without guidance every signal counts as trained, and without an emotion all is as
    the voice sounds."""
    wished = None if emotion is None else genuine(emotion, Emotion, "emotion", "Emotion")
    mixed = Guidance() if guidance is None else genuine(guidance, Guidance, "guidance", "Guidance Mixer")
    rate = parse_fps(inputs.chosen(fps, inputs.FRAME_RATES, "fps"))
    inputs.within(seed, (0, LARGEST_SEED), "seed")
    return Settings(rate, seed, inputs.within(steps, STEP_COUNTS, "steps"), mixed, wished)


def stretch(start: float, end: float, of: str) -> tuple[float, float]:
    """The stretch of the clip, or of the steps, in which the sliders act, from per cent to shares of it."""
    if not 0 <= start <= end <= 100:
        raise InputError(
            f"{of}start_percent is {start:g} and {of}end_percent is {end:g}; expected both from 0 to 100, the start "
            "not after the end"
        )
    return start / 100, end / 100


def slider(name: str, meaning: str) -> io.Float.Input:
    return inputs.slider(name, WEIGHTS, f"{meaning}; 1 as trained, 0 not at all, above 1 more than that")


def percent(name: str, default: float, meaning: str, **more: bool) -> io.Float.Input:
    return io.Float.Input(name, default=default, min=0.0, max=100.0, step=1.0, tooltip=meaning, **more)


def refinements() -> list:
    """How the sliders act. Newer than the node: optional, so that older files still run."""
    newer = {"optional": True, "advanced": True}
    form = (
        "What a slider is measured against. leave-one-out: everything but its own signal, so the sliders are "
        "independent; nested: only the signals before it, in the order reference, identity, audio"
    )
    rescale = (
        "How much of its size without guidance the motion gets back: 0 none, 1 all; against motion that high sliders "
        "blow up"
    )
    begin = "Where in the steps from noise to motion the sliders begin to act; later keeps large movements as they are"
    end = "Where in the steps from noise to motion the sliders stop acting; earlier is faster"
    return [
        io.Combo.Input("form", options=list(FORM_NAMES), default=FORM_NAMES[0], tooltip=form, **newer),
        io.Float.Input("rescale", default=0.0, min=0.0, max=1.0, step=0.05, tooltip=rescale, **newer),
        percent("steps_start_percent", 0.0, begin, **newer),
        percent("steps_end_percent", 100.0, end, **newer),
    ]


def curve(name: str, signal: str) -> Curve.Input:
    when = "left to right is time, bottom is as trained, top is what it says"
    tooltip = f"How much of the {signal} slider applies over the clip: {when}"
    return Curve.Input(name, optional=True, tooltip=tooltip, extra_dict={"forceInput": True})
