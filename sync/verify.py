"""The whole portal read and compared with the ledger: every way in which it is not as the registry says.

Names come from the portal's database, contents from its search (which is twenty times quicker); where the two do not
agree, and for whatever is missing, the dataset itself is read.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.keys import digest_of
from registry.models import Entry, SyncEntry, SyncTarget
from sync import ledger
from sync.desires import wanted
from sync.mapping import Difference, dataset_id, differences, entry_of, is_ours, portal_form
from sync.plan import plan_of
from sync.portal import Seen
from sync.reports import names_of
from sync.run import Line

MISSING, DELETED, EDITED, RENAMED = "missing", "deleted", "edited", "renamed"
BYTES, DOUBLED, EXTRA, GHOST, BEHIND, FOREIGN = "bytes", "doubled", "extra", "ghost", "behind", "foreign"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Drifted:
    """One way in which a portal differs. ``kind`` is a key of sync.yaml; ``portal_id`` and ``portal_name`` are as it
    stands there; ``entry_id`` is empty where no entry of ours is meant."""

    kind: str
    entry_id: str = ""
    portal_id: str = ""
    portal_name: str = ""
    differences: tuple[Difference, ...] = ()
    code: str = ""
    name: str = ""


@dataclass(slots=True)
class Findings:
    """What a verification found: how many datasets of ours were ``checked``, and every drift."""

    target: str
    checked: int = 0
    drifts: list[Drifted] = field(default_factory=list)

    @property
    def in_step(self) -> bool:
        return not self.drifts


def verify(line: Line, *, deep: bool = False) -> Findings:
    """Read the whole portal and say how it differs from what the ledger says that was put there.

    ``deep``: the bytes of every file are read and compared, not only those of datasets that were touched since.
    What is found is noted in the ledger; nothing is changed at the portal.

    Raises:
        PortalError: it cannot be read.
    """
    reading = _Reading(line, deep=deep)
    reading.compare()
    _note(line, reading)
    return reading.findings


class _Reading:
    """One reading of a portal beside the ledger."""

    def __init__(self, line: Line, *, deep: bool) -> None:
        self.line, self.deep = line, deep
        self.findings = Findings(line.target)
        self.fine: list[str] = []
        with line.database.read() as session:
            query = select(SyncEntry).where(col(SyncEntry.target_id) == line.target_id)
            self.rows = {row.entry_id: row for row in session.execute(query).scalars()}
            session.expunge_all()
        own = line.shape.registry, line.shape.scope
        self.by_id = {dataset_id(*own, key): key for key in self.rows}
        self.names = line.portal.names()
        self.seen = {one.id: one for one in line.portal.everything()}

    def compare(self) -> None:
        self._add_unsearchable()
        for row in self.rows.values():
            if row.state == ledger.PRESENT:
                self._compare_row(row)
        self._compare_others()
        self._foreign_names()
        self._behind()
        self._name_all()

    def _add_unsearchable(self) -> None:
        """Datasets that stand in the portal's database and that its search does not give."""
        found = {one.name for one in self.seen.values()}
        for name in sorted(self.names - found):
            seen = self.line.portal.look(name)
            if seen is not None and seen.active and self._ours(seen):
                self.seen[seen.id] = seen

    def _ours(self, seen: Seen) -> bool:
        return is_ours(seen.package, self.line.shape)

    def _add(self, kind: str, entry_id: str = "", seen: Seen | None = None, *more: Difference) -> None:
        portal_id, name = (seen.id, seen.name) if seen else ("", "")
        self.findings.drifts.append(Drifted(kind, entry_id, portal_id, name, more))

    # ---- what should be there -----------------------------------------------------------------------------

    def _compare_row(self, row: SyncEntry) -> None:
        self.findings.checked += 1
        seen = self.seen.get(row.portal_id)
        if seen is None or seen.name not in self.names:
            seen = self.line.portal.look(row.portal_id)
        if seen is None:
            self._add(MISSING, row.entry_id)
        elif not seen.active:
            self._add(DELETED, row.entry_id, seen)
        elif seen.name != row.portal_name:
            self._add(RENAMED, row.entry_id, seen)
        elif digest_of(portal_form(seen.package, self.line.shape)) != row.form:
            self._add(EDITED, row.entry_id, seen)
        elif not self._same_bytes(row, seen):
            self._add(BYTES, row.entry_id, seen)
        else:
            self.fine.append(row.entry_id)

    def _same_bytes(self, row: SyncEntry, seen: Seen) -> bool:
        untouched = _moment(seen.modified) == _moment(row.modified)
        if not row.files or (untouched and not self.deep):
            return True
        return dict(self.line.portal.served(seen.package, list(row.files))) == dict(row.files)

    # ---- what should not be there -------------------------------------------------------------------------

    def _compare_others(self) -> None:
        expected = {row.portal_id for row in self.rows.values() if row.state == ledger.PRESENT}
        for seen in list(self.seen.values()):
            if seen.id in expected:
                continue
            entry_id = self._entry_of(seen)
            if entry_id is None:
                continue
            if seen.name not in self.names and self.line.portal.look(seen.id) is None:
                self._add(GHOST, entry_id, seen)
            elif self._held_now(entry_id):
                continue
            elif self._state_of(entry_id) == ledger.PRESENT:
                self._add(DOUBLED, entry_id, seen)
            elif self._state_of(entry_id) == ledger.UNCERTAIN:
                self._add(EDITED, entry_id, seen)
            else:
                self._add(EXTRA, entry_id, seen)

    def _state_of(self, entry_id: str) -> str:
        row = self.rows.get(entry_id)
        return row.state if row else ""

    def _entry_of(self, seen: Seen) -> str | None:
        """The entry that a dataset was made of, as far as it is one of ours; also one that lost its marks."""
        if self._ours(seen):
            return entry_of(seen.package) or ""
        return self.by_id.get(seen.id)

    def _held_now(self, entry_id: str) -> bool:
        """Whether a run is at work on an entry just now, or has not finished with it: it will say what is there."""
        row = self.rows.get(entry_id)
        unfinished = row is not None and row.state == ledger.UNCERTAIN and row.asked > row.met
        return row is not None and (bool(row.held_by) or unfinished)

    def _foreign_names(self) -> None:
        """Refused rows whose name somebody else's dataset bears."""
        by_name = {seen.name: seen for seen in self.seen.values() if not self._ours(seen)}
        for row in self.rows.values():
            seen = by_name.get(row.portal_name) if row.portal_name else None
            if seen is not None and row.trouble == ledger.REFUSED and seen.id != row.portal_id:
                self._add(FOREIGN, row.entry_id, seen)

    # ---- what was not sent yet ----------------------------------------------------------------------------

    def _behind(self) -> None:
        told = {one.entry_id for one in self.findings.drifts}
        with self.line.database.read() as session:
            target = session.get_one(SyncTarget, self.line.target_id)
            plan = plan_of(session, target, self.line.shape, now=self.line.clock())
        for one in plan.entries:
            if one.entry_id not in told:
                self.findings.drifts.append(Drifted(BEHIND, one.entry_id))

    def _name_all(self) -> None:
        drifts = self.findings.drifts
        with self.line.database.read() as session:
            names = names_of(session, [one.entry_id for one in drifts if one.entry_id])
            shown = self._differences(session, [one for one in drifts if one.kind in (EDITED, RENAMED)])
        self.findings.drifts = [
            Drifted(
                one.kind,
                one.entry_id,
                one.portal_id,
                one.portal_name,
                shown.get(one.entry_id, one.differences),
                *names.get(one.entry_id, ("", one.portal_name)),
            )
            for one in drifts
        ]

    def _differences(self, session: Session, edited: list[Drifted]) -> dict[str, tuple[Difference, ...]]:
        shape, found = self.line.shape, {}
        for first in range(0, len(edited), _AT_ONCE):
            part = edited[first : first + _AT_ONCE]
            wants = wanted(session, shape, [one.entry_id for one in part], now=self.line.clock())
            for one in part:
                desired, seen = wants[one.entry_id].desired, self.seen.get(one.portal_id)
                if desired is not None and seen is not None:
                    forms = portal_form(desired.package, shape), portal_form(seen.package, shape)
                    found[one.entry_id] = tuple(differences(*forms))
        return found


