"""What stands around a wipe record: its case, earlier records of the medium, the copies that it names."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.errors import Rejected
from registry.kept import storable_value
from registry.models import DataCopy, WipeCase, WipeRecord
from registry.plain_json import texts_in
from registry.wipe_acts import copies_of
from registry.wipe_sight import CaseRow
from validators.requesting import is_marked
from validators.wipe_terms import RULE, Content, Term, WipeFacts, WipeFinding, medium_key, serial_key
from validators.wiping import errors_of, findings_json, refusal_text, worded

PASSED = ("verified", "certified")
WIPED, HANDED_OVER, REJECTED = "wiped", "handed_over", "rejected"
RECORD = "record"
# the copies of a case as a whole stand as the least finished of their media does
_ORDER = ("rejected", "wiped", "verified", "certified")
_PIECE = 400
_SHOWN = 100


class Covered(NamedTuple):
    """The copies that a record says were wiped, and what is wrong with what it says of copies."""

    wiped: tuple[str, ...]
    findings: tuple[WipeFinding, ...]


# ---- content ----------------------------------------------------------------------------------------------


def fill_in(content: Content, row: CaseRow, specs: Specs) -> tuple[dict[str, Any], list[WipeFinding]]:
    """The content as it is kept, with what follows from its case; E132 where it says something else itself."""
    kept: dict[str, Any] = {
        key: value for key, value in dict(storable_value(content)).items() if value not in (None, "")
    }
    if isinstance(kept.get("serial_no"), str):
        kept["serial_no"] = unicodedata.normalize("NFKC", kept["serial_no"]).strip()
    case, found = row.case, []
    own = {"case": case.kind, "system_id": case.system_id, "retire_decision_no": case.decision_no}
    # not yet given out: nobody may write them
    own |= dict.fromkeys(set(specs.wiping.filled) - set(own))
    names = {"system_id": (row.system.name, row.system.ident) if row.system else ()}
    for key, value in own.items():
        given = kept.pop(key, None)
        if given is not None and given != value and given not in names.get(key, ()):
            found.append(WipeFinding(RULE, "error", key, "other", {"wanted": str(value or "")}))
        if value:
            kept[key] = value
    return kept, [*found, *marked(kept, specs)]


def marked(content: Content, specs: Specs) -> Iterable[WipeFinding]:
    """E132 for each field that carries a mark of secrecy, by its place alone (domain §12 R1)."""
    for key, value in content.items():
        if any(is_marked(text, specs) for text in texts_in(value)):
            yield WipeFinding(RULE, "error", key if key.isascii() else "", "secret")


# ---- facts ------------------------------------------------------------------------------------------------


def facts_of(
    session: Session, case: WipeCase, contents: Sequence[Content], *, step: str, now: datetime, but: str = ""
) -> WipeFacts:
    """The facts for records of a case up to ``step``; ``but`` is the key of a record that is judged itself."""
    mine = [one for one in records_of(session, case.id) if one.id != but]
    latest: dict[str, WipeRecord] = {medium_key(one.content): one for one in mine}
    return WipeFacts(
        case=case.kind,
        step=step,
        now=now,
        system_known=case.system_id is not None,
        not_before=case.not_before,
        passed=frozenset(serial_key(one.serial_no) for one in mine if one.state in PASSED and one.serial_no),
        waiting=_waiting(mine) if step == RECORD else frozenset(),
        elsewhere=_elsewhere(session, case, contents),
        failed={
            key: one.method for key, one in latest.items() if key and one.state == REJECTED and one.method
        },
    )


def _waiting(mine: Iterable[WipeRecord]) -> frozenset[str]:
    """Serial numbers that nobody has verified yet: a second record of them could never be verified (WI11)."""
    return frozenset(serial_key(one.serial_no) for one in mine if one.state == WIPED and one.serial_no)


def records_of(session: Session, case_id: str) -> list[WipeRecord]:
    """The records of a case, in the order of recording."""
    query = select(WipeRecord).where(col(WipeRecord.case_id) == case_id).order_by(col(WipeRecord.seq))
    return list(session.execute(query, execution_options={"populate_existing": True}).scalars())


def _elsewhere(session: Session, case: WipeCase, contents: Sequence[Content]) -> frozenset[str]:
    serials = sorted({str(one["serial_no"]).lower() for one in contents if one.get("serial_no")})
    found: set[str] = set()
    for start in range(0, len(serials), _PIECE):
        query = select(col(WipeRecord.serial_no)).where(
            func.lower(col(WipeRecord.serial_no)).in_(serials[start : start + _PIECE]),
            col(WipeRecord.case_id) != case.id,
        )
        found.update(serial_key(serial) for serial in session.execute(query).scalars())
    return frozenset(found)


# ---- copies -----------------------------------------------------------------------------------------------


def enlisted(session: Session, case: WipeCase) -> list[DataCopy]:
    """The copies that were put on a case."""
    return [one for one in copies_of(session, case) if one.case_id == case.id]


def covered(mine: Sequence[DataCopy], case: WipeCase, content: Content, kind: str, specs: Specs) -> Covered:
    """Those of the copies ``mine`` that a record wiped; findings where it names others, or answers otherwise."""
    rows = content.get("copies_covered")
    wiped: list[str] = []
    found: list[WipeFinding] = []
    for said in (one for one in rows if isinstance(one, Mapping)) if isinstance(rows, list) else ():
        name, answer = str(said.get("copy", ""))[:100], said.get("answer")
        if answer == "absent":
            found += _absent(name, case, specs)
            continue
        copy = _one_copy(mine, name)
        if copy is None:
            found.append(_wrong("copy_unknown", value=name))
        elif answer == HANDED_OVER and copy.state != HANDED_OVER:
            found.append(_wrong("copy_answer", value=name, wanted=Term("answers", (HANDED_OVER,))))
        elif answer == WIPED:
            wiped.append(copy.id)
            found += [*_unfit(copy, case, kind, specs), *_otherwise(copy, content, kind, specs)]
    if not wiped and rows:
        found.append(_wrong("copy_none"))
    return Covered(tuple(dict.fromkeys(wiped)), tuple(found))


def _one_copy(mine: Sequence[DataCopy], name: str) -> DataCopy | None:
    named = [one for one in mine if one.id == name] or [one for one in mine if one.name == name.strip()]
    return named[0] if len(named) == 1 else None


def _wrong(reason: str, **params: str | Term) -> WipeFinding:
    return WipeFinding(RULE, "error", "copies_covered", reason, params)


def _absent(name: str, case: WipeCase, specs: Specs) -> list[WipeFinding]:
    keys = {word: row.key for row in specs.retirement.copies for word in (row.key, row.zh)}
    if keys.get(name) in case.absent:
        return []
    return [_wrong("copy_answer", value=name, wanted=Term("answers", ("absent",)))]


def _unfit(copy: DataCopy, case: WipeCase, kind: str, specs: Specs) -> list[WipeFinding]:
    found, kinds = [], specs.systems.copy_index[copy.kind].records
    if copy.state not in specs.wiping.need_index[case.kind].wipe_from:
        state = Term("copy_states", (copy.state,))
        found.append(_wrong("copy_state", value=copy.name, wanted=state))
    if kind not in kinds:
        found.append(_wrong("copy_kind", value=copy.name, choices=Term("kinds", kinds)))
    return found


def _otherwise(copy: DataCopy, content: Content, kind: str, specs: Specs) -> Iterator[WipeFinding]:
    """What a record says of a copy otherwise than the register: its medium, its grade (lower), what identifies it."""
    medium, grade = content.get("media_type"), content.get("data_grade_before")
    if medium and copy.medium and medium != copy.medium:
        yield _wrong("copy_medium", value=copy.name, wanted=Term("media", (copy.medium,)))
    if isinstance(grade, str) and _rank(grade, specs) < _rank(copy.data_grade, specs):
        yield _wrong("copy_grade", value=copy.name, wanted=Term("grades", (str(copy.data_grade),)))
    # another medium of the same copy is its own record: told, not refused
    key = next(row.identified_by for row in specs.systems.identifying if row.key == kind)
    known, named = _ids(copy.ids.get(key)), {serial_key(one) for one in _ids(content.get(key))}
    strange = [one for one in known if serial_key(one) not in named]
    if strange and named:
        params = {"value": copy.name, "wanted": "、".join(strange)[:_SHOWN]}
        yield WipeFinding(RULE, "warn", key, "copy_ids", params)


def _rank(grade: str | None, specs: Specs) -> int:
    row = specs.code_value("data_grade", grade or "")
    return int(str(row.attrs["rank"])) if row else 0


def _ids(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value]) if one not in (None, "")]


def settle_copies(session: Session, case: WipeCase, ids: Iterable[str], *, now: datetime) -> None:
    """Bring copies to where their records stand: the last record of each medium counts, the least finished decides."""
    session.flush()
    wanted = set(ids)
    standing: dict[str, dict[str, str]] = {key: {} for key in wanted}
    for one in records_of(session, case.id):
        for key in wanted.intersection(one.copies):
            standing[key][medium_key(one.content) or one.id] = one.state
    for copy in (one for one in copies_of(session, case) if one.id in wanted):
        state = next((state for state in _ORDER if state in standing[copy.id].values()), copy.state)
        if state != copy.state:
            copy.state, copy.changed_at = state, now
            copy.lock += 1


# ---- refused -------------------------------------------------------------------------------------------


def refuse_all(what: str, found: Sequence[Sequence[WipeFinding]], specs: Specs) -> None:
    """Refuse records that have errors, each finding on a line of its own, with the number of the record.

    Raises:
        Rejected.
    """
    errors = [errors_of(findings) for findings in found]
    if not any(errors):
        return
    if len(errors) == 1:
        raise Rejected(**refusal_text(what, errors[0], specs))
    lines: list[str] = []
    listed: list[dict[str, str]] = []
    for number, one in enumerate(errors, 1):
        lines += [f"  第 {number} 条 {said.text}" for said in worded(one, specs)]
        listed += [said | {"record": str(number)} for said in findings_json(one, specs)]
    more = [f"  还有 {len(lines) - _SHOWN} 处"] if len(lines) > _SHOWN else []
    raise Rejected("\n".join((f"{what}：", *lines[:_SHOWN], *more)), errors=listed)
