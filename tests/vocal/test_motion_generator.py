"""What both generators of motion promise, on tiny models with random weights."""

from dataclasses import replace

import pytest
import torch

from neo_core.data_types import EMOTIONS, Emotion, InputError
from neo_core.vocal.loading import ARCHITECTURES


@pytest.fixture(params=["neo", "neo-1.5"])
def model(request, build):
    return build(request.param)


@pytest.fixture
def conditions(model, draw_conditions):
    return draw_conditions(model.config)


def inputs(model, batch=2):
    dice = torch.Generator().manual_seed(2)
    return torch.randn(batch, model.config.window, 63, generator=dice), torch.rand(batch, generator=dice)


def test_the_start_of_a_window_does_not_matter(model, conditions):
    x, t = inputs(model)
    torch.testing.assert_close(model(x, t, conditions), model(x, t, conditions, first_frame=80), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("signal", ["audio", "identity", "reference", "prefix"])
def test_every_signal_moves_the_result_and_a_dropped_one_is_not_looked_at(model, conditions, signal):
    x, t = inputs(model)
    tensors = {
        "audio": ("audio",),
        "identity": ("geometry", "style"),
        "reference": ("reference_motion",),
        "prefix": ("prefix_motion",),
    }
    other = replace(conditions, **{name: torch.randn_like(getattr(conditions, name)) for name in tensors[signal]})
    assert (model(x, t, conditions) - model(x, t, other)).abs().max() > 1e-3
    assert torch.equal(model(x, t, conditions.without(signal)), model(x, t, other.without(signal)))


def test_audio_is_left_out_frame_by_frame(model, conditions):
    x, t = inputs(model)
    heard = conditions.heard.clone()
    heard[:, 5] = False
    other = conditions.audio.clone()
    other[:, :, 10:12] = 7
    assert torch.equal(
        model(x, t, replace(conditions, heard=heard)), model(x, t, replace(conditions, heard=heard, audio=other))
    )


def test_all_layers_of_the_encoder_are_heard(model, conditions):
    x, t = inputs(model)
    before = model(x, t, conditions)
    for layer in range(model.config.audio_layers):
        audio = conditions.audio.clone()
        audio[:, layer] = torch.randn_like(audio[:, layer])
        assert (model(x, t, replace(conditions, audio=audio)) - before).abs().max() > 1e-3


def test_a_fresh_network_guesses_the_portrait_and_believes_its_input_near_the_data(model, draw_conditions):
    torch.manual_seed(0)
    fresh = type(model)(model.config)
    conditions = draw_conditions(fresh.config)
    x, _ = inputs(fresh)
    base = conditions.reference_motion[:, None].expand_as(x)
    assert torch.equal(fresh(x, torch.ones(2), conditions), base)
    assert torch.equal(fresh(x, torch.zeros(2), conditions), base + (x - base))
    assert not fresh(x, torch.ones(2), conditions.without("reference")).any()  # rest


def test_closed_gates_leave_the_streams_alone(model, conditions):
    """The gates of every block at zero: nothing that a block does reaches the result."""
    x, t = inputs(model)
    if hasattr(model, "depth_mixer"):  # it would blend states that are all the same
        torch.nn.init.zeros_(model.depth_mixer.query)
    for block in model.blocks:
        for stream in block.streams:
            for name in ("joint_modulation", "refine_modulation"):
                gate = getattr(stream, name, None)
                if gate is not None and gate.linear.weight.shape[0] == 3 * model.config.width:
                    gate.linear.weight.data[-model.config.width :] = 0
                    gate.linear.bias.data[-model.config.width :] = 0
    closed = model(x, t, conditions)
    for block in model.blocks:
        for parameter in (p for stream in block.streams for p in (stream.project.weight, stream.project.bias)):
            torch.nn.init.normal_(parameter)
    torch.testing.assert_close(model(x, t, conditions), closed, atol=1e-5, rtol=1e-5)
    sound = replace(conditions, audio=torch.randn_like(conditions.audio))
    torch.testing.assert_close(model(x, t, sound), closed, atol=1e-5, rtol=1e-5)


def test_zero_weights_mean_the_portrait_at_any_time(model, conditions):
    for tensor in model.state_dict().values():
        tensor.zero_()
    x, t = inputs(model)
    assert torch.equal(model(x, t, conditions), conditions.reference_motion[:, None].expand_as(x))


def test_motion_comes_back_from_normalising(model):
    motion = torch.randn(4, 63)
    torch.testing.assert_close(model.denormalise(model.normalise(motion)), motion, atol=1e-5, rtol=1e-5)


@pytest.fixture(params=ARCHITECTURES)
def moody(request, build):
    return build(request.param, emotions=len(EMOTIONS))


def asking(model, conditions, *emotions):
    return replace(conditions, emotion=torch.stack([model.asked(emotion) for emotion in emotions]))


def test_every_state_and_its_strength_move_the_result(moody, draw_conditions):
    conditions, (x, t) = draw_conditions(moody.config), inputs(moody)
    wishes = [None, Emotion("happy", 0.4), *(Emotion(state) for state in EMOTIONS)]
    made = torch.stack([moody(x, t, asking(moody, conditions, wish, wish)) for wish in wishes])
    apart = (made[:, None] - made[None]).abs().amax((2, 3, 4)) + torch.eye(len(wishes))
    assert apart.min() > 1e-3


def test_strength_0_and_no_state_are_one_learned_answer(moody, draw_conditions):
    conditions, (x, t) = draw_conditions(moody.config), inputs(moody)
    nothing = asking(moody, conditions, None, None)
    assert torch.equal(moody(x, t, nothing), moody(x, t, asking(moody, conditions, *[Emotion("laughing", 0)] * 2)))
    before = moody(x, t, nothing)
    torch.nn.init.normal_(moody.emotion_input.absent)
    assert (moody(x, t, nothing) - before).abs().max() > 1e-3


def test_a_state_has_no_place_in_time_and_windows_may_start_anywhere(moody, draw_conditions):
    conditions, (x, t) = draw_conditions(moody.config), inputs(moody)
    torch.testing.assert_close(moody(x, t, conditions), moody(x, t, conditions, first_frame=80), atol=1e-4, rtol=1e-4)


def test_weights_without_states_perform_the_same_and_refuse_one(model, conditions):
    x, t = inputs(model)
    assert torch.equal(model(x, t, conditions), model(x, t, replace(conditions, emotion=torch.zeros(2, 6))))
    assert not model.asked(None).any()
    with pytest.raises(InputError, match="know no emotions"):
        model.asked(Emotion("happy"))


@pytest.mark.parametrize(
    ("trained", "heard", "fits"),
    [
        ("embedded", "embedded/0123456789ab", True),
        ("embedded/0123456789ab", "embedded/0123456789ab", True),
        ("wav2vec2/0123456789ab", "wav2vec2", True),
        ("embedded/0123456789ab", "embedded/ba9876543210", False),
        ("wav2vec2/0123456789ab", "hubert/0123456789ab", False),
        ("wav2vec2", "wav2vec", False),
    ],
)
def test_speech_of_another_audio_encoder_is_refused(build, trained, heard, fits):
    model = build(audio_encoder=trained)
    layers, width = model.config.audio_layers, model.config.audio_width
    if fits:
        model.require_encoder(heard, layers, width)
    else:
        with pytest.raises(
            InputError, match=rf"encoder {heard} \({layers} layers of {width} numbers\), expected {trained} "
        ):
            model.require_encoder(heard, layers, width)
    with pytest.raises(InputError, match=rf"\({layers + 1} layers of {width} numbers\), expected"):
        model.require_encoder(heard, layers + 1, width)
