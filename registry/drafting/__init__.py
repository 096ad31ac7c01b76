"""Drafts catalogue entries from the tables of a database or of a DDL file, for the steward to confirm.

A draft says what the source says: names from comments, types, lengths, keys. It never says who may have the
data; share type, open type and grade stay empty, and an empty one never means open.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from catalog_specs import load
from catalog_specs.drafting import Dialect, Drafting
from registry.drafting.ddl import read_ddl
from registry.drafting.draft_entries import draft_entries
from registry.drafting.physical import CannotDraft, DraftNote, PhysicalTable, TablesRead
from registry.drafting.reflection import read_database

__all__ = [
    "CannotDraft",
    "DraftNote",
    "DraftedTables",
    "TablesRead",
    "draft",
    "draft_from_database",
    "draft_from_ddl",
    "tables_of_database",
    "tables_of_ddl",
]

_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_INSERT_LINES = re.compile(rb"^\s*(?:INSERT|REPLACE)\b[^\n]*", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://")


@dataclass(frozen=True, slots=True)
class DraftedTables:
    """Entries with the fields of ``entry.yaml``, one a table or view, and notes.

    ``tables_read`` counts the tables that became entries; ``tables_skipped`` names the others.
    """

    entries: list[dict[str, Any]]
    notes: list[DraftNote]
    tables_read: int
    tables_skipped: list[str]


def draft(
    source: str, *, dialect: str | None = None, schema: str | None = None, only: Sequence[str] = ()
) -> DraftedTables:
    """Drafts from a DDL file (a path that exists or ends in .sql) or from a database (a SQLAlchemy URL).

    A file is read as UTF-8, UTF-16 with its mark, or GB18030.

    Raises:
        CannotDraft: source, dialect, schema or a table of ``only`` cannot be used.
    """
    if _ADDRESS.match(source):
        if dialect:
            raise CannotDraft("指定方言只用于建表语句文件；数据库的类型由地址决定，请去掉方言")
        return draft_from_database(source, schema=schema, only=only)
    if schema:
        raise CannotDraft("指定模式只用于数据库；建表语句文件请用表名挑选")
    return draft_from_ddl(_file_text(source, load().drafting), dialect=dialect, only=only)


def draft_from_ddl(text: str, *, dialect: str | None = None, only: Sequence[str] = ()) -> DraftedTables:
    """Drafts from CREATE TABLE and CREATE VIEW statements and what comments on them.

    ``dialect`` is guessed when None. A statement that cannot be read becomes a note with its line.

    Raises:
        CannotDraft: the dialect is unknown, the text is too long, or it makes no table.
    """
    specs = load().drafting
    return _drafted(*_read_text(text, specs, dialect), only)


def _read_text(text: str, specs: Drafting, dialect: str | None) -> tuple[TablesRead, Drafting, Dialect]:
    spoken = specs.dialect(dialect) if dialect else None
    if dialect and spoken is None:
        known = "、".join(d.key for d in specs.dialects)
        raise CannotDraft(f"不认识方言“{dialect[:40]}”；可用的有 {known}，也可以不指定")
    if len(text) > specs.max_bytes:
        raise CannotDraft(_too_long("建表语句", specs))
    read, found = read_ddl(text, specs, spoken)
    if not (read.tables or read.skipped or read.notes):
        raise CannotDraft("文件里没有建表语句（CREATE TABLE）；请用数据库工具导出表结构后再试")
    return read, specs, found


def draft_from_database(url: str, *, schema: str | None = None, only: Sequence[str] = ()) -> DraftedTables:
    """Drafts from the tables and views of one schema, the default one when None; nothing is written there.

    Raises:
        CannotDraft: the address is wrong or not allowed, a driver is missing, the database refuses, the
            SQLite file does not exist (it is never created), or the schema holds no tables.
    """
    return _drafted(*_read_schema(url, load().drafting, schema), only)


def _read_schema(url: str, specs: Drafting, schema: str | None) -> tuple[TablesRead, Drafting, Dialect]:
    read, dialect = read_database(url, specs, schema=schema)
    if not (read.tables or read.skipped):
        where = f"模式“{schema}”" if schema else "默认模式"
        raise CannotDraft(f"{where}里没有表；请核对库名、模式和账号的查看权限")
    return read, specs, dialect


def tables_of_database(url: str, *, schema: str | None = None) -> TablesRead:
    """The tables and views of one schema as they are, for who drafts nothing. Raises as ``draft_from_database``."""
    return _read_schema(url, load().drafting, schema)[0]


def tables_of_ddl(file: Path, *, dialect: str | None = None) -> TablesRead:
    """The tables and views that a DDL file makes, for who drafts nothing. Raises as ``draft_from_ddl``."""
    specs = load().drafting
    return _read_text(_file_text(str(file), specs), specs, dialect)[0]


def _drafted(read: TablesRead, specs: Drafting, dialect: Dialect, only: Sequence[str]) -> DraftedTables:
    wanted = _wanted(read, only)
    kept, skipped, notes = _sorted_out(read, specs, wanted)
    entries, entry_notes = draft_entries(kept, specs, dialect)
    told = [note for note in read.notes if not wanted or not note.table or note.table.lower() in wanted]
    return DraftedTables(entries, told + notes + entry_notes, len(entries), skipped)


def _wanted(read: TablesRead, only: Sequence[str]) -> set[str]:
    found = {table.name.lower() for table in read.tables} | {name.lower() for name in read.skipped}
    missing = [name for name in only if name.strip().lower() not in found]
    if missing:
        raise CannotDraft(f"没有找到表：{'、'.join(missing)[:200]}；请核对表名，不带模式名")
    return {name.strip().lower() for name in only}


def _sorted_out(
    read: TablesRead, specs: Drafting, wanted: set[str]
) -> tuple[list[PhysicalTable], list[str], list[DraftNote]]:
    """Tables to draft, and names left out: tools' own tables unless asked for, tables without columns."""
    kept: list[PhysicalTable] = []
    skipped = [name for name in read.skipped if not wanted or name.lower() in wanted]
    notes: list[DraftNote] = []
    for table in read.tables:
        name = table.name.lower()
        if wanted and name not in wanted:
            continue
        if not table.columns:
            skipped.append(table.name)
            notes.append(DraftNote(table.name, None, "表没有列，未编目"))
        elif not wanted and any(fnmatchcase(name, pattern) for pattern in specs.skipped_tables):
            skipped.append(table.name)
        else:
            kept.append(table)
    return kept, skipped, notes


