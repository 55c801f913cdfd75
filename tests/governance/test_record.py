import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from neo_core.governance.portrait import Portrait
from neo_core.governance.public_figures import ProtectedPerson
from neo_core.governance.record import InvalidRecord, key_id, new_record, sign, verify

PORTRAIT = Portrait("ab" * 32, 0x0123456789ABCDEF, tuple(range(136)))


@pytest.fixture
def key():
    return Ed25519PrivateKey.generate()


def keys(key):
    return {key_id(key.public_key()): key.public_key()}


@pytest.mark.parametrize("kind", ["self", "authorised", "synthetic", "artwork"])
def test_round_trip(key, kind):
    record = new_record(
        kind, "Zoë Ünïcode", PORTRAIT, adult=True, issued=100, scope=("talking-head", "reenactment"), expires=200
    )
    assert verify(sign(record, key), keys(key)) == record


def test_every_changed_character_is_refused(key):
    token = sign(new_record("self", "Ada", PORTRAIT, adult=True, issued=100), key)
    for k, old in enumerate(token):
        changed = token[:k] + ("A" if old != "A" else "B") + token[k + 1 :]
        with pytest.raises(InvalidRecord):
            verify(changed, keys(key))


def test_an_unknown_signer_is_refused(key):
    token = sign(new_record("self", "Ada", PORTRAIT, adult=True, issued=100), key)
    with pytest.raises(InvalidRecord):
        verify(token, keys(Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "...", "e30.e30.e30"])
def test_rubbish_is_refused(key, token):
    with pytest.raises(InvalidRecord):
        verify(token, keys(key))


def test_public_figures_get_no_record():
    with pytest.raises(ProtectedPerson):
        new_record("self", "Angela Merkel", PORTRAIT, adult=True, issued=100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "borrowed"}, "kind 'borrowed' is unknown"),
        ({"name": "  "}, "name is empty"),
        ({"adult": False}, "adult"),
        ({"scope": ("dancing",)}, "scope dancing is unknown"),
        ({"scope": ()}, "scope nothing"),
        ({"expires": 50}, "expire before"),
    ],
)
def test_incomplete_records_are_not_made(changes, message):
    fields = {"kind": "self", "name": "Ada", "adult": True, "scope": ("talking-head",), "expires": None} | changes
    kind, name = fields.pop("kind"), fields.pop("name")
    with pytest.raises(ValueError, match=message):
        new_record(kind, name, PORTRAIT, issued=100, **fields)
