"""Who sees which editions: a published one whoever reads the catalogue, another one who sees its agency whole.

For others an edition that is not published is not there. Strangers see what was published, by its verification code.
Source: S-ZY 23, 24; S-LPS 25; domain §12 R17.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, defer
from sqlmodel import col

from catalog_specs import load
from registry import blobs
from registry.attaching import Sent
from registry.edition_content import owed_digest
from registry.editions import (
    SEAL,
    Sealed,
    Standing,
    attach_scan,
    document_of,
    edition_name,
    preview,
    publish_edition,
    seal_edition,
    standings,
)
from registry.entries import lock_agency
from registry.errors import Conflict, NotFound, Rejected
from registry.list_diff import ListDifference, compare_documents
from registry.list_document import ListDocument
from registry.lookup import askable
from registry.models import Agency, Edition
from registry.permits import Actor, Target, covers, demand, holding, may, reached, roles_of

READ = "read_catalogue"
_WHOLE = ("read_own", "read_county", "read_all")
LIVE, NONE = "现行清单", "（没有封存过）"


@dataclass(frozen=True, slots=True)
class Found:
    """An edition and whose it is."""

    edition: Edition
    agency: Agency

    @property
    def name(self) -> str:
        """How it is called: 2026年第3期."""
        return edition_name(self.edition.year, self.edition.number)


@dataclass(frozen=True, slots=True)
class Between:
    """What differs between two states of a list: how each is called, and the differences."""

    before: str
    after: str
    changes: ListDifference


# ---- sight ------------------------------------------------------------------------------------------------


def visible(actor: Actor) -> ColumnElement[bool]:
    """The editions (joined with their agency) that ``actor`` sees.

    Raises:
        NotAllowed: he may not read the catalogue.
    """
    roles = roles_of(load())
    demand(actor, READ, roles)
    whole = reached(actor, roles, agency=col(Agency.id), region=col(Agency.region), acts=_WHOLE)
    return or_(col(Edition.published_at).is_not(None), whole)


def _sees_whole(actor: Actor, agency: Agency) -> bool:
    roles, target = roles_of(load()), Target(agency.id, agency.region)
    return any(covers(held, target, roles) for act in _WHOLE for held in holding(actor, act, roles))


def may_seal(actor: Actor, agency: Agency) -> bool:
    """Whether ``actor`` may seal lists of an agency."""
    return may(actor, SEAL, roles_of(load()), Target(agency.id, agency.region))


def _query() -> Select[*tuple[Any, ...]]:
    return select(Edition, Agency).join(Agency, col(Agency.id) == col(Edition.agency_id))


def _newest(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.order_by(col(Edition.year).desc(), col(Edition.number).desc())


def find_shown(session: Session, key: str, *, actor: Actor) -> Found:
    """An edition by its key.

    Raises:
        NotAllowed: he may not read the catalogue. NotFound: there is none that he sees.
    """
    query = _query().where(col(Edition.id) == askable(key), visible(actor))
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound("没有这一期清单，或者还没有公布")
    return Found(*row)


def shown_editions(session: Session, agency: Agency, *, actor: Actor) -> list[Edition]:
    """The editions of an agency that ``actor`` sees, the newest first, without their bodies."""
    query = _newest(_query().where(col(Edition.agency_id) == agency.id, visible(actor)))
    found = session.execute(query.options(defer(Edition.body)))  # type: ignore[arg-type]
    return [row[0] for row in found]


def shown_standing(session: Session, agency: Agency, *, actor: Actor) -> Standing:
    """How the last edition that ``actor`` sees of an agency stands to its list of today."""
    last = next(iter(shown_editions(session, agency, actor=actor)), None)
    return Standing(agency, last, last is None or last.owed != owed_digest(session, agency))


def shown_standings(session: Session, *, actor: Actor) -> list[Standing]:
    """The same of every agency that owes a list or has sealed one, by code."""
    demand(actor, READ, roles_of(load()))
    found = []
    for one in standings(session):
        hidden = one.edition is not None and one.edition.published_at is None
        if hidden and not _sees_whole(actor, one.agency):
            found.append(shown_standing(session, one.agency, actor=actor))
        else:
            found.append(one)
    return found


# ---- for strangers ----------------------------------------------------------------------------------------


def published_by_code(session: Session, code: str) -> Found | None:
    """The published edition of a verification code; None when there is none."""
    folded = askable(code).strip().upper()
    query = _query().where(col(Edition.code) == folded, col(Edition.published_at).is_not(None))
    row = session.execute(query.options(defer(Edition.body))).one_or_none()  # type: ignore[arg-type]
    return Found(*row) if row is not None else None


def superseded_by(session: Session, found: Found) -> Edition | None:
    """The latest published edition that came after; None for the latest one."""
    edition = found.edition
    later = or_(
        col(Edition.year) > edition.year,
        and_(col(Edition.year) == edition.year, col(Edition.number) > edition.number),
    )
    mine = and_(col(Edition.agency_id) == edition.agency_id, col(Edition.published_at).is_not(None), later)
    query = _newest(_query().where(mine)).limit(1).options(defer(Edition.body))  # type: ignore[arg-type]
    row = session.execute(query).first()
    return row[0] if row is not None else None


# ---- differences ------------------------------------------------------------------------------------------


def with_live(session: Session, agency: Agency, before: Edition | None, *, now: datetime) -> Between:
    """What the list of today has that an edition has not; everything, where there is no edition."""
    since = before.sealed_at if before else None
    old = document_of(before) if before else ListDocument("", {}, ())
    changes = compare_documents(session, old, preview(session, agency, now=now), since=since)
    return Between(edition_name(before.year, before.number) if before else NONE, LIVE, changes)


def with_other(session: Session, before: Found, after: Found) -> Between:
    """What one edition has that another one of the same agency has not.

    Raises:
        Rejected: they are of two agencies.
    """
    if before.agency.id != after.agency.id:
        raise Rejected(
            f"{before.agency.name}{before.name}和{after.agency.name}{after.name}不是同一单位的清单，不能比较"
        )
    old, new = document_of(before.edition), document_of(after.edition)
    span = {"since": before.edition.sealed_at, "until": after.edition.sealed_at}
    return Between(before.name, after.name, compare_documents(session, old, new, **span))


def before_it(editions: Sequence[Edition], edition: Edition) -> Edition | None:
    """The edition that came before one, among editions that are the newest first."""
    order = (edition.year, edition.number)
    return next((one for one in editions if (one.year, one.number) < order), None)


# ---- deeds ------------------------------------------------------------------------------------------------


def seal_seen(
    session: Session, agency: Agency, seen: str, *, actor: Actor, now: datetime, publish: bool
) -> Sealed:
    """``seal_edition`` of what was previewed: ``seen`` is the digest of what was owed then.

    Raises:
        As ``seal_edition``; Conflict: something was announced or taken back since.
    """
    demand(actor, SEAL, roles_of(load()), Target(agency.id, agency.region))
    lock_agency(session, agency.id)
    if seen != owed_digest(session, agency):
        raise Conflict("预览之后清单又有变动，没有封存；重新预览后再确认")
    return seal_edition(session, agency, actor=actor, now=now, publish=publish)


def publish_shown(session: Session, key: str, *, actor: Actor, now: datetime) -> Found:
    """Publish an edition; errors as for ``find_shown`` and ``publish_edition``."""
    found = find_shown(session, key, actor=actor)
    made = publish_edition(session, found.edition, found.agency, actor=actor, now=now)
    return replace(found, edition=made)


def keep_scan(session: Session, key: str, sent: Sent, *, actor: Actor, now: datetime) -> Found:
    """Store the stamped scan of an edition and attach it, once.

    Raises:
        As ``find_shown`` and ``attach_scan``; Rejected: it is empty, or no PDF and no picture; TooLarge.
    """
    found = find_shown(session, key, actor=actor)
    demand(actor, SEAL, roles_of(load()), Target(found.agency.id, found.agency.region))
    if not sent.source.read(1):
        raise Rejected(f"文件 {sent.name} 是空的；请上传盖章扫描件（PDF 或图片）")
    sent.source.seek(0)
    if Path(sent.name).suffix.lower() not in _SCANS:
        raise Rejected(f"盖章扫描件须为 PDF 或图片（{'、'.join(sorted(_SCANS))}），不能是 {sent.name}")
    most = load().entry.limits["file_bytes"]
    blob = blobs.keep(session, sent.source, folder=sent.folder, actor=actor.login, now=now, most_bytes=most)
    file = (blob.sha256, sent.name)
    made = attach_scan(session, found.edition, found.agency, file, actor=actor, now=now)
    return replace(found, edition=made)


_SCANS = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".ofd"})
