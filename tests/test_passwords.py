"""Passwords: what they must be like, how they are kept and checked."""

import pytest

from catalog_specs import load
from catalog_specs.law_accounts import Accounts
from registry import passwords
from registry.errors import Rejected
from registry.passwords import check_password, hash_password, judge_password
from tests.conftest import KEPT_HASH
from tests.web_people import PASSWORD

RULE = load().document("accounts", Accounts)


@pytest.fixture(autouse=True)
def _as_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes here are of the real cost."""
    monkeypatch.setattr(passwords, "_HASH", KEPT_HASH)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Ab1-xyzqw", "至少 10"),
        ("Ab1-" * 33, "至多 128"),
        ("abcdefghijkl", "至少有 3 类"),
        ("Aa1Aa1Aa1Aa1", "5 个不同"),
        ("Zhang-2026-abc", "不得含有账号"),
        ("Password-2026", "常见口令"),
        ("2026-Zhengwu!", "常见口令"),
    ],
)
def test_it_refuses_a_weak_password(password: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        judge_password(password, "zhang", RULE.password)


def test_a_password_is_kept_as_argon2id_and_checked() -> None:
    judge_password(PASSWORD, "zhang", RULE.password)
    hashed = hash_password(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert check_password(PASSWORD, hashed) == (True, None)
    assert not check_password(PASSWORD + " ", hashed).right
    assert not check_password(PASSWORD, None).right
    assert not check_password(PASSWORD, "x").right


def test_a_hash_of_older_parameters_is_renewed() -> None:
    from pwdlib.hashers.argon2 import Argon2Hasher

    old = Argon2Hasher(time_cost=1, memory_cost=1024).hash(PASSWORD)
    renewed = check_password(PASSWORD, old).renewed
    assert renewed is not None
    assert renewed.startswith("$argon2id$v=19$m=65536")
