"""Systems, their lives and copies over the REST API and at the console."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from sqlmodel import col
from typer.testing import CliRunner, Result

from registry.cli import app as commands
from registry.db import Database
from registry.models import DataCopy, System
from registry.web import create_app
from tests.agency_cast import CIVIL, MARKET, acts_on, make_agencies
from tests.web_people import enter, settings_of

AT = "/api/v1"
RUN = CliRunner()
Clients = Callable[[str], TestClient]
DISK = {
    "kind": "primary",
    "name": "主库磁盘",
    "medium": "hdd",
    "ids": {"serial_no": "WD-1"},
    "data_grade": "g4",
}


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


@pytest.fixture
def client(here: Database, tmp_path: Path) -> Iterator[Clients]:
    app = create_app(settings_of(here, files_folder=tmp_path / "files", workers=0))
    yield lambda login: enter(TestClient(app), here, login)
    app.state.database.close()


def made(client: TestClient, **more: Any) -> str:
    answer = client.post(f"{AT}/systems", json={"agency": CIVIL, "name": "低保管理系统"} | more)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


# ---- systems ----------------------------------------------------------------------------------------------


def test_a_system_is_entered_with_its_contract(client: Clients) -> None:
    steward = client("steward-c")
    body = {"contractor": "云上贵州公司", "contract_from": "2026-01-01", "contract_until": "2030-01-01"}
    at = made(steward, **body, protection_level="3", life="building")
    shown = steward.get(at).json()
    assert (shown["life"], shown["life_zh"], shown["contract_until"]) == ("building", "建设中", "2030-01-01")
    assert "超过 3 年" in shown["warnings"][0]
    changes = {"contract_until": "2028-12-31", "protection_level": None}
    after = steward.patch(at, json=changes, headers={"If-Match": "*"}).json()
    assert (after["warnings"], after["protection_level"], after["contractor"]) == ([], None, "云上贵州公司")


def test_an_external_system_says_so(client: Clients) -> None:
    shown = client("steward-c").get(made(client("steward-c"), **{"class": "02"})).json()
    assert shown["external"] is True
    assert shown["external_said"].startswith("外部系统：不适用验收、义务和清除（")


def test_systems_are_asked_for_by_life_and_class(client: Clients) -> None:
    steward = client("steward-c")
    made(steward, life="planned", **{"class": "01"})
    totals = [
        steward.get(f"{AT}/systems", params=asked).json()["total"]
        for asked in ({"life": "planned"}, {"class": "01"}, {"life": "planned", "class": "02"}, {})
    ]
    assert totals == [1, 1, 0, 4]


def test_the_counts_of_a_year(client: Clients) -> None:
    steward = client("steward-c")
    made(steward)
    shown = steward.get(f"{AT}/systems/counts").json()
    (row,) = shown["results"]
    assert (row["agency"], row["last"], row["only_decreased"]) == (CIVIL, 4, False)
    assert {one["name"] for one in row["added"]} >= {"低保管理系统"}
    assert "第6条" in shown["source"]
    assert steward.get(f"{AT}/systems/counts?year=2100").status_code == 422


# ---- lives ------------------------------------------------------------------------------------------------


def test_a_life_is_moved_on_with_a_file(client: Clients) -> None:
    steward = client("steward-c")
    at = made(steward, life="accepted")
    offered = steward.get(f"{at}/life").json()["moves"]
    assert [(one["move"], one["missing"]) for one in offered] == [("operate", [])]
    form = {"move": "operate", "number": "遵民函〔2026〕1号", "note": "上线"}
    done = steward.post(f"{at}/life", data=form, files={"file": ("通知.pdf", b"%PDF-1.7", "application/pdf")})
    assert (done.status_code, done.json()["after"], done.json()["file_name"]) == (
        201,
        "operating",
        "通知.pdf",
    )
    life = steward.get(f"{at}/life").json()
    assert (life["life"], [step["document"] for step in life["steps"]]) == (
        "operating",
        ["遵民函〔2026〕1号"],
    )
    file = steward.get(f"{at}/life/{done.json()['id']}/file")
    assert (file.status_code, file.content) == (200, b"%PDF-1.7")
    assert client("steward-m").get(f"{at}/life/{done.json()['id']}/file").status_code == 404


def test_a_shut_gate_is_answered_whole(client: Clients) -> None:
    steward = client("steward-c")
    at = made(steward, life="building")
    refused = steward.post(f"{at}/life", data={"move": "accept"})
    assert refused.status_code == 409
    assert len(refused.json()["errors"]) > 10
    (accept, _cancel) = steward.get(f"{at}/life").json()["moves"]
    assert (accept["move"], accept["asks"]) == ("accept", "either")
    assert {"code", "message"} <= set(accept["missing"][0])
    assert steward.post(f"{at}/life", data={"move": "stop"}).status_code == 409
    assert steward.post(f"{at}/life", data={"move": "sell"}).status_code == 404


# ---- copies -----------------------------------------------------------------------------------------------


def test_a_copy_from_entry_to_removal(client: Clients, here: Database) -> None:
    steward = client("steward-c")
    at = made(steward)
    answer = steward.post(f"{at}/copies", json=DISK, headers={"Idempotency-Key": "k"})
    copy, where = answer.json(), answer.headers["Location"]
    assert (answer.status_code, copy["state"], copy["answered"], copy["warnings"]) == (
        201,
        "in_use",
        False,
        [],
    )
    assert steward.post(f"{at}/copies", json=DISK, headers={"Idempotency-Key": "k"}).json() == copy
    tag = steward.get(where).headers["ETag"]
    changed = steward.patch(where, json={"ids": {"property_no": "ZC-1"}}, headers={"If-Match": tag})
    assert changed.json()["ids"] == {"serial_no": "WD-1", "property_no": "ZC-1"}
    assert steward.patch(where, json={"note": "x"}, headers={"If-Match": tag}).status_code == 412
    assert steward.delete(where, params={"why": "错"}, headers={"If-Match": tag}).status_code == 412
    assert steward.delete(where, params={"why": "登记错"}, headers={"If-Match": "*"}).status_code == 204
    assert steward.get(where).status_code == 404
    assert steward.get(f"{at}/copies").json() == {"results": []}
    assert acts_on(here, copy["id"]) == ["add_copy", "edit_copy", "remove_copy"]


def test_copies_of_another_agency(client: Clients) -> None:
    at = made(client("steward-c"))
    where = client("steward-c").post(f"{at}/copies", json=DISK).headers["Location"]
    stranger, bureau = client("steward-m"), client("bureau")
    assert stranger.get(f"{at}/copies").status_code == 404
    assert stranger.get(where).status_code == 404
    assert bureau.get(where).json()["name"] == "主库磁盘"
    assert [one["name"] for one in bureau.get(f"{at}/copies").json()["results"]] == ["主库磁盘"]
    assert bureau.post(f"{at}/copies", json=DISK | {"name": "乙"}).status_code == 403


def test_a_copy_that_a_case_holds_stays(client: Clients, here: Database) -> None:
    steward = client("steward-c")
    where = steward.post(f"{made(steward)}/copies", json=DISK).headers["Location"]
    with here.write() as session:
        session.execute(update(DataCopy).values(state="certified"))
    assert steward.patch(where, json={"note": "x"}, headers={"If-Match": "*"}).status_code == 409
    assert steward.delete(where, params={"why": "x"}, headers={"If-Match": "*"}).status_code == 409


def test_a_list_over_the_api(client: Clients) -> None:
    steward = client("steward-c")
    at = made(steward)
    wrong = {"file": ("副本.csv", "种类,名称,序列号\n主库,甲,A\n阁楼,乙,B\n备份,丙,\n".encode(), "text/csv")}
    refused = steward.post(f"{at}/copies/import", files=wrong)
    assert refused.status_code == 422
    assert [row["message"][:5] for row in refused.json()["errors"]] == ["第 3 行", "第 4 行"]
    assert steward.get(f"{at}/copies").json() == {"results": []}
    good = {"file": ("副本.csv", "种类,名称,序列号\n主库,甲,A\n备份,乙,B\n".encode(), "text/csv")}
    done = steward.post(f"{at}/copies/import", files=good).json()["results"]
    assert [(row["row"], row["name"]) for row in done] == [(2, "甲"), (3, "乙")]
    listed = steward.get(f"{at}/copies").json()["results"]
    assert [one["id"] for one in listed] == [row["copy_id"] for row in done]


def test_copies_of_a_grant_that_is_not_there(client: Clients) -> None:
    assert client("steward-c").get(f"{AT}/grants/GX-0/copies").status_code == 404
    assert client("steward-c").post(f"{AT}/grants/GX-0/copies", json=DISK).status_code == 404


# ---- at the console ---------------------------------------------------------------------------------------


def mulu(*words: str) -> Result:
    return RUN.invoke(commands, words)


def _ok(*words: str) -> str:
    found = mulu(*words)
    assert found.exit_code == 0, found.output
    return found.output


BY = ("--as", "steward-c")


def test_a_system_at_the_console(here: Database, tmp_path: Path) -> None:
    term = ("--contract-from", "2026-01-01", "--contract-until", "2031-01-01")
    said = _ok("system", "add", "低保管理系统", "--agency", CIVIL, "--life", "accepted", *term, *BY)
    assert "提醒：合同期限 2026-01-01 至 2031-01-01，超过 3 年" in said
    paper = tmp_path / "通知.pdf"
    paper.write_bytes(b"%PDF-1.7")
    more = ("--no", "1号", "--file", str(paper), "--day", "2026-02-03")
    assert "已验收 → 运行中" in _ok("system", "advance", "低保管理系统", "operate", *more, *BY)
    _ok("system", "edit", "低保管理系统", "--contract-until", "", "--protection", "3", *BY)
    shown = json.loads(_ok("system", "show", "低保管理系统", "--json"))
    assert (shown["life"], shown["contract_until"], shown["protection_level"]) == ("operating", None, "3")
    assert [(step["day"], step["file_name"]) for step in shown["history"]] == [("2026-02-03", "通知.pdf")]
    text = _ok("system", "show", "低保管理系统")
    assert "等级保护级别：第三级" in text
    assert "投入运行 → 运行中" in text
    assert len(json.loads(_ok("system", "list", "--life", "operating", "--agency", CIVIL, "--json"))) == 4


def test_a_refused_step_says_all_at_the_console(here: Database) -> None:
    _ok("system", "add", "低保管理系统", "--agency", CIVIL, "--life", "building", *BY)
    refused = mulu("system", "advance", "低保管理系统", "accept", *BY)
    assert refused.exit_code == 1
    assert "不能“通过验收”，缺" in refused.output
    assert refused.output.count("\n  ") > 10
    assert mulu("system", "advance", "低保管理系统", "cancel", "--day", "明天", *BY).exit_code == 1


def test_counts_at_the_console(here: Database) -> None:
    with here.write() as session:
        session.execute(update(System).where(col(System.name) == "民政业务系统").values(life="planned"))
    shown = json.loads(_ok("system", "counts", "--agency", CIVIL, "--json"))
    assert [(row["agency"], row["last"]) for row in shown["results"]] == [(CIVIL, 2)]
    assert "系统数量只减不增" in _ok("system", "counts")
    assert "年份" in mulu("system", "counts", "--year", "2999").output


def test_copies_at_the_console(here: Database, tmp_path: Path) -> None:
    of, ids = ("--system", "民政业务系统"), ("--id", "serial_no=WD-1", "--id", "capacity=4TB")
    said = _ok("system", "copies", "add", "primary", "主库磁盘", *of, "--medium", "hdd", *ids, *BY)
    assert "提醒：没有写明最高数据级别" in said
    (copy,) = json.loads(_ok("system", "copies", "list", *of, "--json"))
    assert copy["ids"] == {"serial_no": "WD-1", "capacity": "4TB"}
    _ok("system", "copies", "edit", copy["id"], "--grade", "g3", "--id", "capacity=", *BY)
    assert "主库磁盘" in _ok("system", "copies", "list")
    (after,) = json.loads(_ok("system", "copies", "list", "--json"))
    assert (after["data_grade"], after["ids"]) == ("g3", {"serial_no": "WD-1"})
    _ok("system", "copies", "remove", copy["id"], "--why", "登记错", *BY)
    assert _ok("system", "copies", "list") == "没有数据副本。\n"
    assert "没有等号" in mulu("system", "copies", "edit", copy["id"], "--id", "x", *BY).output


def test_a_template_filled_in_at_the_console(here: Database, tmp_path: Path) -> None:
    path, of = tmp_path / "副本.xlsx", ("--system", "民政业务系统")
    _ok("system", "copies", "template", str(path))
    book = openpyxl.load_workbook(path)
    sheet = book["数据副本"]
    for number, values in enumerate([("主库", "甲"), ("备份", "乙")], 4):
        for column, value in enumerate(values, 1):
            sheet.cell(number, column, value)
    sheet.cell(4, 5, "A-1")
    book.save(path)
    refused = mulu("system", "copies", "import", str(path), *of, *BY)
    assert (refused.exit_code, "第 5 行  乙  错误：没有写明序列号" in refused.output) == (1, True)
    sheet.cell(5, 5, "A-2")
    book.save(path)
    done = json.loads(
        RUN.invoke(commands, ["system", "copies", "import", str(path), *of, *BY, "--json"]).stdout
    )
    assert [(one["row"], bool(one["copy_id"])) for one in done] == [(4, True), (5, True)]
    assert json.loads(_ok("system", "copies", "list", "--json"))[1]["name"] == "乙"


# ---- pages ------------------------------------------------------------------------------------------------


def test_the_list_page(client: Clients) -> None:
    steward = client("steward-c")
    made(steward, **{"class": "02"})
    page = steward.get("/systems").text
    assert "低保管理系统" in page
    assert ">外部</span>" in page
    assert "登记系统" in page
    assert "低保管理系统" not in steward.get("/systems?life=planned").text
    assert "登记系统" not in client("bureau").get("/systems").text
    assert f'value="{MARKET}"' in page


def test_a_system_is_entered_on_the_page(client: Clients) -> None:
    steward = client("steward-c")
    form = {
        "name": "养老平台",
        "life": "building",
        "contract_from": "2026-01-01",
        "contract_until": "2031-01-01",
    }
    done = steward.post("/systems", data=form)
    assert (done.status_code, done.history[0].status_code) == (200, 303)
    assert "超过 3 年" in done.text
    refused = steward.post("/systems", data=form | {"contract_until": "2020-01-01"})
    assert refused.status_code == 409
    assert "早于起始日" in refused.text
    assert 'value="2020-01-01"' in refused.text


def test_the_page_of_a_system(client: Clients) -> None:
    steward = client("steward-c")
    at = made(steward, life="building").removeprefix(AT)
    page = steward.get(at).text
    key = at.rpartition("/")[2]
    for link in (
        f"{at}/acceptance",
        f"/duties?system={key}",
        f"/retirements?system={key}",
        f"/wipes?system={key}",
    ):
        assert f'href="{link}"' in page
    assert "还缺" in page
    assert "第19条" in page
    bureau = client("bureau").get(at).text
    assert "登记一处副本" not in bureau
    assert "修改" not in bureau
    assert client("steward-m").get(at).status_code == 404


def test_the_page_of_an_external_system(client: Clients) -> None:
    steward = client("steward-c")
    page = steward.get(made(steward, **{"class": "03"}).removeprefix(AT)).text
    assert "外部系统：不适用验收、义务和清除" in page
    assert "/acceptance" not in page
    assert "登记一处副本" not in page


def test_copies_on_the_page(client: Clients) -> None:
    steward = client("steward-c")
    at = made(steward).removeprefix(AT)
    form = {"act": "copy", "kind": "primary", "name": "主库磁盘", "serial_no": "WD-1", "data_grade": ""}
    assert "没有写明最高数据级别" in steward.post(at, data=form).text
    refused = steward.post(at, data=form | {"name": "乙", "serial_no": ""})
    assert refused.status_code == 422
    assert "没有写明序列号" in refused.text
    assert 'value="乙"' in refused.text
    (copy,) = steward.get(f"{AT}{at}/copies").json()["results"]
    change = {"act": "change", "copy": copy["id"], "lock": "1", "data_grade": "g4"}
    assert "一般数据4级" in steward.post(at, data=change).text
    assert steward.post(at, data=change).status_code == 412
    assert steward.post(at, data={"act": "remove", "copy": copy["id"], "why": "错"}).status_code == 200
    assert steward.get(f"{AT}{at}/copies").json() == {"results": []}


def test_life_and_facts_on_the_page(client: Clients) -> None:
    steward = client("steward-c")
    at = made(steward, life="accepted").removeprefix(AT)
    files = {"file": ("通知.pdf", b"%PDF-1.7", "application/pdf")}
    moved = steward.post(at, data={"act": "life", "move": "operate", "day": "2026-02-03"}, files=files)
    assert (moved.status_code, "通知.pdf" in moved.text, "运行中" in moved.text) == (200, True, True)
    stale = steward.post(at, data={"act": "edit", "tag": "old", "name": "新名"})
    assert stale.status_code == 412
    tag = steward.get(f"{AT}{at}").headers["ETag"].strip('"')
    assert "新名" in steward.post(at, data={"act": "edit", "tag": tag, "name": "新名"}).text
    assert steward.post(at, data={"act": "sell"}).status_code == 422


def test_a_list_on_the_page(client: Clients) -> None:
    steward = client("steward-c")
    at = made(steward).removeprefix(AT)
    template = steward.get("/systems/copies.xlsx")
    assert openpyxl.load_workbook(io.BytesIO(template.content)).sheetnames[0] == "数据副本"
    wrong = {"file": ("副本.csv", "种类,名称\n阁楼,乙\n".encode(), "text/csv")}
    refused = steward.post(at, data={"act": "import"}, files=wrong)
    assert (refused.status_code, "第 2 行 乙" in refused.text) == (422, True)
    good = {"file": ("副本.csv", "种类,名称,序列号\n主库,甲,A\n".encode(), "text/csv")}
    assert "甲" in steward.post(at, data={"act": "import"}, files=good).text


def test_the_counts_page(client: Clients) -> None:
    page = client("bureau").get("/systems/counts").text
    assert "系统数量只减不增" in page
    assert "登记入册" in page
    assert client("bureau").get("/systems/counts?year=1").status_code == 422
