"""Parcels (收发件) as files: one ZIP with a manifest, an integrity mark over it, and what the manifest names.

A parcel is read strictly: what is not in the manifest, or is not what the manifest says, makes all of it void.
"""

import hashlib
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple

from pydantic import ValidationError

from catalog_specs import load
from catalog_specs.law_parcels import Limits
from catalog_specs.model import Frozen
from registry.errors import NotAllowed, NotFound, Rejected
from registry.keys import canonical_json, digest_of
from registry.marks import fingerprint, is_genuine, make_mark, trust_of
from registry.signing import moment_text
from registry.stores import CHUNK
from registry.stores import digest_of as bytes_digest

LAYOUT: Final = "mulu-parcel/1"
MANIFEST, MARK = "manifest.json", "manifest.mark.json"
FILES = "files/"
_NAME = re.compile(r"files/[0-9a-f]{64}|[a-z][a-z0-9_]{0,40}\.(?:json|jsonl|csv|xlsx)")
_TARGET = re.compile(r"[A-Za-z0-9_-]{1,80}")
# the earliest moment that a ZIP knows: the bytes depend on the content alone
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_END, _END_64, _END_SIZE = b"PK\x05\x06", b"PK\x06\x07", 22
_MOST_MEMBERS, _MOST_INDEX = 60_000, 16 << 20
_ALTERED = "收发件可能在途中损坏或被改动，不能使用；从登记系统的收发件位置重新摆渡"
_FOREIGN = "这不是本系统的收发件；核对文件"


class ParcelEntry(Frozen):
    """What a parcel asks for one entry. ``digest`` is of what is put there, empty for a withdrawal."""

    entry_id: str
    code: str
    act: Literal["put", "withdraw"]
    digest: str


class Member(Frozen):
    """A file of a parcel: SHA-256 and size in bytes."""

    sha256: str
    size: int


class Head(Frozen):
    """Where a parcel comes from and goes to. ``registry`` is the origin of the registry's audit tree; ``shape`` how
    datasets were made for a portal (``mapping.Shape``), empty for the province."""

    registry: str
    target: str
    target_id: str
    scope: str
    kind: str
    mode: str
    number: int
    shape: dict[str, str | bool]


class Manifest(Frozen):
    layout: Literal["mulu-parcel/1"]
    head: Head
    made_at: str
    entries: tuple[ParcelEntry, ...]
    members: dict[str, Member]

    @property
    def digest(self) -> str:
        """What the mark is over."""
        return digest_of(self.model_dump(mode="json"))


class Written(NamedTuple):
    """A parcel that was written: SHA-256 and size in bytes of its file."""

    sha256: str
    size: int


def parcel_name(target: str, number: int) -> str:
    """The file name of a parcel.

    Raises:
        Rejected: the target's name cannot stand in one.
    """
    if not _TARGET.fullmatch(target):
        raise Rejected(f"目标名“{target}”不能作收发件的文件名；只用字母、数字、连字符和下划线")
    return f"mulu-{target}-{number:06d}.zip"


def receipt_name(target: str, number: int) -> str:
    """The file name of the receipt for a parcel."""
    return parcel_name(target, number).removesuffix(".zip") + "-receipt.json"


def most_bytes(limits: Limits) -> int:
    """The largest that the file of a parcel can be, in bytes."""
    return limits.bytes + 4 * limits.text_bytes + limits.manifest_bytes


# ---- writing ----------------------------------------------------------------------------------------------


def write_parcel(
    path: Path, head: Head, entries: Iterable[ParcelEntry], members: Mapping[str, Path], *, made_at: datetime
) -> Written:
    """Write a parcel and put the own mark on it; the same content gives the same bytes.

    ``members`` are files of this machine under the names that they get; stored files are called
    ``files/<SHA-256>``.

    Raises:
        Rejected: it would be more than a parcel may hold. Unavailable: the key cannot be used.
    """
    limits = load().sync.parcels.limits
    listed = {name: _member(members[name]) for name in sorted(members)}
    manifest = Manifest(
        layout=LAYOUT, head=head, made_at=moment_text(made_at), entries=tuple(entries), members=listed
    )
    _demand_within(path.name, manifest, limits)
    text = canonical_json(manifest.model_dump(mode="json")).encode()
    mark = canonical_json(make_mark(manifest.digest, at=manifest.made_at)).encode()
    with zipfile.ZipFile(path, "w", allowZip64=False) as archive:
        archive.writestr(_info(MANIFEST), text, compresslevel=6)
        archive.writestr(_info(MARK), mark, compresslevel=6)
        for name in listed:
            _store(archive, name, members[name])
    with path.open("rb") as file:
        return Written(bytes_digest(file), path.stat().st_size)


def _member(path: Path) -> Member:
    with path.open("rb") as file:
        return Member(sha256=bytes_digest(file), size=path.stat().st_size)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _NO_TIME)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    return info


