"""What is written of a data copy read into what is stored, and what stands against it or is told about it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_systems import CopyField
from registry.agency_checks import Against, refuse
from registry.errors import Rejected
from registry.kept import storable
from registry.models import Agency, DataCopy, Entry, ShareGrant, SyncTarget, System, Version
from registry.systems import is_external
from validators.fields import parse_date

GRANT = "grant"


class Place(NamedTuple):
    """Whose data it is: agency, system, grant, as far as they are known."""

    agency: Agency
    system: System | None
    grant: ShareGrant | None


def place_of(session: Session, system: System | None, grant: ShareGrant | None) -> Place:
    """Whose data lie in a copy: the system's agency, or the one that was granted them.

    Raises:
        Rejected: neither a system nor a grant is named.
    """
    if system is None and grant is None:
        raise Rejected("数据副本须属于一个系统，或写明共享授权编号（S1 27、29）")
    key = system.agency_id if system else grant.requester_id if grant else ""
    return Place(session.get_one(Agency, key), system, grant)


# ---- read -------------------------------------------------------------------------------------------------


def plain_text(value: Any) -> str:
    """A value as text without blanks around it; empty for nothing."""
    return storable(str(value)).strip() if value not in (None, "") else ""


def values_of(written: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that are stored of what is written: codes for their names, what identifies it under ``ids``.

    Raises:
        Rejected: a value is too long, a day or a code is none, or there is no such field.
    """
    spec, against = load().systems.copy_field_index, []
    found: dict[str, Any] = {}
    ids: dict[str, Any] = {}
    for key, value in written.items():
        row = spec.get(key)
        if row is None or key == GRANT:
            against.append(Against(f"不能写“{key[:20]}”"))
            continue
        read, wrong = _read(row, value)
        against += [Against(f"{row.zh}：{text}") for text in wrong]
        if not row.ids:
            found[key] = read
        elif read:
            ids[key] = read
    refuse("数据副本", against)
    return found | {"ids": ids, "data_grade": found.get("data_grade") or None}


def _read(row: CopyField, value: Any) -> tuple[Any, list[str]]:
    """One value as it is stored, and what is wrong with it."""
    if row.type == "texts":
        parts = value if isinstance(value, list | tuple) else plain_text(value).replace("；", ";").split(";")
        listed = [text for part in parts if (text := plain_text(part))]
        long = [text for text in listed if len(text) > row.length or not text.isprintable()]
        return listed, [f"“{text[:20]}”超过 {row.length} 字或含控制字符" for text in long]
    text = value.isoformat() if isinstance(value, date) else plain_text(value)
    if not text:
        return "", []
    if row.type == "text":
        fault = len(text) > row.length or not text.isprintable()
        return text, [f"至多 {row.length} 字，不含控制字符"] if fault else []
    if row.type == "day":
        day = parse_date(text)
        return (day.isoformat(), []) if day else ("", [f"“{text[:20]}”不是日期；写作 2026-11-20"])
    return _coded(row, text)


def _coded(row: CopyField, text: str) -> tuple[str, list[str]]:
    names = choices_of(row, load())
    by_name = {zh: key for key, zh in names.items()}
    values = load().codes[row.codes].values if row.codes else ()
    alias = next((value.code for value in values if text in value.aliases), "")
    found = text if text in names else by_name.get(text) or alias
    shown = "、".join(f"{key} {zh}" for key, zh in names.items())
    return found or text, [] if found else [f"没有“{text[:20]}”；可用：{shown}"]


def choices_of(row: CopyField, specs: Specs) -> dict[str, str]:
    """The keys that a field takes, with their names; empty for a field without a list."""
    match row.type:
        case "kind":
            return {one.key: one.zh for one in specs.retirement.copies}
        case "medium":
            return {one.key: one.zh for one in specs.retirement.media}
        case "code":
            return {one.code: one.zh for one in specs.codes[row.codes].values}
        case _:
            return {}


