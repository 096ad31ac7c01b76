"""Wipe cases opened: what for, for whom, and what each kind must name."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry.agency_checks import Against, refuse
from registry.grants import grant_named
from registry.keys import new_key
from registry.models import Agency, Retirement, System, WipeCase
from registry.numbering import next_number
from registry.people import find_agency, find_system, local_day
from registry.permits import Actor
from registry.wipe_acts import OPEN, RETIREMENT, demand_deed, record_act, text_of
from registry.wipe_sight import CaseRow
from validators.requesting import is_marked

_TEXTS = {"why": 500, "contract_no": 100, "decision_no": 100}


def open_case(  # noqa: PLR0913  (what a case may be for, each named by the caller)
    session: Session,
    kind: str,
    *,
    agency: Agency | str,
    system: System | str | None = None,
    retirement_id: str | None = None,
    grant_id: str | None = None,
    contract_no: str = "",
    decision_no: str = "",
    not_before: date | None = None,
    due: date | None = None,
    why: str = "",
    actor: Actor,
    now: datetime,
) -> WipeCase:
    """Open a case that data be wiped; ``kind`` is a key of ``cases`` in retirement.yaml, the number QC-region-year-seq.

    A contract's end names the contract (the system's own, if none is given), data no longer needed the grant by which
    ``agency`` got them; a retirement opens its case itself. Source: S-LPS 26; S1 27, 36; PIPL 21, 47; domain §12 R16.

    Raises:
        NotFound: no such agency, system or grant. NotAllowed. Rejected: the kind is unknown, what it must name is
        missing, or the system is external (S1 24). Conflict: the retirement has a case that is open.
    """
    specs, today = load(), local_day(now)
    owner = agency if isinstance(agency, Agency) else find_agency(session, agency, today=today)
    about = find_system(session, system) if isinstance(system, str) else system
    grant = grant_named(session, grant_id) if grant_id else None
    case = WipeCase(
        id=new_key("w"),
        number="",
        kind=kind,
        agency_id=owner.id,
        system_id=about.id if about else None,
        retirement_id=retirement_id,
        grant_id=grant.id if grant else None,
        decision_no=text_of(decision_no),
        contract_no=text_of(contract_no) or (_contract(about) if kind == "contract_end" else ""),
        not_before=not_before,
        due=due,
        why=text_of(why),
        absent={},
        state=OPEN,
        opened_by=actor.login,
        opened_at=now,
    )
    demand_deed("open", CaseRow(case, owner, about), actor, specs)
    refuse("不能建立清除任务", _against(session, case, owner, about, specs, asked=grant_id or ""))
    return _enter(session, case, owner, specs, actor=actor, now=now)


def _enter(
    session: Session, case: WipeCase, owner: Agency, specs: Specs, *, actor: Actor, now: datetime
) -> WipeCase:
    """The case with its number, kept and on the record."""
    parts = {"region": owner.region, "year": local_day(now).year}
    case.number = next_number(session, col(WipeCase.number), specs.wiping.case_number, **parts)
    session.add(case)
    session.flush()
    told = {"number": case.number, "kind": case.kind, "agency": owner.code, "system": case.system_id}
    told |= {"retirement": case.retirement_id, "grant": case.grant_id, "contract": case.contract_no}
    record_act(session, case, "open_wipe_case", {k: v for k, v in told.items() if v}, actor=actor, now=now)
    return case


def _contract(system: System | None) -> str:
    return (system.contract_no or "") if system else ""


def _against(
    session: Session,
    case: WipeCase,
    agency: Agency,
    system: System | None,
    specs: Specs,
    *,
    asked: str,
) -> list[Against]:
    law = specs.wiping.need_index.get(case.kind)
    if law is None:
        known = "、".join(f"{row.key}（{row.zh}）" for row in specs.retirement.cases)
        return [Against(f"没有“{case.kind[:20]}”这种起因；可用：{known}")]
    found = _unfit_texts(case, specs)
    exempt = specs.duties.exempt_system_classes
    if system is not None and system.system_class in exempt.codes:
        found.append(Against(f"“{system.name}”：{exempt.zh}（{specs.cited(exempt.sources)}）"))
    if system is not None and system.agency_id != agency.id:
        found.append(Against(f"“{system.name}”不是{agency.name}的系统；由该系统的单位建立任务"))
    basis = specs.cited(law.sources)
    lacking = {
        "system": (system is None, "须写明系统"),
        "contract_no": (not case.contract_no, "须写明合同编号"),
        "decision_no": (not case.decision_no, "须写明停用批复文号"),
        "grant": (case.grant_id is None, f"没有共享授权“{asked[:40]}”；须写明取得数据的授权编号"),
        "retirement": (case.retirement_id is None, "由停用任务建立（mulu retirement open），不单独建立"),
    }
    found += [Against(f"{lacking[key][1]}（{basis}）") for key in law.needs if lacking[key][0]]
    if case.retirement_id is not None:
        found += _retirement_against(session, case)
    return found + _grant_against(session, case, agency)


def _unfit_texts(case: WipeCase, specs: Specs) -> list[Against]:
    names = {"why": "事由", "contract_no": "合同编号", "decision_no": "停用批复文号"}
    found = []
    for key, length in _TEXTS.items():
        text = getattr(case, key)
        if len(text) > length:
            found.append(Against(f"{names[key]}至多 {length} 字"))
        if is_marked(text, specs):
            found.append(Against(f"{names[key]}带有密级标志；不要在本系统填写，报本单位保密工作机构"))
    return found


def _retirement_against(session: Session, case: WipeCase) -> list[Against]:
    retirement = session.get(Retirement, case.retirement_id)
    if retirement is None or case.kind != RETIREMENT or retirement.system_id != case.system_id:
        return [Against("停用任务与系统或起因不符；由停用任务建立")]
    query = select(col(WipeCase.number)).where(
        col(WipeCase.retirement_id) == case.retirement_id, col(WipeCase.state) == OPEN
    )
    other = session.execute(query).scalars().first()
    return [Against(f"{retirement.number} 已有办理中的清除任务 {other}", state=True)] if other else []


def _grant_against(session: Session, case: WipeCase, agency: Agency) -> list[Against]:
    grant = grant_named(session, case.grant_id) if case.grant_id else None
    if grant is None or grant.requester_id == agency.id:
        return []
    return [Against(f"授权 {grant.number} 的数据不是{agency.name}取得的；由取得数据的单位建立任务（S1 27）")]
