"""What a refusal leaves behind until it is answered: the picture, for whoever states the consent, and a question.

The files lie among the user's data, where ComfyUI's frontend reads and writes as well. They may show somebody who never
consents, so only the picture that was refused last is kept, and nothing outlives a start of ComfyUI.
"""

import logging
from pathlib import Path

import folder_paths
from comfy.cli_args import args
from torch import Tensor

from ..neo_core.governance import Questions
from ..neo_core.governance.request import LONGEST
from ..neo_core.media.image import write_image

QUESTIONS = Questions()
PICTURES, REQUESTS = "portraits", "consent_requests"
log = logging.getLogger(__name__)


def several_users() -> bool:
    """Whether this ComfyUI keeps users apart. A node does not know who queued it, so it can ask none of them."""
    return args.multi_user


def picture_of(portrait: str) -> Path:
    """Where the picture of a refused portrait is kept; with several users, where ComfyUI serves it to none."""
    return (_unserved() if several_users() else _served()) / PICTURES / f"{portrait}.png"


def keep(portrait: str, photo: Tensor) -> None:
    """Keep the picture of a refused portrait, and no other. `photo` u8 [H, W, 3]"""
    picture = picture_of(portrait)
    for other in set(picture.parent.glob("*.png")) - {picture}:
        _remove(other)
    if not picture.exists():
        picture.parent.mkdir(parents=True, exist_ok=True)
        write_image(picture, photo)


def taken_request(portrait: str, use: str) -> bytes | None:
    """The request for a use of a portrait, if there is one. It is read once, whatever it holds."""
    path = _served() / REQUESTS / f"{portrait}_{use}.json"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        statement = file.read(LONGEST + 1)
    _remove(path)
    return statement


def forget(portrait: str, use: str) -> None:
    """Nobody has to be asked about this use of the portrait any more."""
    QUESTIONS.drop(portrait, use)
    if not QUESTIONS.any_about(portrait):
        _remove(picture_of(portrait))


def forget_all() -> None:
    """Remove what an earlier run of ComfyUI has left."""
    for folder in (_served() / PICTURES, _served() / REQUESTS, _unserved() / PICTURES):
        for path in folder.glob("*"):
            _remove(path)


def _served() -> Path:
    return Path(folder_paths.get_user_directory()) / "default" / "neo"


def _unserved() -> Path:
    return Path(folder_paths.get_system_user_directory("neo"))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s could not be removed (%s); please remove it", path, error)
