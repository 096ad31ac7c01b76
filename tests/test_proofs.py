"""Desensitization proofs: nothing is opened without one (S-ZY 22, S-LPS 24; E123, gate G5)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from registry.audit import list_events
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.lifecycle import MoveRefused
from registry.models import BatchProof, Blob, Distribution, StandingProof
from registry.permits import EVERYTHING
from registry.proof_shown import find_proof, held_batches, missing_of, verify_proof
from registry.reconcile import differences
from registry.spill import spill
from registry.stores import FolderStore
from registry.url_stores import store_of
from tests.cast import Cast
from tests.open_data import (
    HEADER,
    OFFER,
    leaky,
    open_cast,
    prove,
    proven,
    review,
    rows,
    write_csv,
)


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    return open_cast(database, tmp_path)


@pytest.fixture
def lite(sqlite_database: Database, tmp_path: Path) -> Cast:
    return open_cast(sqlite_database, tmp_path)


def unmet(cast: Cast, move: str = "shelve") -> str:
    """What the proof lacks, as a refused move says it; empty when the proof is not what is missing."""
    role = "head" if move == "resume" else "steward"
    with pytest.raises(MoveRefused) as refused:
        cast.act(move, role, note="已处理")
    return next(("；".join(u.details) for u in refused.value.unmet if u.guard == "desensitization_proof"), "")


def shelf(cast: Cast) -> Distribution:
    with cast.database.read() as session:
        return session.execute(select(Distribution)).scalars().one()


def states(cast: Cast) -> list[str]:
    with cast.database.read() as session:
        return list(session.execute(select(BatchProof.state).order_by(BatchProof.id)).scalars())


# ---- the path ---------------------------------------------------------------------------------------------


def test_what_is_opened_is_shelved_with_a_proof(cast: Cast, tmp_path: Path) -> None:
    proven(cast, tmp_path)
    assert cast.act("shelve", "steward").after == "shelved"
    assert states(cast) == ["proven"]


def test_nothing_is_opened_without_one(lite: Cast) -> None:
    lite.act("attach", "steward", data=OFFER)
    lite.act("clear_data", "secrecy_reviewer")
    assert "没有方案证明" in unmet(lite)


def test_a_proof_that_nobody_reviewed_is_none(lite: Cast, tmp_path: Path) -> None:
    made = prove(lite, write_csv(tmp_path))
    lite.act("clear_data", "secrecy_reviewer")
    assert f"方案证明 {made.standing.id} 还没有复核" in unmet(lite)
    assert states(lite) == ["waiting"]


def test_checker_and_reviewer_are_two_people(lite: Cast, tmp_path: Path) -> None:
    made = prove(lite, write_csv(tmp_path))
    with pytest.raises(NotAllowed, match="不能是同一人"):
        review(lite, made.standing.id, "steward")


def test_who_checked_a_later_batch_does_not_review_either(lite: Cast, tmp_path: Path) -> None:
    """Two stewards check in turn: neither of them is the second pair of eyes."""
    from registry.models import Agency, System
    from tests.cast import add_person

    made = prove(lite, write_csv(tmp_path))
    with lite.database.write() as session:
        agency = session.execute(select(Agency)).scalars().first()
        system = session.execute(select(System)).scalars().first()
        assert agency is not None and system is not None
        add_person(session, "steward2", "steward", agency, system)
    prove(lite, write_csv(tmp_path, rows(5)), "steward2")
    with pytest.raises(NotAllowed, match="不能是同一人"):
        review(lite, made.standing.id, "steward2")


@pytest.mark.parametrize("role", ["auditor", "contractor", "head", "secrecy_reviewer", "system_admin"])
def test_only_who_may_makes_proofs(role: str, lite: Cast, tmp_path: Path) -> None:
    with pytest.raises((NotAllowed, NotFound)):
        prove(lite, write_csv(tmp_path), role)
    assert states(lite) == []


def test_a_file_without_a_distribution_is_attached(lite: Cast, tmp_path: Path) -> None:
    made = prove(lite, write_csv(tmp_path))
    attached = shelf(lite)
    assert (attached.opened, attached.form, attached.items) == (True, "2", list(HEADER))
    assert attached.sha256 == made.batch.sha256


def test_what_is_not_opened_needs_none(lite: Cast, tmp_path: Path) -> None:
    closed = open_cast_of(lite, tmp_path, resource_code="307024030999/000001", open_type="3")
    with pytest.raises((Rejected, NotFound)):
        prove(lite, write_csv(tmp_path), name=closed)


def open_cast_of(cast: Cast, folder: Path, **changes: Any) -> str:
    from tests.cast import register
    from tests.open_data import open_content

    row = open_content(**changes)
    row["items"] = [item | {"open_type": "3"} for item in row["items"]]
    register(cast.database, folder, row | {"resource_name": "另一目录", "non_open_reason": "个人信息"})
    return str(changes["resource_code"])


# ---- bytes ------------------------------------------------------------------------------------------------


def test_one_byte_flipped_and_it_is_not_shelved(lite: Cast, tmp_path: Path) -> None:
    made = proven(lite, tmp_path)
    assert lite.files is not None and made.batch.sha256 is not None
    place = FolderStore(lite.files).place_of(made.batch.sha256)
    data = bytearray(place.read_bytes())
    data[-2] ^= 1
    place.write_bytes(bytes(data))
    with pytest.raises(MoveRefused, match="文件与登记的摘要不符"):
        lite.act("shelve", "steward")


def test_other_bytes_have_no_proof(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    with lite.database.write() as session:
        session.execute(update(Distribution).values(sha256="0" * 64))
    assert "没有批次证明" in unmet(lite)


def test_a_hit_is_held_and_nothing_of_it_is_stored(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    lite.act("shelve", "steward")
    before = shelf(lite).sha256
    made = prove(lite, write_csv(tmp_path, leaky(), "next.csv"))
    assert made.batch.state == "held" and made.batch.residual == 1
    assert (shelf(lite).sha256, shelf(lite).state) == (before, "shelved")
    with lite.database.read() as session:
        assert session.get(Blob, made.batch.sha256) is None
        assert [b.id for b, _e, _a in held_batches(session, sight=EVERYTHING)] == [made.batch.id]


def test_what_is_held_shows_no_value(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    made = prove(lite, write_csv(tmp_path, leaky(), "next.csv"))
    assert "11010519491231002X" not in str(made.batch.report)
    with lite.database.read() as session:
        assert "11010519491231002X" not in str([e.details for e in list_events(session, limit=1000)])


def test_a_clean_batch_is_published_at_once(cast: Cast, tmp_path: Path) -> None:
    first = proven(cast, tmp_path)
    cast.act("shelve", "steward")
    made = prove(cast, write_csv(tmp_path, rows(5), "next.csv"))
    assert (made.batch.state, made.batch.replaced_sha256) == ("published", first.batch.sha256)
    assert (shelf(cast).sha256, shelf(cast).state) == (made.batch.sha256, "shelved")
    with cast.database.read() as session:
        assert [e.act for e in list_events(session, limit=2)] == ["publish_batch", "check_proof"]


def test_the_review_of_the_data_outlives_a_clean_batch(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    lite.act("shelve", "steward")
    prove(lite, write_csv(tmp_path, rows(5), "next.csv"))
    lite.act("suspend", "bureau", note="核实")
    assert lite.act("resume", "head", note="已核实").after == "shelved"


def test_a_hit_on_a_first_file_is_refused_whole(lite: Cast, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="没有存入"):
        prove(lite, write_csv(tmp_path, leaky()))
    with lite.database.read() as session:
        assert session.execute(select(Distribution)).scalars().all() == []


def test_an_empty_file_proves_nothing(lite: Cast, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="没有全部检查"):
        prove(lite, write_csv(tmp_path, []))


# ---- what makes it void -----------------------------------------------------------------------------------


def test_it_holds_for_a_year(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    lite.now += timedelta(days=366)
    assert "有效期 365 天" in unmet(lite)


def test_on_its_last_day_it_holds(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    lite.now += timedelta(days=364)
    assert lite.act("shelve", "steward").after == "shelved"


def test_other_items_make_it_void(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    with lite.database.write() as session:
        made = session.execute(select(Distribution)).scalars().one()
        made.items = made.items[:3]
    assert "信息项、脱敏规则或提供内容在检查之后有变动" in unmet(lite)


def test_other_rules_make_it_void(lite: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proven(lite, tmp_path)
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "desensitization.yaml").write_text("sampling: {min_rows: 999}\n", "utf-8")
    monkeypatch.setenv("MULU_SPECS", str(folder))
    assert "识别规则或阈值在检查之后有变动" in unmet(lite)


def test_a_new_column_is_held(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    more = [[*row, "x"] for row in rows()]
    made = prove(lite, write_csv(tmp_path, more, "more.csv", header=(*HEADER, "备注")))
    assert made.batch.state == "held"
    assert any("“备注”不在提供的信息项中" in said for said in made.unmet)


def test_a_dropped_column_asks_for_a_new_review(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    fewer = write_csv(tmp_path, [row[:3] for row in rows()], "fewer.csv", header=HEADER[:3])
    made = prove(lite, fewer)
    assert made.batch.state == "held" and any("数据结构" in said for said in made.unmet)
    renewed = prove(lite, fewer, renew=True)
    assert renewed.standing.id != made.standing.id and renewed.batch.state == "waiting"


def test_another_method_asks_for_a_new_review(lite: Cast, tmp_path: Path) -> None:
    first = proven(lite, tmp_path)
    made = prove(lite, write_csv(tmp_path), methods={"性别": "generalize"})
    assert made.standing.id != first.standing.id
    assert made.standing.agreed is None


# ---- conditions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "words"),
    [({"公民身份号码": "hash"}, "不能作为开放时的脱敏方法"), ({"公民身份号码": "加密"}, "不能作为")],
)
def test_a_weak_method_is_none(methods: dict[str, str], words: str, lite: Cast, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=words):
        prove(lite, write_csv(tmp_path), methods=methods)


@pytest.mark.parametrize(
    "methods", [{"身高": "mask"}, {"公民身份号码": "魔法"}], ids=["unknown item", "unknown method"]
)
def test_a_slip_of_the_pen_is_named(methods: dict[str, str], lite: Cast, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="没有“"):
        prove(lite, write_csv(tmp_path), methods=methods)


def test_small_classes_are_held(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    made = prove(lite, write_csv(tmp_path, rows(6, 3), "small.csv"))
    assert made.batch.k == 3 and made.batch.state == "held"
    assert any("k 为 3，要求不小于 5" in said for said in made.unmet)


# ---- the second person ------------------------------------------------------------------------------------


def test_a_refusal_has_a_reason_and_ends_the_plan(lite: Cast, tmp_path: Path) -> None:
    made = prove(lite, write_csv(tmp_path))
    with pytest.raises(Rejected, match="理由"):
        review(lite, made.standing.id, agree=False)
    review(lite, made.standing.id, agree=False, note="区县过细")
    lite.act("clear_data", "secrecy_reviewer")
    assert "复核没有通过" in unmet(lite)
    assert prove(lite, write_csv(tmp_path)).standing.id != made.standing.id


def test_it_is_reviewed_once(lite: Cast, tmp_path: Path) -> None:
    made = prove(lite, write_csv(tmp_path))
    review(lite, made.standing.id)
    with pytest.raises(Conflict, match="已复核"):
        review(lite, made.standing.id)


def test_what_waited_is_published_with_the_review(lite: Cast, tmp_path: Path) -> None:
    made = prove(lite, write_csv(tmp_path))
    second = prove(lite, write_csv(tmp_path, rows(5), "next.csv"))
    assert second.standing.id == made.standing.id and second.batch.state == "waiting"
    review(lite, made.standing.id)
    assert shelf(lite).sha256 == second.batch.sha256


def test_a_change_of_the_entry_while_scanning_is_noticed(lite: Cast, tmp_path: Path) -> None:
    from catalog_specs import load
    from registry.proof_orders import Order, planned
    from registry.proofs import check, enter_proof
    from registry.sources import open_file

    with lite.database.read() as session:
        plan = planned(session, Order(lite.code), lite.actor("steward", session))
    scanned = check(plan, open_file(write_csv(tmp_path), load()))
    prove(lite, write_csv(tmp_path, name="quicker.csv"))
    with lite.database.write() as session, pytest.raises(Conflict, match="在扫描期间有变动"):
        actor = lite.actor("steward", session)
        enter_proof(session, plan, scanned, None, sight=EVERYTHING, actor=actor, now=lite.now)


def test_nothing_takes_the_place_of_what_is_off_the_shelf(lite: Cast, tmp_path: Path) -> None:
    made = prove(lite, write_csv(tmp_path))
    key = made.standing.distribution_id
    lite.act("off_shelf", "head", name=key, note="停止开放")
    with pytest.raises(Conflict, match="已下架"):
        prove(lite, write_csv(tmp_path, rows(5)), name=key)
    with pytest.raises(Conflict, match="已下架"):
        review(lite, made.standing.id)
    assert states(lite) == ["waiting"]


# ---- verified ---------------------------------------------------------------------------------------------


def verified(cast: Cast) -> list[str]:
    """What does not hold."""
    with cast.database.read() as session:
        seen = find_proof(session, cast.code, sight=EVERYTHING)
        assert cast.files is not None
        found = verify_proof(session, seen, files=store_of(cast.files), now=cast.now)
        return [one.said for one in found if not one.ok]


def test_a_proof_verifies(cast: Cast, tmp_path: Path) -> None:
    proven(cast, tmp_path)
    assert verified(cast) == []
    with cast.database.read() as session:
        assert list(differences(session)) == []


@pytest.mark.parametrize(
    "change", [{"verdict": "hits"}, {"rows": 99}, {"k": 50}, {"report": {}}, {"sha256": "0" * 64}]
)
def test_an_edited_proof_is_found(change: dict[str, Any], lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    with lite.database.write() as session:
        session.execute(update(BatchProof).values(**change))
    assert any("内容与摘要不符" in said for said in verified(lite))
    with lite.database.read() as session:
        assert any("批次证明" in said for said in differences(session))


def test_a_forged_review_is_found(lite: Cast, tmp_path: Path) -> None:
    prove(lite, write_csv(tmp_path))
    with lite.database.write() as session:
        session.execute(update(StandingProof).values(agreed=True, reviewer="division_chief"))
    assert any("审计记录里没有" in said for said in verified(lite))
    with lite.database.read() as session:
        assert any("复核与审计记录不符" in said for said in differences(session))


def test_a_changed_entry_shows_what_is_missing(lite: Cast, tmp_path: Path) -> None:
    proven(lite, tmp_path)
    with lite.database.read() as session:
        seen = find_proof(session, lite.code, sight=EVERYTHING)
        assert missing_of(session, seen, now=lite.now) == ()


# ---- a secret entered by mistake --------------------------------------------------------------------------


def test_a_spill_cleans_proofs_too(lite: Cast, tmp_path: Path) -> None:
    made = proven(lite, tmp_path)
    with lite.database.write() as session:
        who, files = lite.actor("security_admin", session), FolderStore(tmp_path / "files")
        spill(session, lite.code, versions=None, reason="误录", actor=who, folder=files, now=lite.now)
    with lite.database.read() as session:
        batch = session.get_one(BatchProof, made.batch.id)
        assert batch.erased_at is not None
        assert HEADER[0] not in str(batch.report) + str(batch.name)
        assert HEADER[0] not in str(session.get_one(StandingProof, made.standing.id).methods)
        assert list(differences(session)) == []
