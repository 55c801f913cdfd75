"""Which memory layout each convolution runs fastest in, on this machine: found by measuring, kept only where it wins.

Channels-last (NHWC, NDHWC for video) is up to twice as fast for some shapes and slower for others, and what stands
between two convolutions may prefer a layout too. So each convolution is timed alone, then the whole as they chose, with
all of them plain, and with all of them channels-last. The choice does not change what a network computes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

ROUNDS = 5
CLEARLY = 0.97  # of a layout's time before another is called faster
PLAIN = torch.contiguous_format
LAST = {4: torch.channels_last, 5: torch.channels_last_3d}  # dimensions of a tensor -> its channels-last layout


@dataclass(frozen=True)
class LayoutReport:
    """How long the work takes with every convolution plain and as chosen, and which layout each one got."""

    plain: float  # seconds
    chosen: float  # seconds
    layouts: dict[str, torch.memory_format]  # by the name of a convolution

    @property
    def channels_last(self) -> tuple[str, ...]:
        """The convolutions that run channels-last."""
        return tuple(name for name, layout in self.layouts.items() if layout is not PLAIN)


@torch.no_grad()
def choose_layouts(
    module: nn.Module, work: Callable[[], object], clock: Callable[[], float] | None = None
) -> LayoutReport:
    """Let every convolution that `work` uses run in the layout that is fastest for what `work` brings it.

    `clock` tells seconds; without one it waits for the device. May be called again for other work.
    """
    clock = clock or _clock(module)
    for layer in module.modules():
        _forget(layer)
    inputs = _inputs(module, work)
    names = {layer: name for name, layer in module.named_modules()}
    alone = {names[layer]: _fastest(layer, x, clock) for layer, x in inputs.items()}
    last = {names[layer]: LAST[x.ndim] for layer, x in inputs.items()}
    wholes = [dict.fromkeys(last, PLAIN), alone, last]
    seconds = _least([_prepared(module, whole, work) for whole in wholes], clock)
    best = _first_of_the_fast(seconds)
    lay_out(module, wholes[best])
    return LayoutReport(seconds[0], seconds[best], wholes[best])


def lay_out(module: nn.Module, layouts: Mapping[str, torch.memory_format]) -> None:
    """Let the convolutions of these names convert their input to that layout, and keep their weights in it."""
    for name, layout in layouts.items():
        layer = module.get_submodule(name)
        _forget(layer)
        layer.weight.data = layer.weight.data.contiguous(memory_format=layout)
        layer.register_forward_pre_hook(_Converted(layout))


class _Converted:
    """A hook: the input of a layer in the layout that was chosen for it."""

    def __init__(self, layout: torch.memory_format) -> None:
        self.layout = layout

    def __call__(self, _layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0].contiguous(memory_format=self.layout),)


def _fastest(layer: nn.Module, x: Tensor, clock: Callable[[], float]) -> torch.memory_format:
    """The layout in which a convolution alone is fastest, its input being in that layout already."""
    layouts = (PLAIN, LAST[x.ndim])
    inputs = [x.contiguous(memory_format=layout) for layout in layouts]
    runs = [_prepared(layer, {"": layout}, partial(layer, x)) for layout, x in zip(layouts, inputs, strict=True)]
    return layouts[_first_of_the_fast(_least(runs, clock))]


def _prepared(
    module: nn.Module, layouts: Mapping[str, torch.memory_format], work: Callable[[], object]
) -> Callable[[], Callable[[], object]]:
    """The work, for `_least`, in these layouts."""

    def prepare() -> Callable[[], object]:
        lay_out(module, layouts)
        return work

    return prepare


def _least(runs: Sequence[Callable[[], Callable[[], object]]], clock: Callable[[], float]) -> list[float]:
    """The least seconds of each, taken in turns: a busy moment meets all of them. The first round warms up."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(1 + ROUNDS):
        for taken, prepare in zip(seconds, runs, strict=True):
            run = prepare()
            begun = clock()
            run()
            taken.append(clock() - begun)
    return [min(taken[1:]) for taken in seconds]


def _first_of_the_fast(seconds: Sequence[float]) -> int:
    """The first that no other clearly beats."""
    best = 0
    for number, taken in enumerate(seconds):
        if taken < CLEARLY * seconds[best]:
            best = number
    return best


def _inputs(module: nn.Module, work: Callable[[], object]) -> dict[nn.Module, Tensor]:
    """Every convolution that `work` uses, with what it was given (the last time)."""
    inputs: dict[nn.Module, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda layer, given: inputs.__setitem__(layer, given[0]))
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d | nn.Conv3d)
    ]
    try:
        work()
    finally:
        for hook in hooks:
            hook.remove()
    return inputs


def _forget(layer: nn.Module) -> None:
    """Take back what was chosen for a layer before."""
    for key, hook in list(layer._forward_pre_hooks.items()):
        if isinstance(hook, _Converted):
            del layer._forward_pre_hooks[key]


def _clock(module: nn.Module) -> Callable[[], float]:
    device = next(module.parameters()).device

    def after_the_device() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return after_the_device if device.type == "cuda" else time.perf_counter
