"""Films at a glance: a row each, the anchor and a few moments side by side; and one scene as a video with its sound.

python -m neo_core factory films-sheet --films DIR --out sheet.png --video scene.mp4
"""

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import Waveform
from ..media.image import write_image
from ..media.video import VideoWriter
from ..timebase import MOTION_RATE
from .films import Film, load_films
from .synthetic.utterance import RATE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `factory films-sheet`."""
    parser.add_argument("--films", type=Path, required=True, nargs="+", help="folders made by `factory films`")
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    parser.add_argument("--rows", type=int, default=10, help="films to show, evenly spaced")
    parser.add_argument("--moments", type=int, default=9, help="frames of each")
    parser.add_argument("--first", type=int, default=0, help="leave out so many films")
    parser.add_argument("--video", type=Path, help="write the first scene that is shown as a video")


def run(arguments: argparse.Namespace) -> None:
    """Write the sheet, the prompts of its rows beside it, and the video."""
    films = load_films(arguments.films)[arguments.first :]
    shown = films[:: max(len(films) // arguments.rows, 1)][: arguments.rows]
    write_image(arguments.out, sheet(shown, arguments.moments))
    lines = [f"{film.scene} {film.part} {film.manner}: {film.prompt}" for film in shown]
    arguments.out.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    if arguments.video:
        write_scene([film for film in films if film.scene == shown[0].scene], arguments.video)


def sheet(films: Sequence[Film], moments: int) -> Tensor:
    """Rows of the anchor and `moments` frames, evenly spaced. u8 [rows x H, (moments + 1) x H, 3]"""
    rows = []
    for film in films:
        wanted = [round((k + 0.5) * film.frames / moments) for k in range(moments)]
        rows.append(torch.cat([film.anchor(), *(film.video(k, k + 1)[0] for k in wanted)], 1))
    return torch.cat(rows)


def write_scene(films: Sequence[Film], path: Path) -> None:
    """Consecutive films of a scene as one video with sound."""
    sound = Waveform(torch.cat([film.sound() for film in films])[None], RATE)
    with VideoWriter(path, (films[0].size, films[0].size), Fraction(MOTION_RATE), sound) as writer:
        for film in films:
            for frame in film.video():
                writer.write(frame)
