"""The pack in a ComfyUI that has no network."""

import json
import os
import subprocess
import urllib.parse

IMPORT_SECONDS = 1.5
LANGUAGES = ("en", "zh")


def test_import_is_quick(host, shipped):
    assert host.import_seconds(shipped.name) < IMPORT_SECONDS


def test_nothing_reaches_for_the_network(host, network_log):
    host.object_info()
    assert not network_log.exists()


def test_reaching_for_the_network_would_be_noted(checkout, offline, tmp_path):
    script = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    environment = os.environ | offline | {"NEO_TEST_NETWORK": str(tmp_path / "tried.txt")}
    done = subprocess.run([checkout.python, "-c", script], env=environment, capture_output=True, text=True)
    assert "no network in this test" in done.stderr
    assert "192.0.2.1" in (tmp_path / "tried.txt").read_text()


def test_the_log_names_no_trouble_with_the_pack(host, shipped):
    lines = [line for line in host.log.splitlines() if shipped.name in line or "neo_core" in line]
    troubled = [line for line in lines if "ERROR" in line or "WARNING" in line]
    assert lines
    assert troubled == []


def test_every_input_and_output_has_a_tooltip(host, node_ids):
    info = host.object_info()
    for name in node_ids:
        inputs = {**info[name]["input"].get("required", {}), **info[name]["input"].get("optional", {})}
        assert [one for one, (_, config) in inputs.items() if not config.get("tooltip")] == []
        assert all(info[name]["output_tooltips"])


def test_templates_are_listed_and_served_with_thumbnails(host, shipped):
    listed = host.get("/workflow_templates")[shipped.name]
    files = sorted((shipped / "workflows").glob("*.json"))
    assert sorted(listed) == [file.stem for file in files]
    place = "/api/workflow_templates/" + urllib.parse.quote(shipped.name)
    for file in files:
        name = urllib.parse.quote(file.stem)
        assert json.loads(host.ask(f"{place}/{name}.json")) == json.loads(file.read_text(encoding="utf-8"))
        assert host.ask(f"{place}/{name}.jpg").startswith(b"\xff\xd8\xff")


def test_both_languages_are_served(host, node_ids):
    served = host.get("/i18n")
    for language in LANGUAGES:
        assert node_ids <= served[language]["nodeDefs"].keys()


def test_help_is_served_in_both_languages(host, shipped, node_ids):
    place = "/extensions/" + urllib.parse.quote(shipped.name)
    for name in node_ids:
        assert host.ask(f"{place}/docs/{name}.md")
        assert host.ask(f"{place}/docs/{name}/zh.md")


def test_blueprints_are_offered(host, shipped):
    names = {entry["name"] for entry in host.get("/global_subgraphs").values()}
    assert names >= {file.stem for file in (shipped / "subgraphs").glob("*.json")}
    assert list((shipped / "subgraphs").glob("*.json"))
