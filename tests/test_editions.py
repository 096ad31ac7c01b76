"""Editions: sealed by the head, numbered within the year, frozen, marked, proven, never twice for one state."""

import json
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry.db import Database
from registry.editions import (
    Sealed,
    attach_scan,
    document_of,
    edition_by_code,
    editions_of,
    find_edition,
    preview,
    publish_edition,
    seal_many,
    stale_agencies,
    standing_of,
)
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.keys import canonical_json
from registry.list_document import document_digest
from registry.marks import is_genuine
from registry.models import Agency, Edition
from registry.people import actor_of
from tests.conftest import NOW
from tests.list_cast import CIVIL, MARKET, add_heads, announced, seal, take_in

LATER = NOW + timedelta(days=2)
HEAD = f"head-{CIVIL.lower()}"


@pytest.fixture
def civil(database: Database, tmp_path: Path) -> Database:
    take_in(database, tmp_path, announced("OK01"), announced("OK02"))
    add_heads(database, CIVIL)
    return database


def stored(database: Database, agency: str = CIVIL) -> list[Edition]:
    with database.read() as session:
        found = session.execute(
            select(Edition)
            .join(Agency, col(Agency.id) == col(Edition.agency_id))
            .where(col(Agency.code) == agency)
        )
        rows = list(found.scalars())
        session.expunge_all()
    return rows


def agency_of(session: object, code: str = CIVIL) -> Agency:
    return session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one()  # type: ignore[attr-defined]


def test_a_sealed_edition_is_the_list_as_it_stood(civil: Database) -> None:
    done = seal(civil, CIVIL)
    document = document_of(done.edition)
    assert (done.unchanged, done.edition.year, done.edition.number, done.edition.rows) == (False, 2026, 1, 3)
    assert [(one.zh, len(list(one.rows))) for one in document.lists] == [
        ("数据共享责任清单", 2),
        ("数据开放清单", 1),
    ]
    assert document.head["edition"] == "2026年第1期"
    assert document.head["sealed_on"] == "2026-11-21 10:00"
    assert "第23条" in document.head["basis"] and "第24条" in document.head["basis"]


def test_it_is_frozen_as_canonical_json_under_its_digest_and_mark(civil: Database) -> None:
    edition = seal(civil, CIVIL).edition
    assert canonical_json(json.loads(edition.body)) == edition.body
    assert document_digest(document_of(edition)) == edition.digest
    assert is_genuine(edition.mark, edition.digest)
    assert edition.code == "-".join(edition.digest[n : n + 4].upper() for n in range(0, 20, 4))


def test_the_act_of_sealing_is_proven_to_stand_on_the_record(civil: Database) -> None:
    edition = seal(civil, CIVIL).edition
    assert edition.proof is not None
    contents = [json.loads(event["content"]) for event in edition.proof["events"]]
    assert contents[0]["digest"] == edition.digest
    assert edition.proof["head"]["size"] >= edition.proof["events"][0]["index"] + 1


def test_an_unchanged_list_makes_no_new_edition(civil: Database) -> None:
    first, second = seal(civil, CIVIL), seal(civil, CIVIL, now=LATER)
    assert (second.unchanged, second.edition.id) == (True, first.edition.id)
    assert len(stored(civil)) == 1


def test_days_that_go_by_are_no_change(civil: Database) -> None:
    seal(civil, CIVIL)
    assert seal(civil, CIVIL, now=NOW + timedelta(days=30)).unchanged


def test_a_changed_list_is_the_next_edition(civil: Database, tmp_path: Path) -> None:
    seal(civil, CIVIL)
    take_in(civil, tmp_path, announced("OK03"), now=LATER)
    second = seal(civil, CIVIL, now=LATER)
    assert (second.unchanged, second.edition.number, second.edition.rows) == (False, 2, 4)


def test_numbers_begin_anew_with_the_year_where_the_city_lies(civil: Database, tmp_path: Path) -> None:
    seal(civil, CIVIL)
    take_in(civil, tmp_path, announced("OK03"))
    eve = NOW.replace(month=12, day=31, hour=17)  # 2027-01-01 01:00 in the city
    edition = seal(civil, CIVIL, now=eve).edition
    assert (edition.year, edition.number) == (2027, 1)


