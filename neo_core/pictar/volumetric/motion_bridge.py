"""The bridge between VOCAL's motion and a public renderer's numbers, both ways.

    expression, gaze  63 numbers @ directions [63, 21, 3] -> what is added to the expression of each keypoint
    pose              degrees and head units -> a rotation, a scale and a translation, as the photo's camera sees them,
                      and what the checkpoint reads of a turn beyond that

A neutral motion vector is a driving of no expression, no turn and scale 1; the performance is measured from there, or
from the portrait's own vector, by relative driving (`driving`).

Axes: `motion_space` has y up and z out of the face, the renderer y down and z inwards; x is the picture's right in
both. So pitch keeps its sign (positive looks down), yaw and roll change theirs: the renderer's positive yaw turns the
nose to the picture's left, its positive roll is clockwise. Rotations are stored transposed, as `keypoints` has them.

The directions begin as the published sliders (`reference/pictar.md` 10): the end of a slider is the end of a channel.
Which keypoint is on which side is nowhere published; pictures of the published editor and what users wrote beside these
numbers agree that 11 and 13 are the lids of the eye on the picture's left (the subject's right), 15 and 16 the other's.
`calibration` learns what the sliders do not say.

Letters: T frames, K keypoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ... import motion_space
from ...geometry.camera import Camera, project, rotation_angles, rotation_matrix, view
from ...motion_space import INDEX, POSE, SIZE
from .driving import KEYPOINTS, Driving

X, Y, Z = range(3)
SLIDERS: dict[str, dict[tuple[int, int], float]] = {  # what one unit adds to a coordinate (keypoint, axis)
    "smile": {(20, Y): -0.01, (14, Y): -0.02, (17, Y): 0.0065, (17, Z): 0.003},
    "cheek_L": {(16, Y): -0.00275, (7, Y): -0.0035},  # of the smile
    "cheek_R": {(13, Y): -0.00275, (3, Y): -0.0035},
    "open": {(19, Y): 0.001, (19, Z): 0.0001, (17, Y): -0.0001},
    "grin": {(20, Z): -0.001, (20, Y): -0.001, (14, Y): -0.001},
    "purse": {(14, Y): 0.001, (3, Y): -0.0005, (7, Y): -0.0005, (17, Z): -0.0005},
    "aside": {(19, X): 1.0},
    "lid_L": {(15, Y): -0.001, (16, Y): 0.0003},  # positive opens
    "lid_R": {(11, Y): -0.001, (13, Y): 0.0003},
    "blink": {(1, Y): -0.00025, (2, Y): 0.00025},  # what brows do with the lids
    "look_left_L": {(15, X): 0.00085},  # published: 0.001 outwards, 0.0007 inwards
    "look_left_R": {(11, X): 0.00085},
    "look_up_L": {(15, Y): -0.0005, (16, Y): -0.00015},  # with the lids that follow
    "look_up_R": {(11, Y): -0.0005, (13, Y): -0.00015},
    "raise": {(1, Y): 0.001, (2, Y): -0.001},
    "knit": {(1, X): 0.001, (2, X): -0.001, (1, Y): -0.0003, (2, Y): 0.0003},
}
WHOLE = {  # what of the sliders is a channel at its end; of those with sides, one side
    "jawOpen": {"open": 120.0},
    "jawLeft": {"aside": 0.05},
    "jawRight": {"aside": -0.05},
    "mouthClose": {"open": -110.0},
    "mouthFunnel": {"purse": 10.0, "open": 20.0},
    "mouthPucker": {"purse": 15.0},
    "mouthLeft": {"aside": 0.09},
    "mouthRight": {"aside": -0.09},
    "mouthRollLower": {"open": -20.0},
    "mouthRollUpper": {"grin": -8.0},
    "mouthShrugLower": {"open": -15.0},
    "mouthShrugUpper": {"grin": 5.0},
    "mouthSmile": {"smile": 0.5, "cheek": 1.0},
    "mouthDimple": {"smile": 0.1},
    "mouthFrown": {"smile": -0.15},
    "mouthStretch": {"grin": 7.5},
    "mouthUpperUp": {"grin": 7.5},
    "mouthLowerDown": {"open": 12.0},
    "mouthPress": {"open": -8.0},
    "noseSneer": {"grin": 4.0},
    "cheekSquint": {"cheek": 1.0},
    "eyeBlink": {"lid": -20.0, "blink": -10.0},
    "eyeWide": {"lid": 5.0, "blink": 2.5},
    "eyeSquint": {"lid": -5.0},
    "browInnerUp": {"raise": 3.75},
    "browOuterUp": {"raise": 3.75},
    "browDown": {"knit": 5.0},
    "gaze_yaw": {"look_left": 15 / 35},  # a degree
    "gaze_pitch": {"look_up": -15 / 30},
}
FLIP = torch.tensor([1.0, -1.0, -1.0])  # one kind of axes to the other
ANGLES = slice(POSE.start, POSE.start + 3)
BEYOND = ("pitch", "yaw", "roll", "x", "y", "size")  # degrees, of the square from -1 to 1, logarithm
ROUNDS = 12  # in which weights that leave their range are found
BLOCK = 256  # frames for which they are found at once
LOOSE = 1e-4  # of the strongest channel's pull: what holds all of them at rest


@dataclass(frozen=True)
class Bridge:
    """What each channel of the motion space adds to the expression of each keypoint."""

    directions: Tensor  # [63, K, 3] per unit of the channel; those of the pose are zero
    turns: Tensor = field(default_factory=lambda: torch.zeros(3, len(BEYOND)))  # [3, 6] per degree, beyond geometry
    calibrated: bool = False  # learnt with the checkpoint it serves

    def __repr__(self) -> str:
        return f"Bridge({self.directions.shape[1]} keypoints)"


@dataclass(frozen=True)
class Sight:
    """How the camera of a photo sees the head inside the square that is rendered."""

    camera: Camera  # of the photo
    to_square: Tensor  # [2, 3] photo pixels to -1..1 across and down the square
    origin: Tensor  # [3] head space: what the renderer's translation says the place of
    pivot: Tensor  # [3] head space: what the head turns about


def slider_bridge() -> Bridge:
    """The published sliders."""
    directions = torch.zeros(SIZE, KEYPOINTS, 3)
    for stem, shares in WHOLE.items():
        for channel in (name for name in (stem, f"{stem}_L", f"{stem}_R") if name in INDEX):
            for (keypoint, axis), amount in _added(shares, channel[-2:]).items():
                directions[INDEX[channel], keypoint, axis] = amount
    return Bridge(directions)


def _added(shares: Mapping[str, float], side: str) -> dict[tuple[int, int], float]:
    """What sliders add together; of those that have sides, the one asked for."""
    added: dict[tuple[int, int], float] = {}
    for name, amount in shares.items():
        slider = SLIDERS[name] if name in SLIDERS else SLIDERS[name + side]
        for place, coefficient in slider.items():
            added[place] = added.get(place, 0.0) + amount * coefficient
    return added


def look_at(camera: Camera, to_square: Tensor, translation: Tensor, near: Tensor, pivot: Tensor) -> Sight:
    """The sight of a photo whose face the renderer finds at `translation` [2] of the square; the depth there is that of
    `near` [3], a point of the head."""
    pixel = _from_square(to_square, translation)
    seen = _unprojected(camera, pixel, -view(camera, near)[2])
    return Sight(camera, to_square, (seen - camera.translation) @ camera.rotation, pivot)


def to_driving(bridge: Bridge, sight: Sight, motion: Tensor) -> Driving:
    """A performance [T, 63] as driving."""
    pose = motion[:, POSE]
    beyond = pose[:, :3] @ bridge.turns
    turn = rotation_matrix(*pose[:, :3].unbind(1))
    shown = rotation_matrix(*(pose[:, :3] + beyond[:, :3]).unbind(1))
    arm = sight.origin - sight.pivot
    seen = project(sight.camera, turn @ arm + sight.pivot + pose[:, 3:])
    still = project(sight.camera, sight.origin)
    place = _to_square(sight.to_square, seen[:, :2]) + beyond[:, 3:5]
    return Driving(
        _between_axes(shown).mT,
        expression_of(bridge, motion),
        still[2] / seen[:, 2] * beyond[:, 5].exp(),
        torch.cat([place, torch.zeros_like(place[:, :1])], 1),
    )


def expression_of(bridge: Bridge, motion: Tensor) -> Tensor:
    """What a performance adds to the expression. [T, 63] -> [T, K, 3]"""
    return (motion @ bridge.directions.flatten(1)).unflatten(1, bridge.directions.shape[1:])


def to_motion(bridge: Bridge, sight: Sight, driving: Driving, anchor: Driving, reference: Tensor) -> Tensor:
    """The performance [T, 63] that a driving is, measured from an anchor [1 frame] that shows the vector `reference`
    [63]. The pose comes back exactly, of the expression what the channels can say within their ranges."""
    angles = turn_since(driving, anchor) @ torch.linalg.inv(torch.eye(3) + bridge.turns[:, :3])
    beyond, turn = angles @ bridge.turns, rotation_matrix(*angles.unbind(1))
    depth = project(sight.camera, sight.origin)[2] * anchor.scale / driving.scale * beyond[:, 5].exp()
    place = _to_square(sight.to_square, project(sight.camera, sight.origin)[:2])
    place = place + driving.translation[:, :2] - anchor.translation[:, :2] - beyond[:, 3:5]
    seen = _unprojected(sight.camera, _from_square(sight.to_square, place), depth)
    arm = sight.origin - sight.pivot
    shift = (seen - sight.camera.translation) @ sight.camera.rotation - sight.pivot - (turn @ arm)
    motion = reference + weights_of(bridge, driving.expression - anchor.expression, reference)
    motion[:, POSE] = torch.cat([angles, shift], 1)
    return motion_space.clamp(motion)


def turn_since(driving: Driving, anchor: Driving) -> Tensor:
    """How far a driving has turned since an anchor [1 frame]: pitch, yaw, roll in our axes. [T, 3]"""
    return rotation_angles(_between_axes((driving.rotation @ anchor.rotation.mT).mT))


def beyond_geometry(sight: Sight, motion: Tensor, driving: Driving, anchor: Driving) -> Tensor:
    """What a driving shows of a performance's pose [T, 63] that the head's turn about the neck, before the camera, does
    not explain; the anchor [1 frame] is its rest. [T, 6] as `BEYOND`"""
    expected, still = (to_driving(slider_bridge(), sight, x) for x in (motion, torch.zeros_like(motion[:1])))
    moved, told = (
        (one.translation - before.translation)[:, :2] for one, before in ((driving, anchor), (expected, still))
    )
    size = (driving.scale / anchor.scale).log() - (expected.scale / still.scale).log()
    return torch.cat([turn_since(driving, anchor) - motion[:, ANGLES], moved - told, size[:, None]], 1)


def weights_of(bridge: Bridge, expression: Tensor, reference: Tensor) -> Tensor:
    """Changes of the channels [T, 63] that best add up to a change of expression [T, K, 3], by least squares, so that
    `reference` [63] and they together stay within the channels' ranges.

    Of channels that do the same the stronger ones do the work: weights are counted in ranges of their channels and held
    at rest a little. Weights that would leave their range are kept at its end, and the others solved for anew.
    """
    return torch.cat([_weights(bridge, some, reference) for some in expression.split(BLOCK)])


def _weights(bridge: Bridge, expression: Tensor, reference: Tensor) -> Tensor:
    """The same for so few frames that a system for each of them finds room."""
    reach = reference.new_tensor(motion_space.HIGH)
    low, high = ((reference.new_tensor(bound) - reference) / reach for bound in (motion_space.LOW, motion_space.HIGH))
    matrix = bridge.directions.flatten(1) * reach[:, None]
    gram, pull = matrix @ matrix.T, expression.flatten(1) @ matrix.T  # [63, 63], [T, 63]
    gram = gram + LOOSE * gram.diagonal().max() * torch.eye(SIZE, device=gram.device)
    free = matrix.any(1).expand(pull.shape)
    weights = torch.zeros_like(pull)
    for _ in range(ROUNDS):
        rest = torch.where(free, pull - (weights * ~free) @ gram, weights)
        system = torch.where(free[:, :, None] & free[:, None], gram, torch.diag_embed((~free).to(gram)))
        solved = torch.linalg.solve(system, rest)
        weights = solved.clamp(low, high)
        free = free & (solved == weights)
    return weights * reach


def _between_axes(turn: Tensor) -> Tensor:
    """A rotation in the other kind of axes. [..., 3, 3]"""
    return FLIP[:, None] * turn * FLIP


def _to_square(to_square: Tensor, pixels: Tensor) -> Tensor:
    return pixels @ to_square[:, :2].T + to_square[:, 2]


def _from_square(to_square: Tensor, places: Tensor) -> Tensor:
    return (places - to_square[:, 2]) @ torch.linalg.inv(to_square[:, :2]).T


def _unprojected(camera: Camera, pixels: Tensor, depth: Tensor) -> Tensor:
    """The points of view space that are seen at pixels [..., 2] in a depth [...]. [..., 3]"""
    flat = (pixels - camera.center) / camera.focal * depth[..., None]
    return torch.stack([flat[..., 0], -flat[..., 1], -depth.expand(flat.shape[:-1])], -1)
