"""Demonstration systems that are built and accepted, with reviews, orders to rectify and evidence of duties."""

from collections.abc import Container
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry import rectifications, reviews, system_lives, table_lists
from registry.demo_desk import BUREAU, SECRECY, STEWARD, Desk
from registry.duty_deeds import About, waive
from registry.duty_terms import subject_of_agency
from registry.models import Agency, System
from registry.permits import EVERYTHING
from registry.recording import Paper, about, keep_record
from registry.rectifications import OrderGiven
from registry.reviews import Reason, ReviewGiven
from registry.stores import Store
from registry.subjects import Subject
from registry.synthetic_words import DemoAccepted, DemoBuilding, DemoBuilt, DemoOrder, DemoPaper, words
from registry.table_reading import DICTIONARY, ListedTable, TablesListed


class Supervised(NamedTuple):
    """Names of systems and the number of the order that is overdue."""

    accepted: str
    building: str
    overdue: str
    builder: str

    def said(self) -> str:
        """In a sentence."""
        return (
            f"验收：{self.accepted} 已验收，{self.building}（{self.builder}）建设中，尚不具备验收条件；"
            f"整改 {self.overdue} 超期未销号，其系统的资源不得上架。"
            "这些系统和它们的目录另行登记，不在上面的数里。"
        )


def load_supervised(
    session: Session, agency: Agency, builder: Agency, *, files: Store, begun: datetime, now: datetime
) -> Supervised:
    """Let ``agency`` have a system accepted, then ordered to be rectified, and answer duties; ``builder`` builds one."""
    given: dict[str, Any] = {"files": files, "begun": begun, "now": now}
    desk, stories = Desk(session, agency, **given), words().systems
    _duties(desk)
    accepted = _accepted(desk, stories.accepted)
    number = _ordered(desk, accepted, stories.accepted.order)
    _unplanned(desk, (agency.id, builder.id))
    building = _building(Desk(session, builder, **given), stories.building)
    return Supervised(accepted.name, building.name, number, builder.name)


# ---- built ------------------------------------------------------------------------------------------------


def _listed(desk: Desk, system: System, story: DemoBuilt, entry: str, day: int) -> None:
    """The tables of a system, those covered by its entry, and those left out with a reason."""
    rows = tuple(ListedTable(name, comment, 6) for name, comment in story.tables.items())
    listed = TablesListed(DICTIONARY, "数据字典.xlsx", rows)
    desk.do(STEWARD, day, table_lists.import_tables, system.id, listed)
    desk.do(STEWARD, day, table_lists.cover, system.id, list(story.covered), entry)
    for name, one in story.excluded.items():
        desk.do(STEWARD, day, table_lists.exclude, system.id, [name], one.reason, why=one.why)


def _attached(desk: Desk, entry: str, name: str, items: tuple[str, ...], day: int) -> Subject:
    """A table that is exchanged, tested and cleared; it waits for the shelf."""
    offer = {"name": name, "form": "1", "patterns": ["批量交换"], "items": list(items)}
    offer |= {"location": f"exchange.demo_{day}"}
    made = Subject(entry, desk.move([Subject(entry)], "attach", STEWARD, day, data=offer))
    thing = about(desk.session, str(made.distribution_id), sight=EVERYTHING)
    desk.do(STEWARD, day + 1, keep_record, thing, "provision_test", Paper(number=f"演示测试〔{day}〕号"))
    desk.move([made], "clear_data", SECRECY, day + 1)
    return made


def _accepted(desk: Desk, story: DemoAccepted) -> System:
    system = desk.system(story.system)
    (entry,) = desk.announced([story.entry], system, 1).values()
    _listed(desk, system, story, entry, 8)
    shelved = _attached(desk, entry, story.entry.name, story.entry.items, 10)
    desk.move([shelved], "shelve", STEWARD, 12)
    desk.hand_in(story.papers, 20, system)
    said = story.reviewed
    paper = desk.paper(DemoPaper(number=said.number, day=said.day))
    given = ReviewGiven(said.passed, paper)
    desk.do(BUREAU, said.day, reviews.record_review, system.id, said.kind, given)
    paper = desk.paper(story.accepted)
    desk.do(
        STEWARD, story.accepted.day, system_lives.advance, system.id, "accept", paper=paper, day=paper.day
    )
    _attached(desk, entry, story.second, story.entry.items, story.accepted.day + 1)
    return system


def _building(desk: Desk, story: DemoBuilding) -> System:
    """A plan turned down, passed the second time and filed; then building, with part of the papers."""
    system = desk.system(story.system)
    turned = next((one.reasons for one in story.failed if one.profile == desk.profile), {})
    reasons = tuple(Reason(code, said) for code, said in turned.items())
    for passed, row in ((False, story.first), (True, story.again)):
        given = ReviewGiven(passed, desk.paper(row), () if passed else reasons, story.vendor)
        made = desk.do(BUREAU, row.day, reviews.review_plan, system.id, given)
    filing = desk.paper(story.filing)
    given_filing: dict[str, Any] = {"number": filing.number, "day": filing.day}
    desk.do(BUREAU, story.filing.day, reviews.file_review, made.id, **given_filing)
    begun = story.filing.day + 1
    desk.do(STEWARD, begun, system_lives.advance, system.id, "build", day=desk.on(begun))
    (entry,) = desk.announced([story.entry], system, begun).values()
    _listed(desk, system, story, entry, begun + 6)
    desk.hand_in(story.papers, begun + 8, system)
    desk.hand_in(story.yearly, begun + 8)
    return system


# ---- ordered and answered ---------------------------------------------------------------------------------


def _ordered(desk: Desk, system: System, order: DemoOrder) -> str:
    paper = desk.paper(DemoPaper(number=order.number, day=order.day))
    given = OrderGiven(order.trigger, order.words, paper, desk.on(order.due))
    return desk.do(BUREAU, order.day, rectifications.order, system.id, given).number


def _duties(desk: Desk) -> None:
    """Evidence of the year, and an order that was reported done and closed."""
    story, system = words().systems.duties, desk.own_system()
    desk.hand_in(story.yearly, 6)
    desk.hand_in(story.papers, 6, system)
    number, report = _ordered(desk, system, story.order), desk.paper(story.reported)
    desk.do(STEWARD, story.reported.day, rectifications.step, number, "report", "已逐项改正", report)
    desk.do(BUREAU, story.closed, rectifications.step, number, "close", "核实无误")


def _unplanned(desk: Desk, planning: Container[str]) -> None:
    """The authority says that departments of no story have nothing to plan this year."""
    story, bureau = words().systems.duties.unplanned, desk.actor(BUREAU)
    for agency in desk.session.execute(select(Agency).order_by(col(Agency.code))).scalars().all():
        profile = subject_of_agency(agency, load()).profile
        for duty in () if agency.id in planning else story.duties.get(profile, ()):
            desk.do(bureau, story.day, waive, duty, about=About(agency=agency.code), why=story.why)
