"""Renamed nodes: old workflows open because ComfyUI is told what took whose place."""

from comfy_api.v0_0_2 import ComfyAPI, io

REPLACEMENTS: tuple[io.NodeReplace, ...] = ()  # one per renamed node, kept for ever; nothing was renamed yet


async def register_replacements() -> None:
    for replacement in REPLACEMENTS:
        await ComfyAPI().node_replacement.register(replacement)
