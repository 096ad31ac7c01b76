"""Scans over the API: at once or by a job, for whom it is allowed; nothing of an upload stays."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry import work
from registry.db import Database
from registry.models import AuditContent, AuditEvent, Blob, Job
from registry.stores import FolderStore
from registry.web import create_app
from registry.workers import Worker
from tests.catalogue_files import Make, bring, everything
from tests.examples import good
from tests.test_scan_command import ID_A, ID_B, MASKED, PEOPLE
from tests.web_people import MARKET, agency, enter, person, settings_of, token

CIVIL = "115203000094210200"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def cast(sqlite_database: Database) -> Database:
    """A steward, a secrecy reviewer and a head of 遵义市民政局, a steward of another agency, an auditor."""
    with sqlite_database.write() as session:
        civil = agency(session, "遵义市民政局", CIVIL)
        other = agency(session, "遵义市市场监督管理局", MARKET)
        for login in ("steward", "head"):
            person(session, login, login, of=civil)
        person(session, "secrecy", "secrecy_reviewer", of=civil)
        person(session, "other", "steward", of=other)
        person(session, "auditor", "auditor", of=civil)
        person(session, "admin", "system_admin")
    return sqlite_database


@contextmanager
def client_of(database: Database, folder: Path, login: str) -> Iterator[TestClient]:
    """The application without a worker, signed in as ``login``."""
    settings = settings_of(database, files_folder=folder, workers=0)
    with TestClient(create_app(settings)) as made:
        yield enter(made, database, login)


@pytest.fixture
def client(cast: Database, folder: Path) -> Iterator[TestClient]:
    with client_of(cast, folder, "steward") as made:
        yield made


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as a large one."""
    monkeypatch.setitem(load().entry.limits, "import_inline_bytes", 0)


def post(
    client: TestClient, text: str = PEOPLE, *, name: str = "名单.csv", key: str = "", **form: str
) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/scans", files={"file": (name, text.encode())}, data=form, headers=headers)


def perform(database: Database, folder: Path, job_id: str) -> Job:
    Worker(database, work.works(FolderStore(folder))).perform(job_id, taken_over=True)
    with database.read() as session:
        return session.get_one(Job, job_id)


def stored(folder: Path) -> bytes:
    """All bytes in the store."""
    return (
        b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        if folder.exists()
        else b""
    )


def scan_acts(database: Database) -> list[dict[str, Any]]:
    """The details of the scans on the record."""
    with database.read() as session:
        joined = select(col(AuditContent.content)).join(
            AuditEvent, col(AuditEvent.seq) == col(AuditContent.seq)
        )
        found = session.execute(joined.where(col(AuditEvent.act) == "scan")).scalars()
        return [json.loads(content or "{}") for content in found]


# ---- at once ----------------------------------------------------------------------------------------------


def test_a_small_file_is_answered_at_once(client: TestClient) -> None:
    answer = post(client, open_type="1")
    assert answer.status_code == 200
    report = answer.json()
    assert (report["file"], report["rows"], report["verdict"], report["open_type"]) == (
        "名单.csv",
        2,
        "hits",
        "1",
    )
    assert [value for value in (ID_A, ID_B, "张三") if value in answer.text] == []


def test_nothing_of_it_is_kept_and_the_record_holds_digest_and_verdict(
    client: TestClient, cast: Database, folder: Path
) -> None:
    before = everything(cast)
    report = post(client).json()
    after = everything(cast)
    changed = {name for name in after if after[name] != before[name]}
    assert (changed, stored(folder)) == ({"audit_event", "audit_content"}, b"")
    assert scan_acts(cast) == [{"sha256": report["sha256"], "verdict": "hits"}]


def test_a_repeated_scan_is_answered_alike_and_recorded_once(client: TestClient, cast: Database) -> None:
    first, again = (post(client, key="k") for _ in range(2))
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")
    assert len(scan_acts(cast)) == 1


def test_a_file_that_cannot_be_read_is_told(client: TestClient) -> None:
    answer = post(client, "PK\x03\x04", name="坏.xlsx")
    assert (answer.status_code, answer.json()["title"]) == (422, "Unreadable")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"open_type": "4"}, "没有开放类型“4”"),
        ({"colour": "red"}, "没有这一项"),
        ({"table": "t"}, "只写其一"),
    ],
)
def test_a_form_that_is_wrong_is_told(form: dict[str, str], said: str, client: TestClient) -> None:
    answer = post(client, **form)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text


@pytest.mark.parametrize(
    "given",
    [
        {"data": {"open_type": "1"}},
        {"content": b"name\n", "headers": {"Content-Type": "text/csv"}},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"json": {"source": "source:POP"}},
        {"json": {"source": 7, "table": "t"}},
        {"json": []},
    ],
)
def test_a_body_that_is_no_order_is_refused(given: dict[str, Any], client: TestClient) -> None:
    assert client.post("/api/v1/scans", **given).status_code == 422


