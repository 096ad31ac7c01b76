"""Runs at a real portal: pushed, changed, withdrawn, read back; nothing is written twice."""

import pytest

from registry.models import SyncRun
from tests.syncing import NAME, Bench, MakeBench, bench, make_bench

__all__ = ["bench", "make_bench"]
pytestmark = pytest.mark.ckan


def test_a_first_run_brings_everything_that_is_shown(bench: Bench) -> None:
    entries = bench.shelve(3) + bench.shelve(2, files=True, first=10)
    report = bench.run()
    assert (report.outcome, report.written) == (
        "in_step",
        {"total": 5, "added": 5, "updated": 0, "deleted": 0, "ignored": 0, "errored": 0},
    )
    bench.in_step(entries)


def test_a_second_run_writes_nothing(make_bench: MakeBench, proxy) -> None:
    bench = make_bench(proxy.url)
    bench.shelve(4)
    bench.run()
    before = proxy.writes
    report = bench.run()
    assert (report.outcome, report.counts["total"], proxy.writes) == ("in_step", 0, before)


def test_a_change_is_patched_and_nothing_else_is_touched(bench: Bench) -> None:
    entries = bench.shelve(3)
    bench.run()
    before = bench.entries_there()
    bench.rename(entries[1], "体育设施名录（新）")
    report, after = bench.run(), bench.entries_there()
    assert report.written["updated"] == 1
    assert after[entries[1]]["resources"][0]["name"] == "体育设施名录（新）"
    assert after[entries[0]]["metadata_modified"] == before[entries[0]]["metadata_modified"]


def test_what_is_taken_off_the_shelf_is_gone_from_the_portal(bench: Bench) -> None:
    entries = bench.shelve(2, files=True)
    bench.run()
    bench.take_off(entries[0])
    report = bench.run()
    assert report.written["deleted"] == 1
    assert set(bench.entries_there()) == {entries[1]}
    row = bench.row(entries[0])
    assert (row.state, row.gone_at is not None, row.files) == ("gone", True, {})


def test_what_comes_back_to_the_shelf_comes_back_under_its_id(bench: Bench) -> None:
    (entry,) = bench.shelve(1)
    bench.run()
    first = bench.row(entry).portal_id
    bench.take_off(entry)
    bench.run()
    bench.put_back(entry)
    bench.run()
    assert bench.row(entry).portal_id == first
    bench.in_step([entry])


def test_a_plan_says_what_a_run_would_do_and_what_differs(bench: Bench) -> None:
    entries = bench.shelve(4)
    bench.run()
    bench.take_off(entries[0])
    bench.rename(entries[1], "改过的名称")
    new = bench.shelve(1, first=20)
    plan = bench.plan()
    assert (plan.create, plan.patch, plan.withdraw, plan.skip) == (1, 1, 1, 2)
    acts = {one.entry_id: one.act for one in plan.entries}
    assert acts == {entries[0]: "withdraw", entries[1]: "patch", new[0]: "create"}
    (patched,) = [one for one in plan.entries if one.act == "patch"]
    assert any("改过的名称" in difference.new for difference in patched.differences)


def test_a_full_plan_agrees_with_the_plan_of_the_ledger(bench: Bench) -> None:
    bench.shelve(3)
    bench.run()
    assert bench.plan(full=True).touched == 0


def test_a_run_keeps_its_report(bench: Bench) -> None:
    bench.shelve(1)
    bench.run()
    with bench.database.read() as session:
        (row,) = session.query(SyncRun).all()
        assert (row.verb, row.outcome, row.counts["added"], row.by) == ("run", "in_step", 1, "mulu-sync")


def test_a_name_that_somebody_else_has_is_refused_and_told(bench: Bench) -> None:
    (entry,) = bench.shelve(1)
    name = bench.plan().entries[0].code.lower().replace("/", "-")
    org = bench.ckan.organization()
    bench.ckan.call("package_create", name=name, owner_org=org, title="别人的数据集")
    report = bench.run()
    assert (report.outcome, report.written["errored"]) == ("failed", 1)
    assert "别人的数据集" in report.failures[0]["said"]
    assert bench.row(entry).trouble == "refused"
    bench.ckan.call("dataset_purge", id=name)
    from sync import rounds

    with bench.database.write() as session:
        assert rounds.retry(session, NAME, [], by="a", operator="", now=bench.clock()) == 1
    assert bench.run().outcome == "in_step"
