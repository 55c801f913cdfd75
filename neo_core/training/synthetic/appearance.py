"""How a whole person looks, drawn at random: body, age, origin, skin, hair, eyes, clothes."""

from dataclasses import dataclass

import numpy as np

from ..makehuman import ADULT_AGES, DETAILS, ETHNICITIES, UNUSED
from .body_pack import Pack
from .wardrobe import Cloth, Color, choose_outfit, dress

LIGHT_SKIN = {
    ("female", "young"): ("young_lightskinned_female2", "young_lightskinned_female3"),
    ("female", "middleage"): ("middleage_lightskinned_female2",),
    ("female", "old"): ("middleage_lightskinned_female2",),
    ("male", "young"): ("young_lightskinned_male", "young_lightskinned_male2", "young_lightskinned_male3"),
    ("male", "middleage"): ("middleage_lightskinned_male", "middleage_lightskinned_male2"),
    ("male", "old"): ("old_lightskinned_male2",),
}
DARK_SKIN = {
    ("female", "young"): ("middleage_darkskinned_female",),
    ("female", "middleage"): ("middleage_darkskinned_female",),
    ("female", "old"): ("old_darkskinned_female",),
    ("male", "young"): ("young_darkskinned_male",),
    ("male", "middleage"): ("middleage_darkskinned_male",),
    ("male", "old"): ("old_darkskinned_male",),
}
HAIR = {  # style -> (share among women, share among men)
    "short01": (0.02, 0.26), "short02": (0.03, 0.26), "short03": (0.08, 0.02), "short04": (0.02, 0.26),
    "bob01": (0.14, 0.0), "bob02": (0.16, 0.0), "long01": (0.22, 0.02), "braid01": (0.12, 0.0),
    "ponytail01": (0.18, 0.01), "afro01": (0.05, 0.04), "": (0.0, 0.14),
}  # fmt: skip
HAIR_COLORS = {
    "black": (0.07, 0.06, 0.06), "darkbrown": (0.15, 0.10, 0.07), "brown": (0.27, 0.18, 0.11),
    "lightbrown": (0.42, 0.30, 0.19), "blond": (0.68, 0.54, 0.34), "red": (0.46, 0.21, 0.10),
    "gray": (0.52, 0.51, 0.50), "white": (0.80, 0.79, 0.77),
}  # fmt: skip
STERN = ("eyebrow002", "eyebrow003", "eyebrow005", "eyebrow008", "eyebrow011")  # pieces that frown at rest
SHOES = ((0.09, 0.08, 0.08), (0.22, 0.14, 0.09), (0.32, 0.32, 0.34), (0.85, 0.85, 0.84), (0.14, 0.18, 0.28))
EYES = ("brown", "brownlight", "green", "grey", "blue", "bluegreen", "deepblue", "lightblue", "ice")


@dataclass(frozen=True)
class Appearance:
    """Everything that makes a person look like themselves."""

    targets: dict[str, float]  # of the base mesh
    pieces: tuple[tuple[str, str], ...]  # (kind, proxy) worn
    female: bool
    age: float  # 0 young .. 1 old
    skins: tuple[str, str]  # light and dark texture
    darkness: float  # 0 the light one .. 1 the dark one
    tone: Color  # factor on the skin
    hair_color: Color
    brow_color: Color
    iris: str  # texture
    outfit: tuple[Cloth, ...]  # by connected part
    shoes: Color


def sample_appearance(rng: np.random.Generator, pack: Pack) -> Appearance:
    """A random adult, dressed."""
    female, age = bool(rng.uniform() < 0.5), float(rng.beta(1.1, 1.7))
    main = int(rng.integers(3))
    origin = 0.25 * rng.dirichlet([0.6] * 3) + 0.75 * np.eye(3)[main]
    targets = {**_macro(rng, female, age, origin), **_details(rng, pack), **_at_ease(rng)}
    darkness, tone = _skin_tone(rng, main)
    hair = _style(rng, female, main)
    color = _hair_color(rng, age, main)
    outfit = choose_outfit(rng, female)
    parts = int(pack.proxies[outfit].component.max()) + 1
    return Appearance(
        targets=targets,
        pieces=_pieces(rng, pack, hair, outfit),
        female=female,
        age=age,
        skins=_skins(rng, female, age),
        darkness=darkness,
        tone=tone,
        hair_color=color,
        brow_color=tuple(0.75 * c for c in (color if age < 0.75 else HAIR_COLORS["brown"])),
        iris=_iris(rng, main),
        outfit=dress(rng, outfit, parts),
        shoes=SHOES[int(rng.integers(len(SHOES)))],
    )


