"""Scripts, help pages and templates for the browser, whatever the pack's folder is called."""

from pathlib import Path
from urllib.parse import quote

from server import PromptServer

PACK = Path(__file__).parents[1]
SERVED = {"/extensions": PACK / "web", "/api/workflow_templates": PACK / "workflows"}
KEPT = "!$&'()*+,;=:@"  # what may stand in a path beside letters, digits, "_.-~" (RFC 3986)


def serve_in_any_folder() -> None:
    """ComfyUI serves both folders under the name of the pack's own, but its web server then looks for the quoted name
    in the unquoted path of a request: with a space or a letter beyond ASCII in it, it finds nothing. For such a name
    both are served once more, by the same web server, read-only as before."""
    if quote(PACK.name, safe=KEPT) == PACK.name:
        return
    from aiohttp import web  # ComfyUI's web server; nothing else here needs it

    for place, folder in SERVED.items():
        files = web.StaticResource("", folder)
        files.add_prefix(f"{place}/{PACK.name}")  # a prefix that is added is not quoted
        PromptServer.instance.app.router.register_resource(files)
