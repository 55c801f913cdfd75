"""How fast the volumetric renderer is beside its formulas computed one by one, on equal random weights.

The plain computation is the tests' oracle, so this needs a checkout. Both run in turns in one process, and medians are
compared: seconds belong to the machine, ratios less so. On a CPU that is the process's own time on one thread.
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
from ..pictar.volumetric.family import Renderer, RendererConfig
from ..pictar.volumetric.keypoints import place
from ..pictar.volumetric.lift import read_picture
from ..pictar.volumetric.settling import settle
from ..pictar.volumetric.translate import pack
from ..pictar.volumetric.warping_module import WarpSource
from ..runtime.cuda_graph import recorded
from ..runtime.threads import one_thread
from .bench import CouldNotRun
from .random_liveportrait import random_tensors

PLAIN = Path(__file__).parents[2] / "tests" / "pictar" / "volumetric"
PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"
FACE = (330.0, 250.0, 690.0, 700.0)  # of the portrait, pixels
TURN = 12.0  # degrees of yaw that the frame differs by
SEED = 1
ROUNDS = 3
CUDA_ROUNDS = 30
VISIBLE = 0.5  # mean error of a picture, levels of 255, from which a precision does not count


def fewer_multiplications(config: RendererConfig) -> dict[str, float]:
    ours, plain = multiplications(config)
    return {"multiplications, plain over ours": plain / ours}


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
def on_cpu(config: RendererConfig, notes: dict[str, float], rounds: int = ROUNDS) -> dict[str, float]:
    """How many times faster than the plain computation, and how far narrow numbers are off. `notes`: seconds."""
    tensors = random_tensors(config, SEED)
    oracle = load_oracle().Oracle(config, tensors)
    exact, narrow = (build_renderer(config, tensors, FILES).ready(dtype) for dtype in (torch.float32, torch.bfloat16))
    picture, source, driving = portrait(exact)
    volume = exact.appearance(picture)
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
    error = 255 * float((images["narrow"] - images["plain"]).abs().mean())
    notes |= {"seconds of a frame in float32": fast, "seconds of a frame in bfloat16": fastest}
    return {
        "speed in float32, CPU": plain / fast,
        "speed in the best precision, CPU": plain / (min(fast, fastest) if error < VISIBLE else fast),
        "error of bfloat16, CPU": error,
    }


@torch.no_grad()
def on_cuda(config: RendererConfig, notes: dict[str, float]) -> dict[str, float]:
    """The plain computation in float32, as it would be run, beside ours in float16 as a graph that ends in bytes.

    Latency is that of one frame, from keypoints on the CPU to bytes on the CPU; frames per second are those of a run of
    them, each fetched. Raises CouldNotRun without a CUDA device.
    """
    if not torch.cuda.is_available():
        raise CouldNotRun("this machine has no CUDA device")
    device = torch.device("cuda")
    tensors = random_tensors(config, SEED)
    on_the_cpu = build_renderer(config, tensors, FILES).ready()
    picture, source, driving = portrait(on_the_cpu)
    volume = on_the_cpu.appearance(picture).to(device)
    oracle = load_oracle().Oracle(config, tensors).to(device)
    ours = build_renderer(config, tensors, FILES).ready(torch.float16, device)
    known, pair = ours.warping.know(volume, source.to(device)), (source.to(device), driving.to(device))
    draw = recorded(lambda keypoints: pack(frame(ours, known, keypoints)[0]), device)
    notes["error of float16, CUDA, levels of 255"] = 255 * float(
        (frame(ours, known, pair[1]) - oracle(volume, *pair)["image"]).abs().mean()
    )
    runs = (lambda: pack(oracle(volume, *pair)["image"][0]).cpu(), lambda: draw(driving).cpu())
    plain, fast = medians(runs, CUDA_ROUNDS, _after_the_device)
    begun = _after_the_device()
    for _ in range(CUDA_ROUNDS):
        draw(driving).cpu()
    lasted = _after_the_device() - begun
    return {
        "speed on CUDA": plain / fast,
        "frames per second on CUDA": CUDA_ROUNDS / lasted,
        "latency on CUDA": 1000 * fast,
    }


def _after_the_device() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


def frame(renderer: Renderer, source: WarpSource, driving: Tensor) -> Tensor:
    """Everything that a frame takes, 0..1."""
    return renderer.generator(renderer.warping(source, driving).features)


def portrait(renderer: Renderer) -> tuple[Tensor, Tensor, Tensor]:
    """The bundled portrait, framed [1, 3, S, S], its keypoints, and keypoints of the same face turned."""
    side = renderer.config.appearance.side
    framing = square_around(read_photo(PORTRAIT), torch.tensor(FACE), 2 * side)
    picture = read_picture(framing.image, side)
    motion = renderer.motion(picture)
    return picture, place(motion), place(replace(motion, yaw=motion.yaw + TURN))


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
    file = PLAIN / "oracle.py"
    if not file.is_file():
        raise CouldNotRun(f"the plain renderer {file} is not there: it comes with a checkout")
    spec = importlib.util.spec_from_file_location("plain_volumetric_renderer", file)
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module
