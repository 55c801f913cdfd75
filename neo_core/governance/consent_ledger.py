"""The ledger: an append-only, hash-chained table of consent records and revocations in one SQLite file.

Each row's hash covers the row before it, so an edited or removed row in the middle is found at its number. It lies in
the user's data folder together with the key that signs (`NEO_HOME` moves both). A ledger that cannot be read or does
not verify refuses; it never lets through.
"""

import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..data_types import InputError
from .record import ConsentRecord, key_id, sign, verify

TABLE = """create table if not exists ledger (
    number integer primary key, event text not null, record text not null, token text not null, time integer not null,
    hash text not null)"""


class LedgerBroken(InputError):
    """The ledger or its key cannot be trusted; nothing is granted from it."""


def home() -> Path:
    """The folder of ledger and key: `NEO_HOME`, or the platform's place for a user's data."""
    if "NEO_HOME" in os.environ:
        return Path(os.environ["NEO_HOME"])
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"]) / "neo"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "neo"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "neo"


@dataclass(frozen=True)
class Entry:
    number: int
    event: str  # "added" or "revoked"
    record: str  # id
    token: str  # the signed record; empty in a revocation
    time: int
    hash: str


class ConsentLedger:
    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home()
        self.path = self.folder / "consent.sqlite3"

    def add(self, record: ConsentRecord) -> str:
        """Sign a record, write it down, return its token."""
        token = sign(record, self._private_key())
        self._append("added", record.id, token, record.issued)
        return token

    def revoke(self, record_id: str, time: int) -> None:
        """From now on the record grants nothing. Raises KeyError when there is no such record."""
        if record_id not in {entry.record for entry in self.entries() if entry.event == "added"}:
            raise KeyError(record_id)
        self._append("revoked", record_id, "", time)

    def records(self) -> list[ConsentRecord]:
        """Every record that was ever added, oldest first; each signature is checked. Reading writes nothing."""
        added = [entry for entry in self.entries() if entry.event == "added"]
        keys = self._public_keys() if added else {}
        return [verify(entry.token, keys) for entry in added]

    def revoked(self) -> dict[str, int]:
        """The ids of all revoked records, with the time of the revocation."""
        return {entry.record: entry.time for entry in self.entries() if entry.event == "revoked"}

    def withdrawals(self, now: float) -> int:
        """How many records were revoked or have expired until now: what was granted holds while it stays the same."""
        expired = sum(record.expires is not None and record.expires <= now for record in self.records())
        return expired + len(self.revoked())

    def entries(self) -> list[Entry]:
        """All rows, after checking the chain. Raises LedgerBroken with the number of the first bad row.

        Rows cut off the end leave an intact chain: that, only a witness outside this file could tell.
        """
        try:
            if not self.path.exists():
                return []
            with self._connect() as db:
                rows = db.execute("select number, event, record, token, time, hash from ledger order by number")
                entries = [Entry(*row) for row in rows]
        except (OSError, sqlite3.Error) as error:
            raise LedgerBroken(
                f"consent ledger {self.path} cannot be read ({error}); expected a readable ledger"
            ) from error
        previous = ""
        for count, entry in enumerate(entries, start=1):
            if entry.number != count or entry.hash != _row_hash(previous, entry):
                raise LedgerBroken(f"consent ledger {self.path} was changed at row {count}; expected an intact chain")
            previous = entry.hash
        return entries

    def _append(self, event: str, record: str, token: str, time: int) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(event, record, token, time)
        except (OSError, sqlite3.Error) as error:
            raise LedgerBroken(
                f"consent ledger {self.path} cannot be written ({error}); expected to be able to"
            ) from error

    def _write(self, event: str, record: str, token: str, time: int) -> None:
        with self._connect() as db:
            db.execute(TABLE)
            db.execute("begin immediate")  # two writers must not chain onto the same row
            entries = self.entries()
            previous = entries[-1].hash if entries else ""
            entry = Entry(len(entries) + 1, event, record, token, time, "")
            values = (entry.number, event, record, token, time, _row_hash(previous, entry))
            db.execute("insert into ledger values (?, ?, ?, ?, ?, ?)", values)
            db.commit()

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")
            yield db
        finally:
            db.close()

    def _private_key(self) -> Ed25519PrivateKey:
        path = self.folder / "consent_key.pem"
        try:
            if not path.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                _write_key(path, Ed25519PrivateKey.generate())
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise LedgerBroken(
                f"consent key {path} cannot be used ({error}); expected an Ed25519 key in PEM"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise LedgerBroken(f"consent key {path} is no Ed25519 key; expected one")
        return key

    def _public_keys(self) -> dict[str, Ed25519PublicKey]:
        key = self._private_key().public_key()
        return {key_id(key): key}


def _write_key(path: Path, key: Ed25519PrivateKey) -> None:
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def _row_hash(previous: str, entry: Entry) -> str:
    text = "\n".join((previous, str(entry.number), entry.event, entry.record, entry.token, str(entry.time)))
    return hashlib.sha256(text.encode()).hexdigest()
