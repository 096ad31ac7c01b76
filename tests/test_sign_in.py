"""Signing in and out: one answer for every failure, the lock, sessions that end, forms from our pages alone."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_accounts import Accounts
from registry import accounts, sign_in
from registry.db import Database
from registry.errors import Throttled, Unauthenticated
from registry.models import AuditEvent, LoginFailure, LoginSession, Person
from registry.passwords import Checked, check_password, hash_password
from registry.people import find_person
from registry.web import create_app
from registry.web.given import COOKIE
from registry.web.sign_in import Desk, local
from tests.conftest import NOW
from tests.web_people import FOUNDER, PASSWORD, enter, person, settings_of

RULE = load().document("accounts", Accounts)
HASHED = hash_password(PASSWORD)
PAGE = {"accept": "text/html"}
WRONG = Checked(False, None)


def _prepare(database: Database, login: str = "zhang", *roles: str) -> None:
    with database.write() as session:
        made = person(session, login, *(roles or ("auditor",)))
        made.password_hash, made.password_at = HASHED, datetime.now(UTC)


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    _prepare(database)
    with TestClient(create_app(settings_of(database)), follow_redirects=False) as opened:
        opened.headers.update(PAGE)
        yield opened


def _log_in(client: TestClient, login: str = "zhang", password: str = PASSWORD, **more: str):  # type: ignore[no-untyped-def]
    form = re.search(r'name="form" value="([^"]+)"', client.get("/login").text)
    assert form is not None
    return client.post("/login", data={"login": login, "password": password, "form": form[1], **more})


# ---- the lock ---------------------------------------------------------------------------------------------


def _attempt(database: Database, login: str, checked: Checked, now: datetime) -> sign_in.SignedIn | None:
    with database.read() as session:
        attempt = sign_in.look_up(session, login, now=now)
    with database.write() as session:
        return sign_in.conclude(session, attempt, checked, now=now)


@pytest.mark.parametrize("login", ["zhang", "unknown"])
def test_failures_lock_a_login_known_or_not(database: Database, login: str) -> None:
    _prepare(database)
    for _ in range(RULE.lock.failures):
        assert _attempt(database, login, WRONG, NOW) is None
    with pytest.raises(Throttled) as locked:
        _attempt(database, login, Checked(True, None), NOW)
    assert locked.value.details["retry_after"] == RULE.lock.minutes * 60 + 1
    later = NOW + timedelta(minutes=RULE.lock.minutes)
    assert (_attempt(database, login, Checked(True, None), later) is None) == (login == "unknown")


def test_the_lock_is_on_the_record_once(database: Database) -> None:
    _prepare(database)
    attempts = []
    with database.read() as session:
        attempts = [sign_in.look_up(session, "zhang", now=NOW) for _ in range(RULE.lock.failures * 4)]
    for attempt in attempts:  # all were looked up before the first one failed
        with database.write() as session:
            sign_in.conclude(session, attempt, WRONG, now=NOW)
    with database.read() as session:
        locks = session.execute(select(AuditEvent).where(col(AuditEvent.act) == "lock_login")).scalars().all()
        assert [event.subject for event in locks] == [find_person(session, "zhang").id]


def test_a_success_forgets_the_failures(database: Database) -> None:
    _prepare(database)
    for _ in range(RULE.lock.failures - 1):
        _attempt(database, "zhang", WRONG, NOW)
    assert _attempt(database, "ZHANG ", Checked(True, None), NOW) is not None
    with database.read() as session:
        assert session.execute(select(func.count()).select_from(LoginFailure)).scalar_one() == 0


def test_failures_long_past_count_no_more(database: Database) -> None:
    _prepare(database)
    for day in range(RULE.lock.failures * 2):
        _attempt(database, "zhang", WRONG, NOW + timedelta(days=day))
    assert _attempt(database, "zhang", Checked(True, None), NOW + timedelta(days=30)) is not None


def test_failures_at_once_are_all_counted(database: Database) -> None:
    _prepare(database)

    def fail(_: int) -> None:
        with database.write() as session:
            sign_in.conclude(session, sign_in.Attempt("d" * 64, None, None), WRONG, now=NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail, range(RULE.lock.failures - 1)))
    with database.read() as session:
        assert session.get_one(LoginFailure, "d" * 64).failed == RULE.lock.failures - 1


def test_a_password_changed_meanwhile_is_a_failure(database: Database) -> None:
    _prepare(database)
    with database.read() as session:
        attempt = sign_in.look_up(session, "zhang", now=NOW)
    with database.write() as session:
        find_person(session, "zhang").password_hash = "$argon2id$other"
    with database.write() as session:
        assert sign_in.conclude(session, attempt, Checked(True, None), now=NOW) is None


def test_many_bad_log_ins_over_http_are_refused_and_harm_nothing(client: TestClient) -> None:
    answers = [_log_in(client, password="Falsch-2026-x").status_code for _ in range(60)]
    assert answers == [401] * RULE.lock.failures + [429] * (60 - RULE.lock.failures)
    locked = _log_in(client)
    assert int(locked.headers["retry-after"]) <= RULE.lock.minutes * 60 + 1
    assert "分钟后再试" in locked.text
    assert client.get("/healthz").status_code == 200


# ---- signing in -------------------------------------------------------------------------------------------


def test_it_signs_in_and_goes_on_to_the_page_that_was_wanted(client: TestClient) -> None:
    sent = client.get("/?state=draft")
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2F%3Fstate%3Ddraft")
    answer = _log_in(client, next="/?state=draft")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?state=draft")
    cookie = answer.headers.get_list("set-cookie")[0]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    page = client.get("/").text
    assert "zhang某" in page
    assert "目录审核员" in page


@pytest.mark.parametrize("over_tls", [True, False])
def test_cookies_are_secure_under_tls_or_by_setting(database: Database, over_tls: bool) -> None:
    _prepare(database)
    settings = settings_of(database, secure_cookies=not over_tls)
    base = "https://testserver" if over_tls else "http://testserver"
    with TestClient(create_app(settings), follow_redirects=False, base_url=base) as opened:
        form = opened.get("/login")
        assert "Secure" in form.headers["set-cookie"]
        token = re.search(r'name="form" value="([^"]+)"', form.text)[1]  # type: ignore[index]
        cookies = {"mulu_form": token}
        data = {"login": "zhang", "password": PASSWORD, "form": token}
        answer = opened.post("/login", data=data, headers={"cookie": f"mulu_form={cookies['mulu_form']}"})
    assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie")[:1])


def test_every_failure_has_the_same_answer(client: TestClient, database: Database) -> None:
    _prepare(database, "gone")
    with database.write() as session:
        accounts.disable(session, "gone", actor=FOUNDER, now=NOW)
        person(session, "robot", "sync_robot")
    answers = [_log_in(client, login, password) for login, password in (
        ("zhang", "Falsch-2026-x"), ("unknown", PASSWORD), ("gone", PASSWORD), ("robot", PASSWORD), ("", "")
    )]  # fmt: skip
    assert {a.status_code for a in answers} == {401}
    pages = {re.sub(r'value="[^"]*"', "", a.text) for a in answers}
    assert len(pages) == 1
    assert sign_in.REFUSED in pages.pop()


def test_the_database_knows_no_cookie_and_each_log_in_is_a_new_session(
    client: TestClient, database: Database
) -> None:
    first = _log_in(client).cookies[COOKIE]
    second = _log_in(client).cookies[COOKIE]
    assert first != second
    with database.read() as session:
        kept = session.execute(select(LoginSession.digest)).scalars().all()
    assert set(kept) == {sign_in.digest_of_secret(first), sign_in.digest_of_secret(second)}


def test_a_form_from_elsewhere_signs_nobody_in(client: TestClient) -> None:
    data = {"login": "zhang", "password": PASSWORD, "form": "guessed"}
    answer = client.post("/login", data=data)
    assert (answer.status_code, COOKIE in answer.cookies) == (403, False)


@pytest.mark.parametrize(
    "after",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\r\nX: y", "", "x"],
)
def test_it_goes_on_to_our_own_pages_alone(after: str) -> None:
    assert local(after) == "/"
    assert local("/entries/1/2?version=1") == "/entries/1/2?version=1"


# ---- sessions ---------------------------------------------------------------------------------------------


def test_a_session_ends_when_idle_and_after_the_longest_time(database: Database) -> None:
    _prepare(database)
    with database.write() as session:
        opened = sign_in.open_session(session, find_person(session, "zhang"), now=NOW, how="password")
    idle, whole = timedelta(minutes=RULE.session.idle_minutes), timedelta(hours=RULE.session.absolute_hours)
    with database.write() as session:
        sign_in.visit_of(session, opened.cookie, now=NOW + idle - timedelta(seconds=1))
        with pytest.raises(Unauthenticated):
            sign_in.visit_of(session, opened.cookie, now=NOW + idle)
        digest = sign_in.digest_of_secret(opened.cookie)
        sign_in.mark_seen(session, digest, now=NOW + whole - timedelta(seconds=2))
        sign_in.visit_of(session, opened.cookie, now=NOW + whole - timedelta(seconds=1))
        with pytest.raises(Unauthenticated):
            sign_in.visit_of(session, opened.cookie, now=NOW + whole)


def test_log_out_ends_the_session_on_the_server(client: TestClient, database: Database) -> None:
    enter(client, database, "zhang")
    cookie = client.cookies[COOKIE]
    assert client.post("/logout").headers["location"] == "/login"
    client.cookies.set(COOKIE, cookie)
    assert client.get("/").status_code == 303


def test_disabling_a_person_ends_his_sessions(client: TestClient, database: Database) -> None:
    enter(client, database, "zhang")
    assert client.get("/").status_code == 200
    with database.write() as session:
        accounts.disable(session, "zhang", actor=FOUNDER, now=NOW)
    assert client.get("/").status_code == 303


def test_forms_of_other_pages_are_refused(client: TestClient, database: Database) -> None:
    enter(client, database, "zhang")
    csrf = client.headers.pop("X-CSRF-Token")
    assert client.post("/logout").status_code == 403
    assert client.post("/logout", data={"csrf": "guessed"}).status_code == 403
    assert client.post("/api/v1/check", json=[{}]).status_code == 403
    assert client.post("/api/v1/check", json=[{}], headers={"X-CSRF-Token": csrf}).status_code == 200
    assert client.post("/logout", data={"csrf": csrf}).status_code == 303


def test_the_use_of_a_session_is_written_down_once_a_minute(client: TestClient, database: Database) -> None:
    enter(client, database, "zhang")
    then = datetime.now(UTC) - timedelta(seconds=RULE.session.seen_seconds + 5)
    with database.write() as session:
        session.execute(update(LoginSession).values(seen_at=then))
    client.get("/")
    with database.read() as session:
        seen = session.execute(select(LoginSession.seen_at)).scalar_one()
    client.get("/")
    with database.read() as session:
        assert seen > then
        assert session.execute(select(LoginSession.seen_at)).scalar_one() == seen


# ---- one's own password -----------------------------------------------------------------------------------

NEW = "Xin-mima-2027"


def _change(client: TestClient, old: str = PASSWORD, new: str = NEW, again: str = NEW):  # type: ignore[no-untyped-def]
    return client.post("/account/password", data={"old": old, "new": new, "again": again})


def test_changing_the_password_ends_the_other_sessions(client: TestClient, database: Database) -> None:
    other = enter(TestClient(client.app), database, "zhang")
    enter(client, database, "zhang")
    assert _change(client).headers["location"] == "/account?done=password"
    assert client.get("/").status_code == 200
    assert other.get("/api/v1/specs").status_code == 401
    with database.read() as session:
        assert check_password(NEW, find_person(session, "zhang").password_hash).right


def test_a_change_is_refused_with_its_reason(client: TestClient, database: Database) -> None:
    enter(client, database, "zhang")
    assert "原口令不对" in _change(client, old="Falsch-2026-x").text
    assert "两次填写的新口令不同" in _change(client, again="x").text
    assert "与原口令相同" in _change(client, new=PASSWORD, again=PASSWORD).text
    weak = _change(client, new="short", again="short")
    assert (weak.status_code, "至少 10 个字符" in weak.text) == (422, True)


def test_a_stolen_session_cannot_try_passwords_without_end(client: TestClient, database: Database) -> None:
    enter(client, database, "zhang")
    answers = [_change(client, old="Falsch-2026-x").status_code for _ in range(RULE.lock.failures + 1)]
    assert answers == [403] * RULE.lock.failures + [429]


def test_a_password_given_by_another_must_be_changed_first(client: TestClient, database: Database) -> None:
    with database.write() as session:
        accounts.keep_password(session, find_person(session, "zhang"), HASHED, actor=FOUNDER, now=NOW)
    assert _log_in(client).headers["location"] == "/account"
    enter(client, database, "zhang")
    assert client.get("/").headers["location"] == "/account"
    api = client.get("/api/v1/specs")
    assert (api.status_code, api.json()["reason"]) == (403, "must_change")
    assert "须先更换口令" in client.get("/account").text
    _change(client)
    assert client.get("/").status_code == 200


def test_an_old_password_must_be_changed(database: Database) -> None:
    _prepare(database)
    with database.write() as session:
        old = NOW - timedelta(days=RULE.password.valid_days, seconds=1)
        session.execute(update(Person).values(password_at=old))
    found = _attempt(database, "zhang", Checked(True, None), NOW)
    assert found is not None
    assert found.must_change


def test_a_token_is_made_and_revoked_on_the_own_page(client: TestClient, database: Database) -> None:
    enter(client, database, "zhang")
    data = {"name": "报表", "days": "30", "scopes": ["read_all"]}
    page = client.post("/account/tokens", data=data).text
    plain = re.search(r"mulu_[\w-]{43}", page)
    assert plain is not None
    again = client.get("/account").text
    assert plain[0] not in again
    assert plain[0][:11] in again
    bearer = {"Authorization": f"Bearer {plain[0]}"}
    assert TestClient(client.app).get("/api/v1/specs", headers=bearer).status_code == 200
    row = re.search(r'name="token" value="(t\w+)"', again)
    assert row is not None
    assert client.post("/account/tokens/revoke", data={"token": row[1]}).status_code == 303
    assert TestClient(client.app).get("/api/v1/specs", headers=bearer).status_code == 401
    assert "须写明范围" in client.post("/account/tokens", data={"name": "x", "days": "1"}).text


# ---- a crowd ----------------------------------------------------------------------------------------------


def test_one_address_cannot_fill_the_queue() -> None:
    done: list[str] = []

    async def crowd() -> None:
        desk, gate = Desk(), threading.Event()
        async with anyio.create_task_group() as group:
            for _ in range(RULE.hashing.per_address):
                group.start_soon(desk.run, _from("10.0.0.1"), gate.wait)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Throttled):
                await desk.run(_from("10.0.0.1"), gate.wait)
            group.start_soon(desk.run, _from("10.0.0.2"), done.append, "another")
            await anyio.wait_all_tasks_blocked()
            gate.set()
        await desk.run(_from("10.0.0.1"), done.append, "again")

    anyio.run(crowd)
    assert done == ["another", "again"]


def _from(address: str) -> Request:
    return Request({"type": "http", "client": (address, 1), "headers": []})
