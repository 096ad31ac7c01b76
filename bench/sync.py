"""The sync job at a real CKAN on this machine, beside ``ckanapi load datasets`` on the same packages.

Run: python -m bench.sync [--packages 1000] [--entries 10000] [--files 200]

The ceiling is the portal itself: ``package_create`` alone, in parallel, nothing read back. It is measured before and
after, since the portal's speed moves with what else the machine does.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import local
from typing import Any

from ckanapi import RemoteCKAN
from sqlalchemy import select, update
from sqlmodel import col

from bench import ckan
from bench.shelf import shelve_many
from registry.db import Database
from registry.migrate import upgrade
from registry.models import Distribution
from registry.outbox import mark
from registry.settings import read_settings
from registry.stores import FolderStore
from sync import rounds, targets
from sync.desires import wanted
from sync.rounds import Office
from sync.targets import NewTarget

NAME = "bench"
PARALLEL = 4
CEILING = 300


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Site:
    """A register, a portal, and the job between them."""

    folder: Path
    database: Database
    portal: ckan.Ckan
    office: Office

    def packages(self, keys: list[str]) -> list[Mapping[str, Any]]:
        """The datasets that entries become."""
        with self.database.read() as session:
            target = targets.find(session, NAME)
            shape = targets.shape_of(session, target, self.office.settings)
            found = wanted(session, shape, keys, now=now())
        return [one.desired.package for one in found.values() if one.desired is not None]


def site(stack: ExitStack, folder: Path) -> Site:
    # the portal's database runs as another user
    folder.chmod(0o755)
    portal = stack.enter_context(ckan.running(folder / "ckan", workers=2))
    os.environ |= {
        "MULU_ALLOW_LOOPBACK_TARGETS": "1",
        "MULU_TARGET_BENCH_TOKEN": portal.authorization,
        "MULU_KEY_DIR": str(folder / "keys"),
        "MULU_FILES_DIR": str(folder / "files"),
    }
    database = Database(f"sqlite:///{folder / 'mulu.sqlite3'}")
    stack.callback(database.close)
    upgrade(database)
    settings = replace(read_settings(), files_folder=folder / "files")
    with database.write() as session:
        new = NewTarget(NAME, "ckan", "open", portal.url)
        targets.add(session, new, settings=settings, by="bench", operator="bench", now=now())
    return Site(folder, database, portal, Office(database, settings, "mulu-sync"))


# ---- what is measured -------------------------------------------------------------------------------------


def timed(deed: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = deed()
    return time.perf_counter() - start, found


def other(package: Mapping[str, Any], mark_: str) -> dict[str, Any]:
    """The same dataset under ids and a name of its own, of another registry."""
    resources = [dict(one) | {"id": str(uuid.uuid4())} for one in package["resources"]]
    name = f"{package['name']}-{mark_}"
    extras = [
        one | {"value": "x" * len(one["value"])} if one["key"] == "mulu_registry" else one
        for one in package["extras"]
    ]
    own = {"id": str(uuid.uuid4()), "name": name, "resources": resources, "extras": extras}
    return dict(package) | own


def ceiling(portal: ckan.Ckan, packages: list[dict[str, Any]]) -> float:
    """Datasets a second by ``package_create`` alone."""
    own = local()

    def create(package: dict[str, Any]) -> None:
        if not hasattr(own, "remote"):
            own.remote = RemoteCKAN(portal.url, apikey=portal.authorization)
        own.remote.call_action("package_create", package)

    with ThreadPoolExecutor(PARALLEL) as pool:
        seconds, _done = timed(lambda: list(pool.map(create, packages)))
    return len(packages) / seconds


def loaded(portal: ckan.Ckan, packages: list[dict[str, Any]], folder: Path) -> float:
    """Datasets a second by ``ckanapi load datasets -p 4``."""
    file = folder / "packages.jsonl"
    file.write_text("".join(json.dumps(package) + "\n" for package in packages))
    programs = Path(sys.executable).parent
    command = [str(programs / "ckanapi"), "load", "datasets", "-I", str(file)]
    command += ["-r", portal.url, "-a", portal.authorization, "-p", str(PARALLEL)]
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    seconds, done = timed(lambda: subprocess.run(command, capture_output=True, env=environment, check=True))
    said = done.stdout.decode() + done.stderr.decode()
    assert said.count('"error"') == 0, said[-500:]
    return len(packages) / seconds


def change(at: Site, keys: list[str]) -> None:
    """Another name for the first distribution of each."""
    with at.database.write() as session:
        for key in keys:
            query = select(col(Distribution.id)).where(col(Distribution.entry_id) == key).limit(1)
            first = session.execute(query).scalar_one()
            renamed = update(Distribution).where(col(Distribution.id) == first)
            session.execute(renamed.values(name=f"改名 {uuid.uuid4().hex[:6]}"))
        mark(session, keys, "attach", now=now())


def first_push(at: Site, number: int) -> Iterator[str]:
    keys = shelve_many(at.database, number, now=now())
    packages = at.packages(keys)
    for name in {str(package["owner_org"]) for package in packages}:
        remote = RemoteCKAN(at.portal.url, apikey=at.portal.authorization)
        remote.call_action("organization_create", {"name": name, "title": name})
    before = ceiling(at.portal, [other(one, "c") for one in packages[:CEILING]])
    seconds, report = timed(lambda: rounds.run(at.office, NAME))
    assert report.outcome == "in_step", report
    ours = number / seconds
    peer = loaded(at.portal, [other(one, "p") for one in packages], at.folder)
    after = ceiling(at.portal, [other(one, "d") for one in packages[:CEILING]])
    top = (before + after) / 2
    yield f"| ceiling: package_create alone, {PARALLEL} at a time, before and after | {before:.1f} and {after:.1f}/s | |"
    yield f"| mulu-sync run, first push of {number:,} with read-back | {ours:.1f}/s | {ours / top:.0%} of the ceiling |"
    yield f"| ckanapi load datasets -p {PARALLEL}, the same {number:,} | {peer:.1f}/s | {peer / top:.0%} of the ceiling |"
    again = loaded(at.portal, packages_again(at, keys), at.folder)
    yield f"| ckanapi load datasets -p {PARALLEL}, nothing changed | {again:.1f}/s | every dataset is written again |"
    seconds, _plan = timed(lambda: rounds.run(at.office, NAME))
    yield f"| mulu-sync run, nothing changed ({number:,} entries) | {seconds:.2f} s | no write |"


def packages_again(at: Site, keys: list[str]) -> list[dict[str, Any]]:
    return [dict(package) for package in at.packages(keys)]


def with_files(at: Site, number: int) -> Iterator[str]:
    keys = shelve_many(
        at.database, number, now=now(), files=FolderStore(at.folder / "files"), first=500_000, resources=1
    )
    seconds, report = timed(lambda: rounds.run(at.office, NAME))
    assert report.outcome == "in_step", report
    yield f"| first push of {len(keys):,} with a file each, bytes read back | {number / seconds:.1f}/s | |"


def whole_city(at: Site, entries: int, there: int) -> Iterator[str]:
    keys = shelve_many(at.database, entries - there, now=now(), first=there)
    seconds, report = timed(lambda: rounds.run(at.office, NAME))
    assert report.outcome == "in_step", report
    yield f"| first push of {len(keys):,} more | {len(keys) / seconds:.1f}/s | |"
    seconds, plan = timed(lambda: rounds.plan(at.office, NAME))
    assert plan.touched == 0
    yield f"| plan of {entries:,} entries, nothing changed | {seconds:.2f} s | target 2 s |"
    seconds, report = timed(lambda: rounds.run(at.office, NAME))
    assert report.counts["total"] == 0
    yield f"| run of {entries:,} entries, nothing changed | {seconds:.2f} s | no write |"
    change(at, keys[:10])
    seconds, report = timed(lambda: rounds.run(at.office, NAME))
    assert report.written["updated"] == 10, report
    yield f"| run, 10 changed of {entries:,} | {seconds:.2f} s | target 3 s |"
    seconds, plan = timed(lambda: rounds.plan(at.office, NAME, full=True))
    assert plan.touched == 0
    yield f"| plan --full: every entry judged anew | {seconds:.1f} s | |"
    seconds, found = timed(lambda: rounds.verify(at.office, NAME))
    assert found.in_step, found.drifts[:3]
    yield f"| verify of {found.checked:,} | {seconds:.1f} s | target 60 s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=200)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| work | speed | |\n|---|---|---|")
    with ExitStack() as stack:
        at = site(stack, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mulu-bench-"))))
        for line in first_push(at, options.packages):
            print(line, flush=True)
        if options.files:
            for line in with_files(at, options.files):
                print(line, flush=True)
        if options.entries > options.packages:
            for line in whole_city(at, options.entries, options.packages):
                print(line, flush=True)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
