"""One entry given as an object, as a program sends it: read as a line of a file is, refused where that would lose any."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from catalog_specs import Specs
from registry.errors import Rejected
from registry.lines import read_lines
from registry.origins import ReadEntry, Sheets
from registry.rows import Readers
from registry.secrecy import SecretScan
from registry.text_files import JsonLine, depth_of
from validators.findings import NO_ITEM, Finding, word

_MARKED = "E125"
# readings that lose what was given; one who writes by program can mend that before anything is kept
_LOST = ("E150", "E175")
Content = Mapping[str, Any]


class ContentRefused(Rejected):
    """A content that cannot be kept; every reason is named, of something secret only that it is."""

    def __init__(self, findings: Sequence[Finding], specs: Specs) -> None:
        rows = [_refusal(finding, specs) for finding in findings]
        said = "；".join(dict.fromkeys(f"{row['message']}。{row['fix']}" for row in rows))
        super().__init__(said, code=findings[0].rule, errors=rows)


def _refusal(finding: Finding, specs: Specs) -> dict[str, str]:
    worded = word(finding, specs)
    pointer = f"/content/{finding.field}" if finding.field else "/content"
    if finding.item != NO_ITEM:
        pointer = f"/content/items/{finding.item}/{finding.field.removeprefix('items.')}"
    row = {"pointer": pointer, "code": finding.rule, "message": worded.message, "fix": worded.fix}
    return row | {"source": worded.source}


@lru_cache(maxsize=8)
def _readers(specs: Specs) -> tuple[Readers, SecretScan]:
    return Readers(specs), SecretScan(specs)


def read_content(content: Content, specs: Specs) -> ReadEntry:
    """An entry given as an object, as a line of a file is read.

    Raises:
        ContentRefused: something secret stands in it (nothing of it is repeated), a field is unknown or too long.
        Rejected: it is nested too deep, or no JSON value.
    """
    if depth_of(content) > specs.entry.limits["nesting"]:
        raise Rejected(f"内容嵌套超过 {specs.entry.limits['nesting']} 层")
    readers, scan = _readers(specs)
    line, sheets = JsonLine(1, dict(content)), Sheets()
    marked = any(True for _ in scan.of_lines([line]))
    if not marked:
        read_lines([line], readers, sheets)
    if marked or sheets.secret:
        raise ContentRefused([Finding(_MARKED)], specs)
    read = sheets.entries[0]
    lost = [finding for finding in read.findings if finding.rule in _LOST]
    if lost:
        raise ContentRefused(lost, specs)
    return read


def check_file_name(name: str, specs: Specs) -> None:
    """Refuse a file that is called secret, before a byte of it is kept.

    Raises:
        ContentRefused: it is.
    """
    _readers_of, scan = _readers(specs)
    if scan.is_named(name):
        raise ContentRefused([Finding(_MARKED)], specs)
