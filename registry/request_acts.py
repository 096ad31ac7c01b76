"""The ground of requests: loaded and held, who stands on which side, refusals, numbers, the record of every act."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from catalog_specs import Specs, load
from catalog_specs.law import Deadlines
from catalog_specs.law_requests import Deed, RequestDeed, Side
from registry import audit
from registry.entries import TOMBSTONES, hold_register
from registry.errors import Conflict, NotAllowed, NotFound, Rejected, Stale
from registry.kept import storable, storable_value
from registry.keys import digest_of, new_key
from registry.lookup import askable
from registry.models import Agency, DataRequest, Entry, RequestAct, ShareGrant, Version
from registry.people import local, local_day
from registry.permits import Actor, Held, Target, covers, demand, holding, may, roles_of
from validators.requesting import BOUND, Unmet, is_marked, refusal

NOTE_LENGTH = 2000  # as the column is wide
_NUMBERS_LOCK = 0x6D756C7504  # "mulu", then which of its locks
_ANEW = {"populate_existing": True}


class RequestRefused(Rejected):
    """Something is missing; ``unmet`` names all of it, each with its article and cure."""

    def __init__(self, zh: str, unmet: Sequence[Unmet]) -> None:
        lines = [f"不能办理“{zh}”："] + [f"- {one.text}。办法：{one.fix}（{one.source}）" for one in unmet]
        errors = [
            {
                "pointer": f"/data/{one.field}" if one.field else "",
                "code": one.key,
                "message": one.text,
                "fix": one.fix,
                "source": one.source,
            }
            for one in unmet
        ]
        super().__init__("\n".join(lines), errors=errors)
        self.unmet = tuple(unmet)


def refuse_if(zh: str, unmet: Iterable[Unmet]) -> None:
    """Raises RequestRefused when anything is missing; what is missing twice is named once."""
    found = tuple(dict.fromkeys(unmet))
    if found:
        raise RequestRefused(zh, found)


@dataclass(slots=True)
class Matter:
    """A request with its rows. ``content`` is the entry's version in force; None where none is, or it is retired."""

    request: DataRequest
    entry: Entry
    provider: Agency
    requester: Agency | None
    content: Mapping[str, Any] | None
    specs: Specs

    @property
    def bound(self) -> bool:
        """Whether the clocks of the law bind the provider (domain §12 R14)."""
        return is_bound(self.provider, self.specs)

    def clock(self) -> str | None:
        """The clock that an answer has; None where none binds."""
        kind = self.specs.requests.kind_index[self.request.kind]
        share = str((self.content or {}).get("share_type") or "")
        return (kind.clock_of(share) or None) if self.bound else None


def is_bound(agency: Agency, specs: Specs) -> bool:
    """Whether an agency is of a kind that the law of sharing binds. Source: S1 2, 43; domain §12 R14."""
    row = specs.code_value("agency_kind", agency.kind)
    return row is not None and bool(row.attrs.get(BOUND))


# ---- loading ----------------------------------------------------------------------------------------------


def load_matter(session: Session, name: str, *, hold: bool = False) -> Matter:
    """A request by its number or key, with what stands around it as it is now.

    With ``hold`` its entry and it are held against other writers until the transaction ends, in this order.

    Raises:
        NotFound: there is none.
    """
    asked = askable(name.strip())
    named = (col(DataRequest.number) == asked) | (col(DataRequest.id) == asked)
    request = session.execute(select(DataRequest).where(named)).scalar_one_or_none()
    if request is None:
        raise unseen(name)
    if hold:
        hold_register(session)
    entry = hold_entry(session, request.entry_id) if hold else session.get_one(Entry, request.entry_id)
    if hold:
        again = select(DataRequest).where(col(DataRequest.id) == request.id).with_for_update()
        request = session.execute(again, execution_options=_ANEW).scalar_one()
    return around(session, request, entry)


def unseen(name: str) -> NotFound:
    """What is said of a request or grant that is not there, or not to be seen."""
    return NotFound(f"没有编号为“{name.strip()[:64]}”的申请或者授权，或您看不到它")


def hold_entry(session: Session, entry_id: str) -> Entry:
    """An entry as it is now, held against other writers."""
    query = select(Entry).where(col(Entry.id) == entry_id).with_for_update()
    return session.execute(query, execution_options=_ANEW).scalar_one()


