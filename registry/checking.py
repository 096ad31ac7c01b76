"""A catalogue file read and judged without a database: what ``mulu check`` answers, what intake builds on."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from catalog_specs import Specs, default_profile, load, profile_of_region
from catalog_specs.model import Level
from registry.errors import Unreadable
from registry.kept import storable
from registry.layout import ENTRIES, ITEMS, ONE_ROW, Layout, find_layout
from registry.lines import read_lines
from registry.one_row import read_one_row
from registry.origins import Located, Place, ReadEntry, Sheets
from registry.rows import Readers, SheetReader
from registry.secrecy import SecretScan, secret_findings
from registry.sheets import RawSheet, kind_of, read_workbook
from registry.text_files import read_csv, read_jsonl
from registry.two_sheets import read_entries, read_items
from registry.workbook_cells import column_letters, refuse
from validators.assess import Assessment, assess_all
from validators.case import Facts
from validators.codes import credit_code_fault, region_of
from validators.findings import NO_ITEM, Finding, Need, Worded, drop_echoes, word, word_need
from validators.folding import fold

Progress = Callable[[int, int], None]
_READ_BY_KIND = {ENTRIES: read_entries, ITEMS: read_items, ONE_ROW: read_one_row}


class Line(NamedTuple):
    """One finding of a file, worded, with its place. ``cell`` is such as C5; empty when no column is meant.

    ``number`` counts the file's entries from 0 and ``item`` the entry's items; -1 for what belongs to none.
    """

    worded: Worded
    place: Place
    entry: str
    number: int = -1
    item: int = NO_ITEM

    @property
    def cell(self) -> str:
        column = self.place.column
        return f"{column_letters(column)}{self.place.row}" if column >= 0 else ""


@dataclass(slots=True)
class FileCheck:
    """A file, what was read from it, and the judgement of each entry (empty when a secret stopped it)."""

    path: Path
    sha256: str
    kind: str
    specs: Specs
    sheets: Sheets
    assessments: list[Assessment] = field(default_factory=list)
    secret: bool = False

    def findings_of(self, number: int) -> list[Finding]:
        """All findings of entry ``number``: of its reading and of the rules, without double complaints."""
        entry = self.sheets.entries[number]
        return drop_echoes([*entry.findings, *self.assessments[number].findings])

    def lines(self, lang: str = "zh") -> Iterator[Line]:
        """Every finding, worded: those of the file first, then entry by entry."""
        for located in self.sheets.findings:
            yield Line(word(located.finding, self.specs, lang), located.place, "")
        for number, entry in enumerate(self.sheets.entries if self.assessments else ()):
            name = entry_name(entry)
            for finding in self.findings_of(number):
                worded = word(finding, self.specs, lang)
                yield Line(worded, entry.place(finding), name, number, finding.item)

    def needs(self) -> Iterator[tuple[str, Need]]:
        """Every need with the name of its entry."""
        for entry, assessment in zip(self.sheets.entries, self.assessments, strict=False):
            for need in assessment.needs:
                yield entry_name(entry), need

    def count(self) -> Counter[Level]:
        """How many findings of each level."""
        rules = self.specs.rules
        counted = Counter(rules[located.finding.rule].level for located in self.sheets.findings)
        for number in range(len(self.assessments)):
            counted.update(rules[f.rule].level for f in self.findings_of(number))
        return counted


def entry_name(entry: ReadEntry) -> str:
    """What an entry is called in a report: its code, else its name, else its row."""
    content = entry.content
    return str(content.get("resource_code") or content.get("resource_name") or f"第{entry.origin.row}行")


def read_file(path: Path, specs: Specs) -> tuple[str, Sheets]:
    """The kind of a file and everything read from it; stops at secret rows with nothing but their places.

    Raises:
        Unreadable: the file cannot be read, or holds no row of entries.
    """
    kind = kind_of(path)
    scan, readers, sheets = SecretScan(specs), Readers(specs), Sheets()
    if scan.is_named(path.stem):
        return kind, _stopped([Place("", 1)])
    if kind == "jsonl":
        lines = list(read_jsonl(path, specs.entry.limits))
        places = list(scan.of_lines(lines))
        if not places:
            read_lines(lines, readers, sheets)
    else:
        limits = specs.entry.limits
        raw = read_workbook(path, limits) if kind == "xlsx" else [read_csv(path, limits)]
        places = list(scan.of_sheets(raw))
        if not places:
            _read_sheets(raw, specs, readers, sheets)
    if places or sheets.secret:
        return kind, _stopped([*places, *sheets.secret])
    if not sheets.entries and not any(_blocks(located, specs) for located in sheets.findings):
        raise refuse("no_rows")
    return kind, sheets


def _stopped(places: Iterable[Place]) -> Sheets:
    """All that is told of a file with something secret in it."""
    return Sheets(findings=[Located(finding, place) for finding, place in secret_findings(places)])


def _blocks(located: Located, specs: Specs) -> bool:
    return specs.rules[located.finding.rule].level is Level.ERROR


def _read_sheets(raw: Sequence[RawSheet], specs: Specs, readers: Readers, sheets: Sheets) -> None:
    planned = [(sheet, layout) for sheet in raw if (layout := _layout(sheet, specs, sheets)) is not None]
    # items are joined to entries, so the entries come first, however the sheets are ordered
    for kinds in ((ENTRIES, ONE_ROW), (ITEMS,)):
        for sheet, layout in planned:
            if layout.kind in kinds:
                _READ_BY_KIND[layout.kind](SheetReader(sheet, layout, specs, readers, sheets))


def _layout(sheet: RawSheet, specs: Specs, sheets: Sheets) -> Layout | None:
    """How a sheet is to be read; None, with a finding where one is due, for a sheet that is not read."""
    names = specs.entry.sheets
    if (sheet.name and sheet.name.startswith(tuple(names.ignored_prefixes))) or sheet.is_blank:
        return None
    ours = not sheet.name or sheet.name in (*names.entry_aliases, *names.item_aliases)
    only = ITEMS if sheet.name in names.item_aliases else ""
    layout = find_layout(sheet, specs, only=only, least=2 if ours else 3)
    if sheet.visible and layout is not None:
        return layout
    if not sheet.visible:
        # what the user does not see is not taken into the catalogue behind his back
        rule = "W237" if layout is not None or ours else ""
    elif ours:
        rule = "E170"  # a sheet that is called 目录 must be readable
    else:
        rule = "N302"  # the steward's own notes
    if rule:
        sheets.findings.append(Located(Finding(rule, value=sheet.name), Place(sheet.name, 1)))
    return None


def choose_profile(sheets: Sheets, specs: Specs) -> str:
    """The profile of the city that most valid provider codes belong to; the default one when none does."""
    counted: Counter[str] = Counter()
    for entry in sheets.entries:
        code = entry.content.get("provider_code")
        if isinstance(code, str) and not credit_code_fault(code, specs.credit_code):
            found = profile_of_region(region_of(code))
            if found:
                counted[found] += 1
    return counted.most_common(1)[0][0] if counted else default_profile()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(
    path: Path,
    *,
    facts: Facts,
    profile: str | None = None,
    provider: tuple[str, str] | None = None,
    progress: Progress | None = None,
) -> FileCheck:
    """Read a file and judge all its entries, each with the others known.

    ``provider`` (code, name) stands where the file names none, as in the national template.

    Raises:
        Unreadable: the file cannot be read.
        SpecError: there is no such profile.
    """
    check = open_check(path, profile=profile, provider=provider)
    if not check.secret:
        judge(check, facts, progress=progress)
    return check


def open_check(path: Path, *, profile: str | None, provider: tuple[str, str] | None) -> FileCheck:
    """A file read and not judged yet; parameters and errors as for ``check_file``."""
    specs = load(profile)
    kind, sheets = read_file(path, specs)
    if provider:
        fill_provider(sheets.entries, provider)
    if profile is None:
        specs = load(choose_profile(sheets, specs))
    check = FileCheck(path, file_sha256(path), kind, specs, sheets)
    check.secret = any(located.finding.rule == "E125" for located in sheets.findings)
    return check


def fill_provider(entries: Sequence[ReadEntry], provider: tuple[str, str]) -> None:
    """Give the entries without a provider the one named by the user; one that names another keeps what it says."""
    code, name = provider
    for entry in entries:
        content = entry.content
        own_code, own_name = content.get("provider_code"), content.get("provider_name")
        if not own_code and (not own_name or not name or fold(str(own_name)) == fold(name)):
            own_code = content["provider_code"] = code
        if not own_name and name and own_code == code:
            content["provider_name"] = name


def judge(
    check: FileCheck, facts: Facts, *, keys: Sequence[str] | None = None, progress: Progress | None = None
) -> None:
    """Judge (anew) all entries of a file; ``keys`` as for ``assess_all``."""
    contents = [entry.content for entry in check.sheets.entries]
    check.assessments.clear()
    for number, assessment in enumerate(assess_all(contents, check.specs, facts=facts, keys=keys)):
        check.assessments.append(assessment)
        if progress and number % 500 == 0:
            progress(number, len(contents))


def as_json(check: FileCheck, lang: str = "zh") -> dict[str, Any]:
    """The report of ``mulu check --format json``; keys as documented in the README."""
    counted = check.count()
    return {
        "file": storable(check.path.name),
        "sha256": check.sha256,
        "profile": check.specs.profile.key,
        "spec": check.specs.digest,
        "entries": len(check.sheets.entries),
        "errors": counted[Level.ERROR],
        "warnings": counted[Level.WARNING],
        "findings": [_finding_json(line) for line in check.lines(lang)],
        "needs": [_need_json(name, need, check.specs, lang) for name, need in check.needs()],
    }


def _finding_json(line: Line) -> dict[str, Any]:
    worded = line.worded
    return {
        "rule": worded.rule,
        "level": str(worded.level),
        "sheet": line.place.sheet,
        "row": line.place.row,
        "cell": line.cell,
        "entry": line.entry,
        "field": worded.field,
        "value": worded.value,
        "message": worded.message,
        "fix": worded.fix,
        "source": worded.source,
    }


def _need_json(name: str, need: Need, specs: Specs, lang: str) -> Mapping[str, str]:
    _title, reason, source = word_need(need, specs, lang)
    return {"entry": name, "need": need.need, "reason": reason, "source": source}


def unreadable_json(file: Path, error: Unreadable, lang: str) -> dict[str, Any]:
    """The JSON report of a file that cannot be read: one finding, no entries."""
    specs = load()
    found = word(error.finding, specs, lang)
    row = {"rule": found.rule, "level": str(found.level), "sheet": "", "row": 0, "cell": "", "entry": ""}
    row |= {"field": "", "value": "", "message": found.message, "fix": found.fix, "source": found.source}
    return {
        "file": storable(file.name),
        "sha256": None,
        "profile": None,
        "spec": specs.digest,
        "entries": 0,
        "errors": 1,
        "warnings": 0,
        "findings": [row],
        "needs": [],
    }
