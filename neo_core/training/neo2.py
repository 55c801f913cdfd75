"""Train the diffusion transformer of NEO 2 on films of synthetic people.

    python -m neo_core train neo2 --films DIR... --exam DIR --minutes 150 --picture neo2.png

encodes the films once (`neo2_clips`), with --performances learns to hear (`neo2_hearing`), then learns to denoise
windows of the films. Times lean to the noise, where a walk of three steps lives. The loss is on the velocity that the
prediction stands for; every channel counts as far as it is seen in the pixels, mouths count a little more
(much more, and what nobody can foretell of them drowns the rest). Signals are dropped as guidance will leave them out;
half of the batches know the latents before the window, disturbed by noise. What is heard is muffled by noise, and
said by another voice in all versions of a film but the first (`listening`); what performances have taught, of which
there is more than of films, is held. Without that, strangers' lips moved with known sound nearly as they should
(agreement with the truth .75, where .79 can be read off true latents), with unknown sound nobody's did (.59).

Every five minutes the averaged network is saved and asked how it does on films of people and voices it never saw, in
three plain steps, unguided and not amplified (`neo2_exam`). The data of a step depends on the seed, its number and the
films alone, so a run that was put down goes on as it would have.
"""

import argparse
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from ..audio.loading import load_audio_encoder
from ..flow.path import interpolate
from ..flow.schedule import logit_normal
from ..media.image import write_image
from ..neo2.dit import SIZES, DiT, DiTConfig
from ..neo2.latent_space import HEARD
from ..neo2.loading import load_video_vae
from ..neo2.video_vae import VideoVAE
from ..neo2.window_layout import CONTEXT, TRAINED, Sync
from ..weights.manifest import FOLDER
from ..weights.safetensors_io import save
from .films import held_out_films, training_films
from .flow_matching import Plan, Run, add_run_arguments, fingerprint, resume_path, step_dice, train, velocity_error
from .latent_statistics import autocovariances, linear_errors, table
from .listening import other_voice
from .neo2_clips import (
    HANDS,
    MOUTH,
    NONE,
    Clip,
    Windows,
    disturb,
    draw,
    drop,
    hush,
    in_latents,
    latent_weight,
    load_clips,
    load_codes,
    muffle,
)
from .neo2_exam import Care, comparison, exam_windows, health
from .neo2_hearing import learn_to_hear
from .neo2_lips import fit_lips
from .vocal_features import packed
from .warped_films import bent_clip

