"""Invented people: the same for a seed, real in form, and opened only in groups that are large enough."""

import csv
import io
from collections import Counter

import pytest

from registry.synthetic_people import PeopleFile, invented_people, kept_file, opened_file
from registry.synthetic_words import words
from validators.codes import identity_number_ok

PEOPLE = invented_people(3000)


def rows(file: PeopleFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))


def test_the_same_seed_gives_the_same_people() -> None:
    assert invented_people(40, seed=7) == invented_people(40, seed=7)
    assert invented_people(40, seed=7) != invented_people(40, seed=8)


def test_people_are_born_where_and_when_the_words_say() -> None:
    plan = words().people_files
    assert {person.identity[:6] for person in PEOPLE} == set(plan.counties)
    assert {person.born.year for person in PEOPLE} == set(range(plan.born[0], plan.born[1] + 1))


def test_an_identity_number_tells_birth_and_sex() -> None:
    for person in PEOPLE:
        assert identity_number_ok(person.identity)
        assert person.identity[6:14] == f"{person.born:%Y%m%d}"
        assert (int(person.identity[16]) % 2 == 1) == (person.sex == "男")


def test_the_kept_file_holds_what_identifies() -> None:
    file = kept_file(PEOPLE)
    first = rows(file)[0]
    assert file.name == f"{words().people_files.kept.name}.csv"
    assert (file.rows, file.left_out) == (3000, 0)
    assert (first["公民身份号码"], first["手机号"], first["姓名"]) == (
        PEOPLE[0].identity,
        PEOPLE[0].phone,
        PEOPLE[0].name,
    )


@pytest.mark.parametrize(("open_type", "least"), [("2", 5), ("1", 20)])
def test_an_opened_file_reaches_its_k(open_type: str, least: int) -> None:
    file = opened_file(PEOPLE, open_type)
    sizes = Counter(tuple(row[name] for name in file.quasi) for row in rows(file))
    assert file.k == least <= min(sizes.values())
    assert file.rows == sizes.total() == 3000 - file.left_out
    assert file.left_out < 300


@pytest.mark.parametrize("open_type", ["1", "2"])
def test_an_opened_file_holds_nothing_that_identifies(open_type: str) -> None:
    text = opened_file(PEOPLE, open_type).content.decode("utf-8-sig")
    values = {v for p in PEOPLE for v in (p.name, p.identity, p.phone, p.address)}
    cells = {cell for row in csv.reader(io.StringIO(text)) for cell in row}
    assert cells & values == set()


def test_what_has_no_recipe_cannot_be_opened() -> None:
    with pytest.raises(ValueError, match="open type 3"):
        opened_file(PEOPLE, "3")
