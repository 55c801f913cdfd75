"""Load Audio Encoder: a public speech encoder, or what ComfyUI's own has encoded, in the place of the embedded one."""

from collections.abc import Mapping
from pathlib import Path, PurePath

import folder_paths
from comfy_api.v0_0_2 import io
from torch import Tensor

from ..neo_core.audio.checkpoints import CONFIG, INDEX, PREPROCESSOR, WEIGHTS, weight_files
from ..neo_core.audio.features import RATE
from ..neo_core.audio.replay import Replay
from ..neo_core.data_types import InputError
from . import inputs
from .folders import FileState, states
from .loaders import EMBEDDED
from .model_patcher import HostedModels, public_encoder, with_encoder
from .sockets import NeoModel, genuine

FOLDER = "audio_encoders"
Encoded = io.Custom("AUDIO_ENCODER_OUTPUT")
WHISPER_WIDTH = 1280  # the only Whisper that ComfyUI has; all others are built like wav2vec2
WHISPER_SECONDS = 30
FIRST = {"whisper": 0.0, "wav2vec2": 12.5}  # ms: the middle of what the first frame hears


class LoadAudioEncoder(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_LoadAudioEncoder",
            display_name="Load Audio Encoder",
            category="NEO",
            description="Another encoder hears the speech: wav2vec2, HuBERT, WavLM or Whisper. VOCAL has to be trained "
            "on it: the embedded one understands the embedded encoder only.",
            search_aliases=["wav2vec2", "hubert", "wavlm", "whisper", "speech encoder"],
            inputs=[
                inputs.models(),
                io.Combo.Input(
                    "audio_encoder",
                    options=[EMBEDDED, *public_folders()],
                    default=EMBEDDED,
                    tooltip="What hears the speech: embedded (the encoder of Load NEO Models), or the folder of a "
                    "public checkpoint in models/audio_encoders",
                ),
                Encoded.Input(
                    "encoded",
                    optional=True,
                    tooltip="From ComfyUI's Audio Encoder Encode: the speech as it was heard there; used instead of "
                    "the encoder chosen above",
                ),
            ],
            outputs=[NeoModel.Output("models", tooltip="The same networks with this encoder, for Encode Audio")],
        )

    @classmethod
    def fingerprint_inputs(cls, audio_encoder, **_):
        checkpoint = checkpoint_state(audio_encoder)
        return checkpoint and checkpoint.edition  # ComfyUI keeps this in the prompt

    @classmethod
    def execute(cls, models, audio_encoder, encoded=None):
        hosted = genuine(models, HostedModels, "models", "Load NEO Models")
        if encoded is not None:
            return io.NodeOutput(with_encoder(hosted, to_replay(encoded)))
        checkpoint = checkpoint_state(audio_encoder)
        if checkpoint is None:
            return io.NodeOutput(hosted.loaded)
        handle = public_encoder(checkpoint)
        return io.NodeOutput(with_encoder(hosted, handle.model, handle))


def public_folders() -> dict[str, Path]:
    """The folders in models/audio_encoders that hold a checkpoint, a config beside safetensors: name -> place."""
    names = sorted(name for name in folder_paths.get_filename_list(FOLDER) if name.endswith(".safetensors"))
    found = {name: folder_paths.get_full_path(FOLDER, name) for name in names}  # links that lead nowhere are listed too
    places = {PurePath(name).parent.as_posix(): Path(path).parent for name, path in found.items() if path}
    return {name: place for name, place in places.items() if name != "." and _is_checkpoint(place)}


def checkpoint_state(name: str) -> FileState | None:
    """The checkpoint of the chosen folder as it is now, config and all; None for the encoder of Load NEO Models."""
    if name == EMBEDDED:
        return None
    place = public_folders().get(name)
    if place is None:
        raise InputError(f"audio encoder {name!r:.80} is not in models/{FOLDER}; expected one of the list")
    parts = (place / CONFIG, place / PREPROCESSOR, place / INDEX, *weight_files(place))
    return states(place, [part for part in parts if part.is_file()])


def _is_checkpoint(place: Path) -> bool:
    return (place / CONFIG).is_file() and any((place / name).is_file() for name in (WEIGHTS, INDEX))


def to_replay(encoded: object) -> Replay:
    """An AUDIO_ENCODER_OUTPUT {encoded_audio_all_layers: L of [1, T, D], audio_samples at 16 kHz} as an encoder."""
    layers = encoded.get("encoded_audio_all_layers") if isinstance(encoded, Mapping) else None
    if not isinstance(layers, tuple | list) or not all(isinstance(x, Tensor) and x.ndim == 3 for x in layers):
        raise InputError(f"input encoded holds {type(encoded).__name__}; expected the output of Audio Encoder Encode")
    shapes, samples = {tuple(x.shape) for x in layers}, encoded.get("audio_samples")
    if len(shapes) != 1 or len(layers[0]) != 1 or not isinstance(samples, int):
        raise InputError(f"input encoded has layers of {sorted(shapes)}; expected all layers of one sound, [1, T, D]")
    family = "whisper" if layers[0].shape[2] == WHISPER_WIDTH else "wav2vec2"
    if family == "whisper" and samples > WHISPER_SECONDS * RATE:
        raise InputError(
            f"input encoded is of {samples / RATE:.1f} s, of which ComfyUI's Whisper heard {WHISPER_SECONDS}; expected "
            f"{WHISPER_SECONDS} s at most, or the checkpoint's folder in models/{FOLDER}"
        )
    return Replay(family, [x[0] for x in layers], samples, FIRST[family])