def _macro(rng: np.random.Generator, female: bool, age: float, origin: np.ndarray) -> dict[str, float]:
    """Target weights of sex, age, origin [3] and build."""
    womanly = rng.uniform(0.86, 1.0) if female else rng.uniform(0.0, 0.12)
    muscle, weight = np.clip(rng.normal(size=2) * [0.35, 0.35], -0.75, 0.75)
    mix: dict[str, float] = {}
    for sex, sexes in (("female", womanly), ("male", 1 - womanly)):
        for stage, ages in zip(ADULT_AGES, (1 - 0.85 * age, 0.85 * age), strict=True):
            for ethnicity, part in zip(ETHNICITIES, origin, strict=True):
                mix[f"macrodetails/{ethnicity}-{sex}-{stage}"] = sexes * ages * part
            for muscles, muscle_share in _three(muscle, "muscle"):
                for weights, weight_share in _three(weight, "weight"):
                    name = f"macrodetails/universal-{sex}-{stage}-{muscles}-{weights}"
                    mix[name] = sexes * ages * muscle_share * weight_share
    return {name: float(value) for name, value in mix.items() if value > 1e-4}


def _three(value: float, word: str) -> list[tuple[str, float]]:
    """Share of the least, the average and the most of a build, from -1..1."""
    return [("min" + word, max(-value, 0.0)), ("average" + word, 1 - abs(value)), ("max" + word, max(value, 0.0))]


def _details(rng: np.random.Generator, pack: Pack) -> dict[str, float]:
    """A dozen details of the face, the same on both sides."""
    names = [n for n in pack.targets if n.startswith(DETAILS) and not any(word in n for word in UNUSED)]
    sides = [n for n in names if "/r-" not in n]
    out = {}
    for name in rng.choice(sides, min(12, len(sides)), replace=False):
        amount = float(rng.uniform(0.1, 0.5))
        out[str(name)] = amount
        if "/l-" in name:
            out[str(name).replace("/l-", "/r-")] = amount
    return out


def _at_ease(rng: np.random.Generator) -> dict[str, float]:
    """A friendly face: the neutral one of the pack looks stern."""
    smile, brows = float(rng.uniform(0.10, 0.32)), float(rng.uniform(0.25, 0.6))
    sides = {"mouthSmile": smile, "browDown": -brows, "eyeWide": 0.12, "browOuterUp": 0.1}
    inner = float(rng.uniform(0.1, 0.35))
    return {"browInnerUp": inner, **{name + side: value for name, value in sides.items() for side in ("Left", "Right")}}


def _skin_tone(rng: np.random.Generator, main: int) -> tuple[float, Color]:
    """Share of the dark texture and a tone, for people of mostly this origin."""
    low, high = ((0.65, 1.0), (0.04, 0.28), (0.0, 0.16))[main]
    warm = rng.normal() * 0.02 + (0.0, 0.025, 0.0)[main]
    level = rng.uniform(0.92, 1.04)
    return float(rng.uniform(low, high)), (float(level * (1 + warm)), float(level), float(level * (1 - 2 * warm)))


def _skins(rng: np.random.Generator, female: bool, age: float) -> tuple[str, str]:
    key = ("female" if female else "male", "young" if age < 0.4 else "middleage" if age < 0.7 else "old")
    return str(rng.choice(LIGHT_SKIN[key])), str(rng.choice(DARK_SKIN[key]))


def _style(rng: np.random.Generator, female: bool, main: int) -> str:
    share = np.array([s[0 if female else 1] for s in HAIR.values()])
    if ETHNICITIES[main] == "african":
        share = share * [4.0 if style in ("afro01", "") else 1.0 for style in HAIR]
    return str(rng.choice(list(HAIR), p=share / share.sum()))


def _hair_color(rng: np.random.Generator, age: float, main: int) -> Color:
    """Hair color by origin, turning gray with age."""
    fair = ETHNICITIES[main] == "caucasian"
    young = [0.12, 0.24, 0.24, 0.17, 0.16, 0.07] if fair else [0.8, 0.18, 0.02, 0.0, 0.0, 0.0]
    color = np.array(HAIR_COLORS[str(rng.choice(list(HAIR_COLORS)[:6], p=young))])
    old = np.array(HAIR_COLORS[str(rng.choice(["gray", "white"]))])
    gray = float(np.clip((age - 0.45) / 0.35 + rng.normal() * 0.25, 0, 1)) if age > 0.4 else 0.0
    color = color + gray * (old - color)
    return tuple(float(c) for c in color * rng.uniform(0.85, 1.15))


def _iris(rng: np.random.Generator, main: int) -> str:
    share = [0.3, 0.15, 0.12, 0.09, 0.1, 0.08, 0.06, 0.06, 0.04] if ETHNICITIES[main] == "caucasian" else None
    return f"{rng.choice(EYES, p=share) if share else rng.choice(EYES[:2], p=[0.8, 0.2])}_eye.png"


def _pieces(rng: np.random.Generator, pack: Pack, hair: str, outfit: str) -> tuple[tuple[str, str], ...]:
    """Everything drawn besides the skin."""
    brows, lashes = ([p.name for p in pack.named(c)] for c in ("eyebrows", "eyelashes"))
    brows = [name for name in brows if name not in STERN]
    worn = [("eye", "eyes_low_poly"), ("teeth", str(rng.choice([p.name for p in pack.named("teeth")])))]
    worn += [("tongue", "tongue01"), ("brow", str(rng.choice(brows))), ("lash", str(rng.choice(lashes)))]
    worn += [("hair", hair)] if hair else []
    return (*worn, ("cloth", outfit))
