"""Guidance: its two forms, steady and over time, and what keeps it in bounds."""

import itertools

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.flow.guidance import NEUTRAL, SIGNALS, Guidance, rescaled, slider_weight, towards

FRAMES = 9
FAR = torch.full((1, 1, 1), torch.nan)  # the portrait's motion where it must not be looked at


def evaluated(guidance: Guidance, frames: int = FRAMES) -> torch.Tensor:
    """Weights of a short clip. [T, 3]"""
    return guidance.weights((torch.arange(frames) + 0.5) / frames)


def alone(*names: str) -> tuple[tuple[str, ...], ...]:
    """The full pass, and one without each of the signals."""
    return ((), *((name,) for name in names))


def test_a_pass_per_weight_that_is_not_one():
    plain = Guidance().steering(evaluated(Guidance()))
    assert plain.left_out == alone()
    assert plain.coefficients.tolist() == [1.0]
    assert Guidance(audio=2).steering(evaluated(Guidance(audio=2))).left_out == alone("audio")
    assert Guidance().steering(evaluated(Guidance(2, 3, 0.5))).left_out == alone(*SIGNALS)


@pytest.mark.parametrize("form", ["leave-one-out", "nested"])
@pytest.mark.parametrize("curve", [None, (0.0, 1.0), (1.0, 0.2, 0.7)])
@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 1), (0, 1, 3), (1.5, 0.2, 4)])
def test_coefficients_sum_to_one_in_every_frame(weights, curve, form):
    guidance = Guidance(*weights, audio_over_time=curve, form=form)
    coefficients = guidance.steering(evaluated(guidance)).coefficients
    torch.testing.assert_close(coefficients.sum(0), torch.ones_like(coefficients[0]))


def test_the_equation_of_leave_one_out():
    weights = torch.rand(4, 3) * 3
    weights[:, 1] = 1
    v = {names: torch.randn(2, 4, 5) for names in alone(*SIGNALS)}
    audio, reference = (weights[:, k, None] - 1 for k in (0, 2))
    place = torch.randn(2, 1, 5)
    term = reference * (v[()] - v[("reference",)])
    term = torch.where(reference > 0, towards(term, place - v[()]), term)
    expected = v[()] + audio * (v[()] - v[("audio",)]) + term
    steering = Guidance().steering(weights)
    assert steering.left_out == alone("audio", "reference")
    outputs = torch.stack([v[names] for names in steering.left_out])
    torch.testing.assert_close(steering.combine(outputs, place), expected)


def test_the_equation_of_the_nested_form():
    weights = torch.rand(4, 3) * 3
    a, i, r = (weights[:, k, None] for k in range(3))
    v = {SIGNALS[:k]: torch.randn(2, 4, 5) for k in range(4)}
    none, with_r, with_ri, full = v[SIGNALS], v[SIGNALS[:2]], v[SIGNALS[:1]], v[()]
    place = torch.randn(2, 1, 5)
    term = (r - 1) * (with_r - none)
    term = torch.where(r > 1, towards(term, place - full), term)
    expected = with_r + term + i * (with_ri - with_r) + a * (full - with_ri)
    steering = Guidance(form="nested").steering(weights)
    outputs = torch.stack([v[names] for names in steering.left_out])
    torch.testing.assert_close(steering.combine(outputs, place), expected)


@pytest.mark.parametrize("form", ["leave-one-out", "nested"])
def test_more_of_the_reference_leads_to_it_and_never_past_it(form):
    place = torch.randn(2, 1, 5)
    v = {names: torch.randn(2, 4, 5) for names in (*alone("reference"), SIGNALS, SIGNALS[:2])}
    nearer = [(v[()] - place).abs()]
    for slider in (1.3, 2, 4, 10):
        steering = Guidance(form=form).steering(evaluated(Guidance(reference=slider), 4))
        guided = steering.combine(torch.stack([v[names] for names in steering.left_out]), place)
        assert ((guided - place) * (v[()] - place) > -1e-5).all()  # on the same side of it
        nearer.append((guided - place).abs())
        assert (nearer[-1] <= nearer[-2] + 1e-5).all()
    assert nearer[1].sum() < nearer[0].sum()
    assert nearer[-1].sum() < nearer[1].sum()


