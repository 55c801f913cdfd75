"""Differences to the formulas and to the published numbers: small where nothing is wrong, seen where something is."""

from pathlib import Path

import pytest

from neo_core.evaluation import pictar_parity
from neo_core.evaluation.bench import CouldNotRun
from neo_core.evaluation.pictar_parity import beside_the_formulas, beside_the_published
from neo_core.pictar.volumetric.warping_module import WarpingModule

from ..pictar.volumetric.tiny_renderer import TINY

KEPT = Path(__file__).parents[1] / "pictar" / "volumetric" / "published_tiny.safetensors"
BARS = {"keypoints": 1e-5, "volume": 3e-5, "deformation": 3e-5, "warped features": 2e-4, "image": 2e-4}


def told(figures):
    """Stage: figure."""
    return {name.partition(",")[0]: figure for name, figure in figures.items()}


def test_every_stage_is_what_the_formulas_say():
    found = told(beside_the_formulas(TINY))
    assert found.keys() == BARS.keys() - {"keypoints"}
    assert all(0 < figure < BARS[name] for name, figure in found.items())


def test_every_stage_is_what_the_published_code_gave():
    found = told(beside_the_published(TINY, KEPT))
    assert found.keys() == BARS.keys()
    assert all(0 < figure < BARS[name] for name, figure in found.items())


def test_a_stage_that_differs_is_named(monkeypatch):
    know = WarpingModule.know
    monkeypatch.setattr(WarpingModule, "know", lambda self, volume, keypoints: know(self, volume, 0.99 * keypoints))
    for found in (told(beside_the_formulas(TINY)), told(beside_the_published(TINY, KEPT))):
        assert found["deformation"] > BARS["deformation"]
        assert found["volume"] < BARS["volume"]


def test_without_a_checkout_it_says_so(tmp_path):
    with pytest.raises(CouldNotRun, match="come with a checkout"):
        beside_the_published(TINY, tmp_path / "published_full.safetensors")
    assert pictar_parity.PUBLISHED.is_file()
