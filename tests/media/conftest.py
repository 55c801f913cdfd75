"""Sounds in files, made on the spot."""

import av
import numpy as np
import pytest


@pytest.fixture
def write_sound(tmp_path):
    """write_sound(name, samples [C, N], rate, codec) -> path"""

    def write(name: str, samples: np.ndarray, rate: int, codec: str = "pcm_f32le", layout: str | None = None):
        path = tmp_path / name
        layout = layout or {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[0]]
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            if samples.shape[1]:
                packed = np.ascontiguousarray(samples.astype(np.float32).T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
                frame.sample_rate, frame.pts = rate, 0
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def chirp():
    """chirp(seconds, rate, channels) -> [C, N]: never the same twice, so a shift shows."""

    def make(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
        time = np.arange(round(seconds * rate)) / rate
        tone = 0.5 * np.sin(2 * np.pi * (150 * time + 120 * time**2))
        return np.stack([tone * (1 - 0.1 * c) for c in range(channels)]).astype(np.float32)

    return make
