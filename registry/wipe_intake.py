"""Files of wipe records taken in: every row judged first, with sheet, row and column of what is wrong; all or none."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from registry.errors import Rejected
from registry.models import WipeRecord
from registry.permits import Actor
from registry.wipe_sheets import ReadRecord
from registry.wipe_sight import CaseRow, find_case
from registry.wipes import judge, record
from validators.wiping import errors_of, findings_json, worded

_SHOWN = 100


def record_read(
    session: Session,
    case: str,
    read: Sequence[ReadRecord],
    *,
    evidence: Sequence[str] = (),
    actor: Actor,
    now: datetime,
) -> list[WipeRecord]:
    """Record what was read from a file; ``evidence`` are digests of stored files, added to every record.

    Raises:
        NotFound. NotAllowed. Conflict. Rejected: nothing is recorded, each finding with its place.
    """
    row = find_case(session, case, actor=actor)
    contents = [_with_evidence(one, evidence) for one in read]
    errors = list(_errors(session, row, read, contents, now))
    if errors:
        lines = [f"  {one['place']} {one['message']}" for one in errors[:_SHOWN]]
        more = [f"  还有 {len(errors) - _SHOWN} 处"] if len(errors) > _SHOWN else []
        raise Rejected("\n".join((f"{row.case.number} 的清除记录没有登记：", *lines, *more)), errors=errors)
    return record(session, case, contents, actor=actor, now=now)


def _with_evidence(one: ReadRecord, evidence: Sequence[str]) -> dict[str, Any]:
    content = dict(one.content)
    given = content.get("evidence_hashes")
    if evidence and (given is None or isinstance(given, list)):
        content["evidence_hashes"] = list(dict.fromkeys([*(given or ()), *evidence]))
    return {**content, "kind": one.kind}


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
