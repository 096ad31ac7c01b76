"""The main job: rows become drafts with their findings beside them, and corrected files find their entries again."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlmodel import SQLModel, col

from catalog_specs import Specs
from registry.db import Database
from registry.entries import find_entry, list_entries, to_rectify, versions_of
from registry.errors import Gone, NotFound, Unreadable
from registry.export import export_entries
from registry.intake import ImportResult, import_workbook
from registry.kept import restored_finding
from registry.models import Agency, CodeRecord, Item, System
from tests.conftest import NOW
from tests.examples import GOOD, bad_rows, good

Files = Callable[..., Path]


def imported(database: Database, path: Path, **given: Any) -> ImportResult:
    with database.write() as session:
        return import_workbook(session, path, actor="王敏", now=NOW, **({"profile": "zunyi_2020"} | given))


def bring(database: Database, files: Files, *contents: dict[str, Any], **given: Any) -> ImportResult:
    return imported(database, files(contents, name="目录.jsonl"), **given)


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    return tuple(result.counts[key] for key in ("added", "updated", "unchanged", "refused"))  # type: ignore[return-value]


def reasons(result: ImportResult) -> list[str]:
    found = [finding for entry in result.check.sheets.entries for finding in entry.findings]
    return [finding.reason for finding in found if finding.rule == "E167"]


def everything(database: Database) -> Counter[str]:
    """How many rows each table holds."""
    with database.read() as session:
        tables = SQLModel.metadata.sorted_tables
        return Counter(
            {t.name: session.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}
        )


def states(
    database: Database, code: str = "307024030101/000001"
) -> tuple[str, int | None, list[tuple[int, str]]]:
    """An entry's state, the version in force, and the state of each version."""
    with database.read() as session:
        entry = find_entry(session, code).entry
        return entry.state, entry.in_force, [(v.number, v.state) for v in versions_of(session, entry)]


# ---- what is registered -----------------------------------------------------------------------------------


def test_every_good_example_becomes_a_draft(database: Database, entries_file: Files) -> None:
    result = bring(database, entries_file, *GOOD.values())
    assert counts(result) == (len(GOOD), 0, 0, 0)
    with database.read() as session:
        rows = list_entries(session)
        assert {row.version.content["resource_name"]: row.version.content for row in rows} == {
            content["resource_name"]: content for content in GOOD.values()
        }
        assert {(row.entry.state, row.version.state, row.entry.in_force) for row in rows} == {
            ("draft", "draft", None)
        }
        assert {row.entry.code for row in rows} == {content["resource_code"] for content in GOOD.values()}


def test_items_are_kept_in_their_order(database: Database, entries_file: Files) -> None:
    bring(database, entries_file, good("OK01"))
    with database.read() as session:
        items = session.execute(select(Item).order_by(col(Item.position))).scalars().all()
    assert [item.item_name for item in items] == [i["item_name"] for i in GOOD["OK01"]["items"]]
    assert [item.content for item in items] == GOOD["OK01"]["items"]


