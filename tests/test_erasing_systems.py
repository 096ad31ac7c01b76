"""A secret is taken from what is kept of systems, duties, retirements and wipes; no column can be forgotten."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel, col

from registry import blobs
from registry.audit import Act, record
from registry.bound_rows import TABLES
from registry.db import Database
from registry.erasing_systems import CLEANED
from registry.models import (
    BudgetFlag,
    DataCopy,
    DutyEvidence,
    Entry,
    Rectification,
    Retirement,
    RetirementEntry,
    RetirementStep,
    SystemTable,
    WipeCase,
    WipeRecord,
)
from registry.models.columns import table_of
from registry.reconcile import differences
from registry.spill import Spilled
from tests.auditing import verified
from tests.cast import Cast, content, make_cast
from tests.conftest import NOW
from tests.system_rows import CERTIFICATE, add, one_of_each, record_row
from tests.test_spill import SECRET, everything, in_files, spilled

GONE = "（内容已擦除）"
# columns of text that hold keys of ours: of rows, specifications, people, days; they are never free text
KEYS = {
    *(
        "id",
        "number",
        "kind",
        "state",
        "fate",
        "step",
        "duty",
        "trigger",
        "before",
        "after",
        "found_in",
        "excluded",
    ),
    *(
        "medium",
        "data_grade",
        "target",
        "method",
        "technique",
        "result",
        "digest",
        "previous",
        "certificate_no",
    ),
    *(
        "sha256",
        "report_sha256",
        "copies",
        "profile",
        "system_class",
        "life",
        "protection_level",
        "name",
        "ident",
    ),
    *(
        "by",
        "decided_by",
        "created_by",
        "withdrawn_by",
        "ordered_by",
        "reported_by",
        "closed_by",
        "lifted_by",
    ),
    *("opened_by", "recorded_by", "verified_by", "witnessed_by", "approved_by"),
}


def texts_of(model: type[SQLModel]) -> Iterator[str]:
    """The columns of a table that can hold text and are no key of another table."""
    for column in table_of(model).columns:
        if ("VARCHAR" in str(column.type) or "JSON" in str(column.type)) and not column.foreign_keys:
            yield column.name


@pytest.mark.parametrize("model", list(CLEANED), ids=lambda model: str(model.__tablename__))
def test_every_column_of_text_is_cleaned_or_known_to_hold_keys(model: type[SQLModel]) -> None:
    told = set(CLEANED[model].texts)
    assert set(texts_of(model)) - told <= KEYS
    assert {c.name for c in table_of(model).columns if "sha256" in c.name} == set(CLEANED[model].files)


def test_every_table_of_systems_is_cleaned() -> None:
    assert set(TABLES.values()) <= set(CLEANED)


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    """An entry that holds a secret, which every free text of systems, duties, retirements and wipes quotes."""
    row = content(resource_name=SECRET, resource_abstract=f"{SECRET}的清单，含位置。")
    found = make_cast(database, tmp_path, row)
    with database.write() as session:
        kept = {"folder": tmp_path / "files", "actor": "steward", "now": NOW, "most_bytes": 99}
        sha256 = blobs.keep(session, io.BytesIO(SECRET.encode()), **kept).sha256
        entry_id = session.execute(select(col(Entry.id))).scalar_one()
        add(session, one_of_each(session, entry_id=entry_id, text=f"见{SECRET}", sha256=sha256))
        add(session, [record_row(2, previous=session.get_one(WipeRecord, "y1").digest)])
        record(session, [Act("set_up", "w1", {"note": SECRET})], actor="steward", now=NOW)
    return found


def planted(cast: Cast) -> set[tuple[str, str]]:
    """The columns that hold the secret, by table."""
    found = set()
    with cast.database.read() as session:
        for model in CLEANED:
            for row in session.execute(select(model)).scalars():
                values = {name: getattr(row, name) for name in texts_of(model)}
                found |= {
                    (str(model.__tablename__), name)
                    for name, value in values.items()
                    if SECRET in json.dumps(value, ensure_ascii=False)
                }
    return found


def test_the_secret_is_planted_in_every_free_text(cast: Cast) -> None:
    wanted = {(name, text) for name, model in TABLES.items() for text in CLEANED[model].texts}
    assert planted(cast) == wanted


@pytest.mark.parametrize("versions", [None, [1]], ids=["all", "one version"])
def test_it_is_nowhere_in_the_database_or_the_folder(
    versions: list[int] | None, cast: Cast, tmp_path: Path
) -> None:
    done = spilled(cast, tmp_path, versions=versions)
    assert SECRET not in everything(cast.database)
    assert [name for name in in_files(tmp_path / "files") if name] == []
    places = {key: done.places[key] for key in ("system", "duty", "retirement", "wipe", "blob")}
    assert places == {"system": 3, "duty": 4, "retirement": 3, "wipe": 2, "blob": 1}


def test_the_record_still_agrees_with_the_rows(cast: Cast, tmp_path: Path) -> None:
    spilled(cast, tmp_path)
    assert verified(cast.database).intact
    with cast.database.read() as session:
        assert list(differences(session)) == []


def test_a_wipe_record_keeps_its_digest_and_says_that_it_was_erased(cast: Cast, tmp_path: Path) -> None:
    before = one(cast, WipeRecord, "y1").digest
    done = spilled(cast, tmp_path)
    row, other = one(cast, WipeRecord, "y1"), one(cast, WipeRecord, "y2")
    assert (row.digest, row.erased_at, row.state, row.certificate_no) == (
        before, cast.now, "certified", CERTIFICATE,
    )  # fmt: skip
    assert json.loads(row.certificate) == {"certificate_no": CERTIFICATE, "record": {"note": GONE}}
    assert (row.content["tool"], row.verification["name"]) == (GONE, "李四")
    assert (other.content["tool"], other.erased_at) == ("擦除工具", None)
    assert f"清除证明 {CERTIFICATE}：已导出或打印的 PDF、JSON 副本" in told(done)


def one(cast: Cast, model: Any, key: Any) -> Any:
    with cast.database.read() as session:
        found = session.get_one(model, key)
        session.expunge_all()
    return found


def told(done: Spilled) -> list[str]:
    return [place.say("zh") for place in done.by_hand]


def test_numbers_states_and_days_stay(cast: Cast, tmp_path: Path) -> None:
    spilled(cast, tmp_path)
    order, case, copy = one(cast, Rectification, "z1"), one(cast, WipeCase, "w1"), one(cast, DataCopy, "d1")
    assert (order.number, order.state, order.trigger, order.words) == ("ZG-2026-0001", "ordered", "T1", GONE)
    assert (case.number, case.absent, copy.state, copy.ids) == (
        "QC-2026-0001", {"log": GONE}, "planned", {"property_no": GONE},
    )  # fmt: skip
    assert one(cast, SystemTable, "t1").name == f"{GONE}t1"


def test_what_speaks_of_other_things_stays(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path, content(resource_name=SECRET))
    with database.write() as session:
        entry_id = session.execute(select(col(Entry.id))).scalar_one()
        rows = one_of_each(session, entry_id=entry_id, text="机房改造")
        add(session, rows)
        record(session, [Act("set_up", "w1", {})], actor="steward", now=NOW)
    spilled(cast, tmp_path)
    assert one(cast, BudgetFlag, "b1").note == one(cast, DutyEvidence, "v1").note == "机房改造"
    assert one(cast, RetirementStep, "h1").note == one(cast, Retirement, "x1").why == "机房改造"
    # the entry's own fate is all about the entry
    assert one(cast, RetirementEntry, ("x1", entry_id)).why == GONE


def test_a_paper_that_other_rows_rest_on_stays_and_is_named(cast: Cast, tmp_path: Path) -> None:
    with cast.database.write() as session:
        sha256 = session.get_one(DutyEvidence, "v1").sha256
        other = DutyEvidence(
            id="v2", duty="LPS-26", year=2026, kind="report", sha256=sha256, by="steward", at=NOW
        )
        add(session, [other])
    done = spilled(cast, tmp_path)
    assert "blob" not in done.places
    assert [place.params["count"] for place in done.by_hand if place.key == "shared_blob"] == [1]
