"""Wipe cases (清除任务): which copies they answer for, and when they are done. They are opened by ``open_case``.

Each deed is recorded last, as one act. Where several are made in one transaction, hold what they change beforehand:
the first of them holds the record until the transaction ends.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry import copies as register
from registry.agency_checks import Against, refuse
from registry.errors import Conflict, Rejected
from registry.kept import storable
from registry.models import DataCopy, Retirement, WipeCase, WipeRecord
from registry.permits import Actor
from registry.recording import Paper
from registry.wipe_acts import (
    CANCELLED,
    CLOSED,
    RETIREMENT,
    begin,
    case_copy,
    copies_of,
    record_act,
    text_of,
)
from registry.wipe_closing import closing_findings, unanswered_of
from registry.wipe_opening import open_case
from validators.requesting import is_marked
from validators.wiping import errors_of, refusal_text

__all__ = [
    "cancel_case",
    "close_case",
    "enlist",
    "enlist_new",
    "hand_over_copy",
    "open_case",
    "portals_gone",
    "say_absent",
    "set_copies",
    "unanswered",
]
PLANNED, HANDED_OVER, GONE = "planned", "handed_over", "gone"
_SET = ("frozen", "disposed")


# ---- copies -----------------------------------------------------------------------------------------------


def enlist(
    session: Session, case: WipeCase, copies: Sequence[DataCopy | str], *, actor: Actor, now: datetime
) -> list[DataCopy]:
    """Put copies on a case, by row, key or name; from then on it answers for them.

    Raises:
        NotAllowed. Rejected: one is unknown, or of another agency or system. Conflict: one is answered for already,
        or stands on another case; the case is closed.
    """
    row, specs = begin(session, case, "enlist", actor)
    found = [_named_copy(session, row.case, one) for one in copies]
    against = [against for one in found for against in _unfit_copy(row.case, one, specs)]
    if not found:
        against = [Against("没有写明副本")]
    refuse("不能列入清除任务", against)
    for one in found:
        _move(one, PLANNED, now)
        one.case_id = row.case.id
    told = {"copies": [one.id for one in found]}
    record_act(session, row.case, "enlist_copies", told, actor=actor, now=now)
    return found


def _named_copy(session: Session, case: WipeCase, named: DataCopy | str) -> DataCopy:
    key = named.id if isinstance(named, DataCopy) else storable(named.strip())
    query = select(DataCopy).where(
        (col(DataCopy.id) == key) | (col(DataCopy.name) == key), col(DataCopy.agency_id) == case.agency_id
    )
    rows = list(
        session.execute(query.with_for_update(), execution_options={"populate_existing": True}).scalars()
    )
    narrowed = [one for one in rows if one.id == key or case.system_id in (None, one.system_id)]
    if not narrowed:
        raise Rejected(
            f"本任务的单位没有数据副本“{key[:60]}”；先登记副本（mulu system copies add），或写内部编号"
        )
    if len(narrowed) > 1:
        raise Conflict(f"名称为“{key[:60]}”的副本有 {len(narrowed)} 处；写内部编号")
    return narrowed[0]


def _unfit_copy(case: WipeCase, copy: DataCopy, specs: Specs) -> list[Against]:
    found = []
    if case.system_id and copy.system_id != case.system_id:
        found.append(Against(f"“{copy.name}”不是本任务系统的副本"))
    if case.grant_id and copy.grant_id != case.grant_id:
        found.append(Against(f"“{copy.name}”不是本授权取得的数据"))
    states = specs.systems.copy_state_index
    if copy.state != specs.systems.first_copy_state:
        place = "在本任务里" if copy.case_id == case.id else "已列入其他清除任务或已有结果"
        found.append(Against(f"“{copy.name}”{place}（{states[copy.state].zh}）", state=True))
    if specs.systems.copy_index[copy.kind].ledger and case.kind != RETIREMENT:
        found.append(Against(f"“{copy.name}”在门户上，由下架和回读了结；停用系统时才列入清除任务"))
    return found


def _move(copy: DataCopy, state: str, now: datetime) -> None:
    copy.state, copy.changed_at = state, now
    copy.lock += 1


def enlist_new(
    session: Session,
    case: WipeCase,
    kind: str,
    name: str,
    *,
    medium: str,
    ids: Mapping[str, Any],
    data_grade: str | None = None,
    actor: Actor,
    now: datetime,
) -> DataCopy:
    """Enter a medium as a copy (such as a replaced disk) and put it on a case at once. Source: GB/T 22239-2019.

    Raises:
        As ``copies.add`` and ``enlist``.
    """
    row, _specs = begin(session, case, "enlist", actor)
    made = register.add(
        session,
        row.system,
        kind,
        name,
        medium=medium,
        ids=ids,
        data_grade=data_grade,
        grant_id=row.case.grant_id,
        actor=actor,
        now=now,
    )
    enlist(session, row.case, [made], actor=actor, now=now)
    return made


def say_absent(
    session: Session, case: WipeCase, absent: Mapping[str, str], *, actor: Actor, now: datetime
) -> WipeCase:
    """Declare that there are no copies of some kinds (keys of ``copies`` in retirement.yaml), each with a word why.

    Raises:
        NotAllowed. Rejected: a kind is unknown, the word is missing. Conflict: there are copies of this kind.
    """
    row, specs = begin(session, case, "absent", actor)
    kinds = {one.key: one.zh for one in specs.retirement.copies}
    there = {one.kind: one.name for one in copies_of(session, row.case)}
    found = [] if absent else [Against("没有写明副本种类")]
    for kind, why in absent.items():
        said = text_of(why)
        if kind not in kinds:
            known = "、".join(f"{key}（{zh}）" for key, zh in kinds.items())
            found.append(Against(f"没有“{kind[:20]}”这种副本；可用：{known}"))
        elif not 0 < len(said) <= 200 or is_marked(said, specs):
            found.append(Against(f"须说明为什么没有{kinds[kind]}（至多 200 字，不含密级标志）"))
        elif kind in there:
            found.append(Against(f"已登记{kinds[kind]}“{there[kind]}”，不能声明不存在", state=True))
    refuse("不能声明不存在", found)
    row.case.absent = {**row.case.absent, **{kind: text_of(why) for kind, why in absent.items()}}
    row.case.lock += 1
    record_act(session, row.case, "say_copies_absent", {"kinds": sorted(absent)}, actor=actor, now=now)
    return row.case


def hand_over_copy(
    session: Session, case: WipeCase, copy_id: str, paper: Paper, *, actor: Actor, now: datetime
) -> DataCopy:
    """Record that a copy was handed over instead of wiped, with the receipt: a number, a stored file, or both.

    Raises:
        NotAllowed. Rejected: it is not on this case, or there is no receipt. Conflict: it is wiped already.
    """
    row, specs = begin(session, case, "hand_over", actor)
    copy, number = case_copy(session, row.case, copy_id), text_of(paper.number)
    found = []
    if not (number or paper.sha256):
        found.append(Against("须有移交凭证：文号（--no）或签收单文件"))
    if len(number) > 100 or is_marked(number, specs):
        found.append(Against("移交凭证的文号至多 100 字，不含密级标志"))
    if copy.state not in (PLANNED, *_SET, "rejected"):
        said = specs.systems.copy_state_index[copy.state].zh
        found.append(Against(f"“{copy.name}”{said}，不能再登记移交", state=True))
    refuse("不能登记移交", found)
    _move(copy, HANDED_OVER, now)
    told = {"copy": copy.id, "number": number, "sha256": paper.sha256, "file": paper.file_name}
    told |= {"day": paper.day.isoformat() if paper.day else None}
    told = {key: value for key, value in told.items() if value}
    copy.ids = {**copy.ids, "handed_over": {k: v for k, v in told.items() if k != "copy"}}
    record_act(session, row.case, "hand_over_copy", told, actor=actor, now=now)
    return copy


def set_copies(
    session: Session,
    case: WipeCase,
    state: str,
    *,
    only: Sequence[str] | None = None,
    actor: Actor,
    now: datetime,
) -> list[DataCopy]:
    """Move the copies of a case to ``frozen`` or ``disposed``.

    ``only`` names some of them by key. Without it the copies that stand in a state before are moved; those that were
    handed over or wiped stay. Gives what was moved, which may be nothing when it is done again.

    Raises:
        NotAllowed. Rejected: another state, or a copy named in ``only`` cannot move there. Conflict.
    """
    if state not in _SET:
        raise Rejected(f"副本不能这样改为“{state[:20]}”；可用：{'、'.join(_SET)}")
    return _moved(session, case, state, only=only, actor=actor, now=now)


def portals_gone(session: Session, case: WipeCase, *, actor: Actor, now: datetime) -> list[DataCopy]:
    """Answer for the copies at portals, which the caller has found gone in the ledger; nobody says so by hand.

    Raises:
        NotAllowed. Conflict: the case is over.
    """
    return _moved(session, case, GONE, actor=actor, now=now)


def _moved(
    session: Session,
    case: WipeCase,
    state: str,
    *,
    only: Sequence[str] | None = None,
    actor: Actor,
    now: datetime,
) -> list[DataCopy]:
    row, specs = begin(session, case, "set", actor)
    mine = [one for one in copies_of(session, row.case) if one.case_id == row.case.id]
    wanted = [one for one in mine if _may_reach(one, state, specs)]
    if only is not None:
        stuck = [one.name for one in mine if one.id in only and one not in wanted and one.state != state]
        unknown = sorted(set(only) - {one.id for one in mine})
        refuse("不能改副本状态", [Against(f"“{name}”不能改为{state}") for name in (*stuck, *unknown)])
        wanted = [one for one in wanted if one.id in only]
    for one in wanted:
        _move(one, state, now)
    if wanted:
        told = {"state": state, "copies": [one.id for one in wanted]}
        record_act(session, row.case, "set_copies", told, actor=actor, now=now)
    return wanted


def _may_reach(copy: DataCopy, state: str, specs: Specs) -> bool:
    ledger = specs.systems.copy_index[copy.kind].ledger
    if state == GONE:
        return ledger and not specs.systems.copy_state_index[copy.state].terminal
    steps = {one.key: one.next for one in specs.retirement.states}
    return not ledger and state in steps.get(copy.state, ())


# ---- closed -----------------------------------------------------------------------------------------------


def unanswered(session: Session, case: WipeCase) -> tuple[str, ...]:
    """What WI7 still asks: copies without a final state and, for a retirement, kinds neither entered nor absent."""
    return unanswered_of(session, case, load())


def close_case(
    session: Session, case: WipeCase, *, actor: Actor, now: datetime, by_retirement: bool = False
) -> WipeCase:
    """Close a case in which everything is answered for: every copy certified, handed over, gone or absent.

    A retirement's case also waits until no grant runs and nothing of the system stands on the shelf (WI10); it is
    closed ``by_retirement`` alone, which could not be closed after it.

    Raises:
        NotAllowed. Rejected: with everything that is missing. Conflict: it is closed already, or a retirement's.
    """
    row, specs = begin(session, case, "close", actor)
    findings = closing_findings(session, row.case, specs, now=now)
    if errors := errors_of(findings):
        raise Rejected(**refusal_text(f"{row.case.number} 不能结案", errors, specs))
    if not by_retirement:
        _demand_free(session, row.case, "结案", "close")
    row.case.state, row.case.closed_by, row.case.closed_at = CLOSED, actor.login, now
    row.case.lock += 1
    record_act(session, row.case, "close_wipe_case", {}, actor=actor, now=now)
    return row.case


def cancel_case(
    session: Session, case: WipeCase, why: str, *, actor: Actor, now: datetime, by_retirement: bool = False
) -> WipeCase:
    """Take back a case in which nothing was recorded yet; its copies are in use again.

    Raises:
        NotAllowed. Rejected: no reason given. Conflict: there are records, or copies that were handed over; it is a
        retirement's and not cancelled ``by_retirement``.
    """
    row, specs = begin(session, case, "cancel", actor)
    if not by_retirement:
        _demand_free(session, row.case, "撤销", "cancel")
    said, mine = text_of(why), [one for one in copies_of(session, row.case) if one.case_id == row.case.id]
    found = [] if 0 < len(said) <= 500 and not is_marked(said, specs) else [Against("须写明撤销的理由")]
    recorded = select(func.count()).select_from(WipeRecord).where(col(WipeRecord.case_id) == row.case.id)
    if session.execute(recorded).scalar_one() or any(one.state == HANDED_OVER for one in mine):
        found.append(Against("已有清除记录或移交，不能撤销", state=True))
    refuse("不能撤销清除任务", found)
    for one in mine:
        _move(one, specs.systems.first_copy_state, now)
        one.case_id = None
    row.case.state, row.case.closed_by, row.case.closed_at = CANCELLED, actor.login, now
    row.case.lock += 1
    record_act(session, row.case, "cancel_wipe_case", {"why": said}, actor=actor, now=now)
    return row.case


def _demand_free(session: Session, case: WipeCase, deed: str, command: str) -> None:
    """A retirement's case ends with the retirement: ended before, the retirement itself could never be closed."""
    if owner := session.get(Retirement, case.retirement_id) if case.retirement_id else None:
        raise Conflict(
            f"{case.number} 属停用任务 {owner.number}，随停用任务{deed}：mulu retirement {command} {owner.number}"
        )
