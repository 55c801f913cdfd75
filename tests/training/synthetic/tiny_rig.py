"""A skeleton with arms, fingers and a trunk, small numbers of vertices: gestures without any assets."""

import numpy as np
import torch

from neo_core.training.synthetic.body import Body

TRUNK = {  # bone -> (parent, head, tail)
    "root": ("", (0, 0.6, -0.8), (0, 0.7, 0.1)),
    "spine05": ("root", (0, 0.7, 0.1), (0, 1.2, -0.1)),
    "spine04": ("spine05", (0, 1.2, -0.1), (0, 1.9, 0.15)),
    "spine03": ("spine04", (0, 1.9, 0.15), (0, 2.8, 0.3)),
    "spine02": ("spine03", (0, 2.8, 0.3), (0, 4.3, -0.1)),
    "spine01": ("spine02", (0, 4.3, -0.1), (0, 5.9, 0.1)),
    "neck01": ("spine01", (0, 5.9, 0.1), (0, 6.3, 0.2)),
    "head": ("neck01", (0, 6.9, 0.2), (0, 8.4, 0.1)),
}
ARM = {  # of the left side
    "clavicle": ("spine01", (0.27, 5.19, 0.69), (1.18, 5.52, 0.51)),
    "shoulder01": ("clavicle", (1.18, 5.52, 0.51), (1.68, 5.25, 0.15)),
    "upperarm01": ("shoulder01", (1.68, 5.25, 0.15), (2.06, 4.76, 0.12)),
    "upperarm02": ("upperarm01", (2.06, 4.76, 0.12), (3.13, 3.49, 0.13)),
    "lowerarm01": ("upperarm02", (3.13, 3.49, 0.13), (3.72, 2.97, 0.94)),
    "lowerarm02": ("lowerarm01", (3.72, 2.97, 0.94), (4.31, 2.45, 1.76)),
    "wrist": ("lowerarm02", (4.31, 2.45, 1.76), (4.29, 2.23, 1.97)),
    "metacarpal1": ("wrist", (4.29, 2.23, 1.97), (4.50, 2.03, 2.64)),
    "metacarpal4": ("wrist", (4.40, 2.07, 1.88), (4.75, 1.76, 2.12)),
}
FINGERS = {
    1: (4.20, 2.31, 2.13),
    2: (4.50, 2.03, 2.64),
    3: (4.61, 1.89, 2.48),
    4: (4.70, 1.82, 2.31),
    5: (4.75, 1.76, 2.12),
}
ALONG = np.array([0.04, -0.16, 0.20])  # of a finger's bone


def tiny_body() -> Body:
    """A body whose vertices are a belly and the joints themselves."""
    bones = dict(TRUNK)
    for side, sign in (("L", 1), ("R", -1)):
        arm = ARM | {
            f"finger{k}-{j + 1}": (f"finger{k}-{j}" if j else "wrist", start + j * ALONG, start + (j + 1) * ALONG)
            for k, start in ((k, np.array(start)) for k, start in FINGERS.items())
            for j in range(3)
        }
        for name, (parent, head, tail) in arm.items():
            above = parent if parent in TRUNK else f"{parent}.{side}"
            bones[f"{name}.{side}"] = (above, np.array(head) * (sign, 1, 1), np.array(tail) * (sign, 1, 1))
    names = list(bones)
    head, tail = (torch.tensor(np.array([bones[n][k] for n in names]), dtype=torch.float32) for k in (1, 2))
    belly = torch.tensor([[0.0, 3.0, 1.4]])
    weight = torch.cat([torch.eye(len(names)), torch.eye(len(names))[names.index("spine02")][None]])
    parent = torch.tensor([names.index(bones[n][0]) if bones[n][0] else -1 for n in names])
    return Body(tuple(names), parent, head, tail, torch.cat([head, belly]), weight)
