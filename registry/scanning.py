"""The deed of scanning: a source of data read whole, judged column by column, and what an entry declares of it.

What is declared of an item is matched to a column of the data by the item's name, then by its code.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog_specs import Specs
from catalog_specs.law_scanning import ScanRule
from registry.sources.problems import SourceProblem
from registry.sources.source import Source
from validators.folding import fold
from validators.proving import about_people, asked_of
from validators.scan import Scan
from validators.scanned import ColumnAsked, ScanFinding, ScanResult
from validators.sharing import GOES_OUT, NONE

Progress = Callable[[int, int], None]
_UNKNOWN, _ABSENT, _WITHHELD = "column_without_item", "item_without_column", "column_not_open"


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a report says of where the data came from. ``sha256`` and ``sm3`` are None for a table.

    ``headers`` are the columns as the source names them; ``size`` counts bytes.
    """

    name: str
    kind: str
    headers: tuple[str, ...]
    sha256: str | None = None
    sm3: str | None = None
    size: int | None = None
    schema_digest: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """What an entry declares of its data: items as columns, subject, open type, and items that do not leave.

    ``content`` is the entry's, as it is stored; ``withheld`` names the items with open type 不予开放.
    """

    code: str
    columns: tuple[ColumnAsked, ...]
    about_people: bool | None
    open_type: str | None
    content: Mapping[str, Any]
    withheld: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Matched:
    """The columns of a source with what is declared of each, in the order of ``headers``.

    ``unknown`` are headers that no item answers to, ``absent`` items that have no column.
    """

    columns: tuple[ColumnAsked, ...]
    unknown: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def declared_by(code: str, content: Mapping[str, Any], specs: Specs) -> Declared:
    """What the content of an entry declares of its data. Source: S4 (items); domain §12 R6, R11."""
    items = tuple(item for item in content.get("items") or () if isinstance(item, Mapping))
    opened = content.get("open_type")
    withheld = frozenset(str(item.get("item_name")) for item in items if item.get("open_type") == NONE)
    return Declared(
        code,
        asked_of(items, specs),
        about_people(content, specs),
        # a draft may hold what is no open type: then none is declared
        opened if isinstance(opened, str) and specs.code_value("open_type", opened) else None,
        content,
        withheld,
    )


def match_columns(headers: Sequence[str], items: Sequence[ColumnAsked]) -> Matched:
    """Items matched to headers by name, else by code, both folded; a header without an item stands for itself.

    A column carries the item's name, so that what is hinted at and declared is the item's own.
    """
    named: dict[str, ColumnAsked] = {}
    for text, item in [(i.name, i) for i in items] + [(i.code, i) for i in items]:
        if fold(text):
            named.setdefault(fold(text), item)
    found = [named.get(fold(header)) for header in headers]
    columns = tuple(item or ColumnAsked(header) for header, item in zip(headers, found, strict=True))
    unknown = tuple(header for header, item in zip(headers, found, strict=True) if item is None)
    present = {item.name for item in found if item is not None}
    return Matched(columns, unknown, tuple(item.name for item in items if item.name not in present))


def scan_source(
    source: Source,
    specs: Specs,
    *,
    columns: Sequence[ColumnAsked] | None = None,
    open_type: str | None = None,
    about_people: bool | None = None,
    quasi: Sequence[str] | None = None,
    withheld: frozenset[str] = frozenset(),
    earlier_masks: Mapping[str, Sequence[str]] | None = None,
    progress: Progress | None = None,
) -> ScanResult:
    """Read a source to its end and judge it; not one row is left out, and one that was not read makes it incomplete.

    ``columns`` are the items that the data are declared to hold: they are matched to the headers, and what has no
    counterpart is a finding, as is a column of ``withheld`` items. The other parameters as for ``Scan``;
    ``progress`` is told bytes (or rows of a table) done and in all. Source: S-ZY 22, S-LPS 24; domain §4.3.

    Raises:
        Unreadable, Unavailable: the source cannot be read at all.
    """
    matched = match_columns(source.columns, columns) if columns is not None else None
    asked = matched.columns if matched else tuple(ColumnAsked(name) for name in source.columns)
    scan = Scan(
        specs,
        asked,
        open_type=open_type,
        about_people=about_people,
        quasi=quasi,
        earlier_masks=earlier_masks,
    )
    for batch in source.batches():
        scan.feed(batch)
        if progress:
            progress(source.done_bytes, source.total_bytes)
    rules = rules_of(specs)
    problems = [_problem(problem, rules, specs) for problem in source.problems]
    if matched:
        problems += _unmatched(matched, withheld if open_type in GOES_OUT else frozenset(), rules)
    return scan.result(complete=source.complete, problems=problems)


def facts_of(source: Source) -> SourceFacts:
    """What is known of a source; its digests once it was read to its end."""
    return SourceFacts(
        source.name,
        source.kind,
        tuple(source.columns),
        source.sha256,
        source.sm3,
        source.size,
        source.schema_digest,
    )


def rules_of(specs: Specs) -> dict[str, ScanRule]:
    """The rules of scanning.yaml by key."""
    return {rule.key: rule for rule in specs.scanning.rules}


def _problem(problem: SourceProblem, rules: Mapping[str, ScanRule], specs: Specs) -> ScanFinding:
    words = {"place": problem.place, "reason": problem.reason, "cure": problem.cure}
    words["reason_en"], words["cure_en"] = problem.told(specs, "en")
    return ScanFinding(problem.rule, rules[problem.rule].level, place=problem.place, params=words)


def _unmatched(
    matched: Matched, withheld: frozenset[str], rules: Mapping[str, ScanRule]
) -> Iterator[ScanFinding]:
    present = {column.name for column in matched.columns} - set(matched.unknown)
    told = ((_UNKNOWN, matched.unknown), (_ABSENT, matched.absent), (_WITHHELD, sorted(withheld & present)))
    for rule, names in told:
        for name in names:
            yield ScanFinding(rule, rules[rule].level, column=name)
