"""Government information systems entered and edited by their agency. What becomes of them stands in ``system_lives``.

What is entered of a system beside name, number and class are the ``fields`` of systems.yaml: contractor and contract,
classified protection, assessment of cryptography. Source: domain §12 R13, R14; S-ZY 18, 19, 28; S-LPS 6, 19.
"""

from collections.abc import Container, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load, profile_of_region
from registry.agency_checks import Against, check_tag, choices, refuse
from registry.agency_lives import demand_standing, find, hold
from registry.audit import Act, record
from registry.errors import Conflict, NotFound
from registry.keys import digest_of, new_key
from registry.lookup import askable
from registry.models import Agency, DataCopy, System
from registry.people import local_day
from registry.permits import Actor, Target, demand, reached, roles_of
from registry.system_fields import read_fields, shown_fields, term_against
from registry.systems import IDENT_LENGTH, NAME_LENGTH, is_external

REGISTER = "register_system"
EDITABLE = ("name", "ident", "class", "successor")
Row = tuple[System, Agency]


# ---- seen -------------------------------------------------------------------------------------------------


def systems_seen(actor: Actor | None) -> ColumnElement[bool]:
    """The systems (joined with their agency) that someone sees: his agency's, his county's, his own, or all; all of
    them at the console (None)."""
    agency, system = col(System.agency_id), col(System.id)
    return reached(actor, roles_of(load()), agency=agency, system=system, region=col(Agency.region))


def _seen(actor: Actor | None) -> Select[*tuple[Any, ...]]:
    query = select(System, Agency).join(Agency, col(Agency.id) == col(System.agency_id))
    return query.where(systems_seen(actor))


def _of_agency(query: Select[*tuple[Any, ...]], agency: str | None) -> Select[*tuple[Any, ...]]:
    if not agency:
        return query
    named = askable(agency)
    return query.where((col(Agency.code) == named) | (col(Agency.name) == named))


def _wanted(
    actor: Actor | None, agency: str | None, life: str | None, system_class: str | None
) -> Select[*tuple[Any, ...]]:
    query = _of_agency(_seen(actor), agency)
    if life:
        query = query.where(col(System.life) == askable(life))
    return query.where(col(System.system_class) == askable(system_class)) if system_class else query