def test_the_nested_form_keeps_the_pass_its_reference_is_measured_against():
    """With equal weights of identity and reference its own coefficient is 0."""
    steering = Guidance(form="nested").steering(torch.tensor([[1.0, 2.0, 2.0]]))
    assert set(steering.left_out) == {(), ("audio",), ("audio", "identity"), SIGNALS}


def test_nested_passes_that_do_not_count_are_not_made():
    assert Guidance(form="nested").steering(torch.tensor([[2.0, 1.0, 1.0]])).left_out == ((), ("audio",))
    assert Guidance(form="nested").steering(torch.ones(5, 3)).left_out == ((),)


def test_steady_weights_are_the_matrix_product_they_always_were():
    """Bit for bit what weights without a clock gave: coefficients summed as plain numbers, one product over passes."""
    dice = torch.Generator().manual_seed(0)
    for values in itertools.product((0.0, 0.35, 1.0, 1.7, 3.0), repeat=3):
        extra = {name: slider_weight(name, s) - 1.0 for name, s in zip(SIGNALS, values, strict=True) if s != 1.0}
        old = [1.0 + sum(extra.values()), *(-w for w in extra.values())]
        steering = Guidance().steering(evaluated(Guidance(*values)))
        assert steering.left_out == alone(*extra)
        outputs = torch.randn(len(old), 1, FRAMES, 63, generator=dice)
        expected = torch.einsum("pbtc,p->btc", outputs, outputs.new_tensor(old)) if extra else outputs[0]
        if extra.get("reference", 0) <= 0:  # more of the reference ends at the reference
            assert torch.equal(steering.combine(outputs, FAR), expected)


def test_up_to_one_a_slider_is_its_weight_and_grows_more_slowly_beyond():
    for signal in ("audio", "identity"):
        assert [slider_weight(signal, s) for s in (0, 0.3, 1, 1.5, 2)] == [0, 0.3, 1, 1.2, 1.4]
    assert [slider_weight("reference", s) for s in (0, 0.3, 1, 1.5, 2)] == [0, 0.3, 1, 1.5, 2]


def test_zero_forgets_the_signal():
    steering = Guidance().steering(evaluated(Guidance(audio=0)))
    full, without = torch.randn(2, 2, FRAMES, 4)
    torch.testing.assert_close(steering.combine(torch.stack((full, without)), FAR), without)
    assert steering.left_out == alone("audio")


def test_one_pass_comes_back_untouched():
    only = torch.randn(1, 2, 3, 4)
    assert torch.equal(NEUTRAL.combine(only, FAR), only[0])


def test_rescaling_gives_back_the_size_of_the_plain_motion_and_keeps_its_middle():
    full = torch.randn(2, 50, 3) + 2
    guided = 3 * full - 1
    whole = rescaled(guided, full, 1.0)
    torch.testing.assert_close(whole.std(1), full.std(1))
    torch.testing.assert_close(whole.mean(1), guided.mean(1))
    half = rescaled(guided, full, 0.5)
    torch.testing.assert_close(half, (whole + guided) / 2)
    still = torch.zeros(1, 50, 1)
    assert torch.equal(rescaled(still + 0.3, still, 1.0), still + 0.3)


@pytest.mark.parametrize("curve", [None, (1.0, 0.4, 1.0)])
def test_guidance_that_rescales_moves_each_channel_as_much_as_the_full_pass(curve):
    outputs = torch.randn(2, 3, FRAMES, 5, generator=torch.Generator().manual_seed(0))
    said = {}
    for share in (0.0, 0.5, 1.0):
        guidance = Guidance(audio=2, audio_over_time=curve, rescale=share)
        said[share] = guidance.steering(evaluated(guidance)).combine(outputs, FAR)
    assert (said[0.0].std(1) - outputs[0].std(1)).abs().min() > 1e-3
    torch.testing.assert_close(said[1.0].std(1), outputs[0].std(1))
    torch.testing.assert_close(said[0.5], (said[0.0] + said[1.0]) / 2)


