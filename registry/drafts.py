"""Drafts written one at a time: an entry registered, a draft saved. Read, matched and judged as an import does it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import String, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profile_of_region
from catalog_specs.law_lifecycle import State
from catalog_specs.model import Level
from registry import audit, codes, entries, systems
from registry.agency_lives import demand_standing
from registry.checking import fill_provider
from registry.content import Content, ContentRefused, read_content
from registry.entries import DRAFT, NewVersion, stored_fold
from registry.errors import Conflict, NotFound, Stale
from registry.kept import stored_finding, stored_need
from registry.keys import digest_of
from registry.lookup import Row
from registry.matching import Match, Matcher, Register
from registry.models import Agency, Entry, Version
from registry.origins import ReadEntry
from registry.outbox import mark
from registry.people import local_day
from registry.permits import Actor, Target, demand, may, roles_of
from registry.subjects import lifecycle_of
from registry.surroundings import facts_around
from validators.assess import assess
from validators.codes import is_resource_code, region_of
from validators.findings import Finding, drop_echoes

EDIT = "edit_draft"
_BY_CODE = select(Agency).where(col(Agency.code) == bindparam("code", type_=String))
REFUSED = "E167"


@dataclass(frozen=True, slots=True)
class Drafted:
    """What came of it: the entry with the version that is its newest now."""

    row: Row
    outcome: Literal["added", "updated", "unchanged"]


# ---- register ---------------------------------------------------------------------------------------------


def register_entry(
    session: Session, content: Content, *, actor: Actor, now: datetime, profile: str | None = None
) -> Drafted:
    """Register one entry as a draft, with its findings beside it; it is given a code when it brings none.

    ``content`` holds values (codes or labels) under the keys of entry.yaml. A provider that is not named is the
    actor's own agency. Source: S1 12, S-ZY 21, S-LPS 23; domain §12 R1.

    Raises:
        NotAllowed: the actor may not write for that provider or system.
        Conflict: the entry is registered already, by code or by provider and name.
        ContentRefused: something secret, an unknown field, no name or no valid provider, a code of another one.
    """
    read, specs = _read_first(session, content, profile, actor)
    provider = str(read.content.get("provider_code") or "")
    agency = session.execute(_BY_CODE, {"code": provider}).scalar_one_or_none()
    target = Target(agency.id, agency.region) if agency else Target(region=region_of(provider))
    if agency is None:
        _check_shape(read, specs)
        demand(actor, EDIT, roles_of(specs), target)
        raise NotFound(f"没有登记提供单位“{provider}”；请主管部门先登记这个单位")
    place = _Place(session, agency, read, specs, actor, now)
    place.demand()
    entries.lock_agency(session, agency.id)
    session.refresh(agency)
    demand_standing(session, agency, local_day(now))
    match = _match(session, read, agency, specs)
    if match.known is not None:
        named = match.known.code or match.known.entry_id
        raise Conflict(
            f"“{read.content.get('resource_name')}”已登记为 {named}；修改请保存它的草稿（PUT …/draft）",
            entry=match.known.entry_id,
        )
    return _insert(session, place, match)


def _read_first(
    session: Session, content: Content, profile: str | None, actor: Actor
) -> tuple[ReadEntry, Specs]:
    given = content.get("provider_code")
    own = session.get(Agency, actor.agency_id) if actor.agency_id and not given else None
    region = region_of(str(given or (own.code if own else "")))
    specs = load(profile or profile_of_region(region))
    read = read_content(content, specs)
    if own is not None:
        fill_provider([read], (own.code, own.name))
    return read, specs


def _check_shape(read: ReadEntry, specs: Specs) -> None:
    """What no register need be asked for: a name and a valid provider."""
    nothing = Register([], {}, {})
    _refused(read, Matcher([read], nothing, specs).match_all()[0], specs)


def _match(session: Session, read: ReadEntry, agency: Agency, specs: Specs) -> Match:
    code = read.content.get("resource_code")
    use = codes.code_use(session, str(code)) if is_resource_code(code, specs.resource_code) else None
    folded = stored_fold(str(read.content.get("resource_name") or ""))
    known = entries.known_alike(session, agency.id, folded, use.entry_id if use else None)
    register = Register(known, {str(code): use} if use else {}, {agency.code: agency})
    match = Matcher([read], register, specs).match_all()[0]
    _refused(read, match, specs)
    return match


def _refused(read: ReadEntry, match: Match, specs: Specs) -> None:
    if match.refused:
        raise ContentRefused([f for f in read.findings if f.rule == REFUSED], specs)


def _insert(session: Session, place: "_Place", match: Match) -> Drafted:
    try:
        code, status = place.give_code(match.entry_id, match.given_code)
        entry: dict[str, Any] = {
            "id": match.entry_id,
            "agency_id": place.agency.id,
            "system_id": place.system_id(),
            "code": code,
            "code_status": status,
            "state": DRAFT,
            "in_force": None,
            "newest": 1,
            "created_at": place.now,
            "lock": 1,
        }
        entries.save_entries(session, [entry])
        version = place.save_version(match.entry_id, 1)
    except IntegrityError as error:
        raise Conflict("另一请求同时登记了同一代码；刷新后再办") from error
    return Drafted(Row(Entry(**entry), version, place.agency, True), "added")


# ---- save -------------------------------------------------------------------------------------------------


def save_draft(
    session: Session, row: Row, content: Content, *, actor: Actor, now: datetime, lock: int | None = None
) -> Drafted:
    """Replace the open draft (or the returned version) of an entry; an equal content changes nothing.

    ``row`` is the entry as the asker sees it, ``lock`` the one that he saw.

    Raises:
        NotAllowed: the actor may not write for that agency or system. Stale: the entry has changed since.
        Conflict: it is under review, or in force with no draft open. ContentRefused: as for ``register_entry``,
        and another code or provider than the entry's.
    """
    specs = load(row.version.profile)
    target = Target(row.entry.agency_id, row.agency.region, row.entry.system_id)
    demand(actor, EDIT, roles_of(specs), target)
    read = read_content(content, specs)
    entries.hold_register(session)
    entry, newest = _hold(session, row.entry.id)
    if lock is not None and lock != entry.lock:
        raise Stale("这条目录在您看过之后已有变动；请刷新后再改", lock=entry.lock)
    open_draft = _check_open(entry, newest, specs)
    _keep_identity(read, entry, row.agency, specs)
    place = _Place(session, row.agency, read, specs, actor, now)
    place.demand()
    if digest_of(read.content) == newest.digest:
        return Drafted(Row(entry, newest, row.agency, True), "unchanged")
    if open_draft:
        entries.supersede(session, [(entry.id, newest.number)])
        session.expire(newest)
    return _advance(session, place, entry)


def _hold(session: Session, entry_id: str) -> tuple[Entry, Version]:
    """The entry, held against other writers, and its newest version, as they are now."""
    fresh = {"populate_existing": True}
    held = select(Entry).where(col(Entry.id) == entry_id).with_for_update()
    entry = session.execute(held, execution_options=fresh).scalar_one()
    return entry, session.get_one(Version, (entry.id, entry.newest), populate_existing=True)


def _check_open(entry: Entry, newest: Version, specs: Specs) -> bool:
    """Whether there is a draft to be replaced; False where a new one may be begun (all was withdrawn)."""
    states: dict[str, State] = {state.key: state for state in lifecycle_of(specs).versions}
    state = states[newest.state]
    if state.editable:
        return True
    if entry.in_force is None and state.final:
        return False
    name = entry.code or entry.id
    if state.in_force or state.final:
        raise Conflict(f"{name} 已通告，没有正在编制的草稿；先办理“变更”（revise）", state=state.key)
    raise Conflict(
        f"{name} 第 {newest.number} 版是“{state.zh}”，正在审核，不能修改；须先退回", state=state.key
    )


def _keep_identity(read: ReadEntry, entry: Entry, agency: Agency, specs: Specs) -> None:
    """Code and provider of an entry never change (domain §2.1)."""
    content = read.content
    fill_provider([read], (agency.code, agency.name))
    wrong = []
    if not content.get("resource_name"):
        wrong.append(Finding(REFUSED, "resource_name", reason="name"))
    provider, code = str(content.get("provider_code") or ""), str(content.get("resource_code") or "")
    if provider != agency.code:
        wrong.append(_claim("provider_code", "other_agency", provider))
    if entry.code and code not in ("", entry.code):
        wrong.append(_claim("resource_code", "code_allocated", entry.code))
    if wrong:
        raise ContentRefused(wrong, specs)
    if entry.code:
        content["resource_code"] = entry.code


def _claim(field: str, reason: str, value: str) -> Finding:
    return Finding(REFUSED, field, value=value, reason=reason, params={"value": value})


def _advance(session: Session, place: "_Place", entry: Entry) -> Drafted:
    if entry.code is None:
        _take_code(session, place, entry)
        if entry.in_force is not None:
            mark(session, [entry.id], "save_draft", now=place.now)
    entry.system_id = place.system_id()
    entry.newest, entry.lock = entry.newest + 1, entry.lock + 1
    if entry.in_force is None:
        entry.state = DRAFT
    session.flush()
    version = place.save_version(entry.id, entry.newest)
    return Drafted(Row(entry, version, place.agency, True), "updated")


def _take_code(session: Session, place: "_Place", entry: Entry) -> None:
    """An entry without a code takes one of its own, or is given one as soon as its category tells its class."""
    written = place.read.content.get("resource_code")
    usable = str(written) if is_resource_code(written, place.specs.resource_code) else ""
    if usable and codes.code_use(session, usable) is not None:
        raise ContentRefused([_claim("resource_code", "code_taken", usable)], place.specs)
    try:
        entry.code, entry.code_status = place.give_code(entry.id, usable)
    except IntegrityError as error:
        raise Conflict("另一请求同时登记了同一代码；刷新后再办") from error


# ---- what both do -----------------------------------------------------------------------------------------


class _Place:
    """Where a content belongs, and how its version is written."""

    def __init__(
        self,
        session: Session,
        agency: Agency,
        read: ReadEntry,
        specs: Specs,
        actor: Actor,
        now: datetime,
    ) -> None:
        self.session, self.agency, self.read, self.specs = session, agency, read, specs
        self.actor, self.now = actor, now
        named = str(read.content.get("source_system_id") or "")
        self.system = "" if named in specs.sharing.no_system else named
        self.known = systems.systems_of(session, agency.id) if self.system else []
        self.found = systems.system_named(self.known, self.system) if self.system else None

    def demand(self) -> None:
        """May the actor write here? One who is tied to a system writes for that one only, and makes no other."""
        roles = roles_of(self.specs)
        whole = Target(self.agency.id, self.agency.region)
        if not may(self.actor, EDIT, roles, whole):
            demand(self.actor, EDIT, roles, Target(self.agency.id, self.agency.region, self.found))

    def system_id(self) -> str | None:
        """The system that the content names, made when it is new."""
        if not self.system or self.found:
            return self.found
        made = systems.create_systems(
            self.session,
            [(self.agency, self.system)],
            {self.agency.id: self.known},
            self.specs,
            now=self.now,
        )
        self.found = made.get((self.agency.id, self.system))
        params = {"kind": "系统"}
        self.read.findings.append(Finding("N305", "source_system_id", value=self.system, params=params))
        return self.found

    def give_code(self, entry_id: str, given: str) -> tuple[str | None, str]:
        """The code and its status: the one that was brought along, else a new one where the class is told."""
        content = self.read.content
        if given:
            codes.keep_given(self.session, {entry_id: given}, now=self.now)
            return given, "given"
        head = None
        if not content.get("resource_code"):
            head = codes.class_code(content, self.agency.region, self.agency.number, self.specs)
        if head is None:
            return None, "none"
        made = codes.allocate(self.session, [(entry_id, head)], self.specs, now=self.now)[entry_id]
        content["resource_code"] = made
        self.read.findings.append(Finding("N304", "resource_code", value=made))
        return made, "provisional"

    def save_version(self, entry_id: str, number: int) -> Version:
        """Judge the content, write it as a draft, and put that on record."""
        version = self._judged(entry_id, number)
        login = self.actor.login
        entries.save_versions(self.session, [version], self.specs, batch_id=None, actor=login, now=self.now)
        act = audit.Act("register", entry_id, {"version": number, "digest": version.digest})
        audit.record(self.session, [act], actor=login, now=self.now, operator=self.actor.operator)
        row = entries.version_row(version, self.specs, batch_id=None, actor=login, now=self.now)
        return Version(**row)

    def _judged(self, entry_id: str, number: int) -> NewVersion:
        content = self.read.content
        facts = facts_around(self.session, [content], today=local_day(self.now))
        judged = assess(content, self.specs, facts=facts, me=entry_id)
        found = drop_echoes([*self.read.findings, *judged.findings])
        levels = Counter(self.specs.rules[finding.rule].level for finding in found)
        return NewVersion(
            entry_id=entry_id,
            number=number,
            content=content,
            digest=digest_of(content),
            state=DRAFT,
            findings=[stored_finding(finding) for finding in found],
            needs=[stored_need(need) for need in judged.needs],
            errors=levels[Level.ERROR],
            warnings=levels[Level.WARNING],
            folded=stored_fold(str(content.get("resource_name") or "")),
        )
