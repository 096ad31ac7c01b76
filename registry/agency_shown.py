"""Agencies and systems as they are listed and shown: names and codes to everybody, people and numbers to few."""

from datetime import date
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from catalog_specs import load
from registry.agencies import tag_of
from registry.agency_lives import changes_of, former_names, standing, successors
from registry.lookup import askable
from registry.models import Agency, AgencyChange, Entry, Person, RoleGrant, System
from registry.permits import Actor, Target, may, roles_of
from registry.system_fields import external_words, shown_fields, warnings_of
from registry.system_register import tag_of as system_tag
from registry.systems import is_external

# who sees the people and numbers of an agency; each within the scope of his role
_INSIDE = ("read_own", "read_county", "read_all")


# ---- listed -----------------------------------------------------------------------------------------------


def _listed(name: str | None, region: str | None, today: date | None) -> Select[*tuple[Any, ...]]:
    heir = aliased(Agency)
    query = select(Agency, col(heir.code)).outerjoin(heir, col(heir.id) == col(Agency.successor_id))
    if name:
        query = query.where(col(Agency.name).contains(askable(name), autoescape=True))
    if region:
        query = query.where(col(Agency.region) == askable(region))
    if today is not None:
        query = query.where(
            or_(col(Agency.valid_until).is_(None), col(Agency.valid_until) >= today),
            or_(col(Agency.valid_from).is_(None), col(Agency.valid_from) <= today),
        )
    return query


def list_agencies(
    session: Session,
    *,
    today: date,
    name: str | None = None,
    region: str | None = None,
    closed: bool = False,
    after: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Agencies by credit code: names, codes, and whether they stand. ``closed``: also those that do not.

    ``name`` is a part of the name; ``after`` a code to go on from.
    """
    query = _listed(name, region, None if closed else today).order_by(col(Agency.code))
    if after:
        query = query.where(col(Agency.code) > askable(after))
    return [_short(agency, heir, today) for agency, heir in session.execute(query.limit(limit))]


def count_agencies(
    session: Session,
    *,
    today: date,
    name: str | None = None,
    region: str | None = None,
    closed: bool = False,
) -> int:
    """How many agencies ``list_agencies`` would give without a limit."""
    query = _listed(name, region, None if closed else today).with_only_columns(func.count())
    return int(session.execute(query).scalar_one())


def _short(agency: Agency, successor: str | None, today: date) -> dict[str, Any]:
    return {
        "code": agency.code,
        "name": agency.name,
        "region": agency.region,
        "standing": standing(agency, today),
        "successor": successor,
    }


# ---- shown ------------------------------------------------------------------------------------------------


def agency_json(session: Session, agency: Agency, *, actor: Actor | None, today: date) -> dict[str, Any]:
    """One agency; ``inside`` is null for those whom its people and numbers do not concern (None: the console)."""
    heirs = [one.code for one in successors(session, agency)]
    above = session.get(Agency, agency.parent_id) if agency.parent_id else None
    inside = actor is None or _sees_inside(agency, actor)
    return _short(agency, heirs[0] if len(heirs) == 1 else None, today) | {
        "key": agency.id,
        "successors": heirs,
        "kind": agency.kind,
        "level": agency.level,
        "parent": above.code if above else None,
        "valid_from": agency.valid_from,
        "valid_until": agency.valid_until,
        "former_names": [one._asdict() for one in former_names(session, agency)],
        "inside": _inside(session, agency) if inside else None,
        "tag": tag_of(agency),
    }


def _sees_inside(agency: Agency, actor: Actor) -> bool:
    target, roles = Target(agency.id, agency.region), roles_of(load())
    return any(may(actor, permission, roles, target) for permission in _INSIDE)


def _inside(session: Session, agency: Agency) -> dict[str, Any]:
    return {
        "number": agency.number,
        "entries": _count(session, Entry, agency),
        "systems": _count(session, System, agency),
        "people": _people(session, agency),
        "history": [_change(session, row) for row in changes_of(session, agency)],
    }


def _count(session: Session, table: type[Entry] | type[System], agency: Agency) -> int:
    query = select(func.count()).select_from(table).where(col(table.agency_id) == agency.id)
    return int(session.execute(query).scalar_one())


def _people(session: Session, agency: Agency) -> list[dict[str, Any]]:
    held = (
        (col(RoleGrant.person_id) == col(Person.id))
        & (col(RoleGrant.agency_id) == agency.id)
        & col(RoleGrant.revoked_at).is_(None)
    )
    query = (
        select(Person, col(RoleGrant.role))
        .outerjoin(RoleGrant, held)
        .where(or_(col(Person.agency_id) == agency.id, col(RoleGrant.agency_id) == agency.id))
        .order_by(col(Person.login), col(RoleGrant.id))
    )
    found: dict[str, dict[str, Any]] = {}
    for person, role in session.execute(query):
        row = {"login": person.login, "name": person.name, "active": person.active, "roles": []}
        known = found.setdefault(person.id, row)
        if role and role not in known["roles"]:
            known["roles"].append(role)
    return list(found.values())


def _change(session: Session, row: AgencyChange) -> dict[str, Any]:
    other = session.get(Agency, row.other_id) if row.other_id else None
    return {
        "change": row.change,
        "day": row.day,
        "document": row.document,
        "agency": session.get_one(Agency, row.agency_id).code,
        "name": row.name,
        "into": other.code if other else None,
        "moved": {kind: len(keys) for kind, keys in row.moved.items()},
    }


def system_json(system: System, owner: Agency) -> dict[str, Any]:
    """One system as JSON; ``class`` is a code of system_class, days are texts. ``warnings`` is what to look at."""
    specs = load()
    life = specs.systems.life_index.get(system.life)
    return {
        "id": system.id,
        "agency": owner.code,
        "agency_name": owner.name,
        "name": system.name,
        "ident": system.ident,
        "class": system.system_class,
        "profile": system.profile,
        "life": system.life,
        "life_zh": life.zh if life else system.life,
        "successor": system.successor_id,
        **shown_fields(system),
        "external": is_external(system, specs),
        "external_said": external_words(system, specs),
        "warnings": list(warnings_of(system)),
        "tag": system_tag(system),
    }
