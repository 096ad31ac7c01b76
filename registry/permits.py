"""Who asks, what he may do and what he may see: denied unless a role grants it, and a part of every query.

A role grants moves and permissions (its ``may`` in roles.yaml) within its scope: the own agency, a region, the
systems it is tied to, or the whole city. Source: domain §12 R17.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, or_, true
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law import Role, Roles
from registry.errors import NotAllowed
from registry.models import Agency, Entry

# permissions that open more than the announced catalogue; each within the scope of its role
SEEING = ("read_own", "read_county", "read_all", "edit_draft")


@dataclass(frozen=True, slots=True)
class Held:
    """A role held today. ``region`` is a prefix of GB/T 2260 codes; ``matters`` narrow a delegated role."""

    role: str
    agency_id: str | None = None
    region: str | None = None
    system_id: str | None = None
    matters: frozenset[str] | None = None
    delegation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or machine) who asks. ``scopes`` are those of an API token, None for the whole person.

    ``operator`` is the system account at the console, beside the login that the act is recorded under.
    """

    person_id: str
    login: str
    name: str
    held: tuple[Held, ...] = ()
    agency_id: str | None = None
    machine: bool = False
    scopes: frozenset[str] | None = None
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is about, as far as scopes ask: its agency, the agency's region, its system."""

    agency_id: str | None = None
    region: str | None = None
    system_id: str | None = None


def _granted(roles: Roles, act: str) -> frozenset[str]:
    return roles.granting.get(act, frozenset())


def roles_of(specs: Specs) -> Roles:
    """The roles and permissions of a specification."""
    return specs.document("roles", Roles)


def holding(actor: Actor, act: str, roles: Roles) -> tuple[Held, ...]:
    """The roles of ``actor`` that grant ``act`` (a move or a permission), whatever their scope."""
    if actor.scopes is not None and act not in actor.scopes:
        return ()
    granted = _granted(roles, act)
    return tuple(h for h in actor.held if h.role in granted and (h.matters is None or act in h.matters))


def covers(held: Held, target: Target, roles: Roles) -> bool:
    """Whether a held role reaches ``target``."""
    match roles.index[held.role].scope:
        case "own_agency":
            return held.agency_id is not None and held.agency_id == target.agency_id
        case "system":
            return held.system_id is not None and held.system_id == target.system_id
        case "county":
            return bool(held.region) and (target.region or "").startswith(held.region or "")
        case "city":
            return not held.region or (target.region or "").startswith(held.region)


def may(actor: Actor, act: str, roles: Roles, target: Target | None = None) -> bool:
    """Whether ``actor`` may do ``act``, on ``target`` when one is given."""
    found = holding(actor, act, roles)
    return any(target is None or covers(held, target, roles) for held in found)


def demand(actor: Actor, act: str, roles: Roles, target: Target | None = None) -> Held:
    """The role by which ``actor`` may do ``act`` on ``target``.

    Raises:
        NotAllowed: he may not; the message names the roles that may, and whether the scope is what is missing.
    """
    found = holding(actor, act, roles)
    for held in found:
        if target is None or covers(held, target, roles):
            return held
    missing = sorted(_granted(roles, act))
    names = "、".join(_name(roles.index[key]) for key in missing) or "（没有角色）"
    if found:
        raise NotAllowed(f"只能办理本角色范围内的事项（{names}）", missing_roles=missing, reason="scope")
    if actor.scopes is not None and act not in actor.scopes:
        raise NotAllowed(f"这个令牌的范围不含“{act}”；另发一个含此范围的令牌", missing_scopes=[act])
    raise NotAllowed(f"须由{names}办理；您没有这个角色", missing_roles=missing, reason="role")


def _name(role: Role) -> str:
    return role.zh


# ---- sight ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sight:
    """What someone sees, as conditions of a query on entries joined with their agency.

    ``full``: entries seen whole, drafts and all. ``catalogue``: whether the version in force of the others is
    seen, too. ``newest``: whether the newest version stands for an entry that is seen whole.
    """

    full: ColumnElement[bool]
    catalogue: bool
    newest: bool = True

    @property
    def entries(self) -> ColumnElement[bool]:
        """The entries that are seen at all."""
        return or_(self.full, col(Entry.in_force).is_not(None)) if self.catalogue else self.full

    @property
    def number(self) -> Any:
        """The version that is shown of an entry: the newest where all is seen, else the one in force."""
        if not self.newest:
            return col(Entry.in_force)
        return case((self.full, col(Entry.newest)), else_=col(Entry.in_force))


# the console: whoever can read the database file sees what is in it
EVERYTHING = Sight(true(), True)


def sight(actor: Actor, roles: Roles) -> Sight:
    """What ``actor`` sees; the same object for the same roles, so that queries made of it can be kept."""
    return _sight(actor.held, actor.scopes, _Same(roles))


class _Same:
    """Roles to be kept by: compared by identity, for they are loaded once."""

    __slots__ = ("roles",)

    def __init__(self, roles: Roles) -> None:
        self.roles = roles

    def __hash__(self) -> int:
        return id(self.roles)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.roles is self.roles


@lru_cache(maxsize=1024)
def _sight(held: tuple[Held, ...], scopes: frozenset[str] | None, kept: _Same) -> Sight:
    roles, actor = kept.roles, Actor("", "", "", held, scopes=scopes)
    seen = [_reach(held, roles) for act in SEEING for held in holding(actor, act, roles)]
    return Sight(or_(false(), *seen), bool(holding(actor, "read_catalogue", roles)))


def within(held: Iterable[Held], roles: Roles) -> ColumnElement[bool]:
    """The entries (joined with their agency) that some held roles reach."""
    return or_(false(), *(_reach(one, roles) for one in held))


def _reach(held: Held, roles: Roles) -> ColumnElement[bool]:
    return _reaches(held, roles, col(Entry.agency_id), col(Entry.system_id), col(Agency.region))


def reached(
    actor: Actor | None,
    roles: Roles,
    *,
    agency: Any,
    region: Any,
    system: Any = None,
    acts: Iterable[str] = SEEING,
) -> ColumnElement[bool]:
    """Which rows someone sees, by the columns that name their agency, region and system: his agency's, his county's,
    his system's, or all; everything for the console (None).

    ``acts``: the permissions that show such rows. Without a ``system`` they are of none, and a role that is tied to
    a system reaches none of them.
    """
    if actor is None:
        return true()
    seen = (
        _reaches(held, roles, agency, system, region) for act in acts for held in holding(actor, act, roles)
    )
    return or_(false(), *seen)


def _reaches(held: Held, roles: Roles, agency: Any, system: Any, region: Any) -> ColumnElement[bool]:
    match roles.index[held.role].scope:
        case "own_agency":
            return and_(true(), agency == held.agency_id) if held.agency_id else false()
        case "system" if system is not None and held.system_id:
            return and_(true(), system == held.system_id)
        case "system":
            return false()
        case "county":
            return and_(true(), region.startswith(held.region)) if held.region else false()
        case "city":
            return and_(true(), region.startswith(held.region)) if held.region else true()
