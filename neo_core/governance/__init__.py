"""Consent before pixels: records, the ledger that keeps them, and the gate that turns one into a `Grant`."""

from .consent_ledger import ConsentLedger
from .gate import ConsentRequired, Grant, authorise, require_grant
from .portrait import Portrait, fingerprint
from .public_figures import ProtectedPerson
from .record import ConsentRecord
from .request import InvalidRequest, portrait_id, record_from_request

__all__ = [
    "ConsentLedger",
    "ConsentRecord",
    "ConsentRequired",
    "Grant",
    "InvalidRequest",
    "Portrait",
    "ProtectedPerson",
    "authorise",
    "fingerprint",
    "portrait_id",
    "record_from_request",
    "require_grant",
]
