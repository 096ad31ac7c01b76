"""Responsibility lists as files to be downloaded, and files to be verified: on disk, and gone afterwards."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from fastapi import Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from registry.errors import Rejected
from registry.list_document import ListDocument
from registry.list_files import write
from registry.list_verify import Verdict, verify_file
from registry.web.given import stored
from registry.work import safe_name

Format = Literal["xlsx", "pdf", "csv", "json", "md"]
AskedFormat = Annotated[Format, Query(alias="format", description="文件格式", examples=["xlsx"])]
MEDIA: dict[str, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
}
FORMATS_ZH = {"xlsx": "Excel", "pdf": "PDF", "csv": "CSV", "json": "JSON", "md": "Markdown"}
_PLAIN = "list"  # what the file is called on disk


def download(document: ListDocument, ending: Format) -> FileResponse:
    """A document as a file under its own name; what is on disk is removed when it was sent.

    Raises:
        Rejected: the document does not fit the format, or not its digest.
    """
    folder = Path(tempfile.mkdtemp(prefix="mulu-list-"))
    try:
        path = folder / f"{_PLAIN}.{ending}"
        write(document, path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, media_type=MEDIA[ending], filename=file_name(document, ending), background=gone)


def file_name(document: ListDocument, ending: str) -> str:
    """What a file of a document is called: its title, and the edition or the day."""
    when = document.head.get("edition") if document.is_sealed else f"现行-{document.as_of}"
    return safe_name(f"{document.title.replace('/', '／')}-{when}.{ending}")


def verify_upload(source: BinaryIO, name: str | None) -> Verdict:
    """The verdict on an upload; nothing of it is kept.

    Raises:
        Rejected: there is no file. TooLarge: it is larger than a file may be.
    """
    if not name:
        raise Rejected("没有选择文件；请上传导出的责任清单（.xlsx、.pdf、.csv、.json、.md）")
    with stored(source, safe_name(name)) as path:
        found = verify_file(path)
        # where it lay for a moment says nothing to who sent it
        said = tuple(problem.replace(f"{path.parent}/", "") for problem in found.problems)
    return found._replace(problems=said)
