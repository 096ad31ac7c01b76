"""API tokens: made with scopes and an end, shown once, kept as a digest, revoked at once."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Select, String, bindparam, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_accounts import Accounts, TokenRule
from registry.db import UTCDateTime
from registry.errors import Conflict, NotAllowed, NotFound, Rejected, Unauthenticated
from registry.granting import known_roles, put_on_record
from registry.keys import new_key
from registry.models import ApiToken, Person
from registry.people import Visit, find_person, held_by, local_day
from registry.permits import Actor, Held, demand

PREFIX = "mulu_"
_SHOWN = len(PREFIX) + 6
NAME_LENGTH = 100


class NewToken(NamedTuple):
    """A token as it is shown once, and the row that is kept of it."""

    plain: str
    row: ApiToken


def create_token(
    session: Session,
    login: str,
    name: str,
    scopes: Iterable[str],
    *,
    days: int,
    actor: Actor,
    now: datetime,
) -> NewToken:
    """A token for oneself, or by who manages accounts for a machine; valid ``days`` days.

    Raises:
        NotFound; NotAllowed: another person's, or asked for with a token.
        Rejected: a scope that the person does not hold, no scope, no name, too long a life.
    """
    person = find_person(session, login)
    _allowed(person, actor)
    listed, longest = sorted(set(scopes)), _rule().longest_days
    held = {act for h in held_by(session, person.id, today=local_day(now)) for act in _acts(h)}
    beyond = "、".join(scope[:40] for scope in listed if scope not in held)
    tests = [
        (not name.strip() or len(name.strip()) > NAME_LENGTH, f"名称须有 1 至 {NAME_LENGTH} 个字符"),
        (not 1 <= days <= longest, f"有效期为 1 至 {longest} 日"),
        (not listed, f"须写明范围；可用：{'、'.join(sorted(held)) or '（没有角色）'}"),
        (bool(beyond), f"“{person.login}”没有这些权限：{beyond}；可用：{'、'.join(sorted(held))}"),
    ]
    wrong = [said for found, said in tests if found]
    if wrong:
        raise Rejected(f"不能发令牌：{'；'.join(wrong)}", reasons=wrong)
    return _keep(session, person, name.strip(), listed, now + timedelta(days=days), actor=actor, now=now)


def _rule() -> TokenRule:
    return load().document("accounts", Accounts).token


def _acts(held: Held) -> Iterable[str]:
    granted = known_roles().index[held.role].may
    return granted if held.matters is None else (act for act in granted if act in held.matters)


def _allowed(person: Person, actor: Actor) -> None:
    if actor.scopes is not None:
        raise NotAllowed("不能用令牌再发令牌；请登录后办理", reason="token")
    if not person.active:
        raise Conflict(f"账号“{person.login}”已停用")
    if actor.person_id == person.id:
        return
    demand(actor, "manage_accounts", known_roles())
    if not person.machine:
        raise NotAllowed("只能为自己或机器账号发令牌", reason="self")


def _keep(
    session: Session,
    person: Person,
    name: str,
    scopes: list[str],
    expires_at: datetime,
    *,
    actor: Actor,
    now: datetime,
) -> NewToken:
    plain = f"{PREFIX}{secrets.token_urlsafe(32)}"
    row = ApiToken(
        id=new_key("t"),
        person_id=person.id,
        name=name,
        prefix=plain[:_SHOWN],
        digest=_digest(plain),
        scopes=scopes,
        created_by=actor.login,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    until = expires_at.isoformat(timespec="seconds")
    put_on_record(
        session, "create_token", person, actor=actor, now=now, token=row.id, scopes=scopes, until=until
    )
    return NewToken(plain, row)


def _digest(plain: str) -> str:
    return sha256(plain.encode()).hexdigest()


def list_tokens(session: Session, person_id: str | None = None) -> list[tuple[ApiToken, Person]]:
    """The tokens of a person, or all, with their persons; revoked and expired ones too."""
    query = select(ApiToken, Person).join(Person, col(Person.id) == col(ApiToken.person_id))
    if person_id is not None:
        query = query.where(col(ApiToken.person_id) == person_id)
    return [(token, person) for token, person in session.execute(query.order_by(col(ApiToken.id)))]


def revoke_token(session: Session, token_id: str, *, actor: Actor, now: datetime) -> ApiToken:
    """Revoke a token by its key or shown beginning: one's own, or any by who manages accounts.

    Raises:
        NotFound, NotAllowed, Conflict (revoked already).
    """
    mine = col(ApiToken.id) == token_id
    shown = col(ApiToken.prefix) == token_id
    found = list(session.execute(select(ApiToken).where(mine | shown)).scalars())
    if len(found) != 1:
        raise NotFound(f"没有令牌“{token_id[:32]}”，或不止一个；用 mulu token list 查看编号")
    token = found[0]
    if token.person_id != actor.person_id:
        demand(actor, "manage_accounts", known_roles())
    if token.revoked_at is not None:
        raise Conflict(f"令牌已由 {token.revoked_by} 撤销")
    token.revoked_by, token.revoked_at = actor.login, now
    person = session.get_one(Person, token.person_id)
    put_on_record(session, "revoke_token", person, actor=actor, now=now, token=token.id)
    return token


# ---- with every request -----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _bearer() -> Select[*tuple[Any, ...]]:
    # plain columns by one indexed query, built once: this runs with every request of a machine
    return (
        select(
            col(ApiToken.id),
            col(ApiToken.scopes),
            col(ApiToken.used_at),
            col(Person.id),
            col(Person.login),
            col(Person.name),
            col(Person.agency_id),
            col(Person.machine),
        )
        .join(Person, col(Person.id) == col(ApiToken.person_id))
        .where(
            col(ApiToken.digest) == bindparam("digest", type_=String),
            col(ApiToken.revoked_at).is_(None),
            col(ApiToken.expires_at) > bindparam("now", type_=UTCDateTime()),
            col(Person.active).is_(True),
        )
    )


def visit_of(session: Session, plain: str, *, now: datetime) -> Visit:
    """Who comes with a token; what he may do is narrowed to its scopes.

    Raises:
        Unauthenticated: it is unknown, expired or revoked, or its person is disabled.
    """
    found = session.execute(_bearer(), {"digest": _digest(plain), "now": now}).first()
    if found is None:
        raise Unauthenticated("令牌无效、已过期或已撤销")
    token_id, scopes, used_at, person_id, login, name, agency_id, machine = found
    held = held_by(session, person_id, today=local_day(now))
    actor = Actor(person_id, login, name, held, agency_id, machine, frozenset(scopes))
    return Visit(actor, token_id, used_at)


def mark_used(session: Session, token_id: str, *, now: datetime) -> None:
    """Write down that a token was used."""
    session.execute(update(ApiToken).where(col(ApiToken.id) == token_id).values(used_at=now))
