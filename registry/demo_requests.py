"""Demonstration requests, made through the same deeds as real ones: late, running, answered at once, and others."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.errors import NotFound
from registry.grant_acts import act_on_grant
from registry.models import Agency, Entry, Version
from registry.people import actor_of, holders, local_day
from registry.permits import Actor
from registry.requests import RequestDone, act_on_request, file_request
from registry.usage import record_usage
from validators.requesting import modes_of

_STEWARD, _SHARING = "steward", "sharing_head"
_SHARE = {
    "basis": "《公共租赁住房管理办法》第八条",
    "scene": "办理住房保障申请时核对申请人情况",
    "scope": "住房保障科经办人员 3 名",
}
_USED = {
    "scene": "公租房资格年度复核",
    "course": "逐笔核验，本月 46 笔",
    "effect": "申请人不再提交纸质证明",
    "storage": "不落地保存，只留核验结果",
}
# an invented citizen
_CITIZEN = {"name": "孟晓舟", "kind": "自然人", "contact": "0858-0000000"}


def load_requests(session: Session, agency: Agency, neighbour: Agency, *, now: datetime) -> str:
    """Leave requests in different states between two departments that both have people; ``agency`` provides.

    One waits for the provider's answer and is late, one has a running grant with a record of use, one without
    conditions was answered by the machine, a citizen asks for opening, and the neighbour asks for a correction.
    Gives a sentence on what was made.

    Raises:
        NotFound: the agency has no announced entry that is shared with conditions, or none without.
    """
    desk = _Desk(session, agency, neighbour, now)
    conditional, unconditional = desk.entry("2"), desk.entry("1")
    late = desk.late(conditional)
    used = desk.granted(conditional)
    at_once = desk.at_once(unconditional)
    applied = desk.apply(conditional)
    wrong = desk.correct(conditional)
    return (
        f"共享需求：{late} 等{agency.name}答复，已经逾期；{used} 有效，有使用记录；"
        f"{at_once} 由系统当场答复；{applied} 是一位公民的开放申请；{wrong} 请求更正。"
    )


class _Desk:
    """The people of two departments at their desks, on days before ``now``."""

    def __init__(self, session: Session, provider: Agency, asker: Agency, now: datetime) -> None:
        self.session, self.provider, self.asker, self.now = session, provider, asker, now

    def entry(self, share_type: str) -> tuple[Entry, Version]:
        """The first announced entry of the provider that is shared in a way, with its version in force."""
        newest = (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.in_force))
        query = (
            select(Entry, Version)
            .join(Version, newest)
            .where(col(Entry.agency_id) == self.provider.id, col(Entry.state) == "announced")
            .where(col(Version.share_type) == share_type)
            .order_by(col(Entry.code))
            .limit(1)
        )
        found = self.session.execute(query).first()
        if found is None:
            raise NotFound(f"{self.provider.name}没有共享类型为 {share_type} 的有效目录，不能演示共享需求")
        entry, version = found
        return entry, version

    def ask(self, about: tuple[Entry, Version], *, days: int, **more: Any) -> RequestDone:
        """A share request of the neighbour, filed and consented to some days ago."""
        entry, version = about
        when = self.now - timedelta(days=days)
        data = _SHARE | {"mode": modes_of(version.content, load(version.profile))[0]}
        data |= {"valid_until": str(local_day(self.now) + timedelta(days=365))} | more
        steward = self._one(self.asker, _STEWARD)
        number = file_request(
            self.session, entry.id, "share", data=data, actor=steward, now=when, requester=self.asker.code
        ).number
        head, later = self._one(self.asker, _SHARING), when + timedelta(hours=3)
        return act_on_request(self.session, number, "consent", actor=head, now=later)

    def late(self, about: tuple[Entry, Version]) -> str:
        """A request that the provider has not answered in time."""
        return self.ask(about, days=30, scene="核对住房租赁补贴申请人的培训和补贴情况").number

    def granted(self, about: tuple[Entry, Version]) -> str:
        """A grant that runs, with a record of its use."""
        number = self.ask(about, days=28).number
        head, steward = self._one(self.provider, _SHARING), self._one(self.provider, _STEWARD)
        agreed = act_on_request(self.session, number, "agree", actor=head, now=self._ago(22)).grant or ""
        form = str((about[1].content.get("share_mode_type") or ["3"])[0])
        data = {"form": form, "where": "市数据共享平台：演示接口"}
        act_on_grant(self.session, agreed, "provide", data=data, actor=steward, now=self._ago(16))
        user = self._one(self.asker, _STEWARD)
        record_usage(self.session, agreed, "usage", _USED, actor=user, now=self._ago(3))
        return agreed

    def at_once(self, about: tuple[Entry, Version]) -> str:
        """A request for what is shared without conditions: the machine answered."""
        return self.ask(about, days=6).number

    def apply(self, about: tuple[Entry, Version]) -> str:
        """An open data request of a citizen, entered by the provider."""
        data = {"purpose": "了解本市职业技能培训的开展情况，撰写调查报告"}
        steward = self._one(self.provider, _STEWARD)
        given: dict[str, Any] = {"applicant": _CITIZEN, "now": self._ago(4)}
        return file_request(self.session, about[0].id, "open", data=data, actor=steward, **given).number

    def correct(self, about: tuple[Entry, Version]) -> str:
        """A correction that the neighbour asks for, of the first item."""
        item = str(about[1].content["items"][0]["item_name"])
        data = {"items": [item], "seen": f"{item}与本人身份证件不一致", "should_be": "以身份证件为准"}
        data |= {"evidence": "住建核〔2026〕12号"}
        steward = self._one(self.asker, _STEWARD)
        given: dict[str, Any] = {"requester": self.asker.code, "now": self._ago(1)}
        return file_request(self.session, about[0].id, "correction", data=data, actor=steward, **given).number

    def _ago(self, days: int) -> datetime:
        return self.now - timedelta(days=days)

    def _one(self, agency: Agency, role: str) -> Actor:
        """Who holds a role at an agency."""
        today = local_day(self.now)
        return actor_of(
            self.session, holders(self.session, role, today=today, agency_id=agency.id)[0].login, today=today
        )
