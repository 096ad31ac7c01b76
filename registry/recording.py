"""Records kept as evidence (``mulu record``): who may keep one, of what, what it must have, what it is bound to."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import RecordKind
from registry import audit
from registry.differences import class_digest
from registry.errors import NotFound, Rejected
from registry.kept import storable
from registry.keys import new_key
from registry.lookup import find_entry, get_version
from registry.models import Agency, Distribution, Entry, Record, System, Version
from registry.people import find_system
from registry.permits import Actor, Sight, Target, demand, roles_of
from registry.subjects import lifecycle_of

NUMBER_LENGTH = 100  # as the column is wide


@dataclass(frozen=True, slots=True)
class Paper:
    """What is recorded: a number (of a filing, an approval), a stored file, or both; and its day."""

    number: str = ""
    day: date | None = None
    sha256: str | None = None
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What a record speaks of: an entry, a system (all its entries alike) or a distribution."""

    of: str
    agency: Agency
    entry: Entry | None = None
    version: Version | None = None
    system: System | None = None
    distribution: Distribution | None = None

    @property
    def id(self) -> str:
        """The key of what is spoken of."""
        thing = self.distribution or self.system or self.entry
        return thing.id if thing else ""


def about(session: Session, name: str, *, sight: Sight) -> About:
    """What ``name`` means: a distribution's key, an entry's code or key, or a system's key, number or name.

    Raises:
        NotFound: nothing of that name is seen. Conflict: several systems have it.
    """
    made = session.get(Distribution, name)
    if made is not None:
        row = find_entry(session, made.entry_id, sight=sight)
        return About("distribution", row.agency, row.entry, row.version, distribution=made)
    try:
        system = find_system(session, name)
    except NotFound:
        row = find_entry(session, name, sight=sight)
        return About("entry", row.agency, row.entry, get_version(session, row, None))
    return About("system", session.get_one(Agency, system.agency_id), system=system)


def kind_named(key: str, specs: Specs) -> RecordKind:
    """A kind of record.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    kinds = lifecycle_of(specs).record_index
    if key not in kinds:
        raise NotFound(
            f"没有“{key}”这种佐证；可用：{'、'.join(f'{k.key}（{k.zh}）' for k in kinds.values())}"
        )
    return kinds[key]


def keep_record(
    session: Session, thing: About, kind: str, paper: Paper, *, actor: Actor, now: datetime
) -> Record:
    """Keep a record as evidence, bound to the content that it was made for where its kind asks for that.

    Source: S1 13, 27; PIPL 55-56.

    Raises:
        NotAllowed: a role is missing. Rejected: the kind does not speak of such a thing, or the paper lacks what
        the kind asks for.
    """
    specs = load(thing.version.profile if thing.version else thing.system.profile if thing.system else None)
    row = kind_named(kind, specs)
    system_id = thing.entry.system_id if thing.entry else thing.system.id if thing.system else None
    demand(actor, row.permission, roles_of(specs), Target(thing.agency.id, thing.agency.region, system_id))
    _check(row, thing, paper)
    bound = row.binds if thing.of == "entry" else None
    record = Record(
        id=new_key("r"),
        kind=row.key,
        entry_id=thing.entry.id if thing.entry and thing.of == "entry" else None,
        system_id=thing.system.id if thing.system else None,
        distribution_id=thing.distribution.id if thing.distribution else None,
        number=storable(paper.number.strip()),
        day=paper.day,
        sha256=paper.sha256,
        file_name=storable(paper.file_name)[:255] if paper.file_name else None,
        bound_class=bound,
        bound_digest=class_digest(thing.version.content, bound, specs) if bound and thing.version else None,
        data={},
        recorded_by=actor.login,
        at=now,
    )
    session.add(record)
    details = {"kind": row.key, "number": record.number, "sha256": record.sha256, "record": record.id}
    subject = thing.entry.id if thing.entry else thing.id
    audit.record(
        session, [audit.Act("record", subject, details)], actor=actor.login, now=now, operator=actor.operator
    )
    return record


def _check(kind: RecordKind, thing: About, paper: Paper) -> None:
    names = {"entry": "条目", "system": "系统", "distribution": "挂接资源"}
    if thing.of not in kind.of:
        raise Rejected(
            f"“{kind.zh}”登记在{'、'.join(names[of] for of in kind.of)}上，不能登记在{names[thing.of]}上"
        )
    if len(paper.number.strip()) > NUMBER_LENGTH:
        raise Rejected(f"文号至多 {NUMBER_LENGTH} 个字")
    number, file = bool(paper.number.strip()), paper.sha256 is not None
    lacking = {"number": not number, "file": not file, "either": not (number or file)}[kind.asks]
    if lacking:
        asked = {"number": "文号或备案号（--no）", "file": "文件", "either": "文件，或文号（--no）"}[
            kind.asks
        ]
        raise Rejected(f"“{kind.zh}”须有{asked}")


def records_of(session: Session, entry: Entry) -> list[Record]:
    """All records that speak of an entry, its system or its distributions, the newest first."""
    made = select(col(Distribution.id)).where(col(Distribution.entry_id) == entry.id)
    theirs = or_(col(Record.entry_id) == entry.id, col(Record.distribution_id).in_(made))
    if entry.system_id:
        theirs = or_(theirs, col(Record.system_id) == entry.system_id)
    query = select(Record).where(theirs, col(Record.withdrawn_at).is_(None))
    return list(session.execute(query.order_by(col(Record.at).desc(), col(Record.id).desc())).scalars())
