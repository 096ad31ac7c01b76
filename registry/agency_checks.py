"""What may stand against a deed on an agency, and how such a deed is ordered and put on the record."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.audit import Act, record
from registry.errors import Conflict, Rejected, Stale
from registry.keys import new_key
from registry.models import (
    Agency,
    AgencyChange,
    DataCopy,
    Entry,
    Person,
    Rectification,
    Retirement,
    RoleGrant,
    System,
    WipeCase,
)
from registry.people import local_day
from registry.permits import Actor, Target, demand, roles_of
from validators.codes import credit_code_fault, region_of

MANAGE = "manage_agencies"
NAME_LENGTH = 100
# two digits of a resource code tell the department (domain §2.1)
LAST_NUMBER = 99
LISTED = 20


class Against(NamedTuple):
    """One thing that stands against a deed. ``state``: it is how things stand, not what was written."""

    text: str
    state: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What orders a change: the first day of the new order and the number of the paper.

    Its acts go on the record together at the end: a deed that held the record while it waits for rows of others,
    who wait for the record, would stop both.
    """

    day: date
    basis: str
    actor: Actor
    now: datetime
    acts: list[Act] = field(default_factory=list)

    def note(self, act: str, subject: str, **details: Any) -> None:
        """Add an act, with the basis that orders it."""
        said = {"day": self.day.isoformat(), "basis": self.basis} | details
        self.acts.append(Act(act, subject, {key: value for key, value in said.items() if value is not None}))

    def write(self, session: Session) -> None:
        """Put all acts on the record."""
        session.flush()
        record(session, self.acts, actor=self.actor.login, now=self.now, operator=self.actor.operator)


def refuse(what: str, against: Sequence[Against]) -> None:
    """Refuse a deed with everything that stands against it.

    Raises:
        Conflict: the state of the register is against it. Rejected: only what was written is.
    """
    if against:
        said = [one.text for one in against]
        kind = Conflict if any(one.state for one in against) else Rejected
        errors = [{"code": kind.__name__, "message": text} for text in said]
        raise kind(f"{what}：{'；'.join(said)}", errors=errors)


def check_tag(seen: Container[str] | None, now: str, name: str) -> None:
    """Refuse a change of what is not as the asker saw it; ``seen``: the tags that he has seen, None for any.

    Raises:
        Stale: with the present one, as an ETag.
    """
    if seen is not None and now not in seen:
        raise Stale(f"“{name}”在您看过之后已有变动；取回最新内容（ETag）后再办", etag=f'"{now}"')


def allow(agency: Agency, actor: Actor) -> None:
    """Refuse who may not manage this agency."""
    demand(actor, MANAGE, roles_of(load()), Target(agency.id, agency.region))


def order_of(day: date, basis: str, *, actor: Actor, now: datetime) -> tuple[Order, list[Against]]:
    """The order with what is wrong with it."""
    written, today = basis.strip(), local_day(now)
    against = []
    if not 0 < len(written) <= NAME_LENGTH or not written.isprintable():
        against.append(Against(f"须写明依据文件的文号（至多 {NAME_LENGTH} 个字符，不含控制字符）"))
    if day > today:
        against.append(Against(f"生效日 {day} 还没有到；到期再办"))
    return Order(day, written, actor, now), against


def began_before(agency: Agency, day: date) -> list[Against]:
    """Whether an agency had begun before ``day``, so that a change on that day finds it."""
    if agency.valid_from is None or agency.valid_from < day:
        return []
    return [Against(f"“{agency.name}”自 {agency.valid_from} 设立，生效日须在其后")]


# ---- what is written ---------------------------------------------------------------------------------------


def draft(
    session: Session,
    code: str,
    name: str,
    *,
    kind: str,
    level: str | None = None,
    region: str | None = None,
    number: int | None = None,
) -> tuple[Agency, list[Against]]:
    """A new agency that is not stored yet, with everything that stands against it."""
    specs, written = load(), code.strip()
    fault = credit_code_fault(written, specs.credit_code)
    area = (region or region_of(written)).strip()
    agency = Agency(
        id=new_key("a"), code=written, name=name.strip(), kind=kind, level=level, region=area, number=0
    )
    known = agency_of_code(session, written)
    against = name_against(session, agency.name, area) + codes_against(kind, level, area)
    if fault:
        against.append(Against(f"统一社会信用代码“{written[:18]}”不对（{fault}）"))
    if known is not None:
        against.append(Against(f"统一社会信用代码 {written} 已属于“{known.name}”", state=True))
    agency.number, taken = number_in(session, area, number)
    return agency, against + taken


def agency_of_code(session: Session, code: str) -> Agency | None:
    """The agency of a credit code, also a closed one."""
    query = select(Agency).where(col(Agency.code) == _asked(code))
    return session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()


def _asked(text: str) -> str:
    return text if text.isprintable() else ""


def name_against(session: Session, name: str, region: str, *, own: str = "") -> list[Against]:
    """What stands against a name; ``own``: the key of the agency that is to bear it."""
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        return [Against(f"单位名称须有 1 至 {NAME_LENGTH} 个字符，不含控制字符和全角空格")]
    alike = select(Agency).where(
        col(Agency.name) == name,
        col(Agency.region) == _asked(region),
        col(Agency.id) != own,
        col(Agency.valid_until).is_(None),
    )
    found = session.execute(alike).scalars().first()
    return [Against(f"名称“{name}”已由 {found.code} 使用", state=True)] if found else []


