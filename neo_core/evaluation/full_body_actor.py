"""NEO 2 as its bench lets it perform: pictures, hidden states of a sound and a prompt in, latents and frames out.

What a user calls is `pipelines/full_body.py`, with consent, a photo and a sound file; here the same networks and the
same Neural Continuum Sync are given the exact picture and sound of a film, so that the film is the truth of the result.

Letters: T latents, C h w one latent, L layers and D width of the audio encoder, G trigrams.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from ..neo2.chunk_executor import Executor
from ..neo2.continuum_sync import continuum
from ..neo2.decoding import decode_stream, pictures
from ..neo2.dit import DiT
from ..neo2.latent_space import FRAMES, RATE
from ..neo2.loading import load_dit, load_video_vae
from ..neo2.sampler import Sampling
from ..neo2.text_encoder import tokenise
from ..neo2.video_vae import VideoVAE
from ..neo2.window_layout import Sync
from ..timebase import FEATURE_RATE

HEARD = FEATURE_RATE * FRAMES // RATE  # feature frames per latent
TUNED, SYNC = Sampling(), Sync()  # as shipped
AT_ONCE = 4  # latents that are decoded together


@dataclass(frozen=True)
class Actor:
    """The two networks."""

    vae: VideoVAE
    dit: DiT

    @torch.no_grad()
    def anchor(self, picture: Tensor) -> Tensor:
        """u8 [H, W, 3] -> [C, h, w]"""
        return self.vae.encode_still(_pixels(picture[None]))[0].float()

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tensor:
        """The latents of a film: u8 [4 T, H, W, 3] -> [T, C, h, w]"""
        return self.vae.encode(rearrange(_pixels(video), "t c h w -> 1 c t h w"))[0].float()

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
        """`total` latents [T, C, h, w] of a person [C, h, w] who hears [L, t, D]; up to `sync.chunk` are one chunk."""
        pieces = continuum(
            self.dit, anchor, span_of(hidden), tokenise(prompt), total, sync, sampling, executor=executor
        )
        return torch.cat(list(pieces))

    def show(self, latents: Tensor, anchor: Tensor) -> Tensor:
        """Decoded in slices, as the product does: [T, C, h, w], [C, h, w] -> u8 [4 T, H, W, 3]"""
        return torch.cat(list(self._slices(latents, anchor)))

    def _slices(self, latents: Tensor, anchor: Tensor) -> Iterator[Tensor]:
        return decode_stream(self.vae, anchor, latents.split(AT_ONCE))


@lru_cache
def shipped(dit: Path | None = None) -> Actor:
    """The embedded weights, or another DiT. Raises InputError when there are none."""
    return Actor(load_video_vae().eval(), load_dit(dit).eval())


def span_of(hidden: Tensor):
    """Hidden states [L, t, D] as `continuum` asks for them: by latents, zeros beyond both ends."""

    def sound(first: int, last: int) -> Tensor:
        wanted = hidden.new_zeros(hidden.shape[0], HEARD * (last - first), hidden.shape[2]).float()
        begin, end = max(0, HEARD * first), max(0, min(HEARD * last, hidden.shape[1]))
        if end > begin:
            wanted[:, begin - HEARD * first : end - HEARD * first] = hidden[:, begin:end]
        return wanted

    return sound


def reconstructed(actor: Actor, video: Tensor, anchor: Tensor) -> Tensor:
    """A film through the autoencoder alone: what the best performance could look like. u8 [4 T, H, W, 3] -> the same"""
    with torch.no_grad():
        return pictures(actor.vae.decode(actor.encode(video)[None], anchor[None])[0])


def _pixels(video: Tensor) -> Tensor:
    """u8 [T, H, W, 3] -> [T, 3, H, W] in -1..1"""
    return video.permute(0, 3, 1, 2).float() / 127.5 - 1
