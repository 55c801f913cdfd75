"""Teeth and tongue ride on skull and jaw, keep their look at every size and move smoothly."""

import pytest
import torch
from torch.nn.functional import avg_pool2d

from neo_core.motion_space import INDEX, rest
from neo_core.pictar.geometric import deform
from neo_core.pictar.geometric.inside import _placed, build_inside, draw_inside, tongue_way
from neo_core.pictar.geometric.patch import Window

LIGHT = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0, 0])
SHADE = torch.ones(3)
LYING = torch.zeros(3)  # tongue
WIDE = Window(0, 0, 60, 120)  # pixels at 12 pixels a head unit


@pytest.fixture(scope="module")
def inside(model):
    return build_inside(model)


def screen_of(model, unit, shift=0.0):
    """The template before a far camera, the teeth in the middle of `WIDE`."""
    x, y, z = model.template.unbind(1)
    far = 400.0
    return torch.stack([unit * (x + 5) + shift, unit * (-y - 1.2) + shift, far - z], 1)


def drawn(inside, model, unit=12.0, shift=0.0):
    ratio = unit / 12
    window = Window(0, 0, round(WIDE.height * ratio), round(WIDE.width * ratio))
    return draw_inside(inside, screen_of(model, unit, shift), unit, window, LIGHT, SHADE, LYING)


def test_upper_teeth_keep_to_the_skull_and_lower_ones_follow_the_jaw(volume, inside):
    motion = volume.reference.clone()
    motion[INDEX["jawOpen"]] += 0.5
    before, after = deform(volume, volume.reference), deform(volume, motion)
    travel = _placed(inside, after.screen, LYING) - _placed(inside, before.screen, LYING)
    down = travel[:, 1] / before.unit
    part = {name: getattr(inside, name) for name in ("upper", "lower", "tongue")}
    mean = {name: float(down[s.first : s.first + s.count].mean()) for name, s in part.items()}
    assert abs(mean["upper"]) < 0.02
    assert mean["lower"] > 0.8
    assert 0.5 * mean["lower"] < mean["tongue"] < mean["lower"]


def test_teeth_are_whole_and_seen_before_the_tongue(inside, model):
    picture = drawn(inside, model)
    assert picture.cover.max() > 0.99
    assert (picture.teeth <= picture.cover + 1e-5).all()
    front = picture.teeth[:, 50:70].amax(1)
    assert (front > 0.95).sum() > 18  # two crowns of a head unit each, no holes between them


def test_front_teeth_are_bright_and_side_teeth_lie_in_the_dark(inside, model):
    picture = drawn(inside, model)
    bright = (picture.colour.mean(0) * (picture.teeth > 0.9)).amax(0)  # over the columns
    assert bright[52:68].amax() > 0.75
    assert bright[22:28].amax() < 0.6 * bright[52:68].amax()  # molars


@pytest.mark.parametrize("unit", [6.0, 3.0])
def test_small_mouths_look_like_large_ones_from_afar(inside, model, unit):
    large, small = drawn(inside, model, 24.0), drawn(inside, model, unit)
    ratio = round(24 / unit)
    expected = avg_pool2d(torch.cat([large.colour, large.cover[None]])[None], ratio)[0]
    difference = (torch.cat([small.colour, small.cover[None]]) - expected).abs()
    assert difference.mean() < 0.01
    assert difference.max() < 0.25


def test_a_quarter_of_a_pixel_changes_no_pixel_much(inside, model):
    still, moved = drawn(inside, model, 6.0), drawn(inside, model, 6.0, 0.25)
    assert (still.colour - moved.colour).abs().max() < 0.3  # an edge without smoothing jumps by 0.9
    assert (still.colour.mean() - moved.colour.mean()).abs() < 0.005


def test_a_lamp_on_one_side_lights_that_side(inside, model):
    lamp = torch.tensor([1.0, 0.6, 0, 0, 0, 0, 0, 0, 0])
    picture = draw_inside(inside, screen_of(model, 12.0), 12.0, WIDE, lamp, SHADE, LYING)
    light = (picture.colour.mean(0) * (picture.teeth > 0.9)).sum(0)
    assert light[62:90].sum() > 1.15 * light[30:58].sum()


def test_shade_has_the_hue_it_is_given(inside, model):
    lamp, brown = torch.tensor([1.0, 0.6, 0, 0, 0, 0, 0, 0, 0]), torch.tensor([0.5, 1.0, 1.5])
    grey, warm = (draw_inside(inside, screen_of(model, 12.0), 12.0, WIDE, lamp, by, LYING) for by in (SHADE, brown))
    shaded = (grey.teeth > 0.9) & (torch.arange(120) < 58)
    redder = [float((row[0] / row[2])[shaded].mean()) for row in (grey.colour, warm.colour)]
    assert redder[1] > 1.1 * redder[0]


def test_the_row_of_teeth_darkens_from_the_middle_to_the_corners(inside, model):
    picture = drawn(inside, model)
    bright = (picture.colour.mean(0) * (picture.teeth > 0.9)).amax(0)
    middle, canines, premolars = (torch.maximum(bright[60 - b : 60 - a], bright[60 + a : 60 + b]).max() for a, b in
                                  ((0, 10), (21, 26), (30, 36)))  # fmt: skip
    assert canines < 0.85 * middle
    assert premolars < 0.8 * canines


def test_no_tooth_is_the_mirror_of_its_neighbour(inside, model):
    colour = drawn(inside, model).colour
    assert (colour - colour.flip(2)).abs().amax() > 0.05


def test_single_teeth_are_told_apart(inside, model):
    row = drawn(inside, model, 15.0).colour.mean(0).amax(0)[55:95]  # the four incisors, columns
    inner = row[1:-1]
    dips = (inner < row[:-2]) & (inner <= row[2:]) & (inner < 0.93 * row.max())
    assert dips.sum() >= 3


def motion_of(**change):
    motion = rest()
    for name, value in change.items():
        motion[INDEX[name]] = value
    return motion


def test_the_tongue_rises_behind_the_teeth_and_draws_back_behind_round_lips():
    dental, open_wide = tongue_way(motion_of(jawOpen=0.08)), tongue_way(motion_of(jawOpen=0.45))
    rounded = tongue_way(motion_of(jawOpen=0.08, mouthPucker=0.9))
    assert dental[1] > open_wide[1] + 0.5
    assert dental[2] > open_wide[2] > rounded[2] + 1.0


def test_a_tongue_that_draws_back_lies_in_the_dark(inside, model):
    screen = screen_of(model, 12.0)
    lying, drawn_back = (
        draw_inside(inside, screen, 12.0, WIDE, LIGHT, SHADE, torch.tensor([0.0, 0.0, z])) for z in (0.0, -2.0)
    )
    behind = (lying.teeth < 0.01) & (lying.cover > 0.9) & (drawn_back.cover > 0.9)
    assert behind.sum() > 50
    assert drawn_back.colour.mean(0)[behind].mean() < 0.6 * lying.colour.mean(0)[behind].mean()
