"""What was in force on a day, who had signed it, what was on the shelf, and who may look."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from sqlmodel import col, select

from catalog_specs import Specs
from registry.audit import Act, record
from registry.db import Database
from registry.differences import class_digest
from registry.errors import NotFound
from registry.models import Delegation, ImportBatch, SignatureSheet, Version
from registry.past import Past, as_of
from registry.permits import EVERYTHING, Held, Sight, roles_of, sight
from registry.plain_json import plain_json
from tests.cast import PATH, Cast, content, make_cast, register
from tests.conftest import NOW
from tests.examples import good
from tests.waiting_rows import (
    actor,
    add_version,
    agency,
    days_ago,
    distribution,
    entry,
    notice,
    opinion,
    person,
)


@pytest.fixture
def session(sqlite_database: Database) -> Any:
    with sqlite_database.write() as opened:
        person(opened, "author")
        yield opened


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    return make_cast(database, tmp_path)


def day(number: int) -> date:
    """A day of November 2026; NOW is the 21st."""
    return date(2026, 11, number)


def noon(number: int) -> datetime:
    return datetime(2026, 11, number, 4, 0, tzinfo=UTC)


def at(number: int, session: Session, key: str, seen: Sight = EVERYTHING) -> Past:
    return as_of(session, key, day(number), seen)


def in_force(number: int, session: Session, key: str) -> int | None:
    found = at(number, session, key).version
    return found.number if found else None


def three_versions(session: Session) -> str:
    """Version 1 in force from the 3rd to the 10th, version 2 from then on; version 3 is a draft."""
    key = entry(session, agency(session, 1), "三版", number=3, in_force=2, code="307/1")
    add_version(
        session, key, 1, name="一版", state="superseded", announced_at=noon(3), ended_at=noon(10),
        notice_id=notice(session, "遵数通〔2026〕1号", day=day(2)),
    )  # fmt: skip
    add_version(session, key, 2, name="二版", state="announced", announced_at=noon(10))
    return key


# ---- which version ----------------------------------------------------------------------------------------


def test_the_version_of_the_day(session: Session) -> None:
    key = three_versions(session)
    assert [in_force(n, session, key) for n in (1, 2, 3, 9, 10, 21)] == [None, None, 1, 1, 2, 2]


def test_it_tells_name_digest_time_and_notice(session: Session) -> None:
    key = three_versions(session)
    found = at(5, session, "307/1")
    assert (found.entry_id, found.code, found.agency_name, found.day) == (key, "307/1", "单位1", day(5))
    assert found.version is not None
    assert (found.version.name, found.version.digest) == ("一版", f"{1:064d}")
    assert (found.version.since, found.version.until) == (noon(3), noon(10))
    assert (found.version.notice, found.version.notice_day) == ("遵数通〔2026〕1号", day(2))
    assert not found.version.stock


def test_a_day_ends_at_midnight_in_the_city(session: Session) -> None:
    key = entry(
        session, agency(session, 1), "晚", state="announced", in_force=1,
        announced_at=datetime(2026, 11, 5, 16, 0, tzinfo=UTC),
    )  # fmt: skip
    assert [in_force(n, session, key) for n in (5, 6)] == [None, 1]


def test_what_was_withdrawn_is_no_longer_in_force(session: Session) -> None:
    key = entry(session, agency(session, 1), "撤", state="withdrawn", announced_at=noon(3), ended_at=noon(10))
    assert [in_force(n, session, key) for n in (2, 3, 9, 10)] == [None, 1, 1, None]


def test_a_draft_was_never_in_force(session: Session) -> None:
    key = entry(session, agency(session, 1), "稿", number=2)
    add_version(session, key, 1, name="旧稿", state="superseded")
    assert at(21, session, key).version is None


def batch(session: Session, mode: str) -> str:
    row = ImportBatch(
        id=f"b{mode}", file_name="x", sha256="0", mode=mode, profile="zunyi_2020", spec="", actor="a", at=NOW, counts={}
    )  # fmt: skip
    session.merge(row)
    session.flush()
    return row.id


def test_stock_is_in_force_from_the_day_it_was_taken_over(session: Session) -> None:
    stock = batch(session, "existing")
    key = entry(
        session, agency(session, 1), "存量", number=2, in_force=2, state="announced",
        batch_id=stock, created_at=noon(12),
    )  # fmt: skip
    add_version(session, key, 1, name="旧", state="superseded", batch_id=stock, created_at=noon(4))
    assert [in_force(n, session, key) for n in (3, 4, 11, 12)] == [None, 1, 1, 2]
    found = at(11, session, key)
    assert found.version is not None and found.version.stock
    assert (found.version.until, found.signed) == (noon(12), ())


def test_a_draft_that_stock_put_in_force_counts_from_then(session: Session) -> None:
    key = entry(
        session, agency(session, 1), "稿", state="announced", in_force=1,
        batch_id=batch(session, "draft"), created_at=noon(4),
    )  # fmt: skip
    record(session, [Act("put_in_force", key, {"version": 1})], actor="a", now=noon(9))
    assert [in_force(n, session, key) for n in (8, 9)] == [None, 1]


# ---- who had signed ---------------------------------------------------------------------------------------


def signers(found: Past) -> list[tuple[str, str]]:
    return [(one.move, one.role) for one in found.signed]


def test_everyone_on_the_path_stands_there(cast: Cast) -> None:
    cast.now = noon(18)
    cast.walk(*PATH)
    with cast.database.read() as session:
        found = at(18, session, cast.code)
        before = at(17, session, cast.code)
    assert signers(found) == list(PATH)
    first = found.signed[0]
    assert (first.zh, first.role_zh, first.name, first.at, first.number) == (
        "提交", "数据专员", "steward", noon(18), 1,
    )  # fmt: skip
    assert (before.version, before.signed) == (None, ())
    assert found.version is not None and found.version.notice == "遵数通〔2026〕1号"


def test_a_signature_taken_back_by_a_return_does_not_stand(cast: Cast) -> None:
    cast.now = noon(16)
    cast.walk_to("approve")
    cast.act("return", "head", data={"reasons": [{"field": "resource_abstract", "text": "不清楚"}]})
    cast.now = noon(17)
    cast.walk(("submit", "steward"), ("endorse", "head"), ("approve", "auditor"), ("announce", "bureau"))
    with cast.database.read() as session:
        found = at(17, session, cast.code)
    assert sorted(signers(found)) == sorted(PATH)
    times = {(one.move, one.role): one.at.day for one in found.signed}
    assert (times["endorse", "head"], times["submit", "steward"], times["clear", "secrecy_reviewer"]) == (
        17,
        17,
        16,
    )


def test_a_note_needs_the_chief_only_and_earlier_signatures_stay_with_their_version(
    cast: Cast, tmp_path: Path
) -> None:
    cast.now = noon(10)
    cast.walk(*PATH)
    cast.now = noon(12)
    cast.act("revise", "steward")
    register(cast.database, tmp_path, content(contact_phone="0851-28220009"))
    cast.walk(("submit", "steward"), ("endorse", "division_chief"))
    with cast.database.read() as session:
        old, new = at(11, session, cast.code), at(12, session, cast.code)
    assert (old.version and old.version.number, signers(old)) == (1, list(PATH))
    assert (new.version and new.version.number, signers(new)) == (
        3,
        [("submit", "steward"), ("endorse", "division_chief")],
    )


def test_a_delegate_and_a_paper_are_named(session: Session) -> None:
    own = agency(session, 1)
    key = entry(session, own, "委托", state="announced", in_force=1, announced_at=noon(10))
    giver, deputy = person(session, "boss", "王局长"), person(session, "deputy", "李副局长")
    session.add(
        Delegation(
            id="g1", from_person_id=giver, to_person_id=deputy, role="head", agency_id=own.id,
            matters=["endorse"], document="授权书1号", valid_from=day(1), valid_until=day(30),
            created_by="boss", created_at=NOW,
        )
    )  # fmt: skip
    session.add(
        SignatureSheet(
            id="s1", number="签2026-1", move="endorse", role="head", rows=[], digest="0", created_by="x",
            created_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    opinion(
        session, key, "endorse", noon(9), role="head", person_id=deputy, login="deputy",
        delegation_id="g1", sheet_id="s1",
    )  # fmt: skip
    opinion(session, key, "announce", noon(10), role="bureau", states=("approved", "announced"))
    signed = at(10, session, key).signed[0]
    assert (signed.name, signed.login, signed.role_zh) == ("李副局长", "deputy", "部门负责人")
    assert (signed.delegated_by, signed.document, signed.sheet) == ("王局长", "授权书1号", "签2026-1")


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({"contact_phone": "0851-28220009"}, ["clear", "announce"]),
        ({"share_type": "2"}, ["announce"]),
    ],
)
def test_an_earlier_signature_stands_as_long_as_its_fields_do(
    session: Session, specs: Specs, change: dict[str, Any], moves: list[str]
) -> None:
    """The clearance was given for a draft that a second one replaced before the announcement (§12 R4)."""
    key = entry(
        session, agency(session, 1), "改过", number=2, state="announced", in_force=2,
        announced_at=noon(10), content=good(**change),
    )  # fmt: skip
    add_version(session, key, 1, name="旧稿", state="superseded", content=good())
    opinion(
        session, key, "clear", noon(8), role="secrecy_reviewer", bound_class="major",
        bound_digest=class_digest(good(), "major", specs),
    )  # fmt: skip
    opinion(session, key, "announce", noon(10), number=2, role="bureau", states=("approved", "announced"))
    assert [one.move for one in at(10, session, key).signed] == moves


# ---- the shelf --------------------------------------------------------------------------------------------


def test_what_was_on_the_shelf(session: Session) -> None:
    key = entry(session, agency(session, 1), "在架", state="announced", in_force=1, announced_at=noon(2))
    made = distribution(session, key, name="库表", sha256="ab")
    moves = (
        ("attach", 3, ("", "pending")),
        ("clear_data", 4, ("pending", "pending")),
        ("shelve", 5, ("pending", "shelved")),
        ("suspend", 8, ("shelved", "suspended")),
        ("resume", 9, ("suspended", "shelved")),
        ("off_shelf", 12, ("shelved", "off_shelf")),
    )
    for move, number, states in moves:
        opinion(session, key, move, noon(number), states=states, distribution_id=made)
    shelved = {n: [one.since.day for one in at(n, session, key).shelved] for n in range(4, 13)}
    assert shelved == {4: [], 5: [5], 6: [5], 7: [5], 8: [], 9: [9], 10: [9], 11: [9], 12: []}
    (one,) = at(6, session, key).shelved
    assert (one.distribution_id, one.name, one.form, one.sha256) == (made, "库表", "1", "ab")
    assert [signed.move for signed in one.signed] == ["clear_data", "shelve"]


@pytest.mark.parametrize(("change_class", "left"), [("major", []), ("ordinary", [5])])
def test_a_major_change_takes_everything_off_the_shelf(
    session: Session, change_class: str, left: list[int]
) -> None:
    """Its data are reviewed again first; no move of the distribution says so (``on_announce``)."""
    key = entry(
        session, agency(session, 1), "在架", number=2, in_force=2, state="announced",
        announced_at=noon(8), change_class=change_class,
    )  # fmt: skip
    made = distribution(session, key, state="suspended")
    opinion(session, key, "shelve", noon(5), states=("pending", "shelved"), distribution_id=made)
    opinion(session, key, "announce", noon(8), number=2, role="bureau", states=("approved", "announced"))
    assert [one.since.day for one in at(7, session, key).shelved] == [5]
    assert [one.since.day for one in at(8, session, key).shelved] == left


# ---- who may look -----------------------------------------------------------------------------------------


def test_a_stranger_sees_what_was_announced_and_no_signatures(session: Session, specs: Specs) -> None:
    key = three_versions(session)
    opinion(session, key, "announce", noon(3), role="bureau", states=("approved", "announced"))
    stranger = sight(actor("x", Held("head", "a9")), roles_of(specs))
    found = at(5, session, key, stranger)
    assert (found.version and found.version.number, found.full, found.signed) == (1, False, ())
    own = at(5, session, key, sight(actor("y", Held("head", "a1")), roles_of(specs)))
    assert (own.full, signers(own)) == (True, [("announce", "bureau")])


def test_drafts_and_unknown_entries_are_not_found(session: Session, specs: Specs) -> None:
    key = entry(session, agency(session, 1), "稿")
    stranger = sight(actor("x", Held("head", "a9")), roles_of(specs))
    for name, seen in ((key, stranger), ("没有", EVERYTHING), ("a\0b", EVERYTHING)):
        with pytest.raises(NotFound, match="看不到"):
            as_of(session, name, day(20), seen)


def test_it_is_plain_json(session: Session) -> None:
    found = plain_json(at(5, session, three_versions(session)))
    assert found["day"] == "2026-11-05"
    assert found["version"]["since"] == "2026-11-03T04:00:00+00:00"
    assert found["signed"] == []


def test_the_content_of_the_past_is_still_there(cast: Cast) -> None:
    cast.walk(*PATH)
    with cast.database.read() as session:
        found = as_of(session, cast.code, (cast.now + timedelta(hours=8)).date(), EVERYTHING)
        assert found.version is not None
        stored = session.execute(
            select(Version).where(
                col(Version.entry_id) == found.entry_id, col(Version.number) == found.version.number
            )
        ).scalar_one()
    assert stored.digest == found.version.digest
    assert days_ago(0) <= found.version.since
