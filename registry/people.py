"""People: every query on accounts, the roles they hold on a day, written delegation, sessions and tokens."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    CompoundSelect,
    Date,
    Select,
    String,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law import Deadlines
from registry.errors import Conflict, NotAllowed, NotFound
from registry.models import Agency, Delegation, LoginSession, Person, RoleGrant, System
from registry.models.columns import Json
from registry.permits import Actor, Held, roles_of


@dataclass(frozen=True, slots=True)
class Visit:
    """Someone who comes with a session's cookie (``csrf`` is set) or an API token (it is not).

    ``key``: the session's digest or the token's id; ``seen_at``: its last use written down, None for never.
    """

    actor: Actor
    key: str
    seen_at: datetime | None
    csrf: str = ""
    must_change: bool = False


_PERSON = bindparam("person", type_=String)
_DAY = bindparam("day", type_=Date)


def fold_login(login: str) -> str:
    """A login as it is stored."""
    return login.strip().lower()


def local_day(now: datetime) -> date:
    """The day of a moment where the register is kept; roles begin and end with it."""
    return local(now).date()


def local(moment: datetime) -> datetime:
    """A moment by the clock of where the register is kept."""
    return moment.astimezone(ZoneInfo(load().document("deadlines", Deadlines).counting.timezone))


# ---- persons ----------------------------------------------------------------------------------------------


def find_person(session: Session, login: str) -> Person:
    """The account of a login.

    Raises:
        NotFound: there is none.
    """
    found = known_person(session, login)
    if found is None:
        raise NotFound(f"没有账号“{login.strip()[:64]}”；用 mulu user list 查看")
    return found


def known_person(session: Session, login: str) -> Person | None:
    """The account of a login; None when there is none."""
    return session.execute(select(Person).where(col(Person.login) == fold_login(login))).scalar_one_or_none()


def list_people(session: Session) -> list[tuple[Person, Agency | None]]:
    """All accounts by login, with their agencies."""
    rows = session.execute(
        select(Person, Agency)
        .outerjoin(Agency, col(Agency.id) == col(Person.agency_id))
        .order_by(col(Person.login))
    )
    return [(person, agency) for person, agency in rows]


def any_people(session: Session) -> bool:
    """Whether there is any account."""
    return session.execute(select(col(Person.id)).limit(1)).first() is not None


def find_agency(session: Session, written: str, *, today: date) -> Agency:
    """An agency by key, credit code or name; among several of one name the one that stands today.

    Raises:
        NotFound: there is none, or it has been closed.
    """
    rows = session.execute(
        select(Agency).where(
            or_(col(Agency.id) == written, col(Agency.code) == written, col(Agency.name) == written)
        )
    ).scalars()
    found = [row for row in rows if _stands_today(row, today)]
    if not found:
        raise NotFound(f"没有在册的单位“{written}”；写统一社会信用代码或全称")
    if len(found) > 1:
        raise Conflict(f"名称为“{written}”的单位有 {len(found)} 个；写统一社会信用代码")
    return found[0]


def _stands_today(agency: Agency, today: date) -> bool:
    begun = agency.valid_from is None or agency.valid_from <= today
    return begun and (agency.valid_until is None or agency.valid_until >= today)


def find_system(session: Session, written: str) -> System:
    """A system by key, number or name.

    Raises:
        NotFound: there is none.
        Conflict: several have this name.
    """
    found = list(
        session.execute(
            select(System).where(
                or_(col(System.id) == written, col(System.ident) == written, col(System.name) == written)
            )
        ).scalars()
    )
    if not found:
        raise NotFound(f"没有系统“{written}”；写系统编号或全称")
    if len(found) > 1:
        raise Conflict(f"名称或编号为“{written}”的系统有 {len(found)} 个；写内部编号")
    return found[0]


# ---- roles held on a day ----------------------------------------------------------------------------------


def actor_of(session: Session, login: str, *, today: date, operator: str = "") -> Actor:
    """Who asks, with the roles held on ``today``: granted ones and, narrowed to their matters, delegated ones.

    Raises:
        NotFound: the login is unknown.
        NotAllowed: the account is disabled.
    """
    person = find_person(session, login)
    if not person.active:
        raise NotAllowed(f"账号“{person.login}”已停用", reason="disabled")
    return Actor(
        person_id=person.id,
        login=person.login,
        name=person.name,
        held=held_by(session, person.id, today=today),
        agency_id=person.agency_id,
        machine=person.machine,
        operator=operator,
    )


def founder(operator: str) -> Actor:
    """Who makes the first account of all at the console: nobody's login, with what it takes to let others in."""
    keepers = sorted(roles_of(load()).granting["grant_roles"])
    return Actor("", "local", "", held=tuple(Held(key) for key in keepers), operator=operator)


