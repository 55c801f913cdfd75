"""The gate: `authorise` turns a portrait with a valid consent record into a `Grant`; nothing renders without one.

NEO post: "We have built-in safeguards that make it impossible to create an avatar without explicit, verifiable consent
from the individual." In a program that its owner can edit this is tamper-evident, not tamper-proof; what holds is that
every way in (command line, Python, nodes) passes here, and that enrolment and renderer check again.
"""

import hashlib
import hmac
import json
import secrets
import shlex
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from torch import Tensor

from ..data_types import InputError
from ..this_python import command_line
from .consent_ledger import ConsentLedger
from .portrait import (
    LIKENESS_APART,
    TEMPLATE_APART,
    Portrait,
    difference_hash,
    face_template,
    likeness_distance,
    pixels_sha256,
    template_distance,
)
from .public_figures import ProtectedPerson, find
from .record import ADULT, KINDS, REENACTMENT, TALKING_HEAD, ConsentRecord, day, key_id, verify

BUNDLED = Path(__file__).parents[1] / "samples" / "consent.json"
FORGED = "the grant was not made by the consent gate of this process; expected the one that authorise gave"
ANEW = "if the person agrees, add a record: with the Consent node, or with consent add"
NEEDED = {REENACTMENT: (TALKING_HEAD, REENACTMENT)}  # a use that is a special case of another needs both
FRAME_BITS_APART, FRAME_TEMPLATE_APART = 14, 0.15  # from one frame of a shot to the next: of 64, of the eyes' distance
CHECK_EVERY = 100  # frames between two looks at a grant
_PROCESS_SECRET = secrets.token_bytes(32)
Item = TypeVar("Item")


class ConsentRequired(InputError):
    """No valid record covers this portrait; the message says how to add one."""


class UnderAge(InputError):
    """The face looks like a child's; no consent record, and no statement in it, makes up for that."""


@dataclass(frozen=True)
class Grant:
    """Permission to move one portrait, made by `authorise` only and valid in this process only."""

    record: str
    portrait: Portrait
    scope: tuple[str, ...]
    expires: int | None
    folder: Path  # of the ledger that is asked again while rendering
    likeness: tuple[float, ...] = ()  # of a clip's person: by it they are known again after a gap
    seal: bytes = b""

    def __repr__(self) -> str:
        return "Grant()"  # hosts write the inputs of a step that failed into logs and answers; nothing of it is theirs

    def require(self, scope: str) -> None:
        """Raise ConsentRequired unless this grant is genuine, covers `scope`, has not expired and was not revoked."""
        self._require_seal()
        if scope not in self.scope:
            raise ConsentRequired(
                f"{called(self.record)} covers {', '.join(self.scope)}; expected {scope}: set use of the Consent node "
                f"to {scope}, or add a record with consent add --scope {scope}"
            )
        if self.expires is not None and time.time() >= self.expires:
            raise ConsentRequired(f"{called(self.record)} has expired; expected one that is still valid: {ANEW}")
        if self.record in ConsentLedger(self.folder).revoked():
            raise ConsentRequired(f"{called(self.record)} was revoked; expected a valid one: {ANEW}")

    def _require_seal(self) -> None:
        if not hmac.compare_digest(self.seal, _seal(self)):
            raise ConsentRequired(FORGED)

    def require_portrait(self, image: Tensor, landmarks68: Tensor) -> None:
        """Raise ConsentRequired unless this is the very picture, and the face in it, that the grant was given for.

        `image` u8 [H, W, 3], `landmarks68` [68, 2] in its pixels.
        """
        if pixels_sha256(image) != self.portrait.pixels_sha256:
            raise ConsentRequired(
                f"the grant from {called(self.record)} is for another picture; expected the one it was given for: "
                "connect the same photo to the Consent node and here"
            )
        if template_distance(face_template(landmarks68), self.portrait.face_template) > TEMPLATE_APART:
            raise ConsentRequired(
                f"the grant from {called(self.record)} is for another face; expected the one it was given for: choose "
                "the same face in the Consent node and here"
            )

    def recognising(self, likeness: tuple[float, ...]) -> "Grant":
        """The same permission, for a person of this likeness (`likeness_distance`), by which they are known again in
        other frames of a clip. A grant learns it once, from what its own portrait shows."""
        self.require(self.scope[0])
        if self.likeness:
            raise ValueError("the grant knows its person already; expected one that does not")
        grant = replace(self, likeness=tuple(likeness))
        return replace(grant, seal=_seal(grant))

    def for_next_frame(
        self, image: Tensor, landmarks68: Tensor | None, likeness: tuple[float, ...] | None = None
    ) -> "Grant":
        """The same permission for the next frame of a clip, one frame of which this grant is for. Without the face,
        `landmarks68` None, the picture alone must go on. When the face comes back, in whichever pose, or leaps to
        another place, `likeness` must tell that it is the same person's.

        Raises ConsentRequired where the picture or the face jumps: what is cut in needs a record of its own; and so
        does whoever comes in the person's place. The ledger is not asked for every frame: see `while_allowed`.
        """
        self._require_seal()
        before, known = self.portrait, landmarks68 is not None
        now = Portrait(pixels_sha256(image), difference_hash(image), face_template(landmarks68) if known else ())
        returns = known and (likeness is not None or not before.face_template)
        if returns and likeness_distance(likeness or (), self.likeness) > LIKENESS_APART:
            raise ConsentRequired(
                f"a face found that comes back in the clip and may be another than that of {called(self.record)}; "
                "expected the same person: divide the clip there and add a record for each part"
            )
        jumps = (before.perceptual_hash ^ now.perceptual_hash).bit_count() > FRAME_BITS_APART
        if known and not returns:
            jumps |= template_distance(before.face_template, now.face_template) > FRAME_TEMPLATE_APART
        if jumps:
            raise ConsentRequired(
                f"a cut found in the clip that {called(self.record)} is for; expected a single shot: divide the clip "
                "there and add a record for each part"
            )
        grant = replace(self, portrait=now)
        return replace(grant, seal=_seal(grant))

    def stamp(self, *made: Tensor) -> bytes:
        """A mark for what was made of the portrait, by whoever has checked that it was: this process alone can set it,
        and `require_stamp` knows it again."""
        mark = hmac.new(_PROCESS_SECRET, self.seal, hashlib.sha256)
        for tensor in made:
            mark.update(f"{tuple(tensor.shape)} {tensor.dtype} ".encode())
            mark.update(tensor.detach().cpu().reshape(-1).numpy())
        return mark.digest()

    def require_stamp(self, stamp: bytes, *made: Tensor) -> None:
        """Raise ConsentRequired unless this is, number for number, what was stamped with this grant."""
        if not hmac.compare_digest(stamp, self.stamp(*made)):
            raise ConsentRequired(
                f"the grant from {called(self.record)} is not for what it came with; expected a person encoded, and "
                "latents made, from the picture that the grant was given for"
            )


