"""The law files load strictly, every name in them is known, and their examples behave."""

import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

import catalog_specs
from catalog_specs import CORE_FILES
from catalog_specs.law import LAW_FILES
from catalog_specs.law_checks import CITING, check_law
from catalog_specs.law_masking import Detector

FOLDER = Path(catalog_specs.__file__).parent
# what is checked as the law files are: it cites sources and meets them by key
FILES: dict[str, type[BaseModel]] = {name: (LAW_FILES | CORE_FILES)[name] for name in CITING}
Change = Callable[[Any], Any]
ID_WEIGHTS = [pow(2, 17 - i, 11) for i in range(17)]
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))
VIN_WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]


class OneMeaning(yaml.CSafeLoader):
    """Refuses a mapping that names a key twice, which plain YAML would let pass."""


def _mapping(loader: OneMeaning, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"{node.start_mark}: a key stands twice in {keys}"
    return dict(
        zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True)
    )


OneMeaning.add_constructor("tag:yaml.org,2002:map", _mapping)


@cache
def _text(name: str) -> str:
    raw = yaml.load((FOLDER / f"{name}.yaml").read_text("utf-8"), OneMeaning)
    return json.dumps(raw, ensure_ascii=False)


def _read(name: str) -> Any:
    return json.loads(_text(name))


@cache
def _doc(name: str) -> Any:
    return FILES[name].model_validate_json(_text(name))


def _changed(name: str, change: Change) -> dict[str, BaseModel]:
    raw = _read(name)
    change(raw)
    docs = {stem: _doc(stem) for stem in FILES}
    return docs | {name: FILES[name].model_validate_json(json.dumps(raw))}


