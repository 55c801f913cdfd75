"""Teach the decoder of NEO 2's latents to draw rather than to average, beside a critic; the encoder stays as it is.

    python -m neo_core train neo2-decoder --films DIR... --exam DIR --minutes 60 --picture drawn.png

A cell of 16 x 16 pixels cannot say where each finger is. The decoder that was trained for the least error answers with
the mean of all hands that there might be: a blob. Here a critic looks at two moments in a row and the anchor, learns to
tell decoded codes from true ones, and the decoder learns to be taken for true (hinge loss, arXiv 1705.02894; matched
features, arXiv 1512.09300), as strongly as its error pulls (arXiv 2012.09841, equation 7). Half of the latents are what
the DiT answers at a random flow time, in which the decoder meets what it will have to draw; the later the time, the
less the truth counts there. Latents keep their meaning, so a DiT that was trained in them stays valid.
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..flow.path import interpolate
from ..media.image import write_image
from ..neo2.dit import DiT
from ..neo2.latent_space import COARSE
from ..neo2.loading import load_dit, load_video_vae
from ..neo2.motion_codec import MotionCodec
from ..neo2.video_vae import VideoVAE
from ..weights.manifest import FOLDER
from ..weights.safetensors_io import save
from .films import held_out_films, training_films
from .flow_matching import Plan, Run, add_run_arguments, resume_path, step_dice, train
from .motion_codec import EXAM, NOISE, error, from_latents, judge
from .neo2_clips import HANDS, MOUTH, NONE, Clip, Windows, channel_weight, cut, in_latents, load_codes
from .neo2_exam import comparison, exam_windows
from .neo2_lips import SIDE as LATENT_SIDE
from .neo2_lips import Lips, fit_lips
from .video_vae import EXAM as REPORTED
from .video_vae import judge as judge_pictures
from .video_vae import said
from .warped_films import bent_clip

FILMS, WINDOW, MOMENTS = 4, 7, 3  # of a batch; latents that the DiT sees of each, moments of these that are decoded
ANSWERED, BENT = 2, 3  # films of a batch whose latents are the DiT's; films seen through a lens
EARLIEST, LATEST = 0.3, 0.95  # flow times of these answers
RATE = 4e-4
CRITIC_WIDTH = 64
LOOKED_AT = {NONE: 0.0, HANDS: 1.0, MOUTH: 1.0}  # what a place counts for the critic, by what it shows
LEFT = 0.5  # what places count that show hands at other moments of the film
PULL = 0.5  # of the critic on the decoder, over that of the error
LIPS_SHARE = 0.05  # of what is read off the mouth
MATCHED = 4.0  # features, over being taken for true
ALONE = 0.05  # part of the plan in which the critic learns and is not heeded
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
    add_run_arguments(parser, FOLDER / "neo2_vae.safetensors")


def run(arguments: argparse.Namespace) -> None:
    """Train, save the averaged decoder in the file of the autoencoder as it goes."""
    device = torch.device(arguments.device)
    vae, dit = load_video_vae(arguments.vae, device), load_dit(arguments.dit, device)
    clips = load_codes(training_films(arguments.films), vae, device, arguments.versions)
    judged = held_out_films(arguments.exam)
    exam = load_codes([judged[k * len(judged) // EXAM] for k in range(EXAM)], vae, device)
    torch.manual_seed(arguments.seed)
    net = Drawn(vae.motion, Critic(channel_weight(vae)))
    story = asdict(vae.config) | {"seed": arguments.seed, "films": len(clips)}
    state = Run(net.to(device), Plan(arguments.minutes, arguments.rate, report=SAVE_EVERY), story)
    if arguments.resume:
        state.load(resume_path(arguments.out))
    lips = fit_lips([clip for clip in clips if clip.version == 0], COARSE * LATENT_SIDE)
    loss = partial(step_loss, state=state, clips=clips, dit=dit, lips=lips, seed=arguments.seed)
    train(state, loss, partial(_report, arguments=arguments, vae=vae, dit=dit, exam=exam))
    log.info("pictures from latents: %s", said(judge_pictures(vae, judged[:REPORTED], from_latents)))
    resume_path(arguments.out).unlink(missing_ok=True)


class Critic(nn.Module):
    """How true each place of two moments in a row looks beside the anchor. [N, 3 C, h, w] -> [N, 1, h / 2, w / 2]"""

    def __init__(self, seen: Tensor) -> None:
        super().__init__()
        width, inputs = CRITIC_WIDTH, 3 * len(seen)
        self.register_buffer("seen", seen.sqrt())
        self.layers = nn.ModuleList(
            spectral_norm(layer)
            for layer in (
                nn.Conv2d(inputs, width, 3, padding=1),
                nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
                nn.Conv2d(2 * width, 2 * width, 3, padding=1),
                nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            )
        )
        self.out = spectral_norm(nn.Conv2d(2 * width, 1, 3, padding=1))

    def forward(self, codes: Tensor, anchor: Tensor) -> tuple[Tensor, list[Tensor]]:
        """[B, T, C, h, w], [B, C, h, w] -> scores [B (T - 1), 1, h / 2, w / 2], and the features that led there."""
        beside = anchor[:, None].expand_as(codes[:, 1:])
        x = torch.cat([part * self.seen[:, None, None] for part in (codes[:, :-1], codes[:, 1:], beside)], dim=2)
        x, features = x.flatten(0, 1), []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.out(x), features


class Drawn(nn.Module):
    """The codec, of which the decoder learns, and its critic."""

    def __init__(self, codec: MotionCodec, critic: Critic) -> None:
        super().__init__()
        self.codec, self.critic = codec.requires_grad_(False), critic
        self.codec.decoder.requires_grad_(True)


@dataclass(frozen=True)
class Batch:
    """What is decoded, and what it should be."""

    latents: Tensor  # [B, T, C, h, w]
    anchor: Tensor  # [B, C, 4h, 4w]
    codes: Tensor  # [B, T, C, 4h, 4w]
    shows: Tensor  # [B, T, 4h, 4w]
    places: Tensor  # [B (T - 1), 1, 2h, 2w] what counts for the critic
    trust: Tensor  # [B] how far the truth is what these latents say


def step_loss(net: Drawn, state: Run, clips: Sequence[Clip], dit: DiT, lips: Lips, seed: int) -> Tensor:
    """The loss of decoder and critic on the batch that belongs to the step which `state` is at."""
    batch = draw_batch(net.codec, clips, dit, step_dice(seed, state.step))
    with torch.autocast(batch.codes.device.type, torch.bfloat16):
        made, _ = net.codec.decode(batch.latents, batch.anchor)
    apart = [
        error(*(x[k : k + 1] for x in (made, batch.codes, batch.shows)), net.critic.seen.square()) for k in range(FILMS)
    ]
    loss = (batch.trust * torch.stack(apart)).mean() + LIPS_SHARE * lips.error(made, batch.codes, batch.shows)
    if state.progress >= ALONE:
        liked = heed(net.critic, made, batch)
        loss = loss + PULL * pull(loss, liked, made) * liked
    return loss + doubt(net.critic, made.detach(), batch)


def draw_batch(codec: MotionCodec, clips: Sequence[Clip], dit: DiT, dice: torch.Generator) -> Batch:
    """Random moments of random films, most seen through a lens, the first of them as the DiT answers."""
    chosen = [clips[int(k)] for k in torch.randint(len(clips), (FILMS,), generator=dice)]
    chosen = [bent_clip(clip, codec, dice) if k % FILMS < BENT else clip for k, clip in enumerate(chosen)]
    starts = [int(torch.randint(len(clip.latents) - WINDOW + 1, (), generator=dice)) for clip in chosen]
    windows = cut(chosen, starts, WINDOW).to(codec.scale.device)
    latents, trust = given_latents(codec, windows, dit, dice)
    first = int(torch.randint(WINDOW - MOMENTS + 1, (), generator=dice))
    part = slice(first, first + MOMENTS)
    ever = torch.stack([(clip.shows == HANDS).any(0) for clip in chosen]).to(latents.device)
    shows = windows.shows[:, part]
    return Batch(
        latents[:, part], windows.conditions.anchor, windows.latents[:, part], shows, looked_at(shows, ever), trust
    )


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


def looked_at(shows: Tensor, ever: Tensor) -> Tensor:
    """What each place of two moments in a row counts for the critic: by what cells show [B, T, 4h, 4w], and whether
    they ever show hands [B, 4h, 4w] -> [B (T - 1), 1, 2h, 2w]. Rooms count nothing, or they would change too."""
    counts = torch.tensor([LOOKED_AT[kind] for kind in sorted(LOOKED_AT)], device=shows.device)[shows.long()]
    counts = counts.maximum(LEFT * ever[:, None])
    return F.max_pool2d(counts[:, :-1].maximum(counts[:, 1:]).flatten(0, 1)[:, None], 2)


def heed(critic: Critic, made: Tensor, batch: Batch) -> Tensor:
    """How little the critic, who does not learn of it, takes decoded codes for true."""
    critic.requires_grad_(False)
    score, features = critic(made, batch.anchor)
    critic.requires_grad_(True)
    with torch.no_grad():
        _, truly = critic(batch.codes, batch.anchor)
    trust = batch.trust.repeat_interleave(MOMENTS - 1)[:, None, None, None]
    matched = [
        _mean(trust * (one - other).abs().mean(1, keepdim=True), batch.places)
        for one, other in zip(features, truly, strict=True)
    ]
    return MATCHED * torch.stack(matched).mean() - _mean(score, batch.places)


def doubt(critic: Critic, made: Tensor, batch: Batch) -> Tensor:
    """How far the critic is from telling them apart."""
    (true, _), (false, _) = critic(batch.codes, batch.anchor), critic(made, batch.anchor)
    return _mean(F.relu(1 - true), batch.places) + _mean(F.relu(1 + false), batch.places)


def pull(wanted: Tensor, liked: Tensor, made: Tensor) -> Tensor:
    """What `liked` has to be multiplied with to move decoded codes as much as the error does."""
    one, other = (torch.autograd.grad(loss, made, retain_graph=True)[0].norm() for loss in (wanted, liked))
    return (one / (other + SMALL)).detach()


def _mean(map: Tensor, places: Tensor) -> Tensor:
    """Mean of a map [N, 1, h, w] over places; finer ones are brought to their size."""
    level = F.adaptive_avg_pool2d(map, places.shape[-2:])
    return (places * level).sum() / places.sum().clamp(min=1)


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


def _report(state: Run, arguments: argparse.Namespace, vae: VideoVAE, dit: DiT, exam: Sequence[Clip]) -> str:
    """Save, paint what the DiT samples, and say how the averaged decoder does on people it never saw."""
    vae.motion.load_state_dict(state.average.codec.state_dict())
    options = [f"--{name} {getattr(arguments, name)}" for name in OPTIONS]
    made = {
        "recipe": " ".join(("python -m neo_core train neo2-decoder --films FILMS --exam EXAM", *options)),
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": "films of synthetic people (`factory films`); autoencoder and DiT by neo2-vae, neo2-motion and neo2",
        "licences": ["MakeHuman assets CC0"],
        "held_out": {"people": "those of the films in --exam"},
    }
    save(arguments.out, vae.state_dict(), asdict(vae.config), made=made, dtype=torch.float16)
    state.save(resume_path(arguments.out))
    if arguments.picture:
        shown = exam_windows([in_latents(clip, vae) for clip in exam], SHOWN)
        write_image(arguments.picture, comparison(dit, vae, shown, SHOWN))
    figures = judge(vae.motion, exam, seen := channel_weight(vae), 0.0)
    figures |= {
        f"{name}_alive": liveliness(vae.motion, exam, seen, kind) for name, kind in (("mouth", MOUTH), ("hands", HANDS))
    }
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
