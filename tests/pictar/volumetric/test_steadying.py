"""An extractor's tremor goes, however large it is; closures and blinks stay; nothing comes late."""

from fractions import Fraction

import pytest
import torch

from neo_core.geometry.camera import rotation_matrix
from neo_core.pictar.volumetric.driving import EYES, LIPS
from neo_core.pictar.volumetric.imitation import unpack
from neo_core.pictar.volumetric.steadying import EYES_RATIO, FEWEST, LIPS_RATIO, PARTS, TELLING, steadied, tremor_of

FPS = Fraction(25)
N = 9 + 63 + 1 + 3 + 2


@pytest.fixture(autouse=True)
def dice():
    torch.manual_seed(0)


MOST = torch.zeros(N)  # what counts as tremor
for columns, most in (*PARTS.values(), *(((column,), most) for column, most in TELLING.values())):
    MOST[list(columns)] = most


def resting(frames=60, tremor=0.0):
    """Somebody who keeps still, a little turned, as an extractor reads them: with so much of what counts as tremor.
    [T, N]"""
    one = torch.cat([rotation_matrix(3.0, 12.0, -2.0).flatten(), 0.02 * torch.randn(63), torch.tensor([1.4])])
    one = torch.cat([one, torch.tensor([0.03, -0.05, 0.0, 0.3, 0.1])])
    return one + tremor * MOST * torch.randn(frames, N)


def steady(readings):
    return torch.stack(list(steadied(list(readings), FPS)))


def jitter(readings):
    return readings.diff(dim=0).square().mean(0).sqrt()


def test_every_number_of_a_reading_has_one_part():
    known = [column for columns, _ in PARTS.values() for column in columns]
    assert sorted([*known, *(column for column, _ in TELLING.values())]) == list(range(N))
    numbers = torch.arange(N, dtype=torch.float32)[None]
    driving, eyes, lips = unpack(numbers)
    assert (int(eyes), int(lips)) == (EYES_RATIO, LIPS_RATIO)
    assert set(PARTS["lips"][0]) == {int(x) for x in driving.expression[0, list(LIPS)].flatten()}
    assert set(PARTS["eyes"][0]) == {int(x) for x in driving.expression[0, list(EYES)].flatten()}
    assert set(PARTS["turn"][0]) == {int(x) for x in driving.rotation.flatten()}


@pytest.mark.parametrize("tremor", [0.03, 0.3, 0.9])
def test_tremor_is_known_by_itself_and_goes(tremor):
    readings = resting(200, tremor)
    assert (tremor_of(readings) / MOST).median() == pytest.approx(tremor, rel=0.15)
    ratio = jitter(steady(readings)) / jitter(readings)
    assert ratio.median() < 0.4
    assert ratio.max() < 0.6


def test_what_does_not_tremble_stays_what_it_is():
    readings = resting()
    assert torch.allclose(steady(readings), readings, atol=1e-6)
    moving = readings.clone()
    moving[:, 9:] += 0.3 * torch.sin(torch.arange(60) / 4)[:, None]
    assert (steady(moving) - moving)[:, 9:].abs().max() < 0.02


def test_lips_that_meet_and_eyes_that_shut_for_a_frame_stay():
    readings = resting(60, 0.5)
    own = [[*PARTS[part][0], TELLING[part][0]] for part in ("lips", "eyes")]
    for columns in own:
        readings[30, columns[:-1]] -= 0.01
        readings[30, columns[-1]] = 0.0
    out = steady(readings)
    for columns in own:
        assert (out[30, columns] - readings[30, columns]).abs().max() < 1e-4
        assert (out[[29, 31], columns[0]] - readings[10:20, columns[0]].mean()).abs().max() < 0.003


def test_a_closure_that_only_the_ratio_shows_stays():
    readings = resting(60, 0.5)
    readings[30, LIPS_RATIO] = 0.0
    assert steady(readings)[30, LIPS_RATIO] < 0.001


@pytest.mark.parametrize("syllables", [2, 4, 6])
def test_whoever_never_rests_is_not_taken_to_tremble(syllables):
    readings, swing = resting(100, 0.2), torch.sin(2 * torch.pi * syllables * torch.arange(100) / 25 + 0.3)
    readings[:, list(PARTS["lips"][0])] += 0.02 * swing[:, None]
    readings[:, LIPS_RATIO] += 0.1 * swing
    out = steady(readings)
    for column in (PARTS["lips"][0][4], LIPS_RATIO):
        kept = (out[:, column] @ swing - out[:, column].mean() * swing.sum()) / (
            readings[:, column] @ swing - readings[:, column].mean() * swing.sum()
        )
        assert 0.95 < kept < 1.02


def test_nothing_comes_late_and_a_turn_stays_a_turn():
    readings = resting(80, 0.2)
    angles = torch.linspace(-20, 20, 80)
    readings[:, :9] = torch.stack([rotation_matrix(0.0, float(yaw), 0.0).flatten() for yaw in angles])
    readings[:, :9] += 0.001 * torch.randn(80, 9)
    out = steady(readings)[:, :9].view(-1, 3, 3)
    assert torch.allclose(out @ out.transpose(1, 2), torch.eye(3).expand(80, 3, 3), atol=1e-5)
    truth = torch.stack([rotation_matrix(0.0, float(yaw), 0.0) for yaw in angles])
    assert (out - truth)[5:-5].abs().mean() < 0.001
    assert (out - truth)[5:-5].mean(0).abs().max() < 5e-4


def test_nothing_is_mixed_across_frames_without_the_face():
    one, other = resting(20, 0.5), resting(20, 0.5)
    out = list(steadied([*one, None, *other], FPS))
    again = list(steadied([*one, None, *other.flip(0)], FPS))  # as much tremor, and others next to the gap
    assert len(out) == 41
    assert out[20] is None
    assert torch.allclose(out[19], again[19], atol=5e-4)


def test_a_few_frames_tell_no_tremor():
    readings = list(resting(FEWEST - 1, 0.5))
    assert all(one is other for one, other in zip(steadied(readings, FPS), readings, strict=True))
