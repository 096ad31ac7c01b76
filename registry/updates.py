"""Updates of an entry's data as they are seen: pushed by a token, reported by its steward, read off the shelf.

The latest of all is the last update seen; what was shelved first counts as one. Source: S-ZY 23; S-LPS 25; S1 12;
promises.yaml ``seen``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_promises import SeenKind
from registry import audit
from registry.calendars import city_calendar
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.kept import storable
from registry.keys import new_key
from registry.lookup import Row, askable, find_entry
from registry.models import BatchProof, Distribution, UpdateSeen, Version
from registry.permits import Actor, Sight, Target, demand, roles_of
from registry.promised import Asked, Promise, file_form, read_promises
from registry.proof_cases import PUBLISHED
from registry.subjects import SHELVED
from validators.findings import Finding, word
from validators.updating import days_late, update_due
from validators.workdays import Calendar

UPLOADED = "uploaded"
RULE = "W202"
NOTE_LENGTH = 500  # as the column is wide
MOST_ROWS = 2**31 - 1
USUAL_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """One update, or a probe that showed none (``counts`` is False). ``note`` is empty for who may not see it."""

    kind: str
    kind_zh: str
    day: date
    at: datetime
    by: str
    counts: bool
    rows: int | None = None
    note: str = ""
    distribution_id: str | None = None
    distribution: str = ""


@dataclass(frozen=True, slots=True)
class Updates:
    """The updates of an entry's data, the newest first, and until when the next is due.

    ``last`` is the day of the last one, ``due`` ends the cycle and ``until`` the grace; all None where nothing was
    seen or the cycle has no days. ``late`` counts in ``unit``; ``message`` words W202 when it is late.
    """

    entry_id: str
    code: str | None
    name: str
    cycle: str
    last: date | None
    due: date | None
    until: date | None
    late: int
    unit: str
    message: str
    excuse: str
    seen: tuple[Seen, ...]


# ---- read -------------------------------------------------------------------------------------------------


def updates_of(
    session: Session, name: str, *, sight: Sight, now: datetime, specs: Specs, limit: int = USUAL_LIMIT
) -> Updates:
    """The updates of an entry (by code or key) that were seen, and until when the next one is due.

    Raises:
        NotFound, Gone: as for ``find_entry``. Conflict: it is not announced. Unavailable: the calendar's file is wrong.
    """
    row = _announced(session, name, sight)
    calendar = city_calendar(specs)
    asked = Asked(sight, entry_id=row.entry.id)
    promise = next(iter(read_promises(session, asked, specs=specs, calendar=calendar)), None)
    if promise is None:
        raise NotFound(f"没有代码或编号为“{name}”的目录，或您看不到它")
    recorded = list(_recorded(session, row, specs, limit))
    derived = list(_derived(session, promise, specs, calendar))
    seen = sorted([*recorded, *derived], key=lambda one: (one.day, one.at), reverse=True)[:limit]
    return _updates(promise, tuple(seen), calendar.day_of(now), specs=specs, calendar=calendar)


def _updates(
    promise: Promise, seen: tuple[Seen, ...], today: date, *, specs: Specs, calendar: Calendar
) -> Updates:
    cycle = promise.cycle or ""
    found = update_due(cycle, promise.seen, specs, calendar) if promise.seen and promise.shelved else None
    late = days_late(found, today, calendar) if found else 0
    said = word(Finding(RULE, "update_cycle", value=cycle), specs).message if late else ""
    return Updates(
        promise.entry_id,
        promise.code,
        promise.name,
        specs.label("update_cycle", cycle),
        promise.seen,
        found.due if found else None,
        found.last if found else None,
        late,
        found.unit if found else "",
        said,
        promise.excuse,
        seen,
    )


def _recorded(session: Session, row: Row, specs: Specs, limit: int) -> Iterator[Seen]:
    kinds = specs.promises.seen_index
    query = (
        select(UpdateSeen, col(Distribution.name))
        .outerjoin(Distribution, col(Distribution.id) == col(UpdateSeen.distribution_id))
        .where(col(UpdateSeen.entry_id) == row.entry.id)
        .order_by(col(UpdateSeen.day).desc(), col(UpdateSeen.at).desc())
        .limit(limit)
    )
    for one, distribution in session.execute(query):
        kind = kinds[one.kind]
        note = one.note if row.full or not kind.note else ""
        by = one.by if row.full else ""
        of = (one.rows, note, one.distribution_id, distribution or "")
        yield Seen(one.kind, kind.zh, one.day, one.at, by, kind.counts, *of)


def _derived(session: Session, promise: Promise, specs: Specs, calendar: Calendar) -> Iterator[Seen]:
    """What the shelf shows: files shelved, proven files put in their place, and the first shelving."""
    zh, files = specs.promises.seen_index[UPLOADED].zh, file_form(specs)
    mine = select(Distribution).where(
        col(Distribution.entry_id) == promise.entry_id, col(Distribution.state) == SHELVED
    )
    names = {}
    for made in session.execute(mine).scalars():
        names[made.id] = made.name
        day = calendar.day_of(made.shelved_at) if made.shelved_at else None
        if made.shelved_at and day and (made.form == files or day == promise.since):
            yield Seen(UPLOADED, zh, day, made.shelved_at, "", True, None, "", made.id, made.name)
    proven = select(BatchProof).where(
        col(BatchProof.distribution_id).in_(names), col(BatchProof.state) == PUBLISHED
    )
    for batch in session.execute(proven).scalars():
        if batch.settled_at:
            day, of = calendar.day_of(batch.settled_at), batch.distribution_id
            yield Seen(UPLOADED, zh, day, batch.settled_at, "", True, batch.rows, "", of, names[of])


def _announced(session: Session, name: str, sight: Sight) -> Row:
    row = find_entry(session, name, sight=sight)
    if row.entry.in_force is None:
        raise Conflict(f"{row.entry.code or row.entry.id} 还没有通告，没有更新可言；通告后再办")
    return row


# ---- recorded ---------------------------------------------------------------------------------------------


def record_update(  # noqa: PLR0913  (an update has so many sides, each named by the caller)
    session: Session,
    name: str,
    *,
    kind: str,
    day: date,
    rows: int | None = None,
    distribution: str | None = None,
    note: str = "",
    sight: Sight,
    actor: Actor,
    now: datetime,
) -> Seen:
    """Record that an entry's data were updated on a day: ``pushed`` (by a token) or ``reported`` (with a note).

    Source: S1 12; S-ZY 23; S-LPS 25; promises.yaml ``seen``.

    Raises:
        NotAllowed: no role for it, or a push without a token. NotFound: no such entry or distribution.
        Conflict: the entry is not announced, or the distribution not on the shelf.
        Rejected: the kind is not recorded by hand, the day will not do, a note is missing or too long.
    """
    row = _announced(session, name, sight)
    specs = load(row.version.profile)
    found = _kind(kind, specs)
    _demand(actor, found, row, specs)
    said = _note(note, found)
    _check_day(session, row, day, now, specs)
    if rows is not None and not 0 <= rows <= MOST_ROWS:
        raise Rejected(f"行数须在 0 至 {MOST_ROWS} 之间")
    made = _distribution(session, row, distribution) if distribution else None
    one = UpdateSeen(
        id=new_key("u"),
        entry_id=row.entry.id,
        distribution_id=made.id if made else None,
        kind=found.key,
        day=day,
        rows=rows,
        note=said,
        by=actor.login,
        at=now,
    )
    session.add(one)
    session.flush()
    details = {"kind": one.kind, "day": day.isoformat(), "rows": rows, "distribution": one.distribution_id}
    act = audit.Act("record_update", row.entry.id, details | {"note": said})
    audit.record(session, [act], actor=actor.login, now=now, operator=actor.operator)
    of = (rows, said, one.distribution_id, made.name if made else "")
    return Seen(one.kind, found.zh, day, now, actor.login, found.counts, *of)


def _kind(kind: str, specs: Specs) -> SeenKind:
    by_hand = {row.key: row for row in specs.promises.seen if row.permission}
    if kind not in by_hand:
        known = "、".join(f"{row.key}（{row.zh}）" for row in by_hand.values())
        raise Rejected(f"不能登记“{kind[:16]}”的更新；可用：{known}")
    return by_hand[kind]


def _demand(actor: Actor, kind: SeenKind, row: Row, specs: Specs) -> None:
    target = Target(row.entry.agency_id, row.agency.region, row.entry.system_id)
    demand(actor, kind.permission, roles_of(specs), target)
    if kind.token and actor.scopes is None:
        raise NotAllowed(f"{kind.zh}须用接口令牌（Authorization: Bearer）；人工登记用填报", reason="token")


def _note(note: str, kind: SeenKind) -> str:
    said = storable(note.strip())
    if kind.note and not said:
        raise Rejected("写明更新了什么、从何处看出（note）")
    if len(said) > NOTE_LENGTH:
        raise Rejected(f"说明至多 {NOTE_LENGTH} 个字")
    return said


def _check_day(session: Session, row: Row, day: date, now: datetime, specs: Specs) -> None:
    calendar = city_calendar(specs)
    today = calendar.day_of(now)
    if day > today:
        raise Rejected(f"更新日期 {day} 还没有到；至迟写 {today}")
    announced = calendar.day_of(_first_announced(session, row))
    earliest = announced - timedelta(days=specs.promises.report.days_before_announced)
    if day < earliest:
        raise Rejected(f"目录 {announced} 才通告，更新日期不能早于 {earliest}")


def _first_announced(session: Session, row: Row) -> datetime:
    query = select(col(Version.announced_at)).where(
        col(Version.entry_id) == row.entry.id, col(Version.announced_at).is_not(None)
    )
    known = [moment for moment in session.execute(query).scalars() if moment is not None]
    return min(known, default=row.entry.created_at)


def _distribution(session: Session, row: Row, key: str) -> Distribution:
    found = session.get(Distribution, askable(key))
    if found is None or found.entry_id != row.entry.id:
        raise NotFound(f"{row.entry.code or row.entry.id} 没有挂接资源“{key[:64]}”")
    if found.state != SHELVED:
        raise Conflict(f"挂接资源“{found.name}”不在架，没有更新可言；上架后再推送", state=found.state)
    return found
