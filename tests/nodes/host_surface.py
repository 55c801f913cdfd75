"""What the fake host offers, name by name with its parameters, and what a host has under the same names.

Run with a list of names on standard input it describes them in the host at hand; without, all names of that host that
the modules below define.
"""

import importlib
import inspect
import json
import sys
from enum import Enum
from types import ModuleType

import pack_loading

MISSING = object()
MODULES = (
    "comfy_api.v0_0_2",  # first: a real host's `comfy_api.input` imports only after it
    "comfy_api.input",
    "comfy.cli_args",
    "comfy.model_management",
    "comfy.model_patcher",
    "comfy_execution.progress",
    "comfy_execution.utils",
    "folder_paths",
    "server",
)


def public_names() -> list[str]:
    """Dotted names of everything that the fake host's own files define, as deep as classes and modules go."""
    seen: set[int] = set()
    return [name for module in MODULES for name in _within(module, importlib.import_module(module), seen)]


def describe(names: list[str]) -> dict[str, dict | None]:
    """For each name: kind and parameters; None when the host has nothing there."""
    for module in MODULES:
        importlib.import_module(module)
    return {name: _description(_found(name)) for name in names}


def differences(fake: dict, real: dict) -> list[str]:
    """Where a call that works on the fake host would not work on the real one."""
    found = [f"{name} does not exist" for name in fake if real[name] is None]
    for name, one in fake.items():
        other = real[name]
        if other and one["kind"] != other["kind"]:
            found.append(f"{name} is a {other['kind']}, not a {one['kind']}")
        elif other and one["parameters"] is not None:
            found += [f"{name}: {text}" for text in _parameters(one["parameters"], other["parameters"])]
    return found


def _within(path: str, owner: object, seen: set[int]) -> list[str]:
    """Names below a module or class; what was met under another name is not entered twice."""
    found = []
    for name, value in vars(owner).items():
        if not _offered(owner, name, value):
            continue
        found.append(f"{path}.{name}")
        deep = isinstance(value, ModuleType) or (inspect.isclass(value) and not issubclass(value, BaseException))
        if deep and id(value) not in seen:
            seen.add(id(value))
            found += _within(f"{path}.{name}", value, seen)
    return found


def _offered(owner: object, name: str, value: object) -> bool:
    """Whether a name is public and the host's own, not something it imported for itself."""
    if name.startswith("_") and name != "__init__":
        return False
    if not isinstance(owner, ModuleType):
        return True
    if isinstance(value, ModuleType):
        return name in getattr(owner, "__all__", ())
    if inspect.isclass(value) or inspect.isfunction(value):
        return name in getattr(owner, "__all__", ()) or value.__module__ == owner.__name__
    return True


def _found(name: str) -> object:
    module = max((one for one in MODULES if name.startswith(one + ".")), key=len)
    value: object = importlib.import_module(module)
    for part in name[len(module) + 1 :].split("."):
        look = inspect.getattr_static if inspect.isclass(value) else getattr
        value = look(value, part, MISSING)
        value = getattr(value, "__func__", value)  # a class method or static method
    return value


def _description(value: object) -> dict | None:
    if value is MISSING:
        return None
    kind = "class" if inspect.isclass(value) else "function" if inspect.isroutine(value) else "value"
    if kind != "function":
        return {"kind": kind, "parameters": None}
    parameters = [one for one in inspect.signature(value).parameters.values() if one.name not in ("self", "cls")]
    return {"kind": kind, "parameters": [_parameter(one) for one in parameters]}


def _parameter(one: inspect.Parameter) -> dict:
    default = one.default.value if isinstance(one.default, Enum) else one.default
    plain = default is None or isinstance(default, bool | int | float | str)
    return {
        "name": one.name,
        "kind": one.kind.name,
        "default": None if default is one.empty else repr(default) if plain else "something",
    }


def _parameters(fake: list[dict], real: list[dict]) -> list[str]:
    free = ("VAR_POSITIONAL", "VAR_KEYWORD")
    named, others = ([one for one in each if one["kind"] not in free] for each in (fake, real))
    if [one["name"] for one in others[: len(named)]] != [one["name"] for one in named]:
        return [f"takes {[one['name'] for one in others]}, not {[one['name'] for one in named]}"]
    found = [f"default of {a['name']} is {b['default']}" for a, b in zip(named, others) if a != b]  # noqa: B905
    return found + [f"needs {one['name']}" for one in others[len(named) :] if one["default"] is None]


if __name__ == "__main__":
    pack_loading.open_host()
    json.dump(describe(json.loads(sys.stdin.read() or "null") or public_names()), sys.stdout)
