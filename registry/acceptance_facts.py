"""What the register itself tells of a system that is to be accepted: its entries, its shelf, its tables, its open list.

Rates and debts are those of the yearly figures and of the overdue ledger, asked of one system. Source: S-ZY 19, 21,
22, 24, 解读9; S-LPS 20, 23, 24.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, load_only
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law_lifecycle import Lifecycle
from registry.calendars import city_calendar
from registry.entries import TOMBSTONES
from registry.figures import AgencyFigures, yearly_figures
from registry.models import Distribution, Edition, Entry, ImportBatch, Opinion, System, Version
from registry.permits import Sight
from registry.promised import Asked, Promise, read_promises
from registry.promises import SHELF, Row, overdue_ledger
from registry.subjects import SHELVED
from registry.table_coverage import Coverage, TableShown, coverage_of, tables_of
from validators.updating import Terms

STOCK, APPROVE = "existing", "approve"
# what is shown of a version; its content is large
_BRIEF: tuple[Any, ...] = (
    *(col(Version.entry_id), col(Version.number), col(Version.name), col(Version.data_grade)),
    *(col(Version.share_type), col(Version.open_type)),
    *(col(Version.announced_at), col(Version.created_at)),
)


@dataclass(frozen=True, slots=True)
class EntryShown:
    """An entry of the system as the pack shows it. ``announced``: a version is in force; ``promised``: until when it
    is to be on the shelf, None where nothing is owed; ``audited``: it went through the audit, or is stock."""

    entry_id: str
    code: str
    name: str
    state: str
    state_zh: str
    grade: str
    share_type: str
    open_type: str
    announced: bool
    audited: bool
    owes: bool
    opened: bool
    shelved: bool
    open_shelved: bool
    promised: date | None
    announced_at: datetime | None


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """All that the register tells. ``debts`` are owed shelves past their promise; ``sealed_at`` of the last list."""

    entries: tuple[EntryShown, ...]
    tables: tuple[TableShown, ...]
    coverage: Coverage
    figures: AgencyFigures
    debts: tuple[Row, ...]
    sealed_at: datetime | None
    edition: str
    warnings: tuple[str, ...]


def facts_of(session: Session, system: System, *, now: datetime, specs: Specs) -> SystemFacts:
    """What the register tells of a system now.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    seen = Sight(and_(col(Entry.system_id) == system.id), False)
    calendar = city_calendar(specs)
    figures = yearly_figures(session, calendar.day_of(now).year, now=now, specs=specs, sight=seen)
    ledger = overdue_ledger(session, now=now, specs=specs, sight=seen)
    promises = {p.entry_id: p for p in read_promises(session, Asked(seen), specs=specs, calendar=calendar)}
    terms = Terms(specs, calendar, calendar.day_of(now))
    edition = _last_edition(session, system)
    tables = tuple(tables_of(session, system))
    return SystemFacts(
        _entries(session, system, promises, terms, specs),
        tables,
        coverage_of(tables),
        figures.city,
        tuple(row for row in ledger.rows if row.kind == SHELF and row.counts),
        edition.sealed_at if edition else None,
        f"{edition.year}年第{edition.number}期" if edition else "",
        tuple(dict.fromkeys((*figures.warnings, *ledger.warnings))),
    )


def _entries(
    session: Session, system: System, promises: dict[str, Promise], terms: Terms, specs: Specs
) -> tuple[EntryShown, ...]:
    number = func.coalesce(col(Entry.in_force), col(Entry.newest))
    query = (
        select(Entry, Version)
        .join(Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == number))
        .where(col(Entry.system_id) == system.id, col(Entry.state).not_in(TOMBSTONES))
        .order_by(col(Entry.code), col(Entry.id))
        .options(load_only(*_BRIEF))
    )
    audited, opened = _audited(session, system), _open_shelved(session, system)
    states = {row.key: row.zh for row in specs.document("lifecycle", Lifecycle).entry_states}
    found = []
    for entry, version in session.execute(query):
        promise = promises.get(entry.id)
        owes = promise is not None and promise.owes and not promise.excuse
        found.append(
            EntryShown(
                entry.id,
                entry.code or "",
                version.name,
                entry.state,
                states.get(entry.state, entry.state),
                specs.label("data_grade", version.data_grade or ""),
                specs.label("share_type", version.share_type or ""),
                specs.label("open_type", version.open_type or ""),
                entry.in_force is not None,
                entry.id in audited,
                owes,
                promise is not None and promise.opened,
                promise is not None and promise.shelved,
                entry.id in opened,
                terms.shelf(promise.stated, promise.announced) if promise and owes else None,
                version.announced_at or version.created_at if entry.in_force is not None else None,
            )
        )
    return tuple(found)


def _audited(session: Session, system: System) -> set[str]:
    """Entries that the audit approved here, or that came as stock of the province, which had audited them."""
    of_system = col(Entry.system_id) == system.id
    approved = (
        select(col(Opinion.entry_id))
        .join(Entry, col(Entry.id) == col(Opinion.entry_id))
        .where(of_system, col(Opinion.move) == APPROVE)
    )
    stock = (
        select(col(Version.entry_id))
        .join(Entry, col(Entry.id) == col(Version.entry_id))
        .join(ImportBatch, col(ImportBatch.id) == col(Version.batch_id))
        .where(of_system, col(ImportBatch.mode) == STOCK)
    )
    return {*session.execute(approved).scalars(), *session.execute(stock).scalars()}


def _open_shelved(session: Session, system: System) -> set[str]:
    query = (
        select(col(Distribution.entry_id))
        .join(Entry, col(Entry.id) == col(Distribution.entry_id))
        .where(col(Entry.system_id) == system.id)
        .where(col(Distribution.state) == SHELVED, col(Distribution.opened).is_(True))
    )
    return set(session.execute(query).scalars())


def _last_edition(session: Session, system: System) -> Edition | None:
    query = (
        select(col(Edition.id))
        .where(col(Edition.agency_id) == system.agency_id)
        .order_by(col(Edition.year).desc(), col(Edition.number).desc())
    )
    key = session.execute(query).scalars().first()
    return session.get(Edition, key) if key else None


def of_state(tables: Sequence[TableShown], state: str) -> list[str]:
    """The names of the tables in a state."""
    return [one.name for one in tables if one.state == state]