def list_systems(
    session: Session,
    *,
    actor: Actor | None,
    agency: str | None = None,
    life: str | None = None,
    system_class: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[Row]:
    """The systems that ``actor`` sees (None: the console), by key, each with its agency."""
    query = _wanted(actor, agency, life, system_class).order_by(col(System.id))
    if after:
        query = query.where(col(System.id) > askable(after))
    return [(system, owner) for system, owner in session.execute(query.limit(limit))]


def count_systems(
    session: Session,
    *,
    actor: Actor | None,
    agency: str | None = None,
    life: str | None = None,
    system_class: str | None = None,
) -> int:
    """How many systems ``list_systems`` would give without a limit."""
    query = _wanted(actor, agency, life, system_class).with_only_columns(func.count())
    return int(session.execute(query).scalar_one())


def find_seen(session: Session, written: str, *, actor: Actor | None, held: bool = False) -> Row:
    """A system that is seen, by key, number or name. ``held``: no other writer may have it meanwhile.

    Raises:
        NotFound: there is none that is seen. Conflict: several have this number or name.
    """
    text = askable(written.strip())
    by_key = _found(session, _seen(actor).where(col(System.id) == text), held)
    named = (col(System.ident) == text) | (col(System.name) == text)
    found = by_key or _found(session, _seen(actor).where(named), held)
    if not found:
        raise NotFound(f"没有系统“{written[:100]}”，或您看不到它")
    if len(found) > 1:
        raise Conflict(f"名称或编号为“{written[:100]}”的系统有 {len(found)} 个；写内部编号")
    return found[0]


def _found(session: Session, query: Select[*tuple[Any, ...]], held: bool) -> list[Row]:
    query = query.with_for_update(of=System).execution_options(populate_existing=True) if held else query
    return [(system, owner) for system, owner in session.execute(query)]


# ---- entered and edited -----------------------------------------------------------------------------------


def add(  # noqa: PLR0913  (a system has so many sides, each named by the caller)
    session: Session,
    agency: str,
    name: str,
    *,
    ident: str | None = None,
    system_class: str | None = None,
    profile: str | None = None,
    life: str | None = None,
    fields: Mapping[str, str | date | None] | None = None,
    actor: Actor,
    now: datetime,
) -> System:
    """Enter a system of an agency. The measures that apply (profile) follow the agency's region.

    ``life`` is a stage in which a system may be entered (systems.yaml ``first``), ``fields`` what is known of it
    beside (``fields`` of systems.yaml, as text or days). ``system_fields.warnings_of`` tells what to look at.

    Raises:
        NotFound, NotAllowed. Conflict: the agency is closed, or has a system of this name; the number is taken.
        Rejected: a value will not do.
    """
    today = local_day(now)
    owner = find(session, agency, today=today)
    demand(actor, REGISTER, roles_of(load()), Target(owner.id, owner.region))
    hold(session, owner)
    demand_standing(session, owner, today)
    values, against = _read(fields or {})
    made = System(
        id=new_key("s"),
        agency_id=owner.id,
        name=name.strip(),
        ident=(ident or "").strip() or None,
        system_class=system_class or None,
        profile=profile or profile_of_region(owner.region) or load().profile.key,
        life=life or load().systems.first.default,
        created_at=now,
        **values,
    )
    refuse("不能登记系统", against + _life_against(made) + _against(session, made))
    session.add(made)
    session.flush()
    said = {**_editable(made), "profile": made.profile, "life": life or None}
    _record(session, "add_system", made, owner, said, actor=actor, now=now)
    return made


def _read(written: Mapping[str, str | date | None]) -> tuple[dict[str, Any], list[Against]]:
    known = load().systems.field_index
    against = [Against(f"不能改“{key[:20]}”") for key in written if key not in known]
    values, wrong = read_fields({key: value for key, value in written.items() if key in known})
    return values, against + wrong


def _life_against(system: System) -> list[Against]:
    spec = load().systems
    allowed = "、".join(f"{key} {spec.life_index[key].zh}" for key in spec.first.allowed)
    if system.life in spec.first.allowed:
        return []
    return [Against(f"不能以“{system.life[:20]}”登记系统；可用：{allowed}")]


def _editable(system: System) -> dict[str, str | None]:
    return {
        "name": system.name,
        "ident": system.ident,
        "class": system.system_class,
        "successor": system.successor_id,
        **shown_fields(system),
    }


def tag_of(system: System) -> str:
    """A digest that changes with the system: what an asker has seen."""
    return digest_of([system.id, system.agency_id, system.life, _editable(system)])[:32]


def edit(
    session: Session,
    written: str,
    changes: Mapping[str, str | date | None],
    *,
    seen: Container[str] | None = None,
    actor: Actor,
    now: datetime,
) -> System:
    """Change name, ident, class, successor or fields of a system; nothing in place of a value takes it away.

    ``seen``: the tags of what the asker has seen.

    Raises:
        NotFound, NotAllowed. Stale: it has changed since. Conflict: its agency is closed, the name is taken, or data
        of it lie somewhere and it is to become external. Rejected: a value will not do, or the successors run in a
        circle.
    """
    # the agency first, as a merger does, so that neither waits for the other
    hold(session, find_seen(session, written, actor=actor)[1])
    system, owner = find_seen(session, written, actor=actor, held=True)
    demand(actor, REGISTER, roles_of(load()), Target(owner.id, owner.region, system.id))
    check_tag(seen, tag_of(system), system.name)
    demand_standing(session, owner, local_day(now))
    before = _editable(system)
    changed, heir_id, against = _changed(session, system, changes, actor)
    refuse("不能修改系统", against + _against(session, changed) + _left_behind(session, system, changed))
    system.successor_id = heir_id
    for name in ("name", "ident", "system_class", *load().systems.field_index):
        setattr(system, name, getattr(changed, name))
    session.flush()
    after = _editable(system)
    told = {key: [value, after[key]] for key, value in before.items() if value != after[key]}
    if told:
        _record(session, "edit_system", system, owner, told, actor=actor, now=now)
    return system


def _changed(
    session: Session, system: System, changes: Mapping[str, str | date | None], actor: Actor
) -> tuple[System, str | None, list[Against]]:
    """The system as it would be, its successor, and what stands against the values themselves."""
    plain = {key: _text(changes[key]) for key in EDITABLE if key in changes}
    values, against = _read({key: value for key, value in changes.items() if key not in EDITABLE})
    heir_id = system.successor_id if "successor" not in plain else None
    if plain.get("successor"):
        heir = find_seen(session, plain["successor"] or "", actor=actor)[0]
        heir_id = heir.id
        against += _circle(session, system, heir)
    kept = {name: getattr(system, name) for name in System.model_fields}
    kept["name"] = plain.get("name", system.name) or ""
    kept["ident"] = plain.get("ident", system.ident)
    kept["system_class"] = plain.get("class", system.system_class)
    return System(**(kept | values)), heir_id, against


def _text(value: str | date | None) -> str | None:
    return str(value or "").strip() or None


def _left_behind(session: Session, system: System, changed: System) -> list[Against]:
    """A system whose data lie somewhere does not become external: nobody would wipe them. Source: S1 24."""
    specs = load()
    if is_external(system, specs) or not is_external(changed, specs):
        return []
    over = [state.key for state in specs.systems.copy_states if state.terminal]
    query = select(func.count()).select_from(DataCopy)
    query = query.where(col(DataCopy.system_id) == system.id, col(DataCopy.state).not_in(over))
    count = int(session.execute(query).scalar_one())
    said = f"系统还有 {count} 处数据副本没有处置，不能改为外部系统（外部系统不清除）；登记错的先删除副本"
    return [Against(said, state=True)] if count else []


def _against(session: Session, system: System) -> list[Against]:
    found = term_against({key: getattr(system, key) for key in load().systems.field_index})
    if not 0 < len(system.name) <= NAME_LENGTH or not system.name.isprintable():
        found.append(Against(f"系统名称须有 1 至 {NAME_LENGTH} 个字符，不含控制字符和全角空格"))
    else:
        found += _taken(session, system, col(System.name) == system.name, system.agency_id, "名称")
    if system.ident is not None:
        if len(system.ident) > IDENT_LENGTH or not system.ident.isprintable():
            found.append(Against(f"系统编号至多 {IDENT_LENGTH} 个字符"))
        else:
            found += _taken(session, system, col(System.ident) == system.ident, None, "编号")
    if system.system_class is not None and load().code_value("system_class", system.system_class) is None:
        found.append(Against(f"没有系统类别“{system.system_class[:20]}”；可用：{choices('system_class')}"))
    return found


def _taken(
    session: Session, system: System, like: ColumnElement[bool], agency_id: str | None, what: str
) -> list[Against]:
    query = select(System).where(like, col(System.id) != system.id)
    if agency_id is not None:
        query = query.where(col(System.agency_id) == agency_id)
    other = session.execute(query).scalars().first()
    return [Against(f"{what}“{getattr(system, _FIELDS[what])}”已有系统使用", state=True)] if other else []


_FIELDS = {"名称": "name", "编号": "ident"}


def _circle(session: Session, system: System, heir: System) -> list[Against]:
    seen: set[str] = set()
    last: System | None = heir
    while last is not None and last.id not in seen:
        if last.id == system.id:
            return [Against(f"“{heir.name}”的后继就是“{system.name}”，不能互为后继")]
        seen.add(last.id)
        last = session.get(System, last.successor_id) if last.successor_id else None
    return []


def _record(
    session: Session,
    act: str,
    system: System,
    owner: Agency,
    details: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    said = {"agency": owner.code, **{key: value for key, value in details.items() if value is not None}}
    record(session, [Act(act, system.id, said)], actor=actor.login, now=now, operator=actor.operator)
