"""Search how NEO 2 should walk its few steps: spacing, start, guidance with rescale, amplitude.

    python -m neo_core train neo2-schedule --exam DIR --count 40

Windows of films of held-out people, of those on whom nothing is judged later (`exam_halves`), are sampled in every way
and compared with the true latents by their Fréchet distance (`evaluation/frechet.py`). First the spacing is searched
without guidance, then the start and guidance with the best of it, then how far finished latents are amplified, with
guidance and without. Beside the best stand a walk of 30 equal steps from pure noise that is guided, rescaled and
amplified as they are, and the naive walk: as many equal steps from pure noise, guided and amplified alike but neither
projected nor rescaled. `SHIPPED` in `neo2/sampler.py` is chosen by hand near what wins.
"""

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

import torch

from ..evaluation.frechet import LatentSpace, latent_space
from ..neo2.dit import DiT
from ..neo2.loading import load_dit, load_video_vae
from ..neo2.sampler import RCM_ANGLES, Sampling
from .exam_halves import search_half
from .films import load_films
from .neo2_clips import Windows, load_clips
from .neo2_exam import exam_windows, sampled

SHIFTS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
STOPS = (0.95, 0.85, 0.7, 0.5, 0.3, 0.15)  # of which any pair may follow the start of a walk of three steps
STARTS = (0.97, 0.9, 0.8)
WEIGHTS = (1.0, 1.3, 1.7, 2.5)  # of the sound
RESCALES = (0.0, 0.7, 1.0)
AMPLITUDES = (1.2, 1.4, 1.7)  # of finished latents; 1 has been tried by then
KEPT = 2  # of each search, that the next one goes on with
MANY = 30  # steps
TOLD = 2  # of the best, with what stands beside them

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judge:
    """Windows, and the space that their true latents span."""

    dit: DiT
    windows: Windows
    truth: list[torch.Tensor]  # [T, C, h, w] each
    space: LatentSpace

    def distance(self, sampling: Sampling) -> float:
        """Of what is sampled so to the true latents."""
        return self.space.distance(list(sampled(self.dit, self.windows, sampling)), self.truth)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train neo2-schedule`."""
    parser.add_argument("--exam", type=Path, required=True, help="folder of films of held-out people")
    parser.add_argument("--dit", type=Path, help="weights (default: the embedded ones)")
    parser.add_argument("--vae", type=Path, help="weights of the video autoencoder (default: the embedded ones)")
    parser.add_argument("--count", type=int, default=40, help="windows")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="cpu")


def run(arguments: argparse.Namespace) -> None:
    """Search, and log the table."""
    device = torch.device(arguments.device)
    vae = load_video_vae(arguments.vae, device)
    windows = exam_windows(load_clips(search_half(load_films(arguments.exam)), vae, device), arguments.count)
    judge = judge_of(load_dit(arguments.dit, device), windows)
    latents = windows.latents.shape[1]
    log.info("Fréchet distance over N = %d windows of %d latents", len(windows.latents), latents)
    for line in table(judge, search(judge, arguments.steps)[:TOLD]):
        log.info("%s", line)


def table(judge: Judge, ranked: Sequence[tuple[float, Sampling]]) -> Iterator[str]:
    """Lines about ways to walk and their distances, each with what stands beside it."""
    known: dict[Sampling, float] = {}
    for distance, sampling in ranked:
        beside = many(sampling), naive(sampling)
        known |= {other: judge.distance(other) for other in beside if other not in known}
        yield row(sampling, distance, *(known[other] for other in beside))


def judge_of(dit: DiT, windows: Windows) -> Judge:
    """A judge of what this network makes of windows."""
    truth = list(windows.latents)
    return Judge(dit, windows, truth, latent_space(truth))


def search(judge: Judge, steps: int) -> list[tuple[float, Sampling]]:
    """The best ways to walk, the nearest to the truth first."""
    plain = _ranked(judge, spacings(steps))[:KEPT]
    begun = _ranked(judge, (replace(sampling, start=start) for _, sampling in plain for start in STARTS))
    best = sorted([*plain, *begun], key=_distance)
    guided = _ranked(judge, guidances([sampling for _, sampling in best[:KEPT]]))
    free, led = (min(found, key=_distance)[1] for found in (best, guided))
    sized = _ranked(judge, (replace(sampling, amplitude=size) for sampling in (free, led) for size in AMPLITUDES))
    return sorted([*best, *guided, *sized], key=_distance)


def spacings(steps: int) -> Iterator[Sampling]:
    """Shifts, tables, and for three steps any pair of stops."""
    for shift in SHIFTS:
        yield Sampling(steps, shift)
    if steps <= len(RCM_ANGLES):
        yield Sampling(steps, "rcm")
    if steps == 3:
        for pair in combinations(STOPS, 2):
            yield Sampling(steps, (1.0, *pair))


def guidances(several: Sequence[Sampling]) -> Iterator[Sampling]:
    """Every weight but 1 with every rescale, projected and not, for each of some ways to walk."""
    for sampling, weight, rescale, apg in product(several, WEIGHTS[1:], RESCALES, (True, False)):
        yield replace(sampling, audio=weight, rescale=rescale, apg=apg)


def many(sampling: Sampling) -> Sampling:
    """Equal steps from pure noise, as many as 30, guided, rescaled and amplified alike."""
    return replace(sampling, steps=MANY, schedule=1.0, start=1.0)


def naive(sampling: Sampling) -> Sampling:
    """As many equal steps from pure noise, with the same weights and nothing against what they do."""
    return replace(sampling, schedule="uniform", start=1.0, rescale=0.0, apg=False)


def _ranked(judge: Judge, ways: Iterator[Sampling]) -> list[tuple[float, Sampling]]:
    found = []
    for sampling in ways:
        found.append((judge.distance(sampling), sampling))
        log.info("%.3f %s", found[-1][0], described(sampling))
    return sorted(found, key=_distance)


def _distance(pair: tuple[float, Sampling]) -> float:
    return pair[0]


def described(sampling: Sampling) -> str:
    """What is searched, in words."""
    return (
        f"schedule {sampling.schedule} start {sampling.start:g} audio {sampling.audio:g} rescale {sampling.rescale:g} "
        f"{'projected' if sampling.apg else 'as it is'} "
        f"amplitude {sampling.amplitude:g}"
    )


def row(sampling: Sampling, distance: float, many: float, plain: float) -> str:
    """One line of the table."""
    shares = f"{distance / many:.2f} of {MANY} steps, {distance / plain:.2f} of naive ({plain:.3f})"
    return f"{described(sampling)}: {distance:.3f}, {shares}"
