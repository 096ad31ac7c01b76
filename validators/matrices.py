"""Checks of the grade against sharing and opening, of the suggested grade, and of the stated impact."""

from collections.abc import Mapping

from catalog_specs import Specs
from catalog_specs.model import Rule
from validators.case import Case
from validators.checkers import Built, checker, of_case, pick
from validators.fields import is_blank
from validators.findings import text_of
from validators.grading import grader_of
from validators.sharing import CONDITIONAL, GOES_OUT, NONE, UNCONDITIONAL


@checker("grade_present")
def grade_present(rule: Rule, specs: Specs, *, field: str) -> Built:
    known = frozenset(v.code for v in specs.codes["data_grade"].values)

    def check(case: Case) -> None:
        if is_blank(case.grade):
            case.add(rule.id, field, reason="missing")
        elif type(case.grade) is not str or case.grade not in known:
            case.add(rule.id, field, case.grade, reason="unknown")

    return of_case(check, plain=(), fits=lambda kind: kind.grade not in known)


@checker("matrix_share")
def matrix_share(rule: Rule, specs: Specs, *, field: str) -> Built:
    cells = _cells(specs.sharing.matrix_share)

    def check(case: Case) -> None:
        if type(case.grade) is not str or type(case.share) is not str:
            return
        cell = cells.get((case.grade, case.share), "ok")
        if cell in ("ok", "basis"):
            return  # the basis itself is judged by E112
        params = {
            "grade": specs.label("data_grade", case.grade),
            "type": specs.label("share_type", case.share),
        }
        if cell == "deny":
            case.add(rule.id, field, params["type"], reason="deny", params=params)
        elif cell == "approve" or not case.text("justification"):
            case.need(cell, "share", params)

    return of_case(
        check, plain=(), fits=lambda kind: cells.get((kind.grade, kind.share), "ok") not in ("ok", "basis")
    )


def _cells(matrix: Mapping[str, tuple[str, str, str]]) -> dict[tuple[str | None, str | None], str]:
    kinds = (UNCONDITIONAL, CONDITIONAL, NONE)
    return {
        (grade, kind): cell for grade, row in matrix.items() for kind, cell in zip(kinds, row, strict=True)
    }


@checker("matrix_open")
def matrix_open(rule: Rule, specs: Specs, *, field: str) -> Built:
    cells = _cells(specs.sharing.matrix_open)
    grader = grader_of(specs)

    def check(case: Case) -> None:
        if type(case.open) is not str:
            return
        grade = grader.open_grade(case) if case.open in GOES_OUT else case.grade
        cell = cells.get((grade, case.open), "ok") if type(grade) is str else "ok"
        if cell == "ok":
            return
        params = {"grade": specs.label("data_grade", grade), "type": specs.label("open_type", case.open)}
        if cell == "deny":
            # where only its items forbid it and they are named one by one, the grade need not be told
            if grade == case.grade or not grader.refused(case):
                case.add(rule.id, field, params["type"], reason="deny", params=params)
            return
        for part in cell.split("+"):
            if part == "justify" and (case.text("justification") or case.text("non_open_reason")):
                continue
            case.need(part, "matrix" if part == "desens" else "open", params)

    return of_case(
        check, fits=lambda kind: kind.open in GOES_OUT or cells.get((kind.grade, kind.open), "ok") != "ok"
    )


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
        rows = case.get(field)
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict):
                continue
            target, degree = row.get("object"), row.get("degree")
            if (target and target not in spec.impact_objects) or (
                degree and degree not in spec.impact_degrees
            ):
                case.add(rule.id, field, f"{text_of(target)}｜{text_of(degree)}", params=params)

    return of_case(check, plain=(field,))
