"""A hub of our own on 127.0.0.1, that answers as the real one does: the same addresses, headers and ranges."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000  # bytes from which a file lies in LFS


@dataclass
class Hub:
    """`files` of the one repository; `breaks` and `dies` say what goes wrong; `asked` is what it was asked."""

    repository: str = "someone/tiny"
    licence: str | None = "apache-2.0"
    files: dict[str, bytes] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)  # in the place of what the listing promises
    breaks: dict[str, int] = field(default_factory=dict)  # name -> bytes after which the line breaks, once
    dies: bool = False  # when a line breaks: then the file is answered by 503 as long as this is so
    ranges: bool = True  # whether it goes on where it is asked to, or begins anew
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, name, range
    broken: set[str] = field(default_factory=set)
    address: str = ""

    def info(self) -> dict:
        siblings = [self.sibling(name, data) for name, data in self.files.items()]
        card = {"license": self.licence} if self.licence else {}
        return {"id": self.repository, "sha": COMMIT, "cardData": card, "siblings": siblings}

    @staticmethod
    def sibling(name: str, data: bytes) -> dict:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry = {"rfilename": name, "size": len(data), "blobId": blob}
        if len(data) >= LARGE:
            entry["lfs"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 130}
        return entry


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        hub: Hub = self.server.hub
        path = self.path.split("?")[0]
        if path.startswith(f"/api/models/{hub.repository}"):
            return self.send(200, json.dumps(hub.info()).encode(), body, {"Content-Type": "application/json"})
        found = re.fullmatch(rf"/{hub.repository}/resolve/[^/]+/(.+)", path)
        data = found and hub.served.get(found[1], hub.files.get(found[1]))
        if data is None:
            return self.send(404, b"", body, {"X-Error-Code": "EntryNotFound" if found else "RepoNotFound"})
        return self.file(hub, found[1], data, body)

    def file(self, hub: Hub, name: str, data: bytes, body: bool) -> None:
        hub.asked.append((self.command, name, self.headers.get("Range", "")))
        if hub.dies and body and name in hub.broken:
            return self.send(503, b"", body, {})
        entry = hub.sibling(name, hub.files[name])
        tag = entry["lfs"]["sha256"] if "lfs" in entry else entry["blobId"]
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not begin or not hub.ranges:
            until = hub.breaks.pop(name, None) if body else None
            hub.broken |= set() if until is None else {name}
            return self.send(200, data, body, headers, until)
        first = int(begin[1])
        headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return self.send(206, data[first:], body, headers)

    def send(self, status: int, data: bytes, body: bool, headers: dict, until: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data[:until])
        if until is not None:  # the line breaks
            self.close_connection = True


@pytest.fixture
def hub(monkeypatch):
    """A hub with one repository, asked by this process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.hub = Hub(address=f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.hub.address)
    monkeypatch.setattr("neo_core.weights.hub.PIECE", 1 << 16)
    template = server.hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    for module in ("constants", "file_download"):  # versions before 1 copy it when they are imported
        monkeypatch.setattr(f"huggingface_hub.{module}.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    yield server.hub
    server.shutdown()
    server.server_close()
