"""A secret is taken from lists, editions, requests and promises; editions and the record still verify."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import SQLModel, col

from registry.audit import events_of, names_of
from registry.db import Database
from registry.editions import document_of
from registry.keys import canonical_json
from registry.list_document import document_digest, is_erased
from registry.list_files import write
from registry.list_verify import verify_file
from registry.models import (
    DataRequest,
    Dispute,
    Edition,
    Entry,
    ListLine,
    RequestAct,
    ShareGrant,
    UsageRecord,
)
from registry.reconcile import differences
from registry.spill import Spilled, spill, sweep
from tests.auditing import verified
from tests.lists_full import ITEM, NAMED, NEIGHBOUR, SAID, SECRET, live_through, take_entries
from tests.requests_cast import Desk
from tests.test_spill import REASON, everything

GONE = "（内容已擦除）"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    take_entries(database, tmp_path)
    return live_through(database)


def spilled(desk: Desk, folder: Path, versions: list[int] | None = None) -> Spilled:
    """The deed as the command does it."""
    with desk.database.write() as session:
        actor = desk.actor(session, "security_admin")
        files = folder / "files"
        done = spill(
            session, NAMED, versions=versions, reason=REASON, actor=actor, folder=files, now=desk.now
        )  # fmt: skip
    return sweep(desk.database, done)


def one(desk: Desk, table: type[SQLModel], pick: Callable[[Any], bool] = lambda _row: True) -> Any:
    with desk.database.read() as session:
        (found,) = [row for row in session.execute(select(table)).scalars() if pick(row)]
        session.expunge_all()
    return found


def lines_of(desk: Desk) -> list[tuple[str, int]]:
    with desk.database.read() as session:
        query = select(col(Entry.code), col(ListLine.number)).join(
            ListLine, col(ListLine.entry_id) == col(Entry.id)
        )
        return sorted({(code, number) for code, number in session.execute(query)})


@pytest.mark.parametrize("versions", [None, [1]], ids=["all", "one version"])
def test_nothing_that_was_said_is_in_any_table(
    versions: list[int] | None, desk: Desk, tmp_path: Path
) -> None:
    before = everything(desk.database)
    assert all(text in before for text in (SECRET, ITEM, *SAID.values()))
    spilled(desk, tmp_path, versions)
    after = everything(desk.database)
    # on the record a report and an answer name no version: where one version goes they stay unless they quote it
    stays = [SAID["update"], SAID["settled"]] if versions else []
    assert [text for text in (SECRET, ITEM, *SAID.values()) if text in after] == stays
    assert verified(desk.database).intact


def test_an_edition_without_the_line_still_verifies(desk: Desk, tmp_path: Path) -> None:
    before = one(desk, Edition)
    spilled(desk, tmp_path)
    after = one(desk, Edition)
    document = document_of(after)
    rows = [row for table in document.lists for row in table.rows]
    assert [is_erased(row) for row in rows].count(True) == 1
    assert any("社会组织法人登记信息" in row.cells for row in rows)
    assert document_digest(document) == after.digest == before.digest
    assert canonical_json(json.loads(after.body)) == after.body != before.body
    assert (after.mark, after.proof, after.scan_name) == (before.mark, before.proof, GONE)


def test_an_exported_file_of_it_is_genuine(desk: Desk, tmp_path: Path) -> None:
    spilled(desk, tmp_path)
    file = tmp_path / "清单.json"
    write(document_of(one(desk, Edition)), file)
    found = verify_file(file)
    assert (found.genuine, found.problems) == (True, ())
    assert any("1 行的内容已依法删除" in note for note in found.notes)
    assert SECRET not in file.read_text("utf-8")


def test_the_register_agrees_with_the_record_afterwards(desk: Desk, tmp_path: Path) -> None:
    with desk.database.read() as session:
        assert list(differences(session)) == []
    spilled(desk, tmp_path)
    with desk.database.read() as session:
        assert list(differences(session)) == []


def test_it_says_where_it_cleaned_and_which_editions_a_person_must_see_to(desk: Desk, tmp_path: Path) -> None:
    done = spilled(desk, tmp_path)
    counts = {
        key: done.places[key] for key in ("list_line", "edition", "request", "grant", "dispute", "promise")
    }
    assert counts == {"list_line": 1, "edition": 1, "request": 17, "grant": 2, "dispute": 1, "promise": 3}
    assert lines_of(desk) == [("102024030101/000001", 1), ("102024030201/000001", 1)]
    said = [place.say("zh") for place in done.by_hand]
    code = one(desk, Edition).code
    assert f"遵义市民政局2026年第1期清单的导出件、打印件和公布件（校验码 {code}）" in said
    assert any(line.startswith("遵义市民政局2026年第1期清单的盖章扫描件（SHA-256 abab") for line in said)
    assert "封存清单里的行（行摘要保留）：1" in done.lines("zh")


def test_numbers_states_and_dates_of_requests_stay(desk: Desk, tmp_path: Path) -> None:
    before, grant = (
        one(desk, DataRequest, lambda row: row.state == "refused" and row.kind == "share"),
        one(desk, ShareGrant),
    )
    spilled(desk, tmp_path)
    after, left = one(desk, DataRequest, lambda row: row.id == before.id), one(desk, ShareGrant)
    assert (after.number, after.state, after.filed_at) == (before.number, "refused", before.filed_at)
    assert (after.reasons, after.content["scene"]) == (GONE, GONE)
    assert after.content["valid_until"] == before.content["valid_until"] == "2027-12-31"
    assert (left.state, left.valid_until, left.provided_at) == (
        grant.state,
        grant.valid_until,
        grant.provided_at,
    )
    assert (set(left.items), left.content["provided"]["where"]) == ({GONE}, GONE)
    assert (one(desk, UsageRecord).content["course"], one(desk, Dispute).subject) == (GONE, GONE)
    acts = one(desk, RequestAct, lambda row: row.act == "refuse")
    assert (acts.note, acts.login, acts.state_after) == (GONE, "share-c", "refused")


def test_who_applied_is_erased_as_an_applicant_is(desk: Desk, tmp_path: Path) -> None:
    spilled(desk, tmp_path)
    request = one(desk, DataRequest, lambda row: row.kind == "open")
    assert (request.applicant, request.erased_at, request.content) == (None, desk.now, {"purpose": GONE})


def test_an_entry_brings_its_requests_grants_and_disputes_on_the_record(desk: Desk, tmp_path: Path) -> None:
    with desk.database.read() as session:
        names, before = names_of(session, NAMED), [event.act for event in events_of(session, NAMED)]
    assert {
        "共需〔2026〕1号",
        "共需〔2026〕2号",
        "开放〔2026〕1号",
        "授权〔2026〕1号",
        "争议〔2026〕1号",
    } <= set(names)
    assert {"request_file", "request_provide", "record_usage", "request_dispute_settle"} <= set(before)
    spilled(desk, tmp_path)
    with desk.database.read() as session:
        acts = {event.act: event.details for event in events_of(session, "授权〔2026〕1号")}
        update, *_ = [event for event in events_of(session, NAMED) if event.act == "record_update"]
    # numbers, states and digests tell nothing and stay; a note goes
    assert acts["request_provide"] is not None and acts["request_provide"]["after"] == "active"
    assert update.details is None


def test_an_edition_is_asked_for_by_its_code_and_a_change_event_by_its_number(desk: Desk) -> None:
    with desk.database.read() as session:
        acts = [event.act for event in events_of(session, one(desk, Edition).code)]
        posted = [event.act for event in events_of(session, "BG-2026-0001")]
    assert acts == ["seal_edition", "publish_edition", "attach_scan"]
    assert posted == ["post_change_event"]


def test_another_line_goes_only_when_its_own_version_does_not_say_it(desk: Desk, tmp_path: Path) -> None:
    edition = one(desk, Edition)
    document = document_of(edition)
    tables = []
    for table in document.lists:
        rows = [
            row
            if "社会组织法人登记信息" not in row.cells
            else row._replace(cells=(*row.cells[:-1], f"见{SECRET}"))
            for row in table.rows
        ]
        tables.append(replace(table, rows=tuple(rows)))
    body = json.loads(edition.body)
    for part, table in zip(body["lists"], tables, strict=True):
        for line, row in zip(part["lines"], table.rows, strict=True):
            line["cells"] = list(row.cells)
    with desk.database.write() as session:
        session.execute(update(Edition).values(body=canonical_json(body)))
    done = spilled(desk, tmp_path)
    assert done.places["edition"] == 3
    assert SECRET not in everything(desk.database)


def test_lines_that_share_an_item_with_it_stay(database: Database, tmp_path: Path) -> None:
    take_entries(database, tmp_path)
    with database.write() as session:
        # a phone that both entries give, longer than what is looked for far from the entry
        assert session.execute(select(ListLine).where(col(ListLine.line).contains("0851-"))).first()
    desk = live_through(database)
    spilled(desk, tmp_path)
    with database.read() as session:
        kept = [row for t in document_of(one(desk, Edition)).lists for row in t.rows if not is_erased(row)]
        code = session.get_one(Entry, kept[0].entry).code
    assert (len(kept), code) == (2, NEIGHBOUR)


def test_an_edition_that_cannot_be_read_is_told_of(desk: Desk, tmp_path: Path) -> None:
    with desk.database.write() as session:
        session.execute(update(Edition).values(body="{"))
    said = [place.say("zh") for place in spilled(desk, tmp_path).by_hand]
    assert "遵义市民政局2026年第1期清单的正文读不出，没有清理" in said


def test_erasing_twice_is_no_harm_to_lists(desk: Desk, tmp_path: Path) -> None:
    spilled(desk, tmp_path)
    again = spilled(desk, tmp_path)
    assert not {"list_line", "edition"} & set(again.places)
    assert document_digest(document_of(one(desk, Edition))) == one(desk, Edition).digest
