"""What the DiT of NEO 2 learns before it sees any film: which face goes with a sound.

Films are few and slow to learn from, performances without pictures are many. So the part of the network that turns
sound into what modulates a latent (`dit.LatentSound`) first learns to say, for each of the latent's frames, how lips
and jaw of a performance move and how much the voice does. A linear map reads it off; then it is thrown away. Every
recording is heard as it is and as another voice would have said it (`listening`).

Letters: B windows, T latents, M numbers per frame, L layers of the audio encoder, F their width.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..audio.loading import load_audio_encoder
from ..motion_space import INDEX, REGIONS
from ..neo2.dit import DiT
from ..neo2.latent_space import FRAMES, HEARD
from .flow_matching import Plan, Run, train
from .listening import listener
from .synthetic.body_motion import prosody_energy
from .synthetic.performances import Performances, load_performances
from .synthetic.prosody import read_score
from .vocal_features import Listener, packed, unpacked

LENGTH = 12  # latents of a window
WINDOWS = 24  # of a batch
SHARE = {"energy": 2.0, "jawOpen": 4.0}  # of the loss; of all other numbers 1
NOISE = 0.3  # deviations over what is heard, at most
RATE = 2e-3  # highest learning rate
SPREAD = 0.02  # smallest deviation that a number is divided by

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lesson:
    """One recording, and what a face does to it."""

    heard: tuple[Tensor, ...]  # versions of the hidden states, int8 [L, 2 t, F] in grains
    face: Tensor  # [N takes, t, M] in deviations
    held_out: bool


class Hearing(nn.Module):
    """The part of a DiT that hears, and a linear map that reads off what it understood."""

    def __init__(self, dit: DiT, numbers: int) -> None:
        super().__init__()
        self.audio_input, self.latent_sound = dit.audio_input, dit.latent_sound
        self.read_off = nn.Linear(dit.config.width, FRAMES * numbers)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, L, 8 T, F] -> [B, 4 T, M]"""
        sound = self.audio_input(hidden, torch.ones(len(hidden), dtype=torch.bool))
        near = self.latent_sound(sound, self.audio_input.nothing)
        return self.read_off(near).unflatten(-1, (FRAMES, -1)).flatten(1, 2)


def learn_to_hear(dit: DiT, folder: Path, steps: int, seed: int) -> None:
    """Train the hearing of a fresh DiT on performances, in place."""
    data = load_performances(folder)
    lessons = lessons_of(data, listener(load_audio_encoder()))
    torch.manual_seed(seed)
    dice = torch.Generator().manual_seed(seed)
    hearing = Hearing(dit, lessons[0].face.shape[-1])
    learned = [lesson for lesson in lessons if not lesson.held_out]
    exam = [lesson for lesson in lessons if lesson.held_out]
    state = Run(hearing, Plan(rate=RATE, steps=steps))
    train(state, lambda net: hearing_loss(net, learned, dice), lambda state: said(state.average, exam))
    dit.audio_input.load_state_dict(state.average.audio_input.state_dict())
    dit.latent_sound.load_state_dict(state.average.latent_sound.state_dict())


def lessons_of(data: Performances, listen: Listener) -> list[Lesson]:
    """A lesson of every recording that is long enough, with the faces of all its takes."""
    channels = list(REGIONS["mouth"])
    lessons = []
    for number, utterance in enumerate(data.utterances):
        takes = [take for take in data.takes if take.utterance == number]
        heard = tuple(packed(version) for version in listen(utterance))
        frames = min(len(takes[0].motion), heard[0].shape[1] // 2)
        if frames < FRAMES * LENGTH:
            continue
        motion = torch.stack([take.motion[:frames, channels].float() for take in takes])
        motion = (motion - data.mean[channels]) / data.std[channels].clamp(min=SPREAD)
        energy = torch.from_numpy(np.asarray(prosody_energy(read_score(utterance)), dtype=np.float32))
        energy = F.pad(energy, (0, max(frames - len(energy), 0)))[:frames]
        face = torch.cat((motion, energy.expand(len(takes), -1)[..., None]), dim=-1)
        lessons.append(Lesson(heard, face, takes[0].held_out))
    return lessons


def hearing_loss(net: Hearing, lessons: Sequence[Lesson], dice: torch.Generator) -> Tensor:
    """Squared error on one fresh batch."""
    chosen = torch.randint(len(lessons), (WINDOWS,), generator=dice).tolist()
    picks = [_cut(lessons[k], dice) for k in chosen]
    hidden = unpacked(torch.stack([heard for heard, _ in picks]))
    level = NOISE * torch.rand(WINDOWS, 1, 1, 1, generator=dice)
    hidden = hidden + level * torch.randn(hidden.shape, generator=dice)
    weight = shares(hidden)
    return (weight * (net(hidden) - torch.stack([face for _, face in picks])).square()).mean() / weight.mean()


def _cut(lesson: Lesson, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """What is heard in a random window of a recording, in a random version, and a random take's face."""
    first = int(torch.randint(lesson.face.shape[1] - FRAMES * LENGTH + 1, (), generator=dice))
    version, take = (int(torch.randint(len(x), (), generator=dice)) for x in (lesson.heard, lesson.face))
    heard = lesson.heard[version][:, 2 * first : 2 * first + HEARD * LENGTH]
    return heard, lesson.face[take, first : first + FRAMES * LENGTH]


def shares(like: Tensor) -> Tensor:
    """What each number counts. [M]"""
    weight = like.new_ones(len(REGIONS["mouth"]) + 1)
    weight[list(REGIONS["mouth"]).index(INDEX["jawOpen"])] = SHARE["jawOpen"]
    weight[-1] = SHARE["energy"]
    return weight


@torch.no_grad()
def said(net: Hearing, lessons: Sequence[Lesson]) -> str:
    """How what it reads off agrees with faces of voices it never heard: correlations over time, recording by
    recording."""
    figures: dict[str, list[Tensor]] = {"jaw": [], "energy": []}
    jaw = list(REGIONS["mouth"]).index(INDEX["jawOpen"])
    for lesson in lessons:
        frames = lesson.face.shape[1] // FRAMES * FRAMES
        read = net(unpacked(lesson.heard[0][None, :, : 2 * frames]))[0]
        for name, column in (("jaw", jaw), ("energy", -1)):
            pair = torch.stack((read[:, column], lesson.face[:, :frames, column].mean(0)))
            if (pair.std(1) > SPREAD).all():
                figures[name].append(torch.corrcoef(pair)[0, 1])
    return ", ".join(f"{name} {torch.stack(values).mean():.3f}" for name, values in figures.items() if values)
