"""Deeds on agencies: entered, edited, renamed, closed. Mergers and splits stand in ``succession``.

``day`` is always the first day of the new order, which may be past but not to come; a closed agency's last day is the
day before. ``basis`` is the number of the paper that orders it. Only who may ``manage_agencies`` does these, and all
of it is on the record. A rename makes no new versions: content is what was announced, lists show the name of today,
the name of the time is told by ``owner_on``. Source: domain §12 R14; S1 2, 17, 43.
"""

from collections.abc import Container, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.agency_checks import (
    MANAGE,
    Against,
    allow,
    ancestors,
    began_before,
    change,
    check_tag,
    codes_against,
    draft,
    left_with,
    name_against,
    number_in,
    order_of,
    record_plain,
    refuse,
)
from registry.agency_lives import (
    CLOSE,
    DAY,
    RENAME,
    closed_among,
    closed_words,
    demand_standing,
    find,
    hold,
    standing,
)
from registry.entries import lock_register
from registry.keys import digest_of
from registry.models import Agency, AgencyChange
from registry.outbox import mark_agency
from registry.people import local_day
from registry.permits import Actor, demand, roles_of

__all__ = [
    "add",
    "close",
    "closed_among",
    "demand_standing",
    "edit",
    "find",
    "hold",
    "rename",
    "standing",
    "tag_of",
]
EDITABLE = ("kind", "level", "region", "parent")


# ---- entered ----------------------------------------------------------------------------------------------


def add(  # noqa: PLR0913  (an agency has so many sides, each named by the caller)
    session: Session,
    code: str,
    name: str,
    *,
    kind: str,
    level: str | None = None,
    region: str | None = None,
    parent: str | None = None,
    number: int | None = None,
    valid_from: date | None = None,
    actor: Actor,
    now: datetime,
) -> Agency:
    """Enter an agency. Its region is that of the credit code, its department number the next free one, unless given.

    Raises:
        NotAllowed. Conflict: code, name or number is taken. Rejected: what was written will not do.
    """
    demand(actor, MANAGE, roles_of(load()))
    lock_register(session)
    today = local_day(now)
    above = find(session, parent, today=today) if parent else None
    agency, against = draft(session, code, name, kind=kind, level=level, region=region, number=number)
    agency.valid_from, agency.created_at = valid_from, now
    if above is not None and not standing(above, today):
        against.append(Against(closed_words(session, above), state=True))
    refuse("不能登记单位", against)
    agency.parent_id = above.id if above else None
    allow(agency, actor)
    session.add(agency)
    session.flush()
    shown = {"name": agency.name, **_editable(agency)}
    record_plain(session, "add_agency", agency, shown, actor=actor, now=now)
    return agency


# ---- edited -----------------------------------------------------------------------------------------------


def _editable(agency: Agency) -> dict[str, Any]:
    return {"kind": agency.kind, "level": agency.level, "region": agency.region, "parent": agency.parent_id}


def tag_of(agency: Agency) -> str:
    """A digest that changes with the agency: what an asker has seen."""
    days = [day and day.isoformat() for day in (agency.valid_from, agency.valid_until)]
    return digest_of([agency.id, agency.name, agency.number, agency.successor_id, days, _editable(agency)])[
        :32
    ]


def edit(
    session: Session,
    written: str,
    changes: Mapping[str, str | None],
    *,
    seen: Container[str] | None = None,
    actor: Actor,
    now: datetime,
) -> Agency:
    """Change kind, level, region or parent. ``seen``: the tags of what the asker has seen.

    Raises:
        NotFound, NotAllowed. Stale: it has changed since. Conflict: it is closed, or the number is taken in the
        region. Rejected: a value is unknown, or the parent is below it.
    """
    lock_register(session)
    today = local_day(now)
    agency = find(session, written, today=today)
    allow(agency, actor)
    hold(session, agency)
    check_tag(seen, tag_of(agency), agency.name)
    demand_standing(session, agency, today)
    before = _editable(agency)
    against = [Against(f"不能改“{key[:20]}”") for key in changes if key not in EDITABLE]
    given = {key: value.strip() or None if value else None for key, value in changes.items()}
    if any(key in given and given[key] is None for key in ("kind", "region")):
        against.append(Against("单位性质和行政区划不能为空"))
    refuse("不能修改单位", against)
    after = {key: given.get(key, before[key]) for key in EDITABLE}
    after["parent"], against = _parent(session, agency, given, today)
    against += codes_against(str(after["kind"]), after["level"], str(after["region"]))
    if after["region"] != agency.region:
        against += number_in(session, str(after["region"]), agency.number)[1]
    refuse("不能修改单位", against)
    agency.kind, agency.region = str(after["kind"]), str(after["region"])
    agency.level, agency.parent_id = after["level"], after["parent"]
    allow(agency, actor)
    session.flush()
    changed = {key: [value, after[key]] for key, value in before.items() if value != after[key]}
    if changed:
        mark_agency(session, agency.id, "edit_agency", now=now)
        record_plain(session, "edit_agency", agency, changed, actor=actor, now=now)
    return agency


