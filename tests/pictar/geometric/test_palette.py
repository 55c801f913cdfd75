"""Paint in the mouth has the material, the white and the sharpness of its photo."""

import pytest
import torch

from neo_core.geometry.camera import project
from neo_core.geometry.head_model import landmarks, shape, turn_eyes
from neo_core.motion_space import INDEX
from neo_core.pictar.crop import whole
from neo_core.pictar.geometric import deform, lift
from neo_core.pictar.geometric.bust import mesh_normals
from neo_core.pictar.geometric.mouth import draw_mouth
from neo_core.pictar.geometric.palette import USUAL_SHADE, look_for_palette
from neo_core.pictar.geometric.sampling import blur

STONE, FLESH = (180, 180, 180), (210, 130, 120)
EYE_WHITE = (150, 120, 60)


@pytest.fixture
def lifted(model, fit, grant_for):
    vertices = turn_eyes(model, shape(model, fit.identity, fit.expression), fit.identity, fit.gaze)
    at = landmarks(model, project(fit.camera, vertices)[:, :2] + fit.residual)[:68]
    return lambda photo: lift(whole(photo), fit, torch.ones(photo.shape[:2]), grant=grant_for(photo, at), model=model)


def plain(colour):
    return torch.tensor(colour, dtype=torch.uint8).expand(160, 160, 3).clone()


def open_mouth(volume):
    motion = volume.reference.clone()
    for name in ("mouthUpperUp_L", "mouthUpperUp_R"):
        motion[INDEX[name]] = 0.7
    motion[INDEX["jawOpen"]] = 0.5
    now = draw_mouth(volume.mouth, volume.bust, volume.source, deform(volume, motion), volume.picture, volume.window)
    return now.inside[:3, now.inside[3] > 0.9], now.maps[2][now.inside[3] > 0.9] > 0.8


def palette_of(volume, picture):
    start = deform(volume, volume.reference)
    return look_for_palette(volume.bust.model, start, picture, volume.mouth.white, volume.window)


def test_a_shade_is_as_brown_as_the_picture_has_it(lifted):
    photo = plain(FLESH)
    even = lifted(photo)
    assert torch.allclose(even.mouth.palette.shade, torch.tensor(USUAL_SHADE), atol=0.02)
    picture = even.picture.clone()
    picture[:, :, 80:] *= torch.tensor([0.7, 0.5, 0.4])[:, None, None]
    shade = palette_of(even, picture).shade
    fall = -torch.tensor([0.7, 0.5, 0.4]).log()
    assert torch.allclose(shade[1:] / shade[:1], fall[1:] / fall[:1], rtol=0.05)


def test_what_lies_beside_the_face_does_not_shade_the_teeth(lifted):
    even = lifted(plain(FLESH))
    start = deform(even, even.reference)
    normals = mesh_normals(start, even.bust.model)
    at = start.screen[(normals[:, 2] < 0.3) & (even.bust.model.vertex_part == 0), :2].long().clamp(0, 159)
    picture = even.picture.clone()
    picture[:, at[:, 1], at[:, 0]] = torch.tensor([0.02, 0.1, 0.3])[:, None]  # as of night behind the rim of the face
    assert torch.allclose(palette_of(even, picture).shade, even.mouth.palette.shade, atol=0.1)


def test_a_head_of_stone_has_a_mouth_of_stone(lifted):
    chroma = {}
    for name, colour in (("stone", STONE), ("flesh", FLESH)):
        inside, _ = open_mouth(lifted(plain(colour)))
        assert inside.shape[1] > 30
        chroma[name] = (inside.amax(0) - inside.amin(0)).max()
    assert chroma["stone"] < 0.02
    assert chroma["flesh"] > 0.08


def test_teeth_of_stone_are_no_brighter_than_the_stone(lifted):
    inside, teeth = open_mouth(lifted(plain(STONE)))
    assert inside[:, teeth].mean(0).max() < STONE[0] / 255


def test_teeth_take_brightness_and_hue_of_the_white_of_the_eyes(lifted):
    photo = plain(FLESH)
    volume = lifted(photo)
    eyes = volume.source[volume.bust.model.vertex_part > 4][:, :2].round().long()
    tinted = photo.clone()
    for y in (-2, -1, 0, 1, 2):
        tinted[eyes[:, 1] + y, eyes[:, 0]] = torch.tensor(EYE_WHITE, dtype=torch.uint8)
    bright, dim = (palette_of(volume, p.permute(2, 0, 1).float() / 255).enamel for p in (photo, tinted))
    assert dim.mean() < 0.95 * bright.mean()
    assert dim[2] / dim[0] < 0.96 * bright[2] / bright[0]  # half of the tint


def test_eyes_in_the_dark_do_not_darken_the_teeth_of_a_fair_face(lifted):
    enamel = {}
    for name, colour in (("fair", (255, 165, 150)), ("dark", (130, 75, 65))):
        photo = plain(colour)
        volume = lifted(photo)
        eyes = volume.source[volume.bust.model.vertex_part > 6][:, :2].round().long()
        for y in (-2, -1, 0, 1, 2):
            photo[eyes[:, 1] + y, eyes[:, 0]] = torch.tensor(
                (40, 40, 44), dtype=torch.uint8
            )  # in the shade of a fringe
        enamel[name] = palette_of(volume, photo.permute(2, 0, 1).float() / 255).enamel.mean()
    assert enamel["fair"] > 1.1 * enamel["dark"]


def test_paint_is_softer_in_a_softer_photo(volume):
    y, x = torch.meshgrid(torch.arange(160), torch.arange(160), indexing="ij")
    squares = (0.2 + 0.6 * ((x // 7 + y // 7) % 2)).expand(3, -1, -1)
    sharp, soft = palette_of(volume, squares), palette_of(volume, blur(squares, 1.2))
    assert sharp.soft < 0.1
    assert soft.soft > 0.4
