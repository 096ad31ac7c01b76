"""Sessions that reach one portal and nothing else: every single connection is judged.

After it stands and before a byte goes over it, the address at its other end is looked at. A name that changes its mind
in between leads nowhere.
"""

import ssl
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from registry.settings import Settings
from sync.hosts import PORTS, Guard, door_of
from sync.portal import Unreachable


def guarded_session(url: str, settings: Settings, *, connections: int = 32) -> requests.Session:
    """A session that reaches the portal at ``url`` and nothing else.

    No proxy, no .netrc, no way to another host; certificates are verified; up to ``connections`` are kept open. A
    connection that may not be raises ``sync.portal.Unreachable`` with the reason.

    Raises:
        Rejected: the host is not listed.
    """
    session = requests.Session()
    # a .netrc would replace the token, a proxy would see it
    session.trust_env = False
    adapter = GuardedAdapter(Guard(door_of(url), settings), pool_maxsize=connections)
    session.adapters.clear()
    for scheme in PORTS:
        session.mount(f"{scheme}://", adapter)
    return session


class GuardedAdapter(HTTPAdapter):
    """Carries requests through one door, over connections whose other end was looked at."""

    def __init__(self, guard: Guard, *, pool_maxsize: int) -> None:
        self.guard = guard
        super().__init__(pool_connections=1, pool_maxsize=pool_maxsize, pool_block=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        # the machine's own store of authorities (and SSL_CERT_FILE), not only the one that the library brings
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self.guard.demand)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """See ``HTTPAdapter``. Raises Unreachable: the portal sent us elsewhere."""
        door = door_of(request.url or "")
        if door != self.guard.door:
            raise Unreachable(f"门户 {self.guard.door} 转到了别处（{door}），没有跟去；核对门户地址")
        return super().send(request, *args, **kwargs)

    def proxy_manager_for(self, *_given: Any, **_more: Any) -> Any:
        """There is no proxy, whoever asks for one."""
        raise Unreachable(f"同步不经代理；门户 {self.guard.door} 须能直接连接")


def _pools(look: Callable[[str], None]) -> dict[str, Any]:
    """The kinds of connections of an adapter: those of the library, looked at when they stand."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> Any:
            return _looked_at(super()._new_conn(), look)

    class Tls(HTTPSConnection):
        def _new_conn(self) -> Any:
            return _looked_at(super()._new_conn(), look)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _looked_at(connection: Any, look: Callable[[str], None]) -> Any:
    try:
        look(str(connection.getpeername()[0]))
    except BaseException:
        connection.close()
        raise
    return connection
