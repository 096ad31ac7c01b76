"""Reviews, orders to rectify and the budget at the console, over the API and on the pages."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from registry.cli import rectify, reviewing, systems
from registry.db import Database
from registry.people import local_day
from tests.api_people import Api, api_of
from tests.cast import make_cast
from tests.supervision_cast import acts, the_agency, the_system

PAGE = {"Accept": "text/html"}
NOW = datetime.now(UTC)  # these doors have the real clock
TODAY = local_day(NOW)
DUE, NEXT = (TODAY + timedelta(days=30)).isoformat(), TODAY.year + 1
app = typer.Typer()
for part in (systems, rectify, reviewing):
    part.enter(app)


def run(*words: str) -> Any:
    found = CliRunner().invoke(app, words)
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def said(*words: str) -> Any:
    found = run(*words, "--json")
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def refused(*words: str) -> str:
    found = run(*words)
    assert (found.exit_code, found.stdout) == (1, "")
    return str(found.stderr)


# ---- the console ------------------------------------------------------------------------------------------


@pytest.fixture
def city(sqlite_database: Database, tmp_path: Path) -> Database:
    make_cast(sqlite_database, tmp_path)
    return sqlite_database


def ordered(database: Database) -> str:
    words = ("--trigger", "L39-1", "--words", "目录未更新", "--no", "1号", "--day", f"{TODAY}", "--due", DUE)
    return str(said("rectify", "order", the_system(database).name, *words, "--as", "bureau")["number"])


def test_an_order_walks_from_the_console(city: Database, tmp_path: Path) -> None:
    paper = tmp_path / "报告.pdf"
    paper.write_bytes(b"%PDF-1.7 done")
    number = ordered(city)
    told = ("--words", "已更新", "--file", str(paper), "--as", "steward")
    assert said("rectify", "report", number, *told)["report_file"] == "报告.pdf"
    assert said("rectify", "return", number, "--words", "不全", "--as", "bureau")["returned"] == "不全"
    said("rectify", "report", number, *told)
    assert "须由" in refused("rectify", "close", number, "--words", "好", "--as", "steward")
    assert said("rectify", "close", number, "--words", "核实", "--as", "bureau")["state"] == "closed"
    assert said("rectify", "list", "--open") == []
    (row,) = said("rectify", "list", "--state", "closed")
    assert (row["number"], row["days_late"]) == (number, 0)
    shown = run("rectify", "show", number).stdout
    assert "已销号：核实（bureau）" in shown
    assert "整改结果：已更新（steward）" in shown


def test_the_lists_at_the_console_are_tables(city: Database) -> None:
    assert run("rectify", "list").stdout == "没有整改。\n"
    number = ordered(city)
    assert number in run("rectify", "list").stdout
    assert run("rectify", "cancel", number, "--words", "误发", "--as", "bureau").stdout.startswith(
        f"{number}  已撤销"
    )
    assert "没有文件" in refused(
        "rectify", "report", number, "--words", "好", "--file", "/nowhere.pdf", "--as", "steward"
    )
    assert "不是日期" in refused(
        *("rectify", "order", "x", "--trigger", "L39-1", "--words", "x", "--no", "1", "--day", "明天"),
        *("--due", DUE, "--as", "bureau"),
    )


def test_reviews_are_recorded_and_filed_from_the_console(city: Database) -> None:
    system = the_system(city).id
    begin = ("system", "review", system, "plan", "--as", "bureau")
    paper = ("--no", "评1号", "--day", f"{TODAY}")
    failed = run(*begin, "--failed", "--reason", "R3", "--words", "未接入", *paper)
    assert "方案评审：不予通过" in failed.stdout
    assert "每个 --reason 须配一个 --words" in refused(*begin, "--failed", "--reason", "R3", *paper)
    assert "须写明 --passed 或 --failed" in refused(*begin, *paper)
    assert "没有通过" in refused(*begin, "--filing", "备1号", "--filing-day", f"{TODAY}")
    assert "：通过" in run(*begin, "--passed", *paper, "--vendor", "某公司").stdout
    assert "已备案（备1号）" in run(*begin, "--filing", "备1号", "--filing-day", f"{TODAY}").stdout
    rows = said("system", "reviews", system)
    assert [(row["passed"], row["filing_no"], row["counts"]) for row in rows] == [
        (True, "备1号", True),
        (False, "", False),
    ]
    assert "R3 未接入数据共享交换平台：未接入" in run("system", "reviews", system).stdout


def test_the_budget_is_decided_at_the_console(city: Database) -> None:
    number, code = ordered(city), the_agency(city).code
    (one,) = said("budget", "candidates")
    assert (one["agency_code"], one["year"]) == (code, NEXT)
    assert number in {ground["ref"] for ground in one["grounds"]}
    assert number in run("budget", "candidates").stdout
    decided = ("--no", "决1号", "--day", f"{TODAY}", "--reason", number, "--as", "bureau")
    assert run("budget", "flag", code, *decided).stdout == f"{code}  {NEXT} 年度已标记（决1号）\n"
    assert [row["reasons"][0]["ref"] for row in said("budget", "list", "--standing")] == [number]
    assert "决1号" in run("budget", "list").stdout
    assert "已解除" in run("budget", "lift", code, "--why", "已改", "--as", "bureau").stdout
    assert said("budget", "list", "--standing") == []


# ---- the API ----------------------------------------------------------------------------------------------


@pytest.fixture
def api(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(sqlite_database, tmp_path) as made:
        yield made


def sent(api: Api, **more: str) -> Any:
    values = {"system": the_system(api.database).id, "trigger": "L40-5", "words": "未保存记录"}
    values |= {"document": "遵数改1号", "day": f"{TODAY}", "due": DUE} | more
    return api.as_role("bureau").post("/api/v1/rectifications", data=values)


def report(client: TestClient, number: str) -> Any:
    files = {"file": ("报告.pdf", b"%PDF-1.7 x", "application/pdf")}
    return client.post(f"/api/v1/rectifications/{number}/report", data={"words": "已改"}, files=files)


def test_an_order_walks_over_the_api(api: Api) -> None:
    made = sent(api)
    number = made.json()["number"]
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1/rectifications/{number}")
    bureau, steward = api.as_role("bureau"), api.as_role("steward")
    assert [one["key"] for one in steward.get(f"/api/v1/rectifications/{number}").json()["acts"]] == [
        "report"
    ]
    done = report(steward, number).json()
    assert (done["state"], done["report_file"]) == ("reported", "报告.pdf")
    file = bureau.get(f"/api/v1/rectifications/{number}/report-file")
    assert file.content == b"%PDF-1.7 x"
    assert bureau.get(f"/api/v1/rectifications/{number}/file").status_code == 404
    back = bureau.post(f"/api/v1/rectifications/{number}/return", json={"words": "不全"}).json()
    assert (back["state"], back["returned"], back["lock"]) == ("ordered", "不全", 3)
    late = bureau.post(f"/api/v1/rectifications/{number}/cancel", json={"words": "误", "lock": 1})
    assert late.status_code == 412
    assert steward.post(f"/api/v1/rectifications/{number}/close", json={"words": "好"}).status_code == 403
    report(steward, number)
    done = bureau.post(f"/api/v1/rectifications/{number}/close", json={"words": "核实"}).json()
    assert (done["state_zh"], done["closing"]) == ("已销号", "核实")
    found = bureau.get("/api/v1/rectifications", params={"state": "closed"}).json()
    assert (found["total"], found["results"][0]["number"]) == (1, number)
    assert bureau.get("/api/v1/rectifications", params={"only": "open"}).json()["total"] == 0


def test_who_has_no_part_in_it_finds_nothing_over_the_api(api: Api) -> None:
    number = sent(api).json()["number"]
    for role in ("contractor", "system_admin"):
        client = api.as_role(role)
        assert client.get("/api/v1/rectifications").json() == {"total": 0, "results": []}
        assert client.get(f"/api/v1/rectifications/{number}").status_code == 404
        assert client.get("/api/v1/budget-flags/candidates").status_code == 403


def test_a_repeated_order_is_given_once(api: Api) -> None:
    key = {"Idempotency-Key": "k-1"}
    values = {"system": the_system(api.database).id, "trigger": "L40-5", "words": "未保存记录"}
    values |= {"document": "遵数改1号", "day": f"{TODAY}", "due": DUE}
    client = api.as_role("bureau")
    numbers = {
        client.post("/api/v1/rectifications", data=values, headers=key).json()["number"] for _ in range(2)
    }
    assert len(numbers) == 1
    assert client.get("/api/v1/rectifications").json()["total"] == 1


@pytest.mark.parametrize("changes", [{"trigger": "T1"}, {"due": f"{TODAY}"}, {"day": "明天"}, {"words": ""}])
def test_what_does_not_fit_is_422(api: Api, changes: dict[str, str]) -> None:
    assert sent(api, **changes).status_code == 422


def test_reviews_over_the_api(api: Api) -> None:
    system, bureau = the_system(api.database).id, api.as_role("bureau")
    at = f"/api/v1/systems/{system}/reviews"
    values = {"kind": "plan", "passed": "false", "number": "评1号", "day": f"{TODAY}"}
    failed = bureau.post(at, data={**values, "reasons": ["R3=未接入", "R6：密评未做"]})
    assert failed.status_code == 201, failed.text
    assert [one["code"] for one in failed.json()["reasons"]] == ["R3", "R6"]
    file = {"file": ("意见.pdf", b"%PDF-1.7 y", "application/pdf")}
    passed = bureau.post(at, data={**values, "passed": "true"}, files=file).json()
    assert passed["files"] is True
    filed = bureau.post(f"{at}/{passed['id']}/filing", json={"number": "备1号", "day": f"{TODAY}"})
    assert filed.json()["filing_no"] == "备1号"
    assert bureau.get(f"{at}/{passed['id']}/file").content == b"%PDF-1.7 y"
    assert bureau.get(f"{at}/v0/file").status_code == 404
    assert len(api.as_role("steward").get(at).json()["results"]) == 2
    assert api.as_role("contractor").get(at).json()["results"] == []
    assert api.as_role("steward").post(at, data=values).status_code == 403


def test_budget_flags_over_the_api(api: Api) -> None:
    number, bureau = sent(api).json()["number"], api.as_role("bureau")
    (one,) = bureau.get("/api/v1/budget-flags/candidates").json()["results"]
    code = one["agency_code"]
    values = {"agency": code, "year": NEXT, "document": "决1号", "day": f"{TODAY}", "reasons": [number]}
    made = bureau.post("/api/v1/budget-flags", json=values)
    assert (made.status_code, made.json()["standing"]) == (201, True)
    assert bureau.post("/api/v1/budget-flags", json=values).status_code == 409
    seen = api.as_role("steward").get("/api/v1/budget-flags", params={"year": NEXT}).json()["results"]
    assert [row["document"] for row in seen] == ["决1号"]
    lifted = bureau.post("/api/v1/budget-flags/lift", json={"agency": code, "year": NEXT, "why": "已改"})
    assert lifted.json()["lifted_why"] == "已改"
    assert bureau.get("/api/v1/budget-flags", params={"standing": "true"}).json()["results"] == []


# ---- the pages --------------------------------------------------------------------------------------------


def see(api: Api, role: str, path: str) -> str:
    answer = api.as_role(role).get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    assert "<script" not in answer.text and " style=" not in answer.text
    return str(answer.text)


def send(api: Api, role: str, path: str, *, file: bytes | None = None, **fields: Any) -> Any:
    client = api.as_role(role)
    data = {"csrf": client.headers["X-CSRF-Token"]} | fields
    files = {"file": ("报告.pdf", file or b"", "application/pdf")} if file is not None else None
    return client.post(path, data=data, files=files, headers=PAGE, follow_redirects=False)


def test_an_order_walks_over_the_pages(api: Api) -> None:
    system = the_system(api.database)
    assert "L39-1 未按要求编制" in see(api, "bureau", f"/rectifications/new?system={system.id}")
    fields = {
        "system": system.id,
        "trigger": "L39-1",
        "words": "未更新",
        "document": "改1号",
        "day": f"{TODAY}",
    }
    made = send(api, "bureau", "/rectifications", file=b"", **fields, due=DUE)
    assert made.status_code == 303, made.text
    at = made.headers["location"]
    assert f'href="{at}"' in see(api, "steward", "/rectifications")
    assert "报整改结果" in see(api, "steward", at)
    assert send(api, "steward", f"{at}/report", file=b"%PDF-1.7 z", words="已改", lock="1").status_code == 303
    page = see(api, "bureau", at)
    assert all(words in page for words in ("退回重新整改", "销号", "已改", "报告.pdf"))
    assert send(api, "bureau", f"{at}/close", words="核实").status_code == 303
    assert "已销号" in see(api, "bureau", "/rectifications?only=all")
    assert "没有未销号的整改" in see(api, "bureau", "/rectifications")


def test_reviews_walk_over_the_pages(api: Api) -> None:
    system = the_system(api.database).id
    at = f"/systems/{system}/reviews"
    assert "登记方案评审" in see(api, "bureau", at)
    assert "登记方案评审" not in see(api, "steward", at)
    fields = {"kind": "plan", "passed": "0", "day": f"{TODAY}", "number": "评1号"}
    assert send(api, "bureau", at, file=b"", **fields, why_R3="未接入", why_R4="").status_code == 303
    assert "未接入数据共享交换平台：未接入" in see(api, "bureau", at)
    assert send(api, "bureau", at, file=b"", **(fields | {"passed": ""})).status_code == 422
    assert send(api, "bureau", at, file=b"", **(fields | {"passed": "1"})).status_code == 303
    page = see(api, "bureau", at)
    key = page.split("/filing")[0].rpartition("/")[2]
    done = send(api, "bureau", f"{at}/{key}/filing", number="备1号", day=f"{TODAY}")
    assert done.status_code == 303
    assert "备1号" in see(api, "steward", at)
    assert acts(api.database, system)[-1][0] == "file_review"


def test_the_budget_is_decided_on_its_page(api: Api) -> None:
    number, code = sent(api).json()["number"], the_agency(api.database).code
    assert f'value="{number}"' in see(api, "bureau", "/budget")
    assert number not in see(api, "steward", "/budget")
    fields = {"agency": code, "year": f"{NEXT}", "document": "决1号", "day": f"{TODAY}"}
    assert send(api, "bureau", "/budget/flag", **fields, reasons=[number], note="").status_code == 303
    assert "已标记 决1号" in see(api, "bureau", "/budget")
    assert "决1号" in see(api, "steward", "/budget")
    done = send(api, "bureau", "/budget/lift", agency=code, year=f"{NEXT}", why="已改")
    assert done.status_code == 303
    assert "已解除" in see(api, "bureau", f"/budget?year={NEXT}")


@pytest.mark.parametrize("path", ["/rectifications", "/budget", "/rectifications/new"])
def test_a_contractor_gets_none_of_the_pages(api: Api, path: str) -> None:
    assert api.as_role("contractor").get(path, headers=PAGE).status_code == 403


def test_an_external_system_has_no_forms(api: Api) -> None:
    system = the_system(api.database, system_class="02").id
    assert "外部系统" in see(api, "bureau", f"/rectifications/new?system={system}")
    page = see(api, "bureau", f"/systems/{system}/reviews")
    assert "外部系统" in page
    assert "登记方案评审" not in page
