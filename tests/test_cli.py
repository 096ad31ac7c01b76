"""The command line, run as a user runs it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
import pytest
from typer.testing import CliRunner

from registry.cli import app
from tests.examples import GOOD, bad_rows, good

Make = Callable[..., Path]


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def mulu(*arguments: str | Path, **environment: str) -> Done:
    """Run a command within this process; what the console script adds is tested on its own."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], env=environment)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def report(path: Path, *options: str) -> dict[str, Any]:
    done = mulu("check", path, "--format", "json", *options)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"exit": done.returncode}


@pytest.fixture
def bad_file(entries_file: Make) -> Path:
    return entries_file([good("OK01"), good("OK04", provider_code="11520300MB1A00052N")])


def test_a_clean_file_passes(entries_file: Make) -> None:
    done = mulu("check", entries_file([GOOD["OK02"]]))
    assert done.returncode == 0
    assert "没有发现错误和提醒" in done.stdout


def test_a_wrong_row_fails_with_cell_reason_cure_and_article(bad_file: Path) -> None:
    done = mulu("check", bad_file)
    assert done.returncode == 1
    assert "目录!V3  E103 错误  提供方代码“11520300MB1A00052N”" in done.stdout
    assert "改法：按机构编制或登记证书核对 18 位代码" in done.stdout
    assert "依据：GB 32100-2015" in done.stdout


def test_the_json_report_has_the_documented_keys(bad_file: Path) -> None:
    found = report(bad_file)
    assert found["exit"] == 1
    assert set(found) - {"exit"} == {
        "file", "sha256", "profile", "spec", "entries", "errors", "warnings", "findings", "needs",
    }  # fmt: skip
    assert (found["entries"], found["errors"], found["profile"]) == (2, 1, "zunyi_2020")
    finding = found["findings"][0]
    assert list(finding) == [
        "rule", "level", "sheet", "row", "cell", "entry", "field", "value", "message", "fix", "source",
    ]  # fmt: skip
    assert (finding["rule"], finding["sheet"], finding["row"], finding["cell"]) == ("E103", "目录", 3, "V3")
    assert {need["need"] for need in found["needs"]} == {"secrecy_review", "list_line", "pia"}
    assert set(found["needs"][0]) == {"entry", "need", "reason", "source"}


def test_json_is_one_unescaped_document(bad_file: Path) -> None:
    assert "提供方代码" in mulu("check", bad_file, "--format", "json").stdout


def test_warnings_fail_only_when_asked_for(entries_file: Make) -> None:
    path = entries_file([good("OK10")])
    assert mulu("check", path).returncode == 0
    assert mulu("check", path, "--fail-on", "warning").returncode == 1


def test_english_is_spoken_by_option_and_by_locale(bad_file: Path) -> None:
    assert "is no valid unified social credit code" in mulu("check", bad_file, "--lang", "en").stdout
    assert "is no valid unified social credit code" in mulu("check", bad_file, LC_ALL="en_US.UTF-8").stdout


