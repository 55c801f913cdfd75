"""Inputs that the nodes of NEO 2 share, and what they come to."""

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import AudioFeatures, InputError
from ..neo_core.neo2.latent_space import CELL, FRAMES, RATE, SIZE
from ..neo_core.neo2.sampler import LARGEST_AMPLITUDE, LARGEST_PROSODY, SHIPPED, TABLES
from ..neo_core.neo2.text_encoder import WORDS
from ..neo_core.neo2.window_layout import TRAINED, Sync
from ..neo_core.pipelines.full_body import SCALES, FullBodySettings, shipped_sampling, unread
from ..neo_core.vocal.sampler import LARGEST_SEED
from . import inputs
from .progress import NodeProgress
from .sockets import NeoAnchor, NeoAudio, NeoVideoLatent, NeoVideoModel, genuine

SYNC = Sync()  # as shipped
STEPS = (1, 50)
OVERLAPS = (0, TRAINED[1] - 1)
GROUPS = (1, 16)
AS_SHIPPED = "shipped"
SPACINGS = (AS_SHIPPED, *TABLES)
WEIGHTS = (0.0, 4.0)
RESCALES = (0.0, 1.0)
START_LEVELS = (0.5, 1.0)
AMPLITUDES = (0.0, LARGEST_AMPLITUDE)
PROSODIES = (0.0, LARGEST_PROSODY)
STARTS = (0.0, 36_000.0)  # seconds
TILES = (0, SIZE)  # of the model's pixels
MOST_LETTERS = 2000  # of a prompt
SWITCHES = ("phase", "shared_noise", "context")
AGREEMENT = (*SWITCHES, "group")


def models() -> NeoVideoModel.Input:
    return NeoVideoModel.Input("models", tooltip="From Load NEO 2")


def latents() -> NeoVideoLatent.Input:
    return NeoVideoLatent.Input("latents", tooltip="From Neural Continuum Sync or Chunk Denoiser: the performance")


def performance() -> list:
    """What every performance of NEO 2 is made of."""
    prompt = f"Manner, clothes and scene in a few words; the first {WORDS} are read. May stay empty"
    steps = f"Steps from noise to latents; NEO 2 ships with {SHIPPED.steps}"
    return [
        models(),
        NeoAnchor.Input("anchor", tooltip="From Encode Anchor: who is seen"),
        NeoAudio.Input("speech", tooltip="From Encode Audio: what the model hears"),
        inputs.seed(),
        io.Int.Input("steps", default=SHIPPED.steps, min=STEPS[0], max=STEPS[1], tooltip=steps),
        io.String.Input("prompt", default="", multiline=True, tooltip=prompt),
    ]


def start() -> io.Float.Input:
    latent = FRAMES / RATE
    tooltip = (
        f"Where in the speech the chunk begins, in seconds: with a latent, so at the multiple of {latent:g} at or "
        "before this. Give the sound of the video the same start"
    )
    return io.Float.Input("start", default=0.0, min=STARTS[0], max=STARTS[1], step=latent, tooltip=tooltip)


def chunk() -> io.Int.Input:
    tooltip = f"Latents of a chunk, each of {FRAMES} frames; the model was trained with {TRAINED[0]} to {TRAINED[1]}"
    return io.Int.Input("chunk", default=SYNC.chunk, min=TRAINED[0], max=TRAINED[1], tooltip=tooltip)


def overlap() -> io.Int.Input:
    tooltip = "Latents that two neighbouring chunks have in common; less than a chunk"
    return io.Int.Input("overlap", default=SYNC.overlap, min=OVERLAPS[0], max=OVERLAPS[1], tooltip=tooltip)


def scale() -> io.Int.Input:
    tooltip = "How many times as large as the model makes them the frames are in the file, on each side"
    return io.Int.Input("scale", default=4, min=SCALES[0], max=SCALES[1], tooltip=tooltip)


def tile() -> io.Int.Input:
    tooltip = (
        "Decode pictures in squares of so many of the model's pixels on each side, 0: as a whole. The video is the "
        "same, and nothing is computed twice"
    )
    return io.Int.Input(
        "tile", default=0, min=TILES[0], max=TILES[1], step=CELL, optional=True, tooltip=tooltip, advanced=True
    )


def agreement() -> list:
    """How chunks are made to agree, apart from the fusion of what overlaps."""
    told = {
        "phase": "Whether the borders of chunks move between the steps, so that no moment is a border at every step",
        "shared_noise": "Whether all chunks start from one field of noise; otherwise each draws its own",
        "context": "Latent Context: whether a chunk sees the latents before it",
    }
    switches = [
        io.Boolean.Input(name, default=getattr(SYNC, name), tooltip=tooltip, advanced=True)
        for name, tooltip in told.items()
    ]
    tooltip = "Chunks that are denoised side by side; the next ones begin from the finished end of these"
    group = io.Int.Input("group", default=SYNC.group, min=GROUPS[0], max=GROUPS[1], tooltip=tooltip, advanced=True)
    return [*switches, group]


