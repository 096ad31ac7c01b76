"""Datasets as they should stand at a portal, written by hand for tests of the port."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sync.portal import Desired, FileSent, Known, Landed, Portal
from sync.portal_form import portal_form
from sync.shape import Shape, dataset_id, dataset_name, resource_id
from tests.ckan.server import Ckan

REGISTRY = "52030000000000000000000000000001"


@dataclass
class Shelf:
    """Files by SHA-256, as ``Opens``; ``opened`` counts how often one was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    opened: int = 0

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.files[digest] = content
        return digest

    def __call__(self, sha256: str, size: int) -> BinaryIO:
        self.opened += 1
        assert len(self.files[sha256]) == size
        return io.BytesIO(self.files[sha256])


@dataclass
class Wanted:
    """One entry of a registry, with data that are links or files; ``desired`` is how it should stand."""

    code: str
    organization: str
    shape: Shape = field(default_factory=lambda: Shape(REGISTRY, "open"))
    title: str = "公共停车场信息"
    links: Mapping[str, str] = field(default_factory=lambda: {"api": "https://data.example.org/parking"})
    files: Mapping[str, bytes] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)
    more: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, str] = field(default_factory=dict)

    @property
    def entry_id(self) -> str:
        return f"entry-{self.code}"

    @property
    def name(self) -> str:
        return dataset_name(self.code, self.entry_id)

    @property
    def id(self) -> str:
        return dataset_id(self.shape.registry, self.shape.scope, self.entry_id)

    def resource_id(self, key: str) -> str:
        return resource_id(self.shape.registry, self.shape.scope, f"{self.code}-{key}")

    def known(self, landed: Landed | None = None, *, look: bool = False) -> Known:
        """What the ledger would know after a push."""
        if landed is None:
            return Known(self.entry_id, look=look)
        return Known(
            self.entry_id, landed.portal_id, landed.portal_name, landed.modified, landed.files, look=look
        )

    def desired(self) -> Desired:
        resources = [self._link(key, url) for key, url in self.links.items()]
        files = [self._file(key, content) for key, content in self.files.items()]
        package = {
            "id": self.id,
            "name": self.name,
            "title": self.title,
            "notes": "各停车场的位置和泊位数。",
            "owner_org": self.organization,
            "type": "dataset",
            "state": "active",
            "private": False,
            "groups": [],
            "tags": [{"name": "停车"}, {"name": "城市管理"}],
            **self._taken(),
            "resources": resources + [self._resource(file) for file in files],
            **self.more,
        }
        owner = {"name": self.organization, "title": f"{self.organization} 局"}
        return Desired(self.entry_id, package, owner, tuple(files))

    def _taken(self) -> dict[str, Any]:
        if self.shape.scheming:
            return {**self._extras(), "extras": []}
        return {"extras": [{"key": key, "value": value} for key, value in self._extras().items()]}

    def _extras(self) -> dict[str, str]:
        marks = {
            "mulu_registry": self.shape.registry,
            "mulu_scope": self.shape.scope,
            "mulu_entry": self.entry_id,
        }
        return {"resource_code": self.code, **marks, **self.extras}

    def _link(self, key: str, url: str) -> dict[str, Any]:
        own = {"id": self.resource_id(key), "mulu_distribution": f"{self.code}-{key}"}
        return {**own, "name": key, "url": url, "format": "JSON"}

    def _file(self, key: str, content: bytes) -> FileSent:
        return FileSent(self.resource_id(key), self.shelf.put(content), len(content), f"{key}.csv")

    def _resource(self, file: FileSent) -> dict[str, Any]:
        key = file.file_name.removesuffix(".csv")
        own = {"id": file.resource_id, "mulu_distribution": f"{self.code}-{key}", "hash": file.sha256}
        return {**own, "name": key, "format": "CSV", "url_type": "upload", "size": file.size}


def push(portal: Portal, wanted: Wanted, known: Known | None = None) -> Landed:
    """Push a dataset; without ``known`` as one that was never there."""
    return portal.push(wanted.desired(), known or wanted.known(), wanted.shelf)


def shows(ckan: Ckan, wanted: Wanted) -> dict[str, Any]:
    """What everybody sees of a dataset, which must be what was wanted."""
    shown: dict[str, Any] = ckan.call("package_show", as_token="", id=wanted.name)
    assert portal_form(shown, wanted.shape) == portal_form(wanted.desired().package, wanted.shape)
    return shown
