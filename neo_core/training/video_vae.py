"""Train the half of NEO 2's video autoencoder that turns pictures into codes, on films of synthetic people.

    python -m neo_core train neo2-vae --films DIR... --exam DIR --minutes 50 --picture vae.png

The linear maps begin as the principal components of random blocks, the networks silent; then both learn together.
Codes are blurred a little by noise, so that the decoder bears what a generator gets wrong, and kept from growing out
of that noise by a bound on their mean square. Every five minutes the averaged network is saved, with the mean and
spread of its codes, and judged on the films of --exam: PSNR of the whole picture, of mouths, of hands. The data of a
step depends on the seed and its number alone.
"""

import argparse
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from ..media.image import write_image
from ..neo2.video_vae import VideoVAE, VideoVAEConfig
from ..weights.manifest import FOLDER
from ..weights.safetensors_io import save
from .films import Film, held_out_films, training_films
from .flow_matching import Plan, Run, add_run_arguments, resume_path, step_dice, train
from .video_crops import Crops, draw_blocks, draw_crops, whole

log = logging.getLogger(__name__)

BATCH = 4
RATE = 1.5e-3
EDGES = 1.0  # weight of the differences of neighbouring pixels
MOUTH, HANDS = 2.0, 2.0  # added to the weight of a pixel that lies there
NOISE = 0.03  # on codes, which have about unit scale
BOUND = 0.02  # weight of a mean square of codes above one
BLOCKS = 60_000  # for the principal components
LEAST_SPREAD = 1e-3  # of a component: less is noise of rounding
STATISTICS = 48  # films that the mean and spread of codes are taken from
SAVE_EVERY = 300.0  # seconds
EXAM, SHOWN = 6, 4  # films judged on the way, films in the picture
MOMENTS = (0.1, 0.5, 0.9)  # of a film, in the picture
OPTIONS = ("minutes", "rate", "seed")  # that a file tells of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train neo2-vae`."""
    parser.add_argument("--films", type=Path, nargs="+", required=True, help="folders made by `factory films`")
    parser.add_argument("--exam", type=Path, help="folder of films of held-out people, to judge by")
    parser.add_argument("--minutes", type=float, default=50.0, help="of the processor's time")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--picture", type=Path, help="where to paint originals beside what comes back")
    add_run_arguments(parser, FOLDER / "neo2_vae.safetensors")


def run(arguments: argparse.Namespace) -> None:
    """Begin with principal components, train, save the averaged network as it goes."""
    films = training_films(arguments.films)
    exam = held_out_films(arguments.exam) if arguments.exam else []
    torch.manual_seed(arguments.seed)
    net = VideoVAE(VideoVAEConfig())
    begin_linear(net, draw_blocks(films, BLOCKS, torch.Generator().manual_seed(arguments.seed)))
    if exam:
        log.info("principal components alone: %s", said(judge(net, exam[:EXAM], from_codes)))
    device = torch.device(arguments.device)
    story = asdict(net.config) | {"seed": arguments.seed, "films": len(films)}
    state = Run(net.to(device), Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY), story)
    if arguments.resume:
        state.load(resume_path(arguments.out))
    loss = partial(step_loss, state=state, films=films, seed=arguments.seed)
    train(state, loss, partial(_report, arguments=arguments, films=films, exam=exam[:EXAM]))
    if exam:
        log.info("all %d films: %s", len(exam), said(judge(state.average, exam, from_codes)))
    if exam and arguments.picture:
        write_image(arguments.picture, comparison(state.average, exam[:SHOWN]))
    resume_path(arguments.out).unlink(missing_ok=True)


@torch.no_grad()
def begin_linear(vae: VideoVAE, blocks: Tensor) -> None:
    """Let the linear maps be the principal components of blocks [N, BLOCK], each at unit spread."""
    blocks = blocks.double()
    mean = blocks.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(blocks.T))  # in rising order
    vectors = vectors.flip(1)[:, : vae.config.channels]  # [BLOCK, C]
    spread = values.flip(0)[: vae.config.channels].clamp(min=LEAST_SPREAD**2).sqrt()
    encode, decode = (vectors / spread).T, vectors * spread
    vae.linear_encoder.weight.copy_(encode[..., None, None, None])
    vae.linear_encoder.bias.copy_(-encode @ mean)
    vae.linear_decoder.weight.copy_(decode[..., None, None, None])
    vae.linear_decoder.bias.copy_(mean)


