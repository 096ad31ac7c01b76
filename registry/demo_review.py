"""Demonstration entries brought into every state of review, through the same door as real ones."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.demo_open import load_open_data
from registry.errors import Rejected
from registry.lifecycle import Done, perform
from registry.models import Agency, Entry, Version
from registry.people import actor_of, local_day
from registry.permits import EVERYTHING
from registry.proof_cases import FILE
from registry.recording import Paper, about, keep_record
from registry.stores import Store
from registry.subjects import Subject

_PATH = (
    ("submit", "steward"),
    ("clear", "secrecy"),
    ("endorse", "chief"),
    ("endorse", "head"),
    ("approve", "auditor"),
    ("announce", "bureau"),
)
_FRESH = "draft"
_RETURN = {
    "reasons": [
        {"field": "share_condition", "phrase": "vacuous_condition"},
        {"field": "update_cycle", "phrase": "wrong_cycle"},
    ]
}
_SECRET = {"reasons": [{"field": "items", "phrase": "not_public_item"}]}
# how far each entry goes along the path, and what is done then; one row is one entry
_FATES: tuple[tuple[int, tuple[str, ...]], ...] = (
    (1, ()),
    (1, ()),
    (1, ("object",)),
    (2, ()),
    (3, ()),
    (4, ()),
    (4, ()),
    (4, ("return",)),
    (5, ()),
    (5, ()),
    (6, ()),
    (6, ()),
    (6, ("attach",)),
    (6, ("attach", "clear_data")),
    (6, ("attach", "clear_data", "shelve")),
    (6, ("attach", "clear_data", "shelve")),
    (6, ("attach", "clear_data", "shelve", "suspend")),
    (6, ("attach", "clear_data", "shelve", "off_shelf")),
    (6, ("withdraw",)),
    (6, ("revise",)),
)
_BY = {
    "object": "secrecy",
    "return": "auditor",
    "attach": "steward",
    "clear_data": "secrecy",
    "shelve": "steward",
    "suspend": "bureau",
    "off_shelf": "head",
    "withdraw": "head",
    "revise": "steward",
}


def load_review(
    session: Session, agency: Agency, *, files: Store, seed: int, begun: datetime, now: datetime
) -> tuple[int, int]:
    """Walk entries of one agency into all states, between ``begun`` and ``now``, some of them with proven open data.

    Gives how many were walked, and how many of these hold open data. Entries that may not be submitted (their
    mistakes are part of the demonstration) stay drafts.
    """
    walker = _Walker(session, begun, now)
    opened = load_open_data(session, agency, walker.announce, files=files, seed=seed, now=now)
    waiting, walked = list(_sound(session, agency)), 0
    for steps, then in _FATES:
        # who cannot meet one fate may meet the next
        gone = next((row for row in waiting if walker.walk(*row, steps, then)), None)
        if gone is not None:
            waiting.remove(gone)
            walked += 1
    return walked + opened, opened


def _sound(session: Session, agency: Agency) -> Iterator[tuple[Entry, Version]]:
    query = (
        select(Entry, Version)
        .join(Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest)))
        .where(col(Entry.agency_id) == agency.id, col(Version.errors) == 0, col(Version.state) == _FRESH)
        .order_by(col(Entry.id))
    )
    yield from ((entry, version) for entry, version in session.execute(query).all())


class _Walker:
    """Makes moves as the demonstration's people, at moments spread over the time given."""

    def __init__(self, session: Session, begun: datetime, now: datetime) -> None:
        self.session, self.begun, self.now = session, begun, now
        self.count = 0

    def walk(self, entry: Entry, version: Version, steps: int, then: tuple[str, ...]) -> bool:
        """Whether the entry could be walked; False when it may not even be submitted, or has nothing to attach."""
        if "attach" in then and version.content.get("share_mode_type") == [FILE]:
            return False
        self.count += 1
        moment = self.begun + timedelta(days=self.count % 9, hours=2)
        try:
            self._act(entry, "submit", "steward", moment)
        except Rejected:
            return False
        if any(need["need"] == "pia" for need in version.needs):
            self._record(entry.id, "pia", f"个影评〔2026〕{self.count}号", moment)
        for n, (move, login) in enumerate(_PATH[1:steps], 1):
            self._act(entry, move, login, moment + timedelta(days=2 * n, hours=n))
        made = ""
        for n, move in enumerate(then):
            when = min(moment + timedelta(days=12 + 2 * n), self.now - timedelta(hours=8 - n))
            if move == "shelve":
                self._record(made, "provision_test", f"测试〔2026〕{self.count}号", when)
            if move == "off_shelf":
                self._record(entry.id, "consultation", f"协商备〔2026〕{self.count}号", when)
            done = self._act(entry, move, _BY[move], when, made, version.content)
            made = done.distribution_id or made
        return True

    def announce(self, entry: Entry, version: Version) -> None:
        """An entry walked to its announcement; nothing is attached yet."""
        self.walk(entry, version, len(_PATH), ())

    def _act(
        self,
        entry: Entry,
        move: str,
        login: str,
        moment: datetime,
        made: str = "",
        content: Mapping[str, Any] | None = None,
    ) -> Done:
        actor = actor_of(self.session, login, today=local_day(self.now))
        data: dict[str, Any] = {}
        if move == "announce":
            data = {"number": f"遵数通〔{moment:%Y}〕{moment.day}号", "date": f"{moment:%Y-%m-%d}"}
        elif move == "attach":
            data = _offer(content or {})
        elif move in ("object", "return"):
            data = _SECRET if move == "object" else _RETURN
        note = "" if move in ("attach", "shelve", "announce") else "演示"
        subject = Subject(entry.id, made or None)
        return perform(self.session, subject, move, actor=actor, now=moment, note=note, data=data)

    def _record(self, name: str, kind: str, number: str, moment: datetime) -> None:
        actor = actor_of(self.session, "steward", today=local_day(self.now))
        thing = about(self.session, name, sight=EVERYTHING)
        keep_record(self.session, thing, kind, Paper(number=number), actor=actor, now=moment)


def _offer(content: Mapping[str, Any]) -> dict[str, Any]:
    """A distribution of the items that are shared, in a form and pattern of the entry's own."""
    form = str((content.get("share_mode_type") or ["3"])[0])
    names = [str(i["item_name"]) for i in content.get("items", []) if i.get("share_type", "1") != "3"]
    fitting = {"1": ("批量交换", "核验"), "2": ("批量交换", "核验"), "3": ("查询", "核验")}[form]
    patterns = [p for p in content.get("share_pattern") or [] if p in fitting]
    return {
        "name": f"{content.get('resource_name', '')}（演示挂接）",
        "form": "3" if form == FILE else form,
        "patterns": patterns or list(fitting[:1]),
        "items": names,
        "location": "https://exchange.example/演示" if form == "3" else "exchange.demo_table",
    }
