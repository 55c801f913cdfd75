"""What may move and what may not: frames before encoding, against the photo they were made from."""

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import motion_space
from ..governance import TALKING_HEAD, ConsentLedger, authorise, fingerprint
from ..governance.record import new_record
from ..pictar.geometric import Volume, render
from ..pipelines.portrait import open_portrait
from ..pipelines.talking_head import Models, enrol

EXTREMES = (  # motions that reach far: turned, tipped, shouting, blinking
    {"yaw": 20.0, "jawOpen": 0.8},
    {"yaw": -20.0, "pitch": 10.0, "mouthSmile_L": 1.0, "mouthSmile_R": 1.0},
    {"roll": 12.0, "pitch": -10.0, "eyeBlink_L": 1.0, "eyeBlink_R": 1.0},
)


def lifted(models: Models, path: Path, home: Path, size: int | None) -> Volume:
    """A portrait ready to be moved, with a consent of its own in the ledger under `home`."""
    portrait = open_portrait(models.analyser, path, 1)
    print_of = fingerprint(portrait.photo, portrait.face.landmarks68)
    ledger = ConsentLedger(home)
    ledger.add(new_record("authorised", "picture to measure with", print_of, adult=True, issued=int(time.time())))
    grant = authorise(print_of, TALKING_HEAD, source=str(path), ledger=ledger)
    return enrol(models, portrait, size, grant=grant).volume


def differences(volume: Volume) -> dict[str, float]:
    """Largest change outside the moving region and on the outermost rows and columns, in levels of 255."""
    photo = volume.photo.int()
    still = ~may_move(volume)
    rim = torch.ones_like(still)
    rim[1:-1, 1:-1] = False
    changes = [(frame.int() - photo).abs().amax(-1) for frame in render(volume, extremes(volume))]  # [H, W]
    return {
        "outside": max(int(change[still].max()) if still.any() else 0 for change in changes),
        "rim": max(int(change[rim].max()) for change in changes),
        "moved": max(int(change.max()) for change in changes),
    }


def may_move(volume: Volume) -> Tensor:
    """The declared moving region in the whole picture. [H, W] bool"""
    height, width = volume.photo.shape[:2]
    window = volume.window
    left, right = window.columns.start, width - window.columns.stop
    return F.pad(volume.moving > 0, (left, right, window.rows.start, height - window.rows.stop))


def extremes(volume: Volume) -> Tensor:
    """The portrait's own motion vector with each extreme on top. [3, 63]"""
    motion = volume.reference.repeat(len(EXTREMES), 1)
    for row, wanted in zip(motion, EXTREMES, strict=True):
        for name, value in wanted.items():
            row[motion_space.INDEX[name]] = value
    return motion
