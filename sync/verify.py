"""The whole portal read and compared with the ledger: every way in which it is not as the registry says.

Names come from the portal's database, contents from its search (which is twenty times quicker); where the two do not
agree, and for whatever is missing, the dataset itself is read. The portal is read first: what a run beside this one
does meanwhile is then in the ledger.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.keys import digest_of
from registry.models import Agency, Entry, SyncEntry, SyncTarget
from sync import ledger
from sync.desires import wanted
from sync.mapping import (
    Difference,
    Shape,
    dataset_id,
    dataset_name,
    differences,
    entry_of,
    is_ours,
    organization_name,
    portal_form,
)
from sync.plan import plan_of
from sync.portal import Seen
from sync.reports import names_of
from sync.run import Line

MISSING, DELETED, EDITED, RENAMED, BYTES = "missing", "deleted", "edited", "renamed", "bytes"
DOUBLED, EXTRA, GHOST, BEHIND, FOREIGN = "doubled", "extra", "ghost", "behind", "foreign"
UNFOUND, ORGANIZATION = "unfound", "organization"
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


class _Glimpse(NamedTuple):
    """What is kept of a dataset that was seen: a city has too many to keep them whole."""

    id: str
    name: str
    modified: str
    form: str
    ours: bool
    entry_id: str


def verify(line: Line, *, deep: bool = False) -> Findings:
    """Read the whole portal and say how it differs from what the ledger says that was put there.

    ``deep``: every dataset is read from the portal's database and the bytes of every file are compared, not only
    those of datasets that were touched since. What is found is noted in the ledger; nothing is changed at the portal.

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
        self.names = line.portal.names()
        self.seen = {one.id: self._glimpse(one) for one in line.portal.everything()}
        self.organizations = line.portal.organizations()
        with line.database.read() as session:
            query = select(SyncEntry).where(col(SyncEntry.target_id) == line.target_id)
            self.rows = {row.entry_id: row for row in session.execute(query).scalars()}
            session.expunge_all()
        own = line.shape.registry, line.shape.scope
        self.by_id = {dataset_id(*own, key): key for key in self.rows}

    def _glimpse(self, seen: Seen) -> _Glimpse:
        shape = self.line.shape
        form = digest_of(portal_form(seen.package, shape))
        ours, entry_id = is_ours(seen.package, shape), entry_of(seen.package) or ""
        return _Glimpse(seen.id, seen.name, seen.modified, form, ours, entry_id)

    def compare(self) -> None:
        found = {one.name for one in self.seen.values()}
        self.unsearchable = self.names - found
        for row in self.rows.values():
            if row.state == ledger.PRESENT:
                self._compare_row(row)
        self._compare_others()
        self._parked()
        self._behind()
        self._compare_organizations()
        self._name_all()

    def _add(self, kind: str, entry_id: str = "", seen: Seen | _Glimpse | None = None) -> None:
        portal_id, name = (seen.id, seen.name) if seen else ("", "")
        self.findings.drifts.append(Drifted(kind, entry_id, portal_id, name))

    # ---- what should be there -----------------------------------------------------------------------------

    def _compare_row(self, row: SyncEntry) -> None:
        self.findings.checked += 1
        glimpse: _Glimpse | None = self.seen.get(row.portal_id)
        if glimpse is None or glimpse.name not in self.names or self.deep:
            seen = self.line.portal.look(row.portal_id)
            if seen is None or not seen.active:
                self._add(DELETED if seen else MISSING, row.entry_id, seen)
                return
            glimpse = self._glimpse(seen)
            if seen.name in self.unsearchable:
                self._add(UNFOUND, row.entry_id, glimpse)
        kind = self._differs(row, glimpse)
        if kind:
            self._add(kind, row.entry_id, glimpse)
        elif row.form:
            self.fine.append(row.entry_id)

    def _differs(self, row: SyncEntry, glimpse: _Glimpse) -> str:
        """How a dataset that is there differs from what was put there; what is being written is not judged."""
        if not row.form:
            return ""
        if glimpse.name != row.portal_name:
            return RENAMED
        if glimpse.form != row.form:
            return EDITED
        return "" if self._same_bytes(row, glimpse) else BYTES

    def _same_bytes(self, row: SyncEntry, glimpse: _Glimpse) -> bool:
        untouched = _moment(glimpse.modified) == _moment(row.modified)
        if not row.files or (untouched and not self.deep):
            return True
        seen = self.line.portal.look(row.portal_id)
        return seen is not None and dict(self.line.portal.served(seen.package, list(row.files))) == dict(
            row.files
        )

    # ---- what should not be there -------------------------------------------------------------------------

    def _compare_others(self) -> None:
        expected = {row.portal_id for row in self.rows.values() if row.state == ledger.PRESENT}
        hidden = (self.line.portal.look(name) for name in sorted(self.unsearchable))
        unlisted = [self._glimpse(one) for one in hidden if one is not None and one.active]
        for glimpse in (*self.seen.values(), *unlisted):
            entry_id = glimpse.entry_id if glimpse.ours else self.by_id.get(glimpse.id)
            if glimpse.id not in expected and entry_id is not None:
                self._compare_other(glimpse, entry_id)

    def _compare_other(self, glimpse: _Glimpse, entry_id: str) -> None:
        seen = self.line.portal.look(glimpse.id)
        if seen is None:
            self._add(GHOST, entry_id, glimpse)
        elif self._is_at_work(entry_id) or not seen.active:
            return
        elif self._state_of(entry_id) == ledger.PRESENT:
            self._add(DOUBLED, entry_id, glimpse)
        elif self._state_of(entry_id) == ledger.UNCERTAIN:
            self._add(EDITED, entry_id, glimpse)
        else:
            self._add(EXTRA, entry_id, glimpse)

    def _state_of(self, entry_id: str) -> str:
        row = self.rows.get(entry_id)
        return row.state if row else ""

    def _is_at_work(self, entry_id: str) -> bool:
        """Whether a run is at work on an entry just now, or has not finished with it: it will say what is there."""
        row = self.rows.get(entry_id)
        unfinished = row is not None and row.state == ledger.UNCERTAIN and row.asked > row.met
        return row is not None and (bool(row.held_by) or unfinished)

    # ---- what was refused, or not sent yet ----------------------------------------------------------------

    def _parked(self) -> None:
        """What was refused and waits for a person: the portal is not as it should be, whatever the reason."""
        parked = [row for row in self.rows.values() if row.trouble == ledger.REFUSED and row.asked == row.met]
        told = {one.entry_id for one in self.findings.drifts}
        others = {one.name: one for one in self.seen.values() if not one.ours}
        with self.line.database.read() as session:
            codes = names_of(session, [row.entry_id for row in parked])
        for row in parked:
            code = codes.get(row.entry_id, (row.entry_id, ""))[0]
            foreign = others.get(row.portal_name or dataset_name(code, row.entry_id))
            if foreign is not None and foreign.id != row.portal_id:
                self._add(FOREIGN, row.entry_id, foreign)
            elif row.entry_id not in told:
                self._add(BEHIND, row.entry_id)

    def _behind(self) -> None:
        told = {one.entry_id for one in self.findings.drifts}
        with self.line.database.read() as session:
            target = session.get_one(SyncTarget, self.line.target_id)
            plan = plan_of(session, target, self.line.shape, now=self.line.clock())
        for one in plan.entries:
            if one.entry_id not in told:
                self._add(BEHIND, one.entry_id)

    def _compare_organizations(self) -> None:
        """Each organization once, by one of its entries."""
        present = {key for key, row in self.rows.items() if row.state == ledger.PRESENT}
        query = select(col(Entry.id), col(Agency.code), col(Agency.name)).join(
            Agency, col(Agency.id) == col(Entry.agency_id)
        )
        looked: set[str] = set()
        with self.line.database.read() as session:
            for part in _parts(sorted(present)):
                for entry_id, code, title in session.execute(query.where(col(Entry.id).in_(part))):
                    if code not in looked and self.organizations.get(organization_name(code)) != title:
                        name = organization_name(code)
                        self.findings.drifts.append(Drifted(ORGANIZATION, entry_id, portal_name=name))
                    looked.add(code)

    # ---- in words -----------------------------------------------------------------------------------------

    def _name_all(self) -> None:
        drifts = self.findings.drifts
        with self.line.database.read() as session:
            names = names_of(session, [one.entry_id for one in drifts if one.entry_id])
            edited = [one for one in drifts if one.kind in (EDITED, RENAMED)]
            shown = dict(self._differences(session, edited))
        self.findings.drifts = [self._worded(one, names, shown) for one in drifts]

    def _worded(
        self, one: Drifted, names: dict[str, tuple[str, str]], shown: dict[str, tuple[Difference, ...]]
    ) -> Drifted:
        code, name = names.get(one.entry_id, ("", one.portal_name))
        found = shown.get(one.entry_id, ()) if one.kind in (EDITED, RENAMED) else ()
        return replace(one, code=code, name=name, differences=found)

    def _differences(
        self, session: Session, edited: list[Drifted]
    ) -> Iterator[tuple[str, tuple[Difference, ...]]]:
        shape, now = self.line.shape, self.line.clock()
        by_entry = {one.entry_id: one for one in edited}
        for part in _parts(sorted(by_entry)):
            for entry_id, want in wanted(session, shape, part, now=now).items():
                seen = self.line.portal.look(by_entry[entry_id].portal_id)
                if want.desired is not None and seen is not None:
                    yield entry_id, _differences(want.desired.package, seen, shape)


