"""A provider with shared, unconditional and kept entries, an agency that asks, and the bureau; deeds of theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.db import Database
from registry.entries import announce_newest
from registry.grant_acts import GrantDone, act_on_grant
from registry.keys import new_key
from registry.models import Agency, Entry, Person, RequestAct, RoleGrant, ShareGrant, System, Version
from registry.people import actor_of
from registry.permits import Actor
from registry.request_tasks import RequestTask, request_tasks
from registry.requests import RequestDone, act_on_request, file_request
from registry.usage import record_usage
from tests.agency_cast import CIVIL, MARKET, POLICE, credit_code
from tests.cast import add_person, content, register
from tests.conftest import NOW

# a Monday; the holidays of 2026 from 1 to 7 October are ahead of it
START = datetime(2026, 9, 21, 2, 0, tzinfo=UTC)
OPEN_ENTRY, CONDITIONAL, KEPT = "102024030201/000001", "307024030102/000001", "307024030402/000001"
PUBLIC = "102024030101/000001"
WATER = credit_code(7)  # a public enterprise
ASKED: dict[str, Any] = {
    "basis": "《社会救助暂行办法》第二十四条",
    "scene": "办理医疗救助申请时核对低保身份",
    "scope": "市场监管局登记注册科窗口人员",
    "mode": "核验",
    "valid_until": "2027-12-31",
}
ITEMS = ["姓名", "公民身份号码", "保障金额", "家庭住址"]
USED = {
    "scene": "医疗救助窗口核对身份",
    "course": "逐笔核验，每日约四十笔",
    "effect": "群众少交一份证明",
    "storage": "不落地保存，只留核验结果",
}
DESTROYED = {"destruction": "前置库中间表已清空，操作人李某，见证人王某", "storage": "没有保留副本"}


@dataclass
class Desk:
    """The register, and deeds in their own transactions; ``now`` moves on a minute with each."""

    database: Database
    now: datetime = START

    def actor(self, session: Session, login: str) -> Actor:
        return actor_of(session, login, today=self.now.date())

    def file(
        self, login: str = "steward-m", entry: str = CONDITIONAL, kind: str = "share", **more: Any
    ) -> RequestDone:
        data = more.pop("data", None)
        data = {**(ASKED if kind == "share" else {}), **(data or {})}
        return self._done(
            file_request,
            entry,
            kind,
            login=login,
            data={k: v for k, v in data.items() if v is not None},
            **more,
        )

    def act(self, number: str, act: str, login: str, note: str = "", **more: Any) -> RequestDone:
        return self._done(act_on_request, number, act, login=login, note=note, **more)

    def on_grant(self, number: str, act: str, login: str, note: str = "", **more: Any) -> GrantDone:
        return self._done(act_on_grant, number, act, login=login, note=note, **more)

    def use(
        self,
        number: str,
        kind: str = "usage",
        login: str = "steward-m",
        data: Mapping[str, Any] | None = None,
    ) -> Any:
        given = data if data is not None else USED if kind == "usage" else DESTROYED
        return self._done(record_usage, number, kind, given, login=login)

    def _done(self, deed: Any, *given: Any, login: str, **more: Any) -> Any:
        with self.database.write() as session:
            done = deed(session, *given, actor=self.actor(session, login), now=self.now, **more)
            session.expunge_all()
        self.now += timedelta(minutes=1)
        return done

    def deed(self, deed: Any, *given: Any, login: str, **more: Any) -> Any:
        return self._done(deed, *given, login=login, **more)

    def received(self, **more: Any) -> str:
        """A conditional request that has reached the provider; its number."""
        number = self.file(**more).number
        self.act(number, "consent", "share-m")
        return number

    def granted(self, **more: Any) -> str:
        """A grant that was agreed to; its number."""
        done = self.act(self.received(**more), "agree", "share-c")
        assert done.grant is not None
        return done.grant

    def provided(self, **more: Any) -> str:
        """A grant under which data are provided."""
        number = self.granted(**more)
        self.on_grant(number, "provide", "steward-c", data={"form": "3", "where": "共享平台接口 dbhy-v1"})
        return number

    def grant(self, number: str) -> ShareGrant:
        with self.database.read() as session:
            return session.execute(select(ShareGrant).where(col(ShareGrant.number) == number)).scalar_one()

    def acts(self) -> list[tuple[str, str]]:
        """All acts so far with who made them, the oldest first."""
        with self.database.read() as session:
            query = select(RequestAct.act, RequestAct.login).order_by(col(RequestAct.at), col(RequestAct.id))  # type: ignore[call-overload]
            return [(act, login) for act, login in session.execute(query)]

    def tasks(self, login: str | None, now: datetime | None = None) -> list[RequestTask]:
        with self.database.read() as session:
            actor = self.actor(session, login) if login else None
            return list(request_tasks(session, actor, now=now or self.now, specs=load()))

    def change(self, code: str, **changes: Any) -> None:
        """Another content in force for an entry, as a newer version brings it; ``state`` changes the entry's."""
        with self.database.write() as session:
            entry = session.execute(select(Entry).where(col(Entry.code) == code)).scalar_one()
            if "state" in changes:
                entry.state = changes.pop("state")
                entry.in_force = None if entry.state == "withdrawn" else entry.in_force
            if changes:
                version = session.get_one(Version, (entry.id, entry.in_force or entry.newest))
                version.content = {**version.content, **changes}


