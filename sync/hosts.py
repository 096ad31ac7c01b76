"""Which portals may be spoken to: hosts that the operator listed, at addresses that he allows.

Asked when a target is entered, before each run, and by ``sync.sessions`` of every single connection.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from registry.allowed_hosts import Address, Allowed, address_of, is_address, resolved
from registry.errors import Rejected
from registry.settings import LOOPBACK_VARIABLE, TARGETS_VARIABLE, Settings
from sync.portal import Unreachable

PORTS = {"https": 443, "http": 80}
_HERE = "localhost"


class Door(NamedTuple):
    """Where a portal is reached; ``host`` in lower case."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = PORTS[self.scheme] == self.port
        return f"{self.scheme}://{host}" if usual else f"{self.scheme}://{host}:{self.port}"


def clean_url(url: str) -> str:
    """The address of a portal in one form: lower case, without the usual port and a slash at its end.

    Raises:
        Rejected: it is none, or holds a password, options or a fragment.
    """
    door = door_of(url)
    parts = urlsplit(url.strip())
    if "@" in parts.netloc:
        raise Rejected("门户地址里不写账号口令；令牌放在环境变量里（见 mulu-sync target add --help）")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise Rejected(
            f"门户地址 {door}{parts.path} 后面不能有 ? 或 #；只写到门户的根，如 https://data.example.gov.cn"
        )
    return f"{door}{parts.path.rstrip('/')}"


def door_of(url: str) -> Door:
    """The scheme, host and port of an address.

    Raises:
        Rejected: it is none that a portal can have; the message does not repeat it.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in PORTS or not host or any(sign <= " " for sign in url.strip()):
        raise Rejected("门户地址要写成 https://主机[:端口][/路径]")
    if not host.isascii():
        raise Rejected(f"门户的主机 {host} 不是 ASCII；中文域名写成 xn-- 开头的形式")
    return Door(parts.scheme, host, port or PORTS[parts.scheme])


def check_url(url: str, settings: Settings) -> str:
    """The address of a portal in one form, when it may be spoken to now: its name is resolved.

    Raises:
        Rejected: it may not; the message says why and which variable to set.
        Unreachable: its name leads nowhere.
    """
    cleaned = clean_url(url)
    Guard(door_of(cleaned), settings).demand_resolved()
    return cleaned


class Guard:
    """Judges one door: whether it is listed (asked at once), and at which addresses it may be reached."""

    def __init__(self, door: Door, settings: Settings) -> None:
        """Raises Rejected: the door is not listed."""
        self.door = door
        self._loopback = settings.loopback_targets
        self._allowed = Allowed.read(settings.targets, PORTS, plain=("https",))
        self._here = self._loopback and _is_here(door.host)
        if not self._here:
            self._demand_listed()

    def _demand_listed(self) -> None:
        door = self.door
        if _is_here(door.host):
            raise Rejected(f"门户 {door} 在本机；本机的门户须设 {LOOPBACK_VARIABLE}=1")
        if door.scheme == "http" and door not in self._allowed.doors:
            raise Rejected(
                f"门户 {door} 不加密；用 https，或由运维人员在 {TARGETS_VARIABLE} 里写明 http://{door.host}:{door.port}"
            )
        if not self._allowed.lists(*door):
            raise Rejected(
                f"门户 {door} 不在 {TARGETS_VARIABLE} 所列之内；由运维人员加上 {_entry(door)}（多个以逗号分隔）"
            )

    def demand_resolved(self) -> None:
        """Judge every address that the name has now.

        Raises:
            Rejected: one of them may not be reached. Unreachable: it has none.
        """
        try:
            found = resolved(self.door.host, self.door.port)
        except (OSError, UnicodeError, ValueError) as error:
            raise Unreachable(f"门户的主机名 {self.door.host} 解析不到地址；核对地址和域名服务") from error
        for address in found:
            if reason := self.refusal(address):
                raise Rejected(reason)

    def refusal(self, address: Address) -> str:
        """Why an address may not be connected to, with the cure; empty when it may."""
        place = f"门户 {self.door} 的地址 {address}"
        if address.is_loopback:
            return "" if self._loopback else f"{place} 在本机；本机的门户须设 {LOOPBACK_VARIABLE}=1"
        if self._here or address.is_unspecified or address.is_multicast:
            return f"{place} 不能连接；核对主机名的解析"
        if not self._allowed.trusts(address):
            return f"{place} 不是公网地址；确是政务内网的，由运维人员在 {TARGETS_VARIABLE} 里另列 {address} 或其网段"
        return ""

    def demand(self, address: str) -> None:
        """Judge the other end of a connection.

        Raises:
            Unreachable: nothing may go over it.
        """
        if reason := self.refusal(address_of(address)):
            raise Unreachable(reason)


def _is_here(host: str) -> bool:
    return host == _HERE or (is_address(host) and address_of(host).is_loopback)


def _entry(door: Door) -> str:
    """How a door is listed."""
    return door.host if str(door) == f"https://{door.host}" else str(door)
