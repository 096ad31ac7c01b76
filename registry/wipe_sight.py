"""Which wipe cases and records someone sees, as conditions of a query: of his agency, county, systems, or all."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profile_of_region
from registry.errors import NotFound
from registry.lookup import askable
from registry.models import Agency, System, WipeCase, WipeRecord
from registry.permits import Actor, Target, reached, roles_of

_ANEW = {"populate_existing": True}


class CaseRow(NamedTuple):
    """A case with its agency and, if it is about one, its system."""

    case: WipeCase
    agency: Agency
    system: System | None

    @property
    def target(self) -> Target:
        """What the case is about, as far as the scopes of roles ask."""
        return Target(self.agency.id, self.agency.region, self.case.system_id)

    @property
    def specs(self) -> Specs:
        """The specifications of the measure that applies: that of its system, else of where the agency is."""
        profile = self.system.profile if self.system else profile_of_region(self.agency.region)
        return load(profile or None)


class RecordRow(NamedTuple):
    """A record with the case that it belongs to."""

    record: WipeRecord
    case: WipeCase
    agency: Agency
    system: System | None

    @property
    def of(self) -> CaseRow:
        return CaseRow(self.case, self.agency, self.system)


def cases_seen(actor: Actor | None) -> ColumnElement[bool]:
    """The cases (joined with their agency) that someone sees; everything for the console (None)."""
    agency, system = col(WipeCase.agency_id), col(WipeCase.system_id)
    return reached(actor, roles_of(load()), agency=agency, system=system, region=col(Agency.region))


def _cases(actor: Actor | None) -> Select[*tuple[Any, ...]]:
    return (
        select(WipeCase, Agency, System)
        .join(Agency, col(Agency.id) == col(WipeCase.agency_id))
        .outerjoin(System, col(System.id) == col(WipeCase.system_id))
        .where(cases_seen(actor))
    )


def _records(actor: Actor | None) -> Select[*tuple[Any, ...]]:
    return (
        select(WipeRecord, WipeCase, Agency, System)
        .join(WipeCase, col(WipeCase.id) == col(WipeRecord.case_id))
        .join(Agency, col(Agency.id) == col(WipeCase.agency_id))
        .outerjoin(System, col(System.id) == col(WipeCase.system_id))
        .where(cases_seen(actor))
    )


def _about(
    system: str | None, state: ColumnElement[Any] | Any, wanted: str | None
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if system:
        named = askable(system.strip())
        found.append((col(System.id) == named) | (col(System.ident) == named) | (col(System.name) == named))
    if wanted:
        found.append(state == askable(wanted))
    return found


def list_cases(
    session: Session,
    *,
    actor: Actor | None,
    system: str | None = None,
    state: str | None = None,
    kind: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[CaseRow]:
    """The cases that ``actor`` sees (None: the console), the newest first. ``after``: the key of the last one seen."""
    query = _cases(actor).where(*_about(system, col(WipeCase.state), state))
    if kind:
        query = query.where(col(WipeCase.kind) == askable(kind))
    if after:
        query = query.where(col(WipeCase.id) < askable(after))
    return [CaseRow(*row) for row in session.execute(query.order_by(col(WipeCase.id).desc()).limit(limit))]


def find_case(session: Session, written: str, *, actor: Actor | None, hold: bool = False) -> CaseRow:
    """A case that is seen, by key or number. ``hold``: no other writer may have it meanwhile.

    Raises:
        NotFound: there is none that is seen.
    """
    text = askable(written.strip())
    query = _cases(actor).where((col(WipeCase.id) == text) | (col(WipeCase.number) == text))
    row = session.execute(_held(query, WipeCase, hold), execution_options=_ANEW).first()
    if row is None:
        raise NotFound(f"没有清除任务“{written[:64]}”，或您看不到它；mulu wipe cases 列出全部")
    return CaseRow(*row)


def list_records(
    session: Session,
    *,
    actor: Actor | None,
    case: str | None = None,
    system: str | None = None,
    state: str | None = None,
    after: int | None = None,
    limit: int | None = None,
) -> list[RecordRow]:
    """The records that ``actor`` sees (None: the console), in the order of recording. ``after``: a ``seq``."""
    query = _records(actor).where(*_about(system, col(WipeRecord.state), state))
    if case:
        named = askable(case.strip())
        query = query.where((col(WipeCase.id) == named) | (col(WipeCase.number) == named))
    if after is not None:
        query = query.where(col(WipeRecord.seq) > after)
    return [RecordRow(*row) for row in session.execute(query.order_by(col(WipeRecord.seq)).limit(limit))]


def find_record(session: Session, written: str, *, actor: Actor | None, hold: bool = False) -> RecordRow:
    """A record that is seen, by key or certificate number. ``hold``: no other writer may have its case meanwhile.

    Raises:
        NotFound: there is none that is seen.
    """
    text = askable(written.strip())
    query = _records(actor).where((col(WipeRecord.id) == text) | (col(WipeRecord.certificate_no) == text))
    # the case is what is held: records of one case are judged together
    row = session.execute(_held(query, WipeCase, hold), execution_options=_ANEW).first()
    if row is None:
        raise NotFound(f"没有清除记录或证明“{written[:64]}”，或您看不到它；mulu wipe list 列出全部")
    return RecordRow(*row)


def _held(query: Select[*tuple[Any, ...]], table: Any, hold: bool) -> Select[*tuple[Any, ...]]:
    return query.with_for_update(of=table) if hold else query
