"""Entries on the shelf, many at once: announced, opened, reviewed, with files or interfaces, as the sync job finds them.

Rows are written as the doors would have left them; ``registry.offers`` judges them like any others.
"""

import io
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import col

from catalog_specs import load
from registry.blobs import keep
from registry.db import Database
from registry.entries import NewVersion, save_entries, save_versions
from registry.evidence import distribution_digest
from registry.keys import digest_of, new_key
from registry.models import Agency, Blob, Distribution, Opinion, Person
from registry.outbox import mark
from registry.stores import Store

PROFILE = "zunyi_2020"
FILE, INTERFACE = "2", "3"
_ITEMS = (("设施名称", "C", 100), ("所在乡镇", "C", 50), ("建成年份", "N", 4), ("占地面积", "N", 10))


def shelve_many(
    database: Database,
    number: int,
    *,
    now: datetime,
    files: Store | None = None,
    resources: int = 2,
    agencies: int = 5,
    first: int = 0,
    marked: bool = True,
) -> list[str]:
    """Announced entries on the shelf, opened without conditions; gives their keys.

    Each has ``resources`` distributions: interfaces, or with ``files`` CSV files of a few lines. ``first`` numbers
    them on; ``marked``: they stand in the outbox.
    """
    specs = load(PROFILE)
    offices = [_agency(n, now) for n in range(agencies)]
    with database.write() as session:
        _once(session, Agency, offices)
        _once(session, Person, [_reviewer(now)])
        rows, versions, made, opinions = [], [], [], []
        for n in range(first, first + number):
            office = offices[n % agencies]
            content = _content(office, n, FILE if files else INTERFACE)
            entry, digest = new_key("e"), digest_of(content)
            rows.append(_entry(entry, office["id"], content["resource_code"], now))
            versions.append(
                NewVersion(entry, 1, content, digest, "announced", [], [], 0, 0, content["resource_name"])
            )
            for place in range(resources):
                sha256 = _file(session, files, n, place, now) if files else None
                one = _distribution(entry, content, n, place, sha256, now)
                made.append(one)
                opinions.append(_cleared(entry, one, distribution_digest(content, _as_row(one), specs), now))
        save_entries(session, rows)
        save_versions(session, versions, specs, batch_id=None, actor="bench", now=now)
        session.execute(insert(Distribution), made)
        session.execute(insert(Opinion), opinions)
        keys = [row["id"] for row in rows]
        if marked:
            mark(session, keys, "shelve", now=now)
    return keys


def _once(session: Any, model: Any, rows: list[dict[str, Any]]) -> None:
    from sqlalchemy import select

    known = set(session.execute(select(col(model.id))).scalars())
    new = [row for row in rows if row["id"] not in known]
    if new:
        session.execute(insert(model), new)


def _agency(number: int, now: datetime) -> dict[str, Any]:
    return {
        "id": f"a{number:04d}",
        "code": f"1152030000{number:06d}00",
        "name": f"遵义市第{number}局",
        "kind": "政府部门",
        "region": "520300",
        "number": 90 - number,
        "created_at": now,
    }


def _reviewer(now: datetime) -> dict[str, Any]:
    names = {"id": "p-shelf", "login": "shelf-secrecy", "name": "保密审查员", "created_by": "bench"}
    return names | {"machine": False, "active": True, "must_change": False, "created_at": now}


def _content(office: dict[str, Any], number: int, form: str) -> dict[str, Any]:
    item = {
        "share_type": "1",
        "open_type": "1",
        "pii_class": "none",
        "sensitive_flag": "0",
        "classified_flag": "0",
    }
    return {
        "resource_code": f"307024{number // 1000:06d}/{number % 1000:06d}",
        "resource_name": f"第{number}片区公共体育设施信息",
        "resource_abstract": f"第{number}片区公共体育设施的名称、位置、建成年份和占地面积，每年更新一次。",
        "keywords": ["体育设施", "公共服务", f"片区{number % 40}"],
        "provider_name": office["name"],
        "provider_code": office["code"],
        "source_system_id": "体育设施管理系统",
        "resource_category": ["主题信息资源类"],
        "format_category": "2",
        "format_type": ["csv"],
        "update_cycle": "每年",
        "data_grade": "g1",
        "secret_flag": "非涉密",
        "business_matter": ["公共体育设施管理"],
        "contact_name": "王敏",
        "contact_phone": "0851-28220000",
        "data_class": ["ZB"],
        "record_subject": "物",
        "legal_basis": "公共文化体育设施条例",
        "share_type": "1",
        "open_type": "1",
        "license": "CC-BY-4.0",
        "share_mode_category": "1",
        "share_mode_type": [form],
        "share_pattern": ["批量交换"],
        "share_condition": "无条件",
        "share_scope": "全市政务部门",
        "sync_mechanism": "1",
        "items": [
            item | {"item_name": name, "item_code": f"f{place}", "data_type": kind, "data_length": length}
            for place, (name, kind, length) in enumerate(_ITEMS)
        ],
    }


def _entry(key: str, agency_id: str, code: str, now: datetime) -> dict[str, Any]:
    states = {"code_status": "given", "state": "shelved", "in_force": 1, "newest": 1, "lock": 1}
    return {"id": key, "agency_id": agency_id, "system_id": None, "code": code, "created_at": now} | states


def _file(session: Any, files: Store, number: int, place: int, now: datetime) -> str:
    lines = "".join(f"设施{row},第{number % 40}镇,{2000 + row},{row * 10 + place}\n" for row in range(5))
    text = "设施名称,所在乡镇,建成年份,占地面积\n" + lines + f"第{number}片区,,,\n"
    source = io.BytesIO(text.encode())
    blob: Blob = keep(session, source, folder=files, actor="bench", now=now, most_bytes=1 << 20)
    return blob.sha256


def _distribution(
    entry: str, content: dict[str, Any], number: int, place: int, sha256: str | None, now: datetime
) -> dict[str, Any]:
    return {
        "id": new_key("d"),
        "entry_id": entry,
        "name": f"{content['resource_name']}（{place + 1}）",
        "form": FILE if sha256 else INTERFACE,
        "patterns": ["批量交换"] if sha256 else ["查询"],
        "items": [name for name, _kind, _length in _ITEMS],
        "opened": True,
        "location": "" if sha256 else f"https://data.zunyi.gov.cn/api/facilities/{number}/{place}",
        "file_name": f"片区{number}-{place + 1}.csv" if sha256 else None,
        "sha256": sha256,
        "state": "shelved",
        "awaits": None,
        "awaits_since": None,
        "created_by": "steward",
        "created_at": now,
        "shelved_at": now,
        "ended_at": None,
        "lock": 1,
    }


def _as_row(made: dict[str, Any]) -> Distribution:
    return Distribution(**made)


def _cleared(entry: str, made: dict[str, Any], digest: str, now: datetime) -> dict[str, Any]:
    """The review of a distribution's data that passed it as open."""
    who = {"role": "secrecy_reviewer", "person_id": "p-shelf", "login": "shelf-secrecy"}
    states = {"state_before": "pending", "state_after": "pending", "bound_class": "major", "note": ""}
    return (
        who
        | states
        | {
            "id": new_key("o"),
            "entry_id": entry,
            "number": 1,
            "distribution_id": made["id"],
            "move": "clear_data",
            "delegation_id": None,
            "operator": None,
            "bound_digest": digest,
            "data": {"conclusion": "share_and_open"},
            "sheet_id": None,
            "at": now,
        }
    )
