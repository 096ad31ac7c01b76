"""RFC 6962 tree arithmetic: leaf and node hashes, a tree that grows, inclusion and consistency proofs.

Nothing is stored here: a tree is known by its ``Frontier`` (the roots of its complete subtrees), a proof is made
from the leaf hashes read once in order. The verifying halves need no tree at all. Source: RFC 6962 2.1.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, NamedTuple, Protocol

Algorithm = Literal["sha256", "sm3"]
ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "sm3")
_Range = tuple[int, int]


class Hashed(Protocol):
    """What a hash function gives."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


# a hash function in hashlib's form, taken as it is: a call around it would cost as much as the hash
Digest = Callable[[bytes], Hashed]


@lru_cache(maxsize=4)
def digest(algorithm: str) -> Digest:
    """The hash function of a name: of bytes, its ``digest()`` is 32 bytes.

    Raises:
        ValueError: neither ``sha256`` nor ``sm3``.
    """
    if algorithm == "sha256":
        return hashlib.sha256
    if algorithm == "sm3":
        return _sm3()
    raise ValueError(f"unknown hash algorithm {algorithm!r}")


def _sm3() -> Digest:
    """SM3 (GB/T 32905-2016): OpenSSL knows it, Python's own build of it not always."""
    return partial(hashlib.new, "sm3") if "sm3" in hashlib.algorithms_available else _Sm3


class _Sm3:
    """SM3 where Python was built without it."""

    def __init__(self, data: bytes) -> None:
        # needed on such machines alone
        from cryptography.hazmat.primitives import hashes

        self._running = hashes.Hash(hashes.SM3())
        self._running.update(data)

    def update(self, data: bytes, /) -> None:
        self._running.update(data)

    def digest(self) -> bytes:
        return self._running.finalize()


def leaf_hash(data: bytes, hashed: Digest) -> bytes:
    """The hash of a leaf; its prefix keeps a node from being taken for a leaf."""
    return hashed(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes, hashed: Digest) -> bytes:
    """The hash of a node over two subtrees."""
    return hashed(b"\x01" + left + right).digest()


