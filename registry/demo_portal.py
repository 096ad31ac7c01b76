"""Demonstration entries for a portal: opened and shared by the people of three departments in two cities.

Everything goes through the doors of real data. Most of it may leave; one distribution is suspended, one is taken off
the shelf, and one is withheld: its file was checked anew, and nobody has said the second word yet.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.attaching import Sent, attach
from registry.demo_open import proven
from registry.errors import Rejected
from registry.lifecycle import perform_many
from registry.lookup import find_entry
from registry.models import Agency, Entry, Version
from registry.offers import offered_ids, offers
from registry.people import actor_of, holders, local_day
from registry.permits import EVERYTHING, Actor
from registry.proof_orders import Order
from registry.proof_review import review_proof
from registry.recording import Paper, about, keep_record
from registry.stores import Store
from registry.subjects import Subject
from registry.synthetic_files import OpenedFile, invented_file
from registry.synthetic_words import words
from validators.offers import listed_items
from validators.proving import asks_for_proof
from validators.sharing import CONDITIONAL, UNCONDITIONAL

_STEWARD, _CHIEF, _HEAD, _SECRECY = "steward", "division_chief", "head", "secrecy_reviewer"
_AUDITOR, _BUREAU = "auditor", "bureau"
_CITY = (_AUDITOR, _BUREAU)
# from draft to announcement, and from there to the shelf: who, and on which day of the demonstration
_PATH = (
    ("clear", _SECRECY, 3),
    ("endorse", _CHIEF, 4),
    ("endorse", _HEAD, 5),
    ("approve", _AUDITOR, 8),
    ("announce", _BUREAU, 10),
)
_SUBMITTED, _ATTACHED, _TESTED, _CLEARED, _SHELVED, _LATER = 2, 16, 17, 18, 20, 30
_RECHECKED = timedelta(days=1)  # so long ago
_STARTS = ("draft", "announced")
_CITYWIDE, _PICTURE = "4", "4"  # of spatial_scope, of format_category
# what a department may put on the shelf: files and interfaces for everyone, files on application, tables that are
# shared alone, and a file for which the reviewer of secrecy asks a proof
_FILE, _INTERFACE, _CONDITIONAL, _TABLE, _PROVEN = "file", "interface", "conditional", "table", "proven"
_FORMS = {_TABLE: "1", _FILE: "2", _CONDITIONAL: "2", _INTERFACE: "3"}
_PATTERNS = {"1": "批量交换", "2": "批量交换", "3": "查询"}


class _Plan(NamedTuple):
    """How many of each kind a department puts on the shelf, and what then happens to the first of its files."""

    wanted: Mapping[str, int]
    then: str


_PLANS: Mapping[str, _Plan] = {
    "neighbour": _Plan({_FILE: 8, _TABLE: 2}, "suspend"),
    "other_city": _Plan({_FILE: 7, _TABLE: 2}, "off_shelf"),
    "opening": _Plan({_INTERFACE: 4, _CONDITIONAL: 2, _PROVEN: 1, _FILE: 3}, "recheck"),
}


class _One(NamedTuple):
    """An entry chosen for the shelf: as what, and the version of it that is shown."""

    kind: str
    entry: Entry
    version: Version

    @property
    def items(self) -> list[Mapping[str, Any]]:
        return list(listed_items(self.version.content).values())


def _by_interface(one: _One) -> bool:
    return one.version.content.get("share_mode_type") == [_FORMS[_INTERFACE]]


_FITS: Mapping[str, Callable[[_One], bool]] = {
    _INTERFACE: lambda one: one.version.open_type == UNCONDITIONAL and _by_interface(one),
    _CONDITIONAL: lambda one: one.version.open_type == CONDITIONAL,
    _PROVEN: lambda one: one.version.open_type == UNCONDITIONAL and not _by_interface(one),
    _FILE: lambda one: one.version.open_type == UNCONDITIONAL,
    _TABLE: lambda one: (
        one.version.share_type == UNCONDITIONAL
        and _FORMS[_TABLE] in (one.version.content.get("share_mode_type") or ())
    ),
}


def is_opening(agency: Agency) -> bool:
    """Whether it is a department of the kind that ``open_files`` of demo.yaml names."""
    return agency.name.endswith(words().open_files.department)


def load_portal(
    session: Session,
    departments: Mapping[str, Agency],
    *,
    files: Store,
    seed: int,
    begun: datetime,
    now: datetime,
) -> str:
    """Put entries of some departments on the shelf; the keys say whose department it is (``of`` of demo.yaml).

    Gives sentences on what may now leave, and the commands that send it.
    """
    for key, agency in departments.items():
        _Shelver(session, agency, files, seed, begun).fill(_PLANS[key], now)
    found = {
        scope: list(offers(session, list(offered_ids(session, scope)), scope, now=now).values())
        for scope in ("open", "share")
    }
    shown = {scope: [offer for offer in rows if offer.shown] for scope, rows in found.items()}
    kept = sum(bool(offer.withheld) for offer in found["open"])
    of = len({offer.agency_code for offer in shown["open"]})
    return (
        f"可推送到门户：开放范围 {len(shown['open'])} 条（{of} 个部门），共享范围 {len(shown['share'])} 条；"
        f"另有 {kept} 条在架而暂不外发。下一步（令牌放在 MULU_TARGET_DEMO_OPEN_TOKEN，主机列入 MULU_TARGETS）：\n"
        "  mulu-sync target add demo-open --url 门户地址 --scope open\n"
        "  mulu-sync target test demo-open\n"
        "  mulu-sync plan demo-open\n"
        "  mulu-sync run demo-open"
    )


class _Shelver:
    """The people of one department, who bring its entries to the shelf on days of the demonstration."""

    def __init__(self, session: Session, agency: Agency, files: Store, seed: int, begun: datetime) -> None:
        self.session, self.agency, self.files, self.seed, self.begun = session, agency, files, seed, begun

    def fill(self, plan: _Plan, now: datetime) -> None:
        """Bring what the plan says onto the shelf, or as much of it as the department has."""
        made = [(one, self._attached(one)) for one in self._announced(self._chosen(plan))]
        plain = [subject for one, subject in made if one.kind != _PROVEN]
        asked = [subject for one, subject in made if one.kind == _PROVEN]
        self._move(plain, "clear_data", _SECRECY, _CLEARED)
        self._move(asked, "clear_data", _SECRECY, _CLEARED, data={"conclusion": "open_when_desensitized"})
        self._move([*plain, *asked], "shelve", _STEWARD, _SHELVED)
        kind = _PROVEN if plan.then == "recheck" else _FILE
        first = next((row for row in made if row[0].kind == kind), None)
        if first is not None:
            self._end(*first, plan.then, now)

    # ---- chosen -------------------------------------------------------------------------------------------

    def _chosen(self, plan: _Plan) -> list[_One]:
        """As many entries of each kind as wanted, those without any finding, of the whole city before its counties."""
        newest = (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest))
        sound = (col(Version.errors) == 0) & (col(Version.warnings) == 0)
        query = select(Entry, Version).join(Version, newest & sound)
        query = query.where(col(Entry.agency_id) == self.agency.id, col(Entry.state).in_(_STARTS))
        rows = sorted(self.session.execute(query).all(), key=lambda row: _order(row[1]))
        left, found = dict(plan.wanted), list[_One]()
        for entry, version in rows:
            kind = _kind_of(entry, version, left)
            if kind:
                left[kind] -= 1
                found.append(_One(kind, entry, version))
        return found

    def _announced(self, chosen: Sequence[_One]) -> list[_One]:
        """Those that are announced in the end; the drafts among them are walked there, all at a time."""
        done = [one for one in chosen if one.entry.in_force is not None]
        walked = [one for one in chosen if one.entry.in_force is None and self._submitted(one)]
        subjects = [Subject(one.entry.id) for one in walked]
        for move, role, day in _PATH:
            when = self._day(day)
            notice = {"number": f"遵数通〔{when:%Y}〕{when.day}号", "date": f"{when:%Y-%m-%d}"}
            self._move(subjects, move, role, day, data=notice if move == "announce" else None)
        return done + walked

    def _submitted(self, one: _One) -> bool:
        """Whether the entry could be submitted; its mistakes may be a part of the demonstration."""
        try:
            self._move([Subject(one.entry.id)], "submit", _STEWARD, _SUBMITTED)
        except Rejected:
            return False
        return True

    # ---- onto the shelf -----------------------------------------------------------------------------------

    def _attached(self, one: _One) -> Subject:
        if one.kind == _PROVEN:
            return self._proven(one)
        form, code = _FORMS[one.kind], str(one.entry.code).replace("/", "-")
        offer: dict[str, Any] = {"name": one.version.name, "form": form, "patterns": [_PATTERNS[form]]}
        offer |= {"items": [item["item_name"] for item in one.items], "opened": one.kind != _TABLE}
        places = {_TABLE: f"exchange.t_{code}", _INTERFACE: f"{words().open_files.host}/v1/{code}"}
        offer |= {"location": places[one.kind]} if one.kind in places else {}
        file = self._file(one)
        sent = None if one.kind in places else Sent(file.name, io.BytesIO(file.content), self.files)
        row = find_entry(self.session, one.entry.id, sight=EVERYTHING)
        given: dict[str, Any] = {"actor": self._actor(_STEWARD), "now": self._day(_ATTACHED)}
        made = attach(self.session, row, offer, sent, files=self.files, **given)
        if sent is None:
            self._record(made.id, "provision_test", f"测试〔2026〕{code}", _TESTED)
        return Subject(one.entry.id, made.id)

    def _proven(self, one: _One) -> Subject:
        """A file that is proven clean by two people: there may be single traders among the bodies."""
        file, steward = self._file(one), self._actor(_STEWARD)
        given: dict[str, Any] = {"files": self.files, "actor": steward, "now": self._day(_ATTACHED)}
        standing = proven(self.session, Order(one.entry.id), file.name, file.content, **given).standing
        given = {"sight": EVERYTHING, "actor": self._actor(_CHIEF), "now": self._day(_TESTED)}
        review_proof(self.session, standing.id, agree=True, **given)
        return Subject(one.entry.id, standing.distribution_id)

    def _file(self, one: _One, edition: int = 1) -> OpenedFile:
        given: dict[str, Any] = {"region": self.agency.region, "seed": self.seed, "edition": edition}
        return invented_file(one.version.name, one.items, **given)

    # ---- what happens then --------------------------------------------------------------------------------

    def _end(self, one: _One, subject: Subject, then: str, now: datetime) -> None:
        if then == "suspend":
            self._move([subject], "suspend", _BUREAU, _LATER, note="演示：来源数据正在核对")
        elif then == "off_shelf":
            self._record(one.entry.id, "consultation", "协商备〔2026〕66号", _LATER)
            self._move([subject], "off_shelf", _HEAD, _LATER, note="演示：改由省级平台统一发布")
        else:
            file, order = self._file(one, edition=2), Order(str(subject.distribution_id), renew=True)
            given: dict[str, Any] = {"files": self.files, "actor": self._actor(_STEWARD)}
            proven(self.session, order, file.name, file.content, now=now - _RECHECKED, **given)

    def _move(
        self,
        subjects: Sequence[Subject],
        move: str,
        role: str,
        day: int,
        *,
        data: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> None:
        if subjects:
            given: dict[str, Any] = {"actor": self._actor(role), "now": self._day(day), "files": self.files}
            perform_many(self.session, subjects, move, data=data, note=note, **given)

    def _record(self, name: str, kind: str, number: str, day: int) -> None:
        thing, steward = about(self.session, name, sight=EVERYTHING), self._actor(_STEWARD)
        keep_record(self.session, thing, kind, Paper(number=number), actor=steward, now=self._day(day))

    def _actor(self, role: str) -> Actor:
        """Who holds a role at the department, or for the whole city."""
        today, of = local_day(self.begun), None if role in _CITY else self.agency.id
        (person, *_) = holders(self.session, role, today=today, agency_id=of)
        return actor_of(self.session, person.login, today=today)

    def _day(self, number: int) -> datetime:
        return self.begun + timedelta(days=number)


def _order(version: Version) -> tuple[bool, int, str]:
    return version.content.get("spatial_scope") != _CITYWIDE, len(version.name), version.name


def _kind_of(entry: Entry, version: Version, left: Mapping[str, int]) -> str:
    """As what an entry may go onto the shelf among the kinds that are left; empty where it may not."""
    items = list(listed_items(version.content).values())
    drawn = version.content.get("format_category") == _PICTURE
    if drawn or not items or asks_for_proof(items, load(version.profile)):
        return ""
    fit = (kind for kind, fits in _FITS.items() if left.get(kind) and fits(_One(kind, entry, version)))
    return next(fit, "")
