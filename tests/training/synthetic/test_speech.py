"""Packing speech, and who is held out."""

import shutil

import pytest
import torch

from neo_core.training.synthetic import sentences
from neo_core.training.synthetic.speech import (
    HELD_OUT_SPEAKERS,
    compress,
    decompress,
    is_held_out,
    load_corpus,
    write_corpus,
)
from neo_core.training.synthetic.synthesisers import Voice, synthesise
from neo_core.training.synthetic.utterance import RATE, Phone, Utterance, Word

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def sound(seconds: float) -> torch.Tensor:
    time = torch.arange(round(seconds * RATE)) / RATE
    return 0.4 * torch.sin(2 * torch.pi * 300 * time) * torch.sin(2 * torch.pi * 3 * time)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.3456])
def test_compression_keeps_time_and_sound(seconds):
    original = sound(seconds)
    back = decompress(compress(original), len(original))
    assert back.shape == original.shape
    assert (back - original).square().mean() < 0.02 * original.square().mean()


def test_a_corpus_reads_back_what_was_written(tmp_path):
    written = [
        Utterance(
            sound(0.5 + 0.3 * k),
            (Phone("SIL", 0.0, 0.2), Phone("M", 0.2, 0.5 + 0.3 * k, 0.75)),
            (Word("mm", 0.2, 0.5, "!"),),
            f"espeak/gmw/en+f{k}/r1",
            "Mm!",
            "gmw/en",
            None if k else 0.25,
        )
        for k in range(3)
    ]
    assert write_corpus(iter(written), tmp_path) == 3
    corpus = load_corpus(tmp_path)
    for k, (a, b) in enumerate(zip(written, corpus, strict=True)):
        assert corpus.voice(k) == b.voice == a.voice
        assert (b.text, b.words, b.language, b.arousal) == (a.text, a.words, a.language, a.arousal)
        assert [p.symbol for p in b.phones] == [p.symbol for p in a.phones]
        assert b.phones[1].end == pytest.approx(a.phones[1].end, abs=1e-6)
        assert b.samples.shape == a.samples.shape


def test_an_empty_folder_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match="factory speech"):
        load_corpus(tmp_path)


def test_held_out_voices():
    assert len(HELD_OUT_SPEAKERS) == 4
    assert all(is_held_out(f"librispeech/{speaker}/x") for speaker in HELD_OUT_SPEAKERS)
    assert is_held_out("espeak/gmw/en-US+f5/r1.00 p1.00 v1.00")
    assert not is_held_out("espeak/gmw/en-US+f4/r1.00 p1.00 v1.00")
    assert not is_held_out("librispeech/1034/x")
    assert not is_held_out("pico/en-US/r1.00 p1.00 v1.00")


@needs_espeak
def test_espeak_says_when_its_phones_sound():
    spoken = synthesise(Voice("espeak", "gmw/en-US"), "My puppy, Bob.")
    symbols = [p.symbol for p in spoken.phones if p.symbol != "SIL"]
    assert symbols == ["M", "AY", "P", "AH", "P", "IY", "B", "AA", "B"]
    assert [w.punctuation for w in spoken.words] == ["", ",", "."]
    level = {"P": [], "AY": []}
    for phone in spoken.phones:
        if phone.symbol in level:
            part = spoken.samples[int(phone.start * RATE) : int(phone.end * RATE)]
            level[phone.symbol].append(float(part.square().mean()))
    assert max(level["P"]) < 0.1 * min(level["AY"])  # the closure is quiet: its time is right


@needs_espeak
@pytest.mark.parametrize("language", sorted(sentences.OTHER_LANGUAGES))
def test_every_language_maps_to_our_phones(language):
    spoken = synthesise(Voice("espeak", language), sentences.foreign_sentences(language)[0])
    assert len({p.symbol for p in spoken.phones}) > 8
