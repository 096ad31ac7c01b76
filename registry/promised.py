"""What announced entries promise and how far it is kept: cycle, shelf date, the last update that was seen of each.

Updates are pushed, probed or reported (rows of update_seen), or read off the shelf: a file that was shelved, a proven
file that took its place, and whatever was shelved first. Entries of external systems and of agencies that the clocks
do not bind carry an ``excuse``. Source: S-ZY 22, 23; S-LPS 24, 25; domain §12 R13, R14, R18; promises.yaml.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, or_, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law_release import Responsibility
from registry.entries import TOMBSTONES
from registry.list_lines import promise_of_line
from registry.lookup import askable
from registry.models import Agency, BatchProof, Distribution, Entry, System, UpdateSeen, Version
from registry.permits import Sight
from registry.proof_cases import PUBLISHED
from registry.subjects import SHELVED, SUSPENDED
from validators.workdays import Calendar

IN_FORCE = ("announced", "superseded", "withdrawn")
OWING = "shared_or_opened"  # of the row sets of responsibility.yaml
OPENED = "opened"
EXTERNAL, UNBOUND, ARCHIVED = "external", "unbound", "archived"
_PIECE = 2000


@dataclass(frozen=True, slots=True)
class Promise:
    """One announced entry. ``cycle`` is a code, ``stated`` the shelf date as it is written, days are the city's.

    ``shelved``: something is on the shelf; ``stands``: or suspended, which is no debt of the agency. ``first`` is the
    day of the first shelving ever, ``since`` that of what stands now, ``left`` the last day on which something left.
    ``seen`` is the day of the last update. ``excuse`` is a key of promises.yaml or empty.
    """

    entry_id: str
    code: str | None
    name: str
    number: int
    agency_code: str
    agency_name: str
    excuse: str
    cycle: str | None
    stated: str | None
    announced: date
    owes: bool
    opened: bool
    shelved: bool
    stands: bool
    first: date | None
    since: date | None
    left: date | None
    seen: date | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries: those that ``sight`` sees, of an agency (code or name) or one entry (its key).

    ``until`` is the moment at which they are looked at, for a day that is over; None for now.
    """

    sight: Sight
    agency: str | None = None
    entry_id: str | None = None
    until: datetime | None = None

    def before(self, moment: Any) -> ColumnElement[bool]:
        """Whether a moment (a column) lies in what is looked at."""
        known: ColumnElement[bool] = moment.is_not(None)
        return known if self.until is None else and_(known, moment < self.until)

    def of_entry(self, key: Any) -> ColumnElement[bool]:
        """Whether a row (by the key of its entry) is of the entry or the agency that is asked for."""
        asked: ColumnElement[bool] = true() if self.entry_id is None else key == self.entry_id
        if not self.agency:
            return asked
        named = askable(self.agency)
        theirs = (
            select(col(Entry.id))
            .join(Agency, col(Agency.id) == col(Entry.agency_id))
            .where(or_(col(Agency.code) == named, col(Agency.name) == named))
        )
        return and_(asked, key.in_(theirs))


def read_promises(session: Session, asked: Asked, *, specs: Specs, calendar: Calendar) -> Iterator[Promise]:
    """The announced entries with what they promise, in no order; read a piece at a time."""
    rules = _rules_of(specs)
    found = session.execute(_query(asked, specs, calendar), execution_options={"yield_per": _PIECE})
    return (_promise(row, rules, calendar) for row in found)


@lru_cache(maxsize=16)
def _rules_of(specs: Specs) -> "_Rules":
    return _Rules(specs)


class _Rules:
    """What the specification says of an entry's types, of its agency and its system."""

    def __init__(self, specs: Specs) -> None:
        rows = {row.key: row for row in specs.document("responsibility", Responsibility).row_sets}
        self.share = frozenset(rows[OWING].share_types)
        self.open = frozenset(rows[OWING].open_types)
        self.opened = frozenset(rows[OPENED].open_types)
        self.external = _marked(specs, "system_class", "external", True)
        self.unbound = _marked(specs, "agency_kind", "bound", False)


def excuse_of(specs: Specs, agency_kind: str, system_class: str | None, *, archived: bool) -> str:
    """Why a debt of an entry is shown and not counted: a key of promises.yaml; empty when it counts (R13 to R15)."""
    return _excuse(_rules_of(specs), agency_kind, system_class, archived)