def step_loss(vae: VideoVAE, state: Run, films: Sequence[Film], seed: int) -> Tensor:
    """The loss of the batch that belongs to the step which `state` is at."""
    dice, device = step_dice(seed, state.step), vae.mean.device
    crops = draw_crops(films, BATCH, dice).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        latents = vae.compress(crops.video)
        anchor = vae.encode_still(crops.anchor)
        blurred = latents + NOISE * torch.randn(latents.shape, generator=dice).to(device)
        painted = vae.paint(blurred, vae.remember(anchor))
    return reconstruction_error(painted.float(), crops) + BOUND * excess(latents.float())


def reconstruction_error(painted: Tensor, crops: Crops) -> Tensor:
    """Absolute error of the pixels and of the differences of neighbours. painted [B, 3, T, S, S] -> scalar"""
    weight = 1 + MOUTH * crops.mouth + HANDS * crops.hands
    error = painted - crops.video
    across, down = error.diff(dim=-1).abs(), error.diff(dim=-2).abs()
    edges = (weight[..., 1:] * across).mean() + (weight[..., 1:, :] * down).mean()
    return (weight * error.abs()).mean() + EDGES * edges


def excess(latents: Tensor) -> Tensor:
    """How far the mean square of the channels is above one. [B, C, T, h, w] -> scalar"""
    return (latents.square().mean((0, 2, 3, 4)) - 1).relu().mean()


@torch.no_grad()
def take_statistics(vae: VideoVAE, films: Sequence[Film]) -> None:
    """Set the mean and spread by which latents are normalised, from films all over the list."""
    vae.mean.zero_(), vae.std.fill_(1)
    some = films[:: -(-len(films) // STATISTICS)]
    latents = torch.cat([vae.codes(whole(film).video.to(vae.mean))[0].cpu() for film in some])  # [N, C, h, w]
    vae.mean.copy_(latents.mean((0, 2, 3))), vae.std.copy_(latents.std((0, 2, 3)))


@torch.no_grad()
def judge(vae: VideoVAE, films: Sequence[Film], back: Callable[[VideoVAE, Crops], Tensor]) -> dict[str, float]:
    """PSNR in dB of whole films, their mouths, their hands, in what comes `back`."""
    squares, pixels = dict.fromkeys(("picture", "mouth", "hands"), 0.0), dict.fromkeys(("picture", "mouth", "hands"), 0)
    for film in films:
        truth = whole(film)
        error = (back(vae, truth) - truth.video).square().mean(1, keepdim=True)  # [1, 1, T, H, W]
        for name, mask in (("picture", torch.ones_like(truth.mouth)), ("mouth", truth.mouth), ("hands", truth.hands)):
            squares[name] += float(error[mask].double().sum())
            pixels[name] += int(mask.sum())
    return {name: -10 * math.log10(squares[name] / 4 / pixels[name]) for name in squares if pixels[name]}


def from_codes(vae: VideoVAE, crops: Crops) -> Tensor:
    """What comes back of a whole film from its codes, on the CPU: [1, 3, T, H, W]."""
    anchor = vae.encode_still(crops.anchor.to(vae.mean))
    return vae.show(vae.codes(crops.video.to(vae.mean)), anchor).cpu()


@torch.no_grad()
def comparison(vae: VideoVAE, films: Sequence[Film]) -> Tensor:
    """Some moments of each film, and below them what comes back: u8 [2 films x H, moments x W, 3]."""
    rows = []
    for film in films:
        truth = whole(film)
        for video in (truth.video, from_codes(vae, truth)):
            moments = video[0, :, [int(share * video.shape[2]) for share in MOMENTS]]
            rows.append(rearrange(moments, "c t h w -> h (t w) c"))
    return ((torch.cat(rows) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _report(state: Run, arguments: argparse.Namespace, films: Sequence[Film], exam: Sequence[Film]) -> str:
    """Save, and say how the averaged network does on people it never saw."""
    take_statistics(state.average, films)
    made = {
        "recipe": _recipe(arguments),
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": "films of synthetic people (`factory films`)",
        "licences": ["MakeHuman assets CC0"],
        "held_out": {"people": "those of the films in --exam"},
    }
    save(arguments.out, state.average.state_dict(), asdict(state.net.config), made=made, dtype=torch.float16)
    state.save(resume_path(arguments.out))
    return said(judge(state.average, exam, from_codes)) if exam else "not judged"


def said(figures: Mapping[str, float]) -> str:
    """In one line."""
    return ", ".join(f"{name} {value:.2f} dB" for name, value in figures.items())


def _recipe(arguments: argparse.Namespace) -> str:
    """The command, less what only says where things are."""
    options = [f"--{name} {getattr(arguments, name)}" for name in OPTIONS]
    return " ".join(("python -m neo_core train neo2-vae --films FILMS", *options))
