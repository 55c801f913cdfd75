"""Windows stay inside their bounds, and layers know what covers what."""

import torch

from neo_core.pictar.geometric.bust import MOUTH
from neo_core.pictar.geometric.patch import BLANK, INNER, SKIN, Cut, Window, draw_layers, feather, window_around

BOUNDS = Window(5, 7, 100, 90)


def test_windows_stay_inside_their_bounds():
    for middle in ([0.0, 0.0], [50.0, 60.0], [200.0, 300.0]):
        window = window_around(torch.tensor([middle]) + torch.randn(6, 2) * 20, 9.0, BOUNDS)
        assert window.top >= BOUNDS.top
        assert window.left >= BOUNDS.left
        assert window.top + window.height <= BOUNDS.top + BOUNDS.height
        assert window.left + window.width <= BOUNDS.left + BOUNDS.width
        assert window.height >= 2
        assert window.width >= 2


def test_closed_lips_hide_the_mouth_and_carry_their_values(volume):
    model = volume.bust.model
    window = volume.mouth.window
    inside = torch.isin(model.triangle_part, MOUTH)
    layer = torch.where(inside, INNER, torch.where(model.triangle_part == 0, SKIN, BLANK))
    everything = torch.arange(len(model.triangles))
    cut = Cut(everything, layer, torch.isin(model.vertex_part, MOUTH).float() * 3)
    screen = volume.source.clone()
    layers = draw_layers(screen, model, cut, window, screen[:, :1])
    assert ((layers.skin >= 0) & (layers.skin <= 1)).all()
    assert layers.skin.mean() > 0.7
    column = (torch.arange(window.width) + 0.5 + window.left).expand(window.height, -1)
    sure = layers.skin > 0.99
    assert (layers.skin_values[0] - column)[sure].abs().max() < 0.3


def test_feather_is_zero_on_the_border_and_one_inside():
    weight = feather(Window(0, 0, 20, 30), 4)
    assert weight[0].max() == weight[:, -1].max() == 0
    assert weight[10, 15] == 1
