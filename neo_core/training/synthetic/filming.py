"""Films of synthetic people who speak: body, face and sound of one recording, with the truth about them.

    python -m neo_core factory films --assets DIR --performances DIR --out DIR --minutes 25 --seed 1

A scene is a person before a camera with a recording and a manner of delivery, cut into consecutive films; some scenes
come twice, in two manners. With --held-out only people and voices are filmed that no training sees, else only others.
The same seed gives the same scenes; --resume goes on after the films that are there.
"""

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ... import motion_space
from ...audio.encoder import AudioEncoder, encode
from ...audio.loading import load_audio_encoder
from ...data_types import InputError, Waveform
from ...timebase import MOTION_RATE
from ...weights import safetensors_io
from .body_motion import at_rest, gestures, prosody_energy
from .body_pack import Pack, load_pack
from .film_facts import facts_of
from .human import HELD_OUT, Human, held_out, sample_human
from .human_render import Picture, render
from .performances import Performances, Take, load_performances
from .prompts import prompt
from .prosody import Score, read_score
from .shot import FRAMINGS, Shot, sample_shot
from .utterance import RATE, Utterance

FRAMES = 64  # of a film
PARTS = 2  # films of a scene
SAMPLES = RATE // MOTION_RATE  # per frame
HEARD = 2  # hidden states per frame
SILENT_SHARE = 0.08  # scenes in an empty room
TWICE = 0.3  # scenes that come in two manners
SMILE = 0.4  # of a face that rests, at most
TILT = (1.0, 1.5, 0.8)  # degrees that its head is from straight: pitch, yaw, roll
MANNER_SHARES = {"neutral": 0.3, "calm": 0.2, "emphatic": 0.25, "explaining": 0.25}
HELD_OUT_ROOMS = 8  # every so many recordings of an empty room is held out
FRIENDLY = ("brow", "mouthSmile", "cheekSquint")  # what a portrait keeps of a face at rest
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scene:
    """What is filmed."""

    name: str
    person: int
    shot: int  # seed
    framing: str
    take: int  # index into the takes
    start: int  # first frame of the recording that is shown
    manner: str
    seed: int  # of the gestures
    words: int  # seed of the prompt


@dataclass(frozen=True)
class World:
    """Where scenes come from."""

    pack: Pack
    performances: Performances
    encoder: AudioEncoder
    size: int
    supersample: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `factory films`."""
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman_cc0.npz and its textures")
    parser.add_argument("--performances", type=Path, required=True, help="folder made by `factory performances`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the films")
    parser.add_argument("--minutes", type=float, default=25.0, help="stop after this much time")
    parser.add_argument("--seed", type=int, default=0, help="runs with different seeds film different scenes")
    parser.add_argument("--held-out", action="store_true", help="people and voices that no training sees")
    parser.add_argument("--framing", choices=FRAMINGS, default="half body")
    parser.add_argument("--size", type=int, default=128, help="side of a picture in pixels")
    parser.add_argument("--supersample", type=int, default=2, help="samples along the side of a pixel")
    parser.add_argument("--resume", action="store_true", help="keep the films that are already there")


def run(arguments: argparse.Namespace) -> None:
    """Film scenes until the time is up."""
    torch.set_num_threads(1)
    end, number = time.monotonic() + 60 * arguments.minutes, 0
    performances = load_performances(arguments.performances)
    world = World(
        load_pack(arguments.assets), performances, load_audio_encoder(), arguments.size, arguments.supersample
    )
    chosen = recordings(performances, arguments.held_out)
    while time.monotonic() < end:
        for scene in plan_scenes(chosen, arguments.seed, number, arguments.held_out, arguments.framing):
            if not (arguments.resume and film_paths(arguments.out, scene)[0].exists()):
                film(world, scene, arguments.out)
                log.info("%s: %s, person %d", scene.name, scene.manner, scene.person)
        number += 1


@dataclass(frozen=True)
class Recordings:
    """Takes to film: (index, frames) of speech and of empty rooms."""

    speech: tuple[tuple[int, int], ...]
    rooms: tuple[tuple[int, int], ...]


def recordings(performances: Performances, exam: bool) -> Recordings:
    """The takes that are long enough, of held-out voices or of the others. Raises InputError when there are none."""
    speech, rooms = [], []
    for index, take in enumerate(performances.takes):
        utterance = performances.utterances[take.utterance]
        silent = not utterance.text and utterance.voice == "room"
        kept_out = take.utterance % HELD_OUT_ROOMS == 0 if silent else take.held_out
        if kept_out == exam and len(take.motion) >= FRAMES:
            (rooms if silent else speech).append((index, len(take.motion)))
    if not speech:
        kind = "held-out" if exam else "other than held-out"
        raise InputError(f"no take of {FRAMES} frames by {kind} voices; expected more from `factory performances`")
    return Recordings(tuple(speech), tuple(rooms))


def plan_scenes(chosen: Recordings, seed: int, number: int, exam: bool, framing: str) -> list[Scene]:
    """Scene `number` of a run, or two of them that differ only in their manner."""
    rng = np.random.default_rng([seed, number, 0xF11])
    takes = chosen.rooms if chosen.rooms and rng.uniform() < SILENT_SHARE else chosen.speech
    take, frames = takes[int(rng.integers(len(takes)))]
    person = int(rng.integers(1 << 30)) // HELD_OUT * HELD_OUT
    person += HELD_OUT - 1 if exam else int(rng.integers(HELD_OUT - 1))
    assert held_out(person) == exam
    manners = list(MANNER_SHARES)
    twice = rng.uniform() < TWICE and takes is chosen.speech
    drawn = rng.choice(manners, 2 if twice else 1, replace=False, p=list(MANNER_SHARES.values()))
    scene = Scene(
        name=f"{seed:04d}_{number:05d}",
        person=person,
        shot=int(rng.integers(1 << 30)),
        framing=framing,
        take=take,
        start=int(rng.integers(max(frames - PARTS * FRAMES, 0) + 1)),
        manner=str(drawn[0]),
        seed=int(rng.integers(1 << 30)),
        words=int(rng.integers(1 << 30)),
    )
    return [replace(scene, name=scene.name + "ab"[k], manner=str(manner)) for k, manner in enumerate(drawn)]


def film_paths(out: Path, scene: Scene) -> list[Path]:
    """Where the films of a scene lie (a short recording has only the first)."""
    return [out / f"scene_{scene.name}_{part}.safetensors" for part in range(PARTS)]


def film(world: World, scene: Scene, out: Path) -> None:
    """Film a scene and write its films, the last one first, so that the first stands for all."""
    take = world.performances.takes[scene.take]
    utterance = world.performances.utterances[take.utterance]
    human = sample_human(scene.person, world.pack)
    shot = sample_shot(human, scene.shot, scene.framing)
    score = read_score(utterance)
    body = torch.from_numpy(gestures(score, human.body, scene.manner, scene.seed))
    face = take.motion.float()
    rest = torch.from_numpy(at_rest(human.body, scene.seed))
    shared = {"anchor": _bytes(_picture(world, human, shot, rest, portrait(take, scene.seed)).image)}
    heard = encode(world.encoder, Waveform(utterance.samples[None], RATE)).hidden_states
    frames = min(len(face), len(body))
    parts = min((frames - scene.start) // FRAMES, PARTS)
    for part in reversed(range(parts)):
        first = scene.start + part * FRAMES
        pictures = [_picture(world, human, shot, body[k], face[k]) for k in range(first, first + FRAMES)]
        tensors = {**shared, **truth(pictures), **sounding(utterance, heard, score, first)}
        config = _config(scene, part, world.size, utterance, human, shot, shared["anchor"])
        safetensors_io.save(film_paths(out, scene)[part], tensors, config)


def _picture(world: World, human: Human, shot: Shot, body: Tensor, face: Tensor) -> Picture:
    return render(human, body, face, shot, world.size, world.supersample)


def portrait(take: Take, seed: int) -> Tensor:
    """The face of the anchor: mouth closed, a moment's brows and smile, the head almost straight. [63]"""
    motion = motion_space.rest()
    for name, k in motion_space.INDEX.items():
        if name.startswith(FRIENDLY):
            motion[k] = take.reference[k].clamp(0, SMILE)
    tilt = np.random.default_rng([seed, 0xFACE]).normal(size=3) * TILT
    for name, angle in zip(("pitch", "yaw", "roll"), tilt, strict=True):
        motion[motion_space.INDEX[name]] = angle
    return motion


