"""What an edition is made of: its head, and the digests that tell whether anything has changed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load, profiles
from registry.keys import digest_of
from registry.list_document import ListDocument
from registry.models import Agency, Delegation, Entry, ListLine, Person
from registry.people import local
from registry.permits import Actor, Held
from registry.responsibility import profile_of
from validators.list_lines import kinds_of, moving_columns


def headed(
    document: ListDocument, agency: Agency, name: str, *, sealed_by: str, now: datetime
) -> ListDocument:
    """A list with the head of the edition ``name``."""
    specs = load(profile_of(agency))
    lists = {kind.key: kind for key in profiles() for kind in kinds_of(load(key))}
    sources = tuple(source for table in document.lists for source in lists[table.key].sources)
    head = {
        "agency_name": agency.name,
        "agency_code": agency.code,
        "edition": name,
        "basis": specs.cited(tuple(s for s in dict.fromkeys(sources) if s != "DESIGN")),
        "sealed_on": f"{local(now):%Y-%m-%d %H:%M}",
        "sealed_by": sealed_by,
    }
    return replace(document, head=head, as_of="")


def signer_name(session: Session, actor: Actor, held: Held) -> str:
    """Who seals, as the head says it: a delegate with the one who delegated and the paper."""
    given = session.get(Delegation, held.delegation_id) if held.delegation_id else None
    if given is None:
        return actor.name
    person = session.get(Person, given.from_person_id)
    return f"{actor.name}（受{person.name if person else ''}委托，{given.document}）"


def substance_of(document: ListDocument) -> str:
    """What an edition says, without what moves by itself."""
    moving = moving_columns(load())
    return digest_of(
        [document.title]
        + [
            [
                table.key,
                [[column.key, column.zh] for column in table.columns],
                [
                    [
                        row.entry,
                        *(c for c, k in zip(row.cells, table.columns, strict=True) if k.key not in moving),
                    ]
                    for row in table.rows
                ],
            ]
            for table in document.lists
        ]
    )


def owed_digest(session: Session, agency: Agency) -> str:
    """A digest of the lines of an agency's versions in force: what it owes now."""
    return owed_digests(session, [agency.id]).get(agency.id, digest_of([]))


def owed_digests(session: Session, agency_ids: Iterable[str] | None) -> dict[str, str]:
    """The same by agency; of all agencies that owe a list for None."""
    mine = and_(col(ListLine.entry_id) == col(Entry.id), col(ListLine.number) == col(Entry.in_force))
    query = (
        select(col(Entry.agency_id), col(ListLine.list_kind), col(ListLine.entry_id), col(ListLine.digest))
        .join(Entry, mine)
        .order_by(col(Entry.agency_id), col(ListLine.list_kind), col(ListLine.entry_id))
    )
    if agency_ids is not None:
        query = query.where(col(Entry.agency_id).in_(list(agency_ids)))
    found: dict[str, list[list[str]]] = {}
    for agency_id, *line in session.execute(query):
        found.setdefault(agency_id, []).append(list(line))
    return {key: digest_of(lines) for key, lines in found.items()}
