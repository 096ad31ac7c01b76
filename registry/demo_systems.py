"""Demonstration systems that end: one retired and wiped with its certificates, one on its way, and a replaced disk."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from registry import copies, retirement, retirement_settling, wipe_cases, wipes
from registry.demo_desk import CHIEF, HEAD, STEWARD, Desk
from registry.models import Agency, DataCopy, Retirement, System, WipeCase, WipeRecord
from registry.permits import Actor
from registry.retirement_cases import wipe_case_of
from registry.retirement_entries import Fate
from registry.stores import Store
from registry.synthetic_words import DemoRetirement, DemoWipe, words

_STANDARD = "GB/T 22239-2019；GB/T 37988-2019；NIST SP 800-88 Rev.2"
_SOUND = "pass"


class Ended(NamedTuple):
    """What came of the systems that end; ``certificates`` are numbers."""

    retired: str
    under_way: str
    certificates: tuple[str, ...]

    def said(self) -> str:
        """In a sentence."""
        return (
            f"系统停用：{self.retired} 已结案、清除并核销，{self.under_way} 办理中；"
            f"已出清除证明 {len(self.certificates)} 张（{self.certificates[0]} 起）。"
        )


def load_ended(session: Session, agency: Agency, *, files: Store, begun: datetime, now: datetime) -> Ended:
    """Retire a system of ``agency`` from decision to write-off, begin to retire another one, destroy a replaced disk.

    The department has two stewards: the second one verifies what the first one wiped (WI1).
    """
    desk, stories = Desk(session, agency, files=files, begun=begun, now=now), words().systems
    heir = desk.own_system()
    retired, proofs = _retired(desk, stories.retired, heir)
    replaced = _replaced(desk, heir)
    under_way = _under_way(desk, stories.under_way, heir)
    return Ended(retired.number, under_way.number, (*proofs, *replaced))


# ---- retired ----------------------------------------------------------------------------------------------


class _Story:
    """A retirement that is told: the system, its entries and its copies."""

    def __init__(self, desk: Desk, story: DemoRetirement, heir: System) -> None:
        self.desk, self.story, self.heir = desk, story, heir
        self.system = desk.system(story.system)
        self.entries = desk.announced(story.entries, self.system, 1)
        for one in story.copies:
            given: dict[str, Any] = {"medium": one.medium, "holder": one.holder or desk.agency.name}
            given |= {"ids": one.ids, "data_grade": "g2"}
            desk.do(STEWARD, 1, copies.add, self.system, one.kind, one.name, **given)

    def decide(self) -> Retirement:
        """The decision, the notice to users, and the fates that are decided two days later."""
        desk, story = self.desk, self.story
        paper, day = desk.paper(story.decision), story.decision.day
        given: dict[str, Any] = {"paper": paper, "successor": self.heir.id, "why": story.why}
        made = desk.do(HEAD, day, retirement.open_retirement, self.system.id, **given)
        self.step(made, "notice")
        fates = [Fate(self.entries[name], *one.model_dump().values()) for name, one in story.fates.items()]
        desk.do(HEAD, day + 2, retirement_settling.decide, made.number, fates)
        self.settle(made, day + 2)
        case = wipe_case_of(desk.session, made)
        desk.do(HEAD, day + 2, wipe_cases.say_absent, case, story.absent)
        return made

    def step(self, made: Retirement, key: str) -> None:
        paper = self.story.steps[key]
        self.desk.do(STEWARD, paper.day, retirement.do_step, made.number, key, self.desk.paper(paper))

    def settle(self, made: Retirement, day: int) -> None:
        for by in (STEWARD, HEAD):
            # a transfer is a revision, which the steward makes; the rest is the head's
            actor, session = self.desk.actor(by), self.desk.session
            keys = retirement_settling.waiting_entries(session, made.number, actor=actor)
            fates = {self.entries[name]: one.fate for name, one in self.story.fates.items()}
            mine = [key for key in keys if (fates[key] == "transfer") == (by == STEWARD)]
            self.desk.do(actor, day, retirement_settling.settle, made.number, mine, files=self.desk.files)


def _retired(desk: Desk, story: DemoRetirement, heir: System) -> tuple[Retirement, tuple[str, ...]]:
    told = _Story(desk, story, heir)
    made = told.decide()
    moved = [told.entries[name] for name, one in story.fates.items() if one.fate == "transfer"]
    desk.announce(moved, story.decision.day + 3)
    told.settle(made, story.decision.day + 8)
    for key in ("archive", "freeze"):
        told.step(made, key)
    wiping = _Wiping(desk, wipe_case_of(desk.session, made), story.examined)
    numbers = wiping.certify(story.wipes)
    desk.do(HEAD, story.closed, retirement.close, made.number)
    told.step(made, "write_off")
    return made, numbers


def _under_way(desk: Desk, story: DemoRetirement, heir: System) -> Retirement:
    """Decided, users told, one entry being transferred, one undecided; one disk taken out before and wiped already."""
    told = _Story(desk, story, heir)
    made = told.decide()
    case = wipe_case_of(desk.session, made)
    (wipe,) = story.wipes
    only = [one.id for one in copies.list_copies(desk.session, case_id=case.id) if one.name == wipe.copy_name]
    for state in ("frozen", "disposed"):
        desk.do(HEAD, wipe.day - 1, wipe_cases.set_copies, case, state, only=only)
    _Wiping(desk, case, story.examined).record(wipe)
    return made


# ---- wiped ------------------------------------------------------------------------------------------------


class _Wiping:
    """The copies of one case wiped by the steward, verified by the second one, witnessed and approved."""

    def __init__(self, desk: Desk, case: WipeCase, examined: int) -> None:
        self.desk, self.case, self.examined = desk, case, examined
        self.copies = {one.name: one for one in copies.list_copies(desk.session, case_id=case.id)}
        self.verifier = desk.actor(STEWARD, last=True)

    def certify(self, wipes_: Sequence[DemoWipe]) -> tuple[str, ...]:
        """The numbers of the certificates, in the order of the records."""
        records = [(one, self._wiped(one)) for one in wipes_]
        passed = [record for one, record in records if one.result == _SOUND]
        return tuple(self._approved(record) for record in passed)

    def _wiped(self, one: DemoWipe) -> WipeRecord:
        record = self.record(one)
        day = one.day + 1
        said = one.verified | {"verification_result": one.result}
        said["verifier"] = self._person(self.verifier, "数据专员", day)
        return self.desk.do(self.verifier, day, wipes.examine, record, said)

    def _approved(self, record: WipeRecord) -> str:
        chief, head, day = self.desk.actor(CHIEF), self.desk.actor(HEAD), self.examined
        seen = {"witness": self._person(chief, "科室负责人", day)}
        self.desk.do(chief, day, wipes.witness, record, seen)
        agreed = {"approver": self._person(head, "部门负责人", day + 1)}
        done = self.desk.do(head, day + 1, wipes.approve, record, agreed)
        return done.certificate_no or ""

    def record(self, one: DemoWipe) -> WipeRecord:
        """A wipe as the steward records it, with its log as evidence."""
        copy = self.copies[one.copy_name]
        content = {"kind": one.kind, **_ids(copy, one.kind), **self._told(one, copy), **self._own(one)}
        (made,) = self.desk.do(STEWARD, one.day, wipes.record, self.case, [content])
        return made

    def _told(self, one: DemoWipe, copy: DataCopy) -> dict[str, Any]:
        log = self.desk.file(f"{copy.name}清除日志（第 {one.day} 日）", one.day)
        return {
            "data_grade_before": copy.data_grade,
            "standard": _STANDARD,
            "operator": self._person(self.desk.actor(STEWARD), "数据专员", one.day),
            "started_at": self.desk.clock(one.day, 3),
            "finished_at": self.desk.clock(one.day, 1),
            "copies_covered": [{"copy": copy.name, "answer": "wiped"}],
            "data_disposition_before": "已归档移交，见档案移交清单",
            "evidence_hashes": [log],
        }

    def _own(self, one: DemoWipe) -> dict[str, Any]:
        """What only a record of this kind says: of a cloud its confirmation, of a contractor his papers."""
        named = {
            "cloud": {"provider_confirmation": "云商释放确认单"},
            "service": {"return_or_delete_certificate": "数据返还删除证明", "on_site_check": "现场核查记录"},
        }
        files = {key: self.desk.file(title, one.day) for key, title in named.get(one.kind, {}).items()}
        own = {**one.record, **files}
        if "backup_expiry" in own:
            own["backup_expiry"] = f"{self.desk.on(own['backup_expiry'])}"
        return own

    def _person(self, actor: Actor, title: str, day: int) -> dict[str, Any]:
        return {
            "name": actor.name,
            "title": title,
            "org": self.desk.agency.name,
            "date": f"{self.desk.on(day)}",
            "location": "市政务数据中心机房",
            "contact": "0858-8600000",
            "signature": "已签字（演示）",
        }


def _ids(copy: DataCopy, kind: str) -> Mapping[str, Any]:
    """What identifies the copy, as its record repeats it."""
    return {key: value for key, value in copy.ids.items() if kind != "service" or key == "contract_no"}


def _replaced(desk: Desk, system: System) -> tuple[str, ...]:
    """A case of its own for a disk that was replaced, closed with its certificate."""
    story = words().systems.replaced
    given: dict[str, Any] = {"agency": desk.agency, "system": system, "why": story.why}
    case = desk.do(STEWARD, story.opened, wipe_cases.open_case, "replaced_disk", **given)
    one = story.copy_of
    given = {"medium": one.medium, "ids": one.ids, "data_grade": "g3"}
    desk.do(STEWARD, story.opened, wipe_cases.enlist_new, case, one.kind, one.name, **given)
    numbers = _Wiping(desk, case, story.examined).certify(story.wipes)
    desk.do(STEWARD, story.closed, wipe_cases.close_case, case)
    return numbers
