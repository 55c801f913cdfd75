"""The command line of this very installation, as a line to copy into a terminal."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from ..neo_core.governance import ConsentLedger

PACK = Path(__file__).parents[1]


def consent_command(*words: str) -> str:
    """The line that runs `consent` and these words, with the Python, the pack and the ledger that are in use here."""
    command = [sys.executable, *_start(), "consent", *words]
    moved = _moved_ledger()
    if os.name == "nt":
        ledger = f'set "NEO_HOME={moved}" && ' if moved else ""
        return f"cd /d {subprocess.list2cmdline([str(PACK)])} && {ledger}{subprocess.list2cmdline(command)}"
    ledger = f"NEO_HOME={shlex.quote(moved)} " if moved else ""
    return f"cd {shlex.quote(str(PACK))} && {ledger}{shlex.join(command)}"


def _moved_ledger() -> str:
    """The folder of the ledger, absolute, if the environment of this process moved it: a terminal's may not."""
    moved = {"NEO_HOME", "XDG_DATA_HOME"} & os.environ.keys()
    return str(ConsentLedger().folder.absolute()) if moved else ""


def _start() -> list[str]:
    """How this Python runs the command line; an embedded one, as portable ComfyUI has, does not look around itself."""
    if not sys.flags.isolated:
        return ["-m", "neo_core"]
    run = "runpy.run_module('neo_core', run_name='__main__', alter_sys=True)"
    return ["-c", f"import runpy, sys; sys.path.insert(0, {str(PACK)!r}); {run}"]
