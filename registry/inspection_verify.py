"""An inspection pack checked offline: every file against its digest, nothing beside them, every act in the signed tree.

Needs no database. Source: S-LPS 31, 34.
"""

import hashlib
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from registry.errors import Unavailable
from registry.heads import PROOF
from registry.inspection_zip import CONTEXT, FORMAT, MANIFEST, MARK, SUMS
from registry.list_verify import event_fault
from registry.marks import is_genuine
from registry.signing import Head
from validators.merkle import digest

_CHUNK = 1 << 20
_MOST = 1 << 30  # bytes of a manifest, a list of sums or a proof
_PROOF_FILE, _HEAD_FILE = "audit/proof.json", "audit/head.json"


@dataclass(frozen=True, slots=True)
class PackVerdict:
    """What was found. ``problems`` is empty for a pack that is as it was made; ``notes`` is what was not checked."""

    name: str
    files: int
    events: int
    made: str
    as_of: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def intact(self) -> bool:
        return not self.problems


def verify_pack(path: Path, *, keys: Collection[str] = ()) -> PackVerdict:
    """Check a pack. ``keys``: the public keys (hexadecimal) that a head may be signed with; without any the key is told.

    Raises:
        Unavailable: the file cannot be read as a pack at all.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            reading = _Reading(archive, frozenset(key.lower() for key in keys))
            problems = tuple(reading.problems())
            return PackVerdict(
                path.name,
                len(reading.listed),
                reading.events,
                str(reading.manifest.get("made_at", "")),
                str(reading.manifest.get("as_of", "")),
                problems,
                tuple(reading.notes),
            )
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise Unavailable(f"不能作为资料包读取：{path}（{error}）") from error


class _Reading:
    """One pack while it is checked."""

    def __init__(self, archive: zipfile.ZipFile, keys: frozenset[str]) -> None:
        self.archive, self.keys = archive, keys
        self.names = [entry.filename for entry in archive.infolist()]
        self.notes: list[str] = []
        self.events = 0

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest. Raises Unavailable when there is none that can be read."""
        found = self._json(MANIFEST)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise Unavailable(f"不是监督检查资料包：没有可读的 {MANIFEST}（格式 {FORMAT}）")
        return found

    @cached_property
    def listed(self) -> dict[str, Mapping[str, Any]]:
        files = self.manifest.get("files")
        rows = files if isinstance(files, list) else []
        return {str(row["path"]): row for row in rows if isinstance(row, dict) and "path" in row}

    def problems(self) -> Iterator[str]:
        """Everything that is not as it was made."""
        yield from self._names()
        for path, row in self.listed.items():
            if path in self.names:
                yield from self._file(path, row)
        yield from self._sums()
        yield from self._proof()

    def _names(self) -> Iterator[str]:
        for name in sorted({name for name in self.names if self.names.count(name) > 1}):
            yield f"{name} 在包里有两份"
        for name in sorted(set(self.names) - set(self.listed) - {MANIFEST, SUMS, MARK}):
            yield f"{name} 不在清单里：是后加的"
        for name in sorted(set(self.listed) - set(self.names)):
            yield f"{name} 在清单里，包里没有：被删除"

    def _file(self, path: str, row: Mapping[str, Any]) -> Iterator[str]:
        size = row.get("size")
        # no more is unpacked than the manifest says there is
        found = self._digest(path, size if isinstance(size, int) else 0)
        if found is None:
            yield f"{path} 的大小与清单不符"
        elif found != row.get("sha256"):
            yield f"{path} 的内容与清单不符（SHA-256）：被改动"

    def _digest(self, path: str, size: int) -> str | None:
        hashed, seen = hashlib.sha256(), 0
        try:
            with self.archive.open(path) as source:
                while piece := source.read(_CHUNK):
                    seen += len(piece)
                    if seen > size:
                        return None
                    hashed.update(piece)
        except zipfile.BadZipFile:  # the sum of the archive's own does not fit
            return ""
        return hashed.hexdigest() if seen == size else None

    def _sums(self) -> Iterator[str]:
        """The list of sums, which binds the manifest, too."""
        text = self._bytes(SUMS)
        if text is None:
            yield f"没有 {SUMS}"
            return
        wanted = {path: str(row.get("sha256")) for path, row in self.listed.items()}
        manifest = self._bytes(MANIFEST) or b""
        wanted[MANIFEST] = hashlib.sha256(manifest).hexdigest()
        lines = "".join(f"{wanted[path]}  {path}\n" for path in sorted(wanted))
        if text != lines.encode():
            yield f"{SUMS} 与清单不符：清单或者摘要被改动"
        mark = self._json(MARK)
        if not (
            isinstance(mark, dict) and is_genuine(mark, hashlib.sha256(text).hexdigest(), context=CONTEXT)
        ):
            yield f"{MARK} 的完整性校验标记与摘要不符：清单被改动"
        else:
            yield from self._key("完整性校验标记", str(mark.get("key", "")))

    # ---- acts ----

    def _proof(self) -> Iterator[str]:
        proof = self._json(_PROOF_FILE)
        try:
            head = Head.read(proof["head"])
            faults = list(self._faults(proof, head))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            yield f"{_PROOF_FILE} 读不出或不是审计证明"
            return
        yield from faults
        if proof["head"] != self.manifest.get("head") or proof["head"] != self._json(_HEAD_FILE):
            yield "清单、树头文件和审计证明里的树头不是同一个"
        yield from self._key("树头", head.key_id)
        if proof.get("later"):
            self.notes.append(f"另有 {proof['later']} 个事件在树头之后，没有证明")

    def _faults(self, proof: Any, head: Head) -> Iterator[str]:
        if proof["format"] != PROOF:
            yield f"{_PROOF_FILE} 不是审计证明"
            return
        if not head.is_genuine():
            yield "树头的签名不符：被改动"
            return
        hashed = digest(head.algorithm)
        for event in proof["events"]:
            told = json.loads(event["body"])
            self.events += 1
            if fault := event_fault(event, told, head, hashed):
                yield f"审计事件第 {told['seq']} 条{fault}"

    def _key(self, what: str, key: str) -> Iterator[str]:
        if not self.keys:
            self.notes.append(f"没有比对{what}的公钥 {key}；用 --key 给出登记单位公布的公钥")
        elif key.lower() not in self.keys:
            yield f"{what}不是由认可的公钥签的（{key}）"

    # ---- read ----

    def _bytes(self, path: str) -> bytes | None:
        if path not in self.names or self.archive.getinfo(path).file_size > _MOST:
            return None
        try:
            with self.archive.open(path) as source:
                return source.read(_MOST)
        except zipfile.BadZipFile:
            return None

    def _json(self, path: str) -> Any:
        try:
            return json.loads(self._bytes(path) or b"null")
        except (ValueError, RecursionError):
            return None
