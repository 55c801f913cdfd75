from pathlib import Path

import numpy as np
import pytest
import torch

from neo_core.data_types import InputError
from neo_core.geometry.head_model import load_head_model
from neo_core.media.image import read_photo
from neo_core.pictar.analysis import (
    Analyser,
    AnalysisConfig,
    analyse,
    follow,
    load_analyser,
    mirror_reading,
    person_mask,
    save_analyser,
)
from neo_core.pictar.geometric.sampling import blur
from neo_core.pictar.landmark_net import DetailConfig, LandmarkConfig, start_from_shapes
from neo_core.pictar.matting import MaskConfig
from neo_core.pictar.squares import Squares, frame_face
from neo_core.training import negatives
from neo_core.training.synthetic import plain_heads

from .test_squares import LargestNumbers


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    config = AnalysisConfig(
        LandmarkConfig(70, size=32, widths=(4, 8), depths=(0, 1), hidden=16),
        DetailConfig(tuple(range(42, 48)), 0.4, size=16, widths=(4, 8), depths=(0, 0), hidden=8),
        DetailConfig(tuple(range(48, 68)), 0.4, size=16, widths=(4, 8), depths=(0, 0), hidden=8),
        mask=MaskConfig(32, (4, 6, 8)),
    )
    return Analyser(config).eval()


def test_what_was_saved_is_loaded(tiny, tmp_path):
    save_analyser(tmp_path / "a.safetensors", tiny)
    loaded = load_analyser(tmp_path / "a.safetensors")
    assert loaded.config == tiny.config
    crop = torch.rand(2, 3, 32, 32)
    assert torch.allclose(loaded.landmarks(crop).landmarks, tiny.landmarks(crop).landmarks, atol=2e-2)


def test_other_weights_are_refused(tmp_path):
    from neo_core.weights import safetensors_io

    safetensors_io.save(tmp_path / "b.safetensors", {"x": torch.zeros(1)}, {"size": 3})
    with pytest.raises(InputError, match="expected an analyser"):
        load_analyser(tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    "image", [torch.zeros(8, 8, 3), torch.zeros(8, 8, dtype=torch.uint8), torch.zeros(0, 8, 3).byte()]
)
def test_only_colour_pictures_are_read(tiny, image):
    with pytest.raises(InputError, match="expected uint8"):
        analyse(tiny, image)


def test_mirroring_twice_changes_nothing(tiny):
    reading = tiny.landmarks(torch.rand(3, 3, 32, 32))
    partner = torch.cat([torch.arange(35, 70), torch.arange(35)])  # any involution
    again = mirror_reading(mirror_reading(reading, partner), partner)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(reading, again, strict=True))


def test_a_blank_picture_shows_nobody(tiny):
    assert analyse(tiny, torch.zeros(70, 50, 3, dtype=torch.uint8)) == []


def test_the_mask_has_the_picture_size(tiny):
    mask = person_mask(tiny, torch.randint(0, 256, (61, 47, 3), dtype=torch.uint8))
    assert mask.shape == (61, 47)
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_a_network_starts_at_the_mean_shape(tiny):
    shapes = torch.randn(1, 70, 2) + 0.1 * torch.randn(40, 70, 2)
    net = type(tiny.landmarks)(tiny.config.landmarks).eval()
    start_from_shapes(net, shapes)
    assert (net.landmarks.bias.view(70, 2) - shapes.mean(0)).abs().max() < 1e-5


PORTRAIT = Path(__file__).parents[2] / "neo_core" / "samples" / "portrait.jpg"


@pytest.fixture(scope="module")
def embedded():
    return load_analyser()


def plain_head(seed):
    """A painted head of the factory, 256 pixels, and its landmarks."""
    frame = plain_heads.frame(load_head_model(), np.random.default_rng(seed), 256)
    return frame["image"], frame["landmarks"]


def test_the_embedded_networks_find_faces_and_their_landmarks(embedded):
    found = 0
    for seed in (1, 2, 3, 4, 5):
        image, truth = plain_head(seed)
        faces = analyse(embedded, image)
        eyes = (truth[36:42].mean(0) - truth[42:48].mean(0)).norm().clamp(min=20)
        found += bool(faces) and bool((faces[0].landmarks[27:68] - truth[27:68]).norm(dim=1).mean() < 0.12 * eyes)
    assert found >= 4


def test_the_embedded_networks_refuse_animals(embedded):
    dice = torch.Generator().manual_seed(0)
    animals = negatives.animals(negatives.textures(6, 160, dice), dice)
    images = (animals * 255).byte().permute(0, 2, 3, 1)
    assert sum(bool(analyse(embedded, image)) for image in images) <= 1


def test_a_mirrored_picture_has_the_mirrored_pose(embedded):
    image, _ = plain_head(2)
    one, other = (analyse(embedded, picture)[0] for picture in (image, image.flip(1)))
    assert (one.pose * torch.tensor([1.0, -1.0, -1.0]) - other.pose).abs().max() < 8


def test_in_a_4k_picture_a_face_is_followed_as_in_the_part_that_shows_it(embedded):
    """And nothing but that part becomes numbers."""
    image, truth = plain_head(2)
    picture = torch.full((2160, 3840, 3), 90, dtype=torch.uint8)
    part = picture[800:1312, 3000:3512]
    part[128:384, 128:384] = image
    there, here = (truth[:68] + torch.tensor(corner) for corner in ([3128.0, 928.0], [128.0, 128.0]))
    with LargestNumbers() as numbers:
        found = follow(embedded, picture, frame_face(there[None]))
    alone = follow(embedded, part.contiguous(), frame_face(here[None]))
    assert torch.allclose(found.landmarks - torch.tensor([3000.0, 800.0]), alone.landmarks, atol=0.05)
    assert abs(found.score - alone.score) < 1e-3
    assert numbers.most < picture.numel() / 20


def test_a_face_out_of_focus_is_read_alike(embedded):
    """Blur of a driving video costs some of its motion, and of the portrait, whose pixels are the photo's, nothing."""
    photo = read_photo(PORTRAIT)[::2, ::2].contiguous()
    (face,) = analyse(embedded, photo)
    points = face.landmarks68
    eyes = (points[36:42].mean(0) - points[42:48].mean(0)).norm()
    soft = (blur(photo.permute(2, 0, 1).float() / 255, float(0.06 * eyes)).permute(1, 2, 0) * 255).byte()
    found = follow(embedded, soft, frame_face(points[None])).landmarks68
    off, lips = (found - points) / eyes, (found - points)[[66, 62]].diff(dim=0) / eyes
    assert off.norm(dim=1).mean() < 0.03
    assert lips.norm() < 0.02


def test_a_face_is_followed_from_near_where_it_was(embedded):
    image, _ = plain_head(2)
    face = analyse(embedded, image)[0]
    was = frame_face(face.landmarks68[None])
    near = follow(embedded, image, Squares(was.center + 0.1 * was.side[0], 1.1 * was.side, was.tilt + 5))
    eyes = (face.landmarks[36:42].mean(0) - face.landmarks[42:48].mean(0)).norm()
    assert (near.landmarks68 - face.landmarks68).norm(dim=1).mean() < 0.05 * eyes
    assert follow(embedded, torch.full_like(image, 90), was) is None
