"""Lift, deform, translate: from a photo with consent to frames."""

from dataclasses import replace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.governance.gate import ConsentRequired
from neo_core.pictar.crop import square_around, whole
from neo_core.pictar.volumetric import deform, lift, place, render, translate
from neo_core.pictar.volumetric.lift import read_picture
from neo_core.pictar.volumetric.translate import pack


def test_a_face_at_its_own_keypoints_is_the_source(volume, oracle, photo):
    picture = read_picture(photo, 64)
    with torch.no_grad():
        keypoints = volume.keypoints[None]
        expected = oracle(oracle.appearance(picture), keypoints, keypoints)["image"][0]
    frame = pack(translate(volume, deform(volume, volume.keypoints)))
    assert frame.shape == (128, 128, 3)
    assert frame.dtype == torch.uint8
    assert (frame.int() - (expected * 255).permute(1, 2, 0).int()).abs().max() <= 1


def test_pixels_are_cut_off():
    """As the published code writes them: 0.999 of 255 is 254."""
    assert pack(torch.tensor([0.999, 0.5, 1.0]).view(3, 1, 1)).flatten().tolist() == [254, 127, 255]


def test_frames_follow_the_keypoints(volume):
    motion = volume.motion
    turned = [place(replace(motion, yaw=motion.yaw + turn))[0] for turn in (0.0, 20.0, 0.0)]
    frames = list(render(volume, turned))
    assert torch.equal(frames[0], frames[2])
    assert (frames[0].float() - frames[1].float()).abs().mean() > 1


def test_pictures_are_averaged_to_whole_steps():
    image = torch.tensor([[10, 11], [11, 11]], dtype=torch.uint8)[..., None].expand(2, 2, 3)
    assert torch.equal(read_picture(image, 1), torch.full((1, 3, 1, 1), 11 / 255))  # 10.75 is 11
    assert torch.equal(read_picture(image, 2)[0, 0], image[..., 0] / 255)


@pytest.mark.parametrize("size", [(100, 128), (96, 96), (32, 32)])
def test_frames_that_the_renderer_cannot_read(size):
    with pytest.raises(InputError, match="expected a square of 64 or a multiple of it"):
        read_picture(torch.zeros(*size, 3, dtype=torch.uint8), 64)


def test_a_square_of_a_larger_photo(renderer, landmarks68, grant_for):
    photo = torch.randint(0, 256, (300, 400, 3), dtype=torch.uint8)
    framing = square_around(photo, torch.tensor([150.0, 100.0, 230.0, 190.0]), 128)
    grant = grant_for(photo, framing.to_photo(landmarks68))
    assert lift(renderer, framing, landmarks68, grant=grant).source.volume.shape == (1, 4, 4, 16, 16)


def test_no_photo_without_its_grant(renderer, photo, landmarks68, grant_for):
    grant = grant_for(photo, landmarks68)
    with pytest.raises(ConsentRequired, match="another picture"):
        lift(renderer, whole(255 - photo), landmarks68, grant=grant)
    with pytest.raises(ConsentRequired, match="another face"):
        lift(renderer, whole(photo), landmarks68.flip(1) * torch.tensor([0.5, 1.0]), grant=grant)
    with pytest.raises(ConsentRequired, match="was not made by the consent gate"):
        lift(renderer, whole(photo), landmarks68, grant=replace(grant, scope=("talking-head", "more")))


def test_frames_stop_when_the_grant_ends(volume, monkeypatch):
    asked = []
    monkeypatch.setattr(type(volume.grant), "require", lambda _grant, scope: asked.append(scope))
    monkeypatch.setattr("neo_core.governance.gate.CHECK_EVERY", 2)
    list(render(volume, [volume.keypoints] * 3))
    assert asked == ["talking-head"] * 2


def test_a_volume_tells_nothing_of_the_person(volume):
    assert repr(volume) == "Volume(4 x 4 x 16 x 16)"