def _differences(package: Any, seen: Seen, shape: Shape) -> tuple[Difference, ...]:
    return tuple(differences(portal_form(package, shape), portal_form(seen.package, shape)))


def _moment(text: str) -> str:
    """A moment of the portal to the millisecond: search gives no more, and with a Z."""
    return text.rstrip("Z")[:23]


def _note(line: Line, reading: _Reading) -> None:
    """Keep in the ledger what was found, and that the rest was seen to be right; what a run changed meanwhile is its."""
    now = line.clock()
    own = update(SyncEntry).where(col(SyncEntry.target_id) == line.target_id, col(SyncEntry.held_by) == "")
    apart = {one.entry_id: one.kind for one in reading.findings.drifts if one.kind != BEHIND}
    with line.database.write() as session:
        ledger.hold(session, line.target_id, sorted(apart))
        for entry_id, kind in apart.items():
            row = reading.rows.get(entry_id)
            if row is not None:
                same = (col(SyncEntry.entry_id) == entry_id, col(SyncEntry.met) == row.met)
                session.execute(own.where(*same).values(drift=kind, seen_at=now))
    for part in _parts([key for key in reading.fine if key not in apart]):
        with line.database.write() as session:
            ledger.hold(session, line.target_id, part)
            session.execute(own.where(col(SyncEntry.entry_id).in_(part)).values(seen_at=now, drift=""))


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
