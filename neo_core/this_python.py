"""How a terminal runs this command line with the interpreter that runs it now."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path


def command_line() -> str:
    """`python -m neo_core` for a terminal in the working folder, with `python` only where that is this interpreter."""
    found = shutil.which("python")
    if not sys.executable or (found and Path(found) == Path(sys.executable)):
        return "python -m neo_core"
    path = Path(sys.executable)
    shown = str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
    quoted = subprocess.list2cmdline([shown]) if os.name == "nt" else shlex.quote(shown)
    return f"{quoted} -m neo_core"
