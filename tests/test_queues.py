"""What waits for whom, since when, until when, in what order; who is late; spot checks."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog_specs import Specs
from registry.audit import events_of
from registry.db import Database
from registry.errors import NotAllowed, Rejected, Unavailable
from registry.permits import Actor, Held
from registry.queues import Late, Queue, overdue, waiting
from registry.spot_checks import Sample, sample
from tests.conftest import NOW
from tests.waiting_rows import (
    actor,
    add_version,
    agency,
    days_ago,
    distribution,
    entry,
    opinion,
    person,
    system,
)

STEWARD = actor("steward", Held("steward", "a1"))
CHIEF = actor("chief", Held("division_chief", "a1"))
HEAD = actor("head", Held("head", "a1"))
SECRECY = actor("secrecy", Held("secrecy_reviewer", "a1"))
AUDITOR = actor("auditor", Held("auditor"))
BUREAU = actor("bureau", Held("bureau"))
# NOW is Saturday 2026-11-21, 10:00 in the city
FRIDAY = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


@pytest.fixture
def session(sqlite_database: Database) -> Any:
    with sqlite_database.write() as opened:
        person(opened, "author")
        yield opened


@pytest.fixture
def both(database: Database) -> Any:
    """The same on both databases, where the query may differ."""
    with database.write() as opened:
        person(opened, "author")
        yield opened


def queue(session: Session, who: Actor | None, specs: Specs, **options: Any) -> Queue:
    return waiting(session, who, now=options.pop("now", NOW), specs=specs, **options)


def names(session: Session, who: Actor | None, specs: Specs) -> list[str]:
    return [task.name for task in queue(session, who, specs).tasks]


def at_auditor(session: Session, of: Any, name: str, since: datetime, **columns: Any) -> str:
    """A submitted version that reached the auditor at ``since``."""
    key = entry(
        session,
        of,
        name,
        state="submitted",
        awaits="approve",
        awaits_since=since,
        submitted_by="steward",
        submitted_at=days_ago(40),
        **columns,
    )
    opinion(session, key, "endorse", since, number=columns.get("number", 1), role="head")
    return key


# ---- whose it is ------------------------------------------------------------------------------------------


def test_drafts_wait_for_the_steward_of_their_agency(both: Session, specs: Specs) -> None:
    own, other = agency(both, 1), agency(both, 2)
    entry(both, own, "本单位的草稿")
    entry(both, own, "退回的", state="returned", awaits="submit", awaits_since=NOW)
    entry(both, other, "别单位的草稿")
    assert sorted(names(both, STEWARD, specs)) == ["本单位的草稿", "退回的"]
    assert names(both, HEAD, specs) == []


def test_a_signature_waits_for_the_role_that_signs(session: Session, specs: Specs) -> None:
    own = agency(session, 1)
    entry(session, own, "科室", state="submitted", awaits="endorse", awaits_role="division_chief")
    entry(session, own, "负责人", state="submitted", awaits="endorse", awaits_role="head")
    entry(session, own, "保密", state="submitted", awaits="clear", awaits_role="secrecy_reviewer")
    assert names(session, CHIEF, specs) == ["科室"]
    assert names(session, HEAD, specs) == ["负责人"]
    assert names(session, SECRECY, specs) == ["保密"]
    both = actor("both", Held("division_chief", "a1"), Held("head", "a2"))
    assert names(session, both, specs) == ["科室"]


def test_nobody_is_asked_to_review_the_own_work(both: Session, specs: Specs) -> None:
    own = agency(both, 1)
    entry(both, own, "他编的", state="submitted", awaits="approve", created_by="auditor")
    entry(both, own, "他交的", state="submitted", awaits="approve", submitted_by="auditor")
    entry(both, own, "别人的", state="submitted", awaits="approve", submitted_by="steward")
    held = distribution(both, entry(both, own, "x", state="announced", in_force=1), awaits="clear_data")
    assert names(both, AUDITOR, specs) == ["别人的"]
    assert [task.distribution_id for task in queue(both, SECRECY, specs).tasks] == [held]
    assert names(both, actor("author", Held("secrecy_reviewer", "a1")), specs) == []


def test_the_own_draft_and_the_announcement_are_not_reviews(session: Session, specs: Specs) -> None:
    own = agency(session, 1)
    entry(session, own, "草稿", created_by="steward")
    entry(session, own, "待通告", state="approved", awaits="announce", created_by="bureau")
    assert names(session, STEWARD, specs) == ["草稿"]
    assert names(session, BUREAU, specs) == ["待通告"]


def test_a_county_auditor_sees_the_county(both: Session, specs: Specs) -> None:
    entry(both, agency(both, 1, region="520302"), "红花岗", state="submitted", awaits="approve")
    entry(both, agency(both, 2, region="520303"), "汇川", state="submitted", awaits="approve")
    county = actor("county", Held("county_auditor", region="520302"))
    assert names(both, county, specs) == ["红花岗"]
    assert sorted(names(both, AUDITOR, specs)) == ["汇川", "红花岗"]


def test_a_delegate_sees_what_was_delegated(session: Session, specs: Specs) -> None:
    own = agency(session, 1)
    entry(session, own, "待签", state="submitted", awaits="endorse", awaits_role="head")
    entry(session, own, "待上架", state="approved", awaits="announce")
    delegate = actor("deputy", Held("head", "a1", matters=frozenset({"endorse"}), delegation_id="x"))
    elsewhere = actor("deputy", Held("head", "a1", matters=frozenset({"seal_edition"})))
    assert names(session, delegate, specs) == ["待签"]
    assert names(session, elsewhere, specs) == []


def test_a_token_without_the_scope_gets_nothing(session: Session, specs: Specs) -> None:
    entry(session, agency(session, 1), "待审", state="submitted", awaits="approve")
    narrow = Actor("p", "auditor", "x", (Held("auditor"),), scopes=frozenset({"read_all"}))
    assert queue(session, narrow, specs) == Queue((), (), None, queue(session, narrow, specs).warnings)


def test_someone_without_a_role_gets_nothing(session: Session, specs: Specs) -> None:
    entry(session, agency(session, 1), "待审", state="submitted", awaits="approve")
    found = queue(session, actor("nobody"), specs)
    assert (found.tasks, found.counts, found.total) == ((), (), 0)


def test_the_console_sees_everything_that_waits(both: Session, specs: Specs) -> None:
    own = agency(both, 1)
    key = entry(both, own, "生效", state="announced", in_force=1)
    distribution(both, key, awaits="shelve", awaits_since=NOW)
    distribution(both, key, state="shelved")
    entry(both, own, "草稿", created_by="steward")
    entry(both, own, "待审", state="submitted", awaits="approve")
    found = queue(both, None, specs)
    assert sorted(task.move for task in found.tasks) == ["approve", "shelve", "submit"]
    assert found.total == 3


def test_only_the_newest_version_waits(session: Session, specs: Specs) -> None:
    key = entry(session, agency(session, 1), "新稿", number=2)
    add_version(session, key, 1, name="旧稿", state="draft")
    assert names(session, STEWARD, specs) == ["新稿"]


# ---- what is said of it -----------------------------------------------------------------------------------


def test_a_task_says_what_why_and_since_when(both: Session, specs: Specs) -> None:
    own = agency(both, 1)
    since = datetime(2026, 11, 17, 2, 0, tzinfo=UTC)  # a Tuesday
    at_auditor(
        both, own, "企业登记", since,
        in_force=1, number=2, code="307/1", change_class="major", risk=9, risk_reasons=["share_looser"],
    )  # fmt: skip
    (task,) = queue(both, AUDITOR, specs).tasks
    assert (task.zh, task.code, task.agency_name, task.number) == ("目录审核通过", "307/1", "单位1", 2)
    assert (task.since, task.waiting) == (since, 3)
    assert (task.due, task.overdue, task.unit) == (date(2026, 11, 19), 1, "working_days")
    assert task.overdue_zh == "1 个工作日"
    assert (task.change_class, task.risk, task.first) == ("major", 9, False)
    assert (task.reasons, task.reasons_zh) == (("share_looser",), ("共享类型放宽",))


def test_a_first_version_has_twenty_days(session: Session, specs: Specs) -> None:
    at_auditor(session, agency(session, 1), "首版", datetime(2026, 11, 17, 2, 0, tzinfo=UTC))
    (task,) = queue(session, AUDITOR, specs).tasks
    assert (task.first, task.due, task.overdue, task.soon) == (True, date(2026, 12, 15), 0, False)


def test_the_clock_begins_when_it_reaches_the_authority_and_goes_on_to_the_notice(
    both: Session, specs: Specs
) -> None:
    """The two working days are for review and notice together (S1 17)."""
    own = agency(both, 1)
    key = entry(
        both, own, "更新", state="approved", awaits="announce", awaits_since=FRIDAY, in_force=1, number=2
    )
    reached = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
    opinion(both, key, "submit", days_ago(9), number=2, states=("draft", "submitted"))
    opinion(both, key, "endorse", reached, number=2, role="head")
    opinion(both, key, "approve", FRIDAY, number=2, role="auditor", states=("submitted", "approved"))
    (task,) = queue(both, BUREAU, specs, now=FRIDAY).tasks
    assert (task.waiting, task.due, task.overdue, task.soon) == (0, date(2026, 11, 20), 0, True)
    saturday = queue(both, BUREAU, specs)
    assert (saturday.tasks[0].overdue, saturday.counts[0].overdue) == (1, 1)


def test_a_day_begins_at_midnight_in_the_city(session: Session, specs: Specs) -> None:
    at_auditor(
        session, agency(session, 1), "夜里", datetime(2026, 11, 18, 16, 30, tzinfo=UTC), in_force=1, number=2
    )
    (task,) = queue(session, AUDITOR, specs).tasks
    assert (task.waiting, task.due) == (1, date(2026, 11, 23))


def test_what_has_no_clock_has_no_due_date(session: Session, specs: Specs) -> None:
    entry(session, agency(session, 1), "草稿", created_at=days_ago(100))
    found = queue(session, STEWARD, specs)
    assert (found.tasks[0].due, found.tasks[0].overdue, found.tasks[0].unit) == (None, 0, "")
    assert (found.counts[0].move, found.counts[0].waiting, found.counts[0].overdue) == ("submit", 1, 0)


def test_shelving_is_due_ten_days_after_the_announcement_or_when_the_entry_says(
    both: Session, specs: Specs
) -> None:
    own = agency(both, 1)
    announced = {"state": "announced", "in_force": 1, "announced_at": days_ago(30)}
    plain = entry(both, own, "一般", **announced)
    stock = entry(both, own, "存量", state="announced", in_force=1, created_at=days_ago(5))
    stated = entry(both, own, "写明", **announced, content={"promised_on": "2026-11-23"})
    odd = entry(both, own, "写错", **announced, content={"promised_on": "年底"})
    for key in (plain, stock, stated, odd):
        distribution(both, key, awaits="shelve", awaits_since=days_ago(1))
    found = queue(both, STEWARD, specs)
    assert {task.name: (task.due, task.overdue, task.soon) for task in found.tasks} == {
        "一般": (date(2026, 11, 5), 11, False),
        "存量": (date(2026, 11, 30), 0, False),
        "写明": (date(2026, 11, 23), 0, True),
        "写错": (date(2026, 11, 5), 11, False),
    }
    count = next(count for count in found.counts if count.move == "shelve")
    assert (count.waiting, count.overdue, count.soon) == (4, 2, 1)


@pytest.mark.parametrize("in_force", [None, 1])
def test_the_counts_agree_with_the_rows(both: Session, specs: Specs, in_force: int | None) -> None:
    own = agency(both, 1)
    for n in range(40):
        at_auditor(both, own, f"{n}", days_ago(n * 1.1), in_force=in_force, number=2)
    for days in range(0, 45, 3):
        found = queue(both, AUDITOR, specs, now=NOW + timedelta(days=days))
        late = sum(task.overdue > 0 for task in found.tasks)
        soon = sum(task.soon for task in found.tasks)
        (count,) = [count for count in found.counts if count.waiting]
        assert (count.waiting, count.overdue, count.soon) == (40, late, soon)


def test_past_the_published_calendar_it_warns(session: Session, specs: Specs) -> None:
    at_auditor(session, agency(session, 1), "首版", NOW)
    soon = queue(session, AUDITOR, specs)
    assert soon.warnings == ()
    later = queue(session, AUDITOR, specs, now=NOW + timedelta(days=400))
    assert "节假日安排不在日历中" in later.warnings[0]


def test_a_wrong_calendar_file_is_said(
    session: Session, specs: Specs, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULU_CALENDAR", str(tmp_path / "没有.yaml"))
    with pytest.raises(Unavailable, match="MULU_CALENDAR"):
        queue(session, AUDITOR, specs)


# ---- order and pages --------------------------------------------------------------------------------------


def test_the_riskiest_come_first_then_the_oldest(session: Session, specs: Specs) -> None:
    own = agency(session, 1)
    for name, risk, days in (("低旧", 0, 9), ("高新", 5, 1), ("高旧", 5, 3), ("低新", 0, 1)):
        entry(session, own, name, state="submitted", awaits="approve", risk=risk, awaits_since=days_ago(days))
    assert names(session, AUDITOR, specs) == ["高旧", "高新", "低旧", "低新"]


def test_pages_follow_one_another_over_both_tables(both: Session, specs: Specs) -> None:
    own = agency(both, 1)
    for n in range(7):
        key = entry(
            both, own, f"{n}", state="submitted", awaits="clear", risk=n % 3, awaits_since=days_ago(n // 2)
        )
        distribution(both, key, awaits="clear_data", awaits_since=days_ago(n % 2), name=f"d{n}")
    whole = queue(both, SECRECY, specs).tasks
    paged: list[Any] = []
    cursor: str | None = None
    while True:
        page = queue(both, SECRECY, specs, limit=3, after=cursor)
        paged += page.tasks
        assert page.total == 14
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == list(whole)
    assert len({(task.entry_id, task.distribution_id) for task in paged}) == 14


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10=", "WzEsIngiLCJ5Il0=", "WzEsIjIwMjYtMTEtMjEiLCJ5Il0=", "中"]
)
def test_a_cursor_that_is_none_is_refused(session: Session, specs: Specs, cursor: str) -> None:
    with pytest.raises(Rejected, match="next_cursor"):
        queue(session, AUDITOR, specs, after=cursor)


def test_all_of_it_without_a_limit(session: Session, specs: Specs) -> None:
    own = agency(session, 1)
    for n in range(60):
        entry(session, own, f"{n}")
    assert len(queue(session, STEWARD, specs).tasks) == 50
    found = queue(session, STEWARD, specs, limit=None)
    assert (len(found.tasks), found.next_cursor, found.total) == (60, None, 60)


# ---- who is late ------------------------------------------------------------------------------------------


def test_who_is_late_by_agency_the_latest_first(both: Session, specs: Specs) -> None:
    one, two = agency(both, 1), agency(both, 2)
    at_auditor(both, one, "甲", days_ago(8), in_force=1, number=2)
    at_auditor(both, one, "乙", days_ago(9), in_force=1, number=2)
    at_auditor(both, one, "不迟", NOW, in_force=1, number=2)
    key = entry(both, two, "丙", state="announced", in_force=1, announced_at=days_ago(60))
    distribution(both, key, awaits="shelve")
    rows = overdue(both, AUDITOR, now=NOW, specs=specs).rows
    assert [(row.agency_name, row.move, row.count, row.by) for row in rows] == [
        ("单位2", "shelve", 1, ("数据专员",)),
        ("单位1", "approve", 2, ("目录审核员", "区县目录审核员")),
    ]
    assert (rows[1].due, rows[1].overdue) == (date(2026, 11, 16), 4)
    assert overdue(both, None, now=NOW, specs=specs).rows == rows


def test_a_steward_sees_the_lateness_of_the_own_agency_only(session: Session, specs: Specs) -> None:
    for n in (1, 2):
        at_auditor(session, agency(session, n), f"{n}", days_ago(9), in_force=1, number=2)
    found = overdue(session, STEWARD, now=NOW, specs=specs).rows
    assert [row.agency_name for row in found] == ["单位1"]
    assert isinstance(found[0], Late)
    assert overdue(session, actor("nobody"), now=NOW, specs=specs).rows == ()


# ---- spot checks ------------------------------------------------------------------------------------------

PERIOD = (date(2026, 11, 1), date(2026, 11, 21))


def passed(session: Session, of: Any, name: str, at: datetime, **columns: Any) -> str:
    key = entry(session, of, name, state="announced", in_force=1, **columns)
    opinion(session, key, "approve", at, role="auditor", states=("submitted", "approved"))
    return key


def draw(session: Session, specs: Specs, **options: Any) -> Sample:
    given = {"period": PERIOD, "actor": AUDITOR, "now": NOW, "specs": specs, "share": 0.2, "seed": 7}
    return sample(session, **(given | options))


def fill(session: Session, count: int = 20) -> None:
    own = agency(session, 1)
    for n in range(count):
        passed(session, own, f"{n}", days_ago(n / 2))


def test_the_same_seed_and_population_give_the_same_sample(both: Session, specs: Specs) -> None:
    fill(both)
    one, two = draw(both, specs), draw(both, specs)
    assert one == two
    assert (len(one.chosen), one.candidates) == (4, 20)
    assert {draw(both, specs, seed=seed).chosen for seed in range(5)} != {one.chosen}


def test_another_version_changes_the_digest_of_the_population_and_moves_nobody_else(
    session: Session, specs: Specs
) -> None:
    fill(session)
    before = draw(session, specs, share=1.0)
    passed(session, session.get_one(type(agency(session, 2)), "a2"), "新", NOW)
    after = draw(session, specs, share=1.0)
    assert before.population != after.population
    kept = [one for one in after.chosen if one.name != "新"]
    assert kept == list(before.chosen)


def test_only_low_risk_versions_that_passed_in_the_period_are_drawn(session: Session, specs: Specs) -> None:
    own = agency(session, 1)
    passed(session, own, "对", datetime(2026, 10, 31, 16, 0, tzinfo=UTC))
    passed(session, own, "早", datetime(2026, 10, 31, 15, 59, tzinfo=UTC))
    passed(session, own, "险", NOW, risk=4)
    waits = entry(session, own, "未过", state="submitted")
    opinion(session, waits, "endorse", NOW)
    assert [one.name for one in draw(session, specs, share=1.0).chosen] == ["对"]


def test_a_version_approved_and_announced_stands_once(both: Session, specs: Specs) -> None:
    key = passed(both, agency(both, 1), "一次", days_ago(3))
    opinion(
        both, key, "announce", days_ago(1), role="bureau", login="bureau", states=("approved", "announced")
    )
    (one,) = draw(both, specs, share=1.0).chosen
    assert (one.login, one.at) == ("bureau", days_ago(1))


def test_the_draw_is_on_the_record(session: Session, specs: Specs) -> None:
    fill(session, 3)
    drawn = draw(session, specs)
    event = next(event for event in events_of(session, "spot_check/2026-11-01/2026-11-21"))
    assert (event.act, event.actor) == ("spot_check", "auditor")
    assert event.details["seed"] == 7
    assert event.details["population"] == drawn.population
    assert event.details["chosen"] == [one.key for one in drawn.chosen]


def test_without_a_seed_a_new_one_is_drawn_and_told(session: Session, specs: Specs) -> None:
    fill(session)
    first = draw(session, specs, seed=None, share=None)
    again = draw(session, specs, seed=first.seed, share=None)
    assert first == again
    assert (len(first.chosen), first.share) == (1, 0.05)
    assert draw(session, specs, seed=None).seed != first.seed


def test_an_empty_period_gives_an_empty_sample(session: Session, specs: Specs) -> None:
    drawn = draw(session, specs)
    assert (drawn.chosen, drawn.candidates) == ((), 0)


def test_a_county_draws_in_the_county(session: Session, specs: Specs) -> None:
    passed(session, agency(session, 1, region="520302"), "本县", NOW)
    passed(session, agency(session, 2, region="520303"), "外县", NOW)
    county = actor("county", Held("county_auditor", region="520302"))
    assert [one.name for one in draw(session, specs, actor=county, share=1.0).chosen] == ["本县"]


def test_a_steward_may_not_draw(session: Session, specs: Specs) -> None:
    with pytest.raises(NotAllowed) as refused:
        draw(session, specs, actor=STEWARD)
    assert refused.value.details["missing_roles"] == ["auditor", "bureau"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"period": (date(2026, 11, 2), date(2026, 11, 1))}, "早于起日"),
        ({"share": 0.0}, "比例"),
        ({"share": 1.5}, "比例"),
        ({"share": float("nan")}, "比例"),
    ],
)
def test_a_draw_that_makes_no_sense_is_refused(
    session: Session, specs: Specs, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        draw(session, specs, **options)


def test_a_system_of_a_contractor_queues_nothing(session: Session, specs: Specs) -> None:
    own = agency(session, 1)
    entry(session, own, "草稿")
    assert names(session, actor("c", Held("contractor", system_id=system(session, own))), specs) == []
