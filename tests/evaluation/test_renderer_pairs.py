"""Pairs are dealt evenly and unlabelled, and verdicts are counted by the key."""

import json
from types import SimpleNamespace

import pytest
import torch

from neo_core.data_types import InputError
from neo_core.evaluation.renderer_comparison import GEOMETRIC, MINI, Take
from neo_core.evaluation.renderer_pairs import GAP, MOMENTS, count, deal, fingerprint, read_verdicts
from neo_core.media.image import read_photo

SHADE = {GEOMETRIC: 40, MINI: 200}


def take(name: str, moments: int = 6) -> Take:
    photo = torch.full((16, 12, 3), 120, dtype=torch.uint8)
    return Take(name, SimpleNamespace(photo=photo), torch.zeros(moments, 63), torch.zeros(moments, 16, 12, 3).byte())


def painter(shade: int):
    return lambda part: torch.full((len(part.motion), 16, 12, 3), shade, dtype=torch.uint8)


RENDERERS = {name: painter(shade) for name, shade in SHADE.items()}


@pytest.fixture
def dealt(tmp_path):
    folder, key = tmp_path / "pairs", tmp_path / "key.json"
    return list(deal([take("ann"), take("ben")], RENDERERS, folder, key, 10, 3)), key


def test_every_portrait_and_every_side_comes_as_often(dealt):
    paths, key = dealt
    stored = json.loads(key.read_text())
    assert [path.name for path in paths] == [f"pair_{number:02d}.png" for number in range(1, 11)]
    left = [pair["left"] for pair in stored["pairs"].values()]
    assert left.count(MINI) == left.count(GEOMETRIC) == 5
    assert left != sorted(left)
    assert sorted(stored["portraits"].values()) == ["ann"] * 5 + ["ben"] * 5


def test_sheets_show_what_the_key_says_and_differ_in_nothing_else(dealt):
    paths, key = dealt
    pairs = json.loads(key.read_text())["pairs"]
    for path, pair in zip(paths, pairs.values(), strict=True):
        picture = read_photo(path)
        assert picture.shape == (16 * (1 + MOMENTS // 2), 2 * 24 + GAP, 3)
        assert picture[20, 2, 0] == SHADE[pair["left"]]
        assert picture[20, -2, 0] == SHADE[pair["right"]]
        assert torch.equal(picture[:16, :24], picture[:16, 24 + GAP :])


def test_a_few_moments_make_a_sheet_too(tmp_path):
    paths = list(deal([take("ann", 1)], RENDERERS, tmp_path / "pairs", tmp_path / "key.json", 2, 0))
    assert read_photo(paths[0]).shape == (32, 2 * 24 + GAP, 3)


def test_the_same_seed_deals_the_same(dealt, tmp_path):
    again, other = tmp_path / "again.json", tmp_path / "other.json"
    list(deal([take("ann"), take("ben")], RENDERERS, tmp_path / "b", again, 10, 3))
    list(deal([take("ann"), take("ben")], RENDERERS, tmp_path / "c", other, 10, 4))
    assert fingerprint(again) == fingerprint(dealt[1]) != fingerprint(other)


def test_without_a_seed_nobody_can_deal_the_same(tmp_path):
    """Reviewers have this code: what they could compute would not be blind, whatever was published of the key."""
    deals = set()
    for name in "abcd":
        key = tmp_path / f"{name}.json"
        list(deal([take("ann", 1)], RENDERERS, tmp_path / name, key, 12))
        stored = json.loads(key.read_text())
        deals.add(json.dumps(stored["pairs"]))
        again = tmp_path / "again.json"
        list(deal([take("ann", 1)], RENDERERS, tmp_path / name, again, 12, stored["seed"]))
        assert fingerprint(again) == fingerprint(key)
    assert len(deals) > 1


def test_a_key_among_the_sheets_is_refused(tmp_path):
    with pytest.raises(InputError, match="found in the folder that reviewers get"):
        next(deal([take("ann")], RENDERERS, tmp_path, tmp_path / "key.json", 2, 0))


def test_verdicts_are_counted_by_the_key(dealt, tmp_path):
    _, key = dealt
    pairs = json.loads(key.read_text())["pairs"]
    sides = [next(side for side, name in pair.items() if name == MINI) for pair in pairs.values()]
    lines = [f"{number} {side}: because" for number, side in enumerate(sides[:7], 1)]
    verdicts = tmp_path / "verdicts.txt"
    verdicts.write_text("\n".join(["# a reviewer", *lines, "", "8 same", "09 same: no difference", "10 same"]))
    assert count(verdicts, key) == {MINI: 7, "same": 3}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("1 leftish", "expected a pair's number"), ("1 left\n01 right", "found twice"), ("1 left", "on every pair")],
)
def test_verdicts_that_cannot_be_counted(dealt, tmp_path, text, complaint):
    verdicts = tmp_path / "verdicts.txt"
    verdicts.write_text(text)
    with pytest.raises(InputError, match=complaint):
        count(verdicts, dealt[1])
    if complaint == "on every pair":
        assert read_verdicts(verdicts) == {"01": "left"}
