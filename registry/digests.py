"""Both digests of a file in one reading: SHA-256, by which files are named, and SM3, which proofs state beside it."""

import hashlib
from typing import BinaryIO, NamedTuple

from validators.merkle import digest

CHUNK = 1 << 20


class Digests(NamedTuple):
    """Two digests in lower-case hexadecimal digits (64 each) and the size in bytes."""

    sha256: str
    sm3: str
    size: int


def digests(source: BinaryIO) -> Digests:
    """The digests of what a stream holds from where it stands to its end, read once and piece by piece.

    Source: GB/T 32905-2016 (SM3), FIPS 180-4 (SHA-256).

    Raises:
        OSError: the stream cannot be read.
    """
    sha256, sm3, size = hashlib.sha256(), digest("sm3")(b""), 0
    while chunk := source.read(CHUNK):
        sha256.update(chunk)
        sm3.update(chunk)
        size += len(chunk)
    return Digests(sha256.hexdigest(), sm3.digest().hex(), size)
