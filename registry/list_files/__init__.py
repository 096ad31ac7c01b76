"""Responsibility lists as files: XLSX, PDF, CSV, JSON and Markdown, written and read back.

A sealed document travels inside its file; what a reader sees is compared with it when the file is read.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from registry.errors import Rejected
from registry.list_document import ListDocument, ListRow, ListTable, document_digest
from registry.list_files.carried import Carried
from registry.workbook_cells import refuse

__all__ = ["SUFFIXES", "Carried", "read", "write"]

SUFFIXES = (".xlsx", ".pdf", ".csv", ".json", ".md")
_TOLD_EVERY = 1000
Progress = Callable[[int], None]


def write(document: ListDocument, path: Path, *, progress: Progress | None = None) -> None:
    """Write a document in the format that the file's name tells; a file of that name is replaced whole.

    Lines of a live document may come from generators: memory stays bounded, but in a PDF. ``progress`` is told
    how many lines were written so far.

    Raises:
        Rejected: another name, a text that the format cannot hold, nothing can be written there, or a sealed
            document that does not fit its digest.
    """
    writer = _writer(path)
    if document.is_sealed:
        document = _whole(document)
    with _beside(path) as target:
        writer(_counted(document, progress) if progress else document, target)


def read(path: Path) -> Carried:
    """What a file carries, compared with what it shows.

    Raises:
        Rejected: another name, or the file cannot be read (Unreadable says why).
    """
    kind = _kind(path)
    _check_there(path)
    if kind == ".xlsx":
        # each reader is loaded for its own files alone
        from registry.list_files.xlsx_read import read_xlsx

        return read_xlsx(path)
    if kind == ".pdf":
        from registry.list_files.pdf import read_pdf

        return read_pdf(path)
    if kind == ".csv":
        from registry.list_files.csv_text import read_csv

        return read_csv(path)
    if kind == ".json":
        from registry.list_files.json_text import read_json

        return read_json(path)
    from registry.list_files.markdown import read_markdown

    return read_markdown(path)


def _writer(path: Path) -> Callable[[ListDocument, Path], None]:
    kind = _kind(path)
    if kind == ".xlsx":
        from registry.list_files.xlsx import write_xlsx

        return write_xlsx
    if kind == ".pdf":
        from registry.list_files.pdf import write_pdf

        return write_pdf
    if kind == ".csv":
        from registry.list_files.csv_text import write_csv

        return write_csv
    if kind == ".json":
        from registry.list_files.json_text import write_json

        return write_json
    from registry.list_files.markdown import write_markdown

    return write_markdown


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise Rejected(
            f"责任清单没有“{path.suffix or path.name}”这种文件；文件名请以 .xlsx、.pdf、.csv、.json 或 .md 结尾"
        )
    return kind


def _check_there(path: Path) -> None:
    if path.is_dir():
        raise refuse("directory")
    if not path.is_file():
        raise refuse("missing")
    if path.stat().st_size == 0:
        raise refuse("empty")


def _whole(document: ListDocument) -> ListDocument:
    """A sealed document with its lines in memory, for they are read more than once."""
    found = replace(document, lists=tuple(replace(t, rows=tuple(t.rows)) for t in document.lists))
    if document_digest(found) != document.digest:
        raise Rejected("清单内容与封存时的摘要不符，不能导出；执行 mulu audit verify 查看")
    return found


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place when all went well, and is gone when not."""
    beside = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        beside.touch(exist_ok=False)
        yield beside
        beside.replace(path)
    except OSError as error:
        raise Rejected(f"不能写入 {path}：{error.strerror or error}") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


class _Counted:
    """Lines that tell how many were read; each line counts once, however often it is read."""

    def __init__(self, rows: Iterable[ListRow], add: Callable[[], None]) -> None:
        self.rows, self.add, self.most = rows, add, 0

    def __iter__(self) -> Iterator[ListRow]:
        for number, row in enumerate(self.rows, 1):
            yield row
            if number > self.most:
                self.most = number
                self.add()


def _counted(document: ListDocument, progress: Progress) -> ListDocument:
    count = 0

    def add() -> None:
        nonlocal count
        count += 1
        if count % _TOLD_EVERY == 0:
            progress(count)

    def counted(table: ListTable) -> ListTable:
        return replace(table, rows=_Counted(table.rows, add))

    return replace(document, lists=tuple(counted(table) for table in document.lists))
