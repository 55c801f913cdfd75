"""What the volumetric renderer is measured on: VOCAL performs the bundled speech for the bundled portrait."""

from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from ..governance import TALKING_HEAD, authorise, fingerprint
from ..media.audio import read_waveform
from ..pictar.volumetric.checkpoints import FILES, build_renderer
from ..pictar.volumetric.driven_face import DrivenFace
from ..pictar.volumetric.family import RendererConfig
from ..pictar.volumetric.motion_bridge import slider_bridge
from ..pipelines.live_portrait import LivePortrait, PublicRenderer, enrol_public
from ..pipelines.portrait import open_portrait
from ..pipelines.talking_head import Settings, load_models, perform
from .random_liveportrait import random_tensors

SAMPLES = Path(__file__).parents[1] / "samples"
SEED = 1


def performed(public: PublicRenderer, frames: int, size: int | None = None) -> tuple[DrivenFace, Tensor]:
    """The portrait, lifted, and the motion vectors of the first frames [T, 63]. Frames are the whole photo, or head and
    shoulders in a `size` square."""
    models, path = load_models(), SAMPLES / "portrait.jpg"
    portrait = open_portrait(models.analyser, path)
    grant = authorise(fingerprint(portrait.photo, portrait.face.landmarks68), TALKING_HEAD, source=str(path))
    avatar = enrol_public(models, public, portrait, size, LivePortrait(Path()), grant=grant)
    pieces = perform(models, read_waveform(SAMPLES / "speech.flac"), avatar.identity, Settings())
    return avatar.volume, torch.stack(list(islice((vector for piece in pieces for vector in piece), frames)))


def random_renderer(
    config: RendererConfig, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu"
) -> PublicRenderer:
    """With random weights, driven as a checkpoint is without a calibration."""
    renderer = build_renderer(config, random_tensors(config, SEED), FILES).ready(dtype, device)
    return PublicRenderer(renderer, slider_bridge())
