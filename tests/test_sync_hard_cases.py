"""What a hostile reader of the sync job thought of: nothing that was taken back stays, no report says more than is so."""

import json
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from registry.models import Distribution, SyncTarget
from registry.outbox import mark
from sync import rounds
from sync.reports import FAILED, IN_STEP, STOPPED
from tests.ckan import proxy as faults
from tests.ckan.server import wait_until
from tests.syncing import NAME, Bench, MakeBench, bench, make_bench
from tests.test_sync_faults import _quick, in_the_end

if TYPE_CHECKING:
    from tests.ckan.proxy import Proxy

__all__ = ["_quick", "bench", "make_bench"]
pytestmark = pytest.mark.ckan


def _second(bench: Bench, entry: str, state: str) -> None:
    """The second distribution of an entry onto the shelf, or off it."""
    with bench.database.write() as session:
        query = select(col(Distribution.id)).where(col(Distribution.entry_id) == entry)
        second = list(session.execute(query.order_by(col(Distribution.id))).scalars())[1]
        session.execute(update(Distribution).where(col(Distribution.id) == second).values(state=state))
        mark(session, [entry], state, now=bench.clock())


def _resources(bench: Bench, entry: str) -> int:
    return len(bench.entries_there()[entry]["resources"])


def test_a_write_that_was_not_heard_of_is_taken_back_although_the_entry_is_as_before(
    make_bench: MakeBench, proxy: "Proxy"
) -> None:
    bench = make_bench(proxy.url)
    (entry,) = bench.shelve(1, files=True)
    _second(bench, entry, "suspended")
    bench.run()
    _second(bench, entry, "shelved")
    with proxy.broken(faults.lost(action="package_revise"), faults.unsent(action="package_show", after=3)):
        bench.run()
    assert _resources(bench, entry) == 2
    _second(bench, entry, "suspended")
    in_the_end(bench, [entry])
    assert _resources(bench, entry) == 1


def test_a_gateway_that_refuses_does_not_end_a_watch(make_bench: MakeBench, proxy: "Proxy") -> None:
    bench = make_bench(proxy.url)
    amiss: list[Any] = []
    told: list[Any] = []
    watcher = threading.Thread(
        target=rounds.watch, args=(bench.office, [NAME], told.append), kwargs={"amiss": amiss.append}
    )
    with proxy.broken(faults.html(403, action="status_show", times=2)):
        watcher.start()
        wait_until(lambda: bool(told), "nothing was told")
    entries = bench.shelve(1)
    wait_until(lambda: len(bench.ckan.call("package_list")) == 1, "the watch has ended")
    bench.stop.set()
    watcher.join(timeout=20)
    assert told[0].outcome == FAILED
    bench.stop.clear()
    bench.in_step(entries)


def test_a_target_given_up_is_emptied_by_every_run_until_it_is_kept(
    make_bench: MakeBench, proxy: "Proxy"
) -> None:
    bench = make_bench(proxy.url)
    entries = bench.shelve(14)
    bench.run()

    def stop() -> None:
        wait_until(lambda: proxy.counts["dataset_purge"] >= 3, "nothing was purged")
        bench.stop.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    assert rounds.withdraw_all(bench.office, NAME).outcome == STOPPED
    stopper.join()
    bench.stop.clear()
    assert 0 < len(bench.entries_there()) < 14
    assert bench.run().outcome == IN_STEP
    assert bench.entries_there() == {}
    rounds.close(bench.office, NAME, closing=False)
    assert bench.run().written["added"] == 14
    bench.in_step(entries)


def test_what_was_refused_is_not_in_step(bench: Bench) -> None:
    taken, other = bench.shelve(2)
    name = bench.plan().entries[0].code.lower().replace("/", "-")
    bench.ckan.call("package_create", name=name, owner_org=bench.ckan.organization(), title="别人的")
    assert bench.run().outcome == FAILED
    assert {(one.kind, one.entry_id) for one in bench.verify().drifts} == {("foreign", taken)}
    assert bench.run().outcome == FAILED
    bench.ckan.call("dataset_purge", id=name)
    assert {one.kind for one in bench.verify().drifts} == {"behind"}
    bench.repair()
    bench.in_step([taken, other])


def test_drift_that_is_known_is_not_in_step_until_it_is_mended(bench: Bench) -> None:
    (entry,) = bench.shelve(1)
    bench.run()
    bench.ckan.call("package_patch", id=bench.row(entry).portal_id, title="手工")
    bench.verify()
    assert bench.run().outcome == FAILED
    assert bench.repair().outcome == IN_STEP
    assert bench.run().outcome == IN_STEP


def test_an_organization_that_was_changed_or_deleted_is_found_and_mended(bench: Bench) -> None:
    entries = bench.shelve(2, agencies=2)
    bench.run()
    first, second = (bench.entries_there()[entry]["organization"] for entry in entries)
    bench.ckan.call("organization_patch", id=first["id"], title="手工改的机构")
    found = bench.verify()
    assert [(one.kind, one.portal_name) for one in found.drifts] == [("organization", first["name"])]
    bench.repair()
    bench.in_step(entries)
    assert bench.ckan.call("organization_show", id=second["id"])["title"] == second["title"]


def test_an_index_that_was_emptied_is_told(bench: Bench) -> None:
    entries = bench.shelve(2)
    bench.run()
    body = json.dumps({"delete": {"query": "*:*"}, "commit": {}}).encode()
    address = f"http://127.0.0.1:{bench.ckan.ports[3]}/solr/ckan/update/?commit=true"
    asked = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(asked, timeout=30).close()
    assert {(one.kind, one.entry_id) for one in bench.verify().drifts} == {
        ("unfound", one) for one in entries
    }


def test_a_target_remembers_that_it_is_given_up(bench: Bench) -> None:
    rounds.close(bench.office, NAME, closing=True)
    with bench.database.read() as session:
        assert [target.closing for target in session.execute(select(SyncTarget)).scalars()] == [True]
