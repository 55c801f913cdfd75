"""From probes to a bridge: with an extractor whose map is known, and with random networks that look at pictures."""

import json
import types

import pytest
import torch

from neo_core import motion_space
from neo_core.commands import calibrate as command
from neo_core.data_types import Identity, InputError
from neo_core.evaluation.random_liveportrait import write_random_checkpoint
from neo_core.geometry.camera import Camera
from neo_core.pictar.volumetric.calibration import (
    Readings,
    Turns,
    explained,
    learn,
    learn_turns,
    probes,
    turned,
)
from neo_core.pictar.volumetric.driving import Driving
from neo_core.pictar.volumetric.family import FAMILY
from neo_core.pictar.volumetric.keypoints import rotation
from neo_core.pictar.volumetric.motion_bridge import ANGLES, Bridge, look_at, slider_bridge, to_driving
from neo_core.pipelines import bridge_calibration
from neo_core.pipelines.bridge_calibration import Seen, observe, observe_avatar, settled
from neo_core.pipelines.live_portrait import LivePortrait, load_public

from .test_live_portrait import small


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILY, "liveportrait", small(21))
    write_random_checkpoint(tmp_path / "checkpoint", small(21), 3)
    return tmp_path / "checkpoint"


def driving(expression: torch.Tensor) -> Driving:
    """What is read of a face that looks straight ahead. [K, 3]"""
    return Driving(torch.eye(3)[None], expression[None], torch.ones(1), torch.zeros(1, 3))


@pytest.fixture
def see():
    """A camera straight before the head."""
    camera = Camera(torch.tensor(1000.0), torch.tensor([256.0, 256.0]), torch.eye(3), torch.tensor([0.0, 0.0, -60.0]))
    to_square = torch.tensor([[1 / 256, 0.0, -1.0], [0.0, 1 / 256, -1.0]])
    return lambda place: look_at(camera, to_square, place, torch.tensor([0.0, 2.0, 8.0]), torch.tensor([0.0, -5, -1]))


def test_an_extractor_with_a_known_map_is_recovered(see):
    """Whatever a face reads like at rest, and whichever way it faces: only changes are learnt from."""
    dice = torch.Generator().manual_seed(1)
    reach = torch.tensor(motion_space.HIGH)[:, None, None]
    truth = 0.03 * torch.randn(63, 21, 3, generator=dice) / reach
    truth[motion_space.POSE] = 0
    own = torch.rand(21, 3, generator=dice)
    reference = motion_space.rest()
    reference[:53] = 0.2 * torch.rand(53, generator=dice)
    turns = torch.zeros(3, 6)
    turns[1, 1], turns[0, 1], turns[1, 3], turns[2, 5] = -0.1, 0.05, -0.006, 0.002
    at_rest = rotation(*torch.tensor([[3.0], [-4.0], [2.0]]))
    place, told = torch.tensor([[0.1, -0.05, 0.0]]), []

    def read(vector: torch.Tensor) -> Driving:
        moves = to_driving(Bridge(truth, turns), see(place[0, :2]), vector[None])
        return Driving(moves.rotation @ at_rest, own + moves.expression, 1.4 * moves.scale, moves.translation)

    seen = observe(reference, see, iter, read, 5, lambda done, total, _frame: told.append((done, total)))
    learnt = learn(seen.readings, slider_bridge()).directions
    torch.testing.assert_close(learnt * reach, truth * reach, atol=1e-4, rtol=0)
    torch.testing.assert_close(learn_turns(seen.turns), turns, atol=1e-4, rtol=0)
    frames = len(seen.readings.changes) + len(seen.turns.angles) + 1
    assert told[-1] == (frames, frames)


@pytest.mark.parametrize(
    ("trust", "lost", "learnt"),
    [(1.0, 0.0, ["expression", "turns"]), (-1.0, 0.0, ["turns"]), (1.0, 0.3, ["expression"]), (-1.0, 0.3, [])],
)
def test_what_tells_others_worse_than_sliders_and_geometry_is_left(trust, lost, learnt):
    """Of two people each is told by what was learnt from the other: whose faces answer the other way round, or of whom
    nothing but what cannot be believed is read, are better told by what is published."""
    dice, seen = torch.Generator().manual_seed(2), []
    moves, angles = probes(motion_space.rest(), 0), turned(motion_space.rest())[:, ANGLES]
    extra = 0.02 * torch.randn(63, 21, 3, generator=dice) / torch.tensor(motion_space.HIGH)[:, None, None]
    for sign in (1.0, trust):
        truth = slider_bridge().directions + sign * extra
        turns = torch.eye(3, 6) * (-0.1 - 2 * lost)
        seen.append(Seen(Readings(moves, torch.einsum("nc,ckx->nkx", moves, truth)), Turns(angles, angles @ turns)))
    bridge, report = settled(seen, slider_bridge())
    assert report["learnt"] == learnt
    assert bridge.calibrated == bool(learnt)
    assert torch.equal(bridge.directions, slider_bridge().directions) == ("expression" not in learnt)
    assert bool(bridge.turns.any()) == ("turns" in learnt)
    assert (report["explained_of_others"] > report["sliders_of_others"]) == (trust > 0)


