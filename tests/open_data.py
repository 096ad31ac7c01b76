"""Data that are opened: an entry of derived records about people, open under conditions, and files of such rows."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

from catalog_specs import load
from registry.db import Database
from registry.permits import EVERYTHING
from registry.proof_orders import Order
from registry.proof_orders import prove as prove_order
from registry.proof_review import review_proof
from registry.proofs import Made
from registry.sources import open_file
from registry.url_stores import store_of
from tests.cast import Cast, content, make_cast

# name, code, type, length, identifier class, sensitive, mask rule
_ITEMS = (
    ("公民身份号码", "sfzh", "C", 18, "direct", "1", "截断，只保留前6位"),
    ("出生年份", "csnf", "C", 4, "quasi", "0", "泛化到年"),
    ("性别", "xb", "C", 1, "quasi", "0", ""),
    ("就诊科室", "jzks", "C", 50, "none", "0", ""),
)
HEADER = tuple(row[0] for row in _ITEMS)
OFFER = {
    "name": "门诊就诊脱敏明细.csv",
    "form": "2",
    "patterns": ["批量交换"],
    "items": list(HEADER),
    "opened": True,
}


def open_content(**changes: Any) -> dict[str, Any]:
    """A good entry that is opened under conditions and holds masked records about people."""
    base = content("OK04")
    item = base["items"][0]
    items = [
        item
        | {
            "item_name": name,
            "item_code": code,
            "data_type": kind,
            "data_length": length,
            "pii_class": pii,
            "sensitive_flag": sensitive,
            "mask_rule": rule or None,
            "share_type": "2",
            "open_type": "2",
        }
        for name, code, kind, length, pii, sensitive, rule in _ITEMS
    ]
    return base | {
        "resource_name": "门诊就诊脱敏明细",
        "resource_abstract": "去标识后的门诊就诊记录，供医疗资源配置研究",
        "record_subject": "人",
        "data_grade": "g2",
        "processing_level": "sjjgcd02",
        "format_category": "2",
        "format_type": ["csv"],
        "share_type": "2",
        "share_condition": "用于医疗资源配置研究，成果注明数据来源",
        "share_scope": "市内高等学校和公立医院",
        "use_purpose": ["工作参考"],
        "share_mode_category": "1",
        "share_mode_type": ["2"],
        "share_pattern": ["批量交换"],
        "open_type": "2",
        "open_level": "2",
        "open_condition": "实名认证，说明研究课题，承诺不作个人重识别",
        "license": "data-use-agreement",
        "update_cycle": "每年",
        "items": items,
        **changes,
    }


def rows(groups: int = 4, size: int = 6) -> list[list[str]]:
    """Rows that are clean for open type 2: ``groups`` classes of ``size`` alike in year and sex."""
    departments = ("内科", "外科", "儿科", "眼科")
    return [
        ["520303************", str(1980 + g), "男女"[g % 2], departments[n % 4]]
        for g in range(groups)
        for n in range(size)
    ]


def csv_bytes(data: list[list[str]], header: tuple[str, ...] = HEADER) -> bytes:
    """Rows as a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *data])
    return text.getvalue().encode()


def write_csv(folder: Path, data: list[list[str]] | None = None, name: str = "open.csv", **more: Any) -> Path:
    """A file of rows (clean ones when none are given) in ``folder``."""
    path = folder / name
    path.write_bytes(csv_bytes(rows() if data is None else data, **more))
    return path


def leaky(data: list[list[str]] | None = None) -> list[list[str]]:
    """Rows in which one identity number stands unmasked."""
    found = [list(row) for row in (rows() if data is None else data)]
    found[3][0] = "11010519491231002X"
    return found


def opened(cast: Cast) -> None:
    """The entry of a cast that was made of ``open_content`` brought to announced."""
    cast.walk_to("endorse")
    cast.record("pia")
    for step in (
        ("endorse", "division_chief"),
        ("endorse", "head"),
        ("approve", "auditor"),
        ("announce", "bureau"),
    ):
        cast.act(*step)


def open_cast(database: Database, folder: Path, **changes: Any) -> Cast:
    """A cast whose entry is announced and opened under conditions; nothing is attached."""
    cast = make_cast(database, folder, open_content(**changes))
    opened(cast)
    return cast


def prove(cast: Cast, path: Path, role: str = "steward", *, name: str = "", **order: Any) -> Made:
    """A file proven by a person of the cast; what came of it."""
    made = prove_order(
        cast.database,
        Order(name or cast.code, **order),
        open_file(path, load()),
        path,
        who=lambda session: cast.actor(role, session),
        files=store_of(cast.files),
        now=cast.now,
    )
    cast.now += timedelta(minutes=1)
    return made


def review(cast: Cast, key: str, role: str = "division_chief", *, agree: bool = True, note: str = "") -> None:
    """The second person's word on a standing proof."""
    with cast.database.write() as session:
        actor = cast.actor(role, session)
        review_proof(session, key, agree=agree, sight=EVERYTHING, actor=actor, now=cast.now, note=note)
    cast.now += timedelta(minutes=1)


def proven(cast: Cast, folder: Path) -> Made:
    """A clean file attached, checked and reviewed, its data cleared: ready for the shelf."""
    made = prove(cast, write_csv(folder))
    review(cast, made.standing.id)
    cast.act("clear_data", "secrecy_reviewer")
    return made
