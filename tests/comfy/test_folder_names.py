"""The pack in a folder whose name has to be quoted in an address."""

import pytest

from neo_core.evaluation.comfyui_host import serve

DIFFICULT = "Ünï code & space"


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
