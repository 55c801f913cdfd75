"""The contract between VOCAL and Pictar: 63 numbers per frame, with names, units, ranges and rest.

    0..52   expression  ARKit-style coefficients, 0 = neutral, 1 = full (`_L` is the subject's left)
    53..58  pose        head rotation pitch, yaw, roll in degrees and translation x, y, z in head units (about 1 cm),
                        relative to the head in the portrait: all zero means "as photographed"
    59..62  gaze        yaw and pitch of the left and the right eyeball in degrees, relative to the head

Axes: right-handed, x to the subject's left, y up, z out of the face. Angles turn right-handed about x (pitch, positive
looks down), y (yaw, positive turns to the subject's left) and z (roll, positive tips the crown to the subject's right);
the rotation is R = Rz(roll) Ry(yaw) Rx(pitch).
"""

import torch
from torch import Tensor

EXPRESSION_NAMES = (
    "browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R",
    "cheekPuff_L", "cheekPuff_R", "cheekSquint_L", "cheekSquint_R",
    "eyeBlink_L", "eyeBlink_R", "eyeLookDown_L", "eyeLookDown_R", "eyeLookIn_L", "eyeLookIn_R",
    "eyeLookOut_L", "eyeLookOut_R", "eyeLookUp_L", "eyeLookUp_R", "eyeSquint_L", "eyeSquint_R",
    "eyeWide_L", "eyeWide_R",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimple_L", "mouthDimple_R", "mouthFrown_L", "mouthFrown_R", "mouthFunnel",
    "mouthLeft", "mouthLowerDown_L", "mouthLowerDown_R", "mouthPress_L", "mouthPress_R", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R", "mouthUpperUp_L", "mouthUpperUp_R",
    "noseSneer_L", "noseSneer_R",
)  # fmt: skip
POSE_NAMES = ("pitch", "yaw", "roll", "x", "y", "z")
GAZE_NAMES = ("gaze_yaw_L", "gaze_pitch_L", "gaze_yaw_R", "gaze_pitch_R")
NAMES = EXPRESSION_NAMES + POSE_NAMES + GAZE_NAMES
SIZE = len(NAMES)
INDEX = {name: k for k, name in enumerate(NAMES)}

EXPRESSION = slice(0, 53)
POSE = slice(53, 59)
GAZE = slice(59, 63)

UNITS = ("weight",) * 53 + ("degree",) * 3 + ("head unit",) * 3 + ("degree",) * 4
LOW = (0.0,) * 53 + (-30.0, -40.0, -30.0, -4.0, -4.0, -4.0) + (-35.0, -30.0) * 2
HIGH = (1.0,) * 53 + (30.0, 40.0, 30.0, 4.0, 4.0, 4.0) + (35.0, 30.0) * 2

REGIONS = {
    "mouth": tuple(k for k, n in enumerate(EXPRESSION_NAMES) if n.startswith(("jaw", "mouth", "cheekPuff"))),
    "brows": tuple(k for k, n in enumerate(EXPRESSION_NAMES) if n.startswith(("brow", "nose", "cheekSquint"))),
    "eyes": tuple(k for k, n in enumerate(EXPRESSION_NAMES) if n.startswith("eye")),
    "pose": tuple(range(53, 59)),
    "gaze": tuple(range(59, 63)),
}


def rest() -> Tensor:
    """The rest vector: neutral face, head as photographed, eyes straight ahead. [63]"""
    return torch.zeros(SIZE)


def clamp(motion: Tensor) -> Tensor:
    """Every channel inside its range. [..., 63]"""
    return motion.clamp(motion.new_tensor(LOW), motion.new_tensor(HIGH))


def mirror(motion: Tensor) -> Tensor:
    """The same performance seen in a mirror: left and right swapped, yaw, roll and sideways shift negated. [..., 63]"""
    order = [INDEX[_other_side(name)] for name in NAMES]
    flipped = ("yaw", "roll", "x", "gaze_yaw_L", "gaze_yaw_R")
    sign = motion.new_tensor([-1.0 if name in flipped else 1.0 for name in NAMES])
    return motion[..., order] * sign


def _other_side(name: str) -> str:
    swaps = {"_L": "_R", "_R": "_L"}
    if name[-2:] in swaps:
        return name[:-2] + swaps[name[-2:]]
    sides = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
    return sides.get(name, name)
