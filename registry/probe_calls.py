"""One question to an interface: is it there, and does it say when its data changed?

Only hosts that the operator listed are asked. A name that resolves to an address that is not public needs that address
listed, too, and the connection goes to the address that was checked: a name that changes its mind in between leads
nowhere. No credentials, no proxy, no redirect to another host; certificates are verified. Of an answer only its
headers are read.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from catalog_specs.law_promises import ProbeRule
from registry.allowed_hosts import Address, Allowed, resolved

if TYPE_CHECKING:
    import httpx2

AGENT = "mulu-probe"
_MOVED = (301, 302, 303, 307, 308)


class Answer(NamedTuple):
    """What came of a question: a key of promises.yaml ``probe.says``; the status and the moment of its data, if any."""

    said: str
    status: int | None = None
    modified: datetime | None = None


class _Refused(Exception):
    """The question is not asked, or led nowhere; the text is a key of ``probe.says``."""


# ---- asked ------------------------------------------------------------------------------------------------


def ask(location: str, allowed: Allowed, rule: ProbeRule) -> Answer:
    """Ask an interface by HEAD, and by GET where HEAD will not do; redirects are followed on the same host alone."""
    try:
        with _client(rule) as client:
            return _follow(client, location, allowed, rule)
    except _Refused as refused:
        return Answer(str(refused))


def _follow(client: "httpx2.Client", location: str, allowed: Allowed, rule: ProbeRule) -> Answer:
    first = location
    for _hop in range(rule.redirects + 1):
        answer = _once(client, location, allowed, rule)
        target = answer.headers.get("location", "")
        if answer.status_code not in _MOVED or not target:
            return _read(answer, rule)
        location = urljoin(location, target)
        if _parts(location, rule)[1] != _parts(first, rule)[1]:
            return Answer("redirected", answer.status_code)
    return Answer("redirected")


def _once(client: "httpx2.Client", location: str, allowed: Allowed, rule: ProbeRule) -> "httpx2.Response":
    import httpx2  # takes a while to load, and only probes need it

    parts, host, port = _parts(location, rule)
    address = _checked(parts.scheme, host, port, allowed)
    pinned = httpx2.URL(location).copy_with(host=str(address))
    more: dict[str, Any] = {
        "extensions": {"sni_hostname": host},
        "headers": {"Host": _host_header(parts, host)},
    }
    head = _send(client, "HEAD", pinned, more)
    return _send(client, "GET", pinned, more) if head.status_code in rule.retry_by_get else head


def _parts(location: str, rule: ProbeRule) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(location)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise _Refused("address") from error
    if (
        parts.scheme not in rule.schemes
        or not host
        or parts.username is not None
        or parts.password is not None
    ):
        raise _Refused("address")
    return parts, host, port or rule.schemes[parts.scheme]


def _host_header(parts: SplitResult, host: str) -> str:
    name = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    return f"{name}:{parts.port}" if parts.port else name


def _checked(scheme: str, host: str, port: int, allowed: Allowed) -> Address:
    """The address to connect to; every address of the name must be one that may be."""
    if not allowed.lists(scheme, host, port):
        raise _Refused("unlisted")
    try:
        found = resolved(host, port)
    except (OSError, UnicodeError, ValueError) as error:
        raise _Refused("unresolved") from error
    if not found:
        raise _Refused("unresolved")
    if not all(allowed.trusts(address) for address in found):
        raise _Refused("private")
    return found[0]


@contextmanager
def _client(rule: ProbeRule) -> Iterator["httpx2.Client"]:
    import httpx2  # takes a while to load, and only probes need it

    with httpx2.Client(
        verify=_tls(),
        timeout=rule.timeout_seconds,
        trust_env=False,  # no proxy, no .netrc
        follow_redirects=False,
        headers={"User-Agent": AGENT},
    ) as client:
        yield client


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _send(client: "httpx2.Client", method: str, url: "httpx2.URL", more: dict[str, Any]) -> "httpx2.Response":
    import httpx2  # takes a while to load, and only probes need it

    try:
        with client.stream(method, url, **more) as answer:
            client.cookies.clear()
            return answer
    except httpx2.TimeoutException as error:
        raise _Refused("timeout") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError, ValueError) as error:
        raise _Refused("tls" if _is_tls(error) else "failed") from error


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _read(answer: "httpx2.Response", rule: ProbeRule) -> Answer:
    status = answer.status_code
    if status in rule.there:
        return Answer("there", status)
    if status >= rule.below_status:
        return Answer("status", status)
    modified = _moment(answer.headers.get("last-modified", ""))
    return Answer("modified" if modified else "answered", status, modified)


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (TypeError, ValueError):
        return None
    return found if found is not None and found.tzinfo is not None else None
