"""Rows of a bench: measured values beside the bars of `docs/bars.toml`."""

import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..data_types import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BARS = Path(__file__).parents[2] / "docs" / "bars.toml"
log = logging.getLogger(__name__)

Measurement = Callable[[], Mapping[str, float]]


class CouldNotRun(RuntimeError):
    """A measurement lacks what it needs (media, the judge, a weight file)."""


@dataclass(frozen=True)
class Row:
    name: str
    value: float | None
    unit: str
    bar: str
    ok: bool

    def to_json(self) -> dict:
        return asdict(self)


def load_bars(name: str, path: Path = BARS) -> list[dict]:
    """The bars of one bench, in the order of the file."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; expected the bars of a source checkout")
    bars = tomllib.loads(path.read_text(encoding="utf-8"))
    if name not in bars:
        raise InputError(f"bench {name!r} is unknown; expected one of {', '.join(bars)}")
    return bars[name]


def judge(bars: list[dict], values: Mapping[str, float]) -> list[Row]:
    """One row per bar; a bar without a value is missed."""
    unknown = values.keys() - {bar["name"] for bar in bars}
    if unknown:
        raise ValueError(f"measured {sorted(unknown)}, which no bar names")
    return [_row(bar, values.get(bar["name"])) for bar in bars]


def run(measurements: Mapping[str, Measurement]) -> dict[str, float]:
    """All values; a part that cannot run leaves its rows empty and says why."""
    values: dict[str, float] = {}
    for name, measure in measurements.items():
        try:
            values |= measure()
        except (CouldNotRun, InputError, OSError, subprocess.SubprocessError) as error:
            log.warning("could not measure %s: %s", name, error)
    return values


def _row(bar: dict, value: float | None) -> Row:
    low, high = bar.get("at_least"), bar.get("at_most")
    text = f"{low} to {high}" if None not in (low, high) else f"≥ {low}" if low is not None else f"≤ {high}"
    met = value is not None and (low is None or value >= low) and (high is None or value <= high)
    return Row(bar["name"], None if value is None else float(value), bar["unit"], text, met)
