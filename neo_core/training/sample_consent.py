"""Consent records for the bundled samples: nobody's likeness, stated and signed once.

    python -m neo_core train sample-consent

The key is made for this one signing and thrown away, so nobody can add a record to the samples later; the records and
the public key go to `samples/consent.json`.
"""

import argparse
import json
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..governance import fingerprint
from ..governance.gate import BUNDLED
from ..governance.record import SCOPES, new_record, sign
from ..pictar.analysis import load_analyser
from ..pipelines.portrait import open_portrait

KINDS = {"portrait": "synthetic", "painting": "artwork", "half_body": "synthetic"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--samples", type=Path, default=BUNDLED.parent, help="folder with samples.json and its pictures"
    )


def run(arguments: argparse.Namespace) -> None:
    folder = arguments.samples
    samples = json.loads((folder / "samples.json").read_text())
    analyser = load_analyser()
    key = Ed25519PrivateKey.generate()
    tokens = []
    for name, kind in KINDS.items():
        portrait = open_portrait(analyser, folder / samples[name]["file"])
        print_of = fingerprint(portrait.photo, portrait.face.landmarks68)
        title = f"bundled {name}: a generated person, seed {samples[name]['seed']}"
        scope = SCOPES
        tokens.append(sign(new_record(kind, title, print_of, adult=True, issued=int(time.time()), scope=scope), key))
    content = {"public_key": key.public_key().public_bytes_raw().hex(), "records": tokens}
    (folder / BUNDLED.name).write_text(json.dumps(content, indent=1) + "\n")
