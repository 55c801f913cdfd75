"""Where the browser gets the pack's scripts from."""

from pathlib import Path
from urllib.parse import quote

import server

FOLDER = Path(__file__).parents[1].name
PLAIN = "neo-avatars"
KEPT = "!$&'()*+,;=:@"  # what may stand in a path beside letters, digits, "_.-~" (RFC 3986)


def serve_in_any_folder() -> None:
    """ComfyUI serves `WEB_DIRECTORY` under the name of the pack's folder, but its web server finds no file where that
    name has to be quoted in an address (spaces, letters beyond ASCII). There, a plain name stands for the folder's."""
    directories = server.nodes.EXTENSION_WEB_DIRS
    if quote(FOLDER, safe=KEPT) != FOLDER and FOLDER in directories:
        directories[PLAIN] = directories.pop(FOLDER)
