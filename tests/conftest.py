"""Shared fixtures: one thread, fixed seeds, and consent for made-up pictures in a throw-away ledger."""

import time
from functools import partial

import pytest
import torch
from hypothesis import settings

from neo_core.governance import ConsentLedger, authorise, fingerprint
from neo_core.governance.gate import NEEDED
from neo_core.governance.record import new_record

settings.register_profile("patient", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def ledger(tmp_path):
    return ConsentLedger(tmp_path / "neo")


@pytest.fixture(scope="session")
def grant_in():
    """A function (ledger, image u8 [H, W, 3], landmarks68 [68, 2], use) -> Grant by a record that it writes."""

    def grant(ledger, image, landmarks68, use="talking-head"):
        portrait = fingerprint(image, landmarks68)
        scope = NEEDED.get(use, (use,))
        record = new_record("synthetic", "nobody", portrait, adult=True, issued=int(time.time()), scope=scope)
        ledger.add(record)
        return authorise(portrait, use, source="picture.png", ledger=ledger)

    return grant


@pytest.fixture(scope="session")
def grant_once(grant_in, tmp_path_factory):
    """The same in one ledger, for what many tests share."""
    return partial(grant_in, ConsentLedger(tmp_path_factory.mktemp("neo")))


@pytest.fixture
def grant_for(ledger, grant_in):
    """A function (image u8 [H, W, 3], landmarks68 [68, 2], use) -> Grant for talking heads, or another use."""
    return partial(grant_in, ledger)
