"""The sampler: windows, seeds, guidance passes, stillness."""

import weakref
from dataclasses import replace

import pytest
import torch

from neo_core.data_types import AudioFeatures, Identity
from neo_core.flow.guidance import FORMS, SIGNALS, Guidance, slider_weight
from neo_core.flow.path import velocity_from_data
from neo_core.flow.schedule import timesteps
from neo_core.flow.solver import euler
from neo_core.motion_space import HIGH, LOW, REGIONS, clamp
from neo_core.vocal import sampler
from neo_core.vocal.motion_generator import Conditions, WindowConfig
from neo_core.vocal.sampler import (
    EASE,
    MOUTH_TEMPERATURE,
    SHIFT,
    Held,
    Recall,
    audio_windows,
    frame_noise,
    generate_motion,
    generate_windows,
    guided_prediction,
    handed_over,
    holding,
    overlap,
    sample,
    unit_noise,
    window_conditions,
    window_weights,
)

FRAMES = 30  # of a sound: two and a half windows of the tiny model


@pytest.fixture(params=["neo", "neo-1.5"])
def model(request, build):
    return build(request.param)


@pytest.fixture
def features(model) -> AudioFeatures:
    dice = torch.Generator().manual_seed(3)
    shape = (model.config.audio_layers, 2 * FRAMES, model.config.audio_width)
    return AudioFeatures(torch.randn(shape, generator=dice), FRAMES * 640, 16000)


@pytest.fixture
def identity() -> Identity:
    dice = torch.Generator().manual_seed(4)
    reference = torch.cat((torch.rand(53, generator=dice) * 0.3, torch.zeros(10)))
    return Identity(torch.randn(60, generator=dice), torch.randn(16, generator=dice), reference)


def test_one_frame_of_motion_per_frame_of_sound_inside_its_ranges(model, features, identity):
    latents = generate_motion(model, features, identity, steps=2)
    assert latents.fps == 25
    assert latents.motion.shape == (FRAMES, 63)
    assert (latents.motion >= torch.tensor(LOW)).all()
    assert (latents.motion <= torch.tensor(HIGH)).all()


@pytest.mark.parametrize("frames", [0, 1, 11, 12, 13])
def test_any_length(model, identity, frames):
    hidden = torch.randn(model.config.audio_layers, 2 * frames, model.config.audio_width)
    motion = generate_motion(model, AudioFeatures(hidden, 0, 16000), identity, steps=1).motion
    assert motion.shape == (frames, 63)


def test_windows_are_the_same_chained_by_hand(model, features, identity):
    whole = generate_motion(model, features, identity, seed=5, steps=2).motion
    prefix, held, parts = None, None, []
    for window in audio_windows([features.hidden_states], model.config, overlap(model.config)):
        noise = frame_noise(5, window.first, model.config.window)[None]
        conditions = window_conditions(model, window, identity, prefix)
        motion = sample(model, conditions, noise, timesteps(2, SHIFT), held=held)[0]
        parts.append(motion[window.known : window.frames])
        prefix, held = handed_over(motion, model.config)
    assert torch.equal(whole, torch.cat(parts))


def test_a_window_hands_over_its_last_frames_and_those_before_them():
    config = WindowConfig(audio_layers=1, audio_width=1, window=24, prefix=5)
    shared = overlap(config)
    assert shared == 2
    motion = torch.arange(24.0)[:, None].expand(24, 63)
    prefix, held = handed_over(motion, config)
    assert prefix[:, 0].tolist() == [17, 18, 19, 20, 21]  # what lies before the shared frames
    assert held.frames.nonzero()[:, 0].tolist() == [0, 1]
    assert held.motion.shape == (24, 63)
    assert held.motion[held.frames, 0].tolist() == [22, 23]


