"""Motion files: what was performed can be rendered again."""

from fractions import Fraction

import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError, MotionLatents
from neo_core.pipelines.motion_file import load_motion, save_motion
from neo_core.weights import safetensors_io


def test_round_trip(tmp_path):
    motion = motion_space.clamp(torch.randn(40, motion_space.SIZE) * 20)
    save_motion(tmp_path / "m.safetensors", MotionLatents(motion, Fraction(30000, 1001)))
    back = load_motion(tmp_path / "m.safetensors")
    assert torch.equal(back.motion, motion)
    assert back.fps == Fraction(30000, 1001)


NAMES = list(motion_space.NAMES)


@pytest.mark.parametrize(
    ("tensors", "config"),
    [
        ({"motion": torch.zeros(5, 52)}, {"fps": "25", "names": NAMES}),
        ({"motion": torch.zeros(0, 63)}, {"fps": "25", "names": NAMES}),
        ({"latent": torch.zeros(5, 63)}, {"fps": "25", "names": NAMES}),
        ({"motion": torch.full((5, 63), torch.nan)}, {"fps": "25", "names": NAMES}),
        ({"motion": torch.zeros(5, 63)}, {"fps": "25", "names": NAMES[::-1]}),
        ({"motion": torch.zeros(5, 63)}, {}),
        ({"motion": torch.zeros(5, 63)}, []),
        ({"motion": torch.zeros(5, 63)}, {"names": NAMES}),
        *(({"motion": torch.zeros(5, 63)}, {"fps": fps, "names": NAMES}) for fps in ("fast", "0", "1/0", None, [25])),
        ({"motion": torch.zeros(5, 63, dtype=torch.int32)}, {"fps": "25", "names": NAMES}),
    ],
)
def test_other_files_are_refused(tmp_path, tensors, config):
    safetensors_io.save(tmp_path / "m.safetensors", tensors, config)
    with pytest.raises(InputError, match="expected"):
        load_motion(tmp_path / "m.safetensors")


@pytest.mark.parametrize("content", [b"", b"hello", bytes(200)])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="expected"):
        load_motion(tmp_path / "m.safetensors")
