"""Consent before pixels: records, the ledger that keeps them, and the gate that turns one into a `Grant`."""

from .consent_ledger import ConsentLedger
from .gate import ConsentRequired, Grant, authorise
from .portrait import Portrait, fingerprint
from .public_figures import ProtectedPerson
from .record import ConsentRecord

__all__ = [
    "ConsentLedger",
    "ConsentRecord",
    "ConsentRequired",
    "Grant",
    "Portrait",
    "ProtectedPerson",
    "authorise",
    "fingerprint",
]
