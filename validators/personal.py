"""Checks of personal information: what names deny or contradict, what may not leave, what must be masked."""

from catalog_specs import Specs
from catalog_specs.model import Rule
from validators.case import Case
from validators.checkers import Built, checker, of_case
from validators.grading import PERSONAL, disclosure_rows, grader_of
from validators.sharing import GOES_OUT


@checker("strong_name_denied")
def strong_name_denied(rule: Rule, specs: Specs, *, field: str) -> Built:
    grader = grader_of(specs)

    def check(case: Case) -> None:
        for number in case.hinted:
            item = case.items[number]
            kind = grader.kind_of.get(case.hints[number].detector)
            if kind is None or item.get(field) != "none":
                continue
            if grader.was_masked(case, number):
                continue  # a derived, masked resource: the proof of desensitization decides
            params = {"item": case.item_name(number), "kind": kind.zh}
            case.add(rule.id, f"items.{field}", case.item_name(number), number, params=params)

    return of_case(check)


@checker("hint_contradicts")
def hint_contradicts(rule: Rule, specs: Specs, *, pii: str, subject: str) -> Built:
    grader = grader_of(specs)

    def check(case: Case) -> None:
        stated = case.get(subject)
        for number in case.hinted:
            item = case.items[number]
            kind = grader.kind_of.get(case.hints[number].detector)
            if kind is None:
                continue
            name = case.item_name(number)
            if item.get(pii) == "quasi":
                params = {"item": name, "kind": kind.zh, "declared": specs.label("pii_class", "quasi")}
                case.add(rule.id, f"items.{pii}", name, number, "pii", params)
            if type(stated) is str and stated == "统计":
                case.add(
                    rule.id, subject, stated, reason="subject", params={"item": name, "declared": stated}
                )

    return of_case(check)


@checker("personal_override")
def personal_override(rule: Rule, specs: Specs, *, field: str) -> Built:
    override = _Overrides(rule, specs, field)
    return of_case(override.check, open_=GOES_OUT)


class _Overrides:
    """Personal information among the items that leave (§3.4 personal_info_override, §12 R6, R7)."""

    def __init__(self, rule: Rule, specs: Specs, field: str) -> None:
        self.rule, self.specs, self.field = rule, specs, field
        self.grader = grader_of(specs)
        self.always_masked = frozenset(specs.grading.always_masked)

    def check(self, case: Case) -> None:
        if not case.opened:
            return
        for number, row in () if PERSONAL.isdisjoint(case.classes) else self.grader.refused(case):
            params = {"item": case.item_name(number), "type": self.specs.label("open_type", case.open)}
            case.add(self.rule.id, self.field, params["item"], number, row.applies_to, params)
        if case.get("disclosure_basis"):
            published = [n for n in case.opened if case.item_name(n) in case.disclosed]
            self._masked(case, published)
            self._consent(case, published)

    def _masked(self, case: Case, published: list[int]) -> None:
        """Identity numbers and telephones stay masked even where a law requires publication."""
        for number in published:
            kind = self.grader.kind_of.get(case.hints[number].detector)
            if kind is None or kind.key not in self.always_masked or self.grader.has_mask(case.items[number]):
                continue
            params = {"item": case.item_name(number)}
            case.add(self.rule.id, self.field, params["item"], number, "masked", params)

    def _consent(self, case: Case, published: list[int]) -> None:
        laws = []
        for row in disclosure_rows(case.content):
            named = f"《{row['title']}》{row['article']}"
            requires = self.grader.library.requires_publication(row)
            if requires is False:
                case.add(self.rule.id, "disclosure_basis", named, reason="not_required")
                continue
            laws.append(named)
            if requires is None:
                case.need("basis", "unknown", {"value": named})
        if published:
            names = "、".join(map(case.item_name, published))
            case.need("head_consent", "disclosure", {"law": "、".join(laws), "items": names})


@checker("mask_needed")
def mask_needed(rule: Rule, specs: Specs, *, field: str) -> Built:
    grader = grader_of(specs)

    def check(case: Case) -> None:
        for number in case.opened:
            item, name = case.items[number], case.item_name(number)
            if item.get("sensitive_flag") != "1" or name in case.disclosed or grader.has_mask(item):
                continue
            case.add(rule.id, f"items.{field}", name, number, params={"item": name})

    return of_case(check, on_items=lambda item: item.get("sensitive_flag") == "1", open_=GOES_OUT)
