"""变更事件: a change of law, duty or organisation that the bureau posts; it names the entries that it touches.

Touched are all announced entries of the agencies that it names, and those that cite the laws that it names. Each gets
a case, whose clock begins with the change, or with the posting where that comes later. Source: S1 17; promises.yaml.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law import Deadlines
from registry import audit
from registry.agency_lives import demand_standing, find
from registry.calendars import city_calendar
from registry.entries import TOMBSTONES, lock_register
from registry.errors import Conflict, NotFound, Rejected
from registry.kept import storable
from registry.keys import digest_of, new_key
from registry.lookup import askable
from registry.models import Agency, ChangeCase, ChangeEvent, Entry, Version
from registry.models.columns import table_of
from registry.permits import Actor, demand, holding, roles_of, within
from validators.basis import article_number, read_basis
from validators.cited import Citation, Finder
from validators.findings import field_label
from validators.folding import fold
from validators.workdays import Calendar, due

BASIS_LENGTH, NOTE_LENGTH, REASON_LENGTH = 500, 2000, 500  # as the columns are wide
MOST_NAMED = 200
_PIECE = 2000
_ARTICLE = re.compile(r"第[^第]+?条.*$")


@dataclass(frozen=True, slots=True)
class Asked:
    """An event as it is to be posted. ``agencies`` by code or name; ``basis`` is the text with article or number."""

    kind: str
    basis: str
    effective_on: date
    agencies: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Affected:
    """An entry that an event touches, in the version in force; ``why`` names the agency or the citations."""

    entry_id: str
    code: str | None
    name: str
    number: int
    agency_code: str
    agency_name: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an event would touch, and until when it would be due (``extended``: at the latest)."""

    entries: tuple[Affected, ...]
    start: date
    due: date
    extended: date
    warnings: tuple[str, ...]


def read_citation(text: str) -> Citation:
    """A law as it is written: ``《婚姻登记条例》第十条``, or the title alone.

    Raises:
        Rejected: there is no title.
    """
    rows = read_basis(text)
    row = rows[0] if rows else {}
    if "title" in row:
        return Citation(row["title"], row.get("article", ""))
    plain = text.strip()
    found = _ARTICLE.search(plain)
    title = plain[: found.start()].strip() if found else plain
    if not title or "《" in title:
        raise Rejected(f"“{text[:100]}”不是法规；写作 《婚姻登记条例》第十条，或者只写名称")
    return Citation(title, found.group() if found else "")


# ---- what is touched --------------------------------------------------------------------------------------


def affected_by(session: Session, asked: Asked, *, actor: Actor, now: datetime, specs: Specs) -> Preview:
    """The entries that an event would touch, and its term; nothing is written.

    Raises:
        NotAllowed: no role for it. NotFound, Conflict: an agency is unknown, or stands no more.
        Rejected: something of what was asked will not do; all of it is named. Unavailable: the calendar is wrong.
    """
    roles = roles_of(specs)
    demand(actor, specs.promises.change.post, roles)
    calendar = city_calendar(specs)
    _check(asked, calendar.day_of(now), specs)
    agencies = _agencies(session, asked.agencies, calendar.day_of(now))
    reach = within(holding(actor, specs.promises.change.post, roles), roles)
    entries = _touched(session, agencies, asked.citations, reach, specs)
    clock = specs.document("deadlines", Deadlines).index[specs.promises.change.clock]
    start = max(asked.effective_on, calendar.day_of(now))
    last, extended = due(clock, start, calendar), due(clock, start, calendar, extended=True)
    warning = calendar.warning(start, extended)
    return Preview(tuple(entries), start, last, extended, (warning,) if warning else ())


