"""Motion files: what was performed can be rendered again."""

import json
from fractions import Fraction

import pytest
import torch

from neo_core import motion_space
from neo_core.data_types import InputError, MotionLatents
from neo_core.pipelines.motion_file import SUFFIXES, USES, load_motion, save_motion
from neo_core.weights import safetensors_io

NAMES = list(motion_space.NAMES)
ROW = [0] * 63


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(tmp_path, suffix):
    motion, reference = motion_space.clamp(torch.randn(40, 63) * 20), motion_space.clamp(torch.randn(63))
    save_motion(tmp_path / f"m{suffix}", MotionLatents(motion, Fraction(30000, 1001), reference))
    back = load_motion(tmp_path / f"m{suffix}")
    assert torch.equal(back.motion, motion)
    assert torch.equal(back.reference, reference)
    assert back.fps == Fraction(30000, 1001)
    assert [file.name for file in tmp_path.iterdir()] == [f"m{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_use_is_kept(tmp_path, suffix):
    """Motion of a video stays re-enactment, whomever it is drawn on."""
    path = tmp_path / f"m{suffix}"
    for use in USES:
        save_motion(path, MotionLatents(torch.zeros(2, 63), Fraction(25), use=use))
        assert load_motion(path).use == use
    save_motion(path, MotionLatents(torch.zeros(2, 63), Fraction(25), use="anything"))
    with pytest.raises(InputError, match="expected talking-head or reenactment"):
        load_motion(path)


def test_json_is_plain(tmp_path):
    motion = torch.zeros(2, 63)
    motion[1, 26] = 0.1
    save_motion(tmp_path / "m.json", MotionLatents(motion, Fraction(25)))
    text = (tmp_path / "m.json").read_text()
    assert json.loads(text)["motion"][1][26] == 0.1  # not 0.10000000149011612
    assert max(len(line) for line in text.splitlines()) < 1200  # a frame a line


def test_a_file_without_reference_rests(tmp_path):
    config = {"fps": "25", "names": NAMES}
    safetensors_io.save(tmp_path / "old.safetensors", {"motion": torch.ones(3, 63)}, config)
    (tmp_path / "old.json").write_text(json.dumps({**config, "motion": [[1] * 63] * 3}))
    for name in ("old.safetensors", "old.json"):
        loaded = load_motion(tmp_path / name)
        assert torch.equal(loaded.reference, motion_space.rest())
        assert torch.equal(loaded.motion, torch.ones(3, 63))
        assert loaded.use == "talking-head"


@pytest.mark.parametrize(
    ("tensors", "config"),
    [
        ({"motion": torch.zeros(5, 52)}, {"fps": "25", "names": NAMES}),
        ({"motion": torch.zeros(0, 63)}, {"fps": "25", "names": NAMES}),
        ({"latent": torch.zeros(5, 63)}, {"fps": "25", "names": NAMES}),
        ({"motion": torch.full((5, 63), torch.nan)}, {"fps": "25", "names": NAMES}),
        ({"motion": torch.zeros(5, 63), "reference": torch.zeros(62)}, {"fps": "25", "names": NAMES}),
        ({"motion": torch.zeros(5, 63), "reference": torch.full((63,), torch.inf)}, {"fps": "25", "names": NAMES}),
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


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"fps": "25", "names": NAMES, "motion": []},
        {"fps": "25", "names": NAMES, "motion": 1},
        {"fps": "25", "names": NAMES, "motion": {}},
        {"fps": "25", "names": NAMES, "motion": ROW},
        {"fps": "25", "names": NAMES, "motion": [ROW, ROW[1:]]},
        {"fps": "25", "names": NAMES, "motion": [[*ROW[1:], "0"]]},
        {"fps": "25", "names": NAMES, "motion": [[*ROW[1:], True]]},
        {"fps": "25", "names": NAMES, "motion": [[*ROW[1:], None]]},
        {"fps": "25", "names": NAMES, "motion": [[*ROW[1:], 10**400]]},
        {"fps": "25", "names": NAMES, "motion": [[*ROW[1:], float("nan")]]},
        {"fps": "25", "names": NAMES, "motion": [[ROW]]},
        {"fps": "25", "names": NAMES, "motion": [ROW], "reference": ROW[1:]},
        {"fps": "25", "names": NAMES, "motion": [ROW], "reference": None},
        {"fps": [25], "names": NAMES, "motion": [ROW]},
        {"fps": "25", "names": NAMES[::-1], "motion": [ROW]},
    ],
)
def test_other_json_is_refused(tmp_path, content):
    (tmp_path / "m.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="expected"):
        load_motion(tmp_path / "m.json")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "content", [b"", b"hello", bytes(200), b"\xff" * 9, b"[" * 100000, b'{"motion": 1' + b"0" * 5000]
)
def test_what_is_no_motion_file_is_refused(tmp_path, content, suffix):
    (tmp_path / f"m{suffix}").write_bytes(content)
    with pytest.raises(InputError, match="expected"):
        load_motion(tmp_path / f"m{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_file_is_refused(tmp_path, suffix):
    with pytest.raises(InputError, match="expected"):
        load_motion(tmp_path / f"m{suffix}")
