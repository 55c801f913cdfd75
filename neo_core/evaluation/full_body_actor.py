"""NEO 2 as its bench lets it perform: pictures, hidden states of a sound and a prompt in, latents and frames out.

These are the steps of `pipelines/full_body.py`, without a photo and a sound file around them: the exact picture and
sound of a film are given, so that the film is the truth of the result. No consent is asked, because nobody is shown:
the people of films are made by `factory films`. Photos go through the command (`full_body_length.py`), which asks.

Letters: T latents, C h w one latent, L layers and D width of the audio encoder.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from ..neo2.chunk_executor import Executor
from ..neo2.decoding import pictures
from ..neo2.latent_space import frame_count
from ..neo2.sampler import Sampling
from ..neo2.window_layout import Sync
from ..pipelines.full_body import (
    FullBodyModels,
    FullBodySettings,
    decoded_frames,
    latent_pieces,
    load_full_body,
    still_latent,
)
from ..pipelines.hearing import HeardSpan, silence

SHIPPED = FullBodySettings()
TUNED, SYNC = SHIPPED.sampling, SHIPPED.sync


@dataclass(frozen=True)
class Actor:
    """The networks, as the product joins them."""

    models: FullBodyModels

    @cached_property
    def silence(self) -> Tensor:
        """What is heard beyond the ends of a sound. [L, D]"""
        return silence(self.models.audio_encoder)

    def anchor(self, picture: Tensor) -> Tensor:
        """u8 [H, W, 3] -> [C, 4h, 4w]"""
        return still_latent(self.models.vae, picture)

    @torch.no_grad()
    def encode(self, video: Tensor, anchor: Tensor) -> Tensor:
        """The latents of a film: u8 [4 T, H, W, 3], [C, 4h, 4w] -> [T, C, h, w]"""
        pixels = rearrange(video, "t h w c -> 1 c t h w").float() / 127.5 - 1
        return self.models.vae.encode(pixels, anchor[None])[0].float()

    def perform(
        self,
        anchor: Tensor,
        hidden: Tensor,
        prompt: str,
        total: int,
        sampling: Sampling = TUNED,
        sync: Sync = SYNC,
        executor: Executor | None = None,
    ) -> Tensor:
        """`total` latents [T, C, h, w] of a person [C, 4h, 4w] who hears [L, t, D]; `sync.chunk` are one chunk."""
        span, settings = HeardSpan(iter([hidden.float()]), self.silence), FullBodySettings(sampling, sync)
        pieces = latent_pieces(self.models.dit, anchor, span, prompt, total, settings, executor=executor)
        return torch.cat(list(pieces))

    def show(self, latents: Tensor, anchor: Tensor) -> Tensor:
        """Decoded in slices: [T, C, h, w], [C, 4h, 4w] -> u8 [4 T, H, W, 3]"""
        return torch.stack(list(decoded_frames(self.models.vae, anchor, [latents], frame_count(len(latents)))))


@lru_cache
def shipped(dit: Path | None = None, vae: Path | None = None) -> Actor:
    """The embedded weights, or others of the two networks of NEO 2. Raises InputError when there are none."""
    return Actor(load_full_body(vae, dit))


def reconstructed(actor: Actor, video: Tensor, anchor: Tensor) -> Tensor:
    """A film through the autoencoder alone: what the best performance could look like. u8 [4 T, H, W, 3] -> the same"""
    with torch.no_grad():
        return pictures(actor.models.vae.decode(actor.encode(video, anchor)[None], anchor[None])[0])
