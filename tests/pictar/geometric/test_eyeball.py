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


def test_the_white_that_an_iris_uncovers_lies_in_the_light_of_the_skin_beside_it():
    row, column = torch.arange(60)[:, None] + 0.5, torch.arange(100) + 0.5
    opening = (((row - 30) / 14) ** 2 + ((column - 50) / 30) ** 2 < 1).float()
    light = torch.where(column > 60, 0.35, 1.0).expand(60, 100)  # the right of the eye lies in shadow
    away = ((row - 30) ** 2 + (column - 62) ** 2).sqrt()
    eye = torch.where(away < 16, 0.1, 0.8) * opening + 0.7 * (1 - opening)
    ball = build_ball((eye * light).expand(3, 60, 100), opening, torch.tensor([62.0, 30.0]), torch.tensor(16.0), 60.0)
    assert float(ball.veil[:, 30, 74].max()) < 0.6  # where the iris was, and the dark skin is near
    assert float(ball.veil[:, 30, 28:38].min()) > 0.9  # the white that the photo shows is what it is
    even = (eye * torch.ones_like(light)).expand(3, 60, 100)
    ball = build_ball(even, opening, torch.tensor([62.0, 30.0]), torch.tensor(16.0), 60.0)
    assert float(ball.veil[:, 20:40, 24:76].min()) > 0.95  # no shadow in an even light
    assert float(ball.white[0, 30, 62]) == 0
    assert float(ball.white[0, 30, 30]) == 1
