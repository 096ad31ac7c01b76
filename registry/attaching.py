"""Files that come with an act: a distribution attached with its bytes, a record kept with its paper, and both read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.blobs import keep, open_blob
from registry.content import check_file_name
from registry.errors import NotFound, Rejected
from registry.lifecycle import perform
from registry.lookup import Row, askable, find_entry
from registry.models import Agency, Distribution, Entry, Record
from registry.permits import Actor, Sight, Target, demand, roles_of
from registry.recording import Paper, about, keep_record, kind_named
from registry.stores import Store
from registry.subjects import Subject

ATTACH, SEE_DATA = "attach", "see_sample_values"


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that comes with an act: its name, its bytes, the store where it is to be stored."""

    name: str
    source: BinaryIO
    folder: Store


def attach(
    session: Session,
    row: Row,
    offer: Mapping[str, Any],
    sent: Sent | None,
    *,
    files: Store,
    actor: Actor,
    now: datetime,
    note: str = "",
) -> Distribution:
    """Attach a distribution, with the file ``sent`` if it is one. Source: S-ZY 22, S-LPS 24.

    Raises:
        NotAllowed: before a byte is stored. TooLarge, Gone: of the file. Everything that ``perform`` raises.
    """
    demand(actor, ATTACH, roles_of(load(row.version.profile)), _target(row))
    data = dict(offer)
    if sent is not None:
        data |= {"sha256": _keep(session, sent, actor, now), "file_name": sent.name}
    done = perform(
        session, Subject(row.entry.id), ATTACH, actor=actor, now=now, note=note, data=data, files=files
    )
    return session.get_one(Distribution, str(done.distribution_id))


def record(
    session: Session,
    row: Row,
    name: str,
    kind: str,
    paper: Paper,
    *,
    sent: Sent | None,
    sight: Sight,
    actor: Actor,
    now: datetime,
) -> Record:
    """Keep a record of an entry, or of the distribution of it that ``name`` means, with the file ``sent``.

    Raises:
        NotAllowed: before a byte is stored. NotFound: no such distribution of this entry. Everything that
        ``keep_record`` raises.
    """
    specs = load(row.version.profile)
    demand(actor, kind_named(kind, specs).permission, roles_of(specs), _target(row))
    thing = about(session, name, sight=sight)
    if thing.entry is None or thing.entry.id != row.entry.id:
        raise NotFound(f"{row.entry.code or row.entry.id} 没有挂接资源“{name}”")
    if sent is not None:
        paper = replace(paper, sha256=_keep(session, sent, actor, now), file_name=sent.name)
    kept = keep_record(session, thing, kind, paper, actor=actor, now=now)
    session.flush()
    return kept


def _target(row: Row) -> Target:
    return Target(row.entry.agency_id, row.agency.region, row.entry.system_id)


def _keep(session: Session, sent: Sent, actor: Actor, now: datetime) -> str:
    specs = load()
    check_file_name(Path(sent.name).stem, specs)
    if not sent.name.isprintable():
        raise Rejected("文件名里有不能用的字符")
    most = specs.entry.limits["file_bytes"]
    return keep(session, sent.source, folder=sent.folder, actor=actor.login, now=now, most_bytes=most).sha256


# ---- read again -------------------------------------------------------------------------------------------


def find_distribution(session: Session, key: str, *, sight: Sight) -> tuple[Distribution, Row]:
    """A distribution and its entry; who sees the catalogue only sees what is on the shelf.

    Raises:
        NotFound: there is none that is seen.
    """
    made = session.get(Distribution, askable(key))
    row = find_entry(session, made.entry_id, sight=sight) if made else None
    if made is None or row is None or not (row.full or made.state == "shelved"):
        raise NotFound(f"没有挂接资源“{key[:64]}”，或您看不到它")
    return made, row


def attached_file(
    session: Session, key: str, *, sight: Sight, actor: Actor, files: Store
) -> tuple[str, BinaryIO]:
    """The file of a distribution: its name and bytes, for who may see data of that agency.

    Raises:
        NotFound: there is none that is seen, or it has no file. NotAllowed: he may not see data.
    """
    made, row = find_distribution(session, key, sight=sight)
    demand(actor, SEE_DATA, roles_of(load(row.version.profile)), _target(row))
    if made.sha256 is None:
        raise NotFound(f"挂接资源 {made.id} 没有文件")
    return made.file_name or made.id, open_blob(session, made.sha256, files)


def record_file(session: Session, key: str, *, sight: Sight, files: Store) -> tuple[str, BinaryIO]:
    """The file of a record, for who sees an entry whole that it speaks of.

    Raises:
        NotFound: there is none that is seen, or it has no file.
    """
    kept = session.get(Record, askable(key))
    if kept is None or kept.sha256 is None or not _sees_whole(session, kept, sight):
        raise NotFound(f"没有佐证“{key[:64]}”的文件，或您看不到它")
    return kept.file_name or kept.id, open_blob(session, kept.sha256, files)


def _sees_whole(session: Session, kept: Record, sight: Sight) -> bool:
    query = select(col(Entry.id)).join(Agency, col(Agency.id) == col(Entry.agency_id)).where(sight.full)
    if kept.entry_id is not None:
        query = query.where(col(Entry.id) == kept.entry_id)
    elif kept.distribution_id is not None:
        made = session.get_one(Distribution, kept.distribution_id)
        query = query.where(col(Entry.id) == made.entry_id)
    else:
        query = query.where(col(Entry.system_id) == kept.system_id)
    return session.execute(query.limit(1)).first() is not None
