"""``mulu list`` as a head, an auditor and an inspector run it at the console."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from registry.db import Database
from tests.list_cast import CIVIL, MARKET, add_heads, announced, take_in
from tests.test_cli import mulu

FORMATS = ("xlsx", "pdf", "csv", "json", "md")
HEAD = f"head-{CIVIL.lower()}"


@pytest.fixture
def civil(sqlite_database: Database, tmp_path: Path) -> Database:
    """Announced three weeks ago by the clock of the console, so that it is owed by now."""
    begun = datetime.now(UTC) - timedelta(days=21)
    take_in(sqlite_database, tmp_path, announced("OK01"), announced("OK02"), announced("OK04"), now=begun)
    add_heads(sqlite_database, CIVIL, MARKET)
    return sqlite_database


def done(*arguments: str) -> str:
    found = mulu("list", *arguments)
    assert found.returncode == 0, found.stderr
    return found.stdout


def said(*arguments: str) -> Any:
    return json.loads(done(*arguments, "--json"))


def refused(*arguments: str, code: int = 1) -> str:
    found = mulu("list", *arguments)
    assert (found.returncode, found.stdout) == (code, "")
    return found.stderr


def test_show_tells_the_list_and_what_is_owed(civil: Database) -> None:
    shown = said("show", "--agency", CIVIL)
    assert [(one["zh"], len(one["lines"])) for one in shown["lists"]] == [
        ("数据共享责任清单", 2),
        ("数据开放清单", 1),
    ]
    assert shown["standing"] == {"edition": None, "stale": True}
    place = next(n for n, c in enumerate(shown["lists"][0]["columns"]) if c["key"] == "days_owed")
    assert {line["cells"][place] for line in shown["lists"][0]["lines"]} != {"0"}
    text = done("show", "--agency", CIVIL)
    assert "遵义市民政局数据共享责任清单、数据开放清单" in text and "还没有封存过" in text


def test_the_whole_city_and_one_list_are_shown(civil: Database) -> None:
    assert len(said("show", "--list", "share")["lists"][0]["lines"]) == 3


def test_an_unknown_agency_is_refused_with_the_cure(civil: Database) -> None:
    assert "没有在册的单位“甲”；写统一社会信用代码或全称" in refused("show", "--agency", "甲")


def test_agency_and_system_exclude_each_other(civil: Database) -> None:
    assert "只能写一个" in refused("show", "--agency", CIVIL, "--system", "民政业务系统", code=2)


def test_the_only_head_seals_without_being_named(civil: Database) -> None:
    sealed = said("seal", "--agency", CIVIL)
    assert (sealed["number"], sealed["rows"], sealed["sealed_by"], sealed["unchanged"]) == (1, 3, HEAD, False)
    assert sealed["published_at"] is not None


def test_an_unchanged_list_says_so_and_exits_0(civil: Database) -> None:
    done("seal", "--agency", CIVIL, "--as", HEAD)
    assert "清单没有变化" in done("seal", "--agency", CIVIL, "--as", HEAD)
    assert len(said("editions", "--agency", CIVIL)) == 1


def test_who_is_no_head_seals_nothing(civil: Database) -> None:
    assert "部门负责人" in refused("seal", "--agency", CIVIL, "--as", f"head-{MARKET.lower()}")
    assert "没有账号" in refused("seal", "--agency", CIVIL, "--as", "nobody")


def test_without_a_head_somebody_must_be_named(sqlite_database: Database, tmp_path: Path) -> None:
    take_in(sqlite_database, tmp_path, announced("OK02"))
    assert "须用 --as LOGIN 写明由哪位部门负责人封存（还没有" in refused("seal", "--agency", CIVIL)


def test_a_preview_seals_nothing(civil: Database) -> None:
    assert "新增 3 条" in done("seal", "--agency", CIVIL, "--preview")
    assert said("editions", "--agency", CIVIL) == []


def test_what_is_sealed_unpublished_is_published_later(civil: Database) -> None:
    assert said("seal", "--agency", CIVIL, "--unpublished")["published_at"] is None
    assert "已公布" in done("publish", "--agency", CIVIL)
    assert "不能再改" in refused("publish", "--agency", CIVIL)


def test_diff_names_what_changed_and_why(civil: Database, tmp_path: Path) -> None:
    done("seal", "--agency", CIVIL)
    take_in(civil, tmp_path, announced("OK03"), now=datetime.now(UTC))
    text = done("diff", "--agency", CIVIL)
    assert "2026年第1期 → 现行清单" in text or "第1期 → 现行清单" in text
    assert "新增 1 条" in text and "最低生活保障对象信息" in text and "原因：存量目录导入" in text
    done("seal", "--agency", CIVIL)
    changes = said("diff", "1", "2", "--agency", CIVIL)
    assert [line["kind"] for line in changes["lines"]] == ["added"]


def test_editions_of_all_agencies_tell_which_are_stale(civil: Database, tmp_path: Path) -> None:
    done("seal", "--agency", CIVIL)
    take_in(civil, tmp_path, announced("OK02", update_cycle="每月"), now=datetime.now(UTC))
    found = {one["agency"]: one["stale"] for one in said("editions")}
    assert found == {CIVIL: True, MARKET: True}
    assert "与现行清单不一致（E127）" in done("editions")


@pytest.mark.parametrize("form", FORMATS)
def test_an_exported_edition_is_verified_on_another_machine(
    civil: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    done("seal", "--agency", CIVIL)
    out = tmp_path / f"清单.{form}"
    assert "校验码" in done("export", "--agency", CIVIL, str(out))
    key = said("key")["key"]
    monkeypatch.setenv("MULU_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    found = said("verify", str(out), "--key", key)
    assert (found["genuine"], found["problems"]) == (True, [])
    assert "公钥" in mulu("list", "verify", str(out)).stderr
    assert mulu("list", "verify", str(out), "--key", "ab" * 32).returncode == 1


def test_one_changed_cell_is_found_and_named(civil: Database, tmp_path: Path) -> None:
    done("seal", "--agency", CIVIL)
    out = tmp_path / "清单.xlsx"
    done("export", "--agency", CIVIL, str(out))
    book = openpyxl.load_workbook(out)
    cell = next(c for row in book["数据共享责任清单"].iter_rows() for c in row if c.value == "每周")
    cell.value = "每年"
    book.save(out)
    found = mulu("list", "verify", str(out))
    assert found.returncode == 1
    assert f"数据共享责任清单!{cell.coordinate}：显示“每年”，封存的是“每周”" in found.stdout


def test_the_latest_edition_is_exported_unless_another_is_named(civil: Database, tmp_path: Path) -> None:
    done("seal", "--agency", CIVIL)
    take_in(civil, tmp_path, announced("OK03"), now=datetime.now(UTC))
    done("seal", "--agency", CIVIL)
    for named, edition in ((), 2), (("--edition", "1"), 1):
        done("export", "--agency", CIVIL, *named, str(tmp_path / "x.json"))
        assert json.loads((tmp_path / "x.json").read_text("utf-8"))["head"]["edition"].endswith(
            f"第{edition}期"
        )


def test_a_live_list_is_exported_of_the_whole_city_and_is_no_edition(civil: Database, tmp_path: Path) -> None:
    out = tmp_path / "city.csv"
    assert "现行清单，未封存" in done("export", "--live", str(out))
    found = mulu("list", "verify", str(out))
    assert found.returncode == 1 and "没有封存" in found.stdout


def test_what_cannot_be_exported_is_said_and_nothing_is_written(civil: Database, tmp_path: Path) -> None:
    out = tmp_path / "a.xlsx"
    assert "还没有封存过清单；先执行 mulu list seal" in refused("export", "--agency", CIVIL, str(out))
    assert "须写 --agency" in refused("export", str(out), code=2)
    assert "只能写一个" in refused("export", "--agency", CIVIL, "--live", "--edition", "1", str(out), code=2)
    done("seal", "--agency", CIVIL)
    assert ".docx" in refused("export", "--agency", CIVIL, str(tmp_path / "a.docx"))
    assert not out.exists()


def test_a_file_that_is_no_list_is_not_genuine(civil: Database, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("甲,乙\n", "utf-8")
    assert mulu("list", "verify", str(other)).returncode == 1


def test_a_stamped_scan_is_attached_once(civil: Database, tmp_path: Path) -> None:
    done("seal", "--agency", CIVIL)
    scan = tmp_path / "盖章.pdf"
    scan.write_bytes(b"%PDF-1.7 stamped")
    assert "已附上" in done("scan", str(scan), "--agency", CIVIL)
    assert said("editions", "--agency", CIVIL)[0]["scan_sha256"]
    assert "已有盖章扫描件" in refused("scan", str(scan), "--agency", CIVIL)
    assert "没有文件" in refused("scan", str(tmp_path / "none.pdf"), "--agency", CIVIL)


def test_init_writes_the_lines_of_what_was_announced_before_there_were_lists(
    civil: Database, tmp_path: Path
) -> None:
    from sqlalchemy import delete, func, select

    from registry.models import ListLine

    with civil.write() as session:
        session.execute(delete(ListLine))
    assert mulu("init").returncode == 0
    with civil.read() as session:
        assert session.execute(select(func.count()).select_from(ListLine)).scalar_one() == 5
