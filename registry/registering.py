"""Judged rows written into the register, in bulk: agencies, systems, codes, the batch, entries, versions, the record."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import insert
from sqlalchemy.orm import Session

from catalog_specs.law_lifecycle import Lifecycle
from catalog_specs.model import Level
from registry import audit, codes, entries, outbox, systems
from registry.checking import FileCheck
from registry.entries import ANNOUNCED, DRAFT, NewVersion
from registry.kept import storable, stored_finding, stored_need
from registry.keys import digest_of, new_key
from registry.list_lines import InForce, save_lines
from registry.matching import Match
from registry.models import Agency, ImportBatch, System
from registry.origins import ReadEntry
from validators.codes import is_resource_code
from validators.findings import Finding
from validators.folding import fold

Mode = Literal["draft", "existing"]


class Registration:
    """The rows of one file that can be registered, on their way into the tables. Row numbers count from 0."""

    def __init__(
        self,
        session: Session,
        check: FileCheck,
        matches: Sequence[Match],
        *,
        agencies: Mapping[str, Agency],
        known_systems: Mapping[str, list[System]],
        mode: Mode,
        actor: str,
        operator: str = "",
        now: datetime,
    ) -> None:
        self.session, self.check, self.specs = session, check, check.specs
        self.operator = operator
        self.matches, self.mode, self.actor, self.now = matches, mode, actor, now
        self.rows: list[ReadEntry] = check.sheets.entries
        self.kept = [n for n, match in enumerate(matches) if not match.refused and not match.untouched]
        self.editable = {
            state.key for state in self.specs.document("lifecycle", Lifecycle).versions if state.editable
        }
        self.batch_id = new_key("b")
        self.agencies = dict(agencies)
        self.known_systems = known_systems
        self.system_ids: dict[int, str] = {}
        self.allocated: dict[int, str] = {}

    def save(self) -> dict[str, int]:
        """Write everything; gives the counts of the answer."""
        self._create_agencies()
        self._create_systems()
        self._give_codes()
        versions = {n: self._version(n) for n in self.kept}
        for n, version in versions.items():
            self.matches[n].outcome = self._outcome(self.matches[n], version)
        counts = count_rows(self.check, self.matches)
        self._save_batch(counts)
        self._save_entries(versions)
        fresh = [version for n, version in versions.items() if self._is_fresh(n, version)]
        same = [version for n, version in versions.items() if not self._is_fresh(n, version)]
        digests = entries.save_versions(
            self.session, fresh, self.specs, batch_id=self.batch_id, actor=self.actor, now=self.now
        )
        entries.refresh_findings(self.session, same, self.specs)
        self._record(fresh, digests, counts, self._lines(versions))
        return counts

    def _lines(self, versions: Mapping[int, NewVersion]) -> dict[str, dict[str, str]]:
        """The lines of what comes into force by this import: entry id -> list -> digest."""
        if self.mode != "existing":
            return {}
        # what was in force already keeps the line, and the promise, that it has
        taken = [v for n, v in versions.items() if self.matches[n].outcome != "unchanged"]
        made = (InForce(v.entry_id, v.number, v.content, v.digest, self.now) for v in taken)
        return save_lines(self.session, made, self.specs)

    # ---- what the rows name ----

    def _text(self, n: int, key: str) -> str:
        return str(self.rows[n].content.get(key) or "")

    def _agency(self, n: int) -> Agency:
        return self.agencies[self._text(n, "provider_code")]

    def _create_agencies(self) -> None:
        keys = ("provider_code", "provider_name", "resource_code")
        providers = [systems.Provider(*(self._text(n, key) for key in keys)) for n in self.kept]
        created = systems.create_agencies(self.session, providers, self.agencies, self.specs, now=self.now)
        self.agencies |= created
        for n in self.kept:
            agency = created.pop(self._text(n, "provider_code"), None)
            if agency is not None:
                self._note_new(n, "provider_code", "单位", agency.name)

    def _create_systems(self) -> None:
        wanted = {
            n: (self._agency(n), named) for n in self.kept if (named := self._text(n, "source_system_id"))
        }
        found = systems.create_systems(
            self.session, wanted.values(), self.known_systems, self.specs, now=self.now
        )
        told = {system.id for listed in self.known_systems.values() for system in listed}
        for n, (agency, written) in wanted.items():
            system_id = found.get((agency.id, written))
            if system_id is None:
                continue
            self.system_ids[n] = system_id
            if system_id not in told:
                told.add(system_id)
                self._note_new(n, "source_system_id", "系统", written)

    def _note_new(self, n: int, key: str, kind: str, name: str) -> None:
        self.rows[n].findings.append(Finding("N305", key, value=name, params={"kind": kind}))

    def _give_codes(self) -> None:
        """Enter the codes that were brought along, then give codes to the entries that have none."""
        matches = [self.matches[n] for n in self.kept]
        codes.keep_given(
            self.session, {m.entry_id: m.given_code for m in matches if m.given_code}, now=self.now
        )
        heads = {n: self._class_code(n) for n in self.kept if not self._text(n, "resource_code")}
        wanted = [(self.matches[n].entry_id, head) for n, head in heads.items() if head is not None]
        made = codes.allocate(self.session, wanted, self.specs, now=self.now)
        for n, head in heads.items():
            if head is not None:
                code = self.allocated[n] = made[self.matches[n].entry_id]
                self.rows[n].content["resource_code"] = code
                self.rows[n].findings.append(Finding("N304", "resource_code", value=code))

    def _class_code(self, n: int) -> str | None:
        agency = self._agency(n)
        return codes.class_code(self.rows[n].content, agency.region, agency.number, self.specs)

    # ---- versions ----

    def _version(self, n: int) -> NewVersion:
        content, known = self.rows[n].content, self.matches[n].known
        found = self.check.findings_of(n)
        levels = Counter(self.specs.rules[f.rule].level for f in found)
        digest = digest_of(content)
        newest = known.newest if known else 0
        return NewVersion(
            entry_id=self.matches[n].entry_id,
            number=newest if known and digest == known.digest else newest + 1,
            content=content,
            digest=digest,
            state=ANNOUNCED if self.mode == "existing" else DRAFT,
            findings=[stored_finding(f) for f in found],
            needs=[stored_need(need) for need in self.check.assessments[n].needs],
            errors=levels[Level.ERROR],
            warnings=levels[Level.WARNING],
            folded=fold(self._text(n, "resource_name")),
        )

    def _outcome(self, match: Match, version: NewVersion) -> Literal["added", "updated", "unchanged"]:
        known = match.known
        if known is None:
            return "added"
        put_in_force = self.mode == "existing" and known.in_force != known.newest
        return "updated" if version.number > known.newest or put_in_force else "unchanged"

    def _is_fresh(self, n: int, version: NewVersion) -> bool:
        known = self.matches[n].known
        return known is None or version.number > known.newest

    # ---- entries ----

    def _save_entries(self, versions: Mapping[int, NewVersion]) -> None:
        new, steps = [], []
        replaced: list[tuple[str, int]] = []
        for n, version in versions.items():
            match = self.matches[n]
            if match.outcome == "unchanged":
                continue
            step = {"id": match.entry_id, "system_id": self.system_ids.get(n), "newest": version.number}
            step |= self._state(match, version) | self._code(n)
            if match.known is None:
                more = {"agency_id": self._agency(n).id, "created_at": self.now, "lock": 1, "in_force": None}
                new.append(more | step)
            else:
                steps.append(step)
                replaced += self._replaced(match, version)
        entries.save_entries(self.session, new)
        entries.advance(self.session, steps)
        entries.supersede(self.session, replaced)
        if self.mode == "existing":
            same = [v.entry_id for n, v in versions.items() if not self._is_fresh(n, v)]
            entries.announce_newest(self.session, same)
            entries.take_off_shelf(self.session, [str(step["id"]) for step in steps], now=self.now)
        outbox.mark(self.session, self._offering(versions), "import", now=self.now)

    def _offering(self, versions: Iterable[int]) -> Iterable[str]:
        """The entries in force that this import changes: a new code, or another version, may change their offers."""
        touched = (self.matches[n] for n in versions)
        return (m.entry_id for m in touched if m.outcome != "unchanged" and m.known and m.known.in_force)

    def _state(self, match: Match, version: NewVersion) -> dict[str, Any]:
        """The state that the entry shows: one in force goes on showing it while its next version is a draft."""
        if self.mode == "existing":
            return {"state": version.state, "in_force": version.number}
        return {"state": version.state} if match.known is None or match.known.in_force is None else {}

    def _replaced(self, match: Match, version: NewVersion) -> Iterable[tuple[str, int]]:
        """The versions that the new one sets aside: an old or returned draft, and what was in force if it is now."""
        known = match.known
        if known is None:
            return
        if known.state in self.editable and version.number > known.newest:
            yield match.entry_id, known.newest
        if self.mode == "existing" and known.in_force not in (None, version.number, known.newest):
            yield match.entry_id, int(known.in_force or 0)
        if self.mode == "existing" and known.in_force == known.newest < version.number:
            yield match.entry_id, known.newest

    def _code(self, n: int) -> dict[str, Any]:
        match, code = self.matches[n], self.rows[n].content.get("resource_code")
        if match.known and match.known.code:
            return {}
        usable = code if is_resource_code(code, self.specs.resource_code) else None
        status = "given" if match.given_code else "provisional" if usable else "none"
        return {"code": usable, "code_status": status}

    # ---- the record ----

    def _save_batch(self, counts: Mapping[str, int]) -> None:
        row = {
            "id": self.batch_id,
            "file_name": storable(self.check.path.name)[:255],
            "sha256": self.check.sha256,
            "mode": self.mode,
            "profile": self.specs.profile.key,
            "spec": self.specs.digest,
            "actor": self.actor,
            "at": self.now,
            "counts": dict(counts),
        }
        self.session.execute(insert(ImportBatch), [row])

    def _record(
        self,
        fresh: Sequence[NewVersion],
        digests: Mapping[str, str],
        counts: Mapping[str, int],
        lines: Mapping[str, dict[str, str]],
    ) -> None:
        details = {"sha256": self.check.sha256, "mode": self.mode, "counts": dict(counts)}
        acts = [audit.Act("import", self.batch_id, details)]

        def taken(entry_id: str) -> dict[str, Any]:
            return {"lines": lines[entry_id]} if lines.get(entry_id) else {}

        acts += [
            audit.Act(
                "register",
                v.entry_id,
                {"version": v.number, "digest": digests[v.entry_id]} | taken(v.entry_id),
            )
            for v in fresh
        ]
        written = {version.entry_id for version in fresh}
        acts += [
            audit.Act("put_in_force", match.entry_id, {"version": match.known.newest} | taken(match.entry_id))
            for match in self.matches
            if match.known and match.outcome == "updated" and match.entry_id not in written
        ]
        audit.record(self.session, acts, actor=self.actor, now=self.now, operator=self.operator)


def count_rows(check: FileCheck, matches: Sequence[Match]) -> dict[str, int]:
    """total, added, updated, unchanged, refused, errors, warnings; lines that became no entry are refused, too."""
    counted = Counter(match.outcome for match in matches)
    levels = check.count()
    broken = check.sheets.broken
    return {
        "total": len(matches) + broken,
        "added": counted["added"],
        "updated": counted["updated"],
        "unchanged": counted["unchanged"],
        "refused": counted["refused"] + broken,
        "errors": levels[Level.ERROR],
        "warnings": levels[Level.WARNING],
    }
