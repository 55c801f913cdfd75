"""The ablation grid of Neural Continuum Sync, on the trained model and on people it never saw.

    python -m neo_core train continuum-grid --clips DIR --reader FILE --out DIR --seeds 12 --minutes 60

{own, shared noise} x {cut, linear, pyramid, flow} x {phase 0, 1} x {lagged context off, on}: 32 cells; chunks that know
nothing of each other; and four cells whose groups have two chunks, of which the joins of groups are judged. A seed is a
held-out scene (two consecutive films: anchor, prompt, seconds of sound) with noise of its own, and all cells do it.
Of every video the seam report is taken from its frames, and mouth and hands are read (`train mouth-reader`) to be
compared with the film. Seams are compared with the inside of the chunks that know nothing of each other: where windows
move between steps, seams of earlier steps lie inside the last ones. The films themselves are measured at the same joins
against their own inside: that is what no seam looks like. People are those on whom nothing is judged later
(`exam_halves`), since a default is chosen here. Movement does not follow the voice (`Sampling.prosody`): what is judged
is how chunks agree.

A line of `rows.jsonl` per video; a run that is called again goes on after the lines that are there, of the same weights
and settings. Two may run side by side, `--seeds 6` and `--seeds 12 --first 6`; a third call then publishes what both
made. `--minutes` are of the wall; seeds are finished one after the other, so an early end leaves fewer seeds.
Writes `grid.md` and plots beside it.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ..data_types import InputError
from ..evaluation.continuity import WHOLE_OVERLAP, SeamReport, Usual, picture_report
from ..evaluation.full_body import correlation, hand_speed
from ..evaluation.full_body_actor import TUNED, Actor, reconstructed, shipped
from ..evaluation.interval_plot import plot_intervals
from ..evaluation.mouth_reader import MouthReader, load_mouth_reader, read
from ..evaluation.seam_plot import plot_seams
from ..evaluation.sync_grid import FILMS, Row, alone, cells, effect_panels, figures_of, markdown, name_of, panels
from ..media.image import write_image
from ..neo2.latent_space import FRAMES, RATE
from ..neo2.sampler import Sampling
from ..neo2.window_layout import Sync, groups, join_frames
from ..weights.checksum import edition
from ..weights.manifest import embedded
from .exam_halves import search_half
from .films import Film, load_films

FRAMING = "half body"
LATENTS = 22  # of a video: three chunks of 10, or four with a phase
BASE = Sync()
SHOWN = (
    alone(BASE),
    Sync(fusion="linear", phase=False, shared_noise=False, context=False),
    BASE,
)  # whose seam reports of the first seed are drawn
COLUMNS = ("cell", "seed", "scene", "person", "figures")  # of a row, in its file
PLOTTED = ("velocity", "interpolation", "ghosting", "mouth")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scene:
    """What one seed performs, and the film of it."""

    name: str
    person: int
    prompt: str
    picture: Tensor  # u8 [H, W, 3] the anchor
    heard: Tensor  # [L, 2 T, D]
    video: Tensor  # u8 [T, H, W, 3]
    mouth: Tensor  # [T]
    prosody: Tensor  # [T]
    face: tuple[float, ...]  # left, top, right, bottom, shares of the picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train continuum-grid`."""
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="films of held-out people")
    parser.add_argument("--out", type=Path, required=True, help="folder of rows, tables and plots")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="seed to begin with: for a second process beside")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the wall; what is done by then is published")
    parser.add_argument("--reader", type=Path, help="network of `train mouth-reader`; without it no mouths and hands")
    parser.add_argument("--dit", type=Path, help="weights (default: the embedded ones)")
    parser.add_argument("--vae", type=Path, help="weights of the video autoencoder (default: the embedded ones)")
    parser.add_argument("--latents", type=int, default=LATENTS, help=f"of a video (default: {LATENTS})")
    parser.add_argument("--steps", type=int, default=TUNED.steps)


def run(arguments: argparse.Namespace) -> None:
    """Perform what is missing, then publish all there is."""
    if arguments.seeds < 1 or arguments.latents <= BASE.longest:
        raise InputError(
            f"{arguments.seeds} seeds of {arguments.latents} latents; expected at least one, of more than "
            f"{BASE.longest} latents, so that chunks meet"
        )
    actor = shipped(arguments.dit, arguments.vae)
    reader = load_mouth_reader(arguments.reader) if arguments.reader else None
    stage = Stage(actor, reader, replace(TUNED, steps=arguments.steps, prosody=0.0), arguments.latents)
    films = search_half(load_films(arguments.clips))
    scenes = chosen_scenes(films, arguments.seeds, FRAMES * arguments.latents)
    arguments.out.mkdir(parents=True, exist_ok=True)
    settings = _settings(arguments, stage)
    rows = Rows(arguments.out / "rows.jsonl", settings)
    perform(stage, scenes, rows, arguments.minutes, arguments.first)
    publish(rows.rows, arguments.out)
    draw(stage, scenes[0], arguments.out)