def _store(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = _info(name)
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


# ---- reading ----------------------------------------------------------------------------------------------


class Parcel:
    """A parcel whose mark and digests were found right. ``sha256`` is of its file; it is read as long as it is open."""

    def __init__(self, manifest: Manifest, key: str, sha256: str, archive: zipfile.ZipFile) -> None:
        self.manifest, self.key, self.sha256 = manifest, key, sha256
        self._archive = archive

    @property
    def head(self) -> Head:
        return self.manifest.head

    def text(self, name: str) -> bytes:
        """The bytes of a member that is no stored file.

        Raises:
            Rejected: the parcel has none of that name, or it is not what it was.
        """
        member = self.manifest.members.get(name)
        if member is None:
            raise _wrong(str(self._archive.filename), f"里面没有 {name}", _FOREIGN)
        data = b"".join(_blocks(self._archive, name, member))
        return _same(data, member, f"{self._archive.filename} 的 {name}")

    def open_file(self, sha256: str, size: int) -> BinaryIO:
        """A stored file, compared with its digest and size before the first byte is given.

        Raises:
            NotFound: the parcel does not hold it. Rejected: it is not what it was.
        """
        name = FILES + sha256
        member = self.manifest.members.get(name)
        if member is None or member.size != size:
            raise NotFound(f"收发件里没有文件 {sha256[:12]}…")
        # gone when it is closed
        file = tempfile.TemporaryFile()  # noqa: SIM115
        digest = hashlib.sha256()
        for block in _blocks(self._archive, name, member):
            digest.update(block)
            file.write(block)
        if digest.hexdigest() != sha256 or file.tell() != size:
            file.close()
            raise _wrong(str(self._archive.filename), f"{name} 的内容与清单不符", _ALTERED)
        file.seek(0)
        return file


@contextmanager
def read_parcel(path: Path, keys: Iterable[str]) -> Iterator[Parcel]:
    """A parcel, all of it checked against its manifest, and that against its mark.

    ``keys`` are the public keys (or their fingerprints) that may have made the mark; with none given, this machine's
    list of trusted keys decides.

    Raises:
        Rejected: it is no parcel, or not as it was made. NotAllowed: the key is none of those that are trusted.
    """
    try:
        with path.open("rb") as file:
            _demand_small_index(path, file)
            with _opened(path, file) as archive:
                yield _checked(path, file, archive, frozenset(keys))
    except OSError as error:
        raise Rejected(f"收发件 {path.name} 读不出（{error.strerror or error}）；核对路径和权限") from error


@contextmanager
def _opened(path: Path, file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise _wrong(path.name, "不是完整的 ZIP 文件", _ALTERED) from error
    with archive:
        yield archive


def _demand_small_index(path: Path, file: BinaryIO) -> None:
    """Look at the end of a ZIP before its index is read: an index of gigabytes would take the machine's memory."""
    size = path.stat().st_size
    if size > most_bytes(load().sync.parcels.limits):
        raise _wrong(path.name, f"有 {size} 字节，超过收发件的上限", _FOREIGN)
    file.seek(-min(size, _END_SIZE + 20), 2)
    tail = file.read()
    end = tail[-_END_SIZE:]
    if len(end) < _END_SIZE or end[:4] != _END or end[20:22] != b"\0\0" or _END_64 in tail[:-_END_SIZE]:
        raise _wrong(path.name, "不是完整的 ZIP 文件", _ALTERED)
    if int.from_bytes(end[12:16], "little") > _MOST_INDEX:
        raise _wrong(path.name, "文件目录过大", _FOREIGN)
    file.seek(0)


def _checked(path: Path, file: BinaryIO, archive: zipfile.ZipFile, keys: frozenset[str]) -> Parcel:
    infos = _infos(path, archive)
    limits = load().sync.parcels.limits
    manifest = _manifest(path, _small(path, archive, infos, MANIFEST, limits.manifest_bytes))
    key = _marked(path, manifest, _small(path, archive, infos, MARK, 4096))
    _demand_trusted(path, key, keys)
    _demand_within(path.name, manifest, limits)
    unknown = sorted(set(infos) - set(manifest.members) - {MANIFEST, MARK})
    missing = sorted(set(manifest.members) - set(infos))
    if unknown or missing:
        what = f"多出 {unknown[0]!r}" if unknown else f"缺少 {missing[0]!r}"
        raise _wrong(path.name, f"与清单不符：{what}", _ALTERED)
    for name, member in manifest.members.items():
        _compare(path, archive, name, member)
    file.seek(0)
    return Parcel(manifest, key, bytes_digest(file), archive)


def _infos(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by name; Rejected for any that a parcel of ours never has."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        odd = info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        named = info.filename == info.orig_filename and (
            info.filename == MARK or _NAME.fullmatch(info.filename)
        )
        if odd or not named or info.filename in found or len(found) >= _MOST_MEMBERS:
            raise _wrong(path.name, f"含有不应有的成员 {info.filename[:80]!r}", _ALTERED)
        found[info.filename] = info
    return found


def _small(
    path: Path, archive: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo], name: str, most: int
) -> bytes:
    if name not in infos or infos[name].file_size > most:
        raise _wrong(path.name, f"没有 {name}，或它过大", _FOREIGN)
    member = Member(sha256="", size=infos[name].file_size)
    return b"".join(_blocks(archive, name, member))


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        layout = _layout(text)
        if layout not in ("", LAYOUT):
            reason = f"清单的格式“{layout}”不是本版本能读的 {LAYOUT}"
            raise _wrong(path.name, reason, "把两边的 mulu-sync 升级到同一版本") from error
        raise _wrong(path.name, "清单不合格式", _FOREIGN) from error
    if canonical_json(manifest.model_dump(mode="json")).encode() != text:
        raise _wrong(path.name, "清单不合格式", _ALTERED)
    keys = [entry.entry_id for entry in manifest.entries]
    if len(set(keys)) != len(keys):
        raise _wrong(path.name, "清单把同一条目列了两次", _ALTERED)
    return manifest


def _layout(text: bytes) -> str:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("layout", ""))[:40] if isinstance(found, dict) else ""


