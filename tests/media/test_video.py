"""Video out: exact clock, true colours, the creator's sound, and never half a file under the final name."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neo_core import timebase
from neo_core.data_types import InputError, Waveform
from neo_core.media.audio import inspect_sound, read_waveform
from neo_core.media.destination import part_path
from neo_core.media.video import VideoWriter, read_frames

SIZE = (48, 64)


def grey(value: int, size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.full((*size, 3), value, dtype=torch.uint8)


def write(path, frames: int, fps=Fraction(25), sound=None, size=SIZE):
    with VideoWriter(path, size, fps, sound) as writer:
        for k in range(frames):
            writer.write(grey(16 + k % 200, size))
    return path


def packets(path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(getattr(container.streams, kind)[0]) if p.size]


@settings(max_examples=12, deadline=None)
@given(
    frames=st.integers(1, 60),
    fps=st.sampled_from(["1", "12.5", "16", "23.976", "24", "25", "29.97", "30", "59.94", "60"]),
)
def test_every_frame_sits_exactly_on_the_clock(tmp_path_factory, frames, fps):
    fps = timebase.parse_fps(fps)
    path = write(tmp_path_factory.mktemp("v") / "a.mp4", frames, fps)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [p.pts * p.time_base for p in container.demux(stream) if p.pts is not None]
        assert stream.duration * stream.time_base == frames / fps
        assert stream.average_rate == fps
    assert times == [k / fps for k in range(frames)]


def test_frames_come_back_in_order_and_colour(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 150, 120)]
    with VideoWriter(tmp_path / "a.mp4", SIZE, Fraction(25), None) as writer:
        for colour in colours:
            writer.write(torch.tensor(colour, dtype=torch.uint8).expand(*SIZE, 3))
    for (_, frame), colour in zip(read_frames(tmp_path / "a.mp4"), colours, strict=True):
        assert (frame.float().mean((0, 1)) - torch.tensor(colour).float()).abs().max() <= 3
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
        assert context.pix_fmt == "yuv420p"


def test_odd_sizes_are_completed_by_repeating_the_edge(tmp_path):
    frame = grey(90, (47, 61))
    frame[:, -1] = 220
    with VideoWriter(tmp_path / "a.mp4", (47, 61), Fraction(25), None) as writer:
        writer.write(frame)
    _, back = next(read_frames(tmp_path / "a.mp4"))
    assert back.shape == (48, 62, 3)
    assert (back[:40, -2:].float() - 220).abs().mean() < 12


COPIED = [
    ("a.mp3", "libmp3lame"),
    ("a.m4a", "aac"),
    ("a.aac", "aac"),
    ("a.opus", "libopus"),
    ("a.flac", "flac"),
    ("b.m4a", "alac"),
    ("a.ac3", "ac3"),
    ("v.mkv", "aac"),
]


@pytest.mark.parametrize(("name", "codec"), COPIED, ids=[name for name, _ in COPIED])
def test_sound_is_copied_packet_by_packet_and_in_time(tmp_path, write_sound, chirp, name, codec):
    source = write_sound(name, chirp(1.7, 48000, 2), 48000, codec)
    sound = inspect_sound(source)
    path = write(tmp_path / "out.mp4", timebase.frame_count(sound.samples, 48000, Fraction(25)), sound=sound)
    assert inspect_sound(path).codec == sound.codec
    before, after = read_waveform(source).samples, read_waveform(path).samples
    length = min(before.shape[1], after.shape[1])
    assert length >= sound.samples
    assert torch.equal(before[:, :length], after[:, :length])
    if name != "a.aac":  # raw AAC packets lose the header that MP4 keeps aside
        assert packets(path, "audio") == packets(source, "audio")


@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (44100, 2), (37800, 2), (48000, 6), (48000, 8), (96000, 2), (192000, 1)]
)
def test_other_sound_becomes_aac_at_its_own_rate_and_channels(tmp_path, write_sound, chirp, rate, channels):
    source = write_sound("a.wav", chirp(1.2, rate, channels), rate)
    path = write(tmp_path / "out.mp4", 30, sound=inspect_sound(source))
    sound = inspect_sound(path)
    kept = {37800: 44100, 192000: 96000}.get(rate, rate)  # AAC does not know the others
    assert (sound.codec, sound.sample_rate, sound.channels) == ("aac", kept, channels)
    if kept == rate:
        before, after = read_waveform(source).samples[0], read_waveform(path).samples[0]
        inner = slice(rate // 10, rate)
        assert np.corrcoef(before[inner], after[inner])[0, 1] > 0.99


def test_sound_from_memory(tmp_path, chirp):
    samples = torch.from_numpy(chirp(2.5, 24000, 2))
    path = write(tmp_path / "out.mp4", 63, sound=Waveform(samples, 24000))
    after = read_waveform(path).samples
    assert np.corrcoef(samples[0, 1000:50000], after[0, 1000:50000])[0, 1] > 0.99


def test_an_exception_leaves_no_file(tmp_path):
    def fail(error):
        with VideoWriter(tmp_path / "a.mp4", SIZE, Fraction(25), None) as writer:
            writer.write(grey(9))
            raise error

    for error in (RuntimeError("broken"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(error)
        assert list(tmp_path.iterdir()) == []


def test_a_failed_second_try_keeps_the_first_result(tmp_path):
    path = write(tmp_path / "a.mp4", 3)
    before = path.read_bytes()
    with pytest.raises(RuntimeError), VideoWriter(path, SIZE, Fraction(25), None):
        raise RuntimeError
    assert path.read_bytes() == before


def test_output_is_checked_first(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "a.avi", tmp_path / "file" / "a.mp4", tmp_path):
        with pytest.raises(InputError, match="expected"):
            VideoWriter(path, SIZE, Fraction(25), None)


def test_what_is_no_video_is_refused(tmp_path, write_sound, chirp):
    (tmp_path / "a.mp4").write_bytes(b"hello")
    for path in (tmp_path / "a.mp4", tmp_path / "b.mp4", write_sound("a.wav", chirp(0.2, 8000), 8000)):
        with pytest.raises(InputError, match="expected a video file"):
            next(read_frames(path))


FULL_DISK = """
import resource, signal, sys, torch
from fractions import Fraction
from neo_core.data_types import InputError
from neo_core.media.video import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with VideoWriter(sys.argv[1], (48, 64), Fraction(25), None) as writer:
        for k in range(1000):
            writer.write(torch.randint(0, 255, (48, 64, 3), dtype=torch.uint8))
except InputError as error:
    sys.exit(0 if "expected a disk with enough space" in str(error) else 1)
sys.exit(3)
"""


def test_a_full_disk_is_told_in_one_sentence(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.mp4")]
    assert subprocess.run(command, check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []


ENDLESS = """
import sys, torch
from fractions import Fraction
from neo_core.media.audio import inspect_sound
from neo_core.media.video import VideoWriter
with VideoWriter(sys.argv[1], (48, 64), Fraction(25), inspect_sound(sys.argv[2])) as writer:
    for k in range(10**9):
        writer.write(torch.randint(0, 255, (48, 64, 3), dtype=torch.uint8))
        if k == 200:
            print("going", flush=True)
"""


def test_a_killed_process_leaves_a_playable_part(tmp_path, write_sound, chirp):
    source = write_sound("a.m4a", chirp(20, 48000), 48000, "aac")
    command = [sys.executable, "-c", ENDLESS, str(tmp_path / "a.mp4"), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        assert process.stdout.readline() == b"going\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "a.mp4").exists()
    frames = list(read_frames(part_path(tmp_path / "a.mp4")))
    assert len(frames) >= 125  # all but the x264 delay and the last fragment
    assert inspect_sound(part_path(tmp_path / "a.mp4")).seconds > 4