def items_of(*, kept: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The items of the conditional entry; those in ``kept`` are not shared."""
    base = content("OK03")["items"]
    listed = [*base, {**base[0], "item_name": "家庭住址", "item_code": "jtzz", "pii_class": "quasi"}]
    listed.append({**base[0], "item_name": "家庭成员病历", "item_code": "bl", "share_type": "3"})
    return [{**item, "share_type": "3"} if item["item_name"] in kept else item for item in listed]


def make_desk(database: Database, folder: Path) -> Desk:
    """Market (m) asks; civil affairs (c) and police (p) provide; a water company (w) is a public enterprise."""
    rows = [content("OK04"), content("OK02"), content("OK03", items=items_of()), content("OK09")]
    register(database, folder, *rows)
    with database.write() as session:
        announce_newest(session, [entry.id for entry in session.execute(select(Entry)).scalars()])
        for entry in session.execute(select(Entry)).scalars():
            entry.in_force, entry.state = entry.newest, "announced"
        water = Agency(
            id=new_key("a"), code=WATER, name="遵义市水务集团", kind="公共企事业单位", region="520300",
            number=98, created_at=NOW,
        )  # fmt: skip
        session.add(water)
        session.flush()
        system = session.execute(select(System)).scalars().first()
        assert system is not None
        for code, mark in ((MARKET, "m"), (CIVIL, "c"), (POLICE, "p"), (WATER, "w")):
            agency = session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one()
            for role, name in (("steward", "steward"), ("sharing_head", "share"), ("head", "head")):
                add_person(session, f"{name}-{mark}", role, agency, system)
        add_person(session, "share2-c", "sharing_head", _named(session, CIVIL), system)
        for role in ("bureau", "auditor", "security_admin", "log_auditor"):
            add_person(session, role, role, agency, system)
    return Desk(database)


def _named(session: Session, code: str) -> Agency:
    return session.execute(select(Agency).where(col(Agency.code) == code)).scalar_one()


def give_role(desk: Desk, login: str, role: str, agency: str) -> None:
    """One more role for a person."""
    with desk.database.write() as session:
        person = session.execute(select(Person).where(col(Person.login) == login)).scalar_one()
        grant = {"id": new_key("g"), "person_id": person.id, "agency_id": _named(session, agency).id}
        session.add(RoleGrant(**grant, role=role, granted_by="test", granted_at=NOW))
