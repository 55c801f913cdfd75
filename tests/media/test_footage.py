"""A video as a source: frames counted, moments kept, its sound in step."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import Colorspace

from neo_core.data_types import InputError
from neo_core.media.audio import inspect_sound, read_waveform
from neo_core.media.footage import inspect_footage, inspect_pictures, read_pictures, read_sound
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


def encoded(path, pictures, codec="libx264", form=None, pixels="yuv420p", tags=None, **options):
    """A file that some other program wrote: pictures u8 [H, W, 3] at 25 fps, with these tags on its stream."""
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], pixels
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        for k, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if tags and "colorspace" in tags:
                frame = frame.reformat(format=pixels, dst_colorspace=tags["colorspace"])
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shades(count, size=SIZE):
    """Pictures that differ, each by 8 from the one before."""
    noise = np.random.default_rng(0).integers(0, 40, (*size, 1))
    return [np.broadcast_to(noise + 8 * k, (*size, 3)).astype(np.uint8) for k in range(count)]


@pytest.mark.parametrize(("name", "options"), [("a.avi", {"bf": "2"}), ("a.mkv", {"bf": "2"}), ("a.ts", {"bf": "0"})])
def test_other_containers(tmp_path, name, options):
    footage = inspect_footage(encoded(tmp_path / name, shades(12), **options))
    assert (footage.frames, footage.fps, footage.moments) == (12, 25, None)
    means = [float(picture.float().mean()) for picture in read_pictures(footage)]
    assert np.allclose(np.diff(means), 8, atol=1.5)


def test_a_file_without_times_is_refused(tmp_path):
    path = encoded(tmp_path / "a.h264", shades(5), form="h264")
    for use in (inspect_footage, lambda path: next(read_frames(path))):
        with pytest.raises(InputError, match="does not say when its frames are shown"):
            use(path)


def spoilt(path, packets):
    """The same file with some of its packets full of ones."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(container.streams.video[0]) if packet.size]
    raw = bytearray(path.read_bytes())
    for number in packets:
        start, size = places[number]
        raw[start : start + size] = b"\xff" * size
    path.write_bytes(raw)
    return path


def test_a_damaged_frame_is_the_one_before_it_again(tmp_path):
    """As many frames as before, the others in their places."""
    path = spoilt(encoded(tmp_path / "a.mp4", shades(12), g="1", bf="0"), [4, 5, 11])
    footage = inspect_footage(path)
    means = [float(picture.float().mean()) for picture in read_pictures(footage)]
    assert (footage.frames, len(means)) == (12, 12)
    steps = [8, 8, 8, 0, 0, 24, 8, 8, 8, 8, 0]
    assert np.allclose(np.diff(means), steps, atol=1.5)


def test_a_file_that_breaks_off_is_refused(tmp_path):
    path = spoilt(encoded(tmp_path / "a.mp4", shades(30), g="1", bf="0"), range(3, 30))
    shown = read_pictures(inspect_footage(path))
    assert len([next(shown) for _ in range(3)]) == 3
    with pytest.raises(InputError, match=r"cannot be decoded after 0\.12 s; expected a complete file of 1\.20 s"):
        next(shown)


@pytest.mark.parametrize(("size", "matrix"), [((576, 720), Colorspace.ITU601), ((720, 1280), Colorspace.ITU709)])
def test_colours_that_a_file_says_nothing_of(tmp_path, size, matrix):
    """Old sizes are of BT.601, HD is of BT.709: so players take them."""
    red = np.zeros((*size, 3), np.uint8)
    red[:] = (200, 30, 60)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
        frame.colorspace, frame.pts, frame.time_base = 2, 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _, shown = next(read_frames(path))
    assert (shown.float().mean((0, 1)) - torch.tensor([200.0, 30, 60])).abs().max() < 5


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    path = encoded(tmp_path / "a.mp4", shades(2), tags={"sample_aspect_ratio": Fraction(4, 3)})
    footage = inspect_footage(path)
    assert (footage.size, footage.stretched) == ((48, 85), Fraction(4, 3))
    assert all(picture.shape == (48, 85, 3) for picture in read_pictures(footage))


def test_what_the_writer_cannot_show_is_told(tmp_path):
    plain = inspect_footage(encoded(tmp_path / "a.mp4", shades(1)))
    bright = inspect_footage(encoded(tmp_path / "b.mp4", shades(1), tags={"color_trc": 18, "color_primaries": 9}))
    assert (plain.wide, bright.wide) == (False, True)


def test_a_sound_that_nobody_wants_is_not_looked_at(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.height, pictures.width, pictures.pix_fmt = *SIZE, "yuv420p"
        sounds = container.add_stream("flac", rate=RATE, layout="mono")
        frame = av.VideoFrame.from_ndarray(shades(1)[0], format="rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.int16), format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
        for stream, one in ((pictures, frame), (sounds, block)):
            container.mux(stream.encode(one))
            container.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"expected at least 0\.1 s of sound"):
        inspect_footage(path)
    assert inspect_pictures(path).frames == 1


def test_where_frames_are(tmp_path):
    even = inspect_footage(film(tmp_path / "a.mp4", 5))
    assert [even.moment(k) for k in range(6)] == [Fraction(k, 25) for k in range(6)]
    moments = [Fraction(k, 30) for k in (0, 1, 2, 5, 12)]
    uneven = inspect_footage(film(tmp_path / "b.mp4", 5, Fraction(30), moments=moments))
    assert [uneven.moment(k) for k in range(5)] == moments
    assert uneven.moment(5) > moments[4]
    for footage in (even, uneven):
        assert [footage.place(footage.moment(k)) for k in range(5)] == list(range(5))
