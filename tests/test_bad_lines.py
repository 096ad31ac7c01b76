"""JSON Lines that are broken or odd: each is told, and no content comes of them that cannot be stored."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import Specs
from registry.checking import read_file
from tests.catalogue_files import CSV, checked, file, reason
from tests.examples import good
from validators.case import Facts

GOOD_LINE = json.dumps(good("OK01"), ensure_ascii=False)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{", "E172"),
        ('{"a": 1}}', "E172"),
        ('{"data_length": NaN}', "E172"),
        ('{"data_length": -Infinity}', "E172"),
        ('{"resource_name": "甲", "resource_name": "乙"}', "E172"),
        ('{"items": [{"item_name": "甲", "item_name": "乙"}]}', "E172"),
        ("[" * 100_000 + "]" * 100_000, "E172"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "E172"),
        ('{"keywords": ' + "[" * 500 + "]" * 500 + "}", "E172"),
        ('{"data_length": ' + "9" * 5000 + "}", "E172"),
        ("[1, 2]", "E167"),
        ('"text"', "E167"),
        ("null", "E167"),
        ("1", "E167"),
    ],
    ids=lambda value: value[:24],
)
def test_a_line_that_is_no_object_is_told_and_the_others_are_read(
    line: str, rule: str, tmp_path: Path, facts: Facts
) -> None:
    check = checked(file(tmp_path / "a.jsonl", f"{GOOD_LINE}\n\n{line}\n{GOOD_LINE}\n"), facts)
    assert [(f.finding.rule, f.place.row) for f in check.sheets.findings] == [(rule, 3)]
    assert [entry.origin.row for entry in check.sheets.entries] == [1, 4]
    assert len(list(check.lines("en"))) > 0


def test_a_json_array_is_told(tmp_path: Path, specs: Specs) -> None:
    for text in (json.dumps([good()]), json.dumps([good()], indent=1)):
        assert reason(file(tmp_path / "a.json", text), specs) == "json_array"


ODD: list[Any] = [
    {"a": "\ud800"},
    ["\x00", "乙"],
    [["甲"]],
    {"a": {"b": [1, None]}},
    10**400,
    1e308 * 10,
    True,
    "\udc00尾",
    "＝甲\x0b",
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize(
    "key", ["resource_name", "keywords", "non_share_basis", "share_type", "items", "没有的键\x00"]
)
def test_no_odd_value_makes_a_content_that_cannot_be_stored(
    key: str, value: Any, tmp_path: Path, facts: Facts
) -> None:
    try:
        line = json.dumps(good("OK01") | {key: value})
    except ValueError:
        return  # no JSON at all
    check = checked(file(tmp_path / "a.jsonl", line), facts)
    for entry in check.sheets.entries:
        text = json.dumps(entry.content, ensure_ascii=False, allow_nan=False)
        assert text.encode() and not re.search(r"(?<!\\)\\u0000", text)
    if key not in ("share_type", "resource_name"):
        assert any(line.worded.rule.startswith("E") for line in check.lines())


def test_an_unknown_key_is_told_and_never_takes_a_field_s_place(tmp_path: Path, facts: Facts) -> None:
    given = good("OK01") | {"resource_name\x00": "别的", "ｒesource_name": "又一个", "items ": 3}
    check = checked(file(tmp_path / "a.jsonl", json.dumps(given)), facts)
    assert check.sheets.entries[0].content["resource_name"] == "婚姻登记信息"
    assert len(check.sheets.entries[0].content["items"]) == 4
    assert len([line for line in check.lines() if line.worded.rule == "E150"]) == 3


def test_items_that_are_no_objects_are_told_one_by_one(tmp_path: Path, facts: Facts) -> None:
    given = good("OK01")
    given["items"] = ["姓名", *given["items"], {}, None]
    check = checked(file(tmp_path / "a.jsonl", json.dumps(given)), facts)
    assert len(check.sheets.entries[0].content["items"]) == 4
    assert [line.worded.rule for line in check.lines() if line.worded.field == "items"] == [
        "E140",
        "W236",
        "E140",
    ]


def test_an_empty_line_between_is_nothing(tmp_path: Path, specs: Specs) -> None:
    path = file(tmp_path / "a.jsonl", f"\n  \n{GOOD_LINE}\r\n\r\n")
    assert [entry.origin.row for entry in read_file(path, specs)[1].entries] == [3]


def test_a_file_of_nothing_but_blanks_is_told(tmp_path: Path, specs: Specs) -> None:
    assert reason(file(tmp_path / "a.jsonl", " \n\n"), specs) == "no_rows"
    assert reason(file(tmp_path / "a.csv", " \n\n"), specs) in ("no_rows",)


def test_a_file_whose_name_is_no_text_is_read(tmp_path: Path, specs: Specs) -> None:
    path = Path(os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff.csv"))
    path.write_bytes(CSV.encode())
    assert len(read_file(path, specs)[1].entries) == 1
