"""Stored files: each once, named by the SHA-256 of its bytes, in a store (a folder, or one by URL) beside the database.

The bytes lie in place before the transaction that names them commits: a file without a row is harmless, a row
without its file is not.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from registry.errors import Gone, NotFound
from registry.models import Blob
from registry.stores import Store
from registry.url_stores import store_of

_NAME = re.compile("[0-9a-f]{64}")


def keep(
    session: Session,
    source: BinaryIO | Path,
    *,
    folder: Store | Path,
    actor: str,
    now: datetime,
    most_bytes: int,
) -> Blob:
    """Store a file and give its row; the same bytes are stored once, whoever brings them.

    Raises:
        TooLarge: it has more than ``most_bytes``. Gone: these bytes were erased and may not come back.
        Unavailable: the store cannot be written.
    """
    store = store_of(folder)
    with _opened(source) as file, store.receive(file, most_bytes) as part:
        # held, so that whoever erases it just now is waited for
        known = session.get(Blob, part.sha256, populate_existing=True, with_for_update=True)
        if known is not None and known.erased_at is not None:
            raise Gone(f"这个文件（{part.sha256[:12]}…）的内容已按规定擦除，不能再存入")
        # also when it is known: what was damaged in the meantime is whole again
        store.put(part)
    return known or _enter(
        session, Blob(sha256=part.sha256, size=part.size, created_by=actor, created_at=now)
    )


def _enter(session: Session, blob: Blob) -> Blob:
    """Add the row, unless another transaction was quicker."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {name: getattr(blob, name) for name in Blob.model_fields}
    session.execute(insert(Blob).values(row).on_conflict_do_nothing(index_elements=["sha256"]))
    return session.get_one(Blob, blob.sha256)


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


def open_blob(session: Session, sha256: str, folder: Store | Path) -> BinaryIO:
    """A stored file, opened for reading, its bytes compared with its name.

    Raises:
        NotFound, Gone: as for ``find_blob``. Unavailable: the bytes are missing, or not what they were.
    """
    blob = find_blob(session, sha256)
    return store_of(folder).open(blob.sha256, blob.size)


def erase(session: Session, sha256: str, *, folder: Store | Path, now: datetime) -> bool:
    """Remove the bytes of a stored file for good; its row stays and says when. False when they were gone already.

    The bytes go at once, not with the commit: content that must not be here is rather lost than kept.

    Raises:
        NotFound: there is no such file. Unavailable: the file cannot be removed.
    """
    blob = session.get(Blob, sha256, with_for_update=True) if _NAME.fullmatch(sha256) else None
    if blob is None:
        raise NotFound("没有这个文件")
    store_of(folder).remove(sha256)
    erased, blob.erased_at = blob.erased_at is None, blob.erased_at or now
    session.flush()
    return erased


@contextmanager
def _opened(source: BinaryIO | Path) -> Iterator[BinaryIO]:
    if not isinstance(source, Path):
        yield source
        return
    with source.open("rb") as file:
        yield file
