"""The main job: a catalogue file in, every row judged, the readable ones registered with their findings beside them."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from catalog_specs.model import Level
from registry import codes, entries, systems
from registry.checking import FileCheck, Progress, judge, open_check
from registry.matching import Matcher, Outcome, Register, names_of
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


def import_workbook(
    session: Session,
    path: Path,
    *,
    actor: str,
    now: datetime,
    mode: Mode = "draft",
    profile: str | None = None,
    provider: tuple[str, str] | None = None,
    all_or_nothing: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Read, judge and register a catalogue file in the caller's transaction.

    Every row with a name and a valid provider code becomes a draft (in mode ``existing``: an entry in force)
    with its findings beside it; the others are refused and named. An entry is found by its code, else by
    provider and name, so that a corrected file can come again: equal content changes nothing. A file with a
    secret row registers nothing (§12 R1); nor does one with any error under ``all_or_nothing``.

    Raises:
        Unreadable: the file cannot be read; nothing was registered.
    """
    check = open_check(path, profile=profile, provider=provider)
    if check.secret:
        return ImportResult(check, None, {"total": 0, "refused": 0})
    importer = _Import(session, check, actor=actor, now=now, mode=mode)
    judge(check, importer.facts(), keys=[m.entry_id for m in importer.matches], progress=progress)
    if all_or_nothing and check.count()[Level.ERROR]:
        return importer.refuse_all()
    return importer.save()


class _Import:
    """One import under way: matched when it is made, then judged, then saved."""

    def __init__(self, session: Session, check: FileCheck, *, actor: str, now: datetime, mode: Mode) -> None:
        self.session, self.check = session, check
        self.actor, self.now, self.mode = actor, now, mode
        rows = check.sheets.entries
        entries.lock_register(session)
        self.agencies = systems.agencies_by_code(session)
        self.systems = systems.systems_by_agency(session)
        self.known_codes = codes.known_codes(session)
        providers = {str(row.content.get("provider_code") or "") for row in rows}
        self.known = entries.known_entries(session, providers)
        register = Register(self.known, self.known_codes, self.agencies)
        self.matches = Matcher(rows, register, check.specs).match_all()

    def facts(self) -> Facts:
        """What the register knows, for the rules."""
        matched = frozenset(match.entry_id for match in self.matches if match.known)
        return Facts(
            today=self.now.date(),
            names=names_of(self.known, matched),
            elsewhere=entries.names_elsewhere(self.session),
            codes=frozenset(self.known_codes),
            agency_kinds={code: agency.kind for code, agency in self.agencies.items()},
            systems={s.ident: s.name for found in self.systems.values() for s in found if s.ident},
        )

    def refuse_all(self) -> ImportResult:
        """Nothing is registered."""
        for match in self.matches:
            match.outcome = "refused"
        return ImportResult(self.check, None, count_rows(self.check, self.matches), self._outcomes())

    def save(self) -> ImportResult:
        """Everything that can be registered is."""
        registration = Registration(
            self.session,
            self.check,
            self.matches,
            agencies=self.agencies,
            known_systems=self.systems,
            mode=self.mode,
            actor=self.actor,
            now=self.now,
        )
        counts = registration.save()
        allocated = registration.allocated
        return ImportResult(self.check, registration.batch_id, counts, self._outcomes(), allocated)

    def _outcomes(self) -> list[Outcome]:
        return [match.outcome for match in self.matches]
