"""The inspection pack (监督检查资料包): what is held of an agency, a system or the city, to be checked anywhere.

Rows as of a moment, duties with their evidence, entries in force, certificates, the acts on the record with proofs of
inclusion and the signed head. That one was made is an act itself. Source: S-LPS 31, 34; duties.yaml ``export_package``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import load
from registry.agency_lives import find
from registry.audit import Act, record
from registry.blobs import open_blob
from registry.calendars import city_calendar
from registry.duty_shown import Filter, list_duties, standing_json
from registry.duty_terms import Asked
from registry.errors import Gone, MuluError, Rejected
from registry.heads import prove_events
from registry.inspection_parts import (
    KINDS,
    Scope,
    entries_of,
    files_of,
    read,
    shown,
    subjects_of,
)
from registry.inspection_zip import Pack
from registry.keys import digest_of
from registry.models import Agency, Entry, System
from registry.past import as_of as entry_as_of
from registry.people import local_day
from registry.permits import EVERYTHING, Actor, Target, demand, holding, roles_of
from registry.plain_json import plain_value
from registry.signing import moment_text
from registry.stores import Store
from registry.system_register import find_seen
from validators.workdays import DAY

MAKE = "make_inspection_pack"
SCRIPTS = ("verify_proof.py", "verify_certificate.py")
_DOCS = Path(__file__).resolve().parents[1] / "docs"
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class About:
    """Of whom a pack is asked: an agency, a system (at most one of them; else the city); of what day (None: now).

    ``with_files``: the papers themselves, too, not only their digests.
    """

    agency: str = ""
    system: str = ""
    as_of: date | None = None
    with_files: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What was put into a pack: its manifest, and the SHA-256 of the manifest's canonical JSON."""

    manifest: Mapping[str, Any]
    digest: str


def compose(
    session: Session, pack: Pack, about: About, *, folder: Store, actor: Actor, now: datetime
) -> Made:
    """Fill a pack. The same register, head and moment give the same bytes.

    Raises:
        NotFound: no such agency or system; no head was signed. NotAllowed: neither the bureau, nor the log auditor, nor
        the head of the agency. Rejected: both are named, or the day is to come. Conflict: the record is damaged.
    """
    scope, target = _scope(session, about, actor, now)
    demand(actor, MAKE, roles_of(load()), target)
    rows = {kind.name: read(session, kind, scope) for kind in KINDS}
    for kind in KINDS:
        pack.add_rows(kind.name, shown(kind, rows[kind.name], scope), kind.zh)
    entries = entries_of(session, scope)
    _add_entries(session, pack, entries, _day(about, now))
    pack.add_rows("duties", _duties(session, about, scope, now), "当年义务及其佐证")
    _add_documents(pack, rows, scope)
    _add_papers(session, pack, files_of(rows, scope), about, folder)
    subjects = subjects_of(session, scope, rows, entries)
    proof = prove_events(session, "inspection", subjects, until=scope.end)
    pack.add_json("audit/proof.json", proof, "审计事件及包含证明")
    pack.add_json("audit/head.json", proof["head"], "签名的树头")
    _add_scripts(pack)
    said = _said(about, scope, actor, now) | {"head": proof["head"], "later": proof["later"]}
    manifest = pack.close(said, at=moment_text(now))
    return Made(manifest, digest_of(manifest))


def record_pack(session: Session, made: Made, *, actor: Actor, now: datetime) -> None:
    """Put on the record that a pack was made, of whom, and what its manifest is."""
    told = {key: made.manifest[key] for key in ("agency", "system", "as_of")}
    details = told | {"manifest": made.digest, "files": len(made.manifest["files"])}
    subject = str(told["system"] or told["agency"] or "city")
    act = Act(MAKE, subject, {key: value for key, value in details.items() if value is not None})
    record(session, [act], actor=actor.login, now=now, operator=actor.operator)


# ---- of whom ----------------------------------------------------------------------------------------------


def _scope(session: Session, about: About, actor: Actor, now: datetime) -> tuple[Scope, Target]:
    end, past = _end(about, now)
    if about.agency and about.system:
        raise Rejected("单位和系统只写一个：--agency 或 --system")
    if about.system:
        system, agency = find_seen(session, about.system, actor=None)
        target = Target(agency.id, agency.region, system.id)
        return Scope((agency,), (system,), whole=False, end=end, past=past), target
    if about.agency:
        one = find(session, about.agency, today=local_day(now))
        mine = select(System).where(col(System.agency_id) == one.id).order_by(col(System.id))
        systems = tuple(session.execute(mine).scalars())
        return Scope((one,), systems, whole=True, end=end, past=past), Target(one.id, one.region)
    region = _region(actor)
    here = col(Agency.region).startswith(region or "", autoescape=True)
    agencies = tuple(session.execute(select(Agency).where(here).order_by(col(Agency.id))).scalars())
    mine = select(System).join(Agency, col(Agency.id) == col(System.agency_id)).where(here)
    every = tuple(session.execute(mine.order_by(col(System.id))).scalars())
    return Scope(agencies, every, whole=True, end=end, past=past), Target(region=region)


