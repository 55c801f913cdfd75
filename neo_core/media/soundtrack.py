"""The creator's sound in an MP4: its very packets where MP4 allows the codec, else AAC at its own rate and channels."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

import av
from av.bitstream import BitStreamFilterContext
from torch import Tensor

from ..data_types import Waveform
from .audio import BLOCK_SECONDS, Sound, audio_frame, open_sound, read_blocks

COPYABLE = {"aac", "mp3", "alac", "opus", "ac3", "eac3", "flac"}
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
BITS_PER_SAMPLE = 2.5  # AAC bit rate per channel; 120 kb/s at 48 kHz


class Soundtrack:
    """One audio stream of an output container, filled up to the moment the picture has reached."""

    def __init__(self, container: av.container.OutputContainer, sound: Sound | Waveform) -> None:
        self._resources = ExitStack()
        if isinstance(sound, Sound) and is_copied(sound):
            self._packets = self._copy(container, sound)
        else:
            blocks = read_blocks(sound.path) if isinstance(sound, Sound) else _blocks(sound)
            channels = sound.channels if isinstance(sound, Sound) else sound.samples.shape[0]
            late = round(sound.late * sound.sample_rate) if isinstance(sound, Sound) else 0
            self._packets = self._encode(container, _from(blocks, -late), sound.sample_rate, channels, max(0, late))
        self._container = container
        self._next = next(self._packets, None)

    def advance(self, seconds: Fraction) -> None:
        """Mux every packet that starts before a moment."""
        while self._next is not None and self._next.pts * self._next.time_base < seconds:
            self._container.mux(self._next)
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Mux what is left."""
        while self._next is not None:
            self._container.mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._packets.close()
        self._resources.close()

    def _copy(self, container: av.container.OutputContainer, sound: Sound) -> Iterator[av.Packet]:
        source, stream = self._resources.enter_context(open_sound(sound.path))
        target = container.add_stream_from_template(stream)
        packets = (packet for packet in source.demux(stream) if packet.pts is not None)
        if sound.codec == "aac" and not stream.codec_context.extradata:  # a raw AAC file: MP4 wants its headers aside
            unframe = BitStreamFilterContext("aac_adtstoasc", stream, target)
            packets = (plain for packet in packets for plain in unframe.filter(packet))
        return _shifted(packets, target, sound.start - sound.late)

    def _encode(
        self, container: av.container.OutputContainer, blocks: Iterator[Tensor], rate: int, channels: int, first: int
    ) -> Iterator[av.Packet]:
        target = next((r for r in AAC_RATES if r >= rate), AAC_RATES[-1])
        stream = container.add_stream("aac", rate=target, layout=LAYOUTS[channels])
        stream.bit_rate = int(BITS_PER_SAMPLE * target * channels)
        return _encoded(blocks, stream, rate, LAYOUTS[channels], first)


def is_copied(sound: Sound) -> bool:
    """Whether a sound enters an MP4 bit for bit: not one that begins before the picture, in the middle of a packet."""
    playable = sound.codec != "mp3" or sound.sample_rate >= 16000  # MP4 knows MPEG-1 and MPEG-2 layer 3, not 2.5
    return sound.codec in COPYABLE and sound.continuous and playable and sound.late >= 0


def _shifted(packets: Iterator[av.Packet], target: av.AudioStream, start: Fraction) -> Iterator[av.Packet]:
    """Packets on a clock that is 0 at the first sample a player hears."""
    for packet in packets:
        shift = round(start / packet.time_base)
        packet.pts -= shift
        packet.dts -= shift
        packet.stream = target
        yield packet


def _from(blocks: Iterator[Tensor], first: int) -> Iterator[Tensor]:
    """Blocks [C, n] from a sample on."""
    for block in blocks:
        if first < block.shape[1]:
            yield block[:, max(0, first) :]
        first -= block.shape[1]


def _encoded(
    blocks: Iterator[Tensor], stream: av.AudioStream, rate: int, layout: str, position: int
) -> Iterator[av.Packet]:
    for block in blocks:
        frame = audio_frame(block, rate, layout)
        frame.time_base, frame.pts = Fraction(1, rate), position
        position += block.shape[1]
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _blocks(sound: Waveform) -> Iterator[Tensor]:
    yield from sound.samples.cpu().split(sound.sample_rate * BLOCK_SECONDS, dim=1)
