"""The life of a system: each step a move of systems.yaml with its paper, kept for ever, and gated where the law gates it.

A refusal says everything that is missing at once. What the State or the province builds is neither accepted nor
stopped here (S1 24). Source: S-ZY 13, 14, 19, 21; S-LPS 15, 20, 21, 26.
"""

from datetime import date, datetime
from typing import Any, BinaryIO, cast

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_systems import LifeMove
from registry.acceptance import lacking
from registry.agency_lives import hold
from registry.audit import Act, record
from registry.blobs import open_blob
from registry.copy_values import said
from registry.duty_gates import missing
from registry.entries import TOMBSTONES
from registry.errors import Conflict, NotFound, Rejected
from registry.kept import storable
from registry.keys import new_key
from registry.models import Agency, DataCopy, Entry, System, SystemLife
from registry.people import local_day
from registry.permits import Actor, Target, demand, may, roles_of
from registry.recording import NUMBER_LENGTH, Paper
from registry.stores import Store
from registry.system_register import find_seen
from registry.systems import is_external

ACCEPTANCE = "acceptance"
NOTE_LENGTH = 500
_NO_PAPER = Paper()


def move_named(key: str) -> LifeMove:
    """A move in the life of a system.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    index = load().systems.move_index
    if key not in index:
        listed = "、".join(f"{move.key} {move.zh}" for move in index.values() if not move.own)
        raise NotFound(f"没有环节“{key[:40]}”；可用：{listed}")
    return index[key]


def advance(
    session: Session,
    written: str,
    move: str,
    *,
    paper: Paper | None = None,
    day: date | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> SystemLife:
    """Move a system (key, number or name) on in its life; ``day`` is the day on which that happened (today).

    Raises:
        NotFound, NotAllowed. Conflict: it is not where the move begins, a gate is shut (everything missing is said,
        each with article and cure), it is external (S1 24), or only a retirement makes this move.
        Rejected: paper, day or note will not do.
    """
    step = move_named(move)
    if step.own:
        raise Conflict(f"“{step.zh}”由停用任务办理；用 mulu retirement open 或停用页面（S-LPS 26）")
    # the agency first, as a merger does, so that neither waits for the other
    hold(session, find_seen(session, written, actor=actor)[1])
    system, _owner = find_seen(session, written, actor=actor, held=True)
    return _move(session, system, step, day=day, paper=paper, note=note, actor=actor, now=now)


def write_life(
    session: Session,
    system: System,
    move_key: str,
    *,
    day: date,
    paper: Paper | None = None,
    note: str = "",
    actor: Actor,
    now: datetime,
) -> SystemLife:
    """Write a move that a retirement makes (stop, wipe), with its gates; the parameters are those of ``advance``.

    Raises:
        NotAllowed, Conflict, Rejected: as for ``advance``.
    """
    step = move_named(move_key)
    return _move(session, system, step, day=day, paper=paper, note=note, actor=actor, now=now)


def _move(
    session: Session,
    system: System,
    move: LifeMove,
    *,
    day: date | None,
    paper: Paper | None,
    note: str,
    actor: Actor,
    now: datetime,
) -> SystemLife:
    specs, owner = load(system.profile), session.get_one(Agency, system.agency_id)
    demand(actor, move.permission, roles_of(specs), Target(owner.id, owner.region, system.id))
    _check_place(system, move, specs)
    made = SystemLife(
        id=new_key("l"),
        system_id=system.id,
        before=system.life,
        after=_after(session, system, move),
        day=day or local_day(now),
        note=storable(note.strip()),
        data={"move": move.key, "gates": list(move.gates)},
        by=actor.login,
        at=now,
        **_paper(paper or _NO_PAPER),
    )
    _refuse(session, system, move, made, now=now)
    _set_life(session, system, made)
    session.add(made)
    session.flush()
    _record(session, made, move, actor=actor, now=now)
    return made


def _after(session: Session, system: System, move: LifeMove) -> str:
    """Where a move leads. What is taken back leads to where the system stood: it passes no gate on the way."""
    last = history(session, system.id)[-1:] if move.back else []
    return last[0].before if last and last[0].after == system.life else move.to


def _paper(paper: Paper) -> dict[str, Any]:
    name = storable(paper.file_name)[:255] if paper.file_name else None
    return {"document": storable(paper.number.strip()), "sha256": paper.sha256, "file_name": name}


def _check_place(system: System, move: LifeMove, specs: Specs) -> None:
    """Refuse a move that this system does not make at all, or not from where it stands."""
    external, lives = specs.systems.external, specs.systems.life_index
    if not move.external and is_external(system, specs):
        cited = specs.cited(external.sources)
        raise Conflict(f"“{system.name}”是{external.zh}，不能办理“{move.zh}”；{external.fix_zh}（{cited}）")
    if system.life not in move.starts:
        starts = "、".join(lives[key].zh for key in move.starts)
        now_zh = lives[system.life].zh if system.life in lives else system.life
        raise Conflict(f"系统“{system.name}”{now_zh}，不能办理“{move.zh}”；须先是：{starts}")


def _set_life(session: Session, system: System, step: SystemLife) -> None:
    """Compare and set: another writer may have moved it since it was read."""
    here = update(System).where(col(System.id) == system.id, col(System.life) == step.before)
    done = cast("CursorResult[Any]", session.execute(here.values(life=step.after)))
    if done.rowcount != 1:
        raise Conflict(f"系统“{system.name}”的状态刚被他人变更；刷新后再办")
    session.refresh(system)


# ---- what is missing --------------------------------------------------------------------------------------


def _refuse(session: Session, system: System, move: LifeMove, step: SystemLife, *, now: datetime) -> None:
    """Refuse a step with everything that it lacks, each with its cure."""
    shut = gaps(session, system, move, now=now) + _left(session, system, move)
    wrong = [{"code": "paper", "message": text} for text in _unfit(session, move, step, now)]
    errors = shut + wrong
    if not errors:
        return
    lines = "".join(f"\n  {one['message']}" + _cure(one) for one in errors)
    kind = Conflict if shut else Rejected
    raise kind(f"系统“{system.name}”不能“{move.zh}”，缺 {len(errors)} 项：{lines}", errors=errors)


def _cure(error: dict[str, str]) -> str:
    return f"；办法：{error['fix']}" if error.get("fix") else ""


def gaps(session: Session, system: System, move: LifeMove, *, now: datetime) -> list[dict[str, str]]:
    """What shuts the gates of a move: ``code`` (the gate), ``message`` with its article, ``fix``; empty when open.

    External systems are not gated (S1 24).
    """
    if is_external(system, load(system.profile)):
        return []
    found: list[dict[str, str]] = []
    for gate in move.gates:
        lacks = missing(session, system, gate, now=now)
        found += [{"code": gate, "message": lack.said, "fix": lack.fix} for lack in lacks]
        texts = lacking(session, system, now=now) if gate == ACCEPTANCE else ()
        found += [{"code": gate, "message": text} for text in texts]
    # one duty may shut two gates; it is said once
    return list({one["message"]: one for one in found}.values())


def _left(session: Session, system: System, move: LifeMove) -> list[dict[str, str]]:
    """What a move that ends a system without a retirement would leave behind: copies not answered for, entries."""
    if not move.empty:
        return []
    specs = load(system.profile)
    over = [state.key for state in specs.systems.copy_states if state.terminal]
    copies = select(func.count()).where(
        col(DataCopy.system_id) == system.id, col(DataCopy.state).not_in(over)
    )
    entries = select(func.count()).where(
        col(Entry.system_id) == system.id,
        col(Entry.in_force).is_not(None),
        col(Entry.state).not_in(TOMBSTONES),
    )
    found = [session.execute(query).scalar_one() for query in (copies, entries)]
    if not any(found):
        return []
    text = said("unwiped", specs, copies=str(found[0]), entries=str(found[1]))
    return [{"code": "empty", "message": text}]


def _unfit(session: Session, move: LifeMove, step: SystemLife, now: datetime) -> list[str]:
    found = []
    number, file = bool(step.document), step.sha256 is not None
    asked = {
        "number": (not number, "须写明文号（--no）"),
        "file": (not file, "须附文件（--file）"),
        "either": (not (number or file), "须有文号（--no）或文件（--file）"),
        "note": (not step.note, "须写明理由（--note）"),
        "none": (False, ""),
    }
    lacks, said = asked[move.asks]
    found += [said] if lacks else []
    if len(step.document) > NUMBER_LENGTH or len(step.note) > NOTE_LENGTH:
        found.append(f"文号至多 {NUMBER_LENGTH} 个字，说明至多 {NOTE_LENGTH} 个字")
    if step.day > local_day(now):
        found.append(f"日期 {step.day} 晚于今天；办成之后再登记")
    last = max((row.day for row in history(session, step.system_id)), default=None)
    if last is not None and step.day < last:
        found.append(f"日期 {step.day} 早于上一环节（{last}）")
    return found


# ---- shown ------------------------------------------------------------------------------------------------


def history(session: Session, system_id: str) -> list[SystemLife]:
    """The steps of a system's life, the oldest first."""
    query = select(SystemLife).where(col(SystemLife.system_id) == system_id)
    # a step that is still judged must not be written meanwhile
    with session.no_autoflush:
        return list(session.execute(query.order_by(col(SystemLife.at), col(SystemLife.id))).scalars())


