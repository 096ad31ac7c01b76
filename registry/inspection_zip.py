"""The file of an inspection pack: a ZIP whose files are all listed with size and SHA-256, the same for the same content.

It is written beside its place and moved there when it is whole. Source: S-LPS 31, 34.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from registry.errors import Rejected
from registry.keys import canonical_json
from registry.marks import make_mark
from validators.rendering import guard_formula

FORMAT = "mulu-inspection/1"
MANIFEST, SUMS, MARK = "manifest.json", "MANIFEST.sha256", "MANIFEST.mark.json"
# what is signed begins with it: a mark of a pack passes for nothing else
CONTEXT = "mulu inspection pack 1\n"
_DATE = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


class Pack:
    """A pack while it is being written; ``files`` lists what it holds so far."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.files: list[dict[str, Any]] = []

    def add(self, path: str, data: bytes, what: str) -> None:
        """Add a file."""
        self.stream(path, io.BytesIO(data), what)

    def stream(self, path: str, source: BinaryIO, what: str) -> None:
        """Add a file of any size, read piece by piece."""
        hashed, size = hashlib.sha256(), 0
        with self.archive.open(_entry(path), "w", force_zip64=True) as target:
            while piece := source.read(_CHUNK):
                hashed.update(piece)
                size += len(piece)
                target.write(piece)
        self.files.append({"path": path, "sha256": hashed.hexdigest(), "size": size, "what": what})

    def add_json(self, path: str, value: Any, what: str) -> None:
        """Add a value as JSON, keys sorted."""
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
        self.add(path, (text + "\n").encode(), what)

    def add_rows(self, name: str, rows: Sequence[Mapping[str, Any]], what: str) -> None:
        """Add rows as JSON and as CSV (UTF-8 with BOM; cells that begin with = + - @ are guarded)."""
        self.add_json(f"data/{name}.json", list(rows), what)
        self.add(f"data/{name}.csv", _csv(rows), what)

    def close(self, about: Mapping[str, Any], *, at: str) -> dict[str, Any]:
        """Write the manifest, the list of sums and the integrity mark over it (of the moment ``at``); gives the manifest.

        Raises:
            Unavailable: the key of marks cannot be used.
        """
        files = sorted(self.files, key=lambda one: str(one["path"]))
        manifest = {"format": FORMAT, **about, "files": files}
        self.add_json(MANIFEST, manifest, "清单")
        sums = sorted((*files, self.files[-1]), key=lambda one: str(one["path"]))
        lines = "".join(f"{one['sha256']}  {one['path']}\n" for one in sums)
        self.add(SUMS, lines.encode(), "摘要")
        mark = make_mark(hashlib.sha256(lines.encode()).hexdigest(), at=at, context=CONTEXT)
        self.add_json(MARK, mark, "完整性校验标记")
        return manifest


@contextmanager
def writing(path: Path) -> Iterator[Pack]:
    """A pack that comes to lie at ``path`` when all went well; nothing is left behind otherwise.

    Raises:
        Rejected: the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            yield Pack(archive)
        beside.replace(path)
    except OSError as error:
        raise Rejected(f"不能写入 {path}：{error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def sum_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(path: str) -> zipfile.ZipInfo:
    # no clock and no mask of the machine's in it: same content, same bytes
    entry = zipfile.ZipInfo(path, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry


def _csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    listed = list(rows)
    heads = list(listed[0]) if listed else []
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(heads)
    for row in listed:
        writer.writerow([guard_formula(_cell(row[name])) for name in heads])
    return written.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical_json(value)
