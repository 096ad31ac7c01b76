"""The wipe log through the API, the pages and the command line: the same deeds, the same refusals."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from catalog_specs import Specs
from registry.db import Database
from registry.web import create_app
from tests.test_cli import Done, mulu
from tests.test_wipe_sheets import filled
from tests.web_people import enter, settings_of
from tests.wipe_content import Wiping, make_wiping, person, physical, verified

CASE = "QC-520300-2026-0001"


class Site:
    """The application over a wiping agency; ``of`` signs a client in as one of its people."""

    def __init__(self, wiping: Wiping, app: FastAPI) -> None:
        self.wiping, self.app = wiping, app

    def of(self, login: str) -> TestClient:
        return enter(TestClient(self.app), self.wiping.database, login)

    def csrf(self, client: TestClient, path: str = "/wipes") -> str:
        return client.get(path).text.split('name="csrf" value="')[1].split('"')[0]


@pytest.fixture
def site(sqlite_database: Database, tmp_path: Path) -> Iterator[Site]:
    wiping = make_wiping(sqlite_database, tmp_path)
    wiping.copy()
    wiping.open()
    wiping.enlist("主库一")
    app = create_app(settings_of(sqlite_database, files_folder=tmp_path / "files", workers=0))
    yield Site(wiping, app)
    app.state.database.close()


# ---- API --------------------------------------------------------------------------------------------------


def test_a_wipe_is_recorded_and_certified_through_the_api(site: Site) -> None:
    steward, path = site.of("steward"), f"/api/v1/wipe-cases/{CASE}/records"
    made = steward.post(path, json={"kind": "physical", "records": [physical()]})
    assert (made.status_code, made.json()["results"][0]["result"]) == (201, None)
    at = f"/api/v1/wipes/{made.json()['results'][0]['id']}"
    assert site.of("verifier").post(f"{at}/verification", json=verified()).json()["state"] == "verified"
    assert site.of("division_chief").post(f"{at}/witness", json=person("王见证")).status_code == 200
    last = site.of("head").post(f"{at}/approval", json=person("赵审批")).json()
    assert (last["certificate_no"], last["result"]) == ("WIPE-520300-2026-00001", "pass")
    shown = steward.get(f"/api/v1/wipes/{last['certificate_no']}").json()
    assert shown["content"]["serial_no"] == "ZC1A2B3C" and shown["approval"]["name"] == "赵审批"
    assert steward.post(f"/api/v1/wipe-cases/{CASE}/close").json()["state"] == "closed"


def test_the_api_refuses_with_every_finding(site: Site) -> None:
    body = {"kind": "physical", "records": [physical(media_type="ssd", technique="degauss", model="")]}
    refused = site.of("steward").post(f"/api/v1/wipe-cases/{CASE}/records", json=body)
    assert refused.status_code == 422
    assert [one["code"] for one in refused.json()["errors"]] == ["E132", "WI2", "E132"]
    assert site.of("steward").get("/api/v1/wipes").json() == {"results": []}


def test_a_case_is_opened_listed_and_taken_back_through_the_api(site: Site) -> None:
    steward = site.of("steward")
    made = steward.post("/api/v1/wipe-cases", json={"kind": "purpose_ended", "why": "业务终止"})
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/wipe-cases/QC-520300-2026-0002")
    listed = steward.get("/api/v1/wipe-cases").json()["results"]
    assert [one["number"] for one in listed] == ["QC-520300-2026-0002", CASE]
    at = "/api/v1/wipe-cases/QC-520300-2026-0002"
    assert "WI7" in steward.post(f"{at}/close").json()["detail"]
    assert steward.post(f"{at}/absent", json={"absent": {"log": "没有日志"}}).json()["absent"] == {
        "日志": "没有日志"
    }
    assert steward.post(f"{at}/cancel", json={"reason": "重复"}).json()["state"] == "cancelled"


def test_copies_are_moved_and_handed_over_through_the_api(site: Site) -> None:
    steward, at = site.of("steward"), f"/api/v1/wipe-cases/{CASE}"
    frozen = steward.post(f"{at}/state", json={"state": "frozen"}).json()
    assert [one["state"] for one in frozen["copies"]] == ["frozen"]
    over = steward.post(f"{at}/handovers", json={"copy": "主库一", "number": "收条7号"}).json()
    assert ([one["state"] for one in over["copies"]], over["missing"]) == (["handed_over"], [])
    assert steward.post(f"{at}/copies", json={"copies": ["主库一"]}).status_code == 409


def test_strangers_see_nothing(site: Site) -> None:
    site.wiping.record(physical())
    robot = site.of("sync_robot")
    assert robot.get("/api/v1/wipes").json() == {"results": []}
    assert robot.get(f"/api/v1/wipe-cases/{CASE}").status_code == 404
    assert TestClient(site.app).get("/api/v1/wipes").status_code == 401


# ---- pages ------------------------------------------------------------------------------------------------


def test_a_whole_wipe_goes_through_the_pages(site: Site, tmp_path: Path, specs: Specs) -> None:
    at, steward = f"/wipes/{CASE}", site.of("steward")
    book = filled(tmp_path / "r.xlsx", specs, physical()).read_bytes()
    sent = {"file": ("r.xlsx", BytesIO(book)), "evidence": ("擦除日志.txt", BytesIO("完成".encode()))}
    done = steward.post(f"{at}/record", data={"csrf": site.csrf(steward)}, files=sent)
    assert done.status_code == 200 and "ZC1A2B3C" in done.text
    key = done.text.split('<tr id="')[1].split('"')[0]
    for login, act, more in (
        (
            "verifier",
            "verify",
            {"verification_result": "pass", "sample_ratio": "12%", "verification_method": "抽样"},
        ),
        ("division_chief", "witness", {}),
        ("head", "approve", {}),
    ):
        client = site.of(login)
        assert f'action="{at}/{act}"' in client.get(at).text
        data = person(f"{login}本人") | {"csrf": site.csrf(client, at), "record": key} | more
        assert client.post(f"{at}/{act}", data=data).status_code == 200
    page = steward.get(at).text
    assert "WIPE-520300-2026-00001" in page and "每一处副本都有结果，可以结案" in page
    assert "已结案" in steward.post(f"{at}/close", data={"csrf": site.csrf(steward, at)}).text


def test_a_refused_workbook_shows_row_rule_and_cure(site: Site, tmp_path: Path, specs: Specs) -> None:
    steward = site.of("steward")
    book = filled(tmp_path / "r.xlsx", specs, physical(media_type="ssd", technique="degauss")).read_bytes()
    sent = {"file": ("r.xlsx", BytesIO(book))}
    refused = steward.post(f"/wipes/{CASE}/record", data={"csrf": site.csrf(steward)}, files=sent)
    assert refused.status_code == 422
    assert "物理介质 第 2 行" in refused.text and "WI2 固态介质不能消磁。办法：" in refused.text


def test_forms_are_shown_to_those_who_may_use_them(site: Site) -> None:
    key = site.wiping.record(physical())[0]
    acts = {}
    for login in ("steward", "verifier", "division_chief", "head"):
        page = site.of(login).get(f"/wipes/{CASE}").text
        acts[login] = [
            act
            for act in ("record", "verify", "witness", "approve")
            if f'action="/wipes/{CASE}/{act}"' in page
        ]
    assert acts == {
        "steward": ["record"],
        "verifier": ["record", "verify", "witness"],
        "division_chief": ["witness"],
        "head": [],
    }
    assert key in site.of("head").get(f"/wipes/{CASE}").text


def test_a_case_is_opened_on_the_page(site: Site) -> None:
    steward = site.of("steward")
    data = {"csrf": site.csrf(steward), "kind": "contract_end", "contract_no": ""}
    refused = steward.post("/wipes", data=data)
    assert (refused.status_code, "须写明合同编号" in refused.text) == (422, True)
    opened = steward.post("/wipes", data=data | {"contract_no": "HT-9"})
    assert opened.url.path == "/wipes/QC-520300-2026-0002"
    assert CASE not in steward.get("/wipes", params={"kind": "contract_end"}).text


def test_the_template_is_handed_out(site: Site) -> None:
    got = site.of("steward").get("/wipes/template.xlsx")
    assert got.status_code == 200 and got.content[:2] == b"PK"


# ---- command line -----------------------------------------------------------------------------------------


def run(*arguments: str | Path) -> Done:
    return mulu("wipe", *arguments)


@pytest.fixture
def shell(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The command line over the same register, its clock that of the tests."""
    from registry.cli import wipe_cases, wipes

    for module in (wipes, wipe_cases):
        monkeypatch.setattr(module, "now", lambda: site.wiping.now)
    monkeypatch.setenv("MULU_FILES", str(tmp_path / "files"))
    return tmp_path


