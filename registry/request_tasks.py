"""What waits in requests, grants and disputes: for whom, until when; what is late is told to the other side, too.

Source: domain §12 R14, R18; S1 20-22, 26-29; requests.yaml (``tasks``, ``late``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law_requests import Waiting
from registry.grants import ENDED, SUSPENDED, is_past, is_running
from registry.models import Agency, DataRequest, Dispute, RequestAct, ShareGrant
from registry.permits import Actor, Target, may, roles_of
from registry.queue_terms import Term
from registry.request_acts import extend_by, is_bound
from registry.request_sight import Around, Provider, Requester, agencies_of, regions_of, rows_of
from registry.request_terms import RequestTerms

_NO_TERM = Term()


@dataclass(frozen=True, slots=True)
class RequestTask:
    """One thing that waits. ``number`` is that of the request, grant or dispute (``of``); ``side`` whose turn it is.

    ``mine``: the asker may do it. Otherwise it is late on the other side and shown for that alone. ``overdue`` counts
    in ``unit``; ``due`` is None where no clock binds.
    """

    act: str
    zh: str
    of: str
    number: str
    request: str
    kind: str
    entry_id: str
    code: str | None
    name: str
    requester: str
    provider: str
    side: str
    since: datetime
    due: date | None
    extended: bool
    overdue: int
    soon: bool
    unit: str
    mine: bool

    @property
    def overdue_zh(self) -> str:
        """How late it is, in words; empty when it is not."""
        if not self.overdue:
            return ""
        return f"{self.overdue} 个工作日" if self.unit == "working_days" else f"{self.overdue} 天"


def request_tasks(
    session: Session, actor: Actor | None, *, now: datetime, specs: Specs
) -> tuple[RequestTask, ...]:
    """What waits for ``actor``, and what is late for him on the other side; everything that waits, for None.

    The latest first, then what is due next, then the oldest.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    look = _Look(session, actor, specs, now)
    found = [*_of_requests(look), *_of_grants(look), *_of_disputes(look)]
    found.sort(key=lambda task: (-task.overdue, task.due or date.max, task.since, task.number, task.act))
    return tuple(found)


class _Look:
    """Who asks, and what he may do and see."""

    def __init__(self, session: Session, actor: Actor | None, specs: Specs, now: datetime) -> None:
        self.session, self.actor, self.specs, self.now = session, actor, specs, now
        self.terms = RequestTerms(specs, now)
        self.spec, self.roles = specs.requests, roles_of(specs)

    @cached_property
    def own(self) -> frozenset[str]:
        """The agencies for which the asker has something to do, or to be told."""
        every = {name for task in self.spec.tasks for name in task.by} | set(self.spec.late.own)
        every |= {row.extend_by for row in self.terms.deadlines.clocks if row.extend_by}
        return agencies_of(self.actor, every, self.specs) if self.actor else frozenset()

    @cached_property
    def regions(self) -> frozenset[str]:
        every = {name for task in self.spec.tasks for name in task.by} | set(self.spec.late.authority)
        return regions_of(self.actor, every, self.specs) if self.actor else frozenset()

    @property
    def reached(self) -> ColumnElement[bool]:
        """What the asker has to do with at all."""
        if self.actor is None:
            return true()
        parts: list[ColumnElement[bool]] = [col(Provider.id).in_(self.own), col(Requester.id).in_(self.own)]
        parts += [col(Provider.region).startswith(region, autoescape=True) for region in self.regions]
        return or_(*parts)

    def task(
        self,
        key: str,
        one: Around,
        *,
        number: str,
        request: DataRequest,
        since: datetime,
        term: Term = _NO_TERM,
        barred: Collection[str] = (),
    ) -> Iterator[RequestTask]:
        """The task ``key``, if it is the asker's, or late and to be told to him."""
        row = self.spec.task_index[key]
        names = (extend_by(request.clock, self.specs),) if row.by_clock and request.clock else row.by
        side = self._side(row, names)
        mine = self._may(names, side, one) and not (self.actor and self.actor.login in barred)
        if self.actor is not None and not mine and not (term.overdue and self._told(side, one)):
            return
        yield RequestTask(
            act=key,
            zh=row.zh,
            of=row.of,
            number=number,
            request=request.number,
            kind=request.kind,
            entry_id=one.entry.id,
            code=one.entry.code,
            name=one.name,
            requester=one.requester.name if one.requester else "",
            provider=one.provider.name,
            side=side,
            since=since,
            due=term.due,
            extended=request.extended and row.of == "request",
            overdue=term.overdue,
            soon=term.soon,
            unit=term.unit,
            mine=mine,
        )

    def _side(self, row: Waiting, names: Collection[str]) -> str:
        """Whose turn it is; who consents to an extension, his role tells."""
        if not row.by_clock:
            return row.side
        scopes = {self.roles.index[r].scope for n in names for r in self.roles.granting.get(n, ())}
        return "provider" if scopes == {"own_agency"} else row.side

    def _may(self, names: Collection[str], side: str, one: Around) -> bool:
        if self.actor is None:
            return False
        return any(
            may(self.actor, name, self.roles, Target(agency.id, agency.region))
            for name in names
            for agency in _agencies(side, one)
        )

    def _told(self, side: str, one: Around) -> bool:
        """Whether the asker is of another side than the one that is late, or of the authority."""
        assert self.actor is not None
        late = self.spec.late
        others = {"requester": ("provider",), "provider": ("requester",)}.get(side, ("requester", "provider"))
        if any(self._may(late.own, other, one) for other in others):
            return True
        region = Target(one.provider.id, one.provider.region)
        return side != "authority" and any(may(self.actor, n, self.roles, region) for n in late.authority)


