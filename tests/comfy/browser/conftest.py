"""A headless Chromium that looks at the running host."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOST_LOOKS_FOR = re.compile(r"/docs/NEO_\w+/\w+\.md")  # help in the user's language, before that in English
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
READY = "() => window.app?.extensionManager && app.canvas?.graph?.nodes.length > 0"
# A graph of only these nodes. Removed one by one, so that no id comes back: the Vue renderer keeps a node by its id.
BUILD = """types => {
    for (const node of [...app.graph.nodes]) app.graph.remove(node);
    return types.map((type, at) => {
        const node = LiteGraph.createNode(type);
        node.pos = [40 + 380 * at, 80];
        app.graph.add(node);
        return node.id;
    });
}"""


@pytest.fixture(scope="session")
def chromium():
    """A started browser; skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(CHROMIUM)} is installed; expected a Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def open_page(chromium, host):
    """A function (vue, locale) -> context with a page of the app; at its end it has made no trouble."""

    @contextmanager
    def opened(*, vue: bool, locale: str = "en") -> Iterator:
        for name, value in {"Comfy.VueNodes.Enabled": vue, "Comfy.Locale": locale}.items():
            host.ask(f"/settings/{name}", json.dumps(value).encode())
        page = chromium.new_page(viewport={"width": 1500, "height": 950})
        troubles: list[str] = []
        note_errors(page, troubles)
        page.goto(host.url)
        page.wait_for_function(READY, timeout=120_000)  # the default graph is there: all extensions ran
        page.evaluate("() => app.graph.clear()")
        note_other_machines(page, host.url, troubles)  # the default graph's models are looked up by the host itself
        yield page
        page.close()
        assert troubles == []

    return opened


def note_errors(page, troubles: list[str]) -> None:
    """Collect uncaught exceptions, and errors on the console that name our files or data."""

    def on_message(message) -> None:
        place = f"{message.text} {(message.location or {}).get('url', '')}"
        if message.type == "error" and "neo" in place.lower() and not HOST_LOOKS_FOR.search(place):
            troubles.append(place)

    page.on("console", on_message)
    page.on("pageerror", lambda error: troubles.append(str(error)))


def note_other_machines(page, url: str, troubles: list[str]) -> None:
    """Collect requests to anything but the host."""

    def on_request(request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            troubles.append(request.url)

    page.on("request", on_request)


@pytest.fixture(scope="session", params=[False, True], ids=["litegraph", "vue"])
def page(request, open_page):
    """A page of the app in English, once for each renderer."""
    with open_page(vue=request.param) as opened:
        yield opened


@pytest.fixture(scope="session")
def build_on():
    """A function (page, *node types) -> their ids, in a graph of just these."""

    def graph(page, *types: str) -> list[int]:
        ids = page.evaluate(BUILD, list(types))
        page.wait_for_timeout(300)  # the renderer mounts the nodes
        return ids

    return graph


@pytest.fixture
def build(page, build_on):
    """`build_on` the page of this renderer."""
    return partial(build_on, page)
