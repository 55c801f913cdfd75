"""Eyes: the ball is white around its iris however small the eye, and stays behind folded skin."""

from dataclasses import replace

import torch

from neo_core.geometry.head_model import PARTS
from neo_core.pictar.geometric import deform
from neo_core.pictar.geometric.contact import points
from neo_core.pictar.geometric.eye import draw_eye, white_of_eye


def test_a_small_eye_keeps_its_white():
    view = torch.full((3, 12, 30), 0.15)  # iris and lashes
    view[:, 4:8, 4:26] = 0.8  # the white, half of it behind ...
    view[:, 4:8, 8:22] = 0.15  # ... the iris
    likely = torch.zeros(12, 30)
    likely[3:8, 4:26] = 1.0
    white = white_of_eye(view, torch.zeros(12, 30), likely * (view[0] > 0.5))
    assert (white - 0.8).abs().max() < 0.05
    some_lashes = white_of_eye(view, torch.zeros(12, 30), likely * (torch.arange(30) % 21 < 8))
    assert some_lashes.mean() > 0.5


def test_the_ball_shows_between_the_lids_only(volume):
    """Skin folded away below the lid must not uncover the ball: here the ball is laid over the cheek."""
    now = deform(volume, volume.reference)
    model = volume.bust.model
    for eye, part in zip(volume.eyes, ("eye_left", "eye_right"), strict=True):
        lids = volume.bust.contact.lids[eye.side]
        lower = points(model, now.screen, lids.lower)[:, 1].max()
        width = points(model, now.screen, lids.lower)[:, 0]
        width = width.max() - width.min()
        screen = now.screen.clone()
        screen[model.vertex_part == PARTS.index(part)] += torch.tensor([0.0, float(0.5 * width), -5.0])
        moved = replace(now, screen=screen)
        drawn = draw_eye(eye, volume.bust, volume.source, moved, volume.picture, volume.window)
        rows = torch.nonzero(drawn.layers.inner > 0.05)[:, 0] + drawn.window.top
        assert len(rows)
        assert rows.max() < lower + 0.15 * width + 1
