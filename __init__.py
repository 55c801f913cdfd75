"""NEO for ComfyUI. ComfyUI looks for `WEB_DIRECTORY` and `comfy_entrypoint` here; the engine alone is `neo_core`."""

WEB_DIRECTORY = "web"


async def comfy_entrypoint():
    """The extension with all nodes."""
    from .nodes import NeoExtension  # here, not above: this file must import where there is no ComfyUI (pytest does)

    return NeoExtension()
