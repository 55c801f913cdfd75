"""Option values shared by the commands that render: parsed, bounded, refused in one sentence."""

import argparse
from fractions import Fraction

from ..data_types import InputError
from ..pictar.expression import parse_amplitudes
from ..timebase import parse_fps
from ..vocal.sampler import LARGEST_SEED

MIN_SIZE, MAX_SIZE = 64, 4096


def add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", type=size, metavar="N", help="head and shoulders in an N x N square (default: the whole photo)"
    )
    parser.add_argument("--face", type=int, metavar="K", help="which face, when the photo shows several")


def fps(text: str) -> Fraction:
    try:
        return parse_fps(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def size(text: str) -> int:
    return _whole_number(text, MIN_SIZE, MAX_SIZE, "size")


def steps(text: str) -> int:
    return _whole_number(text, 1, 100, "steps")


def seed(text: str) -> int:
    return _whole_number(text, 0, LARGEST_SEED, "seed")


def guidance(text: str) -> float:
    return _number(text, 10, "guidance")


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
        raise argparse.ArgumentTypeError(f"{name} is {text}, expected a number from 0 to {high}")
    return value


def _whole_number(text: str, low: int, high: int, name: str) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{name} is {text}, expected a whole number from {low} to {high}")
    return int(text)
