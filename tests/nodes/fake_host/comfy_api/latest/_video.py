"""Videos as values: a file that nodes pass on, or frames and sound in memory."""

import io
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

import av
import numpy as np
import torch


class VideoCodec(str, Enum):
    AUTO = "auto"
    H264 = "h264"
    AV1 = "av1"


class VideoContainer(str, Enum):
    AUTO = "auto"
    MP4 = "mp4"
    MKV = "mkv"
    WEBM = "webm"

    @classmethod
    def get_extension(cls, value) -> str:
        value = cls(value)
        return "mp4" if value is cls.AUTO else value.value


@dataclass
class VideoComponents:
    images: torch.Tensor  # [T, H, W, 3] in 0..1
    frame_rate: Fraction
    audio: dict | None = None
    metadata: dict | None = None
    alpha: torch.Tensor | None = None


class VideoInput(ABC):
    @abstractmethod
    def get_components(self) -> VideoComponents: ...

    @abstractmethod
    def save_to(
        self,
        path,
        format=VideoContainer.AUTO,
        codec=VideoCodec.AUTO,
        metadata=None,
        bit_depth=None,
        crf=None,
        color_space=None,
    ): ...

    @abstractmethod
    def as_trimmed(self, start_time=None, duration=None, strict_duration=False): ...

    def get_stream_source(self):
        buffer = io.BytesIO()
        self.save_to(buffer)
        buffer.seek(0)
        return buffer

    def get_dimensions(self) -> tuple[int, int]:
        images = self.get_components().images
        return images.shape[2], images.shape[1]

    def get_duration(self) -> float:
        components = self.get_components()
        return float(components.images.shape[0] / components.frame_rate)

    def get_frame_count(self) -> int:
        return int(self.get_components().images.shape[0])

    def get_frame_rate(self) -> Fraction:
        return self.get_components().frame_rate


class VideoFromFile(VideoInput):
    def __init__(self, file, *, start_time=0, duration=0) -> None:
        self.__file = file
        self.__start_time = start_time
        self.__duration = duration

    def get_stream_source(self):
        return self.__file

    def get_active_trim_window(self) -> tuple[float, float]:
        return float(self.__start_time), float(self.__duration)

    def get_dimensions(self) -> tuple[int, int]:
        with av.open(self.__file) as container:
            stream = container.streams.video[0]
            return stream.width, stream.height

    def get_duration(self) -> float:
        with av.open(self.__file) as container:
            return float(container.duration / av.time_base)

    def get_frame_count(self) -> int:
        with av.open(self.__file) as container:
            return container.streams.video[0].frames

    def get_frame_rate(self) -> Fraction:
        with av.open(self.__file) as container:
            return Fraction(container.streams.video[0].average_rate)

    def get_components(self) -> VideoComponents:
        with av.open(self.__file) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        with av.open(self.__file) as container:
            sound = [frame.to_ndarray() for frame in container.decode(audio=0)] if container.streams.audio else []
            rate = container.streams.audio[0].rate if sound else 0
        audio = {"waveform": torch.from_numpy(np.concatenate(sound, 1))[None], "sample_rate": rate} if sound else None
        return VideoComponents(torch.from_numpy(np.stack(frames)).float() / 255, self.get_frame_rate(), audio)

    def save_to(
        self,
        path,
        format=VideoContainer.AUTO,
        codec=VideoCodec.AUTO,
        metadata=None,
        bit_depth=None,
        crf=None,
        color_space=None,
    ):
        """The streams as they are, in a new file with the metadata."""
        container = None if isinstance(path, str) else VideoContainer.get_extension(format)
        options = {"movflags": "use_metadata_tags"}
        with av.open(self.__file) as source, av.open(path, "w", format=container, options=options) as target:
            target.metadata.update({key: json.dumps(value) for key, value in (metadata or {}).items()})
            copies = {stream: target.add_stream_from_template(stream) for stream in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = copies[packet.stream]
                    target.mux(packet)

    def as_trimmed(self, start_time=0, duration=0, strict_duration=True):
        return VideoFromFile(self.__file, start_time=start_time + self.__start_time, duration=duration)


class VideoFromComponents(VideoInput):
    def __init__(self, components, bit_depth=8) -> None:
        self.__components = components

    def get_components(self) -> VideoComponents:
        return self.__components

    def save_to(
        self,
        path,
        format=VideoContainer.AUTO,
        codec=VideoCodec.AUTO,
        metadata=None,
        bit_depth=None,
        crf=None,
        color_space=None,
    ):
        raise NotImplementedError("the fake host writes no frames; nodes return files")

    def as_trimmed(self, start_time=None, duration=None, strict_duration=True):
        raise NotImplementedError("the fake host writes no frames; nodes return files")