def _parent(
    session: Session, agency: Agency, given: Mapping[str, str | None], today: date
) -> tuple[str | None, list[Against]]:
    """The key of the parent that is asked for, with what stands against it."""
    if "parent" not in given:
        return agency.parent_id, []
    above = find(session, given["parent"], today=today) if given["parent"] else None
    if above is None:
        return None, []
    if not standing(above, today):
        return None, [Against(closed_words(session, above), state=True)]
    if agency.id in ancestors(session, above):
        return None, [Against(f"“{above.name}”就是“{agency.name}”或在其下，不能作它的上级")]
    return above.id, []


# ---- renamed, closed --------------------------------------------------------------------------------------


def rename(
    session: Session, written: str, name: str, *, day: date, basis: str, actor: Actor, now: datetime
) -> Agency:
    """Give an agency a new name from ``day`` on; key and credit code stay, the old name is kept with its period.

    Raises:
        NotFound, NotAllowed. Conflict: it is closed, or the name is another's. Rejected: name, day or basis.
    """
    lock_register(session)
    agency = find(session, written, today=local_day(now))
    allow(agency, actor)
    hold(session, agency)
    demand_standing(session, agency, local_day(now))
    order, against = order_of(day, basis, actor=actor, now=now)
    old, new = agency.name, name.strip()
    against += began_before(agency, day)
    against += name_against(session, new, agency.region, own=agency.id)
    if new == old:
        against.append(Against(f"现在就叫“{old}”", state=True))
    last = session.execute(_renamed(agency)).scalars().first()
    if last is not None and last.day >= day:
        against.append(Against(f"已自 {last.day} 由“{last.name}”更名，生效日须在其后", state=True))
    refuse("不能更名", against)
    session.add(change(agency, RENAME, order))
    agency.name = new
    mark_agency(session, agency.id, "rename_agency", now=now)
    order.note("rename_agency", agency.id, agency=agency.code, before=old, after=new)
    order.write(session)
    return agency


def _renamed(agency: Agency) -> Select[AgencyChange]:
    mine = (col(AgencyChange.agency_id) == agency.id, col(AgencyChange.change) == RENAME)
    return select(AgencyChange).where(*mine).order_by(col(AgencyChange.day).desc())


def close(session: Session, written: str, *, day: date, basis: str, actor: Actor, now: datetime) -> Agency:
    """Close an agency from ``day`` on; nothing may be left with it, or it is merged or split instead.

    Raises:
        NotFound, NotAllowed. Conflict: it is closed already, or has entries, systems, people or agencies below it,
        which are listed. Rejected: day or basis.
    """
    lock_register(session)
    agency = find(session, written, today=local_day(now))
    allow(agency, actor)
    hold(session, agency)
    demand_standing(session, agency, local_day(now))
    order, against = order_of(day, basis, actor=actor, now=now)
    left = left_with(session, agency, local_day(now))
    if left:
        against.append(Against(f"“{agency.name}”还有{left}；先合并或拆分", state=True))
    refuse("不能撤销单位", against + began_before(agency, day))
    session.add(change(agency, CLOSE, order))
    agency.valid_until = day - DAY
    mark_agency(session, agency.id, "close_agency", now=now)
    order.note("close_agency", agency.id, agency=agency.code)
    order.write(session)
    return agency