@pytest.mark.parametrize(
    ("key", "content", "rule"), bad_rows(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_bad_row_is_registered_with_its_findings_unless_nobody_owns_it(
    key: str, content: dict[str, Any], rule: str, sqlite_database: Database, entries_file: Files
) -> None:
    result = bring(sqlite_database, entries_file, content)
    assert rule in {finding.rule for finding in result.check.findings_of(0)}
    assert counts(result) == ((0, 0, 0, 1) if rule == "E103" else (1, 0, 0, 0))
    if rule != "E103":
        with sqlite_database.read() as session:
            (row,) = list_entries(session, wrong=True)
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
    change: dict[str, Any], reason: str, sqlite_database: Database, entries_file: Files
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


def test_all_or_nothing_refuses_the_batch(database: Database, entries_file: Files) -> None:
    before = everything(database)
    result = bring(database, entries_file, good("OK01"), good("OK02", share_type="9"), all_or_nothing=True)
    assert counts(result) == (0, 0, 0, 2)
    assert (result.batch_id, result.outcomes) == (None, ["refused", "refused"])
    assert everything(database) == before


def test_all_or_nothing_takes_a_file_without_errors(sqlite_database: Database, entries_file: Files) -> None:
    assert counts(bring(sqlite_database, entries_file, good("OK04"), all_or_nothing=True)) == (1, 0, 0, 0)


def test_a_file_that_cannot_be_read_leaves_nothing(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "坏.xlsx"
    path.write_bytes(b"PK\x03\x04")
    before = everything(database)
    with pytest.raises(Unreadable):
        imported(database, path)
    assert everything(database) == before


def test_the_city_is_told_by_its_providers(sqlite_database: Database, entries_file: Files) -> None:
    assert (
        bring(sqlite_database, entries_file, good("OK01"), profile=None).check.specs.profile.key
        == "zunyi_2020"
    )


# ---- agencies and systems ---------------------------------------------------------------------------------


def test_unknown_agencies_and_systems_are_created_and_noted(database: Database, entries_file: Files) -> None:
    result = bring(database, entries_file, good("OK01"), good("OK03"), good("OK02"))
    noted = [f.value for entry in result.check.sheets.entries for f in entry.findings if f.rule == "N305"]
    assert noted == ["遵义市民政局", "民政业务系统", "社会救助系统", "社会组织管理系统"]
    with database.read() as session:
        agencies = session.execute(select(Agency)).scalars().all()
        assert [(a.code, a.name, a.region, a.number) for a in agencies] == [
            ("115203000094210200", "遵义市民政局", "520300", 1)
        ]
        rows = list_entries(session)
        names = {s.id: s.name for s in session.execute(select(System)).scalars()}
        assert [names[str(row.entry.system_id)] for row in rows] == [
            "民政业务系统",
            "社会救助系统",
            "社会组织管理系统",
        ]


def test_known_agencies_and_systems_are_found_and_not_noted(database: Database, entries_file: Files) -> None:
    bring(database, entries_file, good("OK01"))
    with database.read() as session:
        (system,) = session.execute(select(System)).scalars()
    for written in (system.name, system.id, " 民政业务 系统　"):
        result = bring(database, entries_file, good("OK01", source_system_id=written))
        assert "N305" not in {finding.rule for finding in result.check.findings_of(0)}
    assert everything(database)["system"] == 1


def test_a_ledger_without_a_system_creates_none(sqlite_database: Database, entries_file: Files) -> None:
    bring(sqlite_database, entries_file, good("OK01", source_system_id="无系统(台账)"))
    assert everything(sqlite_database)["system"] == 0


def test_a_provider_called_otherwise_is_told_and_keeps_its_name(
    sqlite_database: Database, entries_file: Files
) -> None:
    bring(sqlite_database, entries_file, good("OK01"))
    result = bring(sqlite_database, entries_file, good("OK02", provider_name="遵义市公安局"))
    assert "W234" in {finding.rule for finding in result.check.findings_of(0)}
    with sqlite_database.read() as session:
        assert [a.name for a in session.execute(select(Agency)).scalars()] == ["遵义市民政局"]


def test_a_department_s_number_is_the_one_in_its_codes(
    sqlite_database: Database, entries_file: Files
) -> None:
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
    change: dict[str, Any], database: Database, entries_file: Files
) -> None:
    """PostgreSQL takes no more than a column is wide."""
    first = bring(database, entries_file, good("OK01") | change, good("OK02") | change)
    assert (first.counts["refused"], first.counts["errors"] > 0) == (0, True)
    again = bring(database, entries_file, good("OK01") | change)
    assert counts(again) == (0, 0, 1, 0)
    assert everything(database)["agency"] == 1


# ---- found again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv", "目录.jsonl"])
def test_the_same_file_again_changes_nothing(name: str, database: Database, entries_file: Files) -> None:
    path = entries_file([good(key) for key in GOOD], name=name)
    imported(database, path)
    before = everything(database) - Counter(import_batch=1, audit_event=1 + len(GOOD))
    assert counts(imported(database, path)) == (0, 0, len(GOOD), 0)
    after = everything(database) - Counter(import_batch=2, audit_event=2 + len(GOOD))
    assert before == after


def test_an_entry_is_found_by_its_code_and_may_be_renamed(database: Database, entries_file: Files) -> None:
    bring(database, entries_file, good("OK01"))
    result = bring(database, entries_file, good("OK01", resource_name="婚姻登记档案信息"))
    assert counts(result) == (0, 1, 0, 0)
    assert "E102" not in {finding.rule for finding in result.check.findings_of(0)}
    assert everything(database)["entry"] == 1


def test_an_entry_without_a_code_is_found_by_provider_and_name(
    database: Database, entries_file: Files
) -> None:
    first = bring(database, entries_file, good("OK01", resource_code=None))
    assert first.allocated == {0: "307024030101/000001"}
    again = bring(database, entries_file, good("OK01", resource_code=None, resource_name="婚姻 登记信息"))
    assert (counts(again), again.allocated) == ((0, 1, 0, 0), {})
    third = bring(database, entries_file, good("OK01"))
    assert counts(third) == (0, 1, 0, 0)
    assert counts(bring(database, entries_file, good("OK01", resource_code=None))) == (0, 0, 1, 0)


def test_the_same_name_of_another_provider_is_another_entry(
    sqlite_database: Database, entries_file: Files
) -> None:
    other = good("OK08", resource_code=None, resource_name="婚姻登记信息")
    bring(sqlite_database, entries_file, good("OK01"))
    assert counts(bring(sqlite_database, entries_file, other)) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"provider_code": "115203000094210125", "provider_name": "遵义市公安局"}, "code_taken"),
        ({"resource_code": "307024030101/000777"}, "code_allocated"),
    ],
)
def test_a_code_is_never_moved_or_edited(
    row: dict[str, Any], reason: str, sqlite_database: Database, entries_file: Files
) -> None:
    bring(sqlite_database, entries_file, good("OK01"))
    result = bring(sqlite_database, entries_file, good("OK01") | row)
    assert (counts(result), reasons(result)) == ((0, 0, 0, 1), [reason])


