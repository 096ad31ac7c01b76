"""Where stored files lie: a store takes bytes under the SHA-256 of them and gives them back compared with it.

``FolderStore`` is a folder of this machine. What only the interface knows is fit for a store elsewhere.
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from registry.errors import MuluError, TooLarge, Unavailable

CHUNK = 1 << 20
MENDED = "从备份恢复这个文件"
_CURES = {
    errno.ENOSPC: "磁盘已满；清出空间后再试",
    errno.EDQUOT: "磁盘配额已用完；清出空间后再试",
    errno.EACCES: "没有写入权限；给运行用户授权，或用 {variable} 另指文件夹",
    errno.EPERM: "没有写入权限；给运行用户授权，或用 {variable} 另指文件夹",
    errno.EROFS: "磁盘只读；用 {variable} 另指文件夹",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes on their way into a store, in a file of their own that only its owner may read; ``size`` in bytes."""

    path: Path
    sha256: str
    size: int


class Store(Protocol):
    """A place of stored files. ``str`` of it says where, without credentials."""

    def receive(self, source: BinaryIO, most_bytes: int) -> AbstractContextManager[Part]:
        """The bytes of a stream, set aside while the block runs; nothing stands under their name yet.

        Raises:
            TooLarge: they are more than ``most_bytes``. Unavailable: they cannot be written.
        """

    def put(self, part: Part) -> None:
        """Store received bytes under their name: afterwards they are there whole, or as before.

        What stood under the name is replaced, so that damage is mended.

        Raises:
            Unavailable: they cannot be written.
        """

    def open(self, sha256: str, size: int) -> BinaryIO:
        """The bytes of a name for reading, all of them compared with it before the first is given.

        ``size``: how many bytes are expected; it also bounds how long they are waited for.

        Raises:
            Unavailable: they are missing, cannot be read, or are not what they were.
        """

    def remove(self, sha256: str) -> None:
        """Remove the bytes of a name for good, if they are there.

        Raises:
            Unavailable: they may still be there.
        """

    def exists(self, sha256: str) -> bool:
        """Whether anything stands under the name; whether it is whole, only ``open`` tells.

        Raises:
            Unavailable: it cannot be known.
        """


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder that only its owner may read. What is put there survives a power cut."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def place_of(self, sha256: str) -> Path:
        """Where the bytes of that name lie."""
        return self.folder / sha256[:2] / sha256

    @contextmanager
    def receive(self, source: BinaryIO, most_bytes: int) -> Iterator[Part]:
        """See ``Store``: the part lies in the folder itself, so that it can be moved in one step."""
        with ExitStack() as stack:
            with reported(self.folder):
                path = stack.enter_context(_beside(self.folder))
                part = set_aside(source, path, most_bytes)
            yield part

    def put(self, part: Part) -> None:
        """See ``Store``."""
        with reported(self.folder):
            _move(part.path, self.place_of(part.sha256))

    def open(self, sha256: str, size: int) -> BinaryIO:
        """See ``Store``."""
        place = self.place_of(sha256)
        try:
            file = place.open("rb")
        except OSError as error:
            raise Unavailable(f"文件 {place} 读不出（{error.strerror}）；{MENDED}") from error
        return compared(file, sha256, size, str(place))

    def remove(self, sha256: str) -> None:
        """See ``Store``."""
        place = self.place_of(sha256)
        with reported(self.folder):
            place.unlink(missing_ok=True)
            _sync_folder(place.parent)

    def exists(self, sha256: str) -> bool:
        """See ``Store``."""
        with reported(self.folder):
            return self.place_of(sha256).is_file()


def compared(file: BinaryIO, sha256: str, size: int, place: str) -> BinaryIO:
    """An open file at its beginning again, once all its bytes were compared with its name and its size.

    Raises:
        Unavailable: they are not what they were, or cannot be read; the file is closed.
    """
    try:
        whole = file.seek(0, os.SEEK_END) == size and file.seek(0) == 0 and digest_of(file) == sha256
        file.seek(0)
    except OSError as error:
        file.close()
        raise Unavailable(f"文件 {place} 读不出（{error.strerror}）；{MENDED}") from error
    if not whole:
        file.close()
        raise Unavailable(f"文件 {place} 的内容与登记的摘要不符，不能使用；{MENDED}")
    return file


def digest_of(file: BinaryIO) -> str:
    """The SHA-256 of what a stream holds from where it stands, in hexadecimal digits."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def set_aside(source: BinaryIO, path: Path, most_bytes: int) -> Part:
    """A stream copied to a file, down to the disk, with its digest taken on the way.

    Raises:
        TooLarge: it has more than ``most_bytes``. OSError: the file cannot be written.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as target:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > most_bytes:
                raise TooLarge(f"文件超过 {most_bytes / CHUNK:g} MB")
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    return Part(path, digest.hexdigest(), size)


@contextmanager
def reported(folder: Path, variable: str = "MULU_FILES_DIR") -> Iterator[None]:
    """Foreign errors of the file system in words; ``variable`` is the one that names another folder."""
    try:
        yield
    except MuluError:
        raise
    except OSError as error:
        cure = _CURES.get(error.errno or 0, str(error.strerror or error)).format(variable=variable)
        raise Unavailable(f"文件夹 {folder} 不能读写：{cure}") from error


# ---- the folder -------------------------------------------------------------------------------------------


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new file in the folder, which only its owner may read; gone afterwards, unless it was moved away."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    number, name = tempfile.mkstemp(prefix=".part-", dir=folder)
    os.close(number)
    part = Path(name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _move(part: Path, place: Path) -> None:
    if not place.parent.is_dir():
        place.parent.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(place.parent.parent)
    part.replace(place)
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut."""
    if not folder.is_dir():
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
