"""What is to be proven: the distribution that an entry's name means, its items and their methods, and how they open."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.errors import Conflict, NotFound, Rejected
from registry.keys import digest_of
from registry.lookup import Row, find_entry, get_version
from registry.models import Distribution, StandingProof, Version
from registry.permits import Actor, Sight, Target, demand, roles_of
from registry.proof_cases import FILE, offered_items
from registry.subjects import LIVE, distributions_of
from validators.fields import is_blank
from validators.proving import about_people, asked_of, method_of
from validators.scanned import ColumnAsked
from validators.sharing import GOES_OUT

MAKE = "make_proof"


@dataclass(frozen=True, slots=True)
class Plan:
    """One content that is to be proven. ``distribution_id`` is None where a file is yet to be attached.

    ``items`` are those offered, ``columns`` the same as a scan asks for them; ``earlier`` are masks of former
    releases by item. ``digest`` is of all this: it must be the same when the proof is entered.
    """

    entry_id: str
    number: int
    name: str
    profile: str
    distribution_id: str | None
    items: tuple[Mapping[str, Any], ...]
    columns: tuple[ColumnAsked, ...]
    open_type: str
    people: bool | None
    earlier: Mapping[str, Sequence[str]]
    digest: str

    @property
    def specs(self) -> Specs:
        return load(self.profile)


def plan_proof(
    session: Session,
    name: str,
    *,
    sight: Sight,
    actor: Actor,
    methods: Mapping[str, str] | None = None,
    is_file: bool | None = None,
) -> Plan:
    """What a proof of ``name`` (an entry's code or key, or a distribution's key) is made of.

    ``methods`` by item name or code stand above what the mask rules say; ``is_file`` narrows to files, or to others.

    Raises:
        NotFound: nothing of that name is seen. NotAllowed: he may not make proofs there.
        Conflict: several distributions could be meant, or it is off the shelf.
        Rejected: it is not opened, or an unknown method or item.
    """
    made, row = _found(session, name, sight)
    version = _version(session, row)
    specs = load(version.profile)
    demand(actor, MAKE, roles_of(specs), Target(row.entry.agency_id, row.agency.region, row.entry.system_id))
    made = made or _opened(session, row, is_file)
    items = _items(version, made)
    columns = asked_of(items, specs, _methods(items, methods or {}, specs))
    opened = _open_type(version, items, specs)
    people = about_people(version.content, specs)
    spoken = [version.content.get("open_type"), made.id if made else "", items, [c.method for c in columns]]
    return Plan(
        entry_id=row.entry.id,
        number=version.number,
        name=row.entry.code or row.entry.id,
        profile=version.profile,
        distribution_id=made.id if made else None,
        items=tuple(items),
        columns=columns,
        open_type=opened,
        people=people,
        earlier=_earlier(session, columns, made),
        digest=digest_of(spoken),
    )


def _found(session: Session, name: str, sight: Sight) -> tuple[Distribution | None, Row]:
    made = session.get(Distribution, name) if name.startswith("d") and "/" not in name else None
    row = find_entry(session, made.entry_id if made else name, sight=sight)
    if not row.full:
        raise NotFound(f"没有“{name[:64]}”，或您看不到它的全部内容")
    if made is not None and not made.opened:
        raise Rejected(f"挂接资源 {made.id} 不是用于开放的，不需要脱敏检查证明")
    if made is not None:
        check_live(made)
    return made, row


def check_live(made: Distribution) -> None:
    """Refuse what is off the shelf for good: nothing takes its place any more.

    Raises:
        Conflict: it is.
    """
    if made.state not in LIVE:
        raise Conflict(f"挂接资源 {made.id} 已下架；要再开放的，重新挂接后再检查", state=made.state)


def _version(session: Session, row: Row) -> Version:
    """The version that distributions are offered of: the one in force, else the newest."""
    return get_version(session, row, row.entry.in_force or row.entry.newest)


def _opened(session: Session, row: Row, is_file: bool | None) -> Distribution | None:
    every = [made for made in distributions_of(session, [row.entry.id]) if made.opened and made.state in LIVE]
    fitting = [made for made in every if is_file is None or (made.form == FILE) == is_file]
    if len(fitting) > 1:
        listed = "；".join(f"{made.id}（{made.name}，{made.state}）" for made in fitting)
        raise Conflict(f"{row.entry.code or row.entry.id} 有几个用于开放的挂接资源，请写明编号：{listed}")
    return fitting[0] if fitting else None


def _items(version: Version, made: Distribution | None) -> list[Mapping[str, Any]]:
    content = version.content
    if made is not None:
        return offered_items(content, made.items)
    listed = [item for item in content.get("items") or () if isinstance(item, Mapping)]
    return [item for item in listed if _type_of(item, content) in GOES_OUT]


def _type_of(item: Mapping[str, Any], content: Mapping[str, Any]) -> Any:
    own = item.get("open_type")
    return content.get("open_type") if is_blank(own) else own


def _open_type(version: Version, items: Iterable[Mapping[str, Any]], specs: Specs) -> str:
    """The widest opening among the entry and its items: what the data must be fit for (domain §12 R6)."""
    types = {version.content.get("open_type"), *(_type_of(item, version.content) for item in items)}
    widest = next((code.code for code in specs.codes["open_type"].values if code.code in types), "")
    if version.content.get("open_type") not in GOES_OUT or widest not in GOES_OUT:
        raise Rejected("目录的开放类型是不予开放，不需要脱敏检查证明；确要开放的，先变更目录")
    return widest


def _methods(items: Sequence[Mapping[str, Any]], given: Mapping[str, str], specs: Specs) -> dict[str, str]:
    """The methods given, by item name; methods and items may be called by their key, code or Chinese name."""
    known = {m.key: m.key for m in specs.desensitization.methods}
    meant = {method: known.get(method) or method_of(method, specs) for method in given.values()}
    names = {str(i.get(key)): str(i.get("item_name")) for i in items for key in ("item_code", "item_name")}
    wrong = [f"没有“{item}”这个信息项" for item in given if item not in names]
    listed = "、".join(known)
    wrong += [f"没有“{method}”这种方法；可用：{listed}" for method, key in meant.items() if not key]
    if wrong:
        raise Rejected("；".join(wrong))
    return {names[item]: meant[method] for item, method in given.items()}


def _earlier(
    session: Session, columns: Sequence[ColumnAsked], made: Distribution | None
) -> dict[str, tuple[str, ...]]:
    """The masks of all releases that were agreed to, whoever made them: one mask per identifier in the city (§12 R10)."""
    query = select(col(StandingProof.masks)).where(col(StandingProof.agreed).is_(True))
    if made is not None:
        # a distribution that is masked anew takes the place of itself
        query = query.where(col(StandingProof.distribution_id) != made.id)
    seen = {mask for masks in session.execute(query).scalars() for forms in masks.values() for mask in forms}
    return {column.name: tuple(sorted(seen)) for column in columns} if seen else {}