def _moment(text: str) -> str:
    """A moment of the portal to the millisecond: search gives no more, and with a Z."""
    return text.rstrip("Z")[:23]


def _note(line: Line, reading: _Reading) -> None:
    """Keep in the ledger what was found, and that the rest was seen to be right."""
    now = line.clock()
    with line.database.write() as session:
        own = update(SyncEntry).where(col(SyncEntry.target_id) == line.target_id)
        for part in _parts(reading.fine):
            session.execute(own.where(col(SyncEntry.entry_id).in_(part)).values(seen_at=now, drift=""))
        for one in reading.findings.drifts:
            if one.entry_id in reading.rows and one.kind != BEHIND:
                query = own.where(col(SyncEntry.entry_id) == one.entry_id)
                session.execute(query.values(drift=one.kind, seen_at=now))


def _parts(keys: list[str]) -> Iterator[list[str]]:
    return (keys[first : first + _AT_ONCE] for first in range(0, len(keys), _AT_ONCE))


def known_entries(session: Session, keys: list[str]) -> set[str]:
    """Those of some keys that are entries of this register."""
    return {
        key
        for part in _parts(keys)
        for key in session.execute(select(col(Entry.id)).where(col(Entry.id).in_(part))).scalars()
    }


def findings_json(found: Findings, at: datetime) -> dict[str, Any]:
    """What a verification found, as JSON."""
    return {
        "target": found.target,
        "at": at.isoformat(),
        "checked": found.checked,
        "in_step": found.in_step,
        "drifts": [
            {
                "kind": one.kind,
                "code": one.code,
                "name": one.name,
                "portal_id": one.portal_id,
                "portal_name": one.portal_name,
                "differences": [asdict(difference) for difference in one.differences],
            }
            for one in found.drifts
        ],
    }
