"""Pictures, masks and sounds cross the border unchanged, or are refused in one sentence."""

import numpy as np
import pytest
import torch


@pytest.fixture
def media(pack):
    return pack("nodes.media")


@pytest.fixture
def refused(pack):
    return pack("neo_core.data_types").InputError


def test_a_picture_from_load_image_keeps_its_exact_pixels(media):
    pixels = torch.arange(256, dtype=torch.uint8).repeat(3, 4).T.reshape(32, 32, 3)
    loaded = torch.from_numpy(pixels.numpy().astype(np.float32) / 255.0)[None]  # as LoadImage does it
    assert media.to_photo(loaded).equal(pixels)
    assert media.to_photo(media.to_image(pixels)).equal(pixels)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("a picture", "str"),
        (None, "NoneType"),
        ([[0.5]], "list"),
        (torch.zeros(4, 4, 3), "tensor"),
        (torch.zeros(2, 4, 4, 3), "2 pictures"),
        (torch.zeros(1, 4, 4, 4), "4 channels"),
        (torch.zeros(1, 0, 4, 3), "4x0"),
        (torch.full((1, 4, 4, 3), torch.nan), "NaN"),
        (torch.zeros(1, 1, 1, 3).expand(1, 9000, 9000, 3), "9000x9000"),
    ],
)
def test_what_is_no_single_picture_is_refused(media, refused, image, found):
    with pytest.raises(refused, match=found):
        media.to_photo(image)


def test_a_mask_must_fit_the_photo(media, refused):
    photo = torch.zeros(6, 4, 3, dtype=torch.uint8)
    assert media.to_mask(torch.full((1, 6, 4), 2.0), photo).equal(torch.ones(6, 4))
    assert media.to_mask(None, photo) is None
    for mask in ("person", torch.zeros(1, 4, 6), torch.zeros(2, 6, 4), torch.full((6, 4), torch.inf)):
        with pytest.raises(refused, match="input mask"):
            media.to_mask(mask, photo)


def test_a_sound_comes_through_and_back(media):
    samples = torch.rand(1, 2, 8000)
    sound = media.to_waveform({"waveform": samples, "sample_rate": 16000})
    assert sound.samples.equal(samples[0])
    assert media.to_audio(sound)["waveform"].equal(samples)


def test_a_whole_sample_rate_may_come_as_a_float(media):
    sound = media.to_waveform({"waveform": torch.zeros(1, 1, 44100), "sample_rate": 44100.0})
    assert sound.sample_rate == 44100
    assert isinstance(sound.sample_rate, int)


@pytest.mark.parametrize("rate", [44100.5, float("nan"), float("inf"), "44100", None, True])
def test_a_sample_rate_that_is_no_whole_number_is_named(media, refused, rate):
    with pytest.raises(refused, match=f"sample_rate {rate!r}; expected a whole number"):
        media.to_waveform({"waveform": torch.zeros(1, 1, 44100), "sample_rate": rate})


@pytest.mark.parametrize(
    "audio",
    [
        None,
        "hello.wav",
        {},
        {"waveform": "x", "sample_rate": 16000},
        {"waveform": torch.zeros(2, 1, 8000), "sample_rate": 16000},
        {"waveform": torch.zeros(1, 1, 8000), "sample_rate": "16000"},
        {"waveform": torch.zeros(1, 1, 8000), "sample_rate": 0},
        {"waveform": torch.zeros(1, 1, 10), "sample_rate": 16000},
        {"waveform": torch.full((1, 1, 8000), torch.nan), "sample_rate": 16000},
    ],
)
def test_what_is_no_single_sound_is_refused(media, refused, audio):
    with pytest.raises(refused, match="expected"):
        media.to_waveform(audio)