def around(session: Session, request: DataRequest, entry: Entry) -> Matter:
    """The matter of a request: agencies, and the entry's content in force."""
    provider = session.get_one(Agency, entry.agency_id)
    requester = session.get_one(Agency, request.requester_id) if request.requester_id else None
    version = session.get_one(Version, (entry.id, entry.in_force or entry.newest))
    return Matter(
        request, entry, provider, requester, content_in_force(session, entry), load(version.profile)
    )


def content_in_force(session: Session, entry: Entry) -> Mapping[str, Any] | None:
    """The content of the version in force; None where none is, its content was erased, or the entry is retired."""
    if entry.in_force is None or entry.state in TOMBSTONES:
        return None
    version = session.get_one(Version, (entry.id, entry.in_force))
    return version.content if version.erased_at is None else None


# ---- who ----------------------------------------------------------------------------------------------------


def sees(actor: Actor, provider: Agency, requester_id: str | None, specs: Specs) -> bool:
    """Whether someone sees a request: people of either side, and the authority."""
    roles, spec = roles_of(specs), specs.requests.sight
    sides = [Target(provider.id, provider.region)] + ([Target(requester_id)] if requester_id else [])
    own = any(may(actor, name, roles, side) for name in spec.own for side in sides)
    return own or any(may(actor, name, roles, sides[0]) for name in spec.authority)


def sees_applicant(actor: Actor, provider: Agency, specs: Specs) -> bool:
    """Whether someone sees who applied for opening: the provider's people and the authority. Source: PIPL 6."""
    roles, spec = roles_of(specs), specs.requests.sight
    target = Target(provider.id, provider.region)
    return any(may(actor, n, roles, target) for n in (*spec.applicant_provider, *spec.applicant_authority))


def demand_any(actor: Actor, names: Sequence[str], target: Target, specs: Specs) -> Held:
    """The role by which someone may do one of some things.

    Raises:
        NotAllowed: he may do none of them; the message names the roles that may.
    """
    roles = roles_of(specs)
    for name in names:
        for held in holding(actor, name, roles):
            if covers(held, target, roles):
                return held
    return demand(actor, names[0], roles, target)


def side_target(side: Side, provider: Agency, requester: Agency | None) -> Target:
    """The agency whose people act on a side; the authority's scope is asked for the provider."""
    agency = requester if side == "requester" and requester is not None else provider
    return Target(agency.id, agency.region)


def permissions_of(act: RequestDeed, matter: Matter) -> tuple[str, ...]:
    """What one must be allowed for an act: also the clock's ``extend_by``, and what the authority asks itself."""
    if act.by_clock:
        clock = matter.request.clock
        return (extend_by(clock, matter.specs),) if clock else act.authority_by
    if matter.requester is None and act.side == "requester" and act.authority_by:
        return act.authority_by
    return act.by


def extend_by(clock: str, specs: Specs) -> str:
    """The permission that consents to an extension of a clock; empty where none does."""
    row = specs.document("deadlines", Deadlines).index[clock]
    return row.extend_by if row.extend else ""


def check_never(
    session: Session, deed: Deed, request: DataRequest, actor: Actor, requester_id: str | None
) -> None:
    """Nobody decides on his own request, or for the other side. Source: S1 20, 21.

    Raises:
        NotAllowed: he may not, whatever his roles.
    """
    zh = deed.zh
    if "filer" in deed.never_by and actor.login in _logins(session, request, ("file", "resubmit")):
        raise NotAllowed(f"{request.number} 是您填报的，“{zh}”须由另一人办理", reason="filer")
    if "asker" in deed.never_by and actor.login in _logins(session, request, ("ask_extension",)):
        raise NotAllowed(f"延期是您申请的，“{zh}”须由另一人办理", reason="asker")
    if "requester_side" in deed.never_by and requester_id is not None:
        theirs = any(held.agency_id == requester_id for held in actor.held)
        if theirs or actor.agency_id == requester_id or actor.login == request.filed_by:
            raise NotAllowed(f"您属于需求方，“{zh}”须由提供方的其他人员办理", reason="side")


def _logins(session: Session, request: DataRequest, acts: Sequence[str]) -> set[str]:
    query = select(col(RequestAct.login)).where(
        col(RequestAct.request_id) == request.id, col(RequestAct.act).in_(acts)
    )
    return set(session.execute(query).scalars())


