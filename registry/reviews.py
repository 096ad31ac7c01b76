"""Reviews by the authority: of a plan, and of whether a system is fit to be accepted.

Source: S-ZY 13, 19; S-LPS 8, 20; supervision.yaml, duties.yaml (``review_reasons``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law_supervision import ReviewKind
from registry.agency_checks import Against, refuse
from registry.audit import Act, record
from registry.errors import Conflict, NotFound
from registry.keys import new_key
from registry.lookup import askable
from registry.models import Agency, System, SystemReview
from registry.people import local_day
from registry.permits import Actor, Target, demand, may, roles_of
from registry.recording import Paper
from registry.supervised import (
    agencies_seen,
    day_against,
    file_name_of,
    fit,
    hold_system,
    sees_agency,
    spec_of,
    target_of,
)

PLAN, ACCEPTANCE = "plan", "acceptance"
_PIECE = 500


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a review was not passed: a code of duties.yaml where the city lists them (else empty), and words."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class ReviewGiven:
    """A review as it is entered. ``paper``: its number, day and file; ``year``: that of the day when None."""

    passed: bool
    paper: Paper
    reasons: tuple[Reason, ...] = ()
    vendor: str = ""
    filing_no: str = ""
    filing_day: date | None = None
    year: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReasonShown:
    """A reason for which a review was refused, with its article."""

    code: str
    zh: str
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class ReviewShown:
    """A review as it is shown; ``counts``: the newest of its kind and year; ``files``: who asks may add the filing."""

    id: str
    kind: str
    kind_zh: str
    system_id: str
    year: int
    passed: bool
    reasons: tuple[ReasonShown, ...]
    number: str
    day: date
    vendor: str
    filing_no: str
    filing_day: date | None
    sha256: str | None
    file_name: str | None
    note: str
    by: str
    at: datetime
    counts: bool
    files: bool


# ---- recorded ---------------------------------------------------------------------------------------------


def review_plan(
    session: Session, written: str, given: ReviewGiven, *, actor: Actor, now: datetime
) -> SystemReview:
    """Record the review of a system's plan (方案评审); see ``record_review``. Source: S-ZY 13; S-LPS 8."""
    return record_review(session, written, PLAN, given, actor=actor, now=now)


def review_acceptance(
    session: Session, written: str, given: ReviewGiven, *, actor: Actor, now: datetime
) -> SystemReview:
    """Record the review before acceptance (验收符合性审查); see ``record_review``. Source: S-ZY 19; S-LPS 20."""
    return record_review(session, written, ACCEPTANCE, given, actor=actor, now=now)


def record_review(
    session: Session, written: str, kind: str, given: ReviewGiven, *, actor: Actor, now: datetime
) -> SystemReview:
    """Record a review of a system, named by key, number or name. The newest of a kind and year counts.

    Raises:
        NotFound: no such kind, or no such system is seen. NotAllowed: not the authority.
        Conflict: it is a system of the State or the province (S1 24).
        Rejected: everything that is missing or does not fit is named.
    """
    row = kind_named(kind)
    system, owner = hold_system(session, written, actor=actor)
    specs, today = load(system.profile), local_day(now)
    demand(actor, row.permission, roles_of(specs), target_of(system, owner))
    fitted, against = _fitted(row, given, specs, today)
    refuse(f"不能登记{row.zh}", against)
    assert given.paper.day is not None
    made = SystemReview(
        id=new_key("v"),
        kind=row.key,
        system_id=system.id,
        year=given.year if given.year is not None else given.paper.day.year,
        passed=given.passed,
        reasons=[{"code": one.code, "words": one.words.strip()} for one in given.reasons],
        day=given.paper.day,
        filing_day=given.filing_day,
        data={},
        by=actor.login,
        at=now,
        **fitted,
        sha256=given.paper.sha256,
        file_name=file_name_of(given.paper),
    )
    session.add(made)
    session.flush()
    said = {"review": made.id, "year": made.year, "passed": made.passed, "number": made.number}
    told = {"sha256": made.sha256, "filing_no": made.filing_no, "reasons": made.reasons}
    _record(session, f"review_{row.key}", system, owner, said | told, actor=actor, now=now)
    return made


