"""What may be said of a film: read off the person, the shot and the picture itself."""

from torch import Tensor

from .human import Human
from .prompts import Facts, color_word
from .shot import Shot
from .wardrobe import OUTFITS

GARMENTS = {  # outfit -> what is seen of it first, and the role of that part
    "female_casualsuit01": ("t-shirt", "top"), "female_casualsuit02": ("t-shirt", "top"),
    "female_elegantsuit01": ("blouse", "top"), "male_casualsuit02": ("sweater", "top"),
    "male_casualsuit03": ("shirt", "top"), "male_casualsuit04": ("t-shirt", "top"),
    "male_casualsuit05": ("jacket", "coat"), "male_casualsuit06": ("t-shirt", "top"),
    "male_elegantsuit01": ("suit", "suit"), "male_worksuit01": ("overalls", "bottom"),
}  # fmt: skip
PATTERNS = {"stripes": "striped", "pinstripes": "pinstriped", "checks": "checked"}
ROOMS = {
    "plain": ("in front of a {} wall", "in front of a wall"),
    "gradient": ("in front of a {} backdrop", "in front of a backdrop"),
    "studio": ("in a {} studio", "in a studio"),
    "room": ("in a {} room", "in a room"),
    "bokeh": ("in front of a {}, blurred background", "in front of blurred lights"),
}
BRIGHT, DARK = 0.62, 0.3  # display value of the background
OLD = 0.75  # of Appearance.age


def facts_of(human: Human, shot: Shot, manner: str, speaking: bool, anchor: Tensor) -> Facts:
    """Facts of a film with its anchor picture u8 [H, H, 3]."""
    return Facts(
        manner=manner,
        speaking=speaking,
        woman=human.appearance.female,
        old=human.appearance.age > OLD,
        clothes=clothes(human),
        scene=scenery(shot, anchor),
        framing=shot.framing,
    )


def clothes(human: Human) -> str:
    """Colour or pattern and kind of the top; nothing where the outfit has no name."""
    outfit = next((name for kind, name in human.appearance.pieces if kind == "cloth"), "")
    if outfit not in GARMENTS:
        return ""
    kind, role = GARMENTS[outfit]
    cloth = human.appearance.outfit[OUTFITS[outfit].roles.index(role)]
    word = PATTERNS.get(cloth.pattern) or color_word(cloth.color)
    return f"{word} {kind}".strip()


def scenery(shot: Shot, anchor: Tensor) -> str:
    """Where it is, and whether it is bright or dark there: the upper corners of the picture show it."""
    side = anchor.shape[0] // 5
    corners = anchor[: 2 * side, :side].float().mean() + anchor[: 2 * side, -side:].float().mean()
    light = float(corners) / 2 / 255
    bare, plain = ROOMS[shot.room]
    return bare.format("bright") if light > BRIGHT else bare.format("dark") if light < DARK else plain
