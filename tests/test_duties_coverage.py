"""Coverage: no article without its duty, no gate that nothing keeps, no evidence that nobody can bring."""

from typing import Any

import pytest

from catalog_specs import Specs
from catalog_specs.coverage import cites, coverage
from catalog_specs.law_checks import check_law
from catalog_specs.law_obligations import Obligations
from registry.dictionary import PAGES, duties_page
from registry.duty_derived import PROBES
from registry.duty_gates import PLAN
from validators.obligations import is_told

ARTICLES = {
    "S-ZY": [*(str(n) for n in range(1, 34)), "解读3", "解读6", "解读9", "解读11"],
    "S-LPS": [str(n) for n in range(1, 38)],
}


def test_every_article_of_both_measures_has_exactly_one_duty(specs: Specs) -> None:
    rows = coverage(specs)
    for source, articles in ARTICLES.items():
        assert [row.article for row in rows if row.source == source] == articles
    assert all(len(row.duties) == 1 for row in rows)


def test_the_table_shows_every_article(specs: Specs) -> None:
    text = duties_page(specs)
    assert PAGES["duties.zh-CN.md"] is duties_page
    for duty in specs.duties.duties:
        assert f"| {duty.article} | {duty.id} | {duty.zh} |" in text


def test_every_gate_is_kept_by_something_that_is_there(specs: Specs) -> None:
    documents: dict[str, Any] = dict(specs.documents)
    lifecycle = documents["lifecycle"]
    asked = {guard for move in lifecycle.moves for guard in move.guards}
    for row in coverage(specs):
        gated = [gate for duty in row.duties for gate in duty.gates]
        assert {kept.gate for kept in row.kept} == set(gated)
        for gate in gated:
            kept = specs.obligations.enforced_index[gate]
            if kept.by == "guards":
                assert kept.guards and set(kept.guards) <= asked
            elif kept.by == "moves":
                assert all(gate in specs.systems.move_index[key].gates for key in kept.moves)
            else:
                assert (gate, kept.kinds) == (PLAN, ("plan_document",))


def test_every_gate_of_a_move_of_systems_is_a_gate_of_some_article(specs: Specs) -> None:
    gates = {gate for duty in specs.duties.duties for gate in duty.gates}
    assert {gate for move in specs.systems.moves for gate in move.gates} <= gates


def test_every_probe_is_there_and_none_is_idle(specs: Specs) -> None:
    assert {row.probe for row in specs.obligations.derived} == set(PROBES)


def test_what_is_asked_for_can_be_brought(specs: Specs) -> None:
    for duty in specs.duties.duties:
        if not is_told(duty):
            assert duty.evidence, duty.id
            assert duty.actor, duty.id


def test_papers_of_acceptance_are_taken_by_some_duty_of_their_city(specs: Specs) -> None:
    told = {row.key for row in specs.obligations.derived if not row.by_hand and not row.duties}
    for element in specs.duties.acceptance:
        taken = {kind for duty in specs.duties.of(element.profile) for kind in duty.evidence}
        assert set(element.evidence) <= taken | told, element.key


@pytest.mark.parametrize(
    ("citation", "article", "named"),
    [
        ("S-ZY 21(二)", "21", True),
        ("S-ZY 2", "21", False),
        ("S-ZY 解读9", "解读9", True),
        ("S-ZY 解读9", "9", False),
        ("S-ZY 9-15", "12", True),
        ("S-LPS 21", "21", False),
        ("DESIGN", "1", False),
    ],
)
def test_a_citation_names_its_article_alone(citation: str, article: str, named: bool) -> None:
    assert cites(citation, "S-ZY", article) is named


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"enforced": ()}, "enforced: gate “acceptance” has 0 rows"),
        ({"derived": ()}, ""),
        ({"answerers": ()}, "“owner_unit” is not in answerers"),
        ({"says": ()}, "“external” is not in the rows; the program says it"),
        ({"ended": "gone"}, "“gone” is not in lives of systems.yaml"),
    ],
)
def test_wrong_obligations_are_named(specs: Specs, change: dict[str, Any], said: str) -> None:
    documents = dict(specs.documents)
    documents["obligations"] = Obligations.model_validate(specs.obligations.model_dump() | change)
    problems = check_law(documents)
    assert any(said in one for one in problems) if said else problems == []
