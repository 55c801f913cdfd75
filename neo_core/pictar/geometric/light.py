"""The photo's light: enough of it to let shading stay with the lamp while the head turns.

A warp carries shading along with the skin; a real cheek that turns away from the window darkens. The face's own
brightness against its normals gives the light as nine spherical harmonics (Ramamoorthi and Hanrahan, "An efficient
representation for irradiance environment maps", 2001), and the ratio of light after and before relights the skin:
when the head turns, and when a smile or a frown folds it.

Letters: V vertices.
"""

import torch
from torch import Tensor

from .sampling import sample_linear

RIDGE = torch.tensor([0.0] + [0.02] * 3 + [0.08] * 5)  # pull towards light from everywhere, per sample
ROUNDS = 5  # of re-weighting against brows, lips, hair and cast shadows
STRENGTH = 0.8  # of the change in light that is believed
LIMITS = (0.7, 1.4)
DISPLAY = 1 / 2.2  # light to display values
LUMINANCE = torch.tensor([0.2126, 0.7152, 0.0722])  # of sRGB's primaries, Rec. 709


def to_light(display: Tensor) -> Tensor:
    """Display values to amounts of light, by the gamma of 2 that squares and roots make cheap."""
    return display * display


def to_display(light: Tensor) -> Tensor:
    """The inverse of `to_light`."""
    return light.clamp(min=0).sqrt()


def harmonics(normal: Tensor) -> Tensor:
    """The first nine, unnormalised. [..., 3] -> [..., 9]"""
    x, y, z = normal.unbind(-1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, z * x, x * x - y * y, 3 * z * z - 1], -1)


def estimate_light(photo: Tensor, at: Tensor, normal: Tensor) -> Tensor:
    """Light [9] of a photo [3, H, W] 0..1 from skin at pixels [V, 2] with normals [V, 3]; 1 is the face's mean."""
    colour = sample_linear(photo, at[None])[:, 0]  # [3, V]
    light = (LUMINANCE[:, None] * colour.clamp(min=1e-3) ** (1 / DISPLAY)).sum(0)
    light = light / light.median().clamp(min=1e-4)
    basis = harmonics(normal)
    weight = torch.ones_like(light)
    for _ in range(ROUNDS):
        weighted = basis * weight[:, None]
        system = weighted.T @ basis + torch.diag(RIDGE) * weight.sum()
        answer = torch.linalg.solve(system, weighted.T @ light)
        away = (basis @ answer - light).abs()
        weight = 1 / (1 + (away / (1.5 * away.median().clamp(min=1e-3))).square())
    return answer


def relight(light: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Factor on display values of surfaces whose normals [V, 3] change. light [9] -> [V]"""
    floor = 0.2 * light[0].clamp(min=0.1)
    old, new = ((harmonics(normal) @ light).clamp(min=floor) for normal in (before, after))
    return (new / old).clamp(*LIMITS) ** (STRENGTH * DISPLAY)