def test_the_same_speech_later_with_its_noise_is_the_same_performance(model, features, identity, monkeypatch):
    """Any number of frames later: a frame's number draws its noise, and nothing else looks at it."""

    def perform(first_frame):
        windows = generate_windows(model, [features.hidden_states], identity, steps=2, first_frame=first_frame)
        return torch.cat(list(windows))

    now, later = perform(0), perform(977)
    assert (now - later).abs().max() > 1e-2
    monkeypatch.setattr(sampler, "frame_noise", lambda seed, first, count: frame_noise(seed, first - 977, count))
    assert torch.equal(perform(977), now)


def test_held_frames_go_where_they_are_held_and_the_others_take_notice(model, conditions):
    config, dice = model.config, torch.Generator().manual_seed(4)
    noise = torch.randn(2, config.window, 63, generator=dice)
    motion = clamp(torch.rand(config.window, 63, generator=dice))
    held = Held(torch.arange(config.window) < 4, motion)
    free, tied = (sample(model, conditions, noise, timesteps(3, SHIFT), held=h) for h in (None, held))
    assert torch.allclose(tied[:, :4], motion[:4].expand(2, -1, -1), atol=1e-5)
    assert (tied - free)[:, 4:].abs().max() > 1e-3


def test_what_was_sampled_may_be_learned_from(model, conditions):
    """The network runs in inference mode; what comes out is a tensor like any other."""
    motion = sample(model, conditions, torch.randn(2, model.config.window, 63), timesteps(2, SHIFT))
    assert not motion.is_inference()
    (torch.ones(63, requires_grad=True) * motion).sum().backward()


def test_head_gaze_and_brows_go_on_from_held_frames_without_a_kink(model, conditions):
    """Held far from where the network would be, the next frame is near them and the way back is gradual."""
    config, dice = model.config, torch.Generator().manual_seed(4)
    noise = torch.randn(2, config.window, 63, generator=dice)
    free = model.normalise(sample(model, conditions, noise, timesteps(3, SHIFT)))
    held = Held(torch.arange(config.window) < 2, model.denormalise(free[0] + 3))
    head = list(REGIONS["pose"])
    away = (model.normalise(sample(model, conditions, noise, timesteps(3, SHIFT), held=held)) - free)[0, :, head].mean(
        1
    )
    assert away[1] > 1.5
    assert away[2] > 0.8 * away[1]
    assert away[-1] < 0.7 * away[1]


def test_windows_share_frames_and_each_frame_is_made_once(features, model):
    windows = list(audio_windows([features.hidden_states], model.config, shared=3))
    made = [range(w.first + w.known, w.first + w.frames) for w in windows]
    assert [frame for frames in made for frame in frames] == list(range(FRAMES))
    assert [w.known for w in windows] == [0, *[3] * (len(windows) - 1)]


@pytest.mark.parametrize("piece", [1, 3, 7, 24, 60])
def test_pieces_of_any_length_give_the_same_motion(model, features, identity, piece):
    whole = generate_motion(model, features, identity, steps=1).motion
    pieces = features.hidden_states.split(piece, dim=1)
    assert torch.equal(whole, torch.cat(list(generate_windows(model, pieces, identity, steps=1))))


def test_a_window_hears_its_own_sound(model, features):
    config = model.config
    for window in audio_windows([features.hidden_states], config):
        for token in range(config.audio_tokens):
            frame = window.first - config.prefix + token
            assert window.heard[token] == (0 <= frame < FRAMES)
            if window.heard[token]:
                expected = features.hidden_states[:, 2 * frame : 2 * frame + 2]
                assert torch.equal(window.hidden[:, 2 * token : 2 * token + 2], expected)


def test_endless_sound_is_read_no_further_than_needed(model, identity):
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield torch.randn(model.config.audio_layers, 2, model.config.audio_width)

    windows = generate_windows(model, endless(), identity, steps=1)
    for count in range(1, 30):
        next(windows)
        assert read <= count * model.config.window + model.config.lookahead


