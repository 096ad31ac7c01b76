"""Checks by a job: as who ordered them, once, and nothing of what does not pass stays; tables scanned again in time."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry import accounts, proof_job, proof_rescan, work
from registry.db import Database
from registry.errors import NotAllowed, Unavailable
from registry.jobs import Overtaken, enqueue
from registry.models import AuditEvent, BatchProof, Blob, Distribution, Job, StandingProof
from registry.people import actor_of
from registry.permits import EVERYTHING
from registry.proof_job import Content, order_proof
from registry.proof_orders import Order
from registry.proof_rescan import RESCAN, due_tables
from registry.proof_states import held_shown
from registry.sources import Source
from registry.web import create_app
from registry.workers import Worker
from tests.api_people import Api
from tests.open_api import (
    CLEAN,
    FORMS,
    LEAKED,
    LEAKY,
    agree,
    attach_table,
    batches,
    blobs,
    fill,
    open_api,
    order_table,
    perform,
    post,
    stored,
)
from tests.open_data import csv_bytes, leaky, open_cast, rows
from tests.stages import shelf
from tests.web_people import FOUNDER, settings_of

MONTH = timedelta(days=31)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path) as made:
        yield made


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as a large one."""
    monkeypatch.setitem(load().entry.limits, "import_inline_bytes", 0)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A view of clean rows behind ``source:OPEN``."""
    path = fill(tmp_path, rows())
    monkeypatch.setenv("MULU_SOURCE_OPEN_URL", f"sqlite:///{path}")
    return path


def shown(api: Api, job_id: str, role: str = "steward") -> dict[str, Any]:
    found: dict[str, Any] = api.as_role(role).get(f"/api/v1/jobs/{job_id}").json()
    return found


# ---- a file -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("large")
def test_a_large_file_is_checked_and_entered_by_its_job(api: Api) -> None:
    job_id = post(api).json()["id"]
    perform(api, job_id)
    job = shown(api, job_id)
    assert (job["state"], job["counts"]["rows"], job["counts"]["residual"]) == ("done", 24, 0)
    assert batches(api) == [("waiting", "steward")]
    batch = api.as_role("steward").get(job["proof"]).json()["batches"][0]
    assert (batch["result"], batch["name"]) == ("clean", "门诊.csv")
    assert stored(api) == CLEAN  # the upload is gone, the file is kept under its own digest


@pytest.mark.usefixtures("large")
def test_of_a_file_that_does_not_pass_only_the_masked_report_stays(api: Api) -> None:
    job_id = post(api, LEAKY).json()["id"]
    perform(api, job_id)
    job, steward = shown(api, job_id), api.as_role("steward")
    assert (job["state"], job["problem"]["title"], job["proof"]) == ("failed", "Rejected", None)
    report = steward.get(job["report"])
    assert (report.json()["verdict"], LEAKED in report.text) == ("hits", False)
    assert LEAKED.encode() not in stored(api)
    assert (batches(api), blobs(api)) == ([], 1)


@pytest.mark.usefixtures("large")
def test_its_report_is_for_who_ordered_it(api: Api) -> None:
    job_id = post(api, LEAKY).json()["id"]
    perform(api, job_id)
    at = f"/api/v1/jobs/{job_id}/report"
    statuses = [api.as_role(role).get(at).status_code for role in ("steward", "auditor", "head")]
    assert statuses == [200, 404, 404]


@pytest.mark.usefixtures("large")
def test_a_file_that_did_not_pass_may_come_again(api: Api) -> None:
    for _ in range(2):
        job_id = post(api, LEAKY).json()["id"]
        assert (perform(api, job_id).problem or {})["title"] == "Rejected"


@pytest.mark.usefixtures("large")
def test_what_is_held_leaves_what_is_offered_alone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    perform(api, post(api).json()["id"])
    agree(api, _standing(api).id)
    job_id = post(api, LEAKY).json()["id"]
    perform(api, job_id)
    assert (shown(api, job_id)["state"], batches(api)[-1]) == ("done", ("held", "steward"))
    assert stored(api) == CLEAN


@pytest.mark.usefixtures("large")
def test_a_damaged_file_fails_the_job_and_is_erased(api: Api) -> None:
    job_id = post(api, b"PK\x03\x04", name="坏.xlsx").json()["id"]
    job = perform(api, job_id)
    assert (job.state, (job.problem or {})["title"], stored(api)) == ("failed", "Unreadable", b"")


def _standing(api: Api) -> StandingProof:
    with api.database.read() as session:
        return session.execute(select(StandingProof)).scalars().one()


@pytest.mark.usefixtures("large")
def test_a_job_enters_a_proof_on_every_database(database: Database, tmp_path: Path, source: Path) -> None:
    cast = open_cast(database, tmp_path, **FORMS)
    cast.now = datetime.now(UTC)
    app = create_app(settings_of(database, files_folder=tmp_path / "files", workers=0))
    api = Api(cast, app)
    perform(api, post(api).json()["id"])
    assert agree(api, _standing(api).id).json()["valid"] is True
    perform(api, post(api, LEAKY).json()["id"])
    perform(api, order_table(api, distribution=attach_table(api)).json()["id"])
    assert [state for state, _ in batches(api)] == ["proven", "held", "waiting"]
    app.state.database.close()


# ---- as whom, and once ------------------------------------------------------------------------------------


def ordered(api: Api, data: bytes = CLEAN, **narrowed: Any) -> str:
    """A check ordered by the steward."""
    folder, now = api.app.state.settings.files, api.cast.now
    with api.database.write() as session:
        actor = replace(actor_of(session, "steward", today=now.date()), **narrowed)
        order, content = Order(api.cast.code), Content("门诊.csv")
        return order_proof(session, order, content, io.BytesIO(data), folder=folder, actor=actor, now=now).id


def test_a_disabled_person_s_check_does_nothing(api: Api) -> None:
    job_id = ordered(api)
    with api.database.write() as session:
        accounts.disable(session, "steward", actor=FOUNDER, now=api.cast.now)
    job = perform(api, job_id)
    assert (job.state, (job.problem or {})["title"]) == ("failed", "NotAllowed")
    assert (batches(api), stored(api)) == ([], b"")


def test_a_check_by_a_token_may_do_no_more_than_the_token(api: Api) -> None:
    with pytest.raises(NotAllowed):
        ordered(api, scopes=frozenset({"read_own"}))
    job_id = ordered(api, scopes=frozenset({"read_own", "make_proof"}))
    job = perform(api, job_id)  # the first file of an entry is attached, too
    assert (job.state, (job.problem or {})["title"]) == ("failed", "NotAllowed")
    job_id = ordered(api, scopes=frozenset({"read_own", "make_proof", "attach"}))
    assert perform(api, job_id).state == "done"


def test_a_check_killed_before_its_end_counts_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = ordered(api)

    def die(*_given: Any, **_more: Any) -> None:
        raise Unavailable("磁盘已满")

    with monkeypatch.context() as broken:
        broken.setattr(proof_job, "_answer", die)
        assert perform(api, job_id).state == "queued"
    assert batches(api) == []
    job = perform(api, job_id)
    assert (job.state, job.attempts, batches(api)) == ("done", 2, [("waiting", "steward")])


def test_an_overtaken_check_enters_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, finish = ordered(api), proof_job.Task.finish

    def late(task: Any, session: Any, result: Any) -> None:
        task.attempt -= 1  # as if the next attempt had begun
        finish(task, session, result)

    with monkeypatch.context() as overtaken:
        overtaken.setattr(proof_job.Task, "finish", late)
        assert perform(api, job_id).state == "running"
    assert (batches(api), issubclass(Overtaken, Exception)) == ([], True)


def test_the_upload_of_a_cancelled_check_is_swept_away(api: Api) -> None:
    job_id = ordered(api)
    assert api.as_role("steward").delete(f"/api/v1/jobs/{job_id}").json()["state"] == "cancelled"
    assert CLEAN in stored(api)
    with api.database.write() as session:
        sweep = enqueue(session, work.SWEEP, {}, actor="system", now=api.cast.now).id
    assert perform(api, sweep).state == "done"
    assert (stored(api), blobs(api)) == (b"", 0)


def test_the_order_stands_on_the_record(api: Api) -> None:
    job_id = ordered(api)
    perform(api, job_id)
    with api.database.read() as session:
        query = select(col(AuditEvent.act)).where(col(AuditEvent.actor) == "steward")
        acts = list(session.execute(query.order_by(col(AuditEvent.seq))).scalars())
    assert acts[-3:] == ["order_proof", "attach", "check_proof"]


# ---- tables -----------------------------------------------------------------------------------------------


def shelved_table(api: Api) -> str:
    """A table proven by its source's name, agreed to and on the shelf; its key."""
    made = attach_table(api)
    perform(api, order_table(api).json()["id"])
    agree(api, _standing(api).id)
    api.cast.now += timedelta(minutes=5)
    api.cast.act("clear_data", "secrecy_reviewer", name=made)
    api.cast.record("provision_test", name=made)
    api.cast.act("shelve", "steward", name=made)
    return made


