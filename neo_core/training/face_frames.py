"""The people factory's frames in memory, and square views of them with everything that is known about the face.

A shard `shard_*.safetensors` holds `image` u8 [N, S, S, 3], `landmarks` f32 [N, K, 2] in pixels, `mask` u8 [N, S, S],
`pose` f32 [N, 3] in degrees, `expression` f32 [N, 53], `gaze` f32 [N, 4] and `person` i64 [N].

Letters: N frames, B views, K landmarks, S side of a frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ..data_types import InputError
from ..pictar.analysis import mirror_reading
from ..pictar.landmark_net import Reading
from ..pictar.squares import Squares, axes, crop_grid
from ..weights import safetensors_io
from .augment import normal, uniform

BROWS = (  # inner to outer end: of the 68, and the names of the dense lines over and under them
    ((22, 23, 24, 25, 26), "brow_upper_left", "brow_lower_left"),
    ((21, 20, 19, 18, 17), "brow_upper_right", "brow_lower_right"),
)
BROW_RISE = (0.35, 0.35, 0.35, 0.30, 0.50)  # from a brow's middle to its landmarks, in distances of its dense lines
PLAIN = "plain heads"  # the source of shards that teach geometry only: their persons are no whole ones
VALIDATION_SHARE = 25  # every 25th person is kept for validation


@dataclass(frozen=True)
class Frames:
    """Frames, or views of frames, with their truth."""

    picture: Tensor  # [N, 4, S, S] u8: red, green, blue, person alpha
    landmarks: Tensor  # [N, K, 2] pixels
    pose: Tensor  # [N, 3] degrees
    expression: Tensor  # [N, 53]
    gaze: Tensor  # [N, 4] degrees

    def __len__(self) -> int:
        return len(self.picture)

    def __getitem__(self, index: Tensor) -> "Frames":
        return Frames(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


class FrameStore:
    """Frames of growing folders; `refresh` reads what has been added. People for validation stay apart."""

    def __init__(
        self, folders: Sequence[str | Path], groups: Mapping[str, Sequence[int]], device: str | torch.device = "cpu"
    ) -> None:
        self.folders, self.groups, self.device = [Path(folder) for folder in folders], groups, device
        self.read: set[Path] = set()
        self.training: list[Frames] = []
        self.people: list[Frames] = []  # those of `training` that show whole people
        self.validation: list[Frames] = []
        self.refresh()
        if not self.training:
            raise InputError(f"no frames found in {self.folders}; expected shard_*.safetensors of `factory frames`")

    def refresh(self) -> int:
        """Read new shards; returns how many frames there are to train on."""
        shards = {path for folder in self.folders for path in folder.glob("shard_*.safetensors")}
        for path in sorted(shards - self.read):
            self.read.add(path)
            frames, person, source = _read_shard(path, self.groups, self.device)
            apart = person % VALIDATION_SHARE == 0
            self.training.append(frames[~apart])
            if source != PLAIN:
                self.people.append(self.training[-1])
            self.validation.append(frames[apart])
        return sum(len(frames) for frames in self.training)

    def draw(self, count: int, dice: Generator) -> Frames:
        """Random training frames."""
        return _drawn(self.training, count, dice)

    def draw_people(self, count: int, dice: Generator) -> Frames:
        """Random training frames of whole people, where there are any."""
        return _drawn(self.people or self.training, count, dice)

    def held_out(self, most: int) -> Frames:
        """Validation frames, evenly chosen."""
        frames = _joined(self.validation)
        return frames[torch.linspace(0, len(frames) - 1, min(most, len(frames))).long()]


def _drawn(shards: list[Frames], count: int, dice: Generator) -> Frames:
    sizes = torch.tensor([len(frames) for frames in shards])
    place = torch.randint(0, int(sizes.sum()), (count,), generator=dice, device=dice.device).cpu()
    shard = torch.bucketize(place, sizes.cumsum(0), right=True)
    row = place - (sizes.cumsum(0) - sizes)[shard]
    return _joined([shards[s][r : r + 1] for s, r in zip(shard.tolist(), row.tolist(), strict=True)])


def _read_shard(path: Path, groups: Mapping, device: str | torch.device) -> tuple[Frames, Tensor, str | None]:
    """Frames, the person of each, and the shard's source."""
    shard, config = safetensors_io.load(path, device)
    picture = torch.cat([shard["image"], shard["mask"][..., None]], -1).permute(0, 3, 1, 2).contiguous()
    landmarks = raise_brows(shard["landmarks"].float(), groups)
    truth = (shard[name].float() for name in ("pose", "expression", "gaze"))
    return Frames(picture, landmarks, *truth), shard["person"], config.get("source")


