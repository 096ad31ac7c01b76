"""The portal, the way to it, the job and people's hands fail; afterwards everything stands there once, as it should."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ckanapi import RemoteCKAN

from registry.db import Database
from sync import rounds
from sync.reports import FAILED, IN_STEP, STOPPED, UNREACHED
from sync.rounds import Office
from tests.ckan import proxy as faults
from tests.ckan.server import wait_until
from tests.syncing import NAME, Bench, MakeBench, bench, make_bench

if TYPE_CHECKING:
    from tests.ckan.proxy import Fault, Proxy

__all__ = ["bench", "make_bench"]
pytestmark = pytest.mark.ckan

# as in sync.yaml, only quicker: no test waits for an hour
QUICK = """
retry: {at_once_first: 0.05, first: 0.1, longest: 0.5}
breaker: {failures: 4, pause: 1, longest: 2}
pace: {chunk: 6, lease: 3, connect: 2, read: 2, watch: 0.2}
"""
COMMAND = [sys.executable, "-c", "from sync.cli import main; main()"]


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "sync.yaml").write_text(QUICK)
    monkeypatch.setenv("MULU_SPECS", str(folder))


def in_the_end(bench: Bench, entries: list[str], *, rounds_at_most: int = 8) -> None:
    """Run until the target is in step, and assert that it truly is."""
    for _round in range(rounds_at_most):
        bench.later += timedelta(minutes=10)
        if bench.run().outcome == IN_STEP:
            break
    bench.in_step(entries)


# ---- on the way -------------------------------------------------------------------------------------------

ON_THE_WAY: dict[str, Any] = {
    "one answer in ten is 503": lambda: faults.unavailable(0.1),
    "one answer in ten is cut off": lambda: faults.cut(0.1),
    "one answer in ten is lost after the deed": lambda: faults.lost(0.1),
    "one request in ten is lost before it": lambda: faults.unsent(0.1),
    "some answers stall": lambda: faults.stall(4, 0.05, times=3),
    "429 with Retry-After": lambda: faults.too_many("1", after=3, times=2),
    "half-open connections": lambda: faults.silent(after=5, times=3),
    "HTML with status 200": lambda: faults.html(200, share=0.1),
    "HTML with status 500": lambda: faults.html(500, share=0.1),
}


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_whatever_happens_on_the_way(name: str, make_bench: MakeBench, proxy: "Proxy") -> None:
    bench = make_bench(proxy.url)
    entries = bench.shelve(12) + bench.shelve(4, files=True, first=50)
    fault: Fault = ON_THE_WAY[name]()
    with proxy.broken(fault):
        bench.run()
        bench.rename(entries[0], "改名之一")
        bench.take_off(entries[1])
        bench.later += timedelta(minutes=10)
        bench.run()
    assert fault.hit
    in_the_end(bench, [entries[0], *entries[2:]])


def test_an_answer_that_is_lost_is_looked_up_and_not_repeated(make_bench: MakeBench, proxy: "Proxy") -> None:
    bench = make_bench(proxy.url)
    entries = bench.shelve(3)
    with proxy.broken(faults.lost(action="package_create")):
        bench.run()
    in_the_end(bench, entries)
    assert proxy.counts["package_create"] == 3


def test_a_portal_that_does_not_answer_is_let_rest(make_bench: MakeBench, proxy: "Proxy") -> None:
    bench = make_bench(proxy.url)
    entries = bench.shelve(30)
    with proxy.broken(faults.unavailable(after=8)):
        report = bench.run()
    assert report.outcome == UNREACHED
    assert sum(proxy.counts.values()) < 80
    target = bench.target()
    assert target.rests_until is not None
    assert target.failures == 1
    in_the_end(bench, entries)
    assert bench.target().rests_until is None


def test_a_portal_that_is_down_is_unreachable_and_nothing_is_lost(
    make_bench: MakeBench, proxy: "Proxy"
) -> None:
    bench = make_bench(proxy.url)
    entries = bench.shelve(2)
    proxy.refuse()
    report = bench.run()
    assert (report.outcome, report.counts["total"]) == (UNREACHED, 0)
    proxy.clear()
    in_the_end(bench, entries)


# ---- at the portal ----------------------------------------------------------------------------------------


def test_a_token_that_has_expired_stops_the_run_and_loses_nothing(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench()
    entries = bench.shelve(3)
    bench.run()
    bench.rename(entries[0], "令牌过期时改的名称")
    monkeypatch.setenv("MULU_TARGET_OPEN_PORTAL_TOKEN", "expired")
    report = bench.run()
    assert (report.outcome, report.counts["updated"]) == (FAILED, 0)
    assert "令牌" in report.said
    monkeypatch.setenv("MULU_TARGET_OPEN_PORTAL_TOKEN", bench.ckan.token)
    in_the_end(bench, entries)


def test_a_token_that_is_revoked_in_the_middle_of_a_run(
    make_bench: MakeBench, proxy: "Proxy", monkeypatch: Any
) -> None:
    bench = make_bench(proxy.url)
    person = bench.ckan.person()
    bench.ckan.call("user_patch", id=person.name, sysadmin=True)
    monkeypatch.setenv("MULU_TARGET_OPEN_PORTAL_TOKEN", person.token)
    entries = bench.shelve(24)
    revoked = threading.Event()

    def revoke() -> None:
        wait_until(lambda: proxy.counts["package_create"] >= 6, "nothing was created")
        bench.ckan.revoke(person.token)
        revoked.set()

    thread = threading.Thread(target=revoke)
    thread.start()
    report = bench.run()
    thread.join()
    assert revoked.is_set()
    assert report.outcome == FAILED
    assert not [line for line in report.failures if line["trouble"] == "refused"]
    monkeypatch.setenv("MULU_TARGET_OPEN_PORTAL_TOKEN", bench.ckan.token)
    in_the_end(bench, entries)


def test_the_database_of_the_portal_goes_down(bench: Bench) -> None:
    entries = bench.shelve(40)
    runner = threading.Thread(target=bench.run)
    runner.start()
    wait_until(lambda: len(bench.ckan.call("package_list")) >= 4, "nothing was created")
    with bench.ckan.without("pg"):
        runner.join()
    wait_until(lambda: bool(_created(bench)), "the portal did not come back")
    in_the_end(bench, entries)


def test_a_worker_of_the_portal_is_killed_while_it_writes(bench: Bench) -> None:
    entries = bench.shelve(40)
    runner = threading.Thread(target=bench.run)
    runner.start()
    for count in (3, 12, 22):
        # a run that meets too many dead workers rests, as it should, and creates nothing more
        wait_until(
            lambda least=count: _created(bench) >= least or not runner.is_alive(), "nothing was created"
        )  # type: ignore[misc]
        bench.ckan.kill_workers()
    runner.join()
    bench.repair()
    in_the_end(bench, entries)
    found = bench.ckan.call("package_search", rows=1000)
    assert found["count"] == len(entries)


def _created(bench: Bench) -> int:
    try:
        return len(bench.ckan.call("package_list"))
    except Exception:  # its worker was just killed
        return 0


# ---- the job itself ---------------------------------------------------------------------------------------


def _job(bench: Bench, *words: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"MULU_DATABASE_URL": bench.database.engine.url.render_as_string(False)}
    return subprocess.Popen([*COMMAND, *words], env=environment, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("requests", [3, 14, 30, 55])
def test_the_job_is_killed_at_any_moment(requests: int, make_bench: MakeBench, proxy: "Proxy") -> None:
    bench = make_bench(proxy.url)
    kept = bench.shelve(3)
    bench.run()
    entries = bench.shelve(14, first=20) + bench.shelve(4, files=True, first=60)
    bench.take_off(kept[0])
    bench.rename(kept[1], "被杀时正在改名")
    before = sum(proxy.counts.values())
    job = _job(bench, "run", NAME)
    wait_until(
        lambda: sum(proxy.counts.values()) >= before + requests or job.poll() is not None, "no request"
    )
    job.send_signal(signal.SIGKILL)
    job.wait()
    in_the_end(bench, [*kept[1:], *entries])


def test_a_job_that_is_told_to_stop_finishes_what_it_began(make_bench: MakeBench, proxy: "Proxy") -> None:
    bench = make_bench(proxy.url)
    entries = bench.shelve(40)
    job = _job(bench, "run", NAME)
    wait_until(lambda: proxy.counts["package_create"] >= 5, "no request")
    job.terminate()
    assert job.wait(timeout=60) == 1
    there = set(bench.entries_there())
    assert 0 < len(there) < 40
    for entry in entries:
        row = bench.row(entry)
        assert (row.state, row.held_by) == ("present" if entry in there else "absent", "")
    in_the_end(bench, entries)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_several_jobs_at_once_do_not_step_on_each_other(
    kind: str, make_bench: MakeBench, proxy: "Proxy", request: pytest.FixtureRequest
) -> None:
    database: Database = request.getfixturevalue(f"{kind}_database")
    bench = make_bench(proxy.url, database=database)
    entries = bench.shelve(20) + bench.shelve(2, files=True, first=60)
    jobs = [_job(bench, "run", NAME) for _number in range(3)]
    assert {job.wait(timeout=120) for job in jobs} <= {0, 1}
    assert proxy.counts["package_create"] == len(entries)
    in_the_end(bench, entries)


def test_a_clock_that_is_wrong_does_no_harm(bench: Bench) -> None:
    entries = bench.shelve(3)
    bench.later = timedelta(days=-30)
    bench.run()
    bench.rename(entries[0], "时钟慢时改的")
    bench.later = timedelta(days=30)
    bench.run()
    bench.rename(entries[1], "时钟快时改的")
    bench.later = timedelta()
    bench.run()
    bench.in_step(entries)


# ---- people's hands ---------------------------------------------------------------------------------------


def _show(bench: Bench, entry: str) -> dict[str, Any]:
    return bench.ckan.call("package_show", id=bench.row(entry).portal_id)  # type: ignore[no-any-return]


def _rename(bench: Bench, entry: str) -> None:
    bench.ckan.call("package_patch", id=bench.row(entry).portal_id, name="renamed-by-hand")


def _edit(bench: Bench, entry: str) -> None:
    bench.ckan.call("package_patch", id=bench.row(entry).portal_id, title="手工改的标题")


def _add_resource(bench: Bench, entry: str) -> None:
    bench.ckan.call(
        "resource_create", package_id=bench.row(entry).portal_id, url="https://example.org/x", name="夹带"
    )


def _add_extra(bench: Bench, entry: str) -> None:
    extras = [*_show(bench, entry)["extras"], {"key": "contact_phone", "value": "0851-0000"}]
    bench.ckan.call("package_patch", id=bench.row(entry).portal_id, extras=extras)


def _hide(bench: Bench, entry: str) -> None:
    bench.ckan.call("package_patch", id=bench.row(entry).portal_id, private=True)


def _delete(bench: Bench, entry: str) -> None:
    bench.ckan.call("package_delete", id=bench.row(entry).portal_id)


def _purge(bench: Bench, entry: str) -> None:
    bench.ckan.call("dataset_purge", id=bench.row(entry).portal_id)


def _recreate(bench: Bench, entry: str) -> None:
    """Deleted, and made again by hand under its name: CKAN then renames the deleted one."""
    old = _show(bench, entry)
    bench.ckan.call("package_delete", id=old["id"])
    bench.ckan.call("package_create", name=old["name"], owner_org=old["owner_org"], title="手工重建")


def _purge_and_recreate(bench: Bench, entry: str) -> None:
    old = _show(bench, entry)
    bench.ckan.call("dataset_purge", id=old["id"])
    bench.ckan.call("package_create", name=old["name"], owner_org=old["owner_org"], title="手工重建")


def _copy(bench: Bench, entry: str) -> None:
    """A second dataset with all marks of ours."""
    old = _show(bench, entry)
    extras, org = old["extras"], old["owner_org"]
    bench.ckan.call("package_create", name="a-copy", owner_org=org, title=old["title"], extras=extras)


HANDS: dict[str, tuple[Any, str]] = {
    "renamed": (_rename, "renamed"),
    "edited": (_edit, "edited"),
    "resource added": (_add_resource, "edited"),
    "extra added": (_add_extra, "edited"),
    "made private": (_hide, "edited"),
    "deleted": (_delete, "deleted"),
    "purged": (_purge, "missing"),
    "deleted and made again": (_recreate, "deleted"),
    "purged and made again": (_purge_and_recreate, "missing"),
    "copied": (_copy, "doubled"),
}


@pytest.mark.parametrize("name", HANDS)
def test_what_hands_did_is_found_and_mended(name: str, bench: Bench) -> None:
    entries = bench.shelve(2) + bench.shelve(1, files=True, first=9)
    bench.run()
    deed, kind = HANDS[name]
    for entry in (entries[0], entries[2]) if name != "copied" else (entries[0],):
        deed(bench, entry)
        if name == "renamed":
            break
    found = bench.verify()
    assert {(one.kind, one.entry_id) for one in found.drifts} >= {(kind, entries[0])}
    assert entries[1] not in {one.entry_id for one in found.drifts}
    assert bench.repair().outcome == IN_STEP
    bench.in_step(entries)


def test_a_file_that_was_replaced_at_the_portal_is_found_and_mended(bench: Bench) -> None:
    (entry,) = bench.shelve(1, files=True)
    bench.run()
    resource = _show(bench, entry)["resources"][0]
    replaced = bench.folder / "other.csv"
    replaced.write_text("姓名,身份证号\n张三,520000\n")
    remote = RemoteCKAN(bench.ckan.url, apikey=bench.ckan.token)
    with replaced.open("rb") as file:
        remote.call_action("resource_patch", {"id": resource["id"]}, files={"upload": file})
    found = bench.verify()
    assert [one.entry_id for one in found.drifts] == [entry]
    bench.repair()
    bench.in_step([entry])


def test_a_withdrawn_dataset_that_somebody_brought_back_is_withdrawn_again(
    bench: Bench, monkeypatch: Any
) -> None:
    (entry,) = bench.shelve(1)
    bench.run()
    package = _show(bench, entry)
    bench.take_off(entry)
    bench.run()
    bench.ckan.call(
        "package_create", **{key: package[key] for key in ("id", "name", "owner_org", "title", "extras")}
    )
    found = bench.verify()
    assert [(one.kind, one.entry_id) for one in found.drifts] == [("extra", entry)]
    bench.repair()
    bench.in_step([])
    assert bench.row(entry).state == "gone"


def test_a_name_that_a_deleted_dataset_keeps_is_no_hindrance(bench: Bench) -> None:
    (entry,) = bench.shelve(1)
    name = bench.plan().entries[0].code.lower().replace("/", "-")
    made = bench.ckan.call("package_create", name=name, owner_org=bench.ckan.organization(), title="旧的")
    bench.ckan.call("package_delete", id=made["id"])
    assert bench.run().outcome == IN_STEP
    bench.in_step([entry])
    assert bench.row(entry).portal_name == name


def test_a_portal_that_was_wiped_is_filled_again(bench: Bench) -> None:
    entries = bench.shelve(5)
    bench.run()
    bench.ckan.remove_everything()
    assert {one.kind for one in bench.verify().drifts} == {"missing", "organization"}
    bench.repair()
    bench.in_step(entries)


def test_a_token_without_the_right_to_purge_leaves_the_name_and_says_so(
    bench: Bench, monkeypatch: Any
) -> None:
    (entry,) = bench.shelve(1, files=True)
    bench.run()
    organization = _show(bench, entry)["organization"]["name"]
    person = bench.ckan.member(organization)
    monkeypatch.setenv("MULU_TARGET_OPEN_PORTAL_TOKEN", person.token)
    bench.take_off(entry)
    report = bench.run()
    row = bench.row(entry)
    assert (report.outcome, row.state) == (IN_STEP, "kept")
    # an editor may not delete the portal's record of activities either, which is told
    assert row.said.split("；")[0] == "已删除，名称保留"
    bench.put_back(entry)
    assert bench.run().outcome == IN_STEP
    bench.in_step([entry])


def test_an_editor_without_the_right_to_choose_ids_keeps_a_portal_in_step(
    bench: Bench, monkeypatch: Any
) -> None:
    entries = bench.shelve(2, agencies=1) + bench.shelve(1, files=True, first=9, agencies=1)
    organization = bench.ckan.organization("115203000000000000", title="遵义市第0局")
    monkeypatch.setenv("MULU_TARGET_OPEN_PORTAL_TOKEN", bench.ckan.member(organization).token)
    report = bench.run()
    assert (report.outcome, report.failures) == (IN_STEP, [])
    bench.rename(entries[0], "编辑者改名")
    assert bench.run().outcome == IN_STEP
    bench.in_step(entries)


# ---- unattended -------------------------------------------------------------------------------------------


def test_a_watch_sees_changes_and_ends_when_told(bench: Bench) -> None:
    told: list[Any] = []
    watcher = threading.Thread(target=rounds.watch, args=(bench.office, [NAME], told.append))
    entries = bench.shelve(2)
    watcher.start()
    wait_until(lambda: len(_created_entries(bench)) == 2, "nothing came")
    bench.take_off(entries[0])
    wait_until(lambda: len(_created_entries(bench)) == 1, "it did not go")
    bench.stop.set()
    watcher.join(timeout=20)
    assert not watcher.is_alive()
    assert {report.outcome for report in told} <= {IN_STEP, STOPPED}


def _created_entries(bench: Bench) -> list[str]:
    time.sleep(0.1)
    return bench.ckan.call("package_list")  # type: ignore[no-any-return]


def test_the_office_of_a_run_is_kept_with_it(bench: Bench) -> None:
    office = bench.office
    assert isinstance(office, Office)
    assert (office.by, office.operator) == ("mulu-sync", "tests")
