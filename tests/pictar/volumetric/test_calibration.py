"""A motion extractor whose answers are known, and what is learnt from them."""

import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError
from neo_core.motion_space import INDEX, POSE
from neo_core.pictar.volumetric.calibration import (
    BEYOND_APART,
    CHANNELS,
    FILE,
    FULL_TURN,
    Readings,
    Turns,
    explained,
    explained_turns,
    learn,
    learn_turns,
    load_bridge,
    probes,
    save_bridge,
    turned,
)
from neo_core.pictar.volumetric.motion_bridge import ANGLES, Bridge, slider_bridge


@pytest.fixture
def truth():
    """Some checkpoint's directions: the sliders, half as strong again, and something of everything."""
    dice = torch.Generator().manual_seed(4)
    reach = torch.tensor(motion_space.HIGH)[:, None, None]
    directions = 1.5 * slider_bridge().directions + 0.02 * torch.randn(63, 21, 3, generator=dice) / reach
    directions[POSE] = 0
    return Bridge(directions)


def reference(seed: int) -> torch.Tensor:
    vector = torch.zeros(63)
    vector[:53] = 0.4 * torch.rand(53, generator=torch.Generator().manual_seed(seed)) ** 3
    return vector


def read(truth: Bridge, noise: float = 0.0, seeds: tuple[int, ...] = (1, 2)) -> Readings:
    """Two people probed; the extractor adds noise of its own."""
    changes = torch.cat([probes(reference(seed), seed) - reference(seed) for seed in seeds])
    seen = torch.einsum("nc,ckx->nkx", changes, truth.directions)
    return Readings(changes, seen + noise * torch.randn(seen.shape, generator=torch.Generator().manual_seed(7)))


def read_turns(truth: torch.Tensor, noise: float = 0.0, seed: int = 7) -> Turns:
    """A head turned; the extractor adds noise, so much of what may well lie beyond geometry."""
    angles = turned(torch.zeros(63))[:, ANGLES]
    random = torch.randn(len(angles), 6, generator=torch.Generator().manual_seed(seed))
    return Turns(angles, angles @ truth + noise * BEYOND_APART * random)


def miss(bridge: Bridge, truth: Bridge) -> float:
    """RMS over keypoints of what channels do at their ends."""
    reach = torch.tensor(motion_space.HIGH)[:, None, None]
    return float(((bridge.directions - truth.directions) * reach)[list(CHANNELS)].square().mean().sqrt())


def test_probes_move_every_channel_and_keep_the_head_still():
    own = reference(3)
    moves = probes(own, 3)
    assert torch.equal(motion_space.clamp(moves), moves)
    assert torch.equal(moves[:, POSE], own[POSE].expand(len(moves), -1))
    change = moves - own
    assert int(torch.linalg.matrix_rank(change)) == len(CHANNELS)
    for k in CHANNELS:
        assert change[:, k].abs().max() > 0.5 * motion_space.HIGH[k]
    assert change[:, INDEX["gaze_yaw_L"]].min() < -20
    assert change[:, INDEX["gaze_yaw_L"]].max() > 20
    shut = moves[moves[:, INDEX["mouthClose"]] > own[INDEX["mouthClose"]] + 0.01]
    assert (shut[:, INDEX["jawOpen"]] >= 0.6 - 1e-6).all()


def test_what_an_extractor_says_exactly_is_recovered(truth):
    learnt = learn(read(truth), slider_bridge())
    assert miss(learnt, truth) < 1e-4
    assert miss(slider_bridge(), truth) > 0.015
    assert explained(learnt, read(truth, seeds=(8,))) > 0.9999
    assert not learnt.directions[POSE].any()


def test_noise_is_not_believed(truth):
    """Some noise: nearer to the truth than sliders and than plain least squares. Much noise: the sliders."""
    readings = read(truth, noise=0.02)
    learnt = learn(readings, slider_bridge())
    chosen = list(CHANNELS)
    plain = torch.linalg.lstsq(readings.changes[:, chosen], readings.expression.flatten(1)).solution
    directions = torch.zeros(63, 21, 3)
    directions[chosen] = plain.unflatten(1, (21, 3))
    assert miss(learnt, truth) < 0.8 * min(miss(slider_bridge(), truth), miss(Bridge(directions), truth))
    drowned = learn(read(truth, noise=5.0), slider_bridge())
    assert miss(drowned, slider_bridge()) < 0.005


