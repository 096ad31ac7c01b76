"""How lists, requests and promises are cleaned of an entry's content.

A line of a sealed edition goes whole and leaves its digest, so that the edition still verifies. Numbers, states, dates
and digests of requests stay. Source: domain §12 R1; SSL-REG 41.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select, tuple_, union, update
from sqlmodel import SQLModel, col

from registry.audit import names_of
from registry.erasing import Cleaning, Words, mark
from registry.errors import Unavailable
from registry.keys import canonical_json
from registry.list_document import ListRow, erased_row, erasure_digest, from_json, is_erased, row_json
from registry.list_lines import erase_lines
from registry.marks import make_mark
from registry.models import (
    Agency,
    AgencyChange,
    ChangeCase,
    ChangeEvent,
    DataRequest,
    Dispute,
    Edition,
    ListLine,
    RequestAct,
    ShareGrant,
    UpdateSeen,
    UsageRecord,
)
from registry.models.columns import table_of
from registry.signing import moment_text

log = logging.getLogger(__name__)
ByHand = tuple[str, dict[str, Any]]
_EDITIONS = table_of(Edition)
_AT_A_TIME = 400
_FIELDS: dict[type[SQLModel], tuple[str, ...]] = {
    DataRequest: ("content", "reasons"),
    RequestAct: ("note", "data"),
    ShareGrant: ("items", "content"),
    UsageRecord: ("content",),
    Dispute: ("subject", "outcome", "document"),
    UpdateSeen: ("note",),
    ChangeCase: ("why", "extension_reason", "note"),
}
_PLACES: dict[type[SQLModel], str] = {
    DataRequest: "request",
    RequestAct: "request",
    ShareGrant: "grant",
    UsageRecord: "grant",
    Dispute: "dispute",
    UpdateSeen: "promise",
    ChangeCase: "promise",
}


def clean_lists(work: Cleaning) -> list[ByHand]:
    """Take the entry's content from lists, requests and promises.

    Gives what a person must clean: keys of audit.yaml's ``by_hand``, each with what its text asks for.
    """
    work.count("list_line", erase_lines(work.session, work.entry.id, sorted(work.numbers)))
    by_hand = list(_clean_editions(work))
    _clean_requests(work)
    _clean_promises(work)
    return [*by_hand, *_clean_events(work)]


# ---- editions ---------------------------------------------------------------------------------------------


class _Line(NamedTuple):
    """A line of an edition, and where it stands."""

    table: int
    place: int
    key: str
    row: ListRow


def _clean_editions(work: Cleaning) -> Iterator[ByHand]:
    words = _content_words(work)
    keys = list(work.session.execute(select(col(Edition.id)).order_by(col(Edition.id))).scalars())
    for key in keys:
        yield from _clean_edition(work, words, key)


def _content_words(work: Cleaning) -> Words:
    """The texts that must go, without agencies' names: a line names who may use the entry."""
    named = union(select(col(Agency.name)), select(col(AgencyChange.name)))
    return replace(work.words, texts=work.words.texts - set(work.session.execute(named).scalars()))


def _clean_edition(work: Cleaning, words: Words, key: str) -> Iterator[ByHand]:
    query: Select[Any] = select(_EDITIONS, col(Agency.name).label("agency"))
    mine = col(Agency.id) == col(Edition.agency_id)
    edition = work.session.execute(query.join(Agency, mine).where(col(Edition.id) == key)).one()
    about = {"agency": edition.agency, "edition": f"{edition.year}年第{edition.number}期"}
    try:
        value = json.loads(edition.body)
        lines = list(_lines(value))
    except ValueError:
        yield "edition_unread", about
        return
    gone = list(_gone(work, words, lines))
    for line in gone:
        value["lists"][line.table]["lines"][line.place] = row_json(erased_row(line.key, line.row))
    changed: dict[str, Any] = {}
    if gone:
        changed = {"body": canonical_json(value), "erasure": _erasure(value, edition.digest, work.now)}
    if edition.scan_name and words.are_in(edition.scan_name, far=not gone):
        changed["scan_name"] = mark()
    if changed:
        work.session.execute(update(_EDITIONS).where(_EDITIONS.c.id == key).values(**changed))
        work.count("edition", max(len(gone), 1))
    if gone:
        yield "edition_files", about | {"code": edition.code}
    if gone and edition.scan_sha256:
        yield "edition_scan", about | {"sha256": edition.scan_sha256}


def _erasure(value: Any, digest: str, now: datetime) -> dict[str, Any] | None:
    """What vouches for every line of a stored edition that has no content; None when the key cannot be used.

    A spill is done all the same: then exported files do not verify until the edition is sealed anew.
    """
    tables = from_json(value).lists
    lines = sorted(row.cells[0] for table in tables for row in table.rows if is_erased(row))
    try:
        return {"lines": lines, "mark": make_mark(erasure_digest(digest, lines), at=moment_text(now))}
    except Unavailable as error:
        log.warning("没有为删除的清单行作校验标记：%s", error.message)
        return None


def _lines(value: Any) -> Iterator[_Line]:
    """The lines of a stored edition that were not erased before. Raises ValueError when it is none."""
    for number, table in enumerate(from_json(value).lists):
        for place, row in enumerate(table.rows):
            if not is_erased(row):
                yield _Line(number, place, table.key, row)


