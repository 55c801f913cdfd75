"""VOCAL learns to hear with any audio encoder: what it is given, what it keeps, and whom it refuses afterwards."""

import json

import pytest
import torch

from neo_core import __main__ as cli
from neo_core.audio.encoder import encode
from neo_core.audio.loading import load_audio_encoder
from neo_core.data_types import Identity, InputError, Waveform
from neo_core.training import vocal
from neo_core.training.listening import at_speed, listener, other_voice
from neo_core.training.synthetic.performances import Performances, Take
from neo_core.training.synthetic.utterance import Utterance
from neo_core.training.vocal import begin_from
from neo_core.vocal.loading import load_vocal, stored_config
from neo_core.vocal.sampler import generate_motion
from neo_core.vocal.unified_mmdit import UnifiedConfig, UnifiedMMDiT
from neo_core.weights.safetensors_io import save

RATE = 16000
FRAMES = 60
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
CONVOLUTIONS = {"conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
PERSON = Identity(torch.zeros(60), torch.zeros(16), torch.zeros(63))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny wav2vec2 in the layout of the hub."""
    transformers = pytest.importorskip("transformers")
    place = tmp_path_factory.mktemp("wav2vec2")
    torch.manual_seed(0)
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SMALL, **CONVOLUTIONS)).save_pretrained(place)
    (place / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
    return place


def utterance(seed: int) -> Utterance:
    dice = torch.Generator().manual_seed(seed)
    loud = torch.rand(FRAMES // 4, generator=dice).repeat_interleave(4 * 640)
    return Utterance(0.3 * loud * torch.randn(FRAMES * 640, generator=dice), (), (), f"voice {seed}", "")


def performances() -> Performances:
    takes = [
        Take(
            k,
            torch.zeros(60),
            torch.zeros(16),
            torch.zeros(63),
            torch.rand(FRAMES, 63).half(),
            k,
            k == 2,
            torch.zeros(6),
        )
        for k in range(3)
    ]
    return Performances(tuple(utterance(k) for k in range(3)), tuple(takes), torch.zeros(63), torch.ones(63))


@pytest.fixture(params=["embedded", "public"])
def encoder(request):
    return load_audio_encoder(None if request.param == "embedded" else request.getfixturevalue("folder"))


def test_each_recording_is_heard_as_it_is_and_as_another_voice(encoder):
    said = utterance(0)
    plain, other = listener(encoder)(said)
    assert torch.equal(plain, encode(encoder, Waveform(said.samples[None], RATE)).hidden_states)
    assert plain.shape == other.shape == (encoder.layers, 2 * FRAMES, encoder.width)
    assert other.isfinite().all()
    assert (plain - other).norm() > 0.02 * plain.norm()


def test_who_the_other_voice_is_depends_on_the_seed_alone(encoder):
    """Two recordings in a row, as a training hears them; the next one is another voice each time."""
    other, said = other_voice(encoder), utterance(0).samples

    def heard(seed: int) -> torch.Tensor:
        torch.rand(seed + 1)  # whatever was drawn before
        torch.manual_seed(seed)
        with torch.no_grad():
            return torch.stack([other(said), other(said)])

    once = heard(4)
    assert torch.equal(heard(4), once)
    for different in (once[1], heard(5)[0]):
        assert (different - once[0]).norm() > 0.01 * once[0].norm()


def test_another_voice_says_the_same_at_the_same_time(folder):
    """Clicks far apart: the frames that change are the same whatever the speed it was read with."""
    encoder, samples = load_audio_encoder(folder), torch.zeros(4 * RATE)
    samples[RATE // 2 :: RATE] = 1.0
    torch.manual_seed(3)
    plain, other = (h[0] for h in listener(encoder)(Utterance(samples, (), (), "clicks", "")))
    loud = [(h - h.median(0).values).norm(dim=1) for h in (plain, other)]
    for click in range(4):
        around = slice(50 * click + 10, 50 * click + 40)
        first, second = (track[around].argmax().item() for track in loud)
        assert abs(first - second) <= 1


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.12])
def test_reading_faster_raises_the_pitch(speed):
    time = torch.arange(RATE) / RATE
    read = at_speed(torch.sin(2 * torch.pi * 200 * time), speed)
    assert len(read) == round(RATE / speed)
    crossings = (read[:-1].sign() != read[1:].sign()).sum().item() / 2
    assert crossings / (len(read) / RATE) == pytest.approx(200 * speed, rel=0.01)


def test_the_recipe_trains_on_a_public_encoder_and_the_file_says_so(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(vocal, "load_performances", lambda _: performances())
    monkeypatch.setattr(vocal, "EXAM", 1)
    out = tmp_path / "vocal.safetensors"
    options = ["--data", "x", "--audio-weights", str(folder), "--steps", "2", "--batch", "2", "--out", str(out)]
    assert cli.main(["train", "vocal", *options]) == 0
    trained, encoder = load_vocal(out), load_audio_encoder(folder)
    assert trained.config.audio_encoder == encoder.name
    sound = Waveform(utterance(5).samples[None], RATE)
    assert generate_motion(trained, encode(encoder, sound), PERSON, steps=2).motion.shape == (FRAMES, 63)
    told = r"encoder embedded/\w{12} \(9 layers of 192 numbers\), expected wav2vec2/\w{12} \(3 of 16\)"
    with pytest.raises(InputError, match=told):
        generate_motion(trained, encode(load_audio_encoder(), sound), PERSON, steps=2)
    monkeypatch.setattr(vocal, "load_performances", lambda _: performances())
    again = ["--data", "x", "--steps", "1", "--batch", "2", "--start", str(out), "--out", str(tmp_path / "again")]
    assert cli.main(["train", "vocal", *again]) == 0
    assert load_vocal(tmp_path / "again").config.audio_encoder.startswith("embedded/")


TINY = {"width": 32, "depth": 2, "heads": 2, "mlp_ratio": 2, "rotary": 4, "window": 12, "prefix": 3, "lookahead": 2}


def tiny(**changes) -> UnifiedMMDiT:
    net = UnifiedMMDiT(UnifiedConfig(**TINY | {"audio_layers": 3, "audio_width": 10} | changes))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    return net


@pytest.mark.parametrize(
    ("changes", "hears_anew"),
    [
        ({"audio_encoder": "wav2vec2/1"}, False),
        ({"audio_encoder": "wav2vec2/2"}, False),  # the same encoder, trained on
        ({"audio_encoder": "hubert/1"}, True),
        ({"audio_encoder": "wav2vec2/1", "audio_layers": 5}, True),
        ({"audio_encoder": "wav2vec2/1", "audio_width": 12}, True),
    ],
)
def test_fine_tuning_for_another_encoder_keeps_all_but_the_ears(tmp_path, changes, hears_anew):
    before, net = tiny(audio_encoder="wav2vec2/1"), tiny(**changes)
    save(tmp_path / "before.safetensors", before.state_dict(), stored_config(before))
    drawn = {name: value.clone() for name, value in net.state_dict().items()}
    begin_from(net, tmp_path / "before.safetensors")
    for name, value in net.state_dict().items():
        kept = name.startswith("audio_input.") and hears_anew
        assert torch.equal(value, (drawn if kept else before.state_dict())[name]), name


def test_weights_of_something_else_are_refused(tmp_path):
    save(tmp_path / "other.safetensors", {"a": torch.zeros(2)}, {"width": 2})
    with pytest.raises(InputError, match="does not fit UnifiedMMDiT"):
        begin_from(tiny(), tmp_path / "other.safetensors")
