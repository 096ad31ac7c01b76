"""The acceptance pack (验收核对表) as a workbook, as pages and as JSON, all of one value: same data, same bytes.

Source: S-ZY 19, 解读9; S-LPS 20; domain §12 R20.
"""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from catalog_specs import Specs, load
from catalog_specs.law_acceptance import PackWords
from registry.acceptance import AcceptanceCheck, Element, percent
from registry.acceptance_facts import EntryShown, SystemFacts
from registry.people import local
from registry.plain_json import plain_json, plain_value
from registry.table_coverage import Coverage, TableShown
from registry.typeset import typeset

TEMPLATE = "acceptance_pack"
_CELL = 32_767
_ROW_LIMIT = 1_048_576
_MET, _UNMET, _LATER = "具备", "所缺", "不影响结论"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the pack: title, heads, rows of texts."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """What both files show: what the check is of, the verdict, what is lacking, and three tables."""

    title: str
    head: tuple[tuple[str, str], ...]
    verdict: str
    ready: bool
    lacking: tuple[str, ...]
    tables: tuple[Table, ...]
    signatures: tuple[str, ...]
    signed: str
    nothing: str
    as_of: datetime
    footer: str


def pack_of(check: AcceptanceCheck) -> Pack:
    """The pack of a check."""
    specs = load(check.profile)
    words = specs.acceptance.pack
    facts = check.facts
    return Pack(
        words.title,
        _head(check, facts),
        check.verdict_zh,
        check.is_ready,
        _lacking(check),
        (
            _elements(check.elements, words),
            _tables(facts.tables if facts else (), specs),
            _entries(facts.entries if facts else (), words),
        ),
        words.signatures,
        words.signed,
        words.nothing,
        check.as_of,
        f"{check.system_name} 截至 {_moment(check.as_of)}",
    )


def _lacking(check: AcceptanceCheck) -> tuple[str, ...]:
    """What is lacking, with articles in short: the measure stands above."""
    gaps = [(one, gap) for one in check.elements if one.holds for gap in one.missing]
    said = tuple(f"{one.zh}：{gap.says}（{gap.article}）。办法：{gap.cure}" for one, gap in gaps)
    return said or check.lacking


def _head(check: AcceptanceCheck, facts: SystemFacts | None) -> tuple[tuple[str, str], ...]:
    found = [
        ("系统", " ".join(filter(None, (check.system_name, check.system_ident)))),
        ("业主单位", f"{check.agency_name}（{check.agency_code}）"),
        ("承建单位", check.contractor or "—"),
        ("适用办法", check.profile_zh),
    ]
    if facts is not None:
        counts, figures = facts.coverage.counts, facts.figures
        listed = facts.coverage.listed_at
        found += [
            (
                "库表覆盖率",
                f"{percent(facts.coverage.rate)}（{facts.coverage.tables} 张，已编目 {counts['covered']}，"
                f"排除 {counts['excluded']}，其余 {facts.coverage.open}）",
            ),
            ("库表清单", f"{_moment(listed)} 导入" if listed else "没有"),
            (
                "上架率",
                f"{percent(figures.shelf_rate)}（应上架 {figures.owing} 条，在架 {figures.shelved} 条，"
                f"超过承诺未上架 {len(facts.debts)} 条）",
            ),
        ]
    return (*found, ("截至", _moment(check.as_of)), ("规范摘要", check.specs_digest))


def _elements(elements: Sequence[Element], words: PackWords) -> Table:
    rows = []
    for one in elements:
        result = _MET if one.met else _UNMET if one.holds else f"{_UNMET}（{_LATER}）"
        said = [_shown_line(s.says, s.number, s.day, s.file_name, s.kind_zh) for s in one.found]
        said += [gap.says for gap in one.missing]
        cures = dict.fromkeys(gap.cure for gap in one.missing)
        rows.append((one.zh, one.level_zh, one.article, result, "\n".join(said), "\n".join(cures)))
    return Table(words.elements, words.element_columns, tuple(rows), (15, 9, 14, 10, 36, 24))


def _shown_line(says: str, number: str, day: date | None, file_name: str, kind_zh: str) -> str:
    parts = [number, day.isoformat() if day else "", says, file_name]
    return f"{kind_zh}：" + "，".join(part for part in parts if part)


def _tables(tables: Sequence[TableShown], specs: Specs) -> Table:
    words, states = specs.acceptance.pack, specs.acceptance.state_index
    reasons = specs.acceptance.exclusion_index
    rows = [
        (
            one.name,
            one.comment,
            str(one.columns) if one.columns else "",
            states[one.state].zh,
            _decision(one, reasons[one.excluded].zh if one.excluded in reasons else one.excluded),
            one.decided_by,
            _moment(one.decided_at) if one.decided_at else "",
        )
        for one in tables
    ]
    return Table(words.tables, words.table_columns, tuple(rows), (20, 18, 7, 12, 28, 10, 13))


def _decision(one: TableShown, reason: str) -> str:
    if one.entry_id:
        return f"{one.entry_code or one.entry_id} {one.entry_name}"
    return f"{reason}：{one.why}" if one.excluded else ""


def _entries(entries: Sequence[EntryShown], words: PackWords) -> Table:
    rows = [
        (
            one.code or one.entry_id,
            one.name,
            one.state_zh,
            one.grade or "未定",
            one.share_type or "未定",
            one.open_type or "未定",
            "在架" if one.shelved else "未上架" if one.owes else "不须上架",
            one.promised.isoformat() if one.promised else "",
        )
        for one in entries
    ]
    return Table(words.entries, words.entry_columns, tuple(rows), (20, 24, 10, 9, 12, 12, 10, 12))


def _moment(moment: datetime) -> str:
    return f"{local(moment):%Y-%m-%d %H:%M}"


# ---- JSON -------------------------------------------------------------------------------------------------


def acceptance_json(check: AcceptanceCheck) -> dict[str, Any]:
    """A check as JSON values; days and moments as ISO texts, rates between 0 and 1 or null."""
    facts = check.facts
    value = {key: got for key, got in asdict(check).items() if key not in ("elements", "facts")}
    value |= {
        "ready": check.is_ready,
        "lacking": list(check.lacking),
        "elements": [asdict(one) | {"met": one.met} for one in check.elements],
        "coverage": None,
        "shelf": None,
        "tables": [table_json(one) for one in facts.tables] if facts else [],
        "entries": [asdict(one) for one in facts.entries] if facts else [],
        "warnings": list(facts.warnings) if facts else [],
    }
    if facts is not None:
        value["coverage"] = coverage_json(facts.coverage)
        value["shelf"] = {
            "owing": facts.figures.owing,
            "shelved": facts.figures.shelved,
            "rate": facts.figures.shelf_rate,
            "overdue": [row.code or row.entry_id for row in facts.debts],
        }
    found: dict[str, Any] = plain_value(value)
    return found


def table_json(one: TableShown) -> dict[str, Any]:
    """A table of the list as JSON values."""
    return plain_json(one)


def coverage_json(found: Coverage) -> dict[str, Any]:
    """How far the list is decided, as JSON values."""
    listed = found.listed_at.isoformat() if found.listed_at else None
    return {
        "tables": found.tables,
        "counts": dict(found.counts),
        "rate": found.rate,
        "open": found.open,
        "listed_at": listed,
        "found_in": found.found_in,
    }


# ---- workbook ---------------------------------------------------------------------------------------------


def pack_xlsx(check: AcceptanceCheck) -> bytes:
    """The pack as a workbook: every cell is a text, so that nothing in it ever becomes a formula or a link."""
    # xlsxwriter is needed for writing workbooks alone
    import xlsxwriter

    pack, out = pack_of(check), io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options | {"in_memory": True})
    # the moment of the check, never that of writing: same data, same bytes
    book.set_properties({"title": pack.title, "created": local(pack.as_of).replace(tzinfo=None)})
    formats = _formats(book)
    _first_sheet(book, pack, load(check.profile).acceptance.pack.verdict, formats)
    for table in pack.tables:
        _sheet(book, table, formats, pack.footer)
    book.close()
    return out.getvalue()


def _formats(book: Any) -> dict[str, Any]:
    text = {"num_format": "@", "font_name": "宋体", "font_size": 10, "text_wrap": True, "valign": "top"}
    looks = {
        "text": text | {"border": 1},
        "plain": text,
        "head": text | {"border": 1, "bold": True, "align": "center", "bg_color": "#DDEBF7"},
        "title": text | {"bold": True, "font_size": 16, "align": "center", "text_wrap": False},
        "verdict": text | {"bold": True, "font_size": 12},
        "blank": text | {"border": 1, "valign": "top"},
    }
    return {name: book.add_format(look) for name, look in looks.items()}


def _first_sheet(book: Any, pack: Pack, name: str, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(name)
    _set_up(sheet, pack.footer, landscape=False)
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, 70)
    sheet.merge_range(0, 0, 0, 1, "", formats["title"])
    _put(sheet, 0, 0, pack.title, formats["title"])
    lines = [(label, value, "text") for label, value in pack.head]
    lines.append((name, pack.verdict, "verdict"))
    lines += [("" if n else "所缺", text, "text") for n, text in enumerate(pack.lacking)]
    for number, (label, value, kind) in enumerate(lines, 1):
        _put(sheet, number, 0, label, formats["head"])
        _put(sheet, number, 1, value, formats[kind])
    for number, label in enumerate(pack.signatures, len(lines) + 2):
        sheet.set_row(number, 60)
        _put(sheet, number, 0, label, formats["head"])
        _put(sheet, number, 1, pack.signed, formats["blank"])


def _sheet(book: Any, table: Table, formats: dict[str, Any], footer: str) -> None:
    sheet = book.add_worksheet(table.title)
    _set_up(sheet, footer, landscape=True)
    sheet.repeat_rows(0)
    sheet.freeze_panes(1, 1)
    for column, (head, width) in enumerate(zip(table.heads, table.widths, strict=True)):
        sheet.set_column(column, column, width + 4)
        _put(sheet, 0, column, head, formats["head"])
    for number, row in enumerate(table.rows[: _ROW_LIMIT - 1], 1):
        for column, text in enumerate(row):
            _put(sheet, number, column, text, formats["text"])


def _set_up(sheet: Any, footer: str, *, landscape: bool) -> None:
    if landscape:
        sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.8)
    # an ampersand begins a code of footers
    sheet.set_footer(f"&L{footer.replace('&', '&&')[:150]}&R第 &P 页 共 &N 页")


def _put(sheet: Any, row: int, column: int, text: str, look: Any) -> None:
    # the writer takes a text in <r> for markup of its own
    plain = f" {text}" if text.startswith("<r>") else text
    if plain:
        sheet.write_string(row, column, plain[:_CELL], look)
    else:
        sheet.write_blank(row, column, None, look)


# ---- pages ------------------------------------------------------------------------------------------------


def pack_pdf(check: AcceptanceCheck) -> bytes:
    """The pack as pages (PDF/A-3b, A4), with room for the signatures.

    Raises:
        Unavailable: typst or its fonts are not there. Rejected: a character cannot be printed.
    """
    pack = pack_of(check)
    day = local(pack.as_of)
    return typeset(
        TEMPLATE,
        {
            "title": pack.title,
            "author": check.agency_name,
            "made_by": "Mulu",
            "date": [day.year, day.month, day.day],
            "head": [list(pair) for pair in pack.head],
            "verdict": [load(check.profile).acceptance.pack.verdict, pack.verdict],
            "ready": pack.ready,
            "lacking": list(pack.lacking),
            "tables": [asdict(table) for table in pack.tables],
            "signatures": list(pack.signatures),
            "signed": pack.signed,
            "nothing": pack.nothing,
            "footer": {"left": pack.footer, "right": f"规范摘要 {check.specs_digest[:16]}"},
        },
    )