def _gone(work: Cleaning, words: Words, lines: Iterable[_Line]) -> Iterator[_Line]:
    """The lines of the erased versions, and those that hold a text that nothing else accounts for."""
    doubtful = []
    for line in lines:
        own = line.row.entry == work.entry.id
        if own and (words.everything or line.row.version in work.numbers):
            yield line
        elif words.are_in(line.row.cells, far=not own):
            doubtful.append(line)
    for start in range(0, len(doubtful), _AT_A_TIME):
        yield from _unaccounted(work, words, doubtful[start : start + _AT_A_TIME])


def _unaccounted(work: Cleaning, words: Words, doubtful: Sequence[_Line]) -> Iterator[_Line]:
    """Lines of other versions with a text that their own version, which stays, does not say itself."""
    places = {(line.row.entry, line.row.version) for line in doubtful}
    of_these = tuple_(col(ListLine.entry_id), col(ListLine.number)).in_(places)
    query = select(col(ListLine.entry_id), col(ListLine.number), col(ListLine.list_kind), col(ListLine.line))
    held = {
        tuple(row[:3]): set(json.loads(row[3]).values())
        for row in work.session.execute(query.where(of_these))
    }
    for line in doubtful:
        own = held.get((line.row.entry, line.row.version, line.key), set())
        rest = [cell for cell in line.row.cells if cell not in own]
        if words.are_in(rest, far=line.row.entry != work.entry.id):
            yield line


# ---- requests and grants ----------------------------------------------------------------------------------


def _clean_requests(work: Cleaning) -> None:
    """Take what people wrote in requests, acts on them, grants, records of use and disputes; and who applied."""
    requests = _rows(work, DataRequest, col(DataRequest.entry_id) == work.entry.id)
    grants = _rows(work, ShareGrant, col(ShareGrant.entry_id) == work.entry.id)
    numbers = {one.id: one.entry_number for one in requests}
    granted = {one.id: numbers.get(one.request_id) for one in grants}
    words = _free(work, names_of(work.session, work.entry.id))
    for request in requests:
        meant = _clean(work, words, request, request.entry_number)
        if meant and request.applicant is not None:
            # as where only the applicant is erased: that he was there is seen, and since when he is not
            request.applicant, request.erased_at = None, work.now
    for grant in grants:
        _clean(work, words, grant, granted[grant.id])
    for table in (RequestAct, Dispute):
        for row in _rows(work, table, col(table.request_id).in_(numbers)):
            _clean(work, words, row, numbers[row.request_id])
    for used in _rows(work, UsageRecord, col(UsageRecord.grant_id).in_(granted)):
        _clean(work, words, used, granted[used.grant_id])


def _free(work: Cleaning, known: Iterable[str] = ()) -> Words:
    """What speaks of an erased version loses all its free text, but for what is ``known`` by name."""
    return replace(work.words, everything=True, known=work.words.known | set(known))


def _rows(work: Cleaning, table: type[SQLModel], condition: Any) -> list[Any]:
    return list(work.session.execute(select(table).where(condition).with_for_update()).scalars())


def _clean(work: Cleaning, words: Words, row: SQLModel, number: int | None) -> bool:
    """Scrub a row that is meant; gives whether it was."""
    fields = _FIELDS[type(row)]
    values = [getattr(row, name) for name in fields]
    if not work.is_meant(number, values, getattr(row, "applicant", None)):
        return False
    for name, value in zip(fields, values, strict=True):
        setattr(row, name, words.scrub(value) if value else value)
    work.count(_PLACES[type(row)])
    return True


# ---- promises ---------------------------------------------------------------------------------------------


def _clean_promises(work: Cleaning) -> None:
    """Take what was written of updates, and of what a change asks for."""
    words = _free(work)
    for seen in _rows(work, UpdateSeen, col(UpdateSeen.entry_id) == work.entry.id):
        _clean(work, words, seen, None)
    for case in _rows(work, ChangeCase, col(ChangeCase.entry_id) == work.entry.id):
        _clean(work, words, case, case.number)


def _clean_events(work: Cleaning) -> Iterator[ByHand]:
    """Take the texts from notes of change events; what such an event rests on concerns others and stays."""
    mine = select(col(ChangeCase.event_id)).where(col(ChangeCase.entry_id) == work.entry.id)
    touched = set(work.session.execute(mine).scalars())
    for event in work.session.execute(select(ChangeEvent)).scalars():
        far = event.id not in touched
        held = [
            name for name in ("note", "withdrawn_reason") if work.words.are_in(getattr(event, name), far=far)
        ]
        for name in held:
            setattr(event, name, mark())
        work.count("promise", int(bool(held)))
        if _without_laws(work.words, event).are_in(event.basis, far=far):
            yield "change_event", {"number": event.number}


def _without_laws(words: Words, event: ChangeEvent) -> Words:
    """The texts without the laws that the event names itself: those are public."""
    titles = [str(row["title"]) for row in event.citations if isinstance(row, dict) and row.get("title")]
    public = {text for text in words.texts for title in titles if text in title or title in text}
    return replace(words, texts=words.texts - public)
