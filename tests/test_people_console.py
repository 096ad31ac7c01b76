"""``mulu user`` and ``mulu token``: accounts at the console, with the operator on the record."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from registry.cli import app
from registry.db import Database
from registry.passwords import check_password
from registry.people import find_person
from tests.web_people import PASSWORD, agency, system

RUN = CliRunner()


def mulu(*words: str, text: str = "") -> Result:
    return RUN.invoke(app, words, input=text)


@pytest.fixture
def prepared(sqlite_database: Database) -> Database:
    with sqlite_database.write() as session:
        system(session, agency(session))
    said = mulu("user", "add", "keeper", "--name", "徐安", "--role", "security_admin")
    assert said.exit_code == 0, said.output
    return sqlite_database


def _ok(*words: str, text: str = "") -> str:
    found = mulu(*words, text=text)
    assert found.exit_code == 0, found.output
    return found.output


def test_the_first_account_must_be_able_to_let_others_in(sqlite_database: Database) -> None:
    refused = mulu("user", "add", "zhang", "--name", "张三", "--role", "auditor")
    assert (refused.exit_code, "--role security_admin" in refused.output) == (1, True)


def test_later_ones_need_a_name_to_act_under(prepared: Database) -> None:
    refused = mulu("user", "add", "zhang", "--name", "张三")
    assert (refused.exit_code, "--as LOGIN" in refused.output) == (1, True)
    refused = mulu("user", "add", "zhang", "--name", "张三", "--as", "ghost")
    assert (refused.exit_code, "ghost" in refused.output) == (1, True)


def test_an_account_with_role_and_password(prepared: Database) -> None:
    _ok("user", "add", "zhang", "--name", "张三", "--agency", "遵义市民政局", "--role", "steward",
        "--as", "keeper", "--password-stdin", text=f"{PASSWORD}\n")  # fmt: skip
    shown = json.loads(_ok("user", "show", "zhang", "--json"))
    assert [grant["role"] for grant in shown["grants"]] == ["steward"]
    assert shown["must_change"]
    with prepared.read() as session:
        assert check_password(PASSWORD, find_person(session, "zhang").password_hash).right
    listed = json.loads(_ok("user", "list", "--json"))
    assert [(row["login"], row["roles"]) for row in listed] == [
        ("keeper", ["security_admin"]),
        ("zhang", ["steward"]),
    ]


def test_nothing_is_kept_of_an_account_whose_role_is_refused(prepared: Database) -> None:
    refused = mulu("user", "add", "zhang", "--name", "张三", "--role", "steward", "--as", "keeper")
    assert (refused.exit_code, "--agency" in refused.output) == (1, True)
    assert "zhang" not in _ok("user", "list")


def test_a_weak_password_is_refused(prepared: Database) -> None:
    refused = mulu("user", "password", "keeper", "--as", "keeper", "--password-stdin", text="123\n")
    assert (refused.exit_code, "至少 10 个字符" in refused.output) == (1, True)


def test_roles_are_granted_and_revoked(prepared: Database) -> None:
    _ok("user", "add", "firm", "--name", "刘某", "--as", "keeper")
    given = ("--system", "低保管理系统", "--contract", "HT-1", "--until", "2099-12-31")
    _ok("user", "grant", "firm", "contractor", *given, "--as", "keeper")
    assert "contractor" in _ok("user", "list")
    assert "不能授予角色给自己" in mulu("user", "grant", "keeper", "auditor", "--as", "keeper").output
    _ok("user", "revoke", "firm", "contractor", "--as", "keeper")
    assert "没有角色" in _ok("user", "list")


def test_a_head_delegates_with_a_paper(prepared: Database, tmp_path: Path) -> None:
    for login, role in (("boss", "head"), ("deputy", "steward")):
        _ok(
            "user",
            "add",
            login,
            "--name",
            login,
            "--agency",
            "遵义市民政局",
            "--role",
            role,
            "--as",
            "keeper",
        )
    paper = tmp_path / "授权书.pdf"
    paper.write_bytes(b"%PDF-1.7 signed")
    said = _ok("user", "delegate", "deputy", "endorse", "--file", str(paper), "--as", "boss", *_month())
    shown = json.loads(_ok("user", "show", "deputy", "--json"))["delegations"][0]
    assert (shown["from"], shown["to"], shown["matters"]) == ("boss", "deputy", ["endorse"])
    assert len(shown["sha256"]) == 64
    assert shown["id"] in said
    _ok("user", "undelegate", shown["id"], "--as", "boss")
    assert json.loads(_ok("user", "show", "deputy", "--json"))["delegations"] == []


def _month() -> tuple[str, str]:
    from datetime import timedelta

    from registry.cli.terminal import now

    return "--until", (now() + timedelta(days=30)).date().isoformat()


def test_disable_and_enable(prepared: Database) -> None:
    _ok("user", "add", "zhang", "--name", "张三", "--role", "auditor", "--as", "keeper")
    _ok("user", "disable", "zhang", "--as", "keeper")
    assert "[停用]" in _ok("user", "list")
    assert mulu("token", "create", "zhang", "--name", "x", "--scope", "approve").exit_code == 1
    _ok("user", "enable", "zhang", "--as", "keeper")
    assert "[停用]" not in _ok("user", "list")


def test_a_token_is_printed_once(prepared: Database) -> None:
    _ok("user", "add", "robot", "--name", "同步", "--machine", "--role", "sync_robot", "--as", "keeper")
    plain = _ok("token", "create", "robot", "--name", "同步", "--scope", "push_portal", "--as", "keeper")
    assert plain.startswith("mulu_")
    listed = json.loads(_ok("token", "list", "robot", "--json"))
    assert plain.strip() not in json.dumps(listed)
    _ok("token", "revoke", listed[0]["id"], "--as", "keeper")
    assert "已撤销" in _ok("token", "list")


def test_the_operator_is_on_the_record(prepared: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import select

    from registry.models import AuditEvent

    monkeypatch.setenv("LOGNAME", "op-chen")
    _ok("user", "add", "zhang", "--name", "张三", "--as", "keeper")
    with prepared.read() as session:
        events = session.execute(select(AuditEvent)).scalars().all()
    assert "op-chen" in str([event.model_dump() for event in events])


def test_a_person_is_linked_to_the_provider(prepared: Database) -> None:
    assert "MULU_OIDC_ISSUER" in mulu("user", "link", "keeper", "--as", "keeper").output
    _ok("user", "link", "keeper", "--issuer", "https://id.example", "--as", "keeper")
    assert json.loads(_ok("user", "show", "keeper", "--json"))["issuer"] == "https://id.example"
