"""How a DiT of NEO 2 does on windows of films it did not learn from: figures, and a picture to look at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor

from ..neo2.dit import DiT
from ..neo2.latent_space import FRAMES
from ..neo2.sampler import Sampling, noise_field, sample_chunk
from ..neo2.video_vae import VideoVAE
from .neo2_clips import HANDS, MOUTH, Clip, Windows, cut
from .neo2_lips import Lips

LENGTH = 10  # latents of a window
PLACES = (0.05, 0.3, 0.55, 0.8, 0.99)  # moments of a window in the picture
KINDS = {"mouth": (MOUTH,), "hands": (HANDS,), "all": ()}  # of cells; no kind is every cell
SMALL = 1e-8
TOGETHER = 4  # windows that are sampled at once
DEFAULT = Sampling()


def exam_windows(clips: Sequence[Clip], count: int) -> Windows:
    """One window of each of `count` films of people who speak, spread over all of them."""
    speaking = [clip for clip in clips if clip.film.speaking and len(clip.latents) >= LENGTH]
    count = min(count, len(speaking))
    chosen = [speaking[k * len(speaking) // count] for k in range(count)]
    return cut(chosen, [len(clip.latents) - LENGTH for clip in chosen], LENGTH)


def sampled(dit: DiT, windows: Windows, sampling: Sampling = DEFAULT) -> Tensor:
    """What the network makes of the conditions of windows, some at a time: [B, T, C, h, w]."""
    device = next(dit.parameters()).device
    made = []
    for k in range(0, len(windows.latents), TOGETHER):
        part = windows.take(slice(k, k + TOGETHER))
        shape, given = part.latents.shape, part.conditions.to(device)
        noise = noise_field(sampling.seed, k * shape[1], shape[0] * shape[1], shape[2:])
        with torch.autocast(device.type, torch.bfloat16):
            made.append(sample_chunk(dit, given, noise.unflatten(0, shape[:2]).to(device), sampling).float().cpu())
    return torch.cat(made)


@dataclass(frozen=True)
class Care:
    """What errors are weighed by."""

    seen: Tensor  # [C] how far a unit of each channel is seen in the pixels
    lips: Lips


def health(dit: DiT, windows: Windows, care: Care) -> dict[str, float]:
    """Sampled against true latents, with the right sound and with another's.

    `lips`, `lips_other`: correlation over time of how far mouths are open (`neo2_lips`) with the truth, with the right
    sound and with another's. `lips_effect`: the same of what one sound changes against another, in which noise and
    heads that move cancel; `lips_size` is how large that is against the truth. `hands_gain`: the error of hands with
    another's sound over that with the right one. `mouth_error`, `error`: mean square error over that of the anchor, of
    mouths and of all. `mouth_motion`, `hands_motion` and `all_motion`: how far cells move about their mean, over how
    far the true ones do.
    """
    other = replace(windows, conditions=replace(windows.conditions, audio=windows.conditions.audio.roll(1, 0)))
    made, wrong = sampled(dit, windows), sampled(dit, other)
    true, still = windows.latents, torch.zeros_like(windows.latents)
    weight = {name: _weight(windows.shows, kinds, care.seen.cpu()) for name, kinds in KINDS.items()}

    def error(one: Tensor, kind: str) -> Tensor:
        return (weight[kind] * (one - true).square()).sum() / weight[kind].sum().clamp(min=SMALL)

    def motion(one: Tensor, kind: str) -> Tensor:
        return (weight[kind] * (one - one.mean(1, keepdim=True)).square()).sum().sqrt()

    opening, truly, otherwise = (care.lips.read(one, windows.shows).flatten(1) for one in (made, true, wrong))
    effect, wanted = opening - otherwise, truly - truly.roll(1, 0)
    result = {"lips": agreement(opening, truly), "lips_other": agreement(otherwise, truly)}
    result |= {"lips_effect": agreement(effect, wanted), "lips_size": effect.std() / wanted.std().clamp(min=SMALL)}
    result |= {
        "hands_gain": (error(wrong, "hands") / error(made, "hands")).sqrt(),
        "mouth_error": error(made, "mouth") / error(still, "mouth"),
        "error": error(made, "all") / error(still, "all"),
    }
    result |= {f"{kind}_motion": motion(made, kind) / motion(true, kind).clamp(min=SMALL) for kind in KINDS}
    return {name: float(value) for name, value in result.items()}


def agreement(one: Tensor, other: Tensor) -> Tensor:
    """Mean correlation of the rows of two tables [B, N]; a row that does not change agrees with nothing."""
    one, other = (x - x.mean(1, keepdim=True) for x in (one, other))
    return ((one * other).sum(1) / (one.norm(dim=1) * other.norm(dim=1)).clamp(min=SMALL)).mean()


def _weight(shows: Tensor, kinds: tuple[int, ...], seen: Tensor) -> Tensor:
    """What counts where only some kinds of cells do: [B, T, h, w] -> [B, T, C, h, w]."""
    inside = torch.isin(shows, shows.new_tensor(kinds)) if kinds else torch.ones_like(shows, dtype=torch.bool)
    return inside[:, :, None] * seen[:, None, None]


@torch.no_grad()
def comparison(dit: DiT, vae: VideoVAE, windows: Windows, count: int) -> Tensor:
    """For `count` windows some frames of the true latents, below them the sampled ones, both decoded; the anchor comes
    first. u8 [H, W, 3]"""
    some = windows.take(slice(count))
    anchor = some.conditions.anchor.to(vae.mean)
    rows = []
    for latents in (some.latents, sampled(dit, some)):
        video = vae.decode(latents.to(anchor), anchor)  # [B, 3, 4 T, H, W]
        moments = [round(place * (FRAMES * latents.shape[1] - 1)) for place in PLACES]
        first = vae.show(anchor[:, None], anchor)[:, :, :1]
        rows.append(torch.cat((first, video[:, :, moments]), dim=2))
    sheet = rearrange(torch.stack(rows), "two b c n y x -> (b two y) (n x) c")
    return ((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().cpu()
