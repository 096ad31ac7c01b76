"""Numbers of cases are counted by one writer at a time, and nobody waits for another in a circle."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from registry.db import Database
from registry.recording import Paper
from registry.retirement import open_retirement
from registry.wipe_cases import open_case
from tests.conftest import NOW
from tests.wipe_content import make_wiping


def test_a_retirement_and_wipe_cases_at_once_do_not_wait_for_each_other(
    postgres_database: Database, tmp_path: Path
) -> None:
    wiping = make_wiping(postgres_database, tmp_path)

    def open_one(number: int) -> str:
        with wiping.by("head" if number == 6 else "steward") as (session, who):
            if number == 6:
                paper = Paper("遵民发〔2026〕9号", NOW.date())
                return open_retirement(session, wiping.system(session).id, paper=paper, **who).number
            return open_case(session, "purpose_ended", agency=wiping.agency(session), **who).number

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(open_one, range(24)))
    assert numbers[-1] == "TY-520300-2026-0001"
    assert numbers[0] == "QC-520300-2026-0001"
    assert len(set(numbers)) == 24
