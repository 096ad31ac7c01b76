"""Files of wipe records taken in: every row judged first, with sheet, row and column of what is wrong; all or none."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs import Specs
from registry.errors import Rejected
from registry.models import WipeRecord
from registry.permits import Actor
from registry.wipe_sheets import ReadRecord
from registry.wipe_sight import CaseRow, find_case
from registry.wipes import judge, record
from validators.wiping import errors_of, findings_json, worded

_SHOWN = 100
_NONE: Mapping[str, str] = {}
_EVIDENCE = "evidence_hashes"


def record_read(
    session: Session,
    case: str,
    read: Sequence[ReadRecord],
    *,
    evidence: Mapping[str, str] = _NONE,
    actor: Actor,
    now: datetime,
) -> list[WipeRecord]:
    """Record what was read from a file; ``evidence`` holds the digests of stored files by name.

    Where a record names one of the files in the place of a digest, the digest takes its place. A file that no record
    names is evidence of all of them.

    Raises:
        NotFound. NotAllowed. Conflict. Rejected: nothing is recorded, each finding with its place.
    """
    row = find_case(session, case, actor=actor)
    contents = _with_evidence([dict(one.content) | {"kind": one.kind} for one in read], evidence, row.specs)
    errors = list(_errors(session, row, read, contents, now))
    if errors:
        lines = [f"  {one['place']} {one['message']}" for one in errors[:_SHOWN]]
        more = [f"  还有 {len(errors) - _SHOWN} 处"] if len(errors) > _SHOWN else []
        raise Rejected("\n".join((f"{row.case.number} 的清除记录没有登记：", *lines, *more)), errors=errors)
    return record(session, case, contents, actor=actor, now=now)


def _with_evidence(
    contents: Sequence[dict[str, Any]], evidence: Mapping[str, str], specs: Specs
) -> list[dict[str, Any]]:
    known = {name.casefold(): digest for name, digest in evidence.items()}
    digests = {one.key for one in specs.wiping.lists if one.of == "digests"}
    papers = digests | {field.key for field in specs.retirement.fields if field.type == "attachment"}
    named: set[str] = set()
    found = [
        {key: _named(value, known, named) if key in papers else value for key, value in content.items()}
        for content in contents
    ]
    others = [digest for name, digest in known.items() if name not in named]
    for content in found:
        given = content.get(_EVIDENCE)
        if others and (given is None or isinstance(given, list)):
            content[_EVIDENCE] = list(dict.fromkeys([*(given or ()), *others]))
    return found


def _named(value: Any, known: Mapping[str, str], named: set[str]) -> Any:
    """A value with the digests of the files that it names; ``named`` is told which they are."""
    if isinstance(value, str) and value.casefold() in known:
        named.add(value.casefold())
        return known[value.casefold()]
    if isinstance(value, list):
        return [_named(part, known, named) for part in value]
    if isinstance(value, dict):
        return {key: _named(part, known, named) for key, part in value.items()}
    return value


def _errors(
    session: Session,
    row: CaseRow,
    read: Sequence[ReadRecord],
    contents: Sequence[Mapping[str, Any]],
    now: datetime,
) -> Iterator[dict[str, str]]:
    unread = [one for one in read if one.errors]
    for one in unread:
        for text in one.errors:
            yield {"code": "E132", "place": one.place(), "message": text}
    if unread:
        return
    specs = row.specs
    for one, judged in zip(read, judge(session, row, contents, now=now), strict=True):
        wrong = errors_of(judged.findings)
        for said, kept in zip(worded(wrong, specs), findings_json(wrong, specs), strict=True):
            yield kept | {"place": one.place(said.where), "message": said.text}
