"""Teach a trained DiT of NEO 2 to read the energy of a voice (`neo2/prosody.py`), and nothing else.

    python -m neo_core train neo2-prosody --films DIR... --exam DIR

Ridge regression in closed form, in seconds: of the loudness and accents that films were performed with, by what the
audio encoder hears during a latent.

Letters: N latents, L layers of the audio encoder, F their width.
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from einops import reduce
from torch import Tensor

from ..evaluation.full_body import correlation
from ..neo2.dit import DiT, DiTConfig
from ..neo2.latent_space import FRAMES, HEARD
from ..neo2.loading import load_dit
from ..neo2.prosody import Prosody
from ..weights.manifest import embedded
from ..weights.safetensors_io import fill, load, load_config_for, load_made, save
from .films import Film, held_out_films, training_films
from .made import after

RIDGE = 0.1  # of the number of latents, added to what hidden states vary by, which is 1
SMALL = 1e-4  # deviation that a hidden state is divided by

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train neo2-prosody`."""
    parser.add_argument("--films", type=Path, nargs="+", required=True, help="folders made by `factory films`")
    parser.add_argument("--exam", type=Path, required=True, help="folder of films of held-out people, to judge by")
    parser.add_argument("--dit", type=Path, help="weights that are given this part (default: the embedded ones)")
    parser.add_argument("--out", type=Path, default=Path("neo2_dit.safetensors"))


def run(arguments: argparse.Namespace) -> None:
    """Fit, save in the file of the DiT, say how well voices are read that nothing was learned from."""
    path = arguments.dit or embedded("neo2_dit.safetensors")
    begun, dit = load_made(path), without_prosody(path)
    films, judged = training_films(arguments.films), held_out_films(arguments.exam)
    fit(dit.prosody, *lessons(films))
    made = {"recipe": "python -m neo_core train neo2-prosody --films FILMS --exam EXAM"}
    save(arguments.out, dit.state_dict(), asdict(dit.config), made=after(begun, made), dtype=torch.float16)
    saved = load_dit(arguments.out).prosody
    for name, some in (("films", films), ("held-out films", judged)):
        log.info("%d %s: energy of the voice read at a correlation of %.3f", len(some), name, read(saved, some))


def without_prosody(path: Path) -> DiT:
    """A DiT from its file, also from one that was saved before there was anything to read energy with."""
    tensors, _ = load(path)
    dit = DiT(DiTConfig(**load_config_for(path, DiTConfig)))
    fresh = {name: value for name, value in dit.state_dict().items() if name.startswith("prosody.")}
    fill(dit, tensors | fresh, path)
    return dit.eval()


def lessons(films: Sequence[Film]) -> tuple[Tensor, Tensor]:
    """What is heard during each latent of films, and how much the voice does: [N, L, F], [N]"""
    heard = [reduce(film.heard().float(), "l (t n) f -> t l f", "mean", n=HEARD) for film in films]
    return torch.cat(heard), torch.cat([_energy(film) for film in films])


def fit(prosody: Prosody, heard: Tensor, energy: Tensor) -> None:
    """The ridge regression of energy [N] in deviations on hidden states [N, L, F], in place."""
    x, y = heard.flatten(1).double(), energy.double()
    x_mean, x_spread = x.mean(0), x.std(0).clamp(min=SMALL)
    x, y = (x - x_mean) / x_spread, (y - y.mean()) / y.std()
    ridge = RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    weight = torch.linalg.solve(x.T @ x + ridge, x.T @ y) / x_spread
    prosody.weight.copy_(weight.view_as(prosody.weight))
    prosody.bias.copy_(-(x_mean @ weight))


@torch.no_grad()
def read(prosody: Prosody, films: Sequence[Film]) -> float:
    """Correlation of what is read with the truth, over all latents of films."""
    found = torch.cat([prosody(film.heard()) for film in films])
    return correlation(found, torch.cat([_energy(film) for film in films]))


def _energy(film: Film) -> Tensor:
    """Of the voice during each latent: [T]"""
    return reduce(film.prosody(), "(t n) -> t", "mean", n=FRAMES)
