"""`factory NAME`: synthetic people, speech and performances to train on, and sheets to look at them."""

import argparse

from . import recipes

FACTORIES = {  # name -> module below `training`
    "frames": "synthetic.frames",
    "plain-heads": "synthetic.plain_heads",
    "generations": "synthetic.generations",
    "sheet": "synthetic.sheet",
    "humans-sheet": "synthetic.humans_sheet",
    "portrait": "synthetic.portrait",
    "talking-people": "talking_people",
    "portrait-pairs": "portrait_pairs",
    "speech": "synthetic.speech",
    "performances": "synthetic.performances",
    "films": "synthetic.filming",
    "films-sheet": "films_sheet",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recipes.add_arguments(parser, FACTORIES)


def execute(arguments: argparse.Namespace) -> int:
    recipes.run("factory", FACTORIES, arguments.name, arguments.options)
    return 0
