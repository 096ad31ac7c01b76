"""Agencies and systems over the REST API and at the console: who may, what is answered, what is refused."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from registry.cli import app as commands
from registry.db import Database
from registry.web import create_app
from tests.agency_cast import (
    BASIS,
    CIVIL,
    MARKET,
    POLICE,
    acts_on,
    credit_code,
    entry_codes,
    make_agencies,
    named,
)
from tests.web_people import enter, settings_of

AT = "/api/v1"
# long past by any clock
DAY = "2020-01-01"
ORDER = {"day": DAY, "basis": BASIS}
NEW = {"code": credit_code(1), "name": "遵义市数据局", "kind": "政府部门"}
RUN = CliRunner()


Clients = Callable[[str], TestClient]


@pytest.fixture
def city(database: Database, tmp_path: Path) -> Database:
    make_agencies(database, tmp_path)
    return database


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Database:
    make_agencies(sqlite_database, tmp_path)
    return sqlite_database


@contextmanager
def _clients(database: Database) -> Iterator[Clients]:
    app = create_app(settings_of(database))
    yield lambda login: enter(TestClient(app), database, login)
    app.state.database.close()


@pytest.fixture
def client(city: Database) -> Iterator[Clients]:
    """Clients of one application on both databases, by login."""
    with _clients(city) as made:
        yield made


@pytest.fixture
def local(here: Database) -> Iterator[Clients]:
    """The same on SQLite alone."""
    with _clients(here) as made:
        yield made


# ---- reading ----------------------------------------------------------------------------------------------


def test_everybody_signed_in_sees_names_and_codes(client: Clients) -> None:
    found = client("security_admin").get(f"{AT}/agencies").json()
    assert [row["code"] for row in found["results"]] == sorted([CIVIL, POLICE, MARKET])
    assert {frozenset(row) for row in found["results"]} == {
        frozenset({"code", "name", "region", "standing", "successor"})
    }


def test_a_list_comes_in_pages(client: Clients) -> None:
    reader, codes, cursor = client("auditor"), [], None
    while True:
        params: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = reader.get(f"{AT}/agencies", params=params).json()
        codes += [row["code"] for row in page["results"]]
        assert page["total"] == 3
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert codes == sorted([CIVIL, MARKET, POLICE])
    named_so = reader.get(f"{AT}/agencies", params={"name": "公安", "region": "520300"}).json()
    assert [row["name"] for row in named_so["results"]] == ["遵义市公安局"]


@pytest.mark.parametrize(
    ("login", "inside"),
    [("steward-c", True), ("head-c", True), ("bureau", True), ("auditor", True), ("steward-m", False),
     ("security_admin", False)],
)  # fmt: skip
def test_people_and_numbers_are_for_those_whom_they_concern(local: Clients, login: str, inside: bool) -> None:
    found = local(login).get(f"{AT}/agencies/{CIVIL}").json()
    assert (found["name"], found["kind"], found["standing"]) == ("遵义市民政局", "政府部门", True)
    assert "tag" not in found
    if not inside:
        assert found["inside"] is None
        return
    assert [found["inside"][key] for key in ("number", "entries", "systems")] == [1, 3, 3]
    assert [(p["login"], p["roles"]) for p in found["inside"]["people"]] == [
        ("head-c", ["head"]),
        ("steward-c", ["steward"]),
    ]


def test_an_unknown_one_is_not_found(local: Clients) -> None:
    assert local("bureau").get(f"{AT}/agencies/nobody").status_code == 404
    assert local("bureau").get(f"{AT}/systems/nothing").status_code == 404


# ---- changing ---------------------------------------------------------------------------------------------


def test_an_agency_is_entered_once_however_often_it_is_sent(client: Clients) -> None:
    bureau, key = client("bureau"), {"Idempotency-Key": "k1"}
    made = bureau.post(f"{AT}/agencies", json=NEW, headers=key)
    again = bureau.post(f"{AT}/agencies", json=NEW, headers=key)
    assert (made.status_code, again.status_code, again.json()) == (201, 201, made.json())
    assert made.headers["Location"] == f"{AT}/agencies/{NEW['code']}"
    assert bureau.get(made.headers["Location"]).headers["ETag"] == made.headers["ETag"]
    twice = bureau.post(f"{AT}/agencies", json=NEW)
    assert (twice.status_code, twice.json()["title"]) == (409, "Conflict")
    assert len(twice.json()["errors"]) == 2  # code and name


def test_an_edit_of_what_was_not_seen_is_refused(client: Clients) -> None:
    bureau = client("bureau")
    tag = bureau.get(f"{AT}/agencies/{CIVIL}").headers["ETag"]
    changed = bureau.patch(f"{AT}/agencies/{CIVIL}", json={"level": "3"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["level"]) == (200, "3")
    late = bureau.patch(f"{AT}/agencies/{CIVIL}", json={"level": "4"}, headers={"If-Match": tag})
    assert (late.status_code, late.headers["ETag"]) == (412, changed.headers["ETag"])
    anyhow = bureau.patch(f"{AT}/agencies/{CIVIL}", json={"level": None}, headers={"If-Match": "*"})
    assert (anyhow.status_code, anyhow.json()["level"]) == (200, None)
    assert bureau.patch(f"{AT}/agencies/{CIVIL}", json={"level": "4"}).status_code == 422


def test_a_rename_shows_the_old_name_with_its_period(client: Clients) -> None:
    bureau = client("bureau")
    found = bureau.post(f"{AT}/agencies/{CIVIL}/rename", json={"name": "民政和社会工作局", **ORDER}).json()
    assert (found["name"], found["code"]) == ("民政和社会工作局", CIVIL)
    assert found["former_names"] == [{"name": "遵义市民政局", "since": None, "until": "2019-12-31"}]
    (row,) = found["inside"]["history"]
    assert (row["change"], row["day"], row["document"]) == ("rename", DAY, BASIS)
    assert bureau.get(f"{AT}/agencies/遵义市民政局").json()["code"] == CIVIL


def test_a_merger_tells_what_moved(city: Database, client: Clients) -> None:
    bureau = client("bureau")
    done = bureau.post(f"{AT}/agencies/merge", json={"sources": [CIVIL], "into": MARKET, **ORDER})
    assert done.status_code == 200
    counts = {"entries": 3, "systems": 3, "people": 2, "roles": 2, "delegations": 0}
    assert done.json()["taken"] == [{"source": CIVIL, "into": MARKET, **counts}]
    assert len(entry_codes(city, MARKET)) == 4
    listed = bureau.get(f"{AT}/agencies").json()["results"]
    closed = bureau.get(f"{AT}/agencies", params={"closed": True}).json()["results"]
    assert [len(listed), len(closed)] == [2, 3]
    assert [(row["successor"], row["standing"]) for row in closed if row["code"] == CIVIL] == [
        (MARKET, False)
    ]
    again = bureau.post(f"{AT}/agencies/merge", json={"sources": [CIVIL], "into": MARKET, **ORDER})
    assert (again.status_code, f"（{MARKET}）承接" in again.json()["detail"]) == (409, True)


def test_a_split_and_a_closing(client: Clients) -> None:
    bureau = client("bureau")
    part = {"code": credit_code(2), "name": "遵义市婚姻登记中心", "entries": ["307024030101/000001"]}
    refused = bureau.post(f"{AT}/agencies/{CIVIL}/split", json={"parts": [part], "close": True, **ORDER})
    assert (refused.status_code, "目录 2 条" in refused.json()["detail"]) == (409, True)
    assert bureau.get(f"{AT}/agencies/{part['code']}").status_code == 404
    done = bureau.post(f"{AT}/agencies/{CIVIL}/split", json={"parts": [part | {"rest": True}], **ORDER})
    assert done.json()["taken"][0]["entries"] == 3
    closed = bureau.post(f"{AT}/agencies/{CIVIL}/close", json=ORDER)
    assert (closed.status_code, closed.json()["valid_until"]) == (200, "2019-12-31")
    assert closed.json()["successors"] == [part["code"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/agencies", NEW),
        (f"/agencies/{CIVIL}/rename", {"name": "甲", **ORDER}),
        ("/agencies/merge", {"sources": [CIVIL], "into": MARKET, **ORDER}),
        (f"/agencies/{CIVIL}/split", {"parts": [{"code": NEW["code"], "name": "甲"}], **ORDER}),
        (f"/agencies/{CIVIL}/close", ORDER),
    ],
)
def test_a_steward_and_an_unknown_field_are_refused(
    here: Database, local: Clients, path: str, body: dict[str, Any]
) -> None:
    refused = local("steward-c").post(AT + path, json=body)
    assert (refused.status_code, refused.json()["missing_roles"]) == (403, ["bureau"])
    odd = local("bureau").post(AT + path, json=body | {"colour": "red"})
    assert (odd.status_code, odd.json()["errors"][0]["pointer"]) == (422, "/colour")
    assert local("steward-c").patch(
        f"{AT}/agencies/{CIVIL}", json={"level": "3"}, headers={"If-Match": "*"}
    ).status_code == 403  # fmt: skip
    assert named(here, CIVIL).valid_until is None


def test_everything_wrong_is_said_at_once(local: Clients) -> None:
    body = {"sources": [CIVIL], "into": CIVIL, "day": "2999-01-01", "basis": " "}
    refused = local("bureau").post(f"{AT}/agencies/merge", json=body)
    assert refused.status_code == 422
    assert len(refused.json()["errors"]) == 3


# ---- systems ----------------------------------------------------------------------------------------------


def test_a_system_of_one_s_own_agency(city: Database, client: Clients) -> None:
    steward, body = client("steward-c"), {"agency": CIVIL, "name": "低保管理系统", "class": "01"}
    made = steward.post(f"{AT}/systems", json=body, headers={"Idempotency-Key": "k"})
    assert (made.status_code, made.json()["class"], made.json()["agency_name"]) == (201, "01", "遵义市民政局")
    at, tag = made.headers["Location"], made.headers["ETag"]
    assert steward.get(at).json() == made.json()
    assert (
        steward.get(f"{AT}/systems").json()["total"],
        steward.get(f"{AT}/systems?agency={MARKET}").json()["total"],
    ) == (4, 0)
    changed = steward.patch(at, json={"ident": "MZ-03"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["ident"]) == (200, "MZ-03")
    assert steward.patch(at, json={"class": None}, headers={"If-Match": tag}).status_code == 412
    assert acts_on(city, made.json()["id"]) == ["add_system", "edit_system"]


def test_a_system_of_another_agency(local: Clients) -> None:
    made = local("steward-c").post(f"{AT}/systems", json={"agency": CIVIL, "name": "低保管理系统"})
    at, stranger = made.headers["Location"], local("steward-m")
    assert stranger.get(at).status_code == 404
    assert stranger.patch(at, json={"name": "x"}, headers={"If-Match": "*"}).status_code == 404
    assert stranger.post(f"{AT}/systems", json={"agency": CIVIL, "name": "又一个"}).status_code == 403
    bureau = local("bureau")
    assert bureau.get(at).status_code == 200
    refused = bureau.patch(at, json={"name": "x"}, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["missing_roles"]) == (403, ["steward"])


# ---- at the console ---------------------------------------------------------------------------------------


def mulu(*words: str, text: str = "") -> Result:
    return RUN.invoke(commands, words, input=text)


def _ok(*words: str, text: str = "") -> str:
    found = mulu(*words, text=text)
    assert found.exit_code == 0, found.output
    return found.output


_BY = ("--as", "bureau", "--on", DAY, "--basis", BASIS)


def test_agencies_at_the_console(here: Database) -> None:
    _ok("agency", "add", NEW["code"], NEW["name"], "--kind", NEW["kind"], "--as", "bureau")
    _ok("agency", "edit", NEW["code"], "--level", "3", "--as", "bureau")
    _ok("agency", "rename", CIVIL, "民政和社会工作局", *_BY)
    assert "角色 2 项" in _ok(
        "agency", "merge", CIVIL, "--into", NEW["code"], *_BY[:2], "--on", "2020-02-01", "--basis", BASIS
    )
    shown = json.loads(_ok("agency", "show", CIVIL, "--json"))
    assert (shown["standing"], shown["successors"]) == (False, [NEW["code"]])
    assert shown["former_names"] == [{"name": "遵义市民政局", "since": None, "until": "2019-12-31"}]
    assert "曾用名：遵义市民政局" in _ok("agency", "show", "遵义市民政局")
    listed = json.loads(_ok("agency", "list", "--json"))
    assert {row["code"] for row in listed} == {NEW["code"], MARKET, POLICE}
    assert "不在册，由" in _ok("agency", "list", "--closed")


def test_a_split_at_the_console(here: Database, tmp_path: Path) -> None:
    parts = tmp_path / "parts.json"
    parts.write_text(json.dumps([{"code": NEW["code"], "name": "新局", "rest": True}]), "utf-8")
    assert "目录 3 条" in _ok("agency", "split", CIVIL, "--parts", str(parts), *_BY)
    _ok("agency", "close", CIVIL, *_BY)
    assert named(here, CIVIL).valid_until is not None
    for text, words in (
        ("[{", "JSON"),
        ("{}", "清单"),
        ('[{"code":"x","colour":1}]', "colour"),
        ('[{"code":1}]', "写法不对"),
    ):
        refused = mulu("agency", "split", MARKET, "--parts", "-", *_BY, text=text)
        assert (refused.exit_code, words in refused.output) == (1, True), refused.output


def test_systems_at_the_console(here: Database) -> None:
    _ok("system", "add", "低保管理系统", "--agency", CIVIL, "--class", "01", "--as", "steward-c")
    _ok(
        "system",
        "edit",
        "低保管理系统",
        "--ident",
        "MZ-03",
        "--successor",
        "民政业务系统",
        "--as",
        "steward-c",
    )
    shown = json.loads(_ok("system", "show", "MZ-03", "--json"))
    assert (shown["name"], shown["class"], bool(shown["successor"])) == ("低保管理系统", "01", True)
    assert "自建自用" in _ok("system", "show", "MZ-03")
    assert len(json.loads(_ok("system", "list", "--agency", CIVIL, "--json"))) == 4
    assert "低保管理系统" in _ok("system", "list")


def test_the_console_refuses_who_may_not(here: Database) -> None:
    for words in (
        ("agency", "close", CIVIL, "--as", "steward-c", "--on", DAY, "--basis", BASIS),
        ("system", "add", "低保管理系统", "--agency", CIVIL, "--as", "bureau"),
        ("agency", "show", "没有这个局"),
    ):
        assert mulu(*words).exit_code == 1, words
