"""The audit record at the console: verified, proven, exported, listed; and the key and the heads behind it."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from registry.audit import Act, record
from registry.audit_check import verify
from registry.audit_files import exported_record, write_export
from registry.db import Database
from registry.errors import Conflict, NotFound, Unavailable
from registry.heads import last_head, prove, sign_head, sign_quietly
from registry.settings import Settings
from registry.signing import key_id_of, own_key, trusted_keys
from registry.web import create_app
from tests.auditing import kinds, rows, tamper, unguard, verified, write
from tests.conftest import NOW
from tests.test_cli import Done, mulu

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "docs" / "verify_proof.py"


@pytest.fixture
def recorded(sqlite_database: Database) -> Database:
    """A record of 120 events with one head, in the database that the commands use."""
    write(sqlite_database, 120)
    return sqlite_database


# ---- verify -----------------------------------------------------------------------------------------------


def test_an_intact_record_exits_with_0(recorded: Database) -> None:
    done = mulu("audit", "verify")
    assert done.returncode == 0
    assert "120 条，sha256" in done.stdout and "为前 100 条作证" in done.stdout and "完好。" in done.stdout


def test_an_altered_record_exits_with_1_and_names_the_event(recorded: Database) -> None:
    unguard(recorded)
    tamper(recorded, "audit_event", 77, actor="别人")
    done = mulu("audit", "verify")
    assert done.returncode == 1
    assert "✗ 第 77 条的列 actor 与原文不符" in done.stdout
    found = json.loads(mulu("audit", "verify", "--json").stdout)
    assert (found["intact"], found["total"]) == (False, 1)
    assert (found["faults"][0]["kind"], found["faults"][0]["seq"]) == ("column", 77)
    assert "event 77: columns actor differ" in mulu("audit", "verify", "--lang", "en").stdout


def test_what_cannot_be_read_exits_with_2(tmp_path: Path) -> None:
    assert mulu("audit", "verify").returncode == 2  # no database yet
    (tmp_path / "mulu.sqlite3").write_bytes(b"SQLite format 3\x00" + b"nonsense" * 500)
    assert mulu("audit", "verify").returncode == 2
    assert mulu("audit", "verify", tmp_path / "none.jsonl").returncode == 2
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe")
    assert mulu("audit", "verify", tmp_path / "a.jsonl").returncode == 2


def test_a_missing_tree_row_exits_with_2(recorded: Database) -> None:
    with recorded.write() as session:
        session.execute(text("DELETE FROM audit_tree"))
    done = mulu("audit", "verify")
    assert (done.returncode, "状态行不见了" in done.stderr) == (2, True)


def test_a_cut_tail_is_found_by_the_heads_file(
    recorded: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = tmp_path / "外置" / "heads.jsonl"
    heads.parent.mkdir()
    monkeypatch.setenv("MULU_HEADS_FILE", str(heads))
    assert "第 2 号树头，前 120 条" in mulu("audit", "head").stdout
    unguard(recorded)
    with recorded.write() as session:
        for table, key in (("audit_event", "seq"), ("audit_content", "seq"), ("audit_head", "number")):
            session.execute(text(f"DELETE FROM {table} WHERE {key} > {1 if key == 'number' else 100}"))
        root = session.execute(text("SELECT root FROM audit_event WHERE seq = 100")).scalar_one()
    assert root
    done = mulu("audit", "verify")
    assert done.returncode == 1
    assert "第 101 至 120 条不见了：尾部被截去（依据：树头文件、审计树的状态行）" in done.stdout


def test_a_public_key_may_be_given(recorded: Database) -> None:
    assert mulu("audit", "verify", "--key", key_id_of(own_key()).upper()).returncode == 0
    done = mulu("audit", "verify", "--key", "00" * 32)
    assert (done.returncode, "不认识的密钥" in done.stdout) == (1, True)


# ---- export -----------------------------------------------------------------------------------------------


def exported(database: Database, path: Path, *, contents: bool = True) -> list[dict[str, Any]]:
    with path.open("w", encoding="utf-8") as file, database.read() as session:
        write_export(session, file, now=NOW, contents=contents)
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def faults(path: Path, lines: list[dict[str, Any]]) -> list[tuple[str, int]]:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    with path.open(encoding="utf-8") as file:
        return [(f.key, f.seq) for f in verify(exported_record(file, path.name), keys=trusted_keys()).faults]


def test_an_export_verifies_without_the_database(recorded: Database, tmp_path: Path) -> None:
    out = tmp_path / "审计.jsonl"
    assert mulu("audit", "export", out).stdout == f"已导出 120 条审计记录到 {out}\n"
    (tmp_path / "mulu.sqlite3").unlink()
    assert "为前 100 条作证" in mulu("audit", "verify", out).stdout


def test_an_export_is_alike_on_both_databases(database: Database, tmp_path: Path) -> None:
    write(database, 205)
    lines = exported(database, tmp_path / "a.jsonl")
    assert [line["type"] for line in lines].count("head") == 2
    assert lines[-1] == {"type": "end", "events": 205, "heads": 2}
    assert lines[101]["type"] == "head" and lines[100]["seq"] == 100
    assert faults(tmp_path / "a.jsonl", lines) == []


def test_an_export_without_contents_tells_so(recorded: Database, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    assert mulu("audit", "export", out, "--no-content").returncode == 0
    assert '"version"' not in out.read_text("utf-8")
    done = mulu("audit", "verify", out)
    assert (done.returncode, "只核对了摘要树" in done.stdout) == (0, True)


CHANGES: dict[str, tuple[Callable[[list[Any]], Any], list[tuple[str, int]]]] = {
    "an edited content": (lambda e: e[50].update(content="{}"), [("content_changed", 50)]),
    "an edited body": (lambda e: e[50].update(body="{}"), [("edited", 50)]),
    "an edited moment": (lambda e: e[50].update(at="2020-01-01"), [("column", 50)]),
    "a line less": (lambda e: e.pop(50), [("cut", 0), ("deleted", 50)]),
    "exchanged lines": (lambda e: e.insert(50, e.pop(51)), [("deleted", 50), ("misplaced", 50)]),
    "the end less": (lambda e: e.pop(), [("cut", 121)]),
    "the tail less": (lambda e: e.__delitem__(slice(110, None)), [("cut", 109), ("cut", 109)]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_altered_export_is_found(change: str, recorded: Database, tmp_path: Path) -> None:
    lines = exported(recorded, tmp_path / "a.jsonl")
    alter, expected = CHANGES[change]
    alter(lines)
    if change == "a line less":
        with pytest.raises(Unavailable, match="不是审计记录"):
            faults(tmp_path / "a.jsonl", lines)
        lines[-1]["events"] = 119
        expected = [("deleted", 50)]
    assert faults(tmp_path / "a.jsonl", lines) == expected


@pytest.mark.parametrize("line", ["", "[]", "nonsense", '{"type":"header"}', '{"type":"event"}'])
def test_what_is_no_export_exits_with_2(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line + "\n", "utf-8")
    assert mulu("audit", "verify", tmp_path / "a.jsonl").returncode == 2


# ---- prove ------------------------------------------------------------------------------------------------


def script(*arguments: str | Path, **environment: str) -> Done:
    """Run the shipped script by itself: it imports nothing of ours."""
    command = [sys.executable, "-I" if not environment else "-B", SCRIPT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def proof(recorded: Database, tmp_path: Path) -> Path:
    out = tmp_path / "证明.json"
    with recorded.write() as session:
        record(session, [Act("approve", "e7", {"note": "同意"})], actor="审核员", now=NOW)
        sign_head(session, now=NOW)
    assert "2 个事件的证明" in mulu("audit", "prove", "e7", "--out", out).stdout
    return out


def test_a_proof_is_checked_by_the_shipped_script(proof: Path) -> None:
    done = script(proof, "--key", key_id_of(own_key()))
    assert done.returncode == 0
    assert "2 events stand on the record of 121 events" in done.stdout and "同意" in done.stdout


def test_a_proof_whose_key_nobody_compared_is_not_wholly_good(proof: Path) -> None:
    done = script(proof)
    assert (done.returncode, "NOT COMPARED" in done.stdout) == (3, True)
    assert script(proof, "--key", "00" * 32).returncode == 1


def test_without_cryptography_the_script_says_what_it_did_not_check(proof: Path, tmp_path: Path) -> None:
    (tmp_path / "cryptography.py").write_text("raise ImportError", "utf-8")
    done = script(proof, "--key", key_id_of(own_key()), PYTHONPATH=str(tmp_path))
    assert (done.returncode, "NOT CHECKED: install cryptography" in done.stdout) == (3, True)


FORGED: dict[str, Callable[[Any], Any]] = {
    "body": lambda p: p["events"][0].update(body=p["events"][0]["body"].replace("王敏", "别人")),
    "content": lambda p: p["events"][1].update(content='{"note":"不同意"}'),
    "place": lambda p: p["events"][0].update(index=8),
    "path": lambda p: p["events"][0]["path"].pop(),
    "root": lambda p: p["head"].update(root="00" * 32),
    "moment": lambda p: p["head"].update(at="2020-01-01T00:00:00.000000+00:00"),
    "signature": lambda p: p["head"].update(signature="00" * 64),
    "nothing": lambda p: p["events"].clear(),
}


@pytest.mark.parametrize("part", FORGED)
def test_a_forged_proof_does_not_hold(part: str, proof: Path) -> None:
    forged = json.loads(proof.read_text("utf-8"))
    FORGED[part](forged)
    proof.write_text(json.dumps(forged), "utf-8")
    assert script(proof, "--key", key_id_of(own_key())).returncode == 1


@pytest.mark.parametrize("given", ["", "[]", "{", '{"head":{}}'])
def test_the_script_cannot_read_what_is_no_proof(given: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(given, "utf-8")
    assert script(tmp_path / "p.json").returncode == 2
    assert script().returncode == 2


def test_every_event_of_every_size_is_proven(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULU_AUDIT_HASH", "sm3")
    for number in range(12):
        write(sqlite_database, 1, start=number)
        with sqlite_database.write() as session:
            sign_head(session, now=NOW)
            assert len(prove(session, f"e{number}")["events"]) == 1


def test_events_without_a_head_are_told_of(recorded: Database) -> None:
    with recorded.read() as session:
        with pytest.raises(NotFound, match="mulu audit head"):
            prove(session, "e110")
        with pytest.raises(NotFound, match="没有“nobody”的事件"):
            prove(session, "nobody")
    done = mulu("audit", "prove", "e50")
    assert json.loads(done.stdout)["later"] == 0
    write(recorded, 1, start=50)
    assert "另有 1 个事件还没有树头作证" in mulu("audit", "prove", "e50").stderr


def test_without_a_head_nothing_is_proven(sqlite_database: Database) -> None:
    write(sqlite_database, 3)
    with sqlite_database.read() as session, pytest.raises(NotFound, match="还没有签过树头"):
        prove(session, "e1")


def test_no_proof_is_made_of_an_altered_record(recorded: Database) -> None:
    unguard(recorded)
    tamper(recorded, "audit_event", 30, leaf="00" * 32)
    with recorded.read() as session, pytest.raises(Conflict, match="不能出具证明"):
        prove(session, "e50")


# ---- list, key, head --------------------------------------------------------------------------------------


def test_events_are_listed_with_who_and_what(recorded: Database) -> None:
    lines = mulu("audit", "list", "--limit", "2").stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("120  2026-11-21 02:00:00Z  王敏（root）  register  e119  {")
    found = json.loads(mulu("audit", "list", "e5", "--json").stdout)
    assert [(event["seq"], event["details"]["version"], event["erased"]) for event in found] == [
        (6, 5, False)
    ]
    assert mulu("audit", "list", "--before", "3", "--limit", "1").stdout.startswith("2  ")


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    shown = mulu("audit", "key").stdout.strip()
    path = tmp_path / "keys" / "audit.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (mulu("audit", "key").stdout.strip(), (tmp_path / "keys" / "audit.keys").read_text()) == (
        shown,
        shown + "\n",
    )
    assert sorted(found.name for found in path.parent.iterdir()) == ["audit.key", "audit.keys"]


def test_a_retired_key_stays_trusted(recorded: Database, tmp_path: Path) -> None:
    first = key_id_of(own_key())
    (tmp_path / "keys" / "audit.key").unlink()
    write(recorded, 80)
    assert trusted_keys() == {first, key_id_of(own_key())}
    verdict = verified(recorded)
    assert (verdict.intact, verdict.heads) == (True, 2)


def test_the_private_key_is_not_in_the_database(recorded: Database, tmp_path: Path) -> None:
    raw = own_key().private_bytes_raw()
    for path in tmp_path.glob("mulu.sqlite3*"):
        assert raw not in path.read_bytes() and raw.hex().encode() not in path.read_bytes()


@pytest.fixture
def no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key folder that cannot be made."""
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "file" / "keys"))
    return tmp_path