def held_by(session: Session, person_id: str, *, today: date) -> tuple[Held, ...]:
    """The roles a person holds on ``today``, own ones before delegated ones; one query."""
    rows = session.execute(_held(), {"person": person_id, "day": today}).all()
    own = [Held(r[0], r[1], r[2], r[3]) for r in rows if r[5] is None]
    delegated = [Held(r[0], r[1], r[2], r[3], frozenset(r[4]), r[5]) for r in rows if r[5] is not None]
    return (*own, *delegated)


@lru_cache(maxsize=1)
def _held() -> CompoundSelect[Any]:
    # built once: this runs with every request
    return union_all(_granted(), _delegated())


def _granted() -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(RoleGrant.role),
            col(RoleGrant.agency_id),
            col(RoleGrant.region),
            col(RoleGrant.system_id),
            cast(null(), Json).label("matters"),
            cast(null(), String).label("delegation_id"),
        )
        .outerjoin(System, col(System.id) == col(RoleGrant.system_id))
        .outerjoin(Agency, col(Agency.id) == func.coalesce(col(RoleGrant.agency_id), col(System.agency_id)))
        .where(
            col(RoleGrant.person_id) == _PERSON,
            _in_period(RoleGrant),
            or_(col(Agency.id).is_(None), _stands(Agency)),
        )
    )


def _delegated() -> Select[*tuple[Any, ...]]:
    giver, own = aliased(Person), aliased(RoleGrant)
    still_held = exists().where(
        col(own.person_id) == col(Delegation.from_person_id),
        col(own.role) == col(Delegation.role),
        col(own.agency_id) == col(Delegation.agency_id),
        _in_period(own),
    )
    return (
        select(
            col(Delegation.role),
            col(Delegation.agency_id),
            cast(null(), String),
            cast(null(), String),
            col(Delegation.matters),
            col(Delegation.id),
        )
        .join(giver, col(giver.id) == col(Delegation.from_person_id))
        .join(Agency, col(Agency.id) == col(Delegation.agency_id))
        .where(
            col(Delegation.to_person_id) == _PERSON,
            _in_period(Delegation),
            _stands(Agency),
            col(giver.active).is_(True),
            # nobody acts for one who no longer holds the role himself
            still_held,
        )
    )


def _in_period(table: Any) -> Any:
    return and_(col(table.revoked_at).is_(None), _stands(table))


def _stands(table: Any) -> Any:
    return and_(
        or_(col(table.valid_from).is_(None), col(table.valid_from) <= _DAY),
        or_(col(table.valid_until).is_(None), col(table.valid_until) >= _DAY),
    )


# ---- grants and delegations -------------------------------------------------------------------------------


def grants_of(session: Session, person_id: str) -> list[RoleGrant]:
    """The grants of a person that were not revoked, past and future ones too."""
    return list(
        session.execute(
            select(RoleGrant)
            .where(col(RoleGrant.person_id) == person_id, col(RoleGrant.revoked_at).is_(None))
            .order_by(col(RoleGrant.id))
        ).scalars()
    )


def delegations_of(session: Session, person_id: str) -> list[Delegation]:
    """The delegations from and to a person that were not revoked."""
    mine = or_(col(Delegation.from_person_id) == person_id, col(Delegation.to_person_id) == person_id)
    return list(
        session.execute(
            select(Delegation).where(mine, col(Delegation.revoked_at).is_(None)).order_by(col(Delegation.id))
        ).scalars()
    )


def holders(session: Session, role: str, *, today: date, agency_id: str | None = None) -> list[Person]:
    """The active persons who hold ``role`` on ``today``, of one agency when it is given."""
    query = (
        select(Person)
        .join(RoleGrant, col(RoleGrant.person_id) == col(Person.id))
        .where(col(RoleGrant.role) == role, col(Person.active).is_(True), _in_period(RoleGrant))
        .order_by(col(Person.login))
        .distinct()
    )
    if agency_id is not None:
        query = query.where(col(RoleGrant.agency_id) == agency_id)
    return list(session.execute(query, {"day": today}).scalars())


def account_keepers(session: Session, *, today: date) -> set[str]:
    """The ids of active persons who may grant roles; without any, nobody could be let in again."""
    keys = roles_of(load()).granting["grant_roles"]
    return {person.id for key in keys for person in holders(session, key, today=today)}


# ---- sessions ---------------------------------------------------------------------------------------------


def end_sessions(session: Session, person_id: str, *, keep: str | None = None) -> None:
    """End the sessions of a person, but the one of the digest ``keep``."""
    ended = delete(LoginSession).where(col(LoginSession.person_id) == person_id)
    session.execute(ended.where(col(LoginSession.digest) != keep) if keep else ended)
