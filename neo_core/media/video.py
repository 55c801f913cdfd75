"""Video out and in, frame by frame.

While a video is being written it is a fragmented MP4 (`clip.part.mp4`) that stays playable up to the last second when
the process is killed; at the end it is remuxed, without encoding again, into a plain MP4 that starts at once in a
browser, and takes the name it was asked for in one step.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from torch import Tensor

from ..data_types import InputError, Waveform
from .audio import Sound
from .destination import check_writable, disk_faults, part_path, replacing
from .soundtrack import Soundtrack

SUFFIXES = (".mp4",)
FRAGMENTED = {"movflags": "frag_keyframe+delay_moov+default_base_moof", "flush_packets": "1"}
PLAIN = {"movflags": "faststart"}
BT709, UNSAID = 1, 2  # matrix, primaries and transfer curve, as numbered in ITU-T H.273
MATRICES = {1: Colorspace.ITU709, 7: Colorspace.SMPTE240M, 9: Colorspace.BT2020, 10: Colorspace.BT2020}
AV_TIME_BASE = 1_000_000  # ticks a second of a container
HD = (1280, 577)  # width or height from which on a file that says nothing has colours by BT.709, as players have it
TIMELESS = (
    "video {} does not say when its frames are shown; expected a file that does, such as MP4: "
    "ffmpeg -fflags +genpts -i IN -c copy OUT.mp4 makes one of it"
)
THREADS = min(4, os.cpu_count() or 1)
LOOKAHEAD = 10  # frames x264 keeps: few, so that 4K stays small in memory


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709) with a sound, as a context manager: `with VideoWriter(...) as w: w.write(frame)`.

    Leaving the block finishes the file; leaving it by an exception (Ctrl-C too) leaves no file behind.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        fps: Fraction,
        sound: Sound | Waveform | None,
        *,
        crf: int = 18,
        ticks: int = 1,
        comment: str | None = None,
    ) -> None:
        """size: (height, width) of every frame; odd sizes are completed by repeating the last row or column. `ticks`
        are the moments per frame's time that a frame may begin at, for frames that do not come evenly. The finished
        file says the `comment` of itself."""
        self.path = check_writable(path, SUFFIXES)
        self.fps = fps
        self.comment = comment
        self.frames = 0
        self._clock, self._next = 1 / (fps * ticks), 0  # and the first tick that the next frame may begin at
        self._size = size
        with disk_faults(self.path):
            self._container = av.open(str(part_path(self.path)), "w", format="mp4", container_options=FRAGMENTED)
        self._stream = _video_stream(self._container, size, fps, crf, self._clock)
        self._soundtrack = Soundtrack(self._container, sound) if sound else None

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        part = part_path(self.path)
        try:
            with disk_faults(self.path):
                if kind is None:
                    self._flush()
                self._close()
                if kind is None:
                    _finalise(part, self.path, self.comment)
        finally:
            part.unlink(missing_ok=True)

    def write(self, frame: Tensor, at: Fraction | None = None) -> None:
        """Encode the next frame [H, W, 3] uint8 sRGB, which begins `at` so many seconds, or else in its even turn."""
        assert tuple(frame.shape) == (*self._size, 3), f"frame is {tuple(frame.shape)}, expected {(*self._size, 3)}"
        picture = av.VideoFrame.from_ndarray(_even(frame.cpu().numpy()), format="rgb24")
        picture = picture.reformat(
            format="yuv420p",
            interpolation=Interpolation.BICUBIC,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        moment = self.frames / self.fps if at is None else at
        picture.pts, picture.time_base = max(self._next, round(moment / self._clock)), self._clock
        self._next = picture.pts + 1
        with disk_faults(self.path):
            self._mux(picture)
        self.frames += 1

    def _mux(self, picture: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            if self._soundtrack:
                self._soundtrack.advance(packet.pts * packet.time_base)
            packet.duration = round(1 / (self.fps * packet.time_base))  # else the last frame would last no time
            self._container.mux(packet)

    def _flush(self) -> None:
        self._mux(None)
        if self._soundtrack:
            self._soundtrack.finish()

    def _close(self) -> None:
        self._container.close()
        if self._soundtrack:
            self._soundtrack.close()


def read_frames(path: str | Path) -> Iterator[tuple[Fraction, Tensor]]:
    """Every frame that can be decoded with its time in seconds since the first, upright and in square pixels.
    [H, W, 3] uint8

    Raises InputError for a file without times, or one that cannot be read to its end.
    """
    with opened(path) as container:
        stretched = pixel_aspect(container.streams.video[0])
        start = None
        for frame in decoded(container):
            moment = frame.pts * frame.time_base
            start = moment if start is None else start
            quarter_turns = round(frame.rotation / 90)
            picture = np.rot90(_to_rgb(frame, stretched), quarter_turns)
            yield moment - start, torch.from_numpy(np.ascontiguousarray(picture))


def decoded(container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    """Frames of a video as they are shown, without those that are damaged."""
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    try:
        for packet in container.demux(stream):
            for frame in _undamaged(packet):
                if frame.pts is None:
                    raise InputError(TIMELESS.format(container.name))
                yield frame
    except av.FFmpegError as error:
        raise InputError(f"video {container.name} cannot be decoded ({error}); expected a complete file") from error


def _undamaged(packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except av.error.InvalidDataError:  # who counts frames shows the one before it again: `footage.read_pictures`
        return []


def stated_seconds(path: str | Path) -> float | None:
    """How long the pictures of a video last, as the file says, before any is read; None where it does not."""
    with opened(path) as container:
        stream = container.streams.video[0]
        if stream.duration is not None:
            return float(stream.duration * stream.time_base)
        return None if container.duration is None else container.duration / AV_TIME_BASE


def pixel_aspect(stream: av.VideoStream) -> Fraction:
    """Width of a pixel over its height."""
    return stream.sample_aspect_ratio or Fraction(1)


def _to_rgb(frame: av.VideoFrame, stretched: Fraction) -> np.ndarray:
    """sRGB bytes by the matrix the frame says it was made with, or is likely to be. [H, W, 3]"""
    matrix = MATRICES.get(frame.colorspace, Colorspace.ITU601)
    if frame.colorspace == UNSAID and (frame.width >= HD[0] or frame.height >= HD[1]):
        matrix = Colorspace.ITU709
    width = round(frame.width * stretched)
    square = frame.reformat(
        width=width, format="rgb24", src_colorspace=matrix, dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BILINEAR if width == frame.width else Interpolation.BICUBIC,
    )  # fmt: skip
    return square.to_ndarray()


def opened(path: str | Path) -> av.container.InputContainer:
    if not os.path.isfile(path):
        raise InputError(f"video {path} does not exist; expected a video file")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"video {path} cannot be read ({error}); expected a video file such as MP4") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path} has no pictures; expected a video file")
    return container


def _video_stream(container, size: tuple[int, int], fps: Fraction, crf: int, clock: Fraction) -> av.VideoStream:
    height, width = size
    # No B-frames: every frame is decoded in the order it is shown, so even a cut-off file starts exactly at 0.
    options = {"crf": str(crf), "preset": "medium", "bf": "0", "rc-lookahead": str(LOOKAHEAD)}
    stream = container.add_stream("libx264", rate=fps, options=options)
    stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
    context = stream.codec_context
    context.time_base = clock
    context.gop_size = round(fps)  # a key frame, and so a fragment, each second
    context.thread_count = THREADS
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.color_primaries = context.color_trc = BT709
    return stream


def _even(frame: np.ndarray) -> np.ndarray:
    """yuv420p needs even sides."""
    height, width, _ = frame.shape
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else frame


def _finalise(part: Path, path: Path, comment: str | None) -> None:
    """The fragments as one plain MP4, index first; the packets stay as they are."""
    with (
        replacing(path, "final") as final,
        av.open(str(part)) as source,
        av.open(str(final), "w", format="mp4", container_options=PLAIN) as target,
    ):
        if comment:
            target.metadata["comment"] = comment
        streams = {stream.index: _same_stream(target, stream) for stream in source.streams}
        for packet in source.demux():
            if packet.pts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)


def _same_stream(target: av.container.OutputContainer, stream: av.stream.Stream) -> av.stream.Stream:
    copy = target.add_stream_from_template(stream, opaque=True)  # opaque: older PyAV would open an encoder
    copy.time_base = stream.time_base
    return copy
