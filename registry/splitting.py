"""Agencies split: new ones take what is named of an old one, which goes on with the rest or ends.

Source: domain §12 R14; S1 2, 17, 43.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.agency_checks import (
    LISTED,
    Against,
    Order,
    agency_of_code,
    allow,
    began_before,
    draft,
    left_with,
    number_in,
    order_of,
    refuse,
)
from registry.agency_lives import SPLIT, closed_words, demand_standing, find, hold, standing
from registry.entries import lock_register
from registry.errors import Rejected
from registry.handover import Chosen
from registry.models import Agency, Entry, Person, RoleGrant, System
from registry.people import fold_login, local_day
from registry.permits import Actor
from registry.succession import (
    Succession,
    Taken,
    counts,
    end,
    outcome,
    regions_against,
    systems_against,
    take,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split: an agency (a new one, or one that stands) and what it takes, by code, name or login.

    ``rest``: it takes everything that no part names.
    """

    code: str
    name: str = ""
    kind: str | None = None
    level: str | None = None
    region: str | None = None
    entries: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    rest: bool = False


def read_parts(value: Any) -> list[Part]:
    """Parts written as JSON: a list of objects with the names of ``Part``'s fields.

    Raises:
        Rejected: it is no such list; the message says which part and why.
    """
    if not isinstance(value, list):
        raise Rejected('各部分须写成 JSON 清单：[{"code": …, "name": …, "entries": […]}]')
    return [_read_part(n, one) for n, one in enumerate(value, 1)]


def _read_part(n: int, value: Any) -> Part:
    known = [one.name for one in fields(Part)]
    if not isinstance(value, dict) or "code" not in value:
        raise Rejected(f"第 {n} 部分须是对象，且写明 code")
    for key, given in value.items():
        if key not in known:
            raise Rejected(f"第 {n} 部分不接受“{key}”；可写：{'、'.join(known)}")
        listed = key in ("entries", "systems", "people")
        texts = given if listed and isinstance(given, list) else [given]
        kind = bool if key == "rest" else str
        if listed != isinstance(given, list) or not all(isinstance(text, kind) for text in texts):
            raise Rejected(f"第 {n} 部分的“{key}”写法不对")
    read: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in value.items()}
    return Part(**read)


def split(
    session: Session,
    source: str,
    parts: Sequence[Part],
    *,
    day: date,
    basis: str,
    close: bool = False,
    across_regions: bool = False,
    actor: Actor,
    now: datetime,
) -> Succession:
    """Split parts off an agency: what they name moves, the rest stays, or goes to the part that takes the ``rest``.

    A part is a new agency with a department number of its own, or one that stands. With ``close`` the source ends
    and must be empty by then; the part with the rest, or the only one, is its successor.

    Raises:
        NotFound, NotAllowed. Conflict: the source or a part is closed, something would be left, two systems would
        bear one name. Rejected: something is named that the source has not, or twice; codes, day or basis.
    """
    lock_register(session)
    today = local_day(now)
    old = find(session, source, today=today)
    allow(old, actor)
    hold(session, old)
    demand_standing(session, old, today)
    order, against = order_of(day, basis, actor=actor, now=now)
    splitting = Splitting(session, old, parts, order)
    against += began_before(old, day) + splitting.against(across_regions)
    refuse("不能拆分单位", against)
    for heir in splitting.heirs:
        allow(heir, actor)
    splitting.enter_agencies()
    taken = [
        Taken(old, heir, take(session, old, heir, order, SPLIT, chosen))
        for heir, chosen in splitting.in_order()
    ]
    if close:
        left = left_with(session, old, today, below=splitting.successor is None)
        refuse("不能撤销被拆分的单位", [Against(f"还有{left}没有划出", state=True)] if left else [])
        end(session, old, splitting.successor, order)
    into = [heir.code for heir in splitting.heirs]
    more = {"into": into, "closed": close, "counts": counts(taken, old)}
    order.note("split_agency", old.id, agency=old.code, **more)
    order.write(session)
    return outcome(session, taken)


