"""Needs: what only a later step can prove, so that a check can name it without failing the entry."""

from collections.abc import Callable

from catalog_specs import Specs
from validators.case import Case, which
from validators.checkers import Built, of_case
from validators.fields import is_blank
from validators.grading import PERSONAL, grader_of
from validators.hints import secret_words
from validators.sharing import GOES_OUT

NeedCheck = Callable[[Case], None]


def need_checks(specs: Specs) -> tuple[Built, ...]:
    """The checks that add needs. The matrices and the legal basis add theirs where they are judged."""
    fixed = grader_of(specs).fixed
    return (
        of_case(_secrecy(specs)),
        of_case(_listed, fits=lambda kind: kind.share in GOES_OUT or kind.open in GOES_OUT),
        of_case(_personal(specs)),
        of_case(_risk(specs), fits=lambda kind: kind.grade in fixed),
        of_case(_desensitized, open_=GOES_OUT),
        of_case(_weak_hints),
    )


def _leaves(case: Case) -> bool:
    return case.share in GOES_OUT or case.open in GOES_OUT


def _listed(case: Case) -> None:
    if _leaves(case):
        case.need("list_line", "shared")


def _secrecy(specs: Specs) -> NeedCheck:
    find = secret_words(specs)

    def check(case: Case) -> None:
        word = find(case.text("resource_name")) or find(case.text("resource_abstract"))
        word = word or next((case.hints[n].secret for n in case.hinted if case.hints[n].secret), "")
        if word:
            case.need("secrecy_review", "words", {"word": word})
        elif _leaves(case):
            case.need("secrecy_review", "shelf")

    return check


def _personal(specs: Specs) -> NeedCheck:
    """PIPL 55 through E131: not for what neither shares nor opens, unless it is sensitive."""

    def check(case: Case) -> None:
        if PERSONAL.isdisjoint(case.classes):
            return
        found = [n for n in range(len(case.items)) if _is_personal(case, n)]
        if not found:
            return
        sensitive = any(case.classes[n] == "sensitive" for n in found)
        if _leaves(case) or sensitive:
            case.need("pia", "personal", {"items": which(case, found)})

    return check


def _risk(specs: Specs) -> NeedCheck:
    fixed = grader_of(specs).fixed

    def check(case: Case) -> None:
        if type(case.grade) is not str or case.grade not in fixed:
            return
        reference = case.get("important_ref")
        confirmed = (
            isinstance(reference, dict) and reference.get("status") == "认定" and reference.get("number")
        )
        params = {"grade": specs.label("data_grade", case.grade)}
        case.need("risk_assessment", "important" if confirmed else "suspected", params)

    return check


def _desensitized(case: Case) -> None:
    if not case.opened or any(need.need == "desens" for need in case.needs):
        return
    found = [n for n in case.opened if _identifies(case, n) and not _published(case, n)]
    if found:
        case.need("desens", "items", {"items": which(case, found)})


def _is_personal(case: Case, number: int) -> bool:
    """A quasi-identifier (an age, a position) is personal among data on persons only (§12 R11)."""
    kind = case.classes[number]
    return kind in PERSONAL and (kind != "quasi" or case.person)


def _identifies(case: Case, number: int) -> bool:
    return case.items[number].get("sensitive_flag") == "1" or _is_personal(case, number)


def _published(case: Case, number: int) -> bool:
    """Whether a law publishes the item as it is; an identity number or telephone stays masked even there."""
    return case.item_name(number) in case.disclosed and not case.hints[number].detector


def _weak_hints(case: Case) -> None:
    found = []
    for number in case.hinted:
        hint = case.hints[number]
        if not hint.tiers or hint.detector:
            continue
        declared = case.items[number].get("pii_class")
        if not is_blank(declared) and declared != "none":
            continue
        if "direct" in hint.tiers or case.person:
            found.append(number)
    if found:
        each = "\n".join(case.item_name(number) for number in found)
        case.need("confirm_hint", "weak", {"items": which(case, found), "each": each})
