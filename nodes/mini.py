"""The mini draws the portrait in the place of the geometric renderer."""

import folder_paths
from comfy_api.v0_0_2 import io

from .loaders import EMBEDDED, FOLDER, weights_file
from .model_patcher import host_mini
from .sockets import NeoRenderer


class LoadMini(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_LoadMini",
            display_name="Load Mini Renderer",
            category="NEO",
            description="A small network on NEO's own 3D head draws the performance, and paints what the photo does "
            "not show.",
            search_aliases=["mini", "renderer", "neural renderer", "weights"],
            inputs=[
                io.Combo.Input(
                    "mini",
                    options=[EMBEDDED, *folder_paths.get_filename_list(FOLDER)],
                    default=EMBEDDED,
                    tooltip="embedded: the one that came with the pack; or a .safetensors file of train volumetric in "
                    "models/neo",
                ),
            ],
            outputs=[NeoRenderer.Output("renderer", tooltip="The mini, for Enrol From Photo")],
        )

    @classmethod
    def fingerprint_inputs(cls, mini):
        file = weights_file(mini)
        return file and file.edition  # kept in the prompt

    @classmethod
    def execute(cls, mini):
        return io.NodeOutput(host_mini(weights_file(mini)))