def called(record: str) -> str:
    """How messages call a record: its owner finds it by this in the ledger, and nobody else learns a name."""
    return f"the consent record {record[:8]}"


def require_grant(value: object) -> Grant:
    """The value, if it is a genuine grant that has neither expired nor been revoked; raises ConsentRequired if not."""
    if type(value) is not Grant:
        found = "no consent was" if value is None else f"{type(value).__name__} instead of consent was"
        raise ConsentRequired(
            f"{found} given for the picture; expected consent: add a Consent node, connect the same photo to it, and "
            "its output here"
        )
    value.require(value.scope[0])
    return value


def while_allowed(grant: Grant, scope: str, frames: Iterable[Item]) -> Iterator[Item]:
    """Frames, or what they are made from, as long as the grant holds: it is asked before the first one and again after
    each `CHECK_EVERY` of them."""
    for index, item in enumerate(frames):
        if index % CHECK_EVERY == 0:
            grant.require(scope)
        yield item


def authorise(
    portrait: Portrait,
    scope: str,
    *,
    source: str,
    face: int | None = None,
    mask: Path | None = None,
    command: str | None = None,
    ledger: ConsentLedger | None = None,
) -> Grant:
    """The grant for a use of a portrait, from the user's ledger or the records of the bundled samples.

    `source` is how the user named the picture and `face` the one they chose in it, in a `mask` if they gave one; the
    refusal prints the command that adds a record for it, or `command` where the command line is run in another way.
    Raises ConsentRequired, or LedgerBroken when the ledger cannot be trusted.
    """
    ledger = ledger or ConsentLedger()
    revoked = ledger.revoked()
    now = time.time()
    records = [*reversed(ledger.records()), *bundled_records()]
    uses = NEEDED.get(scope, (scope,))
    covering = [record for record in records if {*uses} <= {*record.scope} and record.portrait.covers(portrait)]
    for record in covering:
        if record.id not in revoked and (record.expires is None or now < record.expires) and record.issued <= now + 300:
            if find(record.name):  # the list may have grown since the record was made
                raise ProtectedPerson(f"{called(record.id)} names a public figure; expected a private person's consent")
            return _grant(record, portrait, ledger.folder)
    withdrawn = [record.id for record in covering if record.id in revoked]
    found = f"no consent record covers {source} for {' and '.join(uses)}"
    if withdrawn:
        found = f"{called(withdrawn[0])} for {source} was revoked on {day(revoked[withdrawn[0]])}"
    raise ConsentRequired(
        f"{found}; expected a valid one. If you may use this picture, add one with:\n"
        f"  {command or _command(source, uses, face, mask)}"
    )


def bundled_records() -> list[ConsentRecord]:
    """The synthetic-person records that came with the samples, checked against the key they were made with."""
    if not BUNDLED.exists():
        return []
    content = json.loads(BUNDLED.read_text())
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(content["public_key"]))
    return [verify(token, {key_id(key): key}) for token in content["records"]]


def _grant(record: ConsentRecord, portrait: Portrait, folder: Path) -> Grant:
    grant = Grant(record.id, portrait, record.scope, record.expires, folder)
    return replace(grant, seal=_seal(grant))


def _seal(grant: Grant) -> bytes:
    picture = [grant.portrait.pixels_sha256, grant.portrait.perceptual_hash, list(grant.portrait.face_template)]
    fields = [grant.record, picture, list(grant.scope), grant.expires, str(grant.folder), list(grant.likeness)]
    return hmac.digest(_PROCESS_SECRET, json.dumps(fields).encode(), hashlib.sha256)


def _command(source: str, uses: tuple[str, ...], face: int | None, mask: Path | None) -> str:
    extra = "" if uses == (TALKING_HEAD,) else f" --scope {' '.join(uses)}"
    extra += "" if face is None else f" --face {face}"
    extra += "" if mask is None else f" --mask {shlex.quote(str(mask))}"
    return f'{command_line()} consent add {shlex.quote(source)} --kind KIND --name "NAME"{extra}\n{blanks()}'


def blanks() -> str:
    """What whoever adds a record fills in: nothing of what they state is written for them."""
    kinds = ", ".join(f"{kind} ({meaning})" for kind, meaning in KINDS.items())
    adult = f"Add --adult if it is true: it states that {ADULT['self']}, or that {ADULT['artwork']}"
    return f"KIND is one of: {kinds}\n{adult}"
