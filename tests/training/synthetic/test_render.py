"""Frames: landmarks are projected vertices, mask and parts agree, the same call gives the same picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neo_core import motion_space
from neo_core.geometry.camera import project
from neo_core.geometry.head_model import load_head_model
from neo_core.training.synthetic.people import random_motion, sample_person
from neo_core.training.synthetic.posing import person_landmarks
from neo_core.training.synthetic.render import FRAME_PARTS, render_frame
from neo_core.training.synthetic.scene import BACKDROPS, camera_of, portrait_view, sample_view

SIZE = 80


@pytest.fixture(scope="module")
def person():
    return sample_person(12, load_head_model(), plain=True)


@pytest.fixture(scope="module")
def view():
    return portrait_view(np.random.default_rng(2))


def test_landmarks_are_projected_vertices(person, view):
    frame = render_frame(person, random_motion(np.random.default_rng(4)), view, SIZE)
    expected = project(frame.camera, person_landmarks(person, frame.vertices))[:, :2]
    assert torch.allclose(frame.landmarks, expected)
    inside = (frame.landmarks > 0) & (frame.landmarks < SIZE)
    assert inside.all()


def test_the_same_call_gives_the_same_picture(person, view):
    first, again = (render_frame(person, motion_space.rest(), view, SIZE) for _ in range(2))
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.mask, again.mask)


def test_mask_parts_and_depth_agree(person, view):
    frame = render_frame(person, motion_space.rest(), view, SIZE)
    covered = frame.parts > 0
    assert (frame.mask[covered] > 0.2).all()
    assert (frame.mask[~covered] < 0.9).all()
    assert torch.isfinite(frame.depth[covered & (frame.parts < len(FRAME_PARTS) - 1)]).all()
    assert 0.25 < float(frame.mask.mean()) < 0.9
    seen = {FRAME_PARTS[k] for k in frame.parts.unique().tolist()}
    assert {"background", "face", "head", "cloth", "eye_left", "eye_right"} <= seen


def test_the_eyes_are_where_the_landmarks_say(person, view):
    frame = render_frame(person, motion_space.rest(), view, SIZE)
    for x, y in frame.landmarks[-2:].tolist():
        part = FRAME_PARTS[int(frame.parts[int(y), int(x)])]
        assert part.startswith("eye")


def test_motion_moves_the_face_and_leaves_the_background(person, view):
    motion = motion_space.rest()
    motion[motion_space.INDEX["jawOpen"]] = 0.8
    still, open_ = (render_frame(person, m, view, SIZE) for m in (motion_space.rest(), motion))
    background = (still.mask == 0) & (open_.mask == 0)
    assert background.float().mean() > 0.2
    assert torch.allclose(still.image[background], open_.image[background])
    mouth = still.landmarks[48:68].mean(0).long()
    patch = (slice(mouth[1] - 3, mouth[1] + 8), slice(mouth[0] - 6, mouth[0] + 6))
    assert float((still.image[patch] - open_.image[patch]).abs().mean()) > 0.03


def test_pose_is_the_head_before_the_lens(person, view):
    turned = replace(view, body=(0.0, 30.0, 0.0))
    motion = motion_space.rest()
    motion[motion_space.INDEX["yaw"]] = 10.0
    frame = render_frame(person, motion, turned, 48, supersample=1)
    assert torch.allclose(frame.pose, torch.tensor([0.0, 40.0, 0.0]), atol=0.01)
    assert frame.landmarks[30, 0] > frame.landmarks[27, 0]  # the nose points to the picture's right


def test_the_head_fills_its_share(view):
    camera = camera_of(view, 200)
    ends = project(camera, torch.tensor([[0.0, 13.5, 1.0], [0.0, -8.5, 1.0]]))
    assert float(ends[1, 1] - ends[0, 1]) == pytest.approx(200 * view.head_share, rel=0.03)


def test_every_backdrop_and_wild_view_renders(person):
    rng = np.random.default_rng(6)
    for backdrop in BACKDROPS:
        frame = render_frame(person, random_motion(rng), replace(sample_view(rng), backdrop=backdrop), 40, 1)
        assert torch.isfinite(frame.image).all()
        assert frame.image.std() > 0.02
