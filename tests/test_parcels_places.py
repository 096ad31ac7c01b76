"""Places of parcels: a folder or an fsspec URL. A file is there whole or not at all; names lead nowhere else."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from registry.errors import MuluError, NotFound, Rejected, TooLarge, Unavailable
from sync.places import Place, UrlPlace, place_of

PASSWORD = "p4ssw0rd-of-nobody"


@pytest.fixture(params=["folder", "file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    (tmp_path / "place").mkdir()
    made: dict[str, Callable[[], Place]] = {
        "folder": lambda: place_of(tmp_path / "place"),
        "file": lambda: place_of(f"file://{tmp_path}/place"),
        "memory": lambda: place_of(f"memory://{secrets.token_hex(8)}/place"),
    }
    return made[request.param]()


@pytest.fixture
def parcel(tmp_path: Path) -> Path:
    path = tmp_path / "parcel"
    path.write_bytes(b"parcel" * 1000)
    return path


def test_what_is_written_is_listed_and_read(place: Place, parcel: Path, tmp_path: Path) -> None:
    place.write("a.zip", parcel)
    place.write("receipts/回执 一.csv", parcel)
    assert (place.names(), place.names("receipts"), place.names("other")) == (
        ("a.zip",),
        ("回执 一.csv",),
        (),
    )
    assert place.read("receipts/回执 一.csv", 6000) == parcel.read_bytes()
    place.fetch("a.zip", tmp_path / "copy", 6000)
    assert (tmp_path / "copy").read_bytes() == parcel.read_bytes()


def test_what_is_written_again_is_replaced(place: Place, parcel: Path) -> None:
    place.write("a.zip", parcel)
    parcel.write_bytes(b"other")
    place.write("a.zip", parcel)
    assert (place.read("a.zip", 100), place.names()) == (b"other", ("a.zip",))


def test_what_is_taken_away_keeps_what_lay_there(place: Place, parcel: Path) -> None:
    for data in (b"one", b"two"):
        parcel.write_bytes(data)
        place.write("receipts/a.csv", parcel)
        place.take_away("receipts/a.csv", "done")
    place.take_away("receipts/a.csv", "done")
    assert place.names("receipts") == ()


def test_both_that_were_taken_away_are_there(tmp_path: Path, parcel: Path) -> None:
    place = place_of(tmp_path)
    for data in (b"one", b"two"):
        parcel.write_bytes(data)
        place.write("receipts/a.csv", parcel)
        place.take_away("receipts/a.csv", "done")
    kept = sorted(path.read_bytes() for path in (tmp_path / "receipts" / "done").iterdir())
    assert kept == [b"one", b"two"]


def test_what_is_too_large_or_missing_is_not_read(place: Place, parcel: Path, tmp_path: Path) -> None:
    place.write("a.zip", parcel)
    with pytest.raises(TooLarge, match=r"a\.zip"):
        place.read("a.zip", 5999)
    with pytest.raises(TooLarge, match=r"a\.zip"):
        place.fetch("a.zip", tmp_path / "copy", 5999)
    with pytest.raises(NotFound, match=r"b\.zip"):
        place.read("b.zip", 10)


@pytest.mark.parametrize(
    "name", ["../a.zip", "a/../b", "/etc/passwd", "", ".hidden", "a/b/c", "a\\b", "a\0b", "a/"]
)
def test_a_name_leads_nowhere_else(name: str, place: Place, parcel: Path) -> None:
    for deed in (
        lambda: place.write(name, parcel),
        lambda: place.read(name, 10),
        lambda: place.take_away(name, "done"),
    ):
        with pytest.raises(Rejected, match="文件名"):
            deed()


def test_links_hidden_files_and_parts_are_no_parcels(tmp_path: Path, parcel: Path) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "link.zip").symlink_to(parcel)
    (folder / ".part-1").write_bytes(b"")
    (folder / "sub").mkdir()
    place = place_of(folder)
    assert place.names() == ()
    with pytest.raises(NotFound):
        place.read("link.zip", 10_000)


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, parcel: Path) -> None:
    place = place_of(tmp_path / "share")
    for deed in (place.names, lambda: place.write("a.zip", parcel), lambda: place.read("a.zip", 1)):
        with pytest.raises(Unavailable, match="挂载"):
            deed()
    assert not (tmp_path / "share").exists()


@pytest.mark.parametrize(
    "url", [f"sftp://u:{PASSWORD}@host/x", "s3://bucket/x?key=1", "zip://a::s3://b", "s3://b#c"]
)
def test_an_address_with_credentials_or_options_is_refused(url: str) -> None:
    with pytest.raises(Unavailable, match="收发件位置") as refused:
        place_of(url)
    assert PASSWORD not in refused.value.message


# ---- backends that fail -----------------------------------------------------------------------------------


class Failing(MemoryFileSystem):  # type: ignore[misc]
    """A backend in memory that fails as its subclasses say. What it says itself holds a password."""

    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix(f"{cls.protocol}://")))


class CutOff(Failing):
    protocol = "cutoff"

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes()[:100])
        raise ConnectionResetError(f"sftp://steward:{PASSWORD}@host is gone")


class Halved(Failing):
    """It says that all is well, and a part of the bytes is there."""

    protocol = "halved"

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes()[:100])


class NotOnto(Failing):
    """It moves nothing onto a name that is there, as SFTP does."""

    protocol = "notonto"

    def mv(self, path1: str, path2: str, *_: Any, **__: Any) -> None:
        if self.exists(path2):
            raise FileExistsError(path2)
        super().mv(path1, path2)


@pytest.fixture(autouse=True)
def failing() -> Iterator[None]:
    for one in (CutOff, Halved, NotOnto):
        fsspec.register_implementation(one.protocol, one, clobber=True)
    Failing.store.clear()
    yield


@pytest.mark.parametrize(("scheme", "said"), [("cutoff", "ConnectionResetError"), ("halved", "没有写全")])
def test_a_backend_that_fails_midway_leaves_no_half_parcel(scheme: str, said: str, parcel: Path) -> None:
    place = UrlPlace(f"{scheme}://out")
    with pytest.raises(MuluError, match=said) as failed:
        place.write("a.zip", parcel)
    assert (place.names(), PASSWORD in failed.value.message) == ((), False)
    assert "收发件位置" in failed.value.message and "MULU_FILES_DIR" not in failed.value.message


def test_a_backend_that_does_not_move_onto_a_name_replaces_it_nevertheless(parcel: Path) -> None:
    place = UrlPlace("notonto://out")
    place.write("a.zip", parcel)
    parcel.write_bytes(b"other")
    place.write("a.zip", parcel)
    assert (place.read("a.zip", 100), place.names()) == (b"other", ("a.zip",))
