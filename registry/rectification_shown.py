"""Orders to rectify as they are listed and shown. Source: S-LPS 32; supervision.yaml."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, or_, true
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.errors import Rejected
from registry.lookup import askable
from registry.models import Agency, Rectification, System
from registry.orders import trigger_source, trigger_zh
from registry.people import local_day
from registry.permits import Actor, may, roles_of
from registry.rectifications import Row, days_late, orders_seen
from registry.supervised import spec_of, target_of


@dataclass(frozen=True, slots=True)
class OrderAct:
    """A step that someone may make; ``file``: it asks for a paper."""

    key: str
    zh: str
    file: bool


@dataclass(frozen=True, slots=True)
class OrderShown:
    """An order as it is shown. ``days_late``: days past ``due`` while it is open, else 0."""

    id: str
    number: str
    system_id: str
    system: str
    agency_code: str
    agency_name: str
    trigger: str
    trigger_zh: str
    source: str
    words: str
    document: str
    day: date
    due: date
    state: str
    state_zh: str
    open: bool
    days_late: int
    sha256: str | None
    file_name: str | None
    ordered_by: str
    ordered_at: datetime
    report: str
    report_sha256: str | None
    report_file: str | None
    reported_by: str
    reported_at: datetime | None
    returned: str
    closing: str
    closed_by: str
    closed_at: datetime | None
    lock: int
    acts: tuple[OrderAct, ...]


@dataclass(frozen=True, slots=True)
class OrdersAsked:
    """Which orders are asked for: of a system (key) or an agency (code or name), in a state; only open, only late."""

    system: str | None = None
    agency: str | None = None
    state: str | None = None
    is_open: bool = False
    overdue: bool = False


def _wanted(asked: OrdersAsked, today: date) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = [true()]
    if asked.system:
        named = askable(asked.system)
        found.append(or_(col(System.id) == named, col(System.ident) == named, col(System.name) == named))
    if asked.agency:
        named = askable(asked.agency)
        found.append(or_(col(Agency.code) == named, col(Agency.name) == named))
    if asked.state:
        known = spec_of().rectification.state_index
        if asked.state not in known:
            listed = "、".join(f"{one.key}（{one.zh}）" for one in known.values())
            raise Rejected(f"整改没有“{asked.state[:32]}”这种状态；可用：{listed}")
        found.append(col(Rectification.state) == asked.state)
    if asked.is_open or asked.overdue:
        found.append(col(Rectification.state).in_(spec_of().rectification.open_states))
    if asked.overdue:
        found.append(col(Rectification.due) < today)
    return and_(*found)


def list_orders(
    session: Session,
    asked: OrdersAsked | None = None,
    *,
    actor: Actor | None,
    now: datetime,
    limit: int | None = None,
    offset: int = 0,
) -> tuple[list[OrderShown], int]:
    """The orders that someone sees (None: the console), the newest first; and how many there are without a limit."""
    wanted = _wanted(asked or OrdersAsked(), local_day(now))
    query = orders_seen(actor).where(wanted)
    count = int(
        session.execute(query.with_only_columns(func.count(), maintain_column_froms=True)).scalar_one()
    )
    rows = session.execute(
        query.order_by(col(Rectification.day).desc(), col(Rectification.number).desc())
        .limit(limit)
        .offset(offset)
    )
    return [shown((one[0], one[1], one[2]), actor=actor, now=now) for one in rows], count


def acts_of(row: Row, *, actor: Actor | None) -> tuple[OrderAct, ...]:
    """The steps that someone may make of an order now."""
    found, system, owner = row
    if actor is None:
        return ()
    roles, target = roles_of(load(system.profile)), target_of(system, owner)
    return tuple(
        OrderAct(deed.key, deed.zh, deed.file)
        for deed in spec_of().rectification.moves
        if found.state in deed.starts
        and may(actor, deed.permission, roles, target)
        and not (deed.never_by_reporter and actor.login == found.reported_by)
    )


def shown(row: Row, *, actor: Actor | None, now: datetime) -> OrderShown:
    """An order as it is shown to ``actor``."""
    found, system, owner = row
    specs = load(system.profile)
    state = spec_of().rectification.state_index[found.state]
    own = {name for name in OrderShown.__dataclass_fields__ if name in Rectification.model_fields}
    return OrderShown(
        **{name: getattr(found, name) for name in own},
        system=system.name,
        agency_code=owner.code,
        agency_name=owner.name,
        trigger_zh=trigger_zh(found.trigger, specs),
        source=trigger_source(found.trigger, specs),
        state_zh=state.zh,
        open=state.open,
        days_late=days_late(found, local_day(now)),
        acts=acts_of(row, actor=actor),
    )
