"""Stored files: each once, named by the SHA-256 of its bytes, in the files folder beside the database.

The bytes lie in place before the transaction that names them commits: a file without a row is harmless, a row
without its file is not.
"""

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from registry.errors import Gone, MuluError, NotFound, TooLarge, Unavailable
from registry.models import Blob

_CHUNK = 1 << 20
_NAME = re.compile("[0-9a-f]{64}")
_CURES = {
    errno.ENOSPC: "磁盘已满；清出空间后再试",
    errno.EDQUOT: "磁盘配额已用完；清出空间后再试",
    errno.EACCES: "没有写入权限；给运行用户授权，或用 MULU_FILES_DIR 另指文件夹",
    errno.EPERM: "没有写入权限；给运行用户授权，或用 MULU_FILES_DIR 另指文件夹",
    errno.EROFS: "磁盘只读；用 MULU_FILES_DIR 另指文件夹",
}


def keep(
    session: Session, source: BinaryIO | Path, *, folder: Path, actor: str, now: datetime, most_bytes: int
) -> Blob:
    """Store a file and give its row; the same bytes are stored once, whoever brings them.

    Raises:
        TooLarge: it has more than ``most_bytes``. Gone: these bytes were erased and may not come back.
        Unavailable: the files folder cannot be written.
    """
    with _opened(source) as file, _reported(folder), _beside(folder) as part:
        sha256, size = _copy(file, part, most_bytes)
        # held, so that whoever erases it just now is waited for
        known = session.get(Blob, sha256, populate_existing=True, with_for_update=True)
        if known is not None and known.erased_at is not None:
            raise Gone(f"这个文件（{sha256[:12]}…）的内容已按规定擦除，不能再存入")
        # also when it is known: what was damaged in the meantime is whole again
        _move(part, place_of(folder, sha256))
    return known or _enter(session, Blob(sha256=sha256, size=size, created_by=actor, created_at=now))


def _enter(session: Session, blob: Blob) -> Blob:
    """Add the row, unless another transaction was quicker."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {name: getattr(blob, name) for name in Blob.model_fields}
    session.execute(insert(Blob).values(row).on_conflict_do_nothing(index_elements=["sha256"]))
    return session.get_one(Blob, blob.sha256)


def place_of(folder: Path, sha256: str) -> Path:
    """Where the bytes of that name lie."""
    return folder / sha256[:2] / sha256


def find_blob(session: Session, sha256: str) -> Blob:
    """The row of a stored file.

    Raises:
        NotFound: there is none. Gone: its bytes were erased.
    """
    blob = session.get(Blob, sha256) if _NAME.fullmatch(sha256) else None
    if blob is None:
        raise NotFound("没有这个文件")
    if blob.erased_at is not None:
        raise Gone(f"这个文件（{sha256[:12]}…）的内容已按规定擦除")
    return blob


def open_blob(session: Session, sha256: str, folder: Path) -> BinaryIO:
    """A stored file, opened for reading, its bytes compared with its name.

    Raises:
        NotFound, Gone: as for ``find_blob``. Unavailable: the bytes are missing, or not what they were.
    """
    place = place_of(folder, find_blob(session, sha256).sha256)
    try:
        file = place.open("rb")
    except OSError as error:
        raise Unavailable(f"文件 {place} 读不出（{error.strerror}）；从备份恢复这个文件") from error
    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        file.close()
        raise Unavailable(f"文件 {place} 的内容与登记的摘要不符，不能使用；从备份恢复这个文件")
    file.seek(0)
    return file


def erase(session: Session, sha256: str, *, folder: Path, now: datetime) -> bool:
    """Remove the bytes of a stored file for good; its row stays and says when. False when they were gone already.

    The bytes go at once, not with the commit: content that must not be here is rather lost than kept.

    Raises:
        NotFound: there is no such file. Unavailable: the file cannot be removed.
    """
    blob = session.get(Blob, sha256, with_for_update=True) if _NAME.fullmatch(sha256) else None
    if blob is None:
        raise NotFound("没有这个文件")
    place = place_of(folder, sha256)
    with _reported(folder):
        place.unlink(missing_ok=True)
        _sync_folder(place.parent)
    erased, blob.erased_at = blob.erased_at is None, blob.erased_at or now
    session.flush()
    return erased


# ---- the folder -------------------------------------------------------------------------------------------


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    """Foreign errors of the file system in words."""
    try:
        yield
    except MuluError:
        raise
    except OSError as error:
        cure = _CURES.get(error.errno or 0, str(error.strerror or error))
        raise Unavailable(f"文件夹 {folder} 不能写入：{cure}") from error


@contextmanager
def _opened(source: BinaryIO | Path) -> Iterator[BinaryIO]:
    if not isinstance(source, Path):
        yield source
        return
    with source.open("rb") as file:
        yield file


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


def _copy(source: BinaryIO, part: Path, most_bytes: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with part.open("wb") as target:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most_bytes:
                raise TooLarge(f"文件超过 {most_bytes / _CHUNK:g} MB")
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest(), size


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
