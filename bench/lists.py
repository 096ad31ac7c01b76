"""Responsibility lists of a city: 100,000 announced entries in 200 agencies, listed, sealed, printed and exported.

Run: python -m bench.lists [--entries 100000] [--agencies 200] [--postgres URL]

The peer, in the same run on the same database, is what a catalogue without stored lines must do: read every version's
content and make its line anew. Each task runs in a process of its own, so that its peak of memory is its own.
"""

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.audit import postgres

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.db import Database
    from registry.models import Agency

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
FORMATS = ("json", "csv", "xlsx")
PROFILE = "zunyi_2020"
LINES_OF_A_PDF = 500


def fill(database: "Database", entries: int, agencies: int) -> None:
    """Announced entries, their versions, lines and a head who may seal for every agency."""
    from sqlalchemy import insert

    from catalog_specs import load
    from registry.entries import NewVersion, save_entries, save_versions
    from registry.keys import digest_of, new_key
    from registry.list_lines import InForce, save_lines
    from registry.models import Agency, Person, RoleGrant

    specs = load(PROFILE)
    with database.write() as session:
        offices = [_agency(number) for number in range(agencies)]
        session.execute(insert(Agency), offices)
        session.execute(insert(Person), [_head()])
        session.execute(insert(RoleGrant), [_grant(office["id"]) for office in offices])
    contents = _sound(entries)
    for start in range(0, entries, 5000):
        rows, versions, lines = [], [], []
        for n in range(start, min(start + 5000, entries)):
            office, content = offices[n % agencies], dict(next(contents))
            content |= {
                "provider_code": office["code"],
                "provider_name": office["name"],
                "resource_name": f"{content['resource_name']}{n}",
            }
            key, digest = new_key("e"), digest_of(content)
            rows.append(_entry(key, office["id"], n))
            versions.append(NewVersion(key, 1, content, digest, "announced", [], [], 0, 0, str(n)))
            lines.append(InForce(key, 1, content, digest, NOW))
        with database.write() as session:
            save_entries(session, rows)
            save_versions(session, versions, specs, batch_id=None, actor="bench", now=NOW)
            save_lines(session, lines, specs)


def _sound(entries: int) -> Iterator[dict[str, Any]]:
    """Entries that are shared; what a few of them break is not looked at here."""
    from registry.synthetic_many import many

    shared = (row for row in many(entries * 3, seed=5, items=8) if row.get("share_type") in ("1", "2"))
    return (row for row in shared if isinstance(row.get("items"), list))


def _agency(number: int) -> dict[str, Any]:
    return {
        "id": f"a{number:04d}",
        "code": f"1152030000{number:06d}00",
        "name": f"遵义市第{number}局",
        "kind": "政府部门",
        "region": "520300",
        "number": number,
        "created_at": NOW,
    }


def _head() -> dict[str, Any]:
    return {
        "id": "p1",
        "login": "head",
        "name": "负责人",
        "machine": False,
        "active": True,
        "must_change": False,
        "created_by": "bench",
        "created_at": NOW,
    }


def _grant(agency_id: str) -> dict[str, Any]:
    return {
        "id": f"g{agency_id}",
        "person_id": "p1",
        "role": "head",
        "agency_id": agency_id,
        "granted_by": "bench",
        "granted_at": NOW,
    }


def _entry(key: str, agency_id: str, number: int) -> dict[str, Any]:
    return {
        "id": key,
        "agency_id": agency_id,
        "system_id": None,
        "code": f"307024{number // 1000:06d}/{number % 1000:06d}",
        "code_status": "given",
        "state": "announced",
        "in_force": 1,
        "newest": 1,
        "created_at": NOW,
        "lock": 1,
    }


# ---- tasks ------------------------------------------------------------------------------------------------


def whole_city(session: "Session", _folder: Path) -> str:
    """Every line of every list, made and gone through."""
    from registry.responsibility import Scope, live_document

    document = live_document(session, Scope(), now=NOW)
    return f"{sum(1 for table in document.lists for _row in table.rows):,} lines"


def derived_anew(session: "Session", _folder: Path) -> str:
    """The peer: the same lines made of the contents of all versions in force."""
    from sqlalchemy import select
    from sqlmodel import col

    from catalog_specs import load
    from registry.list_lines import Lines, in_force
    from registry.models import Entry, Version

    lines, count = Lines(load(PROFILE)), 0
    mine = (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.in_force))
    query = select(Version).join(Entry, mine).execution_options(yield_per=1000)
    for version in session.execute(query).scalars():
        count += len(lines.rows(in_force(version)))
        session.expunge(version)
    return f"{count:,} lines"


