"""Train the half of NEO 2's video autoencoder that says how a moment differs from the anchor (`neo2/motion_codec.py`).

    python -m neo_core train neo2-motion --films DIR... --exam DIR --minutes 100 --picture motion.png

The other half, which turns pictures into codes, is trained first (`train neo2-vae`) and stays as it is; codes are made
once and kept beside the films. Latents learn under noise of up to half their size, so that all of them that a generator
may come to are of use. Most films of a batch are seen through a lens (`warped_films`): people of other proportions.
Where cells of the anchor have gone is told at first, by comparing (`anchor_matches`). How far a mouth is open is read
off the latents around it by a linear map, which learns with them in the second half: what sound must move lies open.
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..media.image import write_image
from ..neo2.anchor_warp import shift_kernel
from ..neo2.latent_space import FRAMES
from ..neo2.loading import load_video_vae
from ..neo2.motion_codec import MotionCodec
from ..neo2.video_vae import VideoVAE
from ..weights.manifest import FOLDER, embedded
from ..weights.safetensors_io import load_made, save
from .anchor_matches import with_matches
from .films import held_out_films, training_films
from .flow_matching import Plan, Run, add_run_arguments, resume_path, step_dice, train
from .made import after
from .neo2_clips import HANDS, MOUTH, NONE, Clip, channel_weight, coarse, load_codes
from .neo2_lips import SIDE, around_mouth
from .video_crops import Crops
from .video_vae import EXAM as REPORTED
from .video_vae import judge as judge_pictures
from .video_vae import said
from .warped_films import bend, bend_labels, lens

log = logging.getLogger(__name__)

FILMS, MOMENTS = 6, 3  # of a batch, and of each film
BENT = 4  # films of a batch that are seen through a lens
RATE = 2e-3
NOISE = 0.5  # deviations over latents, at most
SHARES = {NONE: 1.0, HANDS: 3.0, MOUTH: 12.0}  # what a cell counts, by what it shows
SOFT = 0.05  # errors below it are squared
TOLD, TOLD_SHARE = 0.3, 0.02  # part of the plan in which matches are told, and what they count
LIPS_FROM, LIPS_SHARE = 0.5, 0.03  # where in the plan mouths begin to be read off, and what that counts
WIDE = 0.15  # opening of a mouth that counts as one
FOLLOW = 0.01  # of the scale, per step
SAVE_EVERY = 300.0  # seconds
EXAM, SHOWN = 12, 5
MIDDLES = (0.05, 0.3, 0.55, 0.8, 0.99)  # moments in the picture
OPTIONS = ("minutes", "rate", "versions", "seed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train neo2-motion`."""
    parser.add_argument("--films", type=Path, nargs="+", required=True, help="folders made by `factory films`")
    parser.add_argument("--exam", type=Path, required=True, help="folder of films of held-out people, to judge by")
    parser.add_argument("--vae", type=Path, help="weights whose other half is trained (default: the embedded ones)")
    parser.add_argument("--minutes", type=float, default=100.0, help="of the processor's time")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--versions", type=int, default=3, help="of each film: recoloured, every second one mirrored")
    parser.add_argument("--picture", type=Path, help="where to paint what comes back below what was")
    add_run_arguments(parser, FOLDER / "neo2_vae.safetensors")


