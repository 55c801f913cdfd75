"""The comparison: which way is better, when the mini beats the geometric renderer, and the errors of a frame."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation import renderer_comparison as comparison
from neo_core.evaluation.feature_distance import FeatureDistance
from neo_core.evaluation.renderer_comparison import (
    GEOMETRIC,
    MEASURES,
    MINI,
    NOBODY,
    Take,
    _frame_figures,
    beats,
    contests,
    factory_takes,
    film_take,
    measure,
    psnr,
)
from neo_core.governance import ConsentRequired
from neo_core.pictar.analysis import Face, load_analyser
from neo_core.pipelines.portrait import Portrait
from neo_core.weights import safetensors_io


def figures(better: float, count: int = 8) -> list[dict]:
    """Takes in which the mini is better by so much, more or less, by every measure."""
    dice = torch.Generator().manual_seed(0)
    spread = 0.2 * torch.rand(count, generator=dice)
    return [
        {
            GEOMETRIC: dict.fromkeys(MEASURES, 10.0),
            MINI: {name: 10.0 + way * better + float(more) for name, way in MEASURES.items()},
        }
        for more in spread
    ]


def test_it_beats_only_where_every_measure_says_so():
    assert beats(contests(figures(1.0)))
    assert not beats(contests(figures(-1.0)))
    mixed = figures(1.0)
    for take in mixed:
        take[MINI]["features"] = 11.0
    table = contests(mixed)
    assert not beats(table)
    assert table["features"].gain == pytest.approx(-1)
    assert table["face, dB"].range.low > 0.9


def test_takes_without_faces_do_not_count_and_some_are_needed():
    assert contests([*figures(1.0, 3), {}])["mouth, dB"].takes == 3
    with pytest.raises(InputError, match="no take could be judged"):
        contests([{}])


def face(points: torch.Tensor) -> Face:
    box = torch.cat([points.amin(0), points.amax(0)])
    return Face(box, 1.0, points, torch.ones(68), torch.zeros(3), torch.zeros(53), torch.zeros(4))


@torch.no_grad()
def test_an_error_in_the_mouth_is_told_there():
    dice = torch.Generator().manual_seed(0)
    points = 10 + 40 * torch.rand(68, 2, generator=dice)
    points[48:] = torch.tensor([26.0, 40.0]) + 6 * torch.rand(20, 2, generator=dice)
    points[36:42], points[42:48] = torch.tensor([20.0, 20.0]), torch.tensor([40.0, 20.0])
    truth = torch.randint(0, 200, (64, 64, 3), generator=dice, dtype=torch.uint8)
    drawn = truth.clone()
    drawn[40:46, 26:32] += 50
    moved = points.clone()
    moved[48:, 1] += 2
    judge = FeatureDistance(load_analyser())
    same = _frame_figures(judge, truth, truth, face(points), face(points))
    wrong = _frame_figures(judge, truth, drawn, face(points), face(moved))
    lost = _frame_figures(judge, truth, drawn, face(points), None)
    assert same["face, dB"] == pytest.approx(100, abs=0.01)
    assert same["features"] == same["lips, eye distances"] == 0
    assert wrong["mouth, dB"] < wrong["face, dB"] < 60
    assert wrong["lips, eye distances"] == pytest.approx(0.1)
    assert lost["lips, eye distances"] == 1


def test_a_face_that_nobody_can_read_counts_against_who_drew_it(monkeypatch):
    """It is as bad as a stranger's: left out, the worst takes of a renderer would not count."""
    truth, good, bad = (torch.full((2, 4, 4, 3), shade, dtype=torch.uint8) for shade in (9, 8, 0))
    found = face(torch.rand(68, 2))
    monkeypatch.setattr(comparison, "FeatureDistance", lambda _: None)
    monkeypatch.setattr(comparison, "_face", lambda _, picture: found if picture.any() else None)
    monkeypatch.setattr(comparison, "_frame_figures", lambda *_: dict.fromkeys(list(MEASURES)[:-1], 1.0))
    monkeypatch.setattr(comparison, "likeness_of", lambda *_: (0.1,) * 60)
    take = Take("ann", None, torch.zeros(2, 63), truth)
    told = measure(SimpleNamespace(analyser=None, head=None), take, {GEOMETRIC: good, MINI: bad})
    assert told[GEOMETRIC]["head's shape"] == 0
    assert told[MINI]["head's shape"] == NOBODY
    assert contests([told, told])["head's shape"].gain == -NOBODY


def test_a_film_is_not_animated_without_consent(monkeypatch, tmp_path):
    """To measure with it is to animate who is in it."""
    monkeypatch.setenv("NEO_HOME", str(tmp_path))
    photo, found = torch.zeros(8, 8, 3, dtype=torch.uint8), face(torch.rand(68, 2) * 8)
    monkeypatch.setattr(comparison, "inspect_pictures", lambda path: path)
    monkeypatch.setattr(comparison, "read_pictures", lambda _: iter([photo]))
    monkeypatch.setattr(comparison, "find_portrait", lambda *_: Portrait(photo, found))
    monkeypatch.setattr(comparison, "enrol", lambda *_, **__: pytest.fail("enrolled without consent"))
    with pytest.raises(ConsentRequired, match=r"no consent record covers her\.mp4 for talking-head and reenactment"):
        film_take(SimpleNamespace(analyser=None), Path("her.mp4"), 3)


def test_psnr_of_a_known_error():
    picture = torch.full((1, 3, 8, 8), 0.5)
    assert psnr(picture, picture + 0.1) == pytest.approx(20, abs=1e-3)


def test_a_folder_without_held_out_people_is_refused(tmp_path):
    with pytest.raises(InputError, match="no held-out people found"):
        next(factory_takes(None, tmp_path, tmp_path))
    for number, held_out in enumerate((True, False)):
        path = tmp_path / f"person_{number:08d}.safetensors"
        safetensors_io.save(path, {"photo": torch.zeros(1)}, {"held_out": held_out})
    with pytest.raises(InputError, match="other people found"):
        next(factory_takes(None, tmp_path, tmp_path))
