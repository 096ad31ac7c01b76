"""Agencies merged: everything moves in one transaction, permissions follow at once, and nothing is left behind."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.agencies import add, edit
from registry.agency_lives import closed_words, last_successor, owner_on, standing
from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected, Stale
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.keys import new_key
from registry.lifecycle import perform
from registry.lookup import list_entries
from registry.models import Agency, Delegation, Entry, Person, RoleGrant, SignatureSheet, System
from registry.people import find_person, held_by
from registry.permits import EVERYTHING, may, roles_of, sight
from registry.splitting import Part, split
from registry.subjects import Subject, find_subject
from registry.succession import merge
from tests.agency_cast import (
    BASIS,
    CIVIL,
    MARKET,
    POLICE,
    YESTERDAY,
    actor,
    acts_on,
    by_code,
    credit_code,
    deed,
    entry_codes,
    grants_in,
    make_agencies,
    merged,
    named,
    ordered,
)
from tests.cast import add_person, content
from tests.conftest import NOW, TODAY

CODE = "307024030101/000001"
ROLES = roles_of(load())


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


def entry(database: Database, code: str = CODE) -> Entry:
    with database.read() as session:
        return session.execute(select(Entry).where(col(Entry.code) == code)).scalar_one()


def seen_by(database: Database, login: str) -> int:
    with database.read() as session:
        return len(list_entries(session, sight=sight(actor(session, login), ROLES)))


# ---- what moves -------------------------------------------------------------------------------------------


def test_all_that_the_sources_have_becomes_the_successors(city: Database) -> None:
    before, all_codes = entry(city), sorted(entry_codes(city, CIVIL) + entry_codes(city, MARKET))
    done = merged(city, [CIVIL], MARKET)
    assert entry_codes(city, MARKET) == all_codes
    assert entry_codes(city, CIVIL) == []
    after, closed = entry(city), named(city, CIVIL)
    assert (after.lock, after.state, after.code) == (before.lock + 1, before.state, CODE)
    assert (closed.valid_until, closed.successor_id) == (YESTERDAY, after.agency_id)
    with city.read() as session:
        systems = session.execute(select(System).where(col(System.agency_id) == closed.id)).scalars().all()
        people = session.execute(select(Person).where(col(Person.agency_id) == closed.id)).scalars().all()
        assert (list(systems), list(people), grants_in(session, closed)) == ([], [], [])
    moved = done.taken[0].moved
    assert [len(moved.entries), len(moved.systems), len(moved.people), moved.roles] == [3, 3, 2, 2]


def test_a_file_for_a_closed_agency_is_refused_with_its_successor(here: Database, tmp_path: Path) -> None:
    merged(here, [MARKET], CIVIL)
    row = content("OK05")
    path = tmp_path / "新.jsonl"
    write_jsonl([row], path, load())
    with here.write() as session:
        result = import_workbook(session, path, actor="steward-c", now=NOW)
        said = [line.worded.message for line in result.check.lines() if line.worded.rule == "E167"]
    assert result.counts["refused"] == 1
    assert CIVIL in said[0]


def test_permissions_follow_at_once(city: Database) -> None:
    assert (seen_by(city, "steward-c"), seen_by(city, "steward-m")) == (3, 1)
    merged(city, [CIVIL], MARKET)
    assert (seen_by(city, "steward-c"), seen_by(city, "steward-m")) == (4, 4)
    assert seen_by(city, "steward-p") == 2


def test_an_open_draft_goes_on_under_the_successor(city: Database) -> None:
    with city.read() as session:
        stale = find_subject(session, CODE, "submit", sight=EVERYTHING)
        stale = replace(stale, lock=entry(city).lock)
    merged(city, [CIVIL], MARKET)
    with city.write() as session, pytest.raises(Stale):
        perform(session, stale, "submit", actor=actor(session, "steward-m"), now=NOW)
    with city.write() as session, pytest.raises(NotAllowed):
        perform(session, Subject(stale.entry_id), "submit", actor=actor(session, "steward-p"), now=NOW)
    with city.write() as session:
        done = perform(session, Subject(stale.entry_id), "submit", actor=actor(session, "steward-m"), now=NOW)
    assert done.after == "submitted"


def test_every_move_is_on_the_record_with_the_basis(city: Database) -> None:
    merged(city, [CIVIL], MARKET)
    assert acts_on(city, entry(city).id) == ["register", "move_entry"]
    with city.read() as session:
        (event,) = events_of(session, named(city, CIVIL).id)
        moved = [e for e in events_of(session, entry(city).id) if e.act == "move_entry"]
        person = find_person(session, "steward-c")
        assert [e.act for e in events_of(session, person.id)] == ["move_person", "move_role"]
    order = {"day": TODAY.isoformat(), "basis": BASIS}
    counts = {"entries": 3, "systems": 3, "people": 2, "roles": 2, "delegations": 0}
    assert event.details == order | {"agency": CIVIL, "into": MARKET, "counts": counts}
    assert moved[0].details == order | {"from": CIVIL, "to": MARKET}
    assert (event.actor, event.act) == ("bureau", "merge_agency")


def test_a_role_ends_in_the_old_agency_and_begins_in_the_new_one(city: Database) -> None:
    merged(city, [CIVIL], MARKET)
    with city.read() as session:
        person = find_person(session, "head-c")
        old, new = session.execute(
            select(RoleGrant).where(col(RoleGrant.person_id) == person.id).order_by(col(RoleGrant.id))
        ).scalars()
        assert (old.revoked_by, old.revoked_at) == ("bureau", NOW)
        assert (new.agency_id, new.role, new.valid_from, new.revoked_at) == (
            named(city, MARKET).id,
            "head",
            TODAY,
            None,
        )


def test_two_heads_in_one_agency_are_told(here: Database) -> None:
    told = merged(here, [CIVIL, POLICE], MARKET).told
    assert "“遵义市市场监督管理局”的部门负责人现有 3 人：head-c、head-m、head-p" in told


def _grant(session: Session, person: Person, agency: Agency, role: str, **more: Any) -> None:
    values = {"granted_by": "test", "granted_at": NOW} | more
    session.add(RoleGrant(id=new_key("g"), person_id=person.id, role=role, agency_id=agency.id, **values))


def test_a_role_held_in_both_is_kept_once_and_told(city: Database) -> None:
    with city.write() as session:
        add_person(session, "both", "auditor", by_code(session, CIVIL), session.execute(select(System)).scalars().first())  # type: ignore[arg-type]  # fmt: skip
        both = find_person(session, "both")
        for code in (CIVIL, MARKET):
            _grant(session, both, by_code(session, code), "steward")
    done = merged(city, [CIVIL], MARKET)
    assert "“both”在“遵义市市场监督管理局”已有角色“数据专员”，原授权终止" in done.told
    with city.read() as session:
        held = [
            h for h in held_by(session, find_person(session, "both").id, today=TODAY) if h.role == "steward"
        ]
        assert [h.agency_id for h in held] == [named(city, MARKET).id]


def test_a_clash_that_stood_before_is_told(here: Database) -> None:
    with here.write() as session:
        _grant(session, find_person(session, "steward-c"), by_code(session, CIVIL), "contractor")
    assert any("不得由同一人（steward-c）担任" in said for said in merged(here, [CIVIL], MARKET).told)


def test_a_role_that_had_run_out_stays_where_it_was(here: Database) -> None:
    with here.write() as session:
        civil = by_code(session, CIVIL)
        _grant(
            session, find_person(session, "head-c"), civil, "steward", valid_until=TODAY - timedelta(days=9)
        )
    assert merged(here, [CIVIL], MARKET).taken[0].moved.roles == 2
    with here.read() as session:
        assert [grant.role for grant in grants_in(session, named(here, CIVIL))] == ["steward"]


def test_delegations_end(city: Database) -> None:
    with city.write() as session:
        civil = by_code(session, CIVIL)
        sides = {
            "from_person_id": find_person(session, "head-c").id,
            "to_person_id": find_person(session, "steward-c").id,
        }
        session.add(
            Delegation(
                id="d1",
                **sides,
                role="head",
                agency_id=civil.id,
                matters=["endorse"],
                document="〔2026〕3号",
                valid_from=TODAY,
                valid_until=TODAY + timedelta(days=30),
                created_by="head-c",
                created_at=NOW,
            )
        )
        session.flush()
        assert may(actor(session, "steward-c"), "endorse", ROLES)
    done = merged(city, [CIVIL], MARKET)
    assert done.taken[0].moved.delegations == 1
    assert "1 项授权委托已终止；需要的由“遵义市市场监督管理局”重新办理" in done.told
    with city.read() as session:
        assert session.get_one(Delegation, "d1").revoked_at == NOW
        assert not may(actor(session, "steward-c"), "endorse", ROLES)


def test_a_contractor_stays_with_his_system(city: Database) -> None:
    with city.write() as session:
        civil = by_code(session, CIVIL)
        system = session.execute(select(System).where(col(System.agency_id) == civil.id)).scalars().first()
        assert system is not None
        add_person(session, "builder", "contractor", civil, system)
    before = seen_by(city, "builder")
    merged(city, [CIVIL], MARKET)
    assert seen_by(city, "builder") == before >= 1


def test_a_sheet_that_waits_for_its_signature_moves(here: Database) -> None:
    with here.write() as session:
        values = {
            "move": "endorse",
            "role": "head",
            "rows": [],
            "digest": "0" * 64,
            "created_by": "steward-c",
        }
        for number, signed in (("1", None), ("2", NOW)):
            session.add(
                SignatureSheet(
                    id=f"q{number}",
                    number=number,
                    agency_id=by_code(session, CIVIL).id,
                    created_at=NOW,
                    signed_at=signed,
                    **values,
                )
            )
    merged(here, [CIVIL], MARKET)
    with here.read() as session:
        owners = [session.get_one(SignatureSheet, key).agency_id for key in ("q1", "q2")]
    assert owners == [named(here, MARKET).id, named(here, CIVIL).id]


def test_agencies_below_come_under_the_successor(here: Database) -> None:
    below, deeper = credit_code(1), credit_code(2)
    deed(here, "bureau", add, below, "遵义市救助站", kind="政府部门", parent=CIVIL)
    deed(here, "bureau", add, deeper, "遵义市救助分站", kind="政府部门", parent=below)
    merged(here, [CIVIL], MARKET)
    assert named(here, below).parent_id == named(here, MARKET).id
    merged(here, [MARKET], deeper)
    assert named(here, deeper).parent_id is None
    assert named(here, below).parent_id == named(here, deeper).id


def test_names_that_meet_in_one_agency_are_told(here: Database) -> None:
    from registry.models import Version

    with here.write() as session:
        for version in session.execute(select(Version)).scalars():
            version.name = version.folded = "同名目录"
    told = merged(here, [CIVIL], MARKET).told
    assert "“遵义市市场监督管理局”有同名目录 1 组：同名目录；更新时写明资源代码" in told


# ---- what stands against it -------------------------------------------------------------------------------


def test_everything_that_stands_against_it_is_said_at_once(here: Database) -> None:
    deed(here, "bureau", edit, CIVIL, {"region": "520302"})
    with pytest.raises(Rejected) as refused:
        merged(here, [CIVIL, MARKET], MARKET, day=TODAY + timedelta(days=1), basis="")
    for words in ("文号", "还没有到", "不能并入它自己", "跨区划须另行写明"):
        assert words in refused.value.message
    assert len(refused.value.details["errors"]) == 4
    assert entry_codes(here, CIVIL)
    merged(here, [CIVIL], MARKET, across_regions=True)


@pytest.mark.parametrize(
    ("sources", "into", "error", "words"),
    [
        ([], MARKET, Rejected, "没有写明并入哪些单位"),
        (["没有这个局"], MARKET, NotFound, "没有单位“没有这个局”"),
        ([CIVIL], "没有\0这个局", NotFound, "没有单位"),
    ],
)
def test_agencies_that_are_not_there(
    here: Database, sources: Sequence[str], into: str, error: type[MuluError], words: str
) -> None:
    with pytest.raises(error, match=words):
        merged(here, sources, into)


def test_a_closed_agency_neither_merges_nor_takes_over(here: Database) -> None:
    merged(here, [CIVIL], MARKET)
    merged(here, [MARKET], POLICE)
    for sources, into in (([CIVIL], POLICE), ([POLICE], CIVIL)):
        with pytest.raises(Conflict, match=f"由“遵义市公安局”（{POLICE}）承接"):
            merged(here, sources, into)


def test_an_agency_that_began_later_is_not_merged_before(here: Database) -> None:
    new = credit_code(1)
    deed(here, "bureau", add, new, "遵义市数据局", kind="政府部门", valid_from=TODAY)
    with pytest.raises(Rejected, match="在生效日 2026-11-01 还没有"):
        merged(here, [CIVIL], new, day=date(2026, 11, 1))
    with pytest.raises(Rejected, match="生效日须在其后"):
        merged(here, [new], CIVIL)
    merged(here, [CIVIL], new)


def test_systems_of_one_name_are_to_be_renamed_first(here: Database) -> None:
    with here.write() as session:
        for code in (CIVIL, POLICE):
            values = {"profile": "zunyi_2020", "life": "operating", "created_at": NOW}
            agency_id = by_code(session, code).id
            session.add(System(id=new_key("s"), agency_id=agency_id, name="协同办公系统", **values))
    with pytest.raises(Conflict, match="有同名系统：协同办公系统"):
        merged(here, [CIVIL], POLICE)
    with pytest.raises(Conflict, match="有同名系统：协同办公系统"):
        merged(here, [CIVIL, POLICE], MARKET)


@pytest.mark.parametrize("login", ["steward-c", "head-m", "auditor", "security_admin"])
def test_only_the_bureau_merges(here: Database, login: str) -> None:
    with pytest.raises(NotAllowed):
        deed(here, login, merge, [CIVIL], MARKET, **ordered())
    assert len(entry_codes(here, CIVIL)) == 3


def test_a_bureau_of_a_county_merges_its_own_only(here: Database) -> None:
    with here.write() as session:
        grant = session.execute(select(RoleGrant).where(col(RoleGrant.role) == "bureau")).scalar_one()
        grant.region = "520302"
    with pytest.raises(NotAllowed, match="本角色范围内"):
        merged(here, [CIVIL], MARKET)


# ---- at once, and again and again -------------------------------------------------------------------------


def _both(first: Callable[[], object], second: Callable[[], object]) -> list[str]:
    """The outcomes of two deeds that begin at the same moment."""
    gate, outcomes = threading.Barrier(2), []

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
            outcomes.append("done")
        except MuluError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(act,)) for act in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.parametrize(
    ("one", "other"), [((CIVIL, MARKET), (MARKET, CIVIL)), ((CIVIL, MARKET), (CIVIL, POLICE))]
)
def test_of_two_mergers_at_once_one_is_done(
    city: Database, one: tuple[str, str], other: tuple[str, str]
) -> None:
    found = _both(lambda: merged(city, [one[0]], one[1]), lambda: merged(city, [other[0]], other[1]))
    assert found == ["Conflict", "done"]
    with city.read() as session:
        _whole(session)


class _Undone(Exception):
    pass


def _whole(session: Session) -> None:
    """Every entry belongs to an agency that stands; what is closed has nothing and leads to one that stands."""
    for agency in session.execute(select(Agency)).scalars():
        owned = [
            session.execute(
                select(func.count()).select_from(table).where(col(table.agency_id) == agency.id)
            ).scalar_one()
            for table in (Entry, System, Person)
        ]
        if not standing(agency, TODAY):
            assert owned == [0, 0, 0]
            assert grants_in(session, agency) == []
            assert standing(last_successor(session, agency), TODAY)
            assert "承接" in closed_words(session, agency)


FIRST = date(2026, 1, 1)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["merge", "split", "twice"]), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)
    ),
    max_size=7,
)


def _step(session: Session, step: tuple[str, int, int, int], codes: list[str], day: date) -> None:
    kind, *picked = step
    one, two, three = (codes[n % len(codes)] for n in picked)
    by: dict[str, Any] = {"actor": actor(session, "bureau"), "now": NOW} | ordered(day=day)
    if kind != "split":
        merge(session, [one, three] if kind == "twice" else [one], two, **by)
        return
    new = credit_code(len(codes))
    others = [Part(two)] if two != one else []
    split(session, one, [Part(new, f"新单位{len(codes)}", rest=True), *others], close=True, **by)
    codes.append(new)


@pytest.fixture(scope="module")
def standing_city(tmp_path_factory: pytest.TempPathFactory) -> Database:
    from registry.migrate import upgrade

    folder = tmp_path_factory.mktemp("city")
    database = Database(f"sqlite:///{folder / 'mulu.sqlite3'}")
    upgrade(database)
    make_agencies(database, folder)
    return database


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_after_any_sequence_every_entry_belongs_to_an_agency_that_stands(
    standing_city: Database, steps: list[tuple[str, int, int, int]]
) -> None:
    codes = [MARKET, CIVIL, POLICE]
    with pytest.raises(_Undone), standing_city.write() as session:
        origin = {e.id: e.agency_id for e in session.execute(select(Entry)).scalars()}
        for n, step in enumerate(steps):
            try:
                with session.begin_nested():
                    _step(session, step, codes, FIRST + timedelta(days=n))
            except MuluError:
                continue
            _whole(session)
        session.expire_all()
        for found in session.execute(select(Entry)).scalars():
            owner = session.get_one(Agency, found.agency_id)
            assert owner_on(session, found.id, owner, FIRST - timedelta(days=1)).agency.id == origin[found.id]
        raise _Undone
