"""Consent: the record behind a picture, asked for and never carried by a workflow."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import folder_paths
from comfy_api.v0_0_2 import io

from ..neo_core.governance import (
    ConsentLedger,
    ConsentRequired,
    Grant,
    authorise,
    fingerprint,
    portrait_id,
    record_from_request,
)
from ..neo_core.governance.request import LONGEST
from ..neo_core.media.image import write_image
from ..neo_core.pipelines.portrait import Portrait
from ..neo_core.pipelines.talking_head import SCOPE
from . import inputs
from .model_patcher import on_device
from .portraits import found
from .sockets import NeoGrant

PACK = Path(__file__).parents[1]


class Consent(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Consent",
            display_name="Consent",
            category="NEO",
            description="Asks whether there is a consent record for this person in this picture. Records stay on this "
            "computer; the workflow and the video hold nothing of them.",
            search_aliases=["permission", "governance", "grant"],
            inputs=[inputs.photo(), inputs.face()],
            outputs=[NeoGrant.Output("consent", tooltip="Permission to animate this picture while ComfyUI runs")],
        )

    @classmethod
    def fingerprint_inputs(cls, **_):
        return ConsentLedger().withdrawals(time.time())  # what was granted is looked at again when any consent ends

    @classmethod
    def execute(cls, photo, face):
        with on_device() as engine:
            portrait = found(engine, photo, face)
        return io.NodeOutput(granted(portrait, face))


def granted(portrait: Portrait, face: int) -> Grant:
    """The grant for a portrait. Where there is none, a request that waits for it becomes a record; else the picture is
    kept for whoever adds one, and ConsentRequired tells how."""
    person = fingerprint(portrait.photo, portrait.face.landmarks68)
    name = portrait_id(person)
    picture, request = user_folder("portraits") / f"{name}.png", user_folder("consent_requests") / f"{name}.json"
    if request.is_file():
        with request.open("rb") as file:
            statement = file.read(LONGEST + 1)
        request.unlink()  # read once, whatever it holds
        ConsentLedger().add(record_from_request(statement, person, now=int(time.time())))
    try:
        grant = authorise(person, SCOPE, source=f"portrait {name}", command=command(picture, face))
    except ConsentRequired:
        picture.parent.mkdir(parents=True, exist_ok=True)
        write_image(picture, portrait.photo)
        raise
    picture.unlink(missing_ok=True)
    return grant


def user_folder(name: str) -> Path:
    """A folder of ours among the user's data, where ComfyUI's frontend reads and writes as well."""
    return Path(folder_paths.get_user_directory()) / "default" / "neo" / name


def command(picture: Path, face: int) -> str:
    """The line for a terminal that adds a record for the saved picture, with this very Python and pack."""
    chosen = ["--face", str(face)] if face else []
    words = [sys.executable, *_start(), "consent", "add", str(picture), "--kind", "self", "--adult", *chosen]
    if os.name == "nt":
        return f'cd /d {subprocess.list2cmdline([str(PACK)])} && {subprocess.list2cmdline(words)} --name "YOUR NAME"'
    return f'cd {shlex.quote(str(PACK))} && {shlex.join(words)} --name "YOUR NAME"'


def _start() -> list[str]:
    """How this Python runs the command line; an embedded one, as portable ComfyUI has, does not look around itself."""
    if not sys.flags.isolated:
        return ["-m", "neo_core"]
    run = "runpy.run_module('neo_core', run_name='__main__', alter_sys=True)"
    return ["-c", f"import runpy, sys; sys.path.insert(0, {str(PACK)!r}); {run}"]
