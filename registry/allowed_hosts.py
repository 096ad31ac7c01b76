"""The operator's list of hosts that may be spoken to, and of addresses that need not be public."""

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Allowed:
    """The operator's list. ``doors`` are (scheme, host, port), ``networks`` addresses that need not be public."""

    doors: frozenset[tuple[str, str, int]]
    networks: tuple[Network, ...]

    @classmethod
    def read(
        cls, entries: Iterable[str], schemes: Mapping[str, int], *, plain: Iterable[str] | None = None
    ) -> "Allowed":
        """A list of ``host`` (usual ports), ``scheme://host[:port]``, addresses, networks; others allow nothing.

        ``schemes`` are those there may be, with their usual ports; ``plain`` those that an entry without one allows
        (all, when not given).
        """
        meant = {scheme: schemes[scheme] for scheme in (schemes if plain is None else plain)}
        doors: set[tuple[str, str, int]] = set()
        networks: list[Network] = []
        for entry in entries:
            scheme, sign, rest = entry.strip().lower().rstrip("/").rpartition("://")
            place = _place(rest)
            if place is not None and sign and scheme in schemes:
                doors.add((scheme, place[0], place[1] or schemes[scheme]))
            elif place is not None and not sign:
                usual = {kind: place[1] or port for kind, port in meant.items()}
                doors |= {(kind, place[0], port) for kind, port in usual.items()}
            networks += _networks(place[0] if place else entry.strip())
        return cls(frozenset(doors), tuple(networks))

    def lists(self, scheme: str, host: str, port: int) -> bool:
        """Whether a place may be asked at all."""
        return (scheme, host, port) in self.doors or (is_address(host) and self._is_in_network(host))

    def _is_in_network(self, host: str) -> bool:
        wide = [network for network in self.networks if network.num_addresses > 1]
        return any(address_of(host) in network for network in wide)

    def trusts(self, address: Address) -> bool:
        """Whether an address may be connected to: a public one, or one that is listed."""
        public = address.is_global and not address.is_multicast
        return public or any(address in network for network in self.networks)


def _place(text: str) -> tuple[str, int | None] | None:
    """Host and port of ``host[:port]``; None for a network or for what is neither."""
    try:
        parts = urlsplit(f"//{text if text.count(':') < 2 or '[' in text else f'[{text}]'}")
        return (parts.hostname, parts.port) if parts.hostname and not parts.path else None
    except ValueError:
        return None


def _networks(text: str) -> Iterator[Network]:
    try:
        yield ipaddress.ip_network(text, strict=False)
    except ValueError:
        return


def is_address(host: str) -> bool:
    """Whether a host is given by its address."""
    return any(True for _network in _networks(host)) and "/" not in host


def address_of(text: str) -> Address:
    """An address as it is written; an IPv4 address in the clothes of IPv6 is itself.

    Raises:
        ValueError: it is none.
    """
    found = ipaddress.ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def resolved(host: str, port: int) -> list[Address]:
    """All addresses of a host, in the order they would be tried.

    Raises:
        OSError, UnicodeError, ValueError: it has none.
    """
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [address_of(str(row[4][0])) for row in rows]
