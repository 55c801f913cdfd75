"""A file of weights tells of every recipe that it went through."""

from neo_core.training.made import after

NOW = {"recipe": "train b", "minutes": 2.5, "steps": 30, "seed": 0, "data": "more films"}


def test_recipes_follow_each_other():
    before = {"recipe": "train a", "minutes": 4.0, "steps": 100, "licences": ["CC0"], "data": "films"}
    told = {"recipe": "train a; train b", "minutes": 6.5, "steps": 130}
    assert after(before, NOW) == {**told, "seed": 0, "data": "more films", "licences": ["CC0"]}
    assert before["steps"] == 100


def test_a_file_without_a_story_adds_nothing():
    assert after({}, NOW) == NOW
