"""Lines of lists and sealed editions held against the record: what was changed in them without an act is named."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring as quoted
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.audit import Event
from registry.errors import Unavailable
from registry.list_document import ListDocument, code_of, document_digest, from_json
from registry.list_lines import line_digest
from registry.marks import is_genuine
from registry.models import Agency, Edition, ListLine, Version
from registry.models.columns import table_of

_SEAL, _PUBLISH, _ATTACH = "seal_edition", "publish_edition", "attach_scan"
_PIECE, _FEW = 2000, 10  # bodies of editions are long
_BOUND = ("agency", "year", "number", "digest", "owed", "substance", "rows", "role", "mark")


@dataclass(slots=True)
class ListActs:
    """What the record says of lists: digests of lines by entry and version; seals, publications, scans by edition."""

    lines: dict[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)
    editions: dict[str, dict[str, Event]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take up what an event says; the last one of a version or an edition counts."""
        if event.act in (_SEAL, _PUBLISH, _ATTACH):
            self.editions.setdefault(event.subject, {})[event.act] = event
        details = event.details or {}
        number = details.get("version")
        if not isinstance(number, int):
            return
        if "lines" in details:
            self.lines[event.subject, number] = details["lines"]
        elif event.act == "put_in_force":
            # it came into force anew, and stands on no list
            self.lines.pop((event.subject, number), None)


def list_differences(session: Session, acts: ListActs, codes: Mapping[str, str]) -> Iterator[str]:
    """Every line and edition that does not say what the record says; ``codes`` names entries.

    What was erased is passed over. A line that was made before lists were recorded must only fit its version.
    """
    yield from _lines(session, acts, codes)
    yield from _editions(session, acts)


# ---- lines ------------------------------------------------------------------------------------------------


def _lines(session: Session, acts: ListActs, codes: Mapping[str, str]) -> Iterator[str]:
    left = {(*place, kind) for place, lines in acts.lines.items() for kind in lines}
    version = and_(
        col(Version.entry_id) == col(ListLine.entry_id), col(Version.number) == col(ListLine.number)
    )
    query = select(table_of(ListLine), col(Version.digest).label("bound")).outerjoin(Version, version)
    for row in session.execute(query.execution_options(yield_per=_PIECE)):
        left.discard((row.entry_id, row.number, row.list_kind))
        fault = _line_fault(row, acts.lines.get((row.entry_id, row.number)))
        if fault:
            yield f"{_line_name(codes, row.entry_id, row.number, row.list_kind)}{fault}"
    erased = _erased(session) if left else set()
    for entry_id, number, kind in sorted(left):
        if (entry_id, number) not in erased:
            yield f"{_line_name(codes, entry_id, number, kind)}在审计记录里有，在登记表里不见了"


def _line_name(codes: Mapping[str, str], entry_id: str, number: int, kind: str) -> str:
    return f"{codes.get(entry_id, entry_id)} 第 {number} 版：清单 {kind} 的行"


def _line_fault(row: Any, recorded: Mapping[str, str] | None) -> str:
    if not _fits(row, known=recorded is not None and recorded.get(row.list_kind) == row.digest):
        return "与摘要不符"
    if row.content != row.bound:
        return "不是这一版内容的行"
    if recorded is not None and recorded.get(row.list_kind) != row.digest:
        return "与审计记录不符"
    return ""


def _fits(row: Any, *, known: bool) -> bool:
    """Whether a line fits its digest. ``known``: the record holds it, so that the same text is the same line."""
    kind, content = quoted(row.list_kind), quoted(row.content)
    # as it was stored: several times as quick as reading it and writing it again
    text = f'{{"line":{row.line},"list":{kind},"version":{content}}}'
    if known and hashlib.sha256(text.encode()).hexdigest() == row.digest:
        return True
    try:
        return line_digest(row.list_kind, row.content, row.line) == str(row.digest)
    except ValueError:
        return False


