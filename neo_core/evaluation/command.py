"""Running NEO as its users do: the command line in a process of its own, with time and peak memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A child inherits the high-water mark of the process that forks it, so a small one stands between us and the measured.
LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), usage.ru_maxrss], file)
"""


@dataclass(frozen=True)
class Finished:
    code: int
    seconds: float  # wall time, process start included
    peak_gb: float  # largest resident set
    output: str
    error: str

    def json(self) -> dict:
        """The JSON line a command ends with under --json."""
        return json.loads(self.output.strip().splitlines()[-1])


def neo(*arguments: str | Path, home: Path) -> Finished:
    """`python -m neo_core ARGUMENTS` with its consent ledger under `home`. Never raises for a failing command."""
    environment = os.environ | {"NEO_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "neo_core", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err, tempfile.NamedTemporaryFile() as end:
        start = time.monotonic()
        launcher = [sys.executable, "-S", "-c", LAUNCHER, end.name, *command]
        subprocess.run(launcher, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment, check=True)
        seconds = time.monotonic() - start
        code, peak = json.loads(Path(end.name).read_text())
        out.seek(0)
        err.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024  # bytes or KiB
        return Finished(code, seconds, peak * unit / 1e9, out.read(), err.read())


def must(finished: Finished) -> Finished:
    """The same, or CalledProcessError with what the command said."""
    if finished.code != 0:
        raise subprocess.CalledProcessError(finished.code, "neo_core", finished.output, finished.error)
    return finished
