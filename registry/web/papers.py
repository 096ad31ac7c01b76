"""Papers sent to routes and pages: a number, a day, a file that goes into the store."""

from datetime import date, datetime
from pathlib import Path

from fastapi import Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from catalog_specs import load
from registry import blobs
from registry.errors import Rejected
from registry.permits import Actor
from registry.recording import Paper
from registry.web.request_forms import text_of
from validators.fields import parse_date


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


def paper_in(
    request: Request, session: Session, form: FormData, *, file: str = "file", actor: Actor, now: datetime
) -> Paper:
    """The paper that a form gives as ``number``, ``day`` and the upload called ``file``.

    Raises:
        Rejected: the day is none. TooLarge: the file is larger than a file may be.
    """
    given = form.get(file)
    sent = given if isinstance(given, UploadFile) else None
    number, day = text_of(form, "number"), day_typed(text_of(form, "day"))
    return paper_sent(request, session, sent, number, day, actor=actor, now=now)


def day_typed(text: str, what: str = "") -> date | None:
    """A day as it was typed into a form; None for nothing.

    Raises:
        Rejected: it is none.
    """
    if not text.strip():
        return None
    found = parse_date(text)
    if found is None:
        raise Rejected(f"{what}“{text[:20]}”不是日期；写作 2026-11-20")
    return found
