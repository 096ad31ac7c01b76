"""The outbox: whatever changes what is offered says so in its own transaction."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_lifecycle import Lifecycle
from registry.agencies import add, close, edit, rename
from registry.db import Database
from registry.errors import MuluError
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.lifecycle import perform_many
from registry.models import Agency, BatchProof, Entry, OutboxRow
from registry.outbox import mark, mark_agency
from registry.permits import Actor, Held
from registry.spill import spill
from registry.splitting import Part, split
from registry.stores import FolderStore
from registry.subjects import Subject
from registry.succession import merge
from tests.agency_cast import CIVIL, MARKET, credit_code, make_agencies, ordered
from tests.cast import NOTICE, Cast, content, make_cast
from tests.conftest import NOW, TODAY
from tests.offering import marked, watched
from tests.open_data import leaky, open_cast, prove, proven, review, rows, write_csv
from tests.stages import TABLE, added, attach, made_of, review_data, shelve
from tests.stages import edit as edited

At = Callable[[str], Cast]
LIFE = load("zunyi_2020").document("lifecycle", Lifecycle)
ADMIN = Actor("p0", "admin", "admin", held=(Held("bureau"),))


@pytest.fixture
def opened(sqlite_database: Database, tmp_path: Path) -> Cast:
    """A masked file about people, proven and on the shelf."""
    cast = open_cast(sqlite_database, tmp_path)
    proven(cast, tmp_path)
    cast.act("shelve", "steward")
    return cast


def shelved(database: Database, folder: Path) -> Cast:
    """An entry with a table on the shelf, on any database."""
    cast = make_cast(database, folder)
    cast.walk_to("")
    attach(cast)
    review_data(cast)
    shelve(cast)
    return cast


def entry_id(cast: Cast) -> str:
    with cast.database.read() as session:
        return session.execute(select(col(Entry.id))).scalars().first() or ""


# ---- moves ------------------------------------------------------------------------------------------------

# who makes which move with what, from the shelf to the end: every move of lifecycle.yaml comes at least once
STORY: list[tuple[str, str, dict[str, Any]]] = [
    ("suspend", "bureau", {}),
    ("resume", "head", {}),
    ("attach", "steward", {"data": TABLE | {"name": "另一库表", "opened": True}}),
    ("clear_data", "secrecy_reviewer", {}),
    ("shelve", "steward", {}),
    ("revise", "steward", {}),
    ("submit", "steward", {}),
    ("object", "secrecy_reviewer", {}),
    ("submit", "steward", {}),
    ("clear", "secrecy_reviewer", {}),
    ("return", "head", {}),
    ("submit", "steward", {}),
    ("endorse", "division_chief", {}),
    ("endorse", "head", {}),
    ("approve", "auditor", {}),
    ("announce", "bureau", {"data": NOTICE | {"number": "遵数通〔2026〕2号", "emergency": "更正"}}),
    ("withdraw", "head", {"data": {"emergency": "发现个人信息"}}),
]


def test_every_move_that_changes_what_is_offered_marks_it(at: At, tmp_path: Path) -> None:
    cast, done, told = at("shelved"), set(), set()
    for move, role, given in STORY:
        if move == "shelve":
            cast.record("provision_test", name=made_of(cast))
        if move == "submit":
            edited(cast, tmp_path, cols=added())
        with watched(cast.database, cast.now) as changed:
            cast.act(move, role, note="办理", **given)
        done.add(move)
        told |= {move} if changed else set()
    assert told == {"suspend", "resume", "shelve", "announce", "withdraw"}
    assert done == set(LIFE.index) - {"off_shelf", "retire"}


def test_what_ends_is_marked(at: At) -> None:
    cast = at("shelved")
    cast.record("consultation")
    with watched(cast.database, cast.now) as changed:
        cast.act("off_shelf", "head", note="停用")
    assert changed == {entry_id(cast)}
    cast.record("retirement_decision", role="head")
    cast.record("notice_to_users")
    with watched(cast.database, cast.now):
        cast.act("retire", "head", note="停用")
    assert marked(cast.database) == {entry_id(cast): "retire"}


def test_a_note_that_comes_into_force_at_once_is_marked(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    cast.act("revise", "steward")
    edited(cast, tmp_path, contact_name="李雷")
    cast.act("submit", "steward")
    with watched(cast.database, cast.now) as changed:
        cast.act("endorse", "division_chief")
    assert changed == {entry_id(cast)}


def test_what_has_nothing_to_offer_is_not_marked(at: At) -> None:
    cast = at("draft")
    cast.walk_to("")
    assert marked(cast.database) == {}


def test_a_move_that_is_refused_marks_nothing(database: Database, tmp_path: Path) -> None:
    cast = shelved(database, tmp_path)
    with watched(cast.database, cast.now) as changed, pytest.raises(MuluError):
        cast.act("suspend", "bureau")
    assert (changed, marked(cast.database)) == (set(), {})


def test_a_batch_of_moves_is_marked_by_one_statement(database: Database, tmp_path: Path) -> None:
    cast = shelved(database, tmp_path)
    key = made_of(cast, "suspend")
    with cast.database.write() as session:
        actor = cast.actor("bureau", session)
        subjects = [Subject(entry_id(cast), key)]
        perform_many(session, subjects, "suspend", actor=actor, now=cast.now, note="核查")
    with cast.database.read() as session:
        (row,) = session.execute(select(OutboxRow).order_by(col(OutboxRow.id).desc()).limit(1)).scalars()
        assert (row.act, row.at) == ("suspend", cast.now)


# ---- proofs -----------------------------------------------------------------------------------------------


def test_a_clean_batch_that_is_published_is_marked(opened: Cast, tmp_path: Path) -> None:
    key = made_of(opened, "suspend")
    with watched(opened.database, opened.now) as changed:
        made = prove(opened, write_csv(tmp_path, rows(size=7), "next.csv"), name=key)
    assert (made.batch.state, changed) == ("published", {entry_id(opened)})


def test_what_is_held_is_marked(opened: Cast, tmp_path: Path) -> None:
    with watched(opened.database, opened.now):
        made = prove(opened, write_csv(tmp_path, leaky()), name=made_of(opened, "suspend"))
    assert made.batch.state == "held"
    assert marked(opened.database) == {entry_id(opened): "check_proof"}


@pytest.mark.parametrize("agree", [True, False])
def test_the_word_on_a_new_standing_proof_is_marked(agree: bool, opened: Cast, tmp_path: Path) -> None:
    key = made_of(opened, "suspend")
    with watched(opened.database, opened.now) as renewed:
        made = prove(opened, write_csv(tmp_path, rows(size=7), "next.csv"), name=key, renew=True)
    with watched(opened.database, opened.now) as changed:
        review(opened, made.standing.id, agree=agree, note="" if agree else "方法不当")
    assert renewed == {entry_id(opened)}  # nothing is proven until a second person has agreed
    assert marked(opened.database) == {entry_id(opened): "review_proof"}
    assert changed == ({entry_id(opened)} if agree else set())


def test_a_batch_is_what_makes_the_difference(opened: Cast) -> None:
    """Without the mark of a proof nothing else would tell: the distribution's state stays as it is."""
    with pytest.raises(AssertionError, match="没有登记"), watched(opened.database, opened.now):
        put(opened, verdict="residual")
    with pytest.raises(AssertionError, match="没有登记"), watched(opened.database, opened.now):
        put(opened, verdict="clean")


