"""Random moves by random people with random data, and files between them: what must always hold, holds."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_lifecycle import Lifecycle
from registry.differences import class_digest, overall_class
from registry.effects import next_step
from registry.entries import TOMBSTONES
from registry.errors import MuluError
from registry.evidence import gather
from registry.lifecycle import Done
from registry.models import AuditEvent, Distribution, Entry, Opinion, Version
from registry.subjects import Subject, load_subjects
from tests.cast import NOTICE, PATH, ROLES, Cast
from tests.offering import watched
from tests.stages import TABLE, Stages, edit

SPECS = load("zunyi_2020")
LIFE = SPECS.document("lifecycle", Lifecycle)
_FOLDER = tempfile.TemporaryDirectory(prefix="mulu-any-")
_STAGES = Stages(Path(_FOLDER.name))
# what may be changed between two moves: notes, ordinary and major changes
CHANGES: list[dict[str, Any]] = [
    {},
    {"contact_name": "李雷"},
    {"update_cycle": "每周"},
    {"update_cycle": "实时"},
    {"data_grade": "g2"},
    {"cols": lambda items: items[:2]},
    {"legal_basis": None},
]
REASONS = [{"field": "resource_abstract", "phrase": "unclear", "why_late": "漏看"}]


def data_for(move: str, more: bool) -> Mapping[str, Any] | None:
    if move == "announce":
        return NOTICE | ({"emergency": "泄露"} if more else {})
    if move == "attach":
        return TABLE | {"opened": more}
    if move in ("return", "object"):
        return {"reasons": REASONS} if more else {}
    if move in ("clear", "clear_data"):
        return {"conclusion": "share_and_open"} if more else {}
    return {"emergency": "泄露"} if more and "emergency" in LIFE.index[move].takes else None


class Review(RuleBasedStateMachine):
    """One entry with everybody around it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="mulu-any-")
        self.seen: dict[tuple[str, Any], str] = {}

    @initialize(stage=st.sampled_from(["draft", "signed", "announced", "shelved"]))
    def begin(self, stage: str) -> None:
        self.cast: Cast = _STAGES.copy(stage, Path(self.folder.name))
        self.states = self._states()
        self.counts = self._counts()

    def teardown(self) -> None:
        self.cast.database.close()
        self.folder.cleanup()

    # ---- what people do ----

    @rule(move=st.sampled_from(LIFE.moves), role=st.sampled_from(ROLES), more=st.booleans())
    def anybody(self, move: Any, role: str, more: bool) -> None:
        self._move(move.key, role, more)

    @rule(move=st.sampled_from(LIFE.moves), more=st.booleans(), n=st.integers(0, 3))
    def somebody_who_may(self, move: Any, more: bool, n: int) -> None:
        self._move(move.key, move.by[n % len(move.by)], more)

    @rule()
    def who_is_waited_for(self) -> None:
        with self.cast.database.read() as session:
            version = session.execute(select(Version).order_by(col(Version.number).desc())).scalars().first()
        assert version is not None
        if version.awaits:
            self._move(version.awaits, version.awaits_role or LIFE.index[version.awaits].by[0], False)

    @rule(steps=st.integers(1, 6))
    def the_path(self, steps: int) -> None:
        for move, role in PATH[:steps]:
            self._move(move, role, False)

    @rule(changes=st.sampled_from(CHANGES), author=st.sampled_from(["steward", "head", "auditor"]))
    def a_file_comes(self, changes: dict[str, Any], author: str) -> None:
        with watched(self.cast.database, self.cast.now):
            edit(self.cast, Path(self.folder.name), author=author, **changes)
        self.states, self.counts = self._states(), self._counts()

    @rule(role=st.sampled_from(["division_chief", "head", "auditor"]), changes=st.sampled_from(CHANGES))
    def it_goes_back_and_comes_again(self, role: str, changes: dict[str, Any]) -> None:
        self._move("return", role, True)
        self.a_file_comes(changes, "steward")
        self._move("submit", "steward", False)
        for _step in range(5):
            self.who_is_waited_for()

    @rule(kind=st.sampled_from(["consultation", "retirement_decision", "notice_to_users"]))
    def a_record_is_kept(self, kind: str) -> None:
        try:
            self.cast.record(kind, role="head")
        except MuluError:
            return
        self.counts = self._counts()

    @rule()
    def a_test_is_recorded(self) -> None:
        with self.cast.database.read() as session:
            keys = list(session.execute(select(col(Distribution.id))).scalars())
        for key in keys:
            try:
                self.cast.record("provision_test", name=key)
            except MuluError:
                return
        self.counts = self._counts()

    def _move(self, move: str, role: str, more: bool) -> None:
        before = self._states()
        try:
            with watched(self.cast.database, self.cast.now):
                done = self.cast.act(move, role, note="办理" if more else "", data=data_for(move, more))
        except MuluError:
            assert (self._states(), self._counts()) == (before, self.counts), f"{move} 被拒却有变化"
            return
        self.cast.now += timedelta(minutes=1)
        self._check_done(done, role)

    def _check_done(self, done: Done, role: str) -> None:
        """One opinion and one event; the state is what the answer says, by a role that the move names."""
        opinions, events = self._counts()
        assert (opinions, events) == (self.counts[0] + 1, self.counts[1] + 1)
        self.counts, self.states = (opinions, events), self._states()
        spec = LIFE.index[done.move]
        assert role in spec.by
        assert not spec.starts or done.before in spec.starts
        with self.cast.database.read() as session:
            opinion = session.get_one(Opinion, done.opinion_id)
            last = session.execute(select(AuditEvent).order_by(col(AuditEvent.seq).desc())).scalars().first()
            assert last is not None
            assert (last.act, last.actor, last.subject) == (done.move, role, done.entry_id)
            assert (opinion.state_before, opinion.state_after) == (done.before, done.after)
            if spec.subject == "version" and done.after == "announced" and done.before != "announced":
                self._check_signed(session, done)

    def _check_signed(self, session: Any, done: Done) -> None:
        """What comes into force has every signature of its class, on exactly these fields, by another than its author."""
        version = session.get_one(Version, (done.entry_id, done.number))
        base = (
            session.execute(
                select(Version)
                .where(col(Version.state) == "superseded", col(Version.ended_at).is_not(None))
                .order_by(col(Version.number).desc())
            )
            .scalars()
            .first()
        )
        least = overall_class(base.content if base else None, version.content, SPECS)
        order = ["note", "ordinary", "major"]
        assert order.index(version.change_class) >= order.index(least)
        own = select(Opinion).where(col(Opinion.number) > (base.number if base else 0))
        opinions = session.execute(own.order_by(col(Opinion.at), col(Opinion.id))).scalars().all()
        for signature in LIFE.class_index[version.change_class].signatures:
            given = [o for o in opinions if o.move == signature.move and o.role in signature.by]
            assert given, (version.change_class, signature)
            last = given[-1]
            assert last.login not in (version.created_by, version.submitted_by)
            old = session.get_one(Version, (done.entry_id, last.number)).content
            same = class_digest(version.content, last.bound_class, SPECS) == last.bound_digest
            effect = LIFE.index[last.move].effect_on_change
            assert same or getattr(effect, overall_class(old, version.content, SPECS)) == "keep"

    # ---- what always holds ----

    def _states(self) -> list[Any]:
        with self.cast.database.read() as session:
            versions = session.execute(select(col(Version.number), col(Version.state), col(Version.awaits)))
            made = session.execute(select(col(Distribution.id), col(Distribution.state)))
            entry = session.execute(select(col(Entry.state), col(Entry.in_force), col(Entry.lock)))
            return [sorted(map(tuple, versions)), sorted(map(tuple, made)), tuple(entry.one())]

    def _counts(self) -> tuple[int, int]:
        with self.cast.database.read() as session:
            tables = (Opinion, AuditEvent)
            found = [session.execute(select(func.count()).select_from(t)).scalar_one() for t in tables]
            return found[0], found[1]

    @invariant()
    def at_most_one_version_is_in_force(self) -> None:
        with self.cast.database.read() as session:
            entry = session.execute(select(Entry)).scalar_one()
            versions = {v.number: v for v in session.execute(select(Version)).scalars()}
        counted = Counter(version.state for version in versions.values())
        assert counted["announced"] == (0 if entry.in_force is None else 1)
        assert entry.in_force is None or versions[entry.in_force].state == "announced"
        assert entry.newest == max(versions)
        open_ones = [
            v for v in versions.values() if v.state in ("draft", "submitted", "returned", "approved")
        ]
        assert [v.number for v in open_ones] in ([], [entry.newest])
        assert all(v.awaits is None for v in versions.values() if v.state in ("superseded", "withdrawn"))

    @invariant()
    def what_is_shown_and_awaited_follows_from_the_rest(self) -> None:
        with self.cast.database.read() as session:
            entry = session.execute(select(Entry)).scalar_one()
            if entry.state in TOMBSTONES:
                return
            one = load_subjects(session, [Subject(entry.id)], LIFE.index["submit"], hold=False)[0]
            in_force = "shelved" if any(d.state == "shelved" for d in one.distributions) else "announced"
            assert entry.state == (in_force if entry.in_force else one.newest.state)
            proven = gather(session, [one])[0]
            version = one.version
            if version.submitted_at is not None or version.state == "announced":
                assert (version.awaits, version.awaits_role) == next_step(one, proven.signed)

    @invariant()
    def what_is_on_the_shelf_may_be_there(self) -> None:
        with self.cast.database.read() as session:
            entry = session.execute(select(Entry)).scalar_one()
            made = session.execute(select(Distribution)).scalars().all()
        for one in made:
            assert one.state != "shelved" or entry.in_force is not None
            assert one.shelved_at is not None or one.state not in ("shelved", "suspended")
            assert (one.awaits is None) == (one.state in ("shelved", "off_shelf"))


TestReview = Review.TestCase
TestReview.settings = settings(
    max_examples=15,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
