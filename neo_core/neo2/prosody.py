"""Movement that follows the voice: "gestures feel driven by speech rather than layered on top of it".

A few steps of a small network say well how a person moves, and too little when they move more. What is heard tells it
almost fully: a linear map reads the energy of the voice, its loudness and accents, off the hidden states of the audio
encoder. Below the chin finished latents move about their own slow path, by more where the voice does more, by less
where it does less:

    s = x * Gaussian          a_k = 1 + prosody e_k, .5 to 1.5          x'_k = s_k + a_k (x_k - s_k)

The slow path is the pose. Amplified with all the rest it would lead back to the anchor whenever nobody speaks, and no
film does that. Faces are left alone: less movement is smoother movement, and lips and lids are quick.

Letters: L layers and F width of the audio encoder, T latents, C h w a latent.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from einops import reduce
from torch import Tensor, nn

from .latent_space import HEARD

Energy = Callable[[int, int], Tensor]  # (first, last) latent of a video -> [last - first] deviations
DEVIATION = 2.0  # of the Gaussian, in latents: a third of a second
REACH = 6  # latents before and after one that its slow path is made of
LEAST, MOST = 0.5, 1.5  # factors of what moves about it
CHIN, CHEST = 0.42, 0.55  # of the picture's height: where that begins, and where it is whole


class Prosody(nn.Module):
    """How much a voice does, in deviations from the mean over films, pauses included. A fresh one hears nothing."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(layers, width))
        self.register_buffer("bias", torch.zeros(()))

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states [L, 8 T, F] -> [T], each latent of its own frames alone."""
        heard = reduce(hidden.float(), "l (t n) f -> t l f", "mean", n=HEARD)
        return (heard * self.weight.to(heard)).sum((1, 2)) + self.bias.to(heard)


def following(pieces: Iterable[Tensor], energy: Energy, share: float) -> Iterator[Tensor]:
    """Latents in pieces [t, C, h, w], in order and as many as came, each once those after it within reach are known.

    `energy` is asked for latents that have come. Beyond both ends of a video all stands still.
    """
    known, done = None, 0
    for piece in _standing_beyond(pieces):
        known = piece if known is None else torch.cat((known, piece))
        ready = len(known) - 2 * REACH
        if ready > 0:
            yield moved(known, energy(done, done + ready), share)
            known, done = known[ready:].clone(), done + ready


def moved(latents: Tensor, energy: Tensor, share: float) -> Tensor:
    """Latents with those within reach on either side [REACH + T + REACH, C, h, w], energy [T] -> [T, C, h, w]"""
    steps = torch.arange(-REACH, REACH + 1).to(latents)
    kernel = torch.exp(-steps.square() / (2 * DEVIATION**2))
    slow = latents.unfold(0, len(steps), 1) @ (kernel / kernel.sum())
    more = (1 + share * energy.to(latents)).clamp(LEAST, MOST) - 1
    factors = 1 + more[:, None, None, None] * _below_the_chin(latents.shape[-2]).to(latents)[:, None]
    return slow + factors * (latents[REACH:-REACH] - slow)


def _below_the_chin(rows: int) -> Tensor:
    """How far each row of cells of a picture is body, in the one framing that there is. [h]"""
    return ((torch.arange(rows) + 0.5) / rows - CHIN).div(CHEST - CHIN).clamp(0, 1)


def _standing_beyond(pieces: Iterable[Tensor]) -> Iterator[Tensor]:
    """The same with the first latent over and over before it, and the last one after it."""
    last = None
    for piece in pieces:
        if last is None:
            yield _repeated(piece[:1])
        yield piece
        last = piece[-1:]
    if last is not None:
        yield _repeated(last)


def _repeated(latent: Tensor) -> Tensor:
    return latent.expand(REACH, -1, -1, -1)
