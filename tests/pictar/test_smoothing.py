"""Tremor goes, closures and blinks stay, nothing comes late and no frame is lost."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neo_core import motion_space
from neo_core.geometry.camera import Camera, project, rotation_angles, rotation_matrix, view
from neo_core.geometry.head_model import landmarks, load_head_model, shape
from neo_core.motion_space import INDEX
from neo_core.pictar.analysis import Face
from neo_core.pictar.expression import SHUT, lip_gap
from neo_core.pictar.fit import HeadFit
from neo_core.pictar.head_track import Head
from neo_core.pictar.smoothing import PARTS, REACH, smooth, steadied

FPS = Fraction(25)
JAW, BLINK, YAW = INDEX["jawOpen"], INDEX["eyeBlink_L"], INDEX["yaw"]


def speech(frames: int, closures: list[int], tremor: float, fps: Fraction = FPS) -> torch.Tensor:
    """A jaw that opens and closes at four syllables a second, measured with noise; shut in single frames. [T, 63]"""
    time = torch.arange(frames) / float(fps)
    track = torch.zeros(frames, motion_space.SIZE)
    track[:, JAW] = 0.3 + 0.12 * torch.sin(2 * torch.pi * 2 * time)
    track[:, INDEX["mouthFunnel"]] = 0.1
    track[:, motion_space.EXPRESSION] += tremor * torch.randn(frames, 53)
    track = motion_space.clamp(track)
    track[closures, motion_space.EXPRESSION] = 0.0
    return track


def smoothed(track, fps=FPS):
    return list(smooth(iter(track), fps))


@settings(max_examples=15)
@given(st.sets(st.integers(0, 59), max_size=12), st.integers(0, 2**31), st.sampled_from(["23.976", "25", "50", "60"]))
def test_a_closure_of_one_frame_survives(closures, seed, rate):
    torch.manual_seed(seed)
    closed = sorted(closures)
    track = speech(60, closed, 0.01)
    gap, before = (lip_gap(x).amax(1) for x in (torch.stack(smoothed(track, Fraction(rate))), track))
    assert (gap[closed] < 0).all()  # as shut as it was, where SHUT would do
    others = sorted(set(range(60)) - closures)
    assert (gap[others] > 2 * SHUT).all()
    assert gap[others].min() > 0.95 * before[others].min()  # nor does a closure spread


def test_a_blink_of_two_frames_survives():
    track = torch.zeros(40, motion_space.SIZE)
    track[20:22, [BLINK, BLINK + 1]] = 1.0
    out = torch.stack(smoothed(track))
    assert out[20:22, BLINK].min() > 0.99
    assert out[[19, 22], BLINK].max() < 0.01


LEFT = {  # of the tremor, at most: with three quarters of the smoothing more is left of all but brows and lids
    "mouth": 0.65,
    "brows": 0.5,
    "lids": 0.5,
    "turn": 0.51,
    "place": 0.53,
    "gaze": 0.51,
}


def test_tremor_goes():
    still = torch.zeros(400, motion_space.SIZE)
    still[:, JAW] = 0.3
    still[:, motion_space.POSE.start + 5] = -90.0
    noise = torch.randn(still.shape) * torch.tensor([0.01] * 53 + [0.2] * 3 + [0.08] * 3 + [0.3] * 4)
    out = torch.stack(smoothed(still + noise))
    left = (out - still).std(0) / noise.std(0)
    found = {part: float(left[list(channels)].mean()) for part, (channels, _) in PARTS.items()}
    assert [part for part, share in found.items() if share > LEFT[part]] == []
    assert left.max() < 0.78  # the jaw, whose tremor moves lips that may be closing


def test_nothing_comes_late_and_nothing_is_flattened():
    time = torch.arange(200) / 25
    track = torch.zeros(200, motion_space.SIZE)
    track[:, YAW] = 10 * torch.sin(2 * torch.pi * 1.5 * time)
    out = torch.stack(smoothed(track))[:, YAW]
    lags = [float((out[10:-10] * track[10 + lag : 190 + lag, YAW]).sum()) for lag in (-2, -1, 0, 1, 2)]
    assert lags.index(max(lags)) == 2
    assert out.max() > 0.965 * 10  # with half as much smoothing again it is 0.957


def test_what_does_not_move_does_not_change():
    track = torch.randn(1, motion_space.SIZE).expand(30, -1)
    assert torch.allclose(torch.stack(smoothed(track)), track, atol=1e-5)


@given(st.lists(st.booleans(), max_size=40))
def test_frames_stay_as_many_and_gaps_where_they_were(seen):
    track = [torch.full((motion_space.SIZE,), float(k)) if there else None for k, there in enumerate(seen)]
    out = smoothed(track)
    assert [frame is not None for frame in out] == seen


def test_nothing_is_mixed_across_a_gap():
    before, after = torch.zeros(motion_space.SIZE), torch.full((motion_space.SIZE,), 0.01)
    out = smoothed([before, before, None, after, after])
    assert torch.equal(out[1], before)
    assert torch.allclose(out[3], after)


@pytest.mark.parametrize("fps", [Fraction(12), Fraction(25), Fraction(60)])
def test_only_a_few_frames_are_waited_for(fps):
    taken = 0

    def frames():
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield motion_space.rest()

    steady = smooth(frames(), fps)
    for given_out in range(1, 100):
        next(steady)
        assert taken - given_out <= REACH * fps + 1


@pytest.fixture(scope="module")
def model():
    return load_head_model()


def found(model, tremor: float, frames: int = 24) -> list[Head]:
    """A head that stands still, measured with noise in everything that can be."""
    nowhere = Face(
        torch.zeros(4), 0.9, torch.zeros(70, 2), torch.ones(70), torch.zeros(3), torch.zeros(53), torch.zeros(4)
    )
    dice = torch.Generator().manual_seed(2)

    def noise(*shape: int) -> torch.Tensor:
        return tremor * torch.randn(*shape, generator=dice)

    heads = []
    for _ in range(frames):
        turn, place = rotation_matrix(*(0.4 * noise(3) + 5)), torch.tensor([1.0, 2, -80]) + 0.1 * noise(3)
        camera = Camera(torch.tensor(800.0), torch.tensor([200.0, 200.0]), turn, place)
        expression = (0.2 + 0.01 * noise(53)).clamp(0, 1)
        fit = HeadFit(torch.zeros(60), expression, noise(4), camera, noise(len(model.template), 2), torch.zeros(1))
        heads.append(Head(nowhere, fit))
    return heads


def test_heads_are_steadied_and_their_faces_go_along(model):
    """Angles, place, expression, and what the model misses; nothing is mixed across a frame without the face."""
    given = found(model, 1.0)
    out = list(steadied(model, [*given[:12], None, *given[12:]], FPS))
    assert [head is None for head in out] == [k == 12 for k in range(25)]
    out = [head for head in out if head is not None]

    def spread(heads, of):
        return torch.stack([of(head.fit) for head in heads]).std(0).mean()

    for of, left in (
        (lambda fit: rotation_angles(fit.camera.rotation), 0.72),
        (lambda fit: view(fit.camera, model.pivot), 0.59),
        (lambda fit: fit.expression, 0.59),
        (lambda fit: fit.residual, 0.65),
    ):  # with three quarters of the smoothing more is left
        assert spread(out, of) < left * spread(given, of)
    points = torch.stack([head.face.landmarks for head in out])
    assert points.shape[1:] == (len(model.landmark_triangle), 2)
    assert points.std(0).mean() < 1.2


def test_a_head_without_tremor_stays_and_shows_its_own_landmarks(model):
    (head,) = found(model, 0.0, 1)
    for steady in steadied(model, [head] * 5, FPS):
        assert torch.allclose(steady.fit.camera.rotation, head.fit.camera.rotation, atol=1e-5)
        assert torch.allclose(steady.fit.camera.translation, head.fit.camera.translation, atol=1e-4)
        vertices = shape(model, head.fit.identity, head.fit.expression)
        assert torch.allclose(
            steady.face.landmarks, project(head.fit.camera, landmarks(model, vertices))[:, :2], atol=0.2
        )
