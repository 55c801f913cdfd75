"""The pictures of VOCAL at work: they show what the network really did, and where."""

from dataclasses import replace

import pytest
import torch

from neo_core.data_types import AudioFeatures, Identity, InputError, Waveform
from neo_core.evaluation.vocal_plot import PICTURES, depth_usage, influence, loudness
from neo_core.motion_space import rest
from neo_core.vocal.mmdit import MMDiT, MMDiTConfig
from neo_core.vocal.sampler import generate_motion
from neo_core.vocal.unified_mmdit import UnifiedConfig, UnifiedMMDiT

TINY = {"audio_layers": 2, "audio_width": 6, "width": 32, "depth": 4, "heads": 2, "mlp_ratio": 2, "rotary": 4}
SHORT = {"window": 20, "prefix": 3, "lookahead": 2}
FRAMES = 50
PERSON = Identity(torch.zeros(60), torch.zeros(16), rest())


def model(**changes) -> UnifiedMMDiT:
    torch.manual_seed(0)
    made = UnifiedMMDiT(UnifiedConfig(**{**TINY, **SHORT, **changes})).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def heard() -> AudioFeatures:
    states = torch.randn(2, 2 * FRAMES, 6, generator=torch.Generator().manual_seed(1))
    return AudioFeatures(states, FRAMES * 640, 16000)


@pytest.mark.parametrize(
    ("residual", "points", "states"), [("boundary", 2, [2, 3]), ("block", 9, [1, 2, 2, 2, 2, 3, 3, 3, 3])]
)
def test_every_boundary_has_a_blend_in_every_frame(residual, points, states):
    usage = depth_usage(model(residual=residual), heard(), PERSON)
    assert len(usage) == points
    assert [len(weights) for weights in usage] == states
    for weights in usage:
        assert weights.shape[1] == FRAMES
        torch.testing.assert_close(weights.sum(0), torch.ones(FRAMES))


def test_the_picture_follows_the_mixer():
    """A mixer that only ever takes the newest state, and one that never does."""
    vocal = model()
    shares = []
    for newest in (20.0, -20.0):
        vocal.depth_mixer.newest.data.fill_(newest)
        shares.append(torch.stack([weights[-1] for weights in depth_usage(vocal, heard(), PERSON)]))
    assert shares[0].min() > 0.99
    assert shares[1].max() < 0.01


def test_watching_changes_nothing_and_ends():
    vocal = model()
    before = generate_motion(vocal, heard(), PERSON).motion
    depth_usage(vocal, heard(), PERSON)
    assert torch.equal(generate_motion(vocal, heard(), PERSON).motion, before)
    assert not vocal.depth_mixer._forward_hooks


@pytest.mark.parametrize("vocal", [model(residual="none"), MMDiT(MMDiTConfig(**{**TINY, **SHORT})).eval()])
def test_a_network_without_a_blend_says_so(vocal):
    with pytest.raises(InputError, match=r"no attention residuals; expected NEO 1\.5 with a blend over depth"):
        depth_usage(vocal, heard(), PERSON)


@pytest.mark.parametrize("name", PICTURES)
def test_speech_that_another_encoder_heard_is_refused(name):
    other = replace(heard(), encoder="hubert/0123456789ab")
    with pytest.raises(InputError, match="heard by the audio encoder hubert"):
        PICTURES[name](model(), other, PERSON, None, 0, (640, 480))


def test_a_signal_that_the_network_ignores_has_no_influence():
    vocal = model()
    for layer in (vocal.geometry_input, vocal.style_input):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    torch.nn.init.zeros_(vocal.no_identity)
    changes = influence(vocal, heard(), PERSON)
    assert set(changes) == {"audio", "identity", "reference"}
    assert changes["identity"].abs().max() < 1e-4
    assert changes["audio"].abs().max() > 0.01
    assert changes["reference"].abs().max() > 0.01


@pytest.mark.parametrize(("name", "performances"), [("depth", 1), ("influence", 4), ("speech", 1)])
def test_every_pass_is_told_and_progress_only_grows(name, performances):
    told = []
    PICTURES[name](model(), heard(), PERSON, None, 0, (640, 480), lambda *step: told.append(step))
    shares = [done / total for done, total, _ in told]
    assert len(told) > 8 * performances  # steps of the first windows
    assert shares == sorted(shares)
    assert {total for _, total, _ in told} == {performances * FRAMES}
    assert shares[-1] > (0.99 if name != "depth" else 0.5)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_picture_that_is_not_wanted_any_more_is_left(name, share):
    told = []

    def cancelled(done, total, _):
        told.append(done / total)
        if told[-1] >= share:
            raise KeyboardInterrupt

    vocal = model()
    with pytest.raises(KeyboardInterrupt):
        PICTURES[name](vocal, heard(), PERSON, None, 0, (640, 480), cancelled)
    assert [one >= share for one in told] == [False] * (len(told) - 1) + [True]
    assert not vocal.depth_mixer._forward_hooks


def test_silence_is_not_loud():
    assert not loudness(Waveform(torch.zeros(1, 16000), 16000), 25).any()


def test_loudness_is_high_where_the_sound_is():
    samples = torch.zeros(1, 16000)
    samples[:, 4000:8000] = torch.randn(4000, generator=torch.Generator().manual_seed(0)) / 3
    level = loudness(Waveform(samples, 16000), 25)
    assert level[7:12].min() > 0.9
    assert level[14:].max() == 0


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_shows_curves(name):
    sound = Waveform(torch.randn(1, FRAMES * 640, generator=torch.Generator().manual_seed(0)) / 5, 16000)
    size = (640, 480)
    silent, loud = (PICTURES[name](model(), heard(), PERSON, given, 0, size) for given in (None, sound))
    assert silent.shape == loud.shape == (480, 640, 3)
    assert silent.dtype == torch.uint8
    assert (silent != loud).any()
