import pytest

from neo_core.governance.public_figures import ProtectedPerson, edit_distance, find, protected, screen


@pytest.mark.parametrize(
    "name",
    ["Angela Merkel", "MERKEL, Angela", "Dr. Angela Merkel", "Angela Merkell", "Ángela Mérkel", "Ange1a Merke1",
     "Emmanuel Macorn", "President Emmanuel Macron", "Emmanuel Jean-Michel Macron"],
)  # fmt: skip
def test_public_figures_are_found_in_other_spellings(name):
    with pytest.raises(ProtectedPerson):
        screen(name)


@pytest.mark.parametrize(
    "name",
    ["Angela Markus", "Maria Schmidt", "Ada Example", "Mary", "John Smith", "Malcolm", "Karol", "A", "Kim Lee", "李明"],
)
def test_private_names_pass(name):
    assert find(name) is None
    screen(name)


def test_every_listed_name_finds_itself():
    assert len(protected()) > 500
    assert all(find(title) is not None for title in protected().values())


@pytest.mark.parametrize(
    ("a", "b", "distance"), [("", "abc", 3), ("abcd", "acbd", 1), ("abc", "abd", 1), ("same", "same", 0)]
)
def test_edit_distance(a, b, distance):
    assert edit_distance(a, b) == edit_distance(b, a) == distance
