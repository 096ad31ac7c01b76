"""What a move that is allowed writes: states, what comes next, the opinion, remarks, the notice, new versions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Insert, insert, literal, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_lifecycle import Move
from registry.differences import class_digest, overall_class
from registry.entries import TOMBSTONES
from registry.errors import Conflict, Rejected
from registry.evidence import Proven, distribution_digest, reviewed
from registry.keys import new_key
from registry.list_lines import in_force, save_lines
from registry.models import CodeRecord, Distribution, Item, Notice, Opinion, Version
from registry.permits import Actor, Held
from registry.stores import Store
from registry.subjects import LIVE, OFF_SHELF, PENDING, SHELVED, SUSPENDED, Loaded, lifecycle_of
from validators.fields import parse_date
from validators.risk import risk

_WIDTHS = {"name": 200, "form": 8, "location": 500, "file_name": 255}  # as the columns are wide
_SHA256 = re.compile("[0-9a-f]{64}")
# which move of a distribution is next, by the state it is in; a cleared one goes on
_NEXT = {"pending": "clear_data", "suspended": "clear_data"}


@dataclass(frozen=True, slots=True)
class Act:
    """One move under way: who makes it, in which role, with what, when. ``files`` is the store of files."""

    move: Move
    actor: Actor
    held: Held
    note: str
    data: Mapping[str, Any]
    now: datetime
    sheet_id: str | None = None
    files: Store | None = None
    notice_id: str | None = None


def write(session: Session, one: Loaded, act: Act, found: Proven) -> Opinion:
    """Write everything that a move changes on one subject; gives the opinion that records it."""
    before = one.state if act.move.starts else ""
    if act.move.subject == "version":
        after = _write_version(session, one, act, found)
    else:
        after = _write_distribution(session, one, act)
    opinion = _opinion(one, act, before, after)
    session.add(opinion)
    one.entry.state = shown_state(one)
    one.entry.lock += 1
    return opinion


def _opinion(one: Loaded, act: Act, before: str, after: str) -> Opinion:
    bound = act.move.binds_change_class
    digest = None
    if bound is not None:
        made = one.distribution
        content = one.version.content
        digest = (
            distribution_digest(content, made, one.specs) if made else class_digest(content, bound, one.specs)
        )
    return Opinion(
        id=new_key("o"),
        entry_id=one.entry.id,
        number=one.version.number,
        distribution_id=one.distribution.id if one.distribution else None,
        move=act.move.key,
        role=act.held.role,
        person_id=act.actor.person_id,
        login=act.actor.login,
        delegation_id=act.held.delegation_id,
        operator=act.actor.operator or None,
        state_before=before,
        state_after=after,
        bound_class=bound,
        bound_digest=digest,
        note=act.note,
        data=dict(act.data),
        sheet_id=act.sheet_id,
        at=act.now,
    )


# ---- versions ---------------------------------------------------------------------------------------------


def _write_version(session: Session, one: Loaded, act: Act, found: Proven) -> str:
    version, move = one.version, act.move
    shortcut = lifecycle_of(one.specs).class_index[version.change_class or "major"].shortcut
    to, previous_to = move.to, move.previous_to
    if shortcut is not None and shortcut.move == move.key:
        to, previous_to = shortcut.to, shortcut.previous_to
    signed = _signed_after(one, act, found)
    if move.key == "submit":
        _submit(one, act)
    if move.creates:
        _revise(session, one, act)
        return version.state
    version.state = to
    if to == "announced" and previous_to:
        _put_in_force(one, act, previous_to)
        _review_again(session, one, act, found)
    elif _ends(one, to):
        _end(session, one, act)
    _set_next(one, act, signed)
    return to


def _signed_after(one: Loaded, act: Act, found: Proven) -> frozenset[tuple[str, str]]:
    """The signatures that stand once this act is done; what was signed for this content before a return still does."""
    index = lifecycle_of(one.specs).index
    editable = {state.key for state in lifecycle_of(one.specs).versions if state.editable}
    if act.move.never_by_author:
        return found.signed | {(act.move.key, act.held.role)}
    if one.state in editable:
        return frozenset(key for key in found.signed if index[key[0]].to in index[key[0]].starts)
    return found.signed


def _submit(one: Loaded, act: Act) -> None:
    version, before = one.version, one.base.content if one.base else None
    settled = one.settled_by.content if one.settled_by else None
    version.submitted_by, version.submitted_at = act.actor.login, act.now
    version.change_class = overall_class(settled, version.content, one.specs)
    version.risk, version.risk_reasons = risk(before, version.content, one.specs)


def _revise(session: Session, one: Loaded, act: Act) -> None:
    """A new draft that starts as the version in force is; nothing else changes."""
    base, number = one.version, one.entry.newest + 1
    copied = {
        name: getattr(base, name)
        for name in (
            *("content", "digest", "name", "folded", "share_type", "open_type", "data_grade"),
            *("profile", "spec", "findings", "needs", "errors", "warnings"),
        )
    }
    draft = Version(
        entry_id=base.entry_id,
        number=number,
        state=act.move.creates,
        created_by=act.actor.login,
        created_at=act.now,
        awaits="submit",
        awaits_since=act.now,
        **copied,
    )
    session.add(draft)
    session.flush()
    session.execute(_items_copied(base, number))
    one.entry.newest, one.newest = number, draft


def _items_copied(base: Version, number: int) -> Insert:
    keys = ("entry_id", "number", "position", "item_name", "item_code", "content")
    columns = [literal(number) if key == "number" else getattr(Item, key) for key in keys]
    of_base = (col(Item.entry_id) == base.entry_id) & (col(Item.number) == base.number)
    return insert(Item).from_select(keys, select(*columns).where(of_base))


def _put_in_force(one: Loaded, act: Act, previous_to: str) -> None:
    version, base = one.version, one.base
    version.announced_at = act.now
    version.notice_id = act.notice_id
    if base is not None and base.number != version.number:
        base.state, base.ended_at = previous_to, act.now
    one.entry.in_force, one.base = version.number, version


def list_lines(session: Session, loaded: Sequence[Loaded], acts: Sequence[Act]) -> dict[str, dict[str, str]]:
    """Write the lines of the versions that these acts put in force; gives entry id -> list -> digest of the line."""
    by_profile: dict[str, list[Version]] = {}
    for one, act in zip(loaded, acts, strict=True):
        if one.version.announced_at == act.now and one.entry.in_force == one.version.number:
            by_profile.setdefault(one.version.profile, []).append(one.version)
    found: dict[str, dict[str, str]] = {}
    for profile, versions in by_profile.items():
        found |= save_lines(session, map(in_force, versions), load(profile))
    return found


def _review_again(session: Session, one: Loaded, act: Act, found: Proven) -> None:
    """Data reviewed for another content wait for their next review, and leave the shelf until then."""
    change = lifecycle_of(one.specs).class_index[one.version.change_class or "major"]
    for made in one.distributions:
        leaves = made.state == SHELVED and change.on_announce == "clear_again"
        waits = made.state in (PENDING, SUSPENDED) and made.awaits != "clear_data"
        if leaves or (waits and reviewed(session, one, made, found.opinions) is None):
            made.state = SUSPENDED if leaves else made.state
            made.awaits, made.awaits_since = "clear_data", act.now
            made.lock += 1


def enter_notice(session: Session, acts: Sequence[Act]) -> list[Act]:
    """The acts with the notice that they were given, which is entered once for all of them.

    Raises:
        Conflict: its number is known with another date.
    """
    act = acts[0]
    if "number" not in act.move.takes:
        return list(acts)
    number, day = str(act.data["number"]).strip(), parse_date(str(act.data["date"]))
    notice = session.execute(select(Notice).where(col(Notice.number) == number)).scalar_one_or_none()
    if notice is None:
        notice = Notice(
            id=new_key("n"),
            number=number,
            day=day or date.min,
            created_by=act.actor.login,
            created_at=act.now,
        )
        session.add(notice)
        session.flush()
    elif notice.day != day:
        raise Conflict(f"通告 {number} 已登记，日期是 {notice.day}；核对文号和日期")
    return [replace(one, notice_id=notice.id) for one in acts]


def _ends(one: Loaded, to: str) -> bool:
    return any(state.key == to and state.final for state in lifecycle_of(one.specs).versions)


def _end(session: Session, one: Loaded, act: Act) -> None:
    one.version.ended_at = one.version.ended_at or act.now
    if one.entry.in_force == one.version.number:
        one.entry.in_force, one.base = None, None
    _set_back(one, act)
    for made in one.distributions:
        if made.state in LIVE:
            # nothing stays on the shelf of what is not in force
            made.state, made.ended_at, made.awaits, made.awaits_since = OFF_SHELF, act.now, None, None
            made.lock += 1
    if act.move.entry_to:
        one.entry.state = act.move.entry_to
        retired = update(CodeRecord).where(col(CodeRecord.entry_id) == one.entry.id)
        session.execute(retired.values(retired_at=act.now))


def _set_back(one: Loaded, act: Act) -> None:
    """A version under way was a change of what has just ended: it is submitted anew as a first one, or ends as well."""
    newest, life = one.newest, lifecycle_of(one.specs)
    state = next(state for state in life.versions if state.key == newest.state)
    if newest is one.version or state.final:
        return
    if act.move.entry_to:
        newest.state, newest.ended_at = act.move.to, act.now
        newest.awaits, newest.awaits_role, newest.awaits_since = None, None, None
    elif not state.editable:
        newest.state = life.index["return"].to
        newest.awaits, newest.awaits_role, newest.awaits_since = "submit", None, act.now


def _set_next(one: Loaded, act: Act, signed: frozenset[tuple[str, str]]) -> None:
    version = one.version
    awaits, role = next_step(one, signed)
    if (awaits, role) != (version.awaits, version.awaits_role) or act.move.key == "submit":
        version.awaits_since = act.now if awaits else None
    version.awaits, version.awaits_role = awaits, role


def next_step(one: Loaded, signed: frozenset[tuple[str, str]]) -> tuple[str | None, str | None]:
    """The move that a version waits for, and the role that signs where it is one."""
    life, version = lifecycle_of(one.specs), one.version
    if any(state.key == version.state and state.editable for state in life.versions):
        return "submit", None
    if version.state == "submitted":
        for signature in life.class_index[version.change_class or "major"].signatures:
            if not any((signature.move, role) in signed for role in signature.by):
                return signature.move, signature.by[0] if len(signature.by) == 1 else None
    if version.state == "approved":
        return "announce", None
    return None, None


def shown_state(one: Loaded) -> str:
    """What the entry is shown as: design of the two lives, first row of ``entry_states`` that holds."""
    if one.entry.state in TOMBSTONES:
        return one.entry.state
    if one.entry.in_force is None:
        return one.newest.state
    return SHELVED if any(d.state == SHELVED for d in one.distributions) else "announced"


# ---- distributions ----------------------------------------------------------------------------------------


def _write_distribution(session: Session, one: Loaded, act: Act) -> str:
    made = one.distribution
    if made is None:
        made = one.distribution = attached(one, act)
        session.add(made)
        session.flush()  # the opinion points at it
        one.distributions.append(made)
        return made.state
    if act.move.to != "same":
        made.state = act.move.to
    if made.state == SHELVED:
        made.shelved_at = made.shelved_at or act.now
    if made.state == OFF_SHELF:
        made.ended_at = act.now
    awaits = _NEXT.get(made.state)
    if awaits and act.move.key == "clear_data":
        awaits = "resume" if made.state == SUSPENDED else "shelve"
    elif awaits and made.state == SUSPENDED and not _takes_back_review(one, act):
        awaits = "resume"
    made.awaits, made.awaits_since = awaits, act.now if awaits else None
    made.lock += 1
    return made.state


def _takes_back_review(one: Loaded, act: Act) -> bool:
    """Whether a reviewer of data suspends what he had cleared, so that it must be reviewed again."""
    return act.held.role in lifecycle_of(one.specs).index["clear_data"].by


def attached(one: Loaded, act: Act) -> Distribution:
    """The distribution that ``attach`` is given.

    Raises:
        Rejected: a part is missing or of the wrong kind; all of them are named.
    """
    data = act.data
    wrong = [f"{key} 须为文本" for key in ("name", "form") if not _is_text(data.get(key))]
    wrong += [f"{key} 须为文本清单" for key in ("patterns", "items") if not _is_list(data.get(key, []))]
    wrong += [] if isinstance(data.get("opened", False), bool) else ["opened 须为 true 或 false"]
    wrong += [
        f"{key} 须为文本"
        for key in ("location", "sha256", "file_name")
        if data.get(key) is not None and not _is_text(data.get(key))
    ]
    wrong += [
        f"{key} 至多 {most} 个字" for key, most in _WIDTHS.items() if len(str(data.get(key) or "")) > most
    ]
    if _is_text(data.get("sha256")) and not _SHA256.fullmatch(data["sha256"]):
        wrong.append("sha256 须为 64 位十六进制摘要（小写）")
    if wrong:
        raise Rejected(
            f"挂接内容有误：{'；'.join(wrong)}", errors=[{"pointer": "/data", "message": w} for w in wrong]
        )
    return Distribution(
        id=new_key("d"),
        entry_id=one.entry.id,
        name=str(data["name"]),
        form=str(data["form"]),
        patterns=[str(p) for p in data.get("patterns", [])],
        items=[str(i) for i in data.get("items", [])],
        opened=bool(data.get("opened", False)),
        location=str(data.get("location") or ""),
        sha256=data.get("sha256"),
        file_name=data.get("file_name"),
        state=act.move.to,
        awaits="clear_data",
        awaits_since=act.now,
        created_by=act.actor.login,
        created_at=act.now,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(_is_text(v) for v in value)