def one_agency(session: "Session", _folder: Path) -> str:
    """The lists of one agency, twenty of them one after the other; the time is of one."""
    from registry.responsibility import Scope, live_document

    agencies, times, rows = _agencies(session)[:20], [], 0
    for agency in agencies:
        started = time.perf_counter()
        document = live_document(session, Scope(agency), now=NOW)
        rows = sum(len(list(table.rows)) for table in document.lists)
        times.append(time.perf_counter() - started)
    times.sort()
    middle, worst = times[len(times) // 2] * 1000, times[-1] * 1000
    return f"{rows:,} lines in {middle:.0f} ms (median of {len(times)}; at most {worst:.0f} ms)"


def seal_all(session: "Session", _folder: Path) -> str:
    """An edition of every agency, in one transaction, each with its mark and its proof."""
    from registry.editions import seal_many
    from registry.people import actor_of

    actor = actor_of(session, "head", today=NOW.date())
    done = seal_many(session, _agencies(session), actor=actor, now=NOW)
    return f"{len(done):,} editions, {sum(one.edition.rows for one in done):,} lines"


def pdf(session: "Session", folder: Path) -> str:
    """A PDF of 500 sealed lines; the second one, when fonts and template are warm."""
    from dataclasses import replace

    from registry.editions import document_of, find_edition
    from registry.list_document import document_digest
    from registry.list_files import write

    document = document_of(find_edition(session, _agencies(session)[0], None))
    table = document.lists[0]
    cut = replace(document, lists=(replace(table, rows=tuple(table.rows)[:LINES_OF_A_PDF]),))
    cut = replace(cut, digest=document_digest(cut))
    times = []
    for number in range(3):
        started = time.perf_counter()
        write(cut, folder / f"{number}.pdf")
        times.append(time.perf_counter() - started)
    size = (folder / "0.pdf").stat().st_size / 1024
    rows = len(tuple(cut.lists[0].rows))
    return f"{rows} lines in {min(times):.2f} s (first {times[0]:.2f} s), {size:,.0f} KB"


def export(session: "Session", folder: Path, form: str) -> str:
    """All lines of the city in one file."""
    from registry.list_files import write
    from registry.responsibility import Scope, live_document

    path = folder / f"city.{form}"
    write(live_document(session, Scope(), now=NOW), path)
    return f"{path.stat().st_size / 1_048_576:,.0f} MB"


def _agencies(session: "Session") -> "list[Agency]":
    from sqlalchemy import select
    from sqlmodel import col

    from registry.models import Agency

    return list(session.execute(select(Agency).order_by(col(Agency.code))).scalars())


TASKS = {
    "whole city": whole_city,
    "peer: lines made anew": derived_anew,
    "one agency": one_agency,
    "seal all": seal_all,
    "pdf": pdf,
}


def child(task: str, url: str, folder: Path) -> None:
    """One task in this process; prints what it did, its time and its peak of memory."""
    from registry.db import Database

    database = Database(url)
    started, cpu = time.perf_counter(), time.process_time()
    opened = database.write() if task == "seal all" else database.read()
    with opened as session:
        found = TASKS.get(task)
        said = found(session, folder) if found else export(session, folder, task)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {task} | {said} | {wall:.2f} s | {cpu:.2f} s | {peak:,.0f} MB |", flush=True)


def run(url: str, name: str, entries: int, agencies: int, keys: Path) -> None:
    """Fill a database and run every task on it."""
    from registry.db import Database
    from registry.migrate import upgrade

    database = Database(url)
    upgrade(database)
    started = time.perf_counter()
    fill(database, entries, agencies)
    print(
        f"\n{name}: {entries:,} entries in {agencies} agencies, filled in {time.perf_counter() - started:.0f} s\n"
    )
    database.close()
    print("| task | what | time | of one core | peak |\n|---|---|---|---|---|", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="mulu-bench-"))
    environment = os.environ | {"MULU_KEY_DIR": str(keys)}
    for task in (*TASKS, *FORMATS):
        command = [sys.executable, "-m", "bench.lists", "--task", task, "--url", url, "--folder", str(folder)]
        subprocess.run(command, check=True, env=environment)
    shutil.rmtree(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--agencies", type=int, default=200)
    parser.add_argument("--postgres", default="")
    parser.add_argument("--task")
    parser.add_argument("--url", default="")
    parser.add_argument("--folder", type=Path, default=Path())
    given = parser.parse_args(arguments)
    if given.task:
        return child(given.task, given.url, given.folder)
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    folder = Path(tempfile.mkdtemp(prefix="mulu-bench-"))
    run(f"sqlite:///{folder / 'lists.sqlite3'}", "SQLite", given.entries, given.agencies, folder / "keys")
    with postgres(given.postgres) as url:
        if url:
            run(url, "PostgreSQL", given.entries, given.agencies, folder / "keys")
    shutil.rmtree(folder)
    return None


if __name__ == "__main__":
    main()
