"""Interfaces asked whether they answer: real servers on this machine, the operator's list, what counts as an update."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from catalog_specs import load
from catalog_specs.law_promises import ProbeRule
from registry import work
from registry.allowed_hosts import Allowed
from registry.db import Database
from registry.jobs import enqueue
from registry.models import AuditEvent, Distribution, Job, UpdateSeen, Version
from registry.permits import EVERYTHING
from registry.probe_calls import Answer, ask
from registry.probing import PROBE, Probed, due_probes, probe_all
from registry.settings import read_settings
from registry.updates import updates_of
from registry.url_stores import store_of
from registry.workers import Worker
from tests.cast import PATH, Cast, make_cast
from tests.certificates import certificate
from tests.stages import attach, review_data, shelve

RULE: ProbeRule = load().promises.probe
NOON = datetime(2026, 11, 27, 4, tzinfo=UTC)
Asked = list[tuple[str, str, dict[str, str]]]


class Site:
    """A server of our own: paths are answered as told, and what was asked is kept."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str]]] = {}
        self.asked: Asked = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                site.asked.append((self.command, self.path, dict(self.headers)))
                status, headers = site.answers.get(f"{self.command} {self.path}") or site.answers.get(
                    self.path, (404, {})
                )
                self.send_response(status)
                for name, value in ({"Content-Length": "0"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()

            def do_GET(self) -> None:
                self.answer()

            def do_HEAD(self) -> None:
                self.answer()

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["Site"]:
        self.thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().running() as running:
        yield running


def asking(location: str, *listed: str) -> Answer:
    return ask(location, Allowed.read(listed, RULE.schemes), RULE)


# ---- the operator's list ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "scheme", "host", "port", "is_listed"),
    [
        ("data.zunyi.gov.cn", "https", "data.zunyi.gov.cn", 443, True),
        ("Data.Zunyi.gov.cn/", "http", "data.zunyi.gov.cn", 80, True),
        ("data.zunyi.gov.cn", "https", "data.zunyi.gov.cn", 8443, False),
        ("data.zunyi.gov.cn", "https", "x.data.zunyi.gov.cn", 443, False),
        ("https://data.zunyi.gov.cn", "http", "data.zunyi.gov.cn", 80, False),
        ("http://10.1.2.3:8080", "http", "10.1.2.3", 8080, True),
        ("http://10.1.2.3:8080", "http", "10.1.2.3", 8081, False),
        ("10.1.0.0/16", "http", "10.1.2.3", 8081, True),
        ("10.1.0.0/16", "http", "10.2.2.3", 8081, False),
        ("ftp://10.1.2.3", "http", "10.1.2.3", 80, False),
        ("http://[::1]:8080", "http", "::1", 8080, True),
        ("not a host:x", "http", "not a host", 80, False),
    ],
)
def test_a_place_is_asked_only_where_it_is_listed(
    listed: str, scheme: str, host: str, port: int, is_listed: bool
) -> None:
    assert Allowed.read([listed], RULE.schemes).lists(scheme, host, port) is is_listed


@pytest.mark.parametrize(
    ("listed", "address", "trusted"),
    [
        ("data.zunyi.gov.cn", "8.8.8.8", True),
        ("data.zunyi.gov.cn", "10.1.2.3", False),
        ("data.zunyi.gov.cn", "127.0.0.1", False),
        ("data.zunyi.gov.cn", "169.254.169.254", False),
        ("data.zunyi.gov.cn", "::1", False),
        ("http://10.1.2.3:8080", "10.1.2.3", True),
        ("10.1.0.0/16", "10.1.9.9", True),
        ("10.1.0.0/16", "10.2.9.9", False),
    ],
)
def test_an_address_that_is_not_public_must_be_listed_itself(
    listed: str, address: str, trusted: bool
) -> None:
    assert Allowed.read([listed], RULE.schemes).trusts(ipaddress.ip_address(address)) is trusted


def test_a_name_that_leads_inside_is_not_followed(site: Site) -> None:
    assert asking(f"http://localhost:{site.port}/", f"http://localhost:{site.port}") == Answer("private")
    assert site.asked == []
    site.answers["/"] = (200, {})
    found = asking(f"http://localhost:{site.port}/", f"http://localhost:{site.port}", "127.0.0.1", "::1")
    assert found.said in ("answered", "failed")


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://user:secret@127.0.0.1/", "address"),
        ("ftp://127.0.0.1/", "address"),
        ("http:///x", "address"),
        ("http://127.0.0.1:99999/", "address"),
        ("http://example.org/", "unlisted"),
        ("http://no-such-host.invalid/", "unresolved"),
    ],
)
def test_what_may_not_be_asked_is_said(location: str, said: str) -> None:
    assert asking(location, "127.0.0.1", "no-such-host.invalid") == Answer(said)