def _check(asked: Asked, today: date, specs: Specs) -> None:
    rule, kinds = specs.promises.change, specs.promises.kind_index
    wrong = []
    if asked.kind not in kinds:
        known = "、".join(f"{row.key}（{row.zh}）" for row in kinds.values())
        wrong.append(f"没有“{asked.kind[:16]}”这种变更；可用：{known}")
    if not fold(asked.basis):
        wrong.append("写明依据的文件、条款或者文号")
    wrong += [
        f"{zh}至多 {most} 个字"
        for zh, text, most in (("依据", asked.basis, BASIS_LENGTH), ("说明", asked.note, NOTE_LENGTH))
        if len(text) > most
    ]
    first, last = today - timedelta(days=rule.days_before), today + timedelta(days=rule.days_after)
    if not first <= asked.effective_on <= last:
        wrong.append(f"生效日期 {asked.effective_on} 须在 {first} 至 {last} 之间")
    if not asked.agencies and not asked.citations:
        wrong.append("写明涉及的单位，或者被引用的法规")
    if len(asked.agencies) > MOST_NAMED or len(asked.citations) > MOST_NAMED:
        wrong.append(f"单位和法规各至多 {MOST_NAMED} 个")
    wrong += [word for one in asked.citations for word in _unfit(one)]
    if wrong:
        raise Rejected("不能发布变更事件：" + "；".join(wrong))


def _unfit(one: Citation) -> Iterator[str]:
    if not fold(one.title) or len(one.title) > BASIS_LENGTH:
        yield "法规没有名称，或名称过长"
    if one.article and article_number(one.article) is None:
        yield f"“{one.article[:50]}”不是条款；写作 第十条"


def _agencies(session: Session, names: Iterable[str], today: date) -> dict[str, Agency]:
    found = {agency.id: agency for agency in (find(session, name, today=today) for name in names)}
    for agency in found.values():
        demand_standing(session, agency, today)
    return found


def _touched(
    session: Session,
    agencies: Mapping[str, Agency],
    citations: Sequence[Citation],
    reach: ColumnElement[bool],
    specs: Specs,
) -> Iterator[Affected]:
    fields = specs.promises.change.cited_fields if citations else ()
    finder = Finder(citations, specs)
    query = _announced(fields).where(reach)
    if not citations:
        query = query.where(col(Entry.agency_id).in_(agencies))
    labels = {field: field_label(field, specs) for field in fields}
    for row in session.execute(query, execution_options={"yield_per": _PIECE}):
        entry_id, code, name, number, agency_id, agency_code, agency_name, *values = row
        why = [agency_name] if agency_id in agencies else []
        for field, value in zip(fields, values, strict=True):
            why += [f"{labels[field]}：{place}" for place in finder.found(value)]
        if why:
            yield Affected(entry_id, code, name, number, agency_code, agency_name, tuple(why))


def _announced(fields: Iterable[str]) -> Select[Any]:
    content: Any = col(Version.content)
    in_force = and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.in_force))
    return (
        select(
            col(Entry.id),
            col(Entry.code),
            col(Version.name),
            col(Version.number),
            col(Agency.id),
            col(Agency.code),
            col(Agency.name),
            *(content[field].label(field) for field in fields),
        )
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .join(Version, in_force)
        .where(col(Entry.state).not_in(TOMBSTONES), col(Entry.frozen_at).is_(None))
        .order_by(col(Agency.code), func.coalesce(col(Entry.code), "~"), col(Entry.id))
    )


# ---- posted and withdrawn -----------------------------------------------------------------------------------


def post_event(session: Session, asked: Asked, *, actor: Actor, now: datetime, specs: Specs) -> ChangeEvent:
    """Post a change event: a case for every entry that it touches. Source: S1 17.

    Raises:
        As ``affected_by``; Conflict: an event of this basis and day stands already; Rejected: it touches nothing.
    """
    lock_register(session)
    preview = affected_by(session, asked, actor=actor, now=now, specs=specs)
    _check_new(session, asked)
    if not preview.entries:
        raise Rejected("没有受影响的已通告目录；核对单位、法规名称和条款（先用 --dry-run 预览）")
    calendar = city_calendar(specs)
    event = ChangeEvent(
        id=new_key("v"),
        number=_next_number(session, specs, calendar, now),
        kind=asked.kind,
        basis=storable(asked.basis.strip()),
        effective_on=asked.effective_on,
        agencies=sorted(_agencies(session, asked.agencies, calendar.day_of(now))),
        citations=[
            {"title": storable(one.title), "article": storable(one.article)} for one in asked.citations
        ],
        note=storable(asked.note.strip()),
        posted_by=actor.login,
        posted_at=now,
    )
    session.add(event)
    session.flush()
    session.execute(insert(table_of(ChangeCase)), [_case(event, one) for one in preview.entries])
    touched = digest_of(sorted(one.entry_id for one in preview.entries))
    details = _told(event) | {"entries": len(preview.entries), "entries_digest": touched}
    _record(session, "post_change_event", event, details, actor=actor, now=now)
    return event


