"""The record of acts: written with the act or not at all, whoever writes at the same time, and read again."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from registry.audit import Act, body_of, count_events, events_of, list_events, record
from registry.db import Database
from registry.errors import Unavailable
from registry.intake import import_workbook
from registry.keys import canonical_json
from registry.migrate import FOLDER, upgrade
from registry.models import AuditEvent
from tests.auditing import kinds, remove, rows, tamper, verified, write
from tests.catalogue_files import at_once
from tests.conftest import NOW
from tests.examples import GOOD, good
from validators.merkle import digest, leaf_hash, tree_root


def test_a_record_of_acts_verifies(database: Database) -> None:
    write(database)
    write(database, 2)
    verdict = verified(database)
    assert (verdict.intact, verdict.size, verdict.faults) == (True, 7, ())
    assert [event["seq"] for event in rows(database)] == [1, 2, 3, 4, 5, 6, 7]


def test_an_empty_record_verifies(database: Database) -> None:
    verdict = verified(database)
    assert (verdict.intact, verdict.size, verdict.notes) == (True, 0, ())


def test_leaf_and_root_are_those_of_the_stored_bytes(database: Database) -> None:
    write(database, 7)
    hashed = digest("sha256")
    leaves = [leaf_hash(row["body"].encode(), hashed) for row in rows(database)]
    assert [row["leaf"] for row in rows(database)] == [leaf.hex() for leaf in leaves]
    assert [row["root"] for row in rows(database)] == [
        tree_root(leaves[:n], hashed).hex() for n in range(1, 8)
    ]


@pytest.mark.parametrize("name", ["王敏", 'a"b\\c\n\u2028', "\x00", "😀"])
def test_the_bytes_are_canonical_json(name: str) -> None:
    body = body_of(3, "t", name, name, "d", actor=name, operator=name)
    whole = {
        "seq": 3,
        "at": "t",
        "act": name,
        "actor": name,
        "operator": name,
        "subject": name,
        "digest": "d",
    }
    assert body == canonical_json(whole)


def test_details_stand_beside_the_tree_and_not_in_it(database: Database) -> None:
    write(database, 1)
    event, content = rows(database)[0], rows(database, "audit_content")[0]
    assert '"version"' not in event["body"] and '"operator":"root"' in event["body"]
    assert json.loads(content["content"]) == {"version": 0, "digest": "ab" * 32}
    assert len(content["salt"]) == 32


def test_alike_details_are_not_told_by_their_digest(database: Database) -> None:
    with database.write() as session:
        record(session, [Act("a", "s", {"x": 1}), Act("a", "s", {"x": 1})], actor="甲", now=NOW)
    first, second = (row["content_digest"] for row in rows(database))
    assert first != second


def test_an_act_without_details_has_no_content(database: Database) -> None:
    with database.write() as session:
        assert record(session, [Act("a", "s", {})], actor="甲", now=NOW) == range(1, 2)
        assert record(session, [], actor="甲", now=NOW) == range(0)
    assert (rows(database, "audit_content"), rows(database)[0]["content_digest"]) == ([], "")
    assert verified(database).intact


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 21, 10, 0, tzinfo=timezone(timedelta(hours=8))),
        datetime(2026, 11, 21, 2, 0, 0, 123456, tzinfo=UTC),
    ],
    ids=["Chinese time", "microseconds"],
)
def test_the_moment_s_zone_does_not_matter(now: datetime, database: Database) -> None:
    write(database, now=now)
    assert verified(database).intact


def test_sm3_is_taken_by_setting_and_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_AUDIT_HASH", "sm3")
    write(database, 3)
    monkeypatch.setenv("MULU_AUDIT_HASH", "sha256")
    write(database, 120)
    verdict = verified(database)
    assert (verdict.intact, verdict.algorithm, verdict.covered) == (True, "sm3", 100)
    assert rows(database)[0]["leaf"] == leaf_hash(rows(database)[0]["body"].encode(), digest("sm3")).hex()


def test_an_unknown_hash_refuses_the_act(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_AUDIT_HASH", "md5")
    with pytest.raises(Unavailable, match="sha256 或 sm3"):
        write(database)
    assert rows(database) == []


# ---- with the act or not at all ---------------------------------------------------------------------------


def test_an_act_that_fails_leaves_no_record(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        record(session, [Act("import", "b", {})], actor="王敏", now=NOW)
        raise RuntimeError
    assert rows(database) == []
    write(database, 1)
    assert verified(database).intact


def test_an_act_whose_record_cannot_be_written_fails(
    database: Database, entries_file: Callable[..., Path]
) -> None:
    path = entries_file([good("OK02")])
    remove(database, "audit_tree", [1])
    with pytest.raises(Unavailable, match="状态行"), database.write() as session:
        import_workbook(session, path, actor="王敏", now=NOW, profile="zunyi_2020")
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM entry")).scalar_one() == 0


def test_a_tree_row_behind_the_events_stops_new_acts(database: Database) -> None:
    """Whoever sets the row of the tree back would have the next event take a number that is taken."""
    write(database, 3)
    tamper(database, "audit_tree", 1, size=1, frontier=rows(database)[0]["leaf"])
    with pytest.raises(IntegrityError):
        write(database, 1)
    assert len(rows(database)) == 3


def test_a_damaged_tree_row_stops_new_acts(database: Database) -> None:
    write(database, 3)
    tamper(database, "audit_tree", 1, frontier="zz")
    with pytest.raises(Unavailable, match="损坏"):
        write(database, 1)


@pytest.mark.parametrize("statement", [update(AuditEvent).values(actor="x"), delete(AuditEvent)])
def test_the_database_itself_refuses_to_change_the_record(statement: object, database: Database) -> None:
    write(database)
    with pytest.raises(DatabaseError, match="append-only"), database.write() as session:
        session.execute(statement)  # type: ignore[call-overload]
    assert verified(database).intact


KILLED = """
import os, sys
from datetime import UTC, datetime
from registry.audit import Act, record
from registry.db import Database
database = Database(sys.argv[1])
for number in range(200):
    with database.write() as session:
        record(session, [Act("a", "s", {"n": number})] * 3, actor="x", now=datetime.now(UTC))
        if number == 7:
            os.kill(os.getpid(), 9)
