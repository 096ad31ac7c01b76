"""A register in which an entry stands in every table of lists, requests and promises, each with texts of its own."""

from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.change_cases import settle_case
from registry.change_events import Asked, post_event
from registry.db import Database
from registry.disputes import act_on_dispute, open_dispute
from registry.editions import attach_scan
from registry.models import Agency, Edition, System
from registry.permits import EVERYTHING
from registry.requests import act_on_request
from registry.updates import record_update
from tests.cast import add_person
from tests.conftest import NOW
from tests.list_cast import CIVIL, MARKET, add_heads, announced, seal, take_in
from tests.requests_cast import Desk

SECRET, ITEM = "不可外传的第七号救助工程", "第七号工程坐标"
NAMED, NEIGHBOUR = "307024030102/000001", "102024030101/000001"
HEAD = f"head-{CIVIL.lower()}"
# what people wrote about the entry, which its own content does not say
SAID = {
    "scene": "核对第九组住户的身份",
    "narrowed": "说明甲：按第九组办理",
    "refused": "理由乙：不属第九组",
    "used": "第九组核验过程",
    "dispute": "争议丙：第九组未答复",
    "outcome": "结果丁：补第九组材料",
    "update": "更新戊：第九组数据",
    "settled": "答复己：第九组不变",
    "applicant": "申请人庚先生",
    "contact": "庚宅一三五",
    "purpose": "研究第九组用途",
}


def take_entries(database: Database, folder: Path) -> None:
    """Civil affairs with two entries in force, one of which holds a secret; the market's with one; their people."""
    row = announced("OK03", resource_name=SECRET, resource_abstract=f"{SECRET}的清单，含位置。")
    row["items"] = [*row["items"], row["items"][0] | {"item_name": ITEM, "item_code": "zb"}]
    take_in(database, folder, row, announced("OK02"), announced("OK04"))
    add_heads(database, CIVIL)
    with database.write() as session:
        for code, mark in ((MARKET, "m"), (CIVIL, "c")):
            agency = session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one()
            system = (
                session.execute(select(System).where(col(System.agency_id) == agency.id)).scalars().first()
            )
            assert system is not None
            for role, name in (
                ("steward", "steward"),
                ("sharing_head", "share"),
                ("division_chief", "chief"),
            ):
                add_person(session, f"{name}-{mark}", role, agency, system)
        for role in ("bureau", "security_admin"):
            add_person(session, role, role, agency, system)


def live_through(database: Database) -> Desk:
    """Requests of all kinds, a grant with its use, a dispute, updates, a change event, an edition with its scan."""
    desk = Desk(database, now=NOW)
    grant = desk.provided(data={"scene": SAID["scene"]}, entry=NAMED)
    desk.use(grant, data={"scene": "窗口", "course": SAID["used"], "effect": "少交证明", "storage": "不保存"})
    dispute = desk.deed(open_dispute, grant, subject=SAID["dispute"], login="steward-m").number
    outcome = {"outcome": SAID["outcome"]}
    desk.deed(act_on_dispute, dispute, "settle", data=outcome, login="steward-m")
    refused = desk.received(entry=NAMED)
    desk.act(refused, "supplement", "share-c", data={"missing": [SAID["narrowed"]]})
    desk.act(refused, "resubmit", "steward-m", data={"scope": SAID["narrowed"]})
    desk.act(refused, "consent", "share-m")
    desk.act(refused, "refuse", "share-c", note=SAID["refused"])
    _apply(desk)
    _change(desk)
    seal(database, CIVIL, now=desk.now)
    _scan(desk)
    return desk


def _apply(desk: Desk) -> None:
    """Somebody applies for opening, and is refused."""
    applicant = {"name": SAID["applicant"], "kind": "自然人", "contact": SAID["contact"]}
    filed = desk.file("steward-c", NAMED, "open", data={"purpose": SAID["purpose"]}, applicant=applicant)
    desk.deed(act_on_request, filed.number, "refuse_open", note=SAID["refused"], login="share-c")


def _change(desk: Desk) -> None:
    more: dict[str, Any] = {"sight": EVERYTHING, "login": "steward-c"}
    day = date(2026, 11, 20)
    desk.deed(record_update, NAMED, kind="reported", day=day, note=SAID["update"], **more)
    asked = Asked("duty", "遵编发〔2026〕3号", day, agencies=(CIVIL,), note=f"涉及{SECRET}")
    event = desk.deed(post_event, asked, login="bureau", specs=load())
    desk.deed(settle_case, event.number, NAMED, reason=SAID["settled"], specs=load(), **more)


def _scan(desk: Desk) -> None:
    with desk.database.write() as session:
        edition = session.execute(select(Edition)).scalar_one()
        agency = session.get_one(Agency, edition.agency_id)
        file = ("ab" * 32, f"盖章清单（{SECRET}）.pdf")
        attach_scan(session, edition, agency, file, actor=desk.actor(session, HEAD), now=desk.now)
