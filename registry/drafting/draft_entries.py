"""Drafts catalogue entries from tables: what the source tells is a field, what it does not is a note."""

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from catalog_specs.drafting import Dialect, Drafting
from registry.drafting.column_comments import Said, folded, has_chinese, read_title
from registry.drafting.draft_items import Item, draft_items
from registry.drafting.physical import DraftNote, PhysicalTable


def draft_entries(
    tables: Sequence[PhysicalTable], specs: Drafting, dialect: Dialect
) -> tuple[list[dict[str, Any]], list[DraftNote]]:
    """One entry a table, in the tables' order, and what the steward must confirm.

    Nothing is set that the tables do not tell: no share type, no open type, no grade.
    """
    titles = [read_title(table.comment) for table in tables]
    told = [_resource_name(*pair, specs) for pair in zip(tables, titles, strict=True)]
    names = _unlike(told, tables, specs)
    entries: list[dict[str, Any]] = []
    notes: list[DraftNote] = []
    if not dialect.format_type:
        notes.append(DraftNote("", None, "没有认出数据库类型，请填写格式类型"))
    for table, title, name in zip(tables, titles, names, strict=True):
        items, item_notes = draft_items(table, specs, dialect)
        named = {"resource_name": name, "resource_abstract": _abstract(table, title, items, specs)}
        entries.append({**named, **_format(dialect), "items": items})
        notes += [DraftNote(table.name, None, text) for text in _doubts(table, name, title, specs)]
        notes += item_notes
    return entries, notes


def _format(dialect: Dialect) -> dict[str, Any]:
    told = {"format_category": "3", "format_type": [dialect.format_type], "format_note": dialect.format_note}
    return {key: value for key, value in told.items() if value not in ("", [""])}


def _resource_name(table: PhysicalTable, title: Said, specs: Drafting) -> str:
    """The comment; else the table's own name, marked unless it is Chinese."""
    if title.name:
        return title.name[: specs.limits.resource_name]
    return table.name if has_chinese(table.name) else specs.texts.unnamed.format(name=table.name)


def _unlike(names: list[str], tables: Sequence[PhysicalTable], specs: Drafting) -> list[str]:
    """The names, with the table's own name behind each that occurs twice.

    Source: E102 (no two entries of a provider have the same name).
    """
    seen = Counter(folded(name) for name in names)
    unlike: list[str] = []
    for name, table in zip(names, tables, strict=True):
        physical = ".".join(part for part in (table.schema, table.name) if part)
        room = max(specs.limits.resource_name - len(physical) - 2, 1)
        twice = specs.texts.duplicate.format(name=name[:room], physical=physical)
        unlike.append(twice if seen[folded(name)] > 1 else name)
    return unlike


def _abstract(table: PhysicalTable, title: Said, items: list[Item], specs: Drafting) -> str:
    """「……，包含……等信息项」, cut to what W201 likes: at most 256 characters."""
    own = (specs.texts.view if table.view else specs.texts.table).format(name=table.name)
    lead = "，".join(part for part in (title.name or own, title.rest) if part).rstrip("。，；")[:120]
    unnamed = specs.texts.unnamed.split("{name}")[0]
    names = [item["item_name"] for item in items if not item["item_name"].startswith(unnamed)]
    text = specs.texts.abstract_unnamed.format(lead=lead, count=len(items))
    for count in range(1, len(names) + 1):
        longer = specs.texts.abstract.format(lead=lead, names="、".join(names[:count]))
        if len(longer) > specs.limits.resource_abstract:
            break
        text = longer
    return text


def _doubts(table: PhysicalTable, name: str, title: Said, specs: Drafting) -> list[str]:
    told, longest = _resource_name(table, title, specs), specs.limits.resource_name
    foreign = bool(title.name) and not has_chinese(title.name)
    asked = [
        (not title.name and not has_chinese(table.name), "表没有注释，请拟定信息资源名称"),
        (foreign, f"表注释“{title.name[:40]}”没有中文，请拟定信息资源名称"),
        (len(title.name) > longest, f"表注释过长，名称只取前 {longest} 字"),
        (name != told, f"有几个表都叫“{told}”，加表名区分，请改成不同的名称"),
        (table.view, "这是视图，请确认是否单独编目；类型和主键请对照源表"),
        (not table.view and not any(c.primary for c in table.columns), _key_doubt(table, specs)),
        (
            any(fnmatchcase(table.name.lower(), pattern) for pattern in specs.doubtful_tables),
            "从表名看像备份、临时或测试表，请确认是否编目",
        ),
    ]
    return [text for doubtful, text in asked if doubtful]


def _key_doubt(table: PhysicalTable, specs: Drafting) -> str:
    words = specs.primary_key
    likely = next((c for c in table.columns if c.comment.strip().lower() in words.comments), None)
    likely = likely or next((c for c in table.columns if c.name.lower() in words.names), None)
    return f"表没有声明主键，请确认是否为“{likely.name}”" if likely else "表没有声明主键，请确认"
