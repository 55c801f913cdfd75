"""How fast the volumetric renderer is beside its formulas computed one by one, on equal random weights.

The plain computation is the tests' oracle, so this needs a checkout. Both run in turns in one process, and medians are
compared: seconds belong to the machine, ratios less so. On a CPU that is the process's own time on one thread.
"""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..media.image import read_photo
from ..pictar.crop import square_around
from ..pictar.volumetric.checkpoints import FILES, build_renderer
from ..pictar.volumetric.driven_face import pasting
from ..pictar.volumetric.family import Renderer, RendererConfig
from ..pictar.volumetric.keypoints import place
from ..pictar.volumetric.lift import Volume, read_picture
from ..pictar.volumetric.settling import settle
from ..pictar.volumetric.translate import Finish, drawing
from ..pictar.volumetric.warping_module import WarpSource
from ..runtime.cuda_graph import Recorded, fastest_kernels
from ..runtime.threads import one_thread
from ..runtime.timing import medians, wall_clock
from .bench import CouldNotRun
from .pictar_performance import SAMPLES, SEED, performed, random_renderer
from .random_liveportrait import random_tensors

PLAIN = Path(__file__).parents[2] / "tests" / "pictar" / "volumetric"
FACE = (330.0, 250.0, 690.0, 700.0)  # of the portrait, pixels
TURN = 12.0  # degrees of yaw that the frame differs by
ROUNDS = 3
CUDA_ROUNDS = 30
SAME = 2e-4  # of a pixel in 0..1: the largest difference in float32 that rewrites may make
VISIBLE = 0.5  # mean error of a picture, levels of 255, from which a precision does not count


def fewer_multiplications(config: RendererConfig, notes: dict[str, float]) -> dict[str, float]:
    """Of one frame; `notes`: how many."""
    ours, plain = multiplications(config)
    notes |= {"thousand millions of multiplications, plain": plain / 1e9, "... ours": ours / 1e9}
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
    """How many times faster than the plain computation, and how far narrow numbers are off. `notes`: seconds, and
    errors by how smooth random kernels are, of which the larger one counts. Raises CouldNotRun for a fast frame that is
    not the plain one."""
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
    if not (apart := float((images["exact"] - images["plain"]).abs().max())) <= SAME:
        raise CouldNotRun(f"the fast frame is {apart:.2g} from the plain one; expected at most {SAME}")
    smooth, rough = _levels(images["narrow"], images["plain"]), error_on_noise(config)
    error = max(smooth, rough)
    notes |= {"seconds of a frame in float32": fast, "seconds of a frame in bfloat16": fastest}
    notes |= {"error of bfloat16, smooth kernels": smooth, "error of bfloat16, kernels of noise": rough}
    return {
        "speed in float32, CPU": plain / fast,
        "speed in the best precision, CPU": plain / (min(fast, fastest) if error < VISIBLE else fast),
        "error of bfloat16, CPU": error,
    }


def error_on_noise(config: RendererConfig) -> float:
    """Of bfloat16, with random kernels that are not smooth. Levels of 255"""
    tensors = random_tensors(config, SEED, smooth=False)
    exact, narrow = (build_renderer(config, tensors, FILES).ready(dtype) for dtype in (torch.float32, torch.bfloat16))
    picture, source, driving = portrait(exact)
    volume = exact.appearance(picture)
    return _levels(*(frame(one, one.warping.know(volume, source), driving) for one in (narrow, exact)))


def _levels(found: Tensor, expected: Tensor) -> float:
    """Mean error of a picture in 0..1, levels of 255."""
    return 255 * float((found - expected).abs().mean())


@torch.no_grad()
def on_cuda(config: RendererConfig, notes: dict[str, float]) -> dict[str, float]:
    """The portrait, driven by the first motion vector of a performance. Raises CouldNotRun without a CUDA device."""
    if not torch.cuda.is_available():
        raise CouldNotRun("this machine has no CUDA device")
    device = torch.device("cuda")
    face, motion = performed(random_renderer(config, torch.float16, device), 1)
    oracle = load_oracle().Oracle(config, random_tensors(config, SEED)).to(device)
    return beside_eager(face.volume, oracle, pasting(face), lambda: face.keypoints(motion)[0], notes)


@torch.no_grad()
def beside_eager(
    volume: Volume,
    oracle: Callable[..., dict[str, Tensor]],
    finish: Finish,
    keypoints: Callable[[], Tensor],
    notes: dict[str, float],
    rounds: int = CUDA_ROUNDS,
) -> dict[str, float]:
    """Frames as commands draw them, one graph each on a GPU, beside the plain computation of the same ones as it would
    be run: in float32, and in half precision as the published code does by default. The faster one counts.

    A frame lasts from a motion vector on the CPU (`keypoints` [K, 3] are worked out anew) to what `finish` makes of it
    there. Raises CouldNotRun for frames that are not the plain ones, or not one graph.
    """
    known, device = volume.source, volume.source.volume.device
    half = torch.float16 if device.type == "cuda" else torch.bfloat16

    def plain(dtype: torch.dtype) -> Tensor:
        with torch.autocast(device.type, half, enabled=dtype is half):
            return oracle(known.volume, known.keypoints, keypoints()[None].to(device))["image"][0].float()

    with fastest_kernels():
        error = _levels(drawing(volume, torch.clone)(keypoints()), plain(torch.float32))
        if not error < VISIBLE:
            raise CouldNotRun(f"a frame is {error:.3g} levels from the plain one; expected less than {VISIBLE}")
        draw = drawing(volume, finish)
        runs = (
            lambda: finish(plain(torch.float32)).cpu(),
            lambda: finish(plain(half)).cpu(),
            lambda: draw(keypoints()).cpu(),
        )
        clock = wall_clock(device)
        *eager, ours = medians(runs, rounds, clock)
        begun = clock()
        for _ in range(rounds):
            runs[-1]()
        lasted = clock() - begun
    if isinstance(draw, Recorded) and draw.recordings != 1:
        raise CouldNotRun(f"{draw.recordings} CUDA graphs were recorded; expected one")
    notes["error of half precision, levels of 255"] = error
    notes |= {f"eager in {kind} precision, ms": 1000 * x for kind, x in zip(("full", "half"), eager, strict=True)}
    return {
        "speed on CUDA": min(eager) / ours,
        "frames per second on CUDA": rounds / lasted,
        "latency on CUDA": 1000 * ours,
    }


def frame(renderer: Renderer, source: WarpSource, driving: Tensor) -> Tensor:
    """Everything that a frame takes, 0..1."""
    return renderer.generator(renderer.warping(source, driving).features)


def portrait(renderer: Renderer) -> tuple[Tensor, Tensor, Tensor]:
    """The bundled portrait, framed [1, 3, S, S], its keypoints, and keypoints of the same face turned."""
    side = renderer.config.appearance.side
    framing = square_around(read_photo(SAMPLES / "portrait.jpg"), torch.tensor(FACE), 2 * side)
    picture = read_picture(framing.image, side)
    motion = renderer.motion(picture)
    return picture, place(motion), place(replace(motion, yaw=motion.yaw + TURN))


def load_oracle() -> ModuleType:
    """The tests' plain implementation."""
    file = PLAIN / "oracle.py"
    if not file.is_file():
        raise CouldNotRun(f"the plain renderer {file} is not there: it comes with a checkout")
    spec = importlib.util.spec_from_file_location("plain_volumetric_renderer", file)
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module
