"""The ground of wipe cases: who may do what on one, in which state, what they are called, the record of every act."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry import audit
from registry.audit import Act
from registry.errors import Conflict, NotAllowed, Rejected
from registry.kept import storable
from registry.models import Agency, DataCopy, System, WipeCase
from registry.permits import Actor, Held, demand, may, roles_of
from registry.wipe_sight import CaseRow

RETIREMENT = "retirement"
OPEN, CLOSED, CANCELLED = "open", "closed", "cancelled"


def text_of(written: str) -> str:
    """A text as every database keeps it."""
    return storable(written.strip())


def demand_deed(key: str, row: CaseRow, actor: Actor, specs: Specs) -> Held:
    """The role by which ``actor`` may do a deed on a case (wiping.yaml ``deeds``).

    Raises:
        NotAllowed: he holds none.
    """
    deed, roles = specs.wiping.deed_index[key], roles_of(specs)
    names = (*deed.permissions, *(deed.of_retirement if row.case.kind == RETIREMENT else ()))
    for name in names:
        if may(actor, name, roles, row.target):
            return demand(actor, name, roles, row.target)
    return demand(actor, names[0], roles, row.target)


def may_deed(key: str, row: CaseRow, actor: Actor, specs: Specs) -> bool:
    """Whether ``demand_deed`` lets him: for the buttons of a page."""
    try:
        demand_deed(key, row, actor, specs)
    except NotAllowed:
        return False
    return True


def begin(session: Session, case: WipeCase, key: str, actor: Actor) -> tuple[CaseRow, Specs]:
    """The case held and open, for a deed that ``actor`` may do."""
    held = select(WipeCase).where(col(WipeCase.id) == case.id).with_for_update()
    session.flush()
    found = session.execute(held, execution_options={"populate_existing": True}).scalar_one()
    system = session.get(System, found.system_id) if found.system_id else None
    row = CaseRow(found, session.get_one(Agency, found.agency_id), system)
    demand_deed(key, row, actor, row.specs)
    demand_open(found, row.specs)
    return row, row.specs


def demand_open(case: WipeCase, specs: Specs) -> None:
    """Raises Conflict when a case is closed or was cancelled."""
    if case.state != OPEN:
        raise Conflict(f"{case.number} {specs.wiping.state_index[case.state].zh}，不能再办理；另建清除任务")


def record_act(
    session: Session, case: WipeCase, act: str, details: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    """Put one act on a case on the record; its subject is the case's key."""
    session.flush()
    told = {"case": case.number, **details}
    audit.record(session, [Act(act, case.id, told)], actor=actor.login, now=now, operator=actor.operator)


# ---- copies ------------------------------------------------------------------------------------------


def copies_of(session: Session, case: WipeCase) -> list[DataCopy]:
    """The copies that a case answers for, by key; for a retirement all of its system, enlisted or not."""
    mine = col(DataCopy.case_id) == case.id
    if case.kind == RETIREMENT:
        mine = or_(mine, col(DataCopy.system_id) == case.system_id)
    query = select(DataCopy).where(mine).order_by(col(DataCopy.id))
    return list(session.execute(query, execution_options={"populate_existing": True}).scalars())


def case_copy(session: Session, case: WipeCase, named: str) -> DataCopy:
    """A copy of a case by key or name. Raises Rejected when it has none of this name, Conflict for several."""
    text = named.strip()
    rows = [one for one in copies_of(session, case) if text in (one.id, one.name)]
    rows = [one for one in rows if one.case_id == case.id]
    if not rows:
        raise Rejected(f"“{text[:60]}”不在 {case.number} 里；先列入任务（mulu wipe enlist）")
    if len(rows) > 1:
        raise Conflict(f"{case.number} 里名称为“{text[:60]}”的副本有 {len(rows)} 处；写内部编号")
    return rows[0]
