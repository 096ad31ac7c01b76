"""The audit record as a stream of rows: from the database, to and from an export of JSON lines.

An export begins with a header, holds each event with its content, each head after the event that it ends with,
and an end with the counts, so that it shows when a part of it is missing.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from sqlalchemy import String, cast, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlmodel import col

from registry.audit import TREE_ROW
from registry.errors import Unavailable
from registry.keys import canonical_json
from registry.models import AuditContent, AuditEvent, AuditHead
from registry.models.columns import table_of
from registry.signing import Head, moment_text, trusted_keys

FORMAT = "mulu-audit/1"
PIECE = 2000


class Row(NamedTuple):
    """An event with its content, as it lies in its table or export; ``at`` in the form that is signed."""

    seq: int
    at: str
    act: str
    actor: str
    operator: str
    subject: str
    content_digest: str
    body: str
    leaf: str
    root: str
    content: str | None
    salt: str | None
    erased_at: Any
    erased_by: int | None


class State(NamedTuple):
    """The tree as its row tells of it."""

    origin: str
    algorithm: str
    size: int
    frontier: str
    heads: int


class Heads:
    """The heads of a record, taken as the events that they are over are passed; ``next_size`` is the next one's."""

    def __init__(self, coming: Iterable[Head] = ()) -> None:
        self._coming = iter(coming)
        self._waiting: list[Head] = []
        self.next_size = math.inf
        self._pull()

    def put(self, head: Head) -> None:
        """Add a head that has just been read."""
        self._waiting.append(head)
        self.next_size = min(self.next_size, head.size)

    def take(self, size: float) -> Iterator[Head]:
        """The heads, in their order, up to the first one that is over more events than ``size``."""
        while self._waiting and self._waiting[0].size <= size:
            yield self._waiting.pop(0)
            self._pull()
        self.next_size = self._waiting[0].size if self._waiting else math.inf

    def _pull(self) -> None:
        head = next(self._coming, None)
        if head is not None:
            self.put(head)


@dataclass(slots=True)
class Source:
    """A record to be verified. ``finished`` turns true when it was read to an end that says it is whole."""

    name: str
    state: State
    rows: Iterator[Row]
    heads: Heads
    keys: tuple[str, ...] = ()
    with_content: bool = True
    finished: bool = True


# ---- the database -----------------------------------------------------------------------------------------


def stored_record(session: Session) -> Source:
    """The record of a database, read as of one moment.

    Raises:
        Unavailable: the row of the tree is missing.
    """
    if session.get_bind().dialect.name == "postgresql":
        # the row of the tree and the events must be of one moment
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    row = session.execute(TREE_ROW).first()
    if row is None:
        raise Unavailable("审计树的状态行不见了，无法核验；从备份恢复 audit_tree 表")
    return Source("数据库", State(*row), _stored_rows(session), Heads(_stored_heads(session)))


def _stored_rows(session: Session) -> Iterator[Row]:
    # by the tables: the mapper would double the time that a row takes
    events, contents = table_of(AuditEvent).c, table_of(AuditContent).c
    at = _signed_moment(events.at, session.get_bind().dialect.name)
    names = ("act", "actor", "operator", "subject", "content_digest", "body", "leaf", "root")
    erased = cast(contents.erased_at, String())
    query = select(events.seq, at, *(events[name] for name in names), contents.content, contents.salt)
    query = query.add_columns(erased, contents.erased_by).select_from(table_of(AuditEvent))
    query = query.outerjoin(table_of(AuditContent), contents.seq == events.seq).order_by(events.seq)
    for part in session.connection().execute(query, execution_options={"yield_per": PIECE}).partitions():
        yield from part  # type: ignore[misc]  # rows of just these columns


