"""The fake host of `tests/nodes` says what this real one says, and the node tests pass on both."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NODE_TESTS = Path(__file__).resolve().parents[1] / "nodes"
PYTEST = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli")


def answer(python: str, script: str, environment: dict, given: str = "") -> str:
    command = [python, str(NODE_TESTS / script)]
    done = subprocess.run(command, input=given, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def surface():
    """How two hosts differ, from the module that describes them."""
    sys.path.append(str(NODE_TESTS))
    import host_surface

    return host_surface


def test_what_the_fake_host_offers_exists_with_the_same_parameters(checkout, surface):
    fake = answer(sys.executable, "host_surface.py", {"NEO_TEST_HOST": ""})
    names = json.dumps(list(json.loads(fake)))
    real = answer(checkout.python, "host_surface.py", {"NEO_TEST_HOST": str(checkout.folder)}, names)
    assert len(json.loads(fake)) > 200
    assert surface.differences(json.loads(fake), json.loads(real)) == []


def test_drift_would_be_found(surface):
    def function(*names):
        parameters = [{"name": name, "kind": "POSITIONAL_OR_KEYWORD", "default": None} for name in names]
        return {"kind": "function", "parameters": parameters}

    fake = {"a": function("x"), "b": function("x"), "c": function("x"), "d": function("x")}
    real = {"a": None, "b": function("y"), "c": function("x", "y"), "d": {"kind": "class", "parameters": None}}
    assert len(surface.differences(fake, real)) == 4
    assert surface.differences(fake, fake) == []


def test_both_hosts_tell_the_same_schemas(host):
    sys.path.append(str(NODE_TESTS))
    from schema_snapshot import snapshot

    fake = json.loads(answer(sys.executable, "schema_snapshot.py", {"NEO_TEST_HOST": ""}))
    info = host.object_info()
    real = snapshot({name: info[name] for name in fake})
    assert real == fake


def test_the_node_tests_pass_on_the_real_modules(checkout, tmp_path):
    """In the host's own interpreter, which borrows nothing from ours but pytest."""
    for name in PYTEST:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin:
            origin = Path(found.origin)
            link = tmp_path / (name if origin.name == "__init__.py" else origin.name)
            link.symlink_to(origin.parent if origin.name == "__init__.py" else origin)
    run = f"import sys; sys.path.append({str(tmp_path)!r}); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider", "--confcutdir", str(NODE_TESTS)]
    options += ["--rootdir", str(NODE_TESTS), "-c", os.devnull, str(NODE_TESTS)]
    environment = os.environ | {"NEO_TEST_HOST": str(checkout.folder), "OMP_NUM_THREADS": "1"}
    command = [checkout.python, "-c", run, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " skipped" not in done.stdout
