"""The recipe of the motion extractor: it begins with the mean, learns what pictures differ by, and leaves one file."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from neo_core.geometry.head_model import landmarks
from neo_core.pictar.squares import Squares
from neo_core.pictar.volumetric.calibration import load_bridge
from neo_core.pictar.volumetric.checkpoints import FILES
from neo_core.pictar.volumetric.family import FAMILY
from neo_core.training import keypoint_renderer, motion_extractor
from neo_core.training.flow_matching import Plan, Run, train
from neo_core.training.head_keypoints import face_motion
from neo_core.training.keypoint_renderer import Batch, begun
from neo_core.training.motion_extractor import begin, examine, seen

from .test_keypoint_renderer import SIDE, TINY

PEOPLE = 4


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setattr(motion_extractor, "SIDE", SIDE)
    monkeypatch.setattr(keypoint_renderer, "SIDE", SIDE)
    monkeypatch.setitem(FAMILY, "small", TINY)


@pytest.fixture(scope="module")
def batch(head):
    """White squares where heads are that move aside, far and near."""
    points = landmarks(head, head.template)[None].repeat(2 * PEOPLE, 1, 1)
    aside = torch.linspace(-12, 12, 2 * PEOPLE)
    pixels = points * torch.tensor([1.2, -1.2, -1.2]) + torch.tensor([SIDE / 2, SIDE / 2, 0.0])
    pixels[..., 0] += aside[:, None]
    square = Squares(torch.tensor([[SIDE / 2, SIDE / 2]]), torch.tensor([float(SIDE)]), torch.zeros(1))
    true = face_motion(pixels, points, square[torch.zeros(2 * PEOPLE, dtype=torch.int64)])
    pictures = torch.zeros(2 * PEOPLE, 3, SIDE, SIDE)
    for picture, shift in zip(pictures, aside.round().int().tolist(), strict=True):
        picture[:, 20:44, 26 + shift : 38 + shift] = torch.linspace(0.3, 1, 12) + shift / 40
    nothing = torch.zeros(1)
    return Batch(pictures[:PEOPLE], pictures[PEOPLE:], true[:PEOPLE], true[PEOPLE:], nothing, nothing, nothing)


def test_it_begins_with_the_mean(batch):
    torch.manual_seed(0)
    figures = examine(begin(begun().motion, batch), batch)
    assert figures["apart, pixels"] < 1.3 * figures["mean's, pixels"]


def test_it_learns_what_pictures_differ_by(batch, tmp_path):
    """Who says the same to all of them has learned nothing."""
    torch.manual_seed(0)
    state = Run(begin(begun().motion, batch), Plan(steps=80, rate=3e-3, warm_up=5, average=0.9))
    train(state, partial(motion_extractor._next_loss, batches=iter([batch] * 80)), lambda _: "")
    figures = examine(state.average, batch)
    assert figures["apart, pixels"] < 0.4 * figures["mean's, pixels"]
    pictures, true = seen(batch)
    with torch.no_grad():
        read = state.average(pictures).translation[:, 0]
    assert torch.corrcoef(torch.stack([read, true.translation[:, 0]]))[0, 1] > 0.9
    asked = SimpleNamespace(out=tmp_path, minutes=1, rate=1, seed=0)
    motion_extractor._report(state, asked, PEOPLE, batch)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {f"{FILES['motion']}.safetensors", f"{FILES['motion']}.resume", "neo_bridge.safetensors"}
    assert load_bridge(tmp_path).calibrated
