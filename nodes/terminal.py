"""The command line of this very installation, as a line to copy into a terminal."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

PACK = Path(__file__).parents[1]


def consent_command(*words: str) -> str:
    """The line that runs `consent` and these words, with the Python and the pack that run here."""
    command = [sys.executable, *_start(), "consent", *words]
    if os.name == "nt":
        return f"cd /d {subprocess.list2cmdline([str(PACK)])} && {subprocess.list2cmdline(command)}"
    return f"cd {shlex.quote(str(PACK))} && {shlex.join(command)}"


def _start() -> list[str]:
    """How this Python runs the command line; an embedded one, as portable ComfyUI has, does not look around itself."""
    if not sys.flags.isolated:
        return ["-m", "neo_core"]
    run = "runpy.run_module('neo_core', run_name='__main__', alter_sys=True)"
    return ["-c", f"import runpy, sys; sys.path.insert(0, {str(PACK)!r}); {run}"]
