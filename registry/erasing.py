"""Where a secret that was entered by mistake may lie, and how each place is cleaned of it.

What must go is known by ``Words``: the texts of the erased versions that nothing else of the register accounts for.
Keys, codes, dates and digests stay, so that states, signatures and the audit tree keep their sense.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from catalog_specs import Specs
from registry.audit import audit_spec, names_of
from registry.audit_walk import ERASURE
from registry.db import Database
from registry.entries import FOLDED_LENGTH
from registry.models import (
    AuditContent,
    AuditEvent,
    BatchProof,
    Distribution,
    Entry,
    ImportBatch,
    Item,
    Job,
    Opinion,
    Record,
    Remark,
    RepeatedRequest,
    SignatureSheet,
    StandingProof,
    Version,
)
from registry.plain_json import texts_in

# texts that are no content: a name of ours, a date or moment, a digest, a resource code
_PLAIN = re.compile(
    r"[a-z][a-z0-9_.]{0,31}|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.+Z]*)?|[0-9a-f]{64}|[0-9]{1,3}|"
)
_SHORTEST, _DISTINCT = 4, 8
PIECE = 1000
_PATIENCE = 3000  # milliseconds that others have to let go of an embedded database


def mark() -> str:
    """What stands where content was."""
    return f"（{audit_spec().erased.zh}）"


@dataclass(slots=True)
class Words:
    """The texts that must go. ``everything``: whatever is free text in the entry's own rows goes as well, but for
    the names that are ``known`` of it.
    """

    texts: frozenset[str]
    everything: bool
    known: frozenset[str]
    _own: re.Pattern[str] | None = field(init=False)
    _far: re.Pattern[str] | None = field(init=False)

    def __post_init__(self) -> None:
        self._own = _any_of(self.texts)
        self._far = _any_of(text for text in self.texts if len(text) >= _DISTINCT)

    def are_in(self, value: Any, *, far: bool = False) -> bool:
        """Whether any of the texts stands in a value. ``far``: in a row that has nothing else to do with the entry."""
        pattern = self._far if far else self._own
        return pattern is not None and any(pattern.search(text) for text in texts_in(value, keys=True))

    def scrub(self, value: Any) -> Any:
        """A value without its content: of ``everything`` all free text goes, else what holds one of the texts."""
        if isinstance(value, str):
            return mark() if self._goes(value) else value
        if isinstance(value, Mapping):
            return {
                (f"{mark()}{n}" if self._goes(str(key)) else key): self.scrub(inner)
                for n, (key, inner) in enumerate(value.items(), 1)
            }
        return [self.scrub(inner) for inner in value] if isinstance(value, list | tuple) else value

    def _goes(self, text: str) -> bool:
        if self.are_in(text):
            return True
        return self.everything and not _PLAIN.fullmatch(text) and text not in self.known


def _any_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    listed = sorted(texts, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, listed))) if listed else None


def words_of(
    gone: Iterable[Any], kept: Iterable[Any], known: Collection[str], specs: Specs, *, whole: bool
) -> Words:
    """The texts of contents ``gone`` that nothing else accounts for: contents ``kept``, what is ``known``, code lists."""
    accounted = {text for content in kept for text in texts_in(content, keys=True)} | set(known)
    accounted |= {value.zh for listed in specs.codes.values() for value in listed.values}
    accounted |= set(specs.fields) | set(specs.items)
    found = {text.strip() for content in gone for text in texts_in(content, keys=True)} - accounted
    texts = frozenset(text for text in found if len(text) >= _SHORTEST and not _PLAIN.fullmatch(text))
    return Words(texts, whole, frozenset(known))


# ---- the entry's own rows ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Cleaning:
    """What is being cleaned: ``places`` counts rows by the keys of audit.yaml, ``files`` are digests to erase."""

    session: Session
    entry: Entry
    numbers: frozenset[int]
    words: Words
    now: datetime
    places: dict[str, int] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def count(self, place: str, rows: int = 1) -> None:
        if rows:
            self.places[place] = self.places.get(place, 0) + rows

    def is_meant(self, number: int | None, *values: Any) -> bool:
        """Whether a row of the entry goes: all do, or it speaks of an erased version, or holds one of the texts."""
        return self.words.everything or number in self.numbers or self.words.are_in(values)


def clean_versions(work: Cleaning, versions: Iterable[Version]) -> None:
    """Take content, name, findings and items of versions; digests, states and signatures stay."""
    erased = mark()
    for version in versions:
        if version.erased_at is None:
            work.count("version")
        version.content, version.findings, version.needs, version.risk_reasons = {}, [], [], []
        version.name, version.folded = erased, erased[:FOLDED_LENGTH]
        version.share_type = version.open_type = version.data_grade = None
        version.erased_at = version.erased_at or work.now
    gone = delete(Item).where(col(Item.entry_id) == work.entry.id, col(Item.number).in_(work.numbers))
    done = work.session.execute(gone.execution_options(synchronize_session=False))
    work.count("item", done.rowcount)  # type: ignore[attr-defined]  # a DELETE's result counts rows


def clean_review(work: Cleaning) -> None:
    """Take what people wrote about the entry: opinions, remarks, records, distributions, proofs with their reports."""
    found = _of_entry(work, Opinion, Remark, Record, Distribution, StandingProof, BatchProof)
    distributions = {row.id for row in found if isinstance(row, Distribution)}
    attached = select(Record).where(col(Record.distribution_id).in_(distributions))
    found += [row for row in work.session.execute(attached).scalars() if row not in found]
    # what speaks of an erased version loses all its free text
    words = replace(work.words, everything=True)
    for row in found:
        number = getattr(row, "number", None) if isinstance(row, Opinion | Remark) else None
        fields = _FIELDS[type(row)]
        if not work.is_meant(number, [getattr(row, name) for name in fields]):
            continue
        for name in fields:
            value = getattr(row, name)
            setattr(row, name, words.scrub(value) if value else value)
        if isinstance(row, BatchProof):
            row.erased_at = row.erased_at or work.now
        work.count(_PLACES[type(row)])
        if getattr(row, "sha256", None):
            work.files.add(row.sha256)


_PLACES: dict[type, str] = {
    Opinion: "opinion",
    Remark: "remark",
    Record: "record",
    Distribution: "distribution",
    StandingProof: "proof",
    BatchProof: "proof",
}
_FIELDS: dict[type, tuple[str, ...]] = {
    Opinion: ("note", "data"),
    Remark: ("item", "text", "why_late"),
    Record: ("number", "file_name", "data"),
    Distribution: ("name", "location", "file_name", "items"),
    StandingProof: ("methods", "masks", "quasi", "place", "note"),
    BatchProof: ("name", "unmet", "report"),
}


def _of_entry(work: Cleaning, *tables: type[SQLModel]) -> list[Any]:
    return [
        row
        for table in tables
        for row in work.session.execute(
            select(table).where(table.entry_id == work.entry.id)  # type: ignore[attr-defined]
        ).scalars()
    ]


# ---- rows that speak of many entries ----------------------------------------------------------------------


def clean_shared(work: Cleaning, batches: Collection[str]) -> None:
    """Take the texts from signature sheets, jobs, kept answers, imports' file names and other entries' findings."""
    _clean_rows(work, select(SignatureSheet), "sheet", _clean_sheet)
    _clean_rows(work, select(Job), "job", _clean_job)
    about = frozenset(names_of(work.session, work.entry.id))
    _clean_rows(work, select(RepeatedRequest), "answer", partial(_drop_answer, about))
    _clean_rows(work, select(ImportBatch).where(col(ImportBatch.id).in_(batches)), "batch", _clean_batch)
    _clean_findings(work)


def _clean_rows(
    work: Cleaning, query: Select[Any], place: str, clean: Callable[[Cleaning, Any], bool]
) -> None:
    for row in work.session.execute(query.execution_options(yield_per=PIECE)).scalars():
        work.count(place, int(clean(work, row)))


def _clean_sheet(work: Cleaning, sheet: SignatureSheet) -> bool:
    about = {work.entry.id, work.entry.code}
    rows = [
        work.words.scrub(row) | _kept(row) if isinstance(row, dict) and _speaks_of(row, about) else row
        for row in sheet.rows
    ]
    changed, sheet.rows = rows != sheet.rows, rows
    return changed


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("entry", "code", "digest") if key in row}


def _speaks_of(value: Any, about: Collection[str | None]) -> bool:
    return any(text in about for text in texts_in(value, keys=True))


def _clean_job(work: Cleaning, job: Job) -> bool:
    changed, words = False, replace(work.words, everything=False)
    for name in ("payload", "result", "problem"):
        value = getattr(job, name)
        if value and work.words.are_in(value):
            setattr(job, name, words.scrub(value))
            changed = True
    return changed


def _drop_answer(about: frozenset[str], work: Cleaning, answer: RepeatedRequest) -> bool:
    said = [answer.body, answer.headers]
    if not (work.words.are_in(said) or _speaks_of(said, about)):
        return False
    work.session.delete(answer)
    return True


def _clean_batch(work: Cleaning, batch: ImportBatch) -> bool:
    changed = work.words.are_in(batch.file_name)
    if changed:
        batch.file_name = mark()
    return changed


def _clean_findings(work: Cleaning) -> None:
    """The findings of other entries may name this one: two of one name, an item that stands in both."""
    far = frozenset(text for text in work.words.texts if len(text) >= _DISTINCT)
    if not far:
        return
    words = replace(work.words, texts=far, everything=False)
    columns = (col(Version.entry_id), col(Version.number), col(Version.findings), col(Version.needs))
    query = select(*columns).where(col(Version.entry_id) != work.entry.id)
    found = [
        {"entry_id": key, "number": number, "findings": words.scrub(findings), "needs": words.scrub(needs)}
        for key, number, findings, needs in work.session.execute(query.execution_options(yield_per=PIECE))
        if words.are_in([findings, needs])
    ]
    if found:
        work.session.execute(update(Version), found)
    work.count("version", len(found))


# ---- the audit record -------------------------------------------------------------------------------------


def contents_to_erase(work: Cleaning, batches: Collection[str]) -> list[int]:
    """The numbers of the events whose content goes: the entry's own, and any that holds one of the texts."""
    own = {*names_of(work.session, work.entry.id), *batches}
    query = (
        select(col(AuditEvent.seq), col(AuditEvent.act), col(AuditEvent.subject), col(AuditContent.content))
        .join(AuditContent, col(AuditContent.seq) == col(AuditEvent.seq))
        .where(col(AuditContent.erased_at).is_(None))
        .order_by(col(AuditEvent.seq))
    )
    found = []
    for seq, act, subject, content in work.session.execute(query.execution_options(yield_per=PIECE)):
        if act == ERASURE or content is None:
            continue
        value = json.loads(content)
        own_deed = subject in own and subject not in batches and _is_of_version(work, value, own)
        if own_deed or work.words.are_in(value, far=subject not in own):
            found.append(seq)
    return found


