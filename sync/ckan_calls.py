"""How a portal is spoken to: one door, time limits, bounded answers, and what each failure means.

=============================================  ==========================================================
what happened                                  what it is
=============================================  ==========================================================
no route, no name, refused, connect time-out   Unreachable, not carried out
certificate not trusted                        Unreachable, not carried out
cut off, no answer in time, answer too large   Unreachable; a write may have been carried out
3xx                                            Unreachable with the host, not carried out; never followed
408, 429 (Retry-After)                         Unreachable, not carried out
500 with ``Search Index Error``                Unreachable, not carried out (CKAN indexes before it commits)
500 with another error in JSON                 ServerFailed (Unreachable); a write may have been carried out
5xx else; 405; HTML with 200, 404 or 409        Unreachable; a write may have been carried out
409                                            Refused, with the complaints by field
404 in JSON                                    Absent (Refused)
403 in JSON, the token known                   Forbidden (Refused)
403 in JSON, the token not known               TokenRefused
other 4xx; 401 and 403 of a gateway            Refused
=============================================  ==========================================================
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from catalog_specs.law_sync import Pace
from sync.ckan_files import Form
from sync.portal import PortalError, Refused, Unreachable

LONGEST_WORDS = 500
_LONGEST_ANSWER = 256 * 2**20
_BLOCK = 65536
_WRITE = re.compile(r"_(create|update|patch|revise|delete|purge)$")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{0,2000}>")
# of these the body says what is wrong, and ckanapi reads it
_READ_BY_ACTION = {200, 403, 404, 409}
# what a server says where no CKAN is
_NO_ACTION = {405, 410}


class Absent(Refused):
    """There is no such thing at the portal."""


class Forbidden(Refused):
    """The portal knows the token and does not let it do this."""


class ServerFailed(Unreachable):
    """The portal itself broke down over a request: it may be a lost race, so look before repeating."""


class PageServed(Unreachable):
    """A page came where a file should have come."""


class Calls(Protocol):
    """What the deeds at a portal are made of."""

    url: str

    def call(self, action: str, data: Mapping[str, Any] | None = None, **how: Any) -> Any:
        """The result of an action. ``files``: uploads by field, ``anonymous``: without the token.

        Raises:
            Unreachable, Refused (Absent, Forbidden), TokenRefused: see the table above.
        """

    def fetch(self, address: str, *, most: int, anonymous: bool = False) -> "Fetched":
        """The bytes at an address of the portal, see ``Wire.fetch``."""


class Reply(NamedTuple):
    """What ckanapi reads of an answer."""

    status_code: int
    text: str


class Fetched(NamedTuple):
    """What a download gave: SHA-256 and size of the bytes where ``status`` is 200, else empty; ``elsewhere`` is the
    host that a redirect names."""

    status: int
    sha256: str = ""
    size: int = 0
    elsewhere: str = ""


class Wire:
    """Carries requests to one portal; stands in for ckanapi's session, and may be used by several threads."""

    def __init__(self, token: str, *, pace: Pace, session: requests.Session) -> None:
        self._token, self._pace, self._session = token, pace, session
        # neither a .netrc nor a proxy of the environment may see or replace the token
        session.trust_env = False
        # a cookie would make one thread's request depend on another's
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def close(self) -> None:
        self._session.close()

    def words(self, text: object) -> str:
        """A message of the portal as it may be shown: short, on one line, without the token."""
        said = str(text)
        if self._token:
            said = said.replace(self._token, "…")
        said = " ".join(said.split())
        return said if len(said) <= LONGEST_WORDS else said[: LONGEST_WORDS - 1] + "…"

    def post(self, url: str, data: Any, headers: Mapping[str, str], files: Any, **_more: Any) -> Reply:
        """Call an action, as ckanapi asks for it.

        Raises:
            Unreachable, Refused: see the table above.
        """
        writes = bool(_WRITE.search(urlsplit(url).path))
        sent = dict(headers)
        body: Form | bytes = data
        allowance = 0.0
        if files:
            body = Form(data, files)
            sent["Content-Type"] = body.content_type
            allowance = body.file_bytes / self._pace.upload_bytes_a_second
        with self._answered("POST", url, sent, body=body, writes=writes, allowance=allowance) as answer:
            blocks = self._blocks(answer, writes=writes, most=_LONGEST_ANSWER, allowance=allowance)
            text = b"".join(blocks).decode("utf-8", "replace")
            self._judge(answer, text, writes=writes)
            return Reply(answer.status_code, text)

    def fetch(self, address: str, *, most: int, anonymous: bool = False) -> Fetched:
        """SHA-256 and size of what is had at an address; of more than ``most`` bytes only the first are read.

        Raises:
            Unreachable: it did not answer; PageServed: with a page instead of a file. Refused: a gateway does not let us.
        """
        headers = {"Accept-Encoding": "identity"}
        if not anonymous:
            headers["Authorization"] = self._token
        allowance = most / self._pace.upload_bytes_a_second
        with self._answered("GET", address, headers, body=None, writes=False, allowance=allowance) as answer:
            status = answer.status_code
            if 300 <= status < 400:
                return Fetched(status, elsewhere=_host(answer))
            if status in {401, 403, 404, 410}:
                return Fetched(status)
            if status != 200:
                raise self._failed(answer, self._start(answer), writes=False)
            if _is_page(answer) and not address.endswith((".html", ".htm")):
                raise PageServed("门户给的是网页，不是文件")
            digest, size = hashlib.sha256(), 0
            for block in self._blocks(answer, writes=False, most=most + 1, allowance=allowance, cut=True):
                digest.update(block)
                size += len(block)
            return Fetched(status, digest.hexdigest(), size)

    # ---- the way there and back --------------------------------------------------------------------

    @contextmanager
    def _answered(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: Form | bytes | None,
        writes: bool,
        allowance: float,
    ) -> Iterator[requests.Response]:
        """The head of an answer; what breaks on the way there or while it is read is translated."""
        limits = (self._pace.connect, self._pace.read + allowance)
        try:
            with self._session.request(
                method,
                url,
                # a form has a length and is read while it is sent
                data=body,
                headers=dict(headers),
                timeout=limits,
                allow_redirects=False,
                stream=True,
            ) as answer:
                yield answer
        except PortalError:
            raise
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            raise self._unreached(error, writes=writes) from error

    def _blocks(
        self, answer: requests.Response, *, writes: bool, most: int, allowance: float, cut: bool = False
    ) -> Iterator[bytes]:
        end, left = time.monotonic() + self._pace.read + allowance, most
        for block in answer.iter_content(_BLOCK):
            if time.monotonic() > end:
                raise Unreachable("门户的回答太慢，没有读完", maybe_done=writes)
            yield block[:left]
            left -= len(block)
            if left <= 0 and cut:
                return
            if left < 0:
                raise Unreachable(f"门户的回答超过 {most} 字节，没有读完", maybe_done=writes)

    def _start(self, answer: requests.Response) -> str:
        first = next(answer.iter_content(_BLOCK), b"")
        return bytes(first).decode("utf-8", "replace")

    # ---- what it means -----------------------------------------------------------------------------

    def _unreached(self, error: Exception, *, writes: bool) -> PortalError:
        if isinstance(error, requests.exceptions.SSLError):
            return Unreachable(f"门户的证书不可信或加密连接失败：{self.words(error)}")
        if isinstance(error, requests.ConnectTimeout):
            return Unreachable(f"{self._pace.connect:g} 秒内没有连上门户")
        if isinstance(error, (requests.exceptions.InvalidHeader, UnicodeError)):
            return Refused("令牌里有不能发送的字符；核对令牌")
        if _never_sent(error):
            return Unreachable("连不上门户（拒绝连接或没有路由）")
        if isinstance(error, requests.Timeout):
            return Unreachable("门户没有按时回答", maybe_done=writes)
        return Unreachable(f"与门户的连接中断（{type(error).__name__}）", maybe_done=writes)

    def _judge(self, answer: requests.Response, text: str, *, writes: bool) -> None:
        """Let through what ckanapi understands; raise what anything else means."""
        status = answer.status_code
        if status not in _READ_BY_ACTION:
            raise self._failed(answer, text, writes=writes)
        said = _parsed(text)
        is_action = isinstance(said, dict) and ("result" in said or isinstance(said.get("error"), dict))
        if is_action and (status == 200) == bool(said.get("success")):
            return
        if status == 403:
            raise Refused(f"门户前的网关拒绝了请求（403）：{self._said(text)}")
        raise Unreachable(f"回答不是 CKAN 的（HTTP {status}）：{self._said(text)}", maybe_done=writes)

    def _failed(self, answer: requests.Response, text: str, *, writes: bool) -> PortalError:
        status, patience = answer.status_code, _retry_after(answer)
        words = f"HTTP {status}：{self._said(text)}"
        if 300 <= status < 400:
            return Unreachable(f"门户转到了别处（{_host(answer)}），没有跟去；核对门户地址")
        if status in {408, 429}:
            return Unreachable(words, retry_after=patience)
        if status == 500 and isinstance(said := _parsed(text), dict) and isinstance(said.get("error"), dict):
            if said["error"].get("__type") == "Search Index Error":
                return Unreachable(words)
            return ServerFailed(words, maybe_done=writes)
        if status in _NO_ACTION:
            return Unreachable(f"回答不是 CKAN 的（{words}）", maybe_done=writes)
        if status >= 500 or status < 300:
            return Unreachable(words, maybe_done=writes, retry_after=patience)
        return Refused(words)

    def _said(self, text: str) -> str:
        """What a body says: the error of an action, else the title of a page, else its text."""
        said = _parsed(text)
        if isinstance(said, dict) and isinstance(said.get("error"), dict):
            error = said["error"]
            return self.words(error.get("message") or error.get("__type") or error)
        if isinstance(said, str):
            return self.words(said)
        title = _TITLE.search(text)
        return self.words(title[1] if title else _TAG.sub(" ", text[:_BLOCK]))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _never_sent(error: Exception) -> bool:
    """Whether a connection was not even made."""
    inner = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), NewConnectionError)


def _is_page(answer: requests.Response) -> bool:
    return answer.headers.get("Content-Type", "").lower().startswith("text/html")


def _host(answer: requests.Response) -> str:
    try:
        return urlsplit(answer.headers.get("Location", "")).netloc[:200]
    except ValueError:
        return ""


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds that the portal asks to wait; a moment is counted from the portal's own clock."""
    asked = answer.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked[:9])
    try:
        begun = parsedate_to_datetime(answer.headers["Date"])
        return max(0.0, (parsedate_to_datetime(asked) - begun).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None
