"""`bench NAME`: measure, compare with `docs/bars.toml`, print the table. Exit code 1 when a bar was missed."""

import argparse
import json
import logging
import os
import platform
import tempfile
from functools import cache, partial
from pathlib import Path

from ..data_types import InputError
from ..evaluation import (
    comfyui,
    endurance,
    full_body_speed,
    mini_cost,
    motion,
    pictar_length,
    pictar_parity,
    pictar_roi,
    pictar_speed,
    reenactment,
    shot_changes,
    talking_head,
    video_vae_speed,
    vocal_speed,
)
from ..evaluation.bench import CouldNotRun, Measured, Measurement, Row, judge, load_bars, run
from ..evaluation.comfyui_host import Checkout
from ..evaluation.full_body_actor import shipped
from ..evaluation.latent_fusion import fusion_figures
from ..evaluation.talking_head import SAMPLES, Studio
from ..media.audio import read_waveform
from ..media.image import write_image
from ..neo2.loading import load_video_vae
from ..pictar.volumetric.family import FAMILY
from ..training import (
    emotion_exam,
    enrolment_truth,
    full_body_exam,
    guidance_sweep,
    identity_truth,
    language_truth,
    lid_truth,
    renderer_truth,
    vocal_table,
)
from ..training.synthetic.sentences import OTHER_LANGUAGES