def name_of(field: str, key: str, specs: Specs) -> str:
    """The name of a kind, a medium or a grade of a copy; an unknown key names itself."""
    return choices_of(specs.systems.copy_field_index[field], specs).get(key, key)


def written_of(copy: DataCopy) -> dict[str, Any]:
    """A copy as it would be written anew."""
    rows = load().systems.copy_fields
    plain = {row.key: getattr(copy, row.key) for row in rows if not row.ids and row.key != GRANT}
    return plain | dict(copy.ids)


def copies_json(session: Session, copies: Iterable[DataCopy]) -> list[dict[str, Any]]:
    """Copies as JSON: what was entered of each, its state, and what should be looked at."""
    known: Grades = {}
    return [_copy_json(copy, warnings_of(session, copy, known)) for copy in copies]


def _copy_json(copy: DataCopy, warnings: Sequence[str]) -> dict[str, Any]:
    specs = load()
    state = specs.systems.copy_state_index[copy.state]
    names = {f"{key}_zh": name_of(key, getattr(copy, key), specs) for key in ("kind", "medium")}
    return {
        "id": copy.id,
        "system": copy.system_id,
        "grant": copy.grant_id,
        **{key: getattr(copy, key) for key in ("kind", "name", "holder", "medium", "data_grade", "target")},
        **names,
        "ids": dict(copy.ids),
        "state": state.key,
        "state_zh": state.zh,
        "answered": state.terminal,
        "case": copy.case_id,
        "note": copy.note,
        "created_by": copy.created_by,
        "created_at": copy.created_at,
        "lock": copy.lock,
        "warnings": list(warnings),
    }


def taken_over(written: Mapping[str, Any], system: System | None) -> dict[str, Any]:
    """What is written, a contractor's copy with the holder and the contract of its system where none is named."""
    found = dict(written)
    kind = load().systems.copy_index.get(plain_text(written.get("kind")))
    if system is not None and kind is not None and "service" in kind.records[:1]:
        if not any(written.get(key) for key in load().systems.identified_by(kind.key)):
            found["contract_no"] = system.contract_no
        found["holder"] = found.get("holder") or system.contractor
    return found


# ---- the grade --------------------------------------------------------------------------------------------


def _rank(grade: str | None, specs: Specs) -> int:
    row = specs.code_value("data_grade", grade or "")
    return int(str(row.attrs["rank"])) if row else 0


def highest_grade(session: Session, system: System | None, grant: ShareGrant | None = None) -> str | None:
    """The highest grade of the entries in force of a system, or of the entry of a grant; None when none has one.

    Data of both may lie in a copy that names both.
    """
    query = select(col(Version.data_grade)).join(
        Entry, (col(Entry.id) == col(Version.entry_id)) & (col(Entry.in_force) == col(Version.number))
    )
    found: list[str] = []
    for column, key in (
        (col(Entry.system_id), system.id if system else None),
        (col(Entry.id), grant.entry_id if grant else None),
    ):
        if key is not None:
            with session.no_autoflush:
                found += [grade for grade in session.execute(query.where(column == key)).scalars() if grade]
    return max(found, key=lambda grade: _rank(grade, load()), default=None)


Grades = dict[tuple[str | None, str | None], str | None]


def warnings_of(session: Session, copy: DataCopy, known: Grades | None = None) -> tuple[str, ...]:
    """What should be looked at: no grade, or one below the highest of the entries whose data lie there.

    ``known`` keeps the highest grades by system and grant, for a list of copies.
    """
    specs = load()
    if specs.systems.copy_index[copy.kind].ledger:
        return ()
    key, grades = (copy.system_id, copy.grant_id), known if known is not None else {}
    if key not in grades:
        system = session.get_one(System, copy.system_id) if copy.system_id else None
        grant = session.get_one(ShareGrant, copy.grant_id) if copy.grant_id else None
        grades[key] = highest_grade(session, system, grant)
    highest = grades[key]
    if copy.data_grade is None:
        return (said("ungraded", specs),)
    if highest is None or _rank(copy.data_grade, specs) >= _rank(highest, specs):
        return ()
    named = {
        "grade": specs.label("data_grade", copy.data_grade),
        "highest": specs.label("data_grade", highest),
    }
    return (said("lower", specs, **named),)


