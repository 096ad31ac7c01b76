"""The table list of a system (库表清单): each table is covered by an entry of the system, or left out with a reason.

A new list replaces the old one: what is no longer on it is gone, what is still there keeps its decision, what is new
is undecided. Nothing is ever decided by a likeness. Source: S-ZY 21, 解读9; S-LPS 23; domain §12 R20.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_acceptance import Exclusion
from registry.audit import Act, record
from registry.errors import Conflict, NotFound, Rejected
from registry.keys import new_key
from registry.lookup import find_entry
from registry.models import Agency, System, SystemTable
from registry.permits import Actor, Target, demand, roles_of, sight
from registry.system_register import REGISTER, find_seen
from registry.systems import is_external
from registry.table_reading import ListedTable, TablesListed

COVER = "edit_draft"
_TOLD = 200


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a new list changed: names of tables that are new, back again, or gone; how many keep their decision."""

    total: int
    added: tuple[str, ...]
    back: tuple[str, ...]
    gone: tuple[str, ...]
    decided: int
    notes: tuple[str, ...]


# ---- a new list -------------------------------------------------------------------------------------------


def import_tables(
    session: Session, written: str, listed: TablesListed, *, actor: Actor, now: datetime
) -> ListChange:
    """Make ``listed`` the list of a system (its key, number or name).

    Raises:
        NotFound, NotAllowed. Conflict: it is an external system.
    """
    system, owner = _held(session, written, REGISTER, actor)
    rows = _rows(session, system)
    old = {row.id for row in rows if row.gone_at is None}
    matched = _matched(rows, listed.tables)
    added = [_added(system, table, listed.found_in) for table in listed.tables if table.name not in matched]
    back = [row.name for row in matched.values() if row.id not in old]
    for table in listed.tables:
        if table.name in matched:
            _renew(matched[table.name], table, listed.found_in, now)
    kept = {row.id for row in matched.values()}
    gone = [row for row in rows if row.gone_at is None and row.id not in kept]
    for row in gone:
        row.gone_at = now
    for row in added:
        row.seen_at = now
    session.add_all(added)
    session.flush()
    change = ListChange(
        len(listed.tables),
        tuple(sorted(row.name for row in added)),
        tuple(sorted(back)),
        tuple(sorted(row.name for row in gone)),
        sum(bool(row.entry_id or row.excluded) for row in matched.values()),
        listed.notes,
    )
    _write(session, "import_tables", system, owner, _told(listed, change), actor=actor, now=now)
    return change


def _told(listed: TablesListed, change: ListChange) -> dict[str, Any]:
    return {
        "found_in": listed.found_in,
        "source": listed.source,
        "digest": listed.digest,
        "tables": change.total,
        "added": list(change.added[:_TOLD]),
        "back": list(change.back[:_TOLD]),
        "gone": list(change.gone[:_TOLD]),
    }


def _matched(rows: Sequence[SystemTable], listed: Sequence[ListedTable]) -> dict[str, SystemTable]:
    """Name on the new list -> the row that is this table: of the same name, else of the only one in other case."""
    exact = {row.name: row for row in rows}
    found = {table.name: exact[table.name] for table in listed if table.name in exact}
    taken = {row.id for row in found.values()}
    free = [row for row in rows if row.id not in taken]
    rest = [table.name for table in listed if table.name not in found]
    folded, asked = Counter(row.name.casefold() for row in free), Counter(name.casefold() for name in rest)
    only = {row.name.casefold(): row for row in free if folded[row.name.casefold()] == 1}
    found |= {n: only[n.casefold()] for n in rest if n.casefold() in only and asked[n.casefold()] == 1}
    return found


def _added(system: System, table: ListedTable, found_in: str) -> SystemTable:
    return SystemTable(
        id=new_key("t"),
        system_id=system.id,
        name=table.name,
        comment=table.comment,
        columns=table.columns,
        found_in=found_in,
    )