def codes_against(kind: str, level: str | None, region: str) -> list[Against]:
    """What stands against coded values: those that their list does not hold."""
    specs = load()
    asked = (("agency_kind", kind), ("data_level", level), ("regions", region))
    return [
        Against(f"{specs.codes[listed].zh}没有“{value[:20]}”；可用：{choices(listed)}")
        for listed, value in asked
        if value is not None and specs.code_value(listed, value) is None
    ]


def choices(listed: str) -> str:
    """The values of a code list, for a message."""
    values = [v.code if v.code == v.zh else f"{v.code} {v.zh}" for v in load().codes[listed].values]
    return "、".join(values[:LISTED]) + ("……" if len(values) > LISTED else "")


def number_in(session: Session, region: str, wanted: int | None) -> tuple[int, list[Against]]:
    """The number wanted, or the next free one of the region, with what stands against it."""
    taken = select(col(Agency.number)).where(col(Agency.region) == _asked(region))
    used = set(session.execute(taken).scalars())
    number = wanted if wanted is not None else next(n for n in count(1) if n not in used)
    if not 1 <= number <= LAST_NUMBER:
        return number, [Against(f"部门编号须为 1 至 {LAST_NUMBER}，{region} 的编号已用到 {number - 1}")]
    if number in used:
        return number, [Against(f"部门编号 {number:02d} 在 {region} 已有单位使用", state=True)]
    return number, []


# ---- what is there ----------------------------------------------------------------------------------------


def ancestors(session: Session, agency: Agency) -> list[str]:
    """The keys of an agency and all above it, from below."""
    found = [agency.id]
    while agency.parent_id and agency.parent_id not in found:
        found.append(agency.parent_id)
        agency = session.get_one(Agency, agency.parent_id)
    return found


def left_with(session: Session, agency: Agency, today: date, *, below: bool = True) -> str:
    """What an agency still has, in words; empty when it has nothing. Retired entries count, too.

    ``below``: whether agencies below it count.
    """
    held = select(Person).join(RoleGrant, col(RoleGrant.person_id) == col(Person.id))
    in_force = (col(RoleGrant.valid_until).is_(None)) | (col(RoleGrant.valid_until) >= today)
    granted = held.where(col(RoleGrant.agency_id) == agency.id, col(RoleGrant.revoked_at).is_(None), in_force)
    of = select(Person).where(col(Person.agency_id) == agency.id, col(Person.active).is_(True))
    people = {p.login for query in (of, granted) for p in session.execute(query).scalars()}
    under = select(Agency).where(col(Agency.parent_id) == agency.id, col(Agency.valid_until).is_(None))
    entries = select(Entry).where(col(Entry.agency_id) == agency.id).order_by(col(Entry.id))
    systems = select(System).where(col(System.agency_id) == agency.id).order_by(col(System.id))
    found = [
        ("目录", "条", [e.code or e.id for e in session.execute(entries).scalars()]),
        ("系统", "个", [s.name for s in session.execute(systems).scalars()]),
        *_open_cases(session, agency),
        ("人员", "名", sorted(people)),
        ("下级单位", "个", [a.name for a in session.execute(under).scalars()] if below else []),
    ]
    return "、".join(f"{what} {len(names)} {unit}（{_some(names)}）" for what, unit, names in found if names)


def _open_cases(session: Session, agency: Agency) -> list[tuple[str, str, list[str]]]:
    """Retirements, wipe cases and rectifications that are not closed, and copies that no case has an end for."""
    mine = select(col(System.id)).where(col(System.agency_id) == agency.id)
    terminal = [state.key for state in load().systems.copy_states if state.terminal]
    queries = (
        ("停用任务", "件", _open(Retirement, col(Retirement.agency_id) == agency.id)),
        ("清除任务", "件", _open(WipeCase, col(WipeCase.agency_id) == agency.id)),
        ("整改", "件", _open(Rectification, col(Rectification.system_id).in_(mine))),
        ("数据副本", "处", _lying(agency, terminal)),
    )
    return [(what, unit, list(session.execute(query).scalars())) for what, unit, query in queries]


def _open(table: Any, its: ColumnElement[bool]) -> Select[Any]:
    return select(col(table.number)).where(its, col(table.closed_at).is_(None)).order_by(col(table.number))


def _lying(agency: Agency, terminal: Sequence[str]) -> Select[Any]:
    lies = col(DataCopy.agency_id) == agency.id, col(DataCopy.state).not_in(terminal)
    return select(col(DataCopy.name)).where(*lies).order_by(col(DataCopy.id))


def _some(names: Sequence[str]) -> str:
    return "、".join(names[:LISTED]) + ("……" if len(names) > LISTED else "")


def change(
    agency: Agency,
    kind: str,
    order: Order,
    other: Agency | None = None,
    moved: Mapping[str, list[str]] | None = None,
) -> AgencyChange:
    """The row that keeps a change; to be made before the agency is changed."""
    return AgencyChange(
        id=new_key("k"),
        agency_id=agency.id,
        change=kind,
        day=order.day,
        document=order.basis,
        name=agency.name,
        other_id=other.id if other else None,
        moved=dict(moved or {}),
        by=order.actor.login,
        at=order.now,
    )


def record_plain(
    session: Session, act: str, agency: Agency, details: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    said = {"agency": agency.code, **{key: value for key, value in details.items() if value is not None}}
    record(session, [Act(act, agency.id, said)], actor=actor.login, now=now, operator=actor.operator)
