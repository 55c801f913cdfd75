"""Public speech encoders: the states are those of transformers, in step with the motion, in any length of sound."""

import json
import shutil
import socket
import sys

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from neo_core.audio.encoder import encode, encode_stream, on_the_clock
from neo_core.audio.features import FRAME, feature_count
from neo_core.audio.loading import load_audio_encoder
from neo_core.audio.public import passed_over
from neo_core.data_types import InputError, Waveform

RATE = 16000
WAVEFORM = ("wav2vec2-base", "wav2vec2-large", "hubert-base", "hubert-large", "wavlm-base", "wavlm-large")
WHISPER = ("whisper-80", "whisper-128")
SEAM = 0.03  # error of a long sound in pieces against the whole of it, relative to how much the states change


def hidden_of(encoder, sound):
    return encode(encoder, Waveform(sound[None], RATE)).hidden_states


def plain_states(model, sound, normalise):
    """What transformers makes of a sound, padded to its last frame, read where our frames lie: [L, T, D]."""
    if normalise:
        sound = (sound - sound.mean()) / (sound.var(unbiased=False) + 1e-7).sqrt()
    whole = feature_count(len(sound), RATE) * FRAME
    with torch.no_grad():
        output = model(F.pad(sound, (0, 80 + whole - len(sound)))[None], output_hidden_states=True)
    hidden = torch.cat([*output.hidden_states[:-1], output.last_hidden_state])
    return 0.875 * hidden + 0.125 * torch.cat([hidden[:, :1], hidden[:, :-1]], 1)  # 12.5 ms against 10


def unit(hidden):
    return F.layer_norm(hidden, hidden.shape[-1:])


@pytest.mark.parametrize("kind", WAVEFORM)
def test_all_states_are_those_of_transformers(checkpoint, speech, kind):
    folder, model = checkpoint(kind)
    sound = speech(1.013)
    expected = plain_states(model, sound, normalise=kind != "wavlm-base")
    found = hidden_of(load_audio_encoder(folder), sound)
    assert found.shape == expected.shape == (4, 52, 24)
    assert torch.allclose(found, unit(expected), atol=1e-5)
    assert (found[1:] - found[:-1]).abs().amax((1, 2)).min() > 0.1  # no layer is there twice