def put(folder: Path, name: str, value: Any) -> Path:
    (folder / name).write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    return folder / name


def test_a_whole_wipe_goes_through_the_command_line(shell: Path) -> None:
    log = shell / "擦除.log"
    log.write_text("done", "utf-8")
    file = put(shell, "r.json", physical(evidence_hashes=[]))
    made = run("record", CASE, file, "--kind", "physical", "--evidence", log, "--as", "steward", "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)[0]["id"]
    listed = json.loads(run("list", "--json").stdout)
    assert [(o["certificate_no"], o["serial_no"], o["method"], o["result"]) for o in listed] == [
        (None, "ZC1A2B3C", "purge", None)
    ]
    data = put(shell, "v.json", verified())
    assert "验证通过" in run("examine", key, "--data", data, "--as", "verifier").stdout
    data = put(shell, "p.json", person("见证人"))
    assert run("witness", key, "--data", data, "--as", "division_chief").returncode == 0
    assert "WIPE-520300-2026-00001" in run("approve", key, "--data", data, "--as", "head").stdout
    assert "抽样比例：0.12" in run("show", key).stdout
    assert run("close", CASE, "--as", "steward").stdout == f"{CASE}  已结案\n"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"verifier": person("张操作")}, "WI1"),
        ({"media_type": "usb", "technique": "degauss"}, "WI2"),
        ({"media_type": "ssd", "technique": "overwrite"}, "WI3"),
        ({"method": "clear", "technique": "overwrite"}, "WI4"),
        ({"technique": "crypto_erase", "key_bits": 256}, "WI5"),
        ({"copies_covered": [{"copy": "主库一"}]}, "WI7"),
        ({"finished_at": "2026-11-20T08:00"}, "WI18"),
        ({"property_no": ""}, "E132 缺少“资产编号”"),
    ],
)
def test_the_command_line_refuses_by_rule_and_keeps_nothing(
    shell: Path, changes: dict[str, Any], rule: str
) -> None:
    file = put(shell, "r.json", physical(**changes))
    done = run("record", CASE, file, "--kind", "physical", "--as", "steward")
    assert (done.returncode, rule in done.stderr, "办法：" in done.stderr) == (1, True, True)
    assert run("list").stdout == "没有清除记录。\n"


