"""How fast VOCAL is: motion only, on one CPU core, and on a CUDA device where there is one.

Times on a CPU are the process's own, on one thread, the least of several alternating runs: what else the machine does
adds to a time and never takes from it.
"""

import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..data_types import GEOMETRY_SIZE, STYLE_SIZE, AudioFeatures, Identity
from ..flow.guidance import Guidance
from ..motion_space import SIZE, rest
from ..nn.position import no_place
from ..runtime.threads import one_thread
from ..timebase import FEATURE_RATE
from ..vocal.loading import ARCHITECTURES, load_vocal, size_config
from ..vocal.motion_generator import Conditions, MotionGenerator, WindowConfig
from ..vocal.sampler import audio_windows, generate_motion, window_conditions
from .bench import CouldNotRun

STEPS = 10
SECONDS = 20  # of sound
REPEATS = 5  # of a whole clip
ROUNDS = 40  # of a pass
PLAIN_SPEAKER = Identity(torch.zeros(GEOMETRY_SIZE), torch.zeros(STYLE_SIZE), rest())
ALL_THREE = Guidance(audio=1.5, identity=1.5, reference=1.5)


def on_cpu() -> dict[str, float]:
    """Real-time factors of the shipped model, and what its two refinements cost."""
    vocal = load_vocal()
    return {
        "speed, one core": real_time(vocal, Guidance()),
        "speed, one core, three signals guided": real_time(vocal, ALL_THREE),
        "differential over standard attention, CPU": attention_cost(torch.device("cpu")),
        "attention residuals, overhead": residual_cost(),
    }


def on_cuda() -> dict[str, float]:
    """The same on a GPU, and a step of the base model as a CUDA graph."""
    if not torch.cuda.is_available():
        raise CouldNotRun("this machine has no CUDA device")
    device = torch.device("cuda")
    return {
        "differential over standard attention, CUDA": attention_cost(device),
        "base model, step and window on CUDA": graph_step(device),
    }


@one_thread()
def real_time(vocal: MotionGenerator, guidance: Guidance) -> float:
    """Seconds of sound over seconds of the processor, for a whole clip."""
    features = AudioFeatures(_hidden(vocal.config, SECONDS * FEATURE_RATE), SECONDS * 16000, 16000)

    def perform() -> None:
        generate_motion(vocal, features, PLAIN_SPEAKER, steps=STEPS, guidance=guidance)

    return SECONDS / alternating([perform], REPEATS)[0]


@one_thread()
def attention_cost(device: torch.device) -> float:
    """Time of a joint pass with differential attention over one with standard attention, equal widths."""
    joint = [_joint_pass(attention, device) for attention in ("differential", "standard")]
    differential, standard = alternating(joint, ROUNDS, _clock(device))
    return differential / standard


@one_thread()
def residual_cost() -> float:
    """What blending over depth at block boundaries adds to a pass of the network, as a share of it."""
    passes = [_network_pass(residual) for residual in ("boundary", "none")]
    blended, plain = alternating(passes, ROUNDS)
    return blended / plain - 1


@torch.no_grad()
def graph_step(device: torch.device) -> float:
    """Milliseconds of one step of the base model for one window, bfloat16, replayed as a CUDA graph.

    What the kernels can do: `vocal/sampler.py` computes in float32 and has no graph.
    """
    model = build("neo-1.5", "base").to(device, torch.bfloat16)
    conditions, x, t = _window(model.config, device)
    known = _known(model, conditions, t)
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        for _ in range(3):  # what libraries set up on first use must not be in the graph
            model(x, t, conditions, **known)
    torch.cuda.current_stream().wait_stream(stream)
    with torch.cuda.graph(graph):
        model(x, t, conditions, **known)
    return 1000 * alternating([graph.replay], ROUNDS, _clock(device))[0]


def alternating(
    runs: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """The least seconds of each, taken in turns: a busy minute meets all of them."""
    least = [math.inf] * len(runs)
    with torch.no_grad():
        for _ in range(rounds):
            for k, run in enumerate(runs):
                begun = clock()
                run()
                least[k] = min(least[k], clock() - begun)
    return least


def build(architecture: str, size: str, **choices: str) -> MotionGenerator:
    """A network with random weights, that hears and can be asked for what the shipped one does."""
    shipped = load_vocal().config
    options = {name: getattr(shipped, name) for name in ("audio_layers", "audio_width", "emotions")}
    torch.manual_seed(0)
    return ARCHITECTURES[architecture][0](size_config(architecture, size, **options, **choices)).eval()


def _clock(device: torch.device) -> Callable[[], float]:
    def after_the_device() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return time.process_time if device.type == "cpu" else after_the_device


def _hidden(config: WindowConfig, features: int) -> Tensor:
    dice = torch.Generator().manual_seed(0)
    return torch.randn(config.audio_layers, features, config.audio_width, generator=dice)


def _window(config: WindowConfig, device: torch.device) -> tuple[Conditions, Tensor, Tensor]:
    """Conditions, noise and time of a window in the middle of a sound."""
    model = build("neo-1.5", "mini")
    window = next(audio_windows([_hidden(config, 2 * config.audio_tokens)], config))
    conditions = window_conditions(model, window, PLAIN_SPEAKER, torch.zeros(config.prefix, SIZE)).to(device)
    return conditions, torch.zeros(1, config.window, SIZE, device=device), torch.full((1,), 0.5, device=device)


def _network_pass(residual: str) -> Callable[[], Tensor]:
    model = build("neo-1.5", "mini", residual=residual)
    conditions, x, t = _window(model.config, torch.device("cpu"))
    known = _known(model, conditions, t)
    return lambda: model(x, t, conditions, **known)


@torch.no_grad()
def _known(model: MotionGenerator, conditions: Conditions, t: Tensor) -> dict:
    """What a clip knows before a step: the window's scene, and the modulations at that flow time."""
    scene = model.scene(conditions)
    return {"scene": scene, "modulated": model.modulations(model.condition(t, scene))}


def _joint_pass(attention: str, device: torch.device) -> Callable[[], list[Tensor]]:
    """The joint pass of one block over tokens as many as a window has."""
    model = build("neo-1.5", "mini", attention=attention).to(device)
    config = model.config
    lengths = (config.prefix + config.window, config.audio_tokens, config.identity_tokens)
    states = [torch.ones(1, tokens, config.width, device=device) for tokens in lengths]
    table = no_place(sum(lengths), torch.ones(2, 1, config.rotary // 2, device=device))
    modulated = model.modulations(states[0][:, 0])
    return lambda: model.blocks[0].joint(states, modulated, table)
