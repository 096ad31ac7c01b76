"""Targets of the sync job: who may be spoken to, where tokens lie, what is entered, tested and removed."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select, update

from bench.shelf import shelve_many
from registry.audit import list_events
from registry.db import Database
from registry.entries import hold_register
from registry.errors import Conflict, NotFound, Rejected, Unavailable
from registry.models import Distribution, SyncEntry, SyncTarget
from registry.settings import Settings, read_settings
from sync import targets
from sync.hosts import check_url, clean_url
from sync.portal import Rights, Unreachable
from sync.secrets import token_of, token_variable
from sync.sessions import guarded_session
from sync.targets import NewTarget
from tests.cast import Cast
from tests.certificates import certificate

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
PORTAL = "https://8.8.8.8"
AWAY = Settings("sqlite:///:memory:", targets=("8.8.8.8",))
HERE = Settings("sqlite:///:memory:", loopback_targets=True)
RIGHTS = Rights("2.12.0", "sync", False, True, False, False, False, True, 10 * 2**20)


def settings(*listed: str, **more: Any) -> Settings:
    return Settings("sqlite:///:memory:", targets=listed, **more)


# ---- which hosts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("https://Data.Example.gov.cn/", "https://data.example.gov.cn"),
        (" https://data.example.gov.cn:443/ckan/ ", "https://data.example.gov.cn/ckan"),
        ("http://10.1.2.3:80", "http://10.1.2.3"),
        ("http://[::1]:5000/", "http://[::1]:5000"),
    ],
)
def test_an_address_has_one_form(given: str, clean: str) -> None:
    assert clean_url(given) == clean


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://data.example.gov.cn", "https://"),
        ("data.example.gov.cn", "https://"),
        ("https://", "https://"),
        ("https://data.example.gov.cn:port", "https://"),
        ("https://sync:pw@data.example.gov.cn", "不写账号口令"),
        ("https://data.example.gov.cn/?key=1", "不能有 [?] 或 #"),
        ("https://data.example.gov.cn/#top", "不能有 [?] 或 #"),
        ("https://data.example.gov.cn /", "https://"),
        ("https://数据.example.cn", "xn--"),
    ],
)
def test_what_is_no_address_of_a_portal_is_refused(url: str, words: str) -> None:
    with pytest.raises(Rejected, match=words) as refused:
        clean_url(url)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    ("listed", "url", "words"),
    [
        ((), PORTAL, "MULU_TARGETS 所列之内；由运维人员加上 8.8.8.8"),
        (("8.8.8.8",), "https://8.8.8.8:8443", "加上 https://8.8.8.8:8443"),
        (("8.8.8.8",), "http://8.8.8.8", "不加密.*MULU_TARGETS.*http://8.8.8.8:80"),
        (("8.8.8.0/24",), "http://8.8.8.8", "不加密"),
        (("https://localhost:5000",), "https://localhost:5000", "MULU_ALLOW_LOOPBACK_TARGETS=1"),
        (("http://127.0.0.1:5000",), "http://127.0.0.1:5000", "MULU_ALLOW_LOOPBACK_TARGETS=1"),
        # the same machine in other clothes
        (("http://127.1:5000",), "http://127.1:5000", "127.0.0.1 在本机"),
        (("http://2130706433",), "http://2130706433", "127.0.0.1 在本机"),
        (("https://[::ffff:127.0.0.1]",), "https://[::ffff:127.0.0.1]", "在本机"),
        (("https://0.0.0.0",), "https://0.0.0.0", "不能连接"),
        (("0.0.0.0/0",), "https://224.0.0.1", "不能连接"),
    ],
)
def test_a_portal_that_nobody_allowed_is_refused_with_the_cure(
    listed: tuple[str, ...], url: str, words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        check_url(url, settings(*listed))


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        (("8.8.8.8",), PORTAL),
        (("http://8.8.8.8:8080",), "http://8.8.8.8:8080"),
        (("10.1.0.0/16",), "https://10.1.2.3"),
        (("10.1.2.3",), "https://10.1.2.3"),
    ],
)
def test_a_portal_that_is_listed_may_be_spoken_to(listed: tuple[str, ...], url: str) -> None:
    assert check_url(url, settings(*listed)) == url


@pytest.mark.parametrize("url", ["http://localhost:5500", "http://127.0.0.1:5500", "https://127.0.0.2"])
def test_the_flag_alone_allows_portals_on_this_machine(url: str) -> None:
    assert check_url(url, HERE) == url


def test_the_flag_allows_nothing_else() -> None:
    with pytest.raises(Rejected, match="MULU_TARGETS"):
        check_url("https://10.1.2.3", HERE)


def test_a_name_that_leads_nowhere_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="解析不到"):
        check_url("https://portal.invalid", settings("portal.invalid"))


# ---- every connection -------------------------------------------------------------------------------------------


class Site:
    """A server of this machine that answers everything with one status, and remembers what it was asked."""

    def __init__(self, status: int = 200, *, tls: ssl.SSLContext | None = None) -> None:
        self.status, self.location, self.tls = status, "", tls
        self.asked: list[tuple[str, dict[str, str]]] = []

    @contextmanager
    def running(self) -> Iterator[str]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers)))
                self.send_response(site.status)
                if site.location:
                    self.send_header("Location", site.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_a_connection_that_ends_on_this_machine_is_closed_before_a_byte_goes_over_it() -> None:
    site = Site()
    with site.running() as port:
        url = f"http://127.1:{port}"
        with guarded_session(url, settings(url)) as session, pytest.raises(Unreachable, match="在本机"):
            session.get(f"{url}/api/3/action/status_show", headers={"Authorization": "s3cret"})
    assert site.asked == []


def test_nobody_is_followed_to_another_place() -> None:
    site, elsewhere = Site(), Site(302)
    with site.running() as port, elsewhere.running() as first:
        elsewhere.location = f"http://127.0.0.1:{port}/"
        url = f"http://127.0.0.1:{first}"
        with guarded_session(url, HERE) as session, pytest.raises(Unreachable, match="转到了别处"):
            session.get(url, headers={"Authorization": "s3cret"})
    assert (len(elsewhere.asked), site.asked) == (1, [])


def test_no_proxy_and_no_netrc_come_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password wrong\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    site = Site()
    with site.running() as port, guarded_session(f"http://127.0.0.1:{port}", HERE) as session:
        answer = session.get(f"http://127.0.0.1:{port}/", headers={"Authorization": "s3cret"})
    assert (answer.status_code, site.asked[0][1]["Authorization"], session.verify) == (200, "s3cret", True)


def test_only_a_certificate_that_this_machine_trusts_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, context = certificate(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    site = Site(tls=context)
    with site.running() as port:
        url = f"https://127.0.0.1:{port}"
        with guarded_session(url, HERE) as session, pytest.raises(requests.exceptions.SSLError):
            session.get(url)
        # the authority of a government network
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        with guarded_session(url, HERE) as session:
            assert session.get(url).status_code == 200
    assert len(site.asked) == 1


# ---- tokens -----------------------------------------------------------------------------------------------------


def secrets_file(folder: Path, text: str, mode: int = 0o600) -> Settings:
    file = folder / "tokens"
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return replace(AWAY, secrets_file=file)


def test_a_token_stands_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert token_variable("city-open") == "MULU_TARGET_CITY_OPEN_TOKEN"
    monkeypatch.setenv("MULU_TARGET_CITY_OPEN_TOKEN", "from-the-environment\n")
    assert token_of("city-open", secrets_file(tmp_path, "city-open=from-the-file")) == "from-the-environment"


def test_a_token_stands_in_a_file(tmp_path: Path) -> None:
    kept = secrets_file(tmp_path, "# 门户\n\n other = x \ncity-open= abc=def \n")
    assert token_of("city-open", kept) == "abc=def"


def test_a_missing_token_is_asked_for_by_its_variable(tmp_path: Path) -> None:
    for kept in (AWAY, secrets_file(tmp_path, "other=x\n"), secrets_file(tmp_path, "city-open=\n")):
        with pytest.raises(Unavailable, match=r"MULU_TARGET_CITY_OPEN_TOKEN.*MULU_SECRETS_FILE"):
            token_of("city-open", kept)


@pytest.mark.parametrize(("mode", "who"), [(0o604, "别的用户"), (0o644, "别的用户"), (0o620, "同组用户")])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int, who: str) -> None:
    with pytest.raises(Unavailable, match=f"{who}.*chmod 600") as refused:
        token_of("city-open", secrets_file(tmp_path, "city-open=s3cret", mode))
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("city-open=two words", "空白"),
        ("city-open=令牌", "中文"),
        ("s3cret", "第 1 行不是"),
        ("city-open=s3cret\ncity-open=s3cret", "第 2 行重复"),
    ],
)
def test_an_unfit_file_is_refused_without_its_secrets(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Unavailable, match=words) as refused:
        token_of("city-open", secrets_file(tmp_path, text))
    assert not any(secret in str(refused.value) for secret in ("s3cret", "two", "令牌，"))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="MULU_SECRETS_FILE 所指的"):
        token_of("city-open", replace(AWAY, secrets_file=tmp_path / "none"))


# ---- entered ----------------------------------------------------------------------------------------------------


def new(name: str = "city-open", **more: Any) -> NewTarget:
    return NewTarget(**({"name": name, "kind": "ckan", "scope": "open", "url": PORTAL} | more))


def add(database: Database, target: NewTarget, found: Settings = AWAY) -> SyncTarget:
    with database.write() as session:
        made = targets.add(session, target, settings=found, by="admin", operator="root", now=NOW)
        session.flush()
        session.expunge(made)
    return made


def test_a_target_is_entered_and_recorded(database: Database) -> None:
    made = add(database, new(url="https://8.8.8.8/"))
    with database.read() as session:
        found = targets.find(session, "city-open")
        event = list_events(session, act="sync_target_add")[0]
    assert (found.id, found.url, found.mode, found.files) == (made.id, PORTAL, "direct", "upload")
    assert (event.subject, event.actor, event.operator) == (made.id, "admin", "root")
    assert event.details is not None
    assert (event.details["target"], event.details["url"], event.details["asked"]) == ("city-open", PORTAL, 0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "A"}, "小写字母"),
        ({"name": "x"}, "2 至 40"),
        ({"name": "city_open"}, "小写字母"),
        ({"name": "a" * 41}, "2 至 40"),
        ({"kind": "dcat"}, "ckan（CKAN 类门户）"),
        ({"scope": "all"}, "open（开放）、share（共享）"),
        ({"files": "copy"}, "upload"),
        ({"files": "link"}, "须先设 MULU_PUBLIC_URL"),
        ({"files": "link", "scope": "share"}, "不能匿名下载；用 upload"),
        ({"url": "https://8.8.4.4"}, "MULU_TARGETS"),
        ({"kind": "province", "url": "/not/there"}, "不是文件夹"),
        ({"kind": "province", "url": ""}, "收发件的文件夹"),
        ({"mode": "ferry", "place": ""}, "--ferry 要写"),
    ],
)
def test_a_target_that_will_not_do_is_refused(
    sqlite_database: Database, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        add(sqlite_database, new(**more))


def test_a_place_holds_no_password(sqlite_database: Database) -> None:
    with pytest.raises(Unavailable) as refused:
        add(sqlite_database, new(kind="province", url="sftp://sync:s3cret@10.1.2.3/out"))
    assert "s3cret" not in str(refused.value)


def test_places_are_folders_or_addresses(sqlite_database: Database, tmp_path: Path) -> None:
    made = add(sqlite_database, new("province", kind="province", scope="share", url=str(tmp_path)))
    away = add(sqlite_database, new("province-2", kind="province", scope="share", url="s3://bucket/out/"))
    assert (made.url, away.url) == (str(tmp_path.resolve()), "s3://bucket/out")


def test_a_portal_beyond_a_gap_is_not_reached_from_here(sqlite_database: Database, tmp_path: Path) -> None:
    beyond = new(mode="ferry", url="https://portal.invalid", place=str(tmp_path))
    made = add(sqlite_database, beyond, settings())
    assert (made.mode, made.url, made.place) == ("ferry", "https://portal.invalid", str(tmp_path.resolve()))


def test_a_name_is_taken_once(database: Database) -> None:
    add(database, new())
    with pytest.raises(Conflict, match="已有目标 city-open"):
        add(database, new(scope="share"))


def test_a_scope_is_shown_once_at_one_address(sqlite_database: Database) -> None:
    add(sqlite_database, new())
    with pytest.raises(Conflict, match="目标 city-open 已在"):
        add(sqlite_database, new("other", url="https://8.8.8.8:443/"))


@pytest.mark.parametrize("mode", ["direct", "ferry"])
def test_a_portal_shows_one_scope(sqlite_database: Database, tmp_path: Path, mode: str) -> None:
    add(sqlite_database, new())
    second = new("other", scope="share", mode=mode, place=str(tmp_path), url=f"{PORTAL}/")
    with pytest.raises(Conflict, match=r"展示“开放”的目录.*重名；换一个门户，或先移除 city-open"):
        add(sqlite_database, second)
    elsewhere = replace(second, url="https://8.8.4.4")
    assert add(sqlite_database, elsewhere, settings("8.8.4.4")).scope == "share"


def test_the_province_takes_both_scopes_at_one_place(sqlite_database: Database, tmp_path: Path) -> None:
    add(sqlite_database, new("province", kind="province", url=str(tmp_path)))
    made = add(sqlite_database, new("province-2", kind="province", scope="share", url=str(tmp_path)))
    assert (made.scope, made.url) == ("share", str(tmp_path.resolve()))


def test_what_is_shelved_while_a_target_is_entered_is_asked_of_it(postgres_database: Database) -> None:
    (entry,) = shelve_many(postgres_database, 1, now=NOW, resources=1)
    take_off = update(Distribution).values(state="off_shelf")
    with postgres_database.write() as session:
        session.execute(take_off)
    adding = threading.Thread(target=add, args=(postgres_database, new()))
    with postgres_database.write() as session:
        hold_register(session)
        session.execute(take_off.values(state="shelved"))
        adding.start()
        adding.join(0.5)
        waited = adding.is_alive()
    adding.join(30)
    with postgres_database.read() as session:
        assert (waited, session.execute(select(SyncEntry)).scalar_one().entry_id) == (True, entry)


def test_everything_on_the_shelf_is_asked_for(at: Callable[[str], Cast]) -> None:
    database = at("shelved").database
    made, opened = (
        add(database, new(scope="share")),
        add(database, new("second", url="https://8.8.4.4"), settings("8.8.4.4")),
    )
    with database.read() as session:
        rows = list(session.execute(select(SyncEntry)).scalars())
        assert (targets.count_asked(session, made), targets.count_asked(session, opened)) == (1, 0)
    assert [(row.state, row.asked, row.met, row.files) for row in rows] == [("absent", 1, 0, {})]


def test_an_unknown_target_is_told_with_those_that_there_are(sqlite_database: Database) -> None:
    with sqlite_database.read() as session, pytest.raises(NotFound, match="先用 mulu-sync target add"):
        targets.find(session, "x")
    add(sqlite_database, new())
    with sqlite_database.read() as session, pytest.raises(NotFound, match="现有 city-open"):
        targets.find(session, "x")


# ---- how it takes datasets --------------------------------------------------------------------------------------

BASE = "https://mulu.example.gov.cn"


@pytest.mark.parametrize(
    ("scope", "opened", "file_url", "page_url"),
    [
        ("open", True, f"{BASE}/open/files/{{distribution}}/{{name}}", f"{BASE}/open/entries/{{code}}"),
        ("open", False, "", ""),
        ("share", True, "", f"{BASE}/entries/{{code}}"),
    ],
)
def test_links_lead_where_a_stranger_can_follow(
    sqlite_database: Database, scope: str, opened: bool, file_url: str, page_url: str
) -> None:
    made = add(sqlite_database, new(scope=scope))
    found = replace(AWAY, public_url=BASE, open_catalogue=opened)
    with sqlite_database.read() as session:
        shape = targets.shape_of(session, made, found)
    assert (shape.file_url, shape.page_url, shape.upload, len(shape.registry)) == (
        file_url,
        page_url,
        True,
        len(shape.registry) or None,
    )


def test_a_public_address_that_is_none_makes_no_links(sqlite_database: Database) -> None:
    made = add(sqlite_database, new())
    with sqlite_database.read() as session, pytest.raises(Unavailable, match="MULU_PUBLIC_URL 要写成"):
        targets.shape_of(session, made, replace(AWAY, public_url="mulu.example.gov.cn"))


def test_files_that_are_linked_need_a_public_address_at_every_run(sqlite_database: Database) -> None:
    public = replace(AWAY, public_url=BASE, open_catalogue=True)
    with pytest.raises(Rejected, match="MULU_OPEN_CATALOGUE"):
        add(sqlite_database, new(files="link"), replace(public, open_catalogue=False))
    made = add(sqlite_database, new(files="link"), public)
    with sqlite_database.read() as session:
        assert targets.shape_of(session, made, public).upload is False
        with pytest.raises(Unavailable, match="MULU_PUBLIC_URL"):
            targets.shape_of(session, made, AWAY)


def test_what_the_token_may_do_is_kept(database: Database) -> None:
    add(database, new())
    with database.write() as session:
        targets.keep_rights(targets.find(session, "city-open"), RIGHTS)
    with database.read() as session:
        found = targets.find(session, "city-open")
        assert targets.rights_of(found) == RIGHTS
        assert targets.shape_of(session, found, AWAY).scheming is True


def test_a_portal_is_not_opened_without_token_or_leave(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(sqlite_database, new())
    away = {"mode": "ferry", "scope": "share", "url": "https://8.8.4.4"}
    beyond = add(sqlite_database, new("beyond", **away, place=str(tmp_path)))
    with sqlite_database.read() as session:
        shape = targets.shape_of(session, made, AWAY)
    with pytest.raises(Unavailable, match="MULU_TARGET_CITY_OPEN_TOKEN"), targets.opened(made, shape, AWAY):
        pass
    monkeypatch.setenv("MULU_TARGET_CITY_OPEN_TOKEN", "x")
    with pytest.raises(Rejected, match="MULU_TARGETS"), targets.opened(made, shape, settings()):
        pass
    with pytest.raises(Rejected, match="不是直连"), targets.opened(beyond, shape, AWAY):
        pass


# ---- removed ----------------------------------------------------------------------------------------------------


def remove(database: Database, name: str = "city-open", **more: Any) -> int:
    with database.write() as session:
        return targets.remove(session, name, by="admin", operator="root", now=NOW, **more)


def note_row(database: Database, **values: Any) -> None:
    with database.write() as session:
        row = session.execute(select(SyncEntry)).scalar_one()
        for key, value in values.items():
            setattr(row, key, value)


def test_a_name_can_be_used_again(database: Database) -> None:
    first = add(database, new())
    assert remove(database) == 0
    second = add(database, new())
    with database.read() as session:
        assert [target.id for target in targets.listed(session)] == [second.id]
        assert session.get_one(SyncTarget, first.id).name == f"city-open~{first.id}"
        event = list_events(session, act="sync_target_remove")[0]
    assert event.subject == first.id


@pytest.mark.parametrize("state", ["present", "uncertain", "sent"])
def test_a_target_is_not_removed_while_something_may_be_there(at: Callable[[str], Cast], state: str) -> None:
    database = at("shelved").database
    add(database, new(scope="share"))
    note_row(database, state=state)
    with pytest.raises(Conflict, match=r"还有 1 条可能在门户上.*--withdraw.*--shut-down"):
        remove(database)


@pytest.mark.parametrize("state", ["absent", "gone", "kept"])
def test_a_target_where_nothing_is_left_is_removed(at: Callable[[str], Cast], state: str) -> None:
    database = at("shelved").database
    add(database, new(scope="share"))
    note_row(database, state=state)
    assert remove(database) == 0


def test_a_portal_that_was_shut_down_takes_everything_with_it(at: Callable[[str], Cast]) -> None:
    database = at("shelved").database
    add(database, new(scope="share"))
    note_row(database, state="present", trouble="unreachable", asked=3)
    assert remove(database, how="shut_down", note="门户已停用") == 1
    with database.read() as session:
        row = session.execute(select(SyncEntry)).scalar_one()
        details = list_events(session, act="sync_target_remove")[0].details
    assert (row.state, row.gone_at, row.said, row.trouble, row.met) == ("gone", NOW, "门户已停用", "", 3)
    assert details is not None
    assert (details["note"], details["taken_for_gone"]) == ("门户已停用", 1)


def test_a_shut_down_is_told_in_words(sqlite_database: Database) -> None:
    add(sqlite_database, new())
    with pytest.raises(Rejected, match="写明情况"):
        remove(sqlite_database, how="shut_down", note=" ")


def test_a_target_is_not_removed_while_a_run_is_on(at: Callable[[str], Cast]) -> None:
    database = at("shelved").database
    add(database, new(scope="share"))
    note_row(database, held_by="worker", held_until=NOW + timedelta(minutes=5))
    with pytest.raises(Conflict, match="正在同步"):
        remove(database, how="shut_down", note="门户已停用")
    note_row(database, held_until=NOW - timedelta(minutes=5))
    assert remove(database) == 0


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_TARGETS", "a.gov.cn, http://10.1.2.3:8080,")
    monkeypatch.setenv("MULU_ALLOW_LOOPBACK_TARGETS", "1")
    monkeypatch.setenv("MULU_PUBLIC_URL", "https://mulu.gov.cn/")
    monkeypatch.setenv("MULU_SECRETS_FILE", "/etc/mulu/tokens")
    found = read_settings()
    assert (found.targets, found.loopback_targets) == (("a.gov.cn", "http://10.1.2.3:8080"), True)
    assert (found.public_url, found.secrets_file) == ("https://mulu.gov.cn", Path("/etc/mulu/tokens"))


def test_nothing_is_allowed_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MULU_TARGETS", "MULU_ALLOW_LOOPBACK_TARGETS", "MULU_PUBLIC_URL", "MULU_SECRETS_FILE"):
        monkeypatch.delenv(name, raising=False)
    found = read_settings()
    assert (found.targets, found.loopback_targets, found.public_url, found.secrets_file) == (
        (),
        False,
        "",
        None,
    )
