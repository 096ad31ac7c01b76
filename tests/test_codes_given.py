"""Resource codes are given atomically, go on from the last, and are never given twice, whoever asks at once."""

import functools
import operator
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import Specs
from registry import codes
from registry.db import Database
from registry.intake import ImportResult, import_workbook
from registry.models import CodeRecord, Entry
from tests.catalogue_files import at_once
from tests.conftest import NOW
from tests.examples import good

HEAD = "307024030101"
Files = Callable[..., Path]


def allocate(database: Database, specs: Specs, entry_ids: Sequence[str], head: str = HEAD) -> list[str]:
    with database.write() as session:
        made = codes.allocate(session, [(entry, head) for entry in entry_ids], specs, now=NOW)
    return [made[entry] for entry in entry_ids]


def keep(database: Database, **given: str) -> None:
    with database.write() as session:
        codes.keep_given(session, given, now=NOW)


def test_numbers_go_on_one_by_one(database: Database, specs: Specs) -> None:
    assert allocate(database, specs, ["a", "b"]) == [f"{HEAD}/000001", f"{HEAD}/000002"]
    assert allocate(database, specs, ["c"]) == [f"{HEAD}/000003"]
    assert allocate(database, specs, ["d"], "102024030101") == ["102024030101/000001"]
    assert allocate(database, specs, ["e"]) == [f"{HEAD}/000004"]


@pytest.mark.parametrize("brought", [f"{HEAD}/000002", f"{HEAD}/2", f"{HEAD}/0000000002"])
def test_numbers_that_authors_brought_along_are_passed_over(
    brought: str, sqlite_database: Database, specs: Specs
) -> None:
    keep(sqlite_database, x=brought)
    assert allocate(sqlite_database, specs, ["a", "b"]) == [f"{HEAD}/000001", f"{HEAD}/000003"]


def test_a_prefix_of_another_class_code_is_another_class(sqlite_database: Database, specs: Specs) -> None:
    keep(sqlite_database, x=f"{HEAD}01/000001", y="3070240301_1/000001")
    assert allocate(sqlite_database, specs, ["a"]) == [f"{HEAD}/000001"]


def test_a_code_of_a_retired_entry_is_never_given_again(sqlite_database: Database, specs: Specs) -> None:
    allocate(sqlite_database, specs, ["a"])
    with sqlite_database.write() as session:
        record = session.get(CodeRecord, f"{HEAD}/000001")
        assert record is not None
        record.retired_at = NOW
    assert allocate(sqlite_database, specs, ["b"]) == [f"{HEAD}/000002"]


def test_a_rolled_back_import_gives_its_numbers_back(database: Database, specs: Specs) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        codes.allocate(session, [("a", HEAD)], specs, now=NOW)
        raise RuntimeError
    assert allocate(database, specs, ["b"]) == [f"{HEAD}/000001"]


def test_eight_at_once_never_get_one_code_twice(database: Database, specs: Specs) -> None:
    keep(database, x=f"{HEAD}/000003")

    def job(name: str) -> Callable[[], list[str]]:
        return lambda: [allocate(database, specs, [f"{name}{n}"])[0] for n in range(5)]

    given = functools.reduce(operator.iadd, at_once([job(name) for name in "abcdefgh"]), [])
    assert sorted(given) == [f"{HEAD}/{n:06d}" for n in range(1, 42) if n != 3]


def importing(database: Database, path: Path) -> Callable[[], ImportResult]:
    def job() -> ImportResult:
        with database.write() as session:
            return import_workbook(session, path, actor="tester", now=NOW, profile="zunyi_2020")

    return job


def unnamed(name: str, count: int) -> list[dict[str, Any]]:
    return [good("OK01", resource_code=None, resource_name=f"{name}登记信息{n}") for n in range(count)]


def test_two_imports_at_once_never_give_one_code_twice(database: Database, entries_file: Files) -> None:
    files = [entries_file(unnamed(name, 6), name=f"{name}.jsonl") for name in "甲乙丙丁"]
    results = at_once([importing(database, path) for path in files])
    given = [code for result in results for code in result.allocated.values()]
    assert sorted(given) == [f"307024030101/{n:06d}" for n in range(1, 25)]
    with database.read() as session:
        assert sorted(session.execute(select(col(Entry.code))).scalars()) == sorted(given)  # type: ignore[type-var]


def test_one_file_imported_twice_at_once_is_registered_once(database: Database, entries_file: Files) -> None:
    """Each would else find nothing registered, and register everything."""
    path = entries_file(unnamed("同一", 5), name="同一.jsonl")
    results = at_once([importing(database, path)] * 3)
    assert sorted(result.counts["added"] for result in results) == [0, 0, 5]
    assert sorted(result.counts["unchanged"] for result in results) == [0, 5, 5]


IMPORT = """
import sys
from pathlib import Path
from registry.db import Database
from registry.intake import import_workbook
from tests.conftest import NOW
database = Database(sys.argv[1])
with database.write() as session:
    import_workbook(session, Path(sys.argv[2]), actor="tester", now=NOW, profile="zunyi_2020")
database.close()
"""


def test_imports_of_separate_processes_wait_for_each_other(
    tmp_path: Path, sqlite_database: Database, entries_file: Files
) -> None:
    """The embedded database is shared by the service and the commands."""
    files = [entries_file(unnamed(name, 4), name=f"{name}.jsonl") for name in ("甲", "乙")]
    url = f"sqlite:///{tmp_path / 'mulu.sqlite3'}"
    running = [subprocess.Popen([sys.executable, "-c", IMPORT, url, str(path)]) for path in files]
    assert [process.wait() for process in running] == [0, 0]
    with sqlite_database.read() as session:
        found = sorted(str(code) for code in session.execute(select(col(Entry.code))).scalars())
    assert found == [f"307024030101/{n:06d}" for n in range(1, 9)]
