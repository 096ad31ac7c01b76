"""What must hold before a move: one named check per guard of lifecycle.yaml.

A check answers None when its guard is met or does not apply, else what exactly is missing (it may be empty
where the guard's own text says all). What applies and cannot be shown is not met.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog_specs import Specs
from catalog_specs.law_lifecycle import Guard, Lifecycle, Move
from catalog_specs.model import Level
from validators.assess import Assessment
from validators.case import Content, Facts
from validators.fields import is_blank, parse_date
from validators.findings import Finding, word, word_need
from validators.grading import grader_of
from validators.list_columns import owed_columns
from validators.proving import ProofCase

Missing = tuple[str, ...] | None
NUMBER_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Offered:
    """A distribution as its guards see it. ``same_bytes`` is None where there is no file.

    ``cleared`` holds what the valid secrecy review of its data said, None when there is none. ``proof`` asks whether
    what is opened is proven clean; None for what is not opened.
    """

    form: str
    patterns: tuple[str, ...]
    items: tuple[str, ...]
    opened: bool
    same_bytes: bool | None
    cleared: Mapping[str, Any] | None
    proof: ProofCase | None = None


@dataclass(frozen=True, slots=True)
class MoveCase:
    """Everything that decides whether one subject may make one move.

    ``signed`` are the valid signatures (move, role), ``records`` the kinds of evidence that are valid for this
    content. ``narrowed`` names what a new version takes away from a service ``in_use``. ``still_at`` names the
    portals at which the entry may still be, each with what is known, ``open_orders`` the orders to rectify its
    system. ``archived``: the entry is updated no more;
    ``system_over`` says that its system was retired, empty while it was not.
    """

    move: Move
    role: str
    content: Content
    assessment: Assessment
    specs: Specs
    facts: Facts
    change_class: str
    signed: frozenset[tuple[str, str]] = frozenset()
    records: frozenset[str] = frozenset()
    data: Mapping[str, Any] | None = None
    note: str = ""
    in_force: bool = False
    open_version: bool = False
    in_use: bool = False
    narrowed: tuple[str, ...] = ()
    live_distributions: int = 0
    ever_shelved: bool = False
    still_at: tuple[str, ...] = ()
    open_orders: tuple[str, ...] = ()
    active_grants: int = 0
    archived: bool = False
    system_over: str = ""
    late_remarks: tuple[str, ...] = ()
    hints_answered: frozenset[str] = frozenset()
    distribution: Offered | None = None

    def given(self, key: str) -> Any:
        """What the move was given under ``key``; None for nothing."""
        return (self.data or {}).get(key)


Check = Callable[[MoveCase, Guard], Missing]
GATES: dict[str, Check] = {}


def gate(name: str) -> Callable[[Check], Check]:
    def enter(check: Check) -> Check:
        GATES[name] = check
        return check

    return enter


# ---- findings and needs of the assessment -----------------------------------------------------------------


def said(found: Iterable[Finding], specs: Specs) -> tuple[str, ...]:
    """Findings as sentences: rule, message, cure and source."""
    worded = [word(finding, specs) for finding in found]
    return tuple(f"{w.rule} {w.message}（{w.fix}；{w.source}）" for w in worded)


def _broken(case: MoveCase, rules: Iterable[str]) -> Missing:
    names = frozenset(rules)
    return said((f for f in case.assessment.findings if f.rule in names), case.specs) or None


def _needed(case: MoveCase, guard: Guard) -> Missing:
    """The open needs of a guard, worded; None when there are none."""
    needs = [need for need in case.assessment.needs if need.need in guard.needs]
    return tuple(word_need(need, case.specs)[1] for need in needs) or None


def by_rules(case: MoveCase, guard: Guard) -> Missing:
    return _broken(case, guard.rules)


for _name in ("art13_minimum", "graded", "matrix_consistent", "basis"):
    gate(_name)(by_rules)


@gate("share_open_decided")
def share_open_decided(case: MoveCase, guard: Guard) -> Missing:
    """Both types are known ones, and none is left open: stock may come without them."""
    blank = (key for key in ("share_type", "open_type") if is_blank(case.content.get(key)))
    undecided = (f"{case.specs.fields[key].zh}没有填写" for key in blank)
    return (*(_broken(case, guard.rules) or ()), *undecided) or None


@gate("no_blocking_findings")
def no_blocking_findings(case: MoveCase, guard: Guard) -> Missing:
    """Every error that no other guard of the move speaks of."""
    life = case.specs.document("lifecycle", Lifecycle)
    others = {rule for name in case.move.guards for rule in life.guard_index[name].rules}
    errors = case.assessment.of_level(Level.ERROR, case.specs)
    return said((f for f in errors if f.rule not in others), case.specs) or None


@gate("justified")
def justified(case: MoveCase, guard: Guard) -> Missing:
    return _needed(case, guard)


@gate("hints_confirmed")
def hints_confirmed(case: MoveCase, guard: Guard) -> Missing:
    """Each item whose name hints at personal data is confirmed (in the entry) or denied with a word why."""
    needs = [need for need in case.assessment.needs if need.need in guard.needs]
    asked = [item for need in needs for item in need.params.get("each", "").split("\n") if item]
    answers = case.given("hints")
    told = {k for k, v in answers.items() if str(v).strip()} if isinstance(answers, Mapping) else set()
    return tuple(item for item in asked if item not in told | case.hints_answered) or None


@gate("important_data")
def important_data(case: MoveCase, guard: Guard) -> Missing:
    if case.content.get("data_grade") not in grader_of(case.specs).fixed:
        return None
    reference = case.content.get("important_ref")
    filled = reference if isinstance(reference, Mapping) else {}
    asked = ("status", "number") if filled.get("status") == "申报" else ("status", "number", "body", "date")
    spec = case.specs.fields["important_ref"]
    return (
        tuple(part.zh for part in spec.parts if part.key in asked and is_blank(filled.get(part.key))) or None
    )


# ---- signatures and evidence ------------------------------------------------------------------------------


def _asked_signatures(case: MoveCase) -> list[tuple[str, tuple[str, ...]]]:
    life = case.specs.document("lifecycle", Lifecycle)
    return [(s.move, s.by) for s in life.class_index[case.change_class].signatures]


def _has(case: MoveCase, move: str, by: Iterable[str]) -> bool:
    return any((move, role) in case.signed for role in by)


def _unsigned(case: MoveCase, move: str, role: str) -> Missing:
    """Empty when the change class asks for a signature of this role that is not there."""
    for name, by in _asked_signatures(case):
        if name == move and role in by and not _has(case, move, by):
            return ()
    return None


@gate("secrecy_risk_assessment")
def secrecy_risk_assessment(case: MoveCase, guard: Guard) -> Missing:
    return _unsigned(case, "clear", "secrecy_reviewer")


@gate("chief_consent")
def chief_consent(case: MoveCase, guard: Guard) -> Missing:
    return _unsigned(case, "endorse", "division_chief") if case.role in guard.for_roles else None


@gate("head_consent")
def head_consent(case: MoveCase, guard: Guard) -> Missing:
    return _unsigned(case, "endorse", "head")


@gate("signatures_complete")
def signatures_complete(case: MoveCase, guard: Guard) -> Missing:
    life = case.specs.document("lifecycle", Lifecycle)
    missing = [(m, by) for m, by in _asked_signatures(case) if not _has(case, m, by)]
    return tuple(life.index[move].zh for move, _by in missing) or None


def by_record(case: MoveCase, guard: Guard) -> Missing:
    """A need that a record proves."""
    life = case.specs.document("lifecycle", Lifecycle)
    if any(guard.key in life.record_index[kind].proves for kind in case.records):
        return None
    return _needed(case, guard)


for _name in ("pia", "important_risk_assessment", "exception_approved"):
    gate(_name)(by_record)


@gate("basis_confirmed")
def basis_confirmed(case: MoveCase, guard: Guard) -> Missing:
    return None if str(case.given("basis_confirmed") or "").strip() else _needed(case, guard)


def _recorded(case: MoveCase, guard: Guard) -> bool:
    life = case.specs.document("lifecycle", Lifecycle)
    waived = bool(guard.waived_by) and bool(str(case.given(guard.waived_by) or "").strip())
    return waived or any(guard.key in life.record_index[kind].proves for kind in case.records)


@gate("service_consultation")
def service_consultation(case: MoveCase, guard: Guard) -> Missing:
    """Narrowing or ending a service that is in use (S1 27)."""
    ends = case.move.key != "announce"
    applies = case.in_use and (ends or bool(case.narrowed))
    return case.narrowed if applies and not _recorded(case, guard) else None


@gate("consumers_informed")
def consumers_informed(case: MoveCase, guard: Guard) -> Missing:
    return () if case.ever_shelved and not _recorded(case, guard) else None


@gate("retirement_decided")
def retirement_decided(case: MoveCase, guard: Guard) -> Missing:
    return None if _recorded(case, guard) else ()


# ---- what the move is given -------------------------------------------------------------------------------


@gate("not_secret")
def not_secret(case: MoveCase, guard: Guard) -> Missing:
    """Nothing secret in the content, and no reviewer's word that there is (保密法实施条例 42)."""
    found = _broken(case, guard.rules) or ()
    life = case.specs.document("lifecycle", Lifecycle)
    conclusion = case.given("conclusion")
    if conclusion is not None and case.move.key in ("clear", "clear_data"):
        row = life.conclusions.get(str(conclusion))
        if row is None:
            known = "、".join(f"{c.key}（{c.zh}）" for c in life.secrecy_review.conclusions)
            found = (*found, f"没有“{conclusion}”这种结论；可用：{known}")
        elif not row.share and not row.open:
            found = (*found, row.zh)
    results = case.given("items")
    if isinstance(results, Mapping):
        found = (*found, *(f"信息项“{name}”：涉密" for name, said in results.items() if said == "secret"))
    return found or None


