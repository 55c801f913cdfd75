"""Who a random person is: the numbers from which skin, hair, clothes and eyes are made."""

from dataclasses import dataclass

import numpy as np

HAIR_STYLES = ("bald", "buzz", "short", "swept", "side", "bob", "long", "curly", "afro", "bun", "fringe", "receding")
HATS = ("none", "beanie", "cap", "hood", "headscarf")
NECKLINES = ("crew", "vee", "turtle", "shirt", "wide", "scarf", "jacket")
FABRICS = ("plain", "stripes", "checks", "knit", "melange")


@dataclass(frozen=True)
class Traits:
    """Everything about a person that is not the shape of the skull."""

    gender: float  # 0 feminine .. 1 masculine: weighs the odds of what follows
    age: float  # years
    melanin: float  # 0.1 pale .. 2.6 very dark
    blood: float  # haemoglobin, 0.4 .. 1.0
    blotch: float
    freckles: float
    moles: float
    wrinkles: float  # 0..1
    bags: float  # under the eyes, 0..1
    oil: float  # 0 matt .. 1 shiny
    hair_color: tuple[float, float, float]  # linear albedo
    gray: float
    hair: str
    hair_length: float  # factor on the style's own
    hair_volume: float
    wave: float
    parting: float  # cm from the middle
    hairline: float  # cm up (+) or down
    brow_color: tuple[float, float, float]
    brow_thickness: float  # factor
    brow_density: float  # 0 shaved .. 1.3 bushy
    brow_lift: float  # cm against the bone
    brow_slope: float  # cm per cm outwards
    lashes: float
    stubble: float  # 0..1
    beard: float  # cm, 0 = none
    beard_shape: str  # full, goatee, moustache
    lip_color: tuple[float, float, float]  # factors on the skin's albedo
    lip_gloss: float
    eye_shadow: tuple[float, float, float, float]  # color and strength
    liner: float
    blush: float
    iris_color: tuple[float, float, float]
    iris_ring: float
    pupil: float  # radius as a share of the iris
    teeth: tuple[float, float, float]
    hat: str
    glasses: str  # none, thin, thick, sun
    accessory_color: tuple[float, float, float]
    neckline: str
    fabric: str
    cloth_color: tuple[float, float, float]
    cloth_second: tuple[float, float, float]


def sample_traits(rng: np.random.Generator, plain: bool = False) -> Traits:
    """A random adult. `plain` leaves out what hides the face: hats, glasses, scarves."""
    gender = float(rng.beta(0.5, 0.5))
    age = float(18 + 62 * rng.beta(1.2, 1.9))
    melanin = float(0.12 + 2.5 * rng.beta(0.8, 1.7))
    made_up = gender < 0.45 and rng.uniform() < 0.55
    gray = float(np.clip((age - 48) / 32 + rng.normal() * 0.3, 0, 1)) if age > 36 else 0.0
    return Traits(
        gender=gender,
        age=age,
        melanin=melanin,
        blood=float(rng.uniform(0.4, 0.95)),
        blotch=float(rng.uniform(0.4, 1.3)),
        freckles=float(rng.uniform(0.3, 1.2)) if melanin < 0.7 and rng.uniform() < 0.3 else 0.0,
        moles=float(rng.uniform(0.2, 1)) if rng.uniform() < 0.5 else 0.0,
        wrinkles=float(np.clip((age - 28) / 45 + rng.normal() * 0.1, 0.02, 1)),
        bags=float(np.clip(rng.normal() * 0.25 + (age - 20) / 80, 0, 1)),
        oil=float(rng.beta(1.5, 2.5)),
        **hair_color(rng, melanin, gray),
        gray=gray,
        hair=hair_style(rng, gender, age),
        hair_length=float(rng.uniform(0.75, 1.25)),
        hair_volume=float(rng.uniform(0.7, 1.4)),
        wave=float(rng.beta(1, 2.5)),
        parting=float(rng.choice([-3.5, -2, 0, 2, 3.5]) + rng.normal() * 0.4),
        hairline=float(rng.normal() * 0.45 + (0.3 if gender > 0.5 else -0.1)),
        brow_thickness=float(rng.uniform(0.75, 1.35) + 0.5 * gender * rng.uniform()),
        brow_density=float(rng.choice([0.12, 0.4, 0.75, 1.0, 1.3], p=[0.06, 0.16, 0.28, 0.3, 0.2])),
        brow_lift=float(rng.uniform(-0.75, 0.5)),
        brow_slope=float(rng.normal() * 0.07),
        lashes=float(rng.uniform(0.9, 1.3) if made_up else rng.uniform(0.45, 0.95)),
        **_beard(rng, gender),
        **_make_up(rng, made_up),
        **_eyes(rng, melanin, age),
        **_outfit(rng, gender, plain),
    )


def hair_color(rng: np.random.Generator, melanin: float, gray: float) -> dict:
    """Linear albedo of hair and brows from pigment, after eumelanin and pheomelanin (d'Eon et al. 2011)."""
    dark = float(np.clip(rng.normal() * 1.5 + 2.6 + 1.7 * melanin, 0.9, 6.5))
    red = float(rng.uniform(0.6, 1.6)) if melanin < 0.8 and rng.uniform() < 0.12 else float(rng.uniform(0, 0.25))
    color = np.exp(-dark * np.array([0.52, 0.73, 1.10]) - red * np.array([0.10, 0.45, 1.0]))
    brow = color**1.15 * rng.uniform(0.45, 0.9)
    brow = brow * (1 - 0.5 * gray) + 0.5 * gray * 0.25
    color = color * (1 - 0.85 * gray) + 0.85 * gray * rng.uniform(0.35, 0.75) * np.array([1.0, 0.98, 0.94])
    if rng.uniform() < 0.03:
        color = rng.uniform(0.03, 0.6, 3)
    names = {"hair_color": np.clip(color, 0.012, 0.85), "brow_color": np.clip(brow, 0.008, 0.30)}
    return {name: tuple(float(c) for c in value) for name, value in names.items()}


