"""Imports over the API: a small file at once, a large one by a job; within one's own agency; never under review."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlmodel import col

from catalog_specs import Specs, load
from registry import accounts, work
from registry.db import Database
from registry.errors import NotAllowed, Unavailable
from registry.intake import Moved, judge_import, save_import
from registry.keys import canonical_json
from registry.models import Agency, AuditEvent, Blob, Entry, Job, Version
from registry.people import actor_of
from registry.stores import FolderStore
from registry.web import create_app
from registry.workers import Worker
from tests.catalogue_files import Make, bring, counts, everything, imported, reasons, states
from tests.conftest import NOW, TODAY
from tests.examples import good
from tests.test_jobs import wait_for
from tests.web_people import FOUNDER, agency, enter, person, settings_of

CIVIL, MARKET = "115203000094210200", "11520300MB1A00052M"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def cast(database: Database) -> Database:
    """A steward and a head of 遵义市民政局, an auditor, and the bureau's officer of the city."""
    with database.write() as session:
        civil = agency(session, "遵义市民政局", CIVIL)
        for login in ("steward", "head"):
            person(session, login, login, of=civil)
        person(session, "auditor", "auditor", of=civil)
        person(session, "bureau", "bureau", of=civil, region="5203")
    return database


@contextmanager
def client_of(database: Database, folder: Path, login: str, workers: int = 0) -> Iterator[TestClient]:
    """The application, signed in as ``login``; without a worker unless told."""
    settings = settings_of(database, files_folder=folder, workers=workers)
    with TestClient(create_app(settings)) as made:
        yield enter(made, database, login)


