"""Whose databases are read: rights, allowed places, named sources, and credentials that are shown nowhere."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from catalog_specs import Specs
from registry.sources import SourceUnreadable, open_table
from tests import mariadb, postgres
from tests.test_sources_csv import rows_of
from tests.test_sources_tables import INSERT, create, mariadb_server, tell

__all__ = ["mariadb_server"]


@pytest.fixture(params=["postgres", "mariadb"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server's database with the table 人口."""
    server = {"postgres": postgres, "mariadb": mariadb}[request.param]
    found = server.new_database(request.getfixturevalue(f"{request.param}_server"))
    tell(found, create(found), INSERT)
    yield found
    server.drop_database(found)


def _reader(address: str) -> str:
    """The address for an account that may read nothing."""
    name, _, rest = address.partition("@")
    scheme = name.partition("://")[0]
    host = "@'127.0.0.1'" if "mariadb" in scheme else ""
    how = "IDENTIFIED BY" if host else "PASSWORD"
    user = f"leser_{os.getpid()}"
    tell(address, f"DROP USER IF EXISTS {user}{host}", f"CREATE USER {user}{host} {how} 's3cret/1'")
    if host:
        tell(address, f"GRANT CREATE ON {address.rpartition('/')[2]}.* TO {user}{host}")
    return f"{scheme}://{user}:s3cret%2F1@{rest}"


def test_a_right_that_is_missing_is_named(address: str, specs: Specs) -> None:
    with pytest.raises(SourceUnreadable, match="请库管理员执行 GRANT SELECT ON 人口") as caught:
        open_table(_reader(address), "人口", None, specs, allowed=None)
    told = str(caught.value)
    assert (caught.value.problem.key, "s3cret" in told, "leser" in told) == ("denied", False, False)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("address", ["mariadb"], indirect=True)
def test_a_wrong_password_is_told_without_it(address: str, specs: Specs) -> None:
    wrong = _reader(address).replace("s3cret", "wr0ng")
    with pytest.raises(SourceUnreadable, match="账号或口令不对") as caught:
        open_table(wrong, "人口", None, specs, allowed=None)
    assert "wr0ng" not in str(caught.value)


def test_nothing_that_is_shown_holds_the_password(address: str, specs: Specs) -> None:
    reader = _reader(address)
    name = reader.partition("://")[2].partition(":")[0]
    host = "@'127.0.0.1'" if "mariadb" in reader else ""
    tell(address, f"GRANT SELECT ON {'人口'} TO {name}{host}")
    source = open_table(reader, "人口", None, specs, allowed=None)
    assert len(rows_of(source)) == 2
    for shown in (source.name, repr(source), str(source.problems), str(vars(source))):
        assert "s3cret" not in shown


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    return f"sqlite:///{tmp_path / 'a.db'}"


def _key(url: str, specs: Specs, allowed: list[str] | None) -> str:
    with pytest.raises(SourceUnreadable) as caught:
        open_table(url, "t", None, specs, allowed=allowed)
    assert "s3cret" not in str(caught.value)
    return caught.value.problem.key


PG = "postgresql://u:s3cret@127.0.0.1:1/x"


@pytest.mark.parametrize(
    ("url", "allowed", "key"),
    [
        (PG, [], "not_allowed"),
        (PG, ["postgresql://127.0.0.2"], "not_allowed"),
        (PG, ["postgresql://127.0.0.1:5432"], "not_allowed"),
        (PG, ["mysql://127.0.0.1"], "not_allowed"),
        (PG, ["postgresql://127.0.0.1:1"], "unreachable"),
        (PG, ["POSTGRESQL://127.0.0.1/"], "unreachable"),
        (PG, None, "unreachable"),
        ("postgresql://u:s3cret@/x", ["postgresql://"], "not_allowed"),
        (f"{PG}?host=127.0.0.2", ["postgresql://127.0.0.1"], "option"),
        (f"{PG}?options=-c%20x", None, "option"),
        ("mariadb://u:s3cret@127.0.0.1/x?read_default_file=/etc/x", None, "option"),
        ("redis://u:s3cret@127.0.0.1/x", None, "scheme"),
        ("postgresql+asyncpg://u:s3cret@127.0.0.1/x", None, "other_driver"),
        ("u:s3cret@127.0.0.1", None, "address"),
        ("sqlite:////etc/passwd", [], "not_allowed"),
        ("sqlite:///:memory:", None, "sqlite_name"),
        ("source:unknown", None, "unnamed"),
        ("source:../x", None, "unnamed"),
    ],
)
def test_only_places_that_the_operator_allows_are_read(
    specs: Specs, url: str, allowed: list[str] | None, key: str
) -> None:
    assert _key(url, specs, allowed) == key


def test_sqlite_files_are_allowed_by_their_folder(sqlite_url: str, specs: Specs, tmp_path: Path) -> None:
    assert rows_of(open_table(sqlite_url, "t", None, specs, allowed=[str(tmp_path)])) == [("1",)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.db").symlink_to(tmp_path / "a.db")
    assert _key(f"sqlite:///{tmp_path}/in/link.db", specs, [str(tmp_path / "in")]) == "not_allowed"
    assert _key(f"sqlite:///{tmp_path}/in/../a.db", specs, [str(tmp_path / "in")]) == "not_allowed"


def test_sqlite_files_are_not_written_to(sqlite_url: str, specs: Specs, tmp_path: Path) -> None:
    before = (tmp_path / "a.db").read_bytes()
    rows_of(open_table(sqlite_url, "t", None, specs, allowed=None))
    assert (tmp_path / "a.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_a_source_may_be_called_by_its_name(
    sqlite_url: str, specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULU_SOURCE_RENKOU_URL", sqlite_url)
    source = open_table("source:renkou", "t", None, specs, allowed=[])
    assert (source.name, rows_of(source)) == ("source:renkou t", [("1",)])


def test_a_named_source_shows_no_host(specs: Specs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_SOURCE_X_URL", PG)
    with pytest.raises(SourceUnreadable, match="source:x：读取失败") as caught:
        open_table("source:x", "t", None, specs, allowed=[])
    assert "127.0.0.1" not in str(caught.value)


def test_the_operators_places_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from registry.settings import read_settings

    monkeypatch.delenv("MULU_SOURCES", raising=False)
    assert read_settings().sources is None
    monkeypatch.setenv("MULU_SOURCES", "postgresql://a:5432, /data ,")
    assert read_settings().sources == ("postgresql://a:5432", "/data")