def _excuse(rules: "_Rules", agency_kind: str, system_class: str | None, archived: bool) -> str:
    if system_class in rules.external:
        return EXTERNAL
    if archived:
        return ARCHIVED
    return UNBOUND if agency_kind in rules.unbound else ""


def _marked(specs: Specs, codes: str, attr: str, value: bool) -> frozenset[str]:
    return frozenset(row.code for row in specs.codes[codes].values if row.attrs.get(attr) is value)


def _promise(row: Any, rules: _Rules, calendar: Calendar) -> Promise:
    first, since, left = (moment and calendar.day_of(moment) for moment in (row.first, row.since, row.left))
    filed, proven = (moment and calendar.day_of(moment) for moment in (row.filed, row.proven))
    days = [day for day in (since, filed, proven, row.seen) if day is not None]
    return Promise(
        row.entry_id,
        row.code,
        row.name,
        row.number,
        row.agency_code,
        row.agency_name,
        _excuse(rules, row.kind, row.system_class, bool(row.archived)),
        row.cycle,
        row.stated,
        calendar.day_of(row.announced),
        row.share_type in rules.share or row.open_type in rules.open,
        row.open_type in rules.opened,
        since is not None,
        bool(row.stands),
        first,
        since,
        left,
        max(days) if days else None,
    )


# ---- the query --------------------------------------------------------------------------------------------


def _query(asked: Asked, specs: Specs, calendar: Calendar) -> Select[Any]:
    shelf, proofs, seen = _shelf(asked, specs), _proofs(asked), _seen(asked, specs, calendar)
    content: Any = col(Version.content)
    of_shelf = {name: shelf.c[name] for name in ("first", "since", "filed", "left", "stands")}
    return (
        select(
            col(Entry.id).label("entry_id"),
            col(Entry.code),
            col(Version.name),
            col(Version.number),
            col(Version.share_type),
            col(Version.open_type),
            content["update_cycle"].as_string().label("cycle"),
            func.coalesce(promise_of_line(), content["promised_on"].as_string()).label("stated"),
            func.coalesce(col(Version.announced_at), col(Version.created_at)).label("announced"),
            col(Agency.code).label("agency_code"),
            col(Agency.name).label("agency_name"),
            col(Agency.kind),
            col(System.system_class),
            _archived(asked).label("archived"),
            *(column.label(name) for name, column in of_shelf.items()),
            proofs.c.proven,
            seen.c.seen,
        )
        .select_from(Entry)
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .join(Version, and_(col(Version.entry_id) == col(Entry.id), _valid(asked)))
        .outerjoin(System, col(System.id) == col(Entry.system_id))
        .outerjoin(shelf, shelf.c.entry_id == col(Entry.id))
        .outerjoin(proofs, proofs.c.entry_id == col(Entry.id))
        .outerjoin(seen, seen.c.entry_id == col(Entry.id))
        .where(asked.sight.entries, asked.of_entry(col(Entry.id)))
    )


def _archived(asked: Asked) -> ColumnElement[bool]:
    """Whether the entry is (or was then) kept as an archive."""
    frozen = col(Entry.frozen_at)
    return frozen.is_not(None) if asked.until is None else and_(frozen.is_not(None), frozen < asked.until)


def _valid(asked: Asked) -> ColumnElement[bool]:
    """The version in force: today's, or that of the moment that is looked at."""
    if asked.until is None:
        return and_(col(Version.number) == col(Entry.in_force), col(Entry.state).not_in(TOMBSTONES))
    begun = func.coalesce(col(Version.announced_at), col(Version.created_at)) < asked.until
    ended = or_(col(Version.ended_at).is_(None), col(Version.ended_at) >= asked.until)
    return and_(col(Version.state).in_(IN_FORCE), begun, ended)


def on_shelf(asked: Asked) -> ColumnElement[bool]:
    """Whether a distribution is (or was then) on the shelf."""
    if asked.until is None:
        return col(Distribution.state) == SHELVED
    ended = or_(col(Distribution.ended_at).is_(None), col(Distribution.ended_at) >= asked.until)
    return and_(col(Distribution.shelved_at) < asked.until, ended)