def hair_style(rng: np.random.Generator, gender: float, age: float) -> str:
    feminine = [0.01, 0.02, 0.06, 0.06, 0.10, 0.19, 0.26, 0.09, 0.05, 0.13, 0.03, 0.0]
    bald = min(1.0, age / 60)
    masculine = [0.10 * bald, 0.17, 0.24, 0.13, 0.11, 0.02, 0.03, 0.08, 0.05, 0.02, 0.07, 0.12 * bald]
    odds = (1 - gender) * np.array(feminine) + gender * np.array(masculine)
    return str(rng.choice(HAIR_STYLES, p=odds / odds.sum()))


def _beard(rng: np.random.Generator, gender: float) -> dict:
    kind = "none" if gender < 0.6 else str(rng.choice(["none", "stubble", "beard"], p=[0.42, 0.3, 0.28]))
    length = 0.0 if kind != "beard" else float(rng.choice([0.35, 0.8, 1.6, 3.0], p=[0.4, 0.3, 0.2, 0.1]))
    shadow = {"none": 0.12 * gender * rng.uniform(), "stubble": rng.uniform(0.25, 0.9), "beard": 0.7}[kind]
    shape = str(rng.choice(["full", "goatee", "moustache"], p=[0.65, 0.2, 0.15]))
    return {"stubble": float(shadow) if gender > 0.5 else 0.0, "beard": length, "beard_shape": shape}


def _make_up(rng: np.random.Generator, made_up: bool) -> dict:
    lip = np.array([1.0, 0.66, 0.68]) ** rng.uniform(0.55, 1.25)
    if made_up and rng.uniform() < 0.65:
        lip = lip * np.array([rng.uniform(0.7, 1.15), rng.uniform(0.25, 0.8), rng.uniform(0.3, 0.9)])
    shadow = (*(float(c) for c in rng.uniform(0.05, 0.6, 3)), float(made_up * rng.uniform(0, 0.45)))
    return {
        "lip_color": tuple(float(c) for c in lip),
        "lip_gloss": float(rng.uniform(0.2, 1) if made_up else rng.uniform(0, 0.35)),
        "eye_shadow": shadow,
        "liner": float(made_up * rng.uniform(0.2, 1)),
        "blush": float(made_up * rng.uniform(0.1, 0.8) + rng.uniform(0, 0.5)),
    }


def _eyes(rng: np.random.Generator, melanin: float, age: float) -> dict:
    palette = {
        "brown": (0.11, 0.045, 0.018), "dark": (0.035, 0.016, 0.008), "hazel": (0.19, 0.12, 0.04),
        "green": (0.14, 0.18, 0.08), "blue": (0.14, 0.23, 0.36),
        "gray": (0.22, 0.25, 0.27), "amber": (0.25, 0.12, 0.03),
    }  # fmt: skip
    light = [0.22, 0.06, 0.16, 0.14, 0.26, 0.12, 0.04]
    deep = [0.42, 0.5, 0.05, 0.0, 0.0, 0.0, 0.03]
    share = np.clip((melanin - 0.3) / 0.6, 0, 1)
    odds = (1 - share) * np.array(light) + share * np.array(deep)
    color = np.array(palette[str(rng.choice(list(palette), p=odds / odds.sum()))]) * rng.uniform(0.65, 1.1)
    yellow = rng.uniform(0, 0.12) + 0.0015 * (age - 18)
    return {
        "iris_color": tuple(float(c) for c in color),
        "iris_ring": float(rng.uniform(0.3, 0.9)),
        "pupil": float(rng.uniform(0.32, 0.52)),
        "teeth": (0.80, float(0.79 - 0.3 * yellow), float(0.74 - yellow)),
    }


def _outfit(rng: np.random.Generator, gender: float, plain: bool) -> dict:
    hat = "none" if plain or rng.uniform() > 0.12 else str(rng.choice(HATS[1:], p=[0.35, 0.2, 0.25, 0.2]))
    glasses = (
        "none" if plain or rng.uniform() > 0.13 else str(rng.choice(["thin", "thick", "sun"], p=[0.5, 0.35, 0.15]))
    )
    odds = np.array([0.3, 0.16, 0.1, 0.2, 0.1, 0.06, 0.08 + 0.08 * gender]) * ([1, 1, 1, 1, 1, 0 if plain else 1, 1])
    dress = {
        "neckline": str(rng.choice(NECKLINES, p=odds / odds.sum())),
        "fabric": str(rng.choice(FABRICS, p=[0.42, 0.14, 0.12, 0.16, 0.16])),
        "cloth_color": _color(rng),
        "cloth_second": _color(rng),
    }
    return {"hat": hat, "glasses": glasses, "accessory_color": _color(rng), **dress}


def _color(rng: np.random.Generator) -> tuple[float, float, float]:
    """A cloth color people wear: mostly muted, some saturated, many near black, navy or white."""
    base = rng.choice(["muted", "dark", "light", "bright"], p=[0.42, 0.28, 0.15, 0.15])
    hue = rng.uniform(0, 1, 3)
    low, high, spread = {
        "muted": (0.06, 0.35, 0.5),
        "dark": (0.01, 0.05, 0.6),
        "light": (0.45, 0.8, 0.15),
        "bright": (0.05, 0.6, 1.0),
    }[base]
    color = rng.uniform(low, high) * (1 - spread + 1.6 * spread * hue)
    return tuple(float(c) for c in np.clip(color, 0.008, 0.85))
