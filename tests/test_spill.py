"""A secret entered by mistake is removed everywhere; the record says so, still verifies, and nothing crashes."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlmodel import SQLModel, col

from registry import blobs
from registry.audit import Act, events_of, list_events, record
from registry.db import Database
from registry.errors import NotAllowed, NotFound, Rejected
from registry.lookup import find_entry, get_version
from registry.models import (
    Distribution,
    Job,
    Opinion,
    Record,
    Remark,
    RepeatedRequest,
    SignatureSheet,
    Version,
)
from registry.permits import EVERYTHING
from registry.shown import entry_json, shown_json
from registry.spill import Spilled, spill, sweep
from tests.auditing import verified
from tests.cast import Cast, content, make_cast, register
from tests.conftest import NOW
from tests.test_cli import mulu

SECRET = "不可外传的第七号工程"
ITEM = "第七号工程坐标"
REASON = "登记后发现涉密，已报保密办"


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    """An entry that holds a secret, written about by several people, with files."""
    row = content(resource_name=SECRET, resource_abstract=f"{SECRET}的清单，含位置。")
    row["items"] = [row["items"][0] | {"item_name": ITEM}, *row["items"][1:]]
    found = make_cast(database, tmp_path, row)
    found.act("submit", "steward", note=f"{SECRET}请尽快审")
    found.act("return", "head", data={"reasons": [{"field": "resource_abstract", "text": f"{ITEM}写得太细"}]})
    return found


@pytest.fixture
def written(cast: Cast, tmp_path: Path) -> Cast:
    """The same with a distribution, a record, a signature sheet, jobs and kept answers that quote the secret."""
    made = {"created_by": "steward", "created_at": NOW}
    with cast.database.write() as session:
        entry = find_entry(session, cast.code, sight=EVERYTHING).entry
        source, folder = io.BytesIO(SECRET.encode()), tmp_path / "files"
        sha256 = blobs.keep(session, source, folder=folder, actor="steward", now=NOW, most_bytes=99).sha256
        file = {"file_name": f"{SECRET}.csv", "sha256": sha256, "items": [ITEM], "form": "1", "patterns": []}
        session.add(Distribution(id="d1", entry_id=entry.id, name=SECRET, state="pending", **file, **made))
        paper = {"number": SECRET, "data": {"note": ITEM}, "recorded_by": "steward", "at": NOW}
        session.add(Record(id="r1", kind="pia", entry_id=entry.id, **paper))
        rows = [{"entry": entry.id, "code": entry.code, "name": SECRET}, {"entry": "e9", "name": "别的"}]
        sheet = {"number": "QP-1", "move": "endorse", "role": "head", "digest": "00" * 32}
        session.add(SignatureSheet(id="s1", rows=rows, **sheet, **made))
        payload = {"file_name": f"{SECRET}.xlsx", "login": "steward"}
        session.add(Job(id="j1", kind="import", state="done", payload=payload, due_at=NOW, **made))
        body = {"resource_name": SECRET}
        session.add(RepeatedRequest(key="k1", request="x", status=201, body=body, headers={}, created_at=NOW))
        acts = [(entry.id, SECRET), ("e9", f"参见{SECRET}"), ("e9", "无关")]
        said = [Act("note", subject, {"text": words}) for subject, words in acts]
        record(session, said, actor="steward", now=NOW)
    return cast


def spilled(
    cast: Cast,
    folder: Path,
    *,
    versions: list[int] | None = None,
    role: str = "security_admin",
    reason: str = REASON,
) -> Spilled:
    """The deed as the command does it."""
    with cast.database.write() as session:
        actor, files = cast.actor(role, session), folder / "files"
        done = spill(
            session, cast.code, versions=versions, reason=reason, actor=actor, folder=files, now=cast.now
        )
    return sweep(cast.database, done)


def everything(database: Database) -> str:
    """All that any table holds, as text."""
    found = []
    with database.engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            found += [
                json.dumps(list(row), ensure_ascii=False, default=str)
                for row in connection.execute(select(table))
            ]
    return "\n".join(found)


def forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield secret.encode("utf-16-le")


def in_files(folder: Path) -> list[str]:
    """The files under a folder that hold a secret in any form."""
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".jsonl"
        if any(form in path.read_bytes() for secret in (SECRET, ITEM) for form in forms(secret))
    ]


@pytest.mark.parametrize("versions", [None, [1]], ids=["all", "one version"])
def test_the_secret_is_in_no_table_any_more(
    versions: list[int] | None, written: Cast, tmp_path: Path
) -> None:
    assert SECRET in everything(written.database) and ITEM in everything(written.database)
    spilled(written, tmp_path, versions=versions)
    assert SECRET not in everything(written.database)
    assert ITEM not in everything(written.database)
    assert verified(written.database).intact


def test_the_secret_is_in_no_file_of_the_database_any_more(
    tmp_path: Path, sqlite_database: Database, request: pytest.FixtureRequest
) -> None:
    cast = make_cast(
        sqlite_database,
        tmp_path,
        content(resource_name=SECRET, resource_abstract=f"{SECRET}的清单，含位置。"),
    )
    cast.act("submit", "steward", note=SECRET)
    with sqlite_database.write() as session:
        blobs.keep(
            session, io.BytesIO(SECRET.encode()), folder=tmp_path / "files", actor="x", now=NOW, most_bytes=99
        )
        sha256 = session.execute(text("SELECT sha256 FROM blob")).scalar_one()
        entry = find_entry(session, cast.code, sight=EVERYTHING).entry
        session.add(
            Record(id="r1", kind="pia", entry_id=entry.id, sha256=sha256, data={}, recorded_by="x", at=NOW)
        )
    assert any(name.startswith("mulu.sqlite3") for name in in_files(tmp_path))
    done = spilled(cast, tmp_path)
    assert in_files(tmp_path) == []
    assert (done.places["pages"], done.places["blob"]) == (1, 1)
    assert "sqlite_busy" not in {place.key for place in done.by_hand}


def test_a_database_in_use_is_told_of(sqlite_database: Database, tmp_path: Path) -> None:
    cast = make_cast(sqlite_database, tmp_path, content(resource_name=SECRET))
    other = Database(str(sqlite_database.engine.url))
    with other.read() as session:
        session.execute(text("SELECT * FROM entry")).all()
        sqlite_database.engine.dispose()
        with sqlite_database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=50")
        done = spilled(cast, tmp_path)
    other.close()
    assert done.by_hand[0].key == "sqlite_busy"
    assert spilled(cast, tmp_path).places["pages"] == 1


def test_it_says_what_was_cleaned_and_what_a_person_must_clean(written: Cast, tmp_path: Path) -> None:
    done = spilled(written, tmp_path)
    counts = {key: done.places[key] for key in ("version", "opinion", "remark", "record", "distribution")}
    assert counts == {"version": 1, "opinion": 2, "remark": 1, "record": 1, "distribution": 1}
    assert {key: done.places[key] for key in ("sheet", "job", "answer", "blob")} == dict.fromkeys(
        ("sheet", "job", "answer", "blob"), 1
    )
    said = [place.say("zh") for place in done.by_hand]
    imports = next(line for line in said if line.startswith("导入的原文件"))
    assert ".jsonl（SHA-256 " in imports and "由 steward 导入" in imports
    assert {"backups", "exports", "portals", "disk", "report"} <= {place.key for place in done.by_hand}
    assert done.lines("zh")[0] == "目录版本的内容、名称、问题和待证事项：1"


def test_the_erasure_is_on_record_without_the_content(written: Cast, tmp_path: Path) -> None:
    done = spilled(written, tmp_path)
    with written.database.read() as session:
        events = events_of(session, written.code)
        others = [event.details for event in list_events(session, subject="e9", newest=False)]
    last = events[-1]
    assert (last.seq, last.act, last.actor) == (done.event, "spill", "security_admin")
    assert last.details is not None
    assert (last.details["reason"], last.details["versions"], last.details["all"]) == (REASON, [1], True)
    erased = [event.seq for event in events if event.details is None]
    assert erased and set(erased) < set(last.details["erased_events"])
    assert others == [None, {"text": "无关"}]
    assert verified(written.database).erased == len(last.details["erased_events"])


def test_signatures_and_codes_stay(written: Cast, tmp_path: Path) -> None:
    before = find_version(written)
    spilled(written, tmp_path)
    after = find_version(written)
    with written.database.read() as session:
        opinions = session.execute(select(Opinion).order_by(Opinion.at)).scalars().all()  # type: ignore[arg-type]
        remark = session.execute(select(Remark)).scalars().one()
        sheet = session.execute(select(SignatureSheet)).scalars().one()
    assert (after.digest, after.state, after.number) == (before.digest, before.state, 1)
    assert (after.content, after.name, after.erased_at) == ({}, "（内容已擦除）", written.now)
    assert [(opinion.move, opinion.login, opinion.note) for opinion in opinions] == [
        ("submit", "steward", "（内容已擦除）"),
        ("return", "head", ""),
    ]
    assert (remark.field, remark.text) == ("resource_abstract", "（内容已擦除）")
    assert (sheet.rows[0]["code"], sheet.rows[0]["name"]) == (written.code, "（内容已擦除）")
    assert sheet.rows[1] == {"entry": "e9", "name": "别的"}


def find_version(cast: Cast) -> Version:
    with cast.database.read() as session:
        return find_entry(session, cast.code, sight=EVERYTHING).version


def test_an_erased_entry_in_force_is_still_shown(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    cast.walk_to("")
    spilled(cast, tmp_path)
    with database.read() as session:
        row = find_entry(session, cast.code, sight=EVERYTHING)
        shown = shown_json(row, get_version(session, row, 1), [row.version], "zh")
    assert (entry_json(row)["state"], entry_json(row)["resource_name"]) == ("announced", "（内容已擦除）")
    assert (shown["content"], shown["findings"], shown["erased_at"]) == ({}, [], cast.now.isoformat())


def test_another_version_keeps_its_content(cast: Cast, tmp_path: Path) -> None:
    better = content(resource_name="公开的工程清单")
    register(cast.database, tmp_path, better)
    done = spilled(cast, tmp_path, versions=[1])
    with cast.database.read() as session:
        row = find_entry(session, cast.code, sight=EVERYTHING)
        first = get_version(session, row, 1)
    assert (row.version.number, row.version.name, row.version.erased_at) == (2, "公开的工程清单", None)
    assert row.version.content["contact_name"] == better["contact_name"]
    assert (first.content, done.versions) == ({}, (1,))
    assert SECRET not in everything(cast.database)


def test_findings_of_other_entries_that_name_it_are_cleaned(cast: Cast, tmp_path: Path) -> None:
    other = content(
        resource_name="别的清单", resource_code="102024030201/000009", source_system_id="别的系统"
    )
    register(cast.database, tmp_path, other)
    finding = {"rule": "W202", "value": SECRET, "params": {"name": SECRET, "count": "2"}}
    with cast.database.write() as session:
        session.execute(update(Version).where(col(Version.name) == "别的清单").values(findings=[finding]))
    spilled(cast, tmp_path)
    with cast.database.read() as session:
        left = session.execute(select(Version).where(col(Version.name) == "别的清单")).scalars().one()
    gone = "（内容已擦除）"
    assert left.findings == [{"rule": "W202", "value": gone, "params": {"name": gone, "count": "2"}}]
    assert left.content["resource_name"] == "别的清单"


def test_erasing_twice_is_no_harm(cast: Cast, tmp_path: Path) -> None:
    spilled(cast, tmp_path)
    again = spilled(cast, tmp_path)
    assert "version" not in again.places
    assert verified(cast.database).intact


def test_another_entry_with_the_same_content_is_named(cast: Cast, tmp_path: Path) -> None:
    with cast.database.write() as session:
        version = session.execute(select(Version)).scalars().one()
        entry = dict(session.execute(text("SELECT * FROM entry")).mappings().one()) | {
            "id": "e9",
            "code": None,
        }
        session.execute(SQLModel.metadata.tables["entry"].insert(), [entry | {"created_at": NOW}])
        row: dict[str, Any] = version.model_dump() | {"entry_id": "e9"}
        session.execute(SQLModel.metadata.tables["version"].insert(), [row])
    told = [place.say("zh") for place in spilled(cast, tmp_path).by_hand]
    assert "登记了相同内容的另一条目录：e9 第 1 版" in told


def test_a_file_that_others_refer_to_stays_and_is_named(written: Cast, tmp_path: Path) -> None:
    with written.database.write() as session:
        sha256 = session.get_one(Distribution, "d1").sha256
        session.add(Record(id="r9", kind="pia", sha256=sha256, data={}, recorded_by="x", at=NOW))
    done = spilled(written, tmp_path)
    assert "blob" not in done.places
    assert [place.params["count"] for place in done.by_hand if place.key == "shared_blob"] == [1]


# ---- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "role", ["steward", "head", "auditor", "bureau", "system_admin", "log_auditor", "contractor"]
)
def test_it_refuses_whoever_may_not_erase(role: str, cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        spilled(cast, tmp_path, role=role)
    assert find_version(cast).name == SECRET


@pytest.mark.parametrize("reason", ["", "  ", f"因为{SECRET}涉密"])
def test_it_refuses_a_reason_that_is_none_or_repeats_the_secret(
    reason: str, cast: Cast, tmp_path: Path
) -> None:
    with pytest.raises(Rejected, match="擦除理由"):
        spilled(cast, tmp_path, reason=reason)


def test_it_refuses_a_version_that_is_not_there(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="没有第 7 版"):
        spilled(cast, tmp_path, versions=[1, 7])


# ---- at the console ---------------------------------------------------------------------------------------


def test_the_command_erases_and_tells(sqlite_database: Database, tmp_path: Path) -> None:
    cast = make_cast(sqlite_database, tmp_path, content(resource_name=SECRET))
    sqlite_database.close()
    done = mulu("spill", cast.code, "--all", "--reason", REASON, "--as", "security_admin")
    assert done.returncode == 0
    assert "数据库文件的空闲页和日志：1" in done.stdout and "□ 立即断网" in done.stdout
    assert SECRET not in done.stdout
    assert mulu("audit", "verify").returncode == 0
    assert "内容已擦除" in mulu("show", cast.code).stdout
    assert mulu("export", tmp_path / "out.jsonl").stdout.startswith("已导出 0 条")
    shown = mulu("audit", "list", cast.code)
    assert "spill" in shown.stdout.splitlines()[0]


@pytest.mark.parametrize("options", [[], ["--all", "--version", "1"]])
def test_the_command_asks_which_versions(options: list[str], sqlite_database: Database) -> None:
    done = mulu("spill", "x", *options, "--reason", REASON, "--as", "security_admin")
    assert (done.returncode, "二者择一" in done.stderr) == (1, True)


def test_the_command_refuses_a_stranger(sqlite_database: Database, tmp_path: Path) -> None:
    cast = make_cast(sqlite_database, tmp_path, content(resource_name=SECRET))
    done = mulu("spill", cast.code, "--all", "--reason", REASON, "--as", "steward")
    assert done.returncode == 1
    assert "安全管理员" in done.stderr