def _marked(path: Path, manifest: Manifest, text: bytes) -> str:
    """The key whose mark stands over the manifest."""
    try:
        mark = json.loads(text)
        right = isinstance(mark, dict) and is_genuine(mark, manifest.digest)
    except (ValueError, RecursionError):
        right = False
    if not right:
        raise _wrong(path.name, "完整性校验不符", _ALTERED)
    return str(mark["key"])


def is_among(key: str, keys: Iterable[str]) -> bool:
    """Whether a public key is one of ``keys``, each a whole key or a fingerprint as people compare it."""
    short = fingerprint(key).replace(" ", "").lower()
    given = {re.sub(r"[\s:]", "", one).lower() for one in keys}
    return key.lower() in given or short in given


def _demand_trusted(path: Path, key: str, keys: frozenset[str]) -> None:
    if is_among(key, keys) if keys else trust_of({"key": key}) == "trusted":
        return
    raise NotAllowed(
        f"收发件 {path.name} 的完整性校验出自公钥 {fingerprint(key)}，不在可信之列；"
        f"与登记系统 mulu list key 显示的公钥核对，一致后用 --key {key} 指明"
    )


def _demand_within(name: str, manifest: Manifest, limits: Limits) -> None:
    """Bound what a parcel may hold, and what its members are called."""
    stored = {key: one for key, one in manifest.members.items() if key.startswith(FILES)}
    texts = [one.size for key, one in manifest.members.items() if key not in stored]
    odd = [key for key, one in stored.items() if key != FILES + one.sha256]
    odd += [key for key in manifest.members if not _NAME.fullmatch(key) or key in (MANIFEST, MARK)]
    if odd:
        raise _wrong(name, f"清单的成员 {odd[0][:80]!r} 不合格式", _ALTERED)
    too_much = len(manifest.entries) > limits.entries or len(manifest.members) > _MOST_MEMBERS
    too_much = too_much or sum(one.size for one in stored.values()) > limits.bytes
    if too_much or any(size > limits.text_bytes for size in texts) or len(texts) > 4:
        raise _wrong(name, "内容超过一件的上限", "核对 sync.yaml 的 parcels.limits，两边须相同")


def _compare(path: Path, archive: zipfile.ZipFile, name: str, member: Member) -> None:
    digest, size = hashlib.sha256(), 0
    for block in _blocks(archive, name, member):
        digest.update(block)
        size += len(block)
    if size != member.size or digest.hexdigest() != member.sha256:
        raise _wrong(path.name, f"{name} 的内容与清单不符", _ALTERED)


def _blocks(archive: zipfile.ZipFile, name: str, member: Member) -> Iterator[bytes]:
    """The bytes of a member, at most one block more than the manifest says, however much it would unpack to."""
    left = member.size
    try:
        with archive.open(name) as file:
            while left >= 0 and (block := file.read(CHUNK)):
                left -= len(block)
                yield block
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise _wrong(str(archive.filename), f"{name} 解不开", _ALTERED) from error


def _same(data: bytes, member: Member, where: str) -> bytes:
    if len(data) != member.size or hashlib.sha256(data).hexdigest() != member.sha256:
        raise _wrong(where, "内容与清单不符", _ALTERED)
    return data


def _wrong(name: str, reason: str, cure: str) -> Rejected:
    return Rejected(f"收发件 {name}：{reason}；{cure}")


def parcel_lines(data: bytes) -> list[Any]:
    """The objects of a member of JSON Lines."""
    return [json.loads(line) for line in data.splitlines() if line]
