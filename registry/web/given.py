"""What routes are given: sessions, the upload as a file, today."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from catalog_specs import load
from registry.db import Database
from registry.errors import TooLarge

_CHUNK = 1 << 20


def get_session(request: Request) -> Iterator[Session]:
    """A reading session for one request, closed before the answer is sent."""
    database: Database = request.app.state.database
    with database.read() as session:
        yield session


# scope="function": what fails when the session ends must still be able to change the answer
Reading = Annotated[Session, Depends(get_session, scope="function")]


@contextmanager
def stored(file: BinaryIO, name: str) -> Iterator[Path]:
    """An upload as a file of its own name in a folder of its own, gone afterwards.

    Raises:
        TooLarge: it is larger than a catalogue file may be.
    """
    most = load().entry.limits["file_bytes"]
    with tempfile.TemporaryDirectory(prefix="mulu-") as folder:
        path = Path(folder) / (Path(name).name or "upload")
        size = 0
        with path.open("wb") as target:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"文件超过 {most // _CHUNK} MB")
                target.write(chunk)
        yield path


def today() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)
