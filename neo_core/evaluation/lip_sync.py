"""Lip sync by an outside judge: a command that looks at a finished video and prints one JSON line.

The judge is nothing that NEO is trained on. `docs/benchmarks.md` explains its scores.
"""

import json
import shlex
import statistics
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .bench import CouldNotRun

LONG = 8  # seconds: what is counted, blinks and closures, is counted over all clips of this length or more


@dataclass(frozen=True)
class Speech:
    """A clip of a held-out speaker and its words."""

    path: Path
    text: str
    speaker: str
    seconds: float


def judge_video(
    command: str, video: Path, text: str | None = None, audio: Path | None = None, photo: Path | None = None
) -> dict:
    """The judge's report on a video, against its own sound or another, and against the photo it was made from."""
    arguments = [*shlex.split(command), str(video), "--json"]
    for name, value in (("--text", text), ("--audio", audio), ("--source", photo)):
        if value is not None:
            arguments += [name, str(value)]
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
    """What the judge says of right and wrong sound, by the names of the bars: medians over clips."""
    sync = [report["sync"] for report in reports]
    at_own_lag = [s["lag_removed"] for s in sync]
    return {
        "clips judged": len(reports),
        "lip sync, combined": median(s["combined"]["peak"] for s in sync),
        "lip sync, lag": abs(median(s["combined"]["lag"] for s in sync)),
        "lip sync, phone shape": median(s["phone_shape"]["peak"] for s in sync),
        "lip sync, rounding": median(r["rounding_auc"] for r in at_own_lag),
        **closures([s for s, r in zip(sync, reports, strict=True) if r["container"]["duration"] >= LONG]),
        "lip sync, openness": median(r["openness_auc"] for r in at_own_lag),
        "size of the lips' motion": median(s["amplitude"]["gap_std"] for s in sync),
        "lip sync, wrong audio": median(report["sync"]["combined"]["peak"] for report in wrong),
        **liveliness(reports),
    }


def closures(sync: list[dict]) -> dict[str, float]:
    """How many of all /p b m/ of some clips are seen closed, the clip's own lag removed, and how many by chance."""
    counted = [s for s in sync if s["lag_removed"]["closure_rate"] is not None]
    total = sum(s["bilabials"] for s in counted)
    if not total:
        return {}
    rate, chance = (
        sum(s["bilabials"] * s["lag_removed"][name] for s in counted) / total
        for name in ("closure_rate", "closure_chance")
    )
    return {"lip sync, closure": rate, "lip sync, closure above chance": rate - chance}


def liveliness(reports: list[dict]) -> dict[str, float]:
    """Rest, blinks, jitter and likeness, by the names of the bars; what no report has is left out. Medians, but of
    frozen frames the most that any clip has."""
    figures = {
        "lips' speed in silence over speech": median(r["silence"].get("speed_ratio") for r in reports),
        "shape jitter": median(r["stability"]["shape_jitter"] for r in reports),
        "frozen frames": max((r["stability"]["frozen_share"] for r in reports), default=None),
        "likeness": median(r["identity"]["descriptor_distance"] for r in reports),
        **blinks([r for r in reports if r["container"]["duration"] >= LONG]),
    }
    return {name: value for name, value in figures.items() if value is not None}


def blinks(reports: list[dict]) -> dict[str, float]:
    """All blinks of some clips over all their minutes, and how far those close."""
    found = [report["stability"]["blinks"] for report in reports]
    count = sum(b["count"] for b in found)
    if not count:
        return {"blinks": 0.0} if found else {}
    minutes = sum(report["container"]["duration"] for report in reports) / 60
    depth = sum(b["count"] * b["closure_depth"] for b in found if b["count"])
    return {"blinks": count / minutes, "closure of blinks": depth / count}


def in_time(peaks: Mapping[int, float]) -> bool:
    """Whether the lips agree better with the sound as heard (0) than with the sound moved by any number of frames."""
    return all(peaks[0] > peak for shift, peak in peaks.items() if shift)


def median(values: Iterable[float | None]) -> float | None:
    """Of the values that there are; None without any."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