def put(cast: Cast, **values: Any) -> None:
    with cast.database.write() as session:
        session.execute(update(BatchProof).values(**values))


# ---- agencies ---------------------------------------------------------------------------------------------


def second_agency(cast: Cast) -> str:
    with cast.database.write() as session:
        made = add(session, credit_code(7), "遵义市大数据局", kind="政府部门", actor=ADMIN, now=NOW)
        return made.code


AGENCY: dict[str, Callable[[Any, str], Any]] = {
    "rename": lambda s, other: rename(s, MARKET, "遵义市市监局", actor=ADMIN, now=NOW, **ordered()),
    "edit": lambda s, other: edit(s, MARKET, {"kind": "党群机关"}, actor=ADMIN, now=NOW),
    "merge": lambda s, other: merge(s, [MARKET], other, actor=ADMIN, now=NOW, **ordered()),
    "split": lambda s, other: split(
        s, MARKET, [Part(code=other, rest=True)], close=True, actor=ADMIN, now=NOW, **ordered()
    ),
}


@pytest.mark.parametrize("name", AGENCY)
def test_what_happens_to_an_agency_is_marked_with_its_entries(
    name: str, database: Database, tmp_path: Path
) -> None:
    cast = shelved(database, tmp_path)
    other = second_agency(cast)
    with watched(database, cast.now) as changed, database.write() as session:
        AGENCY[name](session, other)
    assert list(marked(database)) == [entry_id(cast)]
    assert changed == (set() if name == "edit" else {entry_id(cast)})


