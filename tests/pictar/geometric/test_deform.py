"""What a motion vector does to the head: contact where contact is meant, nothing where nothing is meant."""

from dataclasses import replace

import pytest
import torch

from neo_core.geometry.head_model import PARTS
from neo_core.motion_space import INDEX
from neo_core.pictar.geometric import deform
from neo_core.pictar.geometric.bust import build_bust, move
from neo_core.pictar.geometric.contact import points
from neo_core.pictar.geometric.deform import _past_the_rim, photo_flow


def changed(volume, **channels):
    motion = volume.reference.clone()
    for name, value in channels.items():
        motion[INDEX[name]] = value
    return motion


def gaps(volume, pairs, motion):
    screen = deform(volume, motion).screen
    model = volume.bust.model
    return (points(model, screen, pairs.lower) - points(model, screen, pairs.upper))[:, :2]


def test_reference_leaves_every_vertex_in_place(volume):
    assert torch.allclose(deform(volume, volume.reference).screen, volume.source, atol=1e-3)
    field = photo_flow(volume, deform(volume, volume.reference))
    assert field.skin.abs().max() < 1e-3
    assert field.beside.abs().max() < 1e-3
    assert (field.shine - 1).abs().max() < 1e-5


def test_lids_meet_at_a_full_blink(volume):
    motion = changed(volume, eyeBlink_L=1.0, eyeBlink_R=1.0)
    for pairs in volume.bust.contact.lids:
        assert gaps(volume, pairs, volume.reference).norm(dim=1).max() > 1.5
        assert gaps(volume, pairs, motion).norm(dim=1).max() < 0.25


@pytest.mark.parametrize("pitch", [-20.0, 20.0])
def test_eyes_look_up_and_down_without_their_lids(volume, pitch):
    """Lids and skin stay where they are, and shut whichever way the eyes look."""
    looking = {"gaze_pitch_L": pitch, "gaze_pitch_R": pitch}
    now, rest = (deform(volume, changed(volume, **by)).screen for by in (looking, {}))
    ball = volume.bust.model.vertex_part >= PARTS.index("eye_left")
    assert torch.equal(now[~ball], rest[~ball])
    assert (now - rest)[ball].abs().max() > 1
    for pairs in volume.bust.contact.lids:
        assert gaps(volume, pairs, changed(volume, **looking, eyeBlink_L=1.0, eyeBlink_R=1.0)).norm(dim=1).max() < 0.25


def test_lips_meet_when_the_motion_closes_them(volume):
    pairs = volume.bust.contact.lips
    assert gaps(volume, pairs, volume.reference)[:, 1].max() > 0.8
    closed = gaps(volume, pairs, changed(volume, jawOpen=0.0))
    assert closed[:, 1].abs().max() < 0.3


def test_parted_lips_of_the_photo_close_though_the_model_had_them_closed(model, fit, volume):
    lower = volume.bust.contact.lips.lower_weight.sum(1)
    residual = torch.stack([torch.zeros_like(lower), 3.0 * lower], 1)  # the photo's lower lip hangs 3 pixels lower
    bust = build_bust(model, replace(fit, expression=torch.zeros(53), residual=residual))
    pairs = bust.contact.lips

    def gap(motion):
        screen = move(bust, motion).screen
        return (points(model, screen, pairs.lower) - points(model, screen, pairs.upper))[:, 1]

    assert gap(bust.reference).max() > 1.5
    closed = bust.reference.clone()
    closed[INDEX["mouthClose"]] = 0.1
    assert gap(closed).max() < 0.4


def test_lips_never_pass_through_each_other(volume):
    motion = changed(volume, jawOpen=0.0, mouthClose=0.4, mouthPress_L=0.8, mouthPress_R=0.8)
    assert gaps(volume, volume.bust.contact.lips, motion)[:, 1].min() > -0.3


def test_the_rim_of_the_picture_never_moves(volume):
    field = photo_flow(volume, deform(volume, changed(volume, yaw=15.0, pitch=-8.0, x=1.0)))
    for flow in (field.skin, field.beside):
        assert flow.abs().max() > 3
        full = torch.zeros(2, *volume.photo.shape[:2])
        full[:, volume.window.rows, volume.window.columns] = flow
        sides = torch.cat([full[:, 0], full[:, -1], full[:, :, 0], full[:, :, -1]], 1)
        assert sides.abs().max() == 0


def test_what_is_carried_past_the_rim_never_comes_from_the_other_side():
    """The last column of a row and the first of the next lie side by side in memory only."""
    covered, values = torch.zeros(6, 8), torch.zeros(1, 6, 8)
    covered[2:4, 6:], values[0, 2:4, 6:] = 1, 5
    covered[3:5, :1], values[0, 3:5, :1] = 1, -7
    carried = _past_the_rim(values, covered)[0]
    assert carried[1:5, 5].eq(5).all()
    assert carried[2:, 1].eq(-7).all()
    assert carried[[1, 4], 7].eq(5).all()
    assert carried[[2, 5], 0].eq(-7).all()
    assert carried[:, 2:5].eq(0).all()