def _check_new(session: Session, asked: Asked) -> None:
    query = select(ChangeEvent).where(
        col(ChangeEvent.effective_on) == asked.effective_on, col(ChangeEvent.withdrawn_at).is_(None)
    )
    for known in session.execute(query).scalars():
        if fold(known.basis) == fold(asked.basis):
            raise Conflict(
                f"依据和生效日期相同的变更事件已经发布：{known.number}；有误的先撤回", number=known.number
            )


def _next_number(session: Session, specs: Specs, calendar: Calendar, now: datetime) -> str:
    year = calendar.day_of(now).year
    pattern = specs.promises.change.number
    known = select(func.count()).select_from(ChangeEvent)
    seq = int(session.execute(known).scalar_one())
    taken = set(session.execute(select(col(ChangeEvent.number))).scalars()) if seq else set()
    return next(
        number for n in range(1, seq + 2) if (number := pattern.format(year=year, seq=n)) not in taken
    )


def _case(event: ChangeEvent, one: Affected) -> dict[str, Any]:
    return {
        "id": new_key("h"),
        "event_id": event.id,
        "entry_id": one.entry_id,
        "number": one.number,
        "why": [storable(word) for word in one.why],
        "extension_reason": "",
        "note": "",
    }


def _told(event: ChangeEvent) -> dict[str, Any]:
    day = event.effective_on.isoformat()
    of = {"agencies": event.agencies, "citations": event.citations}
    return {"number": event.number, "kind": event.kind, "basis": event.basis, "effective_on": day} | of


def find_event(session: Session, number: str) -> ChangeEvent:
    """A change event by its number.

    Raises:
        NotFound: there is none.
    """
    query = select(ChangeEvent).where(col(ChangeEvent.number) == askable(number.strip()))
    found = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"没有变更事件“{number[:32]}”；用 mulu change list 查看")
    return found


def withdraw_event(
    session: Session, number: str, *, reason: str, actor: Actor, now: datetime, specs: Specs
) -> ChangeEvent:
    """Withdraw an event that was posted by mistake: its cases end, it stays on the record.

    Raises:
        NotAllowed, NotFound. Conflict: it is withdrawn already. Rejected: without a reason.
    """
    demand(actor, specs.promises.change.post, roles_of(specs))
    lock_register(session)
    event = find_event(session, number)
    said = written_reason(reason, "撤回")
    if event.withdrawn_at is not None:
        raise Conflict(f"{event.number} 已由 {event.withdrawn_by} 撤回")
    event.withdrawn_at, event.withdrawn_by, event.withdrawn_reason = now, actor.login, said
    session.flush()
    details = {"number": event.number, "reason": said}
    _record(session, "withdraw_change_event", event, details, actor=actor, now=now)
    return event


def written_reason(reason: str, deed: str) -> str:
    """A reason as it is kept.

    Raises:
        Rejected: it is missing or too long.
    """
    said = storable(reason.strip())
    if not fold(said):
        raise Rejected(f"写明{deed}的理由")
    if len(said) > REASON_LENGTH:
        raise Rejected(f"理由至多 {REASON_LENGTH} 个字")
    return said


def _record(
    session: Session, act: str, event: ChangeEvent, details: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    acts = [audit.Act(act, event.id, details)]
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
