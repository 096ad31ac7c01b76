"""Stores of files: a folder, and what fsspec reaches by URL. The same bytes come back, or none."""

import hashlib
import io
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

from registry import blobs
from registry.db import Database
from registry.errors import Gone, TooLarge, Unavailable
from registry.settings import Settings, read_settings
from registry.stores import FolderStore, Store
from registry.url_stores import UrlStore, store_of
from tests.catalogue_files import at_once
from tests.conftest import NOW

BYTES = "目录".encode() * 1000
NAME = hashlib.sha256(BYTES).hexdigest()
PASSWORD = "p4ssw0rd-of-nobody"


@pytest.fixture(params=["folder", "memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    places: dict[str, Callable[[], Store]] = {
        "folder": lambda: FolderStore(tmp_path / "files"),
        "memory": lambda: UrlStore(f"memory://{secrets.token_hex(8)}/files"),
        "local": lambda: UrlStore(f"file://{tmp_path}/by-url"),
    }
    return places[request.param]()


def put(store: Store, data: bytes = BYTES) -> str:
    with store.receive(io.BytesIO(data), 1 << 20) as part:
        store.put(part)
    return part.sha256


def got(store: Store, name: str = NAME, size: int = len(BYTES)) -> bytes:
    with store.open(name, size) as file:
        return file.read()


def system_of(store: Store) -> tuple[Any, str]:
    """The backend and the root below which the store lies."""
    system, root = fsspec.core.url_to_fs(f"file://{store}" if isinstance(store, FolderStore) else store.url)
    return system, root


def names(store: Store) -> list[str]:
    system, root = system_of(store)
    return sorted(path.rpartition("/")[2] for path in system.find(root))


def test_what_is_put_comes_back(store: Store) -> None:
    assert put(store) == NAME
    assert (got(store), store.exists(NAME), names(store)) == (BYTES, True, [NAME])


def test_what_is_not_put_is_not_there(store: Store) -> None:
    put(store, b"other")
    assert store.exists(NAME) is False
    with pytest.raises(Unavailable, match="备份"):
        got(store)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20])
def test_files_of_any_size_come_back(size: int, store: Store) -> None:
    data = b"x" * size
    assert got(store, put(store, data), size) == data


def test_the_same_bytes_twice_are_one_file(store: Store) -> None:
    assert put(store) == put(store)
    assert (got(store), names(store)) == (BYTES, [NAME])


def test_many_put_the_same_bytes_at_once(store: Store) -> None:
    assert set(at_once([lambda: put(store)] * 4)) == {NAME}
    assert (got(store), names(store)) == (BYTES, [NAME])


def test_too_many_bytes_leave_nothing(store: Store) -> None:
    put(store, b"other")
    with pytest.raises(TooLarge), store.receive(io.BytesIO(BYTES), 10):
        pass
    assert names(store) == [hashlib.sha256(b"other").hexdigest()]


@pytest.mark.parametrize("damage", [BYTES[:-1] + b"x", BYTES + b"x", BYTES[:-1], b""])
def test_a_wrong_byte_is_found_and_mended(damage: bytes, store: Store) -> None:
    put(store)
    system, root = system_of(store)
    system.pipe_file(f"{root}/{NAME[:2]}/{NAME}", damage)
    with pytest.raises(Unavailable, match="摘要不符"):
        got(store)
    put(store)
    assert got(store) == BYTES


def test_what_is_removed_is_gone(store: Store) -> None:
    put(store)
    store.remove(NAME)
    store.remove(NAME)
    assert (names(store), store.exists(NAME)) == ([], False)


def test_rows_and_bytes_go_together(database: Database, store: Store) -> None:
    with database.write() as session:
        source = io.BytesIO(BYTES)
        blobs.keep(session, source, folder=store, actor="steward", now=NOW, most_bytes=1 << 20)
    with database.read() as session, blobs.open_blob(session, NAME, store) as file:
        assert file.read() == BYTES
    with database.write() as session:
        assert blobs.erase(session, NAME, folder=store, now=NOW) is True
    with database.read() as session, pytest.raises(Gone):
        blobs.open_blob(session, NAME, store)
    assert names(store) == []


