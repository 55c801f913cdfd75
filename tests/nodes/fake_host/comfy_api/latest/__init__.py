"""The part of ComfyUI's public node API that the pack uses, small enough to read."""

from abc import ABC, abstractmethod

from comfy_execution.progress import get_progress_state
from comfy_execution.utils import get_executing_context
from PIL import Image
from server import PromptServer
from torch import Tensor

from . import _io as io
from . import _ui as ui
from ._video import VideoCodec, VideoComponents, VideoContainer, VideoFromComponents, VideoFromFile, VideoInput

IO = io
UI = ui


class Input:
    Video = VideoInput


class InputImpl:
    VideoFromFile = VideoFromFile
    VideoFromComponents = VideoFromComponents


class Types:
    VideoCodec = VideoCodec
    VideoContainer = VideoContainer
    VideoComponents = VideoComponents


class ComfyExtension(ABC):
    async def on_load(self) -> None:
        """What the pack registers when it is loaded."""

    @abstractmethod
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The pack's node classes."""


class ComfyAPI:
    class NodeReplacement:
        async def register(self, node_replace: io.NodeReplace) -> None:
            PromptServer.instance.node_replace_manager.register(node_replace)

    class Execution:
        async def set_progress(
            self, value, max_value, node_id=None, preview_image=None, ignore_size_limit=False
        ) -> None:
            _report(value, max_value, node_id, preview_image)

    def __init__(self) -> None:
        self.node_replacement = self.NodeReplacement()
        self.execution = self.Execution()


class ComfyAPISync:
    class _NodeReplacement:
        def register(self, node_replace: io.NodeReplace) -> None:
            PromptServer.instance.node_replace_manager.register(node_replace)

    class _Execution:
        def set_progress(self, value, max_value, node_id=None, preview_image=None, ignore_size_limit=False) -> None:
            _report(value, max_value, node_id, preview_image)

    def __init__(self) -> None:
        self.node_replacement = self._NodeReplacement()
        self.execution = self._Execution()


def _report(value, max_value, node_id, preview) -> None:
    context = get_executing_context()
    if node_id is None and context is None:
        raise ValueError("node_id must be provided if not in executing context")
    if isinstance(preview, Tensor):  # [1, H, W, 3] or [H, W, 3] in 0..1
        preview = Image.fromarray((preview.reshape(-1, *preview.shape[-3:])[0].cpu() * 255).byte().numpy())
    picture = None if preview is None else (preview.format or "JPEG", preview, None)
    get_progress_state().update_progress(
        node_id=node_id or context.node_id, value=value, max_value=max_value, image=picture
    )


__all__ = [
    "IO",
    "UI",
    "ComfyAPI",
    "ComfyAPISync",
    "ComfyExtension",
    "Input",
    "InputImpl",
    "Types",
    "io",
    "ui",
]
