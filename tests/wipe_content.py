"""Wipe records that are fit, and the people who make them, for the tests of the wipe log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry import copies, wipe_cases, wipes
from registry.db import Database
from registry.models import Agency, DataCopy, System, WipeCase, WipeRecord
from registry.people import actor_of
from registry.permits import Actor
from registry.wipe_sight import find_case
from tests.cast import add_person, make_cast
from tests.conftest import NOW

DIGEST = "ab" * 32


def person(name: str = "", /, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": "工程师",
        "org": "遵义市民政局",
        "date": "2026-11-20",
        "location": "市政务云机房",
        "contact": "0851-28250000",
        "signature": "手签",
    } | changes


def physical(copy: str = "主库一", **changes: Any) -> dict[str, Any]:
    """A record of a hard disk as the one who wiped it fills it in."""
    return {
        "manufacturer": "希捷",
        "model": "ST4000NM",
        "serial_no": "ZC1A2B3C",
        "property_no": "ZY-2019-0031",
        "media_type": "hdd",
        "media_source": "民政业务系统数据库服务器",
        "capacity": "4 TB",
        "data_grade_before": "g3",
        "method": "purge",
        "technique": "secure_erase_enhanced",
        "standard": "GB/T 22239-2019；GA/T 1143",
        "tool": "hdparm",
        "tool_version": "9.65",
        "operator": person("张操作"),
        "started_at": "2026-11-20T09:00",
        "finished_at": "2026-11-20T11:30",
        "copies_covered": [{"copy": copy, "answer": "wiped"}],
        "data_disposition_before": "档案移交清单〔2026〕3号",
        "destination": "scrap",
        "evidence_hashes": [DIGEST],
    } | changes


def cloud(copy: str = "云盘一", **changes: Any) -> dict[str, Any]:
    """A record of a cloud disk."""
    return {
        "tenant": "zy-minzheng",
        "region": "guiyang-1",
        "instance": "ecs-0017",
        "storage_ids": ["vol-01", "snap-02"],
        "key_id": "kms-77",
        "release_order": "GD-2026-118",
        "provider_confirmation": {"sha256": DIGEST},
        "backup_expiry": "2026-11-01",
        "data_grade_before": "g3",
        "method": "purge",
        "technique": "crypto_erase",
        "keys_destroyed": True,
        "encrypted_since_first_write": True,
        "key_bits": 256,
        "standard": "GB/T 37988；NIST SP 800-88",
        "operator": person("张操作"),
        "started_at": "2026-11-20T09:00",
        "finished_at": "2026-11-20T09:10",
        "copies_covered": [{"copy": copy, "answer": "wiped"}],
        "data_disposition_before": "已归档",
        "destination": "return_to_cloud",
        "evidence_hashes": [DIGEST],
    } | changes


def service(copy: str = "承建单位副本", **changes: Any) -> dict[str, Any]:
    """A record of what a contractor held."""
    return {
        "contract_no": "HT-2024-09",
        "return_or_delete_certificate": DIGEST,
        "on_site_check": DIGEST,
        "data_grade_before": "g2",
        "standard": "GB/T 37988",
        "operator": person("承建人员", org="某信息公司"),
        "started_at": "2026-11-20T09:00",
        "finished_at": "2026-11-20T10:00",
        "copies_covered": [{"copy": copy, "answer": "wiped"}],
        "data_disposition_before": "已返还",
        "evidence_hashes": [DIGEST],
    } | changes


def verified(name: str = "李验证", **changes: Any) -> dict[str, Any]:
    """What a verifier says."""
    return {
        "verification_method": "按等分区间随机读取并含首尾地址",
        "sample_ratio": 0.12,
        "verification_result": "pass",
        "verifier": person(name),
    } | changes


@dataclass
class Wiping:
    """An agency's people and a system of theirs; each deed in its own transaction, a minute after the last."""

    database: Database
    now: datetime = NOW
    case: str = ""

    @contextmanager
    def by(self, login: str) -> Iterator[tuple[Session, dict[str, Any]]]:
        with self.database.write() as session:
            yield session, {"actor": self.actor(session, login), "now": self.now}
        self.now += timedelta(minutes=1)

    def actor(self, session: Session, login: str) -> Actor:
        return actor_of(session, login, today=self.now.date())

    def agency(self, session: Session) -> Agency:
        return session.get_one(Agency, self.system(session).agency_id)

    def system(self, session: Session) -> System:
        return session.execute(select(System).order_by(System.id)).scalars().first()  # type: ignore[arg-type,return-value]

    def open(self, kind: str = "replaced_disk", **given: Any) -> str:
        with self.by("steward") as (session, who):
            given.setdefault("system", self.system(session))
            made = wipe_cases.open_case(session, kind, agency=self.agency(session), **given, **who)
            self.case = made.number
        return self.case

    def copy(self, kind: str = "primary", name: str = "主库一", **given: Any) -> str:
        known = {"contractor_copy": {"contract_no": "HT-2024-09"}, "cloud_disk": {"storage_ids": ["vol-01"]}}
        given.setdefault("ids", known.get(kind, {"serial_no": "ZC1A2B3C"}))
        medium = {"contractor_copy": "", "cloud_disk": "cloud"}.get(kind, "hdd")
        with self.by("steward") as (session, who):
            made = copies.add(session, self.system(session), kind, name, medium=medium, **given, **who)
            return made.id

    def enlist(self, *names: str) -> None:
        with self.by("steward") as (session, who):
            wipe_cases.enlist(session, self.held(session), list(names), **who)

    def held(self, session: Session) -> WipeCase:
        return find_case(session, self.case, actor=None).case

    def record(
        self, *contents: Mapping[str, Any], kind: str = "physical", login: str = "steward"
    ) -> list[str]:
        with self.by(login) as (session, who):
            made = wipes.record(session, self.case, contents, kind=kind, **who)
            return [one.id for one in made]

    def examine(self, key: str, login: str = "verifier", **changes: Any) -> str:
        with self.by(login) as (session, who):
            return wipes.examine(session, key, verified(**changes), **who).state

    def witness(self, key: str, login: str = "division_chief") -> None:
        with self.by(login) as (session, who):
            wipes.witness(session, key, person("王见证"), **who)

    def approve(self, key: str, login: str = "head") -> str:
        with self.by(login) as (session, who):
            return wipes.approve(session, key, person("赵审批"), **who).certificate_no or ""

    def certify(self, key: str) -> str:
        self.examine(key)
        self.witness(key)
        return self.approve(key)

    def close(self, login: str = "steward") -> str:
        with self.by(login) as (session, who):
            return wipe_cases.close_case(session, self.held(session), by_retirement=True, **who).state

    def states(self) -> dict[str, str]:
        with self.database.read() as session:
            return {one.name: one.state for one in session.execute(select(DataCopy)).scalars()}

    def row(self, key: str) -> WipeRecord:
        with self.database.read() as session:
            return session.get_one(WipeRecord, key)


def make_wiping(database: Database, folder: Path) -> Wiping:
    """An agency with one system, its cast, and a second steward who verifies."""
    make_cast(database, folder)
    made = Wiping(database)
    with database.write() as session:
        add_person(session, "verifier", "steward", made.agency(session), made.system(session))
    return made


DAY = date(2026, 11, 20)
