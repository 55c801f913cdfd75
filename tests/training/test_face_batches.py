import pytest
import torch

from neo_core.training import face_batches
from neo_core.training.analysis import analysis_config
from neo_core.training.face_frames import FrameStore


@pytest.fixture(scope="module")
def store(frames_folder, head):
    return FrameStore([frames_folder], head.landmark_groups)


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def test_landmark_batches_put_faces_first(store, head):
    mix = face_batches.LandmarkMix(6, 2, 2, 2, 1)
    crops, truth = face_batches.landmark_batch(store, head.landmark_mirror, 48, mix, dice())
    assert crops.shape == (13, 3, 48, 48)
    assert truth.face.tolist() == [1.0] * 6 + [0.0] * 7
    assert truth.landmarks.shape == (6, len(head.landmark_mirror), 2)
    assert truth.landmarks.mean(1).abs().max() < 0.5  # faces lie about in the middle
    assert crops.min() >= 0
    assert crops.max() <= 1


def test_detail_crops_hold_their_points(store, head):
    for config in (analysis_config(head).eye, analysis_config(head).mouth):
        crops, points = face_batches.detail_batch(store, head.landmark_mirror, config, 12, dice())
        assert crops.shape == (12, 3, config.size, config.size)
        assert (points.abs() < 1).float().mean() > 0.99


def test_scan_targets_lie_on_the_faces(store):
    scenes, targets = face_batches.scan_batch(store, 16, 96, dice())
    assert scenes.shape == (16, 3, 96, 96)
    centres = targets.heat > 0.9
    assert centres.any()
    assert targets.regression[:, 1:].permute(0, 2, 3, 1)[centres].abs().max() < 1  # offsets below one cell at centres


def test_mask_batches_show_person_and_surroundings(store):
    views, alpha = face_batches.mask_batch(store, 6, 48, dice())
    assert views.shape == (6, 3, 48, 48)
    assert alpha.shape == (6, 24, 24)
    assert 0.05 < alpha.mean() < 0.95


def test_same_dice_same_batch(store, head):
    mix = face_batches.LandmarkMix(2, 1, 1, 1, 1)
    first, again = (face_batches.landmark_batch(store, head.landmark_mirror, 32, mix, dice(5))[0] for _ in range(2))
    assert torch.equal(first, again)
