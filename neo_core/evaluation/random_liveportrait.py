"""Random weights in the public layout of the volumetric renderer, for benches and tests: no public file is needed.

Gains are such that activations keep their size, keypoints lie in the picture, what a residual block adds is smaller
than what it adds to, and the picture has the contrast of a photo. Every tensor depends on the seed and its own name
only; numbers are uniform, which every machine draws alike.
"""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..pictar.volumetric.checkpoints import FILES, public_layout
from ..pictar.volumetric.family import Renderer, RendererConfig
from ..weights import safetensors_io

ROUNDS = 3  # of the power iteration that spectral norms keep the result of
GAINS = (  # of weights, by the first of these that is part of the name
    ("conv_img.0.weight", 1.0),
    ("fc.weight", 6.0),
    ("fourth.weight", 2.0),
    ("mlp_gamma.weight", 0.5),
    ("mlp_beta.weight", 0.7),
    ("mask.weight", 3.0),
    ("fc_kp.weight", 0.3),
    ("fc_exp.weight", 0.03),
    ("fc_t.weight", 0.05),
    ("fc_scale.weight", 0.05),
    ("fc_", 1.0),
    ("retarget_", 0.7),
    ("pwconv2.weight", 0.3),
    (".conv2.weight", 0.3),
)
SPREADS = {"fc_kp.bias": (0.0, 0.6), "fc_scale.bias": (1.3, 0.1)}  # middle and half the range
ROUGH = 0.5  # of a smooth kernel: what it has besides its mean
RELU_GAIN = math.sqrt(2)


def random_tensors(config: RendererConfig, seed: int, *, smooth: bool = True) -> dict[str, dict[str, Tensor]]:
    """One mapping per network, as `checkpoints.FILES` names them; not `smooth`: kernels of white noise."""
    with torch.device("meta"):
        layout = public_layout(Renderer(config))
    return {part: dict(_tensors(part, shapes, seed, smooth)) for part, shapes in layout.items()}


def write_random_checkpoint(folder: Path, config: RendererConfig, seed: int) -> None:
    """The five files, as safetensors that say so."""
    for part, tensors in random_tensors(config, seed).items():
        safetensors_io.save(folder / f"{FILES[part]}.safetensors", tensors, {}, made={"random": seed})


def _tensors(part: str, shapes: dict[str, tuple[int, ...]], seed: int, smooth: bool) -> Iterator[tuple[str, Tensor]]:
    norms = {name.rpartition(".")[0] for name in shapes if name.endswith(".running_mean")}
    for name, shape in shapes.items():
        stem, _, kind = name.rpartition(".")
        x = _draw(f"{part}/{name}", shape, seed)
        if kind in ("weight_u", "weight_v"):
            continue  # with their weight
        if x.ndim >= 2 and kind in ("weight", "weight_orig"):
            x = _kernel(x, smooth) * (_gain(name) * math.sqrt(3 / x.shape[1]))
        elif kind in ("running_var", "weight"):  # of norms
            x = 1 + 0.3 * x
        else:
            middle, spread = SPREADS.get(name.removeprefix("detector."), (0.0, 0.2 if stem in norms else 0.05))
            x = middle + spread * x
        yield name, x
        if kind == "weight_orig":
            start = _draw(f"{part}/{stem}.weight_v", shapes[f"{stem}.weight_v"], seed)
            yield from zip((f"{stem}.weight_u", f"{stem}.weight_v"), _singular_vectors(x, start), strict=True)
        if kind == "running_mean":
            yield f"{stem}.num_batches_tracked", torch.zeros((), dtype=torch.int64)


def _draw(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """Uniform in -1..1."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    dice = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.rand(shape, generator=dice) * 2 - 1


def _kernel(weight: Tensor, smooth: bool) -> Tensor:
    """Kernels [O, I, ...] that keep the size of what they read. Smooth ones have taps that agree with one another, for
    inputs that are smooth themselves: what rounding adds to those is not, and is averaged out. How smooth trained
    kernels are is not known."""
    if weight.ndim < 4 or weight[0, 0].numel() == 1:
        return weight
    taps = weight[0, 0].numel()
    if not smooth:
        return weight / math.sqrt(taps)
    mean = weight.flatten(2).mean(2).view(*weight.shape[:2], *[1] * (weight.ndim - 2))
    return (math.sqrt(taps) * mean + ROUGH * weight) / (math.sqrt(taps) * (math.sqrt(taps) + ROUGH))


def _gain(name: str) -> float:
    return next((gain for part, gain in GAINS if part in name), RELU_GAIN)


def _singular_vectors(weight: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    matrix, v = weight.flatten(1), start
    for _ in range(ROUNDS):
        u = torch.nn.functional.normalize(matrix @ v, dim=0)
        v = torch.nn.functional.normalize(u @ matrix, dim=0)
    return u, v
