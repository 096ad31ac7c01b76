"""Accounts as data: what logins and passwords must be like, and how long locks, sessions and tokens last."""

import re
from typing import Annotated

from pydantic import Field

from catalog_specs.law_release import Citations, Words
from catalog_specs.model import Marked

Count = Annotated[int, Field(ge=1)]


class Limit(Marked):
    """Some limits with the text that asks for them."""

    zh: Words
    en: Words
    sources: Citations


class LoginRule(Limit):
    """``pattern`` is matched whole; ``reserved`` are names that the record uses for no person."""

    pattern: str
    longest: Annotated[int, Field(ge=1, le=64)]
    reserved: tuple[str, ...]

    def allows(self, login: str) -> bool:
        """Whether a (folded) login may be given."""
        fits = re.fullmatch(self.pattern, login) is not None
        return fits and len(login) <= self.longest and login not in self.reserved


class PasswordRule(Limit):
    """``kinds``: of upper case, lower case, digits, others; ``valid_days`` 0: passwords do not age."""

    shortest: Annotated[int, Field(ge=8)]
    longest: Annotated[int, Field(ge=32, le=1024)]
    kinds: Annotated[int, Field(ge=1, le=4)]
    distinct: Count
    valid_days: Annotated[int, Field(ge=0)]
    common: tuple[str, ...]


class LockRule(Limit):
    failures: Count
    minutes: Count


class HashingRule(Limit):
    """How many passwords are checked at once, how many may wait for it, how many of one address."""

    at_once: Count
    waiting: Count
    per_address: Count
    retry_seconds: Count


class SessionRule(Limit):
    """``seen_seconds``: how often at most the use of a session is written down."""

    idle_minutes: Count
    absolute_hours: Count
    seen_seconds: Count


class TokenRule(Limit):
    longest_days: Count
    seen_seconds: Count


class DelegationRule(Limit):
    longest_days: Count


class Accounts(Marked):
    """The file ``accounts.yaml``."""

    login: LoginRule
    password: PasswordRule
    lock: LockRule
    hashing: HashingRule
    session: SessionRule
    token: TokenRule
    delegation: DelegationRule
