import torch
from torch import nn
from torch.nn import functional

from neo_core.pictar.detection import (
    ScanConfig,
    ScanNet,
    intersection_over_union,
    outermost,
    propose,
    propose_turned,
    suppress,
    upright_boxes,
)


class BrightSpots(nn.Module):
    """Says "a face of ordinary size" wherever the picture is bright."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(100.0))

    def forward(self, pictures):
        bright = functional.avg_pool2d(pictures[:, :1], 4)
        return torch.cat([self.gain * (bright - 0.3), torch.zeros_like(bright).expand(-1, 3, -1, -1)], 1)


def test_proposals_lie_where_the_network_points():
    picture = torch.zeros(3, 301, 420)
    picture[:, 96:104, 252:260] = 1
    squares = propose(BrightSpots(), picture)
    assert len(squares) >= 1
    assert (squares.center - torch.tensor([256.0, 100.0])).norm(dim=1).max() < 16


def test_a_blank_picture_has_no_proposals():
    assert len(propose(BrightSpots(), torch.zeros(3, 64, 64))) == 0


def test_a_fresh_scan_says_no():
    said = ScanNet(ScanConfig()).eval()(torch.rand(1, 3, 40, 48))
    assert said.shape == (1, 4, 10, 12)
    assert said[:, 0].max() < 0


def test_overlapping_boxes_are_one():
    boxes = upright_boxes(torch.tensor([[10.0, 10.0], [11.0, 10.0], [40.0, 10.0]]), torch.tensor([8.0, 8.0, 8.0]))
    assert suppress(boxes, 0.3).tolist() == [0, 2]
    overlap = intersection_over_union(boxes, boxes)
    assert torch.allclose(overlap.diagonal(), torch.ones(3))
    assert abs(float(overlap[0, 1]) - 7 / 9) < 1e-6


def test_turned_proposals_lie_there_too():
    picture = torch.zeros(3, 301, 420)
    picture[:, 96:104, 252:260] = 1
    squares = propose_turned(BrightSpots(), picture, 30.0)
    assert (squares.center - torch.tensor([256.0, 100.0])).norm(dim=1).max() < 16
    assert (squares.tilt == 30).all()


def test_a_part_of_a_face_is_no_second_face():
    whole, mouth = [650.0, 390, 1210, 950], [830.0, 610, 1050, 830]
    beside, neighbour = [1000.0, 700, 1300, 1000], [1400.0, 400, 1800, 800]
    assert outermost(torch.tensor([whole, mouth, neighbour, beside])).tolist() == [0, 2, 3]
    assert outermost(torch.tensor([mouth, whole])).tolist() == [0, 1]  # the better one stays
    assert outermost(torch.zeros(0, 4)).tolist() == []
