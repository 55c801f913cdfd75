"""Option values shared by the commands that render: parsed, bounded, refused in one sentence."""

import argparse
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..data_types import EMOTIONS, Emotion, InputError
from ..flow.guidance import LARGEST_SLIDER
from ..pictar.expression import parse_amplitudes
from ..pictar.volumetric.driving import REGIONS, RELATIONS, Rules
from ..pictar.volumetric.openness import PARTS
from ..pipelines.full_body import SCALES
from ..pipelines.live_portrait import PRECISIONS, LivePortrait
from ..pipelines.mini import MiniRenderer
from ..timebase import parse_fps
from ..vocal.sampler import LARGEST_SEED

PERSON = "a picture with one face (or --face K), or a video of one person, 3.5 s or longer"
MIN_SIZE, MAX_SIZE = 64, 4096
MAX_PROCESSES = 64
MOST_DRIVING = 3  # multiplier
GEOMETRIC, MINI, PUBLIC = "geometric", "mini", "liveportrait"
# options of the public renderer that may be empty
RENDERING = ("checkpoint", "retarget", "no_stitching", "keep_size", "dynamic_roi", "compile", "precision")


def add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size",
        type=size,
        metavar="N",
        help="head and shoulders in an N x N square (default: the whole photo, to an even number of pixels a side)",
    )
    parser.add_argument("--face", type=int, metavar="K", help="which face, when the photo shows several")


def add_performance(parser: argparse.ArgumentParser, usual_steps: int | dict[str, int]) -> None:
    """Options of every performance. Where several models can perform, the usual steps are theirs by name, and no steps
    are left to the command: None."""
    parser.add_argument("--seed", type=seed, default=0, help="another seed, another performance (default: 0)")
    several = isinstance(usual_steps, dict)
    told = ", ".join(f"{name} {count}" for name, count in usual_steps.items()) if several else usual_steps
    text = f"Euler steps (default: {told})"
    parser.add_argument("--steps", type=steps, default=None if several else usual_steps, help=text)
    text = f"the state to act: {', '.join(EMOTIONS)} (default: as the voice sounds)"
    parser.add_argument("--emotion", choices=EMOTIONS, metavar="STATE", help=text)
    text = "how much of it, 0 to 1 (default: 1)"
    parser.add_argument("--emotion-strength", type=strength, metavar="S", help=text)
    text = "how far parts or channels move, 1 as performed: 'head 0.8, jawOpen 1.2'"
    parser.add_argument("--amplitude", type=amplitudes, default=(), metavar="NAME A, ...", help=text)


def add_renderer(parser: argparse.ArgumentParser) -> None:
    """Options of what draws a talking head."""
    own = parser.add_argument_group("what draws the head")
    text = f"{GEOMETRIC}: a 3D head that wears the photo; {MINI}: the same head and a small network, which paints what "
    text += f"the photo does not show; {PUBLIC}: a public checkpoint (default: {GEOMETRIC})"
    own.add_argument("--renderer", choices=(GEOMETRIC, MINI, PUBLIC), default=GEOMETRIC, help=text)
    text = f"with --renderer {MINI}: a file of `train volumetric` (default: the embedded one)"
    own.add_argument("--mini", type=Path, metavar="FILE", help=text)
    text = f"with --renderer {PUBLIC}: the folder of the checkpoint's five files, .safetensors or .pth"
    own.add_argument("--checkpoint", type=Path, metavar="DIR", help=text)
    text = "let its own networks open and close these: it closes eyes whole"
    own.add_argument("--retarget", choices=PARTS, nargs="+", default=(), help=text)
    text = "how far everything moves, 1 as performed (default: 1)"
    own.add_argument("--driving-multiplier", type=multiplier, default=1.0, metavar="M", help=text)
    own.add_argument("--no-stitching", action="store_true", help="let neck and shoulders go with the head")
    text = "let the face neither grow nor shrink: sizes read off a video wobble"
    own.add_argument("--keep-size", action="store_true", help=text)
    text = "between keyframes compute eyes and mouth only: faster, not quite the same pixels"
    own.add_argument("--dynamic-roi", action="store_true", help=text)
    text = "torch.compile its networks and keep what is faster: takes minutes first, pays for long videos on a GPU"
    own.add_argument("--compile", action="store_true", help=text)
    text = "numbers of its networks (default: float16 on a GPU, else float32)"
    own.add_argument("--precision", choices=tuple(PRECISIONS), help=text)


