"""Records of use and of destruction, kept by who uses the data and read by who provides them.

They are kept at least three years and never deleted: no function here or elsewhere takes one away. Source: S1 27, 29.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from catalog_specs.law_release import Responsibility
from catalog_specs.law_requests import RequestField, UsageKind
from registry import audit
from registry.answering import why_over
from registry.errors import NotFound
from registry.granted import load_grant
from registry.grants import is_running
from registry.keys import digest_of, new_key
from registry.models import ShareGrant, UsageRecord
from registry.people import local_day
from registry.permits import Actor, Target
from registry.request_acts import demand_any, given_of, refuse_if
from registry.request_terms import RequestTerms
from validators.requesting import fitted, refusal, wrong_fields


def record_usage(
    session: Session, number: str, kind: str, data: Mapping[str, Any], *, actor: Actor, now: datetime
) -> UsageRecord:
    """Record how data that were granted are used (``usage``: scene, course, effect, storage), or that they were
    destroyed after the use ended (``destruction``: destruction, storage).

    Source: S1 27, 29.

    Raises:
        NotFound: no such grant is seen, or no such kind. NotAllowed: a role is missing.
        RequestRefused: fields are missing; the grant is over (usage), or still runs (destruction).
    """
    one = load_grant(session, number, actor=actor, hold=True)
    specs, grant = one.matter.specs, one.grant
    spec = specs.requests.usage_index.get(kind)
    if spec is None:
        known = "、".join(f"{row.key}（{row.zh}）" for row in specs.requests.usage_kinds)
        raise NotFound(f"没有“{kind}”这种记录；可用：{known}")
    demand_any(actor, spec.by, Target(one.user.id, one.user.region), specs)
    fields = _fields(spec, specs)
    given = fitted(given_of(data), fields)
    unmet = list(wrong_fields(given, fields, specs, today=local_day(now)))
    unmet += _of_time(grant, spec, specs, now)
    refuse_if(spec.zh, unmet)
    record = _record(grant, spec, given, actor=actor, now=now, specs=specs)
    session.add(record)
    session.flush()
    details = {
        "record": record.id,
        "kind": kind,
        "digest": digest_of(given),
        "keep_until": str(record.keep_until),
    }
    event = audit.Act("record_usage", grant.number, details)
    audit.record(session, [event], actor=actor.login, now=now, operator=actor.operator)
    return record


def _fields(spec: UsageKind, specs: Specs) -> list[RequestField]:
    named = {row.key: row for row in specs.document("responsibility", Responsibility).usage_record.fields}
    return [
        RequestField(
            key=key,
            zh=named[key].zh,
            en=named[key].en,
            type="text",
            required=True,
            length=specs.requests.usage_length,
        )
        for key in spec.fields
    ]


def _of_time(grant: ShareGrant, spec: UsageKind, specs: Specs, now: datetime) -> list[Any]:
    today = local_day(now)
    runs = is_running(grant, today)
    if spec.ended and runs:
        return [refusal(specs, "not_ended")]
    if not spec.ended and not runs:
        state = why_over(grant, specs, today)
        return [refusal(specs, "grant_over", number=grant.number, state=state)]
    return []


def _record(
    grant: ShareGrant, spec: UsageKind, given: dict[str, Any], *, actor: Actor, now: datetime, specs: Specs
) -> UsageRecord:
    if spec.ended:
        grant.destroyed_at = now
    else:
        grant.used_at = now
    return UsageRecord(
        id=new_key("y"),
        grant_id=grant.id,
        kind=spec.key,
        content=given,
        recorded_by=actor.login,
        at=now,
        keep_until=RequestTerms(specs, now).kept_until(spec.keep, now),
    )


def usage_of(session: Session, number: str, *, actor: Actor | None) -> list[UsageRecord]:
    """The records of a grant, the oldest first, for both sides and the authority (None: the console).

    Raises:
        NotFound: no such grant is seen.
    """
    grant = load_grant(session, number, actor=actor).grant
    query = select(UsageRecord).where(col(UsageRecord.grant_id) == grant.id)
    return list(session.execute(query.order_by(col(UsageRecord.at), col(UsageRecord.id))).scalars())
