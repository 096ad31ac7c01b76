"""Stored files: once by their bytes, compared when read, erased for good."""

import hashlib
import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from registry import blobs, stores
from registry.db import Database
from registry.errors import Gone, NotFound, Rejected, TooLarge, Unavailable
from registry.models import Blob
from registry.settings import Settings
from registry.stores import FolderStore
from tests.catalogue_files import at_once
from tests.conftest import NOW

BYTES = "目录".encode() * 1000
NAME = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


def kept(database: Database, folder: Path, data: bytes = BYTES, most: int = 1 << 20) -> str:
    with database.write() as session:
        source = io.BytesIO(data)
        return blobs.keep(session, source, folder=folder, actor="steward", now=NOW, most_bytes=most).sha256


def read(database: Database, folder: Path, name: str = NAME) -> bytes:
    with database.read() as session, blobs.open_blob(session, name, folder) as file:
        return file.read()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def rows(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(select(func.count()).select_from(Blob)).scalar_one())


def test_a_file_is_kept_under_its_sha256(database: Database, folder: Path) -> None:
    assert kept(database, folder) == NAME
    assert read(database, folder) == BYTES
    assert FolderStore(folder).place_of(NAME) == folder / NAME[:2] / NAME
    with database.read() as session:
        blob = blobs.find_blob(session, NAME)
        assert (blob.size, blob.created_by, blob.created_at) == (len(BYTES), "steward", NOW)


def test_only_its_owner_may_read_it(sqlite_database: Database, folder: Path) -> None:
    kept(sqlite_database, folder)
    assert stat.S_IMODE(FolderStore(folder).place_of(NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_path_is_kept_as_a_stream_is(sqlite_database: Database, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "目录.csv").write_bytes(BYTES)
    with sqlite_database.write() as session:
        source = tmp_path / "目录.csv"
        blobs.keep(session, source, folder=folder, actor="steward", now=NOW, most_bytes=1 << 20)
    assert read(sqlite_database, folder) == BYTES


def test_the_same_bytes_are_kept_once(database: Database, folder: Path) -> None:
    assert kept(database, folder) == kept(database, folder)
    assert (files(folder), rows(database)) == ([NAME], 1)


def test_many_bring_the_same_bytes_at_once(database: Database, folder: Path) -> None:
    assert set(at_once([lambda: kept(database, folder)] * 4)) == {NAME}
    assert (files(folder), rows(database), read(database, folder)) == ([NAME], 1, BYTES)


def test_a_file_that_is_too_large_leaves_nothing(database: Database, folder: Path) -> None:
    with pytest.raises(TooLarge, match="超过"):
        kept(database, folder, b"x" * (1 << 20), most=1 << 19)
    assert (files(folder), rows(database)) == ([], 0)


def test_what_is_rolled_back_has_no_row(database: Database, folder: Path) -> None:
    with pytest.raises(Rejected), database.write() as session:
        source = io.BytesIO(BYTES)
        blobs.keep(session, source, folder=folder, actor="steward", now=NOW, most_bytes=1 << 20)
        raise Rejected("x")
    assert rows(database) == 0


def test_changed_bytes_are_never_given(database: Database, folder: Path) -> None:
    kept(database, folder)
    place = FolderStore(folder).place_of(NAME)
    place.write_bytes(BYTES[:-1] + b"x")
    with pytest.raises(Unavailable, match=NAME):
        read(database, folder)
    place.unlink()
    with pytest.raises(Unavailable, match="备份"):
        read(database, folder)


def test_damaged_bytes_are_mended_when_they_come_again(sqlite_database: Database, folder: Path) -> None:
    kept(sqlite_database, folder)
    FolderStore(folder).place_of(NAME).write_bytes(b"x")
    kept(sqlite_database, folder)
    assert read(sqlite_database, folder) == BYTES


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", NAME.upper(), f"{NAME}\n"])
def test_there_is_no_other_file(name: str, sqlite_database: Database, folder: Path) -> None:
    kept(sqlite_database, folder)
    with pytest.raises(NotFound):
        read(sqlite_database, folder, name)


def test_erased_bytes_are_gone_and_do_not_come_back(database: Database, folder: Path) -> None:
    kept(database, folder)
    with database.write() as session:
        assert blobs.erase(session, NAME, folder=folder, now=NOW) is True
        assert blobs.erase(session, NAME, folder=folder, now=NOW) is False
    assert files(folder) == []
    with pytest.raises(Gone):
        read(database, folder)
    with pytest.raises(Gone):
        kept(database, folder)
    assert files(folder) == []
    with database.read() as session:
        assert session.get_one(Blob, NAME).erased_at == NOW


def test_an_unknown_file_is_not_erased(sqlite_database: Database, folder: Path) -> None:
    with sqlite_database.write() as session, pytest.raises(NotFound):
        blobs.erase(session, NAME, folder=folder, now=NOW)


def test_a_folder_that_cannot_be_written_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="files"):
        kept(sqlite_database, tmp_path / "files")


def test_a_full_disk_is_told_and_leaves_nothing(
    sqlite_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_number: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(stores.os, "fsync", full)
    with pytest.raises(Unavailable, match="磁盘已满"):
        kept(sqlite_database, folder)
    assert (files(folder), rows(sqlite_database)) == ([], 0)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (Settings("sqlite:////srv/mulu/mulu.sqlite3"), "/srv/mulu/files"),
        (Settings("postgresql+psycopg://x/y"), "data/files"),
        (Settings("sqlite:///a.db", files_folder=Path("/var/files")), "/var/files"),
        (Settings("sqlite:///a.db", files_folder="/var/files"), "/var/files"),
        (Settings("sqlite:///a.db", files_folder="file:///var/files"), "/var/files"),
        (Settings("sqlite:///a.db", files_folder="s3://bucket/mulu"), "s3://bucket/mulu"),
    ],
)
def test_files_lie_beside_the_database_unless_told(settings: Any, found: str) -> None:
    assert str(settings.files) == found
