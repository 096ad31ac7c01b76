"""Demonstration data: the same for a seed, good where meant to be good, wrong in every way the rules know."""

import copy
import json
import random
from collections import Counter
from datetime import date
from itertools import islice

import pytest
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from catalog_specs import load
from catalog_specs.model import Level
from registry.synthetic import FAULTS, PAIRS, CreditCodeProvider, Demo, demonstration, many
from registry.synthetic_words import words
from validators import codes
from validators.assess import assess, assess_all
from validators.case import Facts

FACTS = Facts(today=date(2026, 1, 1))
SPECS = load()
GOOD = demonstration(wrong=0.0)
SPOILT = demonstration()


def rules_by_entry(demo: Demo) -> list[tuple[str, frozenset[str]]]:
    """Each entry's name with the rules that it breaks, judged beside the others of its city."""
    found = []
    for profile, entries in demo.by_profile().items():
        judged = assess_all(entries, load(profile), facts=FACTS)
        names = (entry["resource_name"] for entry in entries)
        found += [(n, frozenset(f.rule for f in a.findings)) for n, a in zip(names, judged, strict=True)]
    return found


def decided_rules() -> set[str]:
    """Rules that a check decides; secret content never stands in demonstration data."""
    return {r.id for r in SPECS.rules.values() if r.checks and r.level is not Level.NOTE} - {"E125"}


def test_the_same_seed_gives_the_same_catalogue() -> None:
    assert demonstration(7) == demonstration(7)
    assert demonstration(7) != demonstration(8)
    assert list(many(50, seed=3)) == list(many(50, seed=3))
    assert list(many(50, seed=3)) != list(many(50, seed=4))


def test_it_has_the_size_that_was_asked_for() -> None:
    assert (len(SPOILT.agencies), len(SPOILT.systems), len(SPOILT.entries)) == (12, 30, 300)
    small = demonstration(agencies=3, systems=4, entries=20)
    assert (len(small.agencies), len(small.systems), len(small.entries)) == (3, 4, 20)
    assert demonstration(agencies=1, systems=0, entries=1, wrong=1.0).entries[0]["source_system_id"]


@pytest.mark.parametrize(
    "wanted", [{"agencies": 25}, {"agencies": 0}, {"systems": 40}, {"entries": 9000}], ids=str
)
def test_it_refuses_more_than_its_words_can_tell_apart(wanted: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at most|has words"):
        demonstration(**wanted)  # type: ignore[arg-type]


def test_good_entries_have_no_finding() -> None:
    assert [row for row in rules_by_entry(GOOD) if row[1]] == []


def test_both_cities_with_all_departments_have_no_finding() -> None:
    large = demonstration(5, agencies=24, systems=72, entries=1200, wrong=0.0)
    assert [row for row in rules_by_entry(large) if row[1]] == []


@pytest.mark.parametrize("seed", [2026, 1, 2])
def test_every_rule_is_broken_somewhere(seed: int) -> None:
    broken = {rule for _, rules in rules_by_entry(demonstration(seed)) for rule in rules}
    assert broken == decided_rules()


def test_no_more_than_a_fifth_is_wrong() -> None:
    errors = [row for row in rules_by_entry(SPOILT) if any(rule.startswith("E") for rule in row[1])]
    assert 30 <= len(errors) <= 60


def test_a_rule_is_broken_alone_where_the_entry_suits_it() -> None:
    assert Counter(len(rules) for _, rules in rules_by_entry(SPOILT))[1] >= 45


@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_breaks_its_rule_in_any_good_entry(rule: str) -> None:
    rng = random.Random(1)
    for entry in GOOD.entries[::7]:
        spoilt = copy.deepcopy(entry)
        FAULTS[rule](spoilt, rng)
        assert rule in {f.rule for f in assess(spoilt, SPECS, facts=FACTS).findings}, entry["resource_name"]


def test_a_fault_leaves_the_lists_of_an_entry_alone() -> None:
    rng = random.Random(1)
    for entry in GOOD.entries[::30]:
        before = json.dumps(entry, ensure_ascii=False)
        for fault in FAULTS.values():
            fault(dict(entry), rng)
        assert json.dumps(entry, ensure_ascii=False) == before


def test_every_decided_rule_has_a_fault() -> None:
    assert set(FAULTS) | set(PAIRS) == decided_rules()


def test_agencies_and_systems_hang_together() -> None:
    agencies = {row["code"]: row for row in SPOILT.agencies}
    systems = {row["id"]: row for row in SPOILT.systems}
    assert {row["profile"] for row in SPOILT.systems} == {"zunyi_2020", "liupanshui_2025"}
    assert {row["class"] for row in SPOILT.systems} <= {v.code for v in SPECS.codes["system_class"].values}
    for entry in GOOD.entries:
        agency = agencies[entry["provider_code"]]
        assert agency["name"] == entry["provider_name"]
        assert systems[entry["source_system_id"]]["agency_code"] == agency["code"]


def test_about_half_of_the_codes_are_given_and_those_are_of_our_own_form() -> None:
    given_codes = [entry["resource_code"] for entry in GOOD.entries if "resource_code" in entry]
    assert 120 <= len(given_codes) <= 180
    assert len(set(given_codes)) == len(given_codes)
    assert all(SPECS.resource_code.strict.fullmatch(code) for code in given_codes)
    assert {code[:8] for code in given_codes} == {"30702403", "30702402"}


def test_the_vocabulary_is_as_large_as_it_says() -> None:
    assert sum(len(department.themes) for department in words().departments) >= 60
    assert len({name for d in words().departments for t in d.themes for name in (t.name, *t.kinds)}) >= 150
    listed = {name for d in words().departments for t in d.themes for name in t.items}
    assert listed == set(words().items)


@given(
    seed=st.integers(0, 2**32),
    head=st.sampled_from(["11", "12"]),
    region=st.sampled_from(["520300", "520281"]),
)
def test_credit_codes_carry_their_check_characters(seed: int, head: str, region: str) -> None:
    fake = Faker("zh_CN")
    fake.seed_instance(seed)
    provider = CreditCodeProvider(fake)
    code = provider.unified_social_credit_code(head, region)
    assert codes.credit_code_fault(code, SPECS.credit_code) == ""
    assert code.startswith(head + region)
    assert codes.organisation_code_ok(provider.organisation_code(), SPECS.credit_code)


def test_the_provider_can_be_added_to_faker() -> None:
    fake = Faker("zh_CN")
    fake.add_provider(CreditCodeProvider)
    assert len(fake.unified_social_credit_code()) == 18


def test_many_entries_are_varied_and_mostly_good() -> None:
    entries = list(many(3000, items=5))
    assert len({entry["resource_name"] for entry in entries}) > 2990  # but for the faults that rename
    names = {item["item_name"] for entry in entries for item in entry.get("items", ())}
    assert len(names) > 4000
    judged = assess_all(entries, SPECS, facts=FACTS)
    wrong = [a for a in judged if a.of_level(Level.ERROR, SPECS)]
    assert 0.005 < len(wrong) / len(entries) < 0.03


@pytest.mark.parametrize("items", [1, 5, 40])
def test_many_gives_as_many_items_as_asked_for(items: int) -> None:
    counts = Counter(len(entry.get("items", ())) for entry in islice(many(400, items=items), 400))
    assert counts[items] > 380
