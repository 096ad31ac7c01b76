"""Data copies: the places where data of a system, or data got by a grant, lie. Each is to be answered for one day.

What identifies a medium or a cloud resource stands in ``ids`` (fields of retirement.yaml); which of them must be given
follows from the kind and the medium (systems.yaml). Source: S-LPS 26; S1 27, 29, 36; domain §12 R16.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.agency_checks import refuse
from registry.audit import Act, record
from registry.copy_values import (
    GRANT,
    Place,
    against,
    held_against,
    highest_grade,
    name_of,
    place_of,
    plain_text,
    taken_over,
    values_of,
    warnings_of,
    written_of,
)
from registry.errors import Conflict, NotFound, Rejected, Stale
from registry.kept import storable
from registry.keys import new_key
from registry.listed_rows import ListedRow
from registry.models import Agency, DataCopy, ShareGrant, System
from registry.permits import Actor, Target, demand, reached, roles_of

REGISTER = "register_system"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one row of a list: ``copy_id`` when it was entered, ``errors`` when it was not, and what is told."""

    row: int
    name: str
    copy_id: str | None = None
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


# ---- found ------------------------------------------------------------------------------------------------


def list_copies(
    session: Session,
    *,
    system_id: str | None = None,
    case_id: str | None = None,
    grant_id: str | None = None,
    states: Collection[str] | None = None,
) -> list[DataCopy]:
    """Copies by kind and name, narrowed to what is given; who may see them is for the caller to ask."""
    query = select(DataCopy)
    for name, wanted in (("system_id", system_id), ("case_id", case_id), ("grant_id", grant_id)):
        if wanted is not None:
            query = query.where(col(getattr(DataCopy, name)) == wanted)
    if states is not None:
        query = query.where(col(DataCopy.state).in_(sorted(states)))
    order = {row.key: number for number, row in enumerate(load().systems.copies)}
    found = session.execute(query.order_by(col(DataCopy.id))).scalars()
    return sorted(found, key=lambda one: (order.get(one.kind, len(order)), one.name))


def find_copy(session: Session, copy_id: str, *, actor: Actor, held: bool = False) -> DataCopy:
    """A copy that ``actor`` sees. ``held``: one that he may change, and no other writer may have it meanwhile.

    Raises:
        NotFound: there is none of this key that is seen. NotAllowed: he may not change it.
    """
    owner, roles = col(DataCopy.agency_id), roles_of(load())
    seen = reached(actor, roles, agency=owner, region=col(Agency.region), system=col(DataCopy.system_id))
    query = select(DataCopy).join(Agency, col(Agency.id) == owner)
    query = query.where(col(DataCopy.id) == storable(copy_id), seen)
    if held:
        query = query.with_for_update(of=DataCopy).execution_options(populate_existing=True)
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(f"没有数据副本“{copy_id[:40]}”，或您看不到它；用 mulu system copies list 查看")
    if held:
        _demand(_place(session, found), actor)
    return found


def _demand(place: Place, actor: Actor) -> None:
    target = Target(place.agency.id, place.agency.region, place.system.id if place.system else None)
    demand(actor, REGISTER, roles_of(load()), target)


def _place(session: Session, copy: DataCopy) -> Place:
    system = session.get_one(System, copy.system_id) if copy.system_id else None
    grant = session.get_one(ShareGrant, copy.grant_id) if copy.grant_id else None
    return place_of(session, system, grant)


def find_grant(session: Session, written: str) -> ShareGrant:
    """A grant by its key or number.

    Raises:
        NotFound: there is none.
    """
    text = storable(written.strip())
    query = select(ShareGrant).where((col(ShareGrant.id) == text) | (col(ShareGrant.number) == text))
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound(f"没有共享授权“{written[:40]}”；写授权编号")
    return found


# ---- entered ----------------------------------------------------------------------------------------------