def _renew(row: SystemTable, table: ListedTable, found_in: str, now: datetime) -> None:
    row.name, row.comment, row.columns = table.name, table.comment or row.comment, table.columns
    row.found_in, row.seen_at, row.gone_at = found_in, now, None


# ---- decisions --------------------------------------------------------------------------------------------


def cover(
    session: Session, written: str, tables: Iterable[str], entry: str, *, actor: Actor, now: datetime
) -> list[SystemTable]:
    """Say that an entry of the system (code or key) covers some of its tables.

    Raises:
        NotFound, NotAllowed, Gone. Conflict: it is an entry of another system, or an external system.
    """
    system, owner = _held(session, written, COVER, actor)
    row = find_entry(session, entry, sight=sight(actor, roles_of(load())))
    if row.entry.system_id != system.id:
        raise Conflict(
            f"目录“{row.version.name}”不属于“{system.name}”，不能覆盖它的表；先在目录中写明来源系统"
        )
    chosen = {name.strip(): row.entry.id for name in tables}
    return _decide(session, system, owner, chosen, actor=actor, now=now)


def cover_each(
    session: Session, written: str, entries: Mapping[str, str], *, actor: Actor, now: datetime
) -> list[SystemTable]:
    """Cover several tables, each by the entry (key) that was found for it. Raises as ``cover``."""
    system, owner = _held(session, written, COVER, actor)
    chosen = {name.strip(): entry_id for name, entry_id in entries.items()}
    return _decide(session, system, owner, chosen, actor=actor, now=now)


def _decide(
    session: Session,
    system: System,
    owner: Agency,
    entries: Mapping[str, str],
    *,
    actor: Actor,
    now: datetime,
) -> list[SystemTable]:
    found = list(zip(find_tables(session, system, entries), entries.values(), strict=True))
    for table, entry_id in found:
        if table.excluded:
            # who may not leave a table out may not undo it, either
            _allow(actor, REGISTER, system, owner)
        table.entry_id, table.excluded, table.why = entry_id, "", ""
        table.decided_by, table.decided_at = actor.login, now
    said = [{"table": table.name, "entry": entry_id} for table, entry_id in found]
    if said:
        _write(session, "cover_tables", system, owner, {"tables": said}, actor=actor, now=now)
    return [table for table, _entry in found]


def exclude(
    session: Session,
    written: str,
    tables: Sequence[str],
    reason: str,
    *,
    why: str,
    of: str = "",
    actor: Actor,
    now: datetime,
) -> list[SystemTable]:
    """Leave some tables out for a reason (key of ``exclusions``), in words; ``of``: the table they are copies of.

    Raises:
        NotFound, NotAllowed. Conflict: an external system. Rejected: the reason is none, must not be registered
        here, or its words or the other table are missing.
    """
    system, owner = _held(session, written, REGISTER, actor)
    words = _reasoned(reason_named(reason), why.strip(), of.strip())
    found = find_tables(session, system, tables)
    for table in found:
        if of.strip() == table.name:
            raise Rejected(f"表“{table.name}”不能是自己的副本；写明原表")
        table.entry_id, table.excluded, table.why = None, reason, words
        table.decided_by, table.decided_at = actor.login, now
    details = {"tables": [table.name for table in found], "reason": reason, "why": words}
    _write(session, "exclude_tables", system, owner, details, actor=actor, now=now)
    return found


def reason_named(key: str) -> Exclusion:
    """A reason for leaving a table out.

    Raises:
        NotFound: there is none; the message lists those there are. Rejected: it is not to be registered here.
    """
    known = load().acceptance.exclusion_index
    if key not in known:
        names = "、".join(f"{row.key}（{row.zh}）" for row in known.values() if not row.refused)
        raise NotFound(f"没有排除理由“{key[:40]}”；可用：{names}")
    found = known[key]
    if found.says is not None:
        raise Rejected(f"{found.says.zh}（{load().cited(found.sources)}）")
    return found