def step_file(session: Session, system: System, step_id: str, *, files: Store) -> tuple[str, BinaryIO]:
    """The name and the bytes of the file that a step of a system rests on.

    Raises:
        NotFound: there is no such step, or it has no file. Gone: the bytes were erased.
    """
    step = session.get(SystemLife, storable(step_id))
    if step is None or step.system_id != system.id or step.sha256 is None:
        raise NotFound("没有这个文件")
    return step.file_name or step.sha256, open_blob(session, step.sha256, files)


def moves_of(session: Session, system: System, *, actor: Actor) -> list[LifeMove]:
    """The moves that ``actor`` may make of a system from where it stands, those of a retirement left out."""
    specs, owner = load(system.profile), session.get_one(Agency, system.agency_id)
    target, external = Target(owner.id, owner.region, system.id), is_external(system, specs)
    fitting = [m for m in specs.systems.moves if system.life in m.starts and not m.own]
    return [
        move
        for move in fitting
        if (move.external or not external) and may(actor, move.permission, roles_of(specs), target)
    ]


def step_json(step: SystemLife) -> dict[str, Any]:
    """One step of a life as JSON; ``move`` is a key of systems.yaml, null for one that has been renamed."""
    specs = load()
    key = str(step.data.get("move", ""))
    found = specs.systems.move_index.get(key)
    said = {"id": step.id, "move": found.key if found else None, "zh": found.zh if found else key}
    rest = {
        name: getattr(step, name) for name in ("before", "after", "day", "document", "sha256", "file_name")
    }
    return said | rest | {"note": step.note, "by": step.by, "at": step.at}


def _record(session: Session, step: SystemLife, move: LifeMove, *, actor: Actor, now: datetime) -> None:
    told = {
        "move": move.key,
        "life": [step.before, step.after],
        "day": step.day.isoformat(),
        "document": step.document,
        "sha256": step.sha256,
        "step": step.id,
    }
    said = {key: value for key, value in told.items() if value}
    act = Act("move_system_life", step.system_id, said)
    record(session, [act], actor=actor.login, now=now, operator=actor.operator)
