"""Where a network lives and in which precision is its host's choice: callers bring it their numbers and fetch what it
makes of them. What surrounds the networks (crops, spectra, curves) stays on the CPU in float32."""

from torch import Tensor, nn


def ask(network: nn.Module, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
    """Call a network on its own device and in its own precision; the results come back to the CPU as float32."""
    weight = next(network.parameters())
    outputs = network(*(x.to(weight) for x in inputs))
    return _fetched(outputs) if isinstance(outputs, Tensor) else tuple(_fetched(x) for x in outputs)


def _fetched(x: Tensor) -> Tensor:
    return x.cpu().float()
