"""Agencies and systems: found by code or name, created from rows that name new ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from catalog_specs import Specs
from registry.keys import new_key
from registry.models import Agency, System
from validators.codes import region_of

PLANNED_LIFE = "operating"


class Provider(NamedTuple):
    """A provider as a row names it: its credit code and name, and a code that tells its department number."""

    code: str
    name: str
    resource_code: str


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
    session: Session, providers: Iterable[Provider], known: Mapping[str, Agency], specs: Specs, *, now: datetime
) -> dict[str, Agency]:
    """Create the agencies that are not known yet; gives the new ones by code.

    The department's number is the one in the codes that it brought along, else the next free one of its region.
    """
    used: dict[str, set[int]] = defaultdict(set)
    for agency in known.values():
        used[agency.region].add(agency.number)
    created: dict[str, Agency] = {}
    for provider in providers:
        if provider.code in known or provider.code in created:
            continue
        region = region_of(provider.code)
        number = own_number(provider.resource_code, region, specs)
        if number is None or number in used[region]:
            number = next(n for n in range(1, len(used[region]) + 2) if n not in used[region])
        used[region].add(number)
        created[provider.code] = Agency(
            id=new_key("a"),
            code=provider.code,
            name=provider.name or provider.code,
            kind=specs.codes["agency_kind"].values[0].code,
            region=region,
            number=number,
            created_at=now,
        )
    session.add_all(created.values())
    session.flush()
    return created


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
    found: dict[tuple[str, str], str] = {}
    rows: list[dict[str, Any]] = []
    for agency, written in wanted:
        place = (agency.id, written)
        if place in found or not written or written in none:
            continue
        match = next((s for s in known.get(agency.id, ()) if written in (s.ident, s.name, s.id)), None)
        if match is not None:
            found[place] = match.id
            continue
        found[place] = new_key("s")
        rows.append(
            {
                "id": found[place],
                "agency_id": agency.id,
                "ident": written if written.isascii() else None,
                "name": written,
                "profile": specs.profile.key,
                "life": PLANNED_LIFE,
                "created_at": now,
            }
        )
    if rows:
        session.execute(insert(System), rows)
    return found
