"""`consent add|list|revoke|verify`: the records without which nobody's picture is moved."""

import argparse
import time
from datetime import datetime, timezone
from pathlib import Path

from ..data_types import InputError
from ..governance import ConsentLedger, ConsentRecord, fingerprint
from ..governance.public_figures import screen
from ..governance.record import ADULT, KINDS, SCOPES, day, new_record
from ..governance.request import end_of_day
from ..media.footage import VIDEOS
from ..pictar.analysis import load_analyser
from ..pipelines.portrait import open_clip, open_portrait, read_mask

MEANINGS = {
    "self": "I am the person in this picture",
    "authorised": "the person in this picture has allowed me to animate it",
    "synthetic": "the person in this picture does not exist",
    "artwork": "this picture is an artwork that shows no living person",
}
ADULT_HELP = f"state that {ADULT['self']}, or that {ADULT['artwork']}; without it no record of any kind is made"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="add|list|revoke|verify")
    add = commands.add_parser(
        "add",
        help="state your right to animate a picture",
        epilog="\n".join(["kinds:", *(f"  {kind:12}{meaning}" for kind, meaning in KINDS.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument("photo", type=Path, metavar="PHOTO", help="a picture, or a clip to `redub` or enrol from")
    add.add_argument("--kind", required=True, choices=tuple(KINDS), help="whose picture it is, explained below")
    add.add_argument("--name", required=True, help="who is seen, or the title of the artwork")
    add.add_argument("--adult", action="store_true", help=ADULT_HELP)
    add.add_argument("--scope", nargs="+", choices=SCOPES, default=[SCOPES[0]], help=f"default: {SCOPES[0]}")
    add.add_argument("--expires", metavar="DATE", help="last day of validity, for example 2030-12-31")
    add.add_argument("--face", type=int, metavar="K", help="which face, when the picture shows several")
    text = "for a clip: the mask that `redub` gets, in which the person is"
    add.add_argument("--mask", type=Path, metavar="PICTURE", help=text)
    add.add_argument("--yes", action="store_true", help="do not ask, the statement is true")
    commands.add_parser("list", help="show all records: id, date, validity, kind, scope, name")
    revoke = commands.add_parser("revoke", help="take a record back")
    revoke.add_argument("record", metavar="ID", help="its id or the beginning of it")
    commands.add_parser("verify", help="check that the ledger is intact")


def execute(arguments: argparse.Namespace) -> int:
    return {"add": _add, "list": _list, "revoke": _revoke, "verify": _verify}[arguments.action](arguments)


def _add(arguments: argparse.Namespace) -> int:
    screen(arguments.name)
    issued = int(time.time())
    expires = end_of_day(arguments.expires) if arguments.expires else None
    # a record for a clip is one for its first frame with a face
    if arguments.photo.suffix.lower() in VIDEOS:
        mask = read_mask(arguments.mask) if arguments.mask else None
        portrait = open_clip(load_analyser(), arguments.photo, arguments.face, mask)
    elif arguments.mask:
        raise InputError(f"--mask found with the picture {arguments.photo}; expected a clip with it")
    else:
        portrait = open_portrait(load_analyser(), arguments.photo, arguments.face)
    record = new_record(
        arguments.kind,
        arguments.name,
        fingerprint(portrait.photo, portrait.face.landmarks68),
        adult=arguments.adult,
        issued=issued,
        scope=tuple(arguments.scope),
        expires=expires,
    )
    if not arguments.yes:
        _confirm(arguments, record)
    ledger = ConsentLedger()
    ledger.add(record)
    print(f"added {record.id} for {record.name} to {ledger.path}")
    return 0


def _list(_: argparse.Namespace) -> int:
    ledger = ConsentLedger()
    revoked = ledger.revoked()
    records = ledger.records()
    for record in records:
        print(
            "  ".join(
                (
                    record.id,
                    day(record.issued),
                    _state(record, revoked),
                    record.kind,
                    ",".join(record.scope),
                    record.name,
                )
            )
        )
    if not records:
        print(f"no records in {ledger.path}")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    ledger = ConsentLedger()
    found = [record for record in ledger.records() if record.id.startswith(arguments.record)]
    if len(found) != 1:
        raise InputError(f"{len(found)} records begin with {arguments.record!r}; expected the id of one (consent list)")
    if found[0].id in ledger.revoked():
        raise InputError(f"record {found[0].id} is revoked already; expected a valid one")
    ledger.revoke(found[0].id, int(time.time()))
    print(f"revoked {found[0].id} of {found[0].name}; nothing will be rendered from it")
    return 0


def _verify(_: argparse.Namespace) -> int:
    ledger = ConsentLedger()
    entries = ledger.entries()
    records = ledger.records()
    print(f"{ledger.path} is intact: {_counted(entries, 'row')}, {_counted(records, 'signed record')}")
    return 0


def _confirm(arguments: argparse.Namespace, record: ConsentRecord) -> None:
    print(f"{arguments.photo}: {record.name}")
    print(f"You state: {MEANINGS[record.kind]}, and {ADULT[record.kind]}.")
    print(f"It may be used for: {', '.join(record.scope)}; {_validity(record)}.")
    try:
        answer = input("Is that true? [y/N] ")
    except EOFError:
        told = "nobody at a terminal to answer; nothing was recorded (--yes makes the statement where nobody is asked)"
        raise InputError(told) from None
    if answer.strip().lower() not in ("y", "yes"):
        raise InputError("the statement was not confirmed; nothing was recorded")


def _counted(things: list, name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


def _state(record: ConsentRecord, revoked: dict[str, int]) -> str:
    if record.id in revoked:
        return f"revoked on {day(revoked[record.id])}"
    if record.expires is not None and record.expires <= time.time():
        return "expired"
    return _validity(record)


def _validity(record: ConsentRecord) -> str:
    if record.expires is None:
        return "valid without end"
    return f"valid until {datetime.fromtimestamp(record.expires, timezone.utc):%Y-%m-%d %H:%M} UTC"
