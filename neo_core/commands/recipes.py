"""Running one recipe out of a table: only its own module is imported, and only its own options are shown."""

import argparse
import importlib
import logging
import sys
from types import ModuleType

from ..data_types import InputError


def add_arguments(parser: argparse.ArgumentParser, recipes: dict[str, str], others: tuple[str, ...] = ()) -> None:
    """`NAME ...`, the rest belongs to the recipe."""
    names = (*recipes, *others)
    parser.add_argument("name", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("options", nargs=argparse.REMAINDER, metavar="...", help="NAME --help shows its options")


def run(command: str, recipes: dict[str, str], name: str, options: list[str]) -> None:
    """Run `recipes[name]`, the path of a module below `training` with `add_arguments(parser)` and `run(arguments)`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stdout)
    recipe = _load(recipes[name])
    summary = (recipe.__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog=f"python -m neo_core {command} {name}", description=summary)
    recipe.add_arguments(parser)
    recipe.run(parser.parse_args(options))


def _load(module: str) -> ModuleType:
    try:
        return importlib.import_module(f"..training.{module}", __package__)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("neo_core"):
            raise
        raise InputError(f"this recipe needs the package {error.name}, which is not installed") from error
