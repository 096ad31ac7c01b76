"""Corrected files find their entries again, by code, else by provider and name; changes make versions."""

from collections import Counter
from typing import Any

import pytest

from registry.db import Database
from registry.errors import Gone, NotFound
from registry.lookup import find_entry, list_entries, to_rectify
from registry.models import CodeRecord
from registry.permits import EVERYTHING
from tests.catalogue_files import Make, bring, counts, everything, imported, reasons, states
from tests.conftest import NOW
from tests.examples import GOOD, good

# ---- found again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["目录.xlsx", "目录.csv", "目录.jsonl"])
def test_the_same_file_again_changes_nothing(name: str, database: Database, entries_file: Make) -> None:
    path = entries_file([good(key) for key in GOOD], name=name)
    imported(database, path)
    before = everything(database) - Counter(
        import_batch=1, audit_event=1 + len(GOOD), audit_content=1 + len(GOOD)
    )
    assert counts(imported(database, path)) == (0, 0, len(GOOD), 0)
    after = everything(database) - Counter(
        import_batch=2, audit_event=2 + len(GOOD), audit_content=2 + len(GOOD)
    )
    assert before == after


def test_an_entry_is_found_by_its_code_and_may_be_renamed(database: Database, entries_file: Make) -> None:
    bring(database, entries_file, good("OK01"))
    result = bring(database, entries_file, good("OK01", resource_name="婚姻登记档案信息"))
    assert counts(result) == (0, 1, 0, 0)
    assert "E102" not in {finding.rule for finding in result.check.findings_of(0)}
    assert everything(database)["entry"] == 1


def test_an_entry_without_a_code_is_found_by_provider_and_name(
    database: Database, entries_file: Make
) -> None:
    first = bring(database, entries_file, good("OK01", resource_code=None))
    assert first.allocated == {0: "307024030101/000001"}
    assert ("N304", "307024030101/000001") in {(f.rule, f.value) for f in first.check.findings_of(0)}
    again = bring(database, entries_file, good("OK01", resource_code=None, resource_name="婚姻 登记信息"))
    assert (counts(again), again.allocated) == ((0, 1, 0, 0), {})
    third = bring(database, entries_file, good("OK01"))
    assert counts(third) == (0, 1, 0, 0)
    assert counts(bring(database, entries_file, good("OK01", resource_code=None))) == (0, 0, 1, 0)


def test_the_same_name_of_another_provider_is_another_entry(
    sqlite_database: Database, entries_file: Make
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
    row: dict[str, Any], reason: str, sqlite_database: Database, entries_file: Make
) -> None:
    bring(sqlite_database, entries_file, good("OK01"))
    result = bring(sqlite_database, entries_file, good("OK01") | row)
    assert (counts(result), reasons(result)) == ((0, 0, 0, 1), [reason])


def test_a_retired_code_is_refused_and_its_entry_gone(sqlite_database: Database, entries_file: Make) -> None:
    bring(sqlite_database, entries_file, good("OK01"))
    with sqlite_database.write() as session:
        session.add(
            CodeRecord(code="307024030199/000001", entry_id="old", status="given", at=NOW, retired_at=NOW)
        )
    result = bring(sqlite_database, entries_file, good("OK02", resource_code="307024030199/000001"))
    assert reasons(result) == ["retired_code"]
    with sqlite_database.read() as session:
        with pytest.raises(Gone):
            find_entry(session, "307024030199/000001", sight=EVERYTHING)
        with pytest.raises(NotFound):
            find_entry(session, "没有\0的", sight=EVERYTHING)


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
    entries_file: Make,
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


def test_two_rows_never_bring_the_same_code(database: Database, entries_file: Make) -> None:
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


