"""From probes to a bridge: with an extractor whose map is known, and with random networks that look at pictures."""

import json
import types

import pytest
import torch

from neo_core import motion_space
from neo_core.commands import calibrate as command
from neo_core.data_types import Identity
from neo_core.evaluation.random_liveportrait import write_random_checkpoint
from neo_core.pictar.volumetric.calibration import Readings, explained, learn
from neo_core.pictar.volumetric.family import FAMILY
from neo_core.pictar.volumetric.motion_bridge import slider_bridge
from neo_core.pipelines import bridge_calibration
from neo_core.pipelines.bridge_calibration import observe, observe_avatar
from neo_core.pipelines.live_portrait import LivePortrait, load_public

from .test_live_portrait import small


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILY, "liveportrait", small(21))
    write_random_checkpoint(tmp_path / "checkpoint", small(21), 3)
    return tmp_path / "checkpoint"


def test_an_extractor_with_a_known_map_is_recovered():
    """Whatever a face reads like at rest: only changes are learnt from."""
    dice = torch.Generator().manual_seed(1)
    reach = torch.tensor(motion_space.HIGH)[:, None, None]
    truth = 0.03 * torch.randn(63, 21, 3, generator=dice) / reach
    truth[motion_space.POSE] = 0
    own = torch.rand(21, 3, generator=dice)
    reference = motion_space.rest()
    reference[:53] = 0.2 * torch.rand(53, generator=dice)
    told = []
    readings = observe(
        reference,
        iter,
        lambda vector: own + torch.einsum("c,ckx->kx", vector, truth),
        5,
        lambda done, total, _frame: told.append((done, total)),
    )
    learnt = learn(readings, slider_bridge()).directions
    torch.testing.assert_close(learnt * reach, truth * reach, atol=1e-4, rtol=0)
    assert told[-1] == (len(readings.changes) + 1, len(readings.changes) + 1)


def test_random_networks_are_told_better_than_by_sliders(avatar, portrait, checkpoint):
    """The extractor is no expert, and yet a straight line through what it says of a moving face foretells what it will
    say of other movements."""
    renderer = load_public(LivePortrait(checkpoint)).renderer
    seen = observe_avatar(avatar, portrait.face.landmarks68, renderer, 0)
    known, other = (Readings(seen.changes[part], seen.expression[part]) for part in (slice(-16), slice(-16, None)))
    assert explained(learn(known, slider_bridge()), other) > max(0.3, explained(slider_bridge(), other) + 0.3)


@pytest.fixture
def linear(monkeypatch):
    """In place of pictures, which take long: what an extractor says that is half as lively as the sliders."""

    def observed(avatar, _landmarks68, _renderer, seed, progress):
        def read(vector: torch.Tensor) -> torch.Tensor:
            return torch.einsum("c,ckx->kx", vector, slider_bridge().directions) / 2

        return observe(avatar.identity.reference, iter, read, seed, progress)

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
        assert report["explained_by_sliders"] == 0
    else:
        assert "readings, of which it explains" in shown
    used = load_public(LivePortrait(checkpoint)).bridge
    plain = load_public(LivePortrait(checkpoint), calibrated=False).bridge
    assert torch.equal(plain.directions, slider_bridge().directions)
    torch.testing.assert_close(used.directions, plain.directions / 2, atol=1e-5, rtol=1e-3)
