import torch

from neo_core.pictar.landmark_net import Reading
from neo_core.training import face_losses
from neo_core.training.face_batches import ScanTargets


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
    calm, wild = (face_losses.landmark_loss(r, truth, weight) for r in (said, moved))
    assert torch.equal(calm, wild)


def test_the_loss_falls_with_the_error_and_knows_doubt():
    truth, weight = torch.zeros(2, 4, 2), torch.ones(4)
    near, far = (face_losses.point_loss(truth + d, torch.zeros(2, 4), truth, weight) for d in (0.1, 0.5))
    assert near < far
    sure, unsure = (face_losses.point_loss(truth + 0.5, torch.full((2, 4), s), truth, weight) for s in (-3.0, -0.5))
    assert unsure < sure


def test_a_right_scan_costs_least():
    heat = torch.zeros(1, 6, 6)
    heat[0, 2, 3] = 1
    targets = ScanTargets(heat, torch.zeros(1, 3, 6, 6), torch.zeros(1, 6, 6, dtype=torch.bool))
    said = torch.full((1, 4, 6, 6), -8.0)
    said[:, 1:] = 0
    right, shifted = said.clone(), said.clone()
    right[0, 0, 2, 3], shifted[0, 0, 4, 1] = 8, 8
    assert face_losses.scan_loss(right, targets) < face_losses.scan_loss(shifted, targets)


def test_a_right_mask_costs_least():
    alpha = torch.zeros(2, 8, 8)
    alpha[:, :, 4:] = 1
    right, empty, inverted = (face_losses.mask_loss(s * (2 * alpha - 1), alpha) for s in (9.0, 0.0, -9.0))
    assert right < empty < inverted
