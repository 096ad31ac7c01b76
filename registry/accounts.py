"""Deeds on accounts: who gets one, who is shut out, passwords given. Roles and delegation: ``granting``.

Only a role that may ``manage_accounts`` does these, and all of it is on the record.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from registry.errors import Conflict, Rejected
from registry.granting import (
    NAME_LENGTH,
    delegate,
    grant_role,
    keep_one_keeper,
    known_roles,
    limits,
    other_person,
    put_on_record,
    revoke_delegation,
    revoke_role,
)
from registry.keys import new_key
from registry.models import Person
from registry.passwords import hash_password, judge_password
from registry.people import end_sessions, find_agency, find_person, fold_login, known_person, local_day
from registry.permits import Actor, demand

__all__ = [
    "add_user",
    "delegate",
    "disable",
    "enable",
    "grant_role",
    "keep_password",
    "link_identity",
    "revoke_delegation",
    "revoke_role",
    "set_password",
]


def add_user(
    session: Session,
    login: str,
    name: str,
    *,
    agency: str | None = None,
    password: str | None = None,
    machine: bool = False,
    actor: Actor,
    now: datetime,
) -> Person:
    """A new account, of an agency (key, credit code or name) if it has one. It holds no role yet.

    A password given here is to be changed at the first log-in; without one the account signs in by OIDC, or not.

    Raises:
        NotAllowed, Conflict (the login is taken), Rejected (login, name or password will not do), NotFound (agency).
    """
    demand(actor, "manage_accounts", known_roles())
    login, name = fold_login(login), name.strip()
    rule = limits().login
    if not rule.allows(login):
        raise Rejected(f"账号“{login[:64]}”不能用：{rule.zh}；{'、'.join(rule.reserved)} 留给系统")
    if not name or len(name) > NAME_LENGTH:
        raise Rejected(f"姓名须有 1 至 {NAME_LENGTH} 个字符")
    if known_person(session, login):
        raise Conflict(f"账号“{login}”已有；另取一个")
    if machine and password:
        raise Rejected("机器账号没有口令；用 mulu token create 发令牌")
    owner = find_agency(session, agency, today=local_day(now)) if agency else None
    person = Person(
        id=new_key("p"),
        login=login,
        name=name,
        agency_id=owner.id if owner else None,
        machine=machine,
        created_by=actor.login,
        created_at=now,
    )
    session.add(person)
    session.flush()
    put_on_record(session, "add_user", person, actor=actor, now=now, agency=person.agency_id, machine=machine)
    if password:
        set_password(session, login, password, actor=actor, now=now)
    return person


def set_password(session: Session, login: str, password: str, *, actor: Actor, now: datetime) -> Person:
    """A new password: one's own, or one given by who manages accounts, to be changed at the next log-in.

    All sessions of the person end.

    Raises:
        NotFound, NotAllowed, Rejected: the password is not as accounts.yaml asks.
    """
    person = find_person(session, login)
    judge_password(password, person.login, limits().password)
    keep_password(session, person, hash_password(password), actor=actor, now=now)
    return person


def keep_password(
    session: Session,
    person: Person,
    hashed: str,
    *,
    actor: Actor,
    now: datetime,
    keep_session: str | None = None,
) -> None:
    """``set_password`` with the hash made before, so that no transaction waits for it.

    ``keep_session``: the digest of a session that goes on.
    """
    own = actor.person_id == person.id
    if not own:
        demand(actor, "manage_accounts", known_roles())
    if person.machine:
        raise Rejected("机器账号没有口令；用 mulu token create 发令牌")
    if not person.active:
        raise Conflict(f"账号“{person.login}”已停用；先启用")
    person.password_hash, person.password_at, person.must_change = hashed, now, not own
    end_sessions(session, person.id, keep=keep_session)
    put_on_record(session, "set_password", person, actor=actor, now=now, own=own)


def link_identity(
    session: Session, login: str, issuer: str, external_id: str | None, *, actor: Actor, now: datetime
) -> Person:
    """Let a person sign in by an OIDC provider: ``external_id`` its ``sub``, None to take it at the first time.

    Raises:
        NotFound, NotAllowed.
    """
    demand(actor, "manage_accounts", known_roles())
    person = find_person(session, login)
    person.issuer, person.external_id = issuer, external_id
    put_on_record(session, "link_identity", person, actor=actor, now=now, issuer=issuer)
    return person


def disable(session: Session, login: str, *, actor: Actor, now: datetime) -> Person:
    """Shut a person out at once: sessions end, tokens are refused, roles count no more.

    Raises:
        NotFound, NotAllowed (also for one's own account), Conflict (already, or the last who grants roles).
    """
    person = other_person(session, login, "manage_accounts", "停用", actor)
    if not person.active:
        raise Conflict(f"账号“{person.login}”已停用")
    keep_one_keeper(session, person, local_day(now))
    person.active = False
    end_sessions(session, person.id)
    put_on_record(session, "disable_user", person, actor=actor, now=now)
    return person


def enable(session: Session, login: str, *, actor: Actor, now: datetime) -> Person:
    """Let a person in again.

    Raises:
        NotFound, NotAllowed, Conflict (not disabled).
    """
    person = other_person(session, login, "manage_accounts", "启用", actor)
    if person.active:
        raise Conflict(f"账号“{person.login}”没有停用")
    person.active = True
    put_on_record(session, "enable_user", person, actor=actor, now=now)
    return person
