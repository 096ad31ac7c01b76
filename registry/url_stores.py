"""Stored files elsewhere: on any URL that fsspec knows (S3, SFTP, SMB, WebDAV, …), the only user of that library.

Credentials come from the environment or from fsspec's own configuration. A URL that holds any is refused, and what
a backend says in its own words is neither shown nor logged: addresses and keys stand in such words.
"""

import errno
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from registry.errors import MuluError, Unavailable
from registry.stores import MENDED, FolderStore, Part, Store, compared, digest_of, reported, set_aside

T = TypeVar("T")
_PATIENCE = 60.0  # seconds for one answer
_SLOWEST = 1 << 18  # bytes a second, when files are carried
_PAGES = 100  # of a thousand earlier versions of one file; a bucket with more does not let go of them
_LOCAL = ("file://", "local://")
# here a name has its bytes whole or not at all, and moving means writing everything once more
_AT_ONCE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss"})
_KNOWN_HOSTS = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
_CHECK = "核对 {setting}、网络和凭据（凭据只放在环境变量或 fsspec 配置里）后再试"
_SETTING = "MULU_FILES_DIR"


class _Unfinished(OSError):
    """The backend took the bytes, or the order, and did not carry it out."""


def store_of(place: Store | Path | str) -> Store:
    """The store at a place: a folder, or an fsspec URL; a store is given as it is.

    A ``file://`` URL means the folder itself.

    Raises:
        Unavailable: the URL holds a password or options, or is none.
    """
    if isinstance(place, Path):
        return FolderStore(place)
    if not isinstance(place, str):
        return place
    for local in _LOCAL:
        place = place.removeprefix(local)
    return UrlStore(place) if "://" in place else FolderStore(Path(place))


@dataclass(frozen=True, slots=True)
class UrlStore:
    """Files below an fsspec URL. ``patience``: seconds that one answer is waited for, whatever the backend does."""

    url: str
    patience: float = _PATIENCE

    def __post_init__(self) -> None:
        """Raises Unavailable, without the URL, when it holds what must not stand in a URL."""
        demand_fit(self.url)

    def __str__(self) -> str:
        return shown_url(self.url)

    @contextmanager
    def receive(self, source: BinaryIO, most_bytes: int) -> Iterator[Part]:
        """See ``Store``: the part lies on this machine, so that what may not be stored never leaves it."""
        with _scratch() as folder:
            with reported(folder, "TMPDIR"):
                part = set_aside(source, folder / "part", most_bytes)
            yield part

    def put(self, part: Part) -> None:
        """See ``Store``: beside its name first and then moved, or at once where that is as good."""
        self._ask(
            "写不进", lambda system, root: put_whole(system, root, _path(root, part.sha256), part), part.size
        )

    def open(self, sha256: str, size: int) -> BinaryIO:
        """See ``Store``: carried to this machine first; the copy is gone when it is closed."""
        with _scratch() as folder:
            path = folder / sha256
            self._ask(f"读不出 {sha256}", partial(_get, sha256=sha256, path=path), size)
            with reported(folder, "TMPDIR"):
                file = path.open("rb")
        return compared(file, sha256, size, _path(str(self), sha256))

    def remove(self, sha256: str) -> None:
        """See ``Store``: earlier versions that a bucket keeps are removed, too."""
        self._ask(f"删不掉 {sha256}", partial(_remove, sha256=sha256))

    def exists(self, sha256: str) -> bool:
        """See ``Store``."""
        return self._ask(f"查不到 {sha256}", lambda system, root: _has(system, _path(root, sha256)))

    def _ask(self, what: str, deed: Callable[[Any, str], T], size: int = 0) -> T:
        """What a deed at the backend gives; its errors in our words alone."""
        return ask_backend(self.url, deed, f"文件库 {self} {what}", patience=self.patience, size=size)


