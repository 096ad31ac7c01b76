"""Logs of wiping tools imported by command: recorded when complete, kept as evidence, failed attempts, too."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from registry.cli import app
from registry.db import Database
from registry.models import Blob, WipeRecord
from tests.test_wipe_logs import NWIPE, written
from tests.wipe_content import Wiping, make_wiping, physical

# what the log of nwipe tells
TOLD = ("tool", "tool_version", "model", "serial_no", "capacity", "technique", "started_at", "finished_at")


@pytest.fixture
def wiping(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wiping:
    monkeypatch.setenv("MULU_FILES_DIR", str(tmp_path / "files"))
    made = make_wiping(sqlite_database, tmp_path)
    made.copy()
    made.open()
    made.enlist("主库一")
    return made


def imported(wiping: Wiping, tmp_path: Path, text: str, **added: Any) -> tuple[int, str]:
    own = physical(method="clear", data_grade_before="g1", destination="internal_reuse") | added
    rest = {key: value for key, value in own.items() if key not in TOLD and value}
    path = tmp_path / "row.json"
    path.write_text(json.dumps(rest), "utf-8")
    log = str(written(tmp_path, text))
    known = ["--format", "nwipe_log", "--with", str(path), "--as", "steward"]
    done = CliRunner().invoke(app, ["wipe", "import-log", wiping.case, log, *known])
    return done.exit_code, done.output


def test_a_log_with_what_it_lacks_is_recorded_and_kept_as_evidence(wiping: Wiping, tmp_path: Path) -> None:
    code, said = imported(wiping, tmp_path, NWIPE)
    assert (code, "已登记清除记录" in said) == (0, True), said
    with wiping.database.read() as session:
        [row] = session.query(WipeRecord).all()
        [blob] = [
            one.sha256 for one in session.query(Blob).all() if one.sha256 in row.content["evidence_hashes"]
        ]
    assert (row.serial_no, row.technique, row.content["tool_version"]) == ("ZC20ABCD", "overwrite", "0.42")
    assert blob == hashlib.sha256(NWIPE.encode()).hexdigest()


def test_what_is_missing_is_listed_and_nothing_recorded(wiping: Wiping, tmp_path: Path) -> None:
    code, said = imported(wiping, tmp_path, NWIPE, property_no="", operator=None)
    assert (code, "sda 还缺：资产编号、操作人" in said) == (1, True), said
    with wiping.database.read() as session:
        assert session.query(WipeRecord).count() == 0


def test_a_failed_wipe_is_kept_as_a_failed_attempt(wiping: Wiping, tmp_path: Path) -> None:
    code, said = imported(wiping, tmp_path, NWIPE.replace("| Erased |", "|-FAILED-|"))
    assert (code, "工具报告未通过" in said) == (0, True), said
    with wiping.database.read() as session:
        [row] = session.query(WipeRecord).all()
    assert row.content["verification_result"] == "fail"
