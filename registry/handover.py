"""What one agency has goes over to another: entries, systems with their cases, people with their roles, open sheets.

Written delegations end: they name the old agency's head. Permissions follow at once, for they ask the agency of the
entry and of the role. Each thing that moves is an act of its own on the record, with the basis. Source: domain §12 R14.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.agency_checks import LISTED, Order
from registry.granting import known_roles
from registry.grants import follow_agency
from registry.keys import new_key
from registry.models import (
    Agency,
    BudgetFlag,
    DataCopy,
    Delegation,
    DutyEvidence,
    Entry,
    Person,
    Retirement,
    RoleGrant,
    SignatureSheet,
    System,
    Version,
    WipeCase,
)
from registry.outbox import mark
from registry.people import grants_of

PIECE = 400
_FOLLOWING = (DataCopy, Retirement, WipeCase, DutyEvidence, BudgetFlag)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The keys of what moves; None in its place stands for everything."""

    entries: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


@dataclass(slots=True)
class Moved:
    """What moved, by key; ``told`` is what somebody should look at.

    ``cases`` counts copies, retirements, wipe cases, evidence and budget flags.
    """

    entries: list[str] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    roles: int = 0
    delegations: int = 0
    cases: int = 0
    told: list[str] = field(default_factory=list)

    @property
    def listed(self) -> dict[str, list[str]]:
        """The keys as ``AgencyChange.moved`` keeps them."""
        return {"entries": self.entries, "systems": self.systems, "people": self.people}


def hand_over(session: Session, old: Agency, new: Agency, order: Order, chosen: Chosen | None) -> Moved:
    """Move what is chosen, or everything, from ``old`` to ``new``; each thing is noted in the order."""
    way = _Way(session, old, new, order, chosen)
    way.move_entries()
    way.move_requests(whole=chosen is None)
    way.move_systems()
    way.move_cases()
    way.move_people()
    way.move_roles()
    way.end_delegations()
    way.move_sheets()
    session.flush()
    return way.moved