# ---- what stands against it -------------------------------------------------------------------------------


def said(key: str, specs: Specs, **named: str) -> str:
    """A sentence of systems.yaml about a copy, with its cure and its source."""
    row = specs.systems.saying[key]
    text, fix = row.zh.format(**named), row.fix_zh.format(**named)
    return f"{text}。办法：{fix}（{specs.cited(row.sources)}）"


def against(session: Session, copy: DataCopy, place: Place) -> list[Against]:
    """Everything that stands against a copy, which need not be stored yet."""
    specs = load()
    if place.system is not None and is_external(place.system, specs):
        external = specs.systems.external
        return [Against(f"{external.zh}；{external.fix_zh}（{specs.cited(external.sources)}）")]
    if not copy.name or not copy.kind:
        return [Against("须写明副本种类和名称")]
    found = [*_unidentified(session, copy, specs), *_refusals(copy, specs)]
    if _twin(session, copy) is not None:
        kind = name_of("kind", copy.kind, specs)
        found.append(Against(f"已登记过{kind}“{copy.name}”；同一处只登记一次", state=True))
    return found


def _unidentified(session: Session, copy: DataCopy, specs: Specs) -> list[Against]:
    if specs.systems.copy_index[copy.kind].ledger:
        known = col(SyncTarget.name) == copy.target
        query = select(col(SyncTarget.id)).where(known)
        with session.no_autoflush:
            there = bool(copy.target) and session.execute(query).first() is not None
        return [] if there else [Against(said("untargeted", specs))]
    asked = specs.systems.identified_by(copy.kind, copy.medium)
    if any(copy.ids.get(key) for key in asked):
        return []
    names = "或".join(specs.systems.copy_field_index[key].zh for key in asked)
    return [Against(said("unidentified", specs, names=names))] if asked else []


def _refusals(copy: DataCopy, specs: Specs) -> list[Against]:
    found = []
    if copy.medium and copy.medium not in specs.systems.media_of(copy.kind):
        named = {"medium": name_of("medium", copy.medium, specs), "kind": name_of("kind", copy.kind, specs)}
        found.append(Against(said("misplaced", specs, **named)))
    referred = {grade for row in specs.retirement.level_choice if row.refer for grade in row.grades}
    if copy.data_grade in referred:
        found.append(Against(said("referred", specs, grade=specs.label("data_grade", copy.data_grade))))
    return found


def held_against(copy: DataCopy, trial: DataCopy) -> list[Against]:
    """What a case that holds a copy keeps as it is: what kind it is, and its grade, which only rises."""
    if copy.case_id is None:
        return []
    specs, fixed = load(), ("kind", "target")
    found = []
    if any(getattr(copy, key) != getattr(trial, key) for key in fixed):
        found.append(Against(said("enlisted", specs), state=True))
    if _rank(trial.data_grade, specs) < _rank(copy.data_grade, specs):
        grade = specs.label("data_grade", str(copy.data_grade))
        found.append(Against(said("lowered", specs, grade=grade), state=True))
    return found


def _twin(session: Session, copy: DataCopy) -> DataCopy | None:
    query = select(DataCopy).where(
        col(DataCopy.kind) == copy.kind,
        col(DataCopy.name) == copy.name,
        col(DataCopy.id) != copy.id,
        col(DataCopy.system_id) == copy.system_id if copy.system_id else col(DataCopy.system_id).is_(None),
        col(DataCopy.grant_id) == copy.grant_id if copy.grant_id else col(DataCopy.grant_id).is_(None),
    )
    # a copy that is still judged must not be written meanwhile
    with session.no_autoflush:
        return session.execute(query).scalars().first()
