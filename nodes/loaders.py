"""Load NEO Models: the embedded weights, or files of the same architecture from the folder `models/neo`."""

from pathlib import Path

import folder_paths
from comfy_api.v0_0_2 import io

from ..neo_core.weights.manifest import embedded, read_manifest
from .folders import FileState, state
from .model_patcher import host_models
from .sockets import NeoModel

FOLDER = "neo"
EMBEDDED = "embedded"
OTHER_VOCALS = {"embedded NEO": "vocal_neo.safetensors"}  # shipped beside the default, by name in the list

folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir) / FOLDER))
folder_paths.folder_names_and_paths[FOLDER][1].add(".safetensors")  # a new folder lists all files otherwise


class LoadModels(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        weights = folder_paths.get_filename_list(FOLDER)
        return io.Schema(
            node_id="NEO_LoadModels",
            display_name="Load NEO Models",
            category="NEO",
            description="The networks of every stage. The embedded weights came with this pack (Apache-2.0); nothing "
            "is downloaded.",
            search_aliases=["checkpoint", "weights"],
            inputs=[
                io.Combo.Input(
                    "audio_encoder",
                    options=[EMBEDDED, *weights],
                    default=EMBEDDED,
                    tooltip="What hears the speech: embedded, or a .safetensors file in models/neo",
                ),
                io.Combo.Input(
                    "vocal",
                    options=[EMBEDDED, *shipped_vocals(), *weights],
                    default=EMBEDDED,
                    tooltip="VOCAL, which turns speech into motion: one that came with the pack, "
                    "or a .safetensors file in models/neo",
                ),
            ],
            outputs=[NeoModel.Output("models", tooltip="All networks, for Encode Audio, Enrol and Generate Motion")],
        )

    @classmethod
    def fingerprint_inputs(cls, audio_encoder, vocal):
        files = (weights_file(audio_encoder), weights_file(vocal))
        return [file and file.edition for file in files]  # ComfyUI keeps this in the prompt

    @classmethod
    def execute(cls, audio_encoder, vocal):
        return io.NodeOutput(host_models(weights_file(audio_encoder), weights_file(vocal)))


def weights_file(name: str) -> FileState | None:
    """The file of the chosen weights as it is now; None for the embedded ones."""
    if name in OTHER_VOCALS:
        return state(str(embedded(OTHER_VOCALS[name])))
    return None if name == EMBEDDED else state(folder_paths.get_full_path_or_raise(FOLDER, name))


def shipped_vocals() -> list[str]:
    """The names of the VOCALs that came with this pack beside the default one."""
    return [name for name, file in OTHER_VOCALS.items() if file in read_manifest()]
