"""Grades: what the items and the impact suggest, the matrices, the open projection, personal information."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import Override, Rule
from validators.basis import Library, article_number
from validators.case import Case, Suggestion
from validators.checkers import Built, checker, of_case, pick
from validators.fields import is_blank
from validators.hints import NOTHING, Hint, Hinter, hinter
from validators.sharing import CONDITIONAL, GOES_OUT, NONE, UNCONDITIONAL

PERSONAL = frozenset({"direct", "quasi", "sensitive"})


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
        self.item_grade: Callable[[str, str, str, bool], ItemGrade] = lru_cache(131_072)(self._item_grade)

    def hints(self, case: Case) -> list[Hint]:
        hint = self.hint
        found = []
        for item in case.items:
            name, code = item.get("item_name"), item.get("item_code")
            if type(name) is str:
                found.append(hint(name, code if type(code) is str else ""))
            else:
                found.append(NOTHING)
        return found

    def is_about_persons(self, case: Case) -> bool:
        """Whether rows are about people: said so, or not said and an identifier of a person is among them."""
        subject = case.get("record_subject")
        if type(subject) is str and subject:
            return subject in self.persons
        if any(hint.detector in self.kind_of for hint in case.hints):
            return True
        return any(item.get("pii_class") == "direct" for item in case.items)

    def _item_grade(self, name: str, code: str, declared: str, person: bool) -> ItemGrade:
        """The least grade for an item: strong names always count, weak words only among data on persons."""
        hint = self.hint(name, code)
        best = self.floor
        for row in self.spec.content:
            strong = bool(hint.detector) and hint.detector in row.detectors
            worded = person and any(word in hint.words for word in row.words)
            if strong or worded or declared in row.pii:
                rank = self.rank[row.grade]
                if rank > best.rank:
                    best = ItemGrade(rank, row.grade, f"信息项“{name}”是{row.zh}")
        return best

    def suggest(self, case: Case, numbers: list[int] | None = None) -> Suggestion:
        """The highest grade that the items ask for (就高从严); ``numbers`` restricts it to some items."""
        best, reasons = self.floor, []
        for number in range(len(case.items)) if numbers is None else numbers:
            item = case.items[number]
            if item.get("direction") == "in":
                continue
            name, code, declared = item.get("item_name"), item.get("item_code"), item.get("pii_class")
            found = self.item_grade(
                name if type(name) is str else "",
                code if type(code) is str else "",
                declared if type(declared) is str else "",
                case.person,
            )
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
            target, degree = (row.get("object"), row.get("degree")) if isinstance(row, dict) else (None, None)
            cell = self.spec.impact_matrix.get(str(target), {}).get(str(degree))
            if cell is None:
                continue
            grade = self.spec.general_by_degree[str(degree)] if cell == "general" else cell
            if best is None or self.rank[grade] > best.rank:
                best = ItemGrade(self.rank[grade], grade, f"对{target}造成{degree}")
        return Suggestion(best.grade, (best.why,)) if best else None

    def whole(self, case: Case, disclosed: frozenset[str]) -> Suggestion:
        """The grade suggested for the whole resource, without the items that a law publishes."""
        numbers = None
        if disclosed:
            numbers = [n for n, item in enumerate(case.items) if item.get("item_name") not in disclosed]
        by_items, by_impact = self.suggest(case, numbers), self.by_impact(case.get("impact"))
        if by_impact and self.rank[by_impact.grade] > self.rank[by_items.grade]:
            return by_impact
        return by_items

    def open_grade(self, case: Case, disclosed: frozenset[str]) -> str:
        """The grade on which opening is judged (§12 R6): of the items that leave, graded anew.

        When all leave, or none is listed, the resource's own grade stands; so do 重要 and 核心, which no
        look at the items can lower.
        """
        if len(case.opened) == len(case.items) or case.grade in self.fixed:
            return case.grade if type(case.grade) is str else ""
        left = [n for n in case.opened if case.items[n].get("item_name") not in disclosed]
        return self.suggest(case, left).grade


def opened_items(case: Case) -> list[int]:
    """The numbers of the items that leave when the resource is opened; an unmarked item follows the resource."""
    if case.open not in GOES_OUT:
        return []
    return [
        n
        for n, item in enumerate(case.items)
        if (item.get("open_type") or case.open) != NONE and item.get("direction") != "in"
    ]


def disclosed_names(content: Mapping[str, Any]) -> frozenset[str]:
    """The names of items that the entry says a law publishes (§12 R7)."""
    rows = content.get("disclosure_basis")
    if not rows or not isinstance(rows, list):
        return frozenset()
    named: set[str] = set()
    for row in rows:
        if isinstance(row, dict) and row.get("title") and row.get("article"):
            items = row.get("items")
            named.update(str(part) for part in (items if isinstance(items, list) else [items]) if part)
    return frozenset(named)


def prepare(case: Case, grader: Grader) -> None:
    """Fill in what the checks of grades and needs share: hints, subject, open items, the suggestion."""
    case.hints = grader.hints(case)
    case.person = grader.is_about_persons(case)
    case.opened = opened_items(case)
    case.suggested = grader.whole(case, disclosed_names(case.content))


@lru_cache(maxsize=8)
def grader_of(specs: Specs) -> Grader:
    return Grader(specs)


# ---- grade and matrices -----------------------------------------------------------------------------------


@checker("grade_present")
def grade_present(rule: Rule, specs: Specs, *, field: str) -> Built:
    known = frozenset(v.code for v in specs.codes["data_grade"].values)

    def check(case: Case) -> None:
        if is_blank(case.grade):
            case.add(rule.id, field, reason="missing")
        elif type(case.grade) is not str or case.grade not in known:
            case.add(rule.id, field, case.grade, reason="unknown")

    return of_case(check)


@checker("matrix_share")
def matrix_share(rule: Rule, specs: Specs, *, field: str) -> Built:
    cells = _cells(specs.sharing.matrix_share)

    def check(case: Case) -> None:
        if type(case.grade) is not str or type(case.share) is not str:
            return
        cell = cells.get((case.grade, case.share), "ok")
        if cell == "ok" or cell == "basis":
            return  # the basis itself is judged by E112
        params = {
            "grade": specs.label("data_grade", case.grade),
            "type": specs.label("share_type", case.share),
        }
        if cell == "deny":
            case.add(rule.id, field, params["type"], reason="deny", params=params)
        elif cell == "approve" or not case.text("justification"):
            case.need(cell, "share", params)

    return of_case(check)


def _cells(matrix: Mapping[str, tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    kinds = (UNCONDITIONAL, CONDITIONAL, NONE)
    return {(grade, kind): cell for grade, row in matrix.items() for kind, cell in zip(kinds, row, strict=True)}


@checker("matrix_open")
def matrix_open(rule: Rule, specs: Specs, *, field: str) -> Built:
    cells = _cells(specs.sharing.matrix_open)
    grader = grader_of(specs)

    def check(case: Case) -> None:
        if type(case.open) is not str:
            return
        disclosed = disclosed_names(case.content)
        grade = grader.open_grade(case, disclosed) if case.open in GOES_OUT else case.grade
        cell = cells.get((grade, case.open), "ok") if type(grade) is str else "ok"
        if cell == "ok":
            return
        params = {"grade": specs.label("data_grade", grade), "type": specs.label("open_type", case.open)}
        if cell == "deny":
            case.add(rule.id, field, params["type"], reason="deny", params=params)
            return
        for part in cell.split("+"):
            if part == "justify" and (case.text("justification") or case.text("non_open_reason")):
                continue
            case.need(part, "matrix" if part == "desens" else "open", params)

    return of_case(check)


@checker("grade_suggested")
def grade_suggested(rule: Rule, specs: Specs, *, field: str) -> Built:
    rank = grader_of(specs).rank

    def check(case: Case) -> None:
        declared = pick(rank, case.grade)
        if declared is None or rank[case.suggested.grade] <= declared:
            return
        params = {
            "suggested": specs.label("data_grade", case.suggested.grade),
            "grade": specs.label("data_grade", case.grade),
            "why": "；".join(case.suggested.reasons[:3]),
        }
        case.add(rule.id, field, params["grade"], params=params)

    return of_case(check)


@checker("impact_known")
def impact_known(rule: Rule, specs: Specs, *, field: str) -> Built:
    spec = specs.grading
    params = {"objects": "、".join(spec.impact_objects), "degrees": "、".join(spec.impact_degrees)}

    def check(case: Case) -> None:
        for row in case.get(field) or ():
            if not isinstance(row, dict):
                continue
            target, degree = row.get("object"), row.get("degree")
            if (target and target not in spec.impact_objects) or (degree and degree not in spec.impact_degrees):
                case.add(rule.id, field, f"{target}｜{degree}", params=params)

    return of_case(check)


# ---- personal information ---------------------------------------------------------------------------------


def effective_class(item: Mapping[str, Any], hint: Hint) -> str:
    """The personal-information class that opening is judged on: a strong name outweighs 非个人信息."""
    declared = item.get("pii_class")
    if hint.detector and declared not in PERSONAL:
        return "direct"
    return declared if type(declared) is str else ""


@checker("strong_name_denied")
def strong_name_denied(rule: Rule, specs: Specs, *, field: str) -> Built:
    grader = grader_of(specs)
    masked_levels = frozenset(level for row in specs.grading.overrides for level in row.lifted_by_levels)

    def check(case: Case) -> None:
        for number, hint in enumerate(case.hints):
            item = case.items[number]
            kind = grader.kind_of.get(hint.detector)
            if kind is None or item.get(field) != "none":
                continue
            if item.get("mask_rule") and case.get("processing_level") in masked_levels:
                continue  # a derived, masked resource: the proof of desensitization decides
            params = {"item": case.item_name(number), "kind": kind.zh}
            case.add(rule.id, f"items.{field}", case.item_name(number), number, params=params)

    return of_case(check)


@checker("hint_contradicts")
def hint_contradicts(rule: Rule, specs: Specs, *, pii: str, subject: str) -> Built:
    grader = grader_of(specs)

    def check(case: Case) -> None:
        stated = case.get(subject)
        for number, hint in enumerate(case.hints):
            item = case.items[number]
            kind = grader.kind_of.get(hint.detector)
            if kind is None:
                continue
            name = case.item_name(number)
            if item.get(pii) == "quasi":
                params = {"item": name, "kind": kind.zh, "declared": specs.label("pii_class", "quasi")}
                case.add(rule.id, f"items.{pii}", name, number, "pii", params)
            if type(stated) is str and stated == "统计":
                case.add(rule.id, subject, stated, reason="subject", params={"item": name, "declared": stated})

    return of_case(check)


@checker("personal_override")
def personal_override(rule: Rule, specs: Specs, *, field: str) -> Built:
    override = _Overrides(rule, specs, field)
    return of_case(override.check)


class _Overrides:
    """Personal information among the items that leave (§3.4 personal_info_override, §12 R6, R7)."""

    def __init__(self, rule: Rule, specs: Specs, field: str) -> None:
        self.rule, self.specs, self.field = rule, specs, field
        self.grader = grader_of(specs)
        self.library = Library(specs)
        self.rows = {row.applies_to: row for row in specs.grading.overrides}
        self.minor_words = specs.grading.minor_words
        self.always_masked = frozenset(specs.grading.always_masked)

    def check(self, case: Case) -> None:
        if not case.opened:
            return
        disclosed = disclosed_names(case.content)
        for number in case.opened:
            item, hint = case.items[number], case.hints[number]
            kind = effective_class(item, hint)
            if item.get("item_name") in disclosed:
                self._disclosed(case, number)
                continue
            row = self._row(case, hint, kind)
            if row is not None:
                self._judge(case, number, row)
        if disclosed:
            self._consent(case, disclosed)

    def _row(self, case: Case, hint: Hint, kind: str) -> Override | None:
        if case.person and hint.words and any(word in hint.words for word in self.minor_words):
            return self.rows["minors"]
        if kind in ("direct", "sensitive"):
            return self.rows["sensitive" if kind == "sensitive" else "direct"]
        return None

    def _judge(self, case: Case, number: int, row: Override) -> None:
        cell = row.unconditional if case.open == UNCONDITIONAL else row.conditional
        if cell != "deny" or self._lifted(case, number, row):
            return  # what is left to prove is the need `desens`
        params = {"item": case.item_name(number), "type": self.specs.label("open_type", case.open)}
        case.add(self.rule.id, self.field, params["item"], number, row.applies_to, params)

    def _lifted(self, case: Case, number: int, row: Override) -> bool:
        item, strong = case.items[number], bool(case.hints[number].detector)
        mask = item.get("mask_rule")
        if type(mask) is str and any(word in mask for word in row.lifted_by_masks):
            return True
        if case.get("processing_level") in row.lifted_by_levels and (mask or not strong):
            return True
        # a strong name is never lifted by what the steward says of the subject
        return not strong and case.get("record_subject") in row.lifted_by_subjects

    def _disclosed(self, case: Case, number: int) -> None:
        kind = self.grader.kind_of.get(case.hints[number].detector)
        if kind is not None and kind.key in self.always_masked and not case.items[number].get("mask_rule"):
            params = {"item": case.item_name(number)}
            case.add(self.rule.id, self.field, params["item"], number, "masked", params)

    def _consent(self, case: Case, disclosed: frozenset[str]) -> None:
        rows = [row for row in case.get("disclosure_basis") or () if isinstance(row, dict)]
        named = "、".join(f"《{row.get('title')}》{row.get('article')}" for row in rows)
        case.need("head_consent", "disclosure", {"law": named, "items": "、".join(sorted(disclosed))})
        for row in rows:
            if not self._requires_publication(row):
                case.need("basis", "unknown", {"value": f"《{row.get('title')}》{row.get('article')}"})

    def _requires_publication(self, row: Mapping[str, Any]) -> bool:
        law = self.library.find(str(row.get("title") or ""))
        if law is None or law.status == "repealed":
            return False
        number = article_number(str(row.get("article") or ""))
        return any(
            article_number(a.article) == number and "requires_publication" in a.uses for a in law.articles
        )


@checker("mask_needed")
def mask_needed(rule: Rule, specs: Specs, *, field: str) -> Built:
    def check(case: Case) -> None:
        disclosed = disclosed_names(case.content) if case.opened else frozenset()
        for number in case.opened:
            item = case.items[number]
            if item.get("sensitive_flag") == "1" and not item.get(field) and item.get("item_name") not in disclosed:
                params = {"item": case.item_name(number)}
                case.add(rule.id, f"items.{field}", params["item"], number, params=params)

    return of_case(check)
