"""Public checkpoints in miniature: random weights, written by transformers itself in the layout of the hub."""

import json
from pathlib import Path

import pytest
import torch

SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
}
LARGE = SMALL | {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
WHISPER = {
    "d_model": 24,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 48,
    "init_std": 0.2,
}
KINDS = {  # name -> class, config, its settings, do_normalize of the preprocessor
    "wav2vec2-base": ("Wav2Vec2Model", "Wav2Vec2Config", SMALL, True),
    "wav2vec2-large": ("Wav2Vec2Model", "Wav2Vec2Config", LARGE, True),
    "hubert-base": ("HubertModel", "HubertConfig", SMALL, True),
    "hubert-large": ("HubertModel", "HubertConfig", LARGE, True),
    "wavlm-base": ("WavLMModel", "WavLMConfig", SMALL, False),
    "wavlm-large": ("WavLMModel", "WavLMConfig", LARGE, True),
    "whisper-80": ("WhisperModel", "WhisperConfig", WHISPER | {"num_mel_bins": 80}, None),
    "whisper-128": ("WhisperModel", "WhisperConfig", WHISPER | {"num_mel_bins": 128}, None),
}


def build(kind: str) -> torch.nn.Module:
    """The model of `transformers` itself, with random weights that nothing is zero in by accident."""
    import transformers  # slow to load, and the other tests of sound do without

    model, config, settings, _ = KINDS[kind]
    torch.manual_seed(0)
    built = getattr(transformers, model)(getattr(transformers, config)(**settings)).eval()
    for parameter in built.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=parameter.mean().item(), std=0.1)
    return built


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """checkpoint(kind) -> the folder of a checkpoint and the model that was written there."""
    made: dict[str, tuple[Path, torch.nn.Module]] = {}

    def written(kind: str) -> tuple[Path, torch.nn.Module]:
        if kind not in made:
            folder, model = tmp_path_factory.mktemp(kind), build(kind)
            model.save_pretrained(folder, safe_serialization=True)
            normalise = KINDS[kind][3]
            if normalise is not None:
                settings = {"do_normalize": normalise, "sampling_rate": 16000, "feature_size": 1}
                (folder / "preprocessor_config.json").write_text(json.dumps(settings))
            made[kind] = folder, model
        return made[kind]

    return written


@pytest.fixture
def speech():
    """speech(seconds) -> harmonics that come and go, with noise: [n] at 16 kHz"""

    def voiced(seconds: float) -> torch.Tensor:
        dice = torch.Generator().manual_seed(5)
        time = torch.arange(int(seconds * 16000)) / 16000
        pitch = 130 + 30 * torch.sin(2 * torch.pi * 0.4 * time)
        buzz = sum(torch.sin(2 * torch.pi * pitch.cumsum(0) / 16000 * k) / k for k in range(1, 12))
        spoken = (torch.sin(2 * torch.pi * 1.3 * time) > -0.3) * (0.7 + 0.3 * torch.sin(time))
        return 0.1 * buzz * spoken + 0.005 * torch.randn(len(time), generator=dice)

    return voiced
