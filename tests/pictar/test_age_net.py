"""Who looks like a child: the network's symmetries, what it looks at, and what the embedded one has learned."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neo_core.geometry.camera import Camera, project
from neo_core.geometry.head_model import landmarks as landmarks_of
from neo_core.geometry.head_model import load_head_model
from neo_core.media.image import read_photo
from neo_core.pictar.age_net import (
    AgeConfig,
    AgeNet,
    load_age_net,
    looks_like_a_child,
    mirrored,
    read_age,
    save_age_net,
)
from neo_core.pictar.analysis import analyse, load_analyser

SAMPLES = Path(__file__).parents[2] / "neo_core" / "samples"


@pytest.fixture(scope="module")
def head():
    return load_head_model()


def seen(vertices, head):
    """Landmarks of a head from the front. [1, K, 2] pixels"""
    camera = Camera(torch.tensor(400.0), torch.tensor([100.0, 100.0]), torch.eye(3), torch.tensor([0.0, 0.0, -90.0]))
    return project(camera, landmarks_of(head, vertices))[None, :, :2]


def childlike(head, share):
    """The mean head with a shorter face below the eyes, a smaller nose and chin, and a larger forehead."""
    eyes = head.eye_center[:, 1].mean()
    below = (eyes - head.template[:, 1]).clamp(min=0)
    smaller = head.template + share * torch.tensor([0.0, 0.32, 0.0]) * below[:, None]
    return smaller - share * 0.02 * below[:, None] * smaller * torch.tensor([1.0, 0.0, 0.0])


@pytest.fixture
def net(head):
    """Tiny and untrained."""
    net = AgeNet(AgeConfig(len(head.landmark_mirror), hidden=8))
    net.mirror.copy_(head.landmark_mirror)
    return net.eval()


def test_what_was_saved_is_loaded(net, head, tmp_path):
    net.config = replace(net.config, refused=1.25)
    save_age_net(tmp_path / "age.safetensors", net, {})
    loaded = load_age_net(tmp_path / "age.safetensors")
    assert loaded.config == net.config
    points = seen(head.template, head)
    assert torch.allclose(read_age(loaded, points).child, read_age(net, points).child, atol=0.02)


def test_a_mirrored_face_reads_the_same(net, head):
    points = seen(head.template, head) + torch.randn(1, len(head.landmark_mirror), 2)
    other = mirrored(points, net.mirror)
    assert torch.allclose(read_age(net, points).child, read_age(net, other).child, atol=1e-3)


def test_place_and_size_in_the_picture_do_not_count(net, head):
    points = seen(head.template, head)
    assert torch.allclose(read_age(net, points).child, read_age(net, 7 * points + 300).child, atol=1e-3)


def test_the_embedded_network_knows_a_childs_proportions(head):
    net = load_age_net()
    readings = [read_age(net, seen(childlike(head, share), head)) for share in (0.0, 0.5, 1.0)]
    logits, years = ([float(value) for value in values] for values in zip(*readings, strict=True))
    assert logits == sorted(logits)
    assert years == sorted(years, reverse=True)
    assert logits[0] < net.config.refused < logits[2]


@pytest.mark.parametrize("sample", ["portrait.jpg", "painting.jpg"])
def test_the_bundled_grown_ups_are_accepted(sample):
    assert not looks_like_a_child(analyse(load_analyser(), read_photo(SAMPLES / sample))[0])