def test_several_of_one_name_ask_for_the_code(sqlite_database: Database, entries_file: Make) -> None:
    bring(sqlite_database, entries_file, good("OK01"), good("OK01", resource_code="307024030101/000002"))
    result = bring(sqlite_database, entries_file, good("OK01", resource_code=None))
    assert (counts(result), reasons(result)) == ((0, 0, 0, 1), ["ambiguous"])


def test_a_class_that_cannot_be_told_gets_no_code(sqlite_database: Database, entries_file: Make) -> None:
    codeless = good("OK02", resource_code=None, resource_category=["主题信息资源类"])
    result = bring(sqlite_database, entries_file, codeless)
    assert (result.allocated, counts(result)) == ({}, (1, 0, 0, 0))
    assert counts(bring(sqlite_database, entries_file, codeless)) == (0, 0, 1, 0)


def test_a_code_of_no_known_shape_stays_with_the_content(
    sqlite_database: Database, entries_file: Make
) -> None:
    content = good("OK01", resource_code="编号第1号")
    bring(sqlite_database, entries_file, content)
    assert counts(bring(sqlite_database, entries_file, content)) == (0, 0, 1, 0)
    corrected = bring(sqlite_database, entries_file, good("OK01", resource_code=None))
    assert (counts(corrected), corrected.allocated) == ((0, 1, 0, 0), {0: "307024030101/000001"})


# ---- versions ---------------------------------------------------------------------------------------------


def test_changed_content_makes_the_next_version_and_sets_the_draft_aside(
    database: Database, entries_file: Make
) -> None:
    bring(database, entries_file, good("OK01"))
    assert states(database) == ("draft", None, [(1, "draft")])
    bring(database, entries_file, good("OK01", update_cycle="每周"))
    bring(database, entries_file, good("OK01", update_cycle="每周"))
    assert states(database) == ("draft", None, [(1, "superseded"), (2, "draft")])
    bring(database, entries_file, good("OK01"))
    assert states(database)[2] == [(1, "superseded"), (2, "superseded"), (3, "draft")]


def test_stock_is_in_force_with_its_findings_as_a_list_to_rectify(
    database: Database, entries_file: Make
) -> None:
    wrong = good("OK02", share_type="9")
    bring(database, entries_file, good("OK01"), wrong, mode="existing")
    assert states(database) == ("announced", 1, [(1, "announced")])
    with database.read() as session:
        assert [row.version.name for row in to_rectify(session, sight=EVERYTHING)] == [wrong["resource_name"]]


def test_an_entry_in_force_goes_on_showing_it_while_drafts_follow(
    database: Database, entries_file: Make
) -> None:
    bring(database, entries_file, good("OK01", share_type="9"), mode="existing")
    bring(database, entries_file, good("OK01", update_cycle="每周"))
    assert states(database) == ("announced", 1, [(1, "announced"), (2, "draft")])
    bring(database, entries_file, good("OK01", update_cycle="每月"))
    assert states(database) == ("announced", 1, [(1, "announced"), (2, "superseded"), (3, "draft")])
    with database.read() as session:
        assert [row.version.number for row in to_rectify(session, sight=EVERYTHING)] == [1]


def test_stock_taken_in_again_replaces_what_was_in_force(database: Database, entries_file: Make) -> None:
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


def test_a_draft_that_turns_out_to_be_stock_is_put_in_force(database: Database, entries_file: Make) -> None:
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
    database: Database, entries_file: Make
) -> None:
    bring(database, entries_file, good("OK01", related_code=["307024030101/000088"]))
    with database.read() as session:
        assert "E120" in {f["rule"] for f in list_entries(session, sight=EVERYTHING)[0].version.findings}
    bring(
        database,
        entries_file,
        good("OK01", related_code=["307024030101/000088"]),
        good("OK02", resource_code="307024030101/000088"),
    )
    with database.read() as session:
        (row,) = [
            row for row in list_entries(session, sight=EVERYTHING) if row.entry.code == "307024030101/000001"
        ]
        assert "E120" not in {f["rule"] for f in row.version.findings}