def add_driving(parser: argparse.ArgumentParser) -> None:
    """How a performance of ours drives a public checkpoint: a group of its own, for not every command has one."""
    own = parser.add_argument_group(f"how a performance drives it, with --renderer {PUBLIC}")
    text = "what of the performance it takes (default: all)"
    own.add_argument("--region", choices=REGIONS, default=REGIONS[0], help=text)
    text = "; ".join(f"{name}: {what}" for name, what in RELATIONS.items())
    own.add_argument("--relation", choices=tuple(RELATIONS), default="relative", help=f"{text} (default: relative)")


def renderer(arguments: argparse.Namespace) -> LivePortrait | MiniRenderer | None:
    """The public checkpoint or the mini that the options ask for; None for the geometric renderer."""
    given = [name for name in RENDERING if getattr(arguments, name)]
    given += ["driving_multiplier"] * (arguments.driving_multiplier != 1)
    chosen = arguments.renderer
    if arguments.mini and chosen != MINI:
        raise InputError(f"--mini found with --renderer {chosen}, expected --renderer {MINI}")
    if chosen != PUBLIC:
        if given:
            option = f"--{given[0].replace('_', '-')}"
            raise InputError(f"{option} found with --renderer {chosen}, expected --renderer {PUBLIC}")
        return MiniRenderer(arguments.mini) if chosen == MINI else None
    if arguments.checkpoint is None:
        raise InputError(f"--renderer {PUBLIC} found without --checkpoint, expected the folder of a checkpoint with it")
    rules = Rules(
        multiplier=arguments.driving_multiplier,
        stitch=not arguments.no_stitching,
        resize=not arguments.keep_size,
    )
    parts = tuple(dict.fromkeys(arguments.retarget))
    speed = (arguments.precision, arguments.dynamic_roi, arguments.compile)
    return LivePortrait(arguments.checkpoint, rules, parts, *speed)


def driven_renderer(arguments: argparse.Namespace) -> LivePortrait | MiniRenderer | None:
    """The same for a performance of ours, with how it drives."""
    public = renderer(arguments)
    region, relation = arguments.region, arguments.relation
    if isinstance(public, LivePortrait):
        rules = replace(public.rules, region=region, relative=relation == "relative")
        return replace(public, rules=rules)
    for name, value, usual in (("region", region, REGIONS[0]), ("relation", relation, "relative")):
        if value != usual:
            raise InputError(f"--{name} found with --renderer {arguments.renderer}, expected --renderer {PUBLIC}")
    return public


def emotion(arguments: argparse.Namespace) -> Emotion | None:
    """What the options ask for."""
    state, much = arguments.emotion, arguments.emotion_strength
    if state is None and much is not None:
        raise InputError("--emotion-strength found without --emotion, expected both")
    return Emotion(state, 1.0 if much is None else much) if state else None


def fps(text: str) -> Fraction:
    try:
        return parse_fps(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def size(text: str) -> int:
    return _whole_number(text, MIN_SIZE, MAX_SIZE, "size")


def steps(text: str) -> int:
    return _whole_number(text, 1, 100, "steps")


def scale(text: str) -> int:
    return _whole_number(text, *SCALES, "scale")


def processes(text: str) -> int:
    return _whole_number(text, 1, MAX_PROCESSES, "processes")


def seed(text: str) -> int:
    return _whole_number(text, 0, LARGEST_SEED, "seed")


def guidance(text: str) -> float:
    return _number(text, LARGEST_SLIDER, "guidance")


def multiplier(text: str) -> float:
    return _number(text, MOST_DRIVING, "multiplier")


def share(text: str) -> float:
    return _number(text, 1, "share of the clip")


def strength(text: str) -> float:
    return _number(text, 1, "strength")


def amplitudes(text: str) -> tuple[tuple[str, float], ...]:
    try:
        return parse_amplitudes(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _number(text: str, high: float, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= high:
        raise argparse.ArgumentTypeError(f"{name} is {text}, expected a number from 0 to {high:g}")
    return value


def _whole_number(text: str, low: int, high: int, name: str) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{name} is {text}, expected a whole number from {low} to {high}")
    return int(text)