def test_same_seed_same_motion_other_seed_other_motion(model, features, identity):
    first, again, other = (generate_motion(model, features, identity, seed=s, steps=2).motion for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 1e-3


@pytest.mark.parametrize("draw", [unit_noise, frame_noise])
def test_noise_belongs_to_the_frame(draw):
    assert torch.equal(draw(7, 0, 40)[25:], draw(7, 25, 15))


def test_unit_noise_is_fresh_for_every_frame_and_seed():
    long = unit_noise(7, 0, 2000)
    assert long.std().item() == pytest.approx(1, abs=0.01)
    assert len(long.unique(dim=0)) == 2000
    assert abs(torch.corrcoef(torch.stack((long[1:].flatten(), long[:-1].flatten())))[0, 1]) < 0.02
    assert abs(torch.corrcoef(torch.stack((long.flatten(), unit_noise(8, 0, 2000).flatten())))[0, 1]) < 0.02


def test_the_mouth_knows_no_seed():
    first, second = frame_noise(1, 0, 500), frame_noise(2, 0, 500)
    mouth, pose = list(REGIONS["mouth"]), list(REGIONS["pose"])
    assert torch.equal(first[:, mouth], second[:, mouth])
    assert first[:, mouth].std().item() == pytest.approx(MOUTH_TEMPERATURE, abs=0.01)
    assert torch.equal(first[:, pose], unit_noise(1, 0, 500)[:, pose])
    assert not torch.equal(first[:, pose], second[:, pose])


@pytest.mark.parametrize("form", FORMS)
def test_weights_of_one_are_the_plain_network_bit_for_bit(model, conditions, features, identity, form):
    x, t = torch.randn(2, model.config.window, 63), torch.full((2,), 0.5)
    plain = model(x, t, conditions)
    neutral = Guidance(form=form, rescale=0.7, interval=(0.1, 0.9))
    assert torch.equal(guided_prediction(model, conditions, neutral.steering(torch.ones(1, 3)))(x, t), plain)
    performed, with_neutral = (
        generate_motion(model, features, identity, steps=2, guidance=g).motion for g in (Guidance(), neutral)
    )
    assert torch.equal(performed, with_neutral)


@pytest.mark.parametrize(
    ("form", "weights", "passes"),
    [
        *[("leave-one-out", w, n) for w, n in (((1, 1, 1), 1), ((2, 1, 1), 2), ((2, 1, 0), 3), ((2, 2, 2.5), 4))],
        *[("nested", w, n) for w, n in (((1, 1, 1), 1), ((2, 1, 1), 2), ((2, 2, 1), 2), ((2, 1.5, 0.5), 4))],
    ],
)
def test_passes_are_those_whose_coefficient_is_not_0_in_one_batch(model, conditions, form, weights, passes):
    """Leave-one-out: 1 + the number of weights that are not 1."""
    seen = []
    model.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    guided_prediction(model, conditions, Guidance(form=form).steering(torch.tensor([weights])))(
        torch.randn(2, model.config.window, 63), torch.full((2,), 0.5)
    )
    assert seen == [2 * passes]


def test_what_modulates_is_computed_once_for_each_flow_time_of_a_clip(model, features, identity):
    calls = []
    model.blocks[0].streams[0].joint_modulation.register_forward_hook(lambda *_: calls.append(1))
    generate_motion(model, features, identity, steps=4)  # three windows
    assert len(calls) == 4


def test_what_modulates_follows_the_person(build, draw_conditions):
    model = build("neo")
    conditions, t = draw_conditions(model.config), torch.full((2,), 0.5)
    recall = Recall(model)
    for person in (conditions, replace(conditions, geometry=-conditions.geometry), conditions.without("identity")):
        scene = model.scene(person)
        fresh = model.modulations(model.condition(t, scene))
        for part, said in recall(t, scene).items():
            assert all(torch.equal(a, b) for a, b in zip(said, fresh[part], strict=True))


def test_a_step_outside_the_interval_is_one_pass(model, features, identity):
    seen = []
    model.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    generate_motion(model, features, identity, steps=4, guidance=Guidance(audio=2, interval=(0.5, 0.9)))
    assert seen == 3 * [1, 2, 2, 1]  # flow times 1, 0.82, 0.6, 0.33 in each of three windows


@pytest.mark.parametrize("values", [(2.5, 1, 1), (0, 1, 1), (1.3, 0.2, 0.4)])
def test_steady_guidance_is_bit_for_bit_what_it_was_without_a_clock(model, features, identity, values):
    """Against the sampler of plain weights: one product over the passes with coefficients summed as plain numbers."""
    extra = {name: slider_weight(name, s) - 1.0 for name, s in zip(SIGNALS, values, strict=True) if s != 1}
    coefficients = torch.tensor([1.0 + sum(extra.values()), *(-w for w in extra.values())])
    times, prefix, held, parts = timesteps(3, SHIFT), None, None, []
    for window in audio_windows([features.hidden_states], model.config, overlap(model.config)):
        conditions = window_conditions(model, window, identity, prefix)
        batch = Conditions.stack([conditions, *(conditions.without(name) for name in extra)])

        @torch.no_grad()
        def predict(x, t, batch=batch):
            data = model(x.repeat(len(coefficients), 1, 1), t.repeat(len(coefficients)), batch)
            return torch.einsum("pbtc,p->btc", data.unflatten(0, (len(coefficients), -1)), coefficients)

        if held is not None:
            predict = holding(predict, held.frames, model.normalise(held.motion))
        noise = frame_noise(9, window.first, model.config.window)[None]
        x = euler(lambda x, t, predict=predict: velocity_from_data(x, predict(x, t), t), noise, times[:-1])
        motion = clamp(model.denormalise(predict(x, times[-2].expand(1)))).detach()[0]
        parts.append(motion[window.known : window.frames])
        prefix, held = handed_over(motion, model.config)
    made = generate_motion(model, features, identity, seed=9, steps=3, guidance=Guidance(*values)).motion
    assert torch.equal(made, torch.cat(parts))


def test_a_window_pays_only_for_the_signals_that_steer_in_it(model, features, identity):
    seen = []
    model.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    late = Guidance(audio=2, identity=3, identity_over_time=(0.0, 0.0, 0.0, 0.0, 0.0, 1.0), start=0.45)
    generate_motion(model, features, identity, steps=2, guidance=late)
    assert seen == [1, 1, 2, 2, 3, 3]  # windows of 12 frames in 30: neutral, then audio, then identity as well


def test_before_its_start_guidance_changes_nothing(model, features, identity):
    plain = generate_motion(model, features, identity, steps=2).motion
    late = generate_motion(model, features, identity, steps=2, guidance=Guidance(2, 2, 0, start=0.8)).motion
    begin = 2 * model.config.window - overlap(model.config)  # of the third window's own frames
    assert torch.equal(late[:begin], plain[:begin])
    assert not torch.equal(late[begin:], plain[begin:])


def test_weights_follow_the_clock_of_the_clip_however_it_is_cut():
    guidance = Guidance(2, 3, 0, start=0.2, end=0.7, audio_over_time=(0.0, 1.0, 0.3))
    whole = window_weights(guidance, 0, 90, 80)
    parts = [window_weights(guidance, first, 30, 80) for first in (0, 30, 60)]
    assert torch.equal(torch.cat(parts), whole)
    assert (whole[:16] == 1).all()
    assert (whole[56:] == 1).all()


def test_guidance_comes_and_goes_smoothly_but_is_all_there_at_the_ends_of_the_clip():
    total = 10 * EASE
    weights = window_weights(Guidance(reference=3, start=0.3, end=0.7), 0, total, total)[:, 2]
    assert weights.diff().abs().max() < 2 * 2 / EASE
    assert weights.max() == slider_weight("reference", 3)
    assert (window_weights(Guidance(reference=3, end=0.7), 0, 5, total)[:, 2] == slider_weight("reference", 3)).all()


def test_guidance_over_time_needs_the_length_of_the_clip(model, features, identity):
    windows = generate_windows(model, [features.hidden_states], identity, guidance=Guidance(audio=2, start=0.5))
    with pytest.raises(ValueError, match="length of the clip"):
        next(windows)


def test_a_long_clip_holds_one_window_at_a_time(model, identity):
    """Three hours of sound that is never all there, guided over time: weights and windows come as they are needed."""
    total, alive = 3 * 3600 * 25, []

    def sound():
        while True:
            piece = torch.randn(model.config.audio_layers, 2, model.config.audio_width)
            alive.append(weakref.ref(piece))
            yield piece

    guidance = Guidance(2, 1, 0, start=0.0001, reference_over_time=(0.0, 1.0) * 500)
    windows = generate_windows(model, sound(), identity, steps=1, guidance=guidance, total=total)
    next(windows)
    for _ in range(20):
        assert len(next(windows)) == model.config.window - overlap(model.config)
        held = sum(reference() is not None for reference in alive)
        assert held <= model.config.audio_tokens


def test_progress_is_asked_before_every_pass_and_may_stop(model, features, identity):
    told = []
    generate_motion(model, features, identity, steps=2, progress=lambda *step: told.append(step))
    assert told == [(done, FRAMES, None) for done in (0, 0, 11, 11, 22, 22, 30)]

    def stop(done: int, *_: object) -> None:
        if done == 11:
            raise KeyboardInterrupt

    passes = []
    model.register_forward_pre_hook(lambda *_: passes.append(1))
    with pytest.raises(KeyboardInterrupt):
        generate_motion(model, features, identity, steps=2, progress=stop)
    assert len(passes) == 2


def test_motion_carries_the_reference_it_was_made_with(model, features, identity):
    assert torch.equal(generate_motion(model, features, identity, steps=1).reference, identity.reference)


def test_the_last_step_is_the_euler_step_to_the_data(model, conditions):
    noise, times = torch.randn(2, model.config.window, 63), timesteps(3)
    predict = guided_prediction(model, conditions)
    full = euler(lambda x, t: velocity_from_data(x, predict(x, t), t), noise, times)
    expected = clamp(model.denormalise(full))
    torch.testing.assert_close(sample(model, conditions, noise, times), expected, atol=1e-4, rtol=1e-4)


def test_guidance_is_linear_in_its_weight(model, conditions):
    x, t = torch.randn(2, model.config.window, 63), torch.full((2,), 0.5)
    at = [
        guided_prediction(model, conditions, Guidance().steering(torch.tensor([[w, 1, 1]])))(x, t) for w in (0, 1, 2, 3)
    ]
    steps = torch.stack(at).diff(dim=0)
    torch.testing.assert_close(steps[0], steps[1], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(steps[1], steps[2], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("guidance", [Guidance(), Guidance(2, 2, 1)])
def test_zeroed_weights_give_a_still_face(model, features, identity, guidance):
    for parameter in model.parameters():
        parameter.data.zero_()
    motion = generate_motion(model, features, identity, steps=8, guidance=guidance).motion
    assert (motion - motion[:1]).abs().max() == 0
    torch.testing.assert_close(motion, identity.reference.expand_as(motion), atol=1e-6, rtol=0)


def test_motion_is_a_tensor_like_any_other(model, conditions):
    """It may be changed in place and learned from, though no gradients were kept while it was made."""
    motion = sample(model, conditions, torch.randn(2, model.config.window, 63), timesteps(2))
    motion += 1
    weight = torch.ones(63, requires_grad=True)
    (motion * weight).sum().backward()
    assert torch.equal(weight.grad, motion.sum((0, 1)))
