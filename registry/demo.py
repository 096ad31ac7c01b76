"""Demonstration data loaded through the same deeds as real data. It grows with each capability."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load, profile_of_region
from registry import systems
from registry.checking import Progress
from registry.db import Database
from registry.demo_lists import load_lists
from registry.demo_people import load_people
from registry.demo_portal import is_opening, load_portal
from registry.demo_requests import load_requests
from registry.demo_review import load_review
from registry.demo_supervision import load_supervised
from registry.demo_systems import load_ended
from registry.errors import Conflict
from registry.export import write_jsonl
from registry.intake import import_workbook
from registry.keys import new_key
from registry.models import Agency, Entry, ImportBatch, System
from registry.people import any_people
from registry.registering import Mode
from registry.stores import Store
from registry.synthetic import Demo, demonstration
from validators.codes import region_of

FILE_NAME = "演示数据-{profile}.jsonl"
DEMO_USER = "demo"
# the demonstration began some time ago, so that deadlines have run
DAYS = 40


def load_demo(
    database: Database, *, files: Store, seed: int, now: datetime, progress: Progress | None = None
) -> str:
    """Load about 12 departments of two cities, 30 systems and 300 entries, a share of them wrong, those of two
    departments as stock; one account a role at the department with most entries, and entries of its own in every
    state of review; systems retired, wiped, built, accepted and supervised; sealed lists of three departments.
    ``files`` takes the files of those that hold open data, and papers.

    Gives a sentence on what was done; a second call changes nothing and says so. All or nothing is loaded.
    """
    with database.write() as session:
        loaded = session.execute(select(ImportBatch).where(col(ImportBatch.actor) == DEMO_USER)).first()
        if loaded:
            return "演示数据已经载入过，没有改动。"
        if any_people(session):
            raise Conflict("这个数据库已有账号；演示账号的口令是公开的，不能载入，请另用一个数据库")
        demo, begun = demonstration(seed), now - timedelta(days=DAYS)
        _create_agencies(session, demo, begun)
        totals = {"added": 0, "errors": 0, "warnings": 0}
        for part in _parts(demo):
            counts = _import(session, part, begun, progress)
            totals = {key: totals[key] + counts[key] for key in totals}
        agency, system = _largest(session)
        others = _others(session, demo, agency)
        accounts = load_people(session, agency, system, others, now=begun)
        walked, opened = load_review(session, agency, files=files, seed=seed, begun=begun, now=now)
        asked = load_requests(session, agency, others["neighbour"], now=now)
        given: dict[str, Any] = {"files": files, "begun": begun, "now": now}
        ended = load_ended(session, agency, **given).said()
        supervised = load_supervised(session, agency, others.get("opening", agency), **given).said()
        portal = load_portal(session, others, files=files, seed=seed, begun=begun, now=now)
        heads = [agency, others["neighbour"], others["other_city"]]
        lists = load_lists(session, heads, now=now)
    return (
        f"已载入演示数据：{len(demo.agencies)} 个部门，{len(demo.systems)} 个系统，{totals['added']} 条目录"
        f"（故意写错的共 {totals['errors']} 处错误、{totals['warnings']} 处提醒），"
        f"{walked} 条在审核、通告、上架各环节，其中 {opened} 条有经证明的开放数据。\n"
        f"{asked}\n{ended}\n{supervised}\n{lists}\n"
        f"{accounts}\n{portal}"
    )


def _largest(session: Session) -> tuple[Agency, System]:
    """The agency with most entries, the first by code among equals, and the system with most of these."""
    count = func.count().label("count")
    query = select(Agency, count).join(Entry, col(Entry.agency_id) == col(Agency.id)).group_by(col(Agency.id))
    agency = session.execute(query.order_by(count.desc(), col(Agency.code)).limit(1)).scalar_one()
    theirs = select(System, count).join(Entry, col(Entry.system_id) == col(System.id))
    theirs = theirs.where(col(Entry.agency_id) == agency.id).group_by(col(System.id))
    return agency, session.execute(theirs.order_by(count.desc(), col(System.id)).limit(1)).scalar_one()


def _profile(provider_code: str) -> str:
    return profile_of_region(region_of(provider_code)) or ""


def _create_agencies(session: Session, demo: Demo, now: datetime) -> None:
    specs = load()
    known = systems.agencies_by_code(session)
    codes = {str(e["provider_code"]): str(e.get("resource_code") or "") for e in demo.entries}
    providers = [systems.Provider(a["code"], a["name"], codes.get(a["code"], "")) for a in demo.agencies]
    agencies = known | systems.create_agencies(session, providers, known, specs, now=now)
    for row in demo.agencies:
        agencies[row["code"]].kind = row["kind"]
    session.flush()
    _create_systems(session, demo, agencies, now)


def _create_systems(session: Session, demo: Demo, agencies: dict[str, Agency], now: datetime) -> None:
    rows = [
        {
            "id": new_key("s"),
            "agency_id": agencies[row["agency_code"]].id,
            "ident": row["id"],
            "name": row["name"],
            "profile": row["profile"],
            "system_class": row["class"],
            "life": systems.PLANNED_LIFE,
            "created_at": now,
        }
        for row in demo.systems
    ]
    session.execute(insert(System), rows)


class _Part(NamedTuple):
    """Entries that come in one file: of one measure, as drafts or as stock."""

    profile: str
    mode: Mode
    rows: list[dict[str, Any]]


def _stock(demo: Demo) -> dict[str, str]:
    """By region the credit code of the department whose entries come as stock: the last one."""
    return {row["region"]: row["code"] for row in sorted(demo.agencies, key=lambda row: row["code"])}


def _others(session: Session, demo: Demo, agency: Agency) -> dict[str, Agency]:
    """The departments that came as stock: that of the same city, that of the other one; and the one that opens most."""
    known = systems.agencies_by_code(session)
    found = {
        "neighbour" if region == agency.region else "other_city": known[code]
        for region, code in _stock(demo).items()
    }
    taken = {agency.code, *(one.code for one in found.values())}
    rest = (known[row["code"]] for row in demo.agencies if row["code"] not in taken)
    opening = next((one for one in rest if is_opening(one)), None)
    return found | ({"opening": opening} if opening else {})


def _parts(demo: Demo) -> list[_Part]:
    stock = set(_stock(demo).values())
    parts: dict[tuple[str, Mode], list[dict[str, Any]]] = {}
    for entry in demo.entries:
        mode: Mode = "existing" if entry.get("provider_code") in stock else "draft"
        parts.setdefault((_profile(str(entry["provider_code"])), mode), []).append(entry)
    return [_Part(*key, parts[key]) for key in sorted(parts)]


def _import(session: Session, part: _Part, now: datetime, progress: Progress | None) -> dict[str, int]:
    specs: Specs = load(part.profile)
    with tempfile.TemporaryDirectory(prefix="mulu-demo-") as folder:
        path = Path(folder) / FILE_NAME.format(profile=part.profile)
        write_jsonl(part.rows, path, specs)
        given: dict[str, Any] = {"profile": part.profile, "mode": part.mode, "progress": progress}
        return import_workbook(session, path, actor=DEMO_USER, now=now, **given).counts
