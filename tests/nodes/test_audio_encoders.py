"""Load Audio Encoder: public checkpoints and ComfyUI's own encodings in the place of the embedded encoder."""

import json
import os
import shutil
from pathlib import Path
from weakref import ref

import pytest
import torch

ROOT = Path(__file__).parents[2]
transformers = pytest.importorskip("transformers")

SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
CONVOLUTIONS = {"conv_dim": [16] * 7, "num_conv_pos_embeddings": 32, "num_conv_pos_embedding_groups": 4}


@pytest.fixture
def sound():
    return {"waveform": 0.1 * torch.randn(1, 1, 16000), "sample_rate": 16000}


@pytest.fixture
def public(folders):
    """A tiny HuBERT in models/audio_encoders, beside what is no checkpoint."""
    folder = folders.models / "audio_encoders" / "tiny-hubert"
    torch.manual_seed(0)
    transformers.HubertModel(transformers.HubertConfig(**SMALL, **CONVOLUTIONS)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
    (folder.parent / "other").mkdir()
    for name in ("flat.safetensors", "other/model.safetensors"):
        (folder.parent / name).write_bytes((folder / "model.safetensors").read_bytes())
    return folder


@pytest.fixture
def models(run_node):
    return run_node("NEO_LoadModels").result[0]


def encoded(layers=25, frames=49, width=1024, samples=16000):
    """What ComfyUI's node gives for a second of sound."""
    states = tuple(torch.randn(1, frames, width) for _ in range(layers))
    return {"encoded_audio": states[-1], "encoded_audio_all_layers": states, "audio_samples": samples}


@pytest.mark.usefixtures("public")
def test_folders_of_checkpoints_can_be_chosen(node_classes):
    _, choice, _ = node_classes["NEO_LoadAudioEncoder"].GET_SCHEMA().inputs
    assert list(choice.options) == ["embedded", "tiny-hubert"]


def test_what_cannot_be_loaded_is_not_listed_and_does_no_harm(node_classes, public):
    """A link that leads nowhere, weights of another name."""
    for name in ("lost", "renamed"):
        (public.parent / name).mkdir()
        (public.parent / name / "config.json").write_text("{}")
    (public.parent / "renamed" / "pytorch.safetensors").write_bytes(b"")
    (public.parent / "lost" / "model.safetensors").symlink_to(public.parent / "gone.safetensors")
    _, choice, _ = node_classes["NEO_LoadAudioEncoder"].GET_SCHEMA().inputs
    assert list(choice.options) == ["embedded", "tiny-hubert"]


@pytest.mark.usefixtures("public")
def test_speech_is_heard_by_the_chosen_encoder(run_node, models, sound):
    (chosen,) = run_node("NEO_LoadAudioEncoder", models=models, audio_encoder="tiny-hubert").result
    (speech,) = run_node("NEO_EncodeAudio", models=chosen, audio=sound).result
    assert speech.encoder.startswith("hubert/")
    assert speech.hidden_states.shape == (3, 50, 24)
    on_device = [patcher.model for patcher in chosen.patchers]
    assert chosen.models.audio_encoder in on_device
    assert models.models.audio_encoder not in on_device
    assert len(on_device) == len(models.patchers)
    assert chosen.models.vocal is models.models.vocal


@pytest.mark.usefixtures("public")
def test_the_embedded_encoder_comes_back(run_node, models, sound):
    (other,) = run_node("NEO_LoadAudioEncoder", models=models, audio_encoder="tiny-hubert").result
    (back,) = run_node("NEO_LoadAudioEncoder", models=other, audio_encoder="embedded").result
    one, two = (run_node("NEO_EncodeAudio", models=m, audio=sound).result[0] for m in (models, back))
    assert torch.equal(one.hidden_states, two.hidden_states)
    assert one.encoder == two.encoder
    assert one.encoder.startswith("embedded/")


@pytest.mark.usefixtures("public")
def test_an_encoder_that_nobody_uses_any_more_leaves_the_memory(run_node, models, loaded):
    chosen, again = (
        run_node("NEO_LoadAudioEncoder", models=models, audio_encoder="tiny-hubert").result[0] for _ in range(2)
    )
    encoder = ref(chosen.models.audio_encoder)
    assert again.models.audio_encoder is encoder()
    del chosen, again
    loaded.host("comfy.model_management").unload_all_models()
    assert encoder() is None


@pytest.mark.usefixtures("public")
def test_vocal_refuses_speech_that_another_encoder_heard(run_node, models, sound, pack):
    data = pack("neo_core.data_types")
    (chosen,) = run_node("NEO_LoadAudioEncoder", models=models, audio_encoder="tiny-hubert").result
    (speech,) = run_node("NEO_EncodeAudio", models=chosen, audio=sound).result
    person = data.Identity(torch.zeros(60), torch.zeros(16), torch.zeros(63))
    told = r"encoder hubert/\w{12} \(3 layers of 24 numbers\), expected embedded"
    with pytest.raises(data.InputError, match=told):
        run_node("NEO_GenerateMotion", models=chosen, speech=speech, identity=person)


def test_a_checkpoint_that_was_written_anew_is_loaded_anew(run_node, node_classes, public, models):
    load, chosen = node_classes["NEO_LoadAudioEncoder"], {"audio_encoder": "tiny-hubert"}
    (first,) = run_node("NEO_LoadAudioEncoder", models=models, **chosen).result
    before = load.fingerprint_inputs(**chosen, models=None)
    assert str(public) not in str(before)
    assert run_node("NEO_LoadAudioEncoder", models=models, **chosen).result[0].models == first.models
    torch.manual_seed(1)
    transformers.HubertModel(transformers.HubertConfig(**SMALL, **CONVOLUTIONS)).save_pretrained(public)
    assert load.fingerprint_inputs(**chosen, models=None) != before
    (second,) = run_node("NEO_LoadAudioEncoder", models=models, **chosen).result
    assert second.models.audio_encoder.name != first.models.audio_encoder.name


def test_every_file_of_a_checkpoint_counts(run_node, node_classes, public, models):
    """Config, preprocessor, index and each shard: when one changes, what was loaded is not used again."""
    network = transformers.HubertModel.from_pretrained(public)
    (public / "model.safetensors").unlink()
    network.save_pretrained(public, max_shard_size="20KB")
    names = sorted(path.name for path in public.iterdir())
    assert len([name for name in names if name.startswith("model-")]) > 1
    load, chosen = node_classes["NEO_LoadAudioEncoder"], {"audio_encoder": "tiny-hubert"}
    (before,) = run_node("NEO_LoadAudioEncoder", models=models, **chosen).result
    seen = {load.fingerprint_inputs(**chosen)}
    for k, name in enumerate(names):
        os.utime(public / name, ns=(k, k))
        seen.add(load.fingerprint_inputs(**chosen))
        (now,) = run_node("NEO_LoadAudioEncoder", models=models, **chosen).result
        assert now.models.audio_encoder is not before.models.audio_encoder
        before = now
    assert len(seen) == len(names) + 1


@pytest.mark.usefixtures("public")
def test_embedded_keeps_the_encoder_that_the_loader_was_given(run_node, folders):
    shipped = ROOT / "neo_core" / "weights" / "embedded" / "audio.safetensors"
    shutil.copy(shipped, folders.models / "own.safetensors")
    (given,) = run_node("NEO_LoadModels", audio_encoder="own.safetensors").result
    (kept,) = run_node("NEO_LoadAudioEncoder", models=given, audio_encoder="embedded").result
    (other,) = run_node("NEO_LoadAudioEncoder", models=kept, audio_encoder="tiny-hubert").result
    (back,) = run_node("NEO_LoadAudioEncoder", models=other, audio_encoder="embedded").result
    assert kept.models.audio_encoder is back.models.audio_encoder is given.models.audio_encoder
    assert back.patchers == given.patchers


@pytest.mark.parametrize("name", ["../tiny-hubert", "other", "flat.safetensors", "/etc", "missing"])
@pytest.mark.usefixtures("public")
def test_only_folders_of_the_list_are_opened(run_node, models, pack, name):
    with pytest.raises(pack("neo_core.data_types").InputError, match="expected one of the list"):
        run_node("NEO_LoadAudioEncoder", models=models, audio_encoder=name)


@pytest.mark.parametrize(
    ("layers", "frames", "width", "family"), [(25, 49, 1024, "wav2vec2"), (33, 1500, 1280, "whisper")]
)
def test_what_comfyui_encoded_is_heard(run_node, models, sound, layers, frames, width, family):
    given = encoded(layers, frames, width)
    (chosen,) = run_node("NEO_LoadAudioEncoder", models=models, encoded=given).result
    (speech,) = run_node("NEO_EncodeAudio", models=chosen, audio=sound).result
    assert speech.encoder == family
    assert speech.hidden_states.shape == (layers, 50, width)
    a, b = given["encoded_audio_all_layers"][3][0][20:22]
    here = {"wav2vec2": b + 0.125 * (a - b), "whisper": (a + b) / 2}[family]
    place = {"wav2vec2": 21, "whisper": 20}[family]
    assert torch.allclose(speech.hidden_states[3, place], torch.layer_norm(here, (width,)), atol=1e-4)


REFUSED = [
    ("text", "holds str; expected the output of Audio Encoder Encode"),
    ({"encoded_audio": torch.zeros(1, 2, 3)}, "expected the output of Audio Encoder Encode"),
    ({"encoded_audio_all_layers": (torch.zeros(2, 49, 8),) * 3, "audio_samples": 16000}, "of one sound"),
    ({"encoded_audio_all_layers": (torch.zeros(1, 49, 8), torch.zeros(1, 9, 8)), "audio_samples": 16000}, "all layers"),
    (encoded(2, 1500, 1280, samples=40 * 16000), "40.0 s, of which ComfyUI's Whisper heard 30"),
]


@pytest.mark.parametrize(("given", "told"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_encoding_is_refused_in_a_sentence(run_node, models, pack, given, told):
    with pytest.raises(pack("neo_core.data_types").InputError, match=told):
        run_node("NEO_LoadAudioEncoder", models=models, encoded=given)


def test_an_encoding_of_another_sound_is_refused(run_node, models, sound, pack):
    (chosen,) = run_node("NEO_LoadAudioEncoder", models=models, encoded=encoded(samples=48000)).result
    with pytest.raises(pack("neo_core.data_types").InputError, match=r"lasts 1.00 s and the encoded one 3.00 s"):
        run_node("NEO_EncodeAudio", models=chosen, audio=sound)