def test_erased_bytes_never_reach_the_store_again(sqlite_database: Database, store: Store) -> None:
    def kept() -> None:
        with sqlite_database.write() as session:
            source = io.BytesIO(BYTES)
            blobs.keep(session, source, folder=store, actor="steward", now=NOW, most_bytes=1 << 20)

    kept()
    with sqlite_database.write() as session:
        blobs.erase(session, NAME, folder=store, now=NOW)
    with pytest.raises(Gone):
        kept()
    assert names(store) == []


# ---- backends that fail -----------------------------------------------------------------------------------


class Failing(MemoryFileSystem):  # type: ignore[misc]
    """A backend in memory that fails as its subclasses say. What it says itself holds a password."""

    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    hung = threading.Event()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix(f"{cls.protocol}://")))


class Cut(Failing):
    """The line is cut in the middle of a file."""

    protocol = "cut"

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes()[:100])
        raise ConnectionResetError(f"sftp://steward:{PASSWORD}@host is gone")


class Short(Failing):
    """It says that all is well, and half of the bytes are there."""

    protocol = "short"

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes()[:100])


class Denied(Failing):
    protocol = "denied"

    def info(self, path: str, *_: Any, **__: Any) -> Any:
        raise PermissionError(f"key {PASSWORD} may not")

    put_file = get_file = rm_file = info


class Deaf(Failing):
    """It never answers."""

    protocol = "deaf"

    def info(self, path: str, *_: Any, **__: Any) -> Any:
        self.hung.wait(30)
        raise ConnectionError

    put_file = get_file = rm_file = info


class Sticky(Failing):
    """It removes nothing, and says that it did."""

    protocol = "sticky"

    def rm_file(self, path: str) -> None:
        return


class Stubborn(Failing):
    """It moves nothing onto a name that is there."""

    protocol = "stubborn"

    def mv(self, path1: str, path2: str, *_: Any, **__: Any) -> None:
        if self.exists(path2):
            raise FileExistsError(path2)
        super().mv(path1, path2)


class Versioned(Failing):
    """A bucket that keeps earlier versions, asked as S3 is; a removed object leaves a mark."""

    protocol = "versioned"
    versions: ClassVar[dict[str, list[str]]] = {}

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        super().put_file(lpath, rpath)
        self.versions.setdefault(self._strip_protocol(rpath), []).append(secrets.token_hex(4))

    def split_path(self, path: str) -> tuple[str, str, None]:
        return "bucket", path, None

    def call_s3(self, method: str, **given: str) -> dict[str, Any]:
        if method == "list_object_versions":
            kept = self.versions.get(given["Prefix"], [])
            return {"Versions": [{"Key": given["Prefix"], "VersionId": one} for one in kept]}
        self.versions[given["Key"]].remove(given["VersionId"])
        return {}


@pytest.fixture(autouse=True)
def failing() -> Iterator[None]:
    for one in (Cut, Short, Denied, Deaf, Sticky, Stubborn, Versioned):
        fsspec.register_implementation(one.protocol, one, clobber=True)
    Failing.store.clear()
    Failing.hung.clear()
    yield
    Failing.hung.set()