def _settings(arguments: argparse.Namespace, stage: "Stage") -> str:
    """What all rows of a table have in common."""
    files = [
        arguments.dit or embedded("neo2_dit.safetensors"),
        arguments.vae or embedded("neo2_vae.safetensors"),
        *([arguments.reader] if arguments.reader else []),
    ]
    common = {
        "weights": edition(files),
        "latents": stage.latents,
        "base": asdict(BASE),
        "against": name_of(alone(BASE)),
    }
    return json.dumps(common | {"sampling": asdict(stage.sampling)}, sort_keys=True)


class Rows:
    """The file of rows: read once, then written line by line."""

    def __init__(self, path: Path, settings: str) -> None:
        self.path, self.settings = path, settings
        whole, _, torn = (path.read_text() if path.exists() else "").rpartition("\n")
        if torn:  # the last run was ended within a line
            path.write_text(whole + "\n" if whole else "")
        found = [json.loads(line) for line in whole.splitlines()]
        self.rows = [Row(*(r[name] for name in COLUMNS)) for r in found if r["settings"] == settings]
        if len(self.rows) < len(found):
            log.info("%d rows of other weights or settings are not counted", len(found) - len(self.rows))

    def has(self, cell: str, seed: int) -> bool:
        return any((row.cell, row.seed) == (cell, seed) for row in self.rows)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        line = asdict(row) | {"settings": self.settings}
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")


@dataclass(frozen=True)
class Stage:
    """Who performs, who reads, and how."""

    actor: Actor
    reader: MouthReader | None
    sampling: Sampling
    latents: int
    usual: dict[int, Usual] = field(default_factory=dict)  # by seed, as it is asked for

    def film(self, scene: Scene, seed: int, sync: Sync) -> tuple[Tensor, float]:
        """The scene performed, u8 [T, H, W, 3], and the seconds that its latents took."""
        anchor = self.actor.anchor(scene.picture)
        begun = time.perf_counter()
        sampling = replace(self.sampling, seed=seed)
        latents = self.actor.perform(anchor, scene.heard, scene.prompt, self.latents, sampling, sync)
        seconds = time.perf_counter() - begun
        return self.actor.show(latents, anchor), seconds

    def report(self, scene: Scene, video: Tensor, sync: Sync) -> SeamReport:
        """Against the inside of the chunks of the same video."""
        joins = join_frames(self.latents, sync, self.sampling.steps)
        return picture_report(video, joins, RATE, WHOLE_OVERLAP, face=scene.face, reference=scene.picture)

    def usual_of(self, scene: Scene, seed: int) -> Usual:
        """What the scene is like where no chunks meet, nor ever met: inside chunks that know nothing of each other."""
        if seed not in self.usual:
            self.usual[seed] = self.report(scene, self.film(scene, seed, alone(BASE))[0], alone(BASE)).inside
        return self.usual[seed]

    def figures(self, scene: Scene, video: Tensor, report: SeamReport) -> dict[str, float]:
        """Of a video of the scene."""
        found = {
            "velocity": report.velocity,
            "acceleration": report.acceleration,
            "ghosting": report.ghosting,
            "interpolation": report.interpolation,
            "colour": report.colour_drift,
            "identity": report.identity_slope,
        }
        if self.reader is not None:
            reading = read(self.reader, video)
            speed = hand_speed(reading.hands, reading.seen > 0)
            found["mouth"] = correlation(reading.mouth, scene.mouth)
            found["gestures"] = correlation(speed, scene.prosody)
        return found


