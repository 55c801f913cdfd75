import re
from dataclasses import replace

import numpy as np

from neo_core.training.synthetic.prompts import (
    COLORS,
    FRAMING_WORDS,
    MANNER_WORDS,
    SILENT,
    Facts,
    color_word,
    manner_words,
    prompt,
)

FACTS = Facts("emphatic", True, True, False, "light blue shirt", "in a bright studio", "half body")
ALL = [prompt(FACTS, seed) for seed in range(600)]


def test_the_same_seed_says_the_same():
    assert [prompt(FACTS, seed) for seed in range(600)] == ALL


def test_there_are_many_ways_and_some_say_nothing():
    assert len(set(ALL)) > 300
    assert 0.06 < np.mean([not text for text in ALL]) < 0.2
    assert 0.3 < np.mean(["shirt" in text for text in ALL]) < 0.7
    assert 0.2 < np.mean(["studio" in text for text in ALL]) < 0.6


def test_every_manner_has_synonyms_of_its_own():
    for manner in ("calm", "emphatic", "explaining"):
        words = manner_words(manner)
        assert len(words) >= 5
        said = {word for word in words if any(word in prompt(replace(FACTS, manner=manner), s) for s in range(600))}
        assert said == set(words)
        manners = [other for other in MANNER_WORDS if other != manner]
        others = [prompt(replace(FACTS, manner=other), s) for other in manners for s in range(80)]
        assert not any(word in text for word in words for text in others)


def test_only_what_is_true_is_said():
    for text in ALL:
        assert not re.search(r"\bman\b", text.lower())
        assert "gentleman" not in text
        assert "older" not in text
        assert not any(word in text for word in SILENT)
        assert not any(word in text for name in ("full body", "head and shoulders") for word in FRAMING_WORDS[name])
    bare = replace(FACTS, woman=False, clothes="", scene="", speaking=False)
    for text in (prompt(bare, seed) for seed in range(300)):
        assert "shirt" not in text
        assert "studio" not in text
        assert "woman" not in text
        assert not any(word in text for word in (*manner_words("emphatic"), "speaks", "is speaking", "talk"))


def test_prompts_read_well():
    for text in ALL:
        assert "  " not in text
        assert text == text.strip()
        assert " ," not in text
    assert any(text.startswith("A woman in a light blue shirt") for text in ALL)
    overalls = [prompt(replace(FACTS, clothes="blue overalls"), seed) for seed in range(100)]
    assert not any("a blue overalls" in text for text in overalls)


def test_colors_have_names_where_they_are_sure():
    for name, color in COLORS.items():
        assert color_word(color) == name
    middle = tuple(np.mean([COLORS["blue"], COLORS["light blue"]], axis=0))
    assert not color_word(middle)
