"""Grades: what the items and the impact suggest, the matrices, the open projection and what it may hold."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import Override
from validators.basis import Library
from validators.case import Case, Hint, Suggestion
from validators.hints import NOTHING, Hinter, hinter
from validators.sharing import GOES_OUT, NONE, UNCONDITIONAL

IDENTIFYING = frozenset({"direct", "sensitive"})
PERSONAL = IDENTIFYING | {"quasi"}


class ItemGrade(NamedTuple):
    rank: int
    grade: str
    why: str


class Grader:
    """The grading tables of a specification, compiled once. Source: GB/T 43697, S15, PIPL 28, [DESIGN]."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self.spec = specs.grading
        self.rank = {v.code: int(str(v.attrs["rank"])) for v in specs.codes["data_grade"].values}
        self.by_rank = {rank: grade for grade, rank in self.rank.items()}
        self.floor = ItemGrade(self.rank[self.spec.floor], self.spec.floor, "")
        self.hint: Hinter = hinter(specs)
        self.kind_of = {d: row for row in self.spec.content for d in row.detectors}
        self.fixed = frozenset(self.spec.fixed)
        self.persons = frozenset(self.spec.person_subjects)
        self.impersonal = frozenset(self.spec.impersonal_subjects)
        self.of_bodies = frozenset(self.spec.of_bodies)
        self.library = Library(specs)
        self.overrides: dict[str, Override] = {row.applies_to: row for row in self.spec.overrides}
        self.masked_levels = frozenset(level for row in self.spec.overrides for level in row.lifted_by_levels)
        self.mask_words = frozenset(word for row in self.spec.overrides for word in row.lifted_by_masks)
        self.no_mask = re.compile("|".join(f"(?:{part})" for part in self.spec.no_mask) or "(?!)")
        self.item_grade: Callable[[str, str, str, bool], ItemGrade] = lru_cache(131_072)(self._item_grade)
        self.graded_classes = frozenset(pii for row in self.spec.content for pii in row.pii)

    @cached_property
    def marked(self) -> frozenset[str]:
        """The classes that ask for more than the lowest grade, or for care when something is opened."""
        return self.graded_classes | PERSONAL

    def hints(self, case: Case) -> list[Hint]:
        hint = self.hint
        found = [hint(name, code) if name else NOTHING for name, code, _declared in case.told]
        if case.text("record_subject") in self.impersonal and not all(one is NOTHING for one in found):
            return [self._of_body(item, one) for item, one in zip(case.items, found, strict=True)]
        return found

    def _of_body(self, item: Mapping[str, Any], hint: Hint) -> Hint:
        """No hint at a person where a body's own number (银行账号) is declared as such."""
        if hint.detector in self.of_bodies and item.get("pii_class") == "none":
            return Hint(secret=hint.secret)
        return hint

    def is_about_persons(self, case: Case) -> bool:
        """Whether rows are about people: said so, or not said and an identifier of a person is among them."""
        subject = case.text("record_subject")
        if subject:
            return subject in self.persons
        if any(hint.detector in self.kind_of for hint in case.hints):
            return True
        return any(item.get("pii_class") == "direct" for item in case.items)

    def _item_grade(self, name: str, code: str, declared: str, weak: bool) -> ItemGrade:
        """The least grade for an item: strong names always count, weak words only where ``weak`` says so."""
        hint = self.hint(name, code)
        best = self.floor
        for row in self.spec.content:
            strong = bool(hint.detector) and hint.detector in row.detectors
            worded = weak and any(word in hint.words for word in row.words)
            if strong or worded or declared in row.pii:
                rank = self.rank[row.grade]
                if rank > best.rank:
                    best = ItemGrade(rank, row.grade, f"信息项“{name}”是{row.zh}")
        return best

    def suggest(self, case: Case, numbers: Iterable[int], *, weak: bool = True) -> Suggestion:
        """The highest grade that some items ask for (就高从严).

        Weak words count among data on persons; without ``weak`` only for an item that is declared personal,
        since a weak hint alone may warn but not refuse (§12 R11).
        """
        best = self.floor
        reasons: list[str] = []
        hints = case.hints
        for number in numbers:
            item = case.items[number]
            if item.get("direction") == "in":
                continue
            name, code, declared = case.told[number]
            if hints[number] is NOTHING and declared not in self.graded_classes:
                continue  # nothing asks for a grade above the lowest
            found = self.item_grade(name, code, declared, case.person and (weak or declared in PERSONAL))
            if found.rank > best.rank:
                best, reasons = found, []
            if found.why and found.rank == best.rank:
                reasons.append(found.why)
        return Suggestion(best.grade, tuple(reasons))

    def by_impact(self, rows: Any) -> Suggestion | None:
        """The grade that the stated impact gives, the highest over all objects; None when none is stated.

        Source: GB/T 43697-2024 (impact object x degree); general levels by degree [UV].
        """
        best: ItemGrade | None = None
        for row in rows if isinstance(rows, list) else []:
            target, degree = (
                (_text(row, "object"), _text(row, "degree")) if isinstance(row, dict) else ("", "")
            )
            cell = self.spec.impact_matrix.get(target, {}).get(degree)
            if cell is None:
                continue
            grade = self.spec.general_by_degree[degree] if cell == "general" else cell
            if best is None or self.rank[grade] > best.rank:
                best = ItemGrade(self.rank[grade], grade, f"对{target}造成{degree}")
        return Suggestion(best.grade, (best.why,)) if best else None

    def whole(self, case: Case) -> Suggestion:
        """The grade suggested for the resource, without what a law publishes or what was masked before."""
        numbers: Iterable[int] = range(len(case.items))
        if case.disclosed or case.text("processing_level") in self.masked_levels:
            by_law = case.disclosed
            numbers = [n for n in numbers if case.item_name(n) not in by_law and not self.was_masked(case, n)]
        by_items, by_impact = self.suggest(case, numbers), self.by_impact(case.get("impact"))
        case.by_items = by_items.grade
        if by_impact and self.rank[by_impact.grade] > self.rank[by_items.grade]:
            return by_impact
        return by_items

    def open_grade(self, case: Case) -> str:
        """The grade on which opening is judged (§12 R6): of the items that leave, graded anew.

        When none is listed or leaves, the resource's own grade stands (E122); so do 重要 and 核心, which
        no look at the items can lower. When all leave, the higher of both: nothing was held back. Items
        that a law publishes or that leave masked do not count; they need signature and proof.
        """
        own = case.grade if type(case.grade) is str else ""
        if not case.opened or own in self.fixed:
            return own
        again = self._graded_anew(case)
        if len(case.opened) < sum(item.get("direction") != "in" for item in case.items):
            return again
        return max(own, again, key=lambda grade: self.rank.get(grade, 0))

    def _graded_anew(self, case: Case) -> str:
        if case.by_items == self.floor.grade:
            return self.floor.grade  # what all the items do not ask for, some of them do not
        by_law = case.disclosed
        left = [n for n in case.opened if case.item_name(n) not in by_law and not self._leaves_clean(case, n)]
        return self.suggest(case, left, weak=False).grade

    def _leaves_clean(self, case: Case, number: int) -> bool:
        """Whether an item leaves without what identifies; if it only says so, shelving asks for the proof."""
        row = self.override_of(case, number)
        return self.is_masked(case, number) or (row is not None and self.is_lifted(case, number, row))

    # ---- masks ----

    def has_mask(self, item: Mapping[str, Any]) -> bool:
        """Whether an item names a mask rule; 不脱敏 and the like name none."""
        rule = item.get("mask_rule")
        return type(rule) is str and bool(rule) and self.no_mask.fullmatch(rule) is None

    def was_masked(self, case: Case, number: int) -> bool:
        """Whether the resource itself is a masked or aggregated one and the item says how."""
        return case.text("processing_level") in self.masked_levels and self.has_mask(case.items[number])

    def is_masked(self, case: Case, number: int) -> bool:
        """Whether an item is said to leave masked."""
        item = case.items[number]
        if not self.has_mask(item):
            return False
        return self.was_masked(case, number) or any(word in item["mask_rule"] for word in self.mask_words)

    # ---- personal information among what leaves (§3.4 personal_info_override) ----

    def refused(self, case: Case) -> list[tuple[int, Override]]:
        """The items that may not be opened for whom they tell of, each with the override that says so."""
        found = []
        for number in case.opened:
            row = None if case.item_name(number) in case.disclosed else self.override_of(case, number)
            if row is None:
                continue
            cell = row.unconditional if case.open == UNCONDITIONAL else row.conditional
            # where the cell asks for desensitization, what is left to prove is the need `desens`
            if cell == "deny" and not self.is_lifted(case, number, row):
                found.append((number, row))
        return found

    def override_of(self, case: Case, number: int) -> Override | None:
        """The override for what an item is declared to be, or what its strong name says that it is."""
        kind = case.classes[number]
        if kind not in PERSONAL:
            return None
        content = self.kind_of.get(case.hints[number].detector)
        of_minors = any(word in case.item_name(number) for word in self.spec.minor_words)
        if case.person and (of_minors or (content and content.key == "minors")):
            return self.overrides["minors"]
        return self.overrides.get(kind)

    def is_lifted(self, case: Case, number: int, row: Override) -> bool:
        """Whether the mask, the processing level or the subject lifts an override."""
        item, strong = case.items[number], bool(case.hints[number].detector)
        masked = self.has_mask(item)
        if masked and any(word in item["mask_rule"] for word in row.lifted_by_masks):
            return True
        # calling a resource masked or aggregated lifts no identifier whose mask nobody names
        bare = strong or row.applies_to == "direct"
        if case.text("processing_level") in row.lifted_by_levels and (masked or not bare):
            return True
        # a strong name is never lifted by what the steward says of the subject
        return not strong and case.text("record_subject") in row.lifted_by_subjects


