"""The code lists as they lie in YAML, read without the loader: a fault of one must not hide the other's."""

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml

SPECS = Path(__file__).parent.parent / "catalog_specs"
LISTS = sorted(path.stem for path in (SPECS / "codes").glob("*.yaml"))
CITING = [*(f"codes/{key}" for key in LISTS), "resource_code", "credit_code", "basis"]
MARKS = {"code", "zh", "en", "aliases", "attrs", "unverified", "design", "note"}
COUNTS = {  # as many values as each published list has
    "share_type": 3,
    "open_type": 3,
    "open_level": 2,
    "share_mode_category": 3,
    "share_mode_type": 3,
    "update_cycle": 13,
    "application_scene": 4,
    "data_kind": 6,
    "data_grade_s4": 4,
    "data_domain": 27,
    "catalog_tag": 50,
    "central_dept": 69,
    "system_class": 5,
    "format_category": 7,
    "data_type": 11,
    "data_grade": 7,
    "data_class": 21 + 20 + 3,
    "regions": 10 + 4 + 14 + 3,
}


def read(name: str) -> Any:
    return yaml.load((SPECS / f"{name}.yaml").read_text("utf-8"), yaml.CSafeLoader)


def values(key: str) -> list[dict[str, Any]]:
    return read(f"codes/{key}")["values"]


def by_code(key: str) -> dict[str, dict[str, Any]]:
    return {value["code"]: value for value in values(key)}


def fold(word: str) -> str:
    return "".join(unicodedata.normalize("NFKC", word).casefold().split())


def words(value: dict[str, Any]) -> set[str]:
    return {fold(word) for word in (value["code"], value["zh"], *value.get("aliases", []))}


def shown(key: str, attr: str) -> dict[str, Any]:
    return {value["code"]: value["attrs"][attr] for value in values(key)}


def picked(key: str, attr: str) -> list[str]:
    return [code for code, value in shown(key, attr).items() if value]


@pytest.mark.parametrize("key", LISTS)
def test_a_list_is_named_like_its_file_and_in_both_languages(key):
    listed = read(f"codes/{key}")
    assert listed["key"] == key
    assert listed["zh"] and listed["en"] and listed["values"]


@pytest.mark.parametrize("key", LISTS)
def test_codes_are_unique_strings(key):
    codes = [value["code"] for value in values(key)]
    assert all(isinstance(code, str) for code in codes)
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("key", LISTS)
def test_every_value_has_only_known_keys_and_text_in_both_languages(key):
    for value in values(key):
        assert value.keys() <= MARKS, value
        texts = [value["zh"], value["en"], *value.get("aliases", [])]
        assert all(isinstance(text, str) and text for text in texts), value


@pytest.mark.parametrize("key", LISTS)
def test_no_word_stands_for_two_values(key):
    owner: dict[str, str] = {}
    for value in values(key):
        for word in words(value):
            assert owner.setdefault(word, value["code"]) == value["code"], word


@pytest.mark.parametrize("key", LISTS)
def test_no_bare_number_is_an_alias(key):
    aliases = [alias for value in values(key) for alias in value.get("aliases", [])]
    assert not [alias for alias in aliases if fold(alias).isdigit()]


@pytest.mark.parametrize("key", LISTS)
def test_no_alias_is_written_twice_in_a_value(key):
    for value in values(key):
        plain = [word.casefold() for word in {value["code"], value["zh"]} | set(value.get("aliases", []))]
        assert len(plain) == len(set(plain)), value["code"]
        assert not {value["code"], value["zh"]} & set(value.get("aliases", [])), value["code"]


@pytest.mark.parametrize("name", CITING)
def test_every_citation_names_a_known_source(name):
    known = {row["key"] for row in read("sources")["sources"]}
    document = read(name)
    cited = [*document["sources"], *(source for law in document.get("laws", []) for source in law["sources"])]
    assert {source.split()[0] for source in cited} <= known


@pytest.mark.parametrize(("key", "count"), COUNTS.items())
def test_a_list_has_all_its_values(key, count):
    assert len(values(key)) == count


