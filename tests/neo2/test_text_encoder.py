"""Prompts as words, words as trigrams."""

import pytest
import torch

from neo_core.neo2.text_encoder import LETTERS, WORDS, TextConfig, TextEncoder, pad_words, places, tokenise

CONFIG = TextConfig(width=12, depth=1, heads=3, tokens=3, outputs=8)


def encoder() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(CONFIG).eval()


def told(prompt: str, net: TextEncoder) -> torch.Tensor:
    return net(tokenise(prompt)[None], torch.tensor([True]))


def test_words_are_split_and_case_does_not_count():
    assert torch.equal(tokenise("Calm, red coat"), tokenise("calm   RED  coat!"))
    assert len(tokenise("calm red coat")) == 3


def test_numbers_stay_what_they_are():
    """Weights are trained on these rows: they must be the same in every process."""
    assert tokenise("hi")[0, :3].tolist() == [1603, 1397, 0]


@pytest.mark.parametrize("prompt", ["", "  ", "?!"])
def test_no_words_are_no_prompt(prompt):
    net = encoder()
    assert len(tokenise(prompt)) == 0
    left_out = net(tokenise("calm")[None], torch.tensor([False]))
    assert torch.allclose(told(prompt, net), left_out, atol=1e-6)


@pytest.mark.parametrize("prompt", ["спокойный человек", "落ち着いた人", "رجل هادئ", "naïve Åsa", "x" * 500])
def test_any_script_is_read(prompt):
    rows = tokenise(prompt)
    assert (rows[:, 0] > 0).all()
    assert not torch.allclose(told(prompt, encoder()), told("", encoder()), atol=1e-4)


def test_long_prompts_are_cut():
    assert len(tokenise("word " * 100)) == WORDS
    assert len(tokenise("x" * (2 * LETTERS + 1))) == 3


def test_how_many_places_a_prompt_takes():
    long = "x" * (LETTERS + 1)
    for prompt, taken in (("", 0), ("word " * 30, 30), (f"{long}, " * 3, 6), ("word " + long, 3), ("字" * 241, 25)):
        assert places(prompt) == taken
        assert len(tokenise(prompt)) == min(taken, WORDS)


def test_words_alike_share_rows():
    """ "gesturing" and "gestures" meet in what they have in common; other words do not."""
    rows = [set(tokenise(word)[0].tolist()) - {0} for word in ("gesturing", "gestures", "walk")]
    assert len(rows[0] & rows[1]) >= 5
    assert not rows[0] & rows[2]


def test_order_counts_and_padding_does_not():
    net = encoder()
    assert not torch.allclose(told("red on blue", net), told("blue on red", net), atol=1e-4)
    both = pad_words([tokenise("calm"), tokenise("a calm man in a red coat")])
    tokens = net(both, torch.tensor([True, True]))
    assert torch.allclose(tokens[:1], told("calm", net), atol=1e-6)
    assert torch.allclose(tokens[1:], told("a calm man in a red coat", net), atol=1e-6)
