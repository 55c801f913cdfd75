"""What NEO 2 makes of people and voices that it never met, against the films of the same moments.

    python -m neo_core bench neo2 --people DIR --performances DIR --reader FILE

`--people` names films made by `factory films --held-out`, `--performances` what they were made with: longer sounds of
held-out voices; FILE is the network of `train mouth-reader`. A *take* is
the reference picture of a film, performed by the shipped model to the prompt of that film and to its sound, or to the
sound of another one. Mouth and hands are read from the decoded frames (`evaluation/mouth_reader.py`), in takes and in
films alike, and compared with what the films know of themselves. Only people are asked for on whom no setting was
chosen (`exam_halves`); where there are fewer films than a row states, it could not run.

Letters: T frames, K latents, N films.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import zip_longest
from pathlib import Path
from statistics import fmean, median

import torch
from torch import Tensor

from ..audio.encoder import encode
from ..audio.loading import load_audio_encoder
from ..data_types import Waveform
from ..evaluation import full_body_length
from ..evaluation.bench import CouldNotRun
from ..evaluation.bootstrap import Range, bootstrap
from ..evaluation.continuity import WHOLE_OVERLAP, Seam, SeamReport, picture_report
from ..evaluation.frechet import frechet, gaussian, latent_space
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
    stepping,
    swing_ratio,
    window_means,
)
from ..evaluation.full_body_actor import SYNC, TUNED, Actor, reconstructed
from ..evaluation.mouth_reader import MouthReader, Reading, load_mouth_reader, read
from ..neo2.latent_space import FRAMES, RATE, latent_count
from ..neo2.sampler import Sampling
from ..neo2.window_layout import Sync, join_frames
from ..weights.safetensors_io import load_made
from .exam_halves import bench_half
from .films import Film, load_films
from .synthetic.performances import load_performances
from .synthetic.prompts import manner_words
from .synthetic.speech import is_held_out
from .synthetic.utterance import RATE as SOUND_RATE

FRAMING = "half body"  # what the embedded model is trained for
FILMS = 48  # that are performed, as they are and with another sound
CANDIDATES = 6  # people of whom one is animated by the command itself
OTHER_SEEDS = 1000
WINDOW = 16  # frames over which gestures and prosody are averaged
MANY = replace(TUNED, steps=30, schedule=1.0, start=1.0)  # equal steps from pure noise, guided like the few
NAIVE = replace(TUNED, schedule="uniform", start=1.0, rescale=0.0, apg=False)  # amplified alike
FAINT = replace(NAIVE, amplitude=1.0, prosody=0.0)
LONG_VIDEOS, LONG_CHUNKS = 8, 8  # that are looked at for seams
SEAMLESS = 12  # films that stand beside them
LONG_FRAMES = FRAMES * (SYNC.chunk + (LONG_CHUNKS - 1) * SYNC.stride)
ALONE = replace(SYNC, overlap=0, fusion="cut", phase=False, shared_noise=False, context=False)  # chunk by chunk
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
    def people(self) -> list[int]:
        """Whom each film shows."""
        return [m.film.person for m in self.moments]

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
    def unled(self) -> list[Take]:
        """The same, by the network alone: movement does not follow the voice."""
        return self.delivered("emphatic", replace(TUNED, prosody=0.0))

    @cached_property
    def calm(self) -> list[Take]:
        """Every sentence delivered calmly."""
        return self.delivered("calm")

    def delivered(self, manner: str, sampling: Sampling = TUNED) -> list[Take]:
        """Every film's sentence in a manner, in words that change from sentence to sentence; seeds do not."""
        words = manner_words(manner)
        prompts = (f"A person speaks {words[k % len(words)]}." for k in range(len(self.moments)))
        pairs = enumerate(zip(self.moments, prompts, strict=False))
        return [self.take(k, m.heard, p, seed=k, sampling=sampling) for k, (m, p) in pairs]

    @cached_property
    def filmed(self) -> list[Take]:
        """The films as the reader sees them."""
        return [Take(m.video, read(self.reader, m.video)) for m in self.moments]

    def take(self, number: int, heard: Tensor, prompt: str, seed: int, sampling: Sampling = TUNED) -> Take:
        """The person of a film performs a sound."""
        anchor, sampling = self.anchors[number], replace(sampling, seed=seed)
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

    def note_range(self, name: str, found: Range) -> None:
        """Keep how far a row could be off with other people."""
        self.note(**{f"{name}, 95 % of draws of people, from": found.low, f"{name}, the same, to": found.high})