# ---- who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "status"), [("steward", 200), ("secrecy", 200), ("head", 403), ("auditor", 403), ("admin", 403)]
)
def test_who_may_see_sample_values_may_scan(login: str, status: int, cast: Database, folder: Path) -> None:
    with client_of(cast, folder, login) as client:
        assert post(client, MASKED).status_code == status


@pytest.mark.usefixtures("large")
def test_who_may_not_scan_stores_nothing(cast: Database, folder: Path) -> None:
    with client_of(cast, folder, "head") as client:
        answer = post(client)
    assert (answer.status_code, stored(folder), everything(cast)["job"]) == (403, b"", 0)
    assert "steward" in answer.json()["missing_roles"]


@pytest.mark.parametrize("text", [PEOPLE, PEOPLE * 4000], ids=["at once", "job"])
def test_a_file_that_is_called_secret_is_not_taken(text: str, client: TestClient, folder: Path) -> None:
    answer = post(client, text, name="机密★名单.csv")
    assert (answer.status_code, "E125" in answer.text, stored(folder)) == (422, True, b"")


def test_a_stranger_is_refused(cast: Database, folder: Path) -> None:
    with TestClient(create_app(settings_of(cast, files_folder=folder))) as stranger:
        assert post(stranger).status_code == 401
        assert stranger.get("/api/v1/scans/j1/html").status_code == 401


def test_a_token_scans_within_its_scope(cast: Database, folder: Path) -> None:
    with cast.write() as session:
        wide, narrow = (token(session, "steward", scope).plain for scope in ("see_sample_values", "read_own"))
    with TestClient(create_app(settings_of(cast, files_folder=folder, workers=0))) as client:
        for plain, status in ((wide, 200), (narrow, 403)):
            client.headers["Authorization"] = f"Bearer {plain}"
            assert post(client, MASKED).status_code == status


# ---- by a job ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("large")
def test_a_larger_file_is_scanned_by_a_job(client: TestClient, cast: Database, folder: Path) -> None:
    answer = post(client)
    job_id = answer.json()["id"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/v1/jobs/{job_id}")
    perform(cast, folder, job_id)
    job = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["kind"], job["state"], job["problem"], job["counts"]["rows"]) == ("scan", "done", None, 2)
    report = client.get(job["report"]).json()
    assert (report["verdict"], report["columns"][1]["detectors"][0]["hits"]) == ("hits", 2)
    assert scan_acts(cast) == [{"sha256": report["sha256"], "verdict": "hits"}]


@pytest.mark.usefixtures("large")
def test_the_upload_is_erased_and_the_same_file_may_come_again(
    client: TestClient, cast: Database, folder: Path
) -> None:
    for _ in range(2):
        job_id = post(client).json()["id"]
        assert ID_A.encode() in stored(folder)
        assert perform(cast, folder, job_id).state == "done"
        assert ID_A.encode() not in stored(folder)
    with cast.read() as session:
        blobs = session.execute(select(Blob)).scalars().all()
    # two uploads under names that tell nothing of them, and what is left: the report
    assert sorted(blob.erased_at is not None for blob in blobs) == [False, True, True]


@pytest.mark.usefixtures("large")
def test_a_file_that_cannot_be_read_fails_the_job_and_is_erased(
    client: TestClient, cast: Database, folder: Path
) -> None:
    job_id = post(client, f"PK\x03\x04{ID_A}", name="坏.xlsx").json()["id"]
    job = perform(cast, folder, job_id)
    assert (job.state, job.problem and job.problem["title"]) == ("failed", "Unreadable")
    assert ID_A.encode() not in stored(folder)
    assert client.get(f"/api/v1/jobs/{job_id}/report").status_code == 404


@pytest.mark.usefixtures("large")
def test_a_cancelled_scan_s_upload_is_swept_away(client: TestClient, cast: Database, folder: Path) -> None:
    job_id = post(client).json()["id"]
    assert client.delete(f"/api/v1/jobs/{job_id}").json()["state"] == "cancelled"
    Worker(cast, work.works(FolderStore(folder)), work.RECURRING, quiet=work.RECURRING[work.SWEEP] * 0).plan()
    with cast.read() as session:
        (sweep,) = session.execute(select(col(Job.id)).where(col(Job.kind) == "sweep")).scalars()
    assert perform(cast, folder, sweep).state == "done"
    assert ID_A.encode() not in stored(folder)


