"""How fast the volumetric renderer is beside its formulas computed one by one, on equal random weights.

The plain computation is the tests' oracle, so this needs a checkout. Both run in turns in one process on one thread,
and medians of the process's own time are compared: seconds belong to the machine, ratios less so.
"""

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..media.image import read_photo
from ..pictar.crop import square_around
from ..pictar.volumetric.checkpoints import FILES, build_renderer
from ..pictar.volumetric.family import FAMILY, Renderer, RendererConfig
from ..pictar.volumetric.keypoints import place
from ..pictar.volumetric.lift import read_picture
from ..pictar.volumetric.settling import settle
from ..pictar.volumetric.warping_module import WarpSource
from ..runtime.threads import one_thread
from .bench import CouldNotRun
from .random_liveportrait import random_tensors

ORACLE = Path(__file__).parents[2] / "tests" / "pictar" / "volumetric" / "oracle.py"
PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"
FACE = (330.0, 250.0, 690.0, 700.0)  # of the portrait, pixels
TURN = 12.0  # degrees of yaw that the frame differs by
SEED = 1
ROUNDS = 3


def volumetric_on_cpu() -> dict[str, float]:
    """How many times fewer multiplications, how many times faster, and how far narrow numbers are off."""
    ours, plain = multiplications(FAMILY["liveportrait"])
    return {"volumetric, multiplications": plain / ours, **_times(FAMILY["liveportrait"], ROUNDS)}


def multiplications(config: RendererConfig) -> tuple[float, float]:
    """Of one frame (warping and generator): ours, and as the formulas say it. Nothing is computed."""
    shape = (1, config.warping.channels, config.warping.depth, config.appearance.grid, config.appearance.grid)
    with torch.device("meta"), torch.no_grad():
        renderer, oracle = settle(Renderer(config)), load_oracle().Oracle(config)
        volume, keypoints = torch.empty(shape), torch.empty(1, config.warping.keypoints, 3)
        source = renderer.warping.know(volume, keypoints)
        with FlopCounterMode(display=False) as ours:
            frame(renderer, source, keypoints)
        with FlopCounterMode(display=False) as plain:
            oracle(volume, keypoints, keypoints)
    return ours.get_total_flops() / 2, plain.get_total_flops() / 2


@one_thread()
@torch.no_grad()
def _times(config: RendererConfig, rounds: int) -> dict[str, float]:
    tensors = random_tensors(config, SEED)
    oracle = load_oracle().Oracle(config, tensors)
    exact, narrow = (build_renderer(config, tensors, FILES).ready(dtype) for dtype in (torch.float32, torch.bfloat16))
    volume, source, driving = portrait(exact)
    known = exact.warping.know(volume, source)
    images: dict[str, Tensor] = {}

    def run(name: str, draw: Callable[[], Tensor]) -> Callable[[], None]:
        return lambda: images.__setitem__(name, draw())

    runs = (
        run("plain", lambda: oracle(volume, source, driving)["image"]),
        run("exact", lambda: frame(exact, known, driving)),
        run("narrow", lambda: frame(narrow, known, driving)),
    )
    plain, fast, fastest = medians(runs, rounds)
    return {
        "volumetric, difference": float((images["exact"] - images["plain"]).abs().max()),
        "volumetric, speed in float32": plain / fast,
        "volumetric, speed in bfloat16": plain / fastest,
        "volumetric, error in bfloat16": 255 * float((images["narrow"] - images["plain"]).abs().mean()),
        "volumetric, seconds a frame": fastest,
    }


def frame(renderer: Renderer, source: WarpSource, driving: Tensor) -> Tensor:
    """Everything that a frame takes, 0..1."""
    return renderer.generator(renderer.warping(source, driving).features)


def portrait(renderer: Renderer) -> tuple[Tensor, Tensor, Tensor]:
    """Volume and keypoints of the bundled portrait, and keypoints of the same face turned."""
    side = renderer.config.appearance.side
    framing = square_around(read_photo(PORTRAIT), torch.tensor(FACE), 2 * side)
    picture = read_picture(framing.image, side)
    motion = renderer.motion(picture)
    return renderer.appearance(picture), place(motion), place(replace(motion, yaw=motion.yaw + TURN))


def medians(
    runs: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Median seconds of each, taken in turns: a busy minute meets all of them. What is set up in a first turn does not
    count."""
    seconds: list[list[float]] = [[] for _ in runs]
    for number in range(rounds + 1):
        for run, found in zip(runs, seconds, strict=True):
            begun = clock()
            run()
            if number:
                found.append(clock() - begun)
    return [statistics.median(found) for found in seconds]


def load_oracle() -> ModuleType:
    """The tests' plain implementation."""
    if not ORACLE.is_file():
        raise CouldNotRun(f"the plain renderer {ORACLE} is not there: it comes with a checkout")
    spec = importlib.util.spec_from_file_location("plain_volumetric_renderer", ORACLE)
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module
