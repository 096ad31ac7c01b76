"""Orders to rectify (责令整改): ordered by the authority, reported done by the unit, closed (销号) or sent back.

Whether one is overdue is computed from its date. While one is open nothing of the system goes on the shelf
(guard ``no_rectification``). Source: S-LPS 31, 32; S1 39, 40; supervision.yaml.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_supervision import OrderMove
from registry.agency_checks import Against, refuse
from registry.audit import Act, record
from registry.errors import Conflict, NotAllowed, NotFound, Stale
from registry.keys import new_key
from registry.lookup import askable
from registry.models import Agency, Rectification, System
from registry.numbering import next_number
from registry.people import local_day
from registry.permits import Actor, demand, roles_of
from registry.recording import Paper
from registry.supervised import agencies_seen, day_against, file_name_of, fit, hold_system, spec_of, target_of

Row = tuple[Rectification, System, Agency]
_EMPTY = Paper()


@dataclass(frozen=True, slots=True)
class OrderGiven:
    """An order as it is given. ``paper``: number and day of the document, and its file; ``trigger``: a code."""

    trigger: str
    words: str
    paper: Paper
    due: date | None


# ---- ordered ----------------------------------------------------------------------------------------------


def order(session: Session, written: str, given: OrderGiven, *, actor: Actor, now: datetime) -> Rectification:
    """Order a rectification of a system, named by key, number or name; its number is allocated.

    Source: S-LPS 32; S1 39, 40 (the liabilities, in every city).

    Raises:
        NotFound: no such system is seen. NotAllowed: not the authority.
        Conflict: it is a system of the State or the province (S1 24). Rejected: all that is wrong is named.
    """
    spec = spec_of()
    system, owner = hold_system(session, written, actor=actor)
    specs, today = load(system.profile), local_day(now)
    demand(actor, spec.rectification.order, roles_of(specs), target_of(system, owner))
    words, against = fit(given.words, "须整改的问题", spec.limits.words)
    document, wrong = fit(given.paper.number, "整改通知的文号", spec.limits.number)
    against += [*wrong, *_trigger_against(given.trigger, specs), *_days_against(given, today)]
    refuse("不能责令整改", against)
    assert given.paper.day is not None and given.due is not None
    column: Any = Rectification.number
    parts = {"region": owner.region, "year": today.year}
    made = Rectification(
        id=new_key("o"),
        number=next_number(session, column, spec.rectification.number, **parts),
        system_id=system.id,
        trigger=given.trigger,
        words=words,
        document=document,
        day=given.paper.day,
        due=given.due,
        state=spec.rectification.first,
        sha256=given.paper.sha256,
        file_name=file_name_of(given.paper),
        ordered_by=actor.login,
        ordered_at=now,
    )
    session.add(made)
    session.flush()
    told = {"trigger": made.trigger, "document": document, "due": str(made.due), "sha256": made.sha256}
    _record(session, "order", (made, system, owner), {**told, "words": words}, actor=actor, now=now)
    return made


def triggers_of(specs: Specs) -> dict[str, str]:
    """What an order may rest on in a city, as code and Chinese: its own triggers, then the liabilities of S1."""
    own = [row for row in specs.duties.rectification_triggers if row.profile == specs.profile.key]
    return {row.id: row.zh for row in (*own, *specs.duties.liabilities)}


def _trigger_against(trigger: str, specs: Specs) -> list[Against]:
    known = triggers_of(specs)
    if trigger in known:
        return []
    listed = "、".join(f"{key} {zh}" for key, zh in known.items())
    return [Against(f"没有“{trigger[:16]}”这种情形（{specs.profile.zh}）；可用：{listed}")]


def _days_against(given: OrderGiven, today: date) -> list[Against]:
    against = day_against(given.paper.day, "整改通知", today)
    if given.due is None:
        against.append(Against("须写明整改期限（日期）"))
    elif given.paper.day is not None and given.due <= given.paper.day:
        against.append(Against(f"整改期限 {given.due} 须晚于通知日期 {given.paper.day}"))
    return against


# ---- steps ------------------------------------------------------------------------------------------------


def step(
    session: Session,
    number: str,
    move: str,
    words: str,
    paper: Paper = _EMPTY,
    *,
    actor: Actor,
    now: datetime,
    lock: int | None = None,
) -> Rectification:
    """Take an order a step further (report, return, close, cancel), always with words. ``lock``: as it was seen.

    Raises:
        NotFound: no such order is seen, or no such step. NotAllowed: a role is missing, or who reported it would
        close it. Stale: it has changed since ``lock``. Conflict: its state does not allow the step.
        Rejected: words or paper are missing.
    """
    row = find_order(session, number, actor=actor, held=True)
    found, system, owner = row
    deed, specs = move_named(move), load(system.profile)
    demand(actor, deed.permission, roles_of(specs), target_of(system, owner))
    _demand_other(found, deed, actor)
    if lock is not None and lock != found.lock:
        raise Stale(f"{found.number} 在您看过之后已有变动；刷新后再办", etag=f'"{found.lock}"')
    if found.state not in deed.starts:
        state = spec_of().rectification.state_index[found.state].zh
        raise Conflict(f"{found.number} 是“{state}”，不能“{deed.zh}”")
    said, against = fit(words, "情况说明", spec_of().limits.words)
    if deed.file and paper.sha256 is None:
        against.append(Against(f"须附整改报告或佐证文件（{specs.cited(deed.sources)}）"))
    refuse(f"不能“{deed.zh}”", against)
    before = found.state
    _advance(found, deed, said, paper, actor, now)
    session.flush()
    told = {"from": before, "to": found.state, "words": said, "sha256": paper.sha256}
    _record(session, deed.key, row, told, actor=actor, now=now)
    return found


def move_named(key: str) -> OrderMove:
    """A step of an order.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    moves = spec_of().rectification.move_index
    if key not in moves:
        listed = "、".join(f"{one.key}（{one.zh}）" for one in moves.values())
        raise NotFound(f"整改没有“{key[:32]}”这个环节；可用：{listed}")
    return moves[key]


