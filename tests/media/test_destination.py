"""Where results go: refused early, in one sentence, and never over what is read."""

import errno
import os

import pytest

from neo_core.data_types import InputError
from neo_core.media.destination import check_writable, disk_faults, part_path, replacing


def test_an_output_over_its_own_source_is_refused(tmp_path):
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"precious")
    (tmp_path / "linked.mp4").symlink_to(source)
    for output in (source, tmp_path / ".." / tmp_path.name / "clip.mp4", tmp_path / "linked.mp4"):
        with pytest.raises(InputError, match="would overwrite"):
            check_writable(output, (".mp4",), (tmp_path / "missing.png", source))
    assert check_writable(tmp_path / "other.mp4", (".mp4",), (source,)) == tmp_path / "other.mp4"


@pytest.mark.parametrize("stage", ["part", "final"])
def test_a_source_named_like_an_unfinished_output_is_kept(tmp_path, stage):
    source = part_path(tmp_path / "clip.mp4", stage)
    source.write_bytes(b"precious")
    with pytest.raises(InputError, match="would overwrite"):
        check_writable(tmp_path / "clip.mp4", (".mp4",), (source,))


@pytest.mark.parametrize("length", [245, 255, 5000])
def test_a_name_that_is_too_long_is_told(tmp_path, length):
    with pytest.raises(InputError, match="expected a short name"):
        check_writable(tmp_path / ("a" * (length - 4) + ".mp4"), (".mp4",))


def test_a_folder_that_must_not_be_written_is_told(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("neo_core.media.destination.tempfile.TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"permission denied.*expected"):
        check_writable(tmp_path / "a.mp4", (".mp4",))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_fault_of_the_disk_is_told_and_others_pass(number):
    with pytest.raises(InputError, match=os.strerror(number)), disk_faults("a.mp4"):
        raise OSError(number, "anything")
    with pytest.raises(OSError, match="other"), disk_faults("a.mp4"):
        raise OSError(errno.EBADF, "other")


def test_the_target_appears_in_one_step_or_not_at_all(tmp_path):
    target = tmp_path / "a.txt"
    with pytest.raises(FileNotFoundError), replacing(target) as part:
        part.with_name("half").rename(part)
    assert list(tmp_path.iterdir()) == []
    with replacing(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["whole"]
