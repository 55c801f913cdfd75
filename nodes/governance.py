"""Consent: the record behind a picture, asked for and never carried by a workflow."""

import time

from comfy_api.v0_0_2 import io

from ..neo_core.data_types import InputError
from ..neo_core.governance import (
    FULL_BODY,
    NEEDED,
    REENACTMENT,
    TALKING_HEAD,
    ConsentLedger,
    ConsentRecord,
    ConsentRequired,
    Grant,
    InvalidRequest,
    authorise,
    blanks,
    fingerprint,
    portrait_id,
    record_from_request,
)
from ..neo_core.governance import Portrait as Person
from ..neo_core.pipelines.half_body import missing_share
from ..neo_core.pipelines.portrait import Portrait
from . import inputs, refusals
from .model_patcher import on_device
from .portraits import found
from .sockets import NeoGrant
from .terminal import consent_command

USES = (TALKING_HEAD, FULL_BODY, REENACTMENT)


class Consent(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="NEO_Consent",
            display_name="Consent",
            category="NEO",
            description="Asks whether there is a consent record for this person in this picture. Records stay on this "
            "computer; the workflow and the video hold nothing of them.",
            search_aliases=["permission", "governance", "grant"],
            inputs=[
                inputs.photo(),
                inputs.face(),
                io.Combo.Input(
                    "use",
                    options=list(USES),
                    default=USES[0],
                    optional=True,
                    tooltip="What the picture is for: a talking head, the full body that NEO 2 moves, or to move as "
                    "the person in a video does",
                ),
            ],
            outputs=[NeoGrant.Output("consent", tooltip="Permission to animate this picture while ComfyUI runs")],
        )

    @classmethod
    def fingerprint_inputs(cls, **_):
        return ConsentLedger().withdrawals(time.time())  # what was granted is looked at again when any consent ends

    @classmethod
    def execute(cls, photo, face, use=TALKING_HEAD):
        scope = inputs.chosen(use, USES, "use")
        with on_device() as engine:
            portrait = found(engine, photo, face)
        if scope == FULL_BODY:  # nobody is asked for consent to what Encode Anchor would refuse
            missing_share(portrait.photo, portrait.face)
        return io.NodeOutput(granted(portrait, face, scope))


def granted(portrait: Portrait, face: int, scope: str = TALKING_HEAD) -> Grant:
    """The grant for a portrait and a use of it.

    Where no record covers that, the answer to the last refusal of this very use becomes one; without an answer the
    picture is kept for whoever adds a record, and ConsentRequired tells how.
    """
    person = fingerprint(portrait.photo, portrait.face.landmarks68)
    name = portrait_id(person)
    statement = refusals.taken_request(name, scope)
    if statement is not None and not covered(person, scope):
        ConsentLedger().add(stated(statement, person, scope))
    try:
        grant = authorise(person, scope, source=f"portrait {name}", command=adding(name, face, scope))
    except ConsentRequired as refusal:
        refusals.keep(name, portrait.photo)
        raise ConsentRequired(f"{refusal}\n{otherwise(name, scope)}") from None
    refusals.forget(name, scope)
    return grant


def stated(statement: bytes, person: Person, scope: str) -> ConsentRecord:
    """The record that a request asks for. Who was asked and stated what no record can hold is asked again."""
    try:
        return record_from_request(statement, person, refusals.QUESTIONS, use=scope, now=int(time.time()))
    except InvalidRequest:
        raise
    except InputError as objection:
        name = portrait_id(person)
        asked = f"portrait {name}, question {refusals.QUESTIONS.ask(name, scope)}, use {scope}"
        way_out = f"To state it anew, press Give consent ({asked})."
        raise type(objection)(f"{objection}\n{way_out} {records()}") from None


def covered(person: Person, scope: str) -> bool:
    """Whether a record covers this use of this face in this picture already."""
    try:
        authorise(person, scope, source="the picture")
    except ConsentRequired:
        return False
    return True


def adding(name: str, face: int, scope: str = TALKING_HEAD) -> str:
    """The line for a terminal that adds a record for the refused picture."""
    chosen = ["--face", str(face)] if face else []
    chosen += [] if scope == TALKING_HEAD else ["--scope", *NEEDED.get(scope, (scope,))]
    line = consent_command("add", str(refusals.picture_of(name)), "--kind", "KIND", *chosen)
    return f'{line} --name "NAME"\n{blanks()}'


def otherwise(name: str, scope: str) -> str:
    """The rest of a refusal: the question that the dialog answers, and how records are seen and ended."""
    asked = f"question {refusals.QUESTIONS.ask(name, scope)}, use {scope}"
    dialog = "" if refusals.several_users() else f"or press Give consent ({asked}). "
    return dialog + records()


def records() -> str:
    """How records are seen and ended."""
    return f"Records are listed and revoked with:\n  {consent_command('list')}\n  {consent_command('revoke')} ID"
