"""Acceptance over the API: the check, its pack, the table list and what is decided of it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from registry.db import Database
from tests.acceptance_cast import set_system, system_of
from tests.api_people import Api, api_of

DDL = "CREATE TABLE t_qydj (id INT) COMMENT='企业登记基本信息';\nCREATE TABLE sys_log (id INT);"


@pytest.fixture
def api(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    with api_of(sqlite_database, tmp_path) as made:
        yield made


def at(api: Api, rest: str) -> str:
    return f"/api/v1/systems/{system_of(api.cast).id}/{rest}"


def sent(api: Api, role: str = "steward", text: str = DDL, name: str = "表.sql") -> Any:
    return api.as_role(role).post(at(api, "tables"), files={"file": (name, text.encode())})


def decided(api: Api, role: str = "steward", **body: Any) -> Any:
    return api.as_role(role).post(at(api, "tables/decisions"), json=body)


def test_a_list_is_sent_decided_and_checked(api: Api) -> None:
    answer = sent(api)
    assert (answer.status_code, answer.json()["added"]) == (201, ["sys_log", "t_qydj"])
    assert decided(api, act="cover", tables=["t_qydj"], entry=api.cast.code).json() == {"tables": ["t_qydj"]}
    given = {"tables": ["sys_log"], "reason": "system_table", "why": "日志"}
    assert decided(api, act="exclude", **given).status_code == 200
    page = api.as_role("steward").get(at(api, "tables?limit=1")).json()
    assert [row["name"] for row in page["results"]] == ["sys_log"]
    assert (page["total"], page["next_cursor"]) == (2, "sys_log")
    assert page["coverage"]["counts"]["drafted"] == 1
    found = api.as_role("auditor").get(at(api, "acceptance")).json()
    assert (found["ready"], found["coverage"]["rate"]) == (False, 0.0)


def test_hints_are_told_and_decide_nothing(api: Api) -> None:
    sent(api)
    found = api.as_role("steward").get(at(api, "tables/suggestions")).json()["results"]
    assert [(one["table"], one["exact"], one["reason"]) for one in found] == [
        ("sys_log", False, "system_table"),
        ("t_qydj", True, ""),
    ]
    page = api.as_role("steward").get(at(api, "tables?state=undecided")).json()
    assert page["total"] == 2


def test_the_pack_is_had_in_two_forms(api: Api) -> None:
    sent(api)
    book = api.as_role("head").get(at(api, "acceptance/pack"))
    assert openpyxl.load_workbook(io.BytesIO(book.content)).sheetnames[0] == "结论"
    pages = api.as_role("head").get(at(api, "acceptance/pack?format=pdf"))
    assert (pages.headers["content-type"], pages.content[:5]) == ("application/pdf", b"%PDF-")
    assert api.as_role("head").get(at(api, "acceptance/pack?format=doc")).status_code == 422


@pytest.mark.parametrize(
    ("role", "body", "status"),
    [
        ("contractor", {"act": "exclude", "tables": ["t_qydj"], "reason": "empty", "why": "x"}, 403),
        ("steward", {"act": "exclude", "tables": ["t_qydj"], "reason": "secret", "why": "x"}, 422),
        ("steward", {"act": "exclude", "tables": ["t_qydj"], "reason": "empty"}, 422),
        ("steward", {"act": "cover", "tables": ["t_qydj"], "entry": "none"}, 404),
        ("steward", {"act": "cover", "tables": ["t_none"], "entry": "102024030201/000001"}, 404),
        ("steward", {"act": "cover", "tables": [], "entry": "102024030201/000001"}, 422),
        ("steward", {"act": "wipe", "tables": ["t_qydj"]}, 422),
    ],
)
def test_what_may_not_be_decided_is_refused(api: Api, role: str, body: dict[str, Any], status: int) -> None:
    sent(api)
    answer = decided(api, role, **body)
    assert (answer.status_code, bool(answer.json()["detail"])) == (status, True)


def test_a_bad_list_changes_nothing(api: Api) -> None:
    sent(api)
    answer = sent(api, text="表名,表说明\nt_x,机密★", name="字典.csv")
    assert (answer.status_code, "E125" in answer.json()["detail"]) == (422, True)
    assert "t_x" not in answer.text
    assert api.as_role("steward").get(at(api, "tables")).json()["total"] == 2


def test_an_upload_is_never_taken_for_an_address(api: Api) -> None:
    answer = sent(api, name="sqlite:///etc.sql")
    assert answer.status_code == 201


def test_an_external_system_takes_no_list(api: Api) -> None:
    set_system(api.cast, system_class="02")
    assert sent(api).status_code == 409
    found = api.as_role("steward").get(at(api, "acceptance")).json()
    assert (found["verdict"], found["coverage"], found["tables"]) == ("exempt", None, [])


def test_who_does_not_see_the_system_sees_no_list(api: Api) -> None:
    for rest in ("acceptance", "tables", "tables/suggestions", "acceptance/pack"):
        assert api.as_role("log_auditor").get(at(api, rest)).status_code == 404


# ---- the page ---------------------------------------------------------------------------------------------


def page_of(api: Api, role: str = "steward", query: str = "") -> Any:
    return api.as_role(role).get(f"/systems/{system_of(api.cast).id}/acceptance{query}")


def posted(api: Api, role: str = "steward", **form: Any) -> Any:
    address = f"/systems/{system_of(api.cast).id}/acceptance"
    return api.as_role(role).post(address, data=form, follow_redirects=False)


def test_the_page_shows_the_check_and_takes_a_list(api: Api) -> None:
    assert "没有清单就看不出目录是否齐全" in page_of(api).text
    address = f"/systems/{system_of(api.cast).id}/acceptance"
    file = {"file": ("表.sql", DDL.encode())}
    assert api.as_role("steward").post(address, data={"act": "import"}, files=file).status_code == 200
    shown = page_of(api).text
    assert "尚不具备验收条件" in shown and "确认 1 张毫无疑问的" in shown and "t_qydj" in shown


def test_tables_are_decided_by_form(api: Api) -> None:
    sent(api)
    assert posted(api, act="confirm").status_code == 303
    given = {"table": ["sys_log"], "reason": "system_table", "why": "操作日志"}
    assert posted(api, act="exclude", **given).status_code == 303
    shown = page_of(api, query="?state=excluded").text
    assert "系统表、日志表，不含业务数据：操作日志" in shown and "<code>t_qydj</code>" not in shown
    assert posted(api, act="undecide", table=["sys_log", "t_qydj"]).status_code == 303
    page = api.as_role("steward").get(at(api, "tables?state=undecided")).json()
    assert page["total"] == 2


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"act": "cover"}, 422, "没有勾选库表"),
        ({"act": "cover", "table": ["t_qydj"]}, 422, "没有选择目录"),
        ({"act": "exclude", "table": ["t_qydj"]}, 422, "没有选择不编目的理由"),
        ({"act": "exclude", "table": ["t_qydj"], "reason": "copy", "why": "x"}, 422, "须写明原表"),
        ({"act": "import"}, 422, "没有选择文件"),
        ({"act": "none"}, 422, "没有写明办理什么"),
    ],
)
def test_the_page_says_what_was_refused(api: Api, form: dict[str, Any], status: int, says: str) -> None:
    sent(api)
    answer = posted(api, **form)
    assert (answer.status_code, says in answer.text) == (status, True)


def test_who_only_reads_finds_no_forms(api: Api) -> None:
    sent(api)
    shown = page_of(api, "auditor").text
    assert 'name="act"' not in shown and "t_qydj" in shown
