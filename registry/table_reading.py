"""The tables of a system as a database, a DDL file or a data dictionary lists them: nothing of them is left unseen.

A database is only looked at; its address is kept nowhere. A dictionary has one row a table or one row a column. What
cannot be read stops the list, and so does anything marked secret (domain §12 R1). Source: S-ZY 21; domain §12 R20.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog_specs import load
from registry.drafting import CannotDraft, TablesRead, tables_of_database, tables_of_ddl
from registry.errors import Rejected
from registry.keys import digest_of
from registry.secrecy import SecretScan
from registry.settings import source_address
from registry.sheets import CSV_SUFFIXES, XLSX_SUFFIXES
from registry.table_sheets import read_dictionary
from validators.findings import Finding, word

REFLECTION, DDL, DICTIONARY = "reflection", "ddl", "dictionary"
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://")
# parts and temporary tables hold nothing of their own; whatever else was skipped holds data and is listed
_NO_TABLE = ("这是分区，随主表编目", "这是临时表，未编目")
# a statement that makes something and could not be read: a table may be missing
_UNREAD = re.compile(r"“\s*create\b|^另有", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListedTable:
    """A table as it is listed; ``columns`` is 0 where nobody tells them."""

    name: str
    comment: str = ""
    columns: int = 0


@dataclass(frozen=True, slots=True)
class TablesListed:
    """A whole list: by which reader (acceptance.yaml), from where (never with credentials), and what was noticed."""

    found_in: str
    source: str
    tables: tuple[ListedTable, ...]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the list."""
        return digest_of([[table.name, table.comment, table.columns] for table in self.tables])


def read_tables(source: str, *, schema: str | None = None, dialect: str | None = None) -> TablesListed:
    """The tables of a database (address or ``source:NAME``), a DDL file, or a dictionary (.xlsx, .csv).

    Raises:
        Rejected: it cannot be read whole, or holds a secrecy mark; place, reason and cure. Unreadable: a bad file.
    """
    named = load().scanning.inputs.named
    if source.startswith(named) or _ADDRESS.match(source):
        if dialect:
            raise Rejected("--dialect 只用于建表语句文件；数据库的类型由地址决定，去掉 --dialect")
        return _checked(_of_database(source, named, schema))
    if schema:
        raise Rejected("--schema 只用于数据库；文件里的表全部读入，去掉 --schema")
    return read_table_file(Path(source), dialect=dialect)


def read_table_file(path: Path, *, dialect: str | None = None) -> TablesListed:
    """The tables of a DDL file or a dictionary. Raises as ``read_tables``."""
    if path.suffix.lower() in (*XLSX_SUFFIXES, *(suffix for suffix in CSV_SUFFIXES if suffix != ".txt")):
        if dialect:
            raise Rejected("--dialect 只用于建表语句文件，这里是数据字典；去掉 --dialect")
        found, notes = read_dictionary(path)
        tables = tuple(ListedTable(*row) for row in found)
        return _checked(TablesListed(DICTIONARY, path.name, tables, notes))
    try:
        read = tables_of_ddl(path, dialect=dialect)
    except CannotDraft as error:
        raise Rejected(str(error)) from error
    unread = [note.text for note in read.notes if not note.table and _UNREAD.search(note.text)]
    if unread:
        raise Rejected(f"{path.name} 没有读全，库表清单不能缺表：{'；'.join(unread[:5])}；改正后再导入")
    return _checked(_listed(DDL, path.name, read))


def _of_database(source: str, named: str, schema: str | None) -> TablesListed:
    address, shown = source, source
    if source.startswith(named):
        found = source_address(source.removeprefix(named))
        if found is None:
            name = source.removeprefix(named).upper()[:40]
            raise Rejected(f"没有命名的数据源 {name}；由运维人员设置 MULU_SOURCE_{name}_URL 后再导入")
        address = found
    else:
        shown = source.partition("://")[0]
    try:
        read = tables_of_database(address, schema=schema)
    except CannotDraft as error:
        raise Rejected(str(error)) from error
    return _listed(REFLECTION, f"{shown}（{schema}）" if schema else shown, read)


def _listed(found_in: str, source: str, read: TablesRead) -> TablesListed:
    """Tables, and what was skipped but may hold data; views are told, for their data lie in tables."""
    tables = [table for table in read.tables if not table.view]
    counted = Counter(table.name for table in tables)
    names = [t.name if counted[t.name] == 1 or not t.schema else f"{t.schema}.{t.name}" for t in tables]
    listed = [ListedTable(n, t.comment, len(t.columns)) for n, t in zip(names, tables, strict=True)]
    passed = {note.table for note in read.notes if note.text in _NO_TABLE}
    listed += [ListedTable(name) for name in read.skipped if name not in passed]
    notes = [
        f"{note.table}：{note.text}" if note.table else note.text for note in read.notes if not note.column
    ]
    views = [table.name for table in read.tables if table.view]
    if views:
        notes.append(f"视图 {len(views)} 个不计入，其数据在原表：{'、'.join(views[:20])}")
    return TablesListed(found_in, source, tuple(listed), tuple(notes))


def _checked(listed: TablesListed) -> TablesListed:
    _refuse_secret(listed)
    limits = load().acceptance.limits
    if not listed.tables:
        raise Rejected(f"{listed.source} 里没有表；核对文件、库名、模式和账号的查看权限")
    if len(listed.tables) > limits.tables:
        raise Rejected(f"{listed.source} 有 {len(listed.tables)} 张表，超过 {limits.tables}；分系统登记")
    wrong = [t.name[:40] for t in listed.tables if not _is_name(t.name, limits.name)]
    if wrong:
        raise Rejected(f"表名须有 1 至 {limits.name} 个字符，不含控制字符：{'、'.join(map(repr, wrong[:5]))}")
    doubled = _doubles(table.name for table in listed.tables)
    if doubled:
        raise Rejected(f"表名重复：{'、'.join(doubled[:10])}；同名的表写明“库名.表名”后再导入")
    tables = tuple(ListedTable(t.name, _short(t.comment, limits.comment), t.columns) for t in listed.tables)
    return TablesListed(listed.found_in, listed.source, tables, listed.notes)


def _refuse_secret(listed: TablesListed) -> None:
    """Nothing is written when anything is marked; the answer repeats no value. Source: domain §12 R1."""
    scan = SecretScan(load())
    places = [
        number
        for number, table in enumerate(listed.tables, 1)
        if scan.is_marked(table.name) or scan.is_marked(table.comment)
    ]
    if places:
        raise secret_refused(f"第 {'、'.join(map(str, places[:20]))} 张表")


def secret_refused(place: str) -> Rejected:
    """The refusal of something marked secret: rule, place and cure, no value."""
    found = word(Finding("E125"), load(), "zh")
    return Rejected(f"{found.rule} {place}：{found.message}。{found.fix}")


def _is_name(name: str, longest: int) -> bool:
    return 0 < len(name) <= longest and name.isprintable() and name == name.strip()


def _doubles(names: Iterable[str]) -> Sequence[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _short(text: str, longest: int) -> str:
    """A comment as long as its column, on one line; it is a note and no evidence."""
    plain = "".join(c if c.isprintable() else " " for c in text).strip()
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
