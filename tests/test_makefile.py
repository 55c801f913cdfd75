"""`make demo` brings what the product needs, `make test` also what tests need, and lint reads the project only."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEST_TOOLS = '".[test]"'

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


def planned(target, folder):
    """What make would run for a target, with the virtual environment in `folder`."""
    plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "--dry-run", target, f"VENV={folder}"]
    return subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True).stdout


def stamp(path, seconds):
    """A stamp file as old or young as told, from now."""
    path.touch()
    os.utime(path, (time.time() + seconds,) * 2)


def test_the_demo_needs_no_tools_of_the_tests(tmp_path):
    assert TEST_TOOLS not in planned("demo", tmp_path)
    assert "install --editable .\n" in planned("demo", tmp_path)


def test_tests_after_the_demo_bring_their_tools_only(tmp_path):
    stamp(tmp_path / ".installed", 5)
    assert TEST_TOOLS in planned("test", tmp_path)
    assert "torch==" not in planned("test", tmp_path)
    assert "pip install" not in planned("demo", tmp_path)


def test_what_is_there_is_not_installed_again_but_renewed_with_the_product(tmp_path):
    stamp(tmp_path / ".installed", 5)
    stamp(tmp_path / ".installed-tests", 6)
    assert "pip install" not in planned("test", tmp_path)
    stamp(tmp_path / ".installed", 7)
    assert TEST_TOOLS in planned("test", tmp_path)
    stamp(tmp_path / ".installed", -1e9)  # the project asks for other packages since
    assert "torch==" in planned("test", tmp_path)
    assert TEST_TOOLS in planned("test", tmp_path)


def test_lint_reads_the_project_and_not_the_folder(tmp_path):
    lines = [line for line in planned("lint", tmp_path).splitlines() if "ruff" in line and "pip" not in line]
    assert len(lines) == 2
    for line in lines:
        assert {"neo_core", "nodes", "tests", "__init__.py"} <= set(line.split())
        assert "." not in line.split()
