"""Reports as text and as JSON: of a check, of an import."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from catalog_specs import Specs
from catalog_specs.model import Level
from registry.checking import FileCheck, Line

if TYPE_CHECKING:
    # intake brings the database with it, which a check does without
    from registry.intake import ImportResult


def text_report(check: FileCheck, lang: str) -> str:
    """The report of a check for people: entry by entry, then counts, then needs."""
    specs = check.specs
    profile = specs.profile.en if lang == "en" else specs.profile.zh
    head = specs.say(
        "report_head", lang, file=check.path.name, entries=len(check.sheets.entries), profile=profile
    )
    if check.secret:
        places = [f"  E125 {_place(line, specs, lang)}" for line in check.lines(lang)]
        return "\n".join([specs.say("report_secret", lang), *places])
    return "\n".join([head, *finding_lines(check, lang), "", *_summary(check, lang)])


def finding_lines(check: FileCheck, lang: str) -> Iterator[str]:
    """The findings, grouped by entry."""
    specs = check.specs
    for name, lines in groupby(check.lines(lang), key=lambda line: line.entry):
        yield ""
        yield f"■ {name or specs.say('file_level', lang)}"
        for line in lines:
            yield from _finding_lines(line, specs, lang)


def _finding_lines(line: Line, specs: Specs, lang: str) -> Iterator[str]:
    worded = line.worded
    level = specs.say(f"level_{worded.level}", lang)
    yield f"  {_place(line, specs, lang)}  {worded.rule} {level}  {worded.message}"
    if worded.level is not Level.NOTE:
        yield f"      {specs.say('fix', lang)}{worded.fix}"
        yield f"      {specs.say('source', lang)}{worded.source}"


def _place(line: Line, specs: Specs, lang: str) -> str:
    cell = line.cell or specs.say("line", lang, row=line.place.row)
    return f"{line.place.sheet}!{cell}" if line.place.sheet else cell


def _summary(check: FileCheck, lang: str) -> Iterator[str]:
    specs, counted = check.specs, check.count()
    if not counted[Level.ERROR] and not counted[Level.WARNING]:
        yield specs.say("report_clean", lang)
    else:
        yield specs.say("report_counts", lang, errors=counted[Level.ERROR], warnings=counted[Level.WARNING])
    needs = Counter(need for _, need in {(name, need.need) for name, need in check.needs()})
    if needs:
        yield specs.say("needs_head", lang)
        for key, spec in specs.needs.items():
            if needs[key]:
                yield specs.say("needs_line", lang, title=spec.title.get(lang), count=needs[key])


def import_report(result: "ImportResult", lang: str) -> str:
    """What came of an import, for people: counts, refused rows with reasons, what to do next."""
    check, specs = result.check, result.check.specs
    if check.secret:
        return text_report(check, lang)
    lines = [specs.say("import_counts", lang, **result.counts)]
    if result.batch_id is None:
        lines.append(specs.say("import_nothing", lang))
    if result.allocated:
        lines.append(specs.say("import_allocated", lang, count=len(result.allocated)))
    refused = [line for line in check.lines(lang) if line.worded.rule == "E167"]
    if refused:
        lines.append(specs.say("import_refused", lang))
        lines += [f"  {_place(line, specs, lang)}  {line.entry}  {line.worded.message}" for line in refused]
    counted = check.count()
    lines.append(
        specs.say("report_counts", lang, errors=counted[Level.ERROR], warnings=counted[Level.WARNING])
    )
    if counted[Level.ERROR]:
        lines.append(specs.say("import_hint", lang))
    return "\n".join(lines)
