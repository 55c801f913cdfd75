"""Train the decoder of NEO 2's latents on, on what the DiT answers too; the encoder stays as it is.

    python -m neo_core train neo2-decoder --films DIR... --exam DIR --minutes 40 --picture drawn.png

Of how far mouths open, a linear map reads less off decoded codes than off the latents they come from: nothing has asked
the decoder for it. Here its error counts, beside that of the codes. Some of the latents are what the DiT answers at a
random flow time, for that is what the decoder will have to draw; the later the time, the less the truth counts there.
Latents keep their meaning, so a DiT that was trained in them stays valid.

(A critic of decoded codes, hinge loss and matched features, was tried in place of the lips: within 400 steps it drew a
grid over rooms, and hands that are as sharp as the anchor's because they no longer moved.)
"""

import argparse
import copy
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..flow.path import interpolate
from ..media.image import write_image
from ..neo2.dit import DiT
from ..neo2.latent_space import COARSE
from ..neo2.loading import load_dit, load_video_vae
from ..neo2.motion_codec import MotionCodec
from ..neo2.video_vae import VideoVAE
from ..weights.manifest import embedded
from ..weights.safetensors_io import load_made, save
from .films import held_out_films, training_films
from .flow_matching import Plan, Run, add_run_arguments, fingerprint, resume_path, step_dice, train
from .made import after
from .motion_codec import EXAM, NOISE, error, from_latents, judge
from .neo2_clips import HANDS, MOUTH, Clip, Windows, channel_weight, cut, in_latents, load_codes
from .neo2_exam import comparison, exam_windows
from .neo2_lips import SIDE as LATENT_SIDE
from .neo2_lips import Lips, fit_lips
from .video_vae import EXAM as REPORTED
from .video_vae import judge as judge_pictures
from .video_vae import said
from .warped_films import bent_clip

