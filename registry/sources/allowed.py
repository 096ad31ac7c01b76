"""Which databases may be read: those of the operator's list, and those that he gave a name."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy.engine import URL

from catalog_specs.law_scanning import Inputs
from registry.sources.addresses import AddressError, Door

_SQLITE = "sqlite"


def check_allowed(door: Door, allowed: Sequence[str] | None, inputs: Inputs) -> None:
    """Refuse what the operator did not allow. ``allowed`` None: any host, for whoever runs the command himself.

    An entry is ``scheme://host``, ``scheme://host:port``, or for SQLite a folder. Options that lead elsewhere
    (another host, a socket) are refused where hosts are restricted; options that may do harm always.

    Raises:
        AddressError: the kind of database, an option, the host or the folder is not allowed.
    """
    kind = door.address.get_backend_name()
    if kind not in inputs.schemes:
        raise AddressError("scheme", kind=kind, known="、".join(inputs.schemes))
    known = inputs.options if allowed is not None else (*inputs.options, *inputs.local_options)
    for option in door.address.query:
        if option not in known:
            raise AddressError("option", door.place, option=option, known="、".join(known))
    if allowed is None:
        return
    listed = _below(door.address, allowed) if kind == _SQLITE else _listed(door.address, allowed, inputs)
    if not listed:
        raise AddressError("not_allowed", door.place)


def _below(address: URL, allowed: Iterable[str]) -> bool:
    """Whether an SQLite file lies in one of the folders, links followed."""
    path = Path(address.database or "").resolve()
    folders = [Path(entry).resolve() for entry in allowed if "://" not in entry]
    return any(path.is_relative_to(folder) for folder in folders)


def _listed(address: URL, allowed: Iterable[str], inputs: Inputs) -> bool:
    kind, host = address.get_backend_name(), (address.host or "").lower()
    port = address.port or inputs.schemes[kind].port
    shapes = {f"{kind}://{host}", f"{kind}://{host}:{port}"}
    return bool(host) and any(entry.strip().rstrip("/").lower() in shapes for entry in allowed)