def _region(actor: Actor) -> str | None:
    """The region for which someone may make a pack of all agencies; None: he may not."""
    roles = roles_of(load())
    held = (one for one in holding(actor, MAKE, roles) if roles.index[one.role].scope == "city")
    return next((one.region or "" for one in held), None)


def _end(about: About, now: datetime) -> tuple[datetime, bool]:
    """The moment with which the pack ends, and whether it lies in the past."""
    if about.as_of is None:
        return now + _TICK, False
    if about.as_of > local_day(now):
        raise Rejected(f"{about.as_of} 还没有到；截至日不得晚于今天")
    end = city_calendar(load()).begin(about.as_of + DAY)
    return (end, True) if end <= now else (now + _TICK, False)


def _day(about: About, now: datetime) -> date:
    return about.as_of or local_day(now)


def _said(about: About, scope: Scope, actor: Actor, now: datetime) -> dict[str, Any]:
    """What the manifest says of the pack itself."""
    return {
        "agency": scope.agencies[0].code if about.agency else None,
        "system": scope.systems[0].id if about.system else None,
        "as_of": _day(about, now).isoformat(),
        "until": moment_text(scope.end),
        "made_at": moment_text(now),
        "made_by": actor.login,
        "specs": {key: load(key).digest for key in sorted({one.profile for one in scope.systems})},
        "note": "截至日在过去的，不含当时没有留存的现状（状态、副本所在任务）；以审计事件为准"
        if scope.past
        else "",
    }


# ---- what -------------------------------------------------------------------------------------------------


def _add_entries(session: Session, pack: Pack, entries: Sequence[Entry], day: date) -> None:
    found = [plain_value(asdict(entry_as_of(session, entry.id, day, EVERYTHING))) for entry in entries]
    pack.add_rows("entries", found, "截至日有效的目录、签署人和在架资源")


def _duties(session: Session, about: About, scope: Scope, now: datetime) -> list[dict[str, Any]]:
    """Duties of the year with their state and evidence, as they stand now for that year."""
    asked = Asked(_day(about, now).year, about.agency or None, scope.systems[0].id if about.system else None)
    found = list_duties(session, asked, chosen=Filter(told=True), now=now, specs=load())
    rows = [plain_value(standing_json(one, load(one.subject.profile))) for one in found]
    return sorted(rows, key=lambda row: (row["subject"]["per"], row["subject"]["id"], row["id"]))


def _add_documents(pack: Pack, rows: Mapping[str, Sequence[Any]], scope: Scope) -> None:
    """Sealed editions and issued certificates, byte by byte as they were issued."""
    for edition in rows["editions"]:
        pack.add(f"editions/{edition.code}.json", edition.body.encode(), "封存的责任清单")
    for made in rows["wipe_records"]:
        issued = made.certificate and made.approved_at and made.approved_at < scope.end
        if issued:
            what = "数据清除证明（内容已擦除）" if made.erased_at else "数据清除证明"
            pack.add(f"certificates/{made.certificate_no}.json", made.certificate.encode(), what)


def _add_papers(session: Session, pack: Pack, papers: Mapping[str, str], about: About, folder: Store) -> None:
    """The list of papers; with them the papers themselves, as far as they are still there."""
    listed = []
    for sha256, name in papers.items():
        said = ""
        if about.with_files:
            try:
                with open_blob(session, sha256, folder) as source:
                    pack.stream(f"files/{sha256}", source, name)
            except Gone as error:
                said = error.message
            except MuluError as error:
                said = f"读不出：{error.message}"
        listed.append({"sha256": sha256, "file_name": name, "missing": said})
    pack.add_rows("papers", listed, "佐证文件的摘要和文件名")


def _add_scripts(pack: Pack) -> None:
    """The scripts that check proofs and certificates without the register, where they are installed."""
    for name in SCRIPTS:
        script = _DOCS / name
        if script.is_file():
            pack.add(name, script.read_bytes(), "独立核验脚本")
