"""Networks on another device and in other precisions, on a machine that has only a CPU.

`Elsewhere` is a tensor that says it is on another device, `Customs` the dispatcher that knows the truth: the numbers
are real, and an operation between a tensor of that device and one of the CPU fails as it would on a GPU.
"""

from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from neo_core.audio.encoder import encode
from neo_core.audio.loading import load_audio_encoder
from neo_core.data_types import Identity, Waveform
from neo_core.flow.guidance import Guidance
from neo_core.media.image import read_photo
from neo_core.motion_space import rest
from neo_core.pictar.analysis import analyse, load_analyser, person_mask
from neo_core.runtime.placement import ask
from neo_core.vocal.loading import load_vocal
from neo_core.vocal.sampler import generate_motion

AWAY = torch.device("lazy:0")  # a device that PyTorch knows by name and this machine never has
INDEXING = {torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_}  # may take indices of the CPU
PORTRAIT = Path(__file__).parents[2] / "neo_core" / "samples" / "portrait.jpg"


class Elsewhere(torch.Tensor):
    """The numbers of `inner`, on another device."""

    @staticmethod
    def __new__(cls, inner):
        place = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "device": AWAY}
        tensor = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, **place)
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} outside of Customs")


class Customs(TorchDispatchMode):
    """Lets numbers cross between devices only where they are declared: by `to`, `cpu` and the like."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        away = any(isinstance(x, Elsewhere) for x in tensors)
        free = func.overloadpacket in INDEXING and isinstance(args[0], Elsewhere)
        if away and not free and any(x.ndim and not isinstance(x, Elsewhere) for x in tensors):
            raise RuntimeError(f"{func} mixes tensors of two devices")
        if kwargs.get("device") is not None:
            away = torch.device(kwargs["device"]).type == AWAY.type
            kwargs["device"] = torch.device("cpu")
        result = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        if func._schema.is_mutable:
            return args[0]
        return tree_map(Elsewhere, result) if away and isinstance(result, torch.Tensor | tuple | list) else result


def _inner(x):
    return x.inner if isinstance(x, Elsewhere) else x


@pytest.fixture
def customs():
    with Customs():
        yield


@pytest.fixture(scope="module")
def sound() -> Waveform:
    time = torch.arange(16000 * 5 // 2) / 16000
    buzz = sum(torch.sin(2 * torch.pi * 140 * k * time) / k for k in range(1, 9))
    return Waveform((0.1 * buzz * (torch.sin(9 * time) > -0.3))[None], 16000)


@pytest.mark.usefixtures("customs")
def test_the_device_that_is_not_there_notices_strangers():
    layer = torch.nn.Linear(3, 4).to(AWAY)
    x = torch.randn(2, 3)
    with pytest.raises(RuntimeError, match="two devices"):
        layer(x)
    with pytest.raises(RuntimeError, match="two devices"):
        layer(x.to(AWAY)) + torch.zeros(4)
    assert layer(x.to(AWAY)).device == AWAY
    assert layer(x.to(AWAY)).cpu().device == ask(layer, x).device == torch.device("cpu")


def test_the_audio_encoder_listens_from_anywhere(sound):
    here = encode(load_audio_encoder(), sound).hidden_states
    with Customs():
        there = encode(load_audio_encoder().to(AWAY), sound).hidden_states
    assert there.device == torch.device("cpu")
    torch.testing.assert_close(there, here, atol=1e-5, rtol=1e-5)


def test_vocal_performs_from_anywhere(sound, monkeypatch):
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # where `Elsewhere` cannot be made
    features = encode(load_audio_encoder(), sound)
    identity = Identity(torch.randn(60), torch.zeros(16), rest())
    given = {"steps": 3, "guidance": Guidance(2, 1.5, 0.5, start=0.2, identity_over_time=(0.0, 1.0))}
    here = generate_motion(load_vocal(), features, identity, **given).motion
    with Customs():
        there = generate_motion(load_vocal().to(AWAY), features, identity, **given).motion
    assert there.device == torch.device("cpu")
    torch.testing.assert_close(there, here, atol=1e-3, rtol=1e-3)


def test_the_analyser_looks_from_anywhere():
    photo = read_photo(PORTRAIT)[::2, ::2].contiguous()
    (face,) = analyse(load_analyser(), photo)
    mask = person_mask(load_analyser(), photo, face)
    with Customs():
        analyser = load_analyser().to(AWAY)
        (found,) = analyse(analyser, photo)
        seen = person_mask(analyser, photo, found)
    assert {x.device for x in (*found.__dict__.values(), seen) if isinstance(x, torch.Tensor)} == {mask.device}
    torch.testing.assert_close(found.landmarks, face.landmarks, atol=1e-2, rtol=0)
    torch.testing.assert_close(seen, mask, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("precision", "error"), [(torch.float64, 1e-3), (torch.bfloat16, 0.15)])
def test_any_precision(sound, precision, error):
    """In deviations of each channel; float64 must agree, bfloat16 must stay near."""
    vocal, identity = load_vocal(), Identity(torch.zeros(60), torch.zeros(16), rest())
    here = generate_motion(vocal, encode(load_audio_encoder(), sound), identity).motion
    features = encode(load_audio_encoder().to(precision), sound)
    assert features.hidden_states.dtype == torch.float32
    there = generate_motion(load_vocal().to(precision), features, identity).motion
    assert there.dtype == torch.float32
    assert ((there - here) / vocal.motion_log_scale.exp()).abs().mean() < error


@pytest.mark.parametrize("kind", ["Wav2Vec2", "WavLM", "Whisper"])
def test_public_encoders_listen_from_anywhere(tmp_path, kind):
    """Longer than a window: statistics of the whole sound, from the CPU, meet convolutions elsewhere."""
    load = tiny_checkpoint(tmp_path, kind)
    sound = Waveform(torch.randn(1, 26 * 16000), 16000)
    here = encode(load_audio_encoder(load), sound).hidden_states
    with Customs():
        there = encode(load_audio_encoder(load).to(AWAY), sound).hidden_states
    assert there.device == torch.device("cpu")
    torch.testing.assert_close(there, here, atol=1e-4, rtol=1e-4)


def tiny_checkpoint(folder: Path, kind: str) -> Path:
    """A public encoder with random weights, in the layout of the hub."""
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    convolutions = {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    sizes = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    sizes |= {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 32}
    config = getattr(transformers, f"{kind}Config")(**(sizes if kind == "Whisper" else small | convolutions))
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"do_normalize": true}')
    return folder