def test_no_act_is_lost_because_of_a_key_folder(
    database: Database, no_key: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(database, 250)
    assert len(rows(database)) == 250 and rows(database, "audit_head") == []
    assert "没有签审计树头" in caplog.text
    assert kinds(database) == [("heads_missing", 1)]
    monkeypatch.setenv("MULU_KEY_DIR", str(no_key / "keys"))
    with database.write() as session:
        assert sign_head(session, now=NOW) is not None
    verdict = verified(database)
    assert (verdict.intact, [note.key for note in verdict.notes]) == (True, ["late_heads"])


def test_a_head_that_cannot_be_signed_exits_with_2(sqlite_database: Database, no_key: Path) -> None:
    done = mulu("audit", "head")
    assert (done.returncode, "密钥文件夹" in done.stderr) == (2, True)
    assert mulu("audit", "key").returncode == 2


def test_a_head_is_signed_once_a_size(database: Database) -> None:
    with database.write() as session:
        first = sign_head(session, now=NOW)
        assert first is not None and (first.number, first.size) == (1, 0)
        assert sign_head(session, now=NOW) == first
    write(database, 3)
    sign_quietly(database, now=NOW)
    with database.read() as session:
        last = last_head(session)
    assert last is not None and (last.number, last.size, last.is_genuine()) == (2, 3, True)
    assert verified(database).covered == 3


def test_heads_of_an_act_that_fails_are_in_no_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULU_HEADS_FILE", str(tmp_path / "heads.jsonl"))
    acts = [Act("a", "s", {})] * 120
    with pytest.raises(RuntimeError), database.write() as session:
        record(session, acts, actor="甲", now=NOW)
        raise RuntimeError
    assert not (tmp_path / "heads.jsonl").exists()
    write(database, 230)
    heads = [json.loads(line) for line in (tmp_path / "heads.jsonl").read_text("utf-8").splitlines()]
    assert [head["size"] for head in heads] == [100, 200]


def test_a_heads_file_that_cannot_be_written_loses_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MULU_HEADS_FILE", str(tmp_path))
    write(database, 100)
    assert "没有写入树头文件" in caplog.text
    assert (verified(database).covered, len(rows(database, "audit_head"))) == (100, 1)


def test_heads_are_signed_at_init_and_at_the_server_s_exit(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    assert mulu("init").returncode == 0
    database = Database(f"sqlite:///{tmp_path / 'mulu.sqlite3'}")
    assert [row["size"] for row in rows(database, "audit_head")] == [0]
    with TestClient(create_app(Settings(f"sqlite:///{tmp_path / 'mulu.sqlite3'}", workers=0))):
        write(database, 4)
    assert [row["size"] for row in rows(database, "audit_head")] == [0, 4]
    database.close()
