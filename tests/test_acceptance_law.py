"""acceptance.yaml is checked against duties.yaml when it is loaded."""

from typing import Any

import pytest

from catalog_specs import load
from catalog_specs.law_acceptance_checks import check_acceptance
from catalog_specs.law_checks import CITING
from catalog_specs.law_release_checks import Law


def law(name: str, **changes: Any) -> Law:
    """The law with one file changed."""
    docs = dict(load().documents)
    docs[name] = docs[name].model_copy(update=changes)
    picked: Any = {key: docs[key] for key in (*CITING, "entry", "rules")}
    return Law(**picked)


def element(**changes: Any) -> Law:
    rows = load().duties.acceptance
    return law("duties", acceptance=(rows[0].model_copy(update=changes), *rows[1:]))


def test_what_is_there_is_sound() -> None:
    assert list(check_acceptance(law("acceptance"))) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"evidence": ("archive_acceptance",)}, "no duty of a system takes “archive_acceptance”"),
        ({"evidence": ("metrics",)}, "“metrics” is not in proofs of acceptance.yaml"),
        ({"level": "wish"}, "“wish” is not in levels of acceptance.yaml"),
    ],
)
def test_an_element_that_nobody_can_show_is_told(changes: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in check_acceptance(element(**changes)))


def test_a_state_or_a_reader_that_the_program_asks_for_must_be_there() -> None:
    law_of = load().acceptance
    changed = law("acceptance", table_states=law_of.table_states[1:], readers=law_of.readers[1:])
    told = "\n".join(check_acceptance(changed))
    assert "“covered” is not in the rows" in told and "“reflection” is not in the rows" in told


def test_a_reason_that_is_refused_says_what_to_do() -> None:
    rows = load().acceptance.exclusions
    silent = tuple(row.model_copy(update={"says": None}) for row in rows)
    told = list(check_acceptance(law("acceptance", exclusions=silent)))
    assert told == ["acceptance.yaml: exclusions secret: `refused` and `says` go together; add one"]


def test_the_register_answers_only_what_it_can() -> None:
    rows = load().acceptance.proofs
    wrong = tuple(row.model_copy(update={"by": "register"}) for row in rows[:1])
    told = list(check_acceptance(law("acceptance", proofs=(*wrong, *rows[1:]))))
    assert len(told) == 1 and told[0].startswith("acceptance.yaml: proofs acceptance_checklist: the register")