def _file_text(source: str, specs: Drafting) -> str:
    path = Path(source)
    try:
        if not path.is_file():
            raise CannotDraft(_not_there(path))
        if path.stat().st_size > specs.max_bytes:
            raise CannotDraft(_too_long(path.name, specs))
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, CannotDraft):
            raise
        raise CannotDraft(f"文件读不了：{_shown(path)}；请核对路径和权限") from error
    if data.startswith(b"SQLite format 3\x00"):
        raise CannotDraft(f"{path.name} 是 SQLite 库文件，不是建表语句；请写成 sqlite:///{source}")
    return _decoded(data, path.name)


def _decoded(data: bytes, name: str) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    # A dump of pictures is no text in any encoding: only what stands outside of INSERT must be.
    outside = _INSERT_LINES.sub(b"", data)
    for encoding in ("utf-8", "gb18030"):
        try:
            outside.decode(encoding)
        except UnicodeDecodeError:
            continue
        return data.decode(encoding, errors="replace")
    raise CannotDraft(f"{name} 既不是 UTF-8 也不是 GB18030 编码；请另存为 UTF-8 后再试")


def _too_long(name: str, specs: Drafting) -> str:
    return f"{name} 超过 {specs.max_bytes // 1024 // 1024} MB；请只导出表结构，不带数据"


def _not_there(path: Path) -> str:
    kind = "是文件夹" if path.is_dir() else "不存在"
    return f"文件{kind}：{_shown(path)}；请给出 .sql 文件的路径，或“类型://用户:口令@主机/库名”样的数据库地址"


def _shown(path: Path) -> str:
    """A mistyped address may hold a password, so only a plain path is repeated."""
    return path.name[:80] if "@" not in str(path) else "（地址）"
