"""The main job: rows become drafts with their findings beside them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlmodel import col

from catalog_specs import Specs
from registry.db import Database
from registry.errors import Unreadable
from registry.export import export_entries
from registry.kept import restored_finding
from registry.lookup import list_entries
from registry.models import Agency, Item, System
from registry.permits import EVERYTHING
from tests.catalogue_files import Make, bring, counts, everything, imported, reasons
from tests.examples import GOOD, bad_rows, good

# ---- what is registered -----------------------------------------------------------------------------------


def test_every_good_example_becomes_a_draft(database: Database, entries_file: Make) -> None:
    result = bring(database, entries_file, *GOOD.values())
    assert counts(result) == (len(GOOD), 0, 0, 0)
    with database.read() as session:
        rows = list_entries(session, sight=EVERYTHING)
        assert {row.version.content["resource_name"]: row.version.content for row in rows} == {
            content["resource_name"]: content for content in GOOD.values()
        }
        assert {(row.entry.state, row.version.state, row.entry.in_force) for row in rows} == {
            ("draft", "draft", None)
        }
        assert {row.entry.code for row in rows} == {content["resource_code"] for content in GOOD.values()}


def test_items_are_kept_in_their_order(database: Database, entries_file: Make) -> None:
    bring(database, entries_file, good("OK01"))
    with database.read() as session:
        items = session.execute(select(Item).order_by(col(Item.position))).scalars().all()
    assert [item.item_name for item in items] == [i["item_name"] for i in GOOD["OK01"]["items"]]
    assert [item.content for item in items] == GOOD["OK01"]["items"]


@pytest.mark.parametrize(
    ("key", "content", "rule"), bad_rows(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_bad_row_is_registered_with_its_findings_unless_nobody_owns_it(
    key: str, content: dict[str, Any], rule: str, sqlite_database: Database, entries_file: Make
) -> None:
    result = bring(sqlite_database, entries_file, content)
    assert rule in {finding.rule for finding in result.check.findings_of(0)}
    assert counts(result) == ((0, 0, 0, 1) if rule == "E103" else (1, 0, 0, 0))
    if rule != "E103":
        with sqlite_database.read() as session:
            (row,) = list_entries(session, sight=EVERYTHING, wrong=True)
        assert rule in {restored_finding(found).rule for found in row.version.findings}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"resource_name": None}, "name"),
        ({"resource_name": "无"}, "name"),
        ({"provider_code": None}, "provider"),
        ({"provider_code": "11520300MB1A00052N"}, "provider"),
        ({"provider_code": "1" * 500}, "provider"),
    ],
)
def test_a_row_without_name_or_owner_is_refused_and_named(
    change: dict[str, Any], reason: str, sqlite_database: Database, entries_file: Make
) -> None:
    result = bring(sqlite_database, entries_file, good("OK01") | change, good("OK02"))
    assert (counts(result), reasons(result)) == ((1, 0, 0, 1), [reason])
    assert result.outcomes == ["refused", "added"]
    assert [line.place.row for line in result.check.lines() if line.worded.rule == "E167"] == [1]


def test_lines_that_are_no_entries_count_as_refused(sqlite_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(good("OK01")) + '\n{"broken\n[1]\n', "utf-8")
    result = imported(sqlite_database, path)
    assert counts(result) == (1, 0, 0, 2)
    assert result.counts["total"] == 3


def test_all_or_nothing_refuses_the_batch(database: Database, entries_file: Make) -> None:
    before = everything(database)
    result = bring(database, entries_file, good("OK01"), good("OK02", share_type="9"), all_or_nothing=True)
    assert counts(result) == (0, 0, 0, 2)
    assert (result.batch_id, result.outcomes) == (None, ["refused", "refused"])
    assert everything(database) == before


def test_all_or_nothing_takes_a_file_without_errors(sqlite_database: Database, entries_file: Make) -> None:
    assert counts(bring(sqlite_database, entries_file, good("OK04"), all_or_nothing=True)) == (1, 0, 0, 0)


def test_a_file_that_cannot_be_read_leaves_nothing(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "坏.xlsx"
    path.write_bytes(b"PK\x03\x04")
    before = everything(database)
    with pytest.raises(Unreadable):
        imported(database, path)
    assert everything(database) == before


def test_the_city_is_told_by_its_providers(sqlite_database: Database, entries_file: Make) -> None:
    assert (
        bring(sqlite_database, entries_file, good("OK01"), profile=None).check.specs.profile.key
        == "zunyi_2020"
    )


# ---- agencies and systems ---------------------------------------------------------------------------------


def test_unknown_agencies_and_systems_are_created_and_noted(database: Database, entries_file: Make) -> None:
    result = bring(database, entries_file, good("OK01"), good("OK03"), good("OK02"))
    noted = [f.value for entry in result.check.sheets.entries for f in entry.findings if f.rule == "N305"]
    assert noted == ["遵义市民政局", "民政业务系统", "社会救助系统", "社会组织管理系统"]
    with database.read() as session:
        agencies = session.execute(select(Agency)).scalars().all()
        assert [(a.code, a.name, a.region, a.number) for a in agencies] == [
            ("115203000094210200", "遵义市民政局", "520300", 1)
        ]
        rows = list_entries(session, sight=EVERYTHING)
        names = {s.id: s.name for s in session.execute(select(System)).scalars()}
        assert [names[str(row.entry.system_id)] for row in rows] == [
            "民政业务系统",
            "社会救助系统",
            "社会组织管理系统",
        ]


def test_known_agencies_and_systems_are_found_and_not_noted(database: Database, entries_file: Make) -> None:
    bring(database, entries_file, good("OK01"))
    with database.read() as session:
        (system,) = session.execute(select(System)).scalars()
    for written in (system.name, system.id, " 民政业务 系统　"):
        result = bring(database, entries_file, good("OK01", source_system_id=written))
        assert "N305" not in {finding.rule for finding in result.check.findings_of(0)}
    assert everything(database)["system"] == 1


def test_a_ledger_without_a_system_creates_none(sqlite_database: Database, entries_file: Make) -> None:
    bring(sqlite_database, entries_file, good("OK01", source_system_id="无系统(台账)"))
    assert everything(sqlite_database)["system"] == 0


def test_a_provider_called_otherwise_is_told_and_keeps_its_name(
    sqlite_database: Database, entries_file: Make
) -> None:
    bring(sqlite_database, entries_file, good("OK01"))
    result = bring(sqlite_database, entries_file, good("OK02", provider_name="遵义市公安局"))
    assert "W234" in {finding.rule for finding in result.check.findings_of(0)}
    with sqlite_database.read() as session:
        assert [a.name for a in session.execute(select(Agency)).scalars()] == ["遵义市民政局"]


def test_a_department_s_number_is_the_one_in_its_codes(sqlite_database: Database, entries_file: Make) -> None:
    numberless = good("OK01", resource_code=None)
    taken = good("OK04", resource_code="307024030101/000001", resource_category=["部门信息资源类"])
    bring(sqlite_database, entries_file, numberless, good("OK05"), good("OK12"), taken)
    with sqlite_database.read() as session:
        numbers = {a.name: a.number for a in session.execute(select(Agency)).scalars()}
    assert numbers["遵义市市场监督管理局"] == 2
    assert numbers["遵义市生态环境局"] == 6
    assert len(set(numbers.values())) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"provider_name": "局" * 300},
        {"source_system_id": "系统" * 300},
        {"source_system_id": "S" * 180},
        {"resource_name": "名" * 500},
        {"resource_code": "A" * 40 + "/" + "1" * 10},
        {"share_type": "九" * 100, "data_grade": "级" * 100},
        {"items": [{"item_name": "项" * 400, "item_code": "c" * 400}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_too_long_is_kept_with_its_findings_and_found_again(
    change: dict[str, Any], database: Database, entries_file: Make
) -> None:
    """PostgreSQL takes no more than a column is wide."""
    first = bring(database, entries_file, good("OK01") | change, good("OK02") | change)
    assert (first.counts["refused"], first.counts["errors"] > 0) == (0, True)
    again = bring(database, entries_file, good("OK01") | change)
    assert counts(again) == (0, 0, 1, 0)
    assert everything(database)["agency"] == 1


# ---- odd content, and how it is written -------------------------------------------------------------------


def test_odd_keys_and_values_are_stored_on_both_databases(database: Database, tmp_path: Path) -> None:
    odd = [
        {"derived_from": {"co\ud800de": 1, "code": "\x00甲"}},
        {"没有\x00的键\udfff": {"a": ["\x00"]}},
        {"share_condition": {"\x00": "\ud800"}},
        {"items": [{"item_name": "甲\x00", "没有\x00": 1, "mask_rule": ["\ud800"]}]},
        {"resource_category": [["\x00"]], "impact": [{"object": "\x00"}, 3, "\ud800"]},
        {"keywords": ["\x00", "\ud83d", "ok"], "legal_basis": 1e300, "physical_deletion": "\x00"},
    ]
    path = tmp_path / "怪.jsonl"
    lines = [good("OK01", resource_code=None, resource_name=f"怪{n}") | row for n, row in enumerate(odd)]
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    result = imported(database, path)
    assert counts(result) == (len(odd), 0, 0, 0)
    assert counts(imported(database, path)) == (0, 0, len(odd), 0)


def test_a_file_whose_name_is_no_text_is_registered(database: Database, tmp_path: Path) -> None:

    path = Path(os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff.jsonl"))
    path.write_text(json.dumps(good("OK01")), "utf-8")
    assert counts(imported(database, path)) == (1, 0, 0, 0)


def statements(database: Database, path: Path) -> int:
    """How many statements an import sends; a bulk one counts once."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        imported(database, path)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return len(sent)