"""


def test_a_process_killed_between_leaves_whole_acts(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-c", KILLED, url], check=False)
    assert done.returncode == -9
    assert len(rows(database)) == 21
    write(database, 2)
    verdict = verified(database)
    assert (verdict.intact, verdict.size) == (True, 23)


# ---- several at once --------------------------------------------------------------------------------------


def test_many_writers_at_once_make_one_tree(database: Database) -> None:
    at_once([lambda: write(database, 3)] * 6)
    verdict = verified(database)
    assert (verdict.intact, verdict.size) == (True, 18)


WRITER = """
import sys
from datetime import UTC, datetime
from registry.audit import Act, record
from registry.db import Database
database = Database(sys.argv[1])
for number in range(40):
    with database.write() as session:
        record(session, [Act("a", sys.argv[2], {"n": number})], actor="x", now=datetime.now(UTC))
database.close()
"""


def test_writers_in_several_processes_neither_lose_events_nor_fork_the_tree(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, f"s{n}"]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    verdict = verified(database)
    assert (verdict.intact, verdict.size, verdict.heads) == (True, 120, 1)
    with database.read() as session:
        for number in range(3):
            details = [event.details for event in events_of(session, f"s{number}")]
            assert details == [{"n": n} for n in range(40)]


# ---- reading ----------------------------------------------------------------------------------------------


def test_events_are_listed_a_page_at_a_time(database: Database) -> None:
    write(database, 5)
    with database.read() as session:
        page = list_events(session, limit=2)
        assert [event.seq for event in page] == [5, 4]
        assert [event.seq for event in list_events(session, after=4, limit=9)] == [3, 2, 1]
        assert [event.seq for event in list_events(session, newest=False, after=3)] == [4, 5]
        assert [event.seq for event in list_events(session, act="register", actor="王敏", subject="e2")] == [
            3
        ]
        assert (
            count_events(session),
            count_events(session, subject="e2"),
            count_events(session, act="x"),
        ) == (5, 1, 0)
    assert (page[0].act, page[0].subject, page[0].operator, page[0].at) == ("register", "e4", "root", NOW)


def test_an_import_is_recorded_with_digests_and_no_content(
    database: Database, entries_file: Callable[..., Path]
) -> None:
    path = entries_file([good(key) for key in GOOD])
    with database.write() as session:
        result = import_workbook(session, path, actor="王敏", now=NOW, profile="zunyi_2020")
    with database.read() as session:
        first, *rest = list_events(session, newest=False)
        code = session.execute(text("SELECT code FROM entry WHERE code IS NOT NULL LIMIT 1")).scalar_one()
        by_code = events_of(session, code)
    assert (first.act, first.subject, first.actor) == ("import", result.batch_id, "王敏")
    assert first.details is not None and first.details["counts"]["added"] == len(GOOD)
    assert {event.act for event in rest} == {"register"} and len(rest) == len(GOOD)
    assert all(set(event.details or {}) == {"version", "digest"} for event in rest)
    said = str([event.details for event in [first, *rest]])
    assert not [name for content in GOOD.values() if (name := content["resource_name"]) in said]
    assert len(by_code) == 1
    assert verified(database).intact


def test_a_strange_name_finds_nothing(database: Database) -> None:
    with database.read() as session:
        assert events_of(session, "x\0\ud800'") == []


# ---- from the plain chain ---------------------------------------------------------------------------------


def migrate(database: Database, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, to)


def test_the_plain_chain_is_carried_over_and_back(database: Database) -> None:
    write(database, 1205)
    before = [(row["seq"], row["at"], row["act"], row["actor"], row["subject"]) for row in rows(database)]
    migrate(database, "0002")
    with database.engine.connect() as connection:
        chain = connection.execute(text("SELECT previous, digest FROM audit_event ORDER BY seq")).all()
    assert chain[0].previous == "0" * 64
    assert [row.previous for row in chain[1:]] == [row.digest for row in chain[:-1]]
    upgrade(database)
    assert [
        (row["seq"], row["at"], row["act"], row["actor"], row["subject"]) for row in rows(database)
    ] == before
    assert json.loads(rows(database, "audit_content")[-1]["content"])["version"] == 1204
    assert kinds(database) == [("heads_missing", 1)]
    write(database, 95)
    verdict = verified(database)
    assert (verdict.intact, verdict.size, verdict.covered) == (True, 1300, 1300)
    assert [note.key for note in verdict.notes] == ["late_heads"]


def test_a_chain_with_a_gap_is_not_mended_on_the_way(database: Database) -> None:
    write(database, 5)
    migrate(database, "0002")
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_event WHERE seq = 3"))
    upgrade(database)
    assert kinds(database)[0] == ("deleted", 3)
