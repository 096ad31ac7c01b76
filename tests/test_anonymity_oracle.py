"""k and l are those of pycanon. Its values stand in anonymity_oracle.json: see there how they were made."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bench.scan_oracle import digest
from catalog_specs import load
from tests.anonymity_cases import Table, cases
from validators.anonymity import GroupCounter
from validators.scan import Scan
from validators.scanned import ColumnAsked

FIXTURE = json.loads((Path(__file__).parent / "anonymity_oracle.json").read_text("utf-8"))
BATCH = 64


@lru_cache(maxsize=1)
def tables() -> list[Table]:
    return cases()


def batches(table: Table) -> list[Any]:
    whole = pa.table({name: pa.array(cells, pa.string()) for name, cells in table.columns.items()})
    return list(whole.to_batches(max_chunksize=BATCH))


def ours(table: Table) -> list[int | None]:
    """k and l, fed in batches; l is the least of the sensitive columns, None where there is none."""
    counter = GroupCounter(table.quasi, table.sensitive, load().scanning.anonymity.most_classes)
    for batch in batches(table):
        counter.feed({name: batch.column(name) for name in (*table.quasi, *table.sensitive)})
    classes, diversity = counter.classes(), counter.diversity()
    assert classes is not None
    return [classes.k, min((least for least in diversity.values() if least is not None), default=None)]


def scanned(table: Table) -> list[int | None]:
    """k and l as a whole scan tells them."""
    asked = [ColumnAsked(name) for name in table.columns]
    scan = Scan(load(), asked, open_type="2", about_people=True, quasi=table.quasi, sensitive=table.sensitive)
    for batch in batches(table):
        scan.feed(batch)
    found = scan.result().anonymity
    return [found.k, found.l_diversity if table.sensitive else None]


def test_the_cases_are_those_that_pycanon_was_asked() -> None:
    assert digest([case.asked for case in tables()]) == FIXTURE["cases"]


@pytest.mark.parametrize("place", range(len(FIXTURE["k_l"])))
def test_k_and_l_are_those_of_pycanon(place: int) -> None:
    assert ours(tables()[place]) == FIXTURE["k_l"][place]


@pytest.mark.parametrize("place", [5, 10, 16, 24, 27])
def test_a_whole_scan_tells_the_same(place: int) -> None:
    assert scanned(tables()[place]) == FIXTURE["k_l"][place]


def test_the_cases_reach_from_one_to_many() -> None:
    k, l_found = zip(*FIXTURE["k_l"], strict=True)
    assert min(k) == 1
    assert max(k) >= 100
    assert {1, 2, 3} <= set(l_found)
