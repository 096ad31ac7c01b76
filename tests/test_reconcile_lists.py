"""Lists, editions, requests and grants held against the record: each edit made behind its back is named."""

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.event import listen
from sqlmodel import SQLModel, col

from registry.db import Database
from registry.keys import canonical_json, new_key
from registry.list_document import code_of, document_digest, from_json
from registry.list_lines import fill_lines, line_digest
from registry.marks import make_mark
from registry.models import (
    DataRequest,
    Dispute,
    Edition,
    Entry,
    ListLine,
    RequestAct,
    ShareGrant,
    UsageRecord,
    Version,
)
from registry.models.columns import table_of
from registry.reconcile import differences
from registry.reconcile_lists import ListActs, list_differences
from tests.conftest import NOW
from tests.list_cast import CIVIL
from tests.lists_full import NAMED, live_through, take_entries
from tests.requests_cast import Desk

EDITION = "遵义市民政局 2026年第1期清单"


@pytest.fixture
def lived(database: Database, tmp_path: Path) -> Database:
    take_entries(database, tmp_path)
    return live_through(database).database


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a register is built once, to be copied for every edit."""
    return tmp_path_factory.mktemp("lived")


@pytest.fixture
def copy(built: Path, sqlite_template: Path, tmp_path: Path) -> Database:
    """The same, on SQLite, quick."""
    file = built / "mulu.sqlite3"
    if not file.exists():
        shutil.copyfile(sqlite_template, file)
        first = Database(f"sqlite:///{file}")
        take_entries(first, built)
        live_through(first).database.close()
    shutil.copyfile(file, tmp_path / "copy.sqlite3")
    return Database(f"sqlite:///{tmp_path / 'copy.sqlite3'}")


def found(database: Database) -> list[str]:
    with database.read() as session:
        return list(differences(session))


def edited(database: Database, table: type[SQLModel], *conditions: Any, **values: Any) -> list[str]:
    """What is found after columns were written over by plain SQL."""
    with database.engine.begin() as connection:
        done = connection.execute(update(table_of(table)).where(*conditions).values(**values))
        assert done.rowcount
    return found(database)


def rows(database: Database, table: type[SQLModel]) -> list[dict[str, Any]]:
    with database.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table_of(table))).mappings()]


def test_an_untouched_register_agrees(lived: Database) -> None:
    assert found(lived) == []


# ---- lines ------------------------------------------------------------------------------------------------


def of_named(database: Database) -> dict[str, Any]:
    """The line of the named entry."""
    with database.read() as session:
        key = session.execute(select(col(Entry.id)).where(col(Entry.code) == NAMED)).scalar_one()
    return next(row for row in rows(database, ListLine) if row["entry_id"] == key)


def test_an_edited_line_is_named(lived: Database) -> None:
    row = of_named(lived)
    cells = json.loads(row["line"]) | {"promised_on": "2030-01-01"}
    said = edited(lived, ListLine, col(ListLine.entry_id) == row["entry_id"], line=canonical_json(cells))
    assert said == [f"{NAMED} 第 1 版：清单 share 的行与摘要不符"]


def test_a_line_with_its_digest_made_anew_is_named(copy: Database) -> None:
    row = of_named(copy)
    line = canonical_json(json.loads(row["line"]) | {"promised_on": "2030-01-01"})
    digest = line_digest("share", row["content"], line)
    said = edited(copy, ListLine, col(ListLine.entry_id) == row["entry_id"], line=line, digest=digest)
    assert said == [f"{NAMED} 第 1 版：清单 share 的行与审计记录不符"]


def test_a_line_of_another_content_is_named(copy: Database) -> None:
    row = of_named(copy)
    digest = line_digest("share", "0" * 64, row["line"])
    said = edited(copy, ListLine, col(ListLine.entry_id) == row["entry_id"], content="0" * 64, digest=digest)
    assert said == [f"{NAMED} 第 1 版：清单 share 的行不是这一版内容的行"]


@pytest.mark.parametrize("line", ["{", '"x"', "[]", "nul"])
def test_a_line_that_is_none_is_named(line: str, copy: Database) -> None:
    row = of_named(copy)
    said = edited(copy, ListLine, col(ListLine.entry_id) == row["entry_id"], line=line)
    assert said == [f"{NAMED} 第 1 版：清单 share 的行与摘要不符"]


def test_a_line_that_was_taken_away_is_missed(lived: Database) -> None:
    row = of_named(lived)
    with lived.engine.begin() as connection:
        connection.execute(delete(table_of(ListLine)).where(col(ListLine.entry_id) == row["entry_id"]))
    assert found(lived) == [f"{NAMED} 第 1 版：清单 share 的行在审计记录里有，在登记表里不见了"]


def test_a_line_of_a_list_on_which_it_never_stood_is_named(copy: Database) -> None:
    row = of_named(copy)
    digest = line_digest("open", row["content"], row["line"])
    with copy.engine.begin() as connection:
        connection.execute(insert(table_of(ListLine)), [row | {"list_kind": "open", "digest": digest}])
    assert found(copy) == [f"{NAMED} 第 1 版：清单 open 的行与审计记录不符"]


def test_lines_filled_in_later_need_no_event(database: Database, tmp_path: Path) -> None:
    take_entries(database, tmp_path)
    with database.write() as session:
        session.execute(delete(ListLine))
        session.execute(update(Version).values(announced_at=NOW - timedelta(days=9)))
        assert fill_lines(session) == 3
    acts = ListActs()
    with database.read() as session:
        assert list(list_differences(session, acts, {})) == []


def test_lines_are_not_asked_for_one_by_one(copy: Database) -> None:
    asked: list[str] = []
    listen(copy.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with copy.read() as session:
        list(list_differences(session, ListActs(), {}))
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 3


# ---- editions ---------------------------------------------------------------------------------------------


def other_body(database: Database) -> tuple[str, str]:
    """The body of the edition with a cell changed, and the digest made anew."""
    body = json.loads(rows(database, Edition)[0]["body"])
    body["lists"][0]["lines"][0]["cells"][-1] = "改过"
    return canonical_json(body), document_digest(from_json(body))


def test_an_edited_body_is_named(lived: Database) -> None:
    assert edited(lived, Edition, body=other_body(lived)[0]) == [f"{EDITION}：正文与摘要不符"]


def test_a_body_with_its_digest_and_mark_made_anew_is_named(lived: Database) -> None:
    body, digest = other_body(lived)
    mark = make_mark(digest, at="2026-11-21T02:00:00+00:00")
    said = edited(lived, Edition, body=body, digest=digest, code=code_of(digest), mark=mark)
    assert said == [f"{EDITION}：与审计记录里的封存不符（digest）"]


def test_a_body_with_its_digest_made_anew_has_no_mark(copy: Database) -> None:
    body, digest = other_body(copy)
    assert edited(copy, Edition, body=body, digest=digest) == [
        f"{EDITION}：校验码与摘要不符",
        f"{EDITION}：完整性校验标记与摘要不符",
        f"{EDITION}：与审计记录里的封存不符（digest）",
    ]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"body": "{"}, "：正文读不出"),
        ({"code": "0000"}, "：校验码与摘要不符"),
        ({"rows": 9}, "：行数与正文不符"),
        ({"mark": {}}, "：完整性校验标记与摘要不符"),
        ({"mark": []}, "：完整性校验标记与摘要不符"),
        ({"role": "bureau"}, "：与审计记录里的封存不符（role）"),
        ({"sealed_by": "bureau"}, "：封存人或封存时间与审计记录不符（记录为 head-115203000094210200）"),
        ({"sealed_at": NOW}, "：封存人或封存时间与审计记录不符（记录为 head-115203000094210200）"),
        ({"published_at": NOW - timedelta(days=30)}, "：公布人或公布时间与审计记录不符"),
        ({"published_at": None, "published_by": None}, "：公布人或公布时间与审计记录不符"),
        ({"scan_sha256": "cd" * 32}, "：盖章扫描件与审计记录不符"),
        ({"scan_at": NOW}, "：盖章扫描件的登记人或登记时间与审计记录不符"),
    ],
)
def test_what_was_written_over_in_an_edition_is_named(
    values: dict[str, Any], fault: str, copy: Database
) -> None:
    assert f"{EDITION}{fault}" in edited(copy, Edition, **values)


def test_an_edition_that_was_deleted_is_missed(lived: Database) -> None:
    key = rows(lived, Edition)[0]["id"]
    with lived.engine.begin() as connection:
        connection.execute(delete(table_of(Edition)))
    said = f"{EDITION}（{key}）由 head-{CIVIL.lower()} 封存，审计记录里有，在登记表里不见了"
    assert found(lived) == [said]


def test_an_edition_that_nobody_sealed_is_named(lived: Database) -> None:
    row = rows(lived, Edition)[0]
    key, made = new_key("l"), {"published_at": None, "published_by": None, "code": "X", "number": 2}
    with lived.engine.begin() as connection:
        connection.execute(insert(table_of(Edition)), [row | made | {"id": key, "scan_sha256": None}])
    said = found(lived)
    assert f"遵义市民政局 2026年第2期清单（{key}）：审计记录里没有这次封存" in said
    assert all("2026年第2期" in line for line in said)


# ---- requests and grants ----------------------------------------------------------------------------------

REFUSED = col(DataRequest.number) == "共需〔2026〕2号"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": "agreed"}, "：状态是“同意共享”，办理记录为“不同意”"),
        ({"decision": "agree"}, "：办理结果与办理记录不符"),
        ({"reasons": "改过的理由"}, "：答复理由与办理记录不符"),
        ({"content": {"basis": "别的"}}, "：申请内容与办理记录不符"),
        ({"filed_by": "bureau"}, "：提出人或提出时间与办理记录不符（记录为 steward-m）"),
        ({"clock_from": NOW}, "：期限起止时间与办理记录不符"),
        ({"answered_at": NOW}, "：期限起止时间与办理记录不符"),
        ({"closed_at": None}, "：办结时间与办理记录不符"),
        ({"awaits": "answer"}, "：待办与办理记录不符"),
        ({"extended": True}, "：延期与办理记录不符"),
    ],
)
def test_what_was_written_over_in_a_request_is_named(
    values: dict[str, Any], words: str, copy: Database
) -> None:
    assert edited(copy, DataRequest, REFUSED, **values) == [f"共需〔2026〕2号{words}"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"valid_until": date(2040, 1, 1)}, "使用时限"),
        ({"valid_until": None}, "使用时限"),
        ({"state": "ended", "ended_why": "returned"}, "状态"),
        ({"items": ["另一项"]}, "信息项"),
        ({"pattern": "批量交换"}, "共享方式"),
        ({"valid_from": date(2020, 1, 1)}, "起始日"),
        ({"provided_at": None}, "提供"),
        ({"rectify_by": date(2026, 12, 1)}, "整改期限"),
        ({"content": {}}, "使用依据、场景或范围、提供"),
    ],
)
def test_what_was_written_over_in_a_grant_is_named(
    values: dict[str, Any], words: str, copy: Database
) -> None:
    assert edited(copy, ShareGrant, **values) == [f"授权〔2026〕1号：{words}与办理记录不符"]


def test_edits_of_requests_and_grants_are_named_on_every_database(lived: Database) -> None:
    assert edited(lived, DataRequest, REFUSED, state="agreed")[0].startswith("共需〔2026〕2号：状态是")
    assert len(edited(lived, ShareGrant, valid_until=date(2040, 1, 1))) == 2
    assert len(edited(lived, UsageRecord, recorded_by="bureau")) == 3


def test_an_act_that_was_written_over_is_named(copy: Database) -> None:
    said = edited(copy, RequestAct, col(RequestAct.act) == "refuse", note="改过的理由")
    assert any(
        "共需〔2026〕2号：share-c 办理的“不同意共享”" in line and "与审计记录不符" in line for line in said
    )


def test_an_act_that_was_taken_away_is_missed(copy: Database) -> None:
    with copy.engine.begin() as connection:
        connection.execute(delete(table_of(RequestAct)).where(col(RequestAct.act) == "provide"))
    assert found(copy) == [
        "授权〔2026〕1号：审计记录里 steward-c 办理的“提供数据”在登记表里不见了",
        "授权〔2026〕1号：提供与办理记录不符",
    ]


def test_an_act_that_nobody_made_is_named(copy: Database) -> None:
    row = next(row for row in rows(copy, RequestAct) if row["act"] == "provide")
    more = {"id": new_key("a"), "act": "finish", "state_after": "ended"}
    with copy.engine.begin() as connection:
        connection.execute(insert(table_of(RequestAct)), [row | more])
    said = found(copy)
    assert "办理的“不再需要、终止使用”" in said[0] and said[0].endswith("在审计记录里没有")
    assert said[1] == "授权〔2026〕1号：状态与办理记录不符"


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        (UsageRecord, {"content": {"scene": "别的"}}, "与审计记录不符"),
        (UsageRecord, {"keep_until": date(2026, 12, 1)}, "与审计记录不符"),
        (Dispute, {"step": "decide"}, "争议〔2026〕1号：所处环节与审计记录不符"),
        (Dispute, {"outcome": "另一结果"}, "争议〔2026〕1号：争议事项或处理结果与办理记录不符"),
        (Dispute, {"subject": "另一事"}, "争议〔2026〕1号：争议事项或处理结果与办理记录不符"),
        (Dispute, {"raised_by": "bureau"}, "争议〔2026〕1号：审计记录里没有 bureau 提出这项争议的行为"),
    ],
)
def test_records_of_use_and_disputes_are_compared(
    table: type[SQLModel], values: dict[str, Any], words: str, copy: Database
) -> None:
    (line,) = edited(copy, table, **values)
    assert words in line


@pytest.mark.parametrize("table", [UsageRecord, Dispute])
def test_records_of_use_and_disputes_that_were_deleted_are_missed(
    table: type[SQLModel], copy: Database
) -> None:
    with copy.engine.begin() as connection:
        connection.execute(delete(table_of(table)))
    (line,) = found(copy)
    assert line.endswith("在登记表里不见了")


def test_a_request_with_all_that_hangs_on_it_cannot_vanish(copy: Database) -> None:
    with copy.engine.begin() as connection:
        for table in (UsageRecord, Dispute, RequestAct, ShareGrant, DataRequest):
            connection.execute(delete(table_of(table)))
    said = found(copy)
    assert len([line for line in said if line.endswith("在登记表里不见了")]) == 16
    assert "共需〔2026〕1号：审计记录里 steward-m 办理的“提出”在登记表里不见了" in said


def test_prolonged_suspended_ended_and_corrected_is_as_it_was_recorded(
    sqlite_database: Database, tmp_path: Path
) -> None:
    take_entries(sqlite_database, tmp_path)
    desk = Desk(sqlite_database, now=NOW)
    grant = desk.provided(entry=NAMED)
    again = {"extends": grant, "valid_until": "2028-12-31"}
    desk.act(desk.received(entry=NAMED, data=again), "agree", "share-c")
    desk.on_grant(grant, "suspend", "bureau", "超范围使用", data={"rectify_by": "2026-12-01"})
    desk.on_grant(grant, "rectify", "steward-m", "已经整改")
    desk.on_grant(grant, "resume", "bureau", "整改到位")
    desk.on_grant(grant, "finish", "share-m")
    desk.use(grant, "destruction")
    extended = desk.received(entry=NAMED)
    desk.act(extended, "ask_extension", "share-c", "须会商")
    desk.act(desk.file(entry=NAMED).number, "withdraw", "steward-m")
    assert found(sqlite_database) == []
    assert edited(sqlite_database, ShareGrant, valid_until=date(2027, 12, 31)) == [
        "授权〔2026〕1号：使用时限与办理记录不符"
    ]


def test_what_the_machine_answers_and_ends_is_as_it_was_recorded(
    sqlite_database: Database, tmp_path: Path
) -> None:
    from registry.grant_acts import expire_grants

    take_entries(sqlite_database, tmp_path)
    desk = Desk(sqlite_database, now=NOW)
    filed = desk.file("steward-c", "102024030201/000001", data={"valid_until": "2026-12-31"})
    assert desk.act(filed.number, "consent", "share-c").answered_by_machine
    with sqlite_database.write() as session:
        assert expire_grants(session, now=NOW + timedelta(days=90)) == 1
    assert found(sqlite_database) == []
