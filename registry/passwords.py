"""Passwords: what they must be like, how they are kept (Argon2id), how they are checked. Owns ``pwdlib``."""

import secrets
import string
from functools import lru_cache
from typing import NamedTuple

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from catalog_specs.law_accounts import PasswordRule
from registry.errors import Rejected

_HASH = PasswordHash((Argon2Hasher(),))
_AROUND = string.digits + string.punctuation


class Checked(NamedTuple):
    """Whether a password is right, and its new hash where the stored one is of older parameters."""

    right: bool
    renewed: str | None


def judge_password(password: str, login: str, rule: PasswordRule) -> None:
    """Accept a new password for ``login``.

    Raises:
        Rejected: it is too short, too long, too simple, holds the login or is a common one; all reasons at once.
    Source: GB/T 22239-2019 8.1.4.1 a).
    """
    reasons = [
        (len(password) < rule.shortest, f"至少 {rule.shortest} 个字符"),
        (len(password) > rule.longest, f"至多 {rule.longest} 个字符"),
        (_kinds(password) < rule.kinds, f"大写字母、小写字母、数字、其他字符中至少有 {rule.kinds} 类"),
        (len(set(password)) < rule.distinct, f"至少有 {rule.distinct} 个不同的字符"),
        (login in password.lower(), "不得含有账号"),
        (password.lower().strip(_AROUND) in rule.common, "不得使用常见口令"),
    ]
    wrong = [said for found, said in reasons if found]
    if wrong:
        raise Rejected(f"口令不合要求：{'；'.join(wrong)}", reasons=wrong)


def _kinds(password: str) -> int:
    tests = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    return sum(any(test(c) for c in password) for test in tests)


def hash_password(password: str) -> str:
    """The Argon2id hash to be kept. Takes 64 MB and some tenths of a second."""
    return _HASH.hash(password)


def check_password(password: str, hashed: str | None) -> Checked:
    """Compare a password with its hash; without one it takes as long and is wrong."""
    if hashed is None or not Argon2Hasher.identify(hashed):
        _HASH.verify(password, _nobodys())
        return Checked(False, None)
    return Checked(*_HASH.verify_and_update(password, hashed))


@lru_cache(maxsize=1)
def _nobodys() -> str:
    # made with today's parameters, so that an unknown login costs what a known one does
    return hash_password(secrets.token_hex(16))