def _signed_moment(at: Any, dialect: str) -> Any:
    """A moment as it is signed, made by the database; one that is no moment stops nothing, it only differs."""
    if dialect == "postgresql":
        return func.to_char(func.timezone("UTC", at), 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
    return func.replace(type_coerce(at, String()), " ", "T") + "+00:00"


def _stored_heads(session: Session) -> Iterator[Head]:
    query = select(table_of(AuditHead)).order_by(col(AuditHead.number)).execution_options(yield_per=PIECE)
    for row in session.execute(query):
        yield Head(**row._mapping)


# ---- an export --------------------------------------------------------------------------------------------


def write_export(session: Session, file: IO[str], *, now: datetime, contents: bool = True) -> int:
    """Write the whole record as JSON lines; gives the number of events. ``contents`` False leaves details out."""
    source = stored_record(session)
    header = {"type": "header", "format": FORMAT, "exported_at": moment_text(now), "contents": contents}
    header |= {"tree": source.state._asdict(), "public_keys": sorted(trusted_keys())}
    file.write(canonical_json(header) + "\n")
    events = signed = 0
    for row in source.rows:
        signed += _write_heads(file, source.heads, row[0] - 1)
        file.write(canonical_json({"type": "event"} | _exported(Row._make(row), contents)) + "\n")
        events += 1
    signed += _write_heads(file, source.heads, math.inf)
    file.write(canonical_json({"type": "end", "events": events, "heads": signed}) + "\n")
    return events


def _write_heads(file: IO[str], heads: Heads, size: float) -> int:
    if heads.next_size > size:
        return 0
    taken = [canonical_json({"type": "head"} | asdict(head)) + "\n" for head in heads.take(size)]
    file.writelines(taken)
    return len(taken)


def _exported(row: Row, contents: bool) -> dict[str, Any]:
    shown = row._asdict()
    return shown if contents else shown | {"content": None, "salt": None}


def exported_record(file: IO[str], name: str) -> Source:
    """The record of an export, read line by line while it is verified.

    Raises:
        Unavailable: it is no export of ours.
    """
    header = _line(file.readline(), 1)
    tree, keys = header.get("tree"), header.get("public_keys")
    known = header.get("type") == "header" and header.get("format") == FORMAT
    if (
        not known
        or not isinstance(tree, dict)
        or not isinstance(keys, list)
        or set(tree) != set(State._fields)
    ):
        raise Unavailable(f"{name} 不是 mulu audit export 导出的审计文件")
    whole, trusted = header["contents"] is True, tuple(map(str, keys))
    source = Source(name, State(**tree), iter(()), Heads(), trusted, whole, finished=False)
    source.rows = _exported_rows(source, file)
    return source


def _exported_rows(source: Source, file: IO[str]) -> Iterator[Row]:
    events = heads = 0
    for number, line in enumerate(file, 2):
        value = _line(line, number)
        match value.pop("type", None):
            case "event" if set(value) == set(Row._fields) and type(value["seq"]) is int:
                events += 1
                yield Row(**value)
            case "head":
                heads += 1
                source.heads.put(_head(value, number))
            case "end" if value == {"events": events, "heads": heads}:
                source.finished = True
            case _:
                raise Unavailable(f"{source.name} 第 {number} 行不是审计记录")


def _head(value: dict[str, Any], number: int) -> Head:
    try:
        return Head.read(value)
    except ValueError as error:
        raise Unavailable(f"第 {number} 行不是树头") from error


def _line(line: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise Unavailable(f"第 {number} 行不是 JSON：{error}") from error
    if not isinstance(value, dict):
        raise Unavailable(f"第 {number} 行不是 JSON 对象")
    return value


def read_heads(path: Path) -> list[Head]:
    """The heads of a heads file, by size.

    Raises:
        Unavailable: it cannot be read, or a line is no head.
    """
    try:
        with path.open(encoding="utf-8") as file:
            found = [_head(_line(line, n), n) for n, line in enumerate(file, 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"不能读树头文件 {path}：{error}") from error
    return sorted(found, key=lambda head: (head.size, head.number))