def kind_named(key: str) -> ReviewKind:
    """A kind of review.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    kinds = spec_of().review_index
    if key not in kinds:
        listed = "、".join(f"{one.key}（{one.zh}）" for one in kinds.values())
        raise NotFound(f"没有“{key[:32]}”这种评审；可用：{listed}")
    return kinds[key]


def _fitted(
    row: ReviewKind, given: ReviewGiven, specs: Specs, today: date
) -> tuple[dict[str, str], list[Against]]:
    limits = spec_of().limits
    number, against = fit(given.paper.number, "文号", limits.number, asked=given.paper.sha256 is None)
    vendor, wrong = fit(given.vendor, "第三方评审机构", limits.vendor, asked=False)
    note, long = fit(given.note, "说明", limits.words, asked=False)
    filing, filed = _filing(row, given.filing_no, given.filing_day, given.paper.day, today)
    against += [*wrong, *long, *day_against(given.paper.day, row.zh, today)]
    against += _year_against(given, today)
    against += _reasons_against(row, given, specs)
    if filing or given.filing_day:
        against += filed if given.passed else [Against("没有通过的评审不报备案")]
    return {"number": number, "vendor": vendor, "note": note, "filing_no": filing}, against


def _year_against(given: ReviewGiven, today: date) -> list[Against]:
    first, last = spec_of().limits.earliest_year, today.year + spec_of().limits.years_ahead
    if given.year is None or first <= given.year <= last:
        return []
    return [Against(f"年度须在 {first} 至 {last} 之间，不能是 {given.year}")]


def _reasons_against(row: ReviewKind, given: ReviewGiven, specs: Specs) -> list[Against]:
    if given.passed:
        return [Against("评审通过的不写不予通过的理由；要保留的意见写在说明中")] if given.reasons else []
    if not given.reasons:
        return [Against(f"没有通过的须写明理由（{_listed(row, specs)}）")]
    found, known = [], codes_of(row, specs)
    for one in given.reasons:
        if known and one.code not in known:
            found.append(Against(f"没有“{one.code[:16]}”这种理由；可用：{_listed(row, specs)}"))
        elif not known and one.code:
            found.append(Against(f"{specs.profile.zh}没有列出理由代码，不写“{one.code[:16]}”，写文字"))
        found += fit(one.words, f"{one.code}的具体问题".removeprefix("的"), spec_of().limits.words)[1]
    coded = [one.code for one in given.reasons if one.code]
    found += [Against(f"理由 {code} 写了两次") for code in sorted({c for c in coded if coded.count(c) > 1})]
    return found


def codes_of(row: ReviewKind, specs: Specs) -> dict[str, str]:
    """The reasons for which a review is failed in this city, as code and Chinese; empty where none are listed."""
    if not row.coded:
        return {}
    return {one.id: one.zh for one in specs.duties.review_reasons if one.profile == specs.profile.key}


def _listed(row: ReviewKind, specs: Specs) -> str:
    return "、".join(f"{code} {zh}" for code, zh in codes_of(row, specs).items()) or "写文字"


# ---- filed ------------------------------------------------------------------------------------------------


def _filing(
    row: ReviewKind, number: str, day: date | None, reviewed: date | None, today: date
) -> tuple[str, list[Against]]:
    said, against = fit(number, "备案号", spec_of().limits.number)
    if not row.filing:
        return said, [Against(f"{row.zh}不报网信办备案，不写备案号")]
    against += day_against(day, "备案", today)
    if day and reviewed and day < reviewed:
        against.append(Against(f"备案日期 {day} 早于评审日期 {reviewed}"))
    return said, against


def file_review(
    session: Session, review_id: str, *, number: str, day: date | None, actor: Actor, now: datetime
) -> SystemReview:
    """Add the filing with the cyberspace office (网信办) to a passed review. Source: S-ZY 13.

    Raises:
        NotFound: there is no such review of a system that is seen. NotAllowed: not the authority.
        Conflict: it was not passed, or is filed already. Rejected: number or day will not do.
    """
    found = find_review(session, review_id, actor=actor)
    system, owner = hold_system(session, found.system_id, actor=actor)
    row, specs = kind_named(found.kind), load(system.profile)
    demand(actor, row.permission, roles_of(specs), target_of(system, owner))
    session.refresh(found)
    if not found.passed or found.filing_no:
        why = f"已备案（{found.filing_no}）" if found.filing_no else "没有通过"
        raise Conflict(f"“{system.name}”{found.year} 年的{row.zh}{why}，不能再登记备案")
    said, against = _filing(row, number, day, found.day, local_day(now))
    refuse("不能登记备案", against)
    found.filing_no, found.filing_day = said, day
    session.flush()
    details = {"review": found.id, "year": found.year, "filing_no": said, "day": str(day)}
    _record(session, "file_review", system, owner, details, actor=actor, now=now)
    return found


# ---- asked ------------------------------------------------------------------------------------------------


def find_review(
    session: Session, review_id: str, *, actor: Actor | None, system_id: str | None = None
) -> SystemReview:
    """A review by its key, of a system whose supervision ``actor`` sees (None: the console); of one system, if named.

    Raises:
        NotFound: there is none.
    """
    query = (
        select(SystemReview)
        .join(System, col(System.id) == col(SystemReview.system_id))
        .join(Agency, col(Agency.id) == col(System.agency_id))
        .where(col(SystemReview.id) == askable(review_id), agencies_seen(actor))
    )
    found = session.execute(query).scalar_one_or_none()
    if found is None or system_id not in (None, found.system_id):
        raise NotFound(f"没有评审“{review_id[:64]}”，或您看不到它")
    return found


def reviews_of(session: Session, system_id: str, *, kind: str | None = None) -> list[SystemReview]:
    """The reviews of a system, the newest first."""
    return newest_first(session, [system_id], kind=kind).get(system_id, [])


def newest_first(
    session: Session, system_ids: Iterable[str], *, kind: str | None = None
) -> dict[str, list[SystemReview]]:
    """The reviews of some systems, by system, the newest first; systems without any are left out."""
    ids, found = sorted(set(system_ids)), dict[str, list[SystemReview]]()
    order = (col(SystemReview.day).desc(), col(SystemReview.at).desc(), col(SystemReview.id).desc())
    for start in range(0, len(ids), _PIECE):
        query = select(SystemReview).where(col(SystemReview.system_id).in_(ids[start : start + _PIECE]))
        if kind is not None:
            query = query.where(col(SystemReview.kind) == kind)
        for review in session.execute(query.order_by(*order)).scalars():
            found.setdefault(review.system_id, []).append(review)
    return found


def latest_review(
    session: Session, system_id: str, kind: str, *, year: int | None = None
) -> SystemReview | None:
    """The review that counts: the newest of its kind, of ``year`` when one is given; None when there is none."""
    rows = reviews_of(session, system_id, kind=kind)
    return next((one for one in rows if year is None or one.year == year), None)


def list_reviews(
    session: Session, system: System, owner: Agency, *, actor: Actor | None
) -> list[ReviewShown]:
    """The reviews of a system as they are shown, the newest first; none for who does not see its supervision."""
    if not sees_agency(actor, owner):
        return []
    return shown_reviews(reviews_of(session, system.id), system, owner, actor=actor)


def shown_reviews(
    rows: Sequence[SystemReview], system: System, owner: Agency, *, actor: Actor | None
) -> list[ReviewShown]:
    """Reviews of one system, the newest first, as they are shown."""
    specs, seen = load(system.profile), set[tuple[str, int]]()
    found = []
    for one in rows:
        row = kind_named(one.kind)
        counts = (one.kind, one.year) not in seen
        seen.add((one.kind, one.year))
        files = (
            one.passed
            and row.filing
            and not one.filing_no
            and _may(actor, row, specs, target_of(system, owner))
        )
        found.append(_shown(one, row, specs, counts=counts, files=files))
    return found


def _may(actor: Actor | None, row: ReviewKind, specs: Specs, target: Target) -> bool:
    return actor is not None and may(actor, row.permission, roles_of(specs), target)


def _shown(one: SystemReview, row: ReviewKind, specs: Specs, *, counts: bool, files: bool) -> ReviewShown:
    named = {reason.id: reason for reason in specs.duties.review_reasons}
    reasons = tuple(
        ReasonShown(
            reason["code"],
            named[reason["code"]].zh if reason["code"] in named else "",
            reason["words"],
            specs.cited(named[reason["code"]].sources) if reason["code"] in named else "",
        )
        for reason in one.reasons
    )
    plain = (
        "id",
        "kind",
        "system_id",
        "year",
        "passed",
        "number",
        "day",
        "vendor",
        "filing_no",
        "filing_day",
    )
    more = ("sha256", "file_name", "note", "by", "at")
    values = {name: getattr(one, name) for name in (*plain, *more)}
    return ReviewShown(kind_zh=row.zh, reasons=reasons, counts=counts, files=files, **values)


def _record(
    session: Session,
    act: str,
    system: System,
    owner: Agency,
    details: dict[str, object],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    said = {
        "agency": owner.code,
        **{key: value for key, value in details.items() if value not in (None, "", [])},
    }
    record(session, [Act(act, system.id, said)], actor=actor.login, now=now, operator=actor.operator)
