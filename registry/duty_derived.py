"""Evidence that the register tells by itself: one probe for each kind, each asked once for all subjects of a year.

A probe answers with what it found (how many of how many, a number, a day) or with nothing; nothing is assumed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.duty_facts import Answers, Found, Known, Row, counted, day_of, in_time
from registry.duty_terms import AGENCY, ENTRY, SYSTEM, Scope
from registry.models import (
    BatchProof,
    BudgetFlag,
    DataCopy,
    Distribution,
    Edition,
    Entry,
    Rectification,
    SystemReview,
    SystemTable,
    Version,
    WipeCase,
    WipeRecord,
)
from registry.orders import open_orders
from registry.people import local_day
from registry.proof_cases import PROVEN, PUBLISHED
from registry.subjects import SHELVED

APPROVE, CLEAR, CANCELLED = "approve", "clear", "cancelled"
PLAN, ACCEPTANCE = "plan", "acceptance"


class Derived:
    """The probes of a year, each run when it is first asked for."""

    def __init__(
        self, session: Session, scope: Scope, specs: Specs, left_out: frozenset[str] = frozenset()
    ) -> None:
        self.known = Known(session, scope, specs, left_out)
        self._kept: dict[tuple[str, str], Answers] = {}

    def find(self, probe: str, per: str, key: str) -> Found | None:
        """What a probe found of a subject; None when it found nothing."""
        asked = AGENCY if per == ENTRY else per
        if (probe, asked) not in self._kept:
            self._kept[probe, asked] = PROBES[probe](self.known, asked)
        return self._kept[probe, asked].get(key)


def _always(_row: Row) -> bool:
    return True


# ---- systems ----------------------------------------------------------------------------------------------


def _of_systems(known: Known, found: Callable[[Any], Found | None]) -> Answers:
    pairs = ((one.id, found(one.system)) for one in known.scope.of(SYSTEM) if one.system)
    return {key: value for key, value in pairs if value is not None}


def _system_class(known: Known, _per: str) -> Answers:
    def found(system: Any) -> Found | None:
        said = known.specs.label("system_class", system.system_class) if system.system_class else ""
        return Found(said=said, day=local_day(system.created_at)) if said else None

    return _of_systems(known, found)


def _contract(known: Known, _per: str) -> Answers:
    begins = date(known.scope.year, 1, 1)

    def found(system: Any) -> Found | None:
        over = system.contract_until is not None and system.contract_until < min(begins, known.scope.today)
        if not system.contract_no:
            return None
        said = f"至 {system.contract_until}" if system.contract_until else "没有写合同止日"
        number, day = system.contract_no, system.contract_from
        return Found(number=number, day=day, said=f"合同已到期（{said}）" if over else said, whole=not over)

    return _of_systems(known, found)


def _crypto(known: Known, _per: str) -> Answers:
    def found(system: Any) -> Found | None:
        if not system.crypto_no or system.crypto_on is None:
            return None
        return in_time(Found(number=system.crypto_no, day=system.crypto_on), "crypto_assessment", known)

    return _of_systems(known, found)


def _protection(known: Known, _per: str) -> Answers:
    def found(system: Any) -> Found | None:
        if not system.protection_no or not system.protection_level:
            return None
        level = known.specs.label("protection_level", system.protection_level)
        return Found(number=system.protection_no, said=level)

    return _of_systems(known, found)


def _tables(known: Known, _per: str) -> Answers:
    total: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    query = (
        select(col(SystemTable.system_id), col(SystemTable.excluded), col(Entry.in_force))
        .outerjoin(Entry, col(Entry.id) == col(SystemTable.entry_id))
        .where(col(SystemTable.gone_at).is_(None), known.within(SystemTable))
    )
    for system, excluded, in_force in known.session.execute(query):
        total[system] += 1
        answered[system] += bool(excluded) or in_force is not None
    return {
        key: counted(answered[key], of, "{of} 张库表中 {count} 张有目录或已排除") for key, of in total.items()
    }


def _wiped(known: Known, _per: str) -> Answers:
    """Certificates of a system's wipe cases; whole when no case is open and every copy has come to its end."""
    specs, session = known.specs, known.session
    ended = {state.key for state in specs.systems.copy_states if state.terminal}
    cases: dict[str, str] = {}
    open_: Counter[str] = Counter()
    query = select(WipeCase).where(col(WipeCase.system_id).is_not(None), known.within(WipeCase))
    for case in session.execute(query).scalars():
        cases[case.id] = str(case.system_id)
        open_[str(case.system_id)] += case.closed_at is None and case.state != CANCELLED
    left = Counter(session.execute(_left(ended, known)).scalars())
    certificates: dict[str, list[tuple[str, datetime | None]]] = defaultdict(list)
    issued = select(col(WipeRecord.case_id), col(WipeRecord.certificate_no), col(WipeRecord.approved_at))
    for case_id, number, at in session.execute(issued.where(col(WipeRecord.certificate_no).is_not(None))):
        if case_id in cases:
            certificates[cases[case_id]].append((str(number), at))
    return {key: _certified(rows, left[key], open_[key]) for key, rows in certificates.items()}