def prepare(actor: Actor, people: Path, reader: Path, notes: dict[str, float], count: int = FILMS) -> Exam:
    """The exam on the films of a folder. Raises InputError where there are none, CouldNotRun where they do not do."""
    films = choose(bench_half(load_films(people)))
    if len(films) < count:
        raise CouldNotRun(f"{len(films)} films in {people} are of people to be judged on; expected {count}")
    exam = Exam(actor, load_mouth_reader(reader), tuple(map(moment, films[:count])), notes)
    exam.notes["films"] = len(exam.moments)
    exam.notes["people"] = len(set(exam.people))
    exam.notes["voices"] = len({speaker(m.film.voice) for m in exam.moments})
    figures = load_made(reader).get("held_out_figures", {})
    exam.notes.update({f"the reader by its recipe: {name}": float(value) for name, value in figures.items()})
    return exam


def length(people: Path, work: Path, weights: full_body_length.Weights, notes: dict[str, float]) -> dict[str, float]:
    """A minute of one of some people of a folder, who should move as people in films do."""
    films = choose(bench_half(load_films(people)))[:CANDIDATES]
    moves = fmean(motion(film.video()) for film in films)
    return full_body_length.bench([film.anchor() for film in films], moves, work, notes, weights)


def choose(films: Sequence[Film]) -> list[Film]:
    """Held-out people who speak, first films of scenes before second ones: as many people as there are come first."""
    usable = [film for film in films if film.held_out and film.speaking and film.framing == FRAMING]
    if len({speaker(film.voice) for film in usable}) < 2 or len({film.person for film in usable}) < 2:
        raise CouldNotRun(
            f"{len(usable)} of {len(films)} films show held-out speakers, {FRAMING}; expected several people and voices"
        )
    return sorted(usable, key=lambda film: (film.part, film.scene))


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
        change_between_latents_share_of_all=fmean(stepping(take.video, FRAMES) for take in exam.right),
        change_between_latents_of_films_through_the_autoencoder=fmean(stepping(video, FRAMES) for video in shown),
        change_between_latents_of_films=fmean(stepping(m.video, FRAMES) for m in exam.moments),
    )
    rows = {"mouth opening, right sound": right, "mouth opening, shuffled sound": wrong}
    for name, found in rows.items():
        exam.note_range(name, bootstrap(exam.people, _agreement_of(found, truth)))
    return {name: agreement(found, truth) for name, found in rows.items()}


def gestures(exam: Exam) -> dict[str, float]:
    """Do the hands move when the voice does? Within films: who gestures much whatever is said gains nothing. All are
    asked to be emphatic: then there are gestures."""
    prosody = [window_means(m.prosody, WINDOW) for m in exam.moments]

    def windows(takes: Sequence[Take]) -> list[Tensor]:
        return [window_means(hand_speed(take.reading.hands, take.visible), WINDOW) for take in takes]

    generated, filmed, own = windows(exam.emphatic), windows(exam.filmed), windows(exam.right)
    speeds = [hand_speed(m.hands, m.visible) for m in exam.moments]
    true = [window_means(speed, WINDOW) for speed in speeds]
    of_kind = [k for k, m in enumerate(exam.moments) if m.film.manner == "emphatic"]
    if of_kind:
        exam.note(gestures_of_the_emphatic_films_follow_the_voice=_agreement_of(true, prosody)(of_kind))
    read_off = [hand_speed(take.reading.hands, take.visible) for take in exam.filmed]
    exam.note(
        windows_of_gestures=sum(map(len, prosody)),
        gestures_of_all_films_follow_the_voice=agreement(true, prosody),
        gestures_read_from_all_films_follow_the_voice=agreement(filmed, prosody),
        gestures_in_the_manners_of_the_films_follow_the_voice=agreement(own, prosody),
        gestures_by_the_network_alone_follow_the_voice=agreement(windows(exam.unled), prosody),
        hand_speed_read_from_films_correlation=correlation(torch.cat(read_off), torch.cat(speeds)),
    )
    exam.note_range("gestures follow the voice", bootstrap(exam.people, _agreement_of(generated, prosody)))
    return {"gestures follow the voice": agreement(generated, prosody)}


