"""Consent before pixels: records, the ledger that keeps them, and the gate that turns one into a `Grant`."""

from .consent_ledger import ConsentLedger
from .gate import NEEDED, ConsentRequired, Grant, UnderAge, authorise, blanks, require_grant, while_allowed
from .portrait import Portrait, fingerprint
from .public_figures import ProtectedPerson
from .record import FULL_BODY, REENACTMENT, TALKING_HEAD, ConsentRecord
from .request import InvalidRequest, Questions, portrait_id, record_from_request

__all__ = [
    "FULL_BODY",
    "NEEDED",
    "REENACTMENT",
    "TALKING_HEAD",
    "ConsentLedger",
    "ConsentRecord",
    "ConsentRequired",
    "Grant",
    "InvalidRequest",
    "Portrait",
    "ProtectedPerson",
    "Questions",
    "UnderAge",
    "authorise",
    "blanks",
    "fingerprint",
    "portrait_id",
    "record_from_request",
    "require_grant",
    "while_allowed",
]