@pytest.mark.parametrize("kind", WHISPER)
def test_all_states_of_whisper_are_those_of_transformers(checkpoint, speech, kind):
    """Its frames lie 10 ms before and after ours. Silence at the ends: there it would mirror the sound."""
    transformers = pytest.importorskip("transformers")
    folder, model = checkpoint(kind)
    sound = F.pad(speech(2.0), (RATE // 10, RATE // 10))
    prepare = transformers.WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
    mel = prepare(sound.numpy(), sampling_rate=RATE, return_tensors="pt").input_features
    with torch.no_grad():
        output = model.encoder(mel, output_hidden_states=True)
    hidden = torch.cat([*output.hidden_states[:-1], output.last_hidden_state])
    found = hidden_of(load_audio_encoder(folder), sound)
    assert found.shape == (3, 110, 24)
    assert torch.allclose(found[:, :-1], unit((hidden[:, :109] + hidden[:, 1:110]) / 2), atol=1e-5)


@pytest.mark.parametrize("kind", ["wav2vec2-base", "wavlm-large", "whisper-80"])
@pytest.mark.parametrize(("count", "rate"), [(1, 8000), (7999, 16000), (44100, 44100), (60001, 48000)])
def test_two_tokens_per_motion_frame(checkpoint, kind, count, rate):
    encoder = load_audio_encoder(checkpoint(kind)[0])
    hidden = encode(encoder, Waveform(torch.randn(2, count), rate)).hidden_states
    assert hidden.shape == (encoder.layers, feature_count(count, rate), encoder.width)
    assert hidden.isfinite().all()


@pytest.mark.parametrize("kind", [*WAVEFORM, *WHISPER])
def test_silence_is_heard_as_numbers(checkpoint, kind):
    hidden = hidden_of(load_audio_encoder(checkpoint(kind)[0]), torch.zeros(RATE))
    assert hidden.isfinite().all()


@pytest.mark.parametrize(
    ("kind", "click"),
    [("wav2vec2-large", (-1, 0)), ("hubert-base", (-1, 0)), ("wavlm-base", (-1, 0)), ("whisper-80", (0,))],
)
def test_frames_are_centred_where_the_encoder_says(checkpoint, kind, click):
    """With filters that are the same in both directions of time, a click midway between the centres of two frames is
    heard alike in both."""
    encoder = load_audio_encoder(checkpoint(kind)[0])
    sound = torch.zeros(2 * RATE)
    midway = round(encoder.first * RATE / 1000) - FRAME // 2  # before frame 0
    for frame in range(10, 90, 10):
        sound[[frame * FRAME + midway + offset for offset in click]] = 1.0
    answer = answers(encoder, sound)
    for frame in range(10, 90, 10):
        assert answer[frame - 1] == pytest.approx(answer[frame], rel=1e-3)
        assert answer[frame] > 3 * answer[frame + 4]


def test_states_are_read_where_our_frames_lie():
    moment = (12.5 + 20.0 * torch.arange(50.0))[None, :, None]
    assert torch.allclose(on_the_clock(moment, 12.5, 50)[0, 1:, 0], 10.0 + 20.0 * torch.arange(1.0, 50.0))


def answers(encoder, sound) -> list[float]:
    """How strongly the convolutions answer in each frame, once their filters are symmetric."""
    convolutions = [m for m in encoder.network.modules() if isinstance(m, torch.nn.Conv1d) and m.groups == 1]
    heard = []
    for layer in convolutions:
        layer.weight.copy_((layer.weight + layer.weight.flip(2)) / 2)
    hook = convolutions[-1].register_forward_hook(lambda _layer, _inputs, out: heard.append(out[0]))
    hidden_of(encoder, sound)
    hook.remove()
    still = heard[0].median(dim=1, keepdim=True).values
    return (heard[0] - still).norm(dim=0).tolist()


@pytest.mark.parametrize("kind", ["wav2vec2-base", "hubert-large", "wavlm-base"])
def test_long_sound_in_pieces_is_the_whole_sound(checkpoint, speech, kind):
    """20 s at a time with context, against one pass over all. The quiet stretch matters: base models are normalised
    over time, and by their windows alone they would be three times as far from the whole as is allowed here. These are
    tiny networks: this does not bound checkpoints of base size, which lie 5.6 to 6.8 % from the whole."""
    folder, model = checkpoint(kind)
    sound = speech(50.0)
    sound[18 * RATE : 30 * RATE] *= 0.02
    whole = unit(plain_states(model, sound, normalise=kind != "wavlm-base"))
    error, change = hidden_of(load_audio_encoder(folder), sound) - whole, whole - whole.mean(1, keepdim=True)
    assert error.norm() < SEAM * change.norm()
    for seam in (1000, 2000):
        near = slice(seam - 25, seam + 25)
        assert error[:, near].norm() < SEAM * change[:, near].norm()


@pytest.mark.parametrize("kind", ["wav2vec2-base", "wavlm-base"])
def test_nothing_but_attention_tells_pieces_from_the_whole(checkpoint, speech, kind):
    """With attention silenced there is no seam at all, however much the sound changes: statistics of the whole sound
    and two seconds of context are enough for everything else."""
    folder, _ = checkpoint(kind)
    encoder, sound = load_audio_encoder(folder), speech(50.0)
    sound[18 * RATE : 30 * RATE] *= 0.02
    for layer in encoder.network.encoder.layers:
        layer.attention.out_proj.weight.zero_()
    pieces = hidden_of(encoder, sound)
    encoder.window = pieces.shape[1] + 1
    level = encoder.survey([sound])
    whole = torch.cat(list(encoder.stream([sound], level, piece=pieces.shape[1])), dim=1)
    assert (pieces - whole).norm() < 5e-4 * whole.norm()


def test_long_sound_through_whisper_is_its_windows(checkpoint, speech):
    """Whisper knows 30 s at most: each piece is what it makes of the 30 s around it, after 3 s of passing over."""
    encoder, sound = load_audio_encoder(checkpoint("whisper-80")[0]), speech(50.0)
    found, level = hidden_of(encoder, sound), encoder.survey([sound])
    for begin, frames in ((0, range(1000)), (750, range(1150, 2000)), (1000, range(2150, 2499))):
        window = F.pad(sound, (200, 40))[begin * FRAME : (begin + 1500) * FRAME + 240]
        hidden = encoder.hear(window, level)
        rows = torch.tensor(frames) - begin
        assert torch.allclose(found[:, list(frames)], unit((hidden[:, rows] + hidden[:, rows + 1]) / 2), atol=1e-5)


def test_one_window_passes_over_into_the_next():
    old, new = torch.zeros(2, 4, 3), torch.ones(2, 10, 3)
    passed = passed_over(old, new)[0, :, 0]
    assert torch.allclose(passed, torch.tensor([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1, 1]))
    assert torch.equal(passed_over(old[:, :0], new), new)


def test_where_whisper_passes_over_it_is_between_its_windows(checkpoint, speech):
    encoder, sound = load_audio_encoder(checkpoint("whisper-80")[0]), speech(50.0)
    level = encoder.survey([sound])
    (_, _, _, first), (begin, done, _, second), _ = encoder._windows([sound], level)
    assert (begin, done) == (750, 1000)
    joined, old, new = hidden_of(encoder, sound)[:, 1000:1150], first[:, 1000:1150], second[:, 250:400]
    to_old, to_new = ((joined - unit(one)).norm(dim=(0, 2)) for one in (old, new))
    apart = (unit(old) - unit(new)).norm(dim=(0, 2))
    assert (to_old[:5] < 0.1 * apart[:5]).all()
    assert (to_new[-5:] < 0.1 * apart[-5:]).all()
    assert (to_old + to_new < 1.2 * apart).all()


@pytest.mark.parametrize("kind", ["wav2vec2-base", "whisper-80"])
@pytest.mark.parametrize(("piece", "block"), [(250, 16000), (1000, 7001)])
def test_a_stream_is_the_whole_sound_in_pieces_that_are_small_enough(checkpoint, speech, kind, piece, block):
    encoder, sound = load_audio_encoder(checkpoint(kind)[0]), speech(45.0)
    whole = hidden_of(encoder, sound)
    pieces = list(encode_stream(encoder, sound.split(block), encoder.survey(sound.split(block)), piece))
    assert max(part.shape[1] for part in pieces) <= piece
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-4)


@pytest.mark.parametrize("kind", ["hubert-base", "whisper-80"])
def test_memory_is_bounded_by_the_window(checkpoint, kind):
    """A stream gives out its first piece long before the sound ends, and holds no more than a window and a piece."""
    encoder, taken, held = load_audio_encoder(checkpoint(kind)[0]), 0, []
    hear = encoder.hear
    encoder.hear = lambda sound, level: (held.append(sound.untyped_storage().nbytes() / 4 / RATE), hear(sound, level))[
        1
    ]

    def blocks():
        nonlocal taken
        for _ in range(90):
            taken += 1
            yield torch.zeros(RATE)

    level = encoder.survey(blocks())
    taken = 0
    stream = encode_stream(encoder, blocks(), level)
    next(stream)
    assert taken <= encoder.window / 50 + 1
    assert sum(part.shape[1] for part in stream) == 90 * 50 - 1000
    assert max(held) < encoder.window / 50 + 25  # seconds


# --- checkpoints ------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(checkpoint, tmp_path):
    """copied(kind) -> a folder of its own that a test may spoil"""
    return lambda kind: shutil.copytree(checkpoint(kind)[0], tmp_path / kind)


def rewritten(folder, change):
    """The same checkpoint with other tensors."""
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors")
    return folder


def old_layout(tensors):
    """As published: inside a model for recognition, with its head, and torch's old names of the weight norm."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    named = {}
    for name, tensor in tensors.items():
        for new, before in old.items():
            name = name.replace(new, before)
        named[f"wav2vec2.{name}"] = tensor
    return named | {"lm_head.weight": torch.zeros(32, 24), "lm_head.bias": torch.zeros(32)}


def test_a_checkpoint_for_recognition_in_the_old_layout_hears_the_same(checkpoint, copied, speech):
    plain = load_audio_encoder(checkpoint("wav2vec2-base")[0])
    other = load_audio_encoder(rewritten(copied("wav2vec2-base"), old_layout))
    assert torch.equal(hidden_of(plain, speech(0.5)), hidden_of(other, speech(0.5)))
    assert plain.name != other.name
    assert {plain.name.split("/")[0], other.name.split("/")[0]} == {"wav2vec2"}


def test_whisper_leaves_its_decoder_in_the_file(checkpoint, copied, speech):
    plain = load_audio_encoder(checkpoint("whisper-80")[0])
    other = load_audio_encoder(rewritten(copied("whisper-80"), lambda t: {f"model.{k}": v for k, v in t.items()}))
    assert torch.equal(hidden_of(plain, speech(0.5)), hidden_of(other, speech(0.5)))
    assert not any("decoder" in name for name in other.state_dict())


def test_shards_and_half_precision(checkpoint, copied, speech):
    plain, folder = load_audio_encoder(checkpoint("hubert-base")[0]), copied("hubert-base")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shards = {f"model-{k + 1:05}-of-00002.safetensors": dict(list(tensors.items())[k::2]) for k in range(2)}
    for name, part in shards.items():
        save_file({key: value.half() for key, value in part.items()}, folder / name)
    index = {"weight_map": {key: name for name, part in shards.items() for key in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    difference = hidden_of(load_audio_encoder(folder), speech(0.5)) - hidden_of(plain, speech(0.5))
    assert 0 < difference.abs().max() < 0.05


def test_a_file_of_the_folder_is_as_good_as_the_folder(checkpoint):
    folder = checkpoint("wav2vec2-base")[0]
    assert load_audio_encoder(folder / "model.safetensors").name == load_audio_encoder(folder).name


def without(*names):
    def spoil(folder):
        for name in names:
            (folder / name).unlink()

    return spoil


def edited(name, **changes):
    def spoil(folder):
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | changes))

    return spoil


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def lost(folder):
    rewritten(folder, lambda tensors: {k: v for k, v in tensors.items() if "layers.1.attention" not in k})


def sharded(places):
    def spoil(folder):
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without("config.json"), "has no config.json; expected"),
        (without("preprocessor_config.json"), "has no preprocessor_config.json; expected"),
        (without("model.safetensors"), "holds no weights; expected model.safetensors"),
        (pickled, "holds pytorch_model.bin; expected model.safetensors"),
        (sharded({"x": "../../other.safetensors"}), "expected names of files beside it"),
        (sharded(["model-00001-of-00001.safetensors"]), "expected names of files beside it"),
        (lost, "missing encoder.layers.1.attention"),
        (edited("config.json", model_type="bert"), "says model_type 'bert'; expected one of wav2vec2"),
        (edited("config.json", conv_stride=[5, 2, 2, 2, 2, 2, 1]), "hears every 160 samples"),
        (edited("config.json", hidden_size=23), "can be built"),
        (edited("config.json", hidden_size="wide"), "can be built"),
        (edited("config.json", hidden_size=-1), "can be built"),
        (edited("preprocessor_config.json", sampling_rate=8000), "asks for 8000 Hz; expected 16000"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_refused_in_a_sentence(copied, spoil, told):
    folder = copied("wav2vec2-base")
    spoil(folder)
    with pytest.raises(InputError, match=told):
        load_audio_encoder(folder)


def test_loading_asks_no_one(checkpoint, monkeypatch):
    def connect(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert load_audio_encoder(checkpoint("wav2vec2-base")[0]).name.startswith("wav2vec2/")


@pytest.mark.parametrize("name", ["_attn_implementation", "attn_implementation"])
def test_no_config_chooses_code_to_run(checkpoint, copied, speech, name):
    """transformers would fetch a kernel of that name from the hub."""
    folder = copied("wav2vec2-base")
    edited("config.json", **{name: "somebody/kernels"})(folder)
    plain = load_audio_encoder(checkpoint("wav2vec2-base")[0])
    assert torch.equal(hidden_of(load_audio_encoder(folder), speech(0.5)), hidden_of(plain, speech(0.5)))


def test_without_transformers_it_is_said_what_to_install(checkpoint, monkeypatch):
    folder = checkpoint("wav2vec2-base")[0]
    for name in [name for name in sys.modules if name.split(".")[0] == "transformers"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"need the package transformers, .* expected `pip install transformers`"):
        load_audio_encoder(folder)