def _agreement_of(found: Sequence[Tensor], truth: Sequence[Tensor]) -> Callable[[Sequence[int]], float]:
    """Agreement of the films of these numbers."""
    return lambda numbers: agreement([found[k] for k in numbers], [truth[k] for k in numbers])


def identity(exam: Exam) -> dict[str, float]:
    """Is it the person of the picture, whatever is said, and another one with another picture?"""
    right, wrong = (exam.looks(takes) for takes in (exam.right, exam.wrong))
    people = exam.people
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
    people = exam.people
    own = [take.distance(picture) for take, picture in zip(takes, pictures, strict=True)]
    others = [
        [take.distance(p) for p, other in zip(pictures, people, strict=True) if other != person]
        for take, person in zip(takes, people, strict=True)
    ]
    return own, others


def delivery(exam: Exam) -> dict[str, float]:
    """One sentence, asked for in two manners: everything else is equal. The films' ratio is of other sentences."""
    swings = [[amplitude(take.reading.hands, take.visible) for take in takes] for takes in (exam.emphatic, exam.calm)]
    usual = fmean(amplitude(take.reading.hands, take.visible) for take in exam.filmed)
    films = [
        [amplitude(m.hands, m.visible) for m in exam.moments if m.film.manner == manner]
        for manner in ("emphatic", "calm")
    ]
    if all(films):
        exam.note(emphatic_over_calm_in_the_films=fmean(films[0]) / max(fmean(films[1]), 1e-6))
    exam.note(
        sentences_whose_emphatic_gestures_are_larger=fmean(a > b for a, b in zip(*swings, strict=True)),
        swing_of_emphatic_hands_over_that_of_films=fmean(swings[0]) / max(usual, 1e-6),
        swing_of_calm_hands_over_that_of_films=fmean(swings[1]) / max(usual, 1e-6),
    )

    def ratio(numbers: Sequence[int]) -> float:
        return swing_ratio(*([swing[k] for k in numbers] for swing in swings), usual)

    exam.note_range("emphatic over calm delivery", bootstrap(exam.people, ratio))
    return {"emphatic over calm delivery": ratio(range(len(exam.moments)))}


def steps(exam: Exam) -> dict[str, float]:
    """Latents of few steps, of many, and of few taken naively, against those of the films: one chunk of each."""
    films = [exam.actor.encode(m.video, a)[: SYNC.chunk] for m, a in zip(exam.moments, exam.anchors, strict=True)]
    space, everyone = latent_space(films), range(len(films))
    true = [space.features([film]) for film in films]  # [T - 1, D] each
    made = {
        name: [space.features([clip]) for clip in _chunks(exam, sampling)]
        for name, sampling in (("tuned", TUNED), ("many", MANY), ("naive", NAIVE), ("naive_and_not_amplified", FAINT))
    }

    def apart(name: str, numbers: Sequence[int]) -> float:
        return frechet(*(gaussian(torch.cat([rows[k] for k in numbers])) for rows in (made[name], true)))

    def over(name: str) -> Callable[[Sequence[int]], float]:
        return lambda numbers: apart("tuned", numbers) / max(apart(name, numbers), 1e-9)

    exam.note(**{f"Fréchet_distance_{name}_steps": apart(name, everyone) for name in made})
    half = len(films) // 2
    exam.note(Fréchet_distance_of_one_half_of_the_films_to_the_other=space.distance(films[:half], films[half:]))
    rows = {"3 steps over 30": over("many"), "tuned 3 steps over naive 3": over("naive")}
    for name, ratio in rows.items():
        exam.note_range(name, bootstrap(exam.people, ratio))
    return {name: ratio(everyone) for name, ratio in rows.items()}


def _chunks(exam: Exam, sampling: Sampling) -> list[Tensor]:
    """The first chunk of every film. [T, C, h, w] each"""
    return [
        exam.actor.perform(a, m.heard, m.film.prompt, SYNC.chunk, replace(sampling, seed=k))
        for k, (m, a) in enumerate(zip(exam.moments, exam.anchors, strict=True))
    ]