@pytest.mark.parametrize("format_", ["text", "json"])
def test_an_unreadable_file_exits_with_2(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "坏.xlsx"
    path.write_bytes(b"PK\x03\x04 nothing")
    done = mulu("check", path, "--format", format_)
    assert done.returncode == 2
    assert "文件已损坏或不是表格" in done.stdout + done.stderr
    if format_ == "json":
        assert json.loads(done.stdout)["findings"][0]["rule"] == "E171"


def test_an_unknown_profile_exits_with_2(bad_file: Path) -> None:
    done = mulu("check", bad_file, "--profile", "guiyang")
    assert done.returncode == 2
    assert "可用的有：liupanshui_2025、zunyi_2020" in done.stderr


def test_the_profile_follows_the_providers_region(entries_file: Make) -> None:
    path = entries_file(
        [good("OK02", provider_code="11520200009421020T", resource_code=None)], name="六盘水.jsonl"
    )
    assert report(path)["profile"] == "liupanshui_2025"


def test_a_secret_row_names_only_rule_sheet_and_row(entries_file: Make, tmp_path: Path) -> None:
    path = entries_file([GOOD["OK02"], good("OK04", secret_flag="工作秘密", resource_name="机要名单")])
    out = tmp_path / "批注.xlsx"
    done = mulu("check", path, "--annotate", out)
    assert done.returncode == 1
    assert "E125 目录!第3行" in done.stdout
    assert "机要名单" not in done.stdout + done.stderr
    assert not out.exists()


def test_the_annotated_copy_is_written(bad_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "批注.xlsx"
    mulu("check", bad_file, "--annotate", out)
    sheet = openpyxl.load_workbook(out)["目录"]
    assert sheet.cell(1, sheet.max_column).value == "校验结果"
    assert sheet.cell(3, sheet.max_column).value.startswith("E103")
    assert "改法" in sheet["V3"].comment.text


def test_the_template_is_empty_for_the_importer(tmp_path: Path) -> None:
    out = tmp_path / "模板.xlsx"
    assert mulu("template", out).returncode == 0
    book = openpyxl.load_workbook(out)
    assert [s.title for s in book if s.sheet_state == "visible"] == ["目录", "信息项", "说明"]
    assert book["目录"]["A3"].value == "示例：最低生活保障对象信息"
    done = mulu("check", out)
    assert done.returncode == 2
    assert "没有可读的目录行" in done.stderr


def test_a_filled_template_is_read(tmp_path: Path) -> None:
    out = tmp_path / "模板.xlsx"
    mulu("template", out)
    book = openpyxl.load_workbook(out)
    headers = {str(cell.value).rstrip("*"): cell.column for cell in book["目录"][1]}
    for header, value in (("信息资源名称", "公厕名录"), ("信息资源提供方", "遵义市民政局"), ("共享类型", 1)):
        book["目录"].cell(4, headers[header], value)
    book.save(out)
    found = report(out)
    assert found["entries"] == 1
    assert "E101" in {f["rule"] for f in found["findings"] if f["field"] == "provider_code"}


def test_import_correct_import_shows_two_versions(entries_file: Make, tmp_path: Path) -> None:
    wrong = good("OK04", update_cycle="每时每刻")
    first = mulu("import", entries_file([wrong], name="a.xlsx"))
    assert first.returncode == 0
    assert "新增 1" in first.stdout
    assert "更新 1" in mulu("import", entries_file([GOOD["OK04"]], name="b.xlsx")).stdout
    assert "未变 1" in mulu("import", entries_file([GOOD["OK04"]], name="c.xlsx")).stdout
    listed = json.loads(mulu("entries", "--json").stdout)
    assert [(e["code"], e["state"], e["version"], e["errors"]) for e in listed] == [
        ("102024030201/000001", "draft", 2, 0)
    ]
    changes = json.loads(mulu("diff", "102024030201/000001", "1", "2", "--json").stdout)
    assert [(c["field"], c["before"], c["after"], c["change_class"]) for c in changes] == [
        ("update_cycle", "每时每刻", "每日", "ordinary")
    ]
    shown = json.loads(mulu("show", "102024030201/000001", "--version", "1", "--json").stdout)
    assert shown["content"]["update_cycle"] == "每时每刻"
    assert [v["state"] for v in shown["versions"]] == ["superseded", "draft"]


def test_refused_rows_are_named_and_the_exit_is_1(bad_file: Path) -> None:
    done = mulu("import", bad_file)
    assert done.returncode == 1
    assert "目录!V3  102024030201/000001  这一行没有登记：提供方代码缺失或无效" in done.stdout


def test_all_or_nothing_registers_nothing(bad_file: Path) -> None:
    assert mulu("import", bad_file, "--all-or-nothing").returncode == 1
    assert json.loads(mulu("entries", "--json").stdout) == []


def test_stock_in_force_has_a_rectification_list(entries_file: Make) -> None:
    mulu("import", entries_file([good("OK04", share_pattern=None)]), "--existing")
    listed = json.loads(mulu("entries", "--state", "announced", "--json").stdout)
    assert [entry["code"] for entry in listed] == ["102024030201/000001"]
    assert "E129" in mulu("rectify").stdout


def test_export_then_import_changes_nothing(entries_file: Make, tmp_path: Path) -> None:
    mulu("import", entries_file(list(GOOD.values())))
    for name in ("目录.xlsx", "目录.csv", "目录.jsonl"):
        out = tmp_path / f"out-{name}"
        assert mulu("export", out).returncode == 0
        assert "未变 13" in mulu("import", out).stdout


def test_commands_without_a_database_say_what_to_do() -> None:
    done = mulu("entries")
    assert done.returncode == 2
    assert "先执行 mulu init" in done.stderr


def test_an_unknown_code_is_told(entries_file: Make) -> None:
    mulu("import", entries_file([GOOD["OK02"]]))
    done = mulu("show", "999/1")
    assert done.returncode == 1
    assert "没有代码或编号为“999/1”的目录" in done.stderr


@pytest.mark.parametrize("command", ["rules", "fields"])
def test_rules_and_fields_carry_their_articles(command: str) -> None:
    rows = json.loads(mulu(command, "--json").stdout)
    assert len(rows) > 70
    assert all(row["source"] for row in rows)


def test_the_schema_is_json_schema() -> None:
    schema = json.loads(mulu("schema").stdout)
    assert schema["properties"]["share_type"]["oneOf"][0] == {"const": "1", "title": "无条件共享"}


def test_drafts_of_a_ddl_file_can_be_imported(tmp_path: Path) -> None:
    ddl = tmp_path / "t.sql"
    ddl.write_text(
        "CREATE TABLE gc (id INT PRIMARY KEY COMMENT '编号', mc VARCHAR(50) COMMENT '公厕名称') COMMENT='公厕名录';",
        "utf-8",
    )
    out = tmp_path / "草稿.xlsx"
    assert mulu("draft", ddl, "--out", out).returncode == 0
    done = mulu("import", out, "--provider", "115203000094210200=遵义市民政局")
    assert "新增 1" in done.stdout
    assert json.loads(mulu("entries", "--json").stdout)[0]["code"] == "307024030101/000001"


def test_init_can_be_repeated_and_demo_says_when_it_is_there() -> None:
    assert mulu("init").returncode == 0
    assert mulu("init").returncode == 0
    assert mulu("demo").returncode == 0
    again = mulu("demo")
    assert again.returncode == 0
    assert "已经载入过" in again.stdout
    assert len(json.loads(mulu("entries", "--json").stdout)) >= 290


def test_nothing_heavy_is_loaded_for_a_check(entries_file: Make) -> None:
    path = entries_file([GOOD["OK02"]], name="one.jsonl")
    code = (
        "import sys; sys.argv = ['mulu', 'check', sys.argv[1]]\n"
        "from registry.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "heavy = ('pandas', 'great_expectations', 'sqlalchemy', 'fastapi', 'openpyxl', 'faker')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_every_bad_example_is_found_in_a_file(entries_file: Make) -> None:
    for name, content, rule in bad_rows():
        found = report(entries_file([content], name=f"{name}.jsonl"))
        assert {f["rule"] for f in found["findings"] if f["level"] == "error"} == {rule}, name


def test_the_console_script_answers_help_and_exit_codes(bad_file: Path) -> None:
    script = Path(sys.executable).with_name("mulu")
    shown = subprocess.run([script, "--help"], capture_output=True, text=True, encoding="utf-8", check=True)
    assert "check" in shown.stdout
    assert subprocess.run([script, "check", bad_file], capture_output=True, check=False).returncode == 1