def demand_fit(url: str, setting: str = _SETTING) -> None:
    """Refuse a URL with what must not stand in one. Raises Unavailable, without the URL; ``setting`` names it."""
    try:
        parts = urlsplit(url)
        unfit = parts.password is not None or parts.query or parts.fragment or "::" in url
    except ValueError:
        unfit = True
    if unfit:
        raise Unavailable(
            f"{setting} 的地址不能用：里面不写口令和选项，也不套接多个地址；"
            "写成 s3://桶/前缀 这样，凭据放在环境变量（如 FSSPEC_S3_KEY）或 fsspec 配置里"
        )


def shown_url(url: str) -> str:
    """A URL as it may be shown: without a user's name."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def ask_backend(
    url: str,
    deed: Callable[[Any, str], T],
    failed: str,
    *,
    setting: str = _SETTING,
    patience: float = _PATIENCE,
    size: int = 0,
) -> T:
    """What a deed gives, called with fsspec's system of a URL and the URL's path in it.

    ``patience``: seconds for one answer, and more for each of ``size`` bytes.

    Raises:
        Unavailable: it failed or took too long. It begins with ``failed`` and holds none of the backend's own words;
        ``setting`` is what to look at.
    """
    try:
        return _within(patience + size / _SLOWEST, partial(_connected, url, deed, setting))
    except MuluError:
        raise
    except Exception as error:
        # not chained: what the backend said must not come into a log with the traceback
        raise Unavailable(f"{failed}：{_said(error, urlsplit(url).scheme, setting)}") from None


def _said(error: Exception, scheme: str, setting: str) -> str:
    """Reason and cure of a foreign error, with none of its own words."""
    if isinstance(error, ImportError):
        return f"没有装 {scheme} 的驱动；装上后再试（s3：pip install 'mulu[s3]'，sftp：pip install 'mulu[sftp]'）"
    if isinstance(error, FileNotFoundError):
        return f"没有这个文件，或没有这个桶、文件夹；核对 {setting}，文件丢了就{MENDED}"
    if isinstance(error, PermissionError):
        return "没有权限，或凭据不对；给运行用户读、写、删、列（含历史版本）的权限后再试"
    if isinstance(error, TimeoutError):
        return f"等不到回答；{_CHECK.format(setting=setting)}"
    if isinstance(error, _Unfinished):
        return "字节没有写全或没有删净；再试一次，仍不行就检查存储端"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "空间或配额已用完；清出空间后再试"
    number = (error.errno if isinstance(error, OSError) else None) or 0
    # the system's own words for a number hold nothing of the backend's
    known = f"（{os.strerror(number)}）" if number in errno.errorcode else ""
    return f"{type(error).__name__}{known}；{_CHECK.format(setting=setting)}"


def _within(seconds: float, deed: Callable[[], T]) -> T:
    """What a deed gives or raises; TimeoutError when it takes longer.

    Not every backend has time-outs. A deed that is not waited for any more may still end: it cleans up by itself.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(deed())
        except BaseException as error:  # handed to who waits
            done.set_exception(error)

    threading.Thread(target=run, daemon=True, name="mulu-files").start()
    return done.result(seconds)


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder of this machine that only its owner may read, gone afterwards."""
    with ExitStack() as stack:
        with reported(Path(tempfile.gettempdir()), "TMPDIR"):
            name = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="mulu-", ignore_cleanup_errors=True)
            )
        yield Path(name)


# ---- at the backend: ``system`` is fsspec's, ``root`` the path of the URL in it -----------------------------


def _connected(url: str, deed: Callable[[Any, str], T], setting: str) -> T:
    """What a deed gives at the backend of a URL."""
    # loaded only where files lie elsewhere
    from fsspec import get_filesystem_class
    from fsspec.core import url_to_fs

    protocol = urlsplit(url).scheme
    try:
        shared = get_filesystem_class(protocol).async_impl
    except ValueError:
        raise Unavailable(f"{setting}：没有“{protocol}”这种存储；写成文件夹，或 s3://、sftp:// 等") from None
    # one that threads may share is kept; of the others each deed has its own, since a connection is not shared
    kind = {} if shared else {"skip_instance_cache": True}
    system, root = url_to_fs(url, **kind, **_trusted(protocol))
    try:
        return deed(system, root.rstrip("/"))
    finally:
        connection = None if shared else getattr(system, "client", None)
        if connection is not None:
            connection.close()


def _trusted(protocol: str) -> dict[str, Any]:
    """For SFTP: only hosts whose key is known, unless the operator's configuration says otherwise."""
    from fsspec.config import conf

    if protocol not in ("sftp", "ssh") or "host_key_policy" in conf.get(protocol, {}):
        return {}
    # an extra, needed for this protocol alone
    import paramiko

    class Known(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # the library has no types here
        def missing_host_key(self, _client: Any, hostname: str, key: Any) -> None:
            for name in _KNOWN_HOSTS:
                path = Path(name).expanduser()
                if path.is_file() and paramiko.HostKeys(str(path)).check(hostname, key):
                    return
            raise Unavailable(f"主机 {hostname} 的公钥不在 known_hosts 里；核实后加进去（ssh-keyscan）再试")

    return {"host_key_policy": Known()}


def _path(root: str, sha256: str) -> str:
    return f"{root}/{sha256[:2]}/{sha256}"


def _has(system: Any, path: str) -> bool:
    """Whether a path is there. The library's own ``exists`` takes every error for no."""
    system.invalidate_cache()
    try:
        system.info(path)
    except FileNotFoundError:
        return False
    return True


def _demand_size(system: Any, path: str, size: int) -> None:
    system.invalidate_cache()
    if system.info(path)["size"] != size:
        raise _Unfinished


def put_whole(system: Any, root: str, place: str, part: Part) -> None:
    """Write a part to a path: at once where it is then there whole or not at all, else beside it and then moved."""
    protocols = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
    if protocols & _AT_ONCE:
        system.put_file(str(part.path), place)
        _demand_size(system, place, part.size)
        return
    beside = f"{root}/.part-{secrets.token_hex(8)}"
    _make_folder(system, place.rpartition("/")[0])
    try:
        system.put_file(str(part.path), beside)
        _demand_size(system, beside, part.size)
        _move(system, beside, place, part.sha256)
    finally:
        # still there when something failed, which is told already, or when it was not needed
        with suppress(Exception):
            system.rm_file(beside)
    _demand_size(system, place, part.size)


def _make_folder(system: Any, folder: str) -> None:
    try:
        system.makedirs(folder, exist_ok=True)
    except OSError:
        # another may have been quicker
        if not system.isdir(folder):
            raise


def _move(system: Any, beside: str, place: str, sha256: str) -> None:
    try:
        system.mv(beside, place)
    except Exception:
        # not every backend moves onto a name that is there; what is whole there stays
        if not _has(system, place):
            raise
        with system.open(place, "rb") as file:
            whole = digest_of(file) == sha256
        if not whole:
            system.rm_file(place)
            system.mv(beside, place)


def _get(system: Any, root: str, sha256: str, path: Path) -> None:
    system.get_file(_path(root, sha256), str(path))


def _remove(system: Any, root: str, sha256: str) -> None:
    path = _path(root, sha256)
    with suppress(FileNotFoundError):
        system.rm_file(path)
    if hasattr(system, "call_s3"):
        _remove_versions(system, path)
    if _has(system, path):
        raise _Unfinished


def _remove_versions(system: Any, path: str) -> None:
    """Remove what a bucket with versions keeps of a removed object: an erased secret must not come back."""
    bucket, key, _ = system.split_path(path)
    for _page in range(_PAGES):
        listed = system.call_s3("list_object_versions", Bucket=bucket, Prefix=key)
        kept = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        if not kept:
            return
        for one in kept:
            system.call_s3("delete_object", Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    raise _Unfinished
