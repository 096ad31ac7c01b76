"""All that is owed and late in one ledger: what was promised of data and catalogue, and what was asked for.

And the figures of a year with the lists that are stale. Source: S-ZY 23, 30; S-LPS 25, 35; S1 17, 21, 22, 26, 39.
"""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.calendars import city_calendar
from registry.editions import stale_agencies
from registry.figures import Figures, yearly_figures
from registry.models import Agency
from registry.permits import Actor, Sight
from registry.promises import Ledger, Row, overdue_ledger
from registry.request_tasks import RequestTask, request_tasks

REQUEST, PROVIDER, REQUESTER = "request_answer", "provider", "requester"


def debts(
    session: Session,
    actor: Actor | None,
    *,
    now: datetime,
    specs: Specs,
    sight: Sight,
    agency: str | None = None,
) -> Ledger:
    """The ledger of ``overdue_ledger`` with what is late on requests, as far as ``actor`` is told of these.

    Raises:
        NotFound: no such agency. Unavailable: the calendar's file is wrong.
    """
    late = list(_late_requests(session, actor, now=now, specs=specs, agency=agency))
    return overdue_ledger(session, now=now, specs=specs, sight=sight, agency=agency, more=late)


def figures_of(
    session: Session, year: int, *, now: datetime, specs: Specs, sight: Sight, agency: str | None = None
) -> Figures:
    """``yearly_figures`` with the lists that are stale. Raises as it does."""
    stale = stale_agencies(session)
    return yearly_figures(session, year, now=now, specs=specs, sight=sight, agency=agency, stale=stale)


def _late_requests(
    session: Session, actor: Actor | None, *, now: datetime, specs: Specs, agency: str | None
) -> Iterator[Row]:
    tasks = request_tasks(session, actor, now=now, specs=specs)
    codes = {name: code for code, name in session.execute(select(col(Agency.code), col(Agency.name)))}
    calendar = city_calendar(specs)
    for task in tasks:
        name = {PROVIDER: task.provider, REQUESTER: task.requester}.get(task.side, "")
        code = codes.get(name, "")
        if name and task.overdue and task.due and agency in (None, name, code):
            yield _row(task, (name, code), specs, since=calendar.day_of(task.since), due=task.due)


def _row(task: RequestTask, agency: tuple[str, str], specs: Specs, *, since: date, due: date) -> Row:
    kind = next(row for row in specs.promises.owed if row.key == REQUEST)
    rule = specs.rules[kind.rule]
    law = specs.requests.task_index[task.act].sources
    return Row(
        kind=REQUEST,
        kind_zh=kind.zh,
        entry_id=task.entry_id,
        code=task.code,
        name=task.name,
        number=None,
        agency_name=agency[0],
        agency_code=agency[1],
        owed=f"{task.number}：{task.zh}，{kind.says.zh.format(due=due)}",
        since=since,
        due=due,
        late=task.overdue,
        unit=task.unit,
        rule=kind.rule,
        message=rule.message.zh,
        fix=rule.fix.zh,
        source=specs.cited(tuple(s for s in law if s != "DESIGN")),
    )