def _left(ended: Iterable[str], known: Known) -> Any:
    query = select(col(DataCopy.system_id)).where(col(DataCopy.state).not_in(list(ended)))
    return query.where(col(DataCopy.system_id).is_not(None), known.within(DataCopy))


def _certified(rows: list[tuple[str, datetime | None]], left: int, open_: int) -> Found:
    number, at = max(rows)
    said = f"证明 {len(rows)} 份" + (f"，{left} 处副本还没有结果" if left else "")
    said += f"，{open_} 项清除任务未结案" if open_ else ""
    return Found(len(rows), len(rows) + left, number, day_of(at), said, whole=not (left or open_))


def _rectified(known: Known, _per: str) -> Answers:
    orders: dict[str, list[Rectification]] = defaultdict(list)
    query = select(Rectification).where(col(Rectification.state) != CANCELLED, known.within(Rectification))
    for order in known.session.execute(query.order_by(col(Rectification.day))).scalars():
        orders[order.system_id].append(order)
    return {
        key: counted(
            sum(one.closed_at is not None for one in rows),
            len(rows),
            "整改 {of} 件，已销号 {count} 件",
            number=rows[-1].number,
            day=rows[-1].day,
        )
        for key, rows in orders.items()
    }


def _plan_review(known: Known, _per: str) -> Answers:
    return {key: _reviewed(one) for key, one in known.reviews(PLAN).items()}


def _compliance(known: Known, _per: str) -> Answers:
    return {key: _reviewed(one) for key, one in known.reviews(ACCEPTANCE).items()}


def _reviewed(review: SystemReview) -> Found:
    said = "通过" if review.passed else "不予通过"
    return Found(number=review.number, day=review.day, said=said, whole=review.passed)


def _plan_filing(known: Known, _per: str) -> Answers:
    found = known.reviews(PLAN).items()
    return {
        key: Found(number=one.filing_no, day=one.filing_day, whole=one.passed)
        for key, one in found
        if one.filing_no
    }


def _vendor(known: Known, _per: str) -> Answers:
    found = known.reviews(PLAN).items()
    return {key: Found(number=one.number, day=one.day, said=one.vendor) for key, one in found if one.vendor}


# ---- entries, of a system or an agency --------------------------------------------------------------------


def _catalogue(known: Known, per: str) -> Answers:
    made = known.tally(per, "已通告目录 {count} 条", _always, _always)
    for key, rows in known.grouped(per).items():
        last = max(rows, key=lambda row: row.day or date.min)
        made[key] = replace(made[key], number=last.number, day=last.day)
    return made


def _audited(known: Known, per: str) -> Answers:
    audited = known.moved(APPROVE)
    return known.tally(
        per, "{of} 条目录中 {count} 条有审核通过的记录", _always, lambda row: row.id in audited
    )


def _cleared(known: Known, per: str) -> Answers:
    cleared = known.moved(CLEAR)
    return known.tally(per, "{of} 条目录中 {count} 条经保密审查", _always, lambda row: row.id in cleared)


def _graded(known: Known, per: str) -> Answers:
    return known.tally(per, "{of} 条目录中 {count} 条已分类分级", _always, lambda row: row.graded)


def _shelf(known: Known, per: str) -> Answers:
    said = "应上架 {of} 条，在架 {count} 条"
    return known.tally(per, said, lambda row: row.shared or row.opened, lambda row: row.state == SHELVED)


def _pushed(known: Known, per: str) -> Answers:
    said = "可开放 {of} 条，在门户 {count} 条"
    return known.tally(per, said, lambda row: row.opened, lambda row: row.id in known.on_portal)


def _proven(known: Known, per: str) -> Answers:
    """Opened resources on the shelf that need a proof, and how many have one; only those of entries in force."""
    wanted, proven = defaultdict(set), set(known.session.execute(_proofs()).scalars())
    query = (
        select(col(Distribution.id), col(Distribution.entry_id), col(Version.needs))
        .join(Entry, col(Entry.id) == col(Distribution.entry_id))
        .join(
            Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.in_force))
        )
        .where(col(Distribution.opened), col(Distribution.state) == SHELVED, known.within(Entry))
    )
    for made, entry, needs in known.session.execute(query):
        if any(need.get("need") == "desens" for need in needs or ()):
            wanted[entry].add(made)
    found: Answers = {}
    for key, rows in known.grouped(per).items():
        asked = [made for row in rows for made in wanted.get(row.id, ())]
        one = counted(
            sum(made in proven for made in asked), len(asked), "须脱敏的开放资源 {of} 个，有证明 {count} 个"
        )
        found[key] = one if asked else replace(one, whole=True)
    return found


