import numpy as np
import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError
from neo_core.geometry.camera import project
from neo_core.training.synthetic.body_pack import components, load_pack
from neo_core.training.synthetic.body_pose import relaxed
from neo_core.training.synthetic.human import sample_human
from neo_core.training.synthetic.human_pose import performed
from neo_core.training.synthetic.human_render import KNUCKLES, render
from neo_core.training.synthetic.shot import sample_shot

from .tiny_pack import write_pack

SIZE = 48


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return load_pack(write_pack(tmp_path_factory.mktemp("assets")))


@pytest.fixture(scope="module")
def human(pack):
    return sample_human(3, pack)


@pytest.fixture(scope="module")
def shot(human):
    return sample_shot(human, 5, "half body")


def acted(**channels):
    motion = motion_space.rest()
    for name, value in channels.items():
        motion[motion_space.INDEX[name]] = value
    return motion


def test_weights_of_skin_and_clothes_sum_to_one(human):
    assert torch.allclose(human.body.weight.sum(1), torch.ones(len(human.body.rest)), atol=1e-5)


def test_clothes_hide_the_skin_beneath(human, pack):
    skin = next(p for p in human.parts if p.kind == "skin")
    cloth = next(p for p in human.parts if p.kind == "cloth")
    hidden = pack.proxies[cloth.name].hidden
    assert len(hidden)
    assert not np.isin(human.triangles[skin.first : skin.last].numpy(), hidden).any()
    # The base mesh of the stand-in is numbered as the person is.
    assert np.isin(pack.triangles, hidden).any()


def test_a_seed_is_a_person(pack, human):
    again, other = sample_human(3, pack), sample_human(4, pack)
    assert torch.equal(again.body.rest, human.body.rest)
    assert again.appearance == human.appearance
    assert other.appearance != human.appearance


def test_parts_cover_every_triangle_once(human):
    ends = [0, *(p.last for p in human.parts)]
    assert ends[:-1] == [p.first for p in human.parts]
    assert ends[-1] == len(human.triangles)


def test_lip_opening_grows_with_the_jaw(human, shot):
    pose = relaxed(human.body)
    opening = [render(human, pose, acted(jawOpen=jaw), shot, SIZE).opening for jaw in (0.0, 0.3, 0.6)]
    assert opening[0] == 0
    assert 0 < opening[1] < opening[2] <= 1


def test_hands_are_where_their_joints_are_seen(human, shot):
    pose, motion = relaxed(human.body), acted(yaw=15.0, x=2.0)
    picture = render(human, pose, motion, shot, SIZE)
    skeleton = human.body.skeleton(performed(human.body, pose, motion, shot.facing()))
    for k, side in enumerate("LR"):
        joints = skeleton.head[[human.body.bone(f"{name}.{side}") for name in KNUCKLES]].mean(0)
        assert torch.allclose(picture.hands[k, :2], project(shot.camera(SIZE), joints)[:2], atol=1e-3)


def test_a_hand_outside_the_picture_is_not_visible(human):
    near, far = (sample_shot(human, 5, framing) for framing in ("head and shoulders", "full body"))
    pose, motion = relaxed(human.body), motion_space.rest()
    assert render(human, pose, motion, near, SIZE).hands[:, 2].tolist() == [0, 0]
    assert render(human, pose, motion, far, SIZE).hands[:, 2].tolist() == [1, 1]


def test_half_bodies_fill_the_picture_as_promised(human):
    for seed in range(5):
        picture = render(human, relaxed(human.body), motion_space.rest(), sample_shot(human, seed, "half body"), SIZE)
        _, top, _, bottom = picture.face_box / SIZE
        assert 0.25 < bottom - top < 0.42
        assert 0.02 < top < 0.11


def test_the_room_stands_still_and_frames_repeat(human, shot):
    pose = relaxed(human.body)
    first, second = (render(human, pose, motion, shot, SIZE).image for motion in (acted(), acted(yaw=20.0)))
    assert torch.equal(first, render(human, pose, acted(), shot, SIZE).image)
    assert not torch.equal(first, second)
    assert torch.allclose(first[:3], second[:3], atol=0.02)
    assert first.amin() >= 0
    assert first.amax() <= 1
    assert first.isfinite().all()


def test_a_turned_body_still_looks_into_the_lens(human, shot):
    rotations = performed(human.body, human.body.still(), motion_space.rest(), shot.facing())
    head = human.body.skeleton(rotations).rotation[human.body.bone("head")]
    assert torch.allclose(shot.camera(SIZE).rotation @ head, torch.eye(3), atol=1e-5)


def test_a_gaze_turns_the_eyes_alone(human):
    rotations = performed(human.body, human.body.still(), acted(gaze_yaw_L=20.0))
    turned = human.body.skeleton(rotations).rotation
    assert (turned[human.body.bone("eye.L")] @ torch.tensor([0.0, 0.0, 1.0]))[0] > 0.3
    others = [k for k, name in enumerate(human.body.bones) if name != "eye.L"]
    assert torch.allclose(turned[others], torch.eye(3).expand(len(others), 3, 3), atol=1e-6)


def test_connected_parts_count_from_the_largest():
    faces = np.array([[7, 8, 9, -1], [0, 1, 2, 3], [2, 3, 4, 5]])
    assert components(faces, 10).tolist() == [1, 0, 0]


def test_what_is_not_there_is_said(tmp_path, human):
    with pytest.raises(InputError, match=r"makehuman_cc0\.npz is missing"):
        load_pack(tmp_path)
    with pytest.raises(InputError, match="expected one of head and shoulders"):
        sample_shot(human, 0, "close up")