@gate("reasons_given")
def reasons_given(case: MoveCase, guard: Guard) -> Missing:
    if case.late_remarks:
        return case.late_remarks
    return None if case.note.strip() or case.given("reasons") else ()


@gate("cause_cured")
def cause_cured(case: MoveCase, guard: Guard) -> Missing:
    return None if case.note.strip() else ()


@gate("batch_notice")
def batch_notice(case: MoveCase, guard: Guard) -> Missing:
    number = str(case.given("number") or "").strip()
    missing = [] if number else ["通告文号（number）"]
    missing += [f"通告文号至多 {NUMBER_LENGTH} 个字"] if len(number) > NUMBER_LENGTH else []
    day = case.given("date")
    parsed = parse_date(str(day)) if isinstance(day, str | date) else None
    if parsed is not None and parsed > case.facts.today:
        missing.append(f"通告日期 {parsed} 还没有到")
    if parsed is None:
        missing.append("通告日期（date，写作 2026-11-22）")
    return tuple(missing) or None


# ---- the entry and its distributions ----------------------------------------------------------------------


@gate("no_open_version")
def no_open_version(case: MoveCase, guard: Guard) -> Missing:
    return () if case.open_version else None


@gate("version_in_force")
def version_in_force(case: MoveCase, guard: Guard) -> Missing:
    return None if case.in_force else ()


