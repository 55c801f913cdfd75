"""Piecewise decoding equals decoding at once and does no work twice."""

import gc
import weakref

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.neo2.causal_conv import CausalConv3d, piecewise
from neo_core.neo2.decoding import decode_slices, decode_stream, decode_tiled, multiplications, pictures
from neo_core.neo2.latent_space import latent_shape
from neo_core.neo2.lazy_cache import TimeCache

LATENTS, HEIGHT, WIDTH = 7, 8, 12  # cells of a code


@pytest.fixture
def latents():
    shape = latent_shape(torch.Size((5, HEIGHT, WIDTH)))
    return torch.randn(1, LATENTS, *shape, generator=torch.Generator().manual_seed(1)) * 0.3


@pytest.fixture
def anchor():
    return torch.randn(1, 5, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2)) * 0.3


@pytest.mark.parametrize("lengths", [[1] * LATENTS, [3, 4], [5, 1, 1]])
def test_slices_of_time_are_exact(vae, latents, anchor, lengths):
    whole = vae.decode(latents, anchor)
    assert whole.std() > 0.1  # of something
    slices = list(decode_slices(vae, anchor[0], latents[0].split(lengths)))
    ready = [4 * (length - (k == 0)) for k, length in enumerate(lengths)]  # the last latent waits for the next
    assert [video.shape[1] for video in slices] == [*(frames for frames in ready if frames), 4]
    torch.testing.assert_close(torch.cat(slices, dim=1), whole[0], atol=1e-5, rtol=0)


def test_streamed_frames_are_those_of_the_whole(vae, latents, anchor):
    whole = pictures(vae.decode(latents, anchor)[0])
    streamed = list(decode_stream(vae, anchor[0], latents[0].split([2, 1, 4])))
    assert [len(frames) for frames in streamed] == [4, 4, 16, 4]
    assert (torch.cat(streamed).int() - whole.int()).abs().max() <= 1  # a half may round either way
    assert streamed[0].dtype == torch.uint8
    assert streamed[0].shape[1:] == (4 * HEIGHT, 4 * WIDTH, 3)


def test_two_streams_take_turns(vae, latents, anchor):
    one, other = (list(decode_stream(vae, anchor[0], source.split(1))) for source in (latents[0], latents[0].flip(0)))
    turns = zip(
        decode_stream(vae, anchor[0], latents[0].split(1)),
        decode_stream(vae, anchor[0], latents[0].flip(0).split(1)),
        strict=True,
    )
    for number, (first, second) in enumerate(turns):
        assert torch.equal(first, one[number])
        assert torch.equal(second, other[number])


def test_a_long_stream_keeps_nothing_of_what_it_gave(vae, latents, anchor):
    seen = []

    def pieces():
        for _ in range(6):
            piece = latents[0, :2].clone()
            seen.append(weakref.ref(piece))
            yield piece
            del piece

    for frames in decode_stream(vae, anchor[0], pieces()):
        seen.append(weakref.ref(frames))
    del frames
    gc.collect()
    assert not [reference for reference in seen if reference() is not None]


def test_a_slice_remembers_no_more_than_it_needs(vae, latents, anchor):
    held, codes = [], vae.motion.decode(latents, anchor)[0]
    for count in (2, LATENTS):
        cache = TimeCache()
        with piecewise(cache):
            vae.paint(vae.plain(codes[:, :count]), vae.remember(anchor))
        held.append(sum(kept.untyped_storage().nbytes() for kept in cache._past.values()))
    assert held[0] == held[1]


@pytest.mark.parametrize("tile", [1, 2, 4, 5, 20])
def test_tiles_are_exact(vae, latents, anchor, tile):
    whole = vae.decode(latents, anchor)
    torch.testing.assert_close(decode_tiled(vae, latents, anchor, tile), whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("tile", [2, 4, 5])
def test_tiles_do_no_work_twice(vae, latents, anchor, tile):
    """The codes are made at once either way."""
    codes = multiplications(lambda: vae.motion.decode(latents, anchor))
    whole = multiplications(lambda: vae.decode(latents, anchor)) - codes
    assert multiplications(lambda: decode_tiled(vae, latents, anchor, tile)) - codes <= 1.001 * whole


def test_multiplications_of_one_convolution():
    layer = CausalConv3d(3, 5, (2, 3, 3))
    assert multiplications(lambda: layer(torch.zeros(1, 3, 4, 6, 7))) == 3 * 5 * 2 * 3 * 3 * 4 * 6 * 7


def test_tiles_and_slices_together(vae, latents, anchor):
    whole = pictures(vae.decode(latents, anchor)[0])
    streamed = torch.cat(list(decode_stream(vae, anchor[0], latents[0].split([3, 1, 3]), tile=4)))
    assert (streamed.int() - whole.int()).abs().max() <= 1
    assert (streamed != whole).float().mean() < 1e-3


def test_a_tile_is_at_least_a_cell(vae, latents, anchor):
    with pytest.raises(InputError, match="at least 1"):
        decode_tiled(vae, latents, anchor, 0)
