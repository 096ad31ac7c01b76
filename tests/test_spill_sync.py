"""A secret is taken from what the sync job wrote down, withdrawn from portals, and where it went is told."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from registry.db import Database
from registry.models import OutboxRow, SyncEntry, SyncParcel, SyncRun, SyncTarget
from registry.spill import Spilled
from tests.auditing import verified
from tests.cast import Cast, content, make_cast
from tests.conftest import NOW
from tests.offering import at_a_portal
from tests.test_spill import ITEM, REASON, SECRET, everything, spilled

GONE = "（内容已擦除）"
SUM = "a" * 64


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    """An entry that holds a secret and has gone to a portal and to the province; another one that never did."""
    row = content(resource_name=SECRET, resource_abstract=f"{SECRET}的清单，含位置。")
    row["items"] = [row["items"][0] | {"item_name": ITEM}, *row["items"][1:]]
    found = make_cast(database, tmp_path, row)
    key = at_a_portal(found, "present", said=f"title: {SECRET} is too long", portal_id="u1", number=1)
    at_a_portal(found, "sent", target="省平台", said="等待回执")
    at_a_portal(found, "absent", target="县门户")
    with database.write() as session:
        failures = [
            {"code": found.code, "name": SECRET, "trouble": "refused", "said": "title 重名", "entry_id": key},
            {
                "code": "别的",
                "name": "别的",
                "trouble": "refused",
                "said": f"与{SECRET}重名",
                "entry_id": "e9",
            },
            {"code": "无关", "name": "无关", "trouble": "refused", "said": "Access denied", "entry_id": "e8"},
        ]
        about: dict[str, Any] = {"target_id": "t-开放门户", "verb": "run", "by": "sync", "started_at": NOW}
        session.add(SyncRun(id="y1", counts={}, failures=failures, said=f"{SECRET}推送失败", **about))
        session.add(SyncRun(id="y2", counts={}, failures=[], said="目标不可达", **about))
        session.get_one(SyncTarget, "t-开放门户").said = f"服务器答复：{SECRET}"
        row_of = {"entry_id": key, "code": found.code, "act": "put", "digest": SUM, "before": "absent"}
        other = row_of | {"entry_id": "e9", "code": "别的"}
        answer = {
            "entries": {
                key: {"word": "refused", "said": "名称不规范", "final": True},
                "e9": {"word": "accepted", "said": f"见{SECRET}", "final": True},
            }
        }
        sent: dict[str, Any] = {"target_id": "t-省平台", "sha256": SUM, "sent_at": NOW}
        session.add(
            SyncParcel(id="k1", number=1, name="MULU-0001.zip", rows=[row_of, other], answer=answer, **sent)
        )
        session.add(
            SyncParcel(id="k2", number=2, name="MULU-0002.zip", rows=[row_of | {"act": "withdraw"}], **sent)
        )
        session.add(SyncParcel(id="k3", number=3, name="MULU-0003.zip", rows=[other], **sent))
    return found


def rows(cast: Cast, table: Any) -> list[Any]:
    with cast.database.read() as session:
        found = list(session.execute(select(table).order_by(*table.__table__.primary_key)).scalars())
        session.expunge_all()
    return found


def told(done: Spilled, key: str) -> list[str]:
    return [place.say("zh") for place in done.by_hand if place.key == key]


@pytest.mark.parametrize("versions", [None, [1]], ids=["all", "one version"])
def test_nothing_of_it_is_in_any_table(versions: list[int] | None, cast: Cast, tmp_path: Path) -> None:
    assert SECRET in everything(cast.database)
    done = spilled(cast, tmp_path, versions=versions)
    after = everything(cast.database)
    assert SECRET not in after
    assert ITEM not in after
    # a row of the ledger, a target, a run, a parcel; where all goes, also what the other target said
    assert done.places["sync"] == (5 if versions is None else 4)
    assert verified(cast.database)


def test_what_the_withdrawal_needs_stays(cast: Cast, tmp_path: Path) -> None:
    spilled(cast, tmp_path)
    entry = next(row for row in rows(cast, SyncEntry) if row.target_id == "t-开放门户")
    assert (entry.state, entry.portal_id, entry.number, entry.said) == ("present", "u1", 1, GONE)
    assert [(row.entry_id, row.act) for row in rows(cast, OutboxRow)] == [(entry.entry_id, "spill")]


def test_lines_of_others_lose_only_what_quotes_it(cast: Cast, tmp_path: Path) -> None:
    spilled(cast, tmp_path)
    first, second = rows(cast, SyncRun)
    mine, quoting, other = first.failures
    assert (mine["code"], mine["name"], mine["trouble"], mine["said"]) == (cast.code, GONE, "refused", GONE)
    assert (quoting["name"], quoting["said"]) == ("别的", GONE)
    assert (other["said"], first.said, second.said) == ("Access denied", GONE, "目标不可达")


def test_answers_to_parcels_are_cleaned(cast: Cast, tmp_path: Path) -> None:
    spilled(cast, tmp_path)
    parcel = rows(cast, SyncParcel)[0]
    (key,) = {row["entry_id"] for row in parcel.rows} - {"e9"}
    assert parcel.answer["entries"][key] == {"word": "refused", "said": GONE, "final": True}
    assert parcel.answer["entries"]["e9"]["said"] == GONE
    assert [row["code"] for row in parcel.rows] == [cast.code, "别的"]


def test_where_it_has_gone_is_told(cast: Cast, tmp_path: Path) -> None:
    done = spilled(cast, tmp_path)
    assert [said.split("：同步")[0] for said in told(done, "portal_copy")] == [
        "目标“开放门户”（http://127.0.0.1，现为：已在门户并核对）",
        "目标“省平台”（http://127.0.0.1，现为：已发出待回执）",
    ]
    assert [said.split("：")[0] for said in told(done, "parcel_copy")] == [
        f"收发件 MULU-0001.zip（SHA-256 {SUM}，2026-11-21 发往“省平台”）"
    ]
    assert "target 开放门户 (http://127.0.0.1, now: " in next(
        place.say("en") for place in done.by_hand if place.key == "portal_copy"
    )


def test_done_again_it_has_nothing_left_to_clean(cast: Cast, tmp_path: Path) -> None:
    spilled(cast, tmp_path)
    done = spilled(cast, tmp_path, reason=f"{REASON}，再次核对")
    assert "sync" not in done.places
