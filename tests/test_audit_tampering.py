"""Whoever alters the record, whichever way, is found, and it is said what was done to which event."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from registry.db import Database
from registry.keys import canonical_json
from registry.signing import Head, trusted_keys
from tests.auditing import kinds, put, remove, renumber, rows, tamper, unguard, verified, write
from tests.conftest import NOW
from validators.merkle import Frontier, digest, leaf_hash

SHA256 = digest("sha256")


@pytest.fixture
def opened(database: Database) -> Database:
    """A record of five events in a database whose owner dropped the triggers."""
    write(database)
    unguard(database)
    return database


def event(database: Database, seq: int) -> dict[str, Any]:
    return rows(database)[seq - 1]


def rebuild(database: Database, bodies: list[str]) -> None:
    """Rewrite the whole tree over other bytes, as a patient attacker without the signing key would."""
    tree = Frontier(SHA256)
    for seq, body in enumerate(bodies, 1):
        leaf = leaf_hash(body.encode(), SHA256)
        tree.append(leaf)
        tamper(database, "audit_event", seq, body=body, leaf=leaf.hex(), root=tree.root().hex())
    frontier = b"".join(tree.nodes).hex()
    tamper(database, "audit_tree", 1, size=tree.size, frontier=frontier)


# ---- one event --------------------------------------------------------------------------------------------

COLUMNS: dict[str, Any] = {
    "actor": "别人",
    "act": "retire",
    "subject": "e9",
    "operator": "",
    "at": NOW + timedelta(microseconds=1),
    "content_digest": "f" * 64,
}


@pytest.mark.parametrize("seq", [1, 3, 5])
@pytest.mark.parametrize("column", COLUMNS)
def test_an_edited_column_is_named(column: str, seq: int, opened: Database) -> None:
    tamper(opened, "audit_event", seq, **{column: COLUMNS[column]})
    verdict = verified(opened)
    assert (verdict.faults[0].key, verdict.faults[0].params) == ("column", {"seq": seq, "columns": column})
    assert verdict.total == (2 if column == "content_digest" else 1)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_edited_bytes_are_named(seq: int, opened: Database) -> None:
    tamper(opened, "audit_event", seq, body=event(opened, seq)["body"].replace("王敏", "别人"))
    assert kinds(opened) == [("edited", seq)]


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_bytes_edited_together_with_the_column_are_named(seq: int, opened: Database) -> None:
    body = event(opened, seq)["body"].replace("王敏", "别人")
    tamper(opened, "audit_event", seq, body=body, actor="别人")
    assert kinds(opened) == [("edited", seq)]


@pytest.mark.parametrize("seq", [1, 3, 5])
@pytest.mark.parametrize("column", ["leaf", "root"])
def test_an_edited_hash_is_named(column: str, seq: int, opened: Database) -> None:
    tamper(opened, "audit_event", seq, **{column: "ab" * 32})
    assert kinds(opened) == [(column, seq)]


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_an_event_rewritten_with_its_leaf_is_named(seq: int, opened: Database) -> None:
    body = event(opened, seq)["body"].replace("王敏", "别人")
    leaf = leaf_hash(body.encode(), SHA256).hex()
    tamper(opened, "audit_event", seq, body=body, actor="别人", leaf=leaf)
    assert kinds(opened) == [("rewritten", seq)]


@pytest.mark.parametrize("value", ["", "{", "[1]", "null", '{"seq":3}'])
def test_bytes_that_say_nothing_are_named(value: str, opened: Database) -> None:
    tamper(opened, "audit_event", 3, body=value)
    assert kinds(opened) == [("edited", 3)]


def test_what_only_sqlite_would_take_is_named(sqlite_database: Database) -> None:
    write(sqlite_database)
    unguard(sqlite_database)
    with sqlite_database.engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET at = 'gestern', actor = 5 WHERE seq = 2"))
        connection.execute(text("UPDATE audit_event SET body = x'00ff' WHERE seq = 4"))
    assert kinds(sqlite_database) == [("column", 2), ("edited", 4)]


# ---- rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, 3])
def test_a_deleted_event_is_named(seq: int, opened: Database) -> None:
    remove(opened, "audit_event", [seq])
    assert kinds(opened) == [("deleted", seq)]


def test_a_deleted_event_with_the_rest_moved_up_is_named(opened: Database) -> None:
    remove(opened, "audit_event", [3])
    remove(opened, "audit_content", [3])
    for seq in (4, 5):
        renumber(opened, seq, seq - 1)
    assert kinds(opened)[:2] == [("moved", 3), ("moved", 4)]


def test_two_exchanged_events_are_named(opened: Database) -> None:
    for before, after in ((2, 99), (4, 2), (99, 4)):
        renumber(opened, before, after)
    faults = verified(opened).faults
    assert [(found.key, found.params) for found in faults] == [
        ("moved", {"seq": 2, "other": 4}),
        ("moved", {"seq": 4, "other": 2}),
    ]


def test_an_inserted_event_is_named(opened: Database) -> None:
    for seq in (5, 4, 3):
        renumber(opened, seq, seq + 1)
    put(opened, "audit_event", event(opened, 2) | {"seq": 3})
    assert kinds(opened)[0] == ("moved", 3)


def test_an_event_added_at_the_end_is_named(opened: Database) -> None:
    body = event(opened, 5)["body"].replace('"seq":5', '"seq":6')
    tree = Frontier(SHA256)
    for row in rows(opened):
        tree.append(bytes.fromhex(row["leaf"]))
    leaf = leaf_hash(body.encode(), SHA256)
    tree.append(leaf)
    hashes = {"leaf": leaf.hex(), "root": tree.root().hex()}
    put(opened, "audit_event", event(opened, 5) | {"seq": 6, "body": body, "content_digest": ""} | hashes)
    assert ("inserted", 6) in kinds(opened)


@pytest.mark.parametrize("values", [{"frontier": "ab" * 64}, {"algorithm": "sm3"}])
def test_an_edited_row_of_the_tree_is_named(values: dict[str, str], opened: Database) -> None:
    tamper(opened, "audit_tree", 1, **values)
    assert kinds(opened)


# ---- contents ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{"content": '{"version":9}'}, {"salt": "00" * 16}, {"salt": "x"}])
def test_an_edited_content_is_named(values: dict[str, str], opened: Database) -> None:
    tamper(opened, "audit_content", 3, **values)
    assert kinds(opened) == [("content_changed", 3)]


def test_a_deleted_content_is_named(opened: Database) -> None:
    remove(opened, "audit_content", [3])
    tamper(opened, "audit_content", 4, content=None, salt=None)
    assert kinds(opened) == [("content_deleted", 3), ("content_deleted", 4)]


def test_an_erasure_that_is_not_on_record_is_named(opened: Database) -> None:
    tamper(opened, "audit_content", 2, content=None, salt=None, erased_at=NOW, erased_by=5)
    tamper(opened, "audit_content", 3, content=None, salt=None, erased_at=NOW, erased_by=77)
    faults = [(found.key, found.params) for found in verified(opened).faults]
    assert faults == [
        ("content_erased", {"seq": 2, "other": 5}),
        ("content_erased", {"seq": 3, "other": 77}),
    ]


def test_a_content_that_was_added_is_named(database: Database) -> None:
    from registry.audit import Act, record

    with database.write() as session:
        record(session, [Act("a", "s", {})], actor="甲", now=NOW)
    put(database, "audit_content", {"seq": 1, "content": "{}", "salt": "00"})
    assert kinds(database) == [("content_added", 1)]


# ---- the tail, and the heads ------------------------------------------------------------------------------


@pytest.fixture
def long(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A record of 250 events with two heads, also in a heads file, without triggers."""
    monkeypatch.setenv("MULU_HEADS_FILE", str(tmp_path / "heads.jsonl"))
    write(database, 250)
    unguard(database)
    return database


