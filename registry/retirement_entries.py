"""The entries of a retirement: which they are, the fate of each, and how a fate comes true. Source: domain §12 R15.

Settling goes on where it stopped, however it stopped: what is done is marked, what waits says for what.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_lifecycle import State
from catalog_specs.law_retiring import FateLaw
from registry import audit
from registry.drafts import save_draft
from registry.entries import TOMBSTONES
from registry.errors import MuluError
from registry.fates import systems_over
from registry.kept import storable
from registry.lifecycle import MoveRefused, Refusal, perform, perform_many
from registry.lookup import find_entry
from registry.models import Agency, Distribution, Entry, Retirement, RetirementEntry, System, Version
from registry.outbox import mark
from registry.permits import EVERYTHING, Actor, Target, may, roles_of
from registry.retirement_cases import refused
from registry.retirement_impact import entries_of
from registry.stores import Store
from registry.subjects import LIVE, Subject, lifecycle_of
from registry.whereabouts import still_there

WHY_LENGTH, ARCHIVE_LENGTH, TROUBLE_LENGTH = 500, 200, 500
_WITHDRAWN = "withdrawn"
_PIECE = 400


class Fate(NamedTuple):
    """A fate as it is asked for: of which entry (code or key), which, why, and where an archive is kept."""

    entry: str
    fate: str
    why: str = ""
    archive: str = ""


@dataclass(slots=True)
class Settled:
    """What came of settling a chunk: entries done now, entries that wait (with what for), and how many are left."""

    done: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    left: int = 0


# ---- which entries ----------------------------------------------------------------------------------------


def gather_entries(session: Session, case: Retirement) -> list[str]:
    """Enter the entries that came to the system since; gives their keys. None can slip past the case."""
    known = set(_keys(session, case))
    new = [key for key in entries_of(session, case.system_id) if key not in known]
    session.add_all(RetirementEntry(retirement_id=case.id, entry_id=key) for key in new)
    session.flush()
    return new


def _keys(session: Session, case: Retirement) -> list[str]:
    query = select(col(RetirementEntry.entry_id)).where(col(RetirementEntry.retirement_id) == case.id)
    return list(session.execute(query).scalars())


def rows_of(
    session: Session, case: Retirement, keys: Sequence[str] | None = None
) -> list[tuple[RetirementEntry, Entry]]:
    """The entries of a case with their fates, by code; of ``keys`` alone, if given."""
    query = (
        select(RetirementEntry, Entry)
        .join(Entry, col(Entry.id) == col(RetirementEntry.entry_id))
        .where(col(RetirementEntry.retirement_id) == case.id)
        .order_by(col(Entry.code), col(Entry.id))
    )
    query = query if keys is None else query.where(col(RetirementEntry.entry_id).in_(keys))
    found = session.execute(query, execution_options={"populate_existing": True})
    return [(row, entry) for row, entry in found]


def count_left(session: Session, case: Retirement) -> int:
    """How many entries of a case have not met their fate."""
    mine = select(func.count()).select_from(RetirementEntry)
    mine = mine.where(col(RetirementEntry.retirement_id) == case.id, col(RetirementEntry.done_at).is_(None))
    return int(session.execute(mine).scalar_one())


# ---- decided ----------------------------------------------------------------------------------------------


def decide_fates(
    session: Session, case: Retirement, wanted: Sequence[Fate], *, actor: Actor, now: datetime
) -> list[str]:
    """Decide the fates of entries, all or none; gives the keys of those whose fate is new or another one.

    Raises:
        Rejected: an unknown entry or fate, one that has come true already, no successor, no place of the archive;
            everything is named, by entry.
    """
    rows = {row.entry_id: (row, entry) for row, entry in rows_of(session, case)}
    over = _over(session, case)
    by_name = {name: key for key, (_row, entry) in rows.items() for name in (entry.id, entry.code) if name}
    wrong: list[str] = []
    told: dict[str, Fate] = {}
    for place, one in enumerate(wanted, 1):
        key = by_name.get(one.entry.strip())
        trouble = f"不是任务 {case.number} 的条目" if key is None else _against(case, *rows[key], one, over)
        if key is not None and told.setdefault(key, one) != one:
            trouble = "写了两次，处置不同"
        wrong += [f"第 {place} 条 {one.entry[:60]}：{trouble}"] if trouble else []
    if wrong:
        raise refused("处置没有登记，请改正：", wrong)
    changed = [key for key, one in told.items() if _differs(rows[key][0], one)]
    for key in changed:
        _put(rows[key][0], told[key], actor, now)
    session.flush()
    return changed


def _over(session: Session, case: Retirement) -> str:
    """Why the successor can take nothing over; an empty text when it can, or when there is none."""
    found = systems_over(session, [case.successor_id]) if case.successor_id else {}
    return (
        f"承接系统{'；'.join(found.values())}，不能移交；改承接系统（mulu retirement successor）"
        if found
        else ""
    )


def _against(case: Retirement, row: RetirementEntry, entry: Entry, one: Fate, over: str) -> str:
    """Why this entry cannot have this fate; an empty text when it can. ``over``: what is wrong with the successor."""
    law, named = load().retiring.fate_index.get(one.fate), {f.key: f for f in load().retirement.fates}
    if law is None:
        return f"没有“{one.fate[:20]}”这种处置；可用：" + "、".join(
            f"{f.key}（{f.zh}）" for f in named.values()
        )
    if row.done_at is not None and row.fate != one.fate:
        return f"已办结“{named[row.fate].zh}”，不能改"
    if law.needs_successor and case.successor_id is None:
        return "没有承接系统，不能移交；先登记承接系统（mulu retirement successor）"
    if law.needs_successor and over:
        return over
    if law.needs_archive and not one.archive.strip():
        return "转为档案须写明存放处（archive）"
    if law.needs_archive and entry.in_force is None:
        return "从未通告，没有可归档的目录；注销或移交"
    if len(one.why) > WHY_LENGTH or len(one.archive) > ARCHIVE_LENGTH:
        return f"理由至多 {WHY_LENGTH} 字，存放处至多 {ARCHIVE_LENGTH} 字"
    return ""


def _differs(row: RetirementEntry, one: Fate) -> bool:
    return (row.fate, row.why, row.archive) != (
        one.fate,
        storable(one.why.strip()),
        storable(one.archive.strip()),
    )


def _put(row: RetirementEntry, one: Fate, actor: Actor, now: datetime) -> None:
    row.fate, row.why, row.archive = one.fate, storable(one.why.strip()), storable(one.archive.strip())
    row.decided_by, row.decided_at, row.trouble = actor.login, now, ""


# ---- come true --------------------------------------------------------------------------------------------


def settle_chunk(
    session: Session,
    case: Retirement,
    keys: Sequence[str],
    *,
    actor: Actor,
    now: datetime,
    files: Store | None = None,
) -> Settled:
    """Bring about the fates of some entries as far as it can be done now and by this actor.

    What cannot be done yet is no error: it waits, and the row says for what.
    """
    rows = rows_of(session, case, keys)
    way = _Way(session, case, actor, now, files)
    by_fate: dict[str, list[tuple[RetirementEntry, Entry]]] = defaultdict(list)
    for row, entry in rows:
        if row.fate and row.done_at is None:
            by_fate[row.fate].append((row, entry))
    for fate, listed in by_fate.items():
        way.settle(load().retiring.fate_index[fate], listed)
    session.flush()
    return way.settled


class _Way:
    """The fates of one chunk, on their way."""

    def __init__(
        self, session: Session, case: Retirement, actor: Actor, now: datetime, files: Store | None
    ) -> None:
        self.session, self.case, self.actor, self.now, self.files = session, case, actor, now, files
        self.settled = Settled()
        agency = session.get_one(Agency, case.agency_id)
        self.target = Target(agency.id, agency.region, case.system_id)

    def settle(self, law: FateLaw, listed: Sequence[tuple[RetirementEntry, Entry]]) -> None:
        rows = {row.entry_id: row for row, _entry in listed}
        if not may(self.actor, law.permission, roles_of(load()), self.target) and not law.needs_successor:
            for row, _entry in listed:
                self.settled.waiting[row.entry_id] = "须由部门负责人办理"
            return
        if law.needs_successor:
            for row, entry in listed:
                self._transfer(row, entry)
            return
        if law.decides:
            # retired already, by the case of another system that it was on its way to
            for row in [row for row, entry in listed if entry.state in TOMBSTONES]:
                self._note(rows.pop(row.entry_id), "")
        stuck = self._take_off(law, rows)
        ready = [key for key in rows if key not in stuck]
        stuck |= self._archive(rows, ready) if law.needs_archive else self._retire(rows, ready)
        for key, row in rows.items():
            self._note(row, stuck.get(key, ""))

    def _note(self, row: RetirementEntry, trouble: str) -> None:
        row.trouble = storable(trouble)[:TROUBLE_LENGTH]
        if trouble:
            self.settled.waiting[row.entry_id] = trouble
        else:
            row.done_at = self.now
            self.settled.done.append(row.entry_id)

    def _why(self, row: RetirementEntry) -> str:
        return f"系统停用 {self.case.number}{'：' if row.why else ''}{row.why}"

    # ---- off the shelf ----

    def _take_off(self, law: FateLaw, rows: Mapping[str, RetirementEntry]) -> dict[str, str]:
        """Take what cannot be served any more off the shelf; gives what stands against it, by entry."""
        query = select(Distribution).where(
            col(Distribution.entry_id).in_(sorted(rows)),
            col(Distribution.state).in_(LIVE),
            col(Distribution.form).in_(law.forms_off),
        )
        live = list(self.session.execute(query.order_by(col(Distribution.id))).scalars())
        return self._move([Subject(made.entry_id, made.id) for made in live], "off_shelf", rows)

    def _move(
        self, subjects: Sequence[Subject], move: str, rows: Mapping[str, RetirementEntry]
    ) -> dict[str, str]:
        """Make one move of all that may make it, a reason at a time; gives what stands against the others."""
        against: dict[str, str] = {}
        by_note: dict[str, list[Subject]] = defaultdict(list)
        for subject in subjects:
            by_note[self._why(rows[subject.entry_id])].append(subject)
        for note, asked in by_note.items():
            against |= self._moved(asked, move, note)
        return against

    def _moved(self, asked: Sequence[Subject], move: str, note: str) -> dict[str, str]:
        try:
            return self._all_moved(asked, move, note)
        except MoveRefused as refused:
            against = {one.subject.entry_id: _said(one) for one in refused.refusals}
        except MuluError:
            # who of them it is cannot be told from the error of a batch
            return {} | {k: v for one in asked for k, v in self._one_moved(one, move, note).items()}
        left = [one for one in asked if one.entry_id not in against]
        return against | (self._moved(left, move, note) if left else {})

    def _all_moved(self, asked: Sequence[Subject], move: str, note: str) -> dict[str, str]:
        with self.session.begin_nested():
            perform_many(
                self.session, asked, move, actor=self.actor, now=self.now, note=note, files=self.files
            )
        return {}

    def _one_moved(self, one: Subject, move: str, note: str) -> dict[str, str]:
        try:
            return self._all_moved([one], move, note)
        except MuluError as error:
            return {one.entry_id: error.message}

    # ---- retired ----

    def _retire(self, rows: Mapping[str, RetirementEntry], ready: Sequence[str]) -> dict[str, str]:
        """Retire what is gone everywhere; what a portal may still hold waits for the sync job."""
        there = still_there(self.session, ready)
        waiting = {key: f"等待同步撤下：{'；'.join(said)}" for key, said in there.items()}
        gone = [Subject(key) for key in ready if key not in there]
        return waiting | (self._move(gone, "retire", rows) if gone else {})

    # ---- kept as an archive ----

    def _archive(self, rows: Mapping[str, RetirementEntry], ready: Sequence[str]) -> dict[str, str]:
        query = (
            select(Entry).where(col(Entry.id).in_(sorted(ready))).order_by(col(Entry.id)).with_for_update()
        )
        held = list(self.session.execute(query, execution_options={"populate_existing": True}).scalars())
        against = {entry.id: "不在有效状态，不能归档；改为注销" for entry in held if entry.in_force is None}
        acts = [self._frozen(entry, rows[entry.id]) for entry in held if entry.id not in against]
        self.session.flush()
        mark(self.session, [act.subject for act in acts], "freeze_entry", now=self.now)
        audit.record(self.session, acts, actor=self.actor.login, now=self.now, operator=self.actor.operator)
        return against

    def _frozen(self, entry: Entry, row: RetirementEntry) -> audit.Act:
        entry.frozen_at, entry.lock = self.now, entry.lock + 1
        ended = self._end_open(entry)
        details = {"case": self.case.number, "archive": row.archive} | ({"ended": ended} if ended else {})
        return audit.Act("freeze_entry", entry.id, details)

    def _end_open(self, entry: Entry) -> int | None:
        """A version under way ends with the entry's updates; gives its number."""
        if entry.newest == entry.in_force:
            return None
        newest = self.session.get_one(Version, (entry.id, entry.newest), populate_existing=True)
        if _state(newest).final:
            return None
        newest.state, newest.ended_at = _WITHDRAWN, self.now
        newest.awaits, newest.awaits_role, newest.awaits_since = None, None, None
        return newest.number

    # ---- transferred ----

    def _transfer(self, row: RetirementEntry, entry: Entry) -> None:
        """Give the entry a new version that names the successor; it is done when that version is in force."""
        successor = self.session.get_one(System, str(self.case.successor_id))
        try:
            with self.session.begin_nested():
                trouble = self._transferred(row, entry, successor)
        except MuluError as error:
            trouble = error.message
        self._note(row, trouble)

    def _transferred(self, row: RetirementEntry, entry: Entry, successor: System) -> str:
        if over := _over(self.session, self.case):
            return over
        newest = self.session.get_one(Version, (entry.id, entry.newest), populate_existing=True)
        if not _names(newest, successor):
            state = _state(newest)
            if not state.editable and not state.in_force and not state.final:
                return f"第 {newest.number} 版是“{state.zh}”，正在审核；通告或退回后再移交"
            self._rename(entry.id, newest, successor)
            self.session.refresh(entry)
        row.number = entry.newest
        if entry.in_force is None:
            return ""
        base = self.session.get_one(Version, (entry.id, entry.in_force))
        if _names(base, successor) and entry.system_id == successor.id:
            return ""
        return f"第 {row.number} 版已改列承接系统，等待审核通告"

    def _rename(self, entry_id: str, newest: Version, successor: System) -> None:
        if _state(newest).in_force:
            note = f"系统停用 {self.case.number}：移交承接系统"
            perform(self.session, Subject(entry_id), "revise", actor=self.actor, now=self.now, note=note)
        row = find_entry(self.session, entry_id, sight=EVERYTHING)
        content = row.version.content | {"source_system_id": successor.id}
        save_draft(self.session, row, content, actor=self.actor, now=self.now)


def _state(version: Version) -> State:
    return next(s for s in lifecycle_of(load(version.profile)).versions if s.key == version.state)


def _names(version: Version, system: System) -> bool:
    written = str(version.content.get("source_system_id") or "")
    return written in {name for name in (system.id, system.ident, system.name) if name}


def _said(refusal: Refusal) -> str:
    texts = (f"“{one.text}”{'：' + '；'.join(one.details) if one.details else ''}" for one in refusal.unmet)
    return "还缺" + "；".join(texts)


def undone(rows: Iterable[tuple[RetirementEntry, Entry]]) -> list[tuple[RetirementEntry, Entry]]:
    """Of some entries those whose fate has not come true."""
    return [(row, entry) for row, entry in rows if row.done_at is None]


def is_tombstone(entry: Entry) -> bool:
    """Whether an entry was retired for good: its code is never given again."""
    return entry.state in TOMBSTONES
