"""Tiny drawn frames and films in the factory's format, for the tests of recipes that read them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neo_core.geometry import head_model
from neo_core.neo2.latent_space import CELL, CHANNELS, COARSE
from neo_core.neo2.video_vae import VideoVAE, VideoVAEConfig
from neo_core.training import neo2_clips
from neo_core.training.films import Film, load_films
from neo_core.training.neo2_clips import Clip
from neo_core.weights import safetensors_io

SIDE, PEOPLE = 64, 60
FILM = 64  # frames
TINY_VAE = VideoVAEConfig(
    encoder_width=6, encoder_depth=1, decoder_width=6, decoder_depth=1, anchor_depth=1, fine_width=4,
    motion_width=8, motion_depth=2,
)  # fmt: skip


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


@pytest.fixture
def write_film() -> Callable[..., None]:
    """write_film(folder, number, held_out=False): a grey film whose brightness, and what is heard of it, are the number
    of the frame."""
    line = torch.arange(FILM)

    def write(folder: Path, number: int, held_out: bool = False) -> None:
        hands = torch.stack((torch.tensor([0.0, 40, 12, 52]), torch.full((4,), torch.nan)))
        video = (line * 2 + number).byte()[:, None, None, None].expand(-1, SIDE, SIDE, 3)
        tensors = {
            "video": video,
            "anchor": video[0],
            "heard": (1 + torch.arange(2 * FILM) / 2).floor()[None, :, None].expand(2, -1, 6).half(),
            "sound": 0.1 * torch.randn(640 * FILM, generator=torch.Generator().manual_seed(number)),
            "mouth": line / FILM,
            "hands": torch.zeros(FILM, 2, 3),
            "mouth_box": torch.tensor([16.0, 16.0, 32.0, 24.0]).expand(FILM, -1),
            "hand_boxes": hands.expand(FILM, -1, -1),
        }
        config = {
            "frames": FILM, "size": SIDE, "prompt": f"person {number}", "manner": "calm", "speaking": True,
            "person": number, "scene": str(number), "part": 0, "voice": "v", "held_out": held_out,
            "framing": "half body",
        }  # fmt: skip
        safetensors_io.save(folder / f"scene_{number:05d}.safetensors", tensors, config)

    return write


@pytest.fixture
def films(tmp_path, write_film) -> list[Film]:
    for number in range(3):
        write_film(tmp_path, number)
    return load_films(tmp_path)


@pytest.fixture
def vae() -> VideoVAE:
    """One whose latents are seen: a fresh one shows the anchor whatever they are."""
    torch.manual_seed(0)
    vae = VideoVAE(TINY_VAE).eval().requires_grad_(False)
    for head in (vae.motion.decoder.flow, vae.motion.decoder.head):
        torch.nn.init.normal_(head[2].weight, std=0.1)
    return vae


@pytest.fixture
def clips(films) -> list[Clip]:
    """Films with latents that say which they are."""
    cells = SIDE // CELL
    number = torch.arange(FILM // 4)[:, None, None, None]
    codes = number.expand(-1, CHANNELS, cells, cells).half()
    clips = [neo2_clips._clip(film, 0, codes, torch.full_like(codes[0], -1)) for film in films]
    latents = codes[..., : cells // COARSE, : cells // COARSE]
    return [
        replace(clip, latents=latents + 100 * k, shows=neo2_clips.coarse(clip.shows)) for k, clip in enumerate(clips)
    ]