def rescan(api: Api, at: datetime) -> Job:
    """The daily job as it is done at a moment."""
    works = work.works(api.app.state.settings.files)
    with api.database.write() as session:
        job_id = enqueue(session, RESCAN, {}, actor="system", now=at).id
    Worker(api.database, works, clock=lambda: at).perform(job_id)
    with api.database.read() as session:
        return session.get_one(Job, job_id)


@pytest.mark.usefixtures("source")
def test_a_table_is_checked_where_the_operator_named_it(api: Api) -> None:
    attach_table(api)
    job = perform(api, order_table(api).json()["id"])
    standing = _standing(api)
    assert (job.state, standing.place, batches(api)) == (
        "done",
        "source:OPEN#v_mzjz",
        [("waiting", "steward")],
    )


@pytest.mark.usefixtures("source")
def test_a_shelved_table_is_scanned_again_by_the_system_when_a_month_has_passed(api: Api) -> None:
    shelved_table(api)
    job = rescan(api, api.cast.now + timedelta(days=20))
    assert (job.state, job.result) == (
        "done",
        {"counts": {"scanned": 0, "held": 0, "unreached": 0}, "note": ""},
    )
    job = rescan(api, api.cast.now + MONTH)
    assert (job.result or {})["counts"] == {"scanned": 1, "held": 0, "unreached": 0}
    assert batches(api) == [("proven", "steward"), ("proven", "system")]
    assert (rescan(api, api.cast.now + MONTH).result or {})["counts"]["scanned"] == 0


