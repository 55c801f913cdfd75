"""Portrait analysis: which human faces a picture shows, where their landmarks lie, and which pixels are the person.

Own networks, trained on the people factory's renderings only. A scan proposes; the landmark network reads each proposal
twice, the second time in a crop laid upright by the first reading and both as it is and mirrored; eyes and mouth get a
closer look. What the two readings disagree on, or the network is unsure of, is not a human face.

    analyser = load_analyser()
    faces = analyse(analyser, image)        # best first, empty when there is no human face
    alpha = person_mask(analyser, image)

The networks may live on any device; pictures, crops and results are on the CPU.

Letters: B proposals, K landmarks.
"""

from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import motion_space
from ..data_types import InputError, Progress, silent
from ..runtime.placement import ask
from ..weights import safetensors_io
from ..weights.manifest import embedded
from .detection import OVERLAP, ScanConfig, ScanNet, outermost, propose, propose_turned, suppress, upright_boxes
from .landmark_net import DetailConfig, DetailNet, LandmarkConfig, LandmarkNet, Reading
from .matting import MaskConfig, MaskNet, refine_edges, spread
from .squares import MARGIN, Squares, cut, frame_face, to_crop, to_picture

WORTH_A_SECOND_LOOK = -2.0  # face logit of the first reading
LEAST_SCORE = 0.6
SMALLEST = 8.0  # pixels: side of a face crop that can be read
TILTS = (-32.0, 32.0)  # degrees the picture is turned by when no face is found upright
VIEW = 2.2  # side of what the mask network sees over the side of the face box
VIEW_DROP = 0.0  # how far its centre lies below the face's, in the same measure
DOUBTFUL = 0.1  # expected error plus disagreement, in crop units, that halve the confidence


@dataclass(frozen=True)
class Face:
    """One human face, in pixels of the picture."""

    box: Tensor  # [4] x0 y0 x1 y1
    score: float  # 0..1; `analyse` returns only faces above `LEAST_SCORE`
    landmarks: Tensor  # [K, 2]
    sigma: Tensor  # [K] expected error
    pose: Tensor  # [3] pitch, yaw, roll in degrees (`motion_space`)
    expression: Tensor  # [53]
    gaze: Tensor  # [4] degrees

    @property
    def landmarks68(self) -> Tensor:
        """The Multi-PIE 68. [68, 2]"""
        return self.landmarks[:68]


@dataclass(frozen=True)
class AnalysisConfig:
    landmarks: LandmarkConfig
    eye: DetailConfig
    mouth: DetailConfig
    scan: ScanConfig = field(default_factory=ScanConfig)
    mask: MaskConfig = field(default_factory=MaskConfig)


class Analyser(nn.Module):
    """The networks of portrait analysis, in one file of weights."""

    def __init__(self, config: AnalysisConfig) -> None:
        super().__init__()
        self.config = config
        self.scan = ScanNet(config.scan)
        self.landmarks = LandmarkNet(config.landmarks)
        self.eye = DetailNet(config.eye)
        self.mouth = DetailNet(config.mouth)
        self.mask = MaskNet(config.mask)
        self.register_buffer(
            "mirror", torch.arange(config.landmarks.landmarks)
        )  # partner on the other half of the face


def load_analyser(path: str | Path | None = None) -> Analyser:
    """The embedded analyser, or the one in a file that `save_analyser` wrote."""
    path = path or embedded("analysis.safetensors")
    analyser = Analyser(_config(safetensors_io.load_config(path)))
    safetensors_io.load_into(analyser, path)
    return analyser.eval().to(memory_format=torch.channels_last)


def save_analyser(path: str | Path, analyser: Analyser, made: dict | None = None) -> None:
    """All networks in half precision, with their configs and the story of their making."""
    tensors, config = analyser.state_dict(), asdict(analyser.config)
    safetensors_io.save(path, tensors, config, made=made, dtype=torch.float16)


def _config(stored: dict) -> AnalysisConfig:
    kinds = {"landmarks": LandmarkConfig, "scan": ScanConfig, "mask": MaskConfig}
    kinds |= {"eye": DetailConfig, "mouth": DetailConfig}
    if stored.keys() != kinds.keys():
        raise InputError(f"weights for {sorted(stored)} found, expected an analyser: {sorted(kinds)}")
    return AnalysisConfig(**{name: kind(**_tuples(stored[name])) for name, kind in kinds.items()})


