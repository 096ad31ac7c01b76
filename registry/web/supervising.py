"""What routes and pages of supervision share: papers with their files stored, files given back, what is typed read."""

import re
from typing import BinaryIO

from fastapi import Request
from sqlalchemy.orm import Session

from registry import blobs
from registry.errors import NotFound
from registry.reviews import Reason

_CODED = re.compile(r"([A-Z][0-9]+)\s*[=：:]\s*(.*)", re.DOTALL)


def stored_file(
    request: Request, session: Session, sha256: str | None, name: str | None
) -> tuple[str, BinaryIO]:
    """The bytes of a stored file under its name.

    Raises:
        NotFound: there is none.
    """
    if sha256 is None:
        raise NotFound("没有附文件")
    return name or sha256[:12], blobs.open_blob(session, sha256, request.app.state.settings.files)


def reasons_typed(lines: list[str]) -> tuple[Reason, ...]:
    """Reasons, each as ``R3=words``, or as words alone where the city lists no codes."""
    found = []
    for line in (one.strip() for one in lines if one.strip()):
        coded = _CODED.fullmatch(line)
        found.append(Reason(coded.group(1), coded.group(2)) if coded else Reason("", line))
    return tuple(found)
