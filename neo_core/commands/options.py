"""Option values shared by the commands that render: parsed, bounded, refused in one sentence."""

import argparse
from fractions import Fraction

from ..data_types import EMOTIONS, Emotion, InputError
from ..flow.guidance import LARGEST_SLIDER
from ..pictar.expression import parse_amplitudes
from ..pipelines.full_body import SCALES
from ..timebase import parse_fps
from ..vocal.sampler import LARGEST_SEED

MIN_SIZE, MAX_SIZE = 64, 4096
MAX_PROCESSES = 64


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
