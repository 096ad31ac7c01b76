"""The inspection pack: what it holds, that it is checked anywhere, and that nobody changes it unseen."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from registry import blobs
from registry.audit import Act, list_events, record
from registry.db import Database
from registry.errors import NotAllowed, NotFound, Rejected, Unavailable
from registry.heads import sign_head
from registry.inspection import About, Made, compose, record_pack
from registry.inspection_verify import PackVerdict, verify_pack
from registry.inspection_zip import writing
from registry.models import Agency, DataCopy, Entry, Rectification, System, WipeRecord
from registry.signing import trusted_keys
from tests.cast import Cast, make_cast
from tests.conftest import NOW, TODAY
from tests.system_rows import CERTIFICATE, add, one_of_each
from tests.test_cli import mulu

PAPER = "整改报告的正文".encode()


@pytest.fixture
def cast(sqlite_database: Database, tmp_path: Path) -> Cast:
    """An entry in force, and one row of every table about its system, all under a signed head."""
    return set_up(sqlite_database, tmp_path)


def set_up(database: Database, tmp_path: Path) -> Cast:
    found = make_cast(database, tmp_path)
    found.walk_to("")
    with database.write() as session:
        kept = {"folder": tmp_path / "files", "actor": "steward", "now": NOW, "most_bytes": 99}
        sha256 = blobs.keep(session, io.BytesIO(PAPER), **kept).sha256
        entry_id = session.execute(select(col(Entry.id))).scalar_one()
        add(session, one_of_each(session, entry_id=entry_id, text="=1+1", sha256=sha256))
        record(session, [Act("set_up", "w1", {"why": "测试"})], actor="steward", now=NOW)
        sign_head(session, now=found.now)
    return found


def made(cast: Cast, out: Path, *, login: str = "bureau", **asked: Any) -> Made:
    """A pack as the command makes it."""
    with writing(out) as pack, cast.database.read() as session:
        actor = cast.actor(login, session)
        folder = out.parent / "files"
        return compose(session, pack, About(**asked), folder=folder, actor=actor, now=cast.now)


def files(out: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files(out)[f"data/{name}.json"])
    return found


def agency_code(cast: Cast) -> str:
    with cast.database.read() as session:
        return session.execute(select(col(Agency.code))).scalar_one()


def system_id(cast: Cast) -> str:
    with cast.database.read() as session:
        return session.execute(select(col(System.id)).where(col(System.id) != "s9")).scalar_one()


# ---- what it holds ----------------------------------------------------------------------------------------


def test_it_holds_what_the_register_knows(cast: Cast, tmp_path: Path) -> None:
    out = tmp_path / "pack.zip"
    done = made(cast, out)
    held = {Path(name).stem for name in files(out) if name.startswith("data/")}
    assert {"systems", "copies", "entries", "duties", "evidence", "reviews", "rectifications"} < held
    assert {"budget_flags", "editions", "retirements", "retirement_steps", "wipe_records", "papers"} < held
    assert rows(out, "wipe_records")[0]["certificate_no"] == CERTIFICATE
    assert json.loads(files(out)[f"certificates/{CERTIFICATE}.json"])["certificate_no"] == CERTIFICATE
    (entry,) = rows(out, "entries")
    assert (entry["code"], entry["version"]["number"]) == (cast.code, 1)
    assert [one["role"] for one in entry["signed"]][-1] == "bureau"
    assert {"verify_proof.py", "verify_certificate.py"} < set(files(out))
    assert (done.manifest["made_by"], done.manifest["as_of"]) == ("bureau", TODAY.isoformat())
    assert {"authority", "overdue"} < {row["state"] for row in rows(out, "duties")}


def test_it_is_made_and_passes_on_every_database(database: Database, tmp_path: Path) -> None:
    cast = set_up(database, tmp_path)
    made(cast, tmp_path / "pack.zip", agency=agency_code(cast))
    assert verify_pack(tmp_path / "pack.zip", keys=trusted_keys()).problems == ()
    assert len(rows(tmp_path / "pack.zip", "retirement_steps")) == 1


def test_a_cell_never_becomes_a_formula(cast: Cast, tmp_path: Path) -> None:
    made(cast, tmp_path / "pack.zip")
    text = files(tmp_path / "pack.zip")["data/rectifications.csv"].decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["words"], row["number"]) == ("'=1+1", "ZG-2026-0001")


def test_the_same_register_and_moment_give_the_same_bytes(cast: Cast, tmp_path: Path) -> None:
    made(cast, tmp_path / "one.zip")
    made(cast, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_papers_are_named_and_go_along_when_asked(cast: Cast, tmp_path: Path) -> None:
    made(cast, tmp_path / "pack.zip")
    (paper,) = rows(tmp_path / "pack.zip", "papers")
    assert f"files/{paper['sha256']}" not in files(tmp_path / "pack.zip")
    made(cast, tmp_path / "whole.zip", with_files=True)
    assert files(tmp_path / "whole.zip")[f"files/{paper['sha256']}"] == PAPER


def test_a_paper_that_was_erased_is_told_of(cast: Cast, tmp_path: Path) -> None:
    with cast.database.write() as session:
        sha256 = session.get_one(Rectification, "z1").sha256
        assert sha256 is not None
        blobs.erase(session, sha256, folder=tmp_path / "files", now=NOW)
    made(cast, tmp_path / "pack.zip", with_files=True)
    (paper,) = rows(tmp_path / "pack.zip", "papers")
    assert "已按规定擦除" in paper["missing"]
    assert verify_pack(tmp_path / "pack.zip").intact


def test_what_came_after_the_day_is_left_out(cast: Cast, tmp_path: Path) -> None:
    cast.now += timedelta(days=10)
    with cast.database.write() as session:
        row = session.get_one(Rectification, "z1")
        row.report, row.reported_by, row.reported_at, row.state = "已改", "steward", cast.now, "reported"
        record(session, [Act("report_rectification", "z1", {})], actor="steward", now=cast.now)
        sign_head(session, now=cast.now)
    made(cast, tmp_path / "then.zip", as_of=TODAY)
    made(cast, tmp_path / "now.zip")
    (then,), (after,) = (
        rows(tmp_path / "then.zip", "rectifications"),
        rows(tmp_path / "now.zip", "rectifications"),
    )
    assert (then["report"], then["reported_at"], then["state"]) == (None, None, None)
    assert (after["report"], after["state"]) == ("已改", "reported")
    assert b"report_rectification" not in files(tmp_path / "then.zip")["audit/proof.json"]
    made(cast, tmp_path / "before.zip", as_of=date(2026, 11, 1))
    assert rows(tmp_path / "before.zip", "rectifications") == []


def test_a_pack_of_one_system_holds_nothing_of_others(cast: Cast, tmp_path: Path) -> None:
    with cast.database.write() as session:
        own = session.get_one(System, system_id(cast))
        session.add(System(**own.model_dump() | {"id": "s9", "name": "另一系统", "ident": None}))
        session.flush()
        copy = session.get_one(DataCopy, "d1")
        session.add(DataCopy(**copy.model_dump() | {"id": "d9", "system_id": "s9", "case_id": None}))
    made(cast, tmp_path / "pack.zip", system=system_id(cast))
    assert [row["id"] for row in rows(tmp_path / "pack.zip", "copies")] == ["d1"]
    assert rows(tmp_path / "pack.zip", "budget_flags") == []
    made(cast, tmp_path / "all.zip", agency=agency_code(cast))
    assert [row["id"] for row in rows(tmp_path / "all.zip", "copies")] == ["d1", "d9"]


# ---- who --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["bureau", "log_auditor"])
def test_bureau_and_log_auditor_make_one_of_the_whole_city(login: str, cast: Cast, tmp_path: Path) -> None:
    assert made(cast, tmp_path / "pack.zip", login=login).manifest["agency"] is None


def test_a_head_makes_one_of_his_own_agency_only(cast: Cast, tmp_path: Path) -> None:
    done = made(cast, tmp_path / "pack.zip", login="head", agency=agency_code(cast))
    assert done.manifest["agency"] == agency_code(cast)
    with pytest.raises(NotAllowed):
        made(cast, tmp_path / "city.zip", login="head")
    assert not (tmp_path / "city.zip").exists() and list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize("login", ["steward", "auditor", "contractor", "system_admin", "security_admin"])
def test_others_make_none(login: str, cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        made(cast, tmp_path / "pack.zip", login=login, agency=agency_code(cast))


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"agency": "甲", "system": "乙"}, Rejected),
        ({"agency": "没有的单位"}, NotFound),
        ({"system": "没有的系统"}, NotFound),
        ({"as_of": date(2030, 1, 1)}, Rejected),
    ],
)
def test_it_refuses_what_cannot_be_meant(
    asked: Mapping[str, Any], error: type[Exception], cast: Cast, tmp_path: Path
) -> None:
    with pytest.raises(error):
        made(cast, tmp_path / "pack.zip", **asked)


def test_its_making_is_on_record(cast: Cast, tmp_path: Path) -> None:
    done = made(cast, tmp_path / "pack.zip", agency=agency_code(cast))
    with cast.database.write() as session:
        record_pack(session, done, actor=cast.actor("bureau", session), now=cast.now)
    with cast.database.read() as session:
        (event,) = list_events(session, act="make_inspection_pack")
    assert event.details is not None
    assert (event.actor, event.subject, event.details["manifest"]) == (
        "bureau",
        agency_code(cast),
        done.digest,
    )


# ---- checked ----------------------------------------------------------------------------------------------


def test_a_genuine_pack_passes(cast: Cast, tmp_path: Path) -> None:
    made(cast, tmp_path / "pack.zip", with_files=True)
    found = verify_pack(tmp_path / "pack.zip", keys=trusted_keys())
    assert (found.problems, found.notes) == ((), ())
    assert found.events > 5 and found.files == len(files(tmp_path / "pack.zip")) - 3


def changed(out: Path, change: Callable[[dict[str, bytes]], None]) -> PackVerdict:
    """What is found of a pack whose files were changed and packed anew."""
    held = files(out)
    change(held)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    return verify_pack(out, keys=trusted_keys())


def _forge(held: dict[str, bytes]) -> None:
    """A file changed, and manifest and sums made to fit it."""
    import hashlib

    name = "data/copies.json"
    held[name] = held[name].replace(b"planned", b"certified")
    manifest = json.loads(held["manifest.json"])
    for row in manifest["files"]:
        if row["path"] == name:
            row |= {"sha256": hashlib.sha256(held[name]).hexdigest(), "size": len(held[name])}
    text = json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    held["manifest.json"] = text.encode()
    sums = {row["path"]: row["sha256"] for row in manifest["files"]}
    sums["manifest.json"] = hashlib.sha256(held["manifest.json"]).hexdigest()
    held["MANIFEST.sha256"] = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode()


def _edit_act(held: dict[str, bytes]) -> None:
    held["audit/proof.json"] = held["audit/proof.json"].replace(b"set_up", b"set_op")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.update({"data/copies.csv": b"x"}), "data/copies.csv 的大小与清单不符"),
        (lambda held: held.pop("data/wipe_cases.json"), "data/wipe_cases.json 在清单里，包里没有：被删除"),
        (lambda held: held.update({"more.txt": b"x"}), "more.txt 不在清单里：是后加的"),
        (lambda held: held.pop("MANIFEST.sha256"), "没有 MANIFEST.sha256"),
        (lambda held: held.pop("MANIFEST.mark.json"), "完整性校验标记与摘要不符"),
        (_forge, "完整性校验标记与摘要不符：清单被改动"),
        (_edit_act, "不在所签的审计树里"),
        (lambda held: held.update({"audit/head.json": b"{}"}), "树头不是同一个"),
    ],
    ids=["edited", "removed", "added", "no sums", "no mark", "forged", "act", "head"],
)
def test_what_was_changed_is_named(
    change: Callable[[Any], None], said: str, cast: Cast, tmp_path: Path
) -> None:
    made(cast, tmp_path / "pack.zip")
    found = changed(tmp_path / "pack.zip", change)
    assert [problem for problem in found.problems if said in problem] != []


def test_another_key_is_refused_and_none_is_told(cast: Cast, tmp_path: Path) -> None:
    made(cast, tmp_path / "pack.zip")
    assert "不是由认可的公钥签的" in verify_pack(tmp_path / "pack.zip", keys=["ab" * 32]).problems[0]
    assert "没有比对" in verify_pack(tmp_path / "pack.zip").notes[0]


def test_no_pack_at_all_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK no zip")
    with pytest.raises(Unavailable, match="不能作为资料包读取"):
        verify_pack(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("manifest.json", "[]")
    with pytest.raises(Unavailable, match="不是监督检查资料包"):
        verify_pack(tmp_path / "y.zip")


def test_the_script_inside_checks_the_acts(cast: Cast, tmp_path: Path) -> None:
    made(cast, tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        archive.extractall(tmp_path / "out")
    (key,) = trusted_keys()
    command = [sys.executable, "-I", "verify_proof.py", "audit/proof.json", "--key", key]
    done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_erased_record_is_shown_as_erased(cast: Cast, tmp_path: Path) -> None:
    with cast.database.write() as session:
        session.get_one(WipeRecord, "y1").erased_at = NOW
        record(session, [Act("spill", "y1", {})], actor="security_admin", now=NOW)
    done = made(cast, tmp_path / "pack.zip")
    what = next(one["what"] for one in done.manifest["files"] if one["path"].startswith("certificates/"))
    assert what == "数据清除证明（内容已擦除）"


# ---- at the console ---------------------------------------------------------------------------------------


def test_the_commands_make_and_check(cast: Cast, tmp_path: Path) -> None:
    cast.database.close()
    out = tmp_path / "pack.zip"
    done = mulu("inspect", "pack", str(out), "--as", "bureau")
    assert done.returncode == 0, done.stderr
    assert "SHA-256" in done.stdout
    good = mulu("inspect", "verify", str(out))
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "与制作时一致。")
    changed(out, lambda held: held.update({"more.txt": b"x"}))
    assert mulu("inspect", "verify", str(out)).returncode == 1
    out.write_bytes(b"x")
    assert mulu("inspect", "verify", str(out)).returncode == 2
    assert "make_inspection_pack" in mulu("audit", "list", "city").stdout