def refinements() -> list:
    """How a chunk is sampled, apart from its steps."""
    spacing = (
        "Where the steps lie between noise and latents. shipped: as the model ships; uniform: equal steps; rcm: nearer "
        "to the noise, for at most four steps"
    )
    rescale = "How much of its size without guidance an amplified prediction gets back: 0 none, 1 all"
    level = "How much noise the first step starts from; below 1 the rest is the picture of the person at rest"
    far = "How far the person strays from the picture, over what the model says: 0 stands still, 1 is as it says"
    voice = (
        "How far the body moves more where the voice does more, and less where it does less: 0 not at all. Faces stay "
        "as the model says"
    )
    return [
        io.Combo.Input("spacing", options=list(SPACINGS), default=AS_SHIPPED, tooltip=spacing, advanced=True),
        _number("audio_weight", SHIPPED.audio, WEIGHTS, f"How closely the speech is followed; {_passes()}"),
        _number("prompt_weight", SHIPPED.text, WEIGHTS, f"How closely the prompt is followed; {_passes()}"),
        _number("rescale", SHIPPED.rescale, RESCALES, rescale),
        _number("noise_level", SHIPPED.start, START_LEVELS, level, step=0.01),
        _number("amplitude", SHIPPED.amplitude, AMPLITUDES, far, optional=True),
        _number("prosody", SHIPPED.prosody, PROSODIES, voice, optional=True),
    ]


def settings(seed: int, steps: int, refined: dict, **agreed: object) -> FullBodySettings:
    """What the widgets of a performance come to; `agreed` goes to `Sync`. Raises InputError beyond their limits."""
    inputs.within(seed, (0, LARGEST_SEED), "seed")
    inputs.within(steps, STEPS, "steps")
    refined = {"amplitude": SHIPPED.amplitude, "prosody": SHIPPED.prosody} | refined  # graphs of 0.1.0 say neither
    spacing = inputs.chosen(refined["spacing"], SPACINGS, "spacing")
    for name, limits in (
        ("audio_weight", WEIGHTS),
        ("prompt_weight", WEIGHTS),
        ("rescale", RESCALES),
        ("noise_level", START_LEVELS),
        ("amplitude", AMPLITUDES),
        ("prosody", PROSODIES),
    ):
        inputs.number(refined[name], limits, name)
    sampling = shipped_sampling(
        steps,
        **({} if spacing == AS_SHIPPED else {"schedule": spacing}),
        start=refined["noise_level"],
        amplitude=refined["amplitude"],
        prosody=refined["prosody"],
        rescale=refined["rescale"],
        audio=refined["audio_weight"],
        text=refined["prompt_weight"],
        seed=seed,
    )
    for name, limits in (("chunk", TRAINED), ("overlap", OVERLAPS), ("group", GROUPS)):
        inputs.within(agreed.get(name, getattr(SYNC, name)), limits, name)
    for name in SWITCHES:
        inputs.switch(agreed.get(name, getattr(SYNC, name)), name)
    return FullBodySettings(sampling, Sync(**agreed))


def heard(speech: object) -> AudioFeatures:
    return genuine(speech, AudioFeatures, "speech", "Encode Audio")


def words(prompt: object, progress: NodeProgress) -> str:
    """The text of a prompt; one that is too long to be read is told on the node. Raises InputError when it is none, or
    a book."""
    if not isinstance(prompt, str):
        raise InputError(f"prompt holds {type(prompt).__name__}; expected text")
    if len(prompt) > MOST_LETTERS:
        raise InputError(f"prompt has {len(prompt)} characters; expected at most {MOST_LETTERS}")
    progress.warn(unread(prompt))
    return prompt


def latent_at(seconds: float) -> int:
    """The latent that shows a moment. Raises InputError before the beginning and far beyond every end."""
    return int(round(inputs.number(seconds, STARTS, "start") * RATE, 3) // FRAMES)


def cells(tile: int) -> int | None:
    """The side of a tile in cells, None for whole pictures."""
    return -(-inputs.within(tile, TILES, "tile") // CELL) or None


def _passes() -> str:
    return "1 as trained, 0 not at all, above 1 more than that. Other than 0 and 1 it takes another pass of the network"


def _number(
    name: str, default: float, limits: tuple[float, float], tooltip: str, step: float = 0.05, optional: bool = False
) -> io.Float.Input:
    low, high = limits
    return io.Float.Input(
        name, default=default, min=low, max=high, step=step, tooltip=tooltip, advanced=True, optional=optional
    )
