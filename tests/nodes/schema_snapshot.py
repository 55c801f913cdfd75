"""What workflow files depend on in the nodes' schemas, as data, and what must not change about it.

Once per release, and with every node that still comes into it:
`python tests/nodes/schema_snapshot.py > tests/nodes/schemas/VERSION.json`. What an earlier one says must go on holding.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "schemas"
KEPT = ("min", "max", "options", "step", "control_after_generate", "socketless", "forceInput")


def snapshot(object_info: dict[str, dict]) -> dict[str, dict]:
    """Inputs in the order of their widgets and outputs, for each node of /object_info."""
    return {name: _node(info) for name, info in sorted(object_info.items())}


def complaints(old: dict[str, dict], new: dict[str, dict], replaced: set[str]) -> list[str]:
    """How files made for `old` would break on `new`, one sentence each. `replaced`: ids of renamed nodes."""
    found = [f"{name} is gone and nothing replaces it" for name in old if name not in new and name not in replaced]
    for name in old.keys() & new.keys():
        found += [f"{name}: {one}" for one in _changes(old[name], new[name])]
    return found


def latest_release() -> Path:
    """The snapshot of the highest version."""
    return max(FOLDER.glob("*.json"), key=lambda path: [int(part) for part in path.stem.split(".")])


def _node(info: dict) -> dict:
    inputs = [
        {"name": name, "type": kind, "optional": group == "optional"}
        | {key: config[key] for key in KEPT if key in config}
        for group in ("required", "optional")
        for name, (kind, config) in info["input"].get(group, {}).items()
    ]
    lists = info["output_is_list"]
    outputs = [
        {"name": name, "type": kind, "list": is_list}
        for name, kind, is_list in zip(info["output_name"], info["output"], lists, strict=True)
    ]
    return {"inputs": inputs, "outputs": outputs}


def _changes(old: dict, new: dict) -> list[str]:
    found = []
    for kind in ("inputs", "outputs"):
        before, after = ([one["name"] for one in node[kind]] for node in (old, new))
        if after[: len(before)] != before:
            found.append(f"{kind} were {before} and are {after}; expected new ones only at the end")
            continue
        for one, other in zip(old[kind], new[kind], strict=False):
            found += [f"{one['name']} {text}" for text in _narrowed(one, other)]
    appended = new["inputs"][len(old["inputs"]) :]
    return found + [
        f"new input {one['name']} is required; expected it optional" for one in appended if not one["optional"]
    ]


def _narrowed(old: dict, new: dict) -> list[str]:
    found = [
        f"had {key} {old.get(key)!r} and has {new.get(key)!r}"
        for key in ("type", "list", "socketless", "forceInput", "control_after_generate")
        if old.get(key) != new.get(key)
    ]
    if old.get("optional") is True and not new["optional"]:
        found.append("was optional and is required")
    if old.get("min", 0) < new.get("min", 0) or old.get("max", 0) > new.get("max", 0):
        found.append("takes fewer values than before")
    lost = set(old.get("options", ())) - set(new.get("options", ()))
    return found + ([f"lost the choices {sorted(lost)}"] if lost else [])


def current() -> dict[str, dict]:
    """The snapshot of the nodes as they are, from the fake host."""
    import pack_loading  # it opens the host, which whoever only compares does not want

    pack_loading.open_host()
    pack_loading.load_pack()
    return snapshot({name: node.GET_NODE_INFO_V1() for name, node in pack_loading.load_nodes().classes.items()})


if __name__ == "__main__":
    print(json.dumps(current(), indent=1))
