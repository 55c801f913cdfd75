"""What NEO 2 makes of people and voices that it never met, against the films of the same moments.

    python -m neo_core bench neo2 --people DIR --performances DIR --reader FILE

`--people` names films made by `factory films --held-out`, `--performances` what they were made with: longer sounds of
held-out voices; FILE is the network of `train mouth-reader`. A *take* is
the reference picture of a film, performed by the shipped model to the prompt of that film and to its sound, or to the
sound of another one. Mouth and hands are read from the decoded frames (`evaluation/mouth_reader.py`), in takes and in
films alike, and compared with what the films know of themselves.

Letters: T frames, K latents, N films.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from statistics import fmean, median

import torch
from torch import Tensor

from ..audio.encoder import encode
from ..audio.loading import load_audio_encoder
from ..data_types import Waveform
from ..evaluation.bench import CouldNotRun
from ..evaluation.continuity import picture_report
from ..evaluation.frechet import Clip, latent_space
from ..evaluation.full_body import (
    LEAST_MOTION,
    Look,
    across_within,
    agreement,
    amplitude,
    correlation,
    hand_speed,
    look,
    motion,
    recognised,
    window_means,
)
from ..evaluation.full_body_actor import SYNC, TUNED, Actor, reconstructed
from ..evaluation.mouth_reader import MouthReader, Reading, load_mouth_reader, read
from ..neo2.latent_space import FRAMES, RATE, latent_count
from ..neo2.sampler import Sampling
from ..neo2.window_layout import Sync, join_frames
from ..weights.safetensors_io import load_made
from .films import Film, load_films
from .synthetic.performances import load_performances
from .synthetic.prompts import manner_words
from .synthetic.speech import is_held_out
from .synthetic.utterance import RATE as SOUND_RATE

FRAMING = "half body"  # what the embedded model is trained for
FILMS = 48  # that are performed, as they are and with another sound
CANDIDATES = 6  # people of whom one is animated by the command itself
OTHER_SEEDS = 1000
WINDOW = 32  # frames over which gestures and prosody are averaged
MANY = Sampling(steps=30, schedule=1.0)  # equal steps from pure noise, nothing guided
NAIVE = replace(TUNED, schedule="uniform", start=1.0, rescale=0.0, apg=False)
LONG_VIDEOS, LONG_CHUNKS = 4, 8  # that are looked at for seams
LONG_FRAMES = FRAMES * (SYNC.chunk + (LONG_CHUNKS - 1) * SYNC.stride)
CUT = replace(SYNC, fusion="cut", phase=False, shared_noise=False, context=False)
SAMPLES = SOUND_RATE // RATE  # per frame
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moment:
    """A film in memory."""

    film: Film
    picture: Tensor  # u8 [H, W, 3] the anchor
    video: Tensor  # u8 [T, H, W, 3]
    heard: Tensor  # [L, 2 T, D]
    mouth: Tensor  # [T]
    hands: Tensor  # [T, 2, 2] pixels
    visible: Tensor  # [T, 2] bool
    face: Tensor  # [4] mean box
    prosody: Tensor  # [T]

    @property
    def latents(self) -> int:
        return len(self.video) // FRAMES


@dataclass(frozen=True)
class Take:
    """A performance in frames, and what is read from them."""

    video: Tensor  # u8 [T, H, W, 3]
    reading: Reading

    @property
    def visible(self) -> Tensor:
        """Which hands are seen. [T, 2] bool"""
        return self.reading.seen > 0


@dataclass(frozen=True)
class Exam:
    """The films, who performs them and who reads; what has no bar is noted."""

    actor: Actor
    reader: MouthReader
    moments: tuple[Moment, ...]
    notes: dict[str, float] = field(default_factory=dict)

    @cached_property
    def anchors(self) -> list[Tensor]:
        """The encoded reference pictures. [C, h, w] each"""
        return [self.actor.anchor(m.picture) for m in self.moments]

    @cached_property
    def partners(self) -> list[int]:
        """For each film another one with another voice, whose sound is the wrong one."""
        voices = [speaker(m.film.voice) for m in self.moments]
        return [_other(voices, k) for k in range(len(voices))]

    @cached_property
    def right(self) -> list[Take]:
        """Every film performed to its own sound."""
        return [self.take(k, m.heard, m.film.prompt, seed=k) for k, m in enumerate(self.moments)]

    @cached_property
    def wrong(self) -> list[Take]:
        """Every film performed to the sound of its partner, with another seed."""
        pairs = zip(self.moments, self.partners, strict=True)
        seeds = range(OTHER_SEEDS, OTHER_SEEDS + len(self.moments))
        return [self.take(k, self.moments[j].heard, m.film.prompt, seeds[k]) for k, (m, j) in enumerate(pairs)]

    @cached_property
    def emphatic(self) -> list[Take]:
        """Every sentence delivered emphatically."""
        return self.delivered("emphatic")

    @cached_property
    def calm(self) -> list[Take]:
        """Every sentence delivered calmly."""
        return self.delivered("calm")

    def delivered(self, manner: str) -> list[Take]:
        """Every film's sentence in a manner, in words that change from sentence to sentence; seeds do not."""
        words = manner_words(manner)
        prompts = (f"A person speaks {words[k % len(words)]}." for k in range(len(self.moments)))
        return [self.take(k, m.heard, p, seed=k) for k, (m, p) in enumerate(zip(self.moments, prompts, strict=False))]

    @cached_property
    def filmed(self) -> list[Take]:
        """The films as the reader sees them."""
        return [Take(m.video, read(self.reader, m.video)) for m in self.moments]

    def take(self, number: int, heard: Tensor, prompt: str, seed: int) -> Take:
        """The person of a film performs a sound."""
        anchor, sampling = self.anchors[number], replace(TUNED, seed=seed)
        latents = self.actor.perform(anchor, heard, prompt, self.moments[number].latents, sampling)
        video = self.actor.show(latents, anchor)
        log.info("performed %s", self.moments[number].film.path.stem)
        return Take(video, read(self.reader, video))

    def film(self, number: int, heard: Tensor, sync: Sync) -> Tensor:
        """The person of a film performs as much as is heard. u8 [T, H, W, 3]"""
        anchor, sampling = self.anchors[number], replace(TUNED, seed=number)
        count = latent_count(heard.shape[1] // 2)
        latents = self.actor.perform(anchor, heard, self.moments[number].film.prompt, count, sampling, sync)
        return self.actor.show(latents, anchor)

    def looks(self, takes: Sequence[Take]) -> list[Look]:
        """What the people of the films look like in takes of them."""
        return [look(take.video, m.face) for take, m in zip(takes, self.moments, strict=True)]

    def note(self, **found: float) -> None:
        """Keep figures that have no bar, underscores for spaces."""
        for name, value in found.items():
            self.notes[name.replace("_", " ")] = value
            log.info("%s: %.3g", name.replace("_", " "), value)


def prepare(actor: Actor, people: Path, reader: Path, notes: dict[str, float], count: int = FILMS) -> Exam:
    """The exam on the films of a folder. Raises InputError where there are none, CouldNotRun where they do not do."""
    moments = tuple(moment(film) for film in choose(load_films(people), count))
    exam = Exam(actor, load_mouth_reader(reader), moments, notes)
    exam.notes["films"] = len(exam.moments)
    exam.notes["people"] = len({m.film.person for m in exam.moments})
    exam.notes["voices"] = len({speaker(m.film.voice) for m in exam.moments})
    figures = load_made(reader).get("held_out_figures", {})
    exam.notes.update({f"the reader by its recipe: {name}": float(value) for name, value in figures.items()})
    return exam


def pictures(people: Path, count: int = CANDIDATES) -> list[Tensor]:
    """The reference pictures of some films of a folder. u8 [H, W, 3] each"""
    return [film.anchor() for film in choose(load_films(people), count)]


def choose(films: Sequence[Film], count: int) -> list[Film]:
    """Held-out people who speak, first films of scenes before second ones: as many people as there are."""
    usable = [film for film in films if film.held_out and film.speaking and film.framing == FRAMING]
    if len({speaker(film.voice) for film in usable}) < 2 or len({film.person for film in usable}) < 2:
        raise CouldNotRun(
            f"{len(usable)} of {len(films)} films show held-out speakers, {FRAMING}; expected several people and voices"
        )
    return sorted(usable, key=lambda film: (film.part, film.scene))[:count]


def moment(film: Film) -> Moment:
    """Read a film."""
    hands = film.hands()
    return Moment(
        film=film,
        picture=film.anchor(),
        video=film.video(),
        heard=film.heard().float(),
        mouth=film.mouth(),
        hands=hands[..., :2],
        visible=hands[..., 2] > 0.5,
        face=film.head().mean(0),
        prosody=film.prosody(),
    )


def speaker(voice: str) -> str:
    """Who speaks; a voice names the recording too."""
    return voice.rpartition("/")[0]


def _other(voices: Sequence[str], number: int) -> int:
    """The next film, from half the round on, with another voice."""
    count = len(voices)
    turns = ((number + count // 2 + k) % count for k in range(count))
    return next(k for k in turns if voices[k] != voices[number])


# --- parts of the bench ----------------------------------------------------------------------------------------------


def sound(exam: Exam) -> dict[str, float]:
    """Does the mouth open as the sound says? What the reader makes of the films themselves is noted beside it."""
    truth = [m.mouth for m in exam.moments]
    read_off = [take.reading.mouth for take in exam.filmed]
    shown = [reconstructed(exam.actor, m.video, a) for m, a in zip(exam.moments, exam.anchors, strict=True)]
    rebuilt = [read(exam.reader, video).mouth for video in shown]
    right, wrong = ([take.reading.mouth for take in takes] for takes in (exam.right, exam.wrong))
    exam.note(
        reader_on_films_mouth_error=fmean(float((a - b).abs().mean()) for a, b in zip(read_off, truth, strict=True)),
        reader_on_films_mouth_correlation=agreement(read_off, truth),
        reader_on_films_through_the_autoencoder_mouth_correlation=agreement(rebuilt, truth),
        mouth_opening_right_sound_median_over_films=_median(right, truth),
        mouth_opening_shuffled_sound_median_over_films=_median(wrong, truth),
        mouth_opening_spread_over_that_of_films=_spread(right) / max(_spread(truth), 1e-6),
    )
    return {
        "mouth opening, right sound": agreement(right, truth),
        "mouth opening, shuffled sound": agreement(wrong, truth),
    }


def gestures(exam: Exam) -> dict[str, float]:
    """Do the hands move when the voice does? All are asked to be emphatic: then there are gestures, and none is larger
    because of another manner. Windows of all takes together."""
    prosody = [window_means(m.prosody, WINDOW) for m in exam.moments]
    generated = [hand_speed(take.reading.hands, take.visible) for take in exam.emphatic]
    true = [hand_speed(m.hands, m.visible) for m in exam.moments]
    filmed = [hand_speed(take.reading.hands, take.visible) for take in exam.filmed]

    def follows(speeds: Sequence[Tensor], numbers: Sequence[int] = range(len(prosody))) -> float:
        found = torch.cat([window_means(speeds[k], WINDOW) for k in numbers])
        return correlation(found, torch.cat([prosody[k] for k in numbers]))

    of_kind = [k for k, m in enumerate(exam.moments) if m.film.manner == "emphatic"]
    if len(of_kind) > 1:
        exam.note(gestures_of_the_emphatic_films_follow_the_voice=follows(true, of_kind))
    exam.note(
        windows_of_gestures=sum(map(len, prosody)),
        gestures_of_all_films_follow_the_voice=follows(true),
        gestures_read_from_all_films_follow_the_voice=follows(filmed),
        gestures_in_the_manners_of_the_films_follow_the_voice=follows(
            [hand_speed(take.reading.hands, take.visible) for take in exam.right]
        ),
        hand_speed_read_from_films_correlation=correlation(torch.cat(filmed), torch.cat(true)),
    )
    return {"gestures follow the voice": follows(generated)}


def identity(exam: Exam) -> dict[str, float]:
    """Is it the person of the picture, whatever is said, and another one with another picture?"""
    right, wrong = (exam.looks(takes) for takes in (exam.right, exam.wrong))
    people = [m.film.person for m in exam.moments]
    pairs = [(j, k) for k, j in enumerate(exam.partners) if people[j] != people[k]]
    across = [right[j].distance(wrong[k]) for j, k in pairs]  # both perform the sound of film j
    within = [a.distance(b) for a, b in zip(right, wrong, strict=True)]
    floor = fmean(_halves_apart(m) for m in exam.moments)
    moved = fmean(motion(t.video) for t in exam.right) / fmean(motion(m.video) for m in exam.moments)
    own, others = _references(exam, right)
    exam.note(
        distance_across_people=fmean(across),
        distance_within_a_person=fmean(within),
        distance_within_a_film=floor,
        distance_to_the_own_reference=fmean(own),
        takes_nearest_to_the_own_reference=recognised(own, others),
        motion_over_that_of_films=moved,
    )
    ratio = across_within(across, within, floor)
    return {"another reference, another person": ratio if moved >= LEAST_MOTION else 0.0}


def _halves_apart(moment: Moment) -> float:
    """How different a person looks in the first and the second half of a film."""
    first, second = (look(part, moment.face) for part in moment.video.tensor_split(2))
    return first.distance(second)


def _references(exam: Exam, takes: Sequence[Look]) -> tuple[list[float], list[list[float]]]:
    """Distances of each take to its own reference picture, and to those of other people."""
    pictures = [look(m.picture[None], m.face) for m in exam.moments]
    people = [m.film.person for m in exam.moments]
    own = [take.distance(picture) for take, picture in zip(takes, pictures, strict=True)]
    others = [
        [take.distance(p) for p, other in zip(pictures, people, strict=True) if other != person]
        for take, person in zip(takes, people, strict=True)
    ]
    return own, others


def delivery(exam: Exam) -> dict[str, float]:
    """One sentence, asked for in two manners: everything else is equal. The films' ratio is of other sentences."""
    swings = [[amplitude(take.reading.hands, take.visible) for take in takes] for takes in (exam.emphatic, exam.calm)]
    films = [
        [amplitude(m.hands, m.visible) for m in exam.moments if m.film.manner == manner]
        for manner in ("emphatic", "calm")
    ]
    if all(films):
        exam.note(emphatic_over_calm_in_the_films=fmean(films[0]) / max(fmean(films[1]), 1e-6))
    exam.note(
        sentences_whose_emphatic_gestures_are_larger=fmean(a > b for a, b in zip(*swings, strict=True)),
        swing_of_emphatic_hands_in_pixels=fmean(swings[0]),
    )
    return {"emphatic over calm delivery": sum(swings[0]) / max(sum(swings[1]), 1e-6)}


def steps(exam: Exam) -> dict[str, float]:
    """Latents of few steps, of many, and of few taken naively, against those of the films: one chunk of each."""
    films = [Clip(exam.actor.encode(m.video)[: SYNC.chunk], a) for m, a in zip(exam.moments, exam.anchors, strict=True)]
    space = latent_space(films)
    plans = {"tuned": TUNED, "many": MANY, "naive": NAIVE}
    apart = {}
    for name, sampling in plans.items():
        clips = [
            Clip(exam.actor.perform(a, m.heard, m.film.prompt, SYNC.chunk, replace(sampling, seed=k)), a)
            for k, (m, a) in enumerate(zip(exam.moments, exam.anchors, strict=True))
        ]
        apart[name] = space.distance(clips, films)
        exam.note(**{f"Fréchet_distance_{name}_{sampling.steps}_steps": apart[name]})
    half = len(films) // 2
    exam.note(Fréchet_distance_of_one_half_of_the_films_to_the_other=space.distance(films[:half], films[half:]))
    return {
        "3 steps over 30": apart["tuned"] / max(apart["many"], 1e-9),
        "tuned 3 steps over naive 3": apart["tuned"] / max(apart["naive"], 1e-9),
    }


def seams(exam: Exam, performances: Path) -> dict[str, float]:
    """Can one see where chunks meet? Beside it chunks that know nothing of each other, cut hard."""
    sounds = held_out_sounds(performances, LONG_FRAMES, LONG_VIDEOS)
    people = list({m.film.person: k for k, m in reversed(list(enumerate(exam.moments)))}.values())[: len(sounds)]
    videos = {
        name: [exam.film(k, hidden, sync) for k, hidden in zip(people, sounds, strict=False)]
        for name, sync in (("shipped", SYNC), ("cut", CUT))
    }
    moved = fmean(map(motion, videos["shipped"])) / fmean(motion(m.video) for m in exam.moments)
    if moved < LEAST_MOTION:
        raise CouldNotRun(f"videos move {moved:.2f} times as much as films: nothing is seen; expected {LEAST_MOTION:g}")
    found = {}
    for name, sync in (("shipped", SYNC), ("cut", CUT)):
        joins = join_frames(latent_count(LONG_FRAMES), sync, TUNED.steps)
        found[name] = [seam for video in videos[name] for seam in picture_report(video, joins, RATE).seams]
    velocity, interpolation = (
        {name: median(getattr(seam, figure) for seam in all_seams) for name, all_seams in found.items()}
        for figure in ("velocity", "interpolation")
    )
    exam.note(
        seams=len(found["shipped"]),
        seams_that_look_like_seams=sum(bool(seam.faults) for seam in found["shipped"]),
        ghosting_at_seams=median(seam.ghosting for seam in found["shipped"]),
        seams_of_a_hard_cut_that_look_like_seams=sum(bool(seam.faults) for seam in found["cut"]),
        seam_velocity_of_a_hard_cut=velocity["cut"],
        **{"motion-interpolation_error_of_a_hard_cut": interpolation["cut"]},
    )
    return {
        "seam velocity": velocity["shipped"],
        "motion-interpolation error at seams": interpolation["shipped"],
    }


def held_out_sounds(performances: Path, frames: int, count: int) -> list[Tensor]:
    """The begin of recordings of held-out voices, as many voices as there are: hidden states [L, 2 frames, D] each."""
    encoder, voices = load_audio_encoder(), {}
    for utterance in load_performances(performances).utterances:
        if is_held_out(utterance.voice) and len(utterance.samples) >= frames * SAMPLES:
            voices.setdefault(speaker(utterance.voice), []).append(utterance)
    turns = [u for of_all in zip_longest(*voices.values()) for u in of_all if u is not None][:count]
    if not turns:
        raise CouldNotRun(f"no held-out voice in {performances} speaks for {frames / RATE:.1f} s; expected longer ones")
    heard = (encode(encoder, Waveform(u.samples.float()[None], SOUND_RATE)).hidden_states for u in turns)
    return [hidden[:, : 2 * frames] for hidden in heard]


def _median(found: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    return float(torch.tensor([correlation(f, t) for f, t in zip(found, truth, strict=True)]).median())


def _spread(tracks: Sequence[Tensor]) -> float:
    return fmean(float(track.std()) for track in tracks)
