"""People of all ages: every age occurs, the young are bare-faced, and small heads are pictured as large as others."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neo_core.geometry.camera import project
from neo_core.geometry.head_model import HeadModel, landmarks, load_head_model
from neo_core.training.growing import AGES, MODES
from neo_core.training.synthetic.generations import GROWN_UP, bare, closer, random_age, sample_of_any_age
from neo_core.training.synthetic.scene import camera_of, sample_view
from neo_core.training.synthetic.traits import sample_traits


@pytest.fixture(scope="module")
def growing() -> HeadModel:
    """Babies and children are grown-ups in small: MakeHuman is not needed to test the rest."""
    head = load_head_model()
    small = torch.tensor([-0.35, -0.12, 0, 0])[:, None].expand(len(AGES), MODES // len(AGES)).reshape(-1, 1, 1)
    return replace(
        head,
        identity=torch.cat([head.identity, small * (head.template - head.pivot)]),
        eye_center_identity=torch.cat([head.eye_center_identity, small * (head.eye_center - head.pivot)]),
        lid_closure=torch.cat([head.lid_closure, torch.zeros(MODES, *head.lid_closure.shape[1:])]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_bare_skin_shows_no_age(seed):
    rng = np.random.default_rng(seed)
    before = sample_traits(rng)
    after = bare(rng, before, 6.0)
    assert (after.beard, after.stubble, after.gray, after.liner) == (0, 0, 0, 0)
    assert after.wrinkles < 0.06
    assert after.hair not in ("bald", "receding")
    assert after.melanin == before.melanin


def test_every_age_occurs():
    rng = np.random.default_rng(0)
    age = np.array([random_age(rng, 50.0, soft) for soft in (True, False) * 100])
    assert age.min() >= 3
    assert (age < 10).sum() > 30
    assert ((age >= 13) & (age < GROWN_UP)).sum() > 10
    assert ((age >= GROWN_UP) & (age < 35)).sum() > 30  # the soft ones are young


def test_small_heads_are_pictured_as_large(growing):
    view = sample_view(np.random.default_rng(0))
    heights = []
    for years in (4.0, 30.0):
        person = sample_of_any_age(7, growing, 64, years)
        points = project(camera_of(closer(view, person), 64), landmarks(growing, person.rest))
        heights.append(float(points[8, 1] - points[27, 1]))
    assert heights[0] == pytest.approx(heights[1], rel=0.25)
    assert float(person.rest[:, 1].amax()) > float(sample_of_any_age(7, growing, 64, 4.0).rest[:, 1].amax()) + 2
