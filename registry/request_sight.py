"""Which requests and grants someone sees, as conditions of a query: people of either side, and the authority."""

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col

from catalog_specs import Specs
from registry.models import Agency, Entry, Version
from registry.permits import Actor, holding, roles_of

Provider, Requester = aliased(Agency), aliased(Agency)


class Around(NamedTuple):
    """A row of a table of requests with what it is about; ``requester`` is None for an applicant."""

    row: Any
    entry: Entry
    name: str
    provider: Agency
    requester: Agency | None


def rows_of(table: type[SQLModel]) -> Select[Any]:
    """Rows of a table (requests or grants) with their entry, its name, and both agencies."""
    shown = and_(
        col(Version.entry_id) == col(Entry.id),
        col(Version.number) == func.coalesce(col(Entry.in_force), col(Entry.newest)),
    )
    query: Any = (
        select(table, Entry, col(Version.name), Provider, Requester)
        .join(Entry, col(Entry.id) == col(table.entry_id))  # type: ignore[attr-defined]
        .join(Version, shown)
        .join(Provider, col(Provider.id) == col(Entry.agency_id))
        .outerjoin(Requester, col(Requester.id) == col(table.requester_id))  # type: ignore[attr-defined]
    )
    return cast(Select[Any], query)


def agencies_of(actor: Actor, names: Iterable[str], specs: Specs) -> frozenset[str]:
    """The agencies for which someone may do one of some things."""
    roles = roles_of(specs)
    held = (h for name in names for h in holding(actor, name, roles))
    own = (h.agency_id for h in held if roles.index[h.role].scope == "own_agency")
    return frozenset(key for key in own if key)


def regions_of(actor: Actor, names: Iterable[str], specs: Specs) -> frozenset[str]:
    """The regions (prefixes of GB/T 2260 codes, empty: everywhere) over which someone may do one of some things."""
    roles = roles_of(specs)
    held = [h for name in names for h in holding(actor, name, roles)]
    city = {h.region or "" for h in held if roles.index[h.role].scope == "city"}
    county = {h.region for h in held if roles.index[h.role].scope == "county" and h.region}
    return frozenset(city | county)


def seen_by(actor: Actor | None, specs: Specs) -> ColumnElement[bool]:
    """What someone sees of ``rows_of``; everything for the console (None)."""
    if actor is None:
        return true()
    spec = specs.requests.sight
    own = agencies_of(actor, spec.own, specs)
    parts: list[ColumnElement[bool]] = [col(Provider.id).in_(own), col(Requester.id).in_(own)]
    regions = regions_of(actor, spec.authority, specs)
    return or_(*parts, *(col(Provider.region).startswith(region, autoescape=True) for region in regions))