def truth(pictures: Sequence[Picture]) -> dict[str, Tensor]:
    """Video and what is true of its frames."""
    return {
        "video": torch.stack([_bytes(picture.image) for picture in pictures]),
        "mouth": torch.tensor([picture.opening for picture in pictures]),
        "hands": torch.stack([picture.hands for picture in pictures]).float(),
        "head": torch.stack([picture.face_box for picture in pictures]).float(),
        "mouth_box": torch.stack([picture.mouth_box for picture in pictures]).float(),
        "hand_boxes": torch.stack([picture.hand_boxes for picture in pictures]).float(),
    }


def sounding(utterance: Utterance, heard: Tensor, score: Score, first: int) -> dict[str, Tensor]:
    """What is heard during the FRAMES frames from `first` on."""
    return {
        "sound": _cut(utterance.samples.float()[None], first * SAMPLES, FRAMES * SAMPLES)[0],
        "heard": _cut(heard, first * HEARD, FRAMES * HEARD).half(),
        "prosody": _cut(torch.from_numpy(prosody_energy(score)).float()[None], first, FRAMES)[0],
    }


def _cut(track: Tensor, first: int, count: int) -> Tensor:
    """`count` entries along the second axis, zeros where the track has ended. [C, N, ...] -> [C, count, ...]"""
    part = track[:, first : first + count]
    out = part.new_zeros(len(part), count, *part.shape[2:])
    out[:, : part.shape[1]] = part
    return out


def _bytes(image: Tensor) -> Tensor:
    return (255 * image).round().clamp(0, 255).byte()


def _config(scene: Scene, part: int, size: int, utterance: Utterance, human: Human, shot: Shot, anchor: Tensor) -> dict:
    """The fields of `films.Film` that say what the film shows."""
    speaking = utterance.voice != "room"
    facts = facts_of(human, shot, scene.manner, speaking, anchor)
    return {
        "frames": FRAMES,
        "size": size,
        "prompt": prompt(facts, scene.words + part),
        "manner": scene.manner,
        "speaking": speaking,
        "person": scene.person,
        "scene": scene.name,
        "part": part,
        "voice": utterance.voice,
        "held_out": bool(held_out(scene.person)),
        "framing": scene.framing,
    }