# ---- a tree that grows ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Frontier:
    """A tree by its size and the roots of its complete subtrees, the largest first: all that an append needs."""

    hashed: Digest
    size: int = 0
    nodes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size < 0 or self.size.bit_count() != len(self.nodes):
            raise ValueError(f"{len(self.nodes)} nodes are no frontier of a tree of {self.size}")

    def append(self, leaf: bytes) -> bytes:
        """Add a leaf by its hash; gives the root of the tree with it."""
        hashed, nodes, size = self.hashed, self.nodes, self.size
        self.size = size + 1
        while size & 1:
            leaf = hashed(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        root = leaf
        for node in reversed(nodes):
            root = hashed(b"\x01" + node + root).digest()
        nodes.append(leaf)
        return root

    def root(self) -> bytes:
        """The root of the tree as it is now; that of an empty tree is the hash of nothing."""
        if not self.nodes:
            return self.hashed(b"").digest()
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = node_hash(node, root, self.hashed)
        return root

    def copy(self) -> "Frontier":
        """A tree of the same leaves that grows on its own."""
        return Frontier(self.hashed, self.size, list(self.nodes))


def tree_root(leaves: Iterable[bytes], hashed: Digest) -> bytes:
    """The root over leaf hashes."""
    root = Frontier(hashed).root()
    tree = Frontier(hashed)
    for leaf in leaves:
        root = tree.append(leaf)
    return root


# ---- proofs are made --------------------------------------------------------------------------------------


class Proofs(NamedTuple):
    """The root of a tree, and the audit path of each leaf asked for (by its index from 0, the lowest node first)."""

    root: bytes
    paths: dict[int, list[bytes]]


def inclusion_proofs(leaves: Iterable[bytes], size: int, indices: Sequence[int], hashed: Digest) -> Proofs:
    """Audit paths of some leaves of the tree of the first ``size`` leaf hashes, which are read once.

    Memory grows with the paths, not with the tree.

    Raises:
        ValueError: an index lies outside the tree, or there are fewer leaves than ``size``.
    """
    if any(not 0 <= index < size for index in indices):
        raise ValueError("an index lies outside the tree")
    ranges = {index: _siblings(index, size) for index in indices}
    needed = {part for listed in ranges.values() for one in listed for part in _complete(*one)}
    kept, root = _kept_nodes(leaves, size, needed, hashed)
    return Proofs(root, {i: [_range_root(r, kept, hashed) for r in listed] for i, listed in ranges.items()})


def consistency_proof(leaves: Iterable[bytes], first: int, size: int, hashed: Digest) -> list[bytes]:
    """The proof that the tree of the first ``first`` leaf hashes begins the tree of ``size`` (RFC 6962 2.1.2).

    Raises:
        ValueError: ``first`` is not from 1 to ``size``, or there are fewer leaves than ``size``.
    """
    if not 1 <= first <= size:
        raise ValueError("the earlier tree must have from one leaf up to all")
    ranges = list(_subproof(first, 0, size, whole=True))
    needed = {part for one in ranges for part in _complete(*one)}
    kept, _ = _kept_nodes(leaves, size, needed, hashed)
    return [_range_root(one, kept, hashed) for one in ranges]


def _split(count: int) -> int:
    """The largest power of two below ``count``: where RFC 6962 divides a tree."""
    return 1 << (count - 1).bit_length() - 1


def _siblings(index: int, size: int) -> list[_Range]:
    """The ranges of leaves whose roots make the audit path of ``index``, the lowest first."""
    low, high, found = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            found.append((middle, high))
            high = middle
        else:
            found.append((low, middle))
            low = middle
    return found[::-1]


def _subproof(first: int, low: int, high: int, *, whole: bool) -> Iterator[_Range]:
    """The ranges of a consistency proof; ``first`` counts leaves from ``low``."""
    count = high - low
    if first == count:
        if not whole:
            yield low, high
        return
    middle = low + _split(count)
    if first <= middle - low:
        yield from _subproof(first, low, middle, whole=whole)
        yield middle, high
    else:
        yield from _subproof(first - (middle - low), middle, high, whole=False)
        yield low, middle


def _complete(low: int, high: int) -> list[_Range]:
    """A range that begins where a subtree does, as complete subtrees (each 2^n leaves), the largest first."""
    parts = []
    while low < high:
        width = 1 << (high - low).bit_length() - 1
        parts.append((low, low + width))
        low += width
    return parts


def _kept_nodes(
    leaves: Iterable[bytes], size: int, needed: set[_Range], hashed: Digest
) -> tuple[dict[_Range, bytes], bytes]:
    """The roots of complete subtrees that are needed, and the root of the tree; leaves are read once."""
    nodes: list[bytes] = []
    kept: dict[_Range, bytes] = {}
    count = 0
    for leaf in leaves:
        if count == size:
            break
        node, start, width = leaf, count, 1
        if (start, start + 1) in needed:
            kept[start, start + 1] = node
        while start & width:
            node = hashed(b"\x01" + nodes.pop() + node).digest()
            width <<= 1
            start &= ~(width - 1)
            if (start, start + width) in needed:
                kept[start, start + width] = node
        nodes.append(node)
        count += 1
    if count < size:
        raise ValueError(f"{count} leaves are fewer than {size}")
    return kept, Frontier(hashed, size, nodes).root()


def _range_root(one: _Range, kept: dict[_Range, bytes], hashed: Digest) -> bytes:
    parts = [kept[part] for part in _complete(*one)]
    root = parts[-1]
    for node in parts[-2::-1]:
        root = node_hash(node, root, hashed)
    return root


# ---- proofs are verified ----------------------------------------------------------------------------------


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes], hashed: Digest) -> bytes | None:
    """The root that an audit path leads to from a leaf hash; None when the path does not fit index and size.

    Source: RFC 9162 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    at, last, root = index, size - 1, leaf
    for node in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(node, root, hashed)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, node, hashed)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(
    first: tuple[int, bytes], second: tuple[int, bytes], proof: Sequence[bytes], hashed: Digest
) -> bool:
    """Whether a proof shows that the tree ``first`` (size, root) begins the tree ``second``.

    Source: RFC 9162 2.1.4.2.
    """
    (size, old_root), (new_size, new_root) = first, second
    if not 1 <= size <= new_size:
        return False
    if size == new_size:
        return not proof and old_root == new_root
    path = list(proof)
    if size & (size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(node, old, hashed), node_hash(node, new, hashed)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, node, hashed)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root
