"""Roles granted and revoked, matters delegated in writing: never by a person to himself, all on the record.

What may be granted to whom stands in roles.yaml: who may not be the same person, what a role is tied to, which
matters may be delegated. Source: domain §12 R17.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law import Role, Roles
from catalog_specs.law_accounts import Accounts
from registry.audit import Act, record
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.keys import new_key
from registry.models import Delegation, Person, RoleGrant
from registry.people import (
    account_keepers,
    delegations_of,
    find_agency,
    find_person,
    find_system,
    grants_of,
    local_day,
)
from registry.permits import Actor, Target, demand, roles_of

NAME_LENGTH = 100


def limits() -> Accounts:
    """The limits of accounts.yaml."""
    return load().document("accounts", Accounts)


def known_roles() -> Roles:
    """The roles of roles.yaml."""
    return roles_of(load())


def put_on_record(
    session: Session, act: str, person: Person, *, actor: Actor, now: datetime, **details: Any
) -> None:
    """Record an act on an account, with names and keys as details."""
    said = {key: value for key, value in details.items() if value is not None}
    acts = [Act(act, person.id, {"login": person.login, **said})]
    record(session, acts, actor=actor.login, now=now, operator=actor.operator)


def other_person(session: Session, login: str, act: str, verb: str, actor: Actor) -> Person:
    """The person of ``login`` for an act that nobody does to himself.

    Raises:
        NotFound, NotAllowed.
    """
    demand(actor, act, known_roles())
    person = find_person(session, login)
    if person.id == actor.person_id:
        raise NotAllowed(f"不能{verb}自己；由另一位安全管理员办理", reason="self")
    return person


def keep_one_keeper(session: Session, person: Person, today: date) -> None:
    """Refuse what would leave nobody who may grant roles.

    Raises:
        Conflict: ``person`` is the last one.
    """
    if account_keepers(session, today=today) == {person.id}:
        raise Conflict(f"“{person.login}”是最后一个能授予角色的人；先授予另一人")


# ---- roles ------------------------------------------------------------------------------------------------


def grant_role(  # noqa: PLR0913  (a grant has so many sides, each named by the caller)
    session: Session,
    login: str,
    role: str,
    *,
    agency: str | None = None,
    system: str | None = None,
    region: str | None = None,
    contract: str | None = None,
    start: date | None = None,
    until: date | None = None,
    actor: Actor,
    now: datetime,
) -> RoleGrant:
    """Grant a role, from ``start`` (None: at once) until ``until`` (None: until revoked), both days included.

    A role of the own agency is for the person's agency unless ``agency`` names one.

    Raises:
        NotFound: person, role, agency or system.
        NotAllowed: the actor may not grant, or is the person.
        Rejected: the role's scope, contract or end is missing, or does not belong to it.
        Conflict: it clashes with another role of the person, or is held already.
    """
    person = other_person(session, login, "grant_roles", "授予角色给", actor)
    law = _role(role)
    today = local_day(now)
    grant = RoleGrant(
        id=new_key("g"),
        person_id=person.id,
        role=law.key,
        region=_region(law, region),
        contract=(contract or "").strip()[:NAME_LENGTH] or None,
        valid_from=start,
        valid_until=until,
        granted_by=actor.login,
        granted_at=now,
    )
    if law.scope == "own_agency":
        grant.agency_id = find_agency(session, agency, today=today).id if agency else person.agency_id
    if law.scope == "system" and system:
        grant.system_id = find_system(session, system).id
    if (agency and law.scope != "own_agency") or (system and law.scope != "system"):
        raise Rejected(f"角色“{law.zh}”不按{'单位' if agency else '系统'}授予；去掉这一项")
    _fitting(person, law, grant, today)
    _no_clash(session, person, grant)
    session.add(grant)
    session.flush()
    _record_grant(session, "grant_role", person, grant, actor=actor, now=now)
    return grant


def _role(key: str) -> Role:
    roles = known_roles()
    if key not in roles.index:
        known = "、".join(f"{role.key}（{role.zh}）" for role in roles.roles)
        raise NotFound(f"没有角色“{key[:40]}”；有：{known}")
    return roles.index[key]


def _region(law: Role, region: str | None) -> str | None:
    """A region as the prefix that covers it: 520300 is 5203."""
    if region is None:
        return None
    if law.scope not in ("city", "county") or not (region.isascii() and region.isdigit()):
        raise Rejected(f"角色“{law.zh}”不按区划“{region[:12]}”授予；只有全市和区县角色写行政区划代码")
    prefix = region.removesuffix("00").removesuffix("00")
    if len(prefix) not in (2, 4, 6) or (law.scope == "county" and len(prefix) != 6):
        raise Rejected(f"区划“{region[:12]}”不对；写六位行政区划代码（GB/T 2260）")
    return prefix


def _fitting(person: Person, law: Role, grant: RoleGrant, today: date) -> None:
    start, until = grant.valid_from or today, grant.valid_until
    foreign = grant.agency_id != person.agency_id and person.agency_id is not None
    tests = [
        (not person.active, f"账号“{person.login}”已停用；先启用"),
        (law.machine != person.machine, "机器角色只授予机器账号，机器账号只担任机器角色"),
        (law.scope == "own_agency" and not grant.agency_id, "须写明单位（--agency）"),
        (law.scope == "own_agency" and foreign, "只能授予本单位的人；先改他的单位"),
        (law.scope == "county" and not grant.region, "须写明区县的行政区划代码（--region）"),
        (law.scope == "system" and not grant.system_id, "须写明系统（--system）"),
        ("contract" in law.tied_to and not grant.contract, "须写明合同编号（--contract）"),
        ("contract" not in law.tied_to and bool(grant.contract), "不写合同编号"),
        (law.expires and until is None, "须写明到期日（--until）"),
        (until is not None and until < max(start, today), "到期日不能早于开始之日和今天"),
    ]
    _refuse(tests, f"不能授予角色“{law.zh}”")


def _no_clash(session: Session, person: Person, new: RoleGrant) -> None:
    roles = known_roles()
    for held in grants_of(session, person.id):
        if not _overlap(held, new):
            continue
        if roles.clash(held.role, new.role):
            raise Conflict(_clash_text(person, held.role, new.role, roles), roles=[held.role, new.role])
        same = ("role", "agency_id", "system_id", "region")
        if all(getattr(held, key) == getattr(new, key) for key in same):
            raise Conflict(f"“{person.login}”已有这个角色；要改期限，先撤销再授予")
    for taken in delegations_of(session, person.id):
        if taken.to_person_id == person.id and _overlap(taken, new) and roles.clash(taken.role, new.role):
            raise Conflict(_clash_text(person, taken.role, new.role, roles), roles=[taken.role, new.role])


def _overlap(one: RoleGrant | Delegation, other: RoleGrant | Delegation) -> bool:
    first = (one.valid_from or date.min) <= (other.valid_until or date.max)
    return first and (other.valid_from or date.min) <= (one.valid_until or date.max)


def _clash_text(person: Person, one: str, other: str, roles: Roles) -> str:
    shared = roles.index[one].exclusive_group
    reason = next((g.zh for g in roles.exclusive_groups if g.key == shared and other in g.members), "")
    names = f"“{roles.index[one].zh}”和“{roles.index[other].zh}”"
    return f"{names}不得由同一人（{person.login}）担任{f'（{reason}）' if reason else ''}；先撤销其中一个"


def _record_grant(
    session: Session, act: str, person: Person, grant: RoleGrant, *, actor: Actor, now: datetime
) -> None:
    details = {key: getattr(grant, key) for key in ("role", "agency_id", "system_id", "region", "contract")}
    days = {
        key: day.isoformat()
        for key, day in (("from", grant.valid_from), ("until", grant.valid_until))
        if day is not None
    }
    put_on_record(session, act, person, actor=actor, now=now, grant=grant.id, **details, **days)


def revoke_role(
    session: Session, login: str, role: str, *, agency: str | None = None, actor: Actor, now: datetime
) -> list[RoleGrant]:
    """Take a role away, at once: every grant of it, or those for one agency.

    Raises:
        NotFound, NotAllowed, Conflict (the person does not hold it, or is the last who grants roles).
    """
    person = other_person(session, login, "grant_roles", "撤销角色于", actor)
    law = _role(role)
    of = find_agency(session, agency, today=local_day(now)).id if agency else None
    found = [g for g in grants_of(session, person.id) if g.role == law.key and of in (None, g.agency_id)]
    if not found:
        raise Conflict(f"“{person.login}”没有角色“{law.zh}”")
    if "grant_roles" in law.may:
        keep_one_keeper(session, person, local_day(now))
    for grant in found:
        grant.revoked_by, grant.revoked_at = actor.login, now
        _record_grant(session, "revoke_role", person, grant, actor=actor, now=now)
    session.flush()
    return found


# ---- delegation -------------------------------------------------------------------------------------------


def delegate(  # noqa: PLR0913  (a paper has so many sides, each named by the caller)
    session: Session,
    login: str,
    matters: Iterable[str],
    *,
    document: str,
    start: date,
    until: date,
    agency: str | None = None,
    sha256: str | None = None,
    actor: Actor,
    now: datetime,
) -> Delegation:
    """Delegate matters of the actor's own role to a person of his agency, for a period.

    In writing: ``document`` is the paper's number, ``sha256`` its file. Source: roles.yaml, delegation.

    Raises:
        NotAllowed: the actor does not hold a role that delegates, or holds it by delegation himself.
        Rejected: a matter that may not be delegated, no document, a period too long or past, another's person.
        Conflict: the delegate holds a role that clashes.
    """
    roles = known_roles()
    of = find_agency(session, agency, today=local_day(now)).id if agency else actor.agency_id
    held = demand(actor, "delegate", roles, Target(agency_id=of))
    if held.role not in roles.delegation.by or held.delegation_id is not None or held.agency_id is None:
        raise NotAllowed("受委托的事项不得再委托", missing_roles=list(roles.delegation.by))
    person = find_person(session, login)
    listed = sorted(set(matters))
    _delegable(person, actor, roles, listed, of)
    _period(document, sha256, start, until, local_day(now))
    given = Delegation(
        id=new_key("d"),
        from_person_id=actor.person_id,
        to_person_id=person.id,
        role=held.role,
        agency_id=held.agency_id,
        matters=listed,
        document=document.strip(),
        sha256=sha256,
        valid_from=start,
        valid_until=until,
        created_by=actor.login,
        created_at=now,
    )
    _no_clash_with_own(session, person, given)
    session.add(given)
    session.flush()
    _record_delegation(session, "delegate", person, given, actor=actor, now=now)
    return given


def _no_clash_with_own(session: Session, person: Person, given: Delegation) -> None:
    roles = known_roles()
    for own in grants_of(session, person.id):
        if _overlap(own, given) and roles.clash(own.role, given.role):
            raise Conflict(_clash_text(person, own.role, given.role, roles), roles=[own.role, given.role])


def _delegable(person: Person, actor: Actor, roles: Roles, matters: list[str], agency_id: str | None) -> None:
    allowed = {*roles.delegation.moves, *roles.delegation.permissions}
    foreign = "、".join(m for m in matters if m not in allowed)
    tests = [
        (person.id == actor.person_id, "不能委托给自己"),
        (not person.active, f"账号“{person.login}”已停用"),
        (person.machine, "不能委托给机器账号"),
        (person.agency_id != agency_id, "只能委托给本单位的人"),
        (not matters, f"须写明事项；可委托：{'、'.join(sorted(allowed))}"),
        (bool(foreign), f"{foreign} 不得委托；可委托：{'、'.join(sorted(allowed))}"),
    ]
    _refuse(tests, "不能委托")


def _period(document: str, sha256: str | None, start: date, until: date, today: date) -> None:
    longest = limits().delegation.longest_days
    tests = [
        (not document.strip() and not sha256, "须写明授权文书的编号或附文书"),
        (len(document.strip()) > NAME_LENGTH, f"文书编号至多 {NAME_LENGTH} 个字符"),
        (until < max(start, today), "到期日不能早于开始之日和今天"),
        (until - start > timedelta(days=longest), f"期限至多 {longest} 日"),
    ]
    _refuse(tests, "不能委托")


def _refuse(tests: list[tuple[bool, str]], what: str) -> None:
    wrong = [said for found, said in tests if found]
    if wrong:
        raise Rejected(f"{what}：{'；'.join(wrong)}", reasons=wrong)


def revoke_delegation(session: Session, delegation_id: str, *, actor: Actor, now: datetime) -> Delegation:
    """End a delegation at once: by who gave it, or by who grants roles.

    Raises:
        NotFound, NotAllowed, Conflict (revoked already).
    """
    given = session.execute(
        select(Delegation).where(col(Delegation.id) == delegation_id)
    ).scalar_one_or_none()
    if given is None:
        raise NotFound(f"没有授权委托“{delegation_id[:32]}”；用 mulu user show 查看")
    if actor.person_id != given.from_person_id:
        demand(actor, "grant_roles", known_roles())
    if given.revoked_at is not None:
        raise Conflict(f"这项授权委托已由 {given.revoked_by} 撤销")
    given.revoked_by, given.revoked_at = actor.login, now
    person = session.get_one(Person, given.to_person_id)
    _record_delegation(session, "revoke_delegation", person, given, actor=actor, now=now)
    return given


def _record_delegation(
    session: Session, act: str, person: Person, given: Delegation, *, actor: Actor, now: datetime
) -> None:
    details = {
        "delegation": given.id,
        "role": given.role,
        "agency_id": given.agency_id,
        "matters": given.matters,
        "document": given.document,
        "sha256": given.sha256,
        "from": given.valid_from.isoformat(),
        "until": given.valid_until.isoformat(),
    }
    put_on_record(session, act, person, actor=actor, now=now, **details)