def _is_of_version(work: Cleaning, details: Mapping[str, Any], own: Collection[str]) -> bool:
    # an event that holds nothing but numbers, codes and digests tells nothing
    tells = any(not _PLAIN.fullmatch(text) and text not in own for text in texts_in(details, keys=True))
    if work.words.everything:
        return tells
    return tells and details.get("version", details.get("number")) in work.numbers


def erase_contents(session: Session, events: Collection[int], *, by: int, now: datetime) -> None:
    """Take the contents of events, whose digests stay in the tree; ``by`` is the event that records it."""
    for start in range(0, len(events), PIECE):
        part = list(events)[start : start + PIECE]
        session.execute(
            update(AuditContent)
            .where(col(AuditContent.seq).in_(part))
            .values(content=None, salt=None, erased_at=now, erased_by=by)
            .execution_options(synchronize_session=False)
        )


# ---- the file of the database -----------------------------------------------------------------------------


def sweep_pages(database: Database) -> bool:
    """Rewrite an embedded database without its free pages and empty its log; False when it is in use by others.

    A deleted row stays readable in the file until then.
    """
    if database.engine.dialect.name != "sqlite":
        return False
    connection = database.engine.raw_connection()
    # its settings are for this alone
    connection.detach()
    try:
        cursor = connection.cursor()
        for statement in (f"PRAGMA busy_timeout={_PATIENCE}", "PRAGMA secure_delete=ON", "VACUUM"):
            cursor.execute(statement)
        busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    finally:
        connection.close()
    return not busy