def _proofs() -> Any:
    return select(col(BatchProof.distribution_id)).where(col(BatchProof.state).in_((PROVEN, PUBLISHED)))


# ---- agencies ---------------------------------------------------------------------------------------------


def _edition(known: Known, _per: str) -> Answers:
    query = select(
        *(col(Edition.agency_id), col(Edition.year), col(Edition.number)),
        *(col(Edition.rows), col(Edition.sealed_at)),
    ).where(col(Edition.year) == known.scope.year, known.within(Edition))
    ordered = known.session.execute(query.order_by(col(Edition.number)))
    return {
        agency: Found(number=f"{year}年第{number}期", day=day_of(at), said=f"{rows} 条")
        for agency, year, number, rows, at in ordered
    }


def _budget_flag(known: Known, _per: str) -> Answers:
    """A flag for next year's budget speaks of what was not done this year."""
    query = select(BudgetFlag).where(col(BudgetFlag.year) == known.scope.year + 1, known.within(BudgetFlag))
    rows = known.session.execute(
        query.where(col(BudgetFlag.lifted_at).is_(None)).order_by(col(BudgetFlag.at))
    )
    return {one.agency_id: Found(number=one.document, day=one.day) for one in rows.scalars()}


def _existing_systems(known: Known, _per: str) -> Answers:
    groups: dict[str, list[str]] = {one.id: [] for one in known.scope.of(AGENCY)}
    lacking = dict(unshared(known))
    for one in known.scope.of(SYSTEM):
        if is_existing(one.system, one.external, known.specs) and one.id not in known.left_out:
            groups.setdefault(str(one.agency_id), []).append(one.id)
    said, none = "已建系统 {of} 个，已共享开放 {count} 个", Found(0, 0, said="没有已验收、运行中的系统")
    found = {k: counted(sum(one not in lacking for one in ids), len(ids), said) for k, ids in groups.items()}
    return {key: one if one.of else none for key, one in found.items()}


def is_existing(system: Any, external: bool, specs: Specs) -> bool:
    """Whether a system is built and there, so that its plan of operation asks whether it shares. Source: S-ZY 5(四)."""
    return system is not None and not external and specs.systems.life_index[system.life].counts


def unshared(known: Known) -> Iterator[tuple[str, str]]:
    """The existing systems that do not share and open as asked, each with what is lacking."""
    groups = known.grouped(SYSTEM)
    for one in known.scope.of(SYSTEM):
        if one.id in known.left_out or not is_existing(one.system, one.external, known.specs):
            continue
        rows = groups.get(one.id, [])
        off = sum((row.shared or row.opened) and row.state != SHELVED for row in rows)
        unseen = sum(row.opened and row.id not in known.on_portal for row in rows)
        parts = [f"{off} 条没有上架"] * bool(off) + [f"{unseen} 条可开放的不在开放门户"] * bool(unseen)
        if said := "，".join(parts) if rows else "没有已通告的目录":
            yield one.id, said


# ---- days -------------------------------------------------------------------------------------------------


def last_days(known: Known) -> dict[str, dict[str, date]]:
    """By probe and system the day that an order or a wipe case sets, the earliest of those that are open."""
    session, ids = known.session, known.scope.ids(SYSTEM)
    orders = open_orders(session, ids)
    query = select(col(WipeCase.system_id), func.min(col(WipeCase.due))).where(
        col(WipeCase.closed_at).is_(None), col(WipeCase.state) != CANCELLED, col(WipeCase.due).is_not(None)
    )
    cases = session.execute(query.group_by(col(WipeCase.system_id)))
    return {
        "rectified": {key: min(one.due for one in rows) for key, rows in orders.items()},
        "wiped": {row[0]: row[1] for row in cases if row[0] and row[1]},
    }


PROBES: dict[str, Callable[[Known, str], Answers]] = {
    "system_class": _system_class,
    "cleared": _cleared,
    "existing_systems": _existing_systems,
    "plan_review": _plan_review,
    "review_vendor": _vendor,
    "plan_filing": _plan_filing,
    "contract": _contract,
    "crypto": _crypto,
    "protection": _protection,
    "catalogue": _catalogue,
    "audited": _audited,
    "tables": _tables,
    "shelf": _shelf,
    "compliance_review": _compliance,
    "wiped": _wiped,
    "rectified": _rectified,
    "graded": _graded,
    "proven": _proven,
    "edition": _edition,
    "pushed": _pushed,
    "budget_flag": _budget_flag,
}