@pytest.mark.usefixtures("large")
def test_only_who_ordered_a_scan_reads_its_report(client: TestClient, cast: Database, folder: Path) -> None:
    job_id = post(client).json()["id"]
    perform(cast, folder, job_id)
    paths = [f"/api/v1/jobs/{job_id}", f"/api/v1/jobs/{job_id}/report", f"/api/v1/scans/{job_id}/html"]
    seen = {}
    for login in ("steward", "auditor", "admin", "other"):
        with client_of(cast, folder, login) as asked:
            seen[login] = [asked.get(path).status_code for path in paths]
    assert seen == {
        "steward": [200, 200, 200],
        "auditor": [200, 404, 404],
        "admin": [200, 404, 404],
        "other": [404, 404, 404],
    }


@pytest.mark.usefixtures("large")
def test_the_report_is_also_an_html_file(client: TestClient, cast: Database, folder: Path) -> None:
    job_id = post(client).json()["id"]
    assert client.get(f"/api/v1/scans/{job_id}/html").status_code == 409
    perform(cast, folder, job_id)
    answer = client.get(f"/api/v1/scans/{job_id}/html")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "结论：有未脱敏的直接标识符" in answer.text and ID_A not in answer.text


@pytest.mark.usefixtures("large")
def test_who_lost_the_role_in_the_meantime_scans_nothing(
    client: TestClient, cast: Database, folder: Path
) -> None:
    from registry import accounts
    from tests.conftest import NOW
    from tests.web_people import FOUNDER

    job_id = post(client).json()["id"]
    with cast.write() as session:
        accounts.disable(session, "steward", actor=FOUNDER, now=NOW)
    job = perform(cast, folder, job_id)
    assert (job.state, job.problem and job.problem["title"]) == ("failed", "NotAllowed")
    assert ID_A.encode() not in stored(folder)


def test_an_import_s_report_is_still_read_by_who_reads_all(cast: Database, folder: Path) -> None:
    with client_of(cast, folder, "steward") as client:
        assert client.get("/api/v1/scans/j1/html").status_code == 404


# ---- tables -----------------------------------------------------------------------------------------------


@pytest.fixture
def population(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A source that the operator named."""
    path = tmp_path / "人口.sqlite3"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE people (name TEXT, sfzh TEXT)")
        made.executemany("INSERT INTO people VALUES (?, ?)", [("张三", ID_A), ("李四", ID_B)])
    made.close()
    monkeypatch.setenv("MULU_SOURCE_POP_URL", f"sqlite:///{path}")
    return "source:POP"


def test_a_named_source_is_scanned_by_a_job(
    population: str, client: TestClient, cast: Database, folder: Path
) -> None:
    answer = client.post("/api/v1/scans", json={"source": population, "table": "people"})
    assert answer.status_code == 202, answer.text
    job = perform(cast, folder, answer.json()["id"])
    assert job.state == "done", job.problem
    report = client.get(f"/api/v1/jobs/{job.id}/report").json()
    assert (report["rows"], report["sha256"], report["verdict"]) == (2, None, "hits")


@pytest.mark.parametrize("source", ["sqlite:////etc/passwd", "postgresql://a:b@10.0.0.1/x", "people.csv"])
def test_only_named_sources_are_read(source: str, client: TestClient, cast: Database) -> None:
    answer = client.post("/api/v1/scans", json={"source": source, "table": "people"})
    assert (answer.status_code, everything(cast)["job"], source in answer.text) == (403, 0, False)


def test_a_table_is_for_who_makes_proofs(population: str, cast: Database, folder: Path) -> None:
    with client_of(cast, folder, "secrecy") as client:
        answer = client.post("/api/v1/scans", json={"source": population, "table": "people"})
    assert (answer.status_code, answer.json()["missing_roles"]) == (403, ["steward"])


def test_a_source_that_nobody_named_is_told(client: TestClient, cast: Database) -> None:
    answer = client.post("/api/v1/scans", json={"source": "source:NOBODY", "table": "people"})
    assert (answer.status_code, "MULU_SOURCE_NOBODY_URL" in answer.text, everything(cast)["job"]) == (
        422,
        True,
        0,
    )


# ---- items ------------------------------------------------------------------------------------------------

ITEMS = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@ITEMS
def test_a_file_is_compared_with_an_entry_of_one_s_own(
    client: TestClient, cast: Database, entries_file: Make
) -> None:
    bring(cast, entries_file, good("OK01"))
    code = good("OK01")["resource_code"]
    report = post(client, f"nfsfzh,备注\n{ID_A},无\n", items=code).json()
    assert (report["items"], report["open_type"], report["columns"][0]["item"]) == (
        code,
        "3",
        "男方身份证件号码",
    )
    assert report["expectations"]["checks"]


def test_another_agency_s_entry_is_not_to_be_compared_with(
    cast: Database, folder: Path, entries_file: Make
) -> None:
    bring(cast, entries_file, good("OK01"))
    with client_of(cast, folder, "other") as client:
        answer = post(client, items=good("OK01")["resource_code"])
    assert answer.status_code in (403, 404)
