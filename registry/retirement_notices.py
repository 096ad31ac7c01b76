"""Grants whose data go away because their system is retired: what the users were told, for as long as the grant runs.

Source: S1 27.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.fates import OPEN
from registry.grants import running
from registry.models import Entry, Retirement, RetirementEntry, RetirementStep, ShareGrant, System

NOTICE = "notice"


class Ending(NamedTuple):
    """A running grant of an entry whose system was retired. ``number`` is the retirement, ``filed`` the notice."""

    grant: str
    grant_id: str
    requester_id: str
    code: str | None
    system: str
    number: str
    decided_on: date
    filed: str
    at: datetime


def grants_ending(
    session: Session, *, today: date, requesters: Collection[str] | None = None, number: str | None = None
) -> list[Ending]:
    """The running grants whose users were told that the system is retired, by number; narrowed to some agencies that
    use the data, or to one grant by its number."""
    query = (
        select(ShareGrant, col(Entry.code), col(System.name), Retirement, RetirementStep)
        .join(Entry, col(Entry.id) == col(ShareGrant.entry_id))
        .join(RetirementEntry, col(RetirementEntry.entry_id) == col(Entry.id))
        .join(Retirement, col(Retirement.id) == col(RetirementEntry.retirement_id))
        .join(System, col(System.id) == col(Retirement.system_id))
        .join(RetirementStep, col(RetirementStep.retirement_id) == col(Retirement.id))
        .where(col(Retirement.state) == OPEN, col(RetirementStep.step) == NOTICE, running(today))
        .order_by(col(ShareGrant.number), col(RetirementStep.at))
    )
    if requesters is not None:
        query = query.where(col(ShareGrant.requester_id).in_(sorted(requesters)))
    if number is not None:
        query = query.where(col(ShareGrant.number) == number)
    found: dict[str, Ending] = {}
    for one, code, system, case, step in session.execute(query):
        told = (case.number, case.decided_on, step.number, step.at)
        found.setdefault(one.id, Ending(one.number, one.id, one.requester_id, code, system, *told))
    return list(found.values())
