"""The exam of the live performance finds what is late, still or another's."""

import numpy as np
import pytest
import torch

from neo_core.training.live_exam import LIVE, WHOLE, examine, table
from neo_core.training.synthetic.performance import perform_score
from neo_core.training.synthetic.prosody import read_score
from neo_core.training.synthetic.speakers import Speaker
from neo_core.training.synthetic.utterance import RATE, Phone, Utterance


@pytest.fixture(scope="module")
def clip() -> Utterance:
    phones = tuple(Phone(("P", "AA")[k % 2], 0.2 * k, 0.2 * k + 0.2) for k in range(20))
    samples = torch.from_numpy(np.random.default_rng(0).normal(size=4 * RATE).astype(np.float32) * 0.1)
    return Utterance(samples, phones, (), "librispeech/0/a", "")


def rules(late: int = 0, share: float = 1.0):
    """The rules themselves, some frames late, with a share of their movement."""

    def perform(clip, identity, seed):
        speaker = Speaker(identity.geometry, identity.style)
        motion = perform_score(read_score(clip), speaker, seed, identity.reference)
        return motion.mean(0) + share * (motion.roll(late, 0) - motion.mean(0))

    return perform


def test_the_rules_are_right_whoever_performs_them(clip):
    found = examine(rules(), rules(), [clip], range(2))
    for one in found.values():
        assert one["lips apart from the rules', cm"] < 1e-6
        assert all(value == pytest.approx(1) for name, value in one.items() if name.startswith(("spread", "speed")))
    assert found[LIVE]["lips apart from the whole's, cm"] == 0


def test_both_are_timed_on_one_thread(clip):
    threads, before = [], torch.get_num_threads()
    torch.set_num_threads(2)

    def perform(clip, identity, seed):
        threads.append(torch.get_num_threads())
        return rules()(clip, identity, seed)

    examine(perform, perform, [clip], range(1))
    torch.set_num_threads(before)
    assert threads == [1, 1]


def test_late_lips_are_found(clip):
    found = examine(rules(), rules(late=3), [clip], range(2))
    assert found[LIVE]["lips apart from the rules', cm"] > 0.1
    assert found[LIVE]["lips apart from the whole's, cm"] > 0.1
    assert found[WHOLE]["lips apart from the rules', cm"] < 1e-6


def test_motion_that_is_held_back_is_found(clip):
    found = examine(rules(), rules(share=0.5), [clip], range(2))
    for name in ("mouth", "brows", "eyes", "pose", "gaze"):
        assert found[LIVE][f"spread, {name}"] == pytest.approx(0.5, rel=1e-3)
    assert "spread, mouth | 1.000 | 0.500" in table(found)