def add(  # noqa: PLR0913  (a copy has so many sides, each named by the caller)
    session: Session,
    system: System | None,
    kind: str,
    name: str,
    *,
    holder: str = "",
    medium: str = "",
    ids: Mapping[str, Any] | None = None,
    data_grade: str | None = None,
    target: str = "",
    grant_id: str | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> DataCopy:
    """Enter a copy of a system's data, or of data got by a grant (``grant_id``: its key or number).

    Where no grade is given, the highest one of the system's entries in force is taken; a contractor's copy takes
    holder and contract number from the system's contract. ``warnings_of`` tells what should be looked at.

    Raises:
        NotFound: no such grant. NotAllowed. Conflict: there is one of this kind and name. Rejected: kind, medium,
        grade or target will not do, nothing identifies it, or the system is external (S1 24).
    """
    plain = {"kind": kind, "name": name, "holder": holder, "medium": medium, "target": target, "note": note}
    written = dict(ids or {}) | plain | {"data_grade": data_grade, GRANT: grant_id}
    made, place = _made(session, system, written, actor=actor, now=now)
    refuse("不能登记数据副本", against(session, made, place))
    session.add(made)
    session.flush()
    record(session, [_entered(made)], actor=actor.login, now=now, operator=actor.operator)
    return made


def _made(
    session: Session, system: System | None, written: Mapping[str, Any], *, actor: Actor, now: datetime
) -> tuple[DataCopy, Place]:
    """A copy that is not stored yet, with what is taken over from system and entries."""
    given = dict(written)
    number = plain_text(given.pop(GRANT, None))
    place = place_of(session, system, find_grant(session, number) if number else None)
    _demand(place, actor)
    made = DataCopy(
        id=new_key("c"),
        agency_id=place.agency.id,
        system_id=system.id if system else None,
        grant_id=place.grant.id if place.grant else None,
        kind="",
        name="",
        state=load().systems.first_copy_state,
        created_by=actor.login,
        created_at=now,
        changed_at=now,
    )
    _write(made, values_of(taken_over(given, system)))
    made.data_grade = made.data_grade or highest_grade(session, system, place.grant)
    return made, place


def _write(copy: DataCopy, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        setattr(copy, key, value)
    copy.serial_no = values["ids"].get("serial_no")


def _entered(copy: DataCopy) -> Act:
    whose = {"system": copy.system_id, GRANT: copy.grant_id}
    told = {key: value for key, value in {**whose, **written_of(copy)}.items() if value}
    return Act("add_copy", copy.id, told)


# ---- edited and taken back --------------------------------------------------------------------------------


def edit(
    session: Session,
    copy_id: str,
    changes: Mapping[str, Any],
    *,
    lock: int | None = None,
    actor: Actor,
    now: datetime,
) -> DataCopy:
    """Change what was entered of a copy: columns and ids by their keys, an empty value takes one away.

    ``lock``: the one that the asker has seen.

    Raises:
        NotFound, NotAllowed. Stale: it has changed since. Conflict: it is being wiped or is answered for already.
        Rejected: as for ``add``.
    """
    copy = find_copy(session, copy_id, actor=actor, held=True)
    state = load().systems.copy_state_index[copy.state]
    if lock is not None and lock != copy.lock:
        raise Stale(f"数据副本“{copy.name}”在您看过之后已有变动；刷新后再改")
    if not state.editable:
        raise Conflict(f"数据副本“{copy.name}”{state.zh}，不能再改；登记有误的在清除任务中说明")
    before = written_of(copy)
    after = values_of(before | dict(changes))
    place = _place(session, copy)
    trial = DataCopy(**{name: getattr(copy, name) for name in DataCopy.model_fields})
    _write(trial, after)
    refuse("不能修改数据副本", [*against(session, trial, place), *held_against(copy, trial)])
    _write(copy, after)
    now_written = written_of(copy)
    keys = [key for key in {**before, **now_written} if before.get(key) != now_written.get(key)]
    if keys:
        copy.lock, copy.changed_at = copy.lock + 1, now
        session.flush()
        told = {key: [before.get(key), now_written.get(key)] for key in sorted(keys)}
        record(
            session, [Act("edit_copy", copy.id, told)], actor=actor.login, now=now, operator=actor.operator
        )
    return copy


def remove(session: Session, copy_id: str, *, why: str, actor: Actor, now: datetime) -> None:
    """Take back a copy that was entered by mistake and that no case holds; ``why`` goes on the record.

    Raises:
        NotFound, NotAllowed. Conflict: a case holds it, or it was wiped. Rejected: no reason is given.
    """
    copy = find_copy(session, copy_id, actor=actor, held=True)
    if copy.state != load().systems.first_copy_state or copy.case_id is not None:
        state = load().systems.copy_state_index[copy.state].zh
        raise Conflict(f"数据副本“{copy.name}”{state}，不能删除；不存在的在清除任务中写明不存在及理由")
    if not why.strip():
        raise Rejected("删除登记错的数据副本须写明理由；真有过的副本不能删除，须清除")
    told = {**_entered(copy).details, "why": storable(why.strip()[:500])}
    session.delete(copy)
    session.flush()
    act = Act("remove_copy", copy.id, told)
    record(session, [act], actor=actor.login, now=now, operator=actor.operator)


# ---- many -------------------------------------------------------------------------------------------------


@dataclass
class _Batch:
    """A list on its way: what was made of its rows, and what is said of each."""

    made: list[DataCopy] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    seen: dict[tuple[str | None, str | None, str, str], int] = field(default_factory=dict)


def import_rows(
    session: Session, system: System | None, rows: Iterable[ListedRow], *, actor: Actor, now: datetime
) -> list[Verdict]:
    """Enter the copies of a list, all of them or none: a verdict for each row, with everything wrong in it.

    Without ``system`` every row names the grant whose data it holds.

    Raises:
        NotAllowed: the data are not his agency's. Rejected: there is no row.
    """
    batch = _Batch()
    for given in rows:
        _judge(session, system, given, batch, actor=actor, now=now)
    if not batch.verdicts:
        raise Rejected("表中没有数据行；按模板填写后再导入")
    if any(verdict.errors for verdict in batch.verdicts):
        return batch.verdicts
    session.add_all(batch.made)
    session.flush()
    acts = [_entered(copy) for copy in batch.made]
    warned = [warnings_of(session, copy) for copy in batch.made]
    record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    done = zip(batch.verdicts, batch.made, warned, strict=True)
    return [replace(one, copy_id=copy.id, warnings=told) for one, copy, told in done]


def demand_all(verdicts: Iterable[Verdict]) -> None:
    """Refuse a list of which a row was wrong; the errors stand row by row in the answer.

    Raises:
        Rejected: it is.
    """
    lines = [f"第 {one.row} 行 {one.name}：{text}" for one in verdicts for text in one.errors]
    if lines:
        errors = [{"code": "row", "message": line} for line in lines]
        raise Rejected(f"有 {len(lines)} 处不对，整批没有登记；改好再导入", errors=errors)


def _judge(
    session: Session,
    system: System | None,
    given: ListedRow,
    batch: _Batch,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    name, errors = plain_text(given.values.get("name"))[:100], list(given.errors)
    try:
        made, place = _made(session, system, given.values, actor=actor, now=now)
        errors += [one.text for one in against(session, made, place)]
        errors += _doubled(made, given.row, batch)
        batch.made.append(made)
    except (Rejected, NotFound, Conflict) as error:
        errors += [row["message"] for row in error.details.get("errors", ())] or [error.message]
    batch.verdicts.append(Verdict(given.row, name, errors=tuple(errors)))


def _doubled(copy: DataCopy, row: int, batch: _Batch) -> list[str]:
    key = (copy.system_id, copy.grant_id, copy.kind, copy.name)
    first = batch.seen.setdefault(key, row)
    kind = name_of("kind", copy.kind, load())
    return [] if first == row else [f"与第 {first} 行重复（{kind}“{copy.name}”）"]


__all__ = [
    "Verdict",
    "add",
    "demand_all",
    "edit",
    "find_copy",
    "find_grant",
    "highest_grade",
    "import_rows",
    "list_copies",
    "remove",
    "warnings_of",
]
