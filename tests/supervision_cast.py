"""Reviews, orders to rectify and budget flags for tests: each deed in its own transaction, as one of a cast."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar

from sqlalchemy import select, update

from registry.audit import events_of
from registry.db import Database
from registry.models import Agency, Rectification, System, SystemReview
from registry.people import actor_of
from registry.recording import Paper
from registry.rectifications import OrderGiven, order, step
from registry.reviews import Reason, ReviewGiven, record_review
from tests.conftest import NOW, TODAY

T = TypeVar("T")
SHA = "ab" * 32
DUE = TODAY + timedelta(days=30)
GIVEN = OrderGiven("L39-1", "目录两年未更新", Paper("遵数改〔2026〕3号", TODAY - timedelta(days=1)), DUE)
REPORT = Paper(sha256=SHA, file_name="整改报告.pdf")
PASSED = ReviewGiven(True, Paper("遵数评〔2026〕8号", TODAY - timedelta(days=40)))
FAILED = replace(PASSED, passed=False, reasons=(Reason("R3", "未申请接入交换平台"),))


def the_system(database: Database, profile: str = "", **values: Any) -> System:
    """The only system, changed to another city's measure or otherwise."""
    values |= {"profile": profile} if profile else {}
    if values:
        with database.write() as session:
            session.execute(update(System).values(**values))
    with database.read() as session:
        return session.execute(select(System)).scalars().one()


def the_agency(database: Database) -> Agency:
    with database.read() as session:
        return session.execute(select(Agency)).scalars().one()


def deed(database: Database, login: str, act: Callable[..., T], *given: Any, **more: Any) -> T:
    """A deed as ``login``, at ``NOW``."""
    with database.write() as session:
        actor = actor_of(session, login, today=TODAY)
        made = act(session, *given, actor=actor, **({"now": NOW} | more))
        session.flush()
        session.expunge_all()  # what was made is looked at afterwards
        return made


def ordered(database: Database, given: OrderGiven = GIVEN, *, login: str = "bureau") -> Rectification:
    """An order on the only system."""
    return deed(database, login, order, the_system(database).id, given)


def stepped(database: Database, login: str, number: str, move: str, **more: Any) -> Rectification:
    """A step of an order, with words; a report brings its paper."""
    paper = more.pop("paper", REPORT if move == "report" else Paper())
    words = more.pop("words", "已逐项核实")
    return deed(database, login, step, number, move, words, paper, **more)


def reviewed(
    database: Database, given: ReviewGiven = PASSED, kind: str = "plan", *, login: str = "bureau"
) -> SystemReview:
    return deed(database, login, record_review, the_system(database).id, kind, given)


def acts(database: Database, subject: str) -> list[tuple[str, str]]:
    """What stands on the record of a subject: acts and who did them."""
    with database.read() as session:
        return [(event.act, event.actor) for event in events_of(session, subject)]


def on(day: date, given: ReviewGiven) -> ReviewGiven:
    """A review of another day."""
    return replace(given, paper=replace(given.paper, day=day))
