"""Bytes on their way to a portal and back: a form that is sent as it is read, and where an upload is had again."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from sync.portal import Package, Refused
from sync.portal_form import UPLOADED

_BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way: ``size`` bytes are read from ``stream``."""

    file_name: str
    stream: BinaryIO
    size: int


class Form:
    """A multipart body whose files are read while it is sent; its length is known before."""

    def __init__(self, fields: Mapping[bytes, bytes], files: Mapping[str, Upload]) -> None:
        self._boundary = secrets.token_hex(16)
        self._files = files
        texts = [self._text(name, value) for name, value in fields.items()]
        self._heads = {name: self._head(name, file) for name, file in files.items()}
        self._texts, self._end = b"".join(texts), f"--{self._boundary}--\r\n".encode()
        heads = sum(len(head) + self._heads_file(name).size + 2 for name, head in self._heads.items())
        self.length = len(self._texts) + heads + len(self._end)
        self._blocks = self._read_through()
        self._rest = b""

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def file_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self._files.values())

    def __len__(self) -> int:
        return self.length

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the body; empty at its end.

        Raises:
            Refused: a file has not as many bytes as was said.
        """
        if not self._rest:
            self._rest = next(self._blocks, b"")
        if size < 0:
            self._rest += b"".join(self._blocks)
            size = len(self._rest)
        given, self._rest = self._rest[:size], self._rest[size:]
        return given

    def _heads_file(self, name: str) -> Upload:
        return self._files[name]

    def _text(self, name: bytes, value: bytes) -> bytes:
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="'.encode()
        return head + name + b'"\r\n\r\n' + value + b"\r\n"

    def _head(self, name: str, file: Upload) -> bytes:
        said = f'form-data; name="{name}"; filename="{quote(file.file_name, safe=" ._-")}"'
        kind = "Content-Type: application/octet-stream"
        return f"--{self._boundary}\r\nContent-Disposition: {said}\r\n{kind}\r\n\r\n".encode()

    def _read_through(self) -> Iterator[bytes]:
        yield self._texts
        for name, head in self._heads.items():
            yield head
            yield from _exactly(self._files[name])
            yield b"\r\n"
        yield self._end


def _exactly(file: Upload) -> Iterator[bytes]:
    left = file.size
    while left and (block := file.stream.read(min(_BLOCK, left))):
        left -= len(block)
        yield block
    if left or file.stream.read(1):
        raise Refused(f"文件 {file.file_name} 的大小不是 {file.size} 字节，没有上传")


def uploaded(package: Package) -> Iterator[Mapping[str, Any]]:
    """The resources of a shown dataset whose bytes the portal holds."""
    for resource in package.get("resources") or ():
        if resource.get("url_type") == UPLOADED and resource.get("url"):
            yield resource


def by_id(package: Package | None) -> dict[str, Mapping[str, Any]]:
    """Resources by their ids."""
    found: Iterable[Mapping[str, Any]] = (package or {}).get("resources") or ()
    return {str(resource.get("id")): resource for resource in found}


def download_address(portal: str, package_id: str, resource: Mapping[str, Any]) -> str:
    """Where the portal at ``portal`` gives the bytes of an uploaded resource.

    Made of the portal's own address and of ids; of the address that the portal shows only the file's name is taken,
    so that nothing is ever read from another host.
    """
    name = unquote(urlsplit(str(resource.get("url"))).path.rpartition("/")[2])
    path = f"dataset/{quote(package_id, safe='')}/resource/{quote(str(resource['id']), safe='')}/download"
    return f"{portal.rstrip('/')}/{path}/{quote(name, safe='')}"
