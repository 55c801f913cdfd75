"""The pack on a real ComfyUI: what loading it costs, and every workflow from start to finished video."""

import json
import logging
import statistics
from dataclasses import dataclass
from pathlib import Path

from ..data_types import InputError
from ..media.audio import read_waveform
from ..media.video import read_frames
from .comfyui_host import Checkout, Host, HostError, Outcome, api_prompt, serve

PACK = Path(__file__).parents[2]
NODE_NAMES = PACK / "locales" / "en" / "nodeDefs.json"  # every node of the pack is named there
FOLDER = "neo"  # in custom_nodes
LONGEST = 1800.0  # seconds for one workflow
AUDIBLE = 0.01  # root mean square
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkflowRun:
    """One workflow file in a host that was started for it."""

    name: str
    import_seconds: float  # the pack's share of the host's start
    missing: tuple[str, ...]  # nodes of the pack that the host does not offer
    first: float  # seconds, networks and all
    cached: float  # seconds, run again unchanged
    fault: str  # why it is not a playable video with sound; empty when it is


def workflow_files() -> list[Path]:
    files = sorted((PACK / "workflows").glob("*.json"))
    if not files:
        raise InputError(f"{PACK / 'workflows'} holds no workflow; expected those of a source checkout")
    return files


def run_workflow(checkout: Checkout, file: Path, base: Path) -> WorkflowRun:
    """Start a host, queue the workflow as it is, queue it again, look at what came out."""
    workflow = json.loads(file.read_text(encoding="utf-8"))
    with serve(checkout, base, {FOLDER: PACK}) as host:
        info = host.object_info()
        names = json.loads(NODE_NAMES.read_text(encoding="utf-8"))
        missing = tuple(name for name in names if name not in info)
        first, cached, fault = _twice(host, workflow, info)
        log.info("%s: first run %.1f s, cached %.2f s %s", file.stem, first, cached, fault)
        return WorkflowRun(file.stem, host.import_seconds(FOLDER), missing, first, cached, fault)


def figures(runs: list[WorkflowRun]) -> dict[str, float]:
    """The values of the bars."""
    return {
        "pack import": statistics.median(run.import_seconds for run in runs),
        "nodes missing": len({name for run in runs for name in run.missing}),
        "workflows that fail": sum(bool(run.fault) for run in runs),
    }


def times(runs: list[WorkflowRun]) -> str:
    """First-run and cached-run times as Markdown."""
    lines = ["| workflow | first run | cached run |", "|---|---|---|"]
    lines += [f"| {run.name} | {run.first:.1f} s | {1000 * run.cached:.0f} ms |" for run in runs]
    return "\n".join(lines)


def _twice(host: Host, workflow: dict, info: dict) -> tuple[float, float, str]:
    try:
        prompt = api_prompt(workflow, info)
        first, again = (host.run(prompt, workflow, LONGEST) for _ in range(2))
        return first.seconds, again.seconds, fault_of(first) or _fault_of_cached(again)
    except (HostError, InputError) as error:  # refused, or a video that does not decode
        return float("nan"), float("nan"), str(error)


def _fault_of_cached(outcome: Outcome) -> str:
    return "" if outcome.status == "success" else f"cached run, {outcome.status}: {outcome.error}"


def fault_of(outcome: Outcome) -> str:
    """Why a finished prompt has not made playable videos with sound; empty when it has."""
    videos = [path for path in outcome.files if path.suffix == ".mp4"]
    if outcome.status != "success":
        return f"{outcome.status}: {outcome.error}"
    if not videos:
        return "no video was saved"
    return "; ".join(fault for fault in map(_fault_of_video, videos) if fault)


def _fault_of_video(path: Path) -> str:
    moments = [moment for moment, _ in read_frames(path)]
    sound = read_waveform(path)
    length = float(moments[-1] + moments[1]) if len(moments) > 1 else 0.0
    if abs(length - sound.samples.shape[1] / sound.sample_rate) > 0.1:
        return f"{path.name} has {length:.2f} s of pictures and another length of sound"
    return "" if sound.samples.square().mean().sqrt() > AUDIBLE else f"{path.name} is silent"
