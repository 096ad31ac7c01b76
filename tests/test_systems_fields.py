"""What is entered of a system beside its name: the contract, its term, classified protection, cryptography."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from registry.errors import Rejected
from registry.models import System
from registry.system_fields import warnings_of
from registry.system_register import add, edit, list_systems, tag_of
from tests.agency_cast import CIVIL, deed, make_agencies
from tests.test_systems_register import NAME, stored

FIELDS = {
    "contractor": "云上贵州公司",
    "contract_no": "HT-2026-7",
    "contract_from": "2026-01-01",
    "contract_until": "2028-12-31",
    "protection_level": "三级",
    "protection_no": "5203-0017",
    "crypto_no": "MP-2026-2",
    "crypto_on": "2026-05-06",
}


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


def entered(database: Database, **changes: Any) -> System:
    deed(database, "steward-c", add, CIVIL, NAME, fields=FIELDS | changes)
    return stored(database)


def test_contract_protection_and_cryptography_are_kept(city: Database) -> None:
    made = entered(city)
    assert (made.contractor, made.contract_no, made.contract_from) == (
        "云上贵州公司",
        "HT-2026-7",
        date(2026, 1, 1),
    )
    assert (made.protection_level, made.protection_no) == ("3", "5203-0017")
    assert (made.crypto_no, made.crypto_on, warnings_of(made)) == ("MP-2026-2", date(2026, 5, 6), ())


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2026-01-01", "2028-12-31", False),
        ("2026-01-01", "2029-01-01", False),
        ("2026-01-01", "2029-01-02", True),
        ("2024-02-29", "2027-02-28", False),
        ("2024-02-29", "2027-03-01", True),
        ("", "2040-01-01", False),
    ],
)
def test_a_contract_of_more_than_three_years_is_told(
    here: Database, first: str, last: str, told: bool
) -> None:
    found = warnings_of(entered(here, contract_from=first, contract_until=last))
    assert bool(found) is told
    assert all("超过 3 年" in text and "第18条" in text for text in found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contract_until": "2025-12-31"}, "合同截止日 2025-12-31 早于起始日 2026-01-01"),
        ({"contract_from": "今年"}, "合同起始日“今年”不是日期"),
        ({"protection_level": "6"}, "没有等级保护级别“6”；可用：1 第一级"),
        ({"contractor": "长" * 101}, "承建单位至多 100 个字符"),
        ({"crypto_no": "a\tb"}, "密评报告编号至多 100 个字符，不含控制字符"),
        ({"life": "wiped"}, "不能改“life”"),
    ],
)
def test_what_will_not_do_is_refused(here: Database, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        entered(here, **changes)


def test_a_term_is_judged_with_what_is_there_already(here: Database) -> None:
    tag = tag_of(entered(here))
    with pytest.raises(Rejected, match="早于起始日"):
        deed(here, "steward-c", edit, NAME, {"contract_until": "2025-01-01"})
    deed(here, "steward-c", edit, NAME, {"contract_until": "2031-01-01"}, seen={tag})
    assert "超过 3 年（最晚 2029-01-01）" in warnings_of(stored(here))[0]


def test_fields_are_taken_away(here: Database) -> None:
    entered(here)
    deed(here, "steward-c", edit, NAME, dict.fromkeys(FIELDS, None))
    after = stored(here)
    assert (after.contractor, after.contract_from, after.protection_level, after.crypto_on) == (
        "",
        None,
        None,
        None,
    )


def test_systems_are_listed_by_life_and_class(here: Database) -> None:
    deed(here, "steward-c", add, CIVIL, NAME, life="building", system_class="03")
    with here.read() as session:
        by_life = [s.name for s, _a in list_systems(session, actor=None, life="building")]
        by_class = [s.name for s, _a in list_systems(session, actor=None, system_class="03")]
        neither = list_systems(session, actor=None, life="building", system_class="01")
    assert (by_life, by_class, neither) == ([NAME], [NAME], [])