CHUNK, (SHORTEST, LONGEST) = Sync().chunk, TRAINED
LENGTHS = (*(6 * (CHUNK,)), *(n for n in range(SHORTEST, LONGEST + 1) if n != CHUNK))  # latents of a window in a batch
CONTEXTUAL = 0.5  # of the batches know what was before
FADED, DISTURBED = 0.9, 0.2  # of what the context shows, and deviations of noise over it, at most
DROP = 0.1  # of the windows have no sound; as many no prompt, no anchor
HUSHED = 0.15  # of the windows lose their sound before or after some moment
TIME_MEAN, TIME_DEVIATION = 1.2, 1.3  # of the logit of the flow times
FIRST, FIRST_SHARE = 0.95, 0.15  # flow times of the first step, which are asked for in a share of the windows
SHARES = {NONE: 1.0, HANDS: 1.0, MOUTH: 3.0}  # what a cell counts, by what it shows
LIPS_SHARE = 0.1  # of what is read off the mouth
HEARING_STEPS = 1100  # before the films
HEARD_NOISE = 0.4  # deviations over what is heard, at most
EXAM, SHOWN = 12, 4  # windows of the health report, and of the picture
SAVE_EVERY = 300.0  # seconds
OPTIONS = ("minutes", "steps", "rate", "batch", "versions", "bent", "size", "seed")  # that a file tells of
STORY = ("batch", "versions", "bent", "seed")  # that a run which goes on has to keep, beside the plan and the sizes

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train neo2`."""
    parser.add_argument("--films", type=Path, nargs="+", required=True, help="folders made by `factory films`")
    parser.add_argument("--exam", type=Path, required=True, help="folder of films of held-out people, to judge by")
    parser.add_argument("--performances", type=Path, help="folder to learn from first which face goes with a sound")
    parser.add_argument("--vae", type=Path, help="weights of the video autoencoder (default: the embedded ones)")
    parser.add_argument("--minutes", type=float, default=150.0, help="of the processor's time")
    parser.add_argument("--steps", type=float, default=Plan.steps, help="end after so many steps")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--versions", type=int, default=3, help="of each film: recoloured, every second one mirrored")
    parser.add_argument("--bent", type=int, default=4, help="further versions of each film, each through a lens")
    parser.add_argument("--size", choices=tuple(SIZES), default="mini")
    parser.add_argument("--picture", type=Path, help="where to paint sampled frames below the true ones")
    add_run_arguments(parser, FOLDER / "neo2_dit.safetensors")


def run(arguments: argparse.Namespace) -> None:
    """Encode the films, train, save the averaged network as it goes."""
    device = torch.device(arguments.device)
    vae = load_video_vae(arguments.vae, device)
    films, judged = training_films(arguments.films), held_out_films(arguments.exam)
    clips = all_versions(load_codes(films, vae, device, arguments.versions), vae, arguments)
    strangers = load_clips(judged, vae, device)
    exam = exam_windows(strangers, EXAM)
    torch.manual_seed(arguments.seed)
    net = DiT(DiTConfig(**SIZES[arguments.size]))
    net.autocovariance.copy_(autocovariances(clips, net.config.prior_lags))
    log.info("linear estimate on the exam:\n%s", table(linear_errors(net.autocovariance, strangers)))
    if arguments.performances and not arguments.resume:
        learn_to_hear(net, arguments.performances, HEARING_STEPS, arguments.seed)
    if arguments.performances:
        hold_hearing(net)
    plan = Plan(arguments.minutes, arguments.rate, steps=arguments.steps, report=SAVE_EVERY)
    story = {name: getattr(arguments, name) for name in STORY} | asdict(net.config)
    story |= {"films": len(films), "vae": fingerprint(vae), "hearing": "held" if arguments.performances else "learned"}
    state = Run(net.to(device), plan, story)
    if arguments.resume:
        state.load(resume_path(arguments.out))
    care = Care(latent_weight(clips, vae).to(device), fit_lips(clips))
    loss = partial(step_loss, state=state, clips=clips, count=arguments.batch, care=care, seed=arguments.seed)
    train(state, loss, partial(_report, arguments=arguments, vae=vae, exam=exam, care=care))
    resume_path(arguments.out).unlink(missing_ok=True)


def all_versions(codes: list[Clip], vae: VideoVAE, arguments: argparse.Namespace) -> list[Clip]:
    """The latents of films in all their versions, and of some of these through lenses (`warped_films`): people of
    other proportions, with other colours by turns. All but the first version have a voice of their own."""
    dice = torch.Generator().manual_seed(arguments.seed)
    other = other_voice(load_audio_encoder())
    torch.manual_seed(arguments.seed)  # for the voices
    clips = [in_latents(revoiced(one, other) if one.version else one, vae) for one in codes]
    for number in range(arguments.bent):
        coloured = codes[number % arguments.versions :: arguments.versions]
        clips += [in_latents(revoiced(bent_clip(one, vae.motion, dice), other), vae) for one in coloured]
    return clips


@torch.no_grad()
def revoiced(clip: Clip, other: Callable[[Tensor], Tensor]) -> Clip:
    """The same film in another voice, but for its first and last latent."""
    voice = packed(other(clip.film.sound()))
    for edge in (slice(HEARD), slice(-HEARD, None)):  # a film is cut out of a recording, of which its ends know more
        voice[:, edge] = packed(clip.film.heard()[:, : voice.shape[1]][:, edge].float())
    return replace(clip, voice=voice)


def hold_hearing(net: DiT) -> None:
    """Let films not change what performances have taught."""
    for part in (net.audio_input, net.latent_sound):
        part.requires_grad_(False)


def step_loss(net: nn.Module, state: Run, clips: list[Clip], count: int, care: Care, seed: int) -> Tensor:
    """The loss of the batch that belongs to the step which `state` is at."""
    dice = step_dice(seed, state.step)
    windows = draw_windows(clips, count, dice).to(care.seen.device)
    return windows_loss(net, windows, care, dice)


def draw_windows(clips: list[Clip], count: int, dice: torch.Generator) -> Windows:
    """Windows of one length, with or without context, some of their signals left out."""
    contextual = float(torch.rand((), generator=dice)) < CONTEXTUAL
    context = CONTEXT if contextual else 0
    room = min(len(clip.latents) for clip in clips) - context
    length = min(_one_of(LENGTHS, dice), room)
    windows = muffle(draw(clips, count, length, context, dice), HEARD_NOISE, dice)
    return disturb(hush(drop(windows, DROP, dice), HUSHED, dice), FADED, DISTURBED, dice)


def windows_loss(net: nn.Module, windows: Windows, care: Care, dice: torch.Generator) -> Tensor:
    """The loss of windows at random flow times."""
    count, device = len(windows.latents), care.seen.device
    t, noise = draw_times(count, dice).to(device), torch.randn(windows.latents.shape, generator=dice).to(device)
    windows = windows.to(device)
    data = windows.latents
    x = interpolate(data, noise, t)
    with torch.autocast(device.type, torch.bfloat16):
        predicted = net(x, t, windows.conditions)
    terms = velocity_error(x, predicted, data, t)
    return weighted(terms, windows.shows, care.seen) + LIPS_SHARE * care.lips.error(predicted, data, windows.shows)


def weighted(terms: Tensor, shows: Tensor, seen: Tensor) -> Tensor:
    """Mean of [B, T, C, h, w] by what each cell shows [B, T, h, w] and how far each channel is seen [C]."""
    shares = seen.new_tensor([SHARES[kind] for kind in sorted(SHARES)])[shows.long()]
    weight = shares[:, :, None] * seen[:, None, None]
    return (weight * terms).sum() / weight.sum()


def draw_times(count: int, dice: torch.Generator) -> Tensor:
    """Flow times: logit-normal towards the noise, a share of them as the first of few steps has them. [count]"""
    t = logit_normal(count, TIME_MEAN, TIME_DEVIATION, dice)
    begun = torch.rand(count, generator=dice) < FIRST_SHARE
    return torch.where(begun, FIRST + (1 - FIRST) * torch.rand(count, generator=dice), t)


def _one_of(choices: tuple[int, ...], dice: torch.Generator) -> int:
    return choices[int(torch.randint(len(choices), (), generator=dice))]


def _report(state: Run, arguments: argparse.Namespace, vae: VideoVAE, exam: Windows, care: Care) -> str:
    """Save, paint, and say how the averaged network does on people it never saw."""
    options = [f"--{name} {value}" for name in OPTIONS if (value := getattr(arguments, name)) != Plan.steps]
    heard = ["--performances PERFORMANCES"] if arguments.performances else []
    made = {
        "recipe": " ".join(("python -m neo_core train neo2 --films FILMS --exam EXAM", *heard, *options)),
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": "films of synthetic people (`factory films`); the performances they were filmed with, for hearing",
        "licences": ["MakeHuman CC0", "LibriSpeech CC BY 4.0"],
        "held_out": "people and voices of the films in EXAM",
    }
    save(arguments.out, state.average.state_dict(), asdict(state.net.config), made=made, dtype=torch.float16)
    state.save(resume_path(arguments.out))
    if arguments.picture:
        write_image(arguments.picture, comparison(state.average, vae, exam, SHOWN))
    return ", ".join(f"{name} {value:.3f}" for name, value in health(state.average, exam, care).items())