def test_what_tells_others_worse_than_nothing_is_left_too():
    """Readings of two people that have nothing in common, and hardly any size: sliders are off by far, and what was
    learnt from the other is off as well."""
    moves, angles = probes(motion_space.rest(), 0), turned(motion_space.rest())[:, ANGLES]
    seen = []
    for seed in range(2):
        dice = torch.Generator().manual_seed(seed)
        read = 1e-4 * torch.randn(63, 21, 3, generator=dice) / torch.tensor(motion_space.HIGH)[:, None, None]
        expression = torch.einsum("nc,ckx->nkx", moves, read)
        seen.append(Seen(Readings(moves, expression), Turns(angles, torch.zeros(len(angles), 6))))
    bridge, report = settled(seen, slider_bridge())
    assert report["sliders_of_others"] < report["explained_of_others"] < 0
    assert report["learnt"] == []
    assert not bridge.calibrated


def test_random_networks_are_told_better_than_by_sliders(avatar, portrait, checkpoint):
    """The extractor is no expert, and yet a straight line through what it says of a moving face foretells what it will
    say of other movements."""
    renderer = load_public(LivePortrait(checkpoint)).renderer
    seen = observe_avatar(avatar, portrait.face.landmarks68, renderer, 0).readings
    known, other = (Readings(seen.changes[part], seen.expression[part]) for part in (slice(-16), slice(-16, None)))
    assert explained(learn(known, slider_bridge()), other) > max(0.3, explained(slider_bridge(), other) + 0.3)


@pytest.fixture
def linear(monkeypatch, see):
    """In place of pictures, which take long: what an extractor says that is half as lively as the sliders."""

    def observed(avatar, _landmarks68, _renderer, seed, progress):
        def read(vector: torch.Tensor) -> Driving:
            return driving(torch.einsum("c,ckx->kx", vector, slider_bridge().directions) / 2)

        return observe(avatar.identity.reference, see, iter, read, seed, progress)

    monkeypatch.setattr(bridge_calibration, "observe_avatar", observed)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.usefixtures("linear")
def test_the_command_keeps_what_it_learnt(checkpoint, models, portrait, monkeypatch, capsys, as_json):
    avatar = types.SimpleNamespace(identity=Identity(torch.zeros(60), torch.zeros(16), motion_space.rest()))
    monkeypatch.setattr(bridge_calibration, "load_models", lambda: models)
    monkeypatch.setattr(bridge_calibration, "_enrolled", lambda *_: (avatar, portrait.face.landmarks68))
    parser = command.argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.execute(parser.parse_args([str(checkpoint), *(["--json"] if as_json else [])])) == 0
    shown = capsys.readouterr().out
    assert str(checkpoint / "neo_bridge.safetensors") in shown
    if as_json:
        report = json.loads(shown)
        assert report["explained"] == report["explained_of_others"] == 1
        assert report["explained_by_sliders"] == report["sliders_of_others"] == 0
        assert report["learnt"] == ["expression"]  # that nobody turns is not believed
    else:
        assert "expression: 100% explained, 0% by the published sliders" in shown
    used = load_public(LivePortrait(checkpoint)).bridge
    plain = load_public(LivePortrait(checkpoint), calibrated=False).bridge
    assert torch.equal(plain.directions, slider_bridge().directions)
    torch.testing.assert_close(used.directions, plain.directions / 2, atol=1e-5, rtol=1e-3)


def test_what_was_not_learnt_is_told():
    shares = {"explained_of_others": 0.1, "sliders_of_others": 0.25, "turns_of_others": -0.001}
    report = {"probes": 210, **shares, "learnt": [], "bridge": None}
    assert bridge_calibration.summary(report).splitlines()[1:] == [
        "  expression: 10% explained, 25% by the published sliders",
        "  turns: 0% explained of what geometry leaves over",
        "nothing was written: it tells them no better than what is published",
    ]
    assert bridge_calibration.summary({**report, "bridge": "lp/neo_bridge.safetensors"}).endswith(
        "than what is published; remove lp/neo_bridge.safetensors, made before, to use that"
    )


def test_a_folder_that_takes_no_file_is_told_before_the_work(checkpoint, monkeypatch):
    monkeypatch.setattr(bridge_calibration, "load_models", lambda: pytest.fail("went to work"))
    (checkpoint / "neo_bridge.safetensors").mkdir()
    with pytest.raises(InputError, match=r"neo_bridge\.safetensors is a folder; expected a file name"):
        bridge_calibration.calibrate(checkpoint)