class Splitting:
    """The parts of a split, looked up."""

    def __init__(self, session: Session, old: Agency, parts: Sequence[Part], order: Order) -> None:
        self.session, self.old, self.parts, self.order = session, old, list(parts), order
        self.unknown: list[str] = []
        self.chosen = [self._chosen(part) for part in self.parts]
        self.rest = next((n for n, part in enumerate(self.parts) if part.rest), None)
        self.heirs: list[Agency] = []

    def _chosen(self, part: Part) -> Chosen:
        entries = self._named(part.entries, "目录", select(col(Entry.id), col(Entry.code)), Entry)
        systems = self._named(part.systems, "系统", select(col(System.id), col(System.name)), System)
        logins = [fold_login(login) for login in part.people]
        return Chosen(entries, systems, self._people(logins))

    def _named(
        self, names: Sequence[str], what: str, query: Select[*tuple[Any, ...]], table: Any
    ) -> frozenset[str]:
        """The keys of the source's own things that are named by key or by code or name."""
        if not names:
            return frozenset()
        known: dict[str, str] = {}
        for key, name in self.session.execute(query.where(col(table.agency_id) == self.old.id)):
            known |= {key: key} | ({name: key} if name else {})
        self.unknown += [f"{what}“{name[:100]}”" for name in names if name not in known]
        return frozenset(known[name] for name in names if name in known)

    def _people(self, logins: Sequence[str]) -> frozenset[str]:
        here = select(col(RoleGrant.person_id)).where(
            col(RoleGrant.agency_id) == self.old.id, col(RoleGrant.revoked_at).is_(None)
        )
        query = select(Person).where((col(Person.agency_id) == self.old.id) | col(Person.id).in_(here))
        known = (
            {person.login: person.id for person in self.session.execute(query).scalars()} if logins else {}
        )
        self.unknown += [f"人员“{login[:64]}”" for login in logins if login not in known]
        return frozenset(known[login] for login in logins if login in known)

    # ---- what stands against it ----

    def against(self, across: bool) -> list[Against]:
        """Everything that stands against the parts; looks up or drafts their agencies."""
        found = [] if self.parts else [Against("没有写明拆分成哪些单位")]
        if self.unknown:
            found.append(Against(f"不在“{self.old.name}”名下：{'、'.join(self.unknown)}"))
        if sum(part.rest for part in self.parts) > 1:
            found.append(Against("只能有一个部分承接其余（rest）"))
        codes = [part.code.strip() for part in self.parts]
        found += [Against(f"{code[:18]} 写了两次") for code in sorted(set(codes)) if codes.count(code) > 1]
        found += self._twice()
        for part, chosen in zip(self.parts, self.chosen, strict=True):
            found += self._part_against(part, chosen, across)
        return found

    def _twice(self) -> list[Against]:
        found = []
        for kind, what in (("entries", "目录"), ("systems", "系统"), ("people", "人员")):
            keys = [key for chosen in self.chosen for key in getattr(chosen, kind)]
            twice = sorted({key for key in keys if keys.count(key) > 1})
            found += [Against(f"{what}写给了两个部分：{'、'.join(twice[:LISTED])}")] if twice else []
        return found

    def _part_against(self, part: Part, chosen: Chosen, across: bool) -> list[Against]:
        heir, against = self._agency(part)
        self.heirs.append(heir)
        if heir.id == self.old.id:
            return [*against, Against(f"“{heir.name}”就是被拆分的单位")]
        against += regions_against([self.old], heir, across)
        return against + systems_against(self.session, self._systems_of(part, chosen), heir)

    def _systems_of(self, part: Part, chosen: Chosen) -> list[str]:
        if not part.rest:
            return sorted(chosen.systems)
        named = {key for one in self.chosen if one is not chosen for key in one.systems}
        all_ids = select(col(System.id)).where(col(System.agency_id) == self.old.id)
        return [key for key in self.session.execute(all_ids).scalars() if key not in named]

    def _agency(self, part: Part) -> tuple[Agency, list[Against]]:
        """The agency of a part: one that stands, or a draft of a new one."""
        code = part.code.strip()
        known = agency_of_code(self.session, code)
        if known is not None:
            closed = not standing(known, local_day(self.order.now))
            against = [Against(closed_words(self.session, known), state=True)] if closed else []
            if part.name and part.name.strip() != known.name:
                against.append(Against(f"{code} 已是“{known.name}”，不是“{part.name.strip()[:100]}”"))
            return known, against
        kind, level = part.kind or self.old.kind, part.level or self.old.level
        return draft(self.session, code, part.name, kind=kind, level=level, region=part.region)

    # ---- carried out ----

    def enter_agencies(self) -> None:
        """Store the new agencies, each with the next free department number of its region."""
        for heir in self.heirs:
            if heir.created_at is not None:
                continue
            heir.number, full = number_in(self.session, heir.region, None)
            refuse("不能拆分单位", full)
            heir.valid_from, heir.created_at = self.order.day, self.order.now
            self.session.add(heir)
            self.session.flush()
            shown = {"name": heir.name, "number": heir.number, "region": heir.region}
            self.order.note("add_agency", heir.id, agency=heir.code, split_from=self.old.code, **shown)

    def in_order(self) -> list[tuple[Agency, Chosen | None]]:
        """The agencies with what they take; the one that takes the rest comes last."""
        pairs = list(zip(self.heirs, self.chosen, strict=True))
        named: list[tuple[Agency, Chosen | None]] = [
            (h, c) for n, (h, c) in enumerate(pairs) if n != self.rest
        ]
        return named if self.rest is None else [*named, (self.heirs[self.rest], None)]

    @property
    def successor(self) -> Agency | None:
        """Who takes the place of the source if it closes."""
        if self.rest is not None:
            return self.heirs[self.rest]
        return self.heirs[0] if len(self.heirs) == 1 else None
