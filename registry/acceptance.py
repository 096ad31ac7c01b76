"""Whether a system may be accepted (验收): every element of its city's measure with what shows it, or what is missing.

Fail closed: a system without a table list is not complete, evidence that does not name its paper shows nothing, and
what may not be waived is not waived. Source: S-ZY 19, 21, 解读9; S-LPS 14, 20, 21, 23, 29; domain §6.3, §12 R20.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law import AcceptanceElement
from catalog_specs.law_acceptance import Acceptance, ProofKind
from registry.acceptance_facts import EntryShown, SystemFacts, facts_of, of_state
from registry.models import Agency, DutyEvidence, System, SystemReview
from registry.permits import Actor
from registry.reviews import ACCEPTANCE
from registry.system_register import find_seen
from registry.systems import is_external
from registry.table_coverage import DRAFTED, LOST, UNDECIDED

READY, LACKING, EXEMPT = "ready", "lacking", "exempt"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """What shows an element: in words, with number, day and file where there are any."""

    kind: str
    kind_zh: str
    says: str
    number: str = ""
    day: date | None = None
    file_name: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """What an element lacks: in words, with the article (``source`` in full) and the cure."""

    kind: str
    says: str
    article: str
    source: str
    cure: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element of acceptance. ``holds``: what lacks here keeps the system from being accepted."""

    key: str
    zh: str
    level: str
    level_zh: str
    article: str
    source: str
    holds: bool
    found: tuple[Shown, ...]
    missing: tuple[Missing, ...]

    @property
    def met(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class AcceptanceCheck:
    """The check of a system at a moment. ``verdict``: ready, lacking or exempt (an external system)."""

    system_id: str
    system_name: str
    system_ident: str
    agency_code: str
    agency_name: str
    profile: str
    profile_zh: str
    contractor: str
    as_of: datetime
    specs_digest: str
    verdict: str
    verdict_zh: str
    why: str
    elements: tuple[Element, ...]
    facts: SystemFacts | None

    @property
    def is_ready(self) -> bool:
        return self.verdict == READY

    @property
    def lacking(self) -> tuple[str, ...]:
        """What keeps the system from being accepted, each with article and cure."""
        if self.verdict == EXEMPT:
            return (self.why,)
        said = [
            f"{one.zh}：{gap.says}（{gap.source}）；{gap.cure}"
            for one in self.elements
            if one.holds
            for gap in one.missing
        ]
        return tuple(said) if said or self.is_ready else (self.why,)


def check(session: Session, system: System, *, now: datetime) -> AcceptanceCheck:
    """Every element of acceptance of a system, and whether it may be accepted.

    Raises:
        Unavailable: the calendar's file is wrong.
    """
    specs = load(system.profile)
    owner = session.get_one(Agency, system.agency_id)
    if is_external(system, specs):
        exempt = specs.duties.exempt_system_classes
        why = f"{exempt.zh}（{specs.cited(exempt.sources)}）"
        return _checked(system, owner, specs, now=now, verdict=EXEMPT, why=why)
    facts = facts_of(session, system, now=now, specs=specs)
    given = _Given(session, system, specs, facts)
    elements = tuple(given.element(row) for row in specs.duties.acceptance if row.profile == system.profile)
    why = "" if elements else f"“{specs.profile.zh}”没有列出验收要件；补入 duties.yaml 的 acceptance 后再核对"
    ready = bool(elements) and all(one.met for one in elements if one.holds)
    verdict = READY if ready else LACKING
    return _checked(system, owner, specs, now=now, verdict=verdict, why=why, elements=elements, facts=facts)


def _checked(
    system: System,
    owner: Agency,
    specs: Specs,
    *,
    now: datetime,
    verdict: str,
    why: str,
    elements: tuple[Element, ...] = (),
    facts: SystemFacts | None = None,
) -> AcceptanceCheck:
    return AcceptanceCheck(
        system.id,
        system.name,
        system.ident or "",
        owner.code,
        owner.name,
        system.profile,
        specs.profile.zh,
        system.contractor,
        now,
        specs.digest,
        verdict,
        getattr(specs.acceptance.pack.verdicts, verdict),
        why,
        elements,
        facts,
    )


def check_seen(session: Session, written: str, *, actor: Actor | None, now: datetime) -> AcceptanceCheck:
    """``check`` of a system by key, number or name, as far as ``actor`` (None: the console) sees it.

    Raises:
        NotFound: there is none that is seen. Conflict: several have this name. Unavailable: as for ``check``.
    """
    system, _owner = find_seen(session, written, actor=actor)
    return check(session, system, now=now)


def lacking(session: Session, system: System, *, now: datetime) -> tuple[str, ...]:
    """What keeps a system from being accepted, each with article and cure; empty when it may be. Raises as ``check``.

    An external system is not accepted here, which is told, too.
    """
    return check(session, system, now=now).lacking


# ---- elements ---------------------------------------------------------------------------------------------

Told = tuple[list[Shown], list[str]]


class _Given:
    """What there is of a system: the evidence recorded, the last review, and what the register tells."""

    def __init__(self, session: Session, system: System, specs: Specs, facts: SystemFacts) -> None:
        self.system, self.specs, self.facts = system, specs, facts
        self.law: Acceptance = specs.acceptance
        self.evidence = _evidence(session, system)
        self.review = _last_review(session, system)
        self.register: Mapping[str, Callable[[SystemFacts, Acceptance], tuple[list[str], list[str]]]] = {
            "catalogue_version": _catalogue,
            "audit_record": _audit,
            "shelf_rate": _shelf,
            "table_coverage": _coverage,
            "open_list": _opening,
        }

    def element(self, row: AcceptanceElement) -> Element:
        """One element with what shows it and what it lacks."""
        found, missing = list[Shown](), list[Missing]()
        article = _articles(row.sources, self.specs)
        source = self.specs.cited(tuple(s for s in row.sources if s != "DESIGN"))
        for kind in row.evidence:
            proof = self.law.proof_index[kind]
            shown, gaps = self._told(proof, row)
            found += shown
            missing += [Missing(kind, gap, article, source, self._cure(proof, row)) for gap in gaps]
        level = self.law.level_index[row.level]
        holds = level.holds and row.key not in self.law.after.elements
        named = (row.key, row.zh, row.level, level.zh, article, source)
        return Element(*named, holds, tuple(found), tuple(missing))

    def _cure(self, proof: ProofKind, row: AcceptanceElement) -> str:
        """What to do, with the duty under which evidence is recorded."""
        if proof.by not in ("evidence", "system"):
            return proof.cure.zh
        return f"{proof.cure.zh}（{'、'.join(self._duties(proof, row))}）"

    def _duties(self, proof: ProofKind, row: AcceptanceElement) -> list[str]:
        """The duties of a system under which this evidence is recorded."""
        duties = [one for one in self.specs.duties.of(self.system.profile) if one.per == "system"]
        taking = [one for one in duties if proof.key in one.evidence]
        return [one.id for one in taking if not proof.own or set(one.sources) & set(row.sources)]

    def _told(self, proof: ProofKind, row: AcceptanceElement) -> Told:
        if proof.by == "register":
            says, gaps = self.register[proof.key](self.facts, self.law)
            return [Shown(proof.key, proof.zh, said) for said in says], gaps
        if proof.by == "review":
            return self._reviewed(proof)
        shown, gaps = self._recorded(proof, row)
        if proof.by == "system" and gaps and self.system.crypto_no and self.system.crypto_on:
            number, day = self.system.crypto_no, self.system.crypto_on
            return [Shown(proof.key, proof.zh, "系统登记的密评报告", number, day)], []
        return shown, gaps

    def _recorded(self, proof: ProofKind, row: AcceptanceElement) -> Told:
        """The evidence recorded of a kind; where a kind is of several papers, that which names this one."""
        duties = self._duties(proof, row)
        of_kind = [one for one in self.evidence if one.kind == proof.key and one.duty in duties]
        done = [one for one in of_kind if not one.waived]
        waived = [one for one in of_kind if one.waived]
        if proof.named:
            done = [one for one in done if _bare(row.zh) in f"{one.note}\n{one.file_name or ''}"]
        if done:
            return [_of_evidence(done[0], proof)], []
        if of_kind and proof.named:
            return [], [f"已登记的{proof.zh}没有写明“{_bare(row.zh)}”"]
        if waived:
            return [], [f"登记为不适用（{waived[0].note[:100]}），但验收的{proof.zh}不得免除"]
        return [], [f"没有登记{proof.zh}"]

    def _reviewed(self, proof: ProofKind) -> Told:
        last = self.review
        if last is None:
            return [], ["还没有验收符合性审查"]
        if not last.passed:
            return [], [f"最近一次验收符合性审查（{last.number or last.day.isoformat()}）未通过"]
        shown = Shown(
            *(proof.key, proof.zh, "审查通过", last.number, last.day),
            *(last.file_name or "", last.sha256 or ""),
        )
        return [shown], []


def _articles(sources: Sequence[str], specs: Specs) -> str:
    """Citations in short, where the measure that applies is named beside them: 第19条、解读9."""
    found = []
    for source in sources:
        key, _, article = source.partition(" ")
        if key == specs.profile.law:
            found.append(f"第{article}条" if article[:1].isdigit() else article)
        elif key != "DESIGN":
            found.append(specs.citation(source))
    return "、".join(found) or specs.citation("DESIGN")


def _bare(zh: str) -> str:
    return zh.partition("（")[0]


def _of_evidence(one: DutyEvidence, proof: ProofKind) -> Shown:
    return Shown(
        *(proof.key, proof.zh, one.note, one.number, one.day),
        *(one.file_name or "", one.sha256 or ""),
    )


def _evidence(session: Session, system: System) -> list[DutyEvidence]:
    """What was recorded of the system and stands, the newest first."""
    query = select(DutyEvidence).where(
        col(DutyEvidence.system_id) == system.id, col(DutyEvidence.withdrawn_at).is_(None)
    )
    rows = session.execute(query).scalars()
    return sorted(rows, key=lambda one: (one.year, one.day or date.min, one.at, one.id), reverse=True)


def _last_review(session: Session, system: System) -> SystemReview | None:
    query = select(SystemReview).where(
        col(SystemReview.system_id) == system.id, col(SystemReview.kind) == ACCEPTANCE
    )
    rows = session.execute(query).scalars()
    return max(rows, key=lambda one: (one.day, one.at, one.id), default=None)


# ---- what the register tells: what shows, what lacks -------------------------------------------------------


def _some(names: Sequence[str]) -> str:
    more = f"等 {len(names)} 项" if len(names) > _NAMED else ""
    return "、".join(names[:_NAMED]) + more


def _names(entries: Sequence[EntryShown]) -> str:
    return _some([f"{one.code or one.entry_id} {one.name}" for one in entries])


def _catalogue(facts: SystemFacts, _law: Acceptance) -> tuple[list[str], list[str]]:
    announced = [one for one in facts.entries if one.announced]
    if not announced:
        waiting = f"；未通告的有 {len(facts.entries)} 条" if facts.entries else ""
        return [], [f"本系统没有已通告的目录{waiting}"]
    more = len(facts.entries) - len(announced)
    return [f"已通告 {len(announced)} 条" + (f"，另有 {more} 条未通告" if more else "")], []


def _audit(facts: SystemFacts, _law: Acceptance) -> tuple[list[str], list[str]]:
    announced = [one for one in facts.entries if one.announced]
    without = [one for one in announced if not one.audited]
    if without:
        return [], [f"{len(without)} 条已通告的目录没有审核记录：{_names(without)}"]
    if not announced:
        return [], ["没有经审核通告的目录"]
    return [f"{len(announced)} 条均经目录审核（存量以省平台审核为准）"], []


def _shelf(facts: SystemFacts, law: Acceptance) -> tuple[list[str], list[str]]:
    figures, least = facts.figures, law.thresholds.shelf
    gaps = [f"{row.code or row.entry_id} {row.name}：{row.owed}，已超期 {row.late_zh}" for row in facts.debts]
    if not figures.owing:
        return ([] if gaps else ["没有应上架的目录"]), gaps
    said = f"应上架 {figures.owing} 条，在架 {figures.shelved} 条，上架率 {percent(figures.shelf_rate)}"
    if figures.shelved * 100 < figures.owing * least:
        without = [one for one in facts.entries if one.owes and not one.shelved]
        gaps.insert(0, f"{said}，低于 {least}%；未上架：{_names(without)}")
    return ([] if gaps else [said]), gaps


def _coverage(facts: SystemFacts, law: Acceptance) -> tuple[list[str], list[str]]:
    """Complete: every table is decided, and what is covered is covered in full. Source: domain §12 R20."""
    found, least = facts.coverage, law.thresholds.coverage
    if not found.tables:
        return [], ["没有库表清单，看不出目录是否齐全"]
    counts = found.counts
    said = (
        f"库表 {found.tables} 张，已编目 {counts['covered']} 张，排除 {counts['excluded']} 张，"
        f"覆盖率 {percent(found.rate)}"
    )
    if counts["covered"] * 100 >= found.owing * least:
        return [said], []
    gaps = [
        f"{len(names)} 张{zh}：{_some(names)}"
        for key, zh in ((UNDECIDED, "未定"), (DRAFTED, "的目录未通告"), (LOST, "的目录已不在本系统或已注销"))
        if (names := of_state(facts.tables, key))
    ]
    return [], [f"{said}；{'；'.join(gaps)}"]


def _opening(facts: SystemFacts, _law: Acceptance) -> tuple[list[str], list[str]]:
    """What may be opened is opened and on a sealed list. Source: S-ZY 19, 24."""
    opened = [one for one in facts.entries if one.opened]
    if not any(one.announced for one in facts.entries):
        return [], ["没有已通告的目录，看不出有无可开放的数据"]
    if not opened:
        return ["本系统没有可开放的目录"], []
    gaps = list(_unopened(opened, facts))
    return ([] if gaps else [f"{len(opened)} 条开放目录均已开放上架，列入{facts.edition}清单"]), gaps


def _unopened(opened: Sequence[EntryShown], facts: SystemFacts) -> Iterator[str]:
    if without := [one for one in opened if not one.open_shelved]:
        yield f"{len(without)} 条可开放的目录没有开放上架：{_names(without)}"
    sealed = facts.sealed_at
    # an edition holds all that was announced when it was sealed
    unlisted = [one for one in opened if sealed is None or (one.announced_at and one.announced_at > sealed)]
    if unlisted:
        yield f"{len(unlisted)} 条开放目录未列入已封存的清单：{_names(unlisted)}"


def percent(rate: float | None) -> str:
    """A rate as people read it; a rate below one is never told as 100 %."""
    if rate is None:
        return "—"
    return f"{min(rate, 1 if rate >= 1 else 0.999):.1%}"
