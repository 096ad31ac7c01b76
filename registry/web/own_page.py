"""What one's own page shows: the roles held, the scopes a token may have, the tokens made."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs import load
from catalog_specs.law_accounts import Accounts
from catalog_specs.law_lifecycle import Lifecycle
from registry.models import Agency, Delegation, System
from registry.people import find_person
from registry.permits import Actor, Held, roles_of
from registry.tokens import NewToken, list_tokens


def account_values(
    session: Session, actor: Actor, *, now: datetime, error: str = "", made: NewToken | None = None
) -> dict[str, Any]:
    """The values of ``account.html``. ``made``: a token that is shown this once."""
    person = find_person(session, actor.login)
    rule = load().document("accounts", Accounts)
    return {
        "person": person,
        "agency": session.get(Agency, actor.agency_id) if actor.agency_id else None,
        "held": [_held(session, held) for held in actor.held],
        "scopes": _scopes(actor),
        "tokens": [row for row, _ in list_tokens(session, person.id) if row.revoked_at is None],
        "now": now,
        "rule": rule,
        "error": error,
        "made": made.plain if made else "",
    }


def _held(session: Session, held: Held) -> dict[str, Any]:
    role = roles_of(load()).index[held.role]
    agency = session.get(Agency, held.agency_id) if held.agency_id else None
    system = session.get(System, held.system_id) if held.system_id else None
    given = session.get(Delegation, held.delegation_id) if held.delegation_id else None
    names = scope_names()
    return {
        "zh": role.zh,
        "reach": (agency and agency.name) or (system and system.name) or held.region or "全市",
        "matters": "、".join(names[m] for m in sorted(held.matters)) if held.matters else "",
        "document": given.document if given else "",
        "until": given.valid_until.isoformat() if given else "",
    }


def scope_names() -> dict[str, str]:
    """Moves and permissions by their Chinese names."""
    specs = load()
    moves = {move.key: move.zh for move in specs.document("lifecycle", Lifecycle).moves}
    return moves | {permission.key: permission.zh for permission in roles_of(specs).permissions}


def _scopes(actor: Actor) -> list[tuple[str, str]]:
    roles, names = roles_of(load()), scope_names()
    acts = {
        act for h in actor.held for act in roles.index[h.role].may if h.matters is None or act in h.matters
    }
    return [(act, names[act]) for act in names if act in acts]


# ---- the same for programs --------------------------------------------------------------------------------


def me_json(session: Session, actor: Actor) -> dict[str, Any]:
    """Who asks, as the API shows it."""
    roles, own = roles_of(load()), session.get(Agency, actor.agency_id) if actor.agency_id else None
    acts = [key for key, _zh in _scopes(actor) if actor.scopes is None or key in actor.scopes]
    return {
        "login": actor.login,
        "name": actor.name,
        "machine": actor.machine,
        "agency_code": own.code if own else None,
        "agency_name": own.name if own else None,
        "roles": [_role(session, held, roles.index[held.role].zh) for held in actor.held],
        "may": acts,
        "scopes": None if actor.scopes is None else sorted(actor.scopes),
    }


def _role(session: Session, held: Held, zh: str) -> dict[str, Any]:
    agency = session.get(Agency, held.agency_id) if held.agency_id else None
    system = session.get(System, held.system_id) if held.system_id else None
    return {
        "role": held.role,
        "zh": zh,
        "agency_code": agency.code if agency else None,
        "agency_name": agency.name if agency else None,
        "system": system.name if system else None,
        "region": held.region,
        "matters": None if held.matters is None else sorted(held.matters),
        "delegated": held.delegation_id is not None,
    }
