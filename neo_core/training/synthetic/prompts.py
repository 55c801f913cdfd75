"""Text prompts that say what is true of a film: who speaks how, in what, where, and how near.

Words are drawn at random with a seed; some prompts are empty and many leave things out, so that a model learns to fill
in what nobody asked for.
"""

from dataclasses import dataclass

import numpy as np

MANNER_WORDS = {
    "neutral": ("", "", "naturally", "normally", "in a neutral way", "in an ordinary manner"),
    "calm": (
        "calmly", "quietly", "gently", "with restraint", "in a calm manner", "in a relaxed way", "with small gestures",
        "composedly", "with quiet hands",
    ),
    "emphatic": (
        "emphatically", "energetically", "forcefully", "passionately", "vigorously", "with emphasis",
        "with big gestures", "in an excited manner", "with great energy", "enthusiastically",
    ),
    "explaining": (
        "while explaining something", "with open, explaining hands", "like a teacher", "in an explanatory way",
        "with descriptive gestures", "instructively", "illustrating every point with both hands",
    ),
}  # fmt: skip
VERBS = {
    "neutral": ("speaks", "talks", "is speaking", "says something"),
    "calm": ("speaks", "talks", "is speaking", "tells something"),
    "emphatic": ("speaks", "talks", "argues", "is speaking"),
    "explaining": ("speaks", "talks", "presents", "lectures"),
}
SILENT = ("stands silently", "waits without speaking", "is silent", "stands still and listens", "says nothing")
FRAMING_WORDS = {
    "head and shoulders": ("head and shoulders", "close shot", "portrait framing"),
    "half body": ("half body", "waist up", "medium shot", "upper body"),
    "full body": ("full body", "head to toe", "long shot"),
}
PERSON_WORDS = {True: ("woman", "woman", "lady"), False: ("man", "man", "gentleman")}
COLORS = {  # display values
    "white": (0.92, 0.92, 0.91), "black": (0.09, 0.09, 0.10), "gray": (0.50, 0.50, 0.51),
    "dark gray": (0.29, 0.30, 0.31), "light gray": (0.76, 0.77, 0.78), "red": (0.58, 0.13, 0.14),
    "coral": (0.78, 0.34, 0.28), "pink": (0.86, 0.62, 0.62), "yellow": (0.88, 0.74, 0.38), "green": (0.22, 0.38, 0.26),
    "olive": (0.42, 0.50, 0.38), "teal": (0.18, 0.46, 0.47), "blue": (0.24, 0.36, 0.56),
    "light blue": (0.58, 0.70, 0.84), "dark blue": (0.13, 0.18, 0.31), "purple": (0.41, 0.26, 0.43),
    "lilac": (0.64, 0.54, 0.71), "brown": (0.45, 0.33, 0.25), "beige": (0.79, 0.71, 0.59), "cream": (0.91, 0.87, 0.79),
}  # fmt: skip
SURE = 0.72  # a colour is named where it is this much nearer to one name than to the next
SHARES = {"person": 0.75, "clothes": 0.55, "manner": 0.85, "scene": 0.45, "framing": 0.35}
EMPTY = 0.12


@dataclass(frozen=True)
class Facts:
    """What may be said of a film; an empty word is left out."""

    manner: str
    speaking: bool
    woman: bool
    old: bool
    clothes: str  # "blue shirt"
    scene: str  # "in a bright studio"
    framing: str


def prompt(facts: Facts, seed: int) -> str:
    """One way of saying some of the facts, or nothing at all."""
    rng = np.random.default_rng([seed, 0x7E87])
    if rng.uniform() < EMPTY:
        return ""
    told = {name: bool(rng.uniform() < share) for name, share in SHARES.items()}
    parts = [_subject(facts, told, rng)]
    if told["manner"] or not told["person"]:
        parts.append(_action(facts, rng))
    if told["scene"] and facts.scene:
        parts.append(facts.scene)
    if told["framing"] and facts.framing:
        parts.append(", " + str(rng.choice(FRAMING_WORDS[facts.framing])))
    text = " ".join(part for part in parts if part).replace(" ,", ",")
    return _spelled(text, rng)


def manner_words(manner: str) -> tuple[str, ...]:
    """Everything that names a manner."""
    return tuple(word for word in MANNER_WORDS[manner] if word)


def _subject(facts: Facts, told: dict[str, bool], rng: np.random.Generator) -> str:
    noun = str(rng.choice(PERSON_WORDS[facts.woman])) if told["person"] else "person"
    old = "older " if facts.old and told["person"] and rng.uniform() < 0.5 else ""
    article = "an" if old or noun[0] in "aeiou" else "a"
    dressed = str(rng.choice(["in", "wearing", "dressed in"])) if facts.clothes and told["clothes"] else ""
    return f"{article} {old}{noun}" + (f" {dressed} {_with_article(facts.clothes)}" if dressed else "")


def _with_article(words: str) -> str:
    if words.split()[-1] in ("overalls", "sportswear", "clothes"):
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _action(facts: Facts, rng: np.random.Generator) -> str:
    if not facts.speaking:
        return str(rng.choice(SILENT))
    return f"{rng.choice(VERBS[facts.manner])} {rng.choice(MANNER_WORDS[facts.manner])}".strip()


def _spelled(text: str, rng: np.random.Generator) -> str:
    """With a capital or without, with a full stop or without."""
    kind = rng.uniform()
    if kind < 0.4:
        return text[0].upper() + text[1:] + "."
    return text[0].upper() + text[1:] if kind < 0.75 else text


def color_word(color: tuple[float, float, float]) -> str:
    """The name of a display colour, or nothing where two names would do."""
    away = {name: _difference(np.array(color), np.array(at)) for name, at in COLORS.items()}
    first, second = sorted(away.values())[:2]
    return min(away, key=away.get) if first < SURE * second else ""


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """How different two colours look: lightness, and hue as far as there is any."""
    light = np.array([0.3, 0.59, 0.11])
    return float(np.hypot(1.0 * (light @ (a - b)), 1.6 * np.linalg.norm((a - light @ a) - (b - light @ b))))
