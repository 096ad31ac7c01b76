"""The main job: a catalogue file in, every row judged, the readable ones registered with their findings beside them."""

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs.model import Level
from registry import codes, entries, systems
from registry.agency_lives import closed_among
from registry.checking import FileCheck, Progress, as_json, entry_name, judge, open_check
from registry.errors import Conflict
from registry.matching import Match, Matcher, Outcome, Register, names_of
from registry.people import local_day
from registry.registering import Mode, Registration, count_rows
from validators.case import Facts


@dataclass(slots=True)
class ImportResult:
    """What came of an import. ``counts`` as documented: total, added, updated, unchanged, refused …

    ``outcomes[n]`` belongs to entry n of ``check``; ``allocated`` are the codes given to entries by number.
    """

    check: FileCheck
    batch_id: str | None
    counts: dict[str, int]
    outcomes: list[Outcome] = field(default_factory=list)
    allocated: dict[int, str] = field(default_factory=dict)


class Moved(Conflict):
    """The register is not any more what a file was judged by."""


def import_workbook(  # noqa: PLR0913  (one option of the command each, by keyword)
    session: Session,
    path: Path,
    *,
    actor: str,
    operator: str = "",
    now: datetime,
    mode: Mode = "draft",
    profile: str | None = None,
    provider: tuple[str, str] | None = None,
    all_or_nothing: bool = False,
    providers: Container[str] | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Read, judge and register a catalogue file in the caller's transaction.

    Every row with a name and a valid provider code becomes a draft (in mode ``existing``: an entry in force)
    with its findings beside it; the others are refused and named. An entry is found by its code, else by
    provider and name, so that a corrected file can come again: equal content changes nothing. What is under
    review is not changed, and with ``providers`` (codes) only their entries are written. A file with a
    secret row registers nothing (§12 R1); nor does one with any error under ``all_or_nothing``.

    Raises:
        Unreadable: the file cannot be read; nothing was registered.
    """
    check = open_check(path, profile=profile, provider=provider)
    if not check.secret:
        entries.lock_register(session)
    judged = _judged(session, check, now=now, providers=providers, progress=progress)
    return _save(
        session, judged, actor=actor, operator=operator, now=now, mode=mode, all_or_nothing=all_or_nothing
    )


# ---- in two steps: a long reading and judging, a short writing --------------------------------------------


@dataclass(slots=True)
class Judged:
    """A file judged by the register as it was seen; to be saved while the register is still the same."""

    check: FileCheck
    matches: list[Match]
    view: "View | None"


def judge_import(
    session: Session,
    path: Path,
    *,
    now: datetime,
    profile: str | None = None,
    provider: tuple[str, str] | None = None,
    providers: Container[str] | None = None,
    progress: Progress | None = None,
) -> Judged:
    """The first step of ``import_workbook``, in a reading session: nothing is locked while it lasts.

    Raises:
        Unreadable: the file cannot be read.
    """
    check = open_check(path, profile=profile, provider=provider)
    return _judged(session, check, now=now, providers=providers, progress=progress)


def save_import(
    session: Session,
    judged: Judged,
    *,
    actor: str,
    operator: str = "",
    now: datetime,
    mode: Mode = "draft",
    all_or_nothing: bool = False,
) -> ImportResult:
    """The second step: register what was judged.

    Raises:
        Moved: the register has changed in between; judge it again.
    """
    if judged.view is not None:
        entries.lock_register(session)
        fresh = View(session, judged.check)
        if fresh.mark() != judged.view.mark():
            raise Moved("登记内容在校验期间有变化；请重新导入")
        judged.view = fresh
    return _save(
        session, judged, actor=actor, operator=operator, now=now, mode=mode, all_or_nothing=all_or_nothing
    )


class View:
    """What the register knows that a file is matched with and judged by."""

    def __init__(self, session: Session, check: FileCheck) -> None:
        self.agencies = systems.agencies_by_code(session)
        self.systems = systems.systems_by_agency(session)
        self.known_codes = codes.known_codes(session)
        providers = {str(row.content.get("provider_code") or "") for row in check.sheets.entries}
        self.known = entries.known_entries(session, providers)
        self.elsewhere = entries.names_elsewhere(session)

    def mark(self) -> tuple[Any, ...]:
        """All of it as plain values, which are equal when nothing has changed."""
        agencies = {
            code: (a.id, a.name, a.kind, a.region, a.number, a.valid_until, a.successor_id)
            for code, a in self.agencies.items()
        }
        listed = {s.id: (s.agency_id, s.ident, s.name) for found in self.systems.values() for s in found}
        return agencies, listed, self.known_codes, sorted(self.known), self.elsewhere

    def facts(self, matches: list[Match], now: datetime) -> Facts:
        """The same for the rules."""
        matched = frozenset(match.entry_id for match in matches if match.known)
        return Facts(
            today=local_day(now),
            names=names_of(self.known, matched),
            elsewhere=self.elsewhere,
            codes=frozenset(self.known_codes),
            agency_kinds={code: agency.kind for code, agency in self.agencies.items()},
            systems={s.ident: s.name for found in self.systems.values() for s in found if s.ident},
        )


def _judged(
    session: Session,
    check: FileCheck,
    *,
    now: datetime,
    providers: Container[str] | None,
    progress: Progress | None,
) -> Judged:
    if check.secret:
        return Judged(check, [], None)
    view = View(session, check)
    closed = closed_among(session, view.agencies.values(), local_day(now))
    register = Register(view.known, view.known_codes, view.agencies, closed)
    matches = Matcher(check.sheets.entries, register, check.specs, providers=providers).match_all()
    judge(check, view.facts(matches, now), keys=[match.entry_id for match in matches], progress=progress)
    return Judged(check, matches, view)


def _save(
    session: Session,
    judged: Judged,
    *,
    actor: str,
    operator: str,
    now: datetime,
    mode: Mode,
    all_or_nothing: bool,
) -> ImportResult:
    check, matches, view = judged.check, judged.matches, judged.view
    if view is None:
        return ImportResult(check, None, {"total": 0, "refused": 0})
    if all_or_nothing and check.count()[Level.ERROR]:
        for match in matches:
            match.outcome = "refused"
        return ImportResult(check, None, count_rows(check, matches), [match.outcome for match in matches])
    registration = Registration(
        session,
        check,
        matches,
        agencies=view.agencies,
        known_systems=view.systems,
        mode=mode,
        actor=actor,
        operator=operator,
        now=now,
    )
    counts = registration.save()
    outcomes = [match.outcome for match in matches]
    return ImportResult(check, registration.batch_id, counts, outcomes, registration.allocated)


def import_json(result: ImportResult, lang: str) -> dict[str, Any]:
    """The report of an import as JSON: that of the check, with counts, outcomes and allocated codes."""
    names = [entry_name(entry) for entry in result.check.sheets.entries]
    outcomes = [{"entry": n, "outcome": o} for n, o in zip(names, result.outcomes, strict=False)]
    more = {"batch": result.batch_id, "counts": result.counts, "outcomes": outcomes}
    return as_json(result.check, lang) | more | {"allocated": sorted(result.allocated.values())}