class _Way:
    """One handing over, on its way."""

    def __init__(
        self, session: Session, old: Agency, new: Agency, order: Order, chosen: Chosen | None
    ) -> None:
        self.session, self.old, self.new, self.order, self.chosen = session, old, new, order, chosen
        self.moved = Moved()

    def _note(self, act: str, subject: str, **details: object) -> None:
        self.order.note(act, subject, **{"from": self.old.code, "to": self.new.code, **details})

    def _picked(self, ids: Iterable[str], kind: str) -> list[str]:
        return [one for one in ids if self.chosen is None or one in getattr(self.chosen, kind)]

    # ---- things ----

    def move_entries(self) -> None:
        # held in the order in which moves hold them, so that neither waits for the other
        query = select(col(Entry.id)).where(col(Entry.agency_id) == self.old.id).order_by(col(Entry.id))
        self.moved.entries = self._picked(self.session.execute(query.with_for_update()).scalars(), "entries")
        for start in range(0, len(self.moved.entries), PIECE):
            part = self.moved.entries[start : start + PIECE]
            change = update(Entry).where(col(Entry.id).in_(part))
            self.session.execute(change.values(agency_id=self.new.id, lock=col(Entry.lock) + 1))
        mark(self.session, self.moved.entries, "move_entry", now=self.order.now)
        for entry_id in self.moved.entries:
            self._note("move_entry", entry_id)

    def move_requests(self, *, whole: bool) -> None:
        """Requests and grants go with their entries; those that the agency made itself, with the whole agency."""
        follow_agency(self.session, self.old.id, self.new.id, self.moved.entries, whole=whole)

    def move_systems(self) -> None:
        query = select(System).where(col(System.agency_id) == self.old.id).order_by(col(System.id))
        found = list(self.session.execute(query.with_for_update()).scalars())
        self.moved.systems = self._picked([system.id for system in found], "systems")
        for system in found:
            if system.id in self.moved.systems:
                system.agency_id = self.new.id
                self._note("move_system", system.id, name=system.name)

    def move_cases(self) -> None:
        """Copies, retirements, wipe cases and evidence go with their system; what has none, with the whole agency.

        So do budget flags: the successor answers for what the agency owed. Source: S1 43; domain §12 R14.
        """
        for table in _FOLLOWING:
            query = select(table).where(col(table.agency_id) == self.old.id).order_by(col(table.id))
            found: list[Any] = list(self.session.execute(query.with_for_update()).scalars())
            keys = []
            for row in found:
                if self.chosen is None or getattr(row, "system_id", None) in self.moved.systems:
                    row.agency_id = self.new.id
                    keys.append(row.id)
            if keys:
                self._note(f"move_{table.__tablename__}", self.old.id, keys=keys)
            self.moved.cases += len(keys)

    def move_sheets(self) -> None:
        """Sheets that are not signed yet, if all that stands on them moves."""
        query = select(SignatureSheet).where(
            col(SignatureSheet.agency_id) == self.old.id, col(SignatureSheet.signed_at).is_(None)
        )
        moved = set(self.moved.entries)
        for sheet in self.session.execute(query.order_by(col(SignatureSheet.id))).scalars():
            on_it = {str(row.get("entry")) for row in sheet.rows}
            if self.chosen is None or on_it <= moved:
                sheet.agency_id = self.new.id
                self._note("move_sheet", sheet.id, number=sheet.number)
            elif on_it & moved:
                self.moved.told.append(f"签批单 {sheet.number} 中的目录分属不同单位，须重新打印")

    # ---- people ----

    def move_people(self) -> None:
        query = select(Person).where(col(Person.agency_id) == self.old.id).order_by(col(Person.login))
        found = list(self.session.execute(query).scalars())
        self.moved.people = self._picked([person.id for person in found], "people")
        for person in found:
            if person.id in self.moved.people:
                person.agency_id = self.new.id
                self._note("move_person", person.id, login=person.login)

    def move_roles(self) -> None:
        """Each role ends for the old agency and begins for the new one, so that the past can still be told."""
        query = select(RoleGrant).where(
            col(RoleGrant.agency_id) == self.old.id, col(RoleGrant.revoked_at).is_(None)
        )
        for grant in list(self.session.execute(query.order_by(col(RoleGrant.id))).scalars()):
            over = grant.valid_until is not None and grant.valid_until < self.order.day
            if not over and self._is_picked(grant):
                self._move_role(grant)

    def _is_picked(self, grant: RoleGrant) -> bool:
        if self.chosen is None:
            return True
        return grant.person_id in self.chosen.people or grant.system_id in self.chosen.systems

    def _move_role(self, old: RoleGrant) -> None:
        person = self.session.get_one(Person, old.person_id)
        held = [grant for grant in grants_of(self.session, person.id) if grant.id != old.id]
        made = _successor_of(old, self.new, self.order)
        old.revoked_by, old.revoked_at = self.order.actor.login, self.order.now
        roles = known_roles()
        if any(_alike(grant, made) for grant in held):
            self._note("end_role", person.id, login=person.login, role=old.role, grant=old.id)
            self.moved.told.append(
                f"“{person.login}”在“{self.new.name}”已有角色“{roles.index[old.role].zh}”，原授权终止"
            )
            return
        self.session.add(made)
        self.session.flush()
        self.moved.roles += 1
        self._note("move_role", person.id, login=person.login, role=old.role, grant=made.id, before=old.id)

    def end_delegations(self) -> None:
        query = select(Delegation).where(
            col(Delegation.agency_id) == self.old.id,
            col(Delegation.revoked_at).is_(None),
            col(Delegation.valid_until) >= self.order.day,
        )
        for given in self.session.execute(query.order_by(col(Delegation.id))).scalars():
            sides = {given.from_person_id, given.to_person_id}
            if self.chosen is not None and not sides & self.chosen.people:
                continue
            given.revoked_by, given.revoked_at = self.order.actor.login, self.order.now
            self.moved.delegations += 1
            self._note("revoke_delegation", given.to_person_id, delegation=given.id, role=given.role)
        if self.moved.delegations:
            ended = f"{self.moved.delegations} 项授权委托已终止；需要的由“{self.new.name}”重新办理"
            self.moved.told.append(ended)


def worth_a_look(session: Session, agency: Agency, entries: Sequence[str]) -> list[str]:
    """What somebody should look at in an agency that took over ``entries`` and all that goes with them."""
    told = _clashes(session, agency) + _several_heads(session, agency)
    return told + _same_names(session, agency, entries) + _torn(session, agency)


