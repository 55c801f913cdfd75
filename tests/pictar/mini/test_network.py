"""The mini's networks: still without motion, an exact warp before they have learned anything."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from neo_core.data_types import InputError
from neo_core.pictar.mini import network
from neo_core.pictar.mini.guide import GUIDE, STILL_GUIDE
from neo_core.pictar.mini.network import Mini, MiniConfig, Motion, Source, compose, fetch, load_mini, save_mini

TINY = MiniConfig(side=32, width=8, features=4, groups=4)


def portrait(side: int, count: int = 1) -> Source:
    dice = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(count, 7, 5, 5, generator=dice), (side, side), mode="bilinear")
    guide = torch.rand(count, STILL_GUIDE, side // 2, side // 2, generator=dice)
    return Source(smooth[:, :3], smooth[:, 3:4], smooth[:, 4:], guide)


def motion(side: int, shift: float, count: int = 1) -> Motion:
    """Everything is mesh that the photo shows, and came from `shift` of the side to the right."""
    flow = torch.zeros(count, 2, side, side)
    flow[:, 0] = shift
    return Motion(flow, flow.clone(), torch.ones(count, GUIDE, side // 2, side // 2))


def stirred(mini: Mini) -> Mini:
    """With weights that do something."""
    dice = torch.Generator().manual_seed(1)
    for parameter in mini.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=dice))
    return mini


@torch.no_grad()
def test_without_motion_the_frame_is_the_photo_whatever_the_weights():
    mini, source = stirred(Mini(TINY)), portrait(32)
    drawn = mini(source, mini.encoder(source), motion(32, 0.0))
    assert torch.equal(compose(drawn, source.picture, source.behind), source.picture)


@torch.no_grad()
def test_an_untrained_mini_is_the_exact_warp():
    mini, source, moves = Mini(TINY), portrait(32), motion(32, 2 / 32)
    drawn = mini(source, mini.encoder(source), moves)
    frame = compose(drawn, source.picture, source.behind)
    assert (frame - fetch(source.picture, moves.surface))[..., 3:-3, 3:-3].abs().mean() < 0.03
    assert (frame - source.picture).abs().mean() > 0.03
    assert drawn.shares[:, 0].min() > 0.9


@torch.no_grad()
def test_nothing_shows_where_the_square_ends():
    """Whatever the network says: the square is laid into the frame as it is."""
    mini, source, fine = stirred(Mini(TINY)), portrait(32), torch.rand(1, 3, 96, 96)
    frame = compose(mini(source, mini.encoder(source), motion(32, 0.05)), fine, fine)
    change = (frame - fine).abs().amax((0, 1))
    assert torch.stack([change[0], change[-1], change[:, 0], change[:, -1]]).max() == 0
    assert change[1].max() < 0.1 < change[8:-8, 8:-8].mean()


@torch.no_grad()
@pytest.mark.parametrize("side", [32, 96])
def test_a_frame_is_the_same_in_bands(monkeypatch, side):
    """At the network's own size and at a finer one, which is what enlarging all planes would give."""
    mini, source = stirred(Mini(TINY)), portrait(32)
    fine, behind = torch.rand(2, 1, 3, side, side)
    drawn = mini(source, mini.encoder(source), motion(32, 0.05))
    frame = compose(drawn, fine, behind)
    monkeypatch.setattr(network, "BAND", 7)
    assert torch.allclose(compose(drawn, fine, behind), frame, atol=1e-5)
    large = {k: F.interpolate(v, (side, side), mode="bilinear", align_corners=False) for k, v in vars(drawn).items()}
    assert torch.allclose(compose(replace(drawn, **large), fine, behind), frame, atol=1e-4)


def test_fetching_by_whole_pixels_is_a_shift():
    picture = torch.rand(1, 3, 16, 16)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 1] = 3 / 16
    assert torch.allclose(fetch(picture, flow)[..., :-4, :], picture[..., 3:-1, :], atol=1e-5)


@torch.no_grad()
def test_colours_come_from_the_photo_at_its_own_resolution():
    mini, source, moves = Mini(TINY), portrait(32), motion(32, 1 / 32)
    fine = torch.rand(1, 3, 128, 128)
    frame = compose(mini(source, mini.encoder(source), moves), fine, fine)
    inside = (..., slice(8, -8), slice(8, -12))
    assert torch.allclose(frame[inside], fine[..., 8:-8, 12:-8], atol=0.06)


def test_every_answer_teaches_the_network():
    mini, source, moves = stirred(Mini(TINY)), portrait(32), motion(32, 0.05)
    moves = replace(moves, guide=torch.rand(moves.guide.shape))
    drawn = mini(source, mini.encoder(source), moves)
    for name, planes in vars(drawn).items():
        mini.zero_grad()
        planes.square().mean().backward(retain_graph=True)
        assert mini.decoder.head.weight.grad.abs().max() > 0, name
        assert name in ("surface", "carried") or mini.encoder.stem.weight.grad.abs().max() > 0, name


def test_saved_and_loaded(tmp_path):
    mini, source, moves = stirred(Mini(TINY)).eval(), portrait(32), motion(32, 0.05)
    save_mini(tmp_path / "mini.safetensors", mini, {"recipe": "test"})
    again = load_mini(tmp_path / "mini.safetensors")
    with torch.no_grad():
        first, second = (net(source, net.encoder(source), moves).paint for net in (mini, again))
    assert again.config == TINY
    assert (first - second).abs().max() < 0.02


def test_other_weights_are_refused(tmp_path):
    with pytest.raises(InputError, match="do not exist"):
        load_mini(tmp_path / "none.safetensors")
