"""A system with a table list and papers, for the tests of acceptance."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import select

from registry.acceptance import AcceptanceCheck, Element, check
from registry.keys import new_key
from registry.models import DutyEvidence, System, SystemReview
from registry.table_lists import import_tables
from registry.table_reading import ListedTable, TablesListed
from tests.cast import Cast
from tests.conftest import TODAY

T = TypeVar("T")
SYSTEM = "登记注册系统"
# what is recorded of a system of Zunyi before it is accepted, beside what the register tells
PAPERS = (
    ("ZY-19", "acceptance_checklist", "核对表"),
    ("ZY-19", "crypto_assessment", "密评报告"),
    ("ZY-19", "acceptance_application", "验收申请报告"),
    ("ZY-19", "final_papers", "项目年度服务总结、财务报告、审计报告、技术文档"),
    ("ZY-28", "risk_report", "安全风险评估报告"),
)


def listed(*names: str, found_in: str = "ddl", **comments: str) -> TablesListed:
    """A list of tables, with comments by name."""
    tables = tuple(ListedTable(name, comments.get(name, ""), 3) for name in names)
    return TablesListed(found_in, "表.sql", tables)


def as_login(cast: Cast, login: str, act: Callable[..., T], *given: Any, **more: Any) -> T:
    """A deed as ``login`` in its own transaction."""
    cast.now += timedelta(minutes=1)
    with cast.database.write() as session:
        return act(session, *given, actor=cast.actor(login, session), now=cast.now, **more)


def give_list(cast: Cast, *names: str, **comments: str) -> Any:
    """Make these tables the list of the system."""
    return as_login(cast, "steward", import_tables, SYSTEM, listed(*names, **comments))


def system_of(cast: Cast) -> System:
    with cast.database.read() as session:
        return session.execute(select(System)).scalars().one()


def set_system(cast: Cast, **values: Any) -> None:
    """Change columns of the system as no deed of these tests does."""
    with cast.database.write() as session:
        system = session.execute(select(System)).scalars().one()
        for key, value in values.items():
            setattr(system, key, value)


def give_paper(cast: Cast, duty: str, kind: str, note: str, **more: Any) -> None:
    """Evidence of the system as it lies in the register."""
    made: dict[str, Any] = {
        "number": "〔2026〕3号",
        "day": TODAY,
        "file_name": "佐证.pdf",
        "sha256": "a" * 64,
    }
    with cast.database.write() as session:
        system = session.execute(select(System)).scalars().one()
        about = {"id": new_key("v"), "duty": duty, "kind": kind, "note": note, "system_id": system.id}
        about |= {"year": TODAY.year, "agency_id": system.agency_id, "by": "steward", "at": cast.now}
        session.add(DutyEvidence(**(about | made | more)))


def give_papers(cast: Cast) -> None:
    """Everything that somebody has to record."""
    for duty, kind, note in PAPERS:
        give_paper(cast, duty, kind, note)


def give_review(cast: Cast, *, passed: bool, number: str = "遵数审〔2026〕5号", **more: Any) -> None:
    """A compliance review as it lies in the register."""
    with cast.database.write() as session:
        system = session.execute(select(System)).scalars().one()
        said = {"id": new_key("w"), "kind": "acceptance", "system_id": system.id, "year": TODAY.year}
        said |= {"passed": passed, "number": number, "day": TODAY, "by": "bureau", "at": cast.now}
        session.add(SystemReview(**(said | more)))


def checked(cast: Cast) -> AcceptanceCheck:
    """The check of the system now."""
    with cast.database.read() as session:
        return check(session, session.execute(select(System)).scalars().one(), now=cast.now)


def element(cast: Cast, key: str) -> Element:
    """One element of the check."""
    return next(one for one in checked(cast).elements if one.key == key)
