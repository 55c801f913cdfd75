import argparse

import pytest
import torch

from neo_core.pictar.analysis import analyse, load_analyser
from neo_core.pictar.landmark_net import LandmarkNet
from neo_core.training import analysis
from neo_core.training.face_batches import LandmarkMix
from neo_core.training.face_frames import FrameStore


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(analysis, "MIX", LandmarkMix(4, 1, 2, 1, 1))
    for name in ("DETAILS", "SCENES", "VIEWS"):
        monkeypatch.setattr(analysis, name, 2)


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


def test_validation_measures_in_eye_distances(frames_folder, head):
    store = FrameStore([frames_folder], head.landmark_groups)
    net = LandmarkNet(analysis.analysis_config(head).landmarks).eval()
    assert analysis.landmark_error(net, store) > 0.2  # an untrained network is far off
