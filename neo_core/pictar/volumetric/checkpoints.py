"""Public checkpoints of the volumetric renderer: five files, as safetensors or as the original .pth.

Published names lie in tables here and nowhere else. Every name and shape is compared before anything is changed; then
spectral norms are divided out, what the renderer computes together is put together, and batch norms are folded.
Layout: `reference/pictar.md` 3.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Size, Tensor, nn

from ...data_types import InputError
from ...weights import safetensors_io
from .family import FAMILY, Renderer, RendererConfig, member
from .spade_generator import GeneratorConfig

FILES = {
    "appearance": "appearance_feature_extractor",
    "motion": "motion_extractor",
    "warping": "warping_module",
    "generator": "spade_generator",
    "stitching": "stitching_retargeting_module",
}
FOLDERS = tuple(  # below the one that is given; .pth come in two
    f"{above}{below}" for above in ("", "liveportrait/") for below in ("", "base_models", "retargeting_models")
)
UNPICKLES = (2, 10)  # torch from which a .pth runs no code: before, its reader could be led astray (CVE-2026-24747)
SINGULAR = ("weight_u", "weight_v")  # vectors of spectral norms
COUNTER = "num_batches_tracked"  # of batch norms: some writers leave it out, and nothing reads it
RENAMED = {  # ours: theirs
    "appearance": {r"^blocks\.(\d+)": r"resblocks_3d.3dr\1"},
    "motion": {r"^": "detector."},
    "warping": {
        r"^compress\.conv": "dense_motion_network.compress",
        r"^compress\.norm": "dense_motion_network.norm",
        r"^hourglass\.down": "dense_motion_network.hourglass.encoder.down_blocks",
        r"^hourglass\.up": "dense_motion_network.hourglass.decoder.up_blocks",
        r"^hourglass\.last": "dense_motion_network.hourglass.decoder",
        r"^(mask|occlusion)": r"dense_motion_network.\1",
    },
    "stitching": {r"^(shoulder|mouth|eye)": r"retarget_\1_module"},
}
RETARGETING = re.compile(r"^(?:retarget_)?(shoulder|mouth|eye)(?:_module)?\.(?:module\.)?")  # in all known layouts


def load_renderer(
    folder: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    tensor_cores: bool | None = None,
) -> Renderer:
    """A renderer with the weights in a folder, ready to answer; `dtype` is that of warping and generator,
    `tensor_cores` as in `Renderer.ready`. Which of the family it is, the shapes of its tensors say.

    Raises InputError when a file is missing or holds other tensors than it should, with their names.
    """
    files = {part: checkpoint_file(Path(folder), stem) for part, stem in FILES.items()}
    tensors = {part: read_tensors(path) for part, path in files.items()}
    config = FAMILY[_nearest(tensors, Path(folder))]
    return build_renderer(config, tensors, files).ready(dtype, device, tensor_cores=tensor_cores)


def _nearest(tensors: Mapping[str, Mapping[str, Tensor]], folder: Path) -> str:
    """The member of the family that has the most of these tensors. Raises InputError for files of several members."""
    fitting: dict[str, dict[str, float]] = {part: {} for part in FILES}  # part: member: share of its tensors
    for name, config in FAMILY.items():
        with torch.device("meta"):
            layout = public_layout(Renderer(config))
        for part, shapes in layout.items():
            found = _known(part, tensors[part])
            fits = [key in found and found[key].shape == shape for key, shape in shapes.items()]
            fitting[part][name] = sum(fits) / len(fits)
    nearest = max(FAMILY, key=lambda name: sum(shares[name] for shares in fitting.values()))
    others = {part: name for part, shares in fitting.items() for name in FAMILY if shares[name] == 1 > shares[nearest]}
    if others:
        listed = ", ".join(f"{FILES[part]} of {others.get(part, nearest)}" for part in FILES)
        raise InputError(f"{folder} holds {listed}; expected five files of one renderer")
    return nearest


def making(folder: str | Path) -> str:
    """How the weights in a folder came to be, as far as their files say: "trained", "random" or "unknown" (public ones
    say nothing). Raises InputError when a file is missing."""
    paths = [checkpoint_file(Path(folder), stem) for stem in FILES.values()]
    notes = [safetensors_io.load_made(path) if path.suffix == ".safetensors" else {} for path in paths]
    if any("random" in note for note in notes):
        return "random"
    return "trained" if all("recipe" in note for note in notes) else "unknown"


def build_renderer(
    config: RendererConfig, tensors: Mapping[str, Mapping[str, Tensor]], files: Mapping[str, str | Path]
) -> Renderer:
    """A renderer of any size with tensors in the public layout: one mapping per network. `files` are for errors."""
    with torch.device("meta"):  # the weights come from the files: none are drawn first
        renderer = Renderer(config)
    layout = public_layout(renderer)
    for part, stem in FILES.items():
        found = {name: x for name, x in _known(part, tensors[part]).items() if not name.endswith(COUNTER)}
        safetensors_io.require_fit(layout[part], found, files[part], f"{stem} of {member(config)}")
        found = {name: x.float() for name, x in found.items()}
        _fill(part, renderer, found)
    return renderer


def save_checkpoint(folder: Path, renderer: Renderer, made: Mapping, dtype: torch.dtype = torch.float16) -> None:
    """Write the five files of a renderer in the public layout; `made` as in `safetensors_io.save`. Spectral norms are
    stored as finished: vectors that lead to 1. Raises InputError, and writes nothing, when it has been settled."""
    _require_unsettled(renderer)
    for part, stem in FILES.items():
        own = getattr(renderer, part).state_dict()
        if part == "generator":
            tensors = _public_generator(renderer.config.generator, own, dtype)
        else:
            tensors = {_public(part, name): x for name, x in own.items() if not name.endswith(COUNTER)}
        narrow = {name: x if name.endswith(SINGULAR) else x.to(dtype) for name, x in tensors.items()}
        safetensors_io.save(folder / f"{stem}.safetensors", narrow, {}, made=made)


def _require_unsettled(renderer: Renderer) -> None:
    """Raise InputError unless it holds what it holds before anything is folded, merged or widened."""
    with torch.device("meta"):
        untouched = Renderer(renderer.config)
    for part, stem in FILES.items():
        expected = {name: x.shape for name, x in getattr(untouched, part).state_dict().items()}
        kind = f"{stem} of {member(renderer.config)}, not settled"
        safetensors_io.require_fit(expected, getattr(renderer, part).state_dict(), "what is to be saved", kind)


def public_layout(renderer: Renderer) -> dict[str, dict[str, Size]]:
    """Names and shapes of the tensors in each file, counters left out."""
    layout = {}
    for part in FILES:
        if part == "generator":
            layout[part] = _generator_layout(renderer.config.generator)
            continue
        own = getattr(renderer, part).state_dict()
        layout[part] = {_public(part, name): x.shape for name, x in own.items() if not name.endswith(COUNTER)}
    return layout


def checkpoint_file(folder: Path, stem: str) -> Path:
    """Where a part of a checkpoint lies. Raises InputError when it does not."""
    for suffix in (".safetensors", ".pth"):
        for below in FOLDERS:
            if (folder / below / f"{stem}{suffix}").is_file():
                return folder / below / f"{stem}{suffix}"
    raise InputError(f"{folder} has no {stem}; expected {stem}.safetensors or {stem}.pth there")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file; those of nested dictionaries under names joined by dots. Raises InputError for one that
    cannot be read, and for any .pth where torch is too old to read it safely."""
    if path.suffix == ".safetensors":
        return safetensors_io.load(path)[0]
    if torch.__version__ < UNPICKLES:
        newer = ".".join(map(str, UNPICKLES))
        raise InputError(
            f"{path} found with torch {torch.__version__}, which a prepared .pth can make run code; expected "
            f".safetensors, or torch {newer}"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)  # an empty file's says nothing
        raise InputError(f"{path} cannot be read as weights ({reason}); expected a .pth with tensors only") from error
    return dict(_flat(content, path))


