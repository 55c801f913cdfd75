"""A ComfyUI of our own: started from a checkout with nothing of the user's, driven through its HTTP interface, stopped.

It needs nothing beyond the standard library, so it runs beside any checkout and any interpreter.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .bench import CouldNotRun

FOLDERS = ("custom_nodes", "models", "input", "output", "temp", "user/default")
IGNORED = ("Note", "MarkdownNote")  # drawn by the browser only
CHOICE_WITH_INPUTS = "COMFY_DYNAMICCOMBO_V3"  # each choice brings inputs of its own
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "CURVE", CHOICE_WITH_INPUTS)
OFF = (2, 4)  # modes of a node that is muted or bypassed


class HostError(CouldNotRun):
    """The host did not start, or an answer is not what a ComfyUI answers."""


class PromptRefused(HostError):
    """The host did not queue a prompt; `answer` says why, for the prompt and for each node."""

    def __init__(self, answer: dict) -> None:
        self.answer = answer
        super().__init__(f"prompt refused: {json.dumps(answer)[:2000]}")


@dataclass(frozen=True)
class Outcome:
    """What became of a prompt."""

    prompt: str  # id
    status: str  # "success", "error" or "interrupted"
    files: tuple[Path, ...]  # saved by its output nodes; files in the temp folder are not among them
    error: str  # the exception's words; empty when there was none
    exception: str  # its type, with the module
    node: str  # id of the node that raised
    cached: tuple[str, ...]  # ids of nodes that did not run again
    seconds: float  # between the first and the last message


@dataclass(frozen=True)
class Checkout:
    """A ComfyUI's source and the interpreter that has its requirements."""

    folder: Path
    python: str = "python3"

    def command(self, base: Path, port: int) -> list[str]:
        """Start it on the processor, with every folder under `base`, and without the nodes that call services."""
        address = ("--listen", "127.0.0.1", "--port", str(port))
        apart = ("--base-directory", str(base), "--database-url", "sqlite:///:memory:", "--disable-api-nodes")
        return [self.python, "main.py", "--cpu", *address, *apart]