def _successor_of(old: RoleGrant, new: Agency, order: Order) -> RoleGrant:
    return RoleGrant(
        id=new_key("g"),
        person_id=old.person_id,
        role=old.role,
        agency_id=new.id,
        system_id=old.system_id,
        region=old.region,
        contract=old.contract,
        valid_from=max(old.valid_from or order.day, order.day),
        valid_until=old.valid_until,
        granted_by=order.actor.login,
        granted_at=order.now,
    )


def _alike(held: RoleGrant, made: RoleGrant) -> bool:
    """Whether a role that is held covers one to be made."""
    same = all(
        getattr(held, key) == getattr(made, key) for key in ("role", "agency_id", "system_id", "region")
    )
    begun = held.valid_from is None or (made.valid_from is not None and held.valid_from <= made.valid_from)
    lasts = held.valid_until is None or (
        made.valid_until is not None and held.valid_until >= made.valid_until
    )
    return same and begun and lasts


def _holders(session: Session, agency: Agency) -> list[tuple[Person, RoleGrant]]:
    query = (
        select(Person, RoleGrant)
        .join(RoleGrant, col(RoleGrant.person_id) == col(Person.id))
        .where(col(RoleGrant.agency_id) == agency.id, col(RoleGrant.revoked_at).is_(None))
        .order_by(col(Person.login), col(RoleGrant.id))
    )
    return [(person, grant) for person, grant in session.execute(query)]


def _clashes(session: Session, agency: Agency) -> list[str]:
    """People of an agency who hold roles that clash; they come from before, and are to be put right."""
    roles, told = known_roles(), []
    for person in {person.id: person for person, _grant in _holders(session, agency)}.values():
        held = sorted({grant.role for grant in grants_of(session, person.id)})
        for one, other in combinations(held, 2):
            if roles.clash(one, other):
                names = f"“{roles.index[one].zh}”和“{roles.index[other].zh}”"
                told.append(f"{names}不得由同一人（{person.login}）担任；撤销其中一个")
    return told


def _several_heads(session: Session, agency: Agency) -> list[str]:
    """Roles that speak for the whole agency and are held by several people now."""
    roles, told = known_roles(), []
    for role in roles.delegation.by:
        logins = sorted({person.login for person, grant in _holders(session, agency) if grant.role == role})
        if len(logins) > 1:
            told.append(f"“{agency.name}”的{roles.index[role].zh}现有 {len(logins)} 人：{'、'.join(logins)}")
    return told


def _same_names(session: Session, agency: Agency, moved: Sequence[str]) -> list[str]:
    """Names that moved entries share with others of the agency."""
    if not moved:
        return []
    newest = (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest))
    query = (
        select(func.min(col(Version.name)))
        .join(Entry, newest)
        .where(col(Entry.agency_id) == agency.id)
        .group_by(col(Version.folded))
        .having(func.count() > 1)
        .order_by(func.min(col(Version.name)))
    )
    names = [str(name) for name in session.execute(query).scalars()]
    shown = "、".join(names[:LISTED]) + ("……" if len(names) > LISTED else "")
    return [f"“{agency.name}”有同名目录 {len(names)} 组：{shown}；更新时写明资源代码"] if names else []


def _torn(session: Session, agency: Agency) -> list[str]:
    """Entries of an agency whose system is another agency's."""
    query = (
        select(col(Entry.code), col(Entry.id), col(System.name))
        .join(System, col(System.id) == col(Entry.system_id))
        .where(col(Entry.agency_id) == agency.id, col(System.agency_id) != agency.id)
        .order_by(col(Entry.id))
    )
    rows = session.execute(query).all()
    shown = "、".join(f"{code or key}（{name}）" for code, key, name in rows[:LISTED])
    return [f"{len(rows)} 条目录的来源系统属于另一单位：{shown}"] if rows else []


def clashing_systems(session: Session, chosen: Iterable[str], new: Agency | None) -> list[str]:
    """The names that systems to be moved share with each other or with those of ``new``."""
    ids = list(chosen)
    names: dict[str, int] = {}
    for system in session.execute(select(System)).scalars():
        if system.id in ids or (new is not None and system.agency_id == new.id):
            names[system.name] = names.get(system.name, 0) + 1
    return sorted(name for name, times in names.items() if times > 1)