def test_channels_that_were_not_probed_stay_with_the_sliders(truth):
    readings = read(truth)
    kept = (readings.changes[:, INDEX["jawOpen"]] == 0) & (readings.changes[:, INDEX["mouthClose"]] == 0)
    learnt = learn(Readings(readings.changes[kept], readings.expression[kept]), slider_bridge())
    for name in ("jawOpen", "mouthClose"):
        torch.testing.assert_close(learnt.directions[INDEX[name]], slider_bridge().directions[INDEX[name]])
    assert miss(learnt, truth) < 0.5 * miss(slider_bridge(), truth)


def test_a_wrong_bridge_explains_nothing(truth):
    readings = read(truth)
    assert explained(Bridge(torch.zeros(63, 21, 3)), readings) == 0
    assert explained(Bridge(-truth.directions), readings) < -2
    assert 0 < explained(slider_bridge(), readings) < explained(learn(readings, slider_bridge()), readings)


# --- turns ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def beyond():
    """Some checkpoint's: it reads nine tenths of a yaw, and of its way aside half."""
    turns = torch.zeros(3, 6)
    turns[1, 1], turns[1, 3], turns[0, 4] = -0.1, -0.006, 0.002
    return turns


def test_turns_go_both_ways_about_one_axis_with_the_portraits_own_expression():
    own = reference(3)
    own[POSE] = 2.0
    moves = turned(own)
    angles = moves[:, ANGLES]
    assert torch.equal(moves[:, :53], own[:53].expand(len(moves), -1))
    assert not angles.sum(0).any()
    assert ((angles != 0).sum(1) == 1).all()
    assert not moves[:, POSE][:, 3:].any()


def test_what_is_read_of_turns_is_recovered(beyond):
    found = learn_turns(read_turns(beyond))
    torch.testing.assert_close(found, beyond, atol=1e-6, rtol=0)
    assert explained_turns(found, read_turns(beyond)) == pytest.approx(1)
    assert explained_turns(None, read_turns(beyond)) == explained_turns(torch.zeros(3, 6), read_turns(beyond)) == 0
    assert explained_turns(-beyond, read_turns(beyond)) < -2


def test_noise_is_no_turn(beyond):
    drowned = learn_turns(read_turns(torch.zeros(3, 6), noise=20.0))
    assert (drowned / BEYOND_APART * FULL_TURN).abs().max() < 0.3
    learnt = learn_turns(read_turns(beyond, noise=0.1))
    assert explained_turns(learnt, read_turns(beyond)) > 0.7


def test_an_extractor_that_hardly_sees_turns_is_not_believed():
    """Keypoints that turned as little as it reads would leave the portrait looking ahead."""
    assert learn_turns(read_turns(-0.9 * torch.eye(3, 6))) is None


def test_too_few_readings(truth):
    readings = read(truth)
    with pytest.raises(InputError, match="57 readings found; expected more than 57"):
        learn(Readings(readings.changes[:57], readings.expression[:57]), slider_bridge())


# --- the file beside the checkpoint -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A checkpoint, as far as the file asks: whatever its motion extractor is."""
    (tmp_path / "motion_extractor.safetensors").write_bytes(b"weights")
    return tmp_path


def test_a_bridge_comes_back(folder, truth, beyond):
    assert load_bridge(folder) is None
    assert save_bridge(folder, Bridge(truth.directions, beyond), {"portraits": 2}) == folder / FILE
    assert torch.equal(load_bridge(folder).turns, beyond)
    assert torch.equal(load_bridge(folder).directions, truth.directions)
    assert load_bridge(folder).calibrated
    assert not slider_bridge().calibrated


def test_a_bridge_belongs_to_its_weights(folder, truth):
    save_bridge(folder, truth, {})
    (folder / "motion_extractor.safetensors").write_bytes(b"other weights")
    with pytest.raises(InputError, match="was made with another motion extractor; expected one made here: run calibr"):
        load_bridge(folder)


def test_a_bridge_to_other_keypoints_is_refused(folder):
    save_bridge(folder, Bridge(torch.zeros(63, 5, 3)), {})
    with pytest.raises(InputError, match="holds no bridge from this motion space to 21 keypoints"):
        load_bridge(folder)