class Host:
    """A running server. `base` holds its folders, `log` what it printed."""

    def __init__(self, checkout: Checkout, base: Path, port: int, process: subprocess.Popen) -> None:
        self.checkout = checkout
        self.base = base
        self.port = port
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    @property
    def log(self) -> str:
        return (self.base / "server.log").read_text(encoding="utf-8", errors="replace")

    def ask(self, path: str, body: object = None) -> bytes:
        """The answer to GET, or to POST when there is a body. Raises urllib.error.HTTPError."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def get(self, path: str) -> object:
        return json.loads(self.ask(path))

    def object_info(self) -> dict[str, dict]:
        """Every node the host knows, by id."""
        return self.get("/object_info")

    def queue(self, prompt: dict, workflow: dict | None = None) -> str:
        """Queue a prompt in API format and return its id; `workflow` is what a browser would store beside it."""
        extra = {} if workflow is None else {"extra_data": {"extra_pnginfo": {"workflow": workflow}}}
        try:
            return json.loads(self.ask("/prompt", {"prompt": prompt} | extra))["prompt_id"]
        except urllib.error.HTTPError as refusal:
            raise PromptRefused(json.loads(refusal.read())) from refusal

    def wait(self, prompt: str, timeout: float = 600) -> Outcome:
        """Wait until a queued prompt has ended. Raises HostError when it does not, or when the host dies."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            history = self.get(f"/history/{prompt}")
            if prompt in history:
                return self._outcome(prompt, history[prompt])
            self._must_live()
            time.sleep(0.05)
        raise HostError(f"prompt {prompt} still ran after {timeout} s")

    def run(self, prompt: dict, workflow: dict | None = None, timeout: float = 600) -> Outcome:
        return self.wait(self.queue(prompt, workflow), timeout)

    def interrupt(self) -> None:
        """Stop whatever runs, as the Cancel button does."""
        self.ask("/interrupt", {})

    def import_seconds(self, pack: str) -> float:
        """How long the host needed to import a pack, from its own log. Raises HostError when it failed to."""
        found = re.search(rf"([\d.]+) seconds( \(IMPORT FAILED\))?: .*{re.escape(pack)}$", self.log, re.MULTILINE)
        if found is None or found[2]:
            raise HostError(f"the host did not import {pack}:\n{self.log[-3000:]}")
        return float(found[1])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until_ready(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self._must_live()
            try:
                self.ask("/system_stats")
                return
            except OSError:  # nobody listens yet
                time.sleep(0.1)
        raise HostError(f"ComfyUI did not answer within {timeout} s:\n{self.log[-3000:]}")

    def _must_live(self) -> None:
        if self.process.poll() is not None:
            raise HostError(f"ComfyUI ended with code {self.process.returncode}:\n{self.log[-3000:]}")

    def _outcome(self, prompt: str, entry: dict) -> Outcome:
        messages = dict(entry["status"]["messages"])
        interrupted = "execution_interrupted" in messages
        error = messages.get("execution_error", {})
        outputs = [item for output in entry["outputs"].values() for items in output.values() for item in items]
        files = [item for item in outputs if isinstance(item, dict) and item.get("type") == "output"]
        times = [message["timestamp"] for message in messages.values() if "timestamp" in message]
        return Outcome(
            prompt=prompt,
            status="interrupted" if interrupted else entry["status"]["status_str"],
            files=tuple(self.base / "output" / file["subfolder"] / file["filename"] for file in files),
            error=error.get("exception_message", "").strip(),
            exception=error.get("exception_type", ""),
            node=error.get("node_id", ""),
            cached=tuple(messages.get("execution_cached", {}).get("nodes", ())),
            seconds=(max(times) - min(times)) / 1000 if times else 0.0,
        )


@contextmanager
def serve(
    checkout: Checkout,
    base: Path,
    packs: Mapping[str, Path],
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> Iterator[Host]:
    """A host with these packs (name of the folder in custom_nodes -> folder it links to), stopped at the end."""
    prepare(base, packs)
    port = free_port()
    with (base / "server.log").open("wb") as log:
        process = subprocess.Popen(
            checkout.command(base, port),
            cwd=checkout.folder,
            env=os.environ | {"NEO_HOME": str(base / "neo")} | dict(environment or {}),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    host = Host(checkout, base, port, process)
    try:
        host.wait_until_ready(timeout)
        yield host
    finally:
        host.stop()


def prepare(base: Path, packs: Mapping[str, Path]) -> None:
    """The folders of a host that nobody has used, its first-run greeting out of the way."""
    for name in FOLDERS:
        (base / name).mkdir(parents=True, exist_ok=True)
    (base / "user" / "default" / "comfy.settings.json").write_text('{"Comfy.TutorialCompleted": true}')
    for name, folder in packs.items():
        place = base / "custom_nodes" / name
        if place.exists():  # from an earlier run
            continue
        try:
            place.symlink_to(folder, target_is_directory=True)
        except OSError:  # Windows lets only some users link
            shutil.copytree(folder, place)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def api_prompt(workflow: dict, object_info: Mapping[str, dict]) -> dict[str, dict]:
    """A workflow file as the browser would queue it. Raises HostError for nodes the host does not have.

    Graphs with subgraphs, reroutes or switched-off nodes are refused: the browser resolves those.
    """
    nodes = [node for node in workflow["nodes"] if node["type"] not in IGNORED]
    for node in nodes:
        if node["type"] not in object_info or node.get("mode", 0) in OFF:
            raise HostError(
                f"node {node['id']} is a {node['type']} in mode {node.get('mode', 0)}; expected a known, active one"
            )
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    return {
        str(node["id"]): {
            "class_type": node["type"],
            "inputs": widget_values(node, object_info[node["type"]]) | _links(node, sources),
            "_meta": {"title": node.get("title", object_info[node["type"]]["display_name"])},
        }
        for node in nodes
    }


def widget_values(node: dict, info: dict) -> dict[str, object]:
    """The values of a node's widgets by name. A file keeps them as a list in the order of the schema."""
    stored = node.get("widgets_values") or []
    if isinstance(stored, dict):
        return dict(stored)
    named: dict[str, object] = {}
    _name_values(list(reversed(stored)), info["input"], "", named)
    return named


def _name_values(left: list, declared: Mapping, prefix: str, named: dict[str, object]) -> None:
    """Take values off the end of `left`, one for each widget. An older file has none for what was appended since."""
    for name, (kind, config) in schema_inputs(declared):
        if not left or not has_widget(kind, config):
            continue
        value = named[prefix + name] = left.pop()
        if config.get("control_after_generate") and left:
            left.pop()  # how the seed changes after a run; the host never sees it
        if kind == CHOICE_WITH_INPUTS:
            chosen = next((option["inputs"] for option in config["options"] if option["key"] == value), {})
            _name_values(left, chosen, f"{prefix}{name}.", named)


def schema_inputs(declared: Mapping) -> Sequence[tuple[str, tuple[object, dict]]]:
    """Name, type and options of each input that /object_info declares, in the order of the widgets."""
    groups = (declared.get(group, {}) for group in ("required", "optional"))
    return [(name, (one[0], one[1] if len(one) > 1 else {})) for group in groups for name, one in group.items()]


def has_widget(kind: object, config: Mapping) -> bool:
    """Whether the browser draws a widget for an input. Old nodes declare choices as a list in the place of a type."""
    return (isinstance(kind, list) or kind in WIDGETS or "widgetType" in config) and not config.get("forceInput")


def _links(node: dict, sources: Mapping[int, list]) -> dict[str, list]:
    connected = [one for one in node.get("inputs", ()) if one.get("link") is not None]
    return {one["name"]: sources[one["link"]] for one in connected}
