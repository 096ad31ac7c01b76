"""Whether keys repeat in a stream of rows: counted exactly by digests, up to as many as memory may hold."""

import hashlib
from collections.abc import Sequence

_DIGEST_BYTES = 16


class KeyCounter:
    """Counts rows whose key stands more than once, as a database would over the whole table.

    A row whose key is wholly empty is left out (it is another check's). 128 bits of BLAKE2b stand for a key, so
    two different keys are taken for one with a chance below 1 in 10^24 at ten million keys.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[bytes] = set()
        self._repeated: set[bytes] = set()
        self._again = 0
        self.rows = 0
        self.full = False

    def feed(self, columns: Sequence[Sequence[str | None]]) -> None:
        """Take the key columns of some more rows, each a sequence of the same length."""
        for row in zip(*columns, strict=True):
            if all(part is None for part in row):
                continue
            self.rows += 1
            digest = _digest(row)
            if digest in self._seen:
                self._again += 1
                self._repeated.add(digest)
            elif len(self._seen) < self._limit:
                self._seen.add(digest)
            else:
                self.full = True

    @property
    def repeated_rows(self) -> int:
        """Rows that share their key with another; a lower bound once ``full``."""
        return self._again + len(self._repeated)

    @property
    def unique(self) -> bool | None:
        """Whether no key stands twice; None when there were more keys than could be held."""
        if self._again:
            return False
        return None if self.full else True


def _digest(row: Sequence[str | None]) -> bytes:
    # lengths keep ("ab", "c") and ("a", "bc") apart, and an empty cell from an empty text
    parts = [b"-" if part is None else b"%d:%b" % (len(raw := part.encode()), raw) for part in row]
    return hashlib.blake2b(b"".join(parts), digest_size=_DIGEST_BYTES).digest()
