"""Requests and grants as people read them: one whole with its acts, and pages of them; who applied only to whom it may.

Source: S1 20-22, 26-29; domain §12 R18.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from catalog_specs import Specs, load
from registry.disputes import disputes_of, step_zh
from registry.granted import load_grant
from registry.grants import ENDED, is_past, running
from registry.lookup import askable
from registry.models import DataRequest, Dispute, Entry, RequestAct, ShareGrant, UsageRecord
from registry.permits import Actor
from registry.queue_terms import Term
from registry.request_acts import load_matter, sees, sees_applicant, unseen
from registry.request_sight import Around, Provider, Requester, agencies_of, rows_of, seen_by
from registry.request_terms import RequestTerms
from registry.usage import usage_of


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request in a list. ``term`` is until when it is to be answered; ``requester`` is empty for an applicant."""

    number: str
    kind: str
    kind_zh: str
    state: str
    state_zh: str
    entry_id: str
    code: str | None
    name: str
    provider_code: str
    provider: str
    requester_code: str
    requester: str
    filed_at: datetime
    received_at: datetime | None
    answered_at: datetime | None
    awaits: str | None
    awaits_zh: str
    term: Term
    extended: bool
    lock: int


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant in a list. ``running``: it may be used today; one past its last day may not, ended or not yet."""

    number: str
    request: str
    entry_id: str
    code: str | None
    name: str
    provider_code: str
    provider: str
    requester_code: str
    requester: str
    pattern: str
    items: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    state: str
    state_zh: str
    running: bool
    provided_at: datetime | None
    ended_at: datetime | None
    rectify_by: date | None
    destroyed_at: datetime | None
    lock: int


@dataclass(frozen=True, slots=True)
class ActShown:
    """One act on a request or grant, with who and when; ``by_machine``: nobody decided it."""

    act: str
    zh: str
    login: str
    role: str
    before: str
    after: str
    note: str
    data: Mapping[str, Any]
    at: datetime
    grant: str | None
    by_machine: bool


@dataclass(frozen=True, slots=True)
class RequestShown:
    """One request whole. ``fields`` are (key, Chinese name, value); ``applicant`` is None where it may not be seen."""

    row: RequestRow
    fields: tuple[tuple[str, str, Any], ...]
    applicant: Mapping[str, Any] | None
    applicant_erased_at: datetime | None
    decision: str | None
    reasons: str
    extension_asked_at: datetime | None
    supplemented: bool
    acts: tuple[ActShown, ...]
    grants: tuple[GrantRow, ...]
    disputes: tuple[tuple[Dispute, str], ...]

    @property
    def disputed(self) -> bool:
        """Whether a dispute about it is open."""
        return any(dispute.closed_at is None for dispute, _step in self.disputes)


@dataclass(frozen=True, slots=True)
class GrantShown:
    """One grant whole, with its acts and the records of its use; ``provide`` is until when it is to be provided."""

    row: GrantRow
    content: Mapping[str, Any]
    provide: Term
    acts: tuple[ActShown, ...]
    usage: tuple[UsageRecord, ...]


@dataclass(frozen=True, slots=True)
class RequestPage:
    rows: tuple[RequestRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class GrantPage:
    rows: tuple[GrantRow, ...]
    next_cursor: str | None


# ---- one --------------------------------------------------------------------------------------------------


def shown_request(session: Session, number: str, *, actor: Actor | None, now: datetime) -> RequestShown:
    """One request with its acts, grants and disputes; ``actor`` None is the console, which sees all but applicants.

    Raises:
        NotFound: no such request is seen.
    """
    matter = load_matter(session, number)
    request, specs = matter.request, matter.specs
    if actor is not None and not sees(actor, matter.provider, request.requester_id, specs):
        raise unseen(number)
    around = Around(request, matter.entry, _name_of(matter.content), matter.provider, matter.requester)
    grants = rows_of(ShareGrant).where(col(ShareGrant.request_id) == request.id)
    kind = specs.requests.kind_index[request.kind]
    known = actor is not None and sees_applicant(actor, matter.provider, specs)
    return RequestShown(
        row=_row(around, RequestTerms(specs, now)),
        fields=tuple((f.key, f.zh, request.content[f.key]) for f in kind.fields if f.key in request.content),
        applicant=dict(request.applicant) if known and request.applicant else None,
        applicant_erased_at=request.erased_at,
        decision=request.decision,
        reasons=request.reasons,
        extension_asked_at=request.extension_asked_at,
        supplemented=request.supplemented,
        acts=_acts(session, col(RequestAct.request_id) == request.id, specs),
        grants=_grant_rows(session, grants.order_by(col(ShareGrant.id)), RequestTerms(specs, now)),
        disputes=tuple((d, step_zh(d.step, specs)) for d in disputes_of(session, request.id)),
    )


def shown_grant(session: Session, number: str, *, actor: Actor | None, now: datetime) -> GrantShown:
    """One grant with its acts and the records of its use, for both sides and the authority.

    Raises:
        NotFound: no such grant is seen.
    """
    one = load_grant(session, number, actor=actor)
    grant, specs = one.grant, one.matter.specs
    terms = RequestTerms(specs, now)
    open_still = grant.provided_at is None and grant.state != ENDED and one.matter.bound
    around = Around(grant, one.matter.entry, _name_of(one.matter.content), one.matter.provider, one.user)
    return GrantShown(
        row=_grant_row(around, one.matter.request.number, terms),
        content=dict(grant.content),
        provide=terms.term(specs.requests.provide_clock if open_still else None, grant.created_at),
        acts=_acts(session, col(RequestAct.grant_id) == grant.id, specs),
        usage=tuple(usage_of(session, grant.id, actor=actor)),
    )


def _name_of(content: Mapping[str, Any] | None) -> str:
    return str((content or {}).get("resource_name", ""))


def _acts(session: Session, wanted: Any, specs: Specs) -> tuple[ActShown, ...]:
    query = select(RequestAct, col(ShareGrant.number))
    query = query.outerjoin(ShareGrant, col(ShareGrant.id) == col(RequestAct.grant_id)).where(wanted)
    rows = session.execute(query.order_by(col(RequestAct.at), col(RequestAct.id)))
    machine = specs.requests.machine.login
    return tuple(
        ActShown(
            act=act.act,
            zh=specs.requests.act_zh(act.act),
            login=act.login,
            role=act.role,
            before=act.state_before,
            after=act.state_after,
            note=act.note,
            data=dict(act.data),
            at=act.at,
            grant=number,
            by_machine=act.person_id is None and act.login == machine,
        )
        for act, number in rows
    )


def _row(one: Around, terms: RequestTerms) -> RequestRow:
    request: DataRequest = one.row
    spec = terms.specs.requests
    runs = request.closed_at is None
    awaited = spec.task_index.get(request.awaits or "")
    return RequestRow(
        number=request.number,
        kind=request.kind,
        kind_zh=spec.kind_index[request.kind].zh,
        state=request.state,
        state_zh=spec.state_index[request.state].zh,
        entry_id=one.entry.id,
        code=one.entry.code,
        name=one.name,
        provider_code=one.provider.code,
        provider=one.provider.name,
        requester_code=one.requester.code if one.requester else "",
        requester=one.requester.name if one.requester else "",
        filed_at=request.filed_at,
        received_at=request.received_at,
        answered_at=request.answered_at,
        awaits=request.awaits,
        awaits_zh=awaited.zh if awaited else "",
        term=terms.term(request.clock if runs else None, request.clock_from, extended=request.extended),
        extended=request.extended,
        lock=request.lock,
    )


def _grant_row(one: Around, request_number: str, terms: RequestTerms) -> GrantRow:
    grant: ShareGrant = one.row
    over = grant.state == ENDED or is_past(grant, terms.today)
    why = grant.ended_why if grant.state == ENDED else "expired" if over else None
    return GrantRow(
        number=grant.number,
        request=request_number,
        entry_id=one.entry.id,
        code=one.entry.code,
        name=one.name,
        provider_code=one.provider.code,
        provider=one.provider.name,
        requester_code=one.requester.code if one.requester else "",
        requester=one.requester.name if one.requester else "",
        pattern=grant.pattern,
        items=tuple(grant.items),
        valid_from=grant.valid_from,
        valid_until=grant.valid_until,
        state=ENDED if over else grant.state,
        state_zh=terms.specs.requests.grant_zh(grant.state, why),
        running=not over,
        provided_at=grant.provided_at,
        ended_at=grant.ended_at,
        rectify_by=grant.rectify_by,
        destroyed_at=grant.destroyed_at,
        lock=grant.lock,
    )


def _grant_rows(session: Session, query: Select[Any], terms: RequestTerms) -> tuple[GrantRow, ...]:
    found = [Around(*row) for row in session.execute(query)]
    ids = [one.row.request_id for one in found]
    named = select(col(DataRequest.id), col(DataRequest.number)).where(col(DataRequest.id).in_(ids))
    numbers = {str(key): str(number) for key, number in session.execute(named)}
    return tuple(_grant_row(one, numbers[one.row.request_id], terms) for one in found)


# ---- pages ------------------------------------------------------------------------------------------------


def list_requests(  # noqa: PLR0913  (filters of the page and the command, by keyword)
    session: Session,
    *,
    actor: Actor | None,
    now: datetime,
    side: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    agency: str | None = None,
    entry: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> RequestPage:
    """A page of the requests that ``actor`` sees, the newest first; never who applied.

    ``side``: ``requester`` or ``provider``, where his own agency stands; ``agency`` (code, key or name) is either
    side; ``entry`` a code or key. ``after`` is the ``next_cursor`` of the page before.
    """
    query = _narrowed(DataRequest, actor, side, agency, entry)
    if kind is not None:
        query = query.where(col(DataRequest.kind) == askable(kind))
    if state is not None:
        query = query.where(col(DataRequest.state) == askable(state))
    found, cursor = _page(session, query, DataRequest, after, limit)
    terms = RequestTerms(load(), now)
    return RequestPage(tuple(_row(one, terms) for one in found), cursor)


def list_grants(
    session: Session,
    *,
    actor: Actor | None,
    now: datetime,
    side: str | None = None,
    agency: str | None = None,
    entry: str | None = None,
    is_running: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> GrantPage:
    """A page of the grants that ``actor`` sees, the newest first; filters as for ``list_requests``.

    ``is_running``: only those that run today, or only those that do not.
    """
    terms = RequestTerms(load(), now)
    query = _narrowed(ShareGrant, actor, side, agency, entry)
    if is_running is not None:
        query = query.where(running(terms.today) if is_running else ~running(terms.today))
    found, cursor = _page(session, query, ShareGrant, after, limit)
    ids = [one.row.request_id for one in found]
    named = select(col(DataRequest.id), col(DataRequest.number)).where(col(DataRequest.id).in_(ids))
    numbers = {str(key): str(number) for key, number in session.execute(named)}
    return GrantPage(tuple(_grant_row(one, numbers[one.row.request_id], terms) for one in found), cursor)


def _narrowed(
    table: type[SQLModel], actor: Actor | None, side: str | None, agency: str | None, entry: str | None
) -> Select[Any]:
    specs = load()
    query = rows_of(table).where(seen_by(actor, specs))
    if side is not None and actor is not None:
        own = agencies_of(actor, specs.requests.sight.own, specs)
        query = query.where(col((Requester if side == "requester" else Provider).id).in_(own))
    if agency is not None:
        text = askable(agency.strip())
        query = query.where(
            or_(
                *(
                    col(column) == text
                    for one in (Provider, Requester)
                    for column in (one.id, one.code, one.name)
                )
            )
        )
    if entry is not None:
        text = askable(entry.strip())
        query = query.where(or_(col(Entry.code) == text, col(Entry.id) == text))
    return query


def _page(
    session: Session, query: Select[Any], table: Any, after: str | None, limit: int
) -> tuple[Sequence[Around], str | None]:
    if after is not None:
        query = query.where(col(table.id) < askable(after))
    rows = session.execute(query.order_by(col(table.id).desc()).limit(limit + 1))
    found = [Around(*row) for row in rows]
    return found[:limit], found[limit - 1].row.id if len(found) > limit else None
