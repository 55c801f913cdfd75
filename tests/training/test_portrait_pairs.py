"""The truth of a pair, on a bare head before a plain wall; whose pairs a run makes, and what is written of one."""

import argparse
from itertools import count, pairwise
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.geometry.camera import Camera, project, rotation_matrix
from neo_core.geometry.head_model import landmarks, shape, vertex_normals
from neo_core.geometry.rasteriser import interpolate, rasterise
from neo_core.motion_space import POSE, rest
from neo_core.pictar.mini.guide import GUIDE, STILL_GUIDE, Square
from neo_core.training import portrait_pairs
from neo_core.training.portrait_pairs import PEOPLE, SEEDS, exact, files, make_person, people, read_lesson
from neo_core.training.synthetic.people import HELD_OUT_FROM
from neo_core.training.synthetic.render import Frame
from neo_core.weights import safetensors_io

SIDE, FOCAL = 64, 160.0


def photograph(head, yaw: float = 0.0, aside: float = 0.0) -> Frame:
    """The mean head, turned and moved aside by pixels; no hair, no clothes."""
    turned = (head.template - head.pivot) @ rotation_matrix(0.0, yaw, 0.0).T + head.pivot
    shift = torch.tensor([aside * 100 / FOCAL, 0.0, -100.0])
    camera = Camera(torch.tensor(FOCAL), torch.tensor([SIDE / 2, SIDE / 2]), torch.eye(3), shift)
    fragments = rasterise(project(camera, turned), head.triangles, SIDE, SIDE)
    parts = torch.where(fragments.triangle >= 0, head.triangle_part[fragments.triangle.clamp(min=0)] + 1, 0)
    mask = (parts > 0).float()
    image, points, pose = torch.zeros(SIDE, SIDE, 3), torch.zeros(68, 2), torch.zeros(3)
    return Frame(image, points, mask, parts, fragments.depth, camera, turned, pose)


@pytest.fixture(scope="module")
def still(head):
    return photograph(head)


WHOLE = Square(0, 0, SIDE)


def test_a_photo_is_its_own_truth(head, still):
    truth = exact(head, still, still, WHOLE, SIDE)
    assert truth.flow.abs().max() < 1e-4
    assert truth.known.sum() > 0.95 * truth.person.sum() > 300
    assert truth.seen.sum() > 0.97 * truth.known.sum()


def test_a_shift_is_told_in_shares_of_the_side(head, still):
    truth = exact(head, still, photograph(head, aside=5.0), WHOLE, SIDE)
    known = truth.known > 0
    assert truth.flow[0][known].median() * SIDE == pytest.approx(-5.3, abs=0.3)  # the face is nearer than the origin
    assert truth.flow[1][known].abs().max() * SIDE < 0.3
    assert truth.seen[known].mean() > 0.9


def test_a_turn_uncovers_what_the_photo_does_not_show(head, still):
    turned = exact(head, still, photograph(head, yaw=40.0), WHOLE, SIDE)
    assert 0.5 < turned.seen.sum() / turned.known.sum() < 0.93


def test_what_hides_the_head_is_not_known(head, still):
    hidden = photograph(head)
    hidden.parts[20:40, 20:40] = 13  # hair
    truth = exact(head, still, hidden, WHOLE, SIDE)
    assert truth.known[20:40, 20:40].sum() == 0
    assert truth.known[45:].sum() > 100


def test_no_seed_makes_people_whom_nobody_may_learn_from():
    runs = [people(seed, PEOPLE, False) for seed in range(SEEDS)]
    assert all(before.stop == after.start for before, after in pairwise(runs))
    assert runs[-1].stop <= HELD_OUT_FROM <= people(0, PEOPLE, True).start
    for seed, number in ((SEEDS, 1), (-1, 1), (0, PEOPLE + 1), (0, 0)):
        with pytest.raises(InputError, match=f"seed {seed} and {number} people found; expected"):
            people(seed, number, False)


WIDE = 128


def shot(head, motion: torch.Tensor) -> Frame:
    """The mean head as a motion has it, shaded, before grey."""
    turn = rotation_matrix(*motion[POSE][:3])
    vertices = (shape(head, torch.zeros(60), motion[:53]) - head.pivot) @ turn.T + head.pivot
    place = torch.tensor([0.0, 0.0, -70.0])
    camera = Camera(torch.tensor(2.0 * WIDE), torch.tensor([WIDE / 2, WIDE / 2]), torch.eye(3), place)
    fragments = rasterise(project(camera, vertices), head.triangles, WIDE, WIDE)
    parts = torch.where(fragments.triangle >= 0, head.triangle_part[fragments.triangle.clamp(min=0)] + 1, 0)
    shade = interpolate(fragments, head.triangles, vertex_normals(vertices, head.triangles) * 0.3 + 0.5)
    mask = (parts > 0).float()
    image = torch.where(mask[..., None] > 0, shade, torch.tensor(0.4))
    points = project(camera, landmarks(head, vertices))[:, :2]
    return Frame(image, points, mask, parts, fragments.depth, camera, vertices, torch.zeros(3))