def test_a_retired_code_is_refused_and_its_entry_gone(sqlite_database: Database, entries_file: Files) -> None:
    bring(sqlite_database, entries_file, good("OK01"))
    with sqlite_database.write() as session:
        session.add(
            CodeRecord(code="307024030199/000001", entry_id="old", status="given", at=NOW, retired_at=NOW)
        )
    result = bring(sqlite_database, entries_file, good("OK02", resource_code="307024030199/000001"))
    assert reasons(result) == ["retired_code"]
    with sqlite_database.read() as session:
        with pytest.raises(Gone):
            find_entry(session, "307024030199/000001")
        with pytest.raises(NotFound):
            find_entry(session, "没有\0的")


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        ({}, True),
        ({"resource_code": None}, True),
        ({"resource_code": None, "resource_name": "婚姻登记 信息"}, True),
        ({"resource_code": "307024030101/000055"}, False),
        ({"resource_name": "离婚登记信息"}, True),
        ({"resource_code": None, "resource_name": "离婚登记信息"}, False),
    ],
    ids=["alike", "without code", "name with a blank", "another code", "another name", "another resource"],
)
@pytest.mark.parametrize("order", [1, -1], ids=["after", "before"])
@pytest.mark.parametrize("registered", [False, True], ids=["new", "registered"])
def test_a_resource_stands_in_a_file_once(
    second: dict[str, Any],
    refused: bool,
    order: int,
    registered: bool,
    sqlite_database: Database,
    entries_file: Files,
) -> None:
    if registered:
        bring(sqlite_database, entries_file, good("OK01"))
    both = [good("OK01"), good("OK01", **second)][::order]
    result = bring(sqlite_database, entries_file, *both)
    expected = ["repeated"] if refused else []
    if registered and second == {"resource_code": "307024030101/000055"}:
        expected = []  # another resource of that name, told by E102
    assert reasons(result) == expected
    assert everything(sqlite_database)["entry"] == (1 if refused else 2)


def test_two_rows_never_bring_the_same_code(database: Database, entries_file: Files) -> None:
    """One of them is registered without a code, the other new: both claim the number."""
    codeless = good("OK02", resource_code=None, resource_category=["基础信息资源类"])
    bring(database, entries_file, codeless)
    result = bring(
        database,
        entries_file,
        codeless | {"resource_code": "102024030101/000009"},
        good("OK02", resource_name="另一资源", resource_code="102024030101/000009"),
    )
    assert (counts(result), reasons(result)) == ((0, 1, 0, 1), ["repeated"])


def test_several_of_one_name_ask_for_the_code(sqlite_database: Database, entries_file: Files) -> None:
    bring(sqlite_database, entries_file, good("OK01"), good("OK01", resource_code="307024030101/000002"))
    result = bring(sqlite_database, entries_file, good("OK01", resource_code=None))
    assert (counts(result), reasons(result)) == ((0, 0, 0, 1), ["ambiguous"])


def test_a_class_that_cannot_be_told_gets_no_code(sqlite_database: Database, entries_file: Files) -> None:
    codeless = good("OK02", resource_code=None, resource_category=["主题信息资源类"])
    result = bring(sqlite_database, entries_file, codeless)
    assert (result.allocated, counts(result)) == ({}, (1, 0, 0, 0))
    assert counts(bring(sqlite_database, entries_file, codeless)) == (0, 0, 1, 0)