def test_agencies_without_anything_on_the_shelf_mark_nothing(database: Database, tmp_path: Path) -> None:
    make_agencies(database, tmp_path)
    with database.write() as session:
        rename(session, CIVIL, "遵义市民政和社会工作局", actor=ADMIN, now=NOW, **ordered())
        made = add(session, credit_code(7), "遵义市大数据局", kind="政府部门", actor=ADMIN, now=NOW)
        close(session, made.code, actor=ADMIN, now=NOW, **ordered())
    assert marked(database) == {}


# ---- imports, drafts, spills ------------------------------------------------------------------------------


def test_an_import_of_what_stands_marks_what_it_replaces(at: At, tmp_path: Path) -> None:
    cast, path = at("shelved"), tmp_path / "stock.jsonl"
    write_jsonl([content(resource_abstract="省平台另有一份说明文字")], path, load("zunyi_2020"))
    with watched(cast.database, cast.now) as changed, cast.database.write() as session:
        result = import_workbook(session, path, actor="steward", now=NOW, mode="existing")
    assert (result.outcomes, changed) == (["updated"], {entry_id(cast)})


def test_a_code_that_comes_later_is_marked(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    with cast.database.write() as session:
        session.execute(update(Entry).values(code=None))
    path = tmp_path / "coded.jsonl"
    write_jsonl([content(resource_code="102024030201/000077", contact_name="李雷")], path, load("zunyi_2020"))
    with watched(cast.database, cast.now) as changed, cast.database.write() as session:
        result = import_workbook(session, path, actor="steward", now=NOW)
    assert (result.outcomes, changed) == (["updated"], {entry_id(cast)})


def test_new_entries_are_not_marked(database: Database, tmp_path: Path) -> None:
    make_agencies(database, tmp_path)
    assert marked(database) == {}


@pytest.mark.parametrize("versions", [None, [1]])
def test_a_spill_is_marked(versions: list[int] | None, database: Database, tmp_path: Path) -> None:
    cast = shelved(database, tmp_path)
    with watched(database, cast.now) as changed, database.write() as session:
        actor = Actor("p1", "security_admin", "security_admin", held=(Held("security_admin"),))
        folder = FolderStore(tmp_path / "files")
        spill(session, cast.code, versions=versions, reason="误登", actor=actor, folder=folder, now=cast.now)
    assert changed == {entry_id(cast)}
    assert marked(database) == {entry_id(cast): "spill"}


# ---- the rows themselves ----------------------------------------------------------------------------------


def test_a_mark_goes_with_its_transaction(database: Database, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        mark(session, ["e1"], "suspend", now=NOW)
        raise RuntimeError
    assert marked(database) == {}
    with database.write() as session:
        mark(session, ["e2", "e1", "e2"], "suspend", now=NOW)
        mark(session, [], "suspend", now=NOW)
    with database.read() as session:
        found = list(session.execute(select(OutboxRow).order_by(col(OutboxRow.id))).scalars())
        assert [(row.entry_id, row.act, row.at) for row in found] == [
            ("e1", "suspend", NOW),
            ("e2", "suspend", NOW),
        ]


def test_an_agency_marks_what_has_something_to_offer(database: Database, tmp_path: Path) -> None:
    cast = shelved(database, tmp_path)
    later = NOW + timedelta(days=1)
    with database.write() as session:
        agency = session.execute(select(Agency)).scalars().first()
        assert agency is not None
        mark_agency(session, agency.id, "rename_agency", now=later)
        mark_agency(session, "a-other", "rename_agency", now=later)
    with database.read() as session:
        last = session.execute(select(OutboxRow).where(col(OutboxRow.at) == later)).scalars().all()
        assert [(row.entry_id, row.act) for row in last] == [(entry_id(cast), "rename_agency")]
    assert NOW.date() == TODAY