@pytest.mark.parametrize(
    ("key", "word", "code"),
    [
        ("data_type", "字符串型C", "C"),
        ("data_type", "高精度型", "N"),
        ("data_type", "小数型", "F"),
        ("format_type", "达梦", "Dm"),
        ("format_type", "sql server", "SQLServer"),
        ("update_cycle", "half_year", "每半年"),
        ("share_mode_type", "数据库（库表）", "1"),
        ("share_mode_type", "檔案", "2"),
        ("secret_flag", "机密", "涉密"),
        ("classified_flag", "工作秘密", "1"),
        ("data_class", "民政", "ZR"),
        ("data_class", "农、林、牧、渔业", "I-A"),
        ("data_grade", "三级", "g3"),
    ],
)
def test_a_spelling_in_use_finds_its_value(key, word, code):
    assert [value["code"] for value in values(key) if fold(word) in words(value)] == [code]


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("format_type", "excel"),
        ("open_type", "是"),
        ("data_class", "卫生"),
        ("data_grade", "一般数据"),
        ("share_mode_type", "档案"),
    ],
)
def test_an_ambiguous_word_finds_nothing(key, word):
    assert not [value["code"] for value in values(key) if fold(word) in words(value)]


def test_format_types_and_categories_name_each_other():
    categories, types = shown("format_type", "categories"), shown("format_category", "types")
    from_types = {(code, name) for name, codes in categories.items() for code in codes}
    assert from_types == {(code, name) for code, names in types.items() for name in names}


def test_csv_stands_in_two_categories_and_other_in_two():
    categories = shown("format_type", "categories")
    assert categories["csv"] == ["1", "2"]
    assert categories["其他"] == ["6", "7"]


def test_tables_databases_and_interfaces_are_structured():
    assert picked("format_category", "structured") == ["2", "3", "7"]


def test_a_category_offers_only_known_sharing_modes():
    modes = set(shown("share_mode_type", "mode").values())
    assert modes == {"table", "file", "api"}
    assert all(set(offered) <= modes for offered in shown("format_category", "share_modes").values())


def test_sharing_modes_and_forms_of_provision_agree():
    forms = shown("provide_form", "mode")
    assert {value["attrs"]["form"]: value["attrs"]["mode"] for value in values("share_mode_type")} == forms


@pytest.mark.parametrize(
    ("numbering", "cycles"),
    [
        ("s3", "实时 每日 每周 每月 每季度 每半年 每年 其他"),
        ("gxzq", "不定时 实时 每日 每周 每月 每季度 每半年 每年 其他"),
    ],
)
def test_update_cycles_keep_the_two_numberings_apart(numbering, cycles):
    numbers = {int(number): code for code, number in shown("update_cycle", numbering).items() if number}
    assert numbers == dict(enumerate(cycles.split(), start=1))


def test_update_cycles_are_ranked_by_how_soon_data_is_stale():
    rows = [v["attrs"] for v in values("update_cycle") if v["attrs"]["staleness_days"] is not None]
    days = [row["staleness_days"] for row in sorted(rows, key=lambda row: row["rank"])]
    assert days == sorted(days)


def test_daily_and_weekly_count_working_days_and_only_other_needs_a_note():
    assert picked("update_cycle", "working_days") == ["每日", "每周"]
    assert picked("update_cycle", "needs_note") == ["其他"]


def test_only_what_is_no_secret_may_be_registered():
    assert picked("secret_flag", "registrable") == ["非涉密"]
    assert picked("classified_flag", "registrable") == ["0"]
    assert [code for code, yes in shown("data_grade", "registrable").items() if not yes] == ["secret"]


def test_grades_rise_and_point_to_a_sensitivity_level():
    assert list(shown("data_grade", "rank").values()) == [1, 2, 3, 4, 5, 6, 7]
    assert set(shown("data_grade", "s4_sensitivity").values()) == {*by_code("sensitivity_level"), None}


def test_length_is_asked_for_numbers_and_wanted_for_characters():
    needs = shown("data_type", "needs_length")
    assert {code: how for code, how in needs.items() if how} == {"C": "warn", "N": "error"}
    assert picked("data_type", "numeric") == ["N", "Y", "B", "I", "F"]


def test_kinds_of_data_are_bits():
    assert [1 << place for place in range(6)] == list(shown("data_kind", "bit").values())
    assert all(code == str(bit) for code, bit in shown("data_kind", "bit").items())


def test_only_three_levels_bear_not_sharing():
    accepted = picked("basis_level", "accepted")
    assert accepted == ["法律", "行政法规", "国务院决定"]


def test_regions_lie_in_known_regions_and_ended_ones_have_a_successor():
    regions = by_code("regions")
    parents = {code: value["attrs"]["parent"] for code, value in regions.items()}
    successors = {value["attrs"]["successor"] for value in regions.values() if "successor" in value["attrs"]}
    assert set(parents.values()) - {None} <= regions.keys()
    assert successors == {"520204", "520281", "520304"}


