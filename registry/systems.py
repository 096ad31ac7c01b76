"""Agencies and systems: found by code or name, created from rows that name new ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import String, bindparam, insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.keys import new_key
from registry.models import Agency, System
from validators.codes import region_of
from validators.folding import fold

PLANNED_LIFE = "operating"
# as wide as the columns are; what is longer is an error of its own (E141) beside the entry
NAME_LENGTH, IDENT_LENGTH = 100, 50


_OF_AGENCY = select(System).where(col(System.agency_id) == bindparam("agency", type_=String))


class Provider(NamedTuple):
    """A provider as a row names it: its credit code and name, and a code that tells its department number."""

    code: str
    name: str
    resource_code: str


def is_external(system: System, specs: Specs) -> bool:
    """Whether a system is of the State or the province: no acceptance, duty or wipe falls on the city (S1 24)."""
    return system.system_class in specs.duties.exempt_system_classes.codes


def agencies_by_code(session: Session) -> dict[str, Agency]:
    """All agencies by credit code."""
    return {agency.code: agency for agency in session.execute(select(Agency)).scalars()}


def systems_by_agency(session: Session) -> dict[str, list[System]]:
    """All systems by the id of their agency."""
    found: dict[str, list[System]] = defaultdict(list)
    for system in session.execute(select(System)).scalars():
        found[system.agency_id].append(system)
    return found


def create_agencies(
    session: Session,
    providers: Iterable[Provider],
    known: Mapping[str, Agency],
    specs: Specs,
    *,
    now: datetime,
) -> dict[str, Agency]:
    """Create the agencies that are not known yet; gives the new ones by code.

    The department's number is the one in a code that it brought along, else the next free one of its region.
    """
    used: dict[str, set[int]] = defaultdict(set)
    for agency in known.values():
        used[agency.region].add(agency.number)
    wanted: dict[str, tuple[Provider, int | None]] = {}
    for provider in providers:
        if provider.code not in known:
            first, number = wanted.get(provider.code, (provider, None))
            own = own_number(provider.resource_code, region_of(provider.code), specs)
            named = first if first.name else provider
            wanted[provider.code] = (named, number or own)
    # numbers that stand in codes come before those that are free to choose
    created: dict[str, Agency] = {}
    for provider, own in sorted(wanted.values(), key=lambda pair: pair[1] is None):
        number = _free_number(used[region_of(provider.code)], own)
        created[provider.code] = _agency(provider, number, specs, now)
    session.add_all(created.values())
    session.flush()
    return created


def _free_number(used: set[int], own: int | None) -> int:
    number = own if own and own not in used else next(n for n in count(1) if n not in used)
    used.add(number)
    return number


def _agency(provider: Provider, number: int, specs: Specs, now: datetime) -> Agency:
    return Agency(
        id=new_key("a"),
        code=provider.code,
        name=(provider.name or provider.code)[:NAME_LENGTH],
        kind=specs.codes["agency_kind"].values[0].code,
        region=region_of(provider.code),
        number=number,
        created_at=now,
    )


def own_number(code: str, region: str, specs: Specs) -> int | None:
    """The department's two digits in a code of our own form; None for any other code."""
    own, city = specs.resource_code.own_prefix, region[2:4]
    head = code.partition(specs.resource_code.separator)[0]
    if len(head) != 12 or not head.isdigit() or head[3:6] != own.province_mu or head[6:8] != city:
        return None
    return int(head[8:10]) or None


def create_systems(
    session: Session,
    wanted: Iterable[tuple[Agency, str]],
    known: Mapping[str, list[System]],
    specs: Specs,
    *,
    now: datetime,
) -> dict[tuple[str, str], str]:
    """Find or create systems: (agency, id or name as written) -> (agency id, written) -> system id.

    ``无系统(台账)`` and the like are no system and are left out.
    """
    none = set(specs.sharing.no_system)
    names = {agency_id: _names(listed) for agency_id, listed in known.items()}
    found: dict[tuple[str, str], str] = {}
    rows: list[dict[str, Any]] = []
    for agency, written in wanted:
        place = (agency.id, written)
        if place in found or not written or written in none:
            continue
        named = names.setdefault(agency.id, {})
        system_id = named.get(written) or named.get(_folded(written))
        if system_id is None:
            row = _system(agency, written, specs, now)
            system_id = named[written] = named[_folded(written)] = row["id"]
            rows.append(row)
        found[place] = system_id
    if rows:
        session.execute(insert(System), rows)
    return found


def systems_of(session: Session, agency_id: str) -> list[System]:
    """The systems of an agency."""
    return list(session.execute(_OF_AGENCY, {"agency": agency_id}).scalars())


def system_named(systems: Iterable[System], written: str) -> str | None:
    """The id of the system that ``written`` (key, number or name) means; None when there is none."""
    names = _names(systems)
    return names.get(written) or names.get(_folded(written))


def _names(systems: Iterable[System]) -> dict[str, str]:
    """Every way to name some systems -> id; an exact number or key counts more than a name like it."""
    listed = list(systems)
    named = {_folded(system.name): system.id for system in listed}
    named |= {system.name: system.id for system in listed}
    return named | {key: system.id for system in listed for key in (system.id, system.ident) if key}


def _folded(written: str) -> str:
    return fold(written[:NAME_LENGTH]) or written


def _system(agency: Agency, written: str, specs: Specs, now: datetime) -> dict[str, Any]:
    return {
        "id": new_key("s"),
        "agency_id": agency.id,
        "ident": written if written.isascii() and len(written) <= IDENT_LENGTH else None,
        "name": written[:NAME_LENGTH],
        "profile": specs.profile.key,
        "life": PLANNED_LIFE,
        "created_at": now,
    }
