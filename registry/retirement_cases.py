"""Retirements found and held: who sees them, who may do a step, what has been recorded of each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import audit
from registry.errors import Conflict, NotFound, Rejected
from registry.lookup import askable
from registry.models import Agency, DataCopy, Entry, Retirement, RetirementStep, System, WipeCase
from registry.permits import Actor, Target, demand, reached, roles_of

OPEN, CLOSED, CANCELLED = "open", "closed", "cancelled"
_SHOWN = 5
_PIECE = 400
_ANEW = {"populate_existing": True}


class CaseRow(NamedTuple):
    """A retirement with its agency and system."""

    case: Retirement
    agency: Agency
    system: System

    @property
    def target(self) -> Target:
        return Target(self.agency.id, self.agency.region, self.system.id)


# ---- found ------------------------------------------------------------------------------------------------


def _seen(actor: Actor | None) -> Select[*tuple[Any, ...]]:
    seen = reached(
        actor,
        roles_of(load()),
        agency=col(Retirement.agency_id),
        system=col(Retirement.system_id),
        region=col(Agency.region),
    )
    return (
        select(Retirement, Agency, System)
        .join(Agency, col(Agency.id) == col(Retirement.agency_id))
        .join(System, col(System.id) == col(Retirement.system_id))
        .where(seen)
    )


def list_cases(
    session: Session, *, actor: Actor | None, system: str | None = None, state: str | None = None
) -> list[CaseRow]:
    """The retirements that ``actor`` sees (None: the console), the newest first."""
    query = _seen(actor).order_by(col(Retirement.opened_at).desc(), col(Retirement.id))
    if system:
        named = askable(system.strip())
        query = query.where(
            (col(System.id) == named) | (col(System.ident) == named) | (col(System.name) == named)
        )
    if state:
        query = query.where(col(Retirement.state) == askable(state))
    return [CaseRow(*row) for row in session.execute(query)]


def find_case(session: Session, written: str, *, actor: Actor | None, hold: bool = False) -> CaseRow:
    """A retirement by its number or key. With ``hold`` no other writer may have it meanwhile.

    Raises:
        NotFound: there is none that is seen.
    """
    named = askable(written.strip())
    query = _seen(actor).where((col(Retirement.number) == named) | (col(Retirement.id) == named))
    query = query.with_for_update(of=Retirement).execution_options(**_ANEW) if hold else query
    found = session.execute(query).first()
    if found is None:
        raise NotFound(f"没有停用任务“{written[:60]}”，或您看不到它；用 mulu retirement list 查看")
    return CaseRow(*found)


def wipe_case_of(session: Session, case: Retirement) -> WipeCase:
    """The wipe case that answers for the copies of a retirement."""
    query = select(WipeCase).where(col(WipeCase.retirement_id) == case.id)
    return session.execute(query, execution_options=_ANEW).scalars().one()


def steps_of(session: Session, case: Retirement) -> list[RetirementStep]:
    """The papers of a case, the oldest first."""
    query = select(RetirementStep).where(col(RetirementStep.retirement_id) == case.id)
    return list(session.execute(query.order_by(col(RetirementStep.at), col(RetirementStep.id))).scalars())


# ---- held -------------------------------------------------------------------------------------------------


def hold_case(session: Session, written: str, actor: Actor, step: str, *, over: bool = False) -> CaseRow:
    """A case that ``actor`` sees and of which he may do a step; held, and open unless ``over``.

    Raises:
        NotFound, NotAllowed. Conflict: it is over.
    """
    row = find_case(session, written, actor=actor, hold=True)
    demand(actor, load().retiring.step_index[step].permission, roles_of(load()), row.target)
    if row.case.state != OPEN and not over:
        raise over_now(row.case)
    return row


def hold_rows(session: Session, case: Retirement, entry_ids: Iterable[str] = ()) -> None:
    """Hold what a deed of several acts changes, always in this order: the first act holds the record from then on."""
    for start in range(0, len(keys := sorted(set(entry_ids))), _PIECE):
        part = col(Entry.id).in_(keys[start : start + _PIECE])
        session.execute(select(col(Entry.id)).where(part).order_by(col(Entry.id)).with_for_update()).all()
    # the case before its copies, as every deed on a wipe case holds them
    wiping = select(col(WipeCase.id)).where(col(WipeCase.retirement_id) == case.id)
    session.execute(wiping.with_for_update()).all()
    copies = select(col(DataCopy.id)).where(col(DataCopy.system_id) == case.system_id)
    session.execute(copies.order_by(col(DataCopy.id)).with_for_update()).all()


def over_now(case: Retirement) -> Conflict:
    """The refusal of a deed on a case that is closed or was cancelled."""
    zh = {state.key: state.zh for state in load().retiring.states}[case.state]
    return Conflict(f"停用任务 {case.number} {zh}，不能再办理", state=case.state)


def record_act(
    session: Session, act: str, case: Retirement, details: Mapping[str, Any], actor: Actor, now: datetime
) -> None:
    """Put one act on a case on the record; its subject is the case's key. What is None is left out."""
    session.flush()
    said = {key: value for key, value in details.items() if value is not None}
    audit.record(
        session, [audit.Act(act, case.id, said)], actor=actor.login, now=now, operator=actor.operator
    )


def refused(what: str, missing: Sequence[str]) -> Rejected:
    """A refusal that says everything that is missing."""
    said = "\n".join(f"- {one}" for one in missing)
    return Rejected(f"{what}\n{said}", errors=[{"message": one} for one in missing])


def step_names() -> dict[str, tuple[str, str]]:
    """The names of the steps, in both languages."""
    return {row.key: (row.zh, row.en) for row in load().retirement.order}


def name_of(entry: Entry) -> str:
    """What an entry is called in a message."""
    return entry.code or entry.id


def few(said: Sequence[str]) -> str:
    """The first of some texts in brackets, and how many there are."""
    more = f" 等 {len(said)} 条" if len(said) > _SHOWN else ""
    return f"（{'；'.join(said[:_SHOWN])}{more}）"