def group_joins(total: int, sync: Sync) -> tuple[int, ...]:
    """The frames where two groups of chunks meet."""
    return tuple(FRAMES * (group.first + group.known // 2) for group in groups(total, sync)[1:])


def at_group_joins(report: SeamReport, total: int, sync: Sync) -> SeamReport:
    """A report on the seams between groups alone, where there are any."""
    joins = group_joins(total, sync)
    return replace(report, seams=tuple(seam for seam in report.seams if seam.at in joins)) if joins else report


def perform(stage: Stage, scenes: Sequence[Scene], rows: Rows, minutes: float, first: int = 0) -> None:
    """All cells of one seed after the other, the film first, until the time is up."""
    grid, seeds = cells(BASE), range(first, len(scenes))
    missing = [(seed, cell) for seed in seeds for cell in (FILMS, *grid) if not rows.has(cell, seed)]
    begun = time.monotonic()
    for done, (seed, cell) in enumerate(missing):
        spent = (time.monotonic() - begun) / 60
        if done in (2, 10) or (done and done % len(grid) == 0):
            left = spent / done * (len(missing) - done)
            log.info("%d of %d videos, %.1f s each: %.0f minutes left", done, len(missing), 60 * spent / done, left)
        if spent >= minutes:
            log.info("%d of %d videos in %.1f minutes; call again for the rest", done, len(missing), spent)
            return
        scene = scenes[seed]
        rows.add(Row(cell, seed, scene.name, scene.person, _video_figures(stage, scene, seed, grid.get(cell))))


def _video_figures(stage: Stage, scene: Scene, seed: int, sync: Sync | None) -> dict[str, float]:
    """Of a cell, or of the film as the autoencoder shows it, at the joins of the base."""
    if sync is None:
        video = reconstructed(stage.actor, scene.video, stage.actor.anchor(scene.picture))
        return stage.figures(scene, video, stage.report(scene, video, replace(BASE, phase=False)))
    video, seconds = stage.film(scene, seed, sync)
    report = stage.report(scene, video, sync)
    if sync == alone(BASE):
        stage.usual[seed] = report.inside
    else:
        report = at_group_joins(report.against(stage.usual_of(scene, seed)), stage.latents, sync)
    return stage.figures(scene, video, report) | {"seconds": seconds}


def publish(rows: Sequence[Row], out: Path) -> None:
    """The tables, and plots of the figures that matter most."""
    order = {cell: number for number, cell in enumerate((FILMS, *cells(BASE)))}
    rows = sorted(rows, key=lambda row: (order[row.cell], row.seed))
    (out / "grid.md").write_text(markdown(rows, BASE))
    shown = [name for name in figures_of(rows) if name in PLOTTED]
    if shown:
        write_image(out / "grid.png", plot_intervals(panels(rows, shown)))
    changes = effect_panels(rows, shown, BASE)
    if changes:
        write_image(out / "effects.png", plot_intervals(changes))
    log.info("%s", out / "grid.md")


def draw(stage: Stage, scene: Scene, out: Path) -> None:
    """Seam reports of the first seed: chunks alone, a cross-fade, the default."""
    for sync in SHOWN:
        report = stage.report(scene, stage.film(scene, 0, sync)[0], sync).against(stage.usual_of(scene, 0))
        write_image(out / f"seams-{name_of(sync).replace(' ', '-')}.png", plot_seams(report))


def chosen_scenes(films: Sequence[Film], count: int, frames: int) -> list[Scene]:
    """Held-out people who speak for long enough, new people first. Fewer scenes than seeds are performed again with
    other noise."""
    takes: dict[str, list[Film]] = {}
    for film in films:
        if film.held_out and film.speaking and film.framing == FRAMING:
            takes.setdefault(film.scene, []).append(film)
    long = [sorted(parts, key=lambda film: film.part) for parts in takes.values()]
    long = [parts for parts in long if _consecutive(parts) and sum(film.frames for film in parts) >= frames]
    if not long:
        raise InputError(
            f"none of {len(films)} films shows a held-out speaker, {FRAMING}, for {frames} frames; expected scenes of "
            "two consecutive films by `factory films --held-out`"
        )
    order = list(_new_people_first(long))
    return [_scene(order[seed % len(order)], frames) for seed in range(count)]


def _consecutive(parts: Sequence[Film]) -> bool:
    return [film.part for film in parts] == list(range(len(parts)))


def _new_people_first(scenes: Iterable[list[Film]]) -> Iterator[list[Film]]:
    """One scene of every person and voice, then the others."""
    seen: set[int] = set()
    later = []
    for parts in sorted(scenes, key=lambda parts: parts[0].scene):
        if parts[0].person in seen:
            later.append(parts)
        else:
            seen.add(parts[0].person)
            yield parts
    yield from later


def _scene(parts: Sequence[Film], frames: int) -> Scene:
    """The first `frames` of consecutive films."""

    def joined(tracks: Iterable[Tensor]) -> Tensor:
        return torch.cat(list(tracks))[:frames]

    first = parts[0]
    heard = torch.cat([film.heard() for film in parts], dim=1)[:, : 2 * frames].float()
    face = joined(film.head() for film in parts).mean(0) / first.size
    return Scene(
        name=first.scene,
        person=first.person,
        prompt=first.prompt,
        picture=first.anchor(),
        heard=heard,
        video=joined(film.video() for film in parts),
        mouth=joined(film.mouth() for film in parts),
        prosody=joined(film.prosody() for film in parts),
        face=tuple(face.clamp(0, 1).tolist()),
    )
