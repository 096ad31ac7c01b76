"""Internal keys, canonical JSON and digests."""

import hashlib
import json
import secrets
import threading
import time
from typing import Any

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


_lock = threading.Lock()
_last = 0


def new_key(prefix: str) -> str:
    """A key such as ``e01jd2k9x3m7w5p0r8t2``: sorts in the order of making, never guessed."""
    global _last  # noqa: PLW0603  (keys of one process go up even within one millisecond)
    with _lock:
        now = (int(time.time() * 1000) << 60) | secrets.randbits(56)
        _last = number = max(now, _last + 1 + secrets.randbits(40))
    digits = ""
    for _ in range(21):
        number, rest = divmod(number, 32)
        digits = _ALPHABET[rest] + digits
    return prefix + digits


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no blanks, Chinese unescaped, no NaN.

    Raises:
        ValueError: the value holds a number that JSON has no form for.
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_of(value: Any) -> str:
    """The SHA-256 (hexadecimal) of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