FILMS, WINDOW, MOMENTS = 6, 7, 3  # of a batch; latents that the DiT sees of each, moments of these that are decoded
ANSWERED, BENT = 2, 4  # films of a batch whose latents are the DiT's; films seen through a lens
EARLIEST, LATEST = 0.3, 0.7  # flow times of these answers
RATE = 1e-3
LIPS_SHARE = 0.2  # of what is read off the mouth
SMALL = 1e-8
SAVE_EVERY, SHOWN = 300.0, 4  # seconds; windows in the picture
OPTIONS = ("minutes", "rate", "versions", "seed")  # that a file tells of

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train neo2-decoder`."""
    parser.add_argument("--films", type=Path, nargs="+", required=True, help="folders made by `factory films`")
    parser.add_argument("--exam", type=Path, required=True, help="folder of films of held-out people, to judge by")
    parser.add_argument("--vae", type=Path, help="weights whose decoder is trained (default: the embedded ones)")
    parser.add_argument("--dit", type=Path, help="weights that answer in its latents (default: the embedded ones)")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the processor's time")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--versions", type=int, default=3, help="of each film: recoloured, every second one mirrored")
    parser.add_argument("--picture", type=Path, help="where to paint sampled frames below the true ones")
    add_run_arguments(parser, Path("neo2_vae.safetensors"))  # not over what it begins with and may go on from


def run(arguments: argparse.Namespace) -> None:
    """Train, save the averaged decoder in the file of the autoencoder as it goes."""
    device = torch.device(arguments.device)
    begun = load_made(arguments.vae or embedded("neo2_vae.safetensors"))
    vae, dit = load_video_vae(arguments.vae, device), load_dit(arguments.dit, device)
    clips = load_codes(training_films(arguments.films), vae, device, arguments.versions)
    judged = held_out_films(arguments.exam)
    exam = load_codes([judged[k * len(judged) // EXAM] for k in range(EXAM)], vae, device)
    torch.manual_seed(arguments.seed)
    codec, seen = decoder_alone(copy.deepcopy(vae.motion)), channel_weight(vae).to(device)
    story = asdict(vae.config) | {"seed": arguments.seed, "films": len(clips), "versions": arguments.versions}
    story |= {"vae": fingerprint(vae), "dit": fingerprint(dit)}
    state = Run(codec, Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY), story)
    if arguments.resume:
        state.load(resume_path(arguments.out))
    lips = fit_lips([clip for clip in clips if clip.version == 0], COARSE * LATENT_SIDE)
    loss = partial(step_loss, state=state, clips=clips, dit=dit, lips=lips, seen=seen, seed=arguments.seed)
    train(state, loss, partial(_report, begun=begun, arguments=arguments, vae=vae, dit=dit, exam=exam))
    log.info("pictures from latents: %s", said(judge_pictures(vae, judged[:REPORTED], from_latents)))
    resume_path(arguments.out).unlink(missing_ok=True)


def decoder_alone(codec: MotionCodec) -> MotionCodec:
    """The same codec, of which nothing else will learn."""
    codec.requires_grad_(False)
    codec.decoder.requires_grad_(True)
    return codec


@dataclass(frozen=True)
class Batch:
    """What is decoded, and what it should be."""

    latents: Tensor  # [B, T, C, h, w]
    anchor: Tensor  # [B, C, 4h, 4w]
    codes: Tensor  # [B, T, C, 4h, 4w]
    shows: Tensor  # [B, T, 4h, 4w]
    trust: Tensor  # [B] how far the truth is what these latents say


def step_loss(
    codec: MotionCodec, state: Run, clips: Sequence[Clip], dit: DiT, lips: Lips, seen: Tensor, seed: int
) -> Tensor:
    """The loss of the batch that belongs to the step which `state` is at."""
    batch = draw_batch(codec, clips, dit, step_dice(seed, state.step))
    with torch.autocast(seen.device.type, torch.bfloat16):
        made, _ = codec.decode(batch.latents, batch.anchor)
    apart = [
        error(*one, seen) + LIPS_SHARE * lips.error(*one)
        for one in zip(*(x.split(1) for x in (made, batch.codes, batch.shows)), strict=True)
    ]
    return (batch.trust * torch.stack(apart)).mean()


def draw_batch(codec: MotionCodec, clips: Sequence[Clip], dit: DiT, dice: torch.Generator) -> Batch:
    """Random moments of random films, most seen through a lens, the first of them as the DiT answers."""
    chosen = [clips[int(k)] for k in torch.randint(len(clips), (FILMS,), generator=dice)]
    chosen = [bent_clip(clip, codec, dice) if k < BENT else clip for k, clip in enumerate(chosen)]
    starts = [int(torch.randint(len(clip.latents) - WINDOW + 1, (), generator=dice)) for clip in chosen]
    windows = cut(chosen, starts, WINDOW).to(codec.scale.device)
    latents, trust = given_latents(codec, windows, dit, dice)
    part = torch.randperm(WINDOW, generator=dice)[:MOMENTS]
    return Batch(latents[:, part], windows.conditions.anchor, windows.latents[:, part], windows.shows[:, part], trust)


@torch.no_grad()
def given_latents(codec: MotionCodec, windows: Windows, dit: DiT, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """Latents of windows of codes, the first ones as the DiT answers, the others with noise; how far to trust them."""
    device = codec.scale.device
    with torch.autocast(device.type, torch.bfloat16):
        latents = codec.encode(windows.latents, windows.conditions.anchor)
        noise = torch.randn(latents.shape, generator=dice).to(latents)
        t = EARLIEST + (LATEST - EARLIEST) * torch.rand(ANSWERED, generator=dice).to(device)
        asked = replace(windows.conditions, context=latents[:, :0]).take(slice(ANSWERED))
        answers = dit(interpolate(latents[:ANSWERED], noise[:ANSWERED], t), t, asked).float()
    level = NOISE * torch.rand(FILMS - ANSWERED, WINDOW, 1, 1, 1, generator=dice).to(device)
    rest = latents[ANSWERED:] + level * noise[ANSWERED:]
    return torch.cat((answers, rest)), torch.cat((1 - t, torch.ones_like(level[:, 0, 0, 0, 0])))


@torch.no_grad()
def liveliness(codec: MotionCodec, exam: Sequence[Clip], seen: Tensor, kind: int) -> float:
    """How much neighbouring cells of decoded hands or mouths differ, over how much the true ones do: 1 is as sharp."""
    sums = [0.0, 0.0]
    for clip in exam:
        codes, anchor = (x[None].to(seen).float() for x in (clip.latents, clip.anchor))
        made = codec.decode(codec.encode(codes, anchor), anchor)[0]
        where = (clip.shows == kind)[None, :, None, :-1].to(seen.device)
        for k, one in enumerate((made, codes)):
            edges = (seen.sqrt()[:, None, None] * one).diff(dim=-2).square()
            sums[k] += float((where * edges).sum())
    return (sums[0] / max(sums[1], SMALL)) ** 0.5


def _report(
    state: Run, begun: dict, arguments: argparse.Namespace, vae: VideoVAE, dit: DiT, exam: Sequence[Clip]
) -> str:
    """Save, paint what the DiT samples, and say how the averaged decoder does on people it never saw."""
    vae.motion.load_state_dict(state.average.state_dict())
    options = [f"--{name} {getattr(arguments, name)}" for name in OPTIONS]
    made = {
        "recipe": " ".join(("python -m neo_core train neo2-decoder --films FILMS --exam EXAM", *options)),
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": "films of synthetic people (`factory films`); autoencoder and DiT by neo2-vae, neo2-motion and neo2",
        "licences": ["MakeHuman assets CC0"],
        "held_out": "people of the films in EXAM",
    }
    save(arguments.out, vae.state_dict(), asdict(vae.config), made=after(begun, made), dtype=torch.float16)
    state.save(resume_path(arguments.out))
    if arguments.picture:
        shown = exam_windows([in_latents(clip, vae) for clip in exam], SHOWN)
        write_image(arguments.picture, comparison(dit, vae, shown, SHOWN))
    seen = channel_weight(vae)
    figures = judge(vae.motion, exam, seen, 0.0)
    figures |= {
        f"{name}_alive": liveliness(vae.motion, exam, seen, kind) for name, kind in (("mouth", MOUTH), ("hands", HANDS))
    }
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