def test_WI6_WI11_and_WI16_come_with_time(shell: Path) -> None:
    file = put(shell, "r.json", physical())
    record = ("record", CASE, file, "--kind", "physical", "--as", "steward")
    key = json.loads(run(*record, "--json").stdout)[0]["id"]
    data = put(shell, "v.json", verified())
    assert "未通过" in run("examine", key, "--data", data, "--result", "fail", "--as", "verifier").stdout
    assert "WI6" in run("approve", key, "--as", "head").stderr
    assert "WI16" in run(*record).stderr
    put(shell, "r.json", physical(method="destroy", technique="disintegrate"))
    again = json.loads(run(*record, "--json").stdout)[0]["id"]
    assert run("examine", again, "--data", data, "--as", "verifier").returncode == 0
    assert "WI11" in run(*record).stderr
    assert "WI7" in run("close", CASE, "--as", "steward").stderr


def test_cases_are_kept_at_the_console(shell: Path, site: Site) -> None:
    opened = run("open", "purpose_ended", "--as", "steward", "--note", "业务终止", "--due", "2026-12-31")
    assert "QC-520300-2026-0002" in opened.stdout
    assert "需" not in run("set", CASE, "frozen", "--as", "steward").stderr
    assert run("absent", CASE, "log=没有日志", "--as", "steward").returncode == 0
    assert run("handover", CASE, "主库一", "--no", "收条7号", "--as", "steward").returncode == 0
    shown = json.loads(run("case", CASE, "--json").stdout)
    assert (shown["missing"], shown["absent"]) == ([], {"日志": "没有日志"})
    assert run("cancel", "QC-520300-2026-0002", "--note", "重复", "--as", "steward").returncode == 0
    assert [one["state"] for one in json.loads(run("cases", "--json").stdout)] == ["cancelled", "open"]
    site.wiping.copy("backup", "备份一")
    assert "已列入 1 处副本" in run("enlist", CASE, "备份一", "--as", "steward").stdout


def test_the_template_is_written_for_one_kind(shell: Path) -> None:
    assert run("template", shell / "t.xlsx", "--kind", "cloud").returncode == 0
    assert run("template", shell / "t.xlsx", "--kind", "paper").returncode == 1
