"""Resource codes given out: atomically, never edited, never reused (domain §2.1)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import Executable, Integer, String, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.models import CodeNode, CodeRecord
from validators.codes import format_sequence, is_resource_code
from validators.folding import fold

_AMONG = (
    select(col(CodeRecord.code)).where(col(CodeRecord.code).in_(bindparam("codes", expanding=True))).limit(1)
)
_KEEP = insert(CodeRecord.__table__)  # type: ignore[attr-defined]


def class_code(content: Mapping[str, Any], region: str, department: int, specs: Specs) -> str | None:
    """The class code under which an entry's code is given: class, division, own prefix, city, department, business.

    The class and division follow the primary category; a base or thematic resource whose category does not say
    which division it is of gets None: its code cannot be told and is not guessed. Source: S2, [DESIGN].
    """
    spec = specs.resource_code
    paths = content.get("resource_category") or []
    levels = str(paths[0]).split("/") if isinstance(paths, list) and paths else []
    own = spec.own_prefix
    digit = next((d for d, row in spec.classes.items() if levels and row.zh == levels[0]), own.class_digit)
    division = own.item if digit == own.class_digit else _division(digit, levels, specs)
    if division is None:
        return None
    widths = {part.key: part for part in spec.subgroup.parts}
    business = widths["business"].default
    return f"{digit}{division}{own.province_mu}{region[2:4]}{department:02d}{business}"


def _division(digit: str, levels: Sequence[str], specs: Specs) -> str | None:
    if len(levels) < 2:
        return None
    named = fold(levels[1])
    found = [row.code for row in specs.resource_code.classes[digit].items if named and named in fold(row.zh)]
    return found[0] if len(found) == 1 else None


class CodeUse(NamedTuple):
    """Which entry a code belongs to, and whether it is retired."""

    entry_id: str
    retired: bool


def allocate(
    session: Session, wanted: Sequence[tuple[str, str]], specs: Specs, *, now: datetime
) -> dict[str, str]:
    """Give codes to entries: ``wanted`` holds (entry id, class code); answers entry id -> code.

    Numbers go on from the last one given under a class code and pass over those that authors brought along.
    """
    by_class: dict[str, list[str]] = defaultdict(list)
    for entry_id, code in wanted:
        by_class[code].append(entry_id)
    given: dict[str, str] = {}
    for head, entry_ids in sorted(by_class.items()):
        if len(entry_ids) == 1:
            given[entry_ids[0]] = _next_code(session, head, specs)
            continue
        number = last = _hold(session, head)
        taken = _taken(session, head, specs)
        for entry_id in entry_ids:
            number = next(n for n in count(number + 1) if n not in taken)
            given[entry_id] = format_sequence(head, number, specs.resource_code)
        if number > last:
            session.execute(update(CodeNode).where(col(CodeNode.class_code) == head).values(last=number))
    _remember(session, given, "provisional", now)
    return given


def _next_code(session: Session, head: str, specs: Specs) -> str:
    """One code: the numbers under a class code are not read, however many they are."""
    while True:
        number = _hold(session, head, step=1)
        if not _is_taken(session, head, number, specs):
            return format_sequence(head, number, specs.resource_code)


def _is_taken(session: Session, head: str, number: int, specs: Specs) -> bool:
    """Whether a running number is in use, however many zeros it is written with."""
    spec = specs.resource_code
    prefix = f"{head}{spec.separator}"
    written = (f"{prefix}{number:0{width}d}" for width in range(1, spec.max_len - len(prefix) + 1))
    codes = [code for code in dict.fromkeys(written) if is_resource_code(code, spec)]
    return session.execute(_AMONG, {"codes": codes}).first() is not None


def _taken(session: Session, head: str, specs: Specs) -> set[int]:
    """The running numbers in use under a class code, however many zeros they are written with."""
    prefix = f"{head}{specs.resource_code.separator}"
    rows = session.execute(
        select(col(CodeRecord.code)).where(col(CodeRecord.code).startswith(prefix, autoescape=True))
    )
    return {int(code.removeprefix(prefix)) for code in rows.scalars()}


def _hold(session: Session, head: str, *, step: int = 0) -> int:
    """The last number given under a class code, ``step`` further; nobody else gets one until this transaction ends."""
    statement = _holding(session.get_bind().dialect.name)
    return int(session.execute(statement, {"head": head, "step": step}).scalar_one())


@lru_cache(maxsize=2)
def _holding(dialect: str) -> Executable:
    node = CodeNode.__table__  # type: ignore[attr-defined]
    step = bindparam("step", type_=Integer)
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # an update that changes nothing still takes the row's lock
    return (
        make(node)
        .values(class_code=bindparam("head", type_=String), last=step)
        .on_conflict_do_update(index_elements=[node.c.class_code], set_={"last": node.c.last + step})
        .returning(node.c.last)
    )


def _remember(session: Session, codes: Mapping[str, str], status: str, now: datetime) -> None:
    rows = [{"code": code, "entry_id": entry, "status": status, "at": now} for entry, code in codes.items()]
    if rows:
        session.execute(_KEEP, rows)


def keep_given(session: Session, codes: Mapping[str, str], *, now: datetime) -> None:
    """Enter codes that authors brought along, so that none of them is given again."""
    _remember(session, codes, "given", now)


def code_use(session: Session, code: str) -> CodeUse | None:
    """Whose a code is; None for one never seen."""
    found = session.get(CodeRecord, code)
    return CodeUse(found.entry_id, found.retired_at is not None) if found else None


def known_codes(session: Session) -> dict[str, CodeUse]:
    """Every code ever seen."""
    rows = session.execute(select(col(CodeRecord.code), col(CodeRecord.entry_id), col(CodeRecord.retired_at)))
    return {code: CodeUse(entry_id, retired is not None) for code, entry_id, retired in rows}


def count_codes(session: Session) -> int:
    """How many codes are on record."""
    return int(session.execute(select(func.count()).select_from(CodeRecord)).scalar_one())
