"""The lives of agencies: which stand, who took over from the closed ones, what they were called on a day.

Content keeps the provider's name as it was announced; lists show the name of today. Who was the provider on a day of
the past, and under which name, is told by ``owner_on``. Source: domain §12 R14; S1 2, 17, 43.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.errors import Conflict, NotFound
from registry.models import Agency, AgencyChange

RENAME, MERGE, SPLIT, CLOSE = "rename", "merge", "split", "close"
# these hand over what an agency has
HANDING = (MERGE, SPLIT)
DAY = timedelta(days=1)


class FormerName(NamedTuple):
    """A name of the past with its first and last day; no first day: since it was entered."""

    name: str
    since: date | None
    until: date


class Owner(NamedTuple):
    """Who provided an entry on a day, and the name the agency bore."""

    agency: Agency
    name: str


def standing(agency: Agency, today: date) -> bool:
    """Whether an agency stands on a day; a closed one can hold no new drafts, roles or systems."""
    begun = agency.valid_from is None or agency.valid_from <= today
    return begun and (agency.valid_until is None or agency.valid_until >= today)


# ---- found ------------------------------------------------------------------------------------------------


def find(session: Session, written: str, *, today: date) -> Agency:
    """An agency by key, credit code or name, also a closed one and by a name of the past.

    Among several of one name the one that stands is meant, and a name of today counts before an old one.

    Raises:
        NotFound: there is none.
        Conflict: several bear this name.
    """
    text = written.strip().replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    found = _chosen(session, or_(col(Agency.id) == text, col(Agency.code) == text))
    found = found or _chosen(session, col(Agency.name) == text)
    if not found:
        before = select(col(AgencyChange.agency_id)).where(
            col(AgencyChange.name) == text, col(AgencyChange.change) == RENAME
        )
        found = _chosen(session, col(Agency.id).in_(before))
    meant = [agency for agency in found if standing(agency, today)] or found
    if not meant:
        raise NotFound(f"没有单位“{text[:100]}”；写统一社会信用代码或全称")
    if len(meant) > 1:
        raise Conflict(f"名称为“{text[:100]}”的单位有 {len(meant)} 个；写统一社会信用代码")
    return meant[0]


def _chosen(session: Session, condition: object) -> list[Agency]:
    # another transaction may have changed what this session has read before
    query = select(Agency).where(condition).order_by(col(Agency.id))  # type: ignore[arg-type]  # any condition
    return list(session.execute(query.execution_options(populate_existing=True)).scalars())


def hold(session: Session, *agencies: Agency) -> None:
    """Hold agencies against other writers until the transaction ends, and see them as they are now.

    Who enters something new under an agency holds it first and then asks whether it stands; else it might be merged
    in between, and the new thing be left behind.
    """
    query = select(Agency).where(col(Agency.id).in_([one.id for one in agencies])).order_by(col(Agency.id))
    session.execute(query.with_for_update().execution_options(populate_existing=True)).scalars().all()


# ---- closed ones ------------------------------------------------------------------------------------------


def successors(session: Session, agency: Agency) -> list[Agency]:
    """The agencies that took over from this one: its successor, or else those it was split into."""
    if agency.successor_id:
        return [session.get_one(Agency, agency.successor_id)]
    taken = and_(col(AgencyChange.agency_id) == agency.id, col(AgencyChange.change).in_(HANDING))
    ids = select(col(AgencyChange.other_id)).where(taken)
    return list(
        session.execute(select(Agency).where(col(Agency.id).in_(ids)).order_by(col(Agency.id))).scalars()
    )


def last_successor(session: Session, agency: Agency) -> Agency:
    """Who stands for an agency in the end: itself, or the end of the chain of its successors."""
    seen = {agency.id}
    while agency.successor_id and agency.successor_id not in seen:
        seen.add(agency.successor_id)
        agency = session.get_one(Agency, agency.successor_id)
    return agency


def closed_words(session: Session, agency: Agency) -> str:
    """Why nothing can be done for an agency that does not stand, and who is to be named instead."""
    name = f"“{agency.name}”（{agency.code}）"
    if agency.valid_until is None:
        return f"{name}自 {agency.valid_from} 起才设立"
    ended = f"{name}已于 {agency.valid_until + DAY} 起撤销"
    ends = {
        last_successor(session, one).id: last_successor(session, one) for one in successors(session, agency)
    }
    heirs = "、".join(f"“{one.name}”（{one.code}）" for one in ends.values())
    return f"{ended}，由{heirs}承接；改写承接单位" if heirs else f"{ended}，没有承接单位"


def closed_among(session: Session, agencies: Iterable[Agency], today: date) -> dict[str, str]:
    """Credit code -> ``closed_words`` of the agencies that do not stand, for judging the rows of a file."""
    return {one.code: closed_words(session, one) for one in agencies if not standing(one, today)}


def demand_standing(session: Session, agency: Agency, today: date) -> None:
    """Refuse what is to be done for an agency that does not stand.

    Raises:
        Conflict: with the successor's name and code.
    """
    if not standing(agency, today):
        heirs = [one.code for one in successors(session, agency)]
        raise Conflict(closed_words(session, agency), agency=agency.code, successors=heirs)


# ---- the past ---------------------------------------------------------------------------------------------


def changes_of(session: Session, agency: Agency) -> list[AgencyChange]:
    """What has happened to an agency and what it took over, the oldest first."""
    mine = or_(col(AgencyChange.agency_id) == agency.id, col(AgencyChange.other_id) == agency.id)
    query = select(AgencyChange).where(mine).order_by(col(AgencyChange.day), col(AgencyChange.id))
    return list(session.execute(query).scalars())


def former_names(session: Session, agency: Agency) -> list[FormerName]:
    """The names an agency bore before its name of today, the oldest first."""
    found: list[FormerName] = []
    since = agency.valid_from
    for change in changes_of(session, agency):
        if change.change == RENAME:
            found.append(FormerName(change.name, since, change.day - DAY))
            since = change.day
    return found


def name_on(session: Session, agency: Agency, day: date) -> str:
    """The name of an agency on a day."""
    return next((one.name for one in former_names(session, agency) if day <= one.until), agency.name)


def owner_on(session: Session, entry_id: str, agency: Agency, day: date) -> Owner:
    """Who provided an entry on a day: ``agency`` is its provider of today, followed back over mergers and splits."""
    before: str | None = None
    while (change := _taken_over(session, entry_id, agency, day, before)) is not None:
        agency, before = session.get_one(Agency, change.agency_id), change.id
    return Owner(agency, name_on(session, agency, day))


def _taken_over(
    session: Session, entry_id: str, agency: Agency, day: date, before: str | None
) -> AgencyChange | None:
    """The latest change after ``day``, and before the change ``before``, by which the entry came to ``agency``."""
    query = select(AgencyChange).where(
        col(AgencyChange.other_id) == agency.id,
        col(AgencyChange.change).in_(HANDING),
        col(AgencyChange.day) > day,
    )
    if before is not None:
        query = query.where(col(AgencyChange.id) < before)
    rows: Sequence[AgencyChange] = (
        session.execute(query.order_by(col(AgencyChange.id).desc())).scalars().all()
    )
    return next((row for row in rows if entry_id in row.moved.get("entries", ())), None)
