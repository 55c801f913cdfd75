"""The mathematics of the mixer's widget, run in the browser and compared with the engine and with ComfyUI."""

import json
import subprocess
from itertools import product

import numpy as np
import pytest
import torch

from neo_core.flow.guidance import Guidance, slider_weight

CURVES = [
    {"points": [[0, 0], [1, 1]], "interpolation": "linear"},
    {"points": [[0.7, 0.9], [0, 0.2], [0.3, 1]], "interpolation": "linear"},
    {"points": [[0, 0], [0.3, 1], [0.7, 0.9], [1, 0.1]], "interpolation": "monotone_cubic"},
    {"points": [[0.2, 0.5], [0.4, 0.5], [0.41, 1], [0.9, 0]], "interpolation": "monotone_cubic"},
    {"points": [[0.5, 0.4]], "interpolation": "monotone_cubic"},
]
AT = np.linspace(0, 1, 41).tolist()
COMFYUI = """
import json, sys
import comfy_api.latest
from comfy_api.input import CurveInput
curves, at = json.load(sys.stdin)
print(json.dumps([[CurveInput.from_raw(curve).interp(x) for x in at] for curve in curves]))
"""


@pytest.fixture(scope="module")
def balance(open_page):
    """A function: JavaScript over `m`, the module, and `given` -> its value."""
    with open_page(vue=False) as page:

        def call(expression: str, given: object = None) -> object:
            script = "async ([path, given]) => { const m = await import(path); return (%s); }" % expression
            return page.evaluate(script, ["/extensions/neo-avatars/js/balance.js", given])

        yield call


def test_point_and_weights_are_inverse(balance):
    grid = [[a / 20, i / 20, r / 20] for a, i, r in product(range(0, 61, 5), range(0, 61, 7), range(1, 61, 6))]
    back = "given.map(w => m.weightsOf(m.balanceAt(m.pointOf(m.balanceOf(w))), m.strengthOf(w)))"
    assert balance(back, grid) == grid


def test_neutral_weights_lie_in_the_centre(balance):
    point = balance("m.pointOf(m.balanceOf(m.NEUTRAL))")
    assert [point["x"], point["y"]] == pytest.approx([1 / 2, 2 / 3])  # the box's two thirds are the triangle's centroid


def test_wherever_the_point_goes_the_mean_stays_and_the_sliders_hold(balance):
    places = [[x / 4, y / 4, s / 20] for x, y, s in product(range(-4, 9), range(-4, 9), range(0, 61, 6))]
    weights = np.array(balance("given.map(([x, y, s]) => m.weightsOf(m.balanceAt({x, y}), s))", places))
    assert weights.min() >= 0
    assert weights.max() <= 3
    np.testing.assert_allclose(weights.mean(1), [s for _, _, s in places], atol=0.01)  # a third of half a step
    np.testing.assert_array_equal(np.round(weights * 20) / 20, weights)


def test_a_place_out_of_reach_gives_the_nearest_within(balance):
    strength = 1.5
    near = np.array(balance("m.within([1.2, -0.3, 0.1], 1.5)"))
    inside = np.random.default_rng(0).dirichlet([1, 1, 1], 20000)
    inside = inside[inside.max(1) <= 3 / (3 * strength)]
    distance = np.linalg.norm(inside - [1.2, -0.3, 0.1], axis=1).min()
    assert np.linalg.norm(near - [1.2, -0.3, 0.1]) <= distance + 1e-9
    assert near.sum() == pytest.approx(1)
    assert near.max() <= 3 / (3 * strength) + 1e-9


@pytest.mark.parametrize("strength", [0.5, 1, 1.2, 1.8, 2.6])
def test_the_outlined_field_is_what_can_be_reached(balance, strength):
    corners = np.array(balance("m.reachable(given)", strength))
    np.testing.assert_allclose(corners.sum(1), 1)
    assert corners.min() >= -1e-9
    assert corners.max() == pytest.approx(min(1, 1 / strength))
    kept = balance("given[0].map(corner => m.within(corner, given[1]))", [corners.tolist(), strength])
    np.testing.assert_allclose(kept, corners, atol=1e-9)


def test_curves_are_those_of_comfyui(balance, checkout):
    command = [checkout.python, "-c", COMFYUI]
    given = json.dumps([CURVES, AT])
    answer = subprocess.run(command, cwd=checkout.folder, input=given, capture_output=True, text=True, check=True)
    ours = balance("given[0].map(c => given[1].map(m.interpolator(c)))", [CURVES, AT])
    np.testing.assert_allclose(ours, json.loads(answer.stdout.splitlines()[-1]), atol=1e-9)


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0.2, 0.7), (0.5, 0.5)])
def test_weights_over_the_clip_are_those_of_the_engine(balance, start, end):
    curve = CURVES[1]
    drawn = balance("m.overTime(1.8, m.interpolator(given[0]), given[1], given[2])", [curve, start, end])
    fading = np.interp(np.linspace(0, 1, 1001), *zip(*sorted(map(tuple, curve["points"])), strict=True))
    guidance = Guidance(1.8, 1.0, 1.0, start, end, audio_over_time=tuple(fading.tolist()))
    moments = [m for m in AT if min(abs(m - start), abs(m - end)) > 0.02]  # beside the steps
    expected = guidance.weights(torch.tensor(moments))[:, 0]
    times, sliders = np.array(drawn).T
    shown = [
        slider_weight("audio", value) for value in np.interp(moments, times, sliders)
    ]  # the picture shows the slider
    np.testing.assert_allclose(shown, expected, atol=0.01)
