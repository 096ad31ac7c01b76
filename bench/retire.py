"""The retirement of a large system: its impact planned in full; wipe records verified by the thousand.

Run: python -m bench.retire [--entries 2000] [--records 10000] [--postgres URL]

No catalogue that we know plans a retirement. The yardstick, in the same run on the same database, is what a script
over a register without such a plan does: ask of each entry by itself what hangs on it.
"""

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import wipes
from bench.audit import postgres
from bench.shelf import shelve_many

if TYPE_CHECKING:
    from registry.db import Database

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
TARGETS, RUNS, IMPACT_SECONDS = 2, 5, 2.0
COPIES = ("primary", "backup", "log", "front_end")


def fill(database: "Database", entries: int) -> str:
    """A system with entries on the shelf that stand at two portals, used by another agency, with copies; its key."""
    from sqlalchemy import insert, update

    from registry.models import DataCopy, Entry, SyncEntry, SyncTarget, System

    keys = shelve_many(database, entries, now=NOW, agencies=1)
    with database.write() as session:
        life = {"profile": "zunyi_2020", "life": "operating", "created_at": NOW}
        session.add(System(id="s-old", agency_id="a0000", name="体育设施管理系统", **life))
        session.flush()
        session.execute(update(Entry).values(system_id="s-old"))
        for number in range(TARGETS):
            names = {
                "id": f"g{number}",
                "name": f"portal-{number}",
                "url": f"https://portal-{number}.example.cn",
            }
            names |= {
                "kind": "ckan",
                "scope": "open",
                "mode": "direct",
                "files": "upload",
                "created_by": "bench",
            }
            session.execute(insert(SyncTarget), [names | {"created_at": NOW}])
            rows = [
                {"target_id": f"g{number}", "entry_id": key, "state": "present", "files": {}, "said": ""}
                for key in keys
            ]
            session.execute(insert(SyncEntry), rows)
        for kind in COPIES:
            where = {"agency_id": "a0000", "system_id": "s-old", "kind": kind, "name": kind, "medium": "hdd"}
            made = {"state": "in_use", "created_by": "bench", "created_at": NOW, "changed_at": NOW}
            session.add(DataCopy(id=f"c-{kind}", ids={}, **where, **made))
    return "s-old"


def timed(deed: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = deed()
    return time.perf_counter() - began, made


def planned(database: "Database", system: str) -> Any:
    """The impact list, from a session of its own."""
    from registry.models import System
    from registry.retirement_impact import impact

    with database.read() as session:
        return impact(session, session.get_one(System, system), now=NOW)


def asked_one_by_one(database: "Database", system: str) -> int:
    """What hangs on each entry, an entry at a time."""
    from sqlalchemy import select
    from sqlmodel import col

    from registry.grants import active_grants
    from registry.models import Entry, Version
    from registry.people import local_day
    from registry.subjects import distributions_of
    from registry.whereabouts import standing_at

    found = 0
    with database.read() as session:
        for entry in session.execute(select(Entry).where(col(Entry.system_id) == system)).scalars():
            session.get(Version, (entry.id, entry.in_force or entry.newest))
            found += len(distributions_of(session, [entry.id]))
            found += len(standing_at(session, [entry.id]).get(entry.id, ()))
            found += len(active_grants(session, [entry.id], today=local_day(NOW)))
    return found


def measure(name: str, database: "Database", entries: int) -> str:
    """The line of the report for one database."""
    system = fill(database, entries)
    ours = [timed(lambda: planned(database, system)) for _ in range(RUNS)]
    theirs = [timed(lambda: asked_one_by_one(database, system)) for _ in range(RUNS)]
    found = ours[0][1]
    assert len(found.entries) == entries
    assert all(tally["there"] == entries for tally in found.portals.values())
    plan = statistics.median(seconds for seconds, _made in ours)
    peer = statistics.median(seconds for seconds, _made in theirs)
    met = "met" if plan < IMPACT_SECONDS else "missed"
    what = f"{name}: {entries:,} entries on {TARGETS} targets"
    done, told = timed(lambda: retired(database, system))
    return (
        f"{what}: impact planned in {plan:.2f} s (one by one {peer:.2f} s); under {IMPACT_SECONDS:.0f} s: {met}\n"
        f"{name}: decided, users told, {told:,} entries taken off the shelf in {done:.1f} s"
    )


def retired(database: "Database", system: str) -> int:
    """The decision, the notice and the first round of settling, in transactions as the command makes them; gives how
    many entries now wait for the portals."""
    from catalog_specs import load
    from registry.permits import Actor, Held
    from registry.recording import Paper
    from registry.retirement import do_step, open_retirement
    from registry.retirement_entries import Fate
    from registry.retirement_settling import decide, settle, waiting_entries

    roles = tuple(Held(role, agency_id="a0000") for role in ("head", "steward"))
    actor = Actor("p-shelf", "shelf-secrecy", "部门负责人", held=roles)
    with database.write() as session:
        paper = Paper("遵体停〔2026〕1号", NOW.date())
        number = open_retirement(session, system, paper=paper, actor=actor, now=NOW).number
    with database.write() as session:
        do_step(session, number, "notice", Paper("遵数备〔2026〕1号"), actor=actor, now=NOW)
    keys = [one.id for one in planned(database, system).entries]
    with database.write() as session:
        decide(session, number, [Fate(key, "retire") for key in keys], actor=actor, now=NOW)
    with database.read() as session:
        waiting = waiting_entries(session, number, actor=actor)
    size, left = load().retiring.chunk, 0
    for first in range(0, len(waiting), size):
        with database.write() as session:
            left = settle(session, number, waiting[first : first + size], actor=actor, now=NOW).left
    return left


def run(url: str, name: str, entries: int) -> None:
    """Measure one database and print its line."""
    from registry.db import Database
    from registry.migrate import upgrade

    database = Database(url)
    upgrade(database)
    print(measure(name, database, entries), flush=True)
    database.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--postgres", default="")
    given = parser.parse_args(arguments)
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    folder = Path(tempfile.mkdtemp(prefix="mulu-bench-"))
    run(f"sqlite:///{folder / 'retire.sqlite3'}", "SQLite", given.entries)
    with postgres(given.postgres) as url:
        if url:
            run(url, "PostgreSQL", given.entries)
    shutil.rmtree(folder)
    wipes.main(["--records", str(given.records)])


if __name__ == "__main__":
    main()
