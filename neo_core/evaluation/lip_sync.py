"""Lip sync by an outside judge: a command that looks at a finished video and prints one JSON line.

The judge is nothing that NEO is trained on. `docs/benchmarks.md` explains its scores.
"""

import json
import shlex
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .bench import CouldNotRun


@dataclass(frozen=True)
class Speech:
    """A clip of a held-out speaker and its words."""

    path: Path
    text: str
    speaker: str
    seconds: float


def judge_video(command: str, video: Path, text: str, audio: Path | None = None) -> dict:
    """The judge's report on a video, against its own sound or another."""
    arguments = [*shlex.split(command), str(video), "--json", "--text", text]
    if audio is not None:
        arguments += ["--audio", str(audio)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=600)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise CouldNotRun(f"the judge printed no JSON for {video}")
    return json.loads(lines[-1])


def held_out_speech(assets: Path, speakers: tuple[str, ...], shortest: float = 4, longest: float = 15) -> list[Speech]:
    """Clips of the held-out speakers with a true transcript, of a length the judge can score."""
    index = assets / "speech" / "index.json"
    if not index.is_file():
        raise CouldNotRun(f"{index} does not exist; expected the speech of the training assets")
    rows = [row for row in json.loads(index.read_text()) if str(row["speaker"]) in speakers]
    return [
        Speech(assets / "speech" / "flac" / f"{row['id']}.flac", row["text"], str(row["speaker"]), row["seconds"])
        for row in rows
        if shortest <= row["seconds"] <= longest
    ]


def summarise(reports: list[dict], wrong: list[dict]) -> dict[str, float]:
    """Medians over clips, by the names of the bars."""
    sync = [report["sync"] for report in reports]
    removed = [s["lag_removed"] for s in sync]
    closure = [r["closure_rate"] - r["closure_chance"] for r in removed if r["closure_rate"] is not None]
    return {
        "clips judged": len(reports),
        "lip sync, combined": statistics.median(s["combined"]["peak"] for s in sync),
        "lip sync, lag": abs(statistics.median(s["combined"]["lag"] for s in sync)),
        "lip sync, phone shape": statistics.median(s["phone_shape"]["peak"] for s in sync),
        "lip sync, closure above chance": statistics.median(closure),
        "lip sync, wrong audio": statistics.median(report["sync"]["combined"]["peak"] for report in wrong),
    }
