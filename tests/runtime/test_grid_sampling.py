"""Sampling on a device that lacks the kernels a Mac's GPU lacks: the same numbers, by other ways."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._pytree import tree_leaves

from neo_core.runtime import grid_sampling
from neo_core.runtime.grid_sampling import sample_continued

from .test_placement import AWAY, Customs, Elsewhere

aten = torch.ops.aten
BICUBIC, BORDER = 2, 1  # what torch numbers them


class Metal(Customs):
    """Has neither of the kernels that torch long had not on a Mac's GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if any(isinstance(x, Elsewhere) for x in tree_leaves((args, kwargs))):
            kernel = func.overloadpacket
            beyond = kernel is aten.grid_sampler_2d and (args[2] == BICUBIC or args[3] == BORDER)
            if beyond or kernel in (aten.grid_sampler_3d, aten._upsample_bilinear2d_aa, aten._upsample_bicubic2d_aa):
                raise NotImplementedError(f"{kernel} is not there")
        return super().__torch_dispatch__(func, types, args, kwargs)


@pytest.fixture
def without_kernels(monkeypatch):
    monkeypatch.setattr(grid_sampling, "LACKING", (AWAY.type,))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.usefixtures("without_kernels")
def test_pictures_go_on_beyond_their_rim_on_any_device(mode, corners):
    picture, places = torch.rand(1, 2, 5, 7), 3 * torch.rand(1, 4, 3, 2) - 1.5
    here = F.grid_sample(picture, places, mode, "border", corners)
    with Metal():
        there = sample_continued(picture.to(AWAY), places.to(AWAY), mode, align_corners=corners)
        assert there.device == AWAY
        assert torch.equal(there.cpu(), here)
        with pytest.raises(NotImplementedError, match="grid_sampler_2d is not there"):
            F.grid_sample(picture.to(AWAY), places.to(AWAY), mode, "border", corners)


def test_a_device_that_has_them_uses_them(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "cpu", lambda _: pytest.fail("fetched it"))
    picture, places = torch.rand(1, 2, 5, 7), torch.rand(1, 4, 3, 2)
    assert torch.equal(sample_continued(picture, places), F.grid_sample(picture, places, "bilinear", "border", False))
