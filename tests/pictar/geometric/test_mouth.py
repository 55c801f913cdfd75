"""Mouths close without a trace of what they showed, keep what they show while open, and take their flesh from the
lips."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neo_core.geometry.camera import project
from neo_core.geometry.head_model import landmarks, shape, turn_eyes
from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.geometric import deform, lift, render, translate
from neo_core.pictar.geometric.mouth import _one_lip, _without_strays, draw_mouth
from neo_core.pictar.geometric.patch import Layers, Window
from neo_core.pictar.geometric.sampling import pixel_centres, sample_linear
from neo_core.training.synthetic.face_measures import embedded_measures
from neo_core.training.synthetic.mouth import rest_mouth, shape_mouth
from neo_core.training.synthetic.speakers import Speaker
from neo_core.training.synthetic.visemes import GESTURES

OPEN = {"jawOpen": 0.35, "mouthUpperUp_L": 0.9, "mouthUpperUp_R": 0.9}
SKIN, LEAF = (200, 150, 130), (20, 190, 40)


def moved(volume, **change):
    motion = volume.reference.clone()
    for name, value in change.items():
        motion[INDEX[name]] = value
    return deform(volume, motion)


def mouth_now(volume, now):
    return draw_mouth(volume.mouth, volume.bust, volume.source, now, volume.picture, volume.window)


def lifted(model, fit, photo, grant_for):
    vertices = turn_eyes(model, shape(model, fit.identity, fit.expression), fit.identity, fit.gaze)
    at = landmarks(model, project(fit.camera, vertices)[:, :2] + fit.residual)[:68]
    return lift(whole(photo), fit, torch.ones(photo.shape[:2]), grant=grant_for(photo, at), model=model)


@pytest.fixture(scope="module")
def open_mouthed(model, fit, grant_once):
    """A plain face whose wide open mouth is green inside."""
    expression = fit.expression.clone()
    for name, value in OPEN.items():
        expression[INDEX[name]] = value
    fit = replace(fit, expression=expression)
    photo = torch.tensor(SKIN, dtype=torch.uint8).expand(160, 160, 3).clone()
    volume = lifted(model, fit, photo, grant_once)
    now = mouth_now(volume, moved(volume))
    green = now.inside[3] > 0.5
    photo[now.window.rows, now.window.columns][green] = torch.tensor(LEAF, dtype=torch.uint8)
    return lifted(model, fit, photo, grant_once)


def greenness(frame):
    return (frame[..., 1].int() - frame[..., 0].int()).clamp(min=0)


def test_closed_lips_show_nothing_of_the_open_mouth(open_mouthed):
    shown = greenness(translate(open_mouthed, moved(open_mouthed)))
    frame = translate(open_mouthed, moved(open_mouthed, **dict.fromkeys(OPEN, 0.0)))
    assert (shown > 60).sum() > 80
    assert (greenness(frame) > 20).sum() <= 0.02 * (shown > 60).sum()


def test_an_open_mouth_keeps_the_teeth_that_the_photo_shows(open_mouthed):
    now = mouth_now(open_mouthed, moved(open_mouthed, jawOpen=0.3))
    red, green, _ = now.inside[:3]
    teeth = now.maps[2] > 0.8
    assert teeth.sum() > 15
    assert (green > red + 0.2)[teeth].sum() > 0.5 * teeth.sum()  # painted ones would not be green


def test_teeth_are_the_same_after_the_lips_were_shut(volume):
    """A frame is made of its own motion alone, whatever was drawn before it."""
    said = [volume.reference.clone() for _ in range(4)]
    for vector, jaw in zip(said, (0.5, 0.0, 0.2, 0.5), strict=True):
        vector[INDEX["jawOpen"]] = jaw
    first, shut, _, again = render(volume, said)
    assert torch.equal(first, again)
    assert not torch.equal(first, shut)


def test_the_refiner_leaves_what_is_painted_in_the_mouth(volume):
    now = mouth_now(volume, moved(volume, jawOpen=0.6))
    new, inner = now.maps[:2]
    assert inner.max() > 0.95
    assert new[inner > 0.95].max() < 0.06
    assert new.max() > 0.3  # the lips around it


def test_teeth_show_between_parted_lips_and_darkness_deep_inside(volume):
    now = mouth_now(volume, moved(volume, jawOpen=0.5, mouthUpperUp_L=0.7, mouthUpperUp_R=0.7))
    inside, teeth = now.inside[3] > 0.95, now.maps[2] > 0.8
    level = now.inside[:3].mean(0)
    assert teeth.sum() > 10
    assert level[teeth].median() > 3 * level[inside].quantile(0.1)


def test_grey_lips_hold_a_grey_tongue(model, fit, grant_for):
    colours = {}
    for name, skin in (("stone", (180, 180, 180)), ("flesh", (210, 130, 120))):
        photo = torch.tensor(skin, dtype=torch.uint8).expand(160, 160, 3).clone()
        colours[name] = lifted(model, fit, photo, grant_for).mouth.palette.flesh
    assert colours["stone"][1] > 1.5
    assert 0.7 < colours["flesh"][1] < 1.2


SMILE = {"jawOpen": 0.12, **{f"{name}_{side}": value for side in "LR" for name, value in
         (("mouthSmile", 0.7), ("mouthUpperUp", 0.3), ("mouthLowerDown", 0.25))}}  # fmt: skip


@pytest.fixture(params=[{"jawOpen": 0.08}, SMILE], ids=["parted", "smiling"], scope="module")
def portrait(request, model, fit, grant_once):
    """A plain face whose photo has parted lips, or smiles with its teeth."""
    expression = fit.expression.clone()
    for name, value in request.param.items():
        expression[INDEX[name]] = value
    photo = torch.tensor(SKIN, dtype=torch.uint8).expand(160, 160, 3).clone()
    return lifted(model, replace(fit, expression=expression), photo, grant_once)


@pytest.mark.parametrize("phone", ["P", "B", "M"])
def test_closing_gestures_leave_nothing_of_the_inside_visible(portrait, phone):
    speaker = Speaker(portrait.bust.identity, torch.zeros(16))
    rest = rest_mouth(speaker, portrait.reference.numpy())[None]
    aim = GESTURES[phone][0].target[None]
    motion = portrait.reference.clone()
    motion[:53] = torch.from_numpy(shape_mouth(aim, speaker, rest, np.zeros(1), embedded_measures())[0])
    now = deform(portrait, motion)
    assert now.opening < 0.02
    assert mouth_now(portrait, now).inside[3].max() < 0.02


def test_lips_that_touch_meet_in_a_soft_dark_line(portrait):
    closed = dict.fromkeys(SMILE, 0.0) | {"mouthClose": 0.1}
    now = mouth_now(portrait, moved(portrait, **closed))
    middle = now.shade.mean(0)[:, now.window.width // 2 - 3 : now.window.width // 2 + 3]
    assert middle.amin() < 0.85
    assert (middle.diff(dim=0).abs() < 0.3).all()
    assert middle[0].min() > 0.99


def test_a_stray_pixel_of_the_flow_takes_its_neighbours_and_edges_stay():
    flow = torch.zeros(2, 12, 12)
    flow[:, 6:] = 9.0  # the other lip
    expected = flow.clone()
    flow[:, 3, 4] = -7.0
    assert torch.equal(_without_strays(flow, torch.ones(12, 12)), expected)


def test_the_seam_of_a_dark_and_a_bright_lip_has_no_stray_pixels():
    height, width, reach = 20, 24, 4.0
    row, column = torch.arange(height)[:, None].float(), torch.arange(width).float()
    share = (row - 7 - 0.23 * column).clamp(0, 1)  # of the lower lip, along a slanted seam
    below, above = torch.tensor([0.0, reach])[:, None, None], torch.tensor([0.0, -reach])[:, None, None]
    mean = share * below + (1 - share) * above
    values = torch.cat([mean, torch.ones(2, height, width), share[None], share * below])
    photo = torch.full((3, height, width), 0.9)
    photo[:, (row - 7.5 - 0.23 * column) < 0] = 0.3
    whole_skin = Layers(torch.ones(height, width), torch.zeros(height, width), values, values)
    window = Window(0, 0, height, width)
    layers, factor = _one_lip(whole_skin, window, photo, torch.ones(width), 0.8)
    at = pixel_centres(height, width) + layers.skin_values[:2].permute(1, 2, 0)
    shown = sample_linear(photo, at) * factor
    assert ((share > 0.02) & (share < 0.98)).sum() > 15
    assert shown.min() > 0.28
    assert shown.max() < 0.92
    assert shown.diff(dim=1).min() > -0.02  # from dark to bright, never back