def test_what_is_written_of_a_person_is_what_training_reads(head, tmp_path, monkeypatch):
    """And the flow that the fitted head gives is near the true one, where it is known and anything moves."""
    moments, number = [rest(), rest(), rest()], count()
    moments[1][POSE.start + 1], moments[2][POSE.start] = 9.0, -7.0
    monkeypatch.setattr(portrait_pairs, "sample_person", lambda *_, **__: SimpleNamespace(rest=head.template))
    monkeypatch.setattr(portrait_pairs, "photo_motion", lambda _: moments[0])
    monkeypatch.setattr(portrait_pairs, "later_motion", lambda *_: moments[next(number)])
    monkeypatch.setattr(portrait_pairs, "_turned", lambda motion, _: motion)
    monkeypatch.setattr(portrait_pairs, "render_frame", lambda _, motion, *__: shot(head, motion))
    next(number)
    boxes, person = [], shot(head, moments[0]).mask
    monkeypatch.setattr(portrait_pairs, "person_mask", lambda _, __, face: boxes.append(face.box) or person)
    monkeypatch.setattr(portrait_pairs, "person_landmarks", lambda _, vertices: landmarks(head, vertices))
    asked = argparse.Namespace(side=64, moments=2, supersample=1, held_out=True)
    tensors = make_person(head, None, 7, asked)
    (box,) = boxes
    middle = shot(head, moments[0]).landmarks.mean(0)
    assert ((box[:2] < middle) & (middle < box[2:])).all()
    assert tensors["photographs"].shape == (2, WIDE, WIDE, 3)
    assert tensors["motion"].shape == (2, 63)
    assert torch.equal(tensors["rest"], landmarks(head, head.template))
    for points, flat in (("points", "landmarks"), ("still_points", "still_landmarks")):
        assert (tensors[points][..., :68, :2] - tensors[flat]).abs().max() < 1e-5
    assert tensors["still_points"][30, 2] < tensors["still_points"][[0, 16], 2].min()  # the nose lies before the ears
    safetensors_io.save(tmp_path / "person.safetensors", tensors, {})
    lesson = read_lesson(tmp_path / "person.safetensors", slice(0, 2))
    assert lesson.source.guide.shape == (1, STILL_GUIDE, 32, 32)
    assert lesson.motion.guide.shape == (2, GUIDE, 32, 32)
    assert lesson.frame.shape == (2, 3, 64, 64)
    given = torch.nn.functional.avg_pool2d(lesson.motion.surface, 2)
    there = lesson.known * lesson.seen * (lesson.motion.guide[:, :1] > 0.9)
    there[:, :, 20:] = 0  # the photographs' necks turn with the head
    flows = (lesson.true_flow, given - lesson.true_flow)
    far, off = ((flow.norm(dim=1, keepdim=True) * there).sum() / there.sum() for flow in flows)
    assert far > 0.01
    assert off < 0.35 * far
    moved = (lesson.landmarks - lesson.came_from).norm(dim=2)
    assert moved.amax() > 0.01


def test_pairs_that_lack_what_a_recipe_needs_are_named(tmp_path):
    """Older ones; what nobody asks for may be missing."""
    config = {"side": 64, "moments": 2, "held_out": False}
    for number, names in enumerate((("frame", "points", "rest"), ("frame", "points"))):
        tensors = {name: torch.zeros(2) for name in names}
        safetensors_io.save(tmp_path / f"person_{number}.safetensors", tensors, config)
    given = ([tmp_path], 64, 2)
    assert len(files(*given, held_out=False)) == len(files(*given, held_out=False, names=("points", "frame"))) == 2
    told = r"person_1\.safetensors found without rest; expected pairs made anew by `factory portrait-pairs`$"
    with pytest.raises(InputError, match=told):
        files(*given, held_out=False, names=("points", "rest"))
    with pytest.raises(InputError, match=r"person_0\.safetensors found without motion, photo; expected"):
        files(*given, held_out=False, names=("rest", "photo", "motion"))
