"""Change events: whom they touch, by agency and by citation; the clock, extension, answer, update, withdrawal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from catalog_specs import Specs, load
from registry import change_cases
from registry.case_states import CaseShown
from registry.change_cases import EventShown, list_events, show_event
from registry.change_events import (
    Asked,
    Preview,
    affected_by,
    post_event,
    read_citation,
    withdraw_event,
)
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected
from registry.figures import yearly_figures
from registry.models import Agency, AuditEvent, System, Version
from registry.permits import EVERYTHING
from registry.promises import overdue_ledger
from tests.cast import PATH, Cast, content, make_cast
from tests.stages import added, edit
from validators.cited import Citation, Finder

AGENCY = "11520300MB1A00052M"
At = Callable[[str], Cast]
LAW = Citation("婚姻登记条例", "第十条")
BASIS = "国令第804号《婚姻登记条例》修订第十条"
SPECS = load("zunyi_2020")


def at_noon(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(hours=4)


def asked(**changes: Any) -> Asked:
    return replace(Asked("law", BASIS, date(2026, 11, 10), citations=(LAW,)), **changes)


def preview(cast: Cast, role: str = "bureau", **changes: Any) -> Preview:
    with cast.database.read() as session:
        actor = cast.actor(role, session)
        return affected_by(session, asked(**changes), actor=actor, now=cast.now, specs=SPECS)


def post(cast: Cast, role: str = "bureau", **changes: Any) -> str:
    with cast.database.write() as session:
        actor = cast.actor(role, session)
        return post_event(session, asked(**changes), actor=actor, now=cast.now, specs=SPECS).number


def shown(cast: Cast, number: str) -> EventShown:
    with cast.database.read() as session:
        return show_event(session, number, sight=EVERYTHING, now=cast.now, specs=SPECS)


def only(cast: Cast, number: str) -> CaseShown:
    (case,) = shown(cast, number).cases
    return case


def act(cast: Cast, deed: str, number: str, role: str, reason: str = "经核对，信息项不变") -> CaseShown:
    with cast.database.write() as session:
        return getattr(change_cases, f"{deed}_case")(  # type: ignore[no-any-return]
            session,
            number,
            cast.code,
            reason=reason,
            sight=EVERYTHING,
            actor=cast.actor(role, session),
            now=cast.now,
            specs=SPECS,
        )


def withdraw(cast: Cast, number: str, role: str = "bureau", reason: str = "误发") -> None:
    with cast.database.write() as session:
        actor = cast.actor(role, session)
        withdraw_event(session, number, reason=reason, actor=actor, now=cast.now, specs=SPECS)


def late(cast: Cast) -> list[tuple[str, str, int, str]]:
    with cast.database.read() as session:
        found = overdue_ledger(session, now=cast.now, specs=SPECS, sight=EVERYTHING)
    return [
        (row.rule, row.event, row.late, row.excuse) for row in found.rows if row.kind == "catalogue_update"
    ]


@pytest.fixture
def cast(at: At) -> Cast:
    return at("announced")


# ---- citations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("婚姻登记条例", ("婚姻登记条例",)),
        ("依据婚姻登记条例第十条", ("婚姻登记条例第十条",)),
        ("《婚姻登记条例》", ("《婚姻登记条例》",)),
        ("《 婚姻登记条例 》（2025修订）第8条至第12条", ("《婚姻登记条例》",)),
        ("《中华人民共和国婚姻登记条例》第九、十条", ("《中华人民共和国婚姻登记条例》第九、十条",)),
        ("《档案法》第三条；《婚姻登记条例》第十条第二款", ("《婚姻登记条例》第十条",)),
        ([{"title": "婚姻登记条例", "article": "第八条至第十二条"}], ("《婚姻登记条例》第八条至第十二条",)),
        ([{"title": "婚姻登记条例", "article": "第十条", "items": ["姓名"]}], ("《婚姻登记条例》第十条",)),
        ([{"title": "档案法", "article": "第三条", "text": "参照《婚姻登记条例》第十条"}], ("《婚姻登记条例》第十条",)),
        ("《婚姻登记条例》第九条", ()),
        ("《婚姻登记条例》第十一条：依第十条", ()),
        ("婚姻登记条例实施办法第十条", ()),
        ("贵州省婚姻登记条例", ()),
        ("第十条", ()),
        ("", ()),
        (None, ()),
        ([{"title": 3}], ()),
    ],
)  # fmt: skip
def test_a_citation_is_found_as_people_write_it(specs: Specs, value: Any, found: tuple[str, ...]) -> None:
    assert Finder([LAW], specs).found(value) == found


def test_without_an_article_every_citation_of_the_law_counts(specs: Specs) -> None:
    finder = Finder([Citation("《婚姻登记条例》".strip("《》"))], specs)
    assert finder.found("《婚姻登记条例》第九条") == ("《婚姻登记条例》第九条",)
    assert finder.found("《婚姻法》第九条") == ()


def test_an_alias_of_the_basis_library_names_its_law(specs: Specs) -> None:
    finder = Finder([Citation("刑诉法", "第286条")], specs)
    row = {"title": "中华人民共和国刑事诉讼法（2018修正）", "article": "第二百八十六条"}
    assert len(finder.found([row])) == 1
    assert finder.found([row | {"article": "第二百八十五条"}]) == ()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("《婚姻登记条例》第十条", LAW),
        ("行政法规《婚姻登记条例》", Citation("婚姻登记条例")),
        ("婚姻登记条例 第十条", LAW),
        ("婚姻登记条例", Citation("婚姻登记条例")),
    ],
)
def test_a_law_is_read_as_it_is_written(text: str, read: Citation) -> None:
    assert read_citation(text) == read


@pytest.mark.parametrize("text", ["", "  ", "第十条", "《》第十条"])
def test_what_names_no_law_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="不是法规"):
        read_citation(text)


# ---- who is touched, on both databases --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("basis", "article", "count"),
    [
        ("《婚姻登记条例》第十条", "第十条", 1),
        ("《婚姻登记条例》第十条", "", 1),
        ("《婚姻登记条例》", "第十条", 1),
        ("《婚姻登记条例》第九条", "第十条", 0),
        ("《婚姻登记条例》第九条", "", 1),
        ("《档案法》", "", 0),
    ],
)
def test_entries_are_touched_by_what_they_cite(
    database: Database, tmp_path: Path, basis: str, article: str, count: int
) -> None:
    cast = make_cast(database, tmp_path, content(legal_basis=basis))
    cast.walk(*PATH)
    found = preview(cast, citations=(Citation("婚姻登记条例", article),))
    assert len(found.entries) == count
    assert [one.why for one in found.entries] == [(f"依据：{basis}",)] * count


def test_a_basis_for_not_sharing_is_a_citation_too(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path, content())
    cast.walk(*PATH)
    with database.write() as session:
        version = session.execute(select(Version)).scalars().one()
        rows = [{"level": "法律", "title": "档案法", "article": "第三十条"}]
        version.content = version.content | {"non_share_basis": rows, "legal_basis": ""}
    (one,) = preview(cast, citations=(Citation("档案法", "第三十条"),)).entries
    assert one.why == ("不予共享依据：《档案法》第三十条",)


def test_all_announced_entries_of_an_agency_are_touched(cast: Cast) -> None:
    (one,) = preview(cast, kind="duty", agencies=(AGENCY,), citations=()).entries
    assert (one.code, one.why, one.number) == (cast.code, ("遵义市市场监督管理局",), 1)


def test_what_is_not_announced_is_not_touched(at: At) -> None:
    assert preview(at("approved")).entries == ()


def test_a_preview_tells_the_term_and_writes_nothing(cast: Cast) -> None:
    found = preview(cast)
    assert (found.start, found.due, found.extended) == (
        date(2026, 11, 21),
        date(2026, 12, 4),
        date(2026, 12, 11),
    )
    with cast.database.read() as session:
        assert list_events(session, sight=EVERYTHING, now=cast.now, specs=SPECS) == []


# ---- posted ---------------------------------------------------------------------------------------------------


def test_an_event_makes_a_case_for_every_entry_that_it_touches(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    cast.walk(*PATH)
    number = post(cast, agencies=(AGENCY,))
    event = shown(cast, number)
    assert (number, event.kind_zh, event.counts["open"], event.total) == (
        "BG-2026-0001",
        "法律法规变化",
        1,
        1,
    )
    assert event.agencies == ((AGENCY, "遵义市市场监督管理局"),)
    assert only(cast, number).why == ("遵义市市场监督管理局", "依据：婚姻登记条例")
    with database.read() as session:
        acts = session.execute(select(AuditEvent).order_by(AuditEvent.seq.desc())).scalars().first()  # type: ignore[attr-defined]
        assert acts is not None and (acts.act, acts.actor) == ("post_change_event", "bureau")


@pytest.mark.parametrize(
    ("effective", "start", "last"),
    [
        ("2026-02-13", "2026-02-13", "2026-03-05"),  # over Spring Festival and its two worked Saturdays
        ("2026-01-05", "2026-02-13", "2026-03-05"),  # posted later than the change: from the posting
        ("2026-03-02", "2026-03-02", "2026-03-16"),  # posted before it
    ],
)
def test_the_clock_begins_with_the_change_or_its_later_posting(
    cast: Cast, effective: str, start: str, last: str
) -> None:
    with cast.database.write() as session:
        session.execute(update(Version).values(announced_at=at_noon("2026-01-01")))
    cast.now = at_noon("2026-02-13")
    case = only(cast, post(cast, effective_on=date.fromisoformat(effective)))
    assert (str(case.start), str(case.due), case.state) == (start, last, "open")


def test_a_second_post_of_the_same_basis_and_day_is_refused(cast: Cast) -> None:
    number = post(cast)
    with pytest.raises(Conflict, match=number):
        post(cast, basis=f"  {BASIS} ", kind="duty", agencies=(AGENCY,))
    assert post(cast, effective_on=date(2026, 11, 11)) == "BG-2026-0002"
    withdraw(cast, number)
    assert post(cast) == "BG-2026-0003"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "weather"}, "没有“weather”这种变更"),
        ({"basis": " — "}, "写明依据"),
        ({"basis": "长" * 501}, "至多 500 个字"),
        ({"citations": ()}, "写明涉及的单位"),
        ({"effective_on": date(2029, 1, 1)}, "须在"),
        ({"effective_on": date(1990, 1, 1)}, "须在"),
        ({"citations": (Citation("婚姻登记条例", "附则"),)}, "不是条款"),
        ({"citations": (Citation("没有人引用的条例"),)}, "没有受影响的"),
    ],
)
def test_what_will_not_do_is_refused_and_named(cast: Cast, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        post(cast, **changes)


def test_an_agency_that_is_unknown_or_closed_is_refused(cast: Cast) -> None:
    with pytest.raises(NotFound, match="没有单位"):
        post(cast, agencies=("不存在的单位",))
    with cast.database.write() as session:
        session.execute(update(Agency).values(valid_until=date(2026, 1, 1)))
    with pytest.raises(Conflict, match="撤销"):
        post(cast, agencies=(AGENCY,))


@pytest.mark.parametrize("role", ["steward", "head", "auditor", "system_admin"])
def test_only_the_bureau_posts_and_withdraws(cast: Cast, role: str) -> None:
    number = post(cast)
    for deed in (
        lambda: post(cast, role, note="x"),
        lambda: preview(cast, role),
        lambda: withdraw(cast, number, role),
    ):
        with pytest.raises(NotAllowed):
            deed()


# ---- until it is settled --------------------------------------------------------------------------------------


def test_past_its_day_it_is_overdue_and_stands_in_the_ledger(cast: Cast) -> None:
    number = post(cast)
    cast.now = at_noon("2026-12-04")
    assert (only(cast, number).state, late(cast)) == ("open", [])
    cast.now = at_noon("2026-12-08")
    assert (only(cast, number).state, late(cast)) == ("overdue", [("W203", number, 2, "")])


def revise(cast: Cast, folder: Path, **changes: Any) -> None:
    cast.act("revise", "steward")
    edit(cast, folder, **changes)
    cast.walk(*PATH)


def test_a_new_version_settles_it_by_itself(cast: Cast, tmp_path: Path) -> None:
    number = post(cast)
    cast.now = at_noon("2026-12-02")
    revise(cast, tmp_path, cols=added())
    cast.now = at_noon("2026-12-30")
    case = only(cast, number)
    assert (case.state, case.settled_on, case.late, late(cast)) == ("updated", date(2026, 12, 2), 0, [])


def test_a_version_that_comes_late_stays_late(cast: Cast, tmp_path: Path) -> None:
    number = post(cast)
    cast.now = at_noon("2026-12-09")
    revise(cast, tmp_path, cols=added())
    cast.now = at_noon("2026-12-30")
    assert (only(cast, number).state, only(cast, number).late, late(cast)) == ("updated", 3, [])
    with cast.database.read() as session:
        found = yearly_figures(session, 2026, now=cast.now, specs=SPECS, sight=EVERYTHING)
    assert (found.city.changes_due, found.city.changes_late) == (1, 1)


def test_another_telephone_number_is_no_update_of_the_catalogue(cast: Cast, tmp_path: Path) -> None:
    number = post(cast)
    cast.act("revise", "steward")
    edit(cast, tmp_path, contact_phone="0851-28221111")
    cast.act("submit", "steward")
    cast.act("endorse", "division_chief")
    assert cast.state()[0] == "announced" and cast.state()[1] == cast.state()[2]
    assert only(cast, number).state == "open"


def test_the_own_steward_answers_that_nothing_changes_and_the_bureau_may_ask_again(cast: Cast) -> None:
    number = post(cast)
    for role in ("bureau", "head", "contractor"):
        with pytest.raises(NotAllowed):
            act(cast, "settle", number, role)
    case = act(cast, "settle", number, "steward")
    assert (case.state, case.answer, case.answered_by) == ("answered", "经核对，信息项不变", "steward")
    with pytest.raises(Conflict, match="不需再答复"):
        act(cast, "settle", number, "steward")
    with pytest.raises(NotAllowed):
        act(cast, "reopen", number, "steward")
    assert act(cast, "reopen", number, "bureau", "第十条涉及信息项").state == "open"
    with pytest.raises(Conflict, match="没有可退回的答复"):
        act(cast, "reopen", number, "bureau")


def test_it_is_extended_once_by_five_working_days_and_only_in_time(cast: Cast) -> None:
    number = post(cast)
    with pytest.raises(NotAllowed):
        act(cast, "extend", number, "steward")
    case = act(cast, "extend", number, "bureau", "系统改造")
    assert (case.due, case.extended, case.extension_reason) == (date(2026, 12, 11), True, "系统改造")
    with pytest.raises(Conflict, match="已经延期一次"):
        act(cast, "extend", number, "bureau")
    other = post(cast, effective_on=date(2026, 11, 11))
    cast.now = at_noon("2026-12-07")
    with pytest.raises(Conflict, match="不能延期"):
        act(cast, "extend", other, "bureau")


@pytest.mark.parametrize("deed", ["settle", "extend", "reopen"])
def test_a_reason_is_asked_for(cast: Cast, deed: str) -> None:
    number = post(cast)
    role = "steward" if deed == "settle" else "bureau"
    for reason in ("", "  ——", "长" * 501):
        with pytest.raises(Rejected, match="理由"):
            act(cast, deed, number, role, reason)


def test_a_withdrawn_event_asks_for_nothing_more(cast: Cast) -> None:
    number = post(cast)
    withdraw(cast, number, reason="文号有误")
    cast.now = at_noon("2027-01-20")
    assert late(cast) == []
    assert shown(cast, number).withdrawn_reason == "文号有误"
    refused: list[tuple[type[MuluError], Callable[[], object]]] = [
        (Conflict, lambda: withdraw(cast, number)),
        (Conflict, lambda: act(cast, "settle", number, "steward")),
        (NotFound, lambda: withdraw(cast, "BG-1999-0001")),
        (Rejected, lambda: withdraw(cast, post(cast), reason=" ")),
    ]
    for error, deed in refused:
        with pytest.raises(error):
            deed()


def test_an_entry_that_is_no_longer_in_force_owes_nothing(cast: Cast) -> None:
    number = post(cast)
    cast.act("withdraw", "bureau", note="职责划转")
    cast.now = at_noon("2027-01-20")
    assert (only(cast, number).state, late(cast)) == ("gone", [])


@pytest.mark.parametrize(
    ("model", "values", "excuse"),
    [(Agency, {"kind": "党群机关"}, "unbound"), (System, {"system_class": "03"}, "external")],
)
def test_whom_the_clock_does_not_bind_is_shown_and_not_counted(
    cast: Cast, model: Any, values: dict[str, str], excuse: str
) -> None:
    number = post(cast)
    with cast.database.write() as session:
        session.execute(update(model).values(**values))
    cast.now = at_noon("2026-12-08")
    assert late(cast) == [("W203", number, 2, excuse)]
