"""Reading aligned clips: confidences, silences, and texts that replace recognised ones."""

import json

import pytest
import torch

from neo_core.data_types import Waveform
from neo_core.training.synthetic import librispeech
from neo_core.training.synthetic.utterance import RATE, Phone, Word


@pytest.fixture
def assets(tmp_path, monkeypatch):
    (tmp_path / "speech" / "phones").mkdir(parents=True)
    rows = [
        {"id": "533-1-0000", "speaker": "533", "text": "a", "text_source": "reference"},
        {"id": "77-1-0000", "speaker": "77", "text": "a", "text_source": "recognised"},
    ]
    (tmp_path / "speech" / "index.json").write_text(json.dumps(rows))
    alignment = {
        "phones": [["SIL", 0.0, 0.3], ["AH", 0.3, 0.9]],
        "words": [["<sil>", 0, 0.3], ["a", 0.3, 0.9]],
    }
    for row, sure in zip(rows, (None, [0.2, 0.2]), strict=True):
        extra = {"phone_confidence": sure} if sure else {}
        (tmp_path / "speech" / "phones" / f"{row['id']}.json").write_text(json.dumps(alignment | extra))
    monkeypatch.setattr(librispeech, "read_waveform", lambda _path: Waveform(torch.zeros(1, RATE), RATE))
    return tmp_path


def test_known_texts_are_trusted_and_recognised_ones_doubted(assets):
    known, recognised = librispeech.read_clips(assets)
    assert known.voice == "librispeech/533/533-1-0000"
    assert [p.symbol for p in known.phones] == ["SIL", "AH", "SIL"]
    assert known.phones[1].confidence == librispeech.ALIGNED
    assert recognised.phones[1].confidence == 0.2
    assert recognised.phones[0].confidence == 0.8  # speech and silence are told apart reliably
    assert [w.text for w in known.words] == ["a"]


def test_a_transcript_replaces_a_recognised_text(assets, monkeypatch):
    monkeypatch.setattr(
        librispeech, "align", lambda _pcm, words: ([Phone("OW", 0.2, 0.8, 0.9)], [Word(words[0], 0.2, 0.8)])
    )
    (assets / "77" / "1").mkdir(parents=True)
    (assets / "77" / "1" / "77-1.trans.txt").write_text("77-1-0000 OH\n")
    (assets / "533-1.trans.txt").write_text("533-1-0000 NEVER USED\n")
    known, aligned = librispeech.read_clips(assets, assets)
    assert known.text == "a"
    assert aligned.text == "oh"
    assert [p.symbol for p in aligned.phones] == ["SIL", "OW", "SIL"]
