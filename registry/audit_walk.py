"""The events of a record walked in order, each held against its own bytes and against the tree.

The quick way asks whether everything fits; only where something does not is it asked what was done to it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.audit import body_of, content_digest
from registry.audit_files import Row, State
from validators.merkle import Digest, Frontier, digest

# the act under which mulu spill puts itself on record
ERASURE = "spill"
# how many faults are listed one by one; the others are counted
MOST = 100
_COLUMNS = {"act": "act", "actor": "actor", "at": "at", "content_digest": "digest", "operator": "operator"}
_COLUMNS |= {"subject": "subject"}


@dataclass(frozen=True, slots=True)
class Found:
    """A fault or note: a key of audit.yaml with what its text asks for. ``seq`` is the event, 0 for none."""

    key: str
    params: dict[str, Any]

    @property
    def seq(self) -> int:
        return int(self.params.get("seq") or self.params.get("first") or 0)


@dataclass(slots=True)
class Walk:
    """What is known when some events have been passed.

    ``followed``: whether the tree still is; once it is not, events are held against their own bytes only.
    """

    state: State
    with_content: bool = True
    last: int = 0
    root: str = ""
    followed: bool = True
    erased: int = 0
    total: int = 0
    faults: list[Found] = field(default_factory=list)
    tree: Frontier = field(init=False)
    _hashed: Digest = field(init=False)
    _suspect: int = 0
    _erasures: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hashed = digest(self.state.algorithm)
        self.tree = Frontier(self._hashed)
        self.root = self.tree.root().hex()

    def blame(self, kind: str, /, **params: Any) -> None:
        """Put down a fault."""
        self.total += 1
        if len(self.faults) < MOST:
            self.faults.append(Found(kind, params))

    def step(self, row: Sequence[Any]) -> None:
        """Hold one event against its bytes, the tree and its content."""
        # written out for speed: a million events pass here
        seq, at, act, actor, operator, subject, bound, body, leaf, root, content, salt, erased, by = row
        tree = self.tree
        before, size = tree.nodes[:], tree.size
        try:
            fits = body == body_of(seq, at, act, subject, bound, actor=actor, operator=operator)
            own = self._hashed(b"\x00" + body.encode()).digest()
            fits = fits and seq == self.last + 1 and self.followed and own.hex() == leaf
        except (TypeError, AttributeError, UnicodeEncodeError):
            fits, own = False, b""
        if fits:
            self.root = tree.append(own).hex()
            fits = self.root == root and not self._suspect
        if not fits:
            tree.nodes, tree.size = before, size
            self._look(Row._make(row), own)
        self.last = max(seq, self.last)
        if self.with_content:
            if not bound and content is None and salt is None and erased is None and by is None:
                pass
            elif content is None or erased is not None or by is not None or not bound:
                self._look_at_missing(Row._make(row))
            elif not _is_bound(content, salt, bound):
                self.blame("content_changed", seq=seq)
        if self._erasures and seq in self._erasures:
            self._look_at_erasure(Row._make(row))

    def end(self) -> None:
        """Look at what only the end of the record can tell."""
        if self._suspect and "".join(node.hex() for node in self.tree.nodes) == self.state.frontier:
            self._clear_suspect()
        elif self._suspect:
            self._stray(self._suspect)
        for by, events in self._erasures.items():
            for seq in sorted(events):
                self.blame("content_erased", seq=seq, other=by)

    # ---- what was done to it ----

    def _look(self, row: Row, own: bytes) -> None:
        if row.seq > self.last + 1:
            self.blame("deleted", first=self.last + 1, last=row.seq - 1)
            self.followed = False
        elif row.seq != self.last + 1:
            self.blame("misplaced", seq=row.seq, other=self.last)
            self.followed = False
        said = _said(row.body)
        if own.hex() == row.leaf and said is not None and said.get("seq") != row.seq:
            self.blame("moved", seq=row.seq, other=said.get("seq"))
            self.followed = False
            return
        whole = self._look_in_tree(row, own) if self.followed else own.hex() == row.leaf
        if not whole:
            self.blame("edited", seq=row.seq)
        elif said is not None:
            differing = [c for c, key in _COLUMNS.items() if said.get(key) != getattr(row, c)]
            if differing:
                self.blame("column", seq=row.seq, columns="、".join(differing))

    def _look_in_tree(self, row: Row, own: bytes) -> bool:
        """Find the leaf that the root was made with; gives whether the bytes are still those of the leaf."""
        for leaf in (own, _unhex(row.leaf)):
            grown = self.tree.copy()
            if leaf and grown.append(leaf).hex() == row.root:
                self._clear_suspect()
                self.tree, self.root = grown, row.root
                if leaf == own != _unhex(row.leaf):
                    self.blame("leaf", seq=row.seq)
                return leaf == own
        if self._suspect:
            self._stray(self._suspect)
        elif own.hex() == row.leaf:
            # its root alone, or more than that: the next event tells
            self._suspect = row.seq
            self.root = self.tree.append(own).hex()
        else:
            self.followed = False
        return own.hex() == row.leaf

    def _clear_suspect(self) -> None:
        if self._suspect:
            self.blame("root", seq=self._suspect)
            self._suspect = 0

    def _stray(self, seq: int) -> None:
        self.blame("rewritten", seq=seq)
        self.followed, self._suspect = False, 0

    # ---- content ----

    def _look_at_missing(self, row: Row) -> None:
        left = row.content is not None or row.salt is not None
        if not row.content_digest:
            if left or row.erased_at is not None or row.erased_by is not None:
                self.blame("content_added", seq=row.seq)
        elif row.erased_at is None or row.erased_by is None:
            self.blame("content_changed" if left else "content_deleted", seq=row.seq)
        elif left:
            self.blame("content_erased", seq=row.seq, other=row.erased_by)
        else:
            self.erased += 1
            self._erasures.setdefault(row.erased_by, set()).add(row.seq)

    def _look_at_erasure(self, row: Row) -> None:
        """The event that recorded an erasure must name every event whose content it took."""
        said = _said(row.content) or {}
        listed = said.get("erased_events")
        named = set(listed) if row.act == ERASURE and isinstance(listed, list) else set()
        for seq in sorted(self._erasures.pop(row.seq) - named):
            self.blame("content_erased", seq=seq, other=row.seq)


def _said(text: Any) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unhex(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        return b""


def _is_bound(content: Any, salt: Any, bound: str) -> bool:
    try:
        return content_digest(content, bytes.fromhex(salt)) == bound
    except (TypeError, ValueError, AttributeError):
        return False
