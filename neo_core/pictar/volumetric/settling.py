"""From a network that can learn to one that only answers.

Batch norms move into the convolutions before them, and what a layer makes of its weights before it can use them (merged
or rearranged kernels) is made once. Both are exact up to the order of additions. A settled network has no weights to
train or to save.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}  # by the number of dimensions


class Derived(nn.Module, ABC):
    """A layer that computes with kernels made from its weights: anew at every call, or once when it is settled."""

    @abstractmethod
    def derive(self) -> list[Tensor]:
        """The kernels, made from the weights (differentiable), in an order that `forward` knows."""

    @property
    def kernels(self) -> list[Tensor]:
        return list(self._buffers.values()) if self._settled else self.derive()

    @property
    def _settled(self) -> bool:
        return "kernel_0" in self._buffers

    @torch.no_grad()
    def settle(self) -> None:
        """Keep the kernels in place of the weights they come from."""
        if self._settled:
            return
        kernels = self.derive()
        self._parameters.clear()
        self._modules.clear()
        for number, kernel in enumerate(kernels):
            self.register_buffer(f"kernel_{number}", kernel.detach().clone(), persistent=False)


class ConvNorm(nn.Module):
    """A convolution and a batch norm over its result; settled, the convolution alone."""

    def __init__(self, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm3d(channels) if conv.weight.ndim == 5 else nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def settle(self) -> None:
        if isinstance(self.norm, nn.Identity):
            return
        fold_norm(self.conv, self.norm)
        self.norm = nn.Identity()


@torch.no_grad()
def fold_norm(conv: nn.Module, norm: nn.Module) -> None:
    """Give a convolution (weight [O, ...], bias [O]) the batch norm over its result, as it is in evaluation."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = conv.weight.double() * scale.view(-1, *[1] * (conv.weight.ndim - 1))
    bias = (conv.bias.double() - norm.running_mean.double()) * scale + norm.bias.double()
    for name, folded in (("weight", weight), ("bias", bias)):  # anew: the old ones may be somebody else's
        setattr(conv, name, nn.Parameter(folded.to(conv.weight.dtype), requires_grad=False))


def fold_norms(network: nn.Module) -> nn.Module:
    """Put a network into evaluation and move its batch norms into the convolutions before them. Returns the network."""
    network.eval().requires_grad_(False)
    for layer in _settling(network):
        if not isinstance(layer, Derived):
            layer.settle()
    return network


def settle(network: nn.Module) -> nn.Module:
    """Settle all layers of a network that know how, and put it into evaluation. Returns the network."""
    for layer in _settling(fold_norms(network)):  # norms first: kernels are made from folded weights
        if isinstance(layer, Derived):
            layer.settle()
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim in LAYOUTS:
            tensor.data = tensor.contiguous(memory_format=LAYOUTS[tensor.ndim])
    return network


def _settling(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if layer is not network and hasattr(layer, "settle")]
