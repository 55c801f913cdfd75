"""Where the 21 keypoints of a renderer of the public family are on factory heads, and what a motion extractor should
read of them.

Numbers mean what they mean in the public checkpoints as far as `driving` relies on it: brows 1 and 2, lips 6, 12, 14,
17, 19 and 20, lids and gaze 11, 13, 15, 16 and 18, the rest holds the head. Each is the mean of some of the head
model's landmarks, but for the crown (0), which no landmark marks: it is carried along by the others.

    points = scale * (canonical @ rotation + expression) + shift        (`pictar/volumetric/keypoints.py`)

Letters: B pictures, L landmarks, K keypoints, N probes.
"""

import torch
from torch import Tensor

from .. import motion_space
from ..geometry.camera import rotation_angles
from ..geometry.head_model import HeadModel, landmarks, shape, turn_eyes
from ..motion_space import EXPRESSION, GAZE, SIZE
from ..pictar.squares import Squares, to_crop
from ..pictar.volumetric.calibration import CHANNELS, probes
from ..pictar.volumetric.keypoints import FaceMotion, rotation
from ..pictar.volumetric.motion_bridge import Bridge

UNIT = 20.0  # cm: what a canonical keypoint counts in, so that scales are about 1, as public ones are
ORIGIN = (0.0, 3.6, 8.0)  # cm, of canonical keypoints: between the eyes
CROWN = (0.0, 12.5, 0.0)  # cm
RIGID = [0, 16, 27, 30, 36, 39, 42, 45]  # landmarks that no expression moves much
FLIP = (1.0, -1.0, -1.0)  # the head's axes (y up, z out of the face) to the renderer's
GAZES = (280, 281)  # irises: the subject's left one first
MEANS: tuple[tuple[int, ...], ...] = (
    (27,),  # 0, the crown: its place is taken by what is carried
    tuple(range(17, 22)),  # 1 brow on the picture's left
    tuple(range(22, 27)),
    (2, 31, 48),  # 3 cheek on the picture's left
    (30,),  # 4 tip of the nose
    (27,),  # 5 its root
    (8,),  # 6 chin
    (14, 35, 54),  # 7 the other cheek
    (0,),  # 8 before the ears
    (16,),
    (33,),  # 10 below the nose
    (37, 38),  # 11 upper lid on the picture's left; across, it goes with the gaze
    (51,),  # 12 upper lip
    (40, 41),  # 13 lower lid
    (48,),  # 14 corner of the mouth
    (43, 44),  # 15 upper lid on the picture's right
    (46, 47),  # 16 lower lid
    (62,),  # 17 inner edge of the upper lip
    GAZES,  # 18
    (66,),  # 19 inner edge of the lower lip
    (54,),  # 20 the other corner
)
GAZE_WITH = {11: 281, 15: 280}  # upper lid: the iris below it


def face_motion(points: Tensor, rest: Tensor, squares: Squares) -> FaceMotion:
    """What the motion extractor should read of crops. points [B, L, 3] in the picture's pixels (right, down, inwards),
    rest [B, L, 3] the same heads at rest in head axes (cm), squares B."""
    inwards = points[..., 2:] * (2 / squares.side)[:, None, None]
    seen = torch.cat([to_crop(squares, points[..., :2]), inwards], 2)
    canonical = (rest - rest.new_tensor(ORIGIN)) * rest.new_tensor(FLIP) / UNIT
    turn, scale, shift = similarity(canonical[:, RIGID], seen[:, RIGID])
    crown = (rest.new_tensor(CROWN) - rest.new_tensor(ORIGIN)) * rest.new_tensor(FLIP) / UNIT
    canonical = _keypoints(canonical, crown)
    placed = _keypoints(seen, scale[:, None] * (crown @ turn) + shift)
    pitch, yaw, roll = rotation_angles(turn.mT).unbind(1)
    expression = (placed - shift[:, None]) / scale[:, None, None] - canonical @ rotation(pitch, yaw, roll)
    return FaceMotion(canonical, pitch, yaw, roll, shift, expression, scale)


def head_bridge(head: HeadModel) -> Bridge:
    """What each channel of the motion space does to these keypoints, on the mean head itself: the least squares of what
    a calibration has to read off pictures."""
    changes = probes(motion_space.rest(), 0)  # [N, 63]
    moved, still = (landmarks(head, _shown(head, motion)) for motion in (changes, motion_space.rest()[None]))
    front = Squares(torch.zeros(len(moved), 2), torch.full((len(moved),), 2 * UNIT), torch.zeros(len(moved)))
    expression = face_motion(moved * moved.new_tensor(FLIP), still.expand_as(moved), front).expression
    reach = torch.tensor(motion_space.HIGH)[list(CHANNELS)]
    found = torch.linalg.lstsq(changes[:, list(CHANNELS)] / reach, expression.flatten(1)).solution
    directions = torch.zeros(SIZE, *expression.shape[1:])
    directions[list(CHANNELS)] = (found / reach[:, None]).unflatten(1, expression.shape[1:])
    return Bridge(directions, calibrated=True)


def _shown(head: HeadModel, motion: Tensor) -> Tensor:
    """The mean head with expression and gaze, not turned. [N, 63] -> [N, V, 3]"""
    identity = head.template.new_zeros(len(motion), len(head.identity))
    return turn_eyes(head, shape(head, identity, motion[:, EXPRESSION]), identity, motion[:, GAZE])


def _keypoints(points: Tensor, crown: Tensor) -> Tensor:
    """[B, L, 3], [3] or [B, 3] -> [B, K, 3]"""
    chosen = torch.stack([points[:, list(group)].mean(1) for group in MEANS], 1)
    for keypoint, iris in GAZE_WITH.items():
        chosen[:, keypoint, 0] = points[:, iris, 0]
    chosen[:, 0] = crown
    return chosen


def similarity(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Turn [B, 3, 3], scale [B] and shift [B, 3] that lead best from points [B, N, 3] to others: end = scale * start @
    turn + shift (Umeyama, doi 10.1109/34.88573, eq. 40 to 42)."""
    a, b = start - start.mean(1, keepdim=True), end - end.mean(1, keepdim=True)
    u, size, v = torch.linalg.svd(a.mT @ b)
    sign = torch.ones_like(size)
    sign[:, -1] = torch.det(u @ v).sign()
    turn = u * sign[:, None] @ v
    scale = (size * sign).sum(1) / a.square().sum((1, 2))
    shift = end.mean(1) - scale[:, None] * (start.mean(1, keepdim=True) @ turn)[:, 0]
    return turn, scale, shift