def _row(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return next(row for row in rows if key in (row.get("key"), row.get("id")))


def _leaves(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            assert isinstance(key, str), f"{key!r} is no text; quote it"
            yield from _leaves(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value, name)
    else:
        yield name, node


# ---- strict reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_read_strictly(name: str) -> None:
    assert isinstance(_doc(name), FILES[name])


def test_no_problem_is_found() -> None:
    assert check_law({name: _doc(name) for name in FILES}) == []


def test_the_files_stay_lean() -> None:
    assert sum((FOLDER / f"{name}.yaml").stat().st_size for name in LAW_FILES) < 200_000


@pytest.mark.parametrize("name", FILES)
def test_codes_and_dates_are_texts(name: str) -> None:
    coded = {"code", "codes", "article", "yearly", "date", "issued", "share_types", "open_types", "open_type"}
    leaves = [(key, value) for key, value in _leaves(_read(name)) if key in coded and value is not None]
    assert [row for row in leaves if not isinstance(row[1], str)] == []


def test_a_misspelt_column_never_loads() -> None:
    with pytest.raises(ValidationError, match="gaurds"):
        _changed("lifecycle", lambda raw: raw["moves"][0].update(gaurds=[]))


def test_a_number_is_no_text() -> None:
    with pytest.raises(ValidationError, match=r"duties\.0\.article"):
        _changed("duties", lambda raw: raw["duties"][0].update(article=1))


# ---- cross-checks -----------------------------------------------------------------------------------------

MISSPELT: list[tuple[str, Change, str]] = [
    ("lifecycle", lambda d: _row(d["moves"], "submit")["guards"].append("grded"), "“grded” is not in guards"),
    ("lifecycle", lambda d: _row(d["moves"], "approve").update(deadline="soon"), "“soon” is not in clocks"),
    ("lifecycle", lambda d: _row(d["moves"], "announce").update(to="anounced"), "“anounced” is not in"),
    ("lifecycle", lambda d: _row(d["moves"], "shelve").update(by=["head"]), "role “steward” stands in"),
    ("lifecycle", lambda d: _row(d["moves"], "endorse").update(never_by_author=False), "never_by_author"),
    ("lifecycle", lambda d: _row(d["moves"], "clear").update(binds_change_class="note"), "does not follow"),
    ("roles", lambda d: _row(d["roles"], "head")["may"].append("endorce"), "“endorce” is not in moves"),
    ("roles", lambda d: _row(d["roles"], "sync_robot")["may"].append("approve"), "a machine decides"),
    ("roles", lambda d: d["exclusive_groups"][0].update(members=["log_auditor"]), "does not list it"),
    ("duties", lambda d: d["duties"].remove(_row(d["duties"], "ZY-21")), "article 21 has 0 rows"),
    ("duties", lambda d: _row(d["duties"], "LPS-24").update(article="23"), "article 23 has 2 rows"),
    ("duties", lambda d: _row(d["duties"], "ZY-05").update(actor=["owner"]), "“owner” is not in units"),
    ("duties", lambda d: _row(d["duties"], "ZY-05")["deadline"].update(yearly="07-31"), "differs from clock"),
    ("duties", lambda d: _row(d["duties"], "LPS-26").update(sources=["S-LPS 38"]), "beyond the 37 articles"),
    ("duties", lambda d: _row(d["duties"], "LPS-26").update(sources=["S-LPZ 26"]), "an unknown source"),
    ("deadlines", lambda d: d["clocks"][0].update({"from": "birth"}), "“birth” is not in events"),
    ("deadlines", lambda d: d["clocks"].append(d["clocks"][0]), "stands twice"),
    ("responsibility", lambda d: d["lists"][0]["annex"].append("colour"), "“colour” is not in columns"),
    ("responsibility", lambda d: d["patterns"][0]["forms"].pop("file"), "“file” is not in its row"),
    ("retirement", lambda d: _row(d["media"], "ssd")["purge"].append("degauss"), "allowed and never"),
    ("retirement", lambda d: _row(d["rules"], "WI2")["params"]["media"].append("sdd"), "“sdd” is not in"),
    ("retirement", lambda d: d["kinds"][0]["mandatory"].append("colour"), "“colour” is not in fields"),
    ("desensitization", lambda d: d["column_hints"]["strong"][0].update(detector="id"), "“id” is not in"),
    ("desensitization", lambda d: d["masked_forms"][0]["detectors"].append("idc"), "“idc” is not in"),
    ("desensitization", lambda d: d["masked_forms"][0]["display"].update(methods=["hash"]), "adequate"),
    ("desensitization", lambda d: d["detectors"][0].update(pattern="^[0-9]$"), "an anchor"),
    ("desensitization", lambda d: d["detectors"][0].update(design=True), "go together"),
    ("ckan", lambda d: d["package"][1].update({"from": "entry.contact_phone"}), "is never sent"),
    ("ckan", lambda d: d["scopes"][0]["guards"].append("fun"), "“fun” is not in guards"),
    ("ckan", lambda d: d["extras"][1].update(to="url"), "the portal has a field of this name"),
    ("ckan", lambda d: d["extras"][1].update(zh=""), "nobody knows what it is called"),
    ("ckan", lambda d: d["scheming"]["presets"].update(colour="text"), "“colour” is not in the rows"),
    ("ckan", lambda d: d["extras"].pop(1), "“target.registry” is not in what the extras tell"),
]


@pytest.mark.parametrize(("name", "change", "words"), MISSPELT, ids=[row[2] for row in MISSPELT])
def test_a_wrong_reference_is_found(name: str, change: Change, words: str) -> None:
    problems = check_law(_changed(name, change))
    assert any(words in problem for problem in problems), problems


def test_a_missing_file_is_named() -> None:
    docs = {name: _doc(name) for name in FILES if name != "roles"}
    assert check_law(docs) == ["roles.yaml: whole file: it is not there; add it"]


# ---- what the law says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "articles"), [("zunyi_2020", 33), ("liupanshui_2025", 37)])
def test_every_article_has_one_row(profile: str, articles: int) -> None:
    numbers = [duty.article for duty in _doc("duties").of(profile) if duty.article.isdigit()]
    assert numbers == [str(n) for n in range(1, articles + 1)]


def test_the_explanation_of_zunyi_has_its_rows() -> None:
    extra = [d.article for d in _doc("duties").of("zunyi_2020") if not d.article.isdigit()]
    assert extra == ["解读3", "解读6", "解读9", "解读11"]


@pytest.mark.parametrize(
    ("clock", "length", "extend"),
    [
        ("share_reply_unconditional", 1, 0),
        ("share_reply_conditional", 10, 10),
        ("share_provide", 20, 0),
        ("correction", 10, 0),
        ("catalog_update", 10, 5),
        ("catalog_audit_publish", 2, 0),
        ("catalog_first_version", 20, 0),
        ("shelf_promise", 10, 0),
        ("open_reply", 15, 15),
    ],
)
def test_working_day_limits(clock: str, length: int, extend: int) -> None:
    row = _doc("deadlines").index[clock]
    assert (row.unit, row.length, row.extend) == ("working_days", length, extend)


@pytest.mark.parametrize(("clock", "date"), [("plan_submission", "06-30"), ("project_reserve", "09-30")])
def test_yearly_limits(clock: str, date: str) -> None:
    assert _doc("deadlines").index[clock].date == date


def test_no_two_of_the_three_officers_in_one_person() -> None:
    officers = ("system_admin", "security_admin", "log_auditor")
    assert all(_doc("roles").clash(a, b) for a in officers for b in officers if a != b)
    assert not _doc("roles").clash("steward", "division_chief")


def test_a_contractor_drafts_and_attaches_only() -> None:
    contractor = _doc("roles").index["contractor"]
    assert set(contractor.may) == {"attach", "edit_draft", "read_catalogue"}
    assert contractor.expires and contractor.named and not contractor.sees_sample_values
    assert all(_doc("roles").clash("contractor", role) for role in set(_doc("roles").index) - {"contractor"})


def test_a_robot_approves_nothing() -> None:
    assert not set(_doc("roles").index["sync_robot"].may) & set(_doc("lifecycle").index)


@pytest.mark.parametrize(
    ("subject", "moves"),
    [
        ("version", "submit clear object endorse approve return announce revise withdraw retire"),
        ("distribution", "attach clear_data shelve suspend resume off_shelf"),
    ],
)
def test_the_moves_are_those_of_the_two_lives(subject: str, moves: str) -> None:
    assert " ".join(move.key for move in _doc("lifecycle").moves if move.subject == subject) == moves


def test_shelving_asks_for_all_nine_gates() -> None:
    gates = {_doc("lifecycle").guard_index[guard].gate for guard in _doc("lifecycle").index["shelve"].guards}
    assert gates - {""} == {f"G{n}" for n in range(1, 10)}


@pytest.mark.parametrize("move", ["clear", "object", "endorse", "approve", "clear_data"])
def test_nobody_reviews_the_own_work(move: str) -> None:
    assert _doc("lifecycle").index[move].never_by_author


def test_a_light_change_asks_for_fewer_signatures() -> None:
    asked = {row.key: [(s.move, s.by[0]) for s in row.signatures] for row in _doc("lifecycle").change_classes}
    assert asked["note"] == [("endorse", "division_chief")]
    assert asked["ordinary"] == [("endorse", "head"), ("approve", "auditor")]
    assert [move for move, _ in asked["major"]] == ["clear", "endorse", "endorse", "approve"]


@pytest.mark.parametrize(
    ("kind", "headings"),
    [
        ("share", "共享信息名称 信息项 数据更新周期 共享服务方式 数据提供方式"),
        ("combined", "共享开放信息名称 信息项 数据更新周期 共享开放服务方式 数据提供方式"),
    ],
    ids=["S-ZY 23", "S-LPS 25"],
)
def test_lists_begin_with_the_columns_of_the_article(kind: str, headings: str) -> None:
    row = next(row for row in _doc("responsibility").lists if row.key == kind)
    assert [column.zh for column in row.article] == headings.split()


@pytest.mark.parametrize(
    ("pattern", "values"), [("query", "ok no no"), ("verify", "ok warn warn"), ("bulk", "warn ok ok")]
)
def test_pattern_and_form(pattern: str, values: str) -> None:
    row = next(row for row in _doc("responsibility").patterns if row.key == pattern)
    assert " ".join(row.forms[form].value for form in ("api", "table", "file")) == values


def test_wipe_rules_are_numbered_without_a_gap() -> None:
    assert [rule.id for rule in _doc("retirement").rules] == [f"WI{n}" for n in range(1, 12)]
    assert {r.id for r in _doc("retirement").rules if r.only_cases == ("retirement",)} == {"WI8", "WI10"}


@pytest.mark.parametrize(
    ("kind", "field"), [("physical", "serial_no"), ("cloud", "key_id"), ("service", "on_site_check")]
)
def test_each_kind_of_wipe_record_has_its_own_fields(kind: str, field: str) -> None:
    assert [row.key for row in _doc("retirement").kinds if field in row.mandatory] == [kind]


def test_phones_systems_and_technical_names_are_never_sent() -> None:
    kept = {row.field for row in _doc("ckan").never_sent}
    assert {"entry.contact_phone", "entry.source_system_id", "item.item_code"} <= kept


# ---- detectors and masks ----------------------------------------------------------------------------------


def _mod11_2(text: str) -> bool:
    total = sum(int(c) * w for c, w in zip(text, ID_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == text[17].upper()


def _luhn(text: str) -> bool:
    digits = [int(c) for c in reversed(text)]
    return sum(d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(digits)) % 10 == 0


def _hkid(text: str) -> bool:
    body = [int(c, 36) for c in text.replace("(", "").replace(")", "")]
    values = [36, *body] if len(body) == 8 else body
    return sum(v * w for v, w in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def _vin(text: str) -> bool:
    values = [int(c) if c.isdigit() else VIN_VALUES[c] for c in text]
    return "0123456789X"[sum(v * w for v, w in zip(values, VIN_WEIGHTS, strict=True)) % 11] == text[8]


def _uscc(text: str) -> bool:
    total = sum(USCC.index(c) * pow(3, i, 31) for i, c in enumerate(text[:17]))
    return USCC[-total % 31] == text[17]


def _org(text: str) -> bool:
    text = text.replace("-", "")
    total = sum(int(c, 36) * w for c, w in zip(text, [3, 7, 9, 10, 5, 8, 4, 2], strict=False))
    return "0X987654321"[total % 11] == text[8]


def _ipv6(text: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


CHECKS: dict[str, Callable[[str], bool]] = {
    "mod11_2": _mod11_2, "luhn": _luhn, "hkid": _hkid, "vin": _vin, "uscc": _uscc, "org": _org, "ipv6": _ipv6,
}  # fmt: skip
DETECTORS: tuple[Detector, ...] = _doc("desensitization").detectors


def _passes(detector: Detector, value: str) -> bool:
    part = {"all": value, "first_18": value[:18], "last_18": value[-18:]}[detector.check_part]
    return detector.check not in CHECKS or CHECKS[detector.check](part)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda row: row.key)
def test_detector_examples(detector: Detector) -> None:
    pattern = re.compile(detector.pattern)
    assert all(pattern.fullmatch(value) and _passes(detector, value) for value in detector.ok)
    assert not any(pattern.fullmatch(value) for value in detector.bad)
    assert all(pattern.fullmatch(value) and not _passes(detector, value) for value in detector.bad_check)


def test_every_check_digit_has_a_failing_example() -> None:
    assert [row.key for row in DETECTORS if row.check in CHECKS and not row.bad_check] == []


def test_names_begin_with_a_known_surname() -> None:
    assert len(_doc("desensitization").surnames.single) == len(set(_doc("desensitization").surnames.single))
    assert (
        "张" in _doc("desensitization").surnames.single
        and "欧阳" in _doc("desensitization").surnames.compound
    )


@pytest.mark.parametrize("row", _doc("desensitization").masked_ok, ids=lambda row: row.key)
def test_masked_values_pass_and_plain_ones_do_not(row: Any) -> None:
    assert all(re.fullmatch(row.pattern, value) for value in row.ok)
    assert not any(re.fullmatch(row.pattern, value) for value in row.bad)


@pytest.mark.parametrize(
    ("share", "values", "verdict"),
    [
        pytest.param(0.5, 10, "identifier", id="R8 half"),
        pytest.param(0.3, 1000, "undecided", id="R8 between"),
        pytest.param(0.1, 100, "look_alike", id="R8 serials"),
        pytest.param(0.1, 99, "undecided_few", id="R8 few values"),
        pytest.param(0.01, 9, "none", id="R8 chance"),
    ],
)
def test_verdicts_by_pass_rate(share: float, values: int, verdict: str) -> None:
    rows = _doc("desensitization").verdicts
    assert next(r.key for r in rows if share >= r.at_least and values >= r.min_values) == verdict


@pytest.mark.parametrize(("open_type", "k", "risk"), [("1", 20, 0.05), ("2", 5, 0.2)])
def test_class_sizes_by_open_type(open_type: str, k: int, risk: float) -> None:
    model = next(m for m in _doc("desensitization").sharing_models if m.open_type == open_type)
    assert (model.k, model.risk_max) == (k, risk)
    assert 1 / model.k <= model.risk_max


@pytest.mark.parametrize("name", ["身份证号", "手机号", "病历号"], ids=lambda name: f"R11 {name}")
def test_strong_names_are_whole_names(name: str) -> None:
    strong = {n: row.detector for row in _doc("desensitization").column_hints.strong for n in row.names}
    assert strong[name] in {row.key for row in DETECTORS}
