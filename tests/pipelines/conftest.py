"""A drawn head instead of a photo, and networks too small to have learnt anything."""

from dataclasses import replace

import pytest
import torch

from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.geometry.camera import Camera, project
from neo_core.geometry.head_model import landmarks, load_head_model, shape, vertex_normals
from neo_core.geometry.rasteriser import interpolate, rasterise
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.pictar.analysis import Face
from neo_core.pipelines import full_body, talking_head
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


def drawn_person(portrait: Portrait) -> torch.Tensor:
    """All that is not the grey behind. [H, W]"""
    return (portrait.photo != portrait.photo[0, 0]).any(-1).float()


@pytest.fixture
def models(monkeypatch, portrait) -> talking_head.Models:
    """The real head model; every network tiny and untrained."""
    monkeypatch.setattr(talking_head, "person_mask", lambda *_: drawn_person(portrait))
    encoder = EmbeddedEncoder(AudioEncoderConfig(width=16, inner=16, dilations=(1, 2)))
    config = UnifiedConfig(encoder.config.layers, 16, width=32, depth=2, heads=2, rotary=4, residual_stride=1)
    vocal = UnifiedMMDiT(config)
    with torch.no_grad():  # zero output weights, as VOCAL starts with, would leave the face still
        for parameter in vocal.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return talking_head.Models(None, load_head_model(), encoder.eval(), vocal.eval())


@pytest.fixture(scope="session")
def enrolled(portrait, grant_once) -> talking_head.Avatar:
    """Enrolled once for all tests: nothing writes into an avatar."""
    grant = grant_once(portrait.photo, portrait.face.landmarks68)
    models = talking_head.Models(None, load_head_model(), None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(talking_head, "person_mask", lambda *_: drawn_person(portrait))
        return talking_head.enrol(models, portrait, None, grant=grant)


@pytest.fixture
def avatar(enrolled, portrait, grant_for) -> talking_head.Avatar:
    """With consent of the test's own ledger."""
    grant = grant_for(portrait.photo, portrait.face.landmarks68)
    return replace(enrolled, volume=replace(enrolled.volume, grant=grant))


@pytest.fixture(scope="session")
def person(portrait) -> Portrait:
    """The same head in front of more grey: as much below it as a body would take."""
    photo = portrait.photo[:1, :1].expand(4 * SIZE, 4 * SIZE, 3).clone()
    photo[SIZE // 4 : SIZE + SIZE // 4, SIZE : 2 * SIZE] = portrait.photo
    face = replace(portrait.face, landmarks=portrait.face.landmarks + torch.tensor([SIZE, SIZE / 4]))
    return Portrait(photo, face)


@pytest.fixture
def body() -> full_body.FullBodyModels:
    """Every network tiny and untrained, and none of their weights zero: an untrained DiT would keep everybody still."""
    encoder = EmbeddedEncoder(AudioEncoderConfig(width=16, inner=16, dilations=(1, 2)))
    vae = VideoVAE(
        VideoVAEConfig(encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1, anchor_depth=1, fine_width=4)
    )
    sizes = {"width": 32, "depth": 1, "heads": 2, "side_width": 16, "patch": 4, "text_width": 12, "text_depth": 1}
    sizes |= {"local_width": 8, "local_depth": 1}
    dit = DiT(DiTConfig(3, 16, mlp_ratio=2.0, rotary_time=8, rotary_place=4, **sizes))
    with torch.no_grad():
        for parameter in (*vae.parameters(), *dit.parameters()):
            parameter.add_(0.1 * torch.randn_like(parameter))
    dit.prosody.weight.normal_(std=0.1)
    return full_body.joined(None, encoder.eval(), vae, dit)


@pytest.fixture
def anchor(body, person, grant_for) -> full_body.Anchor:
    grant = grant_for(person.photo, person.face.landmarks68, "full-body")
    return full_body.encode_anchor(body, person, grant=grant)
