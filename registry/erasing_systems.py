"""How what is kept of systems, duties, retirements and wipes is cleaned of content that must go.

Numbers, states, days and digests stay: a wipe record keeps its digest and its place in the chain, and says that it was
erased. Source: domain §12 R1; SSL-REG 41.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import String, cast, or_, select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from registry.audit import names_of
from registry.bound_rows import BOUND, TABLES, row_key, touch
from registry.erasing import PIECE, Cleaning, Words, mark
from registry.keys import canonical_json
from registry.models import (
    AuditContent,
    Blob,
    BudgetFlag,
    DataCopy,
    DutyEvidence,
    Rectification,
    Retirement,
    RetirementEntry,
    RetirementStep,
    System,
    SystemLife,
    SystemReview,
    SystemTable,
    WipeCase,
    WipeRecord,
)
from registry.plain_json import texts_in

ByHand = tuple[str, dict[str, Any]]


class Cleaned(NamedTuple):
    """What of a table is free text, which columns name stored files, and its place in audit.yaml."""

    texts: tuple[str, ...]
    files: tuple[str, ...]
    place: str


_PAPER = ("sha256",)
CLEANED: dict[type[SQLModel], Cleaned] = {
    System: Cleaned(("contractor", "contract_no", "protection_no", "crypto_no"), (), "system"),
    SystemLife: Cleaned(("document", "file_name", "note", "data"), _PAPER, "system"),
    SystemTable: Cleaned(("name", "comment", "why"), (), "system"),
    DataCopy: Cleaned(("name", "holder", "serial_no", "ids", "note"), (), "system"),
    DutyEvidence: Cleaned(("number", "file_name", "note", "withdrawn_why"), _PAPER, "duty"),
    SystemReview: Cleaned(
        ("reasons", "number", "vendor", "filing_no", "file_name", "note", "data"), _PAPER, "duty"
    ),
    Rectification: Cleaned(
        ("words", "document", "file_name", "report", "report_file", "returned", "closing"),
        ("sha256", "report_sha256"),
        "duty",
    ),
    BudgetFlag: Cleaned(("reasons", "document", "note", "lifted_why"), (), "duty"),
    Retirement: Cleaned(("decision_no", "why", "impact"), (), "retirement"),
    RetirementStep: Cleaned(("number", "file_name", "note", "data"), _PAPER, "retirement"),
    RetirementEntry: Cleaned(("why", "archive", "trouble"), (), "retirement"),
    WipeCase: Cleaned(("decision_no", "contract_no", "why", "absent"), (), "wipe"),
    WipeRecord: Cleaned(
        ("content", "serial_no", "findings", "verification", "witness", "approval", "certificate"),
        (),
        "wipe",
    ),
}
_DIGEST_LENGTH = 64


def clean_systems(work: Cleaning) -> list[ByHand]:
    """Take the entry's content from what is kept of systems, copies, duties, retirements and wipes.

    What speaks of the entry itself loses all that its erased versions said; other rows what quotes them.
    Gives what a person must clean: keys of audit.yaml's ``by_hand``, each with what its text asks for.
    """
    known = work.words.known | set(names_of(work.session, work.entry.id))
    free = replace(work.words, everything=True, known=known)
    quoting = replace(work.words, everything=False)
    retirements = _retirements_of(work)
    by_hand: list[ByHand] = []
    for model in CLEANED:
        for row in work.session.execute(select(model).execution_options(yield_per=PIECE)).scalars():
            own = _is_own(row, work.entry.id)
            near = own or getattr(row, "retirement_id", getattr(row, "id", "")) in retirements
            words = free if own and work.is_meant(None, _texts(row)) else quoting
            if (words.everything or words.are_in(_texts(row), far=not near)) and scrub_row(row, words):
                by_hand += left_of(work, row)
    return by_hand


def _retirements_of(work: Cleaning) -> set[str]:
    """The retirements that decide on the entry: what they say of their impact names it."""
    query = select(col(RetirementEntry.retirement_id)).where(col(RetirementEntry.entry_id) == work.entry.id)
    return set(work.session.execute(query).scalars())


def _is_own(row: SQLModel, entry_id: str) -> bool:
    return isinstance(row, RetirementEntry | SystemTable) and row.entry_id == entry_id


def _texts(row: SQLModel) -> list[Any]:
    return [_value(row, name) for name in CLEANED[type(row)].texts]


def _value(row: SQLModel, name: str) -> Any:
    """A column's value; the certificate, which is kept as text, as what it says."""
    value = getattr(row, name)
    if name != "certificate" or not value:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def scrub_row(row: Any, words: Words) -> bool:
    """Take the words out of a row's free texts; whether any went."""
    changed = False
    for name in CLEANED[type(row)].texts:
        before = _value(row, name)
        after = words.scrub(before) if before else before
        if after == before:
            continue
        changed = True
        if name == "certificate" and not isinstance(after, str):
            after = canonical_json(after)
        # two tables of a system never have one name
        setattr(row, name, f"{mark()}{row.id}" if isinstance(row, SystemTable) and name == "name" else after)
    return changed


def left_of(work: Cleaning, row: Any) -> Iterator[ByHand]:
    """Count a cleaned row, have its files erased, and tell what of it has left the house."""
    about = CLEANED[type(row)]
    work.count(about.place)
    work.files |= {value for name in about.files if (value := getattr(row, name))}
    if isinstance(row, WipeRecord):
        row.erased_at = row.erased_at or work.now
        work.files |= set(_stored(work.session, row))
        if row.certificate_no:
            yield "certificate", {"number": row.certificate_no}


def _stored(session: Session, row: WipeRecord) -> Iterable[str]:
    """The stored files that a record names as evidence."""
    told = texts_in([row.content, row.verification, row.witness, row.approval], keys=True)
    named = {text for text in told if len(text) == _DIGEST_LENGTH}
    return session.execute(select(col(Blob.sha256)).where(col(Blob.sha256).in_(named))).scalars()


def count_others(session: Session, sha256: str) -> int:
    """How many rows of these tables that were not cleaned refer to a stored file."""
    rows: list[Any] = []
    for model, about in CLEANED.items():
        named = [col(getattr(model, name)) == sha256 for name in about.files]
        rows += session.execute(select(model).where(or_(*named))).scalars() if named else ()
    told = cast(col(WipeRecord.content), String).contains(sha256)
    rows += session.execute(select(WipeRecord).where(told, col(WipeRecord.erased_at).is_(None))).scalars()
    return sum(not any(mark() in text for text in texts_in(_texts(row), keys=True)) for row in rows)


# ---- the record -------------------------------------------------------------------------------------------


def bind_anew(session: Session, events: Collection[int]) -> None:
    """Have the next act bind the rows that these events bound: their contents are about to be erased."""
    keys: dict[str, set[str]] = {}
    ordered = sorted(events)
    for start in range(0, len(ordered), PIECE):
        part = col(AuditContent.seq).in_(ordered[start : start + PIECE])
        for content in session.execute(select(col(AuditContent.content)).where(part)).scalars():
            for table, digests in _bound(content).items():
                keys.setdefault(table, set()).update(digests)
    for table, wanted in keys.items():
        rows = session.execute(select(TABLES[table])).scalars()
        touch(session, [row for row in rows if row_key(row) in wanted])


def _bound(content: str | None) -> Mapping[str, Mapping[str, str | None]]:
    found = json.loads(content).get(BOUND, {}) if content else {}
    return {table: digests for table, digests in found.items() if table in TABLES}
