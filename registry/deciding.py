"""From rows to the question that the rules decide: the case of one subject and one act."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.blobs import open_blob
from registry.differences import narrowing, overall_class
from registry.effects import Act
from registry.errors import MuluError
from registry.evidence import Proven, is_in_use, live_distributions
from registry.models import Distribution, Version
from registry.subjects import Loaded, lifecycle_of
from registry.surroundings import facts_around
from validators.assess import Assessment, assess
from validators.case import Facts
from validators.gates import MoveCase, Offered
from validators.sharing import GOES_OUT

_REVIEWS = ("clear", "clear_data")


def judge_all(session: Session, loaded: Sequence[Loaded], now: datetime) -> tuple[Facts, list[Assessment]]:
    """Every subject's version judged anew, with what the register knows around them today."""
    facts = facts_around(session, [one.version.content for one in loaded], today=now.date())
    return facts, [assess(one.version.content, one.specs, facts=facts, me=one.entry.id) for one in loaded]


def authors_of(session: Session, loaded: Sequence[Loaded]) -> list[frozenset[str]]:
    """Who wrote or submitted what each move speaks of: all versions since the one in force; the distribution."""
    since = [
        and_(col(Version.entry_id) == one.entry.id, col(Version.number) > _settled(one))
        for one in loaded
        if one.distribution is None
    ]
    found: dict[str, set[str]] = {}
    if since:
        query = select(col(Version.entry_id), col(Version.created_by), col(Version.submitted_by)).where(
            or_(*since)
        )
        for entry_id, created, submitted in session.execute(query):
            found.setdefault(entry_id, set()).update(login for login in (created, submitted) if login)
    return [
        frozenset({one.distribution.created_by} if one.distribution else found.get(one.entry.id, ()))
        for one in loaded
    ]


def _settled(one: Loaded) -> int:
    """The last version that was settled before the one in hand."""
    return one.base.number if one.base is not None and one.base.number < one.version.number else 0


def defaults(one: Loaded, act: Act, judged: Assessment) -> Act:
    """The act with what its maker left to the entry: a review that passes passes it as it is declared."""
    if act.move.key not in _REVIEWS or act.data.get("conclusion") is not None:
        return act
    return replace(act, data={**act.data, "conclusion": _declared(one, judged)})


def _declared(one: Loaded, judged: Assessment) -> str:
    """The narrowest conclusion that the entry's own types ask for."""
    opened = one.version.content.get("open_type") in GOES_OUT
    if not opened:
        return "share_only"
    proof = any(need.need == "desens" for need in judged.needs)
    return "open_when_desensitized" if proof else "share_and_open"


def offered(session: Session, made: Distribution, found: Proven, act: Act) -> Offered:
    """A distribution as its guards see it. A file's bytes are read again, not believed."""
    return Offered(
        form=made.form,
        patterns=tuple(made.patterns),
        items=tuple(made.items),
        opened=made.opened,
        same_bytes=None if made.sha256 is None else _is_whole(session, made.sha256, act.files),
        cleared=found.cleared,
    )


def _is_whole(session: Session, sha256: str, files: Path | None) -> bool:
    """Whether the stored file still has the bytes that it is named by."""
    if files is None:
        return False
    try:
        open_blob(session, sha256, files).close()
    except MuluError:
        return False
    return True


def case_of(
    one: Loaded,
    found: Proven,
    act: Act,
    judged: Assessment,
    facts: Facts,
    *,
    offer: Offered | None,
    late: tuple[str, ...],
) -> MoveCase:
    """Everything that decides whether ``one`` may make the move of ``act``."""
    return MoveCase(
        move=act.move,
        role=act.held.role,
        content=one.version.content,
        assessment=judged,
        specs=one.specs,
        facts=facts,
        change_class=one.version.change_class or _change_class(one, one.specs),
        signed=found.signed,
        records=found.records,
        data=act.data,
        note=act.note,
        in_force=one.entry.in_force is not None,
        open_version=_is_open(one),
        in_use=is_in_use(one),
        narrowed=_narrowed(one),
        live_distributions=live_distributions(one),
        ever_shelved=found.ever_shelved,
        late_remarks=late,
        hints_answered=found.hints_answered,
        distribution=offer,
    )


def _change_class(one: Loaded, specs: Specs) -> str:
    before: Mapping[str, Any] | None = one.base.content if one.base and one.base is not one.version else None
    return overall_class(before, one.version.content, specs)


def _is_open(one: Loaded) -> bool:
    """Whether a version beside the one in force is on its way."""
    states = {state.key: state for state in lifecycle_of(one.specs).versions}
    newest = states[one.newest.state]
    return one.newest.number != one.entry.in_force and not (newest.final or newest.in_force)


def _narrowed(one: Loaded) -> tuple[str, ...]:
    if one.base is None or one.base.number == one.version.number:
        return ()
    return narrowing(one.base.content, one.version.content, one.specs)
