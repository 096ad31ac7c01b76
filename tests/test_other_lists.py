"""The negative list: what is not shared, with its basis, as it stands; it is never sealed."""

from pathlib import Path

from registry.db import Database
from registry.other_lists import NEGATIVE, other_document
from registry.responsibility import Scope
from tests.conftest import NOW
from tests.list_cast import announced, cells, table, take_in


def test_it_names_what_is_not_shared_with_basis_and_reason_and_no_item(
    database: Database, tmp_path: Path
) -> None:
    take_in(database, tmp_path, announced("OK09"), announced("OK04"))
    with database.read() as session:
        found = other_document(session, Scope(), NEGATIVE, now=NOW)
    rows = table(found, NEGATIVE)
    assert cells(rows, "info_name", "provider", "items", "list_no") == [
        ("未成年人犯罪记录封存信息", "遵义市公安局", "", "2026-0001")
    ]
    assert rows[0]["non_share_basis"].startswith("法律《中华人民共和国刑事诉讼法》第二百八十六条")
    assert rows[0]["non_open_reason"] == "同不予共享依据"