def _agencies(side: str, one: Around) -> list[Agency]:
    asking = [one.requester] if one.requester else []
    match side:
        case "requester":
            return asking
        case "party":
            return [*asking, one.provider]
    return [one.provider]


# ---- requests ---------------------------------------------------------------------------------------------


def _of_requests(look: _Look) -> Iterator[RequestTask]:
    waits = or_(col(DataRequest.awaits).is_not(None), col(DataRequest.extension_asked_at).is_not(None))
    query = rows_of(DataRequest).where(waits, look.reached).order_by(col(DataRequest.id))
    found = [Around(*row) for row in look.session.execute(query)]
    logins = _logins(look.session, [one.row.id for one in found])
    for one in found:
        request: DataRequest = one.row
        term = look.terms.term(request.clock, request.clock_from, extended=request.extended)
        if request.awaits:
            bars = look.spec.task_index[request.awaits].never_by
            barred = logins[request.id, "file"] | logins[request.id, "resubmit"] if "filer" in bars else set()
            since = request.awaits_since or request.filed_at
            yield from look.task(
                request.awaits,
                one,
                number=request.number,
                request=request,
                since=since,
                term=term,
                barred=barred,
            )
        if request.extension_asked_at is not None:
            yield from look.task(
                "extend",
                one,
                number=request.number,
                request=request,
                since=request.extension_asked_at,
                term=term,
                barred=logins[request.id, "ask_extension"],
            )


def _logins(session: Session, ids: list[str]) -> dict[tuple[str, str], set[str]]:
    """Who filed, supplemented or asked for an extension, by request and act."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    acts = col(RequestAct.act).in_(("file", "resubmit", "ask_extension"))
    for start in range(0, len(ids), 400):
        part = col(RequestAct.request_id).in_(ids[start : start + 400])
        query = select(col(RequestAct.request_id), col(RequestAct.act), col(RequestAct.login))
        for request_id, act, login in session.execute(query.where(part, acts)):
            found[request_id, act].add(login)
    return found


# ---- grants -----------------------------------------------------------------------------------------------


def _of_grants(look: _Look) -> Iterator[RequestTask]:
    query = rows_of(ShareGrant).where(_unfinished(look), look.reached).order_by(col(ShareGrant.id))
    found = [Around(*row) for row in look.session.execute(query)]
    requests = _requests(look.session, [one.row.request_id for one in found])
    for one in found:
        grant: ShareGrant = one.row
        for key, since, term in _due(grant, one, look):
            request = requests[grant.request_id]
            yield from look.task(key, one, number=grant.number, request=request, since=since, term=term)


def _unfinished(look: _Look) -> ColumnElement[bool]:
    """Grants of which something may wait: not provided, suspended, long without a record of use, not destroyed."""
    stands = col(ShareGrant.state) != ENDED
    over = or_(~stands, col(ShareGrant.valid_until) < look.terms.today)
    provided = col(ShareGrant.provided_at).is_not(None)
    # a month has 28 days at least: what was used later than this is not due soon, and need not be read
    days = look.spec.usage_due.months * 28 - look.terms.deadlines.warn.days
    since = func.coalesce(col(ShareGrant.used_at), col(ShareGrant.provided_at))
    idle = since < look.now - timedelta(days=max(days, 0))
    return or_(
        and_(stands, ~provided),
        col(ShareGrant.state) == SUSPENDED,
        and_(stands, idle),
        and_(over, provided, col(ShareGrant.destroyed_at).is_(None)),
    )


def _due(grant: ShareGrant, one: Around, look: _Look) -> Iterator[tuple[str, datetime, Term]]:
    """The tasks of one grant, each since when and until when."""
    terms, today = look.terms, look.terms.today
    if not is_running(grant, today):
        if grant.provided_at is not None and grant.destroyed_at is None:
            yield "destroy", grant.ended_at or _after(grant, look), Term()
        return
    if grant.state == SUSPENDED:
        since = grant.suspended_at or grant.created_at
        if grant.rectified_at is None:
            yield "rectify", since, terms.until(grant.rectify_by)
        if grant.rectified_at is not None or (grant.rectify_by is not None and grant.rectify_by < today):
            yield "judge", grant.rectified_at or since, Term()
        return
    if grant.provided_at is None:
        bound = is_bound(one.provider, look.specs)
        yield (
            "provide",
            grant.created_at,
            terms.term(look.spec.provide_clock if bound else None, grant.created_at),
        )
        return
    last = grant.used_at or grant.provided_at
    term = terms.record_of_use(last)
    if term.overdue or term.soon:
        yield "use", last, term


def _after(grant: ShareGrant, look: _Look) -> datetime:
    """The moment at which the last day of a grant was over."""
    assert grant.valid_until is not None and is_past(grant, look.terms.today)
    return look.terms.calendar.begin(grant.valid_until + timedelta(days=1))


def _requests(session: Session, ids: list[str]) -> dict[str, DataRequest]:
    found: dict[str, DataRequest] = {}
    for start in range(0, len(ids), 400):
        part = col(DataRequest.id).in_(ids[start : start + 400])
        found |= {row.id: row for row in session.execute(select(DataRequest).where(part)).scalars()}
    return found


# ---- disputes ---------------------------------------------------------------------------------------------


def _of_disputes(look: _Look) -> Iterator[RequestTask]:
    query = rows_of(DataRequest).join(Dispute, col(Dispute.request_id) == col(DataRequest.id))
    query = query.add_columns(Dispute).where(col(Dispute.closed_at).is_(None), look.reached)
    for row in look.session.execute(query.order_by(col(Dispute.id))):
        *about, dispute = row
        one = Around(*about)
        yield from look.task(dispute.step, one, number=dispute.number, request=one.row, since=dispute.step_at)
