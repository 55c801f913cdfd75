"""People of all ages, from three years on, and their frames: what the age network learns from.

    python -m neo_core factory generations --assets DIR --out DIR --minutes 6

Heads and shoulders, dressed, as all people of the factory. Half of them are grown up; every other grown-up has the
smooth, bare skin of the young and something of a child's face, so that no beard, no wrinkle, no make-up and large eyes
are not what tells a child.
"""

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...geometry.head_model import HeadModel, load_head_model
from ...weights import safetensors_io
from ..growing import age_weights, fitted, growing_head
from ..makehuman import ETHNICITIES
from . import plain_heads
from .frames import labels
from .garments import Solid
from .people import HELD_OUT_FROM, Person, make_person, random_motion, sample_identity
from .render import Frame, render_frame
from .scene import View, sample_view
from .traits import Traits, hair_color, hair_style, sample_traits

PEOPLE, VIEWS, PLAIN = 24, 4, 512  # per shard: people, frames of each, and mannequins
KEPT = ("image", "landmarks", "person", "age", "plain")
GROWN_UP = 18.0  # years
STREAM = 83  # of random numbers, apart from those of the other factories
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `factory generations`."""
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman_cc0.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--minutes", type=float, default=6, help="stop after this time")
    parser.add_argument("--size", type=int, default=128, help="side of a frame in pixels")
    parser.add_argument("--seed", type=int, default=0, help="runs with different seeds show different people")


def run(arguments: argparse.Namespace) -> None:
    """Write shards until the time is up; existing shards are kept."""
    torch.set_num_threads(1)
    end = time.process_time() + 60 * arguments.minutes
    head = growing_head(load_head_model(), arguments.assets)
    shard = len(list(arguments.out.glob("shard_*.safetensors")))
    while time.process_time() < end:
        first = (arguments.seed * 100_000 + shard * (PEOPLE + PLAIN)) % HELD_OUT_FROM
        rows = [row for seed in range(first, first + PEOPLE) for row in views(head, seed, VIEWS, arguments.size)]
        plain = range(first + PEOPLE, first + PEOPLE + PLAIN)
        rows += [plain_view(head, seed, arguments.size) for seed in plain]
        tensors = {name: torch.stack([row[name] for row in rows]) for name in KEPT}
        safetensors_io.save(arguments.out / f"shard_{shard:05d}.safetensors", tensors, {"size": arguments.size})
        shard += 1
        log.info("%d frames", shard * len(rows))


def views(head: HeadModel, seed: int, count: int, size: int) -> list[dict[str, Tensor]]:
    """A person of any age, photographed a few times; `age` in years is among the labels."""
    person = sample_of_any_age(seed, head, size)
    rows = []
    for view in range(count):
        motion, frame = _photograph(person, np.random.default_rng([seed, view, STREAM]), size, supersample=1)
        rows.append({**labels(person, motion, frame), **_who(seed, person.traits.age, plain=False)})
    return rows


def one_view(person: Person, seed: int, size: int) -> Tensor:
    """A person in any light, pose and expression. u8 [size, size, 3]"""
    _, frame = _photograph(person, np.random.default_rng([person.seed, seed, STREAM]), size, supersample=2)
    return (frame.image * 255).round().byte()


def _photograph(person: Person, rng: np.random.Generator, size: int, supersample: int) -> tuple[Tensor, Frame]:
    motion = random_motion(rng)
    return motion, render_frame(person, motion, closer(sample_view(rng), person), size, supersample)


def plain_view(head: HeadModel, seed: int, size: int) -> dict[str, Tensor]:
    """A painted mannequin of any age: nothing but its shape tells how old it is."""
    dice = np.random.default_rng([seed, STREAM])
    one = plain_heads.sample(head, dice, size)
    soft = bool(dice.uniform() < 0.5)
    years = random_age(dice, float(dice.uniform(GROWN_UP, 75)), soft)
    modes = _age_modes(dice, years, float(dice.uniform()), soft)
    one = replace(one, identity=_identity(one.identity.clamp(-2, 2), modes, years))
    return {**plain_heads.photograph(head, one, dice, size), **_who(seed, years, plain=True)}


def _who(seed: int, years: float, plain: bool) -> dict[str, Tensor]:
    return {"person": torch.tensor(seed), "age": torch.tensor(years), "plain": torch.tensor(plain)}


def sample_of_any_age(seed: int, head: HeadModel, size: int, years: float | None = None) -> Person:
    """The person of this seed on a growing head: of the given age, or of one that chance gives."""
    rng = np.random.default_rng([seed, STREAM])
    traits, own = sample_traits(rng), sample_identity(rng)
    soft = bool(rng.uniform() < 0.5)
    drawn = random_age(rng, traits.age, soft)
    years = drawn if years is None else years
    if years < GROWN_UP or soft:
        traits = bare(rng, traits, years)
    modes = _age_modes(rng, years, traits.gender, soft)
    person = make_person(seed, head, replace(traits, age=years), _identity(own, modes, years), size)
    clothes = (_fitted(solid, modes) if solid.material == "cloth" else solid for solid in person.solids)
    return replace(person, solids=tuple(clothes))


def _identity(own: Tensor, modes: Tensor, years: float) -> Tensor:
    """What is one's own [60] and what is one's age's [M]: children differ less than grown-ups. [60 + M]"""
    grown = min((years - 3) / (GROWN_UP - 3), 1.0)
    return torch.cat([(0.4 + 0.6 * grown) * own, modes])


