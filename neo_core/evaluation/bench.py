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


@dataclass(frozen=True)
class Figure:
    """A value that depends on what was judged, and what that was."""

    value: float
    of: str


Measured = float | Figure
Measurement = Callable[[], Mapping[str, Measured]]


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


def judge(bars: list[dict], values: Mapping[str, Measured]) -> list[Row]:
    """One row per bar; a bar without a value is missed."""
    unknown = values.keys() - {bar["name"] for bar in bars}
    if unknown:
        raise ValueError(f"measured {sorted(unknown)}, which no bar names")
    return [_row(bar, values.get(bar["name"])) for bar in bars]


def run(measurements: Mapping[str, Measurement]) -> dict[str, Measured]:
    """All values; a part that cannot run leaves its rows empty and says why."""
    values: dict[str, Measured] = {}
    for name, measure in measurements.items():
        try:
            values |= measure()
        except (CouldNotRun, InputError, OSError, subprocess.SubprocessError) as error:
            log.warning("could not measure %s: %s", name, error)
    return values


def _row(bar: dict, found: Measured | None) -> Row:
    value, of = (found.value, f", {found.of}") if isinstance(found, Figure) else (found, "")
    low, high, below = (bar.get(bound) for bound in ("at_least", "at_most", "below"))
    bounds = ((low, f"≥ {low}"), (high, f"≤ {high}"), (below, f"< {below}"))
    text = f"{low} to {high}" if None not in (low, high) else next(text for bound, text in bounds if bound is not None)
    met = value is not None and (low is None or value >= low) and (high is None or value <= high)
    met = met and (below is None or value < below)
    return Row(bar["name"] + of, None if value is None else float(value), bar["unit"], text, met)
