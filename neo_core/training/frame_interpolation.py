"""Train what moves frames within a latent (`neo2/frame_interpolation.py`); all else of the autoencoder stays.

    python -m neo_core train neo2-frames --films DIR... --exam DIR --minutes 24

Decoded alone, the frames of a latent are nearly one picture: hands stood for four frames and jumped. Films go through
latents once, most with noise on them, some of which lasts over the film as the errors of a generator do. Then only the
small network learns: its frames should be those of the film, and so should what changes from each frame to the next,
between latents and within them. The report says which share of all change falls on the borders between latents: .25 is
as in films.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..evaluation.full_body import change_by_place
from ..neo2.frame_interpolation import FrameInterpolation, standing_beyond
from ..neo2.latent_space import FRAMES
from ..neo2.loading import load_video_vae
from ..neo2.video_vae import VideoVAE
from ..weights.manifest import embedded
from ..weights.safetensors_io import load_made, save
from .films import Film, held_out_films, training_films
from .flow_matching import Plan, Run, add_run_arguments, fingerprint, resume_path, step_dice, train
from .made import after
from .motion_codec import from_latents as painted
from .neo2_clips import Clip, load_codes
from .video_crops import Crops, stacked, whole
from .video_vae import EXAM as REPORTED
from .video_vae import from_codes, judge, said

WINDOWS, LENGTH = 4, 3  # of a batch; latents of each, beside one before and one after
NOISE, LASTING, NOISY = 0.5, 0.6, 0.6  # deviation at most; the part of it that lasts; the share of films that have any
MOUTH, HANDS = 4.0, 3.0  # what is there counts more by
CHANGE = 2.0  # what a change from frame to frame counts, beside the frames
RATE = 1e-3
NOISE_SEED = 7919  # of the dice for noise, beside those of steps
SAVE_EVERY = 300.0  # seconds
EXAM = 12
OPTIONS = ("minutes", "rate", "seed")  # that a file tells of

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train neo2-frames`."""
    parser.add_argument("--films", type=Path, nargs="+", required=True, help="folders made by `factory films`")
    parser.add_argument("--exam", type=Path, required=True, help="folder of films of held-out people, to judge by")
    parser.add_argument("--vae", type=Path, help="weights that are given this part (default: the embedded ones)")
    parser.add_argument("--minutes", type=float, default=24.0, help="of the processor's time, after decoding")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    add_run_arguments(parser, Path("neo2_vae.safetensors"))  # not over what it begins with


