"""What tests of exported lists share: files made of lists, altered documents, what a verification says."""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from registry.list_document import ListDocument, to_json
from registry.list_files import write
from registry.list_verify import Verdict
from tests.list_documents import sealed_document

FORMATS = ("xlsx", "csv", "json", "md")
FIRST_SHEET = "xl/worksheets/sheet1.xml"


def made(tmp_path: Path, kind: str, document: ListDocument | None = None) -> Path:
    """A sealed list as a file."""
    path = tmp_path / f"清单.{kind}"
    write(document or sealed_document(), path)
    return path


def said(verdict: Verdict) -> str:
    """The problems of a file that must not be genuine."""
    assert not verdict.genuine
    assert verdict.problems
    return "\n".join(verdict.problems)


def forged(tmp_path: Path, document: ListDocument, kind: str = "json") -> Path:
    """A file that a forger made: its document need not fit its digest."""
    path = tmp_path / f"a.{kind}"
    path.write_text(json.dumps(to_json(document), ensure_ascii=False), "utf-8")
    return path


def changed(document: ListDocument, at: int = 0, **values: object) -> ListDocument:
    """The document with other values of one of its lists."""
    lists = list(document.lists)
    lists[at] = replace(lists[at], **values)  # type: ignore[arg-type]
    return replace(document, lists=tuple(lists))


def rezipped(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one part of its package changed."""
    parts = parts_of(path)
    return packed(path, parts | {part: change(parts[part])})


def parts_of(path: Path) -> dict[str, bytes]:
    """The parts of a workbook by their names."""
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def packed(path: Path, parts: Mapping[str, bytes]) -> Path:
    """A workbook of these parts, beside another one."""
    other = path.with_name("b.xlsx")
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in parts.items():
            package.writestr(name, data)
    return other
