"""A folder of tiny drawn frames in the factory's format, for the tests of recipes that read frames."""

import pytest
import torch

from neo_core.geometry import head_model
from neo_core.weights import safetensors_io

SIDE, PEOPLE = 64, 60


@pytest.fixture(scope="session")
def head():
    return head_model.load_head_model()


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory, head):
    """Discs with dark irises and mouth; the landmarks are the mean head's, seen from the front."""
    dice = torch.Generator().manual_seed(0)
    folder = tmp_path_factory.mktemp("frames")
    points = head_model.landmarks(head, head.template)[:, :2] * torch.tensor([1.0, -1.0])
    center = SIDE / 2 + 3 * torch.randn(PEOPLE, 1, 2, generator=dice)
    landmarks = (points - points.mean(0)) * 2.4 + center
    line = torch.arange(SIDE) + 0.5
    pixels = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    disc = ((pixels[None] - center[:, None]).norm(dim=-1) < 22).float()
    image = 60 + 120 * disc[..., None].repeat(1, 1, 1, 3)
    for point in (-1, -2, 51, 57):
        image[(pixels[None] - landmarks[:, point, None, None]).norm(dim=-1) < 2] = 20
    tensors = {
        "image": image.byte(), "landmarks": landmarks, "mask": (255 * disc).byte(), "pose": torch.zeros(PEOPLE, 3),
        "expression": torch.zeros(PEOPLE, 53), "gaze": torch.zeros(PEOPLE, 4), "person": torch.arange(PEOPLE),
    }  # fmt: skip
    safetensors_io.save(folder / "shard_00000.safetensors", tensors, {})
    return folder
