"""A video as a source: frames counted, moments kept, its sound in step."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from neo_core.data_types import InputError
from neo_core.media.audio import inspect_sound, read_waveform
from neo_core.media.footage import inspect_footage, read_sound
from neo_core.media.video import VideoWriter, read_frames

SIZE = (48, 64)
RATE = 48000


def film(path, frames, fps=Fraction(25), sound=None, moments=None):
    with VideoWriter(path, SIZE, fps, sound, ticks=100 if moments else 1) as writer:
        for k in range(frames):
            writer.write(torch.full((*SIZE, 3), k % 250, dtype=torch.uint8), moments[k] if moments else None)
    return path


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "12", "60"])
def test_an_even_video(tmp_path, rate):
    footage = inspect_footage(film(tmp_path / "a.mp4", 31, Fraction(rate)))
    assert (footage.frames, footage.fps, footage.size) == (31, Fraction(rate), SIZE)
    assert (footage.moments, footage.ticks, footage.sound) == (None, 1, None)


def test_a_single_frame(tmp_path):
    assert inspect_footage(film(tmp_path / "a.mp4", 1)).frames == 1


def test_uneven_frames_keep_their_moments(tmp_path):
    """Telephones drop frames in the dark; written again, each frame begins when it did."""
    moments = [Fraction(k, 30) for k in (0, 1, 2, 5, 6, 7, 8, 12, 13, 20)]
    footage = inspect_footage(film(tmp_path / "a.mp4", 10, Fraction(30), moments=moments))
    assert footage.frames == 10
    assert footage.moments == tuple(moments)
    assert footage.seconds == pytest.approx(float(10 * moments[-1] / 9), abs=0.05)
    again = tmp_path / "b.mp4"
    with VideoWriter(again, SIZE, footage.fps, None, ticks=footage.ticks) as writer:
        for (_, frame), at in zip(read_frames(tmp_path / "a.mp4"), footage.moments, strict=True):
            writer.write(frame, at)
    shown = [moment for moment, _ in read_frames(again)]
    assert max(abs(a - b) for a, b in zip(shown, moments, strict=True)) < Fraction(1, 500)


def tone(seconds=1.0):
    time = torch.arange(round(seconds * RATE)) / RATE
    return torch.sin(2 * torch.pi * (200 * time + 300 * time**2))[None].float()


@pytest.mark.parametrize("late", [Fraction(0), Fraction(1, 5), Fraction(-1, 5)])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_a_sound_stays_in_step_with_the_picture(tmp_path, write_sound, late, codec):
    """A sound that begins with the picture, after it, or before it: what is heard at a moment of the picture stays."""
    path = write_sound("a.m4a" if codec == "aac" else "a.wav", tone().numpy(), RATE, codec)
    sound = replace(inspect_sound(path), late=late)
    made = film(tmp_path / "out.mp4", 30, sound=sound)
    footage = inspect_footage(made)
    assert abs(footage.sound.late - max(late, 0)) < Fraction(1, 40)  # AAC may keep a packet of priming
    heard = read_waveform(made).samples[0]
    begins = round(float(footage.sound.late) * RATE)
    expected = torch.zeros(2 * RATE)
    shift = round(float(late) * RATE)
    whole = tone()[0]
    if shift >= 0:
        expected[shift : shift + len(whole)] = whole
    else:
        expected[: len(whole) + shift] = whole[-shift:]
    around = slice(RATE // 2, RATE // 2 + 8000)
    scores = [float((heard[around.start - begins + k : around.stop - begins + k] * expected[around]).sum()) for k in
              range(-200, 201, 10)]  # fmt: skip
    assert abs(range(-200, 201, 10)[int(np.argmax(scores))]) <= 100  # 2 ms


def test_where_a_file_says_its_sound_begins(tmp_path):
    """Streams of one file need not begin together."""
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        sounds = container.add_stream("flac", rate=RATE, layout="mono")
        for k in range(25):
            picture = av.VideoFrame.from_ndarray(np.full((*SIZE, 3), 8 * k, np.uint8), format="rgb24")
            picture.pts, picture.time_base = k, Fraction(1, 25)
            container.mux(pictures.encode(picture))
        samples = (tone(0.5).numpy() * 32767).astype(np.int16)
        block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, RATE // 4, Fraction(1, RATE)
        container.mux(sounds.encode(block))
        container.mux(pictures.encode(None))
        container.mux(sounds.encode(None))
    footage = inspect_footage(path)
    assert (footage.frames, footage.fps) == (25, 25)
    assert abs(footage.sound.late - Fraction(1, 4)) < Fraction(1, 200)
    heard = read_sound(footage).samples[0]
    assert heard[: RATE // 4 - 400].abs().max() == 0
    assert abs(len(heard) - 3 * RATE // 4) < 400


def test_what_is_no_video_is_refused(tmp_path, write_sound):
    with pytest.raises(InputError, match="has no pictures"):
        inspect_footage(write_sound("a.wav", tone().numpy(), RATE))
    with pytest.raises(InputError, match="does not exist"):
        inspect_footage(tmp_path / "nothing.mp4")