def _demand_other(found: Rectification, deed: OrderMove, actor: Actor) -> None:
    if deed.never_by_reporter and found.reported_by and actor.login == found.reported_by:
        raise NotAllowed(f"{found.number} 的整改结果由您报送，须由他人销号", reason="reporter")


def _advance(
    found: Rectification, deed: OrderMove, said: str, paper: Paper, actor: Actor, now: datetime
) -> None:
    match deed.key:
        case "report":
            found.report, found.reported_by, found.reported_at = said, actor.login, now
            found.report_sha256, found.report_file = paper.sha256, file_name_of(paper)
        case "return":
            found.returned = said
        case _:
            found.closing, found.closed_by, found.closed_at = said, actor.login, now
    found.state = deed.to
    found.lock += 1


def _record(
    session: Session, act: str, row: Row, details: dict[str, Any], *, actor: Actor, now: datetime
) -> None:
    found, system, owner = row
    said = {"number": found.number, "system": system.id, "agency": owner.code}
    said |= {key: value for key, value in details.items() if value is not None}
    done = Act(f"{act}_rectification", found.id, said)
    record(session, [done], actor=actor.login, now=now, operator=actor.operator)


# ---- asked ------------------------------------------------------------------------------------------------


def orders_seen(actor: Actor | None) -> Select[*tuple[Any, ...]]:
    """The orders that someone sees (None: the console), each with its system and agency, as a query to add to."""
    return (
        select(Rectification, System, Agency)
        .join(System, col(System.id) == col(Rectification.system_id))
        .join(Agency, col(Agency.id) == col(System.agency_id))
        .where(agencies_seen(actor))
    )


def find_order(session: Session, number: str, *, actor: Actor | None, held: bool = False) -> Row:
    """An order by number or key with its system and agency. ``held``: no other writer may have it meanwhile.

    Raises:
        NotFound: there is none that is seen.
    """
    asked = askable(number.strip())
    query = orders_seen(actor).where(or_(col(Rectification.number) == asked, col(Rectification.id) == asked))
    if held:
        query = query.with_for_update(of=Rectification).execution_options(populate_existing=True)
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFound(f"没有编号为“{number.strip()[:64]}”的整改，或您看不到它")
    return found[0], found[1], found[2]


def days_late(found: Rectification, today: date) -> int:
    """How many days an open order is past its date; 0 when it is not, or is closed."""
    state = spec_of().rectification.state_index[found.state]
    return max(0, (today - found.due).days) if state.open else 0