def test_a_code_of_no_known_shape_stays_with_the_content(
    sqlite_database: Database, entries_file: Files
) -> None:
    content = good("OK01", resource_code="编号第1号")
    bring(sqlite_database, entries_file, content)
    assert counts(bring(sqlite_database, entries_file, content)) == (0, 0, 1, 0)
    corrected = bring(sqlite_database, entries_file, good("OK01", resource_code=None))
    assert (counts(corrected), corrected.allocated) == ((0, 1, 0, 0), {0: "307024030101/000001"})


# ---- versions ---------------------------------------------------------------------------------------------


def test_changed_content_makes_the_next_version_and_sets_the_draft_aside(
    database: Database, entries_file: Files
) -> None:
    bring(database, entries_file, good("OK01"))
    assert states(database) == ("draft", None, [(1, "draft")])
    bring(database, entries_file, good("OK01", update_cycle="每周"))
    bring(database, entries_file, good("OK01", update_cycle="每周"))
    assert states(database) == ("draft", None, [(1, "superseded"), (2, "draft")])
    bring(database, entries_file, good("OK01"))
    assert states(database)[2] == [(1, "superseded"), (2, "superseded"), (3, "draft")]


def test_stock_is_in_force_with_its_findings_as_a_list_to_rectify(
    database: Database, entries_file: Files
) -> None:
    wrong = good("OK02", share_type="9")
    bring(database, entries_file, good("OK01"), wrong, mode="existing")
    assert states(database) == ("announced", 1, [(1, "announced")])
    with database.read() as session:
        assert [row.version.name for row in to_rectify(session)] == [wrong["resource_name"]]


def test_an_entry_in_force_goes_on_showing_it_while_drafts_follow(
    database: Database, entries_file: Files
) -> None:
    bring(database, entries_file, good("OK01", share_type="9"), mode="existing")
    bring(database, entries_file, good("OK01", update_cycle="每周"))
    assert states(database) == ("announced", 1, [(1, "announced"), (2, "draft")])
    bring(database, entries_file, good("OK01", update_cycle="每月"))
    assert states(database) == ("announced", 1, [(1, "announced"), (2, "superseded"), (3, "draft")])
    with database.read() as session:
        assert [row.version.number for row in to_rectify(session)] == [1]


def test_stock_taken_in_again_replaces_what_was_in_force(database: Database, entries_file: Files) -> None:
    bring(database, entries_file, good("OK01"), mode="existing")
    bring(database, entries_file, good("OK01", update_cycle="每周"), mode="existing")
    assert states(database) == ("announced", 2, [(1, "superseded"), (2, "announced")])
    bring(database, entries_file, good("OK01", update_cycle="每月"))
    bring(database, entries_file, good("OK01", update_cycle="每年"), mode="existing")
    assert states(database) == (
        "announced",
        4,
        [(1, "superseded"), (2, "superseded"), (3, "superseded"), (4, "announced")],
    )


def test_a_draft_that_turns_out_to_be_stock_is_put_in_force(database: Database, entries_file: Files) -> None:
    bring(database, entries_file, good("OK01"))
    assert counts(bring(database, entries_file, good("OK01"), mode="existing")) == (0, 1, 0, 0)
    assert states(database) == ("announced", 1, [(1, "announced")])
    assert counts(bring(database, entries_file, good("OK01"), mode="existing")) == (0, 0, 1, 0)
    bring(database, entries_file, good("OK01", update_cycle="每周"))
    assert counts(bring(database, entries_file, good("OK01", update_cycle="每周"), mode="existing")) == (
        0,
        1,
        0,
        0,
    )
    assert states(database) == ("announced", 2, [(1, "superseded"), (2, "announced")])


def test_the_judgement_beside_an_unchanged_version_is_the_newest(
    database: Database, entries_file: Files
) -> None:
    bring(database, entries_file, good("OK01", related_code=["307024030101/000088"]))
    with database.read() as session:
        assert "E120" in {f["rule"] for f in list_entries(session)[0].version.findings}
    bring(
        database,
        entries_file,
        good("OK01", related_code=["307024030101/000088"]),
        good("OK02", resource_code="307024030101/000088"),
    )
    with database.read() as session:
        (row,) = [row for row in list_entries(session) if row.entry.code == "307024030101/000001"]
        assert "E120" not in {f["rule"] for f in row.version.findings}


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
    import os

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


def test_there_is_no_query_a_row(database: Database, entries_file: Files) -> None:
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
    database: Database, tmp_path: Path, entries_file: Files, specs: Specs
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
        stored = [row.version.content for row in list_entries(session)]
    for name in ("出.xlsx", "出.csv", "出.jsonl"):
        export_entries(stored, tmp_path / name, specs)
        result = imported(database, tmp_path / name)
        assert counts(result) == (0, 0, len(stored), 0), name
