"""A drawn head instead of a photo, and networks too small to have learnt anything."""

import pytest
import torch

from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.geometry.camera import Camera, project
from neo_core.geometry.head_model import landmarks, load_head_model, shape, vertex_normals
from neo_core.geometry.rasteriser import interpolate, rasterise
from neo_core.pictar.analysis import Face
from neo_core.pipelines import talking_head
from neo_core.pipelines.portrait import Portrait
from neo_core.vocal.unified_mmdit import UnifiedConfig, UnifiedMMDiT

SIZE = 128


@pytest.fixture(scope="session")
def portrait() -> Portrait:
    """The mean head in front of grey, with its exact landmarks."""
    head = load_head_model()
    vertices = shape(head, torch.zeros(60), torch.zeros(53))
    place = torch.tensor([0.0, 0.0, -70.0])
    camera = Camera(torch.tensor(2.0 * SIZE), torch.tensor([SIZE / 2, SIZE / 2]), torch.eye(3), place)
    fragments = rasterise(project(camera, vertices), head.triangles, SIZE, SIZE)
    shade = interpolate(fragments, head.triangles, vertex_normals(vertices, head.triangles) * 0.3 + 0.5)
    drawn = torch.where((fragments.triangle >= 0)[..., None], shade, torch.tensor(0.4))
    points = project(camera, landmarks(head, vertices))[:, :2]
    box = torch.cat([points.amin(0), points.amax(0)])
    face = Face(box, 0.9, points, torch.ones(len(points)), torch.zeros(3), torch.zeros(53), torch.zeros(4))
    return Portrait((drawn.clamp(0, 1) * 255).byte(), face)


@pytest.fixture
def models(monkeypatch, portrait) -> talking_head.Models:
    """The real head model; every network tiny and untrained."""
    person = (portrait.photo != portrait.photo[0, 0]).any(-1).float()
    monkeypatch.setattr(talking_head, "person_mask", lambda *_: person)
    encoder = EmbeddedEncoder(AudioEncoderConfig(width=16, inner=16, dilations=(1, 2)))
    config = UnifiedConfig(encoder.config.layers, 16, width=32, depth=2, heads=2, rotary=4, residual_stride=1)
    vocal = UnifiedMMDiT(config)
    with torch.no_grad():  # zero output weights, as VOCAL starts with, would leave the face still
        for parameter in vocal.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return talking_head.Models(None, load_head_model(), encoder.eval(), vocal.eval())


@pytest.fixture
def avatar(models, portrait, grant_for) -> talking_head.Avatar:
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    return talking_head.enrol(models, portrait, None, grant=grant)