def run(arguments: argparse.Namespace) -> None:
    """Train, save the averaged network in the file of the autoencoder as it goes."""
    device = torch.device(arguments.device)
    begun, vae = load_made(arguments.vae or embedded("neo2_vae.safetensors")), load_video_vae(arguments.vae, device)
    judged = held_out_films(arguments.exam)
    judged = [judged[k * len(judged) // EXAM] for k in range(EXAM)]
    clips = load_codes(training_films(arguments.films), vae, device)
    torch.manual_seed(arguments.seed)
    net = FrameInterpolation(vae.config.channels, vae.config.interpolation_width).to(device)
    story = asdict(vae.config) | {
        "seed": arguments.seed,
        "films": len(clips),
        "vae": fingerprint(vae, "interpolation."),
    }
    state = Run(net, Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY), story)
    if arguments.resume:
        state.load(resume_path(arguments.out))
    ready = [paint(vae, clip, step_dice(arguments.seed + NOISE_SEED, number)) for number, clip in enumerate(clips)]
    log.info("decoded %d films", len(ready))
    loss = partial(step_loss, state=state, films=ready, seed=arguments.seed)
    train(state, loss, partial(_report, begun=begun, arguments=arguments, vae=vae, judged=judged))
    _tell(vae, held_out_films(arguments.exam)[:REPORTED], judged)
    resume_path(arguments.out).unlink(missing_ok=True)


@dataclass(frozen=True)
class PaintedFilm:
    """A film of n latents, and what becomes of it on the way through them, with a moment of standing at either end."""

    film: Film
    anchor: Tensor  # [C, h, w] float16
    codes: Tensor  # [1 + n + 1, C, h, w] float16
    flow: Tensor  # [1 + n + 1, 2, h, w] float16
    video: Tensor  # u8 [3, 4 + 4 n + 4, H, W]


@torch.no_grad()
def paint(vae: VideoVAE, clip: Clip, dice: torch.Generator) -> PaintedFilm:
    """Codes to latents, noise over these, and back as far as the last layer."""
    codes, anchor = (x[None].to(vae.mean).float() for x in (clip.latents, clip.anchor))
    latents = vae.motion.encode(codes, anchor)
    level, noisy = torch.rand(2, generator=dice).tolist()
    noise, lasting = (torch.randn(x.shape, generator=dice).to(x) for x in (latents, latents[:, :1]))
    noise = (1 - LASTING**2) ** 0.5 * noise + LASTING * lasting
    codes, flow = vae.motion.decode(latents + NOISE * level * (noisy < NOISY) * noise, anchor)
    codes, flow, video = (x[0].cpu() for x in standing_beyond(codes, flow, vae.show(codes, anchor)))
    return PaintedFilm(clip.film, clip.anchor, codes.half(), flow.half(), ((video + 1) * 127.5).round().to(torch.uint8))


@dataclass(frozen=True)
class Batch:
    """What the network is given, and the frames of the film."""

    given: tuple[Tensor, Tensor, Tensor, Tensor]  # codes, flow, anchor, what was painted
    truth: Crops

    def to(self, device: torch.device) -> "Batch":
        return Batch(tuple(x.to(device) for x in self.given), self.truth.to(device))


def draw_batch(films: Sequence[PaintedFilm], dice: torch.Generator) -> Batch:
    """Windows of random films."""
    chosen = [films[int(k)] for k in torch.randint(len(films), (WINDOWS,), generator=dice)]
    starts = [int(torch.randint(len(one.codes) - LENGTH - 1, (), generator=dice)) for one in chosen]
    pairs, long = list(zip(chosen, starts, strict=True)), LENGTH + 2
    given = (
        torch.stack([one.codes[k : k + long].float() for one, k in pairs]),
        torch.stack([one.flow[k : k + long].float() for one, k in pairs]),
        torch.stack([one.anchor.float() for one, _ in pairs]),
        torch.stack([one.video[:, FRAMES * k : FRAMES * (k + long)] / 127.5 - 1 for one, k in pairs]),
    )
    return Batch(given, stacked([whole(one.film, FRAMES * k, FRAMES * (k + LENGTH)) for one, k in pairs]))


def step_loss(net: FrameInterpolation, state: Run, films: Sequence[PaintedFilm], seed: int) -> Tensor:
    """The loss of the batch that belongs to the step which `state` is at."""
    batch = draw_batch(films, step_dice(seed, state.step)).to(net.own.device)
    with torch.autocast(net.own.device.type, torch.bfloat16):
        video = net(*batch.given)
    return error(video.float(), batch.truth)


def error(video: Tensor, truth: Crops) -> Tensor:
    """Absolute error of frames and of their changes. [B, 3, 4 T, H, W]"""
    weight = 1 + MOUTH * truth.mouth + HANDS * truth.hands
    apart = video - truth.video
    return (weight * apart.abs()).mean() + CHANGE * (weight[:, :, 1:] * apart.diff(dim=2).abs()).mean()


def moved(vae: VideoVAE, crops: Crops) -> Tensor:
    """What comes back of a whole film through all of the autoencoder, on the CPU: [1, 3, T, H, W]."""
    video, anchor = crops.video.to(vae.mean), vae.encode_still(crops.anchor.to(vae.mean))
    return vae.decode(vae.encode(video, anchor), anchor).cpu()


@torch.no_grad()
def border_shares(
    vae: VideoVAE, films: Sequence[Film], back: Callable[[VideoVAE, Crops], Tensor] = moved
) -> dict[str, float]:
    """Which part of all change from frame to frame falls between latents, .25 where none are special: of what comes
    `back`, everywhere and where mouths and hands are."""
    sums: dict[str, list[Tensor]] = {"picture": [], "mouth": [], "hands": []}
    for film in films:
        truth = whole(film)
        change = back(vae, truth).mean(1, keepdim=True).diff(dim=2).abs()
        for name, mask in (("picture", torch.ones_like(truth.mouth)), ("mouth", truth.mouth), ("hands", truth.hands)):
            sums[name].append(change_by_place((change * mask[:, :, 1:]).sum((0, 1, 3, 4)), FRAMES))
    return {name: float(sum(found)[0] / sum(found).sum()) for name, found in sums.items()}


def _report(state: Run, begun: dict, arguments: argparse.Namespace, vae: VideoVAE, judged: Sequence[Film]) -> str:
    """Save, and say how the averaged network does on people it never saw."""
    vae.interpolation.load_state_dict(state.average.state_dict())
    options = [f"--{name} {getattr(arguments, name)}" for name in OPTIONS]
    made = {
        "recipe": " ".join(("python -m neo_core train neo2-frames --films FILMS --exam EXAM", *options)),
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": "films of synthetic people (`factory films`)",
        "licences": ["MakeHuman assets CC0"],
        "held_out": {"people": "those of the films in --exam"},
    }
    save(arguments.out, vae.state_dict(), asdict(vae.config), made=after(begun, made), dtype=torch.float16)
    state.save(resume_path(arguments.out))
    return f"between latents {_shares(vae, judged, moved)}"


def _tell(vae: VideoVAE, films: Sequence[Film], judged: Sequence[Film]) -> None:
    """What is gained over what was painted, and how far films themselves are."""
    for name, back in (("painted", painted), ("moved", moved)):
        log.info("pictures from latents, %s, %d films: %s", name, len(films), said(judge(vae, films, back)))
    stages = {"films": lambda _, crops: crops.video, "codes": from_codes, "painted": painted, "moved": moved}
    for name, back in stages.items():
        log.info("between latents, %s, %d films: %s", name, len(judged), _shares(vae, judged, back))


def _shares(vae: VideoVAE, films: Sequence[Film], back: Callable[[VideoVAE, Crops], Tensor]) -> str:
    return ", ".join(f"{name} {share:.3f}" for name, share in border_shares(vae, films, back).items())
