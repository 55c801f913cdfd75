"""Recordings: pauses stay silent in the phones, rooms are never digital zero, times stay exact."""

import numpy as np
import torch

from neo_core.training.synthetic.recordings import empty_room, record
from neo_core.training.synthetic.utterance import RATE


def test_joined_utterances_keep_their_phones_on_their_sound(spoken):
    recording = record([spoken, spoken], np.random.default_rng(0))
    assert abs(recording.phones[-1].end - len(recording.samples) / RATE) < 1e-3
    for phone, follower in zip(recording.phones, recording.phones[1:], strict=False):
        assert phone.end == follower.start or abs(phone.end - follower.start) < 1e-6
    spans = [(int(phone.start * RATE), int(phone.end * RATE)) for phone in recording.phones]
    loud = torch.stack([recording.samples[start:end].square().mean() for start, end in spans])
    names = [phone.symbol for phone in recording.phones]
    vowels = torch.tensor([name in ("AY", "EY", "AA", "IY", "UW") for name in names])
    silent = torch.tensor([name == "SIL" for name in names])
    assert loud[vowels].min() > 10 * loud[silent].max()


def test_rooms_are_not_digital_zero(spoken):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        for recording in (record([spoken], rng), empty_room(rng)):
            head = recording.samples[: RATE // 20]
            assert head.std() > 1e-5
            assert torch.isfinite(recording.samples).all()


def test_an_empty_room_is_one_silence():
    room = empty_room(np.random.default_rng(1))
    assert [phone.symbol for phone in room.phones] == ["SIL"]
    assert room.phones[0].end == len(room.samples) / RATE
