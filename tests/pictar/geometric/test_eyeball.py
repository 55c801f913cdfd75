"""The ball: white around its iris however small the eye, and its glint kept apart."""

import torch

from neo_core.pictar.geometric.eyeball import build_ball, white_of_eye


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


def test_the_ball_is_completed_and_its_glint_taken_off():
    row, column = torch.arange(60)[:, None] + 0.5, torch.arange(100) + 0.5
    away = ((row - 30) ** 2 + (column - 50) ** 2).sqrt()
    eye = torch.where(away < 16, 0.2, 0.8).expand(3, 60, 100).clone()
    eye[:, 24:28, 54:58] = 1.0  # the lamp
    opening = (((row - 30) / 14) ** 2 + ((column - 50) / 36) ** 2 < 1).float()
    view = eye * opening + 0.5 * (1 - opening)
    ball = build_ball(view, opening, torch.tensor([50.0, 30.0]), torch.tensor(16.0), 72.0)
    assert abs(float(ball.colour[:, 25:27, 55:57].mean()) - 0.2) < 0.08
    assert float(ball.glint[:, 25:27, 55:57].min()) > 0.5
    assert float(ball.glint[:, :, :30].max()) == 0
    assert float(ball.colour[:, 15:17, 49:51].mean()) < 0.35  # iris behind the lid, not skin
    assert float(ball.colour[:, 30, 85:87].mean()) > 0.7