def _erased(session: Session) -> set[tuple[str, int]]:
    query = select(col(Version.entry_id), col(Version.number)).where(col(Version.erased_at).is_not(None))
    return {(entry_id, number) for entry_id, number in session.execute(query)}


# ---- editions ---------------------------------------------------------------------------------------------


def _editions(session: Session, acts: ListActs) -> Iterator[str]:
    names = {row[0]: row[1] for row in session.execute(select(col(Agency.id), col(Agency.name)))}
    seen = set()
    query = select(table_of(Edition)).execution_options(yield_per=_FEW)
    for row in session.execute(query):
        seen.add(row.id)
        name = _edition_name(names, row.agency_id, row.year, row.number)
        known = acts.editions.get(row.id, {})
        for fault in (*_content_faults(row), *_seal_faults(row, known), *_later_faults(row, known)):
            yield f"{name}{fault}"
    for key in sorted(set(acts.editions) - seen):
        event = acts.editions[key].get(_SEAL) or next(iter(acts.editions[key].values()))
        said = event.details or {}
        name = _edition_name(names, str(said.get("agency", "")), said.get("year"), said.get("number"))
        yield f"{name}（{key}）由 {event.actor} 封存，审计记录里有，在登记表里不见了"


def _edition_name(names: Mapping[str, str], agency_id: str, year: Any, number: Any) -> str:
    return f"{names.get(agency_id, agency_id)} {year}年第{number}期清单"


def _content_faults(row: Any) -> Iterator[str]:
    """What is wrong with an edition by itself."""
    try:
        document = from_json(json.loads(row.body))
    except ValueError:
        yield "：正文读不出"
        return
    if document_digest(document) != row.digest:
        yield "：正文与摘要不符"
    if code_of(row.digest) != row.code:
        yield "：校验码与摘要不符"
    if _rows_of(document) != row.rows:
        yield "：行数与正文不符"
    try:
        if not (isinstance(row.mark, dict) and is_genuine(row.mark, row.digest)):
            yield "：完整性校验标记与摘要不符"
    except Unavailable as error:
        yield f"：完整性校验标记没有核对（{error.message}）"


def _rows_of(document: ListDocument) -> int:
    return sum(len(tuple(table.rows)) for table in document.lists)


def _seal_faults(row: Any, known: Mapping[str, Event]) -> Iterator[str]:
    sealed = known.get(_SEAL)
    if sealed is None:
        yield f"（{row.id}）：审计记录里没有这次封存"
        return
    if (sealed.actor, sealed.at) != (row.sealed_by, row.sealed_at):
        yield f"：封存人或封存时间与审计记录不符（记录为 {sealed.actor}）"
    if sealed.details is None:
        return
    mark = row.mark if isinstance(row.mark, dict) else {}
    own = (getattr(row, key) for key in ("agency_id", *_BOUND[1:-1]))
    stands = (*own, mark.get("key"))
    wrong = [key for key, value in zip(_BOUND, stands, strict=True) if sealed.details.get(key) != value]
    if wrong:
        yield f"：与审计记录里的封存不符（{'、'.join(wrong)}）"


def _later_faults(row: Any, known: Mapping[str, Event]) -> Iterator[str]:
    """What came after the seal: publication and the stamped scan."""
    if _when(known.get(_PUBLISH)) != (row.published_by, row.published_at):
        yield "：公布人或公布时间与审计记录不符"
    scanned = known.get(_ATTACH)
    if _when(scanned) != (row.scan_by, row.scan_at):
        yield "：盖章扫描件的登记人或登记时间与审计记录不符"
    said = scanned.details if scanned is not None else {}
    if said is not None and said.get("sha256") != row.scan_sha256:
        yield "：盖章扫描件与审计记录不符"


def _when(event: Event | None) -> tuple[Any, Any]:
    return (event.actor, event.at) if event is not None else (None, None)