def _reasoned(reason: Exclusion, why: str, of: str) -> str:
    limit = load().acceptance.limits.why
    if reason.of and not of:
        raise Rejected(f"理由“{reason.zh}”须写明原表（--of 表名），原表须已编目或另行决定")
    if of and not reason.of:
        raise Rejected(f"理由“{reason.zh}”不写原表；去掉 --of，或换用“副本”的理由")
    words = f"原表 {of}：{why}" if of else why
    if not why or len(words) > limit or not words.replace("\n", "").isprintable():
        raise Rejected(
            f"须写明排除的具体理由（1 至 {limit} 个字符，不含控制字符）；日后检查要看得懂为何不编目"
        )
    return words


def undecide(
    session: Session, written: str, tables: Sequence[str], *, actor: Actor, now: datetime
) -> list[SystemTable]:
    """Take decisions back; the tables are then undecided.

    Raises:
        NotFound. NotAllowed: he may not make the decision either. Conflict: nothing was decided, external system.
    """
    system, owner = _held(session, written, None, actor)
    found = find_tables(session, system, tables)
    for table in found:
        _allow(actor, REGISTER if table.excluded else COVER, system, owner)
        if not (table.excluded or table.entry_id):
            raise Conflict(f"表“{table.name}”还没有决定，不必撤回")
        table.entry_id, table.excluded, table.why = None, "", ""
        table.decided_by, table.decided_at = "", None
    details = {"tables": [table.name for table in found]}
    _write(session, "undecide_tables", system, owner, details, actor=actor, now=now)
    return found


# ---- what all share ---------------------------------------------------------------------------------------


def find_tables(session: Session, system: System, names: Iterable[str]) -> list[SystemTable]:
    """Tables of the newest list by their names; capitals only count where two differ in nothing else.

    Raises:
        NotFound: one is not on the list. Conflict: several fit a name.
    """
    rows = [row for row in _rows(session, system) if row.gone_at is None]
    exact = {row.name: row for row in rows}
    alike: dict[str, list[SystemTable]] = {}
    for row in rows:
        alike.setdefault(row.name.casefold(), []).append(row)
    asked = dict.fromkeys(name.strip() for name in names)
    return [_named(system, name, exact.get(name), alike.get(name.casefold(), [])) for name in asked]


def _named(system: System, name: str, exact: SystemTable | None, alike: Sequence[SystemTable]) -> SystemTable:
    found = [exact] if exact else list(alike)
    if not found:
        raise NotFound(f"“{system.name}”的库表清单里没有表“{name[:80]}”；核对表名，或重新导入清单")
    if len(found) > 1:
        raise Conflict(
            f"有 {len(found)} 张表只差大小写（{'、'.join(row.name for row in found)}）；照原样写表名"
        )
    return found[0]


def refuse_external(system: System) -> None:
    """Refuse a deed of acceptance on a system of the State or the province.

    Raises:
        Conflict: with the article.
    """
    exempt = load().duties.exempt_system_classes
    if is_external(system, load()):
        raise Conflict(f"“{system.name}”：{exempt.zh}（{load().cited(exempt.sources)}）")


def _held(session: Session, written: str, permission: str | None, actor: Actor) -> tuple[System, Agency]:
    system, owner = find_seen(session, written, actor=actor, held=True)
    if permission is not None:
        _allow(actor, permission, system, owner)
    refuse_external(system)
    return system, owner


def _allow(actor: Actor, permission: str, system: System, owner: Agency) -> None:
    demand(actor, permission, roles_of(load()), Target(owner.id, owner.region, system.id))


def _rows(session: Session, system: System) -> list[SystemTable]:
    query = select(SystemTable).where(col(SystemTable.system_id) == system.id).order_by(col(SystemTable.name))
    return list(session.execute(query).scalars())


def _write(
    session: Session,
    act: str,
    system: System,
    owner: Agency,
    details: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    session.flush()
    said = Act(act, system.id, {"agency": owner.code, **details})
    record(session, [said], actor=actor.login, now=now, operator=actor.operator)