def _fitted(solid: Solid, modes: Tensor) -> Solid:
    return replace(solid, points=fitted(solid.points, modes))


def closer(view: View, person: Person) -> View:
    """The same view, as near to a small head as to a large one."""
    head = person.surface.head
    chin = head.triangles[head.landmark_triangle[8], 0]
    height = [float(vertices[:, 1].amax() - vertices[chin, 1]) for vertices in (person.rest, head.template)]
    return replace(view, head_share=view.head_share * height[1] / height[0])


def random_age(rng: np.random.Generator, grown_up: float, soft: bool) -> float:
    """Half children and adolescents, half grown-ups, the soft ones of them young."""
    kind = rng.uniform()
    if kind < 0.36:
        return float(rng.uniform(3, 13))
    if kind < 0.5:
        return float(rng.uniform(13, GROWN_UP))
    return float(rng.uniform(GROWN_UP, 35)) if soft else grown_up


def _age_modes(rng: np.random.Generator, years: float, gender: float, soft: bool) -> Tensor:
    """Coefficients of the age modes, for somebody who may look a little older or younger than they are. [M]"""
    looks = years * float(np.exp(0.1 * rng.normal()))
    if years >= GROWN_UP:
        looks = float(rng.uniform(15, 25)) if soft else max(looks, GROWN_UP)
    return age_weights(looks, gender, rng.dirichlet([0.5] * len(ETHNICITIES)), float(rng.uniform(0.85, 1.15)))


def bare(rng: np.random.Generator, traits: Traits, years: float) -> Traits:
    """The same person with young skin: smooth, without beard, make-up or grey hair, brows a little thinner."""
    grown = min(years / GROWN_UP, 1.0)
    return replace(
        traits,
        wrinkles=float(rng.uniform(0, 0.05)),
        bags=float(abs(rng.normal()) * 0.12),
        oil=traits.oil * grown,
        moles=traits.moles * grown,
        **hair_color(rng, traits.melanin, 0.0),
        gray=0.0,
        hair=_young_hair(rng, traits.gender),
        hairline=float(rng.normal() * 0.35),
        brow_density=float(rng.choice([0.12, 0.4, 0.75, 1.0], p=[0.1, 0.3, 0.4, 0.2])),
        brow_thickness=float(rng.uniform(0.6, 1.1)),
        stubble=0.0,
        beard=0.0,
        lip_gloss=float(rng.uniform(0, 0.4)),
        liner=0.0,
        eye_shadow=(*traits.eye_shadow[:3], 0.0),
    )


def _young_hair(rng: np.random.Generator, gender: float) -> str:
    style = hair_style(rng, gender, 0.0)
    return style if style not in ("bald", "receding") else "short"
