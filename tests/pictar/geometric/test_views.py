"""What another picture may show of a head, and in which light."""

import pytest
import torch

from neo_core.geometry.head_model import landmarks
from neo_core.pictar.geometric.bust import build_bust, mesh_normals, move
from neo_core.pictar.geometric.views import LIPS, difference_of_light, shares, shown_well

SIZE = (160, 160)


@pytest.fixture
def seen(model, fit):
    """Cosines to the lens of the portrait's vertices [V]."""
    bust = build_bust(model, fit)
    start = move(bust, bust.reference)
    return shown_well(model, start.screen, mesh_normals(start, model), SIZE)


def test_nothing_behind_the_head_or_beyond_the_picture_is_seen(model, fit):
    bust = build_bust(model, fit)
    start = move(bust, bust.reference)
    normal = mesh_normals(start, model)
    whole, narrow = (shown_well(model, start.screen, normal, size) for size in (SIZE, (160, 80)))
    back = model.template[:, 2] < model.template[:, 2].amin() + 3
    assert (whole[back & (model.vertex_part < 2)] <= 0).all()
    assert (narrow[start.screen[:, 0] > 80] == -1).all()
    assert ((whole > 0) & (start.screen[:, 0] > 80)).any()


def test_views_share_what_they_show_better_than_the_photo(model, seen):
    better = torch.where(seen > 0, torch.tensor(0.9), -1.0)
    share = shares(model, torch.where(model.template[:, 0] > 0, -1.0, 1.0), torch.stack([better, better]))
    assert (share.sum(0) <= 1.001).all()
    face = model.template[:, 2] > 6
    assert share[:, face & (model.template[:, 0] < -4)].amax() < 0.01  # the photo shows that side as well as can be
    assert share.sum(0)[(model.template[:, 0] > 3) & (seen > 0) & (model.neck_weight > 0.99)].mean() > 0.3
    assert torch.allclose(share[0], share[1], atol=1e-5)


def test_lips_lids_and_what_is_hidden_stay_the_photos(model, seen):
    share = shares(model, torch.full_like(seen, -1.0), torch.where(seen > 0, 1.0, -1.0)[None])[0]
    lips = landmarks(model, model.template)[[k for name in LIPS for k in model.landmark_groups[name]]]
    openings = torch.cat([lips, model.template[model.lid_vertex]])
    assert share[torch.cdist(model.template, openings).amin(1) < 0.3].amax() < 1e-6
    assert share[seen == -1].amax() < 1e-6
    assert share[model.neck_weight < 0.5].amax() < 1e-6


def test_the_light_of_two_pictures_is_compared_where_both_show_skin(model, seen):
    own = 0.2 + 0.3 * torch.rand(3, len(seen))
    lamp = torch.tensor([1.5, 1.0, 0.7])[:, None]
    other = own / lamp
    other[:, seen < 0.5] = 0.9  # what the view shows of something else says nothing
    gain = difference_of_light(model, (own, seen), (other, seen), torch.zeros(len(seen)))
    assert torch.allclose(gain[seen > 0.6].mean(0), lamp[:, 0].log(), atol=0.02)
    assert torch.allclose(gain[model.vertex_part < 2].exp().median(0).values, lamp[:, 0], atol=0.05)


def test_pictures_that_share_no_skin_are_left_as_they_are(model):
    nowhere = torch.full((len(model.template),), -1.0)
    colour = torch.rand(3, len(nowhere))
    assert not difference_of_light(model, (colour, nowhere), (colour, nowhere), torch.zeros(len(nowhere))).any()