def test_a_county_has_its_city_in_its_code_and_its_profile():
    regions = by_code("regions")
    for code, value in regions.items():
        if value["attrs"]["level"] == "county":
            parent = value["attrs"]["parent"]
            assert parent == code[:4] + "00"
            assert value["attrs"]["profile"] == regions[parent]["attrs"]["profile"]


@pytest.mark.parametrize(
    ("code", "shapes"),
    [
        ("303084122704/000001", {"import", "national", "strict"}),
        ("303021070100/000003", {"import", "national", "strict"}),
        ("3070010370/000066", {"import", "national", "strict"}),
        ("307021022100/000009", {"import", "national", "strict"}),
        ("307024030102/000001", {"import", "national", "strict"}),
        ("102000/000003", {"import", "national", "strict"}),
        ("BA6006/000218", {"import"}),
        ("00247017X/000709", {"import"}),
        ("309024030101/000001", {"import", "national"}),
        ("307024030601-000001", set()),
    ],
)
def test_real_resource_codes_fit_the_shapes_they_should(code, shapes):
    patterns = read("resource_code")["regex"]
    assert {name for name, pattern in patterns.items() if re.search(pattern, code)} == shapes


def test_the_strict_shape_holds_exactly_the_listed_classes_and_items():
    spec = read("resource_code")
    listed = {row["code"] + item["code"] for row in spec["classes"] for item in row["items"]}
    accepted = {f"{n:03}" for n in range(1000) if re.search(spec["regex"]["strict"], f"{n:03}024/000001")}
    assert listed == accepted


def test_our_own_prefix_makes_a_strict_code():
    spec = read("resource_code")
    own, parts = spec["own_prefix"], spec["subgroup"]["parts"]
    code = own["class"] + own["item"] + own["province_mu"] + "".join("1" * part["width"] for part in parts)
    code += spec["separator"] + "1".zfill(spec["sequence_width"])
    assert re.search(spec["regex"]["strict"], code)
    assert len(code) <= spec["max_len"]


def test_credit_code_weights_are_powers_of_three():
    spec = read("credit_code")
    assert spec["weights"] == [pow(3, place, 31) for place in range(17)]
    assert len(spec["alphabet"]) == 31
    assert not set("IOSVZ") & set(spec["alphabet"])


@pytest.mark.parametrize("code", ["91350100M000100Y43", "91110000802100433B", "914403001922038216"])
def test_alphabet_and_weights_give_the_check_character_of_true_codes(code):
    spec = read("credit_code")
    total = sum(spec["alphabet"].index(c) * w for c, w in zip(code[:17], spec["weights"], strict=True))
    assert spec["alphabet"][(31 - total % 31) % 31] == code[17]


def test_organisation_weights_give_the_check_character():
    spec = read("credit_code")
    digits = [spec["org_alphabet"].index(character) for character in "M000100Y"]
    total = sum(digit * weight for digit, weight in zip(digits, spec["org_weights"], strict=True))
    assert 11 - total % 11 == 4


def test_first_and_second_characters_belong_to_the_alphabet():
    spec = read("credit_code")
    assert "".join(row["code"] for row in spec["first"]) == "123456789ANY"
    assert {char["code"] for row in spec["first"] for char in row["second"]} <= set(spec["alphabet"])


def test_the_basis_library_names_known_levels_and_no_law_twice():
    laws, names = read("basis")["laws"], []
    for law in laws:
        names += [law["title"], *law.get("aliases", [])]
    assert {law["level"] for law in laws} <= by_code("basis_level").keys()
    assert len(names) == len(set(names))


def test_a_ground_against_sharing_has_an_accepted_level_and_is_in_force():
    accepted = shown("basis_level", "accepted")
    for law in read("basis")["laws"]:
        if any("not_share" in article["uses"] for article in law.get("articles", [])):
            assert accepted[law["level"]] and law["status"] == "in_force", law["title"]


def test_a_publication_rule_is_no_ground_against_sharing():
    articles = [article for law in read("basis")["laws"] for article in law.get("articles", [])]
    limits = [article["article"] for article in articles if "publication_limit" in article["uses"]]
    assert sorted(limits) == ["第二十五条", "第十五条", "第十四条"]
    assert not [a for a in articles if {"publication_limit", "not_share"} <= set(a["uses"])]


def test_a_repealed_law_names_what_replaced_it():
    laws = read("basis")["laws"]
    repealed = [law for law in laws if law["status"] == "repealed"]
    assert len(repealed) == 9
    assert all(law["replaced_by"] and law["unverified"] for law in repealed)
    assert not [law for law in laws if law["status"] != "repealed" and law.get("replaced_by")]
