"""Recipe of the head model: `python -m neo_core train head-model --assets DIR`.

Both sources are sampled onto one mesh of our own (`remesh.py`), left and right exactly mirrored: ICT-FaceKit (MIT)
gives random identities and the 53 expressions, MakeHuman (CC0) further adult heads. Principal components of the samples
become the identity modes. Then the linear model is mended where it matters most: lips touch at rest, lids close at full
blink, teeth follow the lips and nothing else.
"""

import argparse
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.head_model import EMBEDDED, HeadModel, save_head_model
from . import head_landmarks, head_samples, head_source, head_topology

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeadRecipe:
    """Sizes of the recipe."""

    modes: int = 60
    ict_samples: int = 300
    makehuman_samples: int = 120
    rounds: int = 60  # relaxation of the new mesh
    pivot: tuple[float, float, float] = (0.0, -5.0, -1.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", type=Path, required=True, help="folder with ict_facekit.npz and makehuman_cc0.npz")
    parser.add_argument("--out", type=Path, default=EMBEDDED)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="accepted for uniformity; this recipe runs on the CPU")
    parser.add_argument("--minutes", type=float, default=5.0, help="accepted for uniformity; takes about two minutes")
    parser.add_argument("--resume", action="store_true", help="accepted for uniformity; the recipe always starts anew")


def run(arguments: argparse.Namespace) -> None:
    start = time.time()
    model = build(arguments.assets, HeadRecipe(), arguments.seed)
    made = {
        "recipe": "python -m neo_core train head-model --assets DIR",
        "seed": arguments.seed,
        "minutes": round((time.time() - start) / 60, 1),
        "data": ["ICT-FaceKit", "MakeHuman base mesh and targets"],
        "licences": ["MIT (c) 2020 USC Institute for Creative Technologies", "CC0"],
        "held_out": [],
    }
    save_head_model(arguments.out, model, made)
    log.info("head model with %d vertices written to %s", len(model.template), arguments.out)


def build(assets: Path, recipe: HeadRecipe, seed: int) -> HeadModel:
    """The whole recipe in order."""
    source = head_source.load_ict(assets)
    mesh = head_topology.build_mesh(source, recipe.rounds, seed)
    log.info("mesh: %d vertices, %d triangles", len(mesh.template), len(mesh.triangles))
    expression = head_samples.expressions(source, mesh)
    scans = head_samples.ict_samples(source, mesh, recipe.ict_samples, seed)
    adults = head_samples.makehuman_samples(assets, source, mesh, expression, recipe.makehuman_samples, seed)
    mean, modes = principal_components(np.concatenate([scans, adults]), mesh.mirror, recipe.modes)
    return head_landmarks.finish(source, mesh, mean, modes, expression, recipe.pivot)


def principal_components(samples: np.ndarray, mirror: np.ndarray, modes: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean [V, 3] and modes [modes, V, 3] per unit variance, of samples [n, V, 3] and their mirror images."""
    flipped = samples[:, mirror] * np.array([-1, 1, 1], samples.dtype)
    both = np.concatenate([samples, flipped])
    mean = both.mean(0)
    flat = (both - mean).reshape(len(both), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T / len(both))
    order = values.argsort()[::-1][:modes]
    directions = vectors[:, order].T @ flat
    directions *= np.sqrt(values[order])[:, None] / np.linalg.norm(directions, axis=1, keepdims=True)
    strongest = np.abs(directions).argmax(1)
    directions *= np.sign(directions[np.arange(modes), strongest])[:, None]  # eigenvectors have no sign of their own
    return mean, directions.reshape(modes, *mean.shape)