def test_a_table_that_leaks_by_now_is_held_and_nothing_else_is_moved(api: Api, source: Path) -> None:
    shelved_table(api)
    fill(source.parent, leaky())
    job = rescan(api, api.cast.now + MONTH)
    assert (job.result or {})["counts"] == {"scanned": 1, "held": 1, "unreached": 0}
    assert (batches(api)[-1], shelf(api.cast)[0]) == (("held", "system"), "shelved")
    with api.database.read() as session:
        (held,) = held_shown(session, sight=EVERYTHING)
    assert ("暂停" in held.cure, held.checker) == (True, "system")
    (state,) = api.as_role("steward").get(f"{api.entry}/proofs").json()["results"]
    assert (state["valid"], "没有通过" in state["missing"][0]) == (False, True)


def test_a_source_that_cannot_be_reached_was_not_scanned(api: Api, source: Path) -> None:
    shelved_table(api)
    source.unlink()
    job = rescan(api, api.cast.now + MONTH)
    assert (job.state, (job.result or {})["counts"]["unreached"]) == ("done", 1)
    assert api.cast.code in (job.result or {})["note"]
    assert batches(api) == [("proven", "steward")]
    fill(source.parent, rows())
    assert (rescan(api, api.cast.now + MONTH).result or {})["counts"]["scanned"] == 1


def test_a_view_that_was_changed_is_held(api: Api, source: Path) -> None:
    shelved_table(api)
    fill(source.parent, rows(), more=", 1 AS 多一列")
    job = rescan(api, api.cast.now + MONTH)
    assert ((job.result or {})["counts"]["held"], batches(api)[-1][0]) == (1, "held")


@pytest.mark.usefixtures("source")
def test_what_is_not_on_the_shelf_or_not_agreed_to_is_not_scanned_again(api: Api) -> None:
    made = attach_table(api)
    perform(api, order_table(api).json()["id"])
    later = api.cast.now + MONTH
    with api.database.write() as session:
        assert due_tables(session, now=later) == []
        session.get_one(Distribution, made).state = "shelved"
        session.flush()
        assert due_tables(session, now=later) == []  # not agreed to
        session.execute(select(StandingProof)).scalars().one().agreed = True
        session.flush()
        assert [one.distribution_id for one in due_tables(session, now=later)] == [made]


@pytest.mark.usefixtures("source")
def test_the_system_makes_no_standing_proof(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    shelved_table(api)
    with api.database.write() as session:
        session.execute(select(StandingProof)).scalars().one().rules_digest = "0" * 64
    job = rescan(api, api.cast.now + MONTH)
    assert ((job.result or {})["counts"]["unreached"], "已失效" in (job.result or {})["note"]) == (1, True)
    assert batches(api) == [("proven", "steward")]


@pytest.mark.usefixtures("source")
def test_the_sample_of_an_interface_is_not_scanned_again(api: Api) -> None:
    shelved_table(api)
    with api.database.write() as session:
        session.execute(select(BatchProof)).scalars().one().kind = "sample"
        session.flush()
        assert due_tables(session, now=api.cast.now + MONTH) == []


def test_a_table_that_breaks_off_was_not_scanned(
    api: Api, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelved_table(api)
    opened = proof_rescan.table_of

    def broken(*given: Any) -> Source:
        table = opened(*given)
        rows_of = table.read

        def read(one: Source) -> Iterator[Any]:
            yield from rows_of(one)
            one.report("broken", row=1, detail="x")

        table.read = read
        return table

    with monkeypatch.context() as cut:
        cut.setattr(proof_rescan, "table_of", broken)
        assert (rescan(api, api.cast.now + MONTH).result or {})["counts"]["unreached"] == 1
    assert batches(api) == [("proven", "steward")]


def test_what_recurs_is_planned_once_a_day(api: Api) -> None:
    assert work.RECURRING[RESCAN] == timedelta(days=1)
    Worker(api.database, {}, {RESCAN: work.RECURRING[RESCAN]}, quiet=timedelta()).plan()
    with api.database.read() as session:
        kinds = [tuple(row) for row in session.execute(select(col(Job.kind), col(Job.created_by)))]
    assert kinds == [(RESCAN, "system")]


@pytest.mark.usefixtures("large")
def test_a_published_file_is_kept_though_its_upload_is_erased(api: Api) -> None:
    perform(api, post(api).json()["id"])
    agree(api, _standing(api).id)
    new = csv_bytes(rows(groups=5))
    perform(api, post(api, new).json()["id"])
    with api.database.read() as session:
        erased = session.query(Blob).filter(col(Blob.erased_at).is_not(None)).count()
    assert (batches(api)[-1][0], erased, new in stored(api)) == ("published", 2, True)
