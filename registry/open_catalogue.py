"""The open catalogue: what anybody may read, which is the ``open`` scope of the offers and nothing else.

Every judgement is made of the database as it is. ``mark`` tells whether anything was done since: each deed is recorded
in the audit tree in its own transaction, so two equal marks mean that nothing can have changed between them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, BinaryIO

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.audit import TREE_ROW
from registry.blobs import open_blob
from registry.calendars import city_calendar
from registry.entries import TOMBSTONES
from registry.errors import Gone, NotFound
from registry.models import (
    AgencyChange,
    AuditEvent,
    BatchProof,
    ChangeEvent,
    DataRequest,
    Distribution,
    Edition,
    Entry,
    ImportBatch,
    Job,
    Opinion,
    Person,
    ShareGrant,
    SignatureSheet,
    StandingProof,
    SyncTarget,
    Version,
)
from registry.offers import Offer, OfferedData, offered_ids, offers
from registry.people import local_day
from registry.stores import Store

SCOPE = "open"
_PIECE = 500
# so many deeds at once are not gone through one by one
_MOST_EVENTS = 20_000
# what is done to these changes nothing that is shown
_ASIDE: tuple[Any, ...] = (
    Person.id,
    Edition.id,
    SignatureSheet.id,
    Job.id,
    ImportBatch.id,
    ChangeEvent.id,
    SyncTarget.id,
    DataRequest.number,
    ShareGrant.number,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the record of acts went, and the day: whatever was judged at an equal mark still holds."""

    acts: int
    day: date


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry that may be shown, with the moments of its first announcement and of its last change in public."""

    offer: Offer
    created: datetime
    modified: datetime


def mark(session: Session, *, now: datetime) -> Mark:
    """How things stand; read it before what is judged."""
    row = session.execute(TREE_ROW).first()
    return Mark(row.size if row else 0, local_day(now))


def candidates(session: Session) -> list[tuple[str, str]]:
    """The keys and the resource codes of all entries that could be shown."""
    keys = set(offered_ids(session, SCOPE))
    named = select(col(Entry.id), col(Entry.code)).where(col(Entry.in_force).is_not(None))
    rows = session.execute(named.order_by(col(Entry.id)))
    return [(key, code or "") for key, code in rows if key in keys]


def shown(session: Session, entry_ids: Sequence[str], *, now: datetime) -> dict[str, Shown]:
    """Those of some entries that may be shown, judged anew, by their keys."""
    found = {key: offer for key, offer in offers(session, entry_ids, SCOPE, now=now).items() if offer.shown}
    times = _times(session, sorted(found))
    midnight = _midnight(now)
    made = {}
    for key, offer in found.items():
        created, modified = times[key]
        # what ran out by itself left no trace but the day: while something is withheld each day is a change
        made[key] = Shown(offer, created, max(modified, midnight) if offer.withheld else modified)
    return made


def _midnight(now: datetime) -> datetime:
    return city_calendar(load()).begin(local_day(now))


def touched(session: Session, since: int, upto: int) -> frozenset[str] | None:
    """The entries to be judged anew after the acts from ``since`` (excluded) to ``upto``; None when it may be any.

    An act on something that is not known to leave the catalogue alone (an agency, a system) may touch all.
    """
    acts = col(AuditEvent.seq).between(since + 1, upto)
    if not 0 <= upto - since <= _MOST_EVENTS:
        return None
    subjects = sorted(set(session.execute(select(col(AuditEvent.subject)).where(acts)).scalars()))
    found: set[str] = set()
    for start in range(0, len(subjects), _PIECE):
        asked = subjects[start : start + _PIECE]
        entries = set(session.execute(select(col(Entry.id)).where(col(Entry.id).in_(asked))).scalars())
        made = select(col(Distribution.id), col(Distribution.entry_id)).where(col(Distribution.id).in_(asked))
        rows = {row.id: row.entry_id for row in session.execute(made)}
        if _matters(session, set(asked) - entries - set(rows)):
            return None
        found |= entries | set(rows.values())
    return frozenset(found)


def _matters(session: Session, subjects: set[str]) -> bool:
    left = subjects
    for column in _ASIDE:
        if not left:
            return False
        left = left - set(session.execute(select(col(column)).where(col(column).in_(sorted(left)))).scalars())
    # an attempt to sign in, a spot check, a scan of one's own: nothing of the catalogue is called so
    acts = select(col(AuditEvent.act)).where(col(AuditEvent.subject).in_(sorted(left))).distinct()
    aside = set(load().dcat.acts_aside)
    return bool(left) and not set(session.execute(acts).scalars()) <= aside


# ---- when it changed --------------------------------------------------------------------------------------


def _times(session: Session, entry_ids: Sequence[str]) -> dict[str, tuple[datetime, datetime]]:
    """By entry when it was first announced, and when what is shown of it last changed: growing, and the same anywhere.

    Nothing that is not public counts: neither drafts nor what is attached and not opened.
    """
    first: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    for start in range(0, len(entry_ids), _PIECE):
        asked = entry_ids[start : start + _PIECE]
        for query in _moments(asked):
            for entry_id, *moments in session.execute(query):
                known = [_aware(moment) for moment in moments if moment is not None]
                if known:
                    last[entry_id] = max([*known, last.get(entry_id, known[0])])
        # stock that was taken over as it stood was never announced by us
        made = select(col(Entry.id), col(Entry.created_at)).where(col(Entry.id).in_(asked))
        firsts = _of_versions(asked, func.min(col(Version.announced_at)))
        for query in (made, firsts):
            first |= {entry_id: _aware(moment) for entry_id, moment in session.execute(query)}
    return {key: (first[key], max(first[key], last.get(key, first[key]))) for key in entry_ids}


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _of_versions(asked: Sequence[str], *moments: Any) -> Select[*tuple[Any, ...]]:
    entry_id = col(Version.entry_id)
    announced = col(Version.announced_at).is_not(None)
    return select(entry_id, *moments).where(entry_id.in_(asked), announced).group_by(entry_id)


def _moments(asked: Sequence[str]) -> Iterable[Select[*tuple[Any, ...]]]:
    yield _of_versions(asked, func.max(col(Version.announced_at)), func.max(col(Version.ended_at)))
    entry_id, opened = col(Distribution.entry_id), col(Distribution.opened)

    def latest(*moments: Any, on: ColumnElement[bool] | None = None, model: Any = None) -> Any:
        query = select(entry_id, *(func.max(moment) for moment in moments)).where(entry_id.in_(asked), opened)
        return (query if model is None else query.join(model, on)).group_by(entry_id)

    yield latest(col(Distribution.shelved_at), col(Distribution.ended_at))
    mine = col(Opinion.distribution_id) == col(Distribution.id)
    yield latest(col(Opinion.at), on=mine, model=Opinion)
    reviewed = col(StandingProof.distribution_id) == col(Distribution.id)
    yield latest(col(StandingProof.reviewed_at), on=reviewed, model=StandingProof)
    proven = (col(BatchProof.distribution_id) == col(Distribution.id)) & (col(BatchProof.state) != "held")
    yield latest(col(BatchProof.at), col(BatchProof.settled_at), on=proven, model=BatchProof)
    named = col(AgencyChange.agency_id) == col(Entry.agency_id)
    agency = select(col(Entry.id), func.max(col(AgencyChange.at))).join(AgencyChange, named)
    yield agency.where(col(Entry.id).in_(asked)).group_by(col(Entry.id))


# ---- one entry, one file ----------------------------------------------------------------------------------


def shown_entry(session: Session, written: str, *, now: datetime) -> Shown:
    """One entry by its key or resource code, judged anew.

    Raises:
        NotFound: there is none that is shown. Gone: it was retired after it had been announced.
    """
    named = (col(Entry.id) == written) | (col(Entry.code) == written)
    entry = session.execute(select(Entry).where(named)).scalar_one_or_none()
    if entry is None:
        raise NotFound(NOTHING)
    found = shown(session, [entry.id], now=now).get(entry.id)
    if found is None:
        raise _absent(session, entry)
    return found


NOTHING = "没有这个开放资源"


def _absent(session: Session, entry: Entry) -> NotFound | Gone:
    """Retired entries that had been opened say so; of all others nothing is told."""
    opened = select(col(Distribution.id)).where(
        col(Distribution.entry_id) == entry.id,
        col(Distribution.opened),
        col(Distribution.shelved_at).is_not(None),
    )
    if entry.state in TOMBSTONES and session.execute(opened.limit(1)).first():
        return Gone("这个开放资源已注销，不再提供")
    return NotFound(NOTHING)


def shown_file(session: Session, distribution_id: str, *, now: datetime) -> tuple[Shown, OfferedData]:
    """A file whose bytes anybody may have right now, with its entry, judged anew.

    Raises:
        NotFound: there is none. Gone: its entry was retired.
    """
    made = session.get(Distribution, distribution_id)
    if made is None:
        raise NotFound(NOTHING)
    found = shown(session, [made.entry_id], now=now).get(made.entry_id)
    if found is None:
        raise _absent(session, session.get_one(Entry, made.entry_id))
    for data in found.offer.data:
        if data.id == distribution_id and data.carried and data.sha256:
            return found, data
    raise NotFound(NOTHING)


def open_file(session: Session, data: OfferedData, files: Store) -> BinaryIO:
    """The bytes of a file that is shown, compared with its digest.

    Raises:
        NotFound, Gone, Unavailable: as for ``registry.blobs.open_blob``.
    """
    return open_blob(session, data.sha256 or "", files)