# ---- from where -------------------------------------------------------------------------------------------


def check_lock(seen: int | None, lock: int, name: str) -> None:
    """Raises Stale when something has changed since the asker saw it."""
    if seen is not None and seen != lock:
        raise Stale(f"{name} 在您看过之后已有变动；请刷新后再办", lock=lock)


def wrong_state(session: Session, zh: str, now_zh: str, number: str, query: Any) -> Conflict:
    """The refusal of an act from a wrong state: it says who acted last, and when; ``query`` finds that act."""
    last = session.execute(
        query.order_by(col(RequestAct.at).desc(), col(RequestAct.id).desc()).limit(1)
    ).scalar()
    said = ""
    if last is not None:
        done = load().requests.act_zh(last.act)
        said = f"（{last.login} 已于 {local(last.at):%Y-%m-%d %H:%M} 办理“{done}”）"
    return Conflict(f"{number} 现在是“{now_zh}”，不能办理“{zh}”{said}")


def fit_note(note: str, specs: Specs) -> tuple[str, tuple[Unmet, ...]]:
    """A note as it can be kept, and what is wrong with it."""
    kept = storable(note.strip())
    found = []
    if len(kept) > NOTE_LENGTH:
        found.append(refusal(specs, "field_long", "note", field="说明", length=NOTE_LENGTH))
    if is_marked(kept, specs):
        found.append(refusal(specs, "secret", "note", field="说明"))
    return kept, tuple(found)


def given_of(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an act was given, as every database can keep it."""
    return dict(storable_value(data or {}))


# ---- written ------------------------------------------------------------------------------------------------


def next_number(session: Session, table: type[SQLModel], pattern: str, *, now: datetime) -> str:
    """The next number of a table by its pattern; one writer at a time counts, until his transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_NUMBERS_LOCK)))
    session.flush()
    head, tail = pattern.format(year=local_day(now).year, seq="\0").split("\0")
    number = col(table.number)  # type: ignore[attr-defined]  # the tables that are numbered
    last = session.execute(
        select(number)
        .where(number.startswith(head, autoescape=True))
        .order_by(func.length(number).desc(), number.desc())
        .limit(1)
    ).scalar()
    count = int(last.removeprefix(head).removesuffix(tail)) if last else 0
    return f"{head}{count + 1}{tail}"


@dataclass(frozen=True, slots=True)
class Written:
    """One act as it is written down: by whom (None: the machine), in which role, with what."""

    act: str
    actor: Actor | None
    held: Held | None
    note: str
    data: Mapping[str, Any]
    now: datetime


def write_act(
    session: Session,
    request: DataRequest,
    done: Written,
    states: tuple[str, str],
    grant: ShareGrant | None = None,
) -> audit.Act:
    """Write one act down; gives its event for the audit record, without content: numbers, states and a digest."""
    machine = load().requests.machine.login
    row = RequestAct(
        id=new_key("a"),
        request_id=request.id,
        grant_id=grant.id if grant else None,
        act=done.act,
        role=done.held.role if done.held else "",
        person_id=(done.actor.person_id or None) if done.actor else None,
        login=done.actor.login if done.actor else machine,
        operator=(done.actor.operator or None) if done.actor else None,
        state_before=states[0],
        state_after=states[1],
        note=done.note,
        data=dict(done.data),
        at=done.now,
    )
    session.add(row)
    details: dict[str, Any] = {
        "request": request.number,
        "kind": request.kind,
        "entry": request.entry_id,
        "before": states[0],
        "after": states[1],
        "role": row.role,
        "digest": digest_of({"note": done.note, "data": row.data}),
    }
    details |= {"grant": grant.number} if grant else {}
    return audit.Act(f"request_{done.act}", grant.number if grant else request.number, details)


def record_acts(
    session: Session, actor: Actor, acts: Sequence[audit.Act], machine: Sequence[audit.Act], *, now: datetime
) -> None:
    """The audit record of what someone did, and of what the machine answered to it; called last."""
    session.flush()
    audit.record(session, acts, actor=actor.login, now=now, operator=actor.operator)
    audit.record(session, machine, actor=load().requests.machine.login, now=now)
