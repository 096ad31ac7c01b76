"""The main job: a catalogue file in, every row judged, the readable ones registered with their findings beside them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import insert
from sqlalchemy.orm import Session

from catalog_specs import Specs, load
from catalog_specs.model import Level
from registry import audit, codes, entries, systems
from registry.checking import FileCheck, Progress, choose_profile, file_sha256, fill_provider, judge, read_file
from registry.entries import ANNOUNCED, DRAFT, Known, NewVersion
from registry.keys import digest_of, new_key
from registry.models import Agency, ImportBatch
from registry.origins import ReadEntry
from validators.assess import Assessment
from validators.case import Facts
from validators.codes import credit_code_fault
from validators.findings import Finding, Need
from validators.folding import fold

Mode = Literal["draft", "existing"]
Outcome = Literal["added", "updated", "unchanged", "refused"]


@dataclass(slots=True)
class Match:
    """What a row is to the register: a new entry, one it already holds, or a row that cannot be registered."""

    entry_id: str
    known: Known | None = None
    refused: bool = False
    given_code: str = ""
    outcome: Outcome = "added"


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
    specs = load(profile)
    kind, sheets = read_file(path, specs)
    if profile is None:
        specs = load(choose_profile(sheets, specs))
    check = FileCheck(path, file_sha256(path), kind, specs, sheets)
    check.secret = any(located.finding.rule == "E125" for located in sheets.findings)
    if check.secret:
        return ImportResult(check, None, {"total": 0, "refused": 0})
    if provider:
        fill_provider(sheets.entries, provider)
    importer = _Import(session, check, actor=actor, now=now, mode=mode)
    importer.match()
    judge(check, importer.facts(), keys=[m.entry_id for m in importer.matches], progress=progress)
    if all_or_nothing and check.count()[Level.ERROR]:
        return ImportResult(check, None, importer.refuse_all())
    return importer.save()


class _Import:
    """One import under way: matches first, then the judgement, then everything saved in bulk."""

    def __init__(self, session: Session, check: FileCheck, *, actor: str, now: datetime, mode: Mode) -> None:
        self.session, self.check, self.specs = session, check, check.specs
        self.actor, self.now, self.mode = actor, now, mode
        self.rows: list[ReadEntry] = check.sheets.entries
        self.matches: list[Match] = []
        self.agencies: dict[str, Agency] = systems.agencies_by_code(session)
        self.known_codes = codes.known_codes(session)
        self.known = entries.known_entries(session, (str(r.content.get("provider_code") or "") for r in self.rows))

    # ---- matching ----

    def match(self) -> None:
        """Tell for each row which entry it is."""
        by_id = {known.entry_id: known for known in self.known}
        by_name = self._by_name()
        seen: dict[str, int] = {}
        for row in self.rows:
            match = self._match_row(row, by_id, by_name)
            if not match.refused:
                key = match.entry_id if match.known else _row_key(row.content)
                if key in seen:
                    self._refuse(row, match, "repeated", str(seen[key]))
                seen.setdefault(key, row.origin.row)
            self.matches.append(match)

    def _by_name(self) -> dict[tuple[str, str], Known]:
        """Registered entries by provider and name; those that a row of this file claims by code come last."""
        claimed = {str(row.content.get("resource_code") or "") for row in self.rows}
        ordered = sorted(self.known, key=lambda known: known.code not in claimed)
        return {(known.provider_code, known.folded): known for known in ordered}

    def _match_row(
        self, row: ReadEntry, by_id: Mapping[str, Known], by_name: Mapping[tuple[str, str], Known]
    ) -> Match:
        content = row.content
        name, provider = str(content.get("resource_name") or ""), str(content.get("provider_code") or "")
        match = Match(new_key("e"))
        if not name:
            return self._refuse(row, match, "name")
        if not provider or credit_code_fault(provider, self.specs.credit_code):
            return self._refuse(row, match, "provider")
        self._check_name(row, provider)
        code = str(content.get("resource_code") or "")
        owner, retired = self.known_codes.get(code, ("", False))
        if retired:
            return self._refuse(row, match, "retired_code", code)
        known = by_id.get(owner) if owner else by_name.get((provider, fold(name)))
        if owner and (known is None or known.provider_code != provider):
            return self._refuse(row, match, "code_taken", code)
        if known is None:
            match.given_code = code if self.specs.resource_code.imported.fullmatch(code) else ""
            return match
        if code and known.code and code != known.code:
            return self._refuse(row, match, "code_allocated", known.code)
        if known.code:
            content["resource_code"] = known.code
        elif code and self.specs.resource_code.imported.fullmatch(code):
            match.given_code = code
        match.entry_id, match.known = known.entry_id, known
        return match

    def _check_name(self, row: ReadEntry, provider: str) -> None:
        agency = self.agencies.get(provider)
        name = str(row.content.get("provider_name") or "")
        if agency is not None and name and fold(name) != fold(agency.name):
            row.findings.append(Finding("W234", "provider_name", value=name, params={"other": agency.name}))

    @staticmethod
    def _refuse(row: ReadEntry, match: Match, reason: str, value: str = "") -> Match:
        key = {"provider": "provider_code", "name": "resource_name"}.get(reason, "resource_code")
        row.findings.append(Finding("E167", key, value=value, reason=reason, params={"value": value}))
        match.refused, match.outcome = True, "refused"
        return match

    def facts(self) -> Facts:
        """What the register knows, for the rules."""
        names: dict[tuple[str, str], tuple[str, ...]] = {}
        for known in self.known:
            place = (known.provider_code, known.folded)
            names[place] = (*names.get(place, ()), known.entry_id)
        # an entry of this file that is renamed no longer holds its old name
        renamed = {m.entry_id for m in self.matches if m.known}
        names = {p: tuple(k for k in keys if k not in renamed) for p, keys in names.items()}
        listed = systems.systems_by_agency(self.session)
        return Facts(
            today=self.now.date(),
            names=names,
            elsewhere=entries.names_elsewhere(self.session),
            codes=frozenset(self.known_codes),
            agency_kinds={code: agency.kind for code, agency in self.agencies.items()},
            systems={s.ident: s.name for found in listed.values() for s in found if s.ident},
        )

    # ---- saving ----

    def refuse_all(self) -> dict[str, int]:
        return {"total": len(self.rows), "added": 0, "updated": 0, "unchanged": 0, "refused": len(self.rows)}

    def save(self) -> ImportResult:
        """Save everything in bulk: agencies, systems, codes, the batch, entries, versions, items, the record."""
        kept = [n for n, match in enumerate(self.matches) if not match.refused]
        agencies = self._agencies(kept)
        system_ids = self._systems(kept, agencies)
        allocated = self._codes(kept, agencies)
        batch_id = new_key("b")
        versions = {n: self._version(n) for n in kept}
        for n in kept:
            known = self.matches[n].known
            if known is not None:
                same = digest_of(dict(versions[n].content)) == known.digest
                self.matches[n].outcome = "unchanged" if same else "updated"
        counts = self._counts()
        self._batch(batch_id, counts)
        self._entries(kept, versions, agencies, system_ids)
        fresh = [v for n, v in versions.items() if self.matches[n].outcome != "unchanged"]
        digests = entries.save_versions(
            self.session, fresh, self.specs, batch_id=batch_id, actor=self.actor, now=self.now
        )
        stale = [v for n, v in versions.items() if self.matches[n].outcome == "unchanged"]
        entries.refresh_findings(self.session, stale, self.specs)
        self._record(batch_id, fresh, digests, counts)
        return ImportResult(self.check, batch_id, counts, [m.outcome for m in self.matches], allocated)

    def _agencies(self, kept: Sequence[int]) -> dict[str, Agency]:
        providers = [
            systems.Provider(
                str(self.rows[n].content["provider_code"]),
                str(self.rows[n].content.get("provider_name") or ""),
                str(self.rows[n].content.get("resource_code") or ""),
            )
            for n in kept
        ]
        created = systems.create_agencies(self.session, providers, self.agencies, self.specs, now=self.now)
        told: set[str] = set()
        for n in kept:
            code = str(self.rows[n].content["provider_code"])
            if code in created and code not in told:
                told.add(code)
                self._created(n, "provider_code", "单位", created[code].name)
        return self.agencies | created

    def _created(self, number: int, key: str, kind: str, name: str) -> None:
        self.rows[number].findings.append(Finding("N305", key, value=name, params={"kind": kind}))

    def _systems(self, kept: Sequence[int], agencies: Mapping[str, Agency]) -> dict[int, str]:
        known = systems.systems_by_agency(self.session)
        wanted = {
            n: (agencies[str(self.rows[n].content["provider_code"])], str(named))
            for n in kept
            if (named := self.rows[n].content.get("source_system_id"))
        }
        found = systems.create_systems(self.session, wanted.values(), known, self.specs, now=self.now)
        existing = {system.id for listed in known.values() for system in listed}
        told: set[str] = set()
        chosen: dict[int, str] = {}
        for n, (agency, written) in wanted.items():
            system_id = found.get((agency.id, written))
            if system_id is None:
                continue
            chosen[n] = system_id
            if system_id not in existing and system_id not in told:
                told.add(system_id)
                self._created(n, "source_system_id", "系统", written)
        return chosen

    def _codes(self, kept: Sequence[int], agencies: Mapping[str, Agency]) -> dict[int, str]:
        """Enter the codes that were brought along, then give codes to the entries that have none."""
        given = {self.matches[n].entry_id: self.matches[n].given_code for n in kept if self.matches[n].given_code}
        codes.keep_given(self.session, given, now=self.now)
        wanted = {}
        for n in kept:
            known = self.matches[n].known
            if self.rows[n].content.get("resource_code") or (known and known.code):
                continue
            agency = agencies[str(self.rows[n].content["provider_code"])]
            head = codes.class_code(self.rows[n].content, agency.region, agency.number, self.specs)
            if head is not None:
                wanted[n] = (self.matches[n].entry_id, head)
        made = codes.allocate(self.session, list(wanted.values()), self.specs, now=self.now)
        allocated = {n: made[entry_id] for n, (entry_id, _) in wanted.items()}
        for n, code in allocated.items():
            self.rows[n].content["resource_code"] = code
            self.rows[n].findings.append(Finding("N304", "resource_code", value=code))
        return allocated

    def _version(self, number: int) -> NewVersion:
        row, match = self.rows[number], self.matches[number]
        assessment = self.check.assessments[number]
        found = self.check.findings_of(number)
        levels = Counter(self.specs.rules[f.rule].level for f in found)
        newest = match.known.newest if match.known else 0
        content = row.content
        same = match.known is not None and digest_of(content) == match.known.digest
        return NewVersion(
            entry_id=match.entry_id,
            number=newest if same else newest + 1,
            content=content,
            state=ANNOUNCED if self.mode == "existing" else DRAFT,
            findings=[stored_finding(f) for f in found],
            needs=[stored_need(n) for n in assessment.needs],
            errors=levels[Level.ERROR],
            warnings=levels[Level.WARNING],
            folded=fold(str(content.get("resource_name") or "")),
        )

    def _counts(self) -> dict[str, int]:
        counted = Counter(match.outcome for match in self.matches)
        counts: dict[str, int] = {"total": len(self.matches)}
        counts |= {name: counted[name] for name in ("added", "updated", "unchanged", "refused")}
        levels = self.check.count()
        return counts | {"errors": levels[Level.ERROR], "warnings": levels[Level.WARNING]}

    def _batch(self, batch_id: str, counts: Mapping[str, int]) -> None:
        row = {
            "id": batch_id,
            "file_name": self.check.path.name[:255],
            "sha256": self.check.sha256,
            "mode": self.mode,
            "profile": self.specs.profile.key,
            "spec": self.specs.digest,
            "actor": self.actor,
            "at": self.now,
            "counts": dict(counts),
        }
        self.session.execute(insert(ImportBatch), [row])

    def _entries(
        self,
        kept: Sequence[int],
        versions: Mapping[int, NewVersion],
        agencies: Mapping[str, Agency],
        system_ids: Mapping[int, str],
    ) -> None:
        new, steps, drafts = [], [], []
        for n in kept:
            match, version = self.matches[n], versions[n]
            in_force = version.number if self.mode == "existing" else None
            shared = {"id": match.entry_id, "system_id": system_ids.get(n), "newest": version.number}
            if match.known is None:
                agency = agencies[str(self.rows[n].content["provider_code"])]
                new.append(shared | self._new_entry(n, agency, version, in_force))
            elif match.outcome == "updated":
                state = {"state": version.state} if self._shows_newest(match.known) else {}
                steps.append(shared | state | ({"in_force": in_force} if in_force else {}) | self._code_of(n))
                drafts.append((match.entry_id, match.known.newest))
        entries.save_entries(self.session, new)
        for keys in {tuple(sorted(step)) for step in steps}:
            entries.advance(self.session, [step for step in steps if tuple(sorted(step)) == keys])
        entries.supersede_drafts(self.session, drafts)

    def _shows_newest(self, known: Known) -> bool:
        """An entry in force goes on showing that state while its next version is a draft."""
        return known.state == DRAFT or self.mode == "existing"

    def _new_entry(self, n: int, agency: Agency, version: NewVersion, in_force: int | None) -> dict[str, Any]:
        return {
            "agency_id": agency.id,
            "state": version.state,
            "in_force": in_force,
            "created_at": self.now,
            "lock": 1,
        } | self._code_of(n, always=True)

    def _code_of(self, n: int, *, always: bool = False) -> dict[str, Any]:
        match = self.matches[n]
        code = self.rows[n].content.get("resource_code")
        if match.known and match.known.code and not always:
            return {}
        usable = code if code and self.specs.resource_code.imported.fullmatch(str(code)) else None
        status = "given" if match.given_code else "provisional" if usable else "none"
        return {"code": usable, "code_status": status}

    def _record(
        self, batch_id: str, fresh: Sequence[NewVersion], digests: Mapping[str, str], counts: Mapping[str, int]
    ) -> None:
        first = audit.Act(
            "import", batch_id, {"sha256": self.check.sha256, "mode": self.mode, "counts": dict(counts)}
        )
        acts = [
            audit.Act("register", v.entry_id, {"version": v.number, "digest": digests[v.entry_id]}) for v in fresh
        ]
        audit.record(self.session, [first, *acts], actor=self.actor, now=self.now)


def _row_key(content: Mapping[str, Any]) -> str:
    code = content.get("resource_code")
    return f"code:{code}" if code else f"name:{content.get('provider_code')}:{fold(str(content.get('resource_name')))}"


def stored_finding(finding: Finding) -> dict[str, Any]:
    """A finding as kept beside a version; ``restored_finding`` gives it back."""
    row = {"rule": finding.rule, "field": finding.field, "item": finding.item, "value": finding.value}
    return row | {"reason": finding.reason, "params": dict(finding.params)}


def restored_finding(row: Mapping[str, Any]) -> Finding:
    return Finding(row["rule"], row["field"], row["item"], row["value"], row["reason"], row["params"])


def stored_need(need: Need) -> dict[str, Any]:
    """A need as kept beside a version."""
    return {"need": need.need, "reason": need.reason, "params": dict(need.params)}


def restored_need(row: Mapping[str, Any]) -> Need:
    return Need(row["need"], row["reason"], row["params"])