def _flat(content: object, path: Path, prefix: str = ""):
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds {type(content).__name__} at {prefix or 'its top'}; expected tensors by name")
    for name, value in content.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        else:
            yield from _flat(value, path, f"{prefix}{name}.")


def _public(part: str, name: str) -> str:
    for ours, theirs in RENAMED[part].items():
        name = re.sub(ours, theirs, name)
    return name


def _known(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of the safetensors layout."""
    if part != "stitching":
        return {name.removeprefix("module."): x for name, x in tensors.items()}
    return {RETARGETING.sub(r"retarget_\1_module.", name): x for name, x in tensors.items()}


def _fill(part: str, renderer: Renderer, tensors: dict[str, Tensor]) -> None:
    network: nn.Module = getattr(renderer, part)
    if part == "generator":
        own = _generator_tensors(renderer.config.generator, tensors)
    else:
        own = {
            name: torch.zeros((), dtype=torch.int64) if name.endswith(COUNTER) else tensors[_public(part, name)]
            for name in network.state_dict()
        }
    network.load_state_dict(own, assign=True)


# --- the generator: spectral norms, and what is computed together -----------------------------------------------------


def _blocks(config: GeneratorConfig) -> dict[str, tuple[str, int, int]]:
    """Our name of each block: theirs, and channels before and after."""
    widths = [config.width, *config.rising]
    middle = {f"middle.{n}": (f"G_middle_{n}", config.width, config.width) for n in range(config.blocks)}
    return middle | {f"rising.{n}": (f"up_{n}", widths[n], widths[n + 1]) for n in range(len(config.rising))}


def _generator_layout(config: GeneratorConfig) -> dict[str, Size]:
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, outputs: int, inputs: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs, 3, 3), (outputs,)

    def spectral(name: str, outputs: int, inputs: int, side: int) -> None:
        shapes[f"{name}.weight_orig"] = (outputs, inputs, side, side)
        shapes[f"{name}.weight_u"], shapes[f"{name}.weight_v"] = (outputs,), (inputs * side * side,)

    conv("fc", config.width, config.features)
    for theirs, before, after in _blocks(config).values():
        inner = min(before, after)
        spectral(f"{theirs}.conv_0", inner, before, 3)
        spectral(f"{theirs}.conv_1", after, inner, 3)
        shapes |= {f"{theirs}.conv_0.bias": (inner,), f"{theirs}.conv_1.bias": (after,)}
        norms = {"norm_0": before, "norm_1": inner}
        if before != after:
            spectral(f"{theirs}.conv_s", after, before, 1)
            norms["norm_s"] = before
        for norm, channels in norms.items():
            conv(f"{theirs}.{norm}.mlp_shared.0", config.hidden, config.features)
            conv(f"{theirs}.{norm}.mlp_gamma", channels, config.hidden)
            conv(f"{theirs}.{norm}.mlp_beta", channels, config.hidden)
    conv("conv_img.0", 3 * config.enlarge**2, config.rising[-1])
    return {name: Size(shape) for name, shape in shapes.items()}


def _generator_tensors(config: GeneratorConfig, public: Mapping[str, Tensor]) -> dict[str, Tensor]:
    own = {}
    for ours, theirs in (("fc", "fc"), ("conv_img", "conv_img.0")):
        own |= {f"{ours}.{kind}": public[f"{theirs}.{kind}"] for kind in ("weight", "bias")}
    middle: list[str] = []
    for ours, (theirs, before, after) in _blocks(config).items():
        for conv in ("conv_0", "conv_1"):
            own[f"{ours}.{conv}.weight"] = _without_spectral_norm(public, f"{theirs}.{conv}")
            own[f"{ours}.{conv}.bias"] = public[f"{theirs}.{conv}.bias"]
        norms = [f"{theirs}.norm_0", f"{theirs}.norm_1"]
        own |= _modulation(public, f"{ours}.norm_0", norms[0]) | _modulation(public, f"{ours}.norm_1", norms[1])
        if before != after:
            own[f"{ours}.shortcut.conv.weight"] = _without_spectral_norm(public, f"{theirs}.conv_s")
            norms.append(f"{theirs}.norm_s")
            own |= _modulation(public, f"{ours}.shortcut", norms[-1])
            own |= _hidden(public, ours.replace("rising", "rising_hidden"), norms)
        else:
            middle += norms
    return own | _hidden(public, "middle_hidden", middle)


def _without_spectral_norm(public: Mapping[str, Tensor], name: str) -> Tensor:
    """The weight over its greatest singular value as the stored vectors give it, without another power iteration."""
    weight, u, v = (public[f"{name}.weight_{kind}"] for kind in ("orig", "u", "v"))
    return weight / (u @ weight.flatten(1) @ v) if weight.any() else weight


def _modulation(public: Mapping[str, Tensor], ours: str, theirs: str) -> dict[str, Tensor]:
    """Scale and shift as one convolution; the scale is one more than what was stored."""
    parts = {kind: [public[f"{theirs}.mlp_{half}.{kind}"] for half in ("gamma", "beta")] for kind in ("weight", "bias")}
    parts["bias"][0] = 1 + parts["bias"][0]
    return {f"{ours}.{kind}": torch.cat(pair) for kind, pair in parts.items()}


def _hidden(public: Mapping[str, Tensor], ours: str, norms: list[str]) -> dict[str, Tensor]:
    kinds = ("weight", "bias")
    return {f"{ours}.{kind}": torch.cat([public[f"{norm}.mlp_shared.0.{kind}"] for norm in norms]) for kind in kinds}


def _public_generator(config: GeneratorConfig, own: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The inverse of `_generator_tensors`: what is computed together, taken apart. Spectral norms are for weights that
    are stored as `dtype`."""
    kinds, public, middle = ("weight", "bias"), {}, []
    for ours, theirs in (("fc", "fc"), ("conv_img", "conv_img.0")):
        public |= {f"{theirs}.{kind}": own[f"{ours}.{kind}"] for kind in kinds}
    for ours, (theirs, before, after) in _blocks(config).items():
        for conv in ("conv_0", "conv_1"):
            public |= _with_spectral_norm(f"{theirs}.{conv}", own[f"{ours}.{conv}.weight"].to(dtype))
            public[f"{theirs}.{conv}.bias"] = own[f"{ours}.{conv}.bias"]
        norms = {"norm_0": "norm_0", "norm_1": "norm_1"} | ({"shortcut": "norm_s"} if before != after else {})
        for mine, norm in norms.items():
            for kind in kinds:
                scale, shift = own[f"{ours}.{mine}.{kind}"].chunk(2)
                public[f"{theirs}.{norm}.mlp_gamma.{kind}"] = scale - 1 if kind == "bias" else scale
                public[f"{theirs}.{norm}.mlp_beta.{kind}"] = shift
        names = [f"{theirs}.{norm}" for norm in norms.values()]
        if before != after:
            public |= _with_spectral_norm(f"{theirs}.conv_s", own[f"{ours}.shortcut.conv.weight"].to(dtype))
            public |= _apart(own, ours.replace("rising", "rising_hidden"), names)
        else:
            middle += names
    return public | _apart(own, "middle_hidden", middle)


def _apart(own: Mapping[str, Tensor], ours: str, norms: list[str]) -> dict[str, Tensor]:
    """What several norms read together, for each of them."""
    parts = {kind: own[f"{ours}.{kind}"].chunk(len(norms)) for kind in ("weight", "bias")}
    return {f"{norm}.mlp_shared.0.{kind}": part[n] for kind, part in parts.items() for n, norm in enumerate(norms)}


def _with_spectral_norm(name: str, weight: Tensor) -> dict[str, Tensor]:
    """A weight and vectors by which its norm is one; any will do for a weight of zeros."""
    flat = weight.double().flatten(1)
    if flat.any():
        row = flat[flat.norm(dim=1).argmax()]  # so what v makes of the weight is not zero
        v = row / row.norm()
        image = flat @ v
        u = image / image.square().sum()  # u @ flat @ v = 1
    else:
        u, v = (nn.functional.normalize(flat.new_ones(size), dim=0) for size in flat.shape)
    return {f"{name}.weight_orig": weight, f"{name}.weight_u": u.float(), f"{name}.weight_v": v.float()}
