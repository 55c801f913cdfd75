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
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.monotonic()
        command = [sys.executable, "-m", "neo_core", *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)  # the only call that tells one child's peak memory
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        per_gb = 1e9 if sys.platform == "darwin" else 1e6
        return Finished(process.returncode, seconds, usage.ru_maxrss / per_gb, out.read(), err.read())


def must(finished: Finished) -> Finished:
    """The same, or CalledProcessError with what the command said."""
    if finished.code != 0:
        raise subprocess.CalledProcessError(finished.code, "neo_core", finished.output, finished.error)
    return finished
