"""Drafts the items (信息项) of one entry from the columns of its table."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from catalog_specs.drafting import Dialect, Drafting
from registry.drafting.column_comments import Said, folded, has_chinese, read_comment
from registry.drafting.column_types import ItemType, item_type
from registry.drafting.physical import DraftNote, PhysicalColumn, PhysicalTable

Item = dict[str, Any]
_NOT_CODE = re.compile(r"[^A-Za-z0-9_]+")


def draft_items(
    table: PhysicalTable, specs: Drafting, dialect: Dialect
) -> tuple[list[Item], list[DraftNote]]:
    """The items of a table in its columns' order, and what the steward must confirm about each.

    An item holds ``item_name``, ``item_code``, ``primary_flag`` and ``timestamp_flag``, and where the source
    tells them ``data_type``, ``data_length`` (characters or digits), ``data_precision`` (decimals) and
    ``value_range``.
    """
    columns = table.columns
    said = [read_comment(column.comment, specs.comments) for column in columns]
    types = [item_type(column.type_text, specs, dialect) for column in columns]
    told = [_item_name(*pair, specs) for pair in zip(columns, said, strict=True)]
    names = _unlike(told, columns, specs)
    codes = _codes([column.name for column in columns], specs.limits.item_code)
    stamps = _stamps(columns, said, types, specs)
    items: list[Item] = []
    notes: list[DraftNote] = []
    for place, column in enumerate(columns):
        value_range = said[place].codes or "、".join(types[place].members)
        flags = {"primary_flag": column.primary, "timestamp_flag": stamps[:1] == [place]}
        measures = _measures(types[place], value_range, specs)
        items.append({"item_name": names[place], "item_code": codes[place], **measures, **flags})
        doubts = _name_doubts(column, said[place], told[place], names[place], specs)
        doubts += _value_doubts(column, types[place], value_range, codes[place], specs)
        notes += [DraftNote(table.name, column.name, text) for text in doubts]
    return items, notes + _stamp_notes(table, stamps)


def _measures(kind: ItemType, value_range: str, specs: Drafting) -> Item:
    told = {
        "data_type": kind.data_type,
        "data_length": kind.data_length,
        "data_precision": kind.data_precision,
        "value_range": value_range if len(value_range) <= specs.limits.value_range else None,
    }
    return {key: value for key, value in told.items() if value is not None and value != ""}


def _item_name(column: PhysicalColumn, said: Said, specs: Drafting) -> str:
    """The comment's name; else the column's own name, marked unless it is Chinese."""
    if said.name:
        return said.name[: specs.limits.item_name]
    return column.name if has_chinese(column.name) else specs.texts.unnamed.format(name=column.name)


def _unlike(names: list[str], columns: Sequence[PhysicalColumn], specs: Drafting) -> list[str]:
    """The names, with the column's own name behind each that occurs twice in the table."""
    seen = Counter(folded(name) for name in names)
    unlike: list[str] = []
    for name, column in zip(names, columns, strict=True):
        room = max(specs.limits.item_name - len(column.name) - 2, 1)
        twice = specs.texts.duplicate.format(name=name[:room], physical=column.name)
        unlike.append(twice if seen[folded(name)] > 1 else name)
    return unlike


def _codes(names: list[str], longest: int) -> list[str]:
    """Technical names: a letter, then letters, digits and underscores; no two alike."""
    codes: list[str] = []
    for place, name in enumerate(names, start=1):
        code = _NOT_CODE.sub("_", unicodedata.normalize("NFKC", name)).lstrip("_")
        if not re.search("[A-Za-z]", code):
            code = f"col_{place}"
        code = code if code[0].isalpha() else f"c_{code}"
        taken = {other.lower() for other in codes}
        code = code[: longest - 8]
        codes.append(code if code.lower() not in taken else f"{code}_{place}")
    return codes


def _stamps(
    columns: Sequence[PhysicalColumn], said: Sequence[Said], types: Sequence[ItemType], specs: Drafting
) -> list[int]:
    """Places of the columns that may hold the time of the last update, the likeliest first."""
    words = specs.update_time
    ranked: list[tuple[int, int]] = []
    for place, column in enumerate(columns):
        name = column.name.lower()
        if types[place].data_type not in ("D", "T"):
            continue
        if name in words.names:
            ranked.append((words.names.index(name), place))
        elif said[place].name in words.comments:
            ranked.append((100 + words.comments.index(said[place].name), place))
        elif column.auto_updated:
            ranked.append((200, place))
    return [place for _, place in sorted(ranked)]


def _stamp_notes(table: PhysicalTable, stamps: list[int]) -> list[DraftNote]:
    if len(stamps) < 2:
        return []
    names = [table.columns[place].name for place in stamps]
    text = f"时间戳有几个候选：{'、'.join(names)}；取“{names[0]}”，请确认"
    return [DraftNote(table.name, names[0], text)]


def _name_doubts(column: PhysicalColumn, said: Said, told: str, name: str, specs: Drafting) -> list[str]:
    foreign = bool(said.name) and not has_chinese(said.name)
    asked = [
        (not said.name and not has_chinese(column.name), "列没有注释，请填写信息项名称"),
        (foreign, f"列注释“{said.name[:40]}”没有中文，请填写信息项名称"),
        (column.remark, "名称取自行尾说明，不是库里的注释，请核对"),
        (bool(said.rest), f"注释里的说明没有登入：{said.rest[:60]}"),
        (name != told, f"表里有几列都叫“{told}”，加列名区分，请改成不同的名称"),
        (len(said.name) > specs.limits.item_name, f"列注释过长，名称只取前 {specs.limits.item_name} 字"),
    ]
    return [text for doubtful, text in asked if doubtful]


def _value_doubts(
    column: PhysicalColumn, kind: ItemType, value_range: str, code: str, specs: Drafting
) -> list[str]:
    size, longest = len(value_range), specs.limits.value_range
    asked = [
        (bool(kind.doubt), kind.doubt),
        (size > longest, f"值域有 {size} 字，超过 {longest} 字，没有登入，请另建码表：{value_range[:40]}"),
        (code != column.name, f"列名“{column.name}”不能作英文名称，改为“{code}”"),
    ]
    return [text for doubtful, text in asked if doubtful]
