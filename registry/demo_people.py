"""The people of the demonstration: one account a role, its login named after the role, all with one password."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from catalog_specs import load
from registry import accounts
from registry.errors import Conflict
from registry.granting import limits
from registry.models import Agency, Person, System
from registry.passwords import hash_password, judge_password
from registry.people import any_people, founder, local_day
from registry.permits import Actor, roles_of
from registry.synthetic_words import DemoPerson, words


def load_people(
    session: Session, agency: Agency, system: System, others: Mapping[str, Agency], *, now: datetime
) -> str:
    """Make the accounts: the roles of an own agency are held for ``agency`` (or one of ``others``, as an account
    says), the contractor is tied to ``system``.

    Gives a sentence with the logins and the password.

    Raises:
        Conflict: there are accounts already; a password that everyone knows must not stand beside them.
    """
    if any_people(session):
        raise Conflict("这个数据库已有账号；演示账号的口令是公开的，不能载入，请另用一个数据库")
    written = words()
    # one hash for all: it takes some tenths of a second, and the password is no secret
    hashed = hash_password(written.password)
    # who may let others in comes first and lets in the rest
    keepers = roles_of(load()).granting["grant_roles"]
    actor = founder("")
    people = [one for one in written.people if not one.of or one.of in others]
    for one in sorted(people, key=lambda row: row.role not in keepers):
        made = _add(session, one, others.get(one.of, agency), system, actor=actor, now=now)
        if not made.machine:
            judge_password(written.password, made.login, limits().password)
            own = Actor(made.id, made.login, made.name)
            accounts.keep_password(session, made, hashed, actor=own, now=now)
        if one.role in keepers:
            actor = Actor(made.id, made.login, made.name, held=founder("").held)
    logins = "、".join(one.login for one in people if not one.of)
    elsewhere = "、".join(f"{one.login}（{others[one.of].name}）" for one in people if one.of)
    more = f"；其他部门：{elsewhere}" if elsewhere else ""
    return f"演示账号（{agency.name}）：{logins}{more}；口令都是 {written.password}；机器账号只用令牌"


def _add(
    session: Session, one: DemoPerson, agency: Agency, system: System, *, actor: Actor, now: datetime
) -> Person:
    role = roles_of(load()).index[one.role]
    own, tied = role.scope == "own_agency", role.scope == "system"
    person = accounts.add_user(
        session,
        one.login,
        one.name,
        agency=agency.id if own else None,
        machine=role.machine,
        actor=actor,
        now=now,
    )
    accounts.grant_role(
        session,
        one.login,
        one.role,
        system=system.id if tied else None,
        contract=one.contract or None,
        until=local_day(now) + timedelta(days=one.days) if one.days else None,
        actor=actor,
        now=now,
    )
    return person
