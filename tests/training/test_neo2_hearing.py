"""What a DiT learns of sound before it sees films."""

from argparse import Namespace

import pytest
import torch
from torch import Tensor

from neo_core.motion_space import INDEX, REGIONS
from neo_core.neo2.dit import DiT, DiTConfig
from neo_core.training import neo2_hearing
from neo_core.training.fitting import Plan, fit
from neo_core.training.neo2_hearing import (
    LENGTH,
    SHARE,
    Hearing,
    Lesson,
    hearing_loss,
    learn_to_hear,
    lessons_of,
    said,
    shares,
)
from neo_core.training.synthetic.performances import Performances, Take
from neo_core.training.synthetic.utterance import Phone, Utterance
from neo_core.training.vocal_features import GRAIN

TINY = DiTConfig(2, 6, width=32, depth=1, heads=2, side_width=8, rotary_time=4, rotary_place=4, local_width=8)
FRAMES = 80
MOUTH = len(REGIONS["mouth"])


def performances() -> Performances:
    """The jaw says how loud the sound is; everything else rests."""
    dice = torch.Generator().manual_seed(0)
    utterances, takes = [], []
    for k in range(6):
        loud = torch.rand(FRAMES // 4, generator=dice).repeat_interleave(4)
        samples = loud.repeat_interleave(640) * torch.randn(FRAMES * 640, generator=dice)
        phones = (Phone("AA", 0.0, 1.6, 1.0), Phone("P", 1.6, 3.2, 1.0))
        utterances.append(Utterance(samples.clamp(-1, 1), phones, (), f"voice {k}", ""))
        motion = torch.zeros(FRAMES, 63)
        motion[:, INDEX["jawOpen"]] = loud
        vectors = torch.zeros(60), torch.zeros(16), torch.zeros(63)
        takes.append(Take(k, *vectors, motion.half(), seed=k, held_out=k > 3, emotion=torch.zeros(6)))
    every = torch.cat([take.motion.float() for take in takes])
    return Performances(tuple(utterances), tuple(takes), every.mean(0), every.std(0).clamp(min=0.01))


def listen(utterance: Utterance) -> list[Tensor]:
    level = utterance.samples.unflatten(0, (-1, 320)).std(-1)  # [2 T]
    states = torch.stack((level, 0.6 - level, level.square(), *torch.full((3, len(level)), 0.3)), -1)
    return [10 * states.expand(2, -1, -1)] * 2


def test_lessons_hold_what_belongs_together():
    """Sound and face of a lesson are those of one recording, moment by moment."""
    for lesson, utterance, take in zip(
        lessons_of(data := performances(), listen), data.utterances, data.takes, strict=True
    ):
        assert lesson.held_out == take.held_out
        assert lesson.face.shape == (1, FRAMES, MOUTH + 1)
        heard = GRAIN * lesson.heard[0].float()
        assert torch.allclose(heard, listen(utterance)[0], atol=GRAIN / 2 + 1e-6)
        jaw = lesson.face[0, :, list(REGIONS["mouth"]).index(INDEX["jawOpen"])]
        level = heard[0, :, 0].unflatten(0, (-1, 2)).mean(1)
        assert torch.corrcoef(torch.stack((jaw, level)))[0, 1] > 0.95


def test_windows_of_sound_and_face_are_of_one_moment():
    """The face counts its frames, and so does the sound."""
    frame = torch.arange(120)
    heard = frame.repeat_interleave(2)[None, :, None].expand(2, -1, 6).to(torch.int8)
    lesson = Lesson((heard,), frame[None, :, None].expand(1, -1, MOUTH + 1).float(), held_out=False)
    dice = torch.Generator().manual_seed(0)
    for _ in range(5):
        sound, face = neo2_hearing._cut(lesson, dice)
        assert sound[0, ::2, 0].tolist() == face[:, 0].tolist()
        assert len(face) == 4 * LENGTH


def test_short_recordings_teach_nothing():
    data = performances()
    takes = tuple(Take(**{**vars(take), "motion": take.motion[:20]}) for take in data.takes)
    assert lessons_of(Performances(data.utterances, takes, data.mean, data.std), listen) == []


def test_every_number_has_its_share():
    weight = shares(torch.zeros(1))
    assert len(weight) == MOUTH + 1
    jaw = list(REGIONS["mouth"]).index(INDEX["jawOpen"])
    assert weight[[jaw, -1]].tolist() == [SHARE["jawOpen"], SHARE["energy"]]
    assert weight.sum() == MOUTH - 1 + SHARE["jawOpen"] + SHARE["energy"]


def test_a_network_learns_which_face_goes_with_a_sound():
    lessons = lessons_of(performances(), listen)
    torch.manual_seed(0)
    hearing = Hearing(DiT(TINY), MOUTH + 1)
    dice = torch.Generator().manual_seed(0)
    learned, exam = lessons[:4], lessons[4:]
    trained = fit(hearing, lambda net: hearing_loss(net, learned, dice), Plan(0.05, 5e-3, warm_up=5), lambda _: "")
    assert _jaw(said(trained, exam)) > 0.8
    assert _jaw(said(Hearing(DiT(TINY), MOUTH + 1), exam)) < 0.6


def _jaw(report: str) -> float:
    return float(report.split("jaw ")[1].split(",")[0])


def test_what_was_learned_is_the_network_s_own(monkeypatch, tmp_path):
    monkeypatch.setattr(neo2_hearing, "load_performances", lambda _: performances())
    monkeypatch.setattr(neo2_hearing, "listener", lambda _: listen)
    monkeypatch.setattr(neo2_hearing, "load_audio_encoder", Namespace)
    dit = DiT(TINY)
    before = {name: value.clone() for name, value in dit.state_dict().items()}
    learn_to_hear(dit, tmp_path, steps=1, seed=0)
    changed = {name for name, value in dit.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in changed} == {"audio_input", "latent_sound"}


@pytest.mark.parametrize("part", ["audio_input", "latent_sound"])
def test_hearing_is_a_part_of_the_network(part):
    dit = DiT(TINY)
    assert getattr(Hearing(dit, 3), part) is getattr(dit, part)