def test_another_agency_has_its_own_numbers(civil: Database, tmp_path: Path) -> None:
    take_in(civil, tmp_path, announced("OK04"))
    add_heads(civil, MARKET)
    assert [seal(civil, code).edition.number for code in (CIVIL, MARKET)] == [1, 1]


def test_only_the_head_of_the_agency_seals(civil: Database, tmp_path: Path) -> None:
    take_in(civil, tmp_path, announced("OK04"))
    add_heads(civil, MARKET)
    with pytest.raises(NotAllowed, match="部门负责人"):
        seal(civil, CIVIL, login=f"head-{MARKET.lower()}")
    assert stored(civil) == []


def test_an_agency_that_never_announced_anything_has_nothing_to_seal(civil: Database, tmp_path: Path) -> None:
    take_in(civil, tmp_path, announced("OK09"))
    police = "115203000094210125"
    add_heads(civil, police)
    with pytest.raises(Rejected, match=r"没有已通告的共享或者开放目录.*S-ZY 21-23"):
        seal(civil, police)


def test_several_are_sealed_or_none(civil: Database, tmp_path: Path) -> None:
    take_in(civil, tmp_path, announced("OK04"))
    add_heads(civil, MARKET)
    with civil.write() as session, pytest.raises(NotAllowed):
        agencies = [agency_of(session, code) for code in (CIVIL, MARKET)]
        seal_many(session, agencies, actor=actor_of(session, HEAD, today=NOW.date()), now=NOW)
    assert stored(civil) == stored(civil, MARKET) == []


def test_two_seals_at_one_moment_make_one_edition(civil: Database) -> None:
    start, done = Barrier(2), list[Sealed]()

    def run() -> None:
        start.wait()
        done.append(seal(civil, CIVIL))

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.unchanged for one in done) == [False, True]
    assert [edition.number for edition in stored(civil)] == [1]


def test_a_preview_changes_nothing(civil: Database) -> None:
    with civil.read() as session:
        found = preview(session, agency_of(session), now=NOW)
    assert not found.is_sealed and len(list(found.lists[0].rows)) == 2
    assert stored(civil) == []


# ---- stale ------------------------------------------------------------------------------------------------


def test_an_edition_is_stale_when_what_is_owed_has_changed(civil: Database, tmp_path: Path) -> None:
    seal(civil, CIVIL)
    take_in(civil, tmp_path, announced("OK02", update_cycle="每月"))
    with civil.read() as session:
        assert standing_of(session, agency_of(session)).stale
        assert stale_agencies(session) == {CIVIL: True}


def test_an_edition_is_not_stale_because_something_was_shelved_or_time_went_by(civil: Database) -> None:
    seal(civil, CIVIL)
    with civil.read() as session:
        assert stale_agencies(session) == {CIVIL: False}


def test_an_agency_that_never_sealed_is_stale(civil: Database) -> None:
    with civil.read() as session:
        found = standing_of(session, agency_of(session))
    assert (found.edition, found.stale) == (None, True)


# ---- published, found, evidenced --------------------------------------------------------------------------


def test_an_edition_is_published_with_its_seal_or_later_once(civil: Database) -> None:
    done = seal(civil, CIVIL, publish=False)
    assert done.edition.published_at is None
    with civil.write() as session:
        edition, actor = session.get(Edition, done.edition.id), actor_of(session, HEAD, today=NOW.date())
        assert edition is not None
        publish_edition(session, edition, agency_of(session), actor=actor, now=LATER)
        assert (edition.published_by, edition.published_at) == (HEAD, LATER)
        with pytest.raises(Conflict, match="不能再改"):
            publish_edition(session, edition, agency_of(session), actor=actor, now=LATER)


def test_a_stamped_scan_is_attached_once(civil: Database) -> None:
    done = seal(civil, CIVIL)
    with civil.write() as session:
        edition, actor = session.get(Edition, done.edition.id), actor_of(session, HEAD, today=NOW.date())
        assert edition is not None
        attach_scan(session, edition, agency_of(session), ("a" * 64, "盖章.pdf"), actor=actor, now=LATER)
        with pytest.raises(Conflict, match=r"已有盖章扫描件 盖章\.pdf"):
            attach_scan(session, edition, agency_of(session), ("b" * 64, "又.pdf"), actor=actor, now=LATER)
        assert (edition.scan_sha256, edition.digest) == ("a" * 64, done.edition.digest)