def opened_items(case: Case) -> list[int]:
    """The numbers of the items that leave when the resource is opened; unmarked ones follow the resource."""
    if case.open not in GOES_OUT:
        return []
    return [
        n
        for n, item in enumerate(case.items)
        if (item.get("open_type") or case.open) != NONE and item.get("direction") != "in"
    ]


def disclosure_rows(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of the disclosure basis that name law and article; others are E151."""
    rows = content.get("disclosure_basis")
    if not isinstance(rows, list):
        return []
    return [row for row in rows if isinstance(row, dict) and _text(row, "title") and _text(row, "article")]


def disclosed_names(content: Mapping[str, Any], library: Library) -> frozenset[str]:
    """The names of items that the entry says a law publishes (§12 R7).

    A law that the library knows not to require publication publishes nothing.
    """
    named: set[str] = set()
    for row in disclosure_rows(content):
        if library.requires_publication(row) is not False:
            items = row.get("items")
            named.update(
                part for part in (items if isinstance(items, list) else [items]) if type(part) is str
            )
    return frozenset(named)


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    return value if type(value) is str else ""


def _told(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """Name, code and declared class of an item; empty where there is no text."""
    get = item.get
    name, code, declared = get("item_name"), get("item_code"), get("pii_class")
    if name.__class__ is str and code.__class__ is str and declared.__class__ is str:
        return name, code, declared
    return _text(item, "item_name"), _text(item, "item_code"), _text(item, "pii_class")


def prepare(case: Case, grader: Grader) -> None:
    """Fill in what the checks of grades and needs share: hints, classes, subject, open items, the suggestion.

    ``classes`` are what opening is judged on: a strong name outweighs 非个人信息 and 准标识符.
    """
    case.told = [_told(item) for item in case.items]
    case.opened = opened_items(case)
    case.disclosed = disclosed_names(case.content, grader.library)
    case.hints = hints = grader.hints(case)
    case.hinted = [n for n, hint in enumerate(hints) if hint is not NOTHING]
    if not case.hinted and grader.marked.isdisjoint([declared for _name, _code, declared in case.told]):
        _prepare_plain(case, grader)
        return
    case.classes = [
        "direct" if hint.detector and declared not in IDENTIFYING else declared
        for (_name, _code, declared), hint in zip(case.told, hints, strict=True)
    ]
    case.person = grader.is_about_persons(case)
    case.suggested = grader.whole(case)


def _prepare_plain(case: Case, grader: Grader) -> None:
    """The same for an entry none of whose items hints at or is declared as anything personal: most are."""
    case.classes = [declared for _name, _code, declared in case.told]
    case.person = case.text("record_subject") in grader.persons
    case.by_items = grader.floor.grade
    by_impact = grader.by_impact(case.get("impact")) if case.get("impact") else None
    case.suggested = by_impact or Suggestion(grader.floor.grade)


@lru_cache(maxsize=8)
def grader_of(specs: Specs) -> Grader:
    return Grader(specs)
