"""Eyes: lids that close leave nothing of the ball, start without a jump, and the ball stays behind folded skin."""

import itertools
from dataclasses import replace

import torch

from neo_core.geometry.head_model import PARTS
from neo_core.motion_space import GAZE, INDEX
from neo_core.pictar.geometric import deform, translate
from neo_core.pictar.geometric.contact import points
from neo_core.pictar.geometric.eye import RIDE, draw_eye, riding
from neo_core.pictar.geometric.sampling import dilate

BLINK = [INDEX["eyeBlink_L"], INDEX["eyeBlink_R"]]


def shut(volume, amount, yaw=0.0):
    motion = volume.reference.clone()
    motion[BLINK] = amount + (1 - amount) * motion[BLINK]
    motion[INDEX["yaw"]] = yaw
    return deform(volume, motion)


def drawn(volume, now):
    return [draw_eye(eye, volume.bust, volume.source, now, volume.picture, volume.window) for eye in volume.eyes]


def test_closed_lids_leave_no_ball_and_cover_the_opening(volume):
    for yaw in (-20.0, 0.0, 20.0):
        for eye in drawn(volume, shut(volume, 1.0, yaw)):
            assert eye.layers.inner.max() < 0.01
    for eye, half in zip(drawn(volume, shut(volume, 1.0)), drawn(volume, shut(volume, 0.5)), strict=True):
        assert half.layers.inner.max() > 0.5  # the same measure sees a slit
        model, lids = volume.bust.model, volume.bust.contact.lids
        side = lids[0 if eye.window.left > volume.window.left + volume.window.width / 2 else 1]
        corner = torch.tensor([eye.window.left, eye.window.top])
        inside = torch.stack([points(model, volume.source, n)[2:-2, :2] for n in (side.upper, side.lower)]).mean(0)
        column, row = (inside - corner).long().unbind(-1)
        assert eye.lid[3, row, column].min() > 0.95


def test_a_blink_starts_and_goes_on_without_a_jump(volume):
    amounts = torch.linspace(0, 1, 51)
    frames = [translate(volume, shut(volume, float(a))).float() for a in amounts]
    assert torch.equal(frames[0], volume.photo.float())
    moves = torch.stack([(b - a).abs().mean() for a, b in itertools.pairwise(frames)])
    assert moves.max() < 0.2 * moves.sum()
    assert moves[0] < 0.1 * moves.sum()


def test_a_look_up_or_down_deforms_no_eye(volume):
    """The opening keeps its outline, and round it nothing of the face changes; the iris goes."""
    for pitch in (-15.0, 15.0):
        motion = volume.reference.clone()
        motion[[INDEX["gaze_pitch_L"], INDEX["gaze_pitch_R"]]] += pitch
        now = deform(volume, motion)
        changed = (translate(volume, now).int() - volume.photo.int()).abs().amax(-1) > 8
        for rest, eye in zip(drawn(volume, deform(volume, volume.reference)), drawn(volume, now), strict=True):
            assert torch.allclose(eye.layers.skin, rest.layers.skin, atol=1e-3)
            opening = dilate((rest.layers.skin > 0).float(), 2).bool()
            part = changed[eye.window.rows, eye.window.columns]
            assert part[opening].any()
            assert not part[~opening].any()
            changed[eye.window.rows, eye.window.columns] = False
        assert not changed.any()


def test_a_glint_goes_half_as_far_as_the_iris(volume):
    motion = volume.reference.clone()
    motion[GAZE.start : GAZE.start + 2] += torch.tensor([12.0, 0.0])
    eye = volume.eyes[0]
    height, width = eye.ball.glint.shape[1:]
    middle = torch.nonzero(eye.known[0] > 0.9).float().mean(0)
    row, column = torch.arange(height)[:, None], torch.arange(width)
    spot = torch.exp(-((row - middle[0]) ** 2 + (column - middle[1]) ** 2) / 3)

    def place(marked, now):
        """Where what one eye gains by a mark is seen, pixels."""
        window = draw_eye(eye, volume.bust, volume.source, now, volume.picture, volume.window).window
        pictures = [
            draw_eye(one, volume.bust, volume.source, now, volume.picture, volume.window).ball.sum(0)
            for one in (eye, marked)
        ]
        gain = (pictures[1] - pictures[0]).abs()
        assert gain.max() > 0.3
        return float((gain.sum(0) * torch.arange(window.width)).sum() / gain.sum()) + window.left

    now = deform(volume, motion)
    glint = place(replace(eye, ball=replace(eye.ball, glint=eye.ball.glint + spot)), now)
    iris = place(replace(eye, ball=replace(eye.ball, colour=eye.ball.colour + spot)), now)
    still = float(middle[1]) + eye.window.left
    assert abs(iris - still) > 1
    assert 0.3 < (glint - still) / (iris - still) < 0.7


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
        screen[model.vertex_part == PARTS.index(part)] += torch.tensor([0.0, float(0.2 * width), -5.0])
        moved = replace(now, screen=screen)
        window = draw_eye(eye, volume.bust, volume.source, moved, volume.picture, volume.window)
        rows = torch.nonzero(window.layers.inner > 0.05)[:, 0] + window.window.top
        assert len(rows)
        assert rows.max() < lower + 0.15 * width + 1


def test_the_edge_of_an_eye_rides_with_its_lids_but_a_closing_lid_drags_no_iris_along():
    width, inwards = 50.0, torch.tensor([[0.0, 1.0]])
    ball, turned = torch.zeros(2, 1, 2), torch.zeros(2, 1, 2)
    turned[0] = 0.5 * RIDE[0] * width
    shifted = riding(ball, turned, inwards, width)
    assert shifted[0, 0, 0] == turned[0, 0, 0]
    assert shifted[0, 0, 1] == 0
    turned[1] = 10 * RIDE[1] * width
    assert riding(ball, turned, inwards, width)[1].max() <= RIDE[1] * width + 1e-4