def seams(exam: Exam, performances: Path) -> dict[str, float]:
    """Can one see where chunks meet? Seams are compared with the inside of the same video, and with that of chunks made
    alone, where nothing was ever joined; the worse of the two counts. Beside it those chunks alone, cut hard."""
    sounds = held_out_sounds(performances, LONG_FRAMES, LONG_VIDEOS)
    people = list({person: k for k, person in reversed(list(enumerate(exam.people)))}.values())
    if len(people) < LONG_VIDEOS:
        raise CouldNotRun(f"films show {len(people)} people; expected {LONG_VIDEOS}")
    shipped, alone = (
        [exam.film(k, hidden, sync) for k, hidden in zip(people, sounds, strict=False)] for sync in (SYNC, ALONE)
    )
    moved = fmean(map(motion, shipped)) / fmean(motion(m.video) for m in exam.moments)
    if moved < LEAST_MOTION:
        raise CouldNotRun(f"videos move {moved:.2f} times as much as films: nothing is seen; expected {LEAST_MOTION:g}")
    own = [_seam_report(video, SYNC) for video in shipped]
    cut = [_seam_report(video, ALONE) for video in alone]
    found = {
        "shipped": [report.seams for report in own],
        "joined": [report.against(other.inside).seams for report, other in zip(own, cut, strict=True)],
        "cut": [report.seams for report in cut],
    }

    def middle(name: str, figure: str, numbers: Sequence[int] = range(LONG_VIDEOS)) -> float:
        return median(getattr(seam, figure) for k in numbers for seam in found[name][k])

    def worse(figure: str, numbers: Sequence[int] = range(LONG_VIDEOS)) -> float:
        return max(middle(name, figure, numbers) for name in ("shipped", "joined"))

    counts = {name: sum(bool(seam.faults) for seams in found[name] for seam in seams) for name in found}
    exam.note(
        seams=sum(map(len, found["shipped"])),
        seams_that_look_like_seams=counts["shipped"],
        ghosting_at_seams=middle("shipped", "ghosting"),
        seams_of_chunks_alone_that_look_like_seams=counts["cut"],
    )
    films = _where_nothing_meets(exam)
    rows = {"seam velocity": "velocity", "motion-interpolation error at seams": "interpolation"}
    for name, figure in rows.items():
        exam.note(
            **{
                f"{name}, of chunks alone and cut hard": middle("cut", figure),
                f"{name}, against the inside of the same video": middle("shipped", figure),
                f"{name}, against the inside of chunks alone": middle("joined", figure),
                f"{name}, of films, where nothing meets": median(getattr(seam, figure) for seam in films),
            }
        )
        exam.note_range(name, bootstrap(range(LONG_VIDEOS), partial(worse, figure)))
    return {name: worse(figure) for name, figure in rows.items()}


def _where_nothing_meets(exam: Exam) -> list[Seam]:
    """The middles of some films as the autoencoder shows them, as if chunks met there: what no seam looks like."""
    some = list(zip(exam.moments, exam.anchors, strict=True))[:SEAMLESS]
    shown = [reconstructed(exam.actor, m.video, anchor) for m, anchor in some]
    return [seam for video in shown for seam in picture_report(video, [len(video) // 2], RATE, WHOLE_OVERLAP).seams]


def _seam_report(video: Tensor, sync: Sync) -> SeamReport:
    return picture_report(video, join_frames(latent_count(len(video)), sync, TUNED.steps), RATE, WHOLE_OVERLAP)


def held_out_sounds(performances: Path, frames: int, count: int) -> list[Tensor]:
    """The begin of recordings of held-out voices, as many voices as there are: hidden states [L, 2 frames, D] each."""
    encoder, voices = load_audio_encoder(), {}
    for utterance in load_performances(performances).utterances:
        if is_held_out(utterance.voice) and len(utterance.samples) >= frames * SAMPLES:
            voices.setdefault(speaker(utterance.voice), []).append(utterance)
    turns = [u for of_all in zip_longest(*voices.values()) for u in of_all if u is not None][:count]
    if len(turns) < count:
        raise CouldNotRun(
            f"held-out voices in {performances} speak {len(turns)} times for {frames / RATE:.1f} s; expected {count}"
        )
    heard = (encode(encoder, Waveform(u.samples.float()[None], SOUND_RATE)).hidden_states for u in turns)
    return [hidden[:, : 2 * frames] for hidden in heard]


def _median(found: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    return float(torch.tensor([correlation(f, t) for f, t in zip(found, truth, strict=True)]).median())


def _spread(tracks: Sequence[Tensor]) -> float:
    return fmean(float(track.std()) for track in tracks)