def test_outside_its_interval_one_pass_is_enough():
    guidance = Guidance(audio=2, interval=(0.2, 0.8))
    steering = guidance.steering(evaluated(guidance))
    assert [steering.acts(t) for t in (1.0, 0.8, 0.5, 0.2, 0.1)] == [False, True, True, True, False]
    assert not Guidance().steering(evaluated(Guidance())).acts(0.5)


def test_outside_its_part_of_the_clip_all_is_neutral():
    weights = evaluated(Guidance(2, 0, 3, start=0.2, end=0.6), 20)
    assert (weights[:4] == 1).all()
    assert (weights[12:] == 1).all()
    assert torch.equal(weights[4:12], torch.tensor([[1.4, 0, 3.0]], dtype=torch.float64).expand(8, 3))


def test_a_curve_leads_from_neutral_to_the_slider():
    guidance = Guidance(audio=3, identity=0, identity_over_time=(0.0, 1.0, 0.5))
    weights = guidance.weights(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
    assert weights[:, 0].tolist() == [slider_weight("audio", 3)] * 5
    assert weights[:, 1].tolist() == [1, 0.5, 0, 0.25, 0.5]
    assert weights[:, 2].tolist() == [1] * 5


def test_a_neutral_frame_of_a_stretch_is_the_plain_pass():
    weights = evaluated(Guidance(audio=2.3, audio_over_time=(0.0, 0.0, 1.0)))
    steering = Guidance().steering(weights)
    outputs = torch.randn(len(steering.left_out), 1, FRAMES, 63)
    neutral = (weights == 1).all(-1)
    assert 0 < neutral.sum() < FRAMES
    assert torch.equal(steering.combine(outputs, FAR)[:, neutral], outputs[0][:, neutral])


@pytest.mark.parametrize("moment", [-0.5, 0.0, 1.0, 1.5])
@pytest.mark.parametrize("curve", [None, (0.4,), (0.4, 0.1), (0.4, 0.9, 0.1)])
def test_beyond_the_clip_its_ends_go_on(curve, moment):
    """The last window reaches past the end of the sound; it must not switch anything off there."""
    share = 1 if curve is None else curve[0 if moment <= 0 else -1]
    weights = Guidance(audio=3, audio_over_time=curve).weights(torch.tensor([moment]))
    assert weights[0, 0].item() == pytest.approx(1 + (slider_weight("audio", 3) - 1) * share)


@pytest.mark.parametrize(
    ("guidance", "steady"),
    [
        (Guidance(2, 3, 0), True),
        (Guidance(start=0.1), False),
        (Guidance(end=0.9), False),
        (Guidance(reference_over_time=(1.0,)), False),
    ],
)
def test_steady_is_what_needs_no_clock(guidance, steady):
    assert guidance.steady == steady


@pytest.mark.parametrize("weight", [-0.1, 11, float("nan"), float("inf")])
def test_nonsense_weights_are_refused(weight):
    with pytest.raises(InputError, match=r"guidance audio is .*, expected"):
        Guidance(audio=weight)


@pytest.mark.parametrize(
    "part", [{"start": -0.1}, {"end": 1.1}, {"start": 0.7, "end": 0.3}, {"start": float("nan")}, {"end": float("nan")}]
)
def test_nonsense_parts_of_the_clip_are_refused(part):
    with pytest.raises(InputError, match=r"guidance (start|end) is .*, expected"):
        Guidance(**part)


@pytest.mark.parametrize("curve", [(), (0.5, 1.1), (-0.1,), (float("nan"), 1.0)])
def test_nonsense_curves_are_refused(curve):
    with pytest.raises(InputError, match=r"guidance identity_over_time is .*expected"):
        Guidance(identity_over_time=curve)


@pytest.mark.parametrize("wrong", [{"form": "sum"}, {"rescale": 1.5}, {"interval": (0.5, 0.1)}, {"interval": (0, 2)}])
def test_nonsense_forms_and_bounds_are_refused(wrong):
    with pytest.raises(InputError, match=r"guidance (form|rescale|interval).* is .*expected"):
        Guidance(**wrong)
