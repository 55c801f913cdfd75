"""Inputs that several nodes share, so that they read and behave the same everywhere."""

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import InputError
from ..neo_core.vocal.sampler import LARGEST_SEED
from .sockets import (
    NeoAudio,
    NeoEmotion,
    NeoGrant,
    NeoGuidance,
    NeoIdentity,
    NeoModel,
    NeoMotion,
    NeoRenderer,
    NeoVolume,
)

FRAMINGS = ("head and shoulders", "whole photo")
FRAME_RATES = ("25", "23.976", "24", "29.97", "30", "48", "50", "59.94", "60")
SIDES = (128, 2048)
FACES = (0, 64)


def photo() -> io.Image.Input:
    return io.Image.Input("photo", tooltip="One picture of a person, from the front: a photo, a rendering, a painting")


def consent() -> NeoGrant.Input:
    return NeoGrant.Input(
        "consent",
        optional=True,  # so that a prompt without it gets the gate's answer and not a remark about a missing link
        tooltip="From the Consent node, made for this very picture; without it nothing is animated",
    )


def models(optional: bool = False) -> NeoModel.Input:
    tooltip = "From Load NEO Models" + ("; left open, the embedded weights are used" if optional else "")
    return NeoModel.Input("models", optional=optional, tooltip=tooltip)


def audio(optional: bool = False) -> io.Audio.Input:
    tooltip = "The sound of the video; left open, it is silent" if optional else "The speech: any length, any rate"
    return io.Audio.Input("audio", optional=optional, tooltip=tooltip)


def speech() -> NeoAudio.Input:
    return NeoAudio.Input("speech", tooltip="From Encode Audio: what the model hears")


def identity() -> NeoIdentity.Input:
    return NeoIdentity.Input("identity", tooltip="From Enrol From Photo: who speaks")


def volume() -> NeoVolume.Input:
    return NeoVolume.Input("volume", tooltip="From Enrol From Photo, Pictar Lift or Pictar Deform: the head in 3D")


def renderer() -> NeoRenderer.Input:
    return NeoRenderer.Input(
        "renderer",
        optional=True,
        tooltip="From Load LivePortrait or Load Mini Renderer: what draws the portrait; left open, the 3D head wears "
        "the photo",
    )


def motion() -> NeoMotion.Input:
    return NeoMotion.Input("motion", tooltip="From Generate Motion, Edit Expression or Load Motion: the performance")


def guidance() -> NeoGuidance.Input:
    return NeoGuidance.Input(
        "guidance", optional=True, tooltip="From Guidance Mixer; left open, all three signals count as trained"
    )


def emotion() -> NeoEmotion.Input:
    return NeoEmotion.Input(
        "emotion", optional=True, tooltip="From Emotion; left open, the performance is as the voice sounds"
    )


def seed() -> io.Int.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=LARGEST_SEED,
        control_after_generate=True,
        tooltip="Another number is another performance of the same speech; the same number gives the same video",
    )


def framing() -> io.Combo.Input:
    return io.Combo.Input(
        "framing",
        options=list(FRAMINGS),
        default=FRAMINGS[0],
        tooltip="Head and shoulders: a square around the face. Whole photo: the picture at its own size",
    )


def size() -> io.Int.Input:
    return io.Int.Input(
        "size",
        default=512,
        min=SIDES[0],
        max=SIDES[1],
        step=2,
        tooltip="Side of the square in pixels, for head and shoulders; smaller is faster and takes less memory",
    )


def face() -> io.Int.Input:
    return io.Int.Input(
        "face",
        default=0,
        min=FACES[0],
        max=FACES[1],
        tooltip="Which face when the picture shows several, 1 the clearest and largest; 0: it shows one",
    )


def fps() -> io.Combo.Input:
    return io.Combo.Input(
        "fps",
        options=list(FRAME_RATES),
        default=FRAME_RATES[0],
        tooltip="Frames per second of the video; the length follows the sound exactly at every rate",
    )


def slider(
    name: str, limits: tuple[float, float], meaning: str, default: float = 1.0, step: float = 0.05
) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=default,
        min=limits[0],
        max=limits[1],
        step=step,
        display_mode=io.NumberDisplay.slider,
        tooltip=meaning,
    )


def within(value: int, limits: tuple[int, int], name: str) -> int:
    """A number inside its limits: what comes over a link, ComfyUI does not check. Raises InputError when it is not."""
    if isinstance(value, bool) or not isinstance(value, int) or not limits[0] <= value <= limits[1]:
        raise InputError(f"{name} is {value!r:.40}; expected a whole number from {limits[0]} to {limits[1]}")
    return value


def number(value: float, limits: tuple[float, float], name: str) -> float:
    """A number inside its limits, whole or not. Raises InputError when it is not."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not limits[0] <= value <= limits[1]:
        raise InputError(f"{name} is {value!r:.40}; expected a number from {limits[0]:g} to {limits[1]:g}")
    return value


def switch(value: bool, name: str) -> bool:
    """On or off. Raises InputError when it is anything else, which could be taken for either."""
    if not isinstance(value, bool):
        raise InputError(f"{name} is {value!r:.40}; expected true or false")
    return value


def chosen(value: str, choices: tuple[str, ...], name: str) -> str:
    """One of its choices. Raises InputError when it is none."""
    if value not in choices:
        raise InputError(f"{name} is {value!r:.40}; expected one of {', '.join(choices)}")
    return value