@gate("no_active_grants")
def no_active_grants(case: MoveCase, guard: Guard) -> Missing:
    return (f"{case.active_grants} 项",) if case.active_grants else None


@gate("distributions_off")
def distributions_off(case: MoveCase, guard: Guard) -> Missing:
    return (f"还有 {case.live_distributions} 个",) if case.live_distributions else None


@gate("gone_everywhere")
def gone_everywhere(case: MoveCase, guard: Guard) -> Missing:
    """What a portal may still hold; only a sync's read-back can show that it is gone (S-LPS 26)."""
    return case.still_at or None


@gate("not_archived")
def not_archived(case: MoveCase, guard: Guard) -> Missing:
    return () if case.archived else None


@gate("system_running")
def system_running(case: MoveCase, guard: Guard) -> Missing:
    return (case.system_over,) if case.system_over else None


@gate("no_rectification")
def no_rectification(case: MoveCase, guard: Guard) -> Missing:
    """The orders to rectify the entry's system that are not closed (S-LPS 32). They keep data off the shelf; what is on
    it stays."""
    return case.open_orders or None


@gate("list_columns")
def list_columns(case: MoveCase, guard: Guard) -> Missing:
    """The columns of the city's responsibility lists that cannot be filled from the entry (E127)."""
    missing = [c.zh for c in owed_columns(case.content, case.specs) if is_blank(case.content.get(c.field))]
    return said((Finding("E127", params={"field": zh}) for zh in missing), case.specs) or None
