from fractions import Fraction

import torch

from neo_core.evaluation.contact_sheet import contact_sheet
from neo_core.media.video import VideoWriter


def test_moments_run_from_left_to_right_through_the_video(tmp_path):
    path = tmp_path / "ramp.mp4"
    with VideoWriter(path, (32, 32), Fraction(25), None) as writer:
        for k in range(40):
            writer.write(torch.full((32, 32, 3), 6 * k, dtype=torch.uint8))
    sheet = contact_sheet([path, path], moments=4, side=16)
    assert sheet.shape == (32, 64, 3)
    levels = sheet[:16].float().unflatten(1, (4, 16)).mean((0, 2, 3))  # [4]
    assert torch.equal(levels, levels.sort().values)
    assert torch.allclose(levels, torch.tensor([30.0, 90.0, 150.0, 210.0]), atol=8)