def cut(database: Database, size: int) -> None:
    """Cut the tail with everything in the database that tells of it."""
    gone = range(size + 1, len(rows(database)) + 1)
    remove(database, "audit_event", gone)
    remove(database, "audit_content", gone)
    heads = [row["number"] for row in rows(database, "audit_head") if row["size"] > size]
    remove(database, "audit_head", heads)
    kept = len(rows(database, "audit_head"))
    tree = Frontier(SHA256)
    for row in rows(database):
        tree.append(bytes.fromhex(row["leaf"]))
    nodes = b"".join(tree.nodes).hex()
    tamper(database, "audit_tree", 1, size=size, frontier=nodes, heads=kept)


def test_a_long_record_verifies_against_its_heads(long: Database, tmp_path: Path) -> None:
    verdict = verified(long, tmp_path / "heads.jsonl")
    assert (verdict.intact, verdict.heads, verdict.covered, verdict.notes) == (True, 2, 200, ())
    assert len((tmp_path / "heads.jsonl").read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize(("left", "by"), [(249, "审计树的状态行"), (150, "树头、审计树的状态行")])
def test_a_tail_that_was_just_cut_is_named(left: int, by: str, long: Database) -> None:
    remove(long, "audit_event", range(left + 1, 251))
    found = verified(long).faults[-1]
    assert (found.key, found.params) == ("cut", {"first": left + 1, "last": 250, "by": by})


def test_a_tail_cut_with_all_its_traces_is_found_by_the_heads_file(long: Database, tmp_path: Path) -> None:
    cut(long, 150)
    assert verified(long).intact  # nothing in the database tells of it any more
    found = {fault.key: fault.params for fault in verified(long, tmp_path / "heads.jsonl").faults}
    assert found["cut"] == {"first": 151, "last": 200, "by": "树头文件"}
    assert found["head_removed"] == {"first": 2, "last": 2, "by": "树头文件"}


def test_a_record_rewritten_whole_is_found_by_its_heads(long: Database) -> None:
    bodies = [row["body"] for row in rows(long)]
    bodies[119] = bodies[119].replace("王敏", "别人")
    tamper(long, "audit_event", 120, actor="别人")
    rebuild(long, bodies)
    faults = [(found.key, found.params) for found in verified(long).faults]
    expected = {"place": "", "number": 2, "seq": 101, "after": 100, "size": 200}
    assert faults == [("head_root", expected)]


def test_a_record_rewritten_whole_without_its_heads_is_found(long: Database, tmp_path: Path) -> None:
    bodies = [row["body"] for row in rows(long)]
    bodies[119] = bodies[119].replace("王敏", "别人")
    tamper(long, "audit_event", 120, actor="别人")
    rebuild(long, bodies)
    remove(long, "audit_head", [1, 2])
    tamper(long, "audit_tree", 1, heads=0)
    assert kinds(long) == [("heads_missing", 1)]
    assert ("head_root", 101) in kinds(long, tmp_path / "heads.jsonl")


@pytest.mark.parametrize("number", [1, 2])
def test_a_removed_head_is_named(number: int, long: Database, tmp_path: Path) -> None:
    remove(long, "audit_head", [number])
    faults = [(f.key, f.params.get("first")) for f in verified(long, tmp_path / "heads.jsonl").faults]
    assert faults[0] == ("head_removed", number)


@pytest.mark.parametrize(
    "values", [{"root": "ab" * 32}, {"size": 199}, {"at": "2020"}, {"origin": "x"}, {"signature": "00" * 64}]
)
def test_an_edited_head_is_named(values: dict[str, Any], long: Database) -> None:
    tamper(long, "audit_head", 2, **values)
    assert "head_signature" in [key for key, _ in kinds(long)]


def test_a_head_forged_with_another_key_is_named(long: Database) -> None:
    from dataclasses import asdict

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from registry.signing import key_id_of, sign

    other = Ed25519PrivateKey.generate()
    row = rows(long, "audit_head")[1] | {"key_id": key_id_of(other), "signature": ""}
    forged = sign(Head(**row), other)
    assert forged.is_genuine()
    tamper(long, "audit_head", 2, **asdict(forged))
    assert [key for key, _ in kinds(long)] == ["head_key", "heads_missing"]


def test_a_forged_line_of_the_heads_file_is_named(long: Database, tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    row = rows(long, "audit_head")[1]
    path.write_text(
        path.read_text("utf-8") + canonical_json(row | {"size": 240, "number": 3}) + "\n", "utf-8"
    )
    assert kinds(long, path) == [("head_signature", 0)]


def test_another_database_in_its_place_is_found_by_the_heads_file(
    long: Database, tmp_path: Path, sqlite_database: Database
) -> None:
    from registry.migrate import upgrade

    other = Database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    upgrade(other)
    write(other, 5)
    assert [key for key, _ in kinds(other, tmp_path / "heads.jsonl")] == ["heads_other"]
    other.close()


def test_without_a_known_key_it_says_so(
    long: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    assert trusted_keys() == frozenset()
    verdict = verified(long)
    assert (verdict.intact, [note.key for note in verdict.notes]) == (True, ["key_unchecked"])


# ---- what there is too much of ----------------------------------------------------------------------------


def test_many_faults_are_counted_and_not_all_told(database: Database) -> None:
    write(database, 230)
    unguard(database)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET actor = 'x'"))
    verdict = verified(database)
    assert (verdict.total, len(verdict.faults)) == (230, 100)
