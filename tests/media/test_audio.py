"""Sound in: the right samples in bounded blocks, whatever the file; what cannot be used is refused in one sentence."""

import contextlib
import struct
import wave

import av
import numpy as np
import pytest
import torch

from neo_core.data_types import InputError
from neo_core.media.audio import inspect_sound, read_blocks, read_mono, read_waveform


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (22050, 2), (44100, 1), (48000, 6), (192000, 8)])
def test_float_samples_come_back_exactly(write_sound, chirp, rate, channels):
    samples = chirp(0.7, rate, channels)
    path = write_sound("a.wav", samples, rate)
    assert np.array_equal(read_waveform(path).samples.numpy(), samples)
    sound = inspect_sound(path)
    assert (sound.sample_rate, sound.channels, sound.samples) == (rate, channels, samples.shape[1])


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f64le", "pcm_mulaw"])
def test_every_sample_format_has_the_same_scale(write_sound, chirp, codec):
    samples = chirp(0.3, 16000)
    path = write_sound("a.wav", samples, 16000, codec)
    tolerance = 0.03 if codec == "pcm_mulaw" else 0.01 if codec == "pcm_u8" else 1e-4
    assert np.abs(read_waveform(path).samples.numpy() - samples).max() < tolerance


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.opus", "libopus"), ("a.flac", "flac")]
)
def test_compressed_sound_starts_at_its_first_sample(write_sound, chirp, name, codec):
    samples = chirp(1.3, 48000)
    got = read_waveform(write_sound(name, samples, 48000, codec)).samples.numpy()
    assert np.corrcoef(got[0, 5000:50000], samples[0, 5000:50000])[0, 1] > 0.995


def test_blocks_are_bounded_and_join_to_the_whole(write_sound, chirp):
    samples = chirp(7.3, 16000, 2)
    path = write_sound("a.wav", samples, 16000)
    blocks = list(read_blocks(path))
    assert max(block.shape[1] for block in blocks) < 2 * 16000
    assert np.array_equal(torch.cat(blocks, dim=1).numpy(), samples)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_mono_resampling_keeps_time_and_level(write_sound, chirp, rate):
    mono = torch.cat(list(read_mono(inspect_sound(write_sound("a.wav", chirp(2.0, rate, 2), rate)), 16000)))
    assert abs(len(mono) - 32000) <= 1
    expected = torch.from_numpy(chirp(2.0, 16000, 2).mean(0))
    assert (mono[200:-200] - expected[200 : len(mono) - 200]).abs().max() < 0.01


def test_lost_packets_become_silence_of_the_same_length(tmp_path, write_sound, chirp):
    path = write_sound("a.mka", chirp(3.0, 48000), 48000, "flac")
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mka"), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for number, packet in enumerate(source.demux(source.streams.audio[0])):
            if packet.pts is not None and not 5 <= number < 8:
                packet.stream = stream
                target.mux(packet)
    sound = inspect_sound(tmp_path / "b.mka")
    assert not sound.continuous
    assert abs(sound.samples - 3 * 48000) < 100
    assert inspect_sound(path).continuous


def test_header_that_lies_about_its_length(write_sound, chirp):
    path = write_sound("a.wav", chirp(1.0, 16000), 16000, "pcm_s16le")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 16000 * 2 * 36000)  # "ten hours"
    path.write_bytes(data)
    assert inspect_sound(path).samples == 16000


def wav(path, samples: np.ndarray, rate: int = 16000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("count", [0, 1, 1599])
def test_too_short_is_refused(tmp_path, count):
    with pytest.raises(InputError, match=rf"(has {count} samples|neither audio nor video).*expected"):
        inspect_sound(wav(tmp_path / "a.wav", np.zeros(count)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number_is_refused(write_sound, chirp, value):
    samples = chirp(1.0, 16000)
    samples[0, 12345] = value
    with pytest.raises(InputError, match="NaN or infinite"):
        inspect_sound(write_sound("a.wav", samples, 16000))


@pytest.mark.parametrize("rate", [4000, 384000])
def test_rate_out_of_range_is_refused(tmp_path, rate):
    with pytest.raises(InputError, match=f"{rate} Hz; expected 8000 to 192000"):
        inspect_sound(wav(tmp_path / "a.wav", np.zeros(rate), rate))


def test_unknown_codec_is_refused(tmp_path):
    path = wav(tmp_path / "a.wav", np.zeros(16000))
    data = bytearray(path.read_bytes())
    data[20:22] = struct.pack("<H", 0x7777)
    path.write_bytes(data)
    with pytest.raises(InputError, match="unknown codec"):
        inspect_sound(path)


@pytest.mark.parametrize(
    "data", [b"hello", bytes(5000), b"RIFF\x10\0\0\0WAVEfmt ", b"\xff\xfb\x90" * 9, b"ID3" + bytes(90)]
)
def test_what_is_no_sound_is_refused(tmp_path, data):
    (tmp_path / "a.mp3").write_bytes(data)
    with pytest.raises(InputError, match="expected"):
        inspect_sound(tmp_path / "a.mp3")


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        inspect_sound(tmp_path / "a.wav")
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match="empty"):
        inspect_sound(tmp_path / "a.wav")


def test_random_damage_never_escapes_as_another_error(write_sound, chirp, tmp_path):
    generator = np.random.default_rng(2)
    sources = [
        ("a.wav", "pcm_s16le"),
        ("a.mp3", "libmp3lame"),
        ("a.m4a", "aac"),
        ("a.flac", "flac"),
        ("a.opus", "libopus"),
    ]
    for name, codec in sources:
        original = write_sound(name, chirp(0.5, 48000), 48000, codec).read_bytes()
        for _ in range(15):
            data = bytearray(original)
            for place in generator.integers(0, len(data), 12):
                data[place] = generator.integers(0, 256)
            (tmp_path / name).write_bytes(data[: generator.integers(50, len(data))])
            with contextlib.suppress(InputError):
                assert inspect_sound(tmp_path / name).samples > 0
