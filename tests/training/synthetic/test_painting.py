"""Painted pictures keep the motif, lose the pixels, and repeat with their seed."""

import torch

from neo_core.training.synthetic.painting import paint


def test_painting_keeps_the_motif():
    axis = torch.linspace(0, 1, 96)
    image = torch.stack([axis[None].expand(96, 96), axis[:, None].expand(96, 96), torch.full((96, 96), 0.4)], -1)
    painted = paint(image, 1)
    assert painted.shape == image.shape
    assert torch.equal(painted, paint(image, 1))
    error = (painted - image).abs().mean()
    assert 0.003 < float(error) < 0.12
    assert float(painted[:, -20:, 0].mean() - painted[:, :20, 0].mean()) > 0.5
