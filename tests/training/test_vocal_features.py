"""The memory of what the encoder heard: as good as hearing it, and never another encoder's."""

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.training.synthetic.utterance import Utterance
from neo_core.training.vocal_features import GRAIN, packed, read_features, write_features


def utterance(seed: int) -> Utterance:
    samples = torch.randn(1600, generator=torch.Generator().manual_seed(seed))
    return Utterance(samples, (), (), f"voice {seed}", "")


def listen(spoken: Utterance) -> list[torch.Tensor]:
    states = spoken.samples.unflatten(0, (2, 100, 8))
    return [states, 2 * states]


def test_every_version_comes_back_as_training_would_have_packed_it(tmp_path):
    write_features(tmp_path / "heard.safetensors", [utterance(k) for k in range(3)], listen, "ear")
    remembered = read_features(tmp_path / "heard.safetensors", "ear")
    for k in range(3):
        heard, again = listen(utterance(k)), remembered(utterance(k))
        assert len(again) == 2
        for first, second in zip(heard, again, strict=True):
            assert torch.equal(packed(second), packed(first))
            assert (first - second).abs().max() <= GRAIN / 2 + 1e-5


def test_another_encoder_and_unknown_sounds_are_refused(tmp_path):
    write_features(tmp_path / "heard.safetensors", [utterance(0)], listen, "ear")
    with pytest.raises(InputError, match="made with the encoder ear, expected other"):
        read_features(tmp_path / "heard.safetensors", "other")
    with pytest.raises(InputError, match="does not know a recording of voice 1"):
        read_features(tmp_path / "heard.safetensors", "ear")(utterance(1))
