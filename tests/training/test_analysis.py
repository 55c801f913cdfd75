import argparse

import pytest
import torch

from neo_core.pictar.analysis import analyse, load_analyser
from neo_core.pictar.landmark_net import LandmarkNet, Reading
from neo_core.training import analysis
from neo_core.training.face_batches import LandmarkMix, ScanTargets
from neo_core.training.face_frames import FrameStore


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(analysis, "MIX", LandmarkMix(4, 1, 2, 1, 1))
    monkeypatch.setattr(analysis, "BATCH", {"eye": 4, "mouth": 4, "scan": 2, "mask": 2})


def options(*words):
    parser = argparse.ArgumentParser()
    analysis.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


@pytest.mark.usefixtures("small_batches")
def test_the_recipe_writes_a_whole_analyser_and_continues_it(frames_folder, tmp_path):
    out = tmp_path / "analysis.safetensors"
    analysis.run(options("--frames", frames_folder, "--out", out, "--minutes", 0.01))
    first = load_analyser(out)
    assert out.stat().st_size < 8e6
    assert isinstance(analyse(first, torch.zeros(64, 64, 3, dtype=torch.uint8)), list)
    analysis.run(options("--frames", frames_folder, "--out", out, "--minutes", 0.001, "--parts", "scan", "--resume"))
    second = load_analyser(out)
    assert torch.equal(first.landmarks.face.weight, second.landmarks.face.weight)
    assert not torch.equal(first.scan.layers[-1].weight, second.scan.layers[-1].weight)


def test_details_are_one_eye_and_the_lips(head):
    config = analysis.analysis_config(head)
    assert set(range(42, 48)) <= set(config.eye.indices)
    assert set(range(48, 68)) <= set(config.mouth.indices)
    assert not set(head.landmark_mirror[list(config.eye.indices)].tolist()) & set(config.eye.indices)
    mirrored_lips = set(head.landmark_mirror[list(config.mouth.indices)].tolist())
    assert mirrored_lips == set(config.mouth.indices)


def reading(count, points=5):
    zeros = torch.zeros
    return Reading(
        zeros(count, points, 2), zeros(count, points), zeros(count), zeros(count, 3), zeros(count, 53), zeros(count, 4)
    )


def test_negatives_count_only_as_negatives():
    truth = reading(3)._replace(face=torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]))
    said = reading(5)
    weight = torch.ones(5)
    moved = said._replace(landmarks=said.landmarks.index_fill(0, torch.tensor([3, 4]), 9.0))
    calm, wild = (analysis.landmark_loss(r, truth, weight) for r in (said, moved))
    assert torch.equal(calm, wild)


def test_the_loss_falls_with_the_error_and_knows_doubt():
    truth, weight = torch.zeros(2, 4, 2), torch.ones(4)
    near, far = (analysis.point_loss(truth + d, torch.zeros(2, 4), truth, weight) for d in (0.1, 0.5))
    assert near < far
    sure, unsure = (analysis.point_loss(truth + 0.5, torch.full((2, 4), s), truth, weight) for s in (-3.0, -0.5))
    assert unsure < sure


def test_a_right_scan_costs_least():
    heat = torch.zeros(1, 6, 6)
    heat[0, 2, 3] = 1
    targets = ScanTargets(heat, torch.zeros(1, 3, 6, 6), torch.zeros(1, 6, 6, dtype=torch.bool))
    said = torch.full((1, 4, 6, 6), -8.0)
    said[:, 1:] = 0
    right, shifted = said.clone(), said.clone()
    right[0, 0, 2, 3], shifted[0, 0, 4, 1] = 8, 8
    assert analysis.scan_loss(right, targets) < analysis.scan_loss(shifted, targets)


def test_validation_measures_in_eye_distances(frames_folder, head):
    store = FrameStore([frames_folder])
    net = LandmarkNet(analysis.analysis_config(head).landmarks).eval()
    assert analysis.landmark_error(net, store) > 0.2  # an untrained network is far off