def test_there_is_no_query_a_row(database: Database, entries_file: Make) -> None:
    def many(count: int, cycle: str) -> list[dict[str, Any]]:
        return [
            good("OK01", resource_code=None, resource_name=f"第{n}类登记", update_cycle=cycle)
            for n in range(count)
        ]

    few = statements(database, entries_file(many(3, "每日"), name="少.jsonl"))
    added = statements(database, entries_file(many(300, "每日"), name="多.jsonl"))
    changed = statements(database, entries_file(many(300, "每周"), name="改.jsonl"))
    same = statements(database, entries_file(many(300, "每周"), name="改.jsonl"))
    assert few < 30
    # one statement of bulk takes some hundred rows
    assert max(added, changed, same) < few + 20


def test_export_of_a_register_taken_in_again_changes_nothing(
    database: Database, tmp_path: Path, entries_file: Make, specs: Specs
) -> None:
    contents = [good(key) for key in GOOD] + [content for _, content, rule in bad_rows() if rule != "E103"]
    contents = [
        c | {"resource_name": f"{c['resource_name']}{chr(97 + n)}", "resource_code": None}
        for n, c in enumerate(contents)
    ]
    bring(database, entries_file, *contents, good("OK01", resource_code="坏的代码"))
    # by another file, so that two entries have one code that is none
    bring(database, entries_file, good("OK01", resource_code="坏的代码", resource_name="离婚登记信息"))
    with database.read() as session:
        stored = [row.version.content for row in list_entries(session, sight=EVERYTHING)]
    for name in ("出.xlsx", "出.csv", "出.jsonl"):
        export_entries(stored, tmp_path / name, specs)
        result = imported(database, tmp_path / name)
        assert counts(result) == (0, 0, len(stored), 0), name
