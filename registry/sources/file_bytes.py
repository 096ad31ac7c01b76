"""The bytes of a file, read once: hashed, counted, and watched for changes while they are read."""

import gzip
import hashlib
import io
import os
from pathlib import Path
from typing import Any

from registry.sources.source import Source

_CHUNK = 1 << 20
_LEAST = 1 << 16
Fingerprint = tuple[int, int, int, int]


class HashedFile(io.RawIOBase):
    """A file's bytes; ``finish`` reads what nobody asked for and gives the hashes to the source."""

    def __init__(self, path: Path, source: Source, before: Fingerprint | None = None) -> None:
        super().__init__()
        self.path, self.source = path, source
        self.file = path.open("rb", buffering=0)
        self.before = before or _print(os.fstat(self.file.fileno()))
        self.sha256, self.sm3 = hashlib.sha256(), _sm3()
        self.size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size``; empty at the end."""
        data: bytes = self.file.read(_CHUNK if size < 0 else size) or b""
        self.sha256.update(data)
        self.sm3.update(data)
        self.size += len(data)
        self.source.done_bytes = self.size
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def finish(self) -> None:
        """Hash the rest; a file that was changed meanwhile becomes a problem of the source."""
        while self.read(_CHUNK):
            pass
        self.source.sha256, self.source.sm3 = self.sha256.hexdigest(), _hex(self.sm3)
        self.source.size = self.size
        after = fingerprint(self.path)
        if after != self.before or self.size != after[0]:
            self.source.report("changed")

    def close(self) -> None:
        self.file.close()
        super().close()


class Unpacked(io.RawIOBase):
    """The content of a gzip file; more than ``ratio`` times what was read of it is refused.

    Raises: on reading OSError, EOFError or zlib.error for a damaged file, OverflowError for a bomb.
    """

    def __init__(self, packed: HashedFile, ratio: int) -> None:
        super().__init__()
        self.packed, self.ratio, self.given = packed, ratio, 0
        self.opened = gzip.GzipFile(fileobj=packed)

    def read(self, size: int = -1, /) -> bytes:
        data = self.opened.read(_CHUNK if size < 0 else size)
        self.given += len(data)
        if self.given > self.ratio * max(self.packed.size, _LEAST):
            raise OverflowError
        return data


def fingerprint(path: Path) -> Fingerprint:
    """Size, time and place of a file: alike means that nobody wrote to it. All 0 when it is gone."""
    try:
        return _print(path.stat())
    except OSError:
        return 0, 0, 0, 0


def _print(stat: os.stat_result) -> Fingerprint:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev


def _sm3() -> Any:
    """SM3 from OpenSSL, or from the wheel that carries its own. Source: GB/T 32905."""
    try:
        return hashlib.new("sm3")
    except ValueError:
        from cryptography.hazmat.primitives import hashes  # only where this Python's OpenSSL has none

        return hashes.Hash(hashes.SM3())


def _hex(digest: Any) -> str:
    return str(digest.hexdigest()) if hasattr(digest, "hexdigest") else str(digest.finalize().hex())