def raise_brows(landmarks: Tensor, groups: Mapping[str, Sequence[int]]) -> Tensor:
    """Brow landmarks from the middle of the drawn brow to its upper edge. [N, K, 2]

    People are drawn with the middle of their brows about on the bone's landmarks. The 68 mean MediaPipe's points 71 63
    105 66 107 there, the upper edge; a brow is the band of 70 63 105 66 107 over 46 53 52 65 55. `BROW_RISE` is about
    the step from the middle of that band to the former, a little less so that hidden brows stay near the bone.
    """
    raised = landmarks.clone()
    rise = landmarks.new_tensor(BROW_RISE)
    for middle, upper, lower in BROWS:
        band = landmarks[:, list(groups[upper])] - landmarks[:, list(groups[lower])]  # [N, J, 2]
        at = torch.linspace(0, len(rise) - 1, band.shape[1])
        dense = torch.lerp(rise[at.floor().long()], rise[at.ceil().long()], at.frac().to(rise))
        step = dense[:, None] * band
        raised[:, list(groups[upper])] += step
        raised[:, list(groups[lower])] += step
        five = functional.interpolate(band.transpose(1, 2), len(rise), mode="linear", align_corners=True)
        raised[:, list(middle)] += rise[:, None] * five.transpose(1, 2)
    return raised


def _joined(parts: list[Frames]) -> Frames:
    return Frames(*(torch.cat([getattr(part, name) for part in parts]) for name in Frames.__dataclass_fields__))


@dataclass(frozen=True)
class View:
    """B parallelograms in frames: crop coordinates p show pixel `matrix @ p + center`."""

    matrix: Tensor  # [B, 2, 2]
    center: Tensor  # [B, 2]

    def see(self, pictures: Tensor, size: int, outside: str) -> Tensor:
        """[B, C, S, S] u8 -> [B, C, size, size] in 0..1; `outside` is a padding mode of grid_sample."""
        pixels = crop_grid(size, pictures.device) @ self.matrix.mT + self.center[:, None]
        grid = (pixels / pictures.shape[-1] * 2 - 1).view(-1, size, size, 2)
        return functional.grid_sample(pictures.float(), grid, padding_mode=outside, align_corners=False) / 255

    def inside(self, frame_size: int, size: int) -> Tensor:
        """1 where the view shows the frame, or what lies below it (a body goes on there). [B, 1, size, size]"""
        pixels = crop_grid(size, self.matrix.device) @ self.matrix.mT + self.center[:, None]
        x, y = pixels.unbind(-1)
        return ((x >= 0) & (x <= frame_size) & (y >= 0)).float().view(-1, 1, size, size)

    def locate(self, points: Tensor) -> Tensor:
        """Pixels [B, N, 2] to crop coordinates."""
        return (points - self.center[:, None]) @ torch.linalg.inv(self.matrix).mT


def around(squares: Squares, mirrored: Tensor, dice: Generator, squash: float = 0.05) -> View:
    """A view for each square, slightly squashed and sheared at random; `mirrored` [B] bool turns it left to right."""
    count = len(squares)
    stretch = (squash * normal((count,), dice)).exp()
    shear = squash * normal((count,), dice)
    zero = torch.zeros_like(shear)
    uneven = torch.stack([torch.stack([stretch, shear], -1), torch.stack([zero, 1 / stretch], -1)], -2)
    flip = torch.stack([torch.where(mirrored, -1.0, 1.0), torch.ones_like(shear)], -1)
    return View(axes(squares) @ uneven * flip[:, None], squares.center)


def jitter(squares: Squares, dice: Generator, shift: float, zoom: float, turn: Tensor) -> Squares:
    """Squares as a sloppy detector gives them: shift in sides, zoom as log scale, both random; turn in degrees."""
    count = len(squares)
    center = squares.center + shift * squares.side[:, None] * normal((count, 2), dice)
    return Squares(center, squares.side * (zoom * normal((count,), dice)).exp(), squares.tilt + turn)


def mirror_coins(count: int, dice: Generator) -> Tensor:
    """[count] bool"""
    return uniform(count, 0, 1, dice) < 0.5


def truth_in(view: View, frames: Frames, squares: Squares, mirrored: Tensor, partner: Tensor) -> Reading:
    """What a perfect network reads in the views. `partner` [K] is the landmarks' left-right permutation."""
    landmarks = view.locate(frames.landmarks)
    pose = frames.pose.clone()
    pose[:, 2] += squares.tilt  # roll is counter-clockwise, tilt clockwise
    nothing = torch.zeros(len(frames), device=landmarks.device)
    seen = Reading(landmarks, torch.zeros_like(landmarks[..., 0]), nothing + 1, pose, frames.expression, frames.gaze)
    unturned = seen._replace(landmarks=landmarks * landmarks.new_tensor([-1.0, 1.0]))
    other = mirror_reading(unturned, partner)  # the view is mirrored already: only names and signs change
    chosen = (torch.where(_like(mirrored, a), a, b) for a, b in zip(other, seen, strict=True))
    return Reading(*chosen)


def _like(flags: Tensor, values: Tensor) -> Tensor:
    return flags.view(-1, *(1,) * (values.ndim - 1))