def file_form(specs: Specs) -> str:
    """The code of a file among the forms of provision."""
    forms = specs.document("responsibility", Responsibility).forms
    return next(form.code for form in forms if form.key == "file")


def _shelf(asked: Asked, specs: Specs) -> Subquery:
    on, shelved_at = on_shelf(asked), col(Distribution.shelved_at)
    stands = or_(on, col(Distribution.state) == SUSPENDED) if asked.until is None else on
    return (
        select(
            col(Distribution.entry_id),
            func.min(shelved_at).label("first"),
            func.min(case((on, shelved_at))).label("since"),
            func.max(case((and_(on, col(Distribution.form) == file_form(specs)), shelved_at))).label("filed"),
            func.max(col(Distribution.ended_at)).label("left"),
            func.max(case((stands, 1), else_=0)).label("stands"),
        )
        .where(asked.before(shelved_at), asked.of_entry(col(Distribution.entry_id)))
        .group_by(col(Distribution.entry_id))
        .subquery()
    )


def _proofs(asked: Asked) -> Subquery:
    return (
        select(col(BatchProof.entry_id), func.max(col(BatchProof.settled_at)).label("proven"))
        .join(Distribution, col(Distribution.id) == col(BatchProof.distribution_id))
        .where(col(BatchProof.state) == PUBLISHED, asked.before(col(BatchProof.settled_at)), on_shelf(asked))
        .where(asked.of_entry(col(BatchProof.entry_id)))
        .group_by(col(BatchProof.entry_id))
        .subquery()
    )


def _seen(asked: Asked, specs: Specs, calendar: Calendar) -> Subquery:
    rows = select(col(UpdateSeen.entry_id), func.max(col(UpdateSeen.day)).label("seen")).where(
        col(UpdateSeen.kind).in_(sorted(specs.promises.counting)), asked.of_entry(col(UpdateSeen.entry_id))
    )
    if asked.until is not None:
        rows = rows.where(col(UpdateSeen.day) < calendar.day_of(asked.until))
    return rows.group_by(col(UpdateSeen.entry_id)).subquery()


# ---- every update, for the yearly figures ---------------------------------------------------------------------


def update_days(
    session: Session, asked: Asked, period: tuple[date, date], *, specs: Specs, calendar: Calendar
) -> Mapping[str, list[date]]:
    """Entry key -> the days of its updates in ``period`` in order, and before them that of the last one earlier.

    The first shelving of what stands is not among them; it is the ``since`` of the promise.
    """
    found: dict[str, set[date]] = {}
    for entry_id, day in _recorded(session, asked, period, specs):
        found.setdefault(entry_id, set()).add(day)
    for entry_id, moment in _derived(session, asked, specs):
        day = calendar.day_of(moment)
        if day <= period[1]:
            found.setdefault(entry_id, set()).add(day)
    return {entry_id: sorted(days) for entry_id, days in found.items()}


def _recorded(session: Session, asked: Asked, period: tuple[date, date], specs: Specs) -> Iterator[Any]:
    key, day = col(UpdateSeen.entry_id), col(UpdateSeen.day)
    counts = and_(col(UpdateSeen.kind).in_(sorted(specs.promises.counting)), asked.of_entry(key))
    options = {"yield_per": _PIECE}
    within = select(key, day).where(counts, day.between(*period)).distinct()
    yield from session.execute(within, execution_options=options)
    earlier = select(key, func.max(day)).where(counts, day < period[0]).group_by(key)
    yield from session.execute(earlier, execution_options=options)


def _derived(session: Session, asked: Asked, specs: Specs) -> Iterator[Any]:
    filed = select(col(Distribution.entry_id), col(Distribution.shelved_at)).where(
        on_shelf(asked),
        col(Distribution.form) == file_form(specs),
        asked.before(col(Distribution.shelved_at)),
    )
    proven = (
        select(col(BatchProof.entry_id), col(BatchProof.settled_at))
        .join(Distribution, col(Distribution.id) == col(BatchProof.distribution_id))
        .where(col(BatchProof.state) == PUBLISHED, asked.before(col(BatchProof.settled_at)), on_shelf(asked))
    )
    for query in (filed, proven):
        yield from session.execute(query, execution_options={"yield_per": _PIECE})
