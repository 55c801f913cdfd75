"""The command line: `python -m neo_core NAME ...`, one module of `commands` per name.

Input that cannot be used ends with one sentence on stderr and exit code 2, Ctrl-C with 130; anything else that goes
wrong is a bug and shows its traceback.
"""

import argparse
import importlib
import io
import os
import select
import sys
from typing import NoReturn

from .data_types import InputError

COMMANDS = {
    "demo": "render the bundled sample to output/demo.mp4",
    "animate": "make the person in a photo speak a sound file",
    "reenact": "make the person in a photo move as the one in a video",
    "redub": "make the person in a video speak another sound",
    "stream": "perform speech while it is spoken: sound in, motion out",
    "inspect": "show which faces a photo has, where, and how they look",
    "render": "move a photo by a motion file",
    "plot": "show what VOCAL does with speech",
    "sheet": "show videos at a glance in one picture",
    "seams": "show whether the joins of a video can be seen",
    "consent": "add, list, revoke and verify consent records",
    "download": "fetch a public speech encoder",
    "calibrate": "learn how a LivePortrait checkpoint answers to our motion",
    "compare": "compare the mini with the geometric renderer, measured and side by side",
    "factory": "make synthetic training data",
    "train": "train one of the shipped networks",
    "bench": "measure and compare with the bars",
}
BAD_INPUT, INTERRUPTED = 2, 130


class Parser(argparse.ArgumentParser):
    """Complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"neo: {message}; see {self.prog} --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code, 0 also when whoever read the output has left before its end."""
    for stream in _outputs():
        stream.reconfigure(errors="replace")  # a console that knows few characters shows ? instead of failing
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except BrokenPipeError:
        if not _silence_the_unread():
            raise
        return 0


def _run(argv: list[str]) -> int:
    name, *rest = argv or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name not in COMMANDS:
        hint = "; waiting without a sound is `animate PHOTO --idle SECONDS`" if name == "idle" else ""
        print(f"neo: unknown command {name!r}; expected one of {', '.join(COMMANDS)}{hint}", file=sys.stderr)
        return BAD_INPUT
    command = importlib.import_module(f".commands.{name}", __package__)  # only the one that runs: torch loads slowly
    parser = Parser(prog=f"python -m neo_core {name}", description=COMMANDS[name])
    command.add_arguments(parser)
    try:
        return command.execute(parser.parse_args(rest))
    except InputError as error:
        print(f"neo: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("neo: stopped", file=sys.stderr)
        return INTERRUPTED


def _outputs() -> list[io.TextIOWrapper]:
    """Stdout and stderr, as far as there are any."""
    return [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)]


def _silence_the_unread() -> bool:
    """Let outputs whose reader has left lead nowhere; whether there were any. What they hold cannot be written."""
    unread = [stream for stream in _outputs() if _has_lost_its_reader(stream)]
    for stream in unread:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(unread)


def _has_lost_its_reader(stream: io.TextIOWrapper) -> bool:
    """Asked of the system: a pipe of another kind may have broken, a synthesiser's for example."""
    if not hasattr(select, "poll"):  # Windows, where such a pipe does not end in BrokenPipeError
        return False
    poll = select.poll()
    poll.register(stream, 0)  # errors are told without being asked for
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def usage() -> str:
    rows = "\n".join(f"  {name:10}{text}" for name, text in COMMANDS.items())
    return f"usage: python -m neo_core COMMAND ...\n\n{rows}\n\npython -m neo_core COMMAND --help shows the options."


if __name__ == "__main__":
    sys.exit(main())