LIPCHECK = "'PYTHON SCRIPT', which scores the lip sync of a video, with its modules beside it (docs/benchmarks.md)"
NEO2_INPUTS = {
    "people": "films made by `factory films --held-out`",
    "performances": "the folder that the films were made with",
    "reader": "a file made by `train mouth-reader`",
}
BENCHES = ("talking-head", "vocal", "pictar", "neo2", "comfyui")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--media", type=Path, help="pictures to judge with, which you may use for that")
    parser.add_argument("--assets", type=Path, help="training assets with held-out speech (default: beside the media)")
    parser.add_argument("--lipcheck", default="", help=LIPCHECK)
    parser.add_argument("--work", type=Path, help="keep clips and reports in this folder")
    parser.add_argument("--only", nargs="+", metavar="PART", help="only these parts, and the rows that they measure")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="COLUMN-SEED.safetensors to compare (bench vocal; default: as shipped)",
    )
    parser.add_argument("--people", type=Path, metavar="DIR", help="films of held-out people (bench neo2)")
    parser.add_argument("--performances", type=Path, metavar="DIR", help="what the films were made with (bench neo2)")
    parser.add_argument("--reader", type=Path, metavar="FILE", help="made by `train mouth-reader` (bench neo2)")
    parser.add_argument("--dit", type=Path, metavar="FILE", help="another DiT than the embedded one (bench neo2)")
    parser.add_argument("--vae", type=Path, metavar="FILE", help="another video autoencoder likewise (bench neo2)")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="a trained volumetric renderer (bench pictar)")
    parser.add_argument("--comfyui", type=Path, metavar="DIR", help="a ComfyUI checkout (bench comfyui)")
    parser.add_argument("--python", default="python3", help="the interpreter with ComfyUI's requirements")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def execute(arguments: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    work = arguments.work or Path(tempfile.mkdtemp(prefix="neo_bench_"))
    work.mkdir(parents=True, exist_ok=True)
    measure = MEASURES[arguments.name]
    values, more = measure(arguments, work)
    rows = judge(load_bars(arguments.name), values)
    print(table([row for row in rows if row.value is not None] if arguments.only else rows) + more)
    if left := sum(row.value is None for row in rows) if arguments.only else 0:
        print(f"\n{left} more rows are of other parts, or could not run, as said above")
    print(
        f"\nmachine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; files in {work}"
    )
    if arguments.json:
        print(json.dumps([row.to_json() for row in rows]))
    return 0 if all(row.ok for row in rows) else 1


def measure_talking_head(arguments: argparse.Namespace, work: Path) -> tuple[dict[str, float], str]:
    """The values of the bars; nothing more."""
    media = arguments.media or work / "no media named"
    assets = arguments.assets or media.parent / "assets"
    parts = talking_head_parts(Studio(media, assets, arguments.lipcheck, work))
    return run(chosen(parts, arguments.only)), ""


def measure_vocal(arguments: argparse.Namespace, work: Path) -> tuple[dict[str, float], str]:
    """The values of the bars; and the table of NEO beside NEO 1.5 and what a slider does, which have none."""
    assets = arguments.assets or work / "no assets named"
    said: list[str] = []

    def compare() -> dict[str, float]:
        table, columns = vocal_table.measure(assets, arguments.weights)
        said.append(f"\n\n{vocal_table.markdown(table, columns)}")
        write_image(work / "vocal_table.png", vocal_table.plot(table))
        return {}

    def slide() -> dict[str, float]:
        found = motion.mouths(motion.shipped(), read_waveform(SAMPLES / "speech.flac"))
        said.append(f"\n\n{motion.mouth_table(found)}")
        return {}

    parts = {
        "speed": vocal_speed.on_cpu,
        "cuda": vocal_speed.on_cuda,
        "length": endurance.bench,
        "languages": lambda: {
            "languages of the training speech": 1 + len(OTHER_LANGUAGES),
            **language_truth.bench(arguments.lipcheck),
        },
        "emotion": partial(emotion_exam.bench, assets),
        "sliders": slide,
        "table": compare,
    }
    values = run(chosen(parts, arguments.only))
    return values, "".join(said)


def measure_pictar(arguments: argparse.Namespace, work: Path) -> tuple[dict[str, Measured], str]:
    """The values of the bars; and what was noted beside them, which has none."""
    notes: dict[str, float] = {}
    public = FAMILY["liveportrait"]
    parts = {
        "multiplications": lambda: pictar_speed.fewer_multiplications(public, notes),
        "formulas": lambda: pictar_parity.beside_the_formulas(public),
        "published": lambda: pictar_parity.beside_the_published(public),
        "cpu": lambda: pictar_speed.on_cpu(public, notes),
        "cuda": lambda: pictar_speed.on_cuda(public, notes),
        "enrolment": lambda: enrolment_truth.bench(notes),
        "reenactment": lambda: reenactment.bench(work, notes),
        "cuts": lambda: shot_changes.bench(notes),
        "mini": mini_cost.figures,
        "long-drawn": lambda: pictar_length.drawn(work, notes),
        "long-read": lambda: pictar_length.read(notes),
        "roi": lambda: pictar_roi.savings(notes),
        "roi-pictures": lambda: pictar_roi.on_trained(arguments.checkpoint, notes),
    }
    values = run(chosen(parts, arguments.only))
    return values, _noted(notes)


def measure_neo2(arguments: argparse.Namespace, work: Path) -> tuple[dict[str, float], str]:
    """The values of the bars; and what was noted beside them, which has none."""
    notes: dict[str, float] = {}
    weights = arguments.dit, arguments.vae

    def named(option: str) -> Path:
        if (path := getattr(arguments, option)) is None:
            raise CouldNotRun(f"--{option} was not named; expected {NEO2_INPUTS[option]}")
        return path

    @cache
    def exam() -> full_body_exam.Exam:
        return full_body_exam.prepare(shipped(*weights), named("people"), named("reader"), notes)

    def fusion() -> dict[str, float]:
        found = fusion_figures()
        notes["high frequencies that a cross-fade keeps"] = found.faded_detail
        return {
            "flow fusion's error over the cross-fade's": found.error_ratio,
            "high frequencies that flow fusion keeps": found.detail,
        }

    parts = {
        "fusion": fusion,
        "vae": lambda: video_vae_speed.on_cpu(load_video_vae(arguments.vae)),
        "time": lambda: full_body_speed.chunk(shipped(*weights)),
        "parallel": lambda: full_body_speed.processes(shipped(*weights)),
        "long": lambda: full_body_exam.length(named("people"), work, weights, notes),
        "sound": lambda: full_body_exam.sound(exam()),
        "gestures": lambda: full_body_exam.gestures(exam()),
        "identity": lambda: full_body_exam.identity(exam()),
        "delivery": lambda: full_body_exam.delivery(exam()),
        "seams": lambda: full_body_exam.seams(exam(), named("performances")),
        "steps": lambda: full_body_exam.steps(exam()),
    }
    values = run(chosen(parts, arguments.only))
    return values, _noted(notes)


def _noted(notes: dict[str, float]) -> str:
    """What has no bar, as Markdown."""
    if not notes:
        return ""
    return "\n".join(["\n", "| beside it | value |", "|---|---|", *(f"| {n} | {v:.3g} |" for n, v in notes.items())])


def chosen(parts: dict[str, Measurement], only: list[str] | None) -> dict[str, Measurement]:
    """The parts that were asked for, all by default."""
    if unknown := set(only or ()) - parts.keys():
        raise InputError(f"--only {', '.join(sorted(unknown))} is no part of this bench; expected {', '.join(parts)}")
    return {name: parts[name] for name in only or parts}


def measure_comfyui(arguments: argparse.Namespace, work: Path) -> tuple[dict[str, float], str]:
    """The values of the bars, and the times of each workflow, which have none."""
    if arguments.comfyui is None or not (arguments.comfyui / "main.py").is_file():
        raise InputError(f"--comfyui is {arguments.comfyui}; expected the folder of a ComfyUI checkout")
    checkout = Checkout(arguments.comfyui.resolve(), arguments.python)
    runs: list[comfyui.WorkflowRun] = []

    def workflows() -> dict[str, float]:
        runs.extend(comfyui.run_workflow(checkout, file, work / file.stem) for file in comfyui.workflow_files())
        return comfyui.figures(runs)

    values = run({"workflows": workflows})
    return values, f"\n\n{comfyui.times(runs)}"


def talking_head_parts(studio: Studio) -> dict[str, Measurement]:
    """Every part of the bench by name, cheap ones first."""
    speech = partial(read_waveform, SAMPLES / "speech.flac")
    return {
        "faces": partial(talking_head.faces, studio),
        "landmarks": partial(talking_head.landmarks, studio),
        "silence": lambda: motion.silence(motion.shipped()),
        "seeds": lambda: motion.seeds(motion.shipped(), speech()),
        "zeroed": lambda: motion.zeroed(motion.shipped(), speech()),
        "region": partial(talking_head.region, studio),
        "bad-input": partial(talking_head.bad_input, studio),
        "same-seed": partial(talking_head.same_seed, studio),
        "first-frame": partial(talking_head.first_frame, studio),
        "identity": partial(identity_truth.bench, studio.assets),
        "guidance": partial(guidance_sweep.bench, studio.assets),
        "truth": renderer_truth.bench,
        "lids": lid_truth.bench,
        "lip-sync": partial(talking_head.lip_sync, studio),
        "languages": partial(talking_head.languages, studio),
        "time": partial(talking_head.cost, studio),
        "memory": partial(talking_head.memory, studio),
    }


MEASURES = {
    "talking-head": measure_talking_head,
    "vocal": measure_vocal,
    "pictar": measure_pictar,
    "neo2": measure_neo2,
    "comfyui": measure_comfyui,
}


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| figure | value | bar | met |", "|---|---|---|---|"]
    for row in rows:
        value = "could not run" if row.value is None else f"{row.value:.3g} {row.unit}"
        lines.append(f"| {row.name} | {value} | {row.bar} | {'yes' if row.ok else '**no**'} |")
    return "\n".join(lines)
