"""The consent record: canonical JSON, signed as a compact JWS with EdDSA (RFC 7515, RFC 8037).

`neo.consent/1` is a person's own or authorised consent, `neo.synthetic/1` the statement that nobody's likeness is shown
(a generated person, an artwork). Field names follow ISO/IEC TS 27560:2023 where it has one.
"""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..data_types import InputError
from .portrait import Portrait
from .public_figures import screen

SCHEMAS = {
    "self": "neo.consent/1",
    "authorised": "neo.consent/1",
    "synthetic": "neo.synthetic/1",
    "artwork": "neo.synthetic/1",
}
KINDS = {
    "self": "you",
    "authorised": "the person agreed, you can show it",
    "synthetic": "nobody, generated",
    "artwork": "a painting, drawing or statue",
}
ADULT = {  # what the statement about age says: a figure that nobody is has no age, but it may look like a child
    "self": "the person is an adult",
    "authorised": "the person is an adult",
    "synthetic": "the person shown does not look like a child",
    "artwork": "the figure shown is not a child",
}
TALKING_HEAD = "talking-head"
REENACTMENT = "reenactment"
FULL_BODY = "full-body"
SCOPES = (TALKING_HEAD, REENACTMENT, FULL_BODY)
POLICY = 1


class InvalidRecord(InputError):
    """A token that is not a record this version can trust."""


@dataclass(frozen=True)
class ConsentRecord:
    id: str
    kind: str  # self, authorised, synthetic, artwork
    name: str  # the person, or the title of the artwork
    portrait: Portrait
    scope: tuple[str, ...]
    issued: int  # seconds since 1970, UTC
    expires: int | None
    evidence: dict | None = None  # a consent clip or signed paper: {"type", "sha256", "text"}


def new_record(
    kind: str,
    name: str,
    portrait: Portrait,
    *,
    adult: bool,
    issued: int,
    scope: tuple[str, ...] = (TALKING_HEAD,),
    expires: int | None = None,
) -> ConsentRecord:
    """A record with a fresh id. Raises InputError for an unknown kind or scope, no name, no adult statement, and
    ProtectedPerson for the name of a public figure."""
    if kind not in SCHEMAS:
        raise InputError(f"consent kind {kind!r} is unknown; expected one of {', '.join(SCHEMAS)}")
    if not scope or not set(scope) <= set(SCOPES):
        raise InputError(
            f"consent scope {', '.join(scope) or 'nothing'} is unknown; expected some of {', '.join(SCOPES)}"
        )
    if not name.strip():
        raise InputError("the name is empty; expected who or what the picture shows")
    if not adult:
        raise InputError(f"the statement that {ADULT[kind]} is missing; expected --adult")
    if expires is not None and expires <= issued:
        raise InputError("the consent would expire before it begins; expected a later date")
    screen(name)
    return ConsentRecord(uuid.uuid4().hex, kind, name.strip(), portrait, tuple(scope), issued, expires)


def day(moment: float) -> str:
    """The day of a moment in seconds since 1970, UTC, as messages write it: 2030-12-31."""
    return f"{datetime.fromtimestamp(moment, timezone.utc):%Y-%m-%d}"


def sign(record: ConsentRecord, key: Ed25519PrivateKey) -> str:
    """The record as a signed token."""
    header = {"alg": "EdDSA", "kid": key_id(key.public_key()), "typ": "neo.consent+jws"}
    signed = f"{_encode(canonical(header))}.{_encode(canonical(to_claims(record)))}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def verify(token: str, keys: dict[str, Ed25519PublicKey]) -> ConsentRecord:
    """The record inside a token signed by one of `keys`. Raises InvalidRecord; the algorithm is pinned to EdDSA."""
    try:
        header_part, claims_part, signature_part = token.split(".")
        header = json.loads(_decode(header_part))
        signature = _decode(signature_part)
        if header["alg"] != "EdDSA" or header["kid"] not in keys:
            raise InvalidRecord(
                f"record is signed by {header['kid']!r} with {header['alg']!r}; expected a known EdDSA key"
            )
        keys[header["kid"]].verify(signature, f"{header_part}.{claims_part}".encode())
        return from_claims(json.loads(_decode(claims_part)))
    except InvalidRecord:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature, binascii.Error) as error:
        raise InvalidRecord("consent record is damaged or was changed; expected an intact signed token") from error


def key_id(key: Ed25519PublicKey) -> str:
    """Short name of a key inside tokens."""
    return _encode(key.public_bytes_raw())[:16]


def canonical(value: dict) -> bytes:
    """JSON with sorted keys and no spaces: one value, one byte string."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def to_claims(record: ConsentRecord) -> dict:
    """What the token says, as plain JSON values."""
    return {
        "schema": SCHEMAS[record.kind],
        "policy": POLICY,
        "jti": record.id,
        "iat": record.issued,
        "exp": record.expires,
        "kind": record.kind,
        "sub": {"name": record.name, "adult": True},
        "portrait": {
            "pixels_sha256": record.portrait.pixels_sha256,
            "perceptual_hash": f"{record.portrait.perceptual_hash:016x}",
            "face_template": list(record.portrait.face_template),
        },
        "scope": list(record.scope),
        "evidence": record.evidence,
    }


def from_claims(claims: dict) -> ConsentRecord:
    """The inverse of `to_claims`. Raises InvalidRecord for a schema or policy this version does not know."""
    kind = claims["kind"]
    if SCHEMAS.get(kind) != claims["schema"] or claims["policy"] != POLICY or claims["sub"]["adult"] is not True:
        raise InvalidRecord(
            f"record has schema {claims['schema']!r}, policy {claims['policy']!r}; expected {SCHEMAS[kind]}, 1"
        )
    portrait = Portrait(
        claims["portrait"]["pixels_sha256"],
        int(claims["portrait"]["perceptual_hash"], 16),
        tuple(int(v) for v in claims["portrait"]["face_template"]),
    )
    scope = tuple(str(s) for s in claims["scope"])
    expires = None if claims["exp"] is None else int(claims["exp"])
    return ConsentRecord(
        claims["jti"], kind, claims["sub"]["name"], portrait, scope, int(claims["iat"]), expires, claims["evidence"]
    )


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Strict base64url: the text must be exactly what `_encode` writes, so no second spelling of a token verifies."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(data) != text:
        raise InvalidRecord("consent record is damaged or was changed; expected an intact signed token")
    return data
