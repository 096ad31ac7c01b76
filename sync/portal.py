"""What the sync job and a portal say to each other: what should be there, what is there, and how a deed failed.

Values only. The job knows portals through ``Portal``; ``sync.ckan`` is one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

Package = Mapping[str, Any]
# the bytes of a stored file, by SHA-256 and size in bytes, compared with both before the first is given
Opens = Callable[[str, int], BinaryIO]


@dataclass(frozen=True, slots=True)
class FileSent:
    """Bytes that the portal is to hold for a resource."""

    resource_id: str
    sha256: str
    size: int
    file_name: str


@dataclass(frozen=True, slots=True)
class Desired:
    """An entry as it should stand at a target.

    ``package`` is the whole dataset (with ``id``, ``name``, ``owner_org`` as the organization's name, resources with
    their ids), ``organization`` the one it belongs to; ``digest`` is of both and of ``files`` (see ``mapping``).
    """

    entry_id: str
    package: Package
    organization: Mapping[str, Any]
    files: tuple[FileSent, ...] = ()
    digest: str = ""

    @property
    def id(self) -> str:
        return str(self.package["id"])

    @property
    def name(self) -> str:
        return str(self.package["name"])


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of an entry at a portal. ``portal_id`` is empty for what was never there.

    ``look``: a write may have been cut off, or somebody meddled; nothing is written before the portal was read.
    """

    entry_id: str
    portal_id: str = ""
    portal_name: str = ""
    modified: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    look: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A dataset as a portal shows it; ``active`` is False for a deleted one that keeps its name."""

    package: Package
    active: bool

    @property
    def id(self) -> str:
        return str(self.package.get("id", ""))

    @property
    def name(self) -> str:
        return str(self.package.get("name", ""))

    @property
    def modified(self) -> str:
        return str(self.package.get("metadata_modified", ""))


@dataclass(frozen=True, slots=True)
class Landed:
    """A push that was read back: ``act`` is ``create``, ``patch`` or ``skip`` (it stood there so already).

    ``files`` are the SHA-256 of the bytes that the portal serves, by resource.
    """

    act: str
    portal_id: str
    portal_name: str
    modified: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gone:
    """A withdrawal that was read back. ``kept``: the token may not purge, so the name stays taken.

    ``act`` is ``withdraw``, or ``skip`` where nothing was there. ``checked`` names what was read back, ``left`` says
    in words what the token could not remove.
    """

    act: str
    kept: bool
    checked: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rights:
    """What a token may do at a portal. ``choose_ids``: ids are ours (a sysadmin's right), else found by name;
    ``strangers_read``: whoever reaches the portal may read it without a token (None: was not asked)."""

    version: str
    user: str
    sysadmin: bool
    may_create: bool
    choose_ids: bool
    may_purge: bool
    may_create_organizations: bool
    scheming: bool
    largest_file: int | None = None
    strangers_read: bool | None = None


class PortalError(Exception):
    """A deed at a portal failed; ``words`` are the portal's own, as far as there are any."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Unreachable(PortalError):
    """The portal did not answer as a portal does: try again later. ``maybe_done``: a write may have been carried out;
    ``retry_after`` is in seconds, where it said so."""

    def __init__(self, words: str, *, maybe_done: bool = False, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.maybe_done, self.retry_after = maybe_done, retry_after


class Refused(PortalError):
    """The portal will not do this, however often it is asked; ``fields`` are its complaints by field."""

    def __init__(self, words: str, *, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(words)
        self.fields = dict(fields or {})


class TokenRefused(PortalError):
    """The portal does not know the token (any more): nothing can be done at this target until there is a new one."""


class Portal(Protocol):
    """A portal, ready to be spoken to from several threads at once. Every method raises the errors above."""

    def rights(self) -> Rights:
        """What the token may do, asked anew."""

    def push(self, desired: Desired, known: Known, opens: Opens) -> Landed:
        """Make a dataset stand as desired, whatever stood there, and read it back."""

    def withdraw(self, known: Known, *, dataset_id: str, name: str) -> Gone:
        """Remove a dataset (by the ledger's id, else by the id and the name it would have) and read back that it is
        gone from show, search and file addresses. With an empty ``name`` only the ids given are touched."""

    def look(self, dataset: str) -> Seen | None:
        """A dataset by id or name, from the portal's database; None when there is none."""

    def everything(self) -> Iterator[Seen]:
        """Every active dataset as the portal's search gives it, by id."""

    def names(self) -> frozenset[str]:
        """The names of all active datasets, from the portal's database."""

    def organizations(self) -> Mapping[str, str]:
        """The titles of all active organizations by their names."""

    def served(self, package: Package, resource_ids: Iterable[str]) -> Mapping[str, str]:
        """The SHA-256 of the bytes that the portal serves for uploaded resources; an empty one where it serves none."""

    def close(self) -> None:
        """Let go of connections."""
