"""Behind the person the background goes on: its colour, and its grain."""

import torch

from neo_core.pictar.geometric import backdrop
from neo_core.pictar.geometric.backdrop import continued_background, mirrored
from neo_core.pictar.geometric.sampling import blur


def canvas(grain=0.15):
    """A canvas that brightens to the right, and where nobody stands before it. [3, 120, 320], [120, 320]"""
    noise = 1 + grain * torch.randn(120, 320, generator=torch.Generator().manual_seed(3))
    view = torch.linspace(0.2, 0.3, 320) * noise.expand(3, 120, 320)
    clear = torch.ones(120, 320)
    clear[10:, 140:180] = 0
    return torch.where(clear > 0, view, 0.9), clear


def roughness(picture, where):
    return float((picture - blur(picture, 2.0))[:, where].std() / picture[:, where].mean())


def test_what_lies_behind_the_person_is_as_rough_as_the_background():
    view, clear = canvas()
    smooth, grain = continued_background(view, clear)
    behind = torch.zeros(120, 320, dtype=torch.bool)
    behind[35:115, 142:178] = True
    seen = roughness(view, (clear > 0) & ~behind)
    assert 0.6 < roughness(smooth * grain, behind) / seen < 1.3
    assert roughness(smooth, behind) < 0.2 * seen
    assert ((smooth * grain)[:, behind] - 0.25).abs().mean() < 0.05  # of the background's colour


def test_the_photo_keeps_its_background():
    view, clear = canvas()
    smooth, grain = continued_background(view, clear)
    assert torch.equal((smooth * grain)[:, clear > 0], view[:, clear > 0])


def test_grain_comes_from_the_mirrored_place_on_the_nearer_side():
    _, clear = canvas()
    column, steep = mirrored(clear, 2)
    assert column[60, [142, 175]].tolist() == [136, 185]
    assert steep[30:].max() == 0
    assert steep[:12].max() > 1  # over the head the outline runs across the rows


def test_a_plain_background_gets_no_grain():
    view, clear = canvas(0.0)
    _, grain = continued_background(view, clear)
    assert (grain - 1).abs().max() < 0.02


def test_grain_of_a_large_picture_is_mirrored_in_a_smaller_one(monkeypatch):
    view, clear = (one.repeat_interleave(4, -1).repeat_interleave(4, -2) for one in canvas())
    done, whole = [], backdrop.mirrored
    monkeypatch.setattr(backdrop, "GRAIN_SIDE", 640)
    monkeypatch.setattr(backdrop, "mirrored", lambda *given: done.append(given[0].shape) or whole(*given))
    smooth, grain = continued_background(view, clear)
    assert done == [(240, 640)]
    behind = torch.zeros(480, 1280, dtype=torch.bool)
    behind[140:460, 576:704] = True
    assert 0.4 < roughness(smooth * grain, behind) / roughness(view, (clear > 0) & ~behind) < 1.3
    clear[:] = 0
    clear[:, 0] = 1  # too narrow a strip to be seen in the smaller picture
    assert continued_background(view, clear)[1].isfinite().all()


def test_lines_over_many_rows_are_evened_in_groups_of_them():
    line = torch.linspace(100, 60, 480)[:, None].expand(480, 6)
    few, many = backdrop._even(line, 23), backdrop._even(line, 48)
    assert (few - many)[100:-100].abs().max() < 3  # a longer reach lies a little farther left, nothing else
    assert (many <= line + 0.1).all()
