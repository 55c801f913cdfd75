"""The pack in a folder whose name has to be quoted in an address."""

import json
import urllib.error
import urllib.parse

import pytest

from neo_core.evaluation.comfyui_host import serve

DIFFICULT = "Ünï code & {space}"


def quote(name):
    """A name in an address, as a browser sends it."""
    return urllib.parse.quote(name, safe="!$%&'()*+,;=:@")


@pytest.fixture(scope="module")
def difficult(checkout, shipped, tmp_path_factory):
    with serve(checkout, tmp_path_factory.mktemp("difficult"), {DIFFICULT: shipped}) as running:
        yield running


def test_nodes_load_in_any_folder(difficult, node_ids):
    assert node_ids <= difficult.object_info().keys()
    assert difficult.import_seconds(DIFFICULT) > 0


def test_every_script_and_style_is_served_in_any_folder(difficult, shipped):
    scripts = [path for path in difficult.get("/extensions") if "/core/" not in path]
    assert sorted(path.split("/js/")[1] for path in scripts) == sorted(
        f.name for f in (shipped / "web/js").glob("*.js")
    )
    for path in [*scripts, scripts[0].split("/js/")[0] + "/css/neo.css"]:
        assert difficult.ask(path)


def test_templates_and_thumbnails_are_served_in_any_folder(difficult, shipped):
    listed = difficult.get("/workflow_templates")[DIFFICULT]
    assert len(listed) == len(list((shipped / "workflows").glob("*.json")))
    for name in listed:
        address = f"/api/workflow_templates/{quote(DIFFICULT)}/{quote(name)}"
        assert json.loads(difficult.ask(f"{address}.json"))["nodes"]
        assert difficult.ask(f"{address}.jpg").startswith(b"\xff\xd8\xff")


def test_help_is_served_where_the_browser_asks_for_it(difficult, node_ids):
    info = difficult.object_info()
    for name in node_ids:
        folder = info[name]["python_module"].removeprefix("custom_nodes.")
        for page in (f"{name}.md", f"{name}/zh.md"):
            text = difficult.ask(f"/extensions/{quote(folder)}/docs/{page}").decode()
            assert text.startswith("# ")
    assert difficult.ask(f"/extensions/{quote(folder)}/docs/images/{name}.jpg").startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    "path", ["../pyproject.toml", "%2e%2e/pyproject.toml", "..%2fpyproject.toml", "nothing.json", ""]
)
@pytest.mark.parametrize("place", ["/extensions", "/api/workflow_templates"])
def test_nothing_beside_these_folders_is_served(difficult, place, path):
    with pytest.raises(urllib.error.HTTPError):
        difficult.ask(f"{place}/{quote(DIFFICULT)}/{path}")
