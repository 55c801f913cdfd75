"""The data set of performances: what is written comes back, the held out stay marked, seeds decide."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neo_core.data_types import EMOTIONS
from neo_core.motion_space import SIZE
from neo_core.training.synthetic import performances
from neo_core.training.synthetic.performances import load_performances
from neo_core.training.synthetic.speech import write_corpus
from neo_core.weights import safetensors_io


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, spoken):
    folder = tmp_path_factory.mktemp("speech")
    voices = ("espeak/gmw/en-US+m1/a", "espeak/gmw/en-US+m1/b", "espeak/gmw/en-US+f5/a", "librispeech/533/x")
    write_corpus(iter([replace(spoken, voice=voice) for voice in voices]), folder)
    return folder


def make(corpus: Path, out: Path, seed: int = 3, resume: bool = False) -> performances.Performances:
    performances.run(argparse.Namespace(speech=corpus, out=out, seed=seed, takes=2, minutes=5.0, resume=resume))
    return load_performances(out)


def test_round_trip(corpus, tmp_path):
    data = make(corpus, tmp_path)
    assert len(data.takes) == 2 * len(data.utterances)
    for take in data.takes:
        spoken = data.utterances[take.utterance]
        assert take.motion.shape == (-(-len(spoken.samples) * 25 // 16000), SIZE)
        assert spoken.phones[-1].end == pytest.approx(spoken.seconds, abs=1e-3)
        assert take.held_out == (spoken.voice.startswith("librispeech") or "f5" in spoken.voice)
    assert data.mean.shape == data.std.shape == (SIZE,)
    assert (data.std > 0).all()
    assert {t.held_out for t in data.takes} == {True, False}


def test_statistics_leave_the_held_out_alone(corpus, tmp_path):
    data = make(corpus, tmp_path)
    motion = torch.cat([take.motion.float() for take in data.takes if not take.held_out])
    assert torch.allclose(motion.mean(0), data.mean, atol=1e-3)


def test_the_stated_share_of_takes_acts_a_state(corpus, tmp_path):
    wishes = [performances.sample_emotion(seed, performances.STATED) for seed in range(400)]
    stated = [wish for wish in wishes if wish]
    assert abs(len(stated) / len(wishes) - performances.STATED) < 0.1
    assert {wish.state for wish in stated} == set(EMOTIONS)
    assert min(w.strength for w in stated) < 0.5 < sum(w.strength == 1 for w in stated) / len(stated) * 2
    take = next(take for take in make(corpus, tmp_path).takes if take.emotion.any())
    assert tuple(take.emotion.tolist()) == pytest.approx(performances.sample_emotion(take.seed, 1.0).weights)


def test_data_from_before_the_states_is_as_the_voice_sounds(corpus, tmp_path):
    make(corpus, tmp_path)
    for path in tmp_path.glob("shard_*"):
        tensors, config = safetensors_io.load(path)
        safetensors_io.save(path, {k: v for k, v in tensors.items() if k != "emotion"}, config)
    assert not any(take.emotion.any() for take in load_performances(tmp_path).takes)


def test_seeds_and_resume(corpus, tmp_path):
    first = make(corpus, tmp_path / "a")
    again = make(corpus, tmp_path / "b")
    other = make(corpus, tmp_path / "c", seed=4)
    assert all(torch.equal(x.motion, y.motion) for x, y in zip(first.takes, again.takes, strict=True))
    assert not torch.equal(first.takes[0].style, other.takes[0].style)
    shard = next((tmp_path / "a").glob("shard_*"))
    written = shard.stat().st_mtime_ns
    make(corpus, tmp_path / "a", resume=True)
    assert shard.stat().st_mtime_ns == written


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="factory performances"):
        load_performances(tmp_path)