@pytest.mark.parametrize(
    ("url", "said"), [("cut://files", "ConnectionResetError"), ("short://files", "没有写全")]
)
def test_a_backend_that_fails_midway_leaves_no_half_file(url: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        put(UrlStore(url))
    assert Failing.store == {}


def test_a_file_that_fails_to_come_again_leaves_the_whole_one(sqlite_database: Database) -> None:
    put(UrlStore("stubborn://files"))
    with pytest.raises(Unavailable):
        put(UrlStore("cut://files"))
    assert got(UrlStore("stubborn://files")) == BYTES


def test_a_failure_leaves_no_row(sqlite_database: Database) -> None:
    with pytest.raises(Unavailable), sqlite_database.write() as session:
        source, store = io.BytesIO(BYTES), UrlStore("cut://files")
        blobs.keep(session, source, folder=store, actor="steward", now=NOW, most_bytes=1 << 20)
    with sqlite_database.read() as session:
        assert session.get(blobs.Blob, NAME) is None


ASKED: list[Callable[[Store], Any]] = [put, got, lambda s: s.remove(NAME), lambda s: s.exists(NAME)]


@pytest.mark.parametrize("ask", ASKED)
def test_what_is_denied_is_told_without_the_backend_s_words(ask: Callable[[Store], Any]) -> None:
    with pytest.raises(Unavailable, match=r"denied://files.*没有权限") as caught:
        ask(UrlStore("denied://steward@files"))
    assert PASSWORD not in caught.value.message
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("ask", ASKED)
def test_a_backend_that_does_not_answer_is_not_waited_for(ask: Callable[[Store], Any]) -> None:
    with pytest.raises(Unavailable, match="等不到回答"):
        ask(UrlStore("deaf://files", patience=0.01))


def test_bytes_that_stay_are_not_called_removed() -> None:
    store = UrlStore("sticky://files")
    system_of(store)[0].pipe_file(f"/files/{NAME[:2]}/{NAME}", BYTES)
    with pytest.raises(Unavailable, match="没有删净"):
        store.remove(NAME)


@pytest.mark.parametrize("there", [BYTES, b"damaged"])
def test_a_backend_that_does_not_move_onto_a_name_still_ends_whole(there: bytes) -> None:
    store = UrlStore("stubborn://files")
    put(store)
    system_of(store)[0].pipe_file(f"/files/{NAME[:2]}/{NAME}", there)
    put(store)
    assert (got(store), names(store)) == (BYTES, [NAME])


def test_earlier_versions_in_a_bucket_are_erased_too() -> None:
    place = f"/files/{NAME[:2]}/{NAME}"
    Versioned.versions[place] = ["1", "2", "mark"]
    UrlStore("versioned://files").remove(NAME)
    assert Versioned.versions[place] == []


# ---- the setting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"sftp://steward:{PASSWORD}@host/files",
        f"s3://bucket/files?secret={PASSWORD}",
        f"s3://bucket/files#{PASSWORD}",
        f"simplecache::s3://{PASSWORD}/files",
        f"s3://[{PASSWORD}/files",
    ],
)
def test_a_url_with_credentials_or_options_is_refused_unseen(url: str) -> None:
    with pytest.raises(Unavailable, match="凭据放在环境变量") as caught:
        _ = Settings("sqlite:///a.db", files_folder=url).files
    assert PASSWORD not in caught.value.message


def test_a_url_shows_no_name_of_its_user() -> None:
    assert str(UrlStore("sftp://steward@host:2222/srv/files")) == "sftp://host:2222/srv/files"


def test_a_backend_that_is_not_there_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="没有“nowhere”"):
        put(UrlStore("nowhere://x"))
    missing = {"class": "no_such_driver.FileSystem", "err": PASSWORD}
    monkeypatch.setitem(known_implementations, "undriven", missing)
    with pytest.raises(Unavailable, match="没有装 undriven 的驱动"):
        put(UrlStore("undriven://x"))


@pytest.mark.parametrize("given", ["/srv/files", "data/files", "file:///srv/files", "local:///srv/files"])
def test_a_folder_is_a_folder_however_it_is_written(given: str) -> None:
    assert store_of(given) == FolderStore(Path(given.partition("://")[2] or given))


def test_the_setting_takes_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_FILES_DIR", "memory://files")
    assert read_settings().files == UrlStore("memory://files")
    monkeypatch.setenv("MULU_FILES_DIR", "/srv/files")
    assert read_settings().files == FolderStore(Path("/srv/files"))
