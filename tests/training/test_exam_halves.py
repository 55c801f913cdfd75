"""Nobody is searched with and judged on."""

from types import SimpleNamespace

from neo_core.training.exam_halves import bench_half, search_half


def films(people):
    return [SimpleNamespace(person=person, part=part) for person in people for part in (0, 1)]


def test_halves_share_no_person_and_leave_nobody_out():
    both = films(8 * k + 7 for k in range(200))
    searched, judged = search_half(both), bench_half(both)
    assert not {film.person for film in searched} & {film.person for film in judged}
    assert len(searched) + len(judged) == len(both)
    assert 0.4 < len(judged) / len(both) < 0.6


def test_a_person_is_in_the_same_half_whatever_else_is_in_the_folder():
    few, many = films([15, 47, 71]), films(8 * k + 7 for k in range(40))
    assert {f.person for f in bench_half(few)} == {f.person for f in bench_half(many)} & {15, 47, 71}
