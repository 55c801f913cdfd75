"""The engine's networks under ComfyUI's memory management: loaded when a node needs them, moved out when others do."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet, WeakValueDictionary

from comfy import model_management
from comfy.model_patcher import CoreModelPatcher
from torch import nn

from ..neo_core.audio.encoder import AudioEncoder
from ..neo_core.audio.loading import load_audio_encoder
from ..neo_core.neo2.loading import load_dit, load_video_vae
from ..neo_core.pictar.mini.network import Mini, load_mini
from ..neo_core.pictar.volumetric.family import Renderer
from ..neo_core.pipelines.full_body import FullBodyModels, joined
from ..neo_core.pipelines.live_portrait import (
    LivePortrait,
    PublicRenderer,
    has_tensor_cores,
    load_public,
    precision_on,
)
from ..neo_core.pipelines.talking_head import Models, load_models
from ..neo_core.vocal.loading import load_vocal
from .folders import FileState
from .memory import memory_advice
from .sockets import genuine


@dataclasses.dataclass(frozen=True)
class HostedModels:
    """The value of NEO_MODEL: the networks of every stage and ComfyUI's handles on those that run on its device."""

    models: Models
    patchers: tuple[CoreModelPatcher, ...]
    before: "HostedModels | None" = None  # as they were loaded, where another audio encoder has come in since

    @property
    def loaded(self) -> "HostedModels":
        """With the audio encoder that Load NEO Models gave them."""
        return self.before or self

    def __repr__(self) -> str:
        return f"HostedModels({len(self.patchers)} networks)"


@dataclasses.dataclass(frozen=True)
class HostedFullBody:
    """The value of NEO_VIDEO_MODEL: the networks of NEO 2 and ComfyUI's handles on them."""

    models: FullBodyModels
    patchers: tuple[CoreModelPatcher, ...]
    shared: HostedModels  # where the analyser and the audio encoder came from

    def __repr__(self) -> str:
        return f"HostedFullBody({len(self.patchers)} networks)"


@dataclasses.dataclass(frozen=True)
class HostedRenderer:
    """The value of NEO_RENDERER: a public checkpoint, how it is to be driven, and ComfyUI's handle on it."""

    public: PublicRenderer
    choice: LivePortrait
    patchers: tuple[CoreModelPatcher, ...]

    def __repr__(self) -> str:
        return f"HostedRenderer({len(self.patchers)} networks)"


@dataclasses.dataclass(frozen=True)
class HostedMini:
    """The value of NEO_RENDERER where the mini draws: so small that it computes where the head is, on the CPU."""

    mini: Mini

    def __repr__(self) -> str:
        return "HostedMini()"


# What is loaded, for as long as somebody uses it: ComfyUI's cached outputs and what came of them. Held weakly, so that
# memory comes back when ComfyUI drops those.
_models: WeakValueDictionary[tuple[FileState | None, FileState | None], HostedModels] = WeakValueDictionary()
_bodies: WeakValueDictionary[tuple[FileState | None, FileState | None], HostedFullBody] = WeakValueDictionary()
_renderers: WeakValueDictionary[tuple[FileState, str, bool, bool], PublicRenderer] = WeakValueDictionary()
_compiled: WeakSet[Renderer] = WeakSet()
_minis: WeakValueDictionary[FileState | None, Mini] = WeakValueDictionary()
_handles: WeakValueDictionary[int, CoreModelPatcher] = WeakValueDictionary()  # by the id of the renderer
_encoders: WeakValueDictionary[FileState, CoreModelPatcher] = WeakValueDictionary()


def host_models(audio_encoder: FileState | None = None, vocal: FileState | None = None) -> HostedModels:
    """The embedded weights, or those of files in their place; the same ones while anything uses them."""
    loaded = _models.get((audio_encoder, vocal))
    if loaded is None:
        loaded = _models[audio_encoder, vocal] = _loaded(audio_encoder, vocal)
    return loaded


def _loaded(audio_encoder: FileState | None, vocal: FileState | None) -> HostedModels:
    models = load_models()
    if audio_encoder:
        models = dataclasses.replace(models, audio_encoder=load_audio_encoder(audio_encoder.path))
    if vocal:
        models = dataclasses.replace(models, vocal=load_vocal(vocal.path))
    networks = (models.analyser, models.audio_encoder, models.vocal)
    return HostedModels(models, tuple(_hosted(network) for network in networks))


def host_full_body(vae: FileState | None = None, dit: FileState | None = None) -> HostedFullBody:
    """NEO 2 with the embedded weights, or those of files in their place; the same one while anything uses it."""
    loaded = _bodies.get((vae, dit))
    if loaded is None:
        networks = load_video_vae(vae and vae.path), load_dit(dit and dit.path)
        shared = host_models()
        models = joined(shared.models.analyser, shared.models.audio_encoder, *networks)
        analyser = (handle for handle in shared.patchers if handle.model is models.analyser)
        patchers = (*analyser, *(_hosted(network) for network in networks))
        loaded = _bodies[vae, dit] = HostedFullBody(models, patchers, shared)
    return loaded


