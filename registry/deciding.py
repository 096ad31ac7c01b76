"""From rows to the question that the rules decide: the case of one subject and one act."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import Move
from registry.blobs import open_blob
from registry.differences import narrowing, overall_class
from registry.effects import Act
from registry.errors import MuluError, Rejected
from registry.evidence import Proven, is_in_use, live_distributions, running_grants
from registry.kept import storable, storable_value
from registry.keys import canonical_json
from registry.models import Distribution, Version
from registry.people import local_day
from registry.proof_cases import proof_case
from registry.stores import Store
from registry.subjects import Loaded, lifecycle_of
from registry.surroundings import facts_around
from validators.assess import Assessment, assess
from validators.case import Facts
from validators.gates import MoveCase, Offered
from validators.offers import listed_items
from validators.sharing import GOES_OUT

NOTE_LENGTH = 2000  # as the column is wide
_REVIEWS = ("clear", "clear_data")


def fit_given(move: Move, note: str, data: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """The note and the data of an act, as they can be kept.

    Raises:
        Rejected: ``data`` holds what the move does not take or what JSON has no form for; the note is too long.
    """
    unknown = sorted(set(data or {}) - set(move.takes))
    if unknown:
        takes = "、".join(move.takes) or "（不需要）"
        raise Rejected(
            f"“{move.zh}”不接受 {'、'.join(unknown)}；可给的内容：{takes}",
            errors=[{"pointer": f"/data/{key}", "code": "unknown", "message": "未知内容"} for key in unknown],
        )
    if len(note.strip()) > NOTE_LENGTH:
        said = f"说明至多 {NOTE_LENGTH} 个字，现有 {len(note.strip())} 个"
        raise Rejected(said, errors=[{"pointer": "/note", "code": "too_long", "message": said}])
    given: dict[str, Any] = _in_keys(storable_value(data or {}))
    try:
        canonical_json(given)
    except (TypeError, ValueError) as error:
        raise Rejected("所给内容不是 JSON 能写的值（例如 NaN）；改正后重试") from error
    return storable(note.strip()), given


def _in_keys(given: dict[str, Any]) -> dict[str, Any]:
    """What people write by the names they see (更新周期, 库表) under the keys and codes that are stored."""
    specs = load()
    form = given.get("form")
    if isinstance(form, str):
        named = {value.zh: value.code for value in specs.codes["share_mode_type"].values}
        given["form"] = named.get(form.strip(), form)
    fields = {spec.zh: key for key, spec in specs.fields.items()}
    for row in given["reasons"] if isinstance(given.get("reasons"), list) else ():
        if isinstance(row, dict) and isinstance(row.get("field"), str):
            row["field"] = fields.get(row["field"].strip(), row["field"])
    return given


def check_results(loaded: Sequence[Loaded], move: Move, data: Mapping[str, Any]) -> None:
    """Refuse results of a review item by item that mean nothing: a slip of the pen must not count as passed.

    Raises:
        Rejected: not an object, an unknown item or an unknown result; all are named.
    """
    results = data.get("items")
    if move.key not in _REVIEWS or results is None:
        return
    known = {r.key: r.zh for r in lifecycle_of(loaded[0].specs).secrecy_review.item_results}
    listed = "、".join(f"{key}（{zh}）" for key, zh in known.items())
    if not isinstance(results, Mapping):
        wrong = {"": f"逐项结果写作 {{信息项: 结果}}；结果为 {listed}"}
    else:
        names = {name for one in loaded for name in listed_items(one.version.content)}
        wrong = {f"/{name}": "目录中没有这个信息项" for name in results if name not in names}
        wrong |= {
            f"/{name}": f"没有“{said}”这种结果；可用：{listed}"
            for name, said in results.items()
            if not isinstance(said, str) or said not in known
        }
    if wrong:
        errors = [
            {"pointer": f"/data/items{place}", "code": "result", "message": said}
            for place, said in wrong.items()
        ]
        raise Rejected("；".join(f"{e['pointer']}：{e['message']}" for e in errors), errors=errors)


def judge_all(session: Session, loaded: Sequence[Loaded], now: datetime) -> tuple[Facts, list[Assessment]]:
    """Every subject's version judged anew, with what the register knows around them today."""
    facts = facts_around(session, [one.version.content for one in loaded], today=local_day(now))
    return facts, [assess(one.version.content, one.specs, facts=facts, me=one.entry.id) for one in loaded]


def authors_of(session: Session, loaded: Sequence[Loaded]) -> list[frozenset[str]]:
    """Who wrote or submitted what each move speaks of: all versions since the one in force; the distribution."""
    since = {one.entry.id: one.settled for one in loaded if one.distribution is None}
    found: dict[str, set[str]] = {}
    names = (col(Version.entry_id), col(Version.number), col(Version.created_by), col(Version.submitted_by))
    query = select(*names).where(col(Version.entry_id).in_(since))
    for entry_id, number, *logins in session.execute(query) if since else ():
        if number > since[entry_id]:
            found.setdefault(entry_id, set()).update(login for login in logins if login)
    return [
        frozenset({one.distribution.created_by} if one.distribution else found.get(one.entry.id, ()))
        for one in loaded
    ]


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


def offered(session: Session, one: Loaded, made: Distribution, found: Proven, act: Act) -> Offered:
    """A distribution as its guards see it. A file's bytes are read again, not believed."""
    content, today = one.version.content, local_day(act.now)
    return Offered(
        form=made.form,
        patterns=tuple(made.patterns),
        items=tuple(made.items),
        opened=made.opened,
        same_bytes=None if made.sha256 is None else _is_whole(session, made.sha256, act.files),
        cleared=found.cleared,
        proof=proof_case(session, content, made, one.specs, name=one.name, today=today)
        if made.opened
        else None,
    )


def _is_whole(session: Session, sha256: str, files: Store | None) -> bool:
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
    grants = running_grants(found, local_day(act.now))
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
        in_use=is_in_use(one, grants),
        active_grants=grants,
        narrowed=_narrowed(one),
        live_distributions=live_distributions(one),
        ever_shelved=found.ever_shelved,
        still_at=found.still_at,
        open_orders=found.open_orders,
        archived=one.entry.frozen_at is not None,
        system_over=found.system_over,
        late_remarks=late,
        hints_answered=found.hints_answered,
        distribution=offer,
    )


def _change_class(one: Loaded, specs: Specs) -> str:
    before = one.settled_by.content if one.settled and one.settled_by else None
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
