"""Integrity marks of editions: Ed25519 and SM2, keys outside the database, a list of trusted ones."""

from pathlib import Path

import pytest

from registry.errors import Unavailable
from registry.keys import digest_of
from registry.marks import fingerprint, is_genuine, make_mark, trust_of
from registry.settings import audit_settings

DIGEST, AT = digest_of("a list"), "2026-11-22T02:00:00.000000+00:00"


@pytest.fixture(params=["ed25519", "sm2"])
def algorithm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MULU_MARK", request.param)
    return str(request.param)


def test_a_mark_is_genuine_over_its_digest_alone(algorithm: str) -> None:
    mark = make_mark(DIGEST, at=AT)
    assert mark["algorithm"] == algorithm
    assert is_genuine(mark, DIGEST)
    assert not is_genuine(mark, digest_of("another list"))


@pytest.mark.parametrize("part", ["key", "at", "signature"])
def test_a_mark_of_which_a_part_was_changed_is_not_genuine(algorithm: str, part: str) -> None:
    mark = make_mark(DIGEST, at=AT)
    changed = mark | {part: mark[part][:-2] + ("00" if mark[part][-2:] != "00" else "11")}
    assert not is_genuine(changed, DIGEST)


@pytest.mark.parametrize(
    "mark", [{}, {"algorithm": "rsa"}, {"algorithm": "sm2", "key": "zz", "signature": "", "at": ""}]
)
def test_what_is_no_mark_is_not_genuine(mark: dict[str, str]) -> None:
    assert not is_genuine(mark, DIGEST)


def test_the_key_is_made_once_readable_by_its_owner_alone(algorithm: str) -> None:
    first, second = make_mark(DIGEST, at=AT), make_mark(DIGEST, at=AT)
    assert first["key"] == second["key"]
    folder = audit_settings().key_folder
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.suffix != ".keys"} == {0o600}


def test_an_own_mark_is_trusted_and_a_strange_one_is_not(
    algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_mark(DIGEST, at=AT)
    assert trust_of(mine) == "trusted"
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    assert trust_of(mine) == "no_list"
    assert trust_of(make_mark(DIGEST, at=AT)) == "trusted"
    assert trust_of(mine) == "unknown"
    assert trust_of(mine, frozenset({mine["key"]})) == "trusted"


def test_looking_for_trust_makes_no_key(
    tmp_path: Path, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = make_mark(DIGEST, at=AT)
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    trust_of(mark)
    assert not (tmp_path / "elsewhere").exists()


def test_an_unknown_algorithm_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_MARK", "rsa")
    with pytest.raises(Unavailable, match=r"rsa.*ed25519、sm2"):
        make_mark(DIGEST, at=AT)


def test_a_fingerprint_is_the_beginning_of_the_key() -> None:
    assert fingerprint("0123456789abcdef9999") == "0123 4567 89AB CDEF"