def host_renderer(files: FileState, choice: LivePortrait) -> HostedRenderer:
    """A public checkpoint; the same networks while anything uses them. They wait off ComfyUI's device, unless asked for
    another in the precision that suits it."""
    device = model_management.get_torch_device()
    precision = precision_on(device, choice)
    chosen = (files, precision, choice.compiled, choice.compiled and choice.dynamic_roi)
    public = _renderers.get(chosen)
    if public is None:
        waiting = dataclasses.replace(choice, precision=precision, compiled=False)  # where it runs: `_compile`
        public = load_public(waiting, "cpu", tensor_cores=has_tensor_cores(device))
        _renderers[chosen] = public
    return HostedRenderer(public, choice, (_handle(public.renderer),))


def host_mini(file: FileState | None = None) -> HostedMini:
    """The embedded mini, or that of a file; the same one while anything uses it."""
    mini = _minis.get(file)
    if mini is None:
        mini = _minis[file] = load_mini(file and file.path)
    return HostedMini(mini)


def _handle(renderer: Renderer) -> CoreModelPatcher:
    handle = _handles.get(id(renderer))
    if handle is None or handle.model is not renderer:
        handle = _handles[id(renderer)] = _hosted(renderer)
    return handle


def public_encoder(folder: FileState) -> CoreModelPatcher:
    """ComfyUI's handle on the encoder of a checkpoint; the same one while anything uses it."""
    handle = _encoders.get(folder)
    if handle is None:
        handle = _encoders[folder] = _hosted(load_audio_encoder(folder.path))
    return handle


def with_encoder(hosted: HostedModels, encoder: AudioEncoder, *handle: CoreModelPatcher) -> HostedModels:
    """The same networks with another audio encoder; without a handle it has nothing that runs on a device."""
    others = tuple(patcher for patcher in hosted.patchers if patcher.model is not hosted.models.audio_encoder)
    models = dataclasses.replace(hosted.models, audio_encoder=encoder)
    return HostedModels(models, (*others, *handle), before=hosted.loaded)


def _hosted(network: nn.Module) -> CoreModelPatcher:
    load, offload = model_management.get_torch_device(), model_management.unet_offload_device()
    return CoreModelPatcher(network, load, offload)


@contextmanager
def on_device(models: object = None) -> Iterator[Models]:
    """The networks of NEO_MODEL or the embedded ones, on ComfyUI's device; they leave it when the work is cut short."""
    hosted = host_models() if models is None else genuine(models, HostedModels, "models", "Load NEO Models")
    with _resident(hosted):
        yield hosted.models


@contextmanager
def body_on_device(models: object) -> Iterator[FullBodyModels]:
    """The same of NEO_VIDEO_MODEL."""
    hosted = genuine(models, HostedFullBody, "models", "Load NEO 2")
    with _resident(hosted):
        yield hosted.models


@contextmanager
def renderer_on_device(renderer: object = None) -> Iterator[HostedRenderer | HostedMini | None]:
    """The same of NEO_RENDERER; None, where none was given, is the geometric renderer, which needs no device, nor does
    the mini."""
    if renderer is None or isinstance(renderer, HostedMini):
        yield renderer
        return
    hosted = genuine(renderer, HostedRenderer, "renderer", "Load LivePortrait or Load Mini Renderer")
    with _resident(hosted):
        if hosted.choice.compiled:
            _compile(hosted.public.renderer, hosted.choice)
        yield hosted


def _compile(renderer: Renderer, choice: LivePortrait) -> None:
    """Once, on the device where it runs: elsewhere something else would be faster."""
    if renderer not in _compiled:
        renderer.compile_where_it_pays(windows=choice.dynamic_roi)
        _compiled.add(renderer)


@contextmanager
def with_renderer(renderer: Renderer) -> Iterator[None]:
    """The networks of a portrait that was enrolled with them."""
    with _resident(_Networks((_handle(renderer),))):
        yield


@dataclasses.dataclass(frozen=True)
class _Networks:
    patchers: tuple[CoreModelPatcher, ...]


@contextmanager
def _resident(hosted: HostedModels | HostedFullBody | HostedRenderer | _Networks) -> Iterator[None]:
    finished = False
    try:
        with memory_advice():
            model_management.load_models_gpu(list(hosted.patchers), force_full_load=True)
            yield
        finished = True
    finally:
        if not finished:  # cancelled or failed
            release(hosted)


def release(hosted: HostedModels | HostedFullBody | HostedRenderer | _Networks) -> None:
    """Move the networks off the device."""
    for patcher in hosted.patchers:
        model_management.unload_model_and_clones(patcher)
    model_management.soft_empty_cache()