def test_an_edition_is_found_by_number_year_or_verification_code(civil: Database, tmp_path: Path) -> None:
    first = seal(civil, CIVIL).edition
    take_in(civil, tmp_path, announced("OK03"))
    second = seal(civil, CIVIL, now=LATER).edition
    with civil.read() as session:
        agency = agency_of(session)
        asked = [find_edition(session, agency, written).id for written in (None, "1", "2026-2")]
        assert asked == [second.id, first.id, second.id]
        found = edition_by_code(session, first.code.lower())
        assert found is not None and found.id == first.id
        assert [one.number for one in editions_of(session, agency)] == [2, 1]


@pytest.mark.parametrize("written", ["x", "2026-", "-1", "20-1", "1.0", "９", ""])
def test_what_is_no_number_of_an_edition_is_said(civil: Database, written: str) -> None:
    with civil.read() as session, pytest.raises(Rejected, match="不是期次"):
        find_edition(session, agency_of(session), written)


def test_an_unknown_edition_is_said_with_those_that_there_are(civil: Database) -> None:
    seal(civil, CIVIL)
    with civil.read() as session, pytest.raises(NotFound, match="没有第 7 期清单；已封存的有：2026-1"):
        find_edition(session, agency_of(session), "7")


def test_without_any_the_cure_is_named(civil: Database) -> None:
    with civil.read() as session, pytest.raises(NotFound, match="mulu list seal"):
        find_edition(session, agency_of(session), None)


def test_an_agency_that_is_named_twice_is_sealed_once(civil: Database) -> None:
    with civil.write() as session:
        agency = agency_of(session)
        actor = actor_of(session, HEAD, today=NOW.date())
        assert len(seal_many(session, [agency, agency], actor=actor, now=NOW)) == 1
    assert [one.number for one in stored(civil)] == [1]


def test_what_was_sealed_unpublished_is_published_by_the_next_seal(civil: Database) -> None:
    seal(civil, CIVIL, publish=False)
    again = seal(civil, CIVIL, now=LATER)
    assert (again.unchanged, again.edition.number, again.edition.published_at) == (True, 1, LATER)


def test_a_new_name_of_the_agency_is_a_change(civil: Database) -> None:
    seal(civil, CIVIL)
    with civil.write() as session:
        agency_of(session).name = "遵义市民政和养老局"
    assert not seal(civil, CIVIL, now=LATER).unchanged


def test_a_delegate_seals_with_the_name_of_him_who_delegated(civil: Database, tmp_path: Path) -> None:
    from registry.keys import new_key
    from registry.models import Delegation, Person, System
    from tests.cast import add_person

    with civil.write() as session:
        agency = agency_of(session)
        system = session.execute(select(System)).scalars().first()
        assert system is not None
        add_person(session, "deputy", "division_chief", agency, system)
        session.flush()
        people = {p.login: p.id for p in session.execute(select(Person)).scalars()}
        row = Delegation(
            id=new_key("g"),
            from_person_id=people[HEAD],
            to_person_id=people["deputy"],
            role="head",
            agency_id=agency.id,
            matters=["seal_edition"],
            document="授权〔2026〕1号",
            valid_from=NOW.date(),
            valid_until=LATER.date(),
            created_by="test",
            created_at=NOW,
        )
        session.add(row)
    edition = seal(civil, CIVIL, login="deputy").edition
    assert document_of(edition).head["sealed_by"] == f"deputy（受{HEAD}委托，授权〔2026〕1号）"
    assert edition.delegation_id is not None


def test_a_closed_agency_that_owes_nothing_is_not_stale(civil: Database) -> None:
    from sqlalchemy import update

    from registry.models import Entry

    seal(civil, CIVIL)
    with civil.write() as session:
        agency_of(session).valid_until = NOW.date()
        session.execute(update(Entry).values(in_force=None))
    with civil.read() as session:
        assert stale_agencies(session) == {}
