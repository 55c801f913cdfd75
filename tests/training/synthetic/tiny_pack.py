"""A stand-in for MakeHuman's pack in its own format: a person of tubes with a shirt, small enough for tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from neo_core import motion_space
from neo_core.training.makehuman import ADULT_AGES, ETHNICITIES
from neo_core.training.synthetic import appearance
from neo_core.training.synthetic.human import LIPS
from neo_core.training.synthetic.wardrobe import OUTFITS

from .tiny_rig import ARM, FINGERS, TRUNK

SIDES = 20
NECK = {
    "neck02": ("neck01", (0, 6.3, 0.2), (0, 6.6, 0.3)),
    "neck03": ("neck02", (0, 6.6, 0.3), (0, 6.9, 0.2)),
    "head": ("neck03", (0, 6.9, 0.2), (0, 8.4, 0.1)),
    "eye.L": ("head", (0.3, 7.3, 0.8), (0.3, 7.3, 1.2)),
    "eye.R": ("head", (-0.3, 7.3, 0.8), (-0.3, 7.3, 1.2)),
    "oris01": ("head", (0, 6.6, 0.8), (0, 6.6, 1.1)),
    "upperleg02.L": ("root", (0.9, 0.5, 0), (1.2, -3.7, 0)),
    "upperleg02.R": ("root", (-0.9, 0.5, 0), (-1.2, -3.7, 0)),
}
ALONG = np.array([0.04, -0.16, 0.20])


def bones_of() -> dict:
    """Bone -> (parent, head, tail), parents first."""
    bones = {name: bone for name, bone in TRUNK.items() if name != "head"} | NECK
    for side, sign in (("L", 1), ("R", -1)):
        arm = dict(ARM)
        for finger, start in FINGERS.items():
            for joint in range(3):
                above = f"finger{finger}-{joint}" if joint else "wrist"
                begin = np.array(start) + joint * ALONG
                arm[f"finger{finger}-{joint + 1}"] = (above, begin, begin + ALONG)
        for name, (parent, head, tail) in arm.items():
            above = parent if parent in TRUNK else f"{parent}.{side}"
            bones[f"{name}.{side}"] = (above, np.array(head) * (sign, 1, 1), np.array(tail) * (sign, 1, 1))
    return bones


def tube(start, end, radius: float, rings: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, outward normals and quads that turn counterclockwise seen from outside."""
    start, end = np.array(start, float), np.array(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    first = np.cross(along, (0.0, 0.0, 1.0))
    first /= np.linalg.norm(first)
    second = np.cross(along, first)
    turn = 2 * np.pi * np.arange(SIDES) / SIDES
    normal = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second
    middle = start + np.linspace(0, 1, rings)[:, None] * (end - start)
    points = (middle[:, None] + radius * normal).reshape(-1, 3)
    ring, side = np.meshgrid(np.arange(rings - 1), np.arange(SIDES), indexing="ij")
    after = (side + 1) % SIDES
    quads = np.stack([ring * SIDES + side, ring * SIDES + after, (ring + 1) * SIDES + after, (ring + 1) * SIDES + side])
    return points, np.tile(normal, (rings, 1)), quads.reshape(4, -1).T


def write_pack(folder: Path) -> Path:
    """Write the npz and tiny textures; returns the folder."""
    bones = bones_of()
    tubes = [(tube((0, 8.4, 0.2), (0, 6.2, 0.3), 0.8, 25), ("head",))]
    tubes += [(tube((0, 6.2, 0.1), (0, -1.0, 0.1), 1.3, 18), ("spine01", "spine02", "spine04", "root"))]
    for side in ("L", "R"):
        joint = [bones[f"{n}.{side}"][1] for n in ("upperarm01", "lowerarm01", "wrist", "finger3-3")]
        tubes += [(tube(joint[0], joint[1], 0.4, 6), (f"upperarm01.{side}",))]
        tubes += [(tube(joint[1], joint[2], 0.35, 6), (f"lowerarm01.{side}",))]
        tubes += [(tube(joint[2], joint[3], 0.35, 5), (f"wrist.{side}",))]
        _, hip, knee = bones[f"upperleg02.{side}"]
        tubes += [(tube(hip, knee, 0.6, 6), (f"upperleg02.{side}",))]
    points, normals, quads, hung = [], [], [], []
    for (point, normal, quad), names in tubes:
        quads.append(quad + sum(map(len, points)))
        points.append(point)
        normals.append(normal)
        heads = np.array([bones[name][1] for name in names], float)
        nearest = np.abs(point[:, None, 1] - heads[None, :, 1]).argmin(1)
        hung.append([list(bones).index(names[k]) for k in nearest])
    body, normal, faces, bone = (np.concatenate(x) for x in (points, normals, quads, hung))
    bone[[LIPS[0], LIPS[1]]] = list(bones).index("oris01")
    joints = np.array([bones[n][k] for k in (1, 2) for n in bones], float)
    count = len(body)
    everything = np.concatenate([body, joints])
    weight_bone = np.zeros((len(everything), 12), np.uint8)
    weight_bone[:count, 0] = bone
    uv = np.random.default_rng(0).uniform(0.1, 0.9, (len(everything), 2))
    arrays = {
        "base/vertices": everything.astype("f4"), "base/uv": uv.astype("f4"), "base/faces": faces.astype("i4"),
        "base/uv_faces": faces.astype("i4"), "base/face_group": np.zeros(len(faces), "i2"),
        "base/group_names": np.array(["body"]), "rig/bone_names": np.array(list(bones)),
        "rig/parent": np.array([list(bones).index(p) if p else -1 for p, _, _ in bones.values()], "i2"),
        "rig/head_verts": count + np.arange(len(bones)), "rig/head_ptr": np.arange(len(bones) + 1),
        "rig/tail_verts": count + len(bones) + np.arange(len(bones)), "rig/tail_ptr": np.arange(len(bones) + 1),
        "rig/weight_bone": weight_bone, "rig/weight": np.eye(12, dtype="f2")[np.zeros(len(everything), int)],
    }  # fmt: skip
    arrays |= _targets() | _proxies(body, normal, faces, count_head=500)
    np.savez(folder / "makehuman_cc0.npz", **arrays)
    _textures(folder / "makehuman_textures")
    return folder


def _targets() -> dict:
    """Empty targets by every name that is asked for, and a jaw."""
    names = [n.replace("_L", "Left").replace("_R", "Right") for n in motion_space.EXPRESSION_NAMES]
    names = [n for n in names if not n.startswith(("cheekPuff", "browInnerUp"))]
    names += ["cheekPuff", "browInnerUp", "nose/nose-width1-incr"]
    for sex in ("female", "male"):
        for age in ADULT_AGES:
            names += [f"macrodetails/{ethnicity}-{sex}-{age}" for ethnicity in ETHNICITIES]
            names += [
                f"macrodetails/universal-{sex}-{age}-{m}muscle-{w}weight"
                for m in ("min", "average", "max")
                for w in ("min", "average", "max")
            ]
    moves = {"jawOpen": (np.array([LIPS[1]]), [[0, -0.4, 0]])}
    moves["cheekPuff"] = (np.arange(100, 140), np.full((40, 3), 0.1))
    moves["nose/nose-width1-incr"] = (np.arange(200, 240), np.full((40, 3), 0.1))
    lists = [moves.get(name, (np.zeros(0, int), np.zeros((0, 3)))) for name in names]
    return {
        "target/names": np.array(names), "target/category": np.array(["face"] * len(names)),
        "target/ptr": np.cumsum([0, *(len(index) for index, _ in lists)]),
        "target/index": np.concatenate([index for index, _ in lists]).astype("u2"),
        "target/delta": np.concatenate([delta for _, delta in lists]).astype("f2"),
    }  # fmt: skip


def _proxies(body: np.ndarray, normal: np.ndarray, faces: np.ndarray, count_head: int) -> dict:
    """A shirt by the name of every outfit, a patch on the head by every other name."""
    trunk = np.arange(count_head, count_head + 18 * SIDES)
    worn = faces[np.isin(faces, trunk).all(1)] - count_head
    patch = np.array([[0, 1, 2, -1]])
    kinds = [(name, "clothes", trunk, worn, trunk) for name in OUTFITS]
    names = [("eyes_low_poly", "eyes"), ("teeth_base", "teeth"), ("tongue01", "tongue"), ("eyebrow001", "eyebrows")]
    names += [("eyelashes01", "eyelashes"), *((style, "hair") for style in appearance.HAIR if style)]
    kinds += [(name, category, np.array([0, 1, 21]), patch, np.zeros(0, int)) for name, category in names]
    out = {f"proxy/{k}": np.array([kind[j] for kind in kinds]) for j, k in enumerate(("names", "category"))}
    out["proxy/tags"] = np.array(["any"] * len(kinds))
    low, high = int(body[:, 1].argmin()), int(body[:, 1].argmax())
    for name, _, follows, quads, hidden in kinds:
        spans = [(low, high, max(abs(body[low, k] - body[high, k]), 1e-3)) for k in range(3)]
        out |= {
            f"proxy/{name}/ref": np.repeat(follows[:, None], 3, 1).astype("u2"),
            f"proxy/{name}/ref_weight": np.tile([1.0, 0.0, 0.0], (len(follows), 1)).astype("f4"),
            f"proxy/{name}/ref_offset": (0.1 * normal[follows]).astype("f4"),
            f"proxy/{name}/scale": np.array(spans, "f4"), f"proxy/{name}/faces": quads.astype("i4"),
            f"proxy/{name}/uv": np.random.default_rng(1).uniform(0, 1, (len(follows), 2)).astype("f4"),
            f"proxy/{name}/uv_faces": quads.astype("i4"), f"proxy/{name}/delete": hidden.astype("i4"),
        }  # fmt: skip
    return out


def _textures(folder: Path) -> None:
    folder.mkdir()
    skins = {s for table in (appearance.LIGHT_SKIN, appearance.DARK_SKIN) for group in table.values() for s in group}
    names = [f"skin_{skin}.jpg" for skin in skins] + [f"{eye}_eye.png" for eye in appearance.EYES]
    names += ["teeth.png", "tongue01_diffuse.png", "eyebrow001.png", "eyelashes01.png"]
    names += [f"{style}_diffuse.png" for style in appearance.HAIR if style]
    for name in names:
        mode, color = ("RGB", (200, 150, 130)) if name.endswith("jpg") else ("RGBA", (90, 80, 70, 255))
        Image.new(mode, (16, 16), color).save(folder / name)
