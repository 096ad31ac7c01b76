"""A whole retirement, from the decision to the closed case, against a real CKAN; every step is killed and made again.

One entry goes to the successor, one is kept as an archive, one is retired. Source: S-LPS 6, 26; S1 27; domain §12 R15.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text, update
from sqlmodel import col

from catalog_specs import load
from registry.models import Agency, DataCopy, Entry, System
from registry.reconcile import differences
from tests.cast import PATH, Cast, add_person
from tests.killed import HERE, Shell
from tests.syncing import NAME, Bench, MakeBench, make_bench
from tests.web_people import system
from tests.wipe_content import person, physical, verified

__all__ = ["make_bench"]
pytestmark = pytest.mark.ckan
TABLES = (
    *("retirement", "retirement_step", "retirement_entry", "data_copy", "wipe_case", "wipe_record"),
    *("system_life", "system", "entry", "distribution", "version", "audit_event", "outbox"),
)


class Case:
    """The retirement of a bench's system by the commands of a steward and a head."""

    def __init__(self, bench: Bench, cast: Cast, folder: Path) -> None:
        self.bench, self.cast, self.folder = bench, cast, folder
        url = bench.database.engine.url.render_as_string(False)
        keys = {"MULU_DATABASE_URL": url, "MULU_KEY_DIR": str(folder / "keys")}
        self.shell = Shell(os.environ | keys, folder)
        self.number = self.wiping = ""
        (self.retired,), (self.kept,) = bench.shelve(1), bench.shelve(1, files=True, first=20)
        with bench.database.write() as session:
            query = select(Entry).where(col(Entry.code) == cast.code)
            moved = session.execute(query).scalar_one()
            self.moved, self.old = moved.id, str(moved.system_id)
            agency = session.get_one(Agency, moved.agency_id)
            session.execute(update(Entry).values(system_id=self.old, agency_id=agency.id))
            heir = system(session, agency, "一体化登记平台")
            self.heir = heir.id
            add_person(session, "verifier", "steward", agency, session.get_one(System, self.old))
        with bench.database.read() as session:
            self.unrecorded = set(differences(session))

    def code(self, entry: str) -> str:
        with self.bench.database.read() as session:
            return str(session.get_one(Entry, entry).code)

    def run(self, *words: str, ends: int = 0) -> str:
        """One command, to its end."""
        done = self.shell.run(*words)
        assert done.code == ends, (words, done)
        return done.out

    def killed(self, *words: str, commits: int = 1) -> None:
        """One command, killed before a commit of it, which changes nothing, then after it, which changes all."""
        before = self.rows()
        self._dies("before", commits, words)
        if commits == 1:
            assert self.rows() == before, words
        self._dies("after", 1, words)
        assert self.rows() != before, words

    def _dies(self, moment: str, commits: int, words: tuple[str, ...]) -> None:
        done = self.shell.run(*words, moment=moment, commit=commits)
        assert done.code == -signal.SIGKILL, (words, done)

    def dies_syncing(self, moment: str) -> None:
        """The sync job, killed at a commit."""
        done = self.shell.run("run", NAME, moment=moment, commit=2, sync=True)
        assert done.code == -signal.SIGKILL, done

    def rows(self) -> dict[str, list[Any]]:
        with self.bench.database.read() as session:
            return {name: list(session.execute(text(f"SELECT * FROM {name}"))) for name in TABLES}

    def announce(self) -> None:
        """The path of the version that names the successor, and the review of its data."""
        self.cast.now = self.bench.clock()
        self.cast.walk(*PATH)
        self.cast.act("clear_data", "secrecy_reviewer")
        self.cast.act("resume", "head", note="承接系统已接管")

    def file(self, name: str, value: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
        return str(path)

    def entry(self, key: str) -> Entry:
        with self.bench.database.read() as session:
            found = session.get_one(Entry, key)
            session.expunge(found)
            return found

    def copies(self) -> dict[str, str]:
        with self.bench.database.read() as session:
            return {copy.name: copy.state for copy in session.execute(select(DataCopy)).scalars()}

    def step(self, *words: str, by: str = "head", commits: int = 1) -> None:
        """A step of the retirement, killed on its way."""
        verb, *more = words
        self.killed("retirement", verb, self.number, *more, "--as", by, commits=commits)


@pytest.fixture
def case(make_bench: MakeBench, at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    folder = tmp_path / "specs"
    folder.mkdir()
    # a transaction an entry, so that settling can be killed between them
    (folder / "retiring.yaml").write_text("chunk: 1\n")
    monkeypatch.setenv("MULU_SPECS", str(folder))
    cast = at("shelved")
    made = Case(make_bench(database=cast.database), cast, tmp_path)
    yield made
    made.shell.close()


def test_a_system_is_retired_whatever_is_killed_on_the_way(case: Case) -> None:
    bench = case.bench
    bench.run()
    assert set(bench.entries_there()) == {case.retired, case.kept}
    _decided(case)
    _withdrawn(case)
    _transferred(case)
    assert set(bench.entries_there()) == {case.kept}
    _wiped(case)
    assert [case.entry(key).state for key in (case.retired, case.kept, case.moved)] == [
        "wiped",
        "shelved",
        "shelved",
    ]
    assert bench.verify(deep=True).drifts == []
    with bench.database.read() as session:
        assert session.get_one(System, case.old).life == "wiped"
        # entries that were put on the shelf without the doors stand in no record
        assert set(differences(session)) <= case.unrecorded


def _decided(case: Case) -> None:
    copy = ("primary", "主库磁盘", "--system", case.old, "--medium", "hdd", "--id", "serial_no=SN-主库磁盘")
    case.run("system", "copies", "add", *copy, "--as", "steward")
    today = str(case.bench.clock().date())
    case.killed(
        "retirement",
        "open",
        case.old,
        "--no",
        "遵体停〔2026〕1号",
        "--day",
        today,
        "--successor",
        case.heir,
        "--as",
        "head",
    )
    case.run("retirement", "open", case.old, "--no", "遵体停〔2026〕1号", "--as", "head", ends=1)
    shown = json.loads(case.run("retirement", "list", "--json"))
    case.number = shown[0]["number"]
    case.wiping = json.loads(case.run("retirement", "show", case.number, "--json"))["wipe_case"]
    case.step("notify", "--no", "遵数备〔2026〕5号", by="steward")
    case.step("decide", case.code(case.moved), "--fate", "transfer")
    case.step("decide", case.code(case.kept), "--fate", "archive", "--archive", "市档案馆 2026-17")
    case.step("decide", "--rest", "--fate", "retire", "--note", "业务取消")


def _withdrawn(case: Case) -> None:
    """The head archives and retires: what is still at the portal waits for the sync job, which is killed, too."""
    case.step("settle", commits=2)
    case.run("retirement", "settle", case.number, "--as", "head", ends=1)
    assert "等待同步撤下" in case.run("retirement", "show", case.number, "--entries")
    case.run("retirement", "close", case.number, "--as", "head", ends=1)
    for moment in ("before", "after"):
        case.dies_syncing(moment)
    case.bench.later += timedelta(minutes=10)
    case.bench.run()
    assert set(case.bench.entries_there()) == {case.kept}
    case.killed("retirement", "settle", case.number, "--as", "head")
    case.run("retirement", "settle", case.number, "--as", "head", ends=1)
    assert case.entry(case.retired).state == "retired"


def _transferred(case: Case) -> None:
    case.step("settle", by="steward")
    case.announce()
    case.run("retirement", "settle", case.number, "--as", "steward")
    assert case.entry(case.moved).system_id == case.heir
    case.bench.later += timedelta(minutes=10)
    case.bench.run()


def _wiped(case: Case) -> None:
    case.step("archive", "--no", "遵档〔2026〕3号", by="steward")
    case.step("freeze", by="steward")
    assert case.copies() == {"主库磁盘": "disposed"}
    absent = [f"{kind.key}=没有" for kind in load().retirement.copies if kind.key != "primary"]
    case.killed("wipe", "absent", case.wiping, *absent, "--as", "head")
    started = f"{datetime.now(ZoneInfo('Asia/Shanghai')):%Y-%m-%dT%H:%M:%S}"
    moments = {"started_at": started, "finished_at": started}
    file = case.file("记录.json", [physical("主库磁盘", serial_no="SN-主库磁盘", **moments)])
    case.killed("wipe", "record", case.wiping, file, "--kind", "physical", "--as", "steward")
    key = json.loads(case.run("wipe", "list", "--json"))[0]["id"]
    case.killed("wipe", "examine", key, "--data", case.file("验证.json", verified()), "--as", "verifier")
    case.killed(
        "wipe", "witness", key, "--data", case.file("见证.json", person("王见证")), "--as", "division_chief"
    )
    case.run("retirement", "close", case.number, "--as", "head", ends=1)
    case.killed("wipe", "approve", key, "--data", case.file("审批.json", person("赵审批")), "--as", "head")
    assert case.copies() == {"主库磁盘": "certified"}
    case.step("close")
    case.run("retirement", "close", case.number, "--as", "head")
    _certified(case)


def _certified(case: Case) -> None:
    """The certificate of the one record, checked by the script alone, against the published head."""
    (found,) = json.loads(case.run("wipe", "list", "--json"))
    assert (found["serial_no"], found["method"], found["result"]) == ("SN-主库磁盘", "purge", "pass")
    out = str(case.folder / "证明.json")
    case.run("audit", "head")
    case.run("wipe", "certificate", found["certificate_no"], out)
    assert case.run("wipe", "verify", out)
    heads = json.loads(Path(out).read_text("utf-8"))["proof"]["head"]
    checked = [sys.executable, "-I", "-S", str(HERE / "docs" / "verify_certificate.py"), out]
    done = subprocess.run([*checked, "--head", case.file("head.json", heads)], cwd=case.folder, check=False)
    assert done.returncode in (0, 3)  # 3: without cryptography the signature is told as not checked
