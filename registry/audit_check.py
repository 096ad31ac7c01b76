"""Verification of the audit record, from the database or from an export: what was altered, and how.

Besides the events and the tree (``audit_walk``) the signed heads are held against it: those of the record itself
and those of a heads file, against which a tail that was cut is found.
"""

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog_specs.law_audit import Audit
from registry.audit import audit_spec
from registry.audit_files import Heads, Source
from registry.audit_walk import Found, Walk
from registry.errors import Unavailable
from registry.signing import Head
from validators.merkle import ALGORITHMS

FILE = "树头文件"
ROW = "审计树的状态行"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. ``covered``: how many events the last good head vouches for."""

    name: str
    size: int
    root: str
    algorithm: str
    heads: int
    covered: int
    erased: int
    total: int
    faults: tuple[Found, ...]
    notes: tuple[Found, ...]

    @property
    def intact(self) -> bool:
        return not self.total

    def as_json(self, lang: str) -> dict[str, Any]:
        """The verdict with faults and notes in words."""
        spec = audit_spec()
        worded = {
            kind: [
                {
                    "kind": f.key,
                    "seq": f.seq or None,
                    "message": say(f, spec, lang),
                    "fix": cure(f, spec, lang),
                }
                for f in found
            ]
            for kind, found in (("faults", self.faults), ("notes", self.notes))
        }
        names = ("name", "size", "root", "algorithm", "heads", "covered", "erased", "total")
        return {"intact": self.intact} | {name: getattr(self, name) for name in names} | worded


def say(found: Found, spec: Audit, lang: str) -> str:
    """A fault or note in words."""
    text = spec.index[found.key]
    return (text.en if lang == "en" else text.zh).format(**found.params)


def cure(found: Found, spec: Audit, lang: str) -> str:
    """What to do about it."""
    text = spec.index[found.key]
    return text.fix_en if lang == "en" else text.fix_zh


def verify(
    source: Source, *, keys: frozenset[str] = frozenset(), filed: Sequence[Head] | None = None
) -> Verdict:
    """Verify a record, read once and in pieces.

    ``keys`` are the public keys that are trusted; without any the heads' own key is taken and a note says so.
    ``filed`` are the heads of a heads file, by size.

    Raises:
        Unavailable: the record cannot be read.
    """
    if source.state.algorithm not in ALGORITHMS:
        raise Unavailable(f"{source.name} 的散列算法“{source.state.algorithm}”不认识，无法核验")
    check = _Check(source, Walk(source.state, source.with_content), keys, list(filed or ()))
    collecting = gc.isenabled()
    # millions of rows come and go, none of them in a circle: the collector would take a sixth of the time
    gc.disable()
    try:
        return check.run()
    finally:
        if collecting:
            gc.enable()


@dataclass(slots=True)
class _Check:
    source: Source
    walk: Walk
    keys: frozenset[str]
    filed: list[Head]
    number: int = 0
    covered: int = 0
    altered: bool = False
    notes: list[Found] = field(default_factory=list)
    beyond: dict[str, int] = field(default_factory=dict)
    late: list[tuple[int, int]] = field(default_factory=list)
    signer: str = ""
    unmatched: dict[tuple[int, str], Head] = field(default_factory=dict)

    def run(self) -> Verdict:
        own, walk, step = self.source.heads, self.walk, self.walk.step
        filed = Heads(self._own_filed())
        for row in self.source.rows:
            last = walk.last
            if own.next_size <= last:
                self._meet(own, last)
            if filed.next_size <= last:
                self._meet(filed, last, FILE)
            step(row)
        walk.end()
        for heads, place in ((own, ""), (filed, FILE)):
            self._meet(heads, walk.last, place)
            self._pass(heads, place)
        self._judge_ends()
        self._judge_heads()
        return self._verdict()

    def _own_filed(self) -> list[Head]:
        """The genuine heads of the heads file that are of this record; others are told of."""
        others: dict[str, int] = {}
        kept = []
        for head in self.filed:
            if not self._genuine(head, FILE):
                continue
            if head.origin != self.source.state.origin:
                others[head.origin] = max(head.size, others.get(head.origin, 0))
                continue
            kept.append(head)
            self.unmatched[head.number, head.signature] = head
        for origin, size in others.items():
            self.walk.blame("heads_other", origin=origin[:8], size=size)
        return kept

    # ---- one head ----

    def _meet(self, heads: Heads, size: int, place: str = "") -> None:
        """Hold the heads over the events passed so far against the tree."""
        for head in heads.take(size):
            if not place and not self._accept(head):
                continue
            if not self.walk.followed or self.altered:
                continue
            if head.size == size:
                self._compare(head, place)
            else:
                self.walk.blame("head_order", place=place, number=head.number)

    def _compare(self, head: Head, place: str) -> None:
        if head.root == self.walk.root and head.algorithm == self.source.state.algorithm:
            self._cover(head.size)
            return
        self.altered = True
        after = {"after": self.covered, "size": head.size}
        self.walk.blame("head_root", place=place, number=head.number, seq=self.covered + 1, **after)

    def _cover(self, size: int) -> None:
        if size - self.covered > audit_spec().heads.every:
            self.late.append((self.covered + 1, size))
        self.covered = max(self.covered, size)

    def _pass(self, heads: Heads, place: str) -> None:
        """What the heads tell that are over more events than there are."""
        for head in heads.take(float("inf")):
            if place or self._accept(head):
                name = place or "树头"
                self.beyond[name] = max(head.size, self.beyond.get(name, 0))

    def _accept(self, head: Head) -> bool:
        """Take a head of the record itself: its number follows, its signature is good."""
        if head.number > self.number + 1:
            self.walk.blame("head_removed", first=self.number + 1, last=head.number - 1, by="编号")
        elif head.number <= self.number or head.origin != self.source.state.origin:
            self.walk.blame("head_order", place="", number=head.number)
        self.number = max(self.number, head.number)
        if not self._genuine(head, ""):
            return False
        self.unmatched.pop((head.number, head.signature), None)
        return head.origin == self.source.state.origin

    def _genuine(self, head: Head, place: str) -> bool:
        if self.keys and head.key_id not in self.keys:
            self.walk.blame("head_key", place=place, number=head.number, key=head.key_id[:16])
            return False
        if not head.is_genuine():
            self.walk.blame("head_signature", place=place, number=head.number)
            return False
        self.signer = self.signer or head.key_id
        return True

    # ---- the end ----

    def _judge_ends(self) -> None:
        walk, state = self.walk, self.source.state
        if state.size > walk.last:
            self.beyond[ROW] = state.size
        for seq in range(max(state.size, self.covered) + 1, walk.last + 1):
            walk.blame("inserted", seq=seq)
        if self.beyond:
            last, by = max(self.beyond.values()), "、".join(self.beyond)
            walk.blame("cut", first=walk.last + 1, last=last, by=by)
        if not self.source.finished:
            walk.blame("cut", first=walk.last + 1, last=max(state.size, walk.last + 1), by="导出文件没有结尾")
        nodes = b"".join(walk.tree.nodes).hex()
        if walk.followed and state.size == walk.last and nodes != state.frontier:
            walk.blame("tree", seq=walk.last)

    def _judge_heads(self) -> None:
        walk, every = self.walk, audit_spec().heads.every
        if self.source.state.heads > self.number:
            walk.blame("head_removed", first=self.number + 1, last=self.source.state.heads, by=ROW)
        elif self.unmatched:
            numbers = sorted(number for number, _ in self.unmatched)
            walk.blame("head_removed", first=numbers[0], last=numbers[-1], by=FILE)
        if walk.followed and not self.altered and walk.last - self.covered >= every:
            walk.blame("heads_missing", first=self.covered + 1, last=walk.last)
        if not self.covered and not self.number and 0 < walk.last < every:
            self.notes.append(Found("no_heads", {"every": every}))
        if self.late:
            self.notes.append(Found("late_heads", {"first": self.late[0][0], "last": self.late[-1][1]}))
        if self.signer and not self.keys:
            self.notes.append(Found("key_unchecked", {"key": self.signer}))
        if not self.source.with_content:
            self.notes.append(Found("no_content", {}))

    def _verdict(self) -> Verdict:
        walk, state = self.walk, self.source.state
        faults = tuple(sorted(walk.faults, key=lambda found: found.seq))
        counts = (self.number, self.covered, walk.erased, walk.total)
        return Verdict(
            self.source.name, walk.last, walk.root, state.algorithm, *counts, faults, tuple(self.notes)
        )
