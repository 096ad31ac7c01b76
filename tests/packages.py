"""XLSX packages written by hand: what no spreadsheet program writes, and what only some of them write."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_RELATIONS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def inline(reference: str, text: str) -> str:
    """A cell that holds its own text."""
    return f"<c r='{reference}' t='inlineStr'><is><t>{escape(text)}</t></is></c>"


def row_of(number: int, texts: Sequence[str]) -> str:
    """A row of texts, the first in column A."""
    cells = (inline(f"{chr(65 + n)}{number}", text) for n, text in enumerate(texts))
    return f"<row r='{number}'>{''.join(cells)}</row>"


def package(
    path: Path,
    sheets: Mapping[str, str],
    *,
    shared: str | None = None,
    more: Mapping[str, str | bytes] | None = None,
    strict: bool = False,
    head: str = "",
    tail: str = "",
    targets: Sequence[str] = (),
    level: int = 6,
) -> Path:
    """An XLSX package of sheets given as the XML of their rows; ``shared`` is the XML of the shared texts."""
    main, relations = (STRICT_MAIN, STRICT_RELATIONS) if strict else (MAIN, RELATIONS)
    parts = [f"worksheets/sheet{n}.xml" for n in range(1, len(sheets) + 1)]
    named = "".join(
        f"<sheet name='{escape(name)}' sheetId='{n}' r:id='r{n}'/>" for n, name in enumerate(sheets, 1)
    )
    linked = "".join(
        f"<Relationship Id='r{n}' Type='{relations}/worksheet' Target='{target}'/>"
        for n, target in enumerate(targets or parts, 1)
    )
    if shared is not None:
        linked += f"<Relationship Id='ss' Type='{relations}/sharedStrings' Target='sharedStrings.xml'/>"
    types = "".join(
        f"<Override PartName='/xl/{part}' ContentType='{_TYPES}.worksheet+xml'/>" for part in parts
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": f"<Types xmlns='{PACKAGE}/content-types'>"
        "<Default Extension='xml' ContentType='application/xml'/>"
        "<Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml'/>"
        f"<Override PartName='/xl/workbook.xml' ContentType='{_TYPES}.sheet.main+xml'/>{types}</Types>",
        "_rels/.rels": f"<Relationships xmlns='{PACKAGE}/relationships'>"
        f"<Relationship Id='a' Type='{relations}/officeDocument' Target='xl/workbook.xml'/></Relationships>",
        "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{PACKAGE}/relationships'>{linked}</Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{main}' xmlns:r='{relations}'><sheets>{named}</sheets></workbook>",
    }
    for part, rows in zip(parts, sheets.values(), strict=True):
        files[f"xl/{part}"] = (
            f"{head}<worksheet xmlns='{main}'><sheetData>{rows}</sheetData>{tail}</worksheet>"
        )
    if shared is not None:
        files["xl/sharedStrings.xml"] = f"<sst xmlns='{main}'>{shared}</sst>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as target:
        for name, content in (files | dict(more or {})).items():
            target.writestr(name, content)
    return path


def rewritten(path: Path, name: str, change: "Mapping[bytes, bytes]") -> Path:
    """The same package with some bytes of one part replaced."""
    with zipfile.ZipFile(path) as source:
        parts = {info.filename: source.read(info) for info in source.infolist()}
    for old, new in change.items():
        assert old in parts[name]
        parts[name] = parts[name].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for part, content in parts.items():
            target.writestr(part, content)
    return path
