"""The yardstick itself: a landmark warp moves landmarks where they belong, and PSNR is PSNR."""

import math
import os
import subprocess
import sys

import torch

from neo_core.training.renderer_truth import landmark_warp, psnr


def test_landmark_warp_without_motion_is_the_photo():
    photo = torch.randint(0, 256, (48, 48, 3), dtype=torch.uint8)
    points = torch.rand(20, 2) * 48
    assert torch.equal(landmark_warp(photo, points, points), photo)


def test_landmark_warp_carries_a_spot_to_its_landmark():
    photo = torch.zeros(64, 64, 3, dtype=torch.uint8)
    photo[28:33, 28:33] = 255
    source = torch.tensor([[30.5, 30.5], [10.0, 50.0], [50.0, 10.0]])
    target = source + torch.tensor([[6.0, -4.0], [0.0, 0.0], [0.0, 0.0]])
    moved = landmark_warp(photo, source, target)[..., 0].float()
    y, x = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    centre = torch.stack([(moved * x).sum(), (moved * y).sum()]) / moved.sum()
    assert (centre - target[0]).norm() < 1.0


def test_psnr_of_a_known_error():
    truth = torch.full((8, 8, 3), 0.5)
    frame = torch.full((8, 8, 3), round(0.5 * 255 + 25.5), dtype=torch.uint8)
    assert math.isclose(psnr(frame, truth, torch.ones(8, 8, dtype=torch.bool)), 20.0, abs_tol=0.2)


def test_no_ledger_of_a_made_up_person_is_left_behind(tmp_path):
    code = """
import torch
from neo_core.governance import TALKING_HEAD
from neo_core.training.renderer_truth import synthetic_grant
for level in (0, 9):
    synthetic_grant(torch.full((64, 64, 3), level, dtype=torch.uint8), 64 * torch.rand(68, 2)).require(TALKING_HEAD)
"""
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir())