def run(arguments: argparse.Namespace) -> None:
    """Train, save the averaged codec in the file of the autoencoder as it goes."""
    device = torch.device(arguments.device)
    begun, vae = load_made(arguments.vae or embedded("neo2_vae.safetensors")), load_video_vae(arguments.vae, device)
    seen = channel_weight(vae)
    clips = with_matches(load_codes(training_films(arguments.films), vae, device, arguments.versions), vae, seen)
    judged = held_out_films(arguments.exam)
    exam = load_codes([judged[k * len(judged) // EXAM] for k in range(EXAM)], vae, device)
    torch.manual_seed(arguments.seed)
    net = Taught(VideoVAE(vae.config).motion)
    for name, value in zip(("shift_kernel", "shift_level"), shift_kernel(vae), strict=True):
        net.codec.get_buffer(name).copy_(value)
    story = asdict(vae.config) | {"seed": arguments.seed, "films": len(clips)}
    state = Run(net.to(device), Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY), story)
    if arguments.resume:
        state.load(resume_path(arguments.out))
    loss = partial(step_loss, state=state, clips=clips, seen=seen.to(device), seed=arguments.seed)
    train(state, loss, partial(_report, begun=begun, arguments=arguments, vae=vae, exam=exam, seen=seen))
    some = judged[:REPORTED]  # those that `train neo2-vae` reports on
    log.info("pictures from latents, %d films: %s", len(some), said(judge_pictures(vae, some, from_latents)))
    resume_path(arguments.out).unlink(missing_ok=True)


class Taught(nn.Module):
    """The codec, and a linear map that reads off the latents around a mouth how far it is open in each frame."""

    def __init__(self, codec: MotionCodec) -> None:
        super().__init__()
        self.codec = codec
        self.read_off = nn.Linear(len(codec.scale) * SIDE * SIDE, FRAMES)

    def opening(self, latents: Tensor, shows: Tensor) -> Tensor:
        """[B, T, C, h, w] and what the cells of their codes show [B, T, 4h, 4w] -> [B, T, 4], in `WIDE`."""
        return self.read_off(around_mouth(latents, coarse(shows)).flatten(2))


def step_loss(net: Taught, state: Run, clips: Sequence[Clip], seen: Tensor, seed: int) -> Tensor:
    """The loss of the batch that belongs to the step which `state` is at."""
    codec = net.codec
    dice = step_dice(seed, state.step)
    chosen = [clips[int(k)] for k in torch.randint(len(clips), (FILMS,), generator=dice)]
    moments = [torch.randperm(len(clip.latents), generator=dice)[:MOMENTS] for clip in chosen]
    codes, shows, match = (
        torch.stack([getattr(clip, name)[k] for clip, k in zip(chosen, moments, strict=True)]).to(seen.device)
        for name in ("latents", "shows", "match")
    )
    anchor = torch.stack([clip.anchor for clip in chosen]).to(seen.device).float()
    codes, match = codes.float(), match.float()
    codes, anchor, shows = through_lenses(codec, codes, anchor, shows, dice)
    truly = torch.stack([opening_of(clip)[k] for clip, k in zip(chosen, moments, strict=True)]).to(seen.device)
    with torch.autocast(seen.device.type, torch.bfloat16):
        latents = sized(codec, codec.difference(codes, anchor))
        level = NOISE * torch.rand(*latents.shape[:2], 1, 1, 1, generator=dice)
        latents = latents + (level * torch.randn(latents.shape, generator=dice)).to(latents)
        made, flow = codec.decode(latents, anchor)
        read = net.opening(latents, shows)
    loss = error(made, codes, shows, seen)
    if state.progress >= LIPS_FROM:
        loss = loss + LIPS_SHARE * (read.float() - truly).square().mean()
    if state.progress < TOLD:
        flow, match = flow[BENT:], match[BENT:]  # of what no lens has bent
        apart = F.smooth_l1_loss(flow, match[:, :, :2], beta=2.0, reduction="none").sum(2)
        loss = loss + TOLD_SHARE * (match[:, :, 2] * apart).mean()
    return loss


def through_lenses(
    codec: MotionCodec, codes: Tensor, anchor: Tensor, shows: Tensor, dice: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Codes [B, T, C, 4h, 4w], anchors and what cells show, the first `BENT` films of them bent, each in its way."""
    look = lens(BENT, tuple(codes.shape[-2:]), dice).to(codes)
    bent = bend(torch.cat((codes[:BENT], anchor[:BENT, None]), dim=1), look, codec)
    return (
        torch.cat((bent[:, :-1], codes[BENT:])),
        torch.cat((bent[:, -1], anchor[BENT:])),
        torch.cat((bend_labels(shows[:BENT], look), shows[BENT:])),
    )


def opening_of(clip: Clip) -> Tensor:
    """How far the mouth is open in every frame of every moment, in `WIDE`. [n, 4]"""
    return clip.film.mouth(0, FRAMES * len(clip.latents)).view(-1, FRAMES) / WIDE


def sized(codec: MotionCodec, latents: Tensor) -> Tensor:
    """Latents of a batch at unit size, channel by channel; the codec's own scale follows."""
    size = latents.square().mean((0, 1, 3, 4)).sqrt().clamp(min=1e-3)
    codec.scale.lerp_(size.detach(), FOLLOW)
    return latents / size[:, None, None]


def error(made: Tensor, codes: Tensor, shows: Tensor, seen: Tensor) -> Tensor:
    """Mean error of codes [B, T, C, 4h, 4w] as far as it is seen in pixels, by what cells show."""
    share = seen.new_tensor([SHARES[kind] for kind in sorted(SHARES)])[shows.long()][:, :, None]
    apart = F.smooth_l1_loss(made, codes, beta=SOFT, reduction="none") * seen.sqrt()[:, None, None]
    return (share * apart).sum() / share.expand_as(apart).sum()


@torch.no_grad()
def judge(codec: MotionCodec, exam: Sequence[Clip], seen: Tensor, noise: float) -> dict[str, float]:
    """Squared error of what comes back, over that of the anchor, with so much noise over latents. Of mouths and hands
    too, where the exam shows any."""
    before, after = dict.fromkeys(("all", "mouth", "hands"), 0.0), dict.fromkeys(("all", "mouth", "hands"), 0.0)
    weight, dice = seen.cpu()[:, None, None], torch.Generator().manual_seed(0)
    for clip in exam:
        codes, anchor = clip.latents[None].float(), clip.anchor[None].float()
        there = anchor.to(codec.scale)
        latents = codec.encode(codes.to(there), there)
        noisy = latents + noise * torch.randn(latents.shape, generator=dice).to(latents)
        made = codec.decode(noisy, there)[0].cpu()
        for name, where in (("all", clip.shows >= 0), ("mouth", clip.shows == MOUTH), ("hands", clip.shows == HANDS)):
            mask = where[None, :, None]
            before[name] += float((mask * weight * (codes - anchor[:, None]).square()).sum())
            after[name] += float((mask * weight * (codes - made).square()).sum())
    return {name: after[name] / before[name] for name in before if before[name]}


def from_latents(vae: VideoVAE, crops: Crops) -> Tensor:
    """What is painted of a whole film through both halves, on the CPU, before the last layer moves it: that one is
    trained after these. [1, 3, T, H, W]"""
    video, anchor = crops.video.to(vae.mean), vae.encode_still(crops.anchor.to(vae.mean))
    return vae.show(vae.motion.decode(vae.encode(video, anchor), anchor)[0], anchor).cpu()


@torch.no_grad()
def comparison(vae: VideoVAE, exam: Sequence[Clip]) -> Tensor:
    """Some moments of films, what comes back of them, and of their latents with noise. u8 [H, W, 3]"""
    dice = torch.Generator().manual_seed(0)
    rows = []
    for clip in exam:
        codes, anchor = (x[None].to(vae.mean) for x in (clip.latents, clip.anchor))
        latents = vae.motion.encode(codes, anchor)
        noisy = latents + NOISE * torch.randn(latents.shape, generator=dice).to(latents)
        for one in (codes, *(vae.motion.decode(x, anchor)[0] for x in (latents, noisy))):
            video = vae.show(one, anchor)[0]
            moments = [int(share * (video.shape[1] - 1)) for share in MIDDLES]
            rows.append(rearrange(video[:, moments], "c t h w -> h (t w) c"))
    return ((torch.cat(rows) + 1) * 127.5).round().to("cpu", torch.uint8)


def _report(
    state: Run, begun: dict, arguments: argparse.Namespace, vae: VideoVAE, exam: Sequence[Clip], seen: Tensor
) -> str:
    """Save, paint, and say how the averaged codec does on people it never saw."""
    state.average.codec.scale.copy_(state.net.codec.scale)
    vae.motion.load_state_dict(state.average.codec.state_dict())
    options = [f"--{name} {getattr(arguments, name)}" for name in OPTIONS]
    made = {
        "recipe": " ".join(("python -m neo_core train neo2-motion --films FILMS --exam EXAM", *options)),
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": "films of synthetic people (`factory films`); the half of the pictures by `train neo2-vae`",
        "licences": ["MakeHuman assets CC0"],
        "held_out": {"people": "those of the films in --exam"},
    }
    save(arguments.out, vae.state_dict(), asdict(vae.config), made=after(begun, made), dtype=torch.float16)
    state.save(resume_path(arguments.out))
    if arguments.picture:
        write_image(arguments.picture, comparison(vae, exam[:SHOWN]))
    return ", ".join(
        f"{name} {value:.3f} (noise {noise:g})"
        for noise in (0.0, NOISE)
        for name, value in judge(vae.motion, exam, seen, noise).items()
    )
