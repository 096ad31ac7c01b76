"""What an entry's items expect of a table's columns; plain rows, before any tool that checks them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog_specs import Specs
from catalog_specs.law_scanning import ExpectedType
from validators.expect_values import Unread, ValueSet, values_of

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the data: ``kind`` is a key of the kinds of scanning.yaml, empty for a type that none names.

    ``written``: its values are texts as a file has them, so that a number or a date is judged by how it is written.
    """

    name: str
    kind: str = "text"
    written: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """One check: ``check`` is a key of the checks of scanning.yaml, ``params`` what it is asked with."""

    check: str
    columns: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """All checks of a table, its key columns, and sentences about what the entry leaves unsaid."""

    wanted: tuple[Wanted, ...]
    key: tuple[str, ...]
    unread: tuple[str, ...]


def column_of_type(name: str, type_name: str, specs: Specs, *, file_like: bool) -> Column:
    """A column by the name of its type as a database, Spark or pandas says it (``VARCHAR(20)``, ``LongType()``).

    ``file_like``: a column of texts may hold numbers and dates as they were written, as in a file.
    """
    bare = re.split(r"[(\[]", type_name, maxsplit=1)[0].strip().upper()
    kind = next((k.key for k in specs.scanning.expectations.kinds if bare in k.names), "")
    return Column(name, kind, file_like and kind == "text")


def matched(content: Item, names: tuple[str, ...]) -> dict[int, str]:
    """Which column an item is, by the item's number: the column is called like its code or its name."""
    lowered = {name.strip().lower(): name for name in names}
    found: dict[int, str] = {}
    for number, item in enumerate(content.get("items", ())):
        for field_ in ("item_code", "item_name"):
            name = lowered.get(str(item.get(field_) or "").strip().lower())
            if name is not None and name not in found.values():
                found[number] = name
                break
    return found


def plan_of(
    content: Item, specs: Specs, columns: tuple[Column, ...], *, desensitized: bool | None = None
) -> Plan:
    """Everything that an entry's items expect of ``columns``.

    Args:
        desensitized: True asks it of every column, False of none, None of the columns whose item may be opened
            and of those that no item names.
    """
    items = content.get("items", ())
    by_number = matched(content, tuple(c.name for c in columns))
    by_name = {c.name: c for c in columns}
    wanted = [_columns_wanted(items, by_number, columns)]
    unread: list[str] = []
    for number, name in by_number.items():
        wanted += _of_item(items[number], by_name[name], specs, unread)
    key = _key(items, by_number, specs)
    if key:
        wanted.append(Wanted("unique", key))
    wanted += _desensitized(content, by_number, columns, specs, desensitized)
    return Plan(tuple(wanted), key, tuple(unread))


def _columns_wanted(items: Any, by_number: Mapping[int, str], columns: tuple[Column, ...]) -> Wanted:
    # what is missing is named as the others are: by code where any column is called by its code
    by_code = any(items[n].get("item_code") == name for n, name in by_number.items())
    first, second = ("item_code", "item_name") if by_code else ("item_name", "item_code")
    names = [
        by_number.get(n) or str(item.get(first) or item.get(second) or "") for n, item in enumerate(items)
    ]
    return Wanted("columns", tuple(filter(None, names)))


def _key(items: Any, by_number: Mapping[int, str], specs: Specs) -> tuple[str, ...]:
    flags = specs.scanning.expectations.key_flags
    marked = [n for n, item in enumerate(items) if any(item.get(flag) is True for flag in flags)]
    # a part of a key is not unique by itself
    return tuple(by_number[n] for n in marked) if all(n in by_number for n in marked) else ()


def _of_item(item: Item, column: Column, specs: Specs, unread: list[str]) -> Iterator[Wanted]:
    law = specs.scanning.expectations
    if any(item.get(flag) is True for flag in law.filled_flags):
        yield Wanted("filled", (column.name,))
    wanted = next((t for t in law.types if t.code == item.get("data_type")), None)
    if wanted is not None:
        yield from _of_type(item, column, specs, wanted)
    values = values_of(item, specs, numeric=wanted is not None and wanted.numeric)
    if isinstance(values, Unread):
        name = str(item.get("item_name") or column.name)
        unread.append(law.says[values.say].zh.format(item=name, text=values.text))
    elif values is not None:
        yield _of_values(values, column)


def _of_type(item: Item, column: Column, specs: Specs, wanted: ExpectedType) -> Iterator[Wanted]:
    label = specs.label("data_type", wanted.code)
    if column.written:
        if wanted.pattern:
            yield Wanted("type", (column.name,), {"type": label, "pattern": wanted.pattern})
    else:
        yield Wanted("column_type", (column.name,), {"type": label, "kinds": wanted.kinds})
    length, fraction = item.get("data_length"), item.get("data_precision") or 0
    if type(length) is not int:
        return
    if wanted.characters and column.kind == "text":
        yield Wanted("length", (column.name,), {"length": length})
    if wanted.bounded and column.written:
        bounds = {"whole": max(length - fraction, 0), "fraction": fraction}
        pattern = wanted.bounded
        for name, count in bounds.items():
            pattern = pattern.replace(f"{{{name}}}", str(count))
        yield Wanted("digits", (column.name,), {**bounds, "pattern": pattern})


def _of_values(values: ValueSet, column: Column) -> Wanted:
    if values.values:
        return Wanted("values", (column.name,), {"values": values.values})
    return Wanted("range", (column.name,), {"low": values.low, "high": values.high})


def _desensitized(
    content: Item,
    by_number: Mapping[int, str],
    columns: tuple[Column, ...],
    specs: Specs,
    asked: bool | None,
) -> Iterator[Wanted]:
    law = specs.scanning.expectations
    as_text: Callable[[str], bool] = {k.key: k.as_text for k in law.kinds}.__getitem__
    closed = set()
    if asked is None:
        items = content.get("items", ())
        own = content.get("open_type")
        closed = {
            name for n, name in by_number.items() if (items[n].get("open_type") or own) in law.closed_types
        }
        # an entry that is not opened at all promises nothing of columns that it does not name
        closed |= {c.name for c in columns if own in law.closed_types and c.name not in by_number.values()}
    for column in columns if asked is not False else ():
        if column.name not in closed and (not column.kind or as_text(column.kind)):
            yield Wanted("desensitized", (column.name,), {"detectors": law.pushed, "kind": column.kind})
