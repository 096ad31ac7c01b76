"""Papers sent to routes and pages: a number, a day, a file that goes into the store."""

from datetime import date, datetime
from pathlib import Path

from fastapi import Request
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from catalog_specs import load
from registry import blobs
from registry.permits import Actor
from registry.recording import Paper


def paper_sent(
    request: Request,
    session: Session,
    file: UploadFile | None,
    number: str,
    day: date | None,
    *,
    actor: Actor,
    now: datetime,
) -> Paper:
    """A paper with its file stored; without a file where none was sent.

    Raises:
        TooLarge: the file is larger than a file may be.
    """
    if file is None or not file.filename:
        return Paper(number, day)
    most, files = load().entry.limits["file_bytes"], request.app.state.settings.files
    blob = blobs.keep(session, file.file, folder=files, actor=actor.login, now=now, most_bytes=most)
    return Paper(number, day, blob.sha256, Path(file.filename).name[:255])
