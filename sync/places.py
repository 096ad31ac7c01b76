"""Places of parcels: a folder of this machine (or one mounted here), or any URL that fsspec knows.

What is written there is there whole or not at all, so that whoever carries parcels on never takes half of one.
Credentials come from the environment or from fsspec's own configuration, never from an address.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from registry.errors import NotFound, Rejected, TooLarge, Unavailable
from registry.stores import CHUNK, Part, digest_of, reported
from registry.url_stores import ask_backend, demand_fit, put_whole, shown_url

T = TypeVar("T")
_SETTING = "收发件位置"
_LOCAL = ("file://", "local://")


class Place(Protocol):
    """Where parcels lie. ``str`` of it says where, without credentials. Names may have one folder before them.

    Every method raises Unavailable when the place cannot be reached, and Rejected for a name that is none.
    """

    def write(self, name: str, path: Path) -> None:
        """Put a file of this machine there under a name: whole, or not at all. What stood there is replaced."""

    def names(self, folder: str = "") -> tuple[str, ...]:
        """The names of the files in a folder of the place, sorted; hidden ones and folders are left out."""

    def read(self, name: str, most_bytes: int) -> bytes:
        """The bytes of a file.

        Raises:
            NotFound: there is none. TooLarge: it has more than ``most_bytes``.
        """

    def fetch(self, name: str, path: Path, most_bytes: int) -> None:
        """Bring a file to ``path`` on this machine; raises as ``read`` does."""

    def take_away(self, name: str, done: str) -> None:
        """Move a file into the folder ``done`` beside it; one of other bytes that lies there stays, too."""


def place_of(address: Path | str) -> Place:
    """The place at a folder or an fsspec URL.

    Raises:
        Unavailable: the URL holds a password or options, or is none.
    """
    text = str(address)
    for local in _LOCAL:
        text = text.removeprefix(local)
    return UrlPlace(text) if "://" in text else FolderPlace(Path(text))


def _parts(name: str) -> tuple[str, str]:
    """Folder (or nothing) and file of a name; Rejected for what could lead elsewhere."""
    parts = name.split("/")
    for part in parts:
        if not part or part.startswith(".") or any(sign in part for sign in "\\\0\r\n"):
            raise Rejected(f"“{name}”不能作收发件的文件名；不能为空、以点开头或含有斜杠、换行")
    if len(parts) > 2:
        raise Rejected(f"“{name}”不能作收发件的文件名；最多一层文件夹")
    return (parts[0], parts[1]) if len(parts) == 2 else ("", parts[0])


def _moved_name(file: str, taken: frozenset[str] | set[str], digest: str) -> str:
    """The name that a file gets where others lie: its own, else with the beginning of its digest."""
    if file not in taken:
        return file
    stem, dot, suffix = file.rpartition(".")
    return f"{stem}-{digest[:12]}{dot}{suffix}" if dot else f"{file}-{digest[:12]}"


def _too_large(name: str, most_bytes: int) -> TooLarge:
    return TooLarge(f"收发件位置的文件“{name}”超过 {most_bytes / CHUNK:g} MB，没有读；核实来源")


def _missing(place: Place, name: str) -> NotFound:
    return NotFound(f"{place} 没有文件“{name}”")


# ---- a folder ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder. It must be there: a share that is not mounted must not become a folder of this machine."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def write(self, name: str, path: Path) -> None:
        """See ``Place``: beside its name first, down to the disk, and then renamed."""
        place = self._path(name)
        with self._reported():
            place.parent.mkdir(exist_ok=True)
            number, beside = tempfile.mkstemp(prefix=".part-", dir=place.parent)
            try:
                with os.fdopen(number, "wb") as target, path.open("rb") as source:
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
                    target.flush()
                    os.fsync(target.fileno())
                # whoever carries parcels on is another user
                Path(beside).chmod(0o640)
                Path(beside).replace(place)
                _sync(place.parent)
            finally:
                Path(beside).unlink(missing_ok=True)

    def names(self, folder: str = "") -> tuple[str, ...]:
        """See ``Place``; links are left out, too."""
        if folder:
            _parts(folder)
        with self._reported():
            there = self.folder / folder
            if folder and not there.exists():
                return ()
            found = [one.name for one in there.iterdir() if stat.S_ISREG(one.lstat().st_mode)]
        return tuple(sorted(name for name in found if not name.startswith(".")))

    def read(self, name: str, most_bytes: int) -> bytes:
        """See ``Place``."""
        path = self._path(name)
        with self._reported():
            if not path.is_file() or path.is_symlink():
                raise _missing(self, name)
            with path.open("rb") as file:
                data = file.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise _too_large(name, most_bytes)
        return data

    def fetch(self, name: str, path: Path, most_bytes: int) -> None:
        """See ``Place``."""
        source = self._path(name)
        with self._reported():
            if not source.is_file() or source.is_symlink():
                raise _missing(self, name)
            with source.open("rb") as file, path.open("wb") as target:
                left = most_bytes
                while chunk := file.read(min(CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise _too_large(name, most_bytes)
                    target.write(chunk)

    def take_away(self, name: str, done: str) -> None:
        """See ``Place``."""
        path = self._path(name)
        with self._reported():
            if not path.is_file():
                return
            folder = path.parent / done
            folder.mkdir(exist_ok=True)
            taken = {one.name for one in folder.iterdir()}
            with path.open("rb") as file:
                digest = digest_of(file) if path.name in taken else ""
            path.replace(folder / _moved_name(path.name, taken, digest))

    def _path(self, name: str) -> Path:
        folder, file = _parts(name)
        return self.folder / folder / file

    def _reported(self) -> Any:
        if not self.folder.is_dir():
            raise Unavailable(f"{_SETTING} {self.folder} 不是文件夹；建好（或挂载好）后再试")
        return reported(self.folder, _SETTING)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# ---- a URL ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UrlPlace:
    """A folder below an fsspec URL (SFTP, S3, …)."""

    url: str

    def __post_init__(self) -> None:
        """Raises Unavailable, without the URL, when it holds what must not stand in a URL."""
        demand_fit(self.url, _SETTING)

    def __str__(self) -> str:
        return shown_url(self.url)

    def write(self, name: str, path: Path) -> None:
        """See ``Place``: beside its name first and then moved, or at once where that is as good."""
        folder, file = _parts(name)
        with path.open("rb") as source:
            part = Part(path, digest_of(source), path.stat().st_size)

        def deed(system: Any, root: str) -> None:
            put_whole(system, _at(root, folder), f"{_at(root, folder)}/{file}", part)

        self._ask(f"写不进“{name}”", deed, part.size)

    def names(self, folder: str = "") -> tuple[str, ...]:
        """See ``Place``."""
        if folder:
            _parts(folder)
        return self._ask("列不出文件", lambda system, root: _listed(system, _at(root, folder)))

    def read(self, name: str, most_bytes: int) -> bytes:
        """See ``Place``."""
        with tempfile.TemporaryDirectory(prefix="mulu-") as scratch:
            path = Path(scratch) / "file"
            self.fetch(name, path, most_bytes)
            return path.read_bytes()

    def fetch(self, name: str, path: Path, most_bytes: int) -> None:
        """See ``Place``."""
        folder, file = _parts(name)

        def deed(system: Any, root: str) -> None:
            where = f"{_at(root, folder)}/{file}"
            system.invalidate_cache()
            try:
                size = system.info(where)["size"]
            except FileNotFoundError:
                raise _missing(self, name) from None
            if size is None or size > most_bytes:
                raise _too_large(name, most_bytes)
            system.get_file(where, str(path))
            if path.stat().st_size > most_bytes:
                raise _too_large(name, most_bytes)

        self._ask(f"读不出“{name}”", deed, most_bytes)

    def take_away(self, name: str, done: str) -> None:
        """See ``Place``."""
        folder, file = _parts(name)

        def deed(system: Any, root: str) -> None:
            here = _at(root, folder)
            system.invalidate_cache()
            if not system.exists(f"{here}/{file}"):
                return
            taken = set(_listed(system, f"{here}/{done}"))
            digest = hashlib.sha256(system.cat_file(f"{here}/{file}")).hexdigest() if file in taken else ""
            with suppress(FileExistsError):
                system.makedirs(f"{here}/{done}", exist_ok=True)
            system.mv(f"{here}/{file}", f"{here}/{done}/{_moved_name(file, taken, digest)}")

        self._ask(f"移不走“{name}”", deed)

    def _ask(self, failed: str, deed: Callable[[Any, str], T], size: int = 0) -> T:
        return ask_backend(self.url, deed, f"{_SETTING} {self} {failed}", setting=_SETTING, size=size)


def _at(root: str, folder: str) -> str:
    return f"{root}/{folder}" if folder else root


def _listed(system: Any, folder: str) -> tuple[str, ...]:
    system.invalidate_cache()
    try:
        found = system.ls(folder, detail=True)
    except FileNotFoundError:
        return ()
    names = [str(one["name"]).rstrip("/").rpartition("/")[2] for one in found if one["type"] == "file"]
    return tuple(sorted(name for name in names if name and not name.startswith(".")))
