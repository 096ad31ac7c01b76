"""Where the shelf and the list of today differ: E127 after an announcement. Source: S-ZY 23, 24; S-LPS 25."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.models import Agency, Distribution, Entry, Version
from registry.responsibility import Scope
from validators.list_lines import Printer, kinds_of, listed_items, printer_of

SHELVED, RULE = "shelved", "E127"


@dataclass(frozen=True, slots=True)
class ShelfDifference:
    """One entry whose shelf is not what a list says: ``missing`` is promised and not there, ``extra`` the reverse.

    Both are sentences; ``list_zh`` names the list.
    """

    rule: str
    entry_id: str
    code: str
    name: str
    agency_code: str
    list_zh: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def message(self) -> str:
        parts = [f"清单列有而架上没有：{'；'.join(self.missing)}"] if self.missing else []
        parts += [f"架上有而清单没有：{'；'.join(self.extra)}"] if self.extra else []
        return f"“{self.name}”上架内容与{self.list_zh}不一致。{'。'.join(parts)}"


def shelf_differences(session: Session, scope: Scope) -> list[ShelfDifference]:
    """Every entry in scope with something on the shelf that is not as its lists say, by code."""
    shelved = (
        select(Distribution, Entry, Version, col(Agency.code))
        .join(Entry, col(Entry.id) == col(Distribution.entry_id))
        .join(
            Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.in_force))
        )
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .where(col(Distribution.state) == SHELVED, scope.condition)
        .order_by(col(Entry.code), col(Entry.id), col(Distribution.id))
    )
    groups: dict[str, tuple[Entry, Version, str, list[Distribution]]] = {}
    for made, entry, version, agency in session.execute(shelved):
        groups.setdefault(entry.id, (entry, version, agency, []))[3].append(made)
    return [found for group in groups.values() for found in _of_entry(*group)]


def _of_entry(
    entry: Entry, version: Version, agency: str, made: Sequence[Distribution]
) -> Iterator[ShelfDifference]:
    specs = load(version.profile)
    for kind in kinds_of(specs):
        printer = printer_of(specs, kind.key)
        only_opened = kind.rows == "opened"
        offers = [one for one in made if one.opened or not only_opened]
        if not printer.lists(version.content) or not offers:
            continue  # what is not on the shelf at all is a debt, and stands on the list as one
        missing, extra = _compared(version, offers, printer, specs)
        if missing or extra:
            code = entry.code or entry.id
            yield ShelfDifference(RULE, entry.id, code, version.name, agency, kind.zh, missing, extra)


def _compared(
    version: Version, offers: Sequence[Distribution], printer: Printer, specs: Specs
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is missing on the shelf and what is there beyond the list, as sentences."""
    missing, extra = list[str](), list[str]()
    items_zh = next(zh for key, zh, _part in printer.headings if key == "items")
    for zh, promised, had in _sides(version, offers, printer, specs):
        gone, more = [x for x in promised if x not in had], [x for x in had if x not in promised]
        missing += [f"{zh}“{'、'.join(gone)}”"] if gone else []
        if more and zh == items_zh:
            # what is not shared is not named where everybody reads
            extra.append(f"{zh} {len(more)} 项")
        elif more:
            extra.append(f"{zh}“{'、'.join(more)}”")
    return tuple(missing), tuple(extra)


def _sides(
    version: Version, offers: Sequence[Distribution], printer: Printer, specs: Specs
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Heading, what the list promises, what the shelf has."""
    content = version.content
    heads = {key: zh for key, zh, _part in printer.headings}
    rows = next(r for r in printer.doc.row_sets if r.key == printer.kind.rows)
    items = listed_items(content, frozenset(rows.share_types), frozenset(rows.open_types))
    yield heads["items"], items, _union(one.items for one in offers)
    forms: dict[str, str] = {form.code: form.printed_zh for form in printer.doc.forms}
    declared = [forms[code] for code in content.get("share_mode_type") or [] if code in forms]
    yield heads["provide_form"], declared, _union([forms.get(one.form, one.form)] for one in offers)
    if "share_pattern" in heads:
        promised = list(content.get("share_pattern") or [])
        yield heads["share_pattern"], promised, _union(_patterns(one, promised, specs) for one in offers)


def _patterns(made: Distribution, promised: Sequence[str], specs: Specs) -> Sequence[str]:
    """The service patterns of a distribution; an opened one that names none serves those that its form can."""
    if made.patterns or not made.opened:
        return made.patterns
    return [pattern for pattern in promised if specs.pattern_form.get(pattern, {}).get(made.form) == "ok"]


def _union(parts: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(text for part in parts for text in part))
