"""Tree arithmetic, against RFC 6962's own recursive words and its known answers."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators import merkle
from validators.merkle import (
    Frontier,
    consistency_proof,
    digest,
    inclusion_proofs,
    is_consistent,
    root_from_path,
)

SHA256 = digest("sha256")
# the leaves and roots of Certificate Transparency's reference tests
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
STEPS = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(data, SHA256) for data in (INPUTS * (count // 8 + 1))[:count]]


def naive(listed: Sequence[bytes]) -> bytes:
    """RFC 6962 2.1, word by word."""
    if len(listed) <= 1:
        return listed[0] if listed else SHA256(b"").digest()
    split = max(2**n for n in range(20) if 2**n < len(listed))
    return SHA256(b"\x01" + naive(listed[:split]) + naive(listed[split:])).digest()


def naive_path(index: int, listed: Sequence[bytes]) -> list[bytes]:
    if len(listed) == 1:
        return []
    split = max(2**n for n in range(20) if 2**n < len(listed))
    if index < split:
        return [*naive_path(index, listed[:split]), naive(listed[split:])]
    return [*naive_path(index - split, listed[split:]), naive(listed[:split])]


def test_the_known_roots_come_out() -> None:
    tree = Frontier(SHA256)
    assert tree.root().hex() == hashlib.sha256(b"").hexdigest()
    for leaf, root in zip(leaves(8), ROOTS, strict=True):
        tree.append(leaf)
        assert tree.root().hex() == root


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_the_known_paths_come_out(index: int, size: int) -> None:
    proofs = inclusion_proofs(leaves(8), size, [index], SHA256)
    assert [node.hex() for node in proofs.paths[index]] == PATHS[index, size]
    assert proofs.root.hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("first", "size"), STEPS)
def test_the_known_consistency_proofs_come_out(first: int, size: int) -> None:
    assert [node.hex() for node in consistency_proof(leaves(8), first, size, SHA256)] == STEPS[first, size]


def test_sm3_gives_the_standard_s_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """GB/T 32905-2016 A.1; by OpenSSL through Python, and without it."""
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert digest("sm3")(b"abc").digest().hex() == expected
    monkeypatch.setattr(merkle.hashlib, "algorithms_available", set())
    assert merkle._sm3()(b"abc").digest().hex() == expected


def test_it_refuses_another_hash() -> None:
    with pytest.raises(ValueError, match="md5"):
        digest("md5")


@given(st.integers(0, 70))
def test_a_growing_tree_has_the_root_of_the_definition(size: int) -> None:
    tree = Frontier(SHA256)
    for leaf in leaves(size):
        tree.append(leaf)
    assert tree.root() == naive(leaves(size)) == merkle.tree_root(leaves(size), SHA256)
    assert Frontier(SHA256, tree.size, list(tree.nodes)).root() == tree.copy().root() == tree.root()


@given(st.data())
def test_every_leaf_is_proven_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    indices = data.draw(st.lists(st.integers(0, size - 1), min_size=1, unique=True))
    listed = leaves(size)
    proofs = inclusion_proofs(iter(listed), size, indices, SHA256)
    for index in indices:
        path = proofs.paths[index]
        assert path == naive_path(index, listed)
        assert root_from_path(listed[index], index, size, path, SHA256) == proofs.root
        assert root_from_path(b"other", index, size, path, SHA256) != proofs.root
        assert root_from_path(listed[index], index, size, [*path, path[0] if path else b"x"], SHA256) is None
        if path:
            assert root_from_path(listed[index], index, size, path[:-1], SHA256) is None


@given(st.data())
def test_an_earlier_tree_is_proven_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    first = data.draw(st.integers(1, size))
    listed = leaves(size)
    old, new = (first, naive(listed[:first])), (size, naive(listed))
    proof = consistency_proof(iter(listed), first, size, SHA256)
    assert is_consistent(old, new, proof, SHA256)
    assert not is_consistent((first, b"x"), new, proof, SHA256)
    assert not is_consistent(old, (size, b"x"), proof, SHA256)
    assert not is_consistent(old, new, [*proof, b"x"], SHA256)
    assert not (proof and is_consistent(old, new, proof[:-1], SHA256))


def test_what_lies_outside_the_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        inclusion_proofs(leaves(3), 3, [3], SHA256)
    with pytest.raises(ValueError, match="fewer"):
        inclusion_proofs(leaves(3), 4, [0], SHA256)
    with pytest.raises(ValueError, match="from one leaf"):
        consistency_proof(leaves(3), 4, 3, SHA256)
    with pytest.raises(ValueError, match="frontier"):
        Frontier(SHA256, 3, [b""])
    assert root_from_path(b"", 3, 3, [], SHA256) is None
    assert not is_consistent((0, b""), (3, b""), [], SHA256)
    assert not is_consistent((3, b""), (4, b""), [], SHA256)
