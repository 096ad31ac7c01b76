"""Papers given on the command line: a number, a day and perhaps a file, which is stored by its SHA-256."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.recording import Paper

NumberOption = Annotated[str, typer.Option("--no", metavar="N", help="文号、备案号或 OA 号")]
DayOption = Annotated[str | None, typer.Option("--day", metavar="DATE", help="文件日期，如 2026-11-22")]
PaperArgument = Annotated[Path | None, typer.Argument(metavar="FILE", help="扫描件或报告")]


def paper_given(
    session: "Session", file: Path | None, number: str, day: str | date | None, login: str, moment: datetime
) -> "Paper":
    """The paper as it is given; its file is stored.

    Raises:
        Rejected: the day is no date, or there is no such file. TooLarge: the file is too large.
    """
    from catalog_specs import load
    from registry import blobs
    from registry.errors import Rejected
    from registry.recording import Paper
    from registry.settings import read_settings
    from validators.fields import parse_date

    parsed = day if isinstance(day, date) else parse_date(day or "")
    if day and parsed is None:
        raise Rejected(f"--day {day} 不是日期；写作 2026-11-22")
    if file is None:
        return Paper(number, parsed)
    if not file.is_file():
        raise Rejected(f"没有文件 {file}")
    most = load().entry.limits["file_bytes"]
    blob = blobs.keep(session, file, folder=read_settings().files, actor=login, now=moment, most_bytes=most)
    return Paper(number, parsed, blob.sha256, file.name[:255])
