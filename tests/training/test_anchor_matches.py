"""Comparing films with their anchors: what moved is found where it was, and what has no like is not told."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from neo_core.neo2.latent_space import CELL, CHANNELS
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training import anchor_matches
from neo_core.training.anchor_matches import STILL, match, with_matches
from neo_core.training.neo2_clips import Clip

SIDE = 16  # cells of a code
SEEN = torch.ones(CHANNELS)


def picture() -> Tensor:
    """Latents at every pixel: smooth, and nowhere like elsewhere."""
    dice = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, CHANNELS, SIDE, SIDE, generator=dice)
    return torch.nn.functional.interpolate(coarse, scale_factor=CELL, mode="bicubic")[0]


def test_what_moved_is_found_and_the_rest_stays():
    """A square shows what lies 6 pixels further up and 4 to the right."""
    fine = picture()
    anchor = fine[:, ::CELL, ::CELL]
    latents = anchor.expand(2, -1, -1, -1).clone()
    rows, columns = slice(5, 11), slice(4, 10)
    latents[1, :, rows, columns] = fine.roll((6, -4), (1, 2))[:, ::CELL, ::CELL][:, rows, columns]
    found = match(latents, anchor, fine, SEEN)
    assert (found[0, :2] == 0).all()
    assert (found[0, 2] == torch.tensor(STILL).half()).all()
    inside = found[1, :, 6:10, 5:9]
    assert (inside[0] == -6).all()
    assert (inside[1] == 4).all()
    assert (inside[2] == 1).all()
    assert (found[1, :2, 13:] == 0).all()


def test_what_has_no_like_does_not_count():
    fine = picture()
    anchor = fine[:, ::CELL, ::CELL]
    new = 3 * torch.randn(1, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
    assert (match(new, anchor, fine, SEEN)[0, 2] == 0).float().mean() > 0.95


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    fine = picture()
    latents = torch.stack([fine.roll((0, k), (1, 2))[:, ::CELL, ::CELL] for k in (0, 4)]).half()
    film = SimpleNamespace(path=tmp_path / "scene_00000.safetensors")
    versions = (latents, latents.flip(-1))
    shows = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    return [Clip(film, x, x[0], shows, torch.zeros(0, 3), version) for version, x in enumerate(versions)]


def test_a_film_is_compared_once_and_its_mirror_is_mirrored(clips, monkeypatch):
    torch.manual_seed(0)
    vae = VideoVAE(VideoVAEConfig(encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, fine_width=4))
    calls = []
    monkeypatch.setattr(anchor_matches, "match", lambda *given: calls.append(1) or match(*given))
    plain, turned = with_matches(clips, vae, SEEN)
    assert plain.match.shape == (2, 3, SIDE, SIDE)
    assert torch.equal(turned.match[:, 0], plain.match[:, 0].flip(-1))
    assert torch.equal(turned.match[:, 1], -plain.match[:, 1].flip(-1))
    assert torch.equal(with_matches(clips, vae, SEEN)[0].match, plain.match)
    assert len(calls) == 1