# ---- one question -----------------------------------------------------------------------------------------------


def test_an_answer_and_the_day_of_its_data(site: Site) -> None:
    site.answers["/x"] = (200, {"Last-Modified": "Thu, 26 Nov 2026 20:00:00 GMT"})
    found = asking(f"{site.address}/x", site.address)
    assert found == Answer("modified", 200, datetime(2026, 11, 26, 20, tzinfo=UTC))
    assert [method for method, _path, _headers in site.asked] == ["HEAD"]


def test_no_credentials_cookies_or_proxies(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    site.answers = {"/x": (302, {"Location": "/y", "Set-Cookie": "s=1"}), "/y": (200, {})}
    assert asking(f"{site.address}/x", site.address).said == "answered"
    sent = {name.lower() for _method, _path, headers in site.asked for name in headers}
    assert sent.isdisjoint({"authorization", "cookie"})
    assert site.asked[0][2]["Host"] == f"127.0.0.1:{site.port}"


def test_get_is_tried_where_head_is_not_known(site: Site) -> None:
    site.answers = {"HEAD /x": (405, {}), "GET /x": (200, {})}
    assert asking(f"{site.address}/x", site.address) == Answer("answered", 200)
    assert [method for method, _path, _headers in site.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("status", "said"), [(401, "there"), (403, "there"), (404, "status"), (500, "status"), (304, "answered")]
)
def test_a_status_is_told_apart(site: Site, status: int, said: str) -> None:
    site.answers["/x"] = (status, {"Last-Modified": "never"})
    assert asking(f"{site.address}/x", site.address) == Answer(said, status)


def test_a_redirect_elsewhere_is_not_followed_nor_one_without_end(site: Site) -> None:
    with Site().running() as other:
        other.answers["/"] = (200, {})
        site.answers = {
            "/x": (302, {"Location": f"http://localhost:{other.port}/"}),
            "/r": (302, {"Location": "/r"}),
        }
        listed = (site.address, f"http://localhost:{other.port}")
        assert asking(f"{site.address}/x", *listed) == Answer("redirected", 302)
        assert asking(f"{site.address}/r", *listed) == Answer("redirected")
        site.answers["/x"] = (302, {"Location": f"{other.address}/"})
        assert asking(f"{site.address}/x", *listed) == Answer("unlisted")
        assert other.asked == []


def test_a_closed_door_and_a_slow_one_are_not_reached() -> None:
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    address = f"http://127.0.0.1:{silent.server_address[1]}"
    quick = RULE.model_copy(update={"timeout_seconds": 1})
    assert ask(f"{address}/", Allowed.read([address], RULE.schemes), quick) == Answer("timeout")
    silent.server_close()
    assert asking(f"{address}/", address) == Answer("failed")


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(site: Site, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
    address = f"https://127.0.0.1:{site.port}"
    assert asking(f"{address}/x", address) == Answer("tls")
    assert site.asked == []


# ---- a round ----------------------------------------------------------------------------------------------------


def on_shelf(database: Database, folder: Path, location: str, cycle: str = "每日") -> Cast:
    """An interface on the shelf: the table of the cast made one."""
    cast = make_cast(database, folder)
    cast.walk(*PATH)
    for step in (attach, review_data, shelve):
        step(cast)
    with database.write() as session:
        session.execute(update(Distribution).values(form="3", location=location))
        version = session.execute(select(Version)).scalars().one()
        version.content = version.content | {"update_cycle": cycle}
    cast.now = NOON
    return cast


def round_of(cast: Cast, *listed: str) -> Probed:
    return probe_all(cast.database, allowed=listed, clock=lambda: cast.now)


def kept(cast: Cast) -> list[tuple[str, str, str]]:
    with cast.database.read() as session:
        rows = session.execute(select(UpdateSeen).order_by(UpdateSeen.id)).scalars()  # type: ignore[arg-type]
        return [(row.kind, row.day.isoformat(), row.note) for row in rows]


def last(cast: Cast) -> date | None:
    with cast.database.read() as session:
        return updates_of(session, cast.code, sight=EVERYTHING, now=cast.now, specs=load()).last


def test_the_day_of_the_data_is_an_update_and_is_kept_once(
    database: Database, tmp_path: Path, site: Site
) -> None:
    cast = on_shelf(database, tmp_path, f"{site.address}/x")
    site.answers["/x"] = (200, {"Last-Modified": "Wed, 25 Nov 2026 20:00:00 GMT"})
    assert round_of(cast, site.address).counts == {"probed": 1, "reached": 0, "unreachable": 0}
    cast.now += timedelta(hours=5)
    round_of(cast, site.address)
    assert kept(cast) == [("probed", "2026-11-26", "答复 200，Last-Modified 2026-11-26")]
    assert last(cast) == date(2026, 11, 26)
    with database.read() as session:
        acts = [one.act for one in session.execute(select(AuditEvent)).scalars()]
    assert acts.count("probe_interfaces") == 2


@pytest.mark.parametrize(("cycle", "kind", "seen"), [("实时", "probed", 27), ("每日", "reached", 21)])
def test_an_answer_alone_is_an_update_of_what_is_live_and_of_nothing_else(
    sqlite_database: Database, tmp_path: Path, site: Site, cycle: str, kind: str, seen: int
) -> None:
    cast = on_shelf(sqlite_database, tmp_path, f"{site.address}/x", cycle)
    site.answers["/x"] = (200, {})
    assert [one.kind for one in round_of(cast, site.address).results] == [kind]
    assert last(cast) == date(2026, 11, seen)


def test_a_closed_interface_is_there_and_no_update(
    sqlite_database: Database, tmp_path: Path, site: Site
) -> None:
    cast = on_shelf(sqlite_database, tmp_path, f"{site.address}/x", "实时")
    site.answers["/x"] = (403, {})
    round_of(cast, site.address)
    assert kept(cast) == [("reached", "2026-11-27", "答复 403：接口存在，看不到数据是否更新")]
    assert last(cast) == date(2026, 11, 21)


def test_a_day_to_come_tells_nothing(sqlite_database: Database, tmp_path: Path, site: Site) -> None:
    cast = on_shelf(sqlite_database, tmp_path, f"{site.address}/x", "实时")
    site.answers["/x"] = (200, {"Last-Modified": "Fri, 25 Dec 2026 20:00:00 GMT"})
    assert [one.kind for one in round_of(cast, site.address).results] == ["reached"]


def test_the_last_failure_stays_in_sight_until_it_answers(
    database: Database, tmp_path: Path, site: Site
) -> None:
    cast = on_shelf(database, tmp_path, f"{site.address}/x", "实时")
    for _day in range(3):
        round_of(cast, site.address)
        cast.now += timedelta(days=1)
    assert kept(cast) == [("unreachable", "2026-11-29", "答复 404")]
    site.answers["/x"] = (200, {})
    round_of(cast, site.address)
    assert kept(cast) == [("probed", "2026-11-30", "答复 200")]


def test_an_interface_that_is_not_listed_is_told_and_not_asked(
    sqlite_database: Database, tmp_path: Path, site: Site
) -> None:
    cast = on_shelf(sqlite_database, tmp_path, f"{site.address}/x")
    (one,) = round_of(cast, "http://127.0.0.1:1").results
    assert (one.kind, one.note, site.asked) == ("unreachable", "主机不在 MULU_PROBES 所列之内，没有探测", [])


def test_without_a_list_nobody_is_asked(sqlite_database: Database, tmp_path: Path, site: Site) -> None:
    cast = on_shelf(sqlite_database, tmp_path, f"{site.address}/x")
    found = round_of(cast)
    assert (found.asked, "没有设 MULU_PROBES" in found.note, kept(cast)) == (0, True, [])


@pytest.mark.parametrize("values", [{"form": "1"}, {"state": "suspended"}, {"location": "exchange.api"}])
def test_only_interfaces_on_the_shelf_are_asked(
    sqlite_database: Database, tmp_path: Path, values: dict[str, str]
) -> None:
    cast = on_shelf(sqlite_database, tmp_path, "http://127.0.0.1:1/x")
    with sqlite_database.write() as session:
        assert len(due_probes(session, specs=load())) == 1
        session.execute(update(Distribution).values(**values))
        assert due_probes(session, specs=load()) == []
    assert cast.code


# ---- the daily job ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [True, False])
def test_the_daily_job_probes_what_the_operator_listed(
    sqlite_database: Database, tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    cast = on_shelf(sqlite_database, tmp_path, f"{site.address}/x", "实时")
    site.answers["/x"] = (200, {})
    monkeypatch.setenv("MULU_PROBES", f" {site.address} ," if listed else "")
    with cast.database.write() as session:
        job_id = enqueue(session, PROBE, {}, actor="system", now=NOON).id
    Worker(cast.database, work.works(store_of(tmp_path / "files")), clock=lambda: NOON).perform(job_id)
    with cast.database.read() as session:
        job = session.get_one(Job, job_id)
    counts = {"probed": 1, "reached": 0, "unreachable": 0} if listed else {}
    assert (job.state, (job.result or {})["counts"]) == ("done", counts)
    assert work.RECURRING[PROBE] == timedelta(days=1)


def test_the_setting_names_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MULU_PROBES", raising=False)
    assert read_settings().probes == ()
    monkeypatch.setenv("MULU_PROBES", "a.gov.cn, http://10.1.2.3:8080,")
    assert read_settings().probes == ("a.gov.cn", "http://10.1.2.3:8080")
