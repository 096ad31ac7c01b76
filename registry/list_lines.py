"""The lines of announced versions: written when a version comes into force, so that a list is a concatenation."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, tuple_
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law import Deadlines
from catalog_specs.queueing import Queues
from registry.calendars import city_calendar
from registry.entries import SUPERSEDED
from registry.keys import canonical_json, digest_of
from registry.models import Entry, ListLine, Version
from registry.models.columns import table_of
from validators.fields import parse_date
from validators.list_lines import Printer, kinds_of, printer_of
from validators.workdays import Calendar, due

Content = Mapping[str, Any]
PROMISE = "shelf_promise"
_LINES = table_of(ListLine)
_AT_A_TIME = 400


@dataclass(frozen=True, slots=True)
class InForce:
    """A version that comes into force: where it stands, what it says, since when."""

    entry_id: str
    number: int
    content: Content
    digest: str
    since: datetime


class Lines:
    """Makes the lines of one city's versions.

    Raises:
        Unavailable: the calendar's file is wrong.
    """

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.printers = tuple(printer_of(specs, kind.key) for kind in kinds_of(specs))
        self.calendar: Calendar = city_calendar(specs)
        self._clock = specs.document("deadlines", Deadlines).index[PROMISE]
        rows = specs.document("queues", Queues).stated_dates
        self._stated = next((row.field for row in rows if row.clock == PROMISE), "")
        self._promised: dict[date, date] = {}

    def promised_on(self, content: Content, since: datetime, earlier: date | None = None) -> date:
        """The day by which the entry is to be on the shelf: as it says itself, else counted from its announcement.

        ``earlier`` is what the version before it promised, which a new version does not undo: only a day that the
        entry states, while that one is not over, takes its place.
        """
        day, stated = self.calendar.day_of(since), content.get(self._stated)
        own = parse_date(stated) if isinstance(stated, str) else None
        if earlier is not None and (own is None or earlier < day):
            return min(earlier, own) if own else earlier
        if own is not None:
            return own
        if day not in self._promised:
            self._promised[day] = due(self._clock, day, self.calendar)
        return self._promised[day]

    def rows(self, one: InForce, earlier: date | None = None) -> list[dict[str, Any]]:
        """The rows of list_line of one version: one for every list that it stands on. ``earlier``: as above."""
        on = [printer for printer in self.printers if printer.lists(one.content)]
        if not on:
            return []
        promised = self.promised_on(one.content, one.since, earlier).isoformat()
        return [self._row(printer, one, promised) for printer in on]

    def _row(self, printer: Printer, one: InForce, promised: str) -> dict[str, Any]:
        line = canonical_json(printer.line(one.content, number=one.number, promised=promised))
        return {
            "entry_id": one.entry_id,
            "number": one.number,
            "list_kind": printer.kind.key,
            "content": one.digest,
            "promised": promised,
            "line": line,
            "digest": line_digest(printer.kind.key, one.digest, line),
        }


def line_digest(list_kind: str, content_digest: str, line: str) -> str:
    """The SHA-256 that binds a line to its list and to the content it was made of."""
    return digest_of({"list": list_kind, "version": content_digest, "line": json.loads(line)})


def save_lines(session: Session, versions: Iterable[InForce], specs: Specs) -> dict[str, dict[str, str]]:
    """Write the lines of versions that come into force; gives entry id -> list -> digest of the line.

    A version that comes into force again gets its lines anew.
    """
    made, lines, rows = list(versions), Lines(specs), list[dict[str, Any]]()
    for start in range(0, len(made), _AT_A_TIME):
        part = made[start : start + _AT_A_TIME]
        earlier = _earlier(session, part)
        rows += [row for one in part for row in lines.rows(one, earlier.get(one.entry_id))]
        places = [(one.entry_id, one.number) for one in part]
        of_these = tuple_(col(ListLine.entry_id), col(ListLine.number)).in_(places)
        session.execute(delete(ListLine).where(of_these).execution_options(synchronize_session=False))
    if rows:
        session.execute(insert(_LINES), rows)
    found: dict[str, dict[str, str]] = {one.entry_id: {} for one in made}
    for row in rows:
        found[row["entry_id"]][row["list_kind"]] = row["digest"]
    return found


def _earlier(session: Session, made: Sequence[InForce]) -> dict[str, date]:
    """What the versions before these promised, by entry, where they were in force until these came."""
    numbers = {one.entry_id: one.number for one in made}
    before = and_(
        col(Version.entry_id) == col(ListLine.entry_id), col(Version.number) == col(ListLine.number)
    )
    query = (
        select(col(ListLine.entry_id), col(ListLine.number), col(ListLine.promised), col(Version.state))
        .join(Version, before)
        .where(col(ListLine.entry_id).in_(numbers))
        .order_by(col(ListLine.entry_id), col(ListLine.number))
    )
    found: dict[str, date] = {}
    for entry_id, number, promised, state in session.execute(query):
        if number >= numbers[entry_id]:
            continue
        found.pop(entry_id, None)
        if state == SUPERSEDED:
            found[entry_id] = date.fromisoformat(promised)
    return found


def promise_of_line() -> Any:
    """The shelf date (2026-11-22) of the version that a query joins as ``Version``; null where it has no line."""
    mine = and_(col(ListLine.entry_id) == col(Version.entry_id), col(ListLine.number) == col(Version.number))
    return select(func.min(col(ListLine.promised))).where(mine).correlate(Version).scalar_subquery()


def fill_lines(session: Session) -> int:
    """Write the lines of versions in force that have none: those announced before lists were kept; gives how many."""
    known = and_(col(ListLine.entry_id) == col(Entry.id), col(ListLine.number) == col(Entry.in_force))
    query = (
        select(Version)
        .join(Entry, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.in_force)))
        .outerjoin(ListLine, known)
        .where(col(ListLine.entry_id).is_(None), col(Version.erased_at).is_(None))
    )
    by_profile: dict[str, list[InForce]] = {}
    for version in session.execute(query).scalars():
        by_profile.setdefault(version.profile, []).append(in_force(version))
    for profile, versions in by_profile.items():
        save_lines(session, versions, load(profile))
    return sum(len(versions) for versions in by_profile.values())


def in_force(version: Version) -> InForce:
    """A stored version as one that is in force."""
    since = version.announced_at or version.created_at
    return InForce(version.entry_id, version.number, version.content, version.digest, since)


def erase_lines(session: Session, entry_id: str, numbers: Sequence[int]) -> int:
    """Remove the lines of versions whose content is erased; gives how many there were."""
    theirs = and_(col(ListLine.entry_id) == entry_id, col(ListLine.number).in_(numbers))
    gone = delete(ListLine).where(theirs).execution_options(synchronize_session=False)
    return int(session.execute(gone).rowcount)  # type: ignore[attr-defined]  # not declared by the library