@pytest.fixture
def client(cast: Database, folder: Path) -> Iterator[TestClient]:
    """The application with its worker, signed in as the steward."""
    with client_of(cast, folder, "steward", workers=1) as made:
        yield made


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as a large one."""
    monkeypatch.setitem(load().entry.limits, "import_inline_bytes", 0)


def lines(*contents: dict[str, Any]) -> bytes:
    return "\n".join(canonical_json(content) for content in contents).encode()


def many(count: int) -> bytes:
    """So many entries of 遵义市民政局."""
    return lines(*(good("OK01", resource_code=None, resource_name=f"登记信息{n}") for n in range(count)))


def post(client: TestClient, data: bytes, *, name: str = "目录.jsonl", key: str = "", **form: str) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/imports", files={"file": (name, data)}, data=form, headers=headers)


# ---- at once ----------------------------------------------------------------------------------------------


def test_a_small_file_is_imported_at_once(client: TestClient, cast: Database) -> None:
    answer = post(client, lines(good("OK01"), good("OK02")))
    assert answer.status_code == 200
    report = answer.json()
    assert (report["file"], report["counts"]["added"], len(report["outcomes"])) == ("目录.jsonl", 2, 2)
    with cast.read() as session:
        assert set(session.execute(select(col(Version.created_by))).scalars()) == {"steward"}


def test_a_repeated_import_is_answered_alike(client: TestClient, cast: Database) -> None:
    first, again = (post(client, lines(good("OK01")), key="k") for _ in range(2))
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")
    assert everything(cast)["import_batch"] == 1


def test_rows_of_other_agencies_are_refused_row_by_row(client: TestClient, cast: Database) -> None:
    report = post(client, lines(good("OK01"), good("OK04"))).json()
    assert (report["counts"]["added"], report["counts"]["refused"]) == (1, 1)
    said = [f["message"] for f in report["findings"] if f["rule"] == "E167"]
    assert said == [f"这一行没有登记：提供方“{MARKET}”不在您可以登记的单位之内"]
    with cast.read() as session:
        assert [a.code for a in session.execute(select(Agency)).scalars()] == [CIVIL]


def test_the_bureau_takes_over_the_stock_of_its_city(cast: Database, folder: Path) -> None:
    liupanshui = good("OK02", provider_code="115202000094210219", provider_name="六盘水市民政局")
    with client_of(cast, folder, "bureau") as client:
        report = post(client, lines(good("OK01"), good("OK04"), liupanshui), mode="existing").json()
    assert (report["counts"]["added"], report["counts"]["refused"]) == (2, 1)
    with cast.read() as session:
        assert set(session.execute(select(col(Entry.state))).scalars()) == {"announced"}


@pytest.mark.parametrize(
    ("login", "mode", "role"),
    [("head", "draft", "steward"), ("steward", "existing", "bureau"), ("auditor", "draft", "steward")],
)
@pytest.mark.parametrize("limit", [0, 262144], ids=["job", "at once"])
def test_who_may_not_import_is_told_which_role_does(
    login: str,
    mode: str,
    role: str,
    limit: int,
    cast: Database,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(load().entry.limits, "import_inline_bytes", limit)
    with client_of(cast, folder, login) as client:
        answer = post(client, lines(good("OK01")), mode=mode)
    assert (answer.status_code, answer.json()["missing_roles"]) == (403, [role])
    assert (everything(cast)["entry"], everything(cast)["job"], folder.exists()) == (0, 0, False)


@pytest.mark.parametrize("method", ["post", "get", "delete"])
def test_a_stranger_is_refused(method: str, cast: Database, folder: Path) -> None:
    with TestClient(create_app(settings_of(cast, files_folder=folder))) as stranger:
        if method == "post":
            assert post(stranger, lines(good("OK01"))).status_code == 401
            return
        paths = ["/api/v1/jobs/j1", "/api/v1/jobs/j1/report", "/api/v1/jobs/j1/annotated"]
        for path in paths if method == "get" else paths[:1]:
            assert getattr(stranger, method)(path).status_code == 401


@pytest.mark.parametrize(
    ("form", "said"), [({"mode": "other"}, "mode"), ({"profile": "guiyang"}, "guiyang"), (None, "file")]
)
def test_a_form_that_is_wrong_is_told(
    form: dict[str, str] | None, said: str, client: TestClient, cast: Database
) -> None:
    answer = client.post("/api/v1/imports", data={}) if form is None else post(client, b"{}", **form)
    assert (answer.status_code, said in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("目录.xlsx", "目录.xlsx"),
        ("C:\\temp\\目录.xlsx", "目录.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("a\0b\n.csv", "ab.csv"),
        ("\ud800.csv", "csv"),
        ("..", "upload"),
        ("", "upload"),
        ("录" * 300 + ".xlsx", "录" * 65 + ".xlsx"),
        ("x." + "y" * 300, "x." + "y" * 198),
    ],
)
def test_a_file_keeps_a_name_that_any_disk_takes(given: str, kept: str) -> None:
    assert work.safe_name(given) == kept


def test_a_file_of_an_impossible_name_is_imported(client: TestClient) -> None:
    report = post(client, lines(good("OK01")), name="录" * 300 + ".jsonl").json()
    assert (report["counts"]["added"], report["file"][-6:]) == (1, ".jsonl")


# ---- by a job ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("large")
def test_a_large_file_is_imported_by_a_job(client: TestClient, cast: Database) -> None:
    answer = post(client, many(20))
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/v1/jobs/{answer.json()['id']}")
    wait_for(cast, answer.json()["id"])
    job = client.get(answer.headers["location"]).json()
    assert (job["state"], job["done"], job["total"], job["problem"]) == ("done", 20, 20, None)
    assert (job["counts"]["added"], job["created_by"]) == (20, "steward")
    report = client.get(job["report"])
    assert (report.status_code, report.json()["counts"]["added"]) == (200, 20)
    annotated = client.get(job["annotated"])
    assert (annotated.content[:2], annotated.headers["content-disposition"][-5:]) == (b"PK", 'xlsx"')
    assert everything(cast)["entry"] == 20


@pytest.mark.usefixtures("large")
def test_a_repeated_order_is_one_job(client: TestClient, cast: Database) -> None:
    first, again = (post(client, many(3), key="k") for _ in range(2))
    assert (first.json(), again.headers["location"]) == (again.json(), first.headers["location"])
    assert wait_for(cast, first.json()["id"]).state == "done"
    assert everything(cast)["import_batch"] == 1


@pytest.mark.usefixtures("large")
def test_a_file_that_cannot_be_read_fails_the_job(client: TestClient, cast: Database) -> None:
    job_id = post(client, b"PK\x03\x04", name="坏.xlsx").json()["id"]
    wait_for(cast, job_id)
    job = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["state"], job["problem"]["title"], job["attempts"]) == ("failed", "Unreadable", 1)
    assert client.get(f"/api/v1/jobs/{job_id}/report").status_code == 404


@pytest.mark.usefixtures("large")
def test_a_secret_file_does_not_stay(client: TestClient, cast: Database, folder: Path) -> None:
    secret = good("OK01", secret_flag="秘密")
    job_id = post(client, lines(secret), name="涉密目录.jsonl").json()["id"]
    wait_for(cast, job_id)
    job = client.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["state"], job["annotated"], job["counts"]["total"]) == ("done", None, 0)
    assert [f["rule"] for f in client.get(job["report"]).json()["findings"]] == ["E125"]
    with cast.read() as session:
        stored = session.get_one(Job, job_id)
        assert stored.payload["file_name"] == "（已擦除）"
        assert session.get_one(Blob, stored.payload["sha256"]).erased_at is not None
        acts = set(session.execute(select(col(AuditEvent.act))).scalars())
        assert {"order_import", "erase_file"} <= acts
    assert not FolderStore(folder).place_of(stored.payload["sha256"]).exists()
    assert post(client, lines(secret)).status_code == 410


def ordered(database: Database, folder: Path, data: bytes, **narrowed: Any) -> str:
    """A job of the steward that waits: no worker runs."""
    order = work.Order("目录.jsonl", "draft", "zunyi_2020")
    with database.write() as session:
        actor = replace(actor_of(session, "steward", today=TODAY), **narrowed)
        source = io.BytesIO(data)
        return work.order_import(session, source, order, folder=folder, actor=actor, now=NOW).id


def perform(database: Database, folder: Path, job_id: str) -> Job:
    Worker(database, work.works(folder)).perform(job_id, taken_over=True)
    with database.read() as session:
        return session.get_one(Job, job_id)


def test_a_disabled_person_s_job_does_nothing(cast: Database, folder: Path) -> None:
    job_id = ordered(cast, folder, many(2))
    with cast.write() as session:
        accounts.disable(session, "steward", actor=FOUNDER, now=NOW)
    job = perform(cast, folder, job_id)
    assert (job.state, job.problem and job.problem["title"]) == ("failed", "NotAllowed")
    assert everything(cast)["entry"] == 0


def test_a_job_ordered_by_a_token_may_do_no_more_than_the_token(cast: Database, folder: Path) -> None:
    with pytest.raises(NotAllowed):
        ordered(cast, folder, many(2), scopes=frozenset({"read_own"}))
    job_id = ordered(cast, folder, many(2), scopes=frozenset({"import_workbook"}))
    with cast.read() as session:
        assert session.get_one(Job, job_id).payload["scopes"] == ["import_workbook"]
    assert perform(cast, folder, job_id).state == "done"


def test_a_damaged_file_is_not_imported(cast: Database, folder: Path) -> None:
    job_id = ordered(cast, folder, many(2))
    with cast.read() as session:
        sha256 = session.get_one(Job, job_id).payload["sha256"]
    FolderStore(folder).place_of(sha256).write_bytes(many(3))
    job = perform(cast, folder, job_id)
    # it may be restored from a backup in the meantime
    assert (job.state, job.attempts, everything(cast)["entry"]) == ("queued", 1, 0)


def test_only_its_owner_and_who_reads_all_see_a_job(cast: Database, folder: Path) -> None:
    job_id = ordered(cast, folder, many(2))
    perform(cast, folder, job_id)
    seen = {login: statuses(cast, folder, login, job_id) for login in ("steward", "auditor", "head")}
    assert seen == {"steward": [200] * 3, "auditor": [200] * 3, "head": [404] * 3}


def statuses(database: Database, folder: Path, login: str, job_id: str) -> list[int]:
    """What is answered to ``login`` for a job, its report and its annotated copy."""
    with client_of(database, folder, login) as client:
        paths = [f"/api/v1/jobs/{job_id}{more}" for more in ("", "/report", "/annotated")]
        return [client.get(path).status_code for path in paths]


def test_who_runs_the_jobs_sees_their_state_and_not_their_files(cast: Database, folder: Path) -> None:
    job_id = ordered(cast, folder, many(2))
    perform(cast, folder, job_id)
    with cast.write() as session:
        person(session, "admin", "system_admin")
    assert statuses(cast, folder, "admin", job_id) == [200, 404, 404]


def test_a_waiting_job_is_cancelled_once(cast: Database, folder: Path) -> None:
    job_id = ordered(cast, folder, many(2))
    with client_of(cast, folder, "head") as client:
        assert client.delete(f"/api/v1/jobs/{job_id}").status_code == 404
    with client_of(cast, folder, "steward") as client:
        assert client.get(f"/api/v1/jobs/{job_id}").headers["retry-after"] == "1"
        assert client.get(f"/api/v1/jobs/{job_id}/report").status_code == 409
        first, again = (client.delete(f"/api/v1/jobs/{job_id}") for _ in range(2))
    assert (first.status_code, first.json()["state"], again.status_code) == (200, "cancelled", 409)
    assert perform(cast, folder, job_id).state == "cancelled"
    assert everything(cast)["entry"] == 0


def test_old_jobs_and_keys_are_swept(cast: Database, folder: Path) -> None:
    Worker(cast, work.works(folder), work.RECURRING, quiet=timedelta()).plan()
    with cast.read() as session:
        (job,) = session.execute(select(Job).where(col(Job.kind) == work.SWEEP)).scalars()
    assert (job.kind, job.created_by) == ("sweep", "system")
    assert perform(cast, folder, job.id).result == {"repeated_requests": 0, "jobs": 0, "outbox": 0}


def test_a_job_that_died_before_its_report_writes_it_and_registers_nothing_twice(
    cast: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = ordered(cast, folder, many(3))

    def die(*_given: Any, **_more: Any) -> None:
        raise Unavailable("磁盘已满")

    with monkeypatch.context() as broken:
        broken.setattr(work, "_report", die)
        job = perform(cast, folder, job_id)
    assert (job.state, job.result and job.result["counts"]["added"]) == ("queued", 3)
    before = everything(cast)
    job = perform(cast, folder, job_id)
    assert (job.state, job.attempts, job.result and job.result["counts"]["added"]) == ("done", 2, 3)
    with client_of(cast, folder, "steward") as client:
        report = client.get(f"/api/v1/jobs/{job_id}/report").json()
    assert ([o["outcome"] for o in report["outcomes"]], len(report["allocated"])) == (["added"] * 3, 3)
    after = everything(cast)
    assert all(after[name] == before[name] for name in ("entry", "version", "import_batch", "code_record"))


@pytest.mark.parametrize("limit", ["import_inline_bytes", ""], ids=["job", "at once"])
def test_a_file_that_is_too_large_is_refused(
    limit: str, client: TestClient, cast: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in filter(None, ("file_bytes", limit)):
        monkeypatch.setitem(load().entry.limits, name, 100)
    answer = post(client, many(3))
    assert (answer.status_code, answer.json()["title"]) == (413, "TooLarge")
    assert (everything(cast)["job"], everything(cast)["blob"], everything(cast)["entry"]) == (0, 0, 0)


# ---- judged first, saved later ----------------------------------------------------------------------------


def test_a_register_that_moved_in_between_is_noticed(cast: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(good("OK01")))
    with cast.read() as session:
        judged = judge_import(session, path, now=NOW, profile="zunyi_2020")
    other = tmp_path / "b.jsonl"
    other.write_bytes(lines(good("OK01", resource_code=None)))
    imported(cast, other)
    with pytest.raises(Moved), cast.write() as session:
        save_import(session, judged, actor="steward", now=NOW)
    assert everything(cast)["entry"] == 1


def test_a_job_judges_again_when_the_register_moved(
    cast: Database, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = ordered(cast, folder, lines(good("OK01")))
    other = tmp_path / "b.jsonl"
    other.write_bytes(lines(good("OK01")))
    judge = work.judge_import

    def slow(*given: Any, **more: Any) -> Any:
        judged = judge(*given, **more)
        imported(cast, other)
        return judged

    monkeypatch.setattr(work, "judge_import", slow)
    job = perform(cast, folder, job_id)
    assert (job.state, job.result and job.result["counts"]["unchanged"]) == ("done", 1)
    assert everything(cast)["entry"] == 1


# ---- what is under review ---------------------------------------------------------------------------------


def put(database: Database, state: str) -> None:
    """Put the newest version of every entry into a state, waiting for somebody."""
    with database.write() as session:
        awaits = {"awaits": "endorse", "awaits_role": "head", "awaits_since": NOW}
        session.execute(update(Version).values(state=state, **awaits))
        session.execute(update(Entry).values(state=state))


@pytest.mark.parametrize("state", ["submitted", "approved"])
@pytest.mark.parametrize("mode", ["draft", "existing"])
def test_an_entry_under_review_is_not_changed(
    state: str, mode: str, database: Database, entries_file: Make
) -> None:
    bring(database, entries_file, good("OK01"))
    put(database, state)
    before = everything(database)
    result = bring(
        database, entries_file, good("OK01", resource_abstract="改过的摘要，写得更长一些"), mode=mode
    )
    assert (counts(result), reasons(result)) == ((0, 0, 0, 1), ["under_review"])
    assert states(database) == (state, None, [(1, state)])
    after = everything(database)
    assert {name for name in after if after[name] != before[name]} <= {
        "import_batch",
        "audit_event",
        "audit_content",
    }


def test_equal_content_of_an_entry_under_review_is_not_touched(
    database: Database, entries_file: Make
) -> None:
    bring(database, entries_file, good("OK01"))
    put(database, "submitted")
    with database.write() as session:
        session.execute(update(Version).values(spec="as submitted"))
    result = bring(database, entries_file, good("OK01"))
    assert (counts(result), result.outcomes) == ((0, 0, 1, 0), ["unchanged"])
    with database.read() as session:
        assert session.execute(select(col(Version.spec))).scalar_one() == "as submitted"


def test_a_returned_version_gives_way_to_a_new_draft(database: Database, entries_file: Make) -> None:
    bring(database, entries_file, good("OK01"))
    put(database, "returned")
    result = bring(database, entries_file, good("OK01", resource_abstract="按退回意见改过的摘要，写得更长"))
    assert counts(result) == (0, 1, 0, 0)
    assert states(database) == ("draft", None, [(1, "superseded"), (2, "draft")])
    with database.read() as session:
        old = session.execute(select(Version).where(col(Version.number) == 1)).scalar_one()
        assert (old.awaits, old.awaits_role, old.awaits_since) == (None, None, None)


def test_the_refusal_is_worded(specs: Specs, database: Database, entries_file: Make) -> None:
    bring(database, entries_file, good("OK01"))
    put(database, "submitted")
    result = bring(database, entries_file, good("OK01", resource_abstract="改过的摘要，写得更长一些"))
    (said,) = [line.worded.message for line in result.check.lines() if line.worded.rule == "E167"]
    assert said == "这一行没有登记：这条目录正在审核，不能修改；须先退回"


# ---- kill -9 ----------------------------------------------------------------------------------------------


def worker_process(database: Database, folder: Path, overlay: Path) -> "subprocess.Popen[bytes]":
    """``mulu work`` in a process of its own, with a short lease."""
    environment = os.environ | {
        "MULU_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "MULU_FILES_DIR": str(folder),
        "MULU_SPECS": str(overlay),
    }
    command = [Path(sys.executable).with_name("mulu"), "work"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def _reached(attempt: int, total: int, job: Job) -> bool:
    return (job.state, job.attempts) == ("running", attempt) and job.total >= total


def test_a_job_killed_in_the_middle_runs_again_and_counts_once(
    cast: Database, folder: Path, tmp_path: Path
) -> None:
    overlay = tmp_path / "specs"
    overlay.mkdir()
    (overlay / "entry.yaml").write_text("limits: {job_lease_seconds: 2, job_attempts: 9}\n", "utf-8")
    job_id = ordered(cast, folder, many(1500))
    for number, begun in ((1, 0), (2, 1), (3, 1)):
        # killed while it reads the file, and while it judges or writes
        process = worker_process(cast, folder, overlay)
        wait_for(cast, job_id, partial(_reached, number, begun * 1500))
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = worker_process(cast, folder, overlay)
    try:
        job = wait_for(cast, job_id)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert (job.state, job.problem, job.attempts) == ("done", None, 4)
    with cast.read() as session:
        names = list(session.execute(select(col(Version.name))).scalars())
        registered = session.execute(select(AuditEvent).where(col(AuditEvent.act) == "register")).all()
    assert sorted(names) == sorted(f"登记信息{n}" for n in range(1500))
    assert (len(registered), everything(cast)["import_batch"]) == (1500, 1)
    assert job.result is not None and job.result["counts"]["added"] == 1500
