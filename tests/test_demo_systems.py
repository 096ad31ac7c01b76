"""What the demonstration shows of systems: one retired with its certificates, one on its way, acceptance, duties."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from catalog_specs import load
from registry.acceptance import AcceptanceCheck, check_seen
from registry.budget_flags import candidates, usual_year
from registry.db import Database
from registry.demo import load_demo
from registry.duties import Standing, read_duties
from registry.duty_terms import Asked
from registry.heads import sign_quietly
from registry.lifecycle import MoveRefused, perform
from registry.models import (
    AuditEvent,
    DataCopy,
    Distribution,
    Entry,
    Rectification,
    Retirement,
    RetirementEntry,
    System,
    SystemReview,
    WipeCase,
    WipeRecord,
)
from registry.people import actor_of
from registry.reconcile import differences
from registry.retirement_cases import find_case
from registry.retirement_progress import lacking_to_close, progress
from registry.stores import FolderStore
from registry.subjects import Subject
from registry.synthetic_words import words
from registry.wipe_issue import exported
from registry.wipe_pages import json_of, pdf_of
from registry.wipe_verify import verify_file
from tests.conftest import NOW

STORIES = words().systems


@dataclass(frozen=True)
class Shown:
    """A register with the demonstration, and the store of its files."""

    database: Database
    files: FolderStore

    def life(self, name: str) -> str:
        with self.database.read() as session:
            return session.execute(select(System).where(col(System.name) == name)).scalar_one().life

    def case(self, system: str) -> Retirement:
        with self.database.read() as session:
            query = select(Retirement).join(System, col(System.id) == col(Retirement.system_id))
            return session.execute(query.where(col(System.name) == system)).scalar_one()

    def records(self) -> list[WipeRecord]:
        with self.database.read() as session:
            return list(session.execute(select(WipeRecord).order_by(col(WipeRecord.seq))).scalars())

    def checked(self, name: str) -> AcceptanceCheck:
        with self.database.read() as session:
            return check_seen(session, name, actor=None, now=NOW)

    def fates(self, system: str) -> dict[str, tuple[str, bool, str]]:
        """By fate: whether it has come true, and the state of the entry."""
        with self.database.read() as session:
            query = select(RetirementEntry, Entry).join(Entry, col(Entry.id) == col(RetirementEntry.entry_id))
            rows = session.execute(
                query.where(col(RetirementEntry.retirement_id) == self.case(system).id)
            ).all()
            return {row.fate: (row.done_at is not None, entry.state) for row, entry in rows}  # type: ignore[misc]


@pytest.fixture(scope="module", params=[2026, 7], ids=["usual", "another_seed"])
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("systems")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MULU_KEY_DIR", str(folder / "keys"))
        environment.delenv("MULU_SPECS", raising=False)
        path = folder / "mulu.sqlite3"
        path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        database, files = Database(f"sqlite:///{path}"), FolderStore(folder / "files")
        load_demo(database, files=files, seed=request.param, now=NOW)
        sign_quietly(database, now=NOW)
        yield Shown(database, files)
        database.close()


# ---- retired ----------------------------------------------------------------------------------------------


def test_one_system_is_retired_to_the_end(shown: Shown) -> None:
    case = shown.case(STORIES.retired.system.name)
    assert (case.state, shown.life(STORIES.retired.system.name)) == ("closed", "wiped")
    with shown.database.read() as session:
        steps = {one.step.key: one.done for one in progress(session, case)}
    assert set(steps.values()) == {True} and "write_off" in steps


def test_its_entries_met_three_fates(shown: Shown) -> None:
    found = shown.fates(STORIES.retired.system.name)
    assert found == {
        "transfer": (True, "announced"),
        "archive": (True, "announced"),
        "retire": (True, "wiped"),
    }


def test_what_was_transferred_names_the_successor(shown: Shown) -> None:
    with shown.database.read() as session:
        query = select(RetirementEntry).where(col(RetirementEntry.fate) == "transfer")
        row = session.execute(query.where(col(RetirementEntry.done_at).is_not(None))).scalar_one()
        entry = session.get_one(Entry, row.entry_id)
        assert entry.system_id == session.get_one(Retirement, row.retirement_id).successor_id
        assert entry.in_force == entry.newest == row.number


def test_its_copies_are_certified_by_three_kinds_of_record(shown: Shown) -> None:
    case = shown.case(STORIES.retired.system.name)
    with shown.database.read() as session:
        query = select(DataCopy).where(col(DataCopy.system_id) == case.system_id)
        states = {copy.kind: copy.state for copy in session.execute(query).scalars()}
    assert states == dict.fromkeys(("primary", "backup", "cloud_disk", "contractor_copy"), "certified")
    assert {one.kind for one in shown.records() if one.certificate_no} == {"physical", "cloud", "service"}


def test_a_wipe_that_failed_was_made_again_with_a_stronger_method(shown: Shown) -> None:
    tried = [one for one in shown.records() if one.serial_no == "DEMO-SSD-0002"]
    assert [(one.result, one.method) for one in tried] == [("fail", "purge"), ("pass", "destroy")]
    assert [one.certificate_no is None for one in tried] == [True, False]


def test_everybody_did_his_own_part(shown: Shown) -> None:
    for one in shown.records():
        if one.certificate_no:
            taken = [one.recorded_by, one.verified_by, one.witnessed_by, one.approved_by]
            assert len({*taken}) == 4 and taken[1] == "verifier"


def test_dates_follow_each_other_and_lie_in_the_past(shown: Shown) -> None:
    case = shown.case(STORIES.retired.system.name)
    for one in shown.records():
        if one.certificate_no:
            moments = [one.recorded_at, one.verified_at, one.witnessed_at, one.approved_at]
            assert moments == sorted(moments) and moments[-1] < NOW
            assert str(case.decided_on) <= str(one.content["started_at"]) < str(one.content["finished_at"])


@pytest.mark.parametrize("ending", ["json", "pdf"])
def test_its_certificates_verify(shown: Shown, tmp_path: Path, ending: str) -> None:
    numbers = [one.certificate_no for one in shown.records() if one.certificate_no]
    assert len(numbers) == 5
    for number in numbers if ending == "json" else numbers[:1]:
        with shown.database.read() as session:
            document = exported(session, str(number), actor=None)
        path = tmp_path / f"{number}.{ending}"
        path.write_bytes(json_of(document) if ending == "json" else pdf_of(document))
        assert verify_file(path).genuine


def test_a_replaced_disk_has_a_closed_case_of_its_own(shown: Shown) -> None:
    with shown.database.read() as session:
        found = session.execute(select(WipeCase).where(col(WipeCase.kind) == "replaced_disk")).scalar_one()
        query = select(WipeRecord).where(col(WipeRecord.case_id) == found.id)
        assert found.state == "closed" and session.execute(query).scalar_one().certificate_no


# ---- on its way -------------------------------------------------------------------------------------------


def test_another_retirement_waits_for_work(shown: Shown) -> None:
    name = STORIES.under_way.system.name
    case = shown.case(name)
    assert (case.state, shown.life(name)) == ("open", "stopped")
    assert shown.fates(name) == {"": (False, "announced"), "transfer": (False, "announced")}
    with shown.database.read() as session:
        lacking = lacking_to_close(session, find_case(session, case.number, actor=None).case, now=NOW)
    assert any("没有确定处置" in said for said in lacking) and any("WI7" in said for said in lacking)


def test_one_wipe_of_it_waits_for_the_verifier(shown: Shown) -> None:
    (waits,) = [one for one in shown.records() if one.verified_at is None]
    assert (waits.state, waits.result, waits.serial_no) == ("wiped", None, "DEMO-HDD-0012")


# ---- accepted and built -----------------------------------------------------------------------------------


def test_one_system_is_accepted_and_ready(shown: Shown) -> None:
    found = shown.checked(STORIES.accepted.system.name)
    assert (found.verdict, found.lacking) == ("ready", ())
    assert shown.life(STORIES.accepted.system.name) == "accepted"


def test_one_system_is_built_and_not_ready(shown: Shown) -> None:
    found = shown.checked(STORIES.building.system.name)
    assert (found.verdict, shown.life(STORIES.building.system.name)) == ("lacking", "building")
    assert any("2 张未定：zf_case、zf_evidence" in said for said in found.lacking)
    assert any(one.met for one in found.elements)


def test_its_plan_was_turned_down_once_then_passed_and_filed(shown: Shown) -> None:
    with shown.database.read() as session:
        query = select(SystemReview).where(col(SystemReview.kind) == "plan").order_by(col(SystemReview.at))
        first, again = session.execute(query).scalars().all()
        system = session.get_one(System, first.system_id)
    codes = {one["code"] for one in first.reasons}
    assert (first.passed, again.passed, bool(again.filing_no)) == (False, True, True)
    assert codes == ({"R3", "R6"} if system.profile == "zunyi_2020" else {""})


# ---- supervised -------------------------------------------------------------------------------------------


def test_one_order_is_overdue_and_one_closed(shown: Shown) -> None:
    with shown.database.read() as session:
        rows = session.execute(select(Rectification).order_by(col(Rectification.day))).scalars().all()
    assert [one.state for one in rows] == ["closed", "ordered"]
    assert rows[1].due < NOW.date()


def test_the_order_keeps_what_is_pending_off_the_shelf(shown: Shown) -> None:
    with shown.database.read() as session:
        query = select(Distribution).where(col(Distribution.name) == STORIES.accepted.second)
        made = session.execute(query).scalar_one()
        actor = actor_of(session, "steward", today=NOW.date())
        with pytest.raises(MoveRefused, match="整改"):
            perform(session, Subject(made.entry_id, made.id), "shelve", actor=actor, now=NOW)


def overdue(shown: Shown) -> list[Standing]:
    with shown.database.read() as session:
        found = read_duties(session, Asked(), now=NOW, specs=load())
        return [one for one in found if one.state == "overdue"]


def test_few_duties_are_overdue(shown: Shown) -> None:
    found = Counter(one.duty.id for one in overdue(shown))
    assert found["ZY-05"] >= 1 and sum(found.values()) <= 3


def test_who_is_late_may_lose_next_years_budget(shown: Shown) -> None:
    with shown.database.read() as session:
        found = candidates(session, year=usual_year(NOW), now=NOW)
    grounds = {ground.kind for one in found for ground in one.grounds}
    assert 1 <= len(found) <= 3 and "order_overdue" in grounds


# ---- the record -------------------------------------------------------------------------------------------


def test_the_record_agrees_with_the_register(shown: Shown) -> None:
    with shown.database.read() as session:
        assert list(differences(session)) == []


def test_loading_again_changes_nothing(shown: Shown) -> None:
    def acts() -> int:
        with shown.database.read() as session:
            return session.execute(select(func.count()).select_from(AuditEvent)).scalar_one()

    before = acts()
    assert "没有改动" in load_demo(shown.database, files=shown.files, seed=2026, now=NOW)
    assert acts() == before
