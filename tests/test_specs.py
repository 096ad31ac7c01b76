"""The specification files: read strictly, checked against one another, changed by a folder laid over them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog_specs import FOLDER, SpecError, Specs, default_profile, load, profile_of_region, profiles
from catalog_specs.model import FieldType
from tests.examples import good
from tests.judging import errors, reasons, rules
from validators.assess import engine_of
from validators.checkers import checker

Overlay = Callable[..., Specs]
CHINESE = re.compile("[一-鿿]")


@pytest.fixture
def overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Overlay:
    """Load the specifications with some of their files laid over, e.g. ``overlay(sharing={...})``."""

    def laid(profile: str = "zunyi_2020", **files: Any) -> Specs:
        for name, content in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(
                content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
            )
        monkeypatch.setenv("MULU_SPECS", str(tmp_path))
        return load(profile)

    return laid


# ---- what is there ----


def test_both_cities_load_and_differ() -> None:
    assert set(profiles()) == {"zunyi_2020", "liupanshui_2025"}
    assert default_profile() == "zunyi_2020"
    assert load("zunyi_2020").digest != load("liupanshui_2025").digest
    assert load() is load("zunyi_2020")


@pytest.mark.parametrize("profile", ["zunyi_2020", "liupanshui_2025"])
def test_every_rule_of_a_city_compiles(profile: str) -> None:
    assert engine_of(load(profile)).specs.profile.key == profile


@pytest.mark.parametrize(
    ("region", "profile"),
    [("520300", "zunyi_2020"), ("520381", "zunyi_2020"), ("520281", "liupanshui_2025"), ("520100", None)],
)
def test_a_region_tells_the_city(region: str, profile: str | None) -> None:
    assert profile_of_region(region) == profile


def test_an_agency_of_the_other_city_is_told(specs: Specs) -> None:
    assert rules(good("OK04"), specs) == []
    assert rules(good("OK04"), load("liupanshui_2025")) == ["W205"]


def test_no_field_has_the_name_of_another(specs: Specs) -> None:
    for part in (specs.entry.fields, specs.entry.items):
        names = [name for field in part for name in (field.zh, *field.aliases)]
        assert len(names) == len(set(names))


def test_every_field_says_what_it_needs(specs: Specs) -> None:
    for field in (*specs.entry.fields, *specs.entry.items):
        assert field.sources and field.zh and field.en, field.key
        assert bool(field.parts) == (field.type in (FieldType.BASIS, FieldType.RECORD, FieldType.RECORDS)), (
            field.key
        )
        assert field.max_value > field.min_value or field.type is not FieldType.INTEGER, field.key


def test_every_rule_speaks_both_languages(specs: Specs) -> None:
    for rule in specs.book.rules:
        for text in (rule.title, rule.message, rule.fix, *rule.reasons.values()):
            assert CHINESE.search(text.zh) or text.zh == "" or "{reason}" in text.zh, rule.id
            assert not CHINESE.search(text.en), (rule.id, text.en)


def test_the_statutory_minimum_is_asked_for(specs: Specs) -> None:
    # S1 13: name, items, provider, format, cycle, share type, mode, conditions, class and grade
    assert {"E101", "E107", "E111", "E114", "E121", "W210"} <= {
        rule.id for rule in specs.book.rules if "S1 13" in rule.sources or rule.id in ("E111", "W210")
    }
    wanted = next(rule for rule in specs.book.rules if rule.id == "E101").checks[0].model_extra
    assert wanted == {
        "fields": [
            "resource_name",
            "provider_name",
            "provider_code",
            "share_type",
            "open_type",
            "update_cycle",
            "format_category",
        ]
    }


# ---- strict reading ----


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"sharing": {"matrix_shared": {}}}, "sharing.yaml"),
        ({"sharing": {"matrix_share": {"g1": ["ok", "ok", "maybe"]}}}, "sharing.yaml"),
        ({"sharing": {"matrix_share": {"g9": ["ok", "ok", "ok"]}}}, "matrix_share"),
        ({"sharing": {"matrix_cross": {"4": {"1": "ok", "2": "ok", "3": "ok"}}}}, "matrix_cross"),
        ({"responsibility": {"forms": [{"key": "api", "code": "2"}]}}, "share_mode_type"),
        ({"sharing": {"wording": {"split_patterns": ["(?P<scope>"]}}}, "正则"),
        ({"sharing": {"wording": {"negations": ["(无需"]}}}, "正则"),
        ({"grading": {"floor": "g0"}}, "g0"),
        ({"grading": {"no_mask": ["("]}}, "正则"),
        ({"grading": {"of_bodies": ["wallet"]}}, "wallet"),
        ({"grading": {"person_subjects": ["人", "狗"]}}, "狗"),
        ({"grading": {"always_masked": ["shoe_size"]}}, "shoe_size"),
        ({"entry": {"fields": [{"key": "share_type", "codes": "no_such_list"}]}}, "no_such_list"),
        ({"entry": {"fields": [{"key": "share_type", "group": "elsewhere"}]}}, "elsewhere"),
        ({"entry": {"fields": [{"key": "resource_name", "max_len": 0}]}}, "max_len"),
        ({"entry": {"fields": [{"key": "resource_name", "colour": "red"}]}}, "entry.yaml"),
        ({"entry": {"national_order": ["shoe_size"]}}, "shoe_size"),
        ({"rules": {"rules": [{"id": "E101", "level": "warning"}]}}, "E101"),
        ({"rules": {"rules": [{"id": "E101", "checks": []}]}}, "E101"),
        ({"rules": {"rules": [{"id": "E101", "sources": ["S77 1"]}]}}, "S77 1"),
        ({"rules": {"rules": [{"id": "E101", "message": {"zh": "{field}缺", "en": "missing"}}]}}, "E101"),
        (
            {"rules": {"rules": [{"id": "E109", "checks": [{"checker": "known_code", "fields": ["hat"]}]}]}},
            "hat",
        ),
        ({"rules": {"rules": [{"id": "W230", "checks": []}]}}, "W230"),
        ({"profiles__zunyi_2020": {"city": "999999"}}, "999999"),
        ({"profiles__zunyi_2020": {"law": "S-NOWHERE"}}, "S-NOWHERE"),
        ({"codes__share_type": {"key": "other"}}, "share_type.yaml"),
        ({"sharing": "matrix_share: [\n"}, "sharing.yaml"),
        ({"grading": "on: true\n"}, "grading.yaml"),
        ({"codes__share_type": "values: [{code: 1, zh: 一}]\n"}, "share_type.yaml"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_refuses_a_wrong_file_and_names_it(files: dict[str, Any], told: str, overlay: Overlay) -> None:
    with pytest.raises(SpecError, match=re.escape(told)):
        overlay(**files)


def test_it_refuses_an_unknown_city() -> None:
    with pytest.raises(SpecError, match="zunyi_2020"):
        load("guiyang_2030")


def test_it_refuses_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_SPECS", str(tmp_path / "nowhere"))
    with pytest.raises(SpecError, match="MULU_SPECS"):
        load("zunyi_2020")


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ({"checker": "gut_feeling"}, "gut_feeling"),
        ({"checker": "credit_code"}, "field"),
        ({"checker": "credit_code", "field": "provider_code", "mood": "bad"}, "mood"),
    ],
)
def test_it_refuses_a_checker_that_does_not_fit(check: dict[str, str], told: str, overlay: Overlay) -> None:
    specs = overlay(rules={"rules": [{"id": "E103", "checks": [check]}]})
    with pytest.raises(SpecError, match=f"E103.*{told}"):
        engine_of(specs)


def test_no_two_checkers_have_one_name() -> None:
    with pytest.raises(ValueError, match="credit_code"):
        checker("credit_code")(lambda: None)


# ---- a city's own values ----


def test_a_city_changes_a_cell_and_nothing_else(specs: Specs, overlay: Overlay) -> None:
    ours = overlay(sharing={"matrix_share": {"g1": ["ok", "deny", "basis"]}})
    assert ours.sharing.matrix_share == {**specs.sharing.matrix_share, "g1": ("ok", "deny", "basis")}
    assert ours.sharing.matrix_open == specs.sharing.matrix_open
    assert ours.rules == specs.rules


def test_a_city_rewords_a_rule(overlay: Overlay) -> None:
    specs = overlay(rules={"rules": [{"id": "E101", "title": {"zh": "缺项", "en": "gap"}}]})
    assert specs.rules["E101"].title.zh == "缺项"
    assert len(specs.rules) == len(yaml.safe_load((FOLDER / "rules.yaml").read_text("utf-8"))["rules"])


def test_a_city_adds_a_code(overlay: Overlay) -> None:
    row = {"code": "每三年", "zh": "每三年", "en": "every three years", "attrs": {"rank": 9}}
    specs = overlay(codes__update_cycle={"values": [row]})
    assert errors(good("OK11", update_cycle="每三年"), specs) == set()


def test_a_city_adds_a_law(overlay: Overlay) -> None:
    law = {"title": "中华人民共和国档案法", "level": "法律", "status": "in_force", "sources": ["S11"]}
    use = {"article": "第二十七条", "uses": ["not_share"], "zh": "未开放的档案"}
    base = yaml.safe_load((FOLDER / "basis.yaml").read_text("utf-8"))
    specs = overlay(basis={"laws": [*base["laws"], law | {"articles": [use]}]})
    row = {"level": "法律", "title": "档案法", "article": "第27条"}
    assert reasons(good("OK09", non_share_basis=[row]), "E112", specs) == []


def test_a_city_turns_a_rule_off_by_its_parameters(overlay: Overlay) -> None:
    check = {"checker": "required", "fields": ["resource_name"]}
    specs = overlay(rules={"rules": [{"id": "E101", "checks": [check]}]})
    assert rules(good("OK04", provider_name=None), specs) == []


def test_the_digest_follows_the_content(specs: Specs, overlay: Overlay) -> None:
    changed = overlay(sharing={"no_system": ["无系统"]})
    assert len(changed.digest) == 64
    assert changed.digest != specs.digest
