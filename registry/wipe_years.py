"""Certificates by year: how many, of which media and methods, with what result, and until when they are kept.

Source: S1 29; PIPL 56; domain §7.1; deadlines.yaml (``wipe_record_keep``, ``wipe_record_keep_advised``).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from catalog_specs.law import Deadlines
from registry.calendars import city_calendar
from registry.models import Agency, RetirementStep, System, WipeCase, WipeRecord
from registry.people import local_day
from registry.permits import Actor
from registry.wipe_sight import cases_seen
from validators.workdays import due

_FAILED, _WRITE_OFF = "fail", "write_off"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was issued. ``keep_until``: the last day on which it must be kept; ``advised_until``, once the
    asset was written off: until when keeping it is advised."""

    certificate_no: str
    case: str
    system: str
    agency_code: str
    agency_name: str
    kind: str
    medium: str
    method: str
    day: date
    keep_until: date
    advised_until: date | None
    erased: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Wipes of one year, agency, medium and method: certificates issued, results, attempts that failed."""

    year: int
    agency_code: str
    agency_name: str
    medium: str
    method: str
    records: int
    certificates: int
    passed: int
    failed: int
    waiting: int
    keep_until: date | None


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """Certificates of a year (None: of all years), counted and one by one."""

    year: int | None
    tallies: tuple[Tally, ...]
    certificates: tuple[Certificate, ...]


def certificates_by_year(
    session: Session, *, actor: Actor | None, year: int | None = None
) -> CertificateReport:
    """Wipes by the year in which they were certified, or else recorded: counted by agency, medium and method.

    ``year``: only that one. Source: S1 29; PIPL 56 (kept three years at least).
    """
    specs = load()
    keep = _Keeping(specs)
    query = (
        select(WipeRecord, WipeCase, Agency, System)
        .join(WipeCase, col(WipeCase.id) == col(WipeRecord.case_id))
        .join(Agency, col(Agency.id) == col(WipeCase.agency_id))
        .outerjoin(System, col(System.id) == col(WipeCase.system_id))
        .where(cases_seen(actor))
        .order_by(col(WipeRecord.seq))
    )
    off = _written_off(session)
    groups: dict[tuple[int, str, str, str, str], list[WipeRecord]] = defaultdict(list)
    issued = []
    for record, case, agency, system in session.execute(query.execution_options(yield_per=1000)):
        day = local_day(record.approved_at or record.recorded_at)
        if year not in (None, day.year):
            continue
        medium = _medium(record)
        groups[day.year, agency.code, agency.name, medium, record.method or ""].append(record)
        if record.certificate_no:
            issued.append(
                Certificate(
                    certificate_no=record.certificate_no,
                    case=case.number,
                    system=system.name if system else "",
                    agency_code=agency.code,
                    agency_name=agency.name,
                    kind=record.kind,
                    medium=medium,
                    method=record.method or "",
                    day=day,
                    keep_until=keep.least(record),
                    advised_until=keep.advised(off.get(case.retirement_id or "")),
                    erased=record.erased_at is not None,
                )
            )
    tallies = tuple(_tally(key, rows, keep) for key, rows in sorted(groups.items()))
    return CertificateReport(year, tallies, tuple(sorted(issued, key=lambda one: one.certificate_no)))


class _Keeping:
    """Until when certificates are kept."""

    def __init__(self, specs: Specs) -> None:
        clocks = specs.document("deadlines", Deadlines).index
        self.calendar = city_calendar(specs)
        least, advised = specs.retirement.keep
        self._least, self._advised = clocks[least], clocks[advised]

    def least(self, record: WipeRecord) -> date:
        return due(self._least, local_day(record.recorded_at), self.calendar)

    def advised(self, written_off: date | None) -> date | None:
        return due(self._advised, written_off, self.calendar) if written_off else None


def _medium(record: WipeRecord) -> str:
    """The medium that was wiped, or the kind of record where there is none."""
    return str(record.content.get("media_type") or record.kind)


def _written_off(session: Session) -> Mapping[str, date]:
    """On which day the assets of each retirement were written off."""
    query = select(RetirementStep).where(col(RetirementStep.step) == _WRITE_OFF)
    rows = session.execute(query.order_by(col(RetirementStep.at))).scalars()
    return {row.retirement_id: row.day or local_day(row.at) for row in rows}


def _tally(key: tuple[int, str, str, str, str], rows: list[WipeRecord], keep: _Keeping) -> Tally:
    year, code, name, medium, method = key
    certified = [row for row in rows if row.certificate_no]
    return Tally(
        year=year,
        agency_code=code,
        agency_name=name,
        medium=medium,
        method=method,
        records=len(rows),
        certificates=len(certified),
        passed=sum(row.result not in (None, _FAILED) for row in rows),
        failed=sum(row.result == _FAILED for row in rows),
        waiting=sum(row.result is None for row in rows),
        keep_until=max((keep.least(row) for row in certified), default=None),
    )


# ---- as a table -------------------------------------------------------------------------------------------


def medium_words() -> Mapping[str, str]:
    """The Chinese of media and kinds of record."""
    spec = load().retirement
    return {one.key: one.zh for one in (*spec.kinds, *spec.media)}


def method_words() -> Mapping[str, str]:
    """The Chinese of methods."""
    return {one.key: one.zh for one in load().retirement.methods}


def tally_cells(one: Tally) -> tuple[Any, ...]:
    """A line of the report of certificates by year, under ``TALLY_HEADS``."""
    media, methods = medium_words(), method_words()
    counts = (one.records, one.certificates, one.passed, one.failed, one.waiting)
    return (
        str(one.year), one.agency_name, media.get(one.medium, one.medium), methods.get(one.method, one.method),
        *map(str, counts), str(one.keep_until or ""),
    )  # fmt: skip


TALLY_HEADS = ("年度", "单位", "介质", "方法", "记录", "证明", "通过", "未通过", "待验证", "至少保存至")
