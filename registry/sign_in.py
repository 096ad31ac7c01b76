"""Signing in and out: failed attempts counted and locked, sessions kept on the server by their digest.

The password itself is checked between ``look_up`` and ``conclude``, outside any transaction, because that takes
64 MB and some tenths of a second. Unknown, wrong and disabled are one answer. Source: GB/T 22239-2019 8.1.4.1.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_accounts import Accounts
from registry.audit import Act, record
from registry.errors import Throttled, Unauthenticated
from registry.models import LoginFailure, LoginSession, Person
from registry.passwords import Checked
from registry.people import Visit, fold_login, held_by, known_person, local_day
from registry.permits import Actor

NOBODY = "nobody"
REFUSED = "账号或口令不对，或者账号不能使用"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A log-in to be checked: the digest of what was typed, and what is kept of the account, if there is one."""

    digest: str
    person_id: str | None
    hashed: str | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. ``cookie`` is known to the browser alone; the database keeps its digest."""

    cookie: str
    expires_at: datetime
    must_change: bool


def _limits() -> Accounts:
    return load().document("accounts", Accounts)


def digest_of_secret(secret: str) -> str:
    """The SHA-256 of a cookie or token; they are random, so that no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


# ---- log-in -----------------------------------------------------------------------------------------------


def look_up(session: Session, login: str, *, now: datetime) -> Attempt:
    """What an attempt is checked against.

    Raises:
        Throttled: this login, known or not, is locked; the message says until when.
    """
    digest = digest_of_secret(f"login:{fold_login(login)}")
    failure = session.get(LoginFailure, digest)
    if failure and failure.locked_until and failure.locked_until > now:
        wait = failure.locked_until - now
        minutes = -(-int(wait.total_seconds()) // 60)
        raise Throttled(
            f"连续登录失败，账号已锁定，约 {minutes} 分钟后再试",
            retry_after=int(wait.total_seconds()) + 1,
        )
    person = known_person(session, login)
    usable = person is not None and person.active and not person.machine
    return Attempt(digest, person.id if person else None, person.password_hash if person and usable else None)


def conclude(session: Session, attempt: Attempt, checked: Checked, *, now: datetime) -> SignedIn | None:
    """The new session when the password was right; else the failure is counted, and None.

    None instead of an error, because the count must be committed.
    """
    person = session.get(Person, attempt.person_id) if attempt.person_id else None
    # disabled or given another password while this one was checked
    changed = person is None or not person.active or person.password_hash != attempt.hashed
    if person is None or changed or not checked.right:
        _count_failure(session, attempt, person, now)
        return None
    session.execute(delete(LoginFailure).where(col(LoginFailure.digest) == attempt.digest))
    if checked.renewed:
        person.password_hash = checked.renewed
    valid = _limits().password.valid_days
    if valid and (person.password_at is None or person.password_at < now - timedelta(days=valid)):
        person.must_change = True
    return open_session(session, person, now=now, how="password")


def _count_failure(session: Session, attempt: Attempt, person: Person | None, now: datetime) -> None:
    rule = _limits().lock
    row = _failure(session, attempt.digest, now)
    if row.locked_until and row.locked_until > now:
        return  # locked meanwhile by another attempt, and on the record already
    fresh = row.last_at < now - timedelta(minutes=rule.minutes) or row.locked_until is not None
    row.failed = 1 if fresh else row.failed + 1
    row.last_at, row.locked_until = now, None
    if row.failed >= rule.failures:
        row.locked_until = now + timedelta(minutes=rule.minutes)
        who = {"login": person.login} if person else {"typed": attempt.digest}
        subject = person.id if person else attempt.digest
        act = Act("lock_login", subject, {**who, "failed": row.failed, "minutes": rule.minutes})
        record(session, [act], actor=person.login if person else NOBODY, now=now)
    session.flush()


def _failure(session: Session, digest: str, now: datetime) -> LoginFailure:
    """The row of this login, made if need be, and held until the transaction ends."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {"digest": digest, "failed": 0, "last_at": now, "locked_until": None}
    session.execute(insert(LoginFailure).values(values).on_conflict_do_nothing())
    query = select(LoginFailure).where(col(LoginFailure.digest) == digest).with_for_update()
    return session.execute(query.execution_options(populate_existing=True)).scalar_one()


def identified(
    session: Session, issuer: str, external_id: str, login: str | None, *, now: datetime
) -> SignedIn:
    """The session of a person whom an OIDC provider names: by its ``sub``, else by a login prepared for it.

    No account is ever made here.

    Raises:
        Unauthenticated: nobody was prepared for it, or the account is disabled.
    """
    query = select(Person).where(col(Person.issuer) == issuer)
    person = session.execute(query.where(col(Person.external_id) == external_id)).scalar_one_or_none()
    if person is None and login:
        waiting = query.where(col(Person.login) == fold_login(login), col(Person.external_id).is_(None))
        person = session.execute(waiting).scalar_one_or_none()
        if person is not None:
            person.external_id = external_id
    if person is None or not person.active or person.machine:
        raise Unauthenticated("统一身份认证通过了，但本系统没有与之对应的可用账号；请安全管理员登记")
    return open_session(session, person, now=now, how="oidc")


# ---- sessions ---------------------------------------------------------------------------------------------


def open_session(session: Session, person: Person, *, now: datetime, how: str) -> SignedIn:
    """A new session of a person; those that have run out are cleared away. On the record."""
    rule = _limits()
    session.execute(delete(LoginSession).where(col(LoginSession.expires_at) < now))
    old = now - timedelta(days=1)
    session.execute(delete(LoginFailure).where(col(LoginFailure.last_at) < old))
    cookie = secrets.token_urlsafe(32)
    expires = now + timedelta(hours=rule.session.absolute_hours)
    made = LoginSession(
        digest=digest_of_secret(cookie),
        person_id=person.id,
        csrf=secrets.token_urlsafe(24),
        created_at=now,
        seen_at=now,
        expires_at=expires,
    )
    session.add(made)
    session.flush()
    act = Act("sign_in", person.id, {"login": person.login, "how": how})
    record(session, [act], actor=person.login, now=now)
    must = person.must_change and how == "password"
    return SignedIn(cookie, expires, must)


def visit_of(session: Session, cookie: str, *, now: datetime) -> Visit:
    """Who comes with a session's cookie.

    Raises:
        Unauthenticated: the session is unknown, ran out, was idle too long, or its person is disabled.
    """
    idle = timedelta(minutes=_limits().session.idle_minutes)
    query = (
        select(LoginSession, Person)
        .join(Person, col(Person.id) == col(LoginSession.person_id))
        .where(
            col(LoginSession.digest) == digest_of_secret(cookie),
            col(LoginSession.expires_at) > now,
            col(LoginSession.seen_at) > now - idle,
            col(Person.active).is_(True),
        )
    )
    found = session.execute(query).first()
    if found is None:
        raise Unauthenticated("登录已过期或已退出；请重新登录")
    login, person = found
    actor = Actor(
        person_id=person.id,
        login=person.login,
        name=person.name,
        held=held_by(session, person.id, today=local_day(now)),
        agency_id=person.agency_id,
        machine=person.machine,
    )
    return Visit(actor, login.digest, login.seen_at, csrf=login.csrf, must_change=person.must_change)


def mark_seen(session: Session, digest: str, *, now: datetime) -> None:
    """Write down that a session was used."""
    mine = (col(LoginSession.digest) == digest, col(LoginSession.seen_at) < now)
    session.execute(update(LoginSession).where(*mine).values(seen_at=now))


def sign_out(session: Session, digest: str, *, actor: Actor, now: datetime) -> None:
    """End one session, on the record."""
    session.execute(delete(LoginSession).where(col(LoginSession.digest) == digest))
    record(session, [Act("sign_out", actor.person_id, {"login": actor.login})], actor=actor.login, now=now)