def _tuples(values: dict) -> dict:
    """JSON knows no tuples: turn its lists back."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


@torch.no_grad()
def analyse(analyser: Analyser, image: Tensor, progress: Progress = silent) -> list[Face]:
    """The human faces of a picture u8 [H, W, 3], the clearest and largest first."""
    picture = as_picture(image)
    searches = (propose, *(partial(propose_turned, tilt=tilt) for tilt in TILTS))
    for done, search in enumerate(searches):
        progress(done, len(searches), None)
        proposals = search(analyser.scan, picture)
        progress(done, len(searches), None)
        faces = _verify(analyser, picture, proposals)
        if faces:
            break
    progress(len(searches), len(searches), None)
    return faces


def _verify(analyser: Analyser, picture: Tensor, proposals: Squares) -> list[Face]:
    """Read the proposals, keep those that are human faces."""
    if not len(proposals):
        return []
    first = _read(analyser, picture, proposals)
    worth = first.face > WORTH_A_SECOND_LOOK
    square = frame_face(to_picture(proposals, first.landmarks)[worth])
    square = square[square.side > SMALLEST]
    if not len(square):
        return []
    second, disagreement = _read_both_ways(analyser, picture, square)
    score = confidence(second, disagreement)
    order = score.argsort(descending=True)
    order = order[suppress(upright_boxes(square.center, square.side)[order], OVERLAP)]
    order = order[score[order] >= LEAST_SCORE]
    order = order[(score[order] * square.side[order].sqrt()).argsort(descending=True)]
    order = order[outermost(upright_boxes(square.center, square.side)[order])]
    return [_face(analyser, picture, square, second, score, k) for k in order.tolist()]


@torch.no_grad()
def follow(analyser: Analyser, image: Tensor, around: Squares) -> Face | None:
    """The human face in or near one square of a picture u8 [H, W, 3], for one where it was a moment ago; or nobody.

    The square only says where to look: it is centred anew on what is found there, as `analyse` does with a proposal.
    Of a large picture nothing else is looked at.
    """
    return next(iter(_verify(analyser, checked(image), around)), None)


@torch.no_grad()
def read_face(analyser: Analyser, image: Tensor, around: Squares) -> Face:
    """The face that is known to fill one square of a picture u8 [H, W, 3], read as `analyse` reads what it finds."""
    picture = checked(image)
    reading, disagreement = _read_both_ways(analyser, picture, around)
    return _face(analyser, picture, around, reading, confidence(reading, disagreement), 0)


def as_picture(image: Tensor) -> Tensor:
    """u8 [H, W, 3] -> float [3, H, W] in 0..1, on the CPU."""
    return checked(image).permute(2, 0, 1).float() / 255


def checked(image: Tensor) -> Tensor:
    """A picture u8 [H, W, 3], on the CPU. Raises InputError where it is none."""
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.numel():
        raise InputError(f"image {image.dtype} {tuple(image.shape)} found, expected uint8 [height, width, 3]")
    return image.cpu()


def confidence(reading: Reading, disagreement: Tensor) -> Tensor:
    """0..1: it looks like a human face, its landmarks are sure, and the mirrored reading found the same ones. [B]"""
    doubt = (reading.log_sigma.exp().mean(1) + disagreement) / DOUBTFUL
    return torch.sigmoid(reading.face) / (1 + doubt**6)


def _read(analyser: Analyser, picture: Tensor, square: Squares) -> Reading:
    return Reading(*ask(analyser.landmarks, cut(picture, square, analyser.config.landmarks.size)))


def _read_both_ways(analyser: Analyser, picture: Tensor, square: Squares) -> tuple[Reading, Tensor]:
    """Mean of the readings of the crops and of their mirror images, and how far their landmarks differ [B]."""
    crops = cut(picture, square, analyser.config.landmarks.size)
    one = Reading(*ask(analyser.landmarks, crops))
    other = mirror_reading(Reading(*ask(analyser.landmarks, crops.flip(-1))), analyser.mirror.cpu())
    disagreement = (one.landmarks - other.landmarks).norm(dim=-1).mean(1)
    mean = Reading(*((a + b) / 2 for a, b in zip(one, other, strict=True)))
    return mean._replace(face=torch.minimum(one.face, other.face)), disagreement


def mirror_reading(reading: Reading, mirror: Tensor) -> Reading:
    """What the reading of a mirrored crop says about the crop itself."""
    motion = torch.zeros(len(reading.face), motion_space.SIZE, device=reading.face.device)
    motion[:, motion_space.EXPRESSION], motion[:, motion_space.GAZE] = reading.expression, reading.gaze
    motion[:, 53:56] = reading.pose
    motion = motion_space.mirror(motion)
    landmarks = reading.landmarks[:, mirror] * reading.landmarks.new_tensor([-1.0, 1.0])
    expression, gaze = motion[:, motion_space.EXPRESSION], motion[:, motion_space.GAZE]
    return Reading(landmarks, reading.log_sigma[:, mirror], reading.face, motion[:, 53:56], expression, gaze)


def _face(analyser: Analyser, picture: Tensor, square: Squares, reading: Reading, score: Tensor, k: int) -> Face:
    one = square[k : k + 1]
    landmarks, sigma = _look_closer(analyser, picture, one, reading.landmarks[k], reading.log_sigma[k].exp())
    pose = reading.pose[k].clone()
    pose[2] -= one.tilt[0]  # roll is counter-clockwise, tilt clockwise
    half = one.side[0] / (2 * MARGIN)
    return Face(
        torch.cat([one.center[0] - half, one.center[0] + half]),
        float(score[k]),
        to_picture(one, landmarks[None])[0],
        sigma * one.side[0] / 2,
        pose,
        reading.expression[k].clamp(0, 1),
        reading.gaze[k],
    )


def _look_closer(
    analyser: Analyser, picture: Tensor, face: Squares, landmarks: Tensor, sigma: Tensor
) -> tuple[Tensor, Tensor]:
    """Eyes, brows and mouth read again in their own crops; both readings count by their certainty. [K, 2], [K]"""
    mean, precision, mirror = landmarks * sigma[:, None] ** -2, sigma**-2, analyser.mirror.cpu()
    for net, flip in ((analyser.eye, False), (analyser.eye, True), (analyser.mouth, False), (analyser.mouth, True)):
        indices = torch.tensor(net.config.indices)
        indices = mirror[indices] if flip else indices
        part = detail_square(face, to_picture(face, landmarks[None, indices]), net.config)
        crop = cut(picture, part, net.config.size)
        points, log_sigma = ask(net, crop.flip(-1) if flip else crop)
        if flip:
            points = points * points.new_tensor([-1.0, 1.0])
        points = to_crop(face, to_picture(part, points))[0]
        weight = (log_sigma[0].exp() * net.config.extent) ** -2
        mean[indices] += points * weight[:, None]
        precision[indices] += weight
    return mean / precision[:, None], precision**-0.5


def detail_square(face: Squares, points: Tensor, config: DetailConfig) -> Squares:
    """The crop of one facial part: centred on its landmarks, tilted like the face. `points` [B, N, 2] pixels."""
    return Squares((points.amin(1) + points.amax(1)) / 2, face.side * config.extent, face.tilt)


@torch.no_grad()
def person_mask(analyser: Analyser, image: Tensor, face: Face | None = None) -> Tensor:
    """How much of each pixel of u8 [H, W, 3] is the person (hair, shoulders and clothes too): [H, W] in 0..1.

    Looks at the surroundings of `face`, or of the best face, or at the whole picture when there is none.
    """
    picture = as_picture(image)
    face = face or next(iter(analyse(analyser, image)), None)
    view = _surroundings(face) if face else _whole(picture)
    size = analyser.config.mask.size
    coarse = torch.sigmoid(ask(analyser.mask, cut(picture, view, size)))[:, None]
    return refine_edges(spread(coarse, view, picture.shape[1:], size // 2), picture)


def _surroundings(face: Face) -> Squares:
    side = face.box[2] - face.box[0]
    center = (face.box[:2] + face.box[2:]) / 2 + side * side.new_tensor([0.0, VIEW_DROP])
    return Squares(center[None], VIEW * side[None], torch.zeros(1))


def _whole(picture: Tensor) -> Squares:
    height, width = picture.shape[1:]
    return Squares(torch.tensor([[width / 2, height / 2]]), torch.tensor([float(max(height, width))]), torch.zeros(1))
