import numpy as np
import pytest

from neo_core.training.synthetic import arms
from neo_core.training.synthetic.arms import CHAIN, Reach

from .tiny_rig import tiny_body

BODY = tiny_body()
HEAD, TAIL = BODY.head.numpy().astype(float), BODY.tail.numpy().astype(float)


def targets(count=300):
    """Places before the chest that an arm of 45 cm reaches."""
    rng = np.random.default_rng(0)
    return np.array([1.3, 3.4, 2.2]) + rng.normal(size=(count, 3)) * (0.5, 0.6, 0.35)


def reach(wrist, palm=(-0.8, 0.4, 0.1)):
    count = len(wrist)
    zero = np.zeros(count)
    return Reach(wrist, np.tile([0.6, -0.8, -0.3], (count, 1)), np.tile(palm, (count, 1)), zero, zero, zero)


def walk(solved, side):
    """Joints of the chain by the rig's own rule, from the clavicle to the wrist. [T, 6, 3] as a left arm"""
    mirror = arms.MIRROR if side == "R" else np.ones(3)
    at = {n: HEAD[BODY.bones.index(f"{n}.{side}")] * mirror for n in (*CHAIN, "shoulder01")}
    world, place = np.eye(3), at["clavicle"]
    joints, before = [], "clavicle"
    for name, rotation in zip(CHAIN, np.moveaxis(solved.rotations, 1, 0), strict=True):
        place = place + world @ (at[name] - at[before])
        world, before = world @ rotation, name
        joints.append(np.broadcast_to(place, (len(rotation), 3)))
    return np.stack(joints, 1)


@pytest.mark.parametrize("side", ["L", "R"])
def test_wrists_reach_what_an_arm_reaches(side):
    arm = arms.read_arm(BODY.bones, HEAD, TAIL, side)
    wanted = targets()
    far = np.linalg.norm(wanted - arm.shoulder, axis=1) / arm.length
    within = (far > 0.46) & (far < 0.93)
    solved = arms.solve(arm, reach(wanted), lambda track: track)
    joints = walk(solved, side)
    assert within.mean() > 0.7
    np.testing.assert_allclose(joints[within, 5], wanted[within], atol=1e-3)
    np.testing.assert_allclose(joints[:, 5], solved.wrist, atol=1e-6)
    np.testing.assert_allclose(joints[:, 3], solved.elbow, atol=1e-6)


def test_rotations_are_rotations_and_keep_lengths():
    arm = arms.read_arm(BODY.bones, HEAD, TAIL, "L")
    solved = arms.solve(arm, reach(targets() * (1, 1, 1.6)), lambda track: track)  # some are out of reach
    flat = solved.rotations.reshape(-1, 3, 3)
    np.testing.assert_allclose(flat @ flat.transpose(0, 2, 1), np.tile(np.eye(3), (len(flat), 1, 1)), atol=1e-9)
    assert np.allclose(np.linalg.det(flat), 1)
    joints = walk(solved, "L")
    for one, other in ((2, 3), (3, 4), (4, 5)):
        at = [HEAD[BODY.bones.index(f"{CHAIN[k]}.L")] for k in (one, other)]
        length = np.linalg.norm(joints[:, other] - joints[:, one], axis=1)
        np.testing.assert_allclose(length, np.linalg.norm(at[1] - at[0]), atol=1e-9)


def test_palms_turn_where_they_are_asked_to_within_what_a_forearm_can():
    arm = arms.read_arm(BODY.bones, HEAD, TAIL, "L")
    wanted = np.tile([1.2, 3.0, 2.2], (2, 1))
    facing = [arms.solve(arm, reach(wanted, palm), lambda t: t).hand[0] @ arm.palm for palm in ((0, 1, 0), (0, -1, 0))]
    assert facing[0][1] > 0.75
    assert facing[1][1] < -0.75
    outward = arms.solve(arm, reach(wanted, (1.0, 0.0, 0.0)), lambda track: track).hand[0] @ arm.palm
    assert outward[0] < 0.5  # nobody turns a palm away from the body with bent elbows


def test_elbows_hang_outside_and_bend_one_way():
    arm = arms.read_arm(BODY.bones, HEAD, TAIL, "L")
    solved = arms.solve(arm, reach(targets()), lambda track: track)
    assert (solved.elbow[:, 0] > 1.2).all()  # the trunk is narrower there
    assert (solved.elbow[:, 1] < arm.shoulder[1]).all()
    assert (np.cross(solved.elbow - solved.shoulder, solved.wrist - solved.elbow)[:, 0] < 0).all()  # never backwards


def test_a_mirror_swaps_the_sides():
    turn = arms.about(arms.unit(np.array([0.3, -0.5, 0.8])), np.array([0.7]))
    point = np.array([0.4, 1.0, -0.2])
    np.testing.assert_allclose(arms.mirrored(turn) @ (point * arms.MIRROR), (turn @ point) * arms.MIRROR)
